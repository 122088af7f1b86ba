//! Tiles as the layers of an SVG: grounds, sharp rectangles, polygons, words. What is alike is joined.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::Look;
use super::colour::{self, Ink, Rgb};
use super::grid::{Grid, Part, Tile};
use super::shapes::{self, Drawing, Shape};

/// What tiles look like, by colour.
#[derive(Debug, Default)]
pub(super) struct Layers {
    grounds: BTreeMap<Rgb, Rects>,
    /// By colour and by how many quarters of it.
    rects: BTreeMap<(Rgb, u8), Rects>,
    polygons: BTreeMap<Rgb, String>,
    /// By colour and weight.
    words: BTreeMap<(Rgb, bool), Vec<Word>>,
}

/// A run of letters on one line.
#[derive(Debug)]
struct Word {
    column: usize,
    row: usize,
    cells: usize,
    /// A wide character is a word of its own: its font may not be ours.
    is_wide: bool,
    text: String,
}

impl Layers {
    /// The layers of the tiles at `places`, which ascend. What has the colour `bare` for its ground
    /// needs none.
    pub(super) fn of(grid: &Grid, places: &[usize], look: Look, bare: Option<Rgb>) -> Self {
        let mut layers = Self::default();
        let cell = look.cell();
        for &place in places {
            let (tile, at) = (grid.tile(place), grid.at(place));
            let ink = Ink::of(&tile.cell, look);
            let corner = (at.0 as i32 * cell.width, at.1 as i32 * cell.height);
            if bare != Some(ink.ground) {
                let ground = Rect { x: corner.0, y: corner.1, width: cell.width, height: cell.height };
                layers.grounds.entry(ink.ground).or_default().push(ground);
            }
            for top in ink.lines(look) {
                layers.shape(&Shape::rect(0, top, cell.width, cell.line), corner, ink.glyph);
            }
            match shapes::drawing(tile.glyph(), cell, tile.is_wide()) {
                // The left half brings the whole character.
                _ if tile.part == Part::Right => {}
                Drawing::Shapes(shapes) if shapes::is_known(tile.glyph()) => {
                    for shape in &shapes {
                        layers.shape(shape, corner, ink.glyph);
                    }
                }
                Drawing::Font(_) | Drawing::Shapes(_) => {
                    let after_blank = at.0 > 0 && grid.tile(place - 1).glyph() == ' ';
                    layers.letter(tile, at, ink, after_blank);
                }
            }
        }
        layers
    }

    fn shape(&mut self, shape: &Shape, (left, top): (i32, i32), colour: Rgb) {
        match shape {
            Shape::Rect { x, y, width, height, quarters } => {
                let rect = Rect { x: left + x, y: top + y, width: *width, height: *height };
                self.rects.entry((colour, *quarters)).or_default().push(rect);
            }
            Shape::Polygon(points) => {
                let path = self.polygons.entry(colour).or_default();
                for (index, (x, y)) in points.iter().enumerate() {
                    let (x, y) = (left as f32 + x, top as f32 + y);
                    let command = if index == 0 { 'M' } else { 'L' };
                    // Two digits are finer than any screen.
                    let short = |value: f32| (value * 100.0).round() / 100.0;
                    path.push_str(&format!("{command}{} {}", short(x), short(y)));
                }
                path.push('z');
            }
        }
    }

    /// A letter joins the word before it, over a single blank too; not over two, for there are
    /// renderers that make one of them.
    fn letter(&mut self, tile: &Tile, (column, row): (usize, usize), ink: Ink, after_blank: bool) {
        let words = self.words.entry((ink.glyph, ink.bold)).or_default();
        let text = tile.cell.symbol().chars().filter(|c| !c.is_control() && !is_nothing(*c));
        let is_wide = tile.is_wide();
        // How many blanks there are between it and the word before.
        let joins = words.last().filter(|word| word.row == row && !word.is_wide && !is_wide);
        let blanks = joins.and_then(|word| column.checked_sub(word.column + word.cells));
        match (words.last_mut(), blanks) {
            (Some(word), Some(0)) => {
                word.cells += 1;
                word.text.extend(text);
            }
            (Some(word), Some(1)) if after_blank => {
                word.cells += 2;
                word.text.push(' ');
                word.text.extend(text);
            }
            _ => {
                let cells = if is_wide { 2 } else { 1 };
                words.push(Word { column, row, cells, is_wide, text: text.collect() });
            }
        }
    }

    /// Writes them, each layer upon the one before.
    pub(super) fn write(&self, look: Look, out: &mut String) {
        let _ = self.try_write(look, out);
    }

    fn try_write(&self, look: Look, out: &mut String) -> fmt::Result {
        let cell = look.cell();
        if !self.grounds.is_empty() || !self.rects.is_empty() {
            out.push_str(r#"<g shape-rendering="crispEdges">"#);
            for (colour, rects) in &self.grounds {
                write!(out, r#"<path fill="{}" d="{}"/>"#, colour::hex(*colour), rects.path())?;
            }
            for ((colour, quarters), rects) in &self.rects {
                let opacity = match quarters {
                    1 => r#" fill-opacity=".25""#,
                    2 => r#" fill-opacity=".5""#,
                    3 => r#" fill-opacity=".75""#,
                    _ => "",
                };
                write!(out, r#"<path fill="{}"{opacity} d="{}"/>"#, colour::hex(*colour), rects.path())?;
            }
            out.push_str("</g>");
        }
        for (colour, path) in &self.polygons {
            write!(out, r#"<path fill="{}" d="{path}"/>"#, colour::hex(*colour))?;
        }
        for ((colour, bold), words) in &self.words {
            let weight = if *bold { r#" font-weight="700""# } else { "" };
            write!(out, r#"<g fill="{}"{weight}>"#, colour::hex(*colour))?;
            for word in words {
                let (x, y) = (word.column as i32 * cell.width, word.row as i32 * cell.height);
                write!(out, r#"<text x="{x}" y="{}""#, y + look.baseline())?;
                if word.cells > 1 {
                    // Another font than ours may be wider; the cells stay where they are.
                    write!(out, r#" textLength="{}""#, word.cells as i32 * cell.width)?;
                }
                write!(out, ">{}</text>", escaped(&word.text))?;
            }
            out.push_str("</g>");
        }
        Ok(())
    }
}

/// What XML has no place for, even escaped.
fn is_nothing(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rect {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

/// Rectangles of one colour, in reading order, joined where they touch.
#[derive(Debug, Default)]
struct Rects(Vec<Rect>);

impl Rects {
    fn push(&mut self, rect: Rect) {
        match self.0.last_mut() {
            // Touching or overlapping, and as high.
            Some(last)
                if (last.y, last.height) == (rect.y, rect.height)
                    && (last.x..=last.x + last.width).contains(&rect.x) =>
            {
                last.width = last.width.max(rect.x + rect.width - last.x);
            }
            _ => self.0.push(rect),
        }
    }

    /// Those joined that lie exactly below each other.
    fn joined(&self) -> Vec<Rect> {
        let mut joined: Vec<Rect> = Vec::new();
        let mut columns: BTreeMap<(i32, i32), usize> = BTreeMap::new();
        for rect in &self.0 {
            let column = (rect.x, rect.width);
            match columns.get(&column).map(|&index| &mut joined[index]) {
                Some(above) if (above.y..=above.y + above.height).contains(&rect.y) => {
                    above.height = above.height.max(rect.y + rect.height - above.y);
                }
                _ => {
                    columns.insert(column, joined.len());
                    joined.push(*rect);
                }
            }
        }
        joined
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for Rect { x, y, width, height } in self.joined() {
            path.push_str(&format!("M{x} {y}h{width}v{height}h-{width}z"));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::style::Style;

    fn layers(text: &str, style: Style) -> String {
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 12, 2));
        buffer.set_string(0, 0, text, style);
        let grid = Grid::of(&buffer);
        let places: Vec<usize> = (0..24).collect();
        let look = Look::default();
        let mut out = String::new();
        Layers::of(&grid, &places, look, Some(look.background)).write(look, &mut out);
        out
    }

    #[test]
    fn words_are_parted_at_two_blanks_and_not_at_one() {
        let plain = Style::new();
        assert_eq!(
            layers("a b  <c>", plain),
            "<g fill=\"#c9d1d9\"><text x=\"0\" y=\"15\" textLength=\"27\">a b</text>\
             <text x=\"45\" y=\"15\" textLength=\"27\">&lt;c&gt;</text></g>"
        );
        assert!(
            layers("a漢b", plain).contains(">a</text><text x=\"9\" y=\"15\" textLength=\"18\">漢</text>")
        );
        // A line between them is no blank.
        assert!(layers("a│b", plain).contains(">a</text><text x=\"18\" y=\"15\">b</text>"));
        assert_eq!(layers("\u{ffff}", plain).matches('\u{ffff}').count(), 0);
    }

    #[test]
    fn what_touches_is_one_rectangle() {
        assert!(layers("────", Style::new()).contains(" d=\"M0 9h36v1h-36z\"/>"));
        assert!(
            layers("░░ ░", Style::new())
                .contains("fill-opacity=\".25\" d=\"M0 0h18v20h-18zM27 0h9v20h-9z\"/>")
        );
        assert!(
            layers("ab", Style::new().on_red()).contains("<path fill=\"#cd0000\" d=\"M0 0h18v20h-18z\"/>")
        );
        let mut rects = Rects::default();
        for y in [0, 20] {
            rects.push(Rect { x: 9, y, width: 9, height: 20 });
            rects.push(Rect { x: 36, y, width: 9, height: 20 });
        }
        assert_eq!(rects.path(), "M9 0h9v40h-9zM36 0h9v40h-9z");
    }
}
