//! Handoffs: a release that passes the ownership on to a waiter.

use super::State;
use crate::event::{Event, LockId, OpId, TaskId, Time, What};

/// How a lock became free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Its guard was dropped.
    Released,
    /// Its owner was cancelled before it had run.
    Cancelled,
}

/// When a lock last became free, and through whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// The event.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// Who had owned the lock.
    pub task: TaskId,
    /// How it let go.
    pub how: Passed,
}

/// What became of a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its receiver owns the lock and has not run yet.
    Granted,
    /// Its receiver ran with the guard.
    Ran,
    /// Its receiver was cancelled before it ran.
    Cancelled,
}

/// One handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handoff {
    /// The grant.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// The lock.
    pub lock: LockId,
    /// The receiver's acquisition.
    pub op: OpId,
    /// The receiver.
    pub to: TaskId,
    /// Whose release or cancellation made the lock free, where that is known.
    pub from: Option<Freed>,
    /// When the receiver had asked.
    pub asked: Time,
    /// The event with which it had asked.
    pub asked_seq: u64,
    /// Since when it had been the first in the queue; `None` if it was not.
    pub first: Option<Time>,
    /// Its place in the queue, counted from 1.
    pub position: usize,
    /// Who had last given up a place ahead of it, and when.
    pub cleared: Option<(TaskId, Time)>,
    /// The event that decided its fate, and how: later than the grant, so only [`Handoff::fate`]
    /// may tell, which knows the moment that is looked at.
    settled: Option<(u64, Fate)>,
    /// The event with which whoever let go asked again, and its time.
    asked_again: Option<(u64, Time)>,
}

impl Handoff {
    /// The handoff that `event` is, if it is one; `before` is the state that it finds.
    pub(super) fn of(before: &State, event: &Event) -> Option<Self> {
        let What::Grant { lock: id, op } = event.what else { return None };
        let lock = before.lock(id)?;
        // A grant out of nowhere is a task that got the lock at once but has to yield first.
        let position = lock.queue.iter().position(|place| place.op == op)?;
        let place = lock.queue[position];
        Some(Self {
            seq: event.seq,
            at: event.at,
            lock: id,
            op,
            to: event.actor.task,
            from: lock.freed,
            asked: place.since,
            asked_seq: place.asked_seq,
            first: place.first,
            position: position + 1,
            cleared: place.cleared,
            settled: None,
            asked_again: None,
        })
    }

    /// Takes note of what came after: `event` is of the same lock, and no other handoff of that lock
    /// lies between.
    pub(super) fn note(&mut self, event: &Event) {
        let Some((_, op)) = event.what.acquisition() else { return };
        let fate = match event.what {
            What::Acquire { .. } => Some(Fate::Ran),
            What::Cancel { .. } => Some(Fate::Cancelled),
            _ => None,
        };
        if let Some(fate) = fate.filter(|_| op == self.op && self.settled.is_none()) {
            self.settled = Some((event.seq, fate));
        }
        let rival = self.from.is_some_and(|from| from.task == event.actor.task);
        if rival && self.asked_again.is_none() && matches!(event.what, What::Wait { .. }) {
            self.asked_again = Some((event.seq, event.at));
        }
    }

    /// What has become of it by `moment`.
    pub fn fate(&self, moment: u64) -> Fate {
        self.settled.filter(|(seq, _)| *seq <= moment).map_or(Fate::Granted, |(_, fate)| fate)
    }

    /// When whoever let go asked for the lock again, if that was by `moment` and before the lock was
    /// handed on.
    pub fn asked_again(&self, moment: u64) -> Option<Time> {
        self.asked_again.filter(|(seq, _)| *seq <= moment).map(|(_, at)| at)
    }
}
