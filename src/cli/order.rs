//! `order`: a whole run at full speed, and the three ways to print it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;
use crate::app;
use crate::engine::{self, Cause, Options, Refused, Stop};
use crate::event::{Event, What};
use crate::record::Recording;
use crate::scenario::Plan;
use crate::trace::{End, Trace, json_end_line, json_line, text, words};

/// Runs `plan` to its end; also why it ended when it did.
pub fn trace(plan: &Arc<Plan>, options: &Options) -> Result<(Trace, Cause), Refused> {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let end = {
        let events = events.clone();
        let sink = move |event| {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            true
        };
        engine::run(plan, options, sink, &Stop::default())?
    };
    let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
    let mut trace = Trace::of(plan.names(), events);
    trace.finish(End { outcome: end.outcome, at: end.at, note: app::note(plan, end.cause) });
    Ok((trace, end.cause))
}

/// Prints the sequence diagram of a recording.
pub fn print_text(recording: &Recording, ascii: bool) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    text(&mut out, &recording.plan, &recording.trace, ascii)?;
    out.flush()?;
    Ok(())
}

/// A sequence diagram, with the reasons; with nothing but ASCII if that is asked for.
pub fn text(out: &mut impl Write, plan: &Plan, trace: &Trace, ascii: bool) -> io::Result<()> {
    let title = words::clean(&plan.title);
    let lesson =
        plan.lesson.as_ref().map_or_else(String::new, |lesson| format!("{}\n", words::clean(lesson)));
    let all = format!("{title}\n{lesson}\n{}", text::sequence_diagram(trace));
    if ascii {
        let plain: String = all.chars().map(words::ascii).collect();
        return out.write_all(plain.as_bytes());
    }
    out.write_all(all.as_bytes())
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
        writeln!(out, "{}", json_end_line(end, trace.deadlock().map(|deadlock| deadlock.cause)))?;
    }
    Ok(())
}
