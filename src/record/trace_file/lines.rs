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
/// What `out` says; for what nobody reads back [`FileTooLarge`](io::ErrorKind::FileTooLarge) (more tasks, locks,
/// events or bytes than a trace file of lines has) or [`InvalidInput`](io::ErrorKind::InvalidInput) (two of one
/// name).
pub fn write(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let names = recording.trace.names();
    let mut distinct = Distinct::of_lines();
    distinct.have_room(names.tasks.len(), names.locks.len()).map_err(|why| too_much(&why))?;
    let added = distinct.add(&names.tasks, &names.locks);
    added.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    if recording.trace.len() > MAX_EVENTS {
        return Err(too_much(&format!("there are more than {MAX_EVENTS} events")));
    }
    let head = json_escape(serde_json::to_string(&Head::of(recording))?);
    if head.len() as u64 >= MAX_LINE {
        return Err(too_much(&format!("all names and the scenario need more than {} MiB", MAX_LINE >> 20)));
    }
    let out = &mut Bounded { out, left: MAX_FILE };
    writeln!(out, "{head}")?;
    for event in recording.trace.events() {
        writeln!(out, "{}", json_line(names, &event))?;
    }
    if let Some(end) = recording.trace.end() {
        let cause = recording.trace.deadlock().map(|deadlock| deadlock.cause);
        writeln!(out, "{}", json_end_line(end, cause, recording.trace.earlier()))?;
    }
    Ok(())
}

/// Says why it does not fit, and what it fits into.
fn too_much(why: &str) -> io::Error {
    let more_room = format!("{why}; a file that ends in `.lockscope` has more room");
    io::Error::new(io::ErrorKind::FileTooLarge, more_room)
}

/// Writes so many bytes and no more.
struct Bounded<'a, W> {
    out: &'a mut W,
    left: u64,
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let left = self.left.checked_sub(written as u64);
        self.left = left.ok_or_else(|| too_much(&format!("it has more than {} MiB", MAX_FILE >> 20)))?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
    let (earlier, opening) = head.before();
    trace.come_after(earlier, opening);
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
            Ok(None) => return Err(Broken::Here("it breaks off without an end".into())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_bytes_are_written_than_somebody_reads() {
        let mut written = Vec::new();
        let mut out = Bounded { out: &mut written, left: 5 };
        out.write_all(b"whole").unwrap();
        let error = out.write_all(b"!").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().starts_with("it has more than 256 MiB; "), "{error}");
    }
}
