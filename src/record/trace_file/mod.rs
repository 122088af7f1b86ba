//! Trace files, written and read: of [lines](write()), or [compact](write_compact). Their formats are told in
//! [`record`](super) and in [`compact`].

mod blocks;
mod budget;
mod head;
mod line;
mod lines;

use std::fmt;
use std::io::{self, BufRead};

use super::Recording;
use crate::compact;
use crate::event::Outcome;
use crate::trace::End;
pub use blocks::write_compact;
pub(crate) use budget::Budget;
pub use lines::write;

/// So many of the first bytes of a file tell whether it is a trace file.
pub const BEGINS: usize = lines::BEGINNING.len();

/// Whether a file that begins with `bytes`, which are [`BEGINS`] or all of it, is to be a trace file.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(lines::BEGINNING) || is_compact(bytes)
}

/// Of a compact one there may be less than what such a file begins with: nothing else begins so.
fn is_compact(bytes: &[u8]) -> bool {
    let most = bytes.len().min(compact::MAGIC.len());
    most > 0 && bytes[..most] == compact::MAGIC[..most]
}

/// What came of reading a trace file.
#[derive(Debug)]
pub struct Reading {
    /// The run, as far as it could be read.
    pub recording: Recording,
    /// Where the file is damaged, if it is.
    pub damage: Option<Damage>,
}

/// Where a trace file is damaged. What comes before that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A place in a trace file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, counted from 1.
    Line(u64),
    /// Where a block of a compact one begins: so many bytes stand before it.
    Byte(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// A trace file of which nothing can be used.
#[derive(Debug)]
pub enum Unreadable {
    /// It does not begin like one.
    NotARecording,
    /// It comes from a newer lockscope.
    Newer {
        /// Its version.
        version: u64,
        /// The newest version that is read.
        newest: u64,
    },
    /// Something is wrong with its version line, or with the block in its place.
    Head(Damage),
    /// It could not be read at all.
    Io(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording => f.write_str(
                "it is no recording: one begins with `{\"lockscope\":`, or as a `.lockscope` file does",
            ),
            Self::Newer { version, newest } => write!(
                f,
                "it was recorded by a newer lockscope: its format is version {version}, and this one reads \
                 up to version {newest}"
            ),
            Self::Head(damage) => damage.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a trace file, which may come from anybody.
///
/// What is damaged plays up to the damage: the run ends there, and says so. Lines, blocks and the file have a
/// length, events, tasks, locks and operations a number, values a size beyond which nothing is read: of lines a
/// million events, of a compact one 16 million, which is what a view of it takes a gigabyte for.
///
/// # Errors
///
/// [`Unreadable`] if there is nothing to play.
///
/// ```
/// use lockscope::record::trace_file::read;
///
/// let file = r#"{"lockscope":1,"title":"cut off","tasks":["reader"],"locks":[],"clock":"virtual"}
/// {"seq":1,"ns":0,"task":"reader","event":"spawn"}
/// {"seq":2,"ns":0,"task":"rea"#;
/// let read = read(file.as_bytes())?;
/// assert_eq!(read.recording.trace.len(), 1);
/// assert_eq!(read.damage.unwrap().to_string(), "line 3: it breaks off");
/// # Ok::<(), lockscope::record::trace_file::Unreadable>(())
/// ```
pub fn read(mut file: impl BufRead) -> Result<Reading, Unreadable> {
    // One that begins like neither is no more of lines than of blocks.
    let first = loop {
        match file.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first.first() == compact::MAGIC.first() { blocks::read(file) } else { lines::read(file) }
}

/// A run that was read; one that is damaged has an end at its damage.
fn whole(mut recording: Recording, damage: Option<Damage>) -> Reading {
    let trace = &mut recording.trace;
    if let (Some(damage), None) = (&damage, trace.end()) {
        let at = trace.at(trace.len());
        let note = Some(format!("damaged at {damage}"));
        trace.finish(End { outcome: Outcome::Stopped, at, note });
    }
    Reading { recording, damage }
}
