//! The order as a story: one row an event, told in words.
//!
//! A release and the grant that it causes share a row, because together they are the handoff. The
//! order panel, the printed sequence diagram and recordings all tell this one story.

mod tell;

use std::borrow::Cow;

use super::why::Watch;
use super::{Owners, State, Trace, words};
use crate::event::{Event, Family, LockId, Names, TaskId, Time, What};

use tell::granting;
pub(crate) use tell::option;
pub use tell::{shorter, tell};

/// What kind of row it is; how it is drawn follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// A task's life and its sleep.
    Life,
    /// Asking, and being in the queue.
    Wait,
    /// Given the lock, not run yet.
    Grant,
    /// In the critical section.
    Acquire,
    /// Letting go.
    Release,
    /// Gave up, or did not get it.
    Cancel,
    /// What the program prints.
    Print,
    /// What is read and written.
    Data,
    /// A caption.
    Caption,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The first event it tells.
    pub seq: u64,
    /// The last event it tells.
    pub last: u64,
    /// Their time.
    pub at: Time,
    /// Whose row it is.
    pub task: TaskId,
    /// What happened, in a few words.
    pub text: String,
    /// The same in fewer, from long to short, where there is little room.
    pub shorter: Vec<String>,
    /// What kind of thing that is.
    pub tone: Tone,
    /// Who was let in, if this row is a handoff, and the word for that.
    pub handoff: Option<(TaskId, &'static str)>,
    /// The lock it is about.
    pub lock: Option<LockId>,
    /// Whose the lock is afterwards.
    pub owners: Owners,
    /// Whether none of them has run yet.
    pub granted: bool,
    /// Whether it can be left out where there is little room.
    pub minor: bool,
}

impl Row {
    /// What happened, in the longest words that fit, or else in the shortest.
    pub fn fitting(&self, fits: impl Fn(&str) -> bool) -> &str {
        fitting(&self.text, &self.shorter, fits)
    }

    /// Whose the lock is after it, the names in about so many characters. Where there are several locks it
    /// says which, and nothing in a row that is about none; `None` if there is nobody to name.
    pub fn owner(&self, names: &Names, room: usize) -> Option<String> {
        let lock = names.locks.get(self.lock?.0 as usize)?;
        let owned = !matches!(lock.kind.family(), Family::Notify | Family::Channel);
        let prefix = if names.locks.len() > 1 { format!("{}: ", lock.name) } else { String::new() };
        if self.owners.is_empty() {
            return (owned && !prefix.is_empty()).then(|| format!("{prefix}·"));
        }
        let room = room.saturating_sub(prefix.chars().count());
        Some(format!("{prefix}{}", words::group(names, &self.owners, room)))
    }
}

/// The longest of these words that fit, or else the shortest.
pub fn fitting<'a>(text: &'a str, shorter: &'a [String], fits: impl Fn(&str) -> bool) -> &'a str {
    if fits(text) {
        return text;
    }
    shorter.iter().find(|words| fits(words)).or(shorter.last()).map_or(text, String::as_str)
}

/// The rows that tell the events after moment `from`, up to and including moment `to`.
pub fn rows(trace: &Trace, from: u64, to: u64) -> Vec<Row> {
    rows_and_state(trace, from, to).0
}

/// The same, and what holds at `to`: whoever wants both need not come there twice.
pub fn rows_and_state(trace: &Trace, from: u64, to: u64) -> (Vec<Row>, Cow<'_, State>) {
    let mut rows = Rows::new(trace, from, to);
    (rows.by_ref().collect(), rows.state)
}

/// The same, one after the other.
pub(super) struct Rows<'a> {
    trace: &'a Trace,
    /// What holds after all that was told.
    state: Cow<'a, State>,
    /// Which event is told next, and which last.
    next: u64,
    to: u64,
    /// The last row: what comes next may belong to it.
    last: Option<Row>,
    /// What has fewer characters need not be told in fewer words.
    room: usize,
    /// What lasts in a program, if anybody asks for it, and what there is to say of that before the next row.
    watch: Option<Watch>,
    lasting: Vec<String>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(trace: &'a Trace, from: u64, to: u64) -> Self {
        let (state, next, to) = (trace.state(from), from + 1, to.min(trace.len()));
        Self { trace, state, next, to, last: None, room: 0, watch: None, lasting: Vec::new() }
    }

    /// The same, and looks for what lasts.
    pub(super) fn watched(self) -> Self {
        Self { watch: Some(Watch::default()), ..self }
    }

    /// What has lasted for long since the last row.
    pub(super) fn take_lasting(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lasting)
    }

    /// Looks for what has lasted until this event. Of a scenario its engine tells more.
    fn look(&mut self, event: &Event) {
        let watch = self.watch.as_mut().filter(|watch| event.actor.step.is_none() && watch.is_due(event.at));
        for lasting in watch.into_iter().flat_map(|watch| watch.look(&self.state, event.at, None)) {
            self.lasting.push(lasting.tell(self.trace.names(), &self.state));
        }
    }

    /// The same where there is so much room: a row that has fewer characters has no fewer words.
    pub(super) fn in_columns_of(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// Tells the next event: in the row before it, or in one of its own.
    fn tell(&mut self, event: &Event) -> Option<Row> {
        let (trace, seq) = (self.trace, event.seq);
        let state = self.state.to_mut();
        state.apply(event);
        let only_lock = (trace.names().locks.len() == 1).then_some(LockId(0));
        let lock = event.what.lock().or(only_lock);
        let of_lock = lock.and_then(|lock| state.lock(lock));
        let owners = of_lock.map_or_else(Owners::default, |lock| match lock.heir() {
            Some(heir) if lock.owner().is_none() => Owners::only(heir.task),
            _ => lock.group(),
        });
        let granted = of_lock.is_some_and(|lock| lock.holders.is_empty());
        // Whether the grant, which is one of the last two events, is a handoff by the other one.
        let caused = |grant: u64, by: u64| {
            let handoff = || Some(trace.handoffs(grant)).filter(|all| all.last_seq() == Some(grant))?.last();
            handoff().is_some_and(|handoff| handoff.from(seq).is_some_and(|from| from.seq == by))
        };
        let mut before = self.last.as_mut().filter(|before| before.handoff.is_none());
        if let Some(before) = &mut before
            && matches!(event.what, What::Grant { .. })
            && caused(seq, before.last)
        {
            before.handoff = Some((event.actor.task, granting(event, of_lock)));
            (before.last, before.owners, before.granted) = (seq, owners, granted);
            return None;
        }
        let stood = if seq <= trace.opening() { standing(event, trace.names()) } else { None };
        let is_told = stood.is_some();
        let (text, tone) = stood.unwrap_or_else(|| tell(event, state, trace.names()));
        let late = matches!(event.what, What::Wake)
            && state.task(event.actor.task).is_some_and(|task| task.late.is_some());
        let fits = text.len() < self.room || text.chars().count() < self.room;
        let mut row = Row {
            seq,
            last: seq,
            at: event.at,
            task: event.actor.task,
            shorter: if fits || is_told { Vec::new() } else { shorter(event, state, trace.names()) },
            text,
            tone,
            handoff: None,
            lock,
            owners,
            granted,
            minor: (tone == Tone::Life && !late) || matches!(event.what, What::Get { .. }),
        };
        // What wakes within the sending of a message is on record before it.
        if let Some(before) = before.filter(|before| before.tone == Tone::Grant)
            && caused(before.seq, seq)
        {
            let word = trace.event(before.seq).map_or("", |grant| granting(&grant, of_lock));
            row.handoff = Some((before.task, word));
            row.seq = before.seq;
            *before = row;
            return None;
        }
        self.last.replace(row)
    }
}

/// What is told of where things stood at the beginning, if that is something else than what an event like it tells.
fn standing(event: &Event, names: &Names) -> Option<(String, Tone)> {
    Some(match event.what {
        What::Spawn => ("is there".into(), Tone::Life),
        What::Grant { lock, .. } if names.locks.len() > 1 => {
            (format!("was granted {}", names.lock(lock)), Tone::Grant)
        }
        What::Grant { .. } => ("was granted".into(), Tone::Grant),
        // Nobody knows any more who did it.
        What::AddPermits { lock, permits } => {
            (format!("{} of {} came before", words::permits(permits), names.lock(lock)), Tone::Caption)
        }
        What::ForgetPermits { lock, permits } => {
            (format!("{} of {} went before", words::permits(permits), names.lock(lock)), Tone::Caption)
        }
        _ => return None,
    })
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        while self.next <= self.to {
            let Some(event) = self.trace.event(self.next) else { break };
            self.next += 1;
            self.look(&event);
            if let Some(row) = self.tell(&event) {
                return Some(row);
            }
        }
        self.last.take()
    }
}
