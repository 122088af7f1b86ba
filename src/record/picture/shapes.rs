//! Glyphs that are drawn as geometry: blocks, heads of arrows, and what stands for a character the
//! font lacks. Their edges lie where the next cell's begin, which no font promises.

use super::boxes;
use super::font;

/// The size of a cell, and how thick a light line in it is, in pixels of a picture at single size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) line: i32,
}

impl Cell {
    /// Where a light line across the middle begins, in both directions.
    pub(super) fn middle(self) -> (i32, i32) {
        ((self.width - self.line) / 2, (self.height - self.line) / 2)
    }
}

/// A piece of a glyph.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// On whole pixels, so that it is sharp.
    Rect {
        x: i32,
        y: i32,
        width: i32,
        height: i32,
        /// How much of the glyph's colour it has.
        quarters: u8,
    },
    /// Its corners.
    Polygon(Vec<(f32, f32)>),
}

impl Shape {
    pub(super) fn rect(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self::Rect { x, y, width, height, quarters: 4 }
    }
}

/// What a glyph is drawn as.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Drawing {
    /// A glyph of the font.
    Font(char),
    Shapes(Vec<Shape>),
}

/// How a character is drawn: in this cell, or in two of them beside each other.
pub(super) fn drawing(c: char, cell: Cell, wide: bool) -> Drawing {
    if c == ' ' || c == '\u{a0}' {
        return Drawing::Shapes(Vec::new());
    }
    let shapes = boxes::shapes(c, cell).or_else(|| blocks(c, cell)).or_else(|| heads(c, cell));
    match shapes {
        Some(shapes) => Drawing::Shapes(shapes),
        None if font::has(c) => Drawing::Font(c),
        None => Drawing::Shapes(frame(cell, wide)),
    }
}

/// Whether the font or this file knows a character.
pub(super) fn is_known(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2500}'..='\u{259f}' | '■' | '▶' | '◀' | '▲' | '▼' | '✖') || font::has(c)
}

/// Block elements: parts of the cell, tints, quarters.
fn blocks(c: char, cell: Cell) -> Option<Vec<Shape>> {
    let Cell { width, height, .. } = cell;
    let eighths = |length: i32, count: u32| ((length * count as i32 + 4) / 8).max(1);
    let code = u32::from(c);
    let rect = match c {
        '▀' => Shape::rect(0, 0, width, eighths(height, 4)),
        // ▁ to █ grow from below, ▉ to ▏ shrink from the right.
        '\u{2581}'..='\u{2588}' => {
            let part = eighths(height, code - 0x2580);
            Shape::rect(0, height - part, width, part)
        }
        '\u{2589}'..='\u{258f}' => Shape::rect(0, 0, eighths(width, 0x2590 - code), height),
        '▐' => Shape::rect(eighths(width, 4), 0, width - eighths(width, 4), height),
        // Tints, not dots: dots make waves when a picture is scaled.
        '░' | '▒' | '▓' => Shape::Rect { x: 0, y: 0, width, height, quarters: (code - 0x2590) as u8 },
        '▔' => Shape::rect(0, 0, width, eighths(height, 1)),
        '▕' => Shape::rect(width - eighths(width, 1), 0, eighths(width, 1), height),
        '\u{2596}'..='\u{259f}' => return Some(quadrants(code, cell)),
        '■' => {
            let side = width - 2 * cell.line;
            Shape::rect(cell.line, (height - side) / 2, side, side)
        }
        _ => return None,
    };
    Some(vec![rect])
}

/// ▖ to ▟: which of the four quarters are filled, a bit each: upper left, upper right, lower left and right.
fn quadrants(code: u32, cell: Cell) -> Vec<Shape> {
    const FILLED: [u8; 10] = [0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111];
    let filled = FILLED[(code - 0x2596) as usize];
    let (x, y) = ((cell.width + 1) / 2, (cell.height + 1) / 2);
    let (right, lower) = (cell.width - x, cell.height - y);
    let all = [(0, 0, x, y), (x, 0, right, y), (0, y, x, lower), (x, y, right, lower)];
    let chosen = all.into_iter().enumerate().filter(|(index, _)| filled >> (3 - index) & 1 == 1);
    chosen.map(|(_, (x, y, width, height))| Shape::rect(x, y, width, height)).collect()
}

/// Heads of arrows that touch the line they end, and the cross of what stands still.
fn heads(c: char, cell: Cell) -> Option<Vec<Shape>> {
    let (width, height, line) = (cell.width as f32, cell.height as f32, cell.line as f32);
    let (x, y) = cell.middle();
    let (x, y) = (x as f32 + line / 2.0, y as f32 + line / 2.0);
    let spread = width * 0.55;
    let points = match c {
        '▶' => vec![(0.0, y - spread), (width, y), (0.0, y + spread)],
        '◀' => vec![(width, y - spread), (0.0, y), (width, y + spread)],
        '▲' => vec![(0.0, height), (x, 0.0), (width, height)],
        '▼' => vec![(0.0, 0.0), (x, height), (width, 0.0)],
        '✖' => return Some(cross((x, y), width / 2.0 - width / 9.0, width / 9.0)),
        _ => return None,
    };
    Some(vec![Shape::Polygon(points)])
}

/// Two thick strokes from corner to corner.
fn cross((x, y): (f32, f32), reach: f32, thick: f32) -> Vec<Shape> {
    let stroke = |slope: f32| {
        Shape::Polygon(vec![
            (x - reach - thick, y - slope * (reach - thick)),
            (x - reach + thick, y - slope * (reach + thick)),
            (x + reach + thick, y + slope * (reach - thick)),
            (x + reach - thick, y + slope * (reach + thick)),
        ])
    };
    vec![stroke(1.0), stroke(-1.0)]
}

/// An empty box in the place of a character that the font lacks.
fn frame(cell: Cell, wide: bool) -> Vec<Shape> {
    let Cell { width, height, line } = cell;
    let (x, y) = (line, height / 5);
    let width = (if wide { 2 * width } else { width }) - 2 * x;
    let height = height - 2 * y;
    vec![
        Shape::rect(x, y, width, line),
        Shape::rect(x, y + height - line, width, line),
        Shape::rect(x, y + line, line, height - 2 * line),
        Shape::rect(x + width - line, y + line, line, height - 2 * line),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: Cell = Cell { width: 9, height: 20, line: 1 };

    #[test]
    fn halves_and_their_counterparts_fill_the_cell() {
        let area = |c: char| -> i32 {
            let Drawing::Shapes(shapes) = drawing(c, CELL, false) else { panic!("{c} is drawn by the font") };
            let size = |shape: &Shape| match shape {
                Shape::Rect { width, height, .. } => width * height,
                Shape::Polygon(_) => panic!("{c}"),
            };
            shapes.iter().map(size).sum()
        };
        for pair in ["▀▄", "▌▐", "▖▜", "▗▛", "▘▟", "▝▙", "▚▞"] {
            assert_eq!(pair.chars().map(area).sum::<i32>(), 180, "{pair}");
        }
        for whole in "█░▒▓".chars() {
            assert_eq!(area(whole), 180, "{whole}");
        }
    }

    #[test]
    fn what_nobody_can_draw_is_a_box() {
        let Drawing::Shapes(narrow) = drawing('\u{e000}', CELL, false) else { panic!() };
        let Drawing::Shapes(wide) = drawing('漢', CELL, true) else { panic!() };
        assert_eq!((narrow.len(), wide.len()), (4, 4));
        assert_eq!(wide[0], Shape::rect(1, 4, 16, 1));
        for c in '\0'..='\u{ffff}' {
            let boxed = drawing(c, CELL, false) == Drawing::Shapes(narrow.clone());
            assert_eq!(is_known(c), !boxed, "{c:?}");
        }
        assert_eq!(drawing('é', CELL, false), Drawing::Font('é'));
        assert_eq!(drawing(' ', CELL, false), Drawing::Shapes(Vec::new()));
    }
}
