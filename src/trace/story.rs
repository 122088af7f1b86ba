//! The order as a story: one row an event, told in words.
//!
//! A release and the grant that it causes share a row, because together they are the handoff. The
//! order panel, the printed sequence diagram and recordings all tell this one story.

use serde_json::Value as Json;

use super::{State, Trace, words};
use crate::event::{Event, LockId, Names, TaskId, Time, What};

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
    /// What kind of thing that is.
    pub tone: Tone,
    /// To whom the lock went, if this row is a handoff.
    pub handoff: Option<TaskId>,
    /// The lock it is about.
    pub lock: Option<LockId>,
    /// Whose the lock is afterwards.
    pub owner: Option<TaskId>,
    /// Whether the owner has not run yet.
    pub granted: bool,
    /// Whether it can be left out where there is little room.
    pub minor: bool,
}

/// The rows that tell the events after moment `from`, up to and including moment `to`.
pub fn rows(trace: &Trace, from: u64, to: u64) -> Vec<Row> {
    let to = to.min(trace.len());
    let mut state = trace.state(from).into_owned();
    let mut rows: Vec<Row> = Vec::new();
    let only_lock = (trace.names().locks.len() == 1).then_some(LockId(0));
    for seq in from + 1..=to {
        let Some(event) = trace.event(seq) else { break };
        state.apply(event);
        let lock = lock_of(event).or(only_lock);
        let owner = lock.and_then(|id| {
            let lock = state.lock(id)?;
            lock.owner().or_else(|| lock.heir(trace.names().policy(id))).copied()
        });
        let granted = lock.and_then(|lock| state.lock(lock)).is_some_and(|lock| lock.holders.is_empty());
        let is_handoff = trace.handoffs(seq).last().is_some_and(|handoff| handoff.seq == seq);
        if is_handoff
            && let Some(row) = rows.last_mut()
            && row.lock == lock
            && matches!(row.tone, Tone::Release | Tone::Cancel)
            && row.handoff.is_none()
        {
            row.last = seq;
            row.handoff = Some(event.actor.task);
            row.owner = owner.map(|owner| owner.task);
            row.granted = granted;
            continue;
        }
        let (text, tone) = tell(event, &state, trace.names());
        rows.push(Row {
            seq,
            last: seq,
            at: event.at,
            task: event.actor.task,
            text,
            tone,
            handoff: None,
            lock,
            owner: owner.map(|owner| owner.task),
            granted,
            minor: matches!(tone, Tone::Life) || matches!(event.what, What::Get { .. }),
        });
    }
    rows
}

fn lock_of(event: &Event) -> Option<LockId> {
    match event.what {
        What::Get { lock, .. } | What::Insert { lock, .. } => Some(lock),
        ref what => what.acquisition().map(|(lock, _)| lock),
    }
}

/// One event in a few words; `state` is what holds after it. Where there are several locks, it says
/// which.
pub fn tell(event: &Event, state: &State, names: &Names) -> (String, Tone) {
    let (mut text, tone) = tell_one(event, state);
    if names.locks.len() > 1
        && let Some(lock) = lock_of(event)
    {
        text = format!("{text} {}", names.lock(lock));
    }
    (text, tone)
}

fn tell_one(event: &Event, state: &State) -> (String, Tone) {
    match &event.what {
        What::Spawn => ("starts".into(), Tone::Life),
        What::Finish => ("ends".into(), Tone::Life),
        What::Sleep { until } => {
            (format!("sleeps {}", words::brief(words::timer(event.at, *until))), Tone::Life)
        }
        What::Wake => ("wakes".into(), Tone::Life),
        What::Wait { lock, op } => {
            // Whoever begins to wait is the last, or nearly.
            let queue = state.lock(*lock).map(|lock| &lock.queue);
            let position = queue.and_then(|queue| queue.iter().rposition(|place| place.op == *op));
            let position = position.map_or(1, |position| position + 1);
            (format!("waits #{position}"), Tone::Wait)
        }
        What::Grant { lock, op } => {
            let place = state.lock(*lock).and_then(|lock| lock.granted.iter().find(|place| place.op == *op));
            // Granted in the very event with which it asked: it got the lock at once, but has to let
            // others run first, because its cooperative budget is used up.
            let at_once = place.is_some_and(|place| place.asked_seq == event.seq);
            (if at_once { "granted, yields first" } else { "granted" }.into(), Tone::Grant)
        }
        What::Acquire { .. } => ("acquires".into(), Tone::Acquire),
        What::Release { .. } => ("release".into(), Tone::Release),
        What::Cancel { .. } => ("gives up".into(), Tone::Cancel),
        What::Busy { .. } => ("try_lock fails".into(), Tone::Cancel),
        What::Print { text } => (text.to_string(), Tone::Print),
        What::Debug { name, value, .. } => (format!("{name} = {}", option(value.as_deref())), Tone::Print),
        What::Get { key, value, .. } => (format!("get {key}: {}", option(value.as_deref())), Tone::Data),
        What::Insert { value, .. } => (format!("insert {value}"), Tone::Data),
        What::Say { text } => (text.to_string(), Tone::Caption),
    }
}

/// A value that may not be there, briefly.
fn option(value: Option<&Json>) -> String {
    value.map_or_else(|| "None".into(), |value| format!("Some({value})"))
}
