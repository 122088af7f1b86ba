//! Trace files of lines, one JSON object each: written for people and other programs.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use super::head::{self, Distinct, Head};
use super::line::{Line, Reader};
use super::{Budget, Damage, Place, Reading, Unreadable, whole};
use crate::engine::MAX_EVENTS;
use crate::record::Recording;
use crate::trace::{End, Trace, json_end_line, json_escape, json_line};

/// How one begins.
pub(super) const BEGINNING: &[u8] = b"{\"lockscope\":";

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u64 = 1;

/// Bytes of a line: a scenario of a megabyte fits, however much of it has to be escaped.
const MAX_LINE: u64 = 8 << 20;

/// Bytes of a file: a million events of the common size.
const MAX_FILE: u64 = 256 << 20;

/// Writes `recording` as a trace file of lines, `.jsonl`.
///
/// # Errors
///
/// What `out` says; [`InvalidInput`](io::ErrorKind::InvalidInput) for more tasks or locks than a trace file
/// has, or two of one name.
pub fn write(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let names = recording.trace.names();
    let fits = Distinct::of_lines().add(&names.tasks, &names.locks);
    fits.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    writeln!(out, "{}", json_escape(serde_json::to_string(&Head::of(recording))?))?;
    for event in recording.trace.events() {
        writeln!(out, "{}", json_line(names, &event))?;
    }
    if let Some(end) = recording.trace.end() {
        writeln!(out, "{}", json_end_line(end, recording.trace.deadlock().map(|deadlock| deadlock.cause)))?;
    }
    Ok(())
}

/// Reads one. See [`read`](super::read).
pub(super) fn read(file: impl BufRead) -> Result<Reading, Unreadable> {
    let mut lines = Lines { file: file.take(MAX_FILE + 1), number: 0, line: Vec::new() };
    let head = match lines.next() {
        Ok(Some(line)) => Head::read(line)?,
        Ok(None) => return Err(Unreadable::NotARecording),
        Err(Stopped::Io(error)) => return Err(error.into()),
        Err(Stopped::TooLong) => return Err(head::wrong("it is too long".into())),
    };
    let (plan, source, names) = head.describes().map_err(head::wrong)?;
    let mut trace = Trace::new(names);
    let damage = match events(&mut lines, &mut trace) {
        Ok(()) => None,
        Err(Broken::Io(error)) => return Err(error.into()),
        Err(Broken::Here(what)) => Some(Damage { place: Place::Line(lines.number), what }),
    };
    let recording =
        Recording { plan: Arc::new(plan), source, trace, clock: head.clock(), horizon: head.horizon() };
    Ok(whole(recording, damage))
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
                budget.spend(&event, trace)?;
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
