//! Asciicasts: what [asciinema](https://asciinema.org) and its players read, version 3 or 2.
//!
//! Markers are `m` events, at which a player can pause. There is no date in it.

use std::io::{self, Write};
use std::time::Duration;

use ratatui::style::Color;
use serde_json::{Value as Json, json};

use super::ansi::{Ansi, Dialect};
use super::{Frame, Recording, Sink};
use crate::scenario::Markers;
use crate::trace::json_escape;
use crate::view::ThemeName;

/// Which version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Times since the beginning.
    Two,
    /// Times since the event before.
    Three,
}

/// What is known of a cast before its first picture.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The version.
    pub version: Version,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The theme that the pictures are drawn in.
    pub theme: ThemeName,
    /// How long it takes.
    pub duration: Duration,
}

/// Writes a cast.
pub struct Cast<'a, W> {
    out: W,
    head: Head,
    recording: &'a Recording,
    markers: Markers,
    ansi: Ansi,
    /// When the last event was, in microseconds.
    told: u128,
    /// When the last picture ends.
    end: Duration,
}

impl<'a, W: Write> Cast<'a, W> {
    /// Begins a cast of `recording`.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(mut out: W, recording: &'a Recording, head: Head) -> io::Result<Self> {
        let (cols, rows) = head.size;
        let theme = theme(head.theme).map_or_else(String::new, |theme| format!(",\"theme\":{theme}"));
        let size = match head.version {
            Version::Three => format!("\"version\":3,\"term\":{{\"cols\":{cols},\"rows\":{rows}{theme}}}"),
            Version::Two => format!("\"version\":2,\"width\":{cols},\"height\":{rows}{theme}"),
        };
        let title = Json::from(recording.plan.title.as_str());
        // Players shorten what is longer than the limit, and some have one of their own if none is named.
        let limit = head.duration.as_secs() + 1;
        let header = format!("{{{size},\"idle_time_limit\":{limit},\"title\":{title}}}");
        writeln!(out, "{}", json_escape(header))?;
        let (markers, ansi) = (recording.markers(), Ansi::new(Dialect::Terminal));
        Ok(Self { out, head, recording, markers, ansi, told: 0, end: Duration::ZERO })
    }

    fn event(&mut self, at: Duration, code: char, data: &str) -> io::Result<()> {
        let micros = at.as_micros();
        let time = match self.head.version {
            Version::Two => micros,
            Version::Three => micros - self.told,
        };
        self.told = micros;
        let data = Json::from(data).to_string();
        writeln!(self.out, "[{},\"{code}\",{}]", seconds(time), json_escape(data))
    }
}

impl<W: Write> Sink for Cast<'_, W> {
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let text = self.ansi.frame(&frame.buffer);
        if !text.is_empty() {
            self.event(frame.at, 'o', &text)?;
        }
        for (_, index) in self.markers.between(frame.since, frame.place.moment).to_vec() {
            let marker = &self.recording.plan.markers[index];
            let label = marker.label.as_ref().or(marker.ask.as_ref()).or(marker.say.as_ref());
            self.event(frame.at, 'm', label.map_or("", String::as_str))?;
        }
        self.end = frame.at + frame.length;
        Ok(())
    }

    /// The terminal gets its cursor back, below the picture's words.
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let rows = self.head.size.1;
        self.event(self.end, 'o', &format!("\x1b[m\x1b[{rows}H\x1b[?25h"))?;
        self.out.flush()
    }
}

/// Microseconds as seconds, exactly and without zeros at the end.
fn seconds(micros: u128) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The colours around the picture; `None` leaves them to the player.
fn theme(name: ThemeName) -> Option<Json> {
    let theme = name.theme();
    let hex = |color: Option<Color>| match color {
        Some(Color::Rgb(r, g, b)) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        _ => None,
    };
    let (fg, bg) = (hex(theme.text.fg)?, hex(theme.text.bg)?);
    // The format wants all sixteen, though no picture in these themes has one of them.
    let of_state = [
        theme.text.bg,
        theme.blocked.fg,
        theme.holding.fg,
        theme.waiting.fg,
        theme.accent.fg,
        theme.granted.fg,
        theme.suspended.fg,
        theme.text.fg,
    ];
    let palette = of_state.into_iter().map(hex).collect::<Option<Vec<_>>>()?.join(":");
    Some(json!({"fg": fg, "bg": bg, "palette": palette}))
}
