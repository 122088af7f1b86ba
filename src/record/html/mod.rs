//! A page that plays a recording: one file, which needs nothing else and no network.
//!
//! The pictures are told as in an asciicast, in JSON: a text where a picture takes as long as most, else
//! `[text, milliseconds]`, and `[text, milliseconds, note]` where there is something to read out or to stop at.
//! `decode.js` makes cells of them, `player.js` is the player.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::style::Color;
use serde::Serialize;
use serde_json::Value as Json;

use super::ansi::{Ansi, Dialect};
use super::frames::Pace;
use super::{Frame, Recording, Sink};
use crate::event::What;
use crate::scenario::Markers;
use crate::trace::words::clean;
use crate::trace::{json_escape, why};
use crate::view::ThemeName;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const PLAYER: &str = include_str!("player.js");

/// The script that makes cells of a page's pictures.
pub const DECODE: &str = include_str!("decode.js");

/// What is known of a page before its first picture.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Columns and rows.
    pub size: (u16, u16),
    /// The theme that the pictures are drawn in.
    pub theme: ThemeName,
    /// How many pictures.
    pub pace: Pace,
    /// How fast it goes.
    pub speed: f64,
    /// The rows, from and to, that are hidden while a question is asked.
    pub telling: [(u16, u16); 2],
}

/// Something to read out, and perhaps to stop at.
#[derive(Default, Serialize)]
struct Note<'a> {
    /// Only of a marker: its name, which may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pause: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    answers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Writes a page.
pub struct Html<'a, W> {
    out: W,
    recording: &'a Recording,
    markers: Markers,
    ansi: Ansi,
    /// How many nanoseconds most pictures take.
    step: u128,
    /// What stands behind the pictures.
    tail: String,
    first: bool,
    /// The sentence that was given last.
    why: String,
}

impl<'a, W: Write> Html<'a, W> {
    /// Begins a page of `recording`.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(mut out: W, recording: &'a Recording, head: Head) -> io::Result<Self> {
        let step = match head.pace {
            Pace::Grid(rate) => 1_000_000_000 / u128::from(rate.get()),
            Pace::Events => (1e9 / head.speed).round() as u128,
        };
        let (before, after) = PAGE.split_once("{{data}}").unwrap_or((PAGE, ""));
        let title = escape(&recording.plan.title);
        let page = fill(
            before,
            &[
                ("title", &title),
                ("colors", &colors(head.theme)),
                ("style", &lean(STYLE)),
                ("decode", &lean(DECODE)),
            ],
        );
        let (cols, rows) = head.size;
        let [(a, b), (c, d)] = head.telling;
        let step_ms = millis(step);
        write!(
            out,
            "{page}{{\"cols\":{cols},\"rows\":{rows},\"hide\":[{a},{b},{c},{d}],\"step\":{step_ms},\"frames\":["
        )?;
        Ok(Self {
            out,
            recording,
            markers: recording.markers(),
            ansi: Ansi::new(Dialect::Widths),
            step,
            tail: format!("\n]}}{}", fill(after, &[("player", &lean(PLAYER))])),
            first: true,
            why: String::new(),
        })
    }

    /// What there is to say of what happened since the last picture.
    fn note(&mut self, frame: &Frame) -> Option<String> {
        let Frame { since, place, .. } = *frame;
        let trace = &self.recording.trace;
        let mut note = Note::default();
        if let Some(&(_, index)) = self.markers.between(since, place.moment).last() {
            let marker = &self.recording.plan.markers[index];
            note = Note {
                label: Some(marker.label.as_deref().unwrap_or_default()),
                pause: marker.pause,
                ask: marker.ask.as_deref(),
                answers: &marker.answers,
                say: marker.say.as_deref(),
                why: None,
            };
        }
        let happened = (since + 1..=place.moment).rev().filter_map(|moment| trace.event(moment));
        let said = happened.filter_map(|event| match event.what {
            What::Say { text } => Some(text),
            _ => None,
        });
        let said = said.take(1).next();
        note.say = note.say.or(said.as_deref());
        if note.say.is_none() && since != place.moment && note.ask.is_none() {
            let sentence =
                why::sentence(trace, place.moment).map(|sentence| sentence.text).unwrap_or_default();
            if sentence != self.why {
                self.why.clone_from(&sentence);
                note.why = Some(sentence);
            }
        }
        let empty = note.label.is_none() && note.say.is_none() && note.why.is_none();
        // Every field is a text, a list of texts or a flag: there is nothing in it that can fail.
        (!empty).then(|| serde_json::to_string(&note).unwrap_or_default())
    }
}

impl<W: Write> Sink for Html<'_, W> {
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let text = Json::from(self.ansi.frame(&frame.buffer)).to_string();
        let nanos = frame.length.as_nanos();
        let item = match self.note(frame) {
            Some(note) => format!("[{text},{},{note}]", millis(nanos)),
            None if nanos == self.step => text,
            None => format!("[{text},{}]", millis(nanos)),
        };
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        // Nothing in it may end the script that it stands in.
        write!(self.out, "{comma}{}", json_escape(item).replace('<', "\\u003c"))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.write_all(self.tail.as_bytes())?;
        self.out.flush()
    }
}

/// Nanoseconds as milliseconds, exactly and without zeros at the end.
fn millis(nanos: u128) -> String {
    let text = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `template` with its names in braces replaced; what is put in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        page += value;
        page += rest;
    }
    page
}

/// A script or a style without what only its authors need: indents, and comments that have a line of their own.
fn lean(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Words as HTML shows them.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// The colours around the picture; where the theme leaves them to the terminal, those of the dark one.
fn colors(name: ThemeName) -> String {
    let dark = ThemeName::Dark.theme();
    let theme = name.theme();
    let mut text = ":root {".to_owned();
    for (name, color, other) in [
        ("text", theme.text.fg, dark.text.fg),
        ("ground", theme.text.bg, dark.text.bg),
        ("accent", theme.accent.fg, dark.accent.fg),
    ] {
        let rgb = [color, other].into_iter().find_map(|color| match color {
            Some(Color::Rgb(r, g, b)) => Some((r, g, b)),
            _ => None,
        });
        let (r, g, b) = rgb.unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, " --{name}: #{r:02x}{g:02x}{b:02x};");
    }
    text + " }"
}
