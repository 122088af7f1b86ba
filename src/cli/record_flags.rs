//! The flags of `record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{AxisFlag, EngineFlags, LockFlags, ThemeFlag, speed};
use super::record::{Format, format};
use crate::record::At;
use crate::scenario::parse_duration;
use crate::view::{MIN_HEIGHT, MIN_WIDTH};

/// What to record, and how.
#[derive(Debug, Clone, Args)]
pub struct RecordFlags {
    /// A file, the id of an embedded scenario (see `list`), or a trace file
    pub scenario: String,
    /// A file to write; its ending names the format, `-` is the standard output. More than once for several
    #[arg(short, long, required = true, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// The format of files whose ending names none, and of the standard output
    #[arg(long, value_parser = format)]
    pub format: Option<&'static Format>,
    /// Columns and rows
    #[arg(long, value_name = "COLSxROWS", default_value = "100x30", value_parser = size)]
    pub size: (u16, u16),
    /// Pictures a second: 20 or 25; or one an event, each shown for a second [default: 25, of an .svg events]
    #[arg(long, value_enum)]
    pub fps: Option<Fps>,
    /// How fast the recording goes, 0.05 to 50
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Only from one moment to another, for example 1s..2500ms, 1s.. or ..2s
    #[arg(long, value_name = "A..B", value_parser = range, default_value = "..")]
    pub range: (Option<Duration>, Option<Duration>),
    /// How long the last picture stays
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    pub hold: Duration,
    /// The moment of a still (.png, .svg): a time, marker:LABEL or event:N; with it an .svg is a still
    #[arg(long, value_name = "MOMENT", value_parser = at)]
    pub at: Option<At>,
    /// Colours
    #[arg(long, value_enum, default_value_t = ThemeFlag::Dark)]
    pub theme: ThemeFlag,
    /// Draw along time, or along the order with one column an event
    #[arg(long, value_enum, default_value_t = AxisFlag::Time)]
    pub axis: AxisFlag,
    /// Big mode, for the lecture hall
    #[arg(long)]
    pub big: bool,
    /// The size of the letters in pictures, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(5..=200))]
    pub font_size: u16,
    /// A .gif or .svg stays at its last picture, instead of beginning again
    #[arg(long)]
    pub no_loop: bool,
    /// Another title [default: the scenario's]
    #[arg(long)]
    pub title: Option<String>,
    /// The version of the asciicast format: 2 or 3
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=3))]
    pub cast_version: u8,
    /// Give a file up that would get larger, for example 500000, 340KB or 2MB
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_bytes: Option<u64>,
    /// How to run.
    #[command(flatten)]
    pub engine: EngineFlags,
    /// With which locks.
    #[command(flatten)]
    pub locks: LockFlags,
}

/// How many pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fps {
    /// Twenty a second
    #[value(name = "20")]
    Seldom,
    /// Twenty-five a second
    #[value(name = "25")]
    Often,
    /// One an event, each shown for a second
    Events,
}

/// The largest picture: no terminal is wider, and every program that plays a recording can show it.
const LARGEST: (u16, u16) = (500, 200);

fn size(text: &str) -> Result<(u16, u16), String> {
    let (least, most) = ((MIN_WIDTH, MIN_HEIGHT), LARGEST);
    let wrong = || {
        format!(
            "expected columns and rows such as 100x30, from {}x{} to {}x{}",
            least.0, least.1, most.0, most.1
        )
    };
    let (columns, rows) = text.split_once(['x', '×']).ok_or_else(wrong)?;
    match (columns.parse(), rows.parse()) {
        (Ok(columns), Ok(rows))
            if (least.0..=most.0).contains(&columns) && (least.1..=most.1).contains(&rows) =>
        {
            Ok((columns, rows))
        }
        _ => Err(wrong()),
    }
}

fn range(text: &str) -> Result<(Option<Duration>, Option<Duration>), String> {
    let (from, to) = text.split_once("..").ok_or("expected two moments such as 1s..2500ms")?;
    let moment = |text: &str| {
        if text.is_empty() { Ok(None) } else { parse_duration(text).map(Some) }
    };
    match (moment(from)?, moment(to)?) {
        (Some(from), Some(to)) if from >= to => Err("the second moment must be later than the first".into()),
        range => Ok(range),
    }
}

fn at(text: &str) -> Result<At, String> {
    if let Some(label) = text.strip_prefix("marker:") {
        return Ok(At::Marker(label.to_owned()));
    }
    if let Some(number) = text.strip_prefix("event:") {
        return number.parse().map(At::Event).map_err(|_| "expected the number of an event".into());
    }
    let time = parse_duration(text);
    time.map(|time| At::Time(time.into())).map_err(|wrong| format!("{wrong}, or marker:LABEL, or event:N"))
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        _ => None,
    };
    let count: Option<u64> = digits.parse().ok();
    count
        .zip(unit)
        .and_then(|(count, unit)| count.checked_mul(unit))
        .ok_or_else(|| "expected a number of bytes such as 500000, 340KB or 2MB".into())
}
