//! How long each task and each lock waited and held altogether: what lanes are sorted by. Every event
//! changes at most one task and one lock, in constant time, and nothing is kept of what is over.

use std::time::Duration;

use super::Stage;
use super::state::Moved;
use crate::event::{Event, LockId, Names, TaskId, Time, What};

/// What somebody came to: a task, or all tasks with one lock. What is under way counts up to the end of
/// the trace; two acquisitions under way at once count twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// From asking to acquiring or giving up.
    pub waiting: Duration,
    /// From acquiring to release.
    pub holding: Duration,
}

/// Lengths of time that are added up.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    /// When they ended less when they began, in nanoseconds, round and round.
    sum: u64,
    /// How many are under way.
    open: u32,
}

impl Clock {
    #[inline]
    fn begin(&mut self, now: Time) {
        self.sum = self.sum.wrapping_sub(now.nanos());
        self.open += 1;
    }

    #[inline]
    fn end(&mut self, now: Time) {
        // After a loss somebody may end what nobody knows of.
        if self.open > 0 {
            self.sum = self.sum.wrapping_add(now.nanos());
            self.open -= 1;
        }
    }

    fn end_all(&mut self, now: Time) {
        self.sum = self.sum.wrapping_add(now.nanos().wrapping_mul(self.open.into()));
        self.open = 0;
    }

    fn span(mut self, now: Time) -> Duration {
        self.end_all(now);
        Duration::from_nanos(self.sum)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Clocks {
    waiting: Clock,
    holding: Clock,
}

impl Clocks {
    #[inline]
    fn note(&mut self, before: Part, after: Part, at: Time) {
        match before {
            Part::Nothing => {}
            Part::Waits => self.waiting.end(at),
            Part::Holds => self.holding.end(at),
        }
        match after {
            Part::Nothing => {}
            Part::Waits => self.waiting.begin(at),
            Part::Holds => self.holding.begin(at),
        }
    }

    fn spent(&self, now: Time) -> Spent {
        Spent { waiting: self.waiting.span(now), holding: self.holding.span(now) }
    }
}

/// How far an acquisition has come, as far as it is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Waits,
    Holds,
}

/// The clocks of every task and every lock.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    tasks: Vec<Clocks>,
    locks: Vec<Clocks>,
}

impl Totals {
    /// Learns of further tasks and locks.
    pub(super) fn grow(&mut self, names: &Names) {
        self.tasks.resize(names.tasks.len(), Clocks::default());
        self.locks.resize(names.locks.len(), Clocks::default());
    }

    /// Takes note of `event`, and of how it moved an acquisition.
    #[inline]
    pub(super) fn note(&mut self, event: &Event, moved: Option<Moved>) {
        if let (Some(moved), Some(lock)) = (moved, event.what.lock()) {
            self.note_moved(event.at, lock, moved);
        } else if matches!(event.what, What::Lost { .. }) {
            // Nobody knows who waits or holds from here on.
            for clocks in self.tasks.iter_mut().chain(&mut self.locks) {
                clocks.waiting.end_all(event.at);
                clocks.holding.end_all(event.at);
            }
        }
    }

    /// The same of one that did.
    #[inline]
    pub(super) fn note_moved(&mut self, at: Time, lock: LockId, moved: Moved) {
        let (before, after) = (part(moved.from), part(moved.to));
        if before == after {
            return;
        }
        if let Some(clocks) = self.tasks.get_mut(moved.task.0 as usize) {
            clocks.note(before, after, at);
        }
        if let Some(clocks) = self.locks.get_mut(lock.0 as usize) {
            clocks.note(before, after, at);
        }
    }

    pub(super) fn of_task(&self, task: TaskId, now: Time) -> Spent {
        self.tasks.get(task.0 as usize).map_or_else(Spent::default, |clocks| clocks.spent(now))
    }

    pub(super) fn of_lock(&self, lock: LockId, now: Time) -> Spent {
        self.locks.get(lock.0 as usize).map_or_else(Spent::default, |clocks| clocks.spent(now))
    }
}

#[inline]
fn part(stage: Option<Stage>) -> Part {
    match stage {
        None => Part::Nothing,
        Some(Stage::Holding) => Part::Holds,
        Some(Stage::Waiting | Stage::Woken | Stage::Granted | Stage::Blocked) => Part::Waits,
    }
}
