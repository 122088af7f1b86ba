//! `order`: a whole run at full speed, and the three ways to print it.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;
use crate::app;
use crate::engine::{self, Cause, Options, Refused, Stop};
use crate::event::What;
use crate::record::Recording;
use crate::scenario::Plan;
use crate::trace::{End, Trace, json_end_line, json_line, text, why, words};

/// Runs `plan` to its end; also why it ended when it did.
pub fn trace(plan: &Arc<Plan>, options: &Options) -> Result<(Trace, Cause), Refused> {
    let kept = Arc::new(Mutex::new(Trace::new(plan.names())));
    let theirs = kept.clone();
    let sink = move |event| {
        theirs.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        true
    };
    let end = engine::run(plan, options, sink, &Stop::default())?;
    let mut trace = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    trace.finish(End { outcome: end.outcome, at: end.at, note: app::note(plan, end.cause) });
    Ok((trace, end.cause))
}

/// Bytes that are written at once.
const ROOM: usize = 64 << 10;

/// Where all of it goes, in large pieces.
pub fn out() -> impl Write {
    io::BufWriter::with_capacity(ROOM, io::stdout().lock())
}

/// Prints the sequence diagram of a recording.
pub fn print_text(recording: &Recording, ascii: bool) -> Result<(), Failure> {
    let mut out = out();
    text(&mut out, &recording.plan, &recording.trace, ascii)?;
    out.flush()?;
    Ok(())
}

/// A sequence diagram, with the reasons; with nothing but ASCII if that is asked for.
pub fn text(out: &mut impl Write, plan: &Plan, trace: &Trace, ascii: bool) -> io::Result<()> {
    let mut text = Text { out, ascii, error: None };
    let told = write_text(&mut text, plan, trace);
    text.error.map_or(told.map_err(io::Error::other), Err)
}

fn write_text(text: &mut impl fmt::Write, plan: &Plan, trace: &Trace) -> fmt::Result {
    writeln!(text, "{}", words::clean(&plan.title))?;
    if let Some(lesson) = &plan.lesson {
        writeln!(text, "{}", words::clean(lesson))?;
    }
    writeln!(text)?;
    text::write_sequence_diagram(text, trace)
}

/// Text on its way to where bytes go.
struct Text<'a, W> {
    out: &'a mut W,
    ascii: bool,
    /// Why the last write failed.
    error: Option<io::Error>,
}

impl<W: Write> fmt::Write for Text<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let written = if self.ascii && !text.is_ascii() {
            let plain: String = text.chars().map(words::ascii).collect();
            self.out.write_all(plain.as_bytes())
        } else {
            self.out.write_all(text.as_bytes())
        };
        written.map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}

/// What the program itself prints.
pub fn prints(out: &mut impl Write, plan: &Plan, trace: &Trace) -> io::Result<()> {
    for event in trace.events() {
        match &event.what {
            What::Print { text } => writeln!(out, "{}", words::clean(text))?,
            What::Debug { name, value, place: (line, column) } => {
                let shown = format!("{:#?}", value.as_deref());
                let file = words::clean(&plan.file);
                let mut lines = shown.lines();
                let first = lines.next().unwrap_or_default();
                writeln!(out, "[{file}:{line}:{column}] {} = {}", words::clean(name), words::clean(first))?;
                for line in lines {
                    writeln!(out, "{}", words::clean(line))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Events, one a line, and the end.
pub fn json(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    for event in trace.events() {
        writeln!(out, "{}", json_line(trace.names(), &event))?;
    }
    if let Some(end) = trace.end() {
        let cause = trace.deadlock().map(|deadlock| deadlock.cause);
        let cause = cause.or_else(|| why::lasting_at_the_end(trace).first().map(|ring| ring.cause));
        writeln!(out, "{}", json_end_line(end, cause, trace.earlier()))?;
    }
    Ok(())
}
