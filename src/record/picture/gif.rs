//! A film as GIF, written while it is drawn: each frame has only what changed since the one before,
//! within the smallest box of cells, and a palette of exactly its own colours.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use ::gif::{DisposalMethod, Encoder, EncodingError, Frame};
use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::colour::{Rgb, distance};
use super::grid::Grid;
use super::{Look, Raster, Repeat, lzw, refuse_empty, refuse_other};

/// GIF counts time in hundredths of a second; this many nanoseconds are one.
const TICK: u128 = 10_000_000;

/// The shortest time that players show a frame for, in ticks; below it most of them take five times as
/// long.
const SHORTEST: u64 = 2;

/// The longest time that a frame can say, in ticks.
const LONGEST: u64 = u16::MAX as u64;

/// The index of what stays as it was.
const STAYS: u8 = 0;

/// How many colours there are beside it.
const MOST: usize = 255;

/// A film that is written as GIF.
///
/// It holds one picture, however long the film gets. Frames begin at whole hundredths of a second, and
/// together they last as long as was asked for; use a grid of 20 or 25 frames a second. Of frames that
/// follow within less than two hundredths the last one is seen. Where more than 255 colours change at
/// once, those beyond are shown as the nearest of the others.
///
/// ```
/// use std::time::Duration;
/// use lockscope::record::picture::{Gif, Look, Repeat};
/// use ratatui::buffer::Buffer;
/// use ratatui::layout::Rect;
/// use ratatui::style::Style;
///
/// let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
/// let mut film = Gif::new(Vec::new(), buffer.area.as_size(), Look::default(), Repeat::Forever)?;
/// for word in ["waits", "granted", "acquires"] {
///     buffer.reset();
///     buffer.set_string(0, 0, word, Style::new());
///     film.frame(&buffer, Duration::from_millis(400))?;
/// }
/// assert!(film.finish()?.starts_with(b"GIF89a"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Gif<W: Write> {
    encoder: Encoder<W>,
    size: Size,
    raster: Raster,
    /// What a viewer sees after all that is written.
    shown: Vec<Rgb>,
    /// Which places the raster drew since.
    drawn: Vec<bool>,
    /// When the frame begins that is not yet written, in ticks.
    begin: u64,
    now: Duration,
}

impl<W: Write> Gif<W> {
    /// A film of frames of so many cells.
    ///
    /// # Errors
    ///
    /// If there are none, or more than fit into a GIF, or if writing fails.
    pub fn new(out: W, size: Size, look: Look, repeat: Repeat) -> io::Result<Self> {
        refuse_empty(size)?;
        let (width, height) = look.size(size);
        let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the picture is too large for a GIF"));
        };
        let mut encoder = Encoder::new(out, width, height, &[]).map_err(failed)?;
        if repeat == Repeat::Forever {
            encoder.set_repeat(::gif::Repeat::Infinite).map_err(failed)?;
        }
        Ok(Self {
            encoder,
            size,
            raster: Raster::new(look, 1),
            shown: Vec::new(),
            drawn: vec![false; size.area() as usize],
            begin: 0,
            now: Duration::ZERO,
        })
    }

    /// Shows `buffer` for so long.
    ///
    /// # Errors
    ///
    /// If it has another size than the film, or if writing fails.
    pub fn frame(&mut self, buffer: &Buffer, length: Duration) -> io::Result<()> {
        refuse_other(buffer, self.size)?;
        let grid = Grid::of(buffer);
        let changes = grid.changes(self.raster.grid());
        if !changes.is_empty() {
            let now = ticks(self.now);
            if now >= self.begin + SHORTEST {
                self.write(now)?;
            }
            self.raster.paint(grid, &changes);
            for place in changes {
                self.drawn[place] = true;
            }
        }
        self.now += length;
        Ok(())
    }

    /// Ends the film, whose last frame is seen for as long as was asked for, and gives back what it was
    /// written to.
    ///
    /// # Errors
    ///
    /// If it has no frames, or if writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        if self.raster.grid().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a film needs at least one frame"));
        }
        self.write(ticks(self.now).max(self.begin + 1))?;
        self.encoder.into_inner().map_err(failed)
    }

    /// Writes what was drawn; it is seen until `end`.
    fn write(&mut self, end: u64) -> io::Result<()> {
        let mut left = end - self.begin;
        let mut frame = self.changed();
        while left > 0 {
            let delay = left.min(LONGEST);
            frame.delay = delay as u16;
            self.encoder.write_lzw_pre_encoded_frame(&frame).map_err(failed)?;
            left -= delay;
            // What lasts longer goes on as a frame that changes nothing.
            frame = still();
        }
        self.begin = end;
        Ok(())
    }

    /// The frame that leads from what is shown to what is drawn.
    fn changed(&mut self) -> Frame<'static> {
        let (across, down) = self.raster.cell();
        let columns = usize::from(self.size.width);
        let places: Vec<(usize, usize)> = (0..self.drawn.len())
            .filter(|&place| std::mem::take(&mut self.drawn[place]))
            .map(|place| (place % columns, place / columns))
            .collect();
        let (Some((_, top)), Some((_, last))) = (places.first(), places.last()) else { return still() };
        let left = places.iter().map(|place| place.0).min().unwrap_or(0);
        let right = places.iter().map(|place| place.0).max().unwrap_or(0) + 1;
        let (width, height) = ((right - left) * across, (last + 1 - top) * down);
        if self.shown.is_empty() {
            // Nothing is shown yet: whatever is drawn is different.
            self.shown = self.raster.pixels().iter().map(|pixel| pixel.map(|channel| !channel)).collect();
        }

        let stride = self.raster.width();
        let mut indices = vec![STAYS; width * height];
        let mut palette = Palette::default();
        for (column, row) in &places {
            for y in 0..down {
                let from = (row * down + y) * stride + column * across;
                let to = ((row - top) * down + y) * width + (column - left) * across;
                let pixels = &self.raster.pixels()[from..from + across];
                let shown = &mut self.shown[from..from + across];
                for ((index, shown), pixel) in indices[to..to + across].iter_mut().zip(shown).zip(pixels) {
                    if shown != pixel {
                        (*index, *shown) = palette.index(*pixel);
                    }
                }
            }
        }
        Frame {
            left: (left * across) as u16,
            top: (top * down) as u16,
            width: width as u16,
            height: height as u16,
            buffer: lzw::compress(&indices, palette.colours.len() + 1).into(),
            palette: Some(palette.table()),
            ..still()
        }
    }
}

/// A pixel that stays as it was.
fn still() -> Frame<'static> {
    Frame {
        width: 1,
        height: 1,
        dispose: DisposalMethod::Keep,
        transparent: Some(STAYS),
        palette: Some(vec![0; 3]),
        buffer: lzw::compress(&[STAYS], 1).into(),
        ..Frame::default()
    }
}

/// A moment in whole ticks: the nearest, so that nothing adds up.
fn ticks(at: Duration) -> u64 {
    ((at.as_nanos() + TICK / 2) / TICK) as u64
}

fn failed(error: EncodingError) -> io::Error {
    match error {
        EncodingError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// The colours of a frame, in the order of their first pixel.
#[derive(Default)]
struct Palette {
    colours: Vec<Rgb>,
    known: HashMap<Rgb, u8>,
    /// What was asked for last: most pixels have the colour of their neighbour.
    last: Option<(Rgb, u8)>,
}

impl Palette {
    /// A colour's index, and the colour that is seen there.
    fn index(&mut self, colour: Rgb) -> (u8, Rgb) {
        let index = match self.last {
            Some((last, index)) if last == colour => index,
            _ => self.look_up(colour),
        };
        self.last = Some((colour, index));
        (index, self.colours[usize::from(index) - 1])
    }

    fn look_up(&mut self, colour: Rgb) -> u8 {
        let Self { colours, known, .. } = self;
        *known.entry(colour).or_insert_with(|| {
            if colours.len() < MOST {
                colours.push(colour);
                return colours.len() as u8;
            }
            let nearest = (0..MOST).min_by_key(|&index| distance(colours[index], colour));
            nearest.unwrap_or(0) as u8 + 1
        })
    }

    /// All colours; the first stands for what stays.
    fn table(&self) -> Vec<u8> {
        [&[[0; 3]], self.colours.as_slice()].concat().into_flattened()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_is_exact_up_to_its_size_and_near_beyond() {
        let mut palette = Palette::default();
        for n in 0..=254 {
            assert_eq!(palette.index([n, 0, 0]), (n + 1, [n, 0, 0]));
        }
        assert_eq!(palette.index([7, 0, 0]), (8, [7, 0, 0]));
        assert_eq!(palette.index([9, 1, 1]), (10, [9, 0, 0]));
        assert_eq!(palette.index([255, 0, 0]), (255, [254, 0, 0]));
        assert_eq!(palette.table().len(), 256 * 3);
    }

    #[test]
    fn ticks_are_the_nearest() {
        assert_eq!(
            [0, 4, 5, 40, 14, 15].map(|millis| ticks(Duration::from_millis(millis))),
            [0, 0, 1, 4, 1, 2]
        );
    }
}
