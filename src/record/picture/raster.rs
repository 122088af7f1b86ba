//! Cells to pixels. Only tiles that changed are drawn again.

use ratatui::buffer::Buffer;

use super::Look;
use super::colour::{self, Ink, Rgb};
use super::grid::{Grid, Part, Tile};
use super::masks::{Masks, STEPS};

/// A picture in pixels.
///
/// ```
/// use lockscope::record::picture::{Look, Raster};
/// use ratatui::buffer::Buffer;
/// use ratatui::layout::Rect;
/// use ratatui::style::{Color, Style};
///
/// let mut raster = Raster::new(Look::default(), 1);
/// let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
/// buffer.set_string(0, 0, "█", Style::new().fg(Color::Rgb(1, 2, 3)));
/// raster.draw(&buffer);
/// assert_eq!((raster.width(), raster.height()), (18, 20));
/// assert_eq!(raster.pixel(8, 19), [1, 2, 3]);
/// assert_eq!(raster.pixel(9, 0), Look::default().background);
/// ```
pub struct Raster {
    look: Look,
    masks: Masks,
    grid: Option<Grid>,
    width: usize,
    pixels: Vec<Rgb>,
}

impl Raster {
    /// An empty picture; with a `scale` of 2 each pixel of the look is two wide and two high.
    pub fn new(look: Look, scale: u16) -> Self {
        let masks = Masks::new(look, usize::from(scale.max(1)));
        Self { look, masks, grid: None, width: 0, pixels: Vec::new() }
    }

    /// Draws `buffer` in the place of what was there.
    pub fn draw(&mut self, buffer: &Buffer) {
        let grid = Grid::of(buffer);
        let changes = grid.changes(self.grid.as_ref());
        self.paint(grid, &changes);
    }

    /// How many pixels it is wide.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many pixels it is high.
    pub fn height(&self) -> usize {
        self.pixels.len().checked_div(self.width).unwrap_or(0)
    }

    /// The colour of a pixel.
    ///
    /// # Panics
    ///
    /// If it lies outside of the picture.
    pub fn pixel(&self, x: usize, y: usize) -> Rgb {
        assert!(x < self.width, "there are {} pixels in a row", self.width);
        self.pixels[y * self.width + x]
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[Rgb] {
        &self.pixels
    }

    /// What was drawn last.
    pub(super) fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    /// How many pixels a cell is wide and high.
    pub(super) fn cell(&self) -> (usize, usize) {
        self.masks.cell()
    }

    /// Draws the tiles of `grid` that changed.
    pub(super) fn paint(&mut self, grid: Grid, changes: &[usize]) {
        let (across, down) = self.cell();
        let (width, height) = (usize::from(grid.columns) * across, usize::from(grid.rows) * down);
        if (self.width, self.pixels.len()) != (width, width * height) {
            self.width = width;
            self.pixels = vec![self.look.background; width * height];
        }
        for &place in changes {
            self.paint_tile(grid.tile(place), grid.at(place));
        }
        self.grid = Some(grid);
    }

    fn paint_tile(&mut self, tile: &Tile, (column, row): (usize, usize)) {
        let (across, down) = self.cell();
        let ink = Ink::of(&tile.cell, self.look);
        let steps: [Rgb; STEPS as usize + 1] =
            std::array::from_fn(|step| colour::mix(ink.ground, ink.glyph, step as u8, STEPS));
        let begin = row * down * self.width + column * across;
        let rows = self.pixels[begin..].chunks_mut(self.width).map(|row| &mut row[..across]).take(down);
        let stride = if tile.is_wide() { 2 * across } else { across };
        let offset = if tile.part == Part::Right { across } else { 0 };
        let mask = self.masks.get(tile.glyph(), ink.bold, tile.is_wide());
        for (pixels, mask) in rows.zip(mask.chunks(stride)) {
            for (pixel, step) in pixels.iter_mut().zip(&mask[offset..]) {
                *pixel = steps[usize::from(*step)];
            }
        }
        for top in ink.lines(self.look) {
            let top = top as usize * self.masks.scale();
            let rows = self.pixels[begin..].chunks_mut(self.width).skip(top).take(self.masks.line());
            rows.for_each(|row| row[..across].fill(ink.glyph));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn buffer(text: &str, style: Style) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        buffer.set_string(0, 1, text, style);
        buffer
    }

    #[test]
    fn drawing_over_is_drawing_anew() {
        let mut over = Raster::new(Look::default(), 2);
        for text in ["abcd", "漢d", "a█░d", " 漢", "x"] {
            let buffer = buffer(text, Style::new().red().on_blue());
            over.draw(&buffer);
            let mut anew = Raster::new(Look::default(), 2);
            anew.draw(&buffer);
            assert!(over.pixels() == anew.pixels(), "{text}");
            assert_eq!((over.width(), over.height()), (72, 80));
        }
    }

    #[test]
    fn another_size_is_another_picture() {
        let mut raster = Raster::new(Look::default(), 1);
        raster.draw(&buffer("abcd", Style::new()));
        raster.draw(&Buffer::empty(Rect::new(0, 0, 1, 1)));
        assert_eq!((raster.width(), raster.height()), (9, 20));
        raster.draw(&Buffer::empty(Rect::new(0, 0, 0, 0)));
        assert_eq!((raster.width(), raster.height()), (0, 0));
    }

    #[test]
    fn lines_under_and_through_words() {
        let mut raster = Raster::new(Look::default(), 1);
        let mut rows = |style: Style| {
            raster.draw(&buffer("    ", style.fg(ratatui::style::Color::Rgb(1, 2, 3))));
            (20..40).filter(|y| (0..36).all(|x| raster.pixel(x, *y) == [1, 2, 3])).collect::<Vec<_>>()
        };
        assert!(rows(Style::new()).is_empty());
        assert_eq!(rows(Style::new().underlined()), [37]);
        assert_eq!(rows(Style::new().crossed_out()), [31]);
    }
}
