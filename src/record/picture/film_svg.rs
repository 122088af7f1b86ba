//! A film as one SVG: each frame paints what changed over the ones before, from its time on.
//!
//! It is animated by style sheet (some sites strip other animations). Without animation, where the
//! viewer asked for less motion or the program knows none, it is the last frame. Under the pointer it
//! stands still.

use std::io::{self, Write};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::grid::Grid;
use super::layers::Layers;
use super::{Look, Repeat, refuse_empty, refuse_other, svg};

/// A film that is written as SVG: meant for one frame an event.
///
/// It holds one picture and when each frame begins: a film's style sheet cannot be written before its
/// length is known.
///
/// ```
/// use std::time::Duration;
/// use lockscope::record::picture::{FilmSvg, Look, Repeat};
/// use ratatui::buffer::Buffer;
/// use ratatui::layout::Rect;
/// use ratatui::style::Style;
///
/// let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
/// let mut film = FilmSvg::new(Vec::new(), buffer.area.as_size(), Look::default(), Repeat::Forever)?;
/// for word in ["waits", "granted"] {
///     buffer.reset();
///     buffer.set_string(0, 0, word, Style::new());
///     film.frame(&buffer, Duration::from_millis(400))?;
/// }
/// let text = String::from_utf8(film.finish()?).unwrap();
/// assert!(text.contains("@keyframes f1{0%{visibility:hidden}50%{visibility:visible}}"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FilmSvg<W: Write> {
    out: W,
    size: Size,
    look: Look,
    repeat: Repeat,
    shown: Option<Grid>,
    /// When each frame after the first begins.
    begins: Vec<Duration>,
    now: Duration,
}

impl<W: Write> FilmSvg<W> {
    /// A film of frames of so many cells.
    ///
    /// # Errors
    ///
    /// If there are none, or if writing fails.
    pub fn new(mut out: W, size: Size, look: Look, repeat: Repeat) -> io::Result<Self> {
        refuse_empty(size)?;
        out.write_all(svg::open(size, look).as_bytes())?;
        Ok(Self { out, size, look, repeat, shown: None, begins: Vec::new(), now: Duration::ZERO })
    }

    /// Shows `buffer` for so long.
    ///
    /// # Errors
    ///
    /// If it has another size than the film, or if writing fails.
    pub fn frame(&mut self, buffer: &Buffer, length: Duration) -> io::Result<()> {
        refuse_other(buffer, self.size)?;
        let grid = Grid::of(buffer);
        let changes = grid.changes(self.shown.as_ref());
        if !changes.is_empty() {
            if self.shown.is_some() {
                self.begins.push(self.now);
            }
            let mut text = format!(r#"<g style="animation-name:f{}">"#, self.begins.len());
            Layers::of(&grid, &changes, self.look, None).write(self.look, &mut text);
            text.push_str("</g>\n");
            self.out.write_all(text.as_bytes())?;
            self.shown = Some(grid);
        }
        self.now += length;
        Ok(())
    }

    /// Ends the film, and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// If it has no frames, or if writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        if self.shown.is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a film needs at least one frame"));
        }
        let times = match self.repeat {
            Repeat::Once => "1",
            Repeat::Forever => "infinite",
        };
        let mut style = format!(
            "<style>@media(prefers-reduced-motion:no-preference){{g{{animation:{}s step-end {times}}}\
             svg:hover g{{animation-play-state:paused}}}}",
            self.now.as_secs_f64(),
        );
        for (index, begin) in self.begins.iter().enumerate() {
            let part = 100.0 * begin.as_secs_f64() / self.now.as_secs_f64().max(f64::MIN_POSITIVE);
            let part = (part.min(100.0) * 1000.0).round() / 1000.0;
            style.push_str(&format!(
                "@keyframes f{}{{0%{{visibility:hidden}}{part}%{{visibility:visible}}}}",
                index + 1
            ));
        }
        style.push_str("</style></svg>\n");
        self.out.write_all(style.as_bytes())?;
        Ok(self.out)
    }
}
