//! A task at one moment: its life, its acquisitions under way, and what it looks like.

use std::time::Duration;

use crate::event::{LockId, Mode, OpId, StepId, Time};

/// A task at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// Where it is in its life.
    pub life: Life,
    /// The step of its code that it was last seen on.
    pub step: Option<StepId>,
    /// Whether the last thing it did was to drop a guard.
    pub dropped: bool,
    /// How much later than its timer was due it last woke, if that was more than a timer's grain.
    pub late: Option<Duration>,
    /// Its acquisitions under way, oldest first.
    pub claims: Vec<Claim>,
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// Not started.
    #[default]
    Unborn,
    /// Runs, or could, or waits for a lock.
    Running,
    /// Its timer has not fired yet.
    Asleep {
        /// When the timer was set.
        since: Time,
        /// When it is due.
        until: Time,
    },
    /// Came to its end.
    Finished,
}

/// How far an acquisition has come. What matters more on the screen is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// In the critical section.
    Holding,
    /// In the queue.
    Waiting,
    /// In the queue of a lock that hands nothing over: woken, and may try.
    Woken,
    /// Owns what it asked for, has not run.
    Granted,
    /// In the queue, and its whole thread stands still.
    Blocked,
}

impl Stage {
    /// Whether it has its place in the queue still.
    pub const fn is_queued(self) -> bool {
        matches!(self, Self::Waiting | Self::Woken | Self::Blocked)
    }
}

/// One acquisition under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which acquisition.
    pub op: OpId,
    /// Of which lock.
    pub lock: LockId,
    /// What it asks for.
    pub mode: Mode,
    /// How far it has come.
    pub stage: Stage,
    /// When it came there; of one that waits once more, when it first asked.
    pub since: Time,
    /// The event with which it asked.
    pub asked_seq: u64,
}

/// What a task looks like: the one state that is drawn when several are true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Look {
    /// Not started, or at its end.
    Absent,
    /// Running without a lock.
    Idle,
    /// Asleep without a lock.
    Asleep,
    /// Asleep with a guard in hand, or ended without having dropped it.
    Suspended,
    /// Running with a guard in hand.
    Holding,
    /// In a queue.
    Waiting,
    /// Owns a lock, or was woken for one that hands nothing over; has not run.
    Granted,
    /// In a queue, and its whole thread stands still.
    Blocked,
}

impl Look {
    const ALL: [Self; 8] = [
        Self::Absent,
        Self::Idle,
        Self::Asleep,
        Self::Suspended,
        Self::Holding,
        Self::Waiting,
        Self::Granted,
        Self::Blocked,
    ];

    /// The look whose number the lowest three bits are.
    #[inline]
    pub(in crate::trace) const fn from_mark(mark: u8) -> Self {
        Self::ALL[(mark & 0b111) as usize]
    }

    /// Whether it is about a lock.
    #[inline]
    pub(in crate::trace) const fn has_lock(self) -> bool {
        !matches!(self, Self::Absent | Self::Idle | Self::Asleep)
    }
}

impl Task {
    /// With the real clock a timer fires up to a millisecond late, and its task needs a moment to run: so
    /// little says nothing of other tasks.
    const GRAIN: Duration = Duration::from_millis(5);

    /// How late it is at `now`, of one whose timer was due before that.
    pub fn overdue(&self, now: Time) -> Option<Duration> {
        let Life::Asleep { until, .. } = self.life else { return None };
        Some(now.since(until)).filter(|late| *late > Self::GRAIN)
    }

    /// What it looks like, and which lock that is about. What matters most wins: blocked before granted
    /// before waiting before holding before nothing.
    pub fn look(&self) -> (Look, Option<LockId>) {
        let main = match self.claims.as_slice() {
            [only] => Some(only),
            claims => claims.iter().max_by_key(|claim| claim.stage),
        };
        let Some(claim) = main else {
            return match self.life {
                Life::Unborn | Life::Finished => (Look::Absent, None),
                Life::Running => (Look::Idle, None),
                Life::Asleep { .. } => (Look::Asleep, None),
            };
        };
        let look = match (claim.stage, self.life) {
            (Stage::Blocked, _) => Look::Blocked,
            (Stage::Granted | Stage::Woken, _) => Look::Granted,
            (Stage::Waiting, _) => Look::Waiting,
            (Stage::Holding, Life::Asleep { .. } | Life::Finished) => Look::Suspended,
            (Stage::Holding, _) => Look::Holding,
        };
        (look, Some(claim.lock))
    }

    /// The acquisition that it waits with: of several the youngest, because an older one may be of a
    /// future that is kept and not polled any more.
    pub fn waits_with(&self) -> Option<&Claim> {
        self.claims.iter().rev().find(|claim| claim.stage.is_queued())
    }
}
