//! What is drawn, as pictures: stills as [`png()`] and [`svg()`], films as [`Gif`] and [`FilmSvg`].
//!
//! A picture comes from the cells of a [`Buffer`] and from nothing else: no terminal emulator, no font
//! of the system, no clock. Letters are those of a bundled font; lines, blocks and heads of arrows are
//! drawn as geometry, so that no gap shows between cells. A character that neither has is an empty box
//! of its width; of several characters that make one, only the first is drawn. (In an SVG both are
//! text, in whatever font the viewer has.)
//!
//! The encoders write to what they are given and open no files. The same frames are the same bytes in
//! every run.
//!
//! ```
//! use lockscope::record::picture::{Look, png};
//! use ratatui::buffer::Buffer;
//! use ratatui::layout::Rect;
//! use ratatui::style::Style;
//!
//! let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
//! buffer.set_string(1, 1, "the writer ██ waits", Style::new());
//! let bytes = png(&buffer, Look::default())?;
//! assert!(bytes.starts_with(b"\x89PNG"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod boxes;
mod colour;
mod film_svg;
pub mod font;
mod gif;
mod grid;
mod layers;
mod lzw;
mod masks;
mod png;
mod raster;
mod shapes;
mod svg;

use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use crate::view::ThemeName;

pub use colour::Rgb;
pub use film_svg::FilmSvg;
pub use gif::Gif;
pub use png::{PNG_SCALE, png};
pub use raster::Raster;
pub use svg::svg;

/// How cells become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The font's size in pixels, from 5 to 200; with 15 a cell is 9 pixels wide and 20 high.
    pub font_size: u16,
    /// The colour of words that have none of their own.
    pub foreground: Rgb,
    /// The colour of the ground that has none of its own.
    pub background: Rgb,
}

impl Look {
    /// Colours that go with a theme.
    pub fn of(theme: ThemeName) -> Self {
        let (foreground, background) = match theme {
            ThemeName::Light => ([0x24, 0x2c, 0x36], [0xff; 3]),
            ThemeName::Dark | ThemeName::Mono | ThemeName::Ansi => ([0xc9, 0xd1, 0xd9], [0x0f, 0x14, 0x19]),
        };
        Self { font_size: 15, foreground, background }
    }

    fn cell(self) -> shapes::Cell {
        let size = f32::from(self.font_size.clamp(5, 200));
        let width = (size * font::ADVANCE).round() as i32;
        let height = (size * font::LINE).round() as i32;
        shapes::Cell { width, height, line: ((size / 15.0).round() as i32).max(1) }
    }

    /// The font's size at which a letter is exactly as wide as a cell.
    fn exact_size(self) -> f32 {
        self.cell().width as f32 / font::ADVANCE
    }

    /// How far below a cell's upper edge its letters stand.
    fn baseline(self) -> i32 {
        let cell = self.cell();
        let natural = font::LINE * self.exact_size();
        (font::ASCENT * self.exact_size() + (cell.height as f32 - natural) / 2.0).round() as i32
    }

    /// Width and height of a picture of so many cells, in pixels.
    fn size(self, cells: Size) -> (usize, usize) {
        let cell = self.cell();
        (usize::from(cells.width) * cell.width as usize, usize::from(cells.height) * cell.height as usize)
    }
}

impl Default for Look {
    /// Light on dark.
    fn default() -> Self {
        Self::of(ThemeName::Dark)
    }
}

/// Whether a film begins again at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Repeat {
    /// It stays at its last frame.
    Once,
    /// Over and over: what a document wants, where nobody is there to press a key.
    #[default]
    Forever,
}

/// A picture without a single cell is none.
fn refuse_empty(size: Size) -> io::Result<()> {
    if size.width == 0 || size.height == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a picture needs at least one cell"));
    }
    Ok(())
}

/// A film cannot go on in another size.
fn refuse_other(buffer: &Buffer, size: Size) -> io::Result<()> {
    if buffer.area.as_size() != size {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "all frames of a film have the same size"));
    }
    Ok(())
}
