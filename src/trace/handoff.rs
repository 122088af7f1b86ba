//! Handoffs: what let a waiter in, and what became of that.
//!
//! Of a lock that hands over, a grant passes the ownership on. Of another it only wakes, and somebody
//! else may be quicker.

use super::{Lock, Place};
use crate::event::{Event, Kind, LockId, Mode, OpId, Packed, TaskId, Time, What};

/// What lets a waiter in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// A guard was dropped.
    Released,
    /// Whoever has it keeps only a part: a share where it had been alone, or fewer permits.
    Shared,
    /// Who had been let in was cancelled before it had run.
    Cancelled,
    /// Who waited ahead was cancelled, and what it was too much for is enough for others.
    GaveWay,
    /// Permits were added.
    Added,
    /// Somebody notified.
    Notified {
        /// Everybody who waited.
        all: bool,
    },
    /// A message went into the channel.
    Sent,
    /// A message was taken out, which made room.
    Received,
}

/// When somebody could be let in last, and through whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// The event.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// Who had owned the lock, or who notified, sent and the like.
    pub task: TaskId,
    /// Who acted: another, where whoever drops a guard is not who acquired it.
    pub(super) actor: TaskId,
    /// How.
    pub how: Passed,
}

impl Freed {
    /// By whoever acts in this event.
    pub(super) const fn by(event: &Event, how: Passed) -> Self {
        let task = event.actor.task;
        Self { seq: event.seq, at: event.at, task, actor: task, how }
    }
}

/// What became of a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its receiver has not run yet.
    Granted,
    /// Its receiver ran with what it had asked for.
    Ran,
    /// Its receiver was cancelled before it ran.
    Cancelled,
    /// Its receiver was woken, and found that somebody else had been quicker.
    Beaten,
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
    /// What that asks for.
    pub mode: Mode,
    /// The receiver.
    pub to: TaskId,
    /// Whether it owns what it asked for from here on; if not, it may only try.
    pub owns: bool,
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
    /// How often somebody who had asked later went first.
    pub overtaken: u32,
    /// What let the receiver in: usually on record before the grant, but a message that is sent wakes
    /// within the sending. So only [`Handoff::from`] may tell.
    pub(super) from: Option<Freed>,
    /// The event that decided its fate, and how: later than the grant, so only [`Handoff::fate`]
    /// may tell, which knows the moment that is looked at.
    pub(super) settled: Option<(u64, Fate)>,
    /// The event with which whoever let go asked again, and its time.
    pub(super) asked_again: Option<(u64, Time)>,
}

/// What a grant says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub seq: u64,
    pub at: Time,
    pub to: TaskId,
    pub lock: LockId,
    pub op: OpId,
    pub mode: Mode,
}

impl Grant {
    /// `event`, if it is one.
    pub const fn of(event: &Event) -> Option<Self> {
        let What::Grant { lock, op, mode } = event.what else { return None };
        Some(Self { seq: event.seq, at: event.at, to: event.actor.task, lock, op, mode })
    }

    /// The same of the one of this kind that becomes the `seq`th.
    #[inline]
    pub fn of_packed(kind: Kind, event: Packed, seq: u64) -> Option<Self> {
        (kind == Kind::Grant).then(|| {
            let (to, lock, op, mode) = (event.task(), event.lock(), event.op(), event.mode());
            Self { seq, at: event.at(), to, lock, op, mode }
        })
    }
}

impl Handoff {
    /// The handoff that a grant is, to whoever has `place` in the lock's queue, the `position`th.
    pub(super) fn of(grant: &Grant, lock: &Lock, place: &Place, position: usize) -> Self {
        Self {
            seq: grant.seq,
            at: grant.at,
            lock: grant.lock,
            op: place.op,
            mode: grant.mode,
            to: grant.to,
            owns: lock.hands_over(),
            asked: place.since,
            asked_seq: place.asked_seq,
            first: place.first,
            position,
            cleared: lock.cleared(place),
            overtaken: place.overtaken,
            from: lock.freed,
            settled: None,
            asked_again: None,
        }
    }

    /// What let the receiver in, where that is known by `moment`.
    pub fn from(&self, moment: u64) -> Option<Freed> {
        self.from.filter(|from| from.seq <= moment)
    }

    /// What has become of it by `moment`.
    pub fn fate(&self, moment: u64) -> Fate {
        self.settled.filter(|(seq, _)| *seq <= moment).map_or(Fate::Granted, |(_, fate)| fate)
    }

    /// The event that decided its fate, if that was by `moment`.
    pub fn settled(&self, moment: u64) -> Option<u64> {
        self.settled.map(|(seq, _)| seq).filter(|seq| *seq <= moment)
    }

    /// When whoever let go asked for the lock again, if that was by `moment` and before the lock was
    /// handed on.
    pub fn asked_again(&self, moment: u64) -> Option<Time> {
        self.asked_again.filter(|(seq, _)| *seq <= moment).map(|(_, at)| at)
    }
}
