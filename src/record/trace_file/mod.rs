//! Trace files, written and read. Their format is told in [`record`](super).

mod budget;
mod head;
mod line;

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use super::Recording;
use crate::engine::MAX_EVENTS;
use crate::event::Outcome;
use crate::trace::{End, Trace, json_end_line, json_escape, json_line};
pub(crate) use budget::Budget;
use head::Head;
use line::{Line, Reader};

/// How a trace file begins.
pub const BEGINNING: &[u8] = b"{\"lockscope\":";

/// The version that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// Bytes of a line: a scenario of a megabyte fits, however much of it has to be escaped.
const MAX_LINE: u64 = 8 << 20;

/// Bytes of a file: a million events of the common size.
const MAX_FILE: u64 = 256 << 20;

/// Writes `recording` as a trace file.
///
/// # Errors
///
/// What `out` says; [`InvalidInput`](io::ErrorKind::InvalidInput) for more tasks or locks than a trace file
/// has, or two of one name.
pub fn write(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let names = recording.trace.names();
    head::fits(names).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    writeln!(out, "{}", json_escape(serde_json::to_string(&Head::of(recording))?))?;
    for event in recording.trace.events() {
        writeln!(out, "{}", json_line(names, &event))?;
    }
    if let Some(end) = recording.trace.end() {
        writeln!(out, "{}", json_end_line(end, recording.trace.deadlock().map(|deadlock| deadlock.cause)))?;
    }
    Ok(())
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
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A trace file of which nothing can be used.
#[derive(Debug)]
pub enum Unreadable {
    /// It does not begin like one.
    NotARecording,
    /// It comes from a newer lockscope.
    Newer(u64),
    /// Something is wrong with its version line.
    Head(String),
    /// It could not be read at all.
    Io(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording => {
                f.write_str("it is no recording: the first line of one begins with `{\"lockscope\":`")
            }
            Self::Newer(version) => write!(
                f,
                "it was recorded by a newer lockscope: its format is version {version}, and this one reads \
                 up to version {VERSION}"
            ),
            Self::Head(what) => write!(f, "line 1: {what}"),
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
/// What is damaged plays up to the damage: the run ends there, and says so. Lines and the file have a
/// length, events, tasks, locks and operations a number, values a size beyond which nothing is read.
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
pub fn read(file: impl BufRead) -> Result<Reading, Unreadable> {
    let mut lines = Lines { file: file.take(MAX_FILE + 1), number: 0, line: Vec::new() };
    let head = match lines.next() {
        Ok(Some(line)) => Head::read(line)?,
        Ok(None) => return Err(Unreadable::NotARecording),
        Err(Stopped::Io(error)) => return Err(error.into()),
        Err(Stopped::TooLong) => return Err(Unreadable::Head("it is too long".into())),
    };
    let (plan, source, names) = head.describes().map_err(Unreadable::Head)?;
    let mut trace = Trace::new(names);
    let damage = match events(&mut lines, &mut trace) {
        Ok(()) => None,
        Err(Broken::Io(error)) => return Err(error.into()),
        Err(Broken::Here(what)) => Some(Damage { line: lines.number, what }),
    };
    if let (Some(damage), None) = (&damage, trace.end()) {
        let at = trace.at(trace.len());
        let note = Some(format!("damaged at {damage}"));
        trace.finish(End { outcome: Outcome::Stopped, at, note });
    }
    let recording =
        Recording { plan: Arc::new(plan), source, trace, clock: head.clock(), horizon: head.horizon() };
    Ok(Reading { recording, damage })
}

/// Lines of a bounded length.
struct Lines<R> {
    file: io::Take<R>,
    /// The number of the last line that was looked for.
    number: u64,
    line: Vec<u8>,
}

enum Stopped {
    Io(io::Error),
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// The next line with its end; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, Stopped> {
        self.number += 1;
        self.line.clear();
        let mut bounded = (&mut self.file).take(MAX_LINE + 1);
        bounded.read_until(b'\n', &mut self.line).map_err(Stopped::Io)?;
        if self.line.len() as u64 > MAX_LINE {
            return Err(Stopped::TooLong);
        }
        Ok((!self.line.is_empty()).then_some(&self.line))
    }
}

/// Why the events end before the file does.
enum Broken {
    Io(io::Error),
    Here(String),
}

impl From<String> for Broken {
    fn from(what: String) -> Self {
        Self::Here(what)
    }
}

fn events<R: BufRead>(lines: &mut Lines<R>, trace: &mut Trace) -> Result<(), Broken> {
    let reader = Reader::new(trace.names());
    let mut budget = Budget::new(MAX_EVENTS);
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return Err(Broken::Here("its end is missing".into())),
            Err(Stopped::Io(error)) => return Err(Broken::Io(error)),
            Err(Stopped::TooLong) => return Err(Broken::Here("it is too long".into())),
        };
        match reader.read(line)? {
            Line::Event(event) => {
                let expected = trace.len() + 1;
                if event.seq != expected {
                    return Err(Broken::Here(format!("event {} stands where {expected} belongs", event.seq)));
                }
                budget.spend(&event, trace.names().tasks.len())?;
                trace.push(event);
            }
            Line::End(end) => {
                let last = trace.at(trace.len());
                trace.finish(End { at: end.at.max(last), ..end });
                break;
            }
        }
        if lines.file.limit() == 0 {
            return Err(Broken::Here(format!("the file has more than {} MiB", MAX_FILE >> 20)));
        }
    }
    match lines.next() {
        Ok(None) => Ok(()),
        Err(Stopped::Io(error)) => Err(Broken::Io(error)),
        Ok(Some(_)) | Err(Stopped::TooLong) => Err(Broken::Here("something stands behind the end".into())),
    }
}
