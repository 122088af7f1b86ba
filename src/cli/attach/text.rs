//! What happens in a program as lines, where there is no terminal to draw in.

use std::io::{self, Write};

use super::super::args::ListFormat;
use super::super::{Failure, is_utf8};
use crate::event::{Bundle, Event, Mode, Names, Outcome, Time, What};
use crate::live::{Frame, Live};
use crate::trace::why::{Lasting, Watch};
use crate::trace::{End, State, json_end_line, json_line, json_ring_line, json_standstill_line, words};

/// Prints what the program tells, until its end.
pub(super) fn print(live: &mut Live, format: ListFormat) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut names, mut seq, mut at) = (Names::default(), 0, Time::ZERO);
    let (mut earlier, mut opening) = (0, 0);
    let mut stuck = Stuck::default();
    let gone = loop {
        // What is known is told before more is waited for.
        if !live.is_ready() {
            out.flush()?;
        }
        let events = match live.read() {
            Ok(Frame::Task(name)) => {
                names.tasks.push(name);
                continue;
            }
            Ok(Frame::Lock(lock)) => {
                names.locks.push(lock);
                continue;
            }
            Ok(Frame::Before { events, opening: told }) => {
                (earlier, opening) = (events, told);
                match format {
                    ListFormat::Text => {
                        let events = words::events(events);
                        writeln!(out, "{:>12}  {events} came before; it begins with what holds now", "")?;
                    }
                    ListFormat::Json => {
                        let before =
                            serde_json::json!({ "event": "before", "events": events, "opening": told });
                        writeln!(out, "{before}")?;
                    }
                }
                continue;
            }
            Ok(Frame::Now(now)) => {
                at = now.max(at);
                stuck.tell(&mut out, &names, (at, None), format)?;
                continue;
            }
            Ok(Frame::End(end)) => {
                at = end.max(at);
                break None;
            }
            Ok(Frame::Events(events)) => Bundle { events, asides: Vec::new() },
            Ok(Frame::Aside(event)) => Bundle::from_iter([event]),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let why = error.to_string();
                return Err(Failure::Failed(format!(
                    "the program says what no program says: {}",
                    words::clean(&why)
                )));
            }
            Err(_) => break Some("the program is gone".to_owned()),
        };
        for event in events.iter() {
            seq += 1;
            at = event.at.max(at);
            let event = Event { seq, at, ..event };
            match format {
                ListFormat::Text => {
                    let line = sentence(&names, &event, seq <= opening);
                    let line = if is_utf8() { line } else { line.chars().map(words::ascii).collect() };
                    writeln!(out, "{line}")?;
                }
                ListFormat::Json => writeln!(out, "{}", json_line(&names, &event))?,
            }
            stuck.learn(&names, &event);
            stuck.tell(&mut out, &names, (at, None), format)?;
        }
    };
    let end = End { outcome: Outcome::Stopped, at, note: gone.clone() };
    stuck.tell(&mut out, &names, (at, Some(&end)), format)?;
    let cause = stuck.watch.ring().map(|ring| ring.cause);
    match format {
        ListFormat::Text => {
            writeln!(out, "{:>12}  {}", at.to_string(), gone.as_deref().unwrap_or("the end"))?;
        }
        ListFormat::Json => writeln!(out, "{}", json_end_line(&end, cause, earlier))?,
    }
    out.flush()?;
    Ok(())
}

/// Who waits for whom, and what of that has lasted.
#[derive(Default)]
struct Stuck {
    state: State,
    watch: Watch,
}

impl Stuck {
    fn learn(&mut self, names: &Names, event: &Event) {
        self.state.grow(names);
        self.state.apply(event);
        if matches!(event.what, What::Lost { .. }) {
            self.watch.begin_again(event.at);
        }
    }

    /// Tells of what has lasted until `now`, at the end of all or before, and was not told of just before.
    fn tell(
        &mut self,
        out: &mut impl Write,
        names: &Names,
        (now, end): (Time, Option<&End>),
        format: ListFormat,
    ) -> io::Result<()> {
        if !self.watch.is_due(now) && end.is_none() {
            return Ok(());
        }
        for lasting in self.watch.look(&self.state, now, end) {
            match (format, &lasting) {
                (ListFormat::Text, _) => {
                    let text = lasting.tell(names, &self.state);
                    let line = format!("{:>12}  {}", now.to_string(), words::clean(&text));
                    let line = if is_utf8() { line } else { line.chars().map(words::ascii).collect() };
                    writeln!(out, "{line}")?;
                }
                (ListFormat::Json, Lasting::Ring(ring)) => {
                    writeln!(out, "{}", json_ring_line(names, ring, now))?;
                }
                (ListFormat::Json, Lasting::Standstills(all)) => {
                    for still in all {
                        writeln!(out, "{}", json_standstill_line(names, &self.state, still, now))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// An event as a line for people: one of what holds where it `opens`.
fn sentence(names: &Names, event: &Event, opens: bool) -> String {
    let lock = event.what.lock().map_or("", |lock| names.lock(lock));
    let lock = words::clean(lock);
    let much = |mode| match mode {
        Mode::Shared => " (shared)".to_owned(),
        Mode::Permits(permits) => format!(" ({})", words::permits(permits)),
        _ => String::new(),
    };
    let what = match &event.what {
        What::Wait { mode, .. } => format!("waits for {lock}{}", much(*mode)),
        What::Grant { mode, .. } => format!("is granted {lock}{}", much(*mode)),
        What::Acquire { mode, .. } => format!("acquires {lock}{}", much(*mode)),
        What::Release { .. } => format!("releases {lock}"),
        What::Cancel { .. } => format!("gives up {lock}"),
        What::Busy { .. } => format!("finds {lock} busy"),
        What::AddPermits { permits, .. } => format!("adds {} to {lock}", words::permits(*permits)),
        What::ForgetPermits { permits, .. } => format!("takes {} out of {lock}", words::permits(*permits)),
        What::Print { text } | What::Say { text } => words::clean(text).into_owned(),
        What::Lost { events } => {
            return format!(
                "{:>12}  {events} events are missing here; it goes on with what holds now",
                event.at.to_string()
            );
        }
        What::Spawn if opens => "is there".to_owned(),
        What::Spawn => "starts".to_owned(),
        What::Finish => "ends".to_owned(),
        other => format!("{} {lock}", other.name()).trim_end().to_owned(),
    };
    format!("{:>12}  {:<16} {what}", event.at.to_string(), words::clean(names.task(event.actor.task)))
}
