//! What happens in a program as lines, where there is no terminal to draw in.

use std::io::{self, Write};
use std::time::Duration;

use super::super::args::ListFormat;
use super::super::{Failure, is_utf8};
use crate::event::{Bundle, Event, Mode, Names, Outcome, Time, What};
use crate::live::{Frame, Live};
use crate::trace::{End, Ring, State, json_end_line, json_line, json_ring_line, why, words};

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
    let cause = stuck.told.first().map(|ring| ring.cause);
    match format {
        ListFormat::Text => {
            writeln!(out, "{:>12}  {}", at.to_string(), gone.as_deref().unwrap_or("the end"))?;
        }
        ListFormat::Json => writeln!(out, "{}", json_end_line(&end, cause, earlier))?,
    }
    out.flush()?;
    Ok(())
}

/// Who waits for whom, and those who wait for each other and were told of.
#[derive(Default)]
struct Stuck {
    state: State,
    told: Vec<Ring>,
    /// When it was looked for last.
    looked: Time,
}

impl Stuck {
    /// To look for them with every event would cost more than all else.
    const PAUSE: Duration = Duration::from_millis(100);

    fn learn(&mut self, names: &Names, event: &Event) {
        self.state.grow(names);
        self.state.apply(event);
        if matches!(event.what, What::Lost { .. }) {
            // Where things stand is told again now.
            self.looked = event.at;
        }
    }

    /// Tells of those who wait for each other `now`, at the end of all or before, and were not told of just before.
    fn tell(
        &mut self,
        out: &mut impl Write,
        names: &Names,
        (now, end): (Time, Option<&End>),
        format: ListFormat,
    ) -> io::Result<()> {
        if now.since(self.looked) < Self::PAUSE && end.is_none() {
            return Ok(());
        }
        self.looked = now;
        let over = end.is_some_and(|end| why::breaks_off(end, self.state.at));
        // Those who wait on are not told of again, whatever was lost of when they began to.
        let told = std::mem::take(&mut self.told);
        for ring in why::lasting(&self.state, now, true) {
            let again = told.iter().any(|told| told.is_again(&ring));
            if !again && !over && !why::lasts(&ring, now) {
                continue;
            }
            match format {
                _ if again => {}
                ListFormat::Text => {
                    let text = why::tell(names, std::slice::from_ref(&ring)).unwrap_or_default();
                    let line = format!("{:>12}  {}", now.to_string(), words::clean(&text));
                    let line = if is_utf8() { line } else { line.chars().map(words::ascii).collect() };
                    writeln!(out, "{line}")?;
                }
                ListFormat::Json => writeln!(out, "{}", json_ring_line(names, &ring, now))?,
            }
            self.told.push(ring);
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
        What::AddPermits { permits, .. } => format!("adds {permits} permits to {lock}"),
        What::ForgetPermits { permits, .. } => format!("takes {permits} permits out of {lock}"),
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
