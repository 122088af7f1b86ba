//! How long each task and each lock waited and held altogether: what lanes are sorted by. Every event
//! changes at most one task and one lock, in constant time, and nothing is kept of what is over.

use std::time::Duration;

use super::{Stage, State};
use crate::event::{Event, LockId, Names, OpId, TaskId, Time, What};

/// What somebody came to: a task, or all tasks with one lock. What is under way counts up to the end of
/// the trace; two acquisitions under way at once count twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// From asking to acquiring or giving up.
    pub waiting: Duration,
    /// From acquiring to release.
    pub holding: Duration,
}

/// Lengths of time that are added up while they pass.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    nanos: u64,
    /// How many are under way.
    open: u32,
    /// Up to when they are added up.
    until: Time,
}

impl Clock {
    fn at(&self, now: Time) -> u64 {
        let passed = u64::try_from(now.since(self.until).as_nanos()).unwrap_or(u64::MAX);
        self.nanos.saturating_add(passed.saturating_mul(u64::from(self.open)))
    }

    fn change(&mut self, now: Time, open: u32) {
        *self = Self { nanos: self.at(now), open, until: now };
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Clocks {
    waiting: Clock,
    holding: Clock,
}

impl Clocks {
    fn note(&mut self, before: Part, after: Part, at: Time) {
        for (clock, part) in [(&mut self.waiting, Part::Waits), (&mut self.holding, Part::Holds)] {
            match (before == part, after == part) {
                (false, true) => clock.change(at, clock.open.saturating_add(1)),
                (true, false) => clock.change(at, clock.open.saturating_sub(1)),
                _ => {}
            }
        }
    }

    fn spent(&self, now: Time) -> Spent {
        let span = |clock: Clock| Duration::from_nanos(clock.at(now));
        Spent { waiting: span(self.waiting), holding: span(self.holding) }
    }
}

/// How far an acquisition has come, as far as it is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Waits,
    Holds,
}

/// An acquisition that an event is about, before it happened.
pub(super) struct Before {
    lock: LockId,
    op: OpId,
    task: TaskId,
    part: Part,
}

impl Before {
    /// Whether it was under way, and did not hold anything yet.
    pub(super) fn waits(&self) -> bool {
        self.part == Part::Waits
    }
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

    /// How things stand before `event`; `owner` is whose acquisition it is, where that need not be the
    /// actor's.
    pub(super) fn before(state: &State, event: &Event, owner: Option<TaskId>) -> Option<Before> {
        let (lock, op) = event.what.acquisition()?;
        let task = owner.unwrap_or(event.actor.task);
        Some(Before { lock, op, task, part: part(state, task, op) })
    }

    /// Takes note of `event`, after which `state` holds.
    pub(super) fn note(&mut self, state: &State, event: &Event, before: Option<&Before>) {
        if let Some(&Before { lock, op, task, part: before }) = before {
            let after = part(state, task, op);
            if before == after {
                return;
            }
            if let Some(clocks) = self.tasks.get_mut(task.0 as usize) {
                clocks.note(before, after, event.at);
            }
            if let Some(clocks) = self.locks.get_mut(lock.0 as usize) {
                clocks.note(before, after, event.at);
            }
        } else if matches!(event.what, What::Lost { .. }) {
            // Nobody knows who waits or holds from here on.
            for clocks in self.tasks.iter_mut().chain(&mut self.locks) {
                clocks.waiting.change(event.at, 0);
                clocks.holding.change(event.at, 0);
            }
        }
    }

    pub(super) fn of_task(&self, task: TaskId, now: Time) -> Spent {
        self.tasks.get(task.0 as usize).map_or_else(Spent::default, |clocks| clocks.spent(now))
    }

    pub(super) fn of_lock(&self, lock: LockId, now: Time) -> Spent {
        self.locks.get(lock.0 as usize).map_or_else(Spent::default, |clocks| clocks.spent(now))
    }
}

fn part(state: &State, task: TaskId, op: OpId) -> Part {
    let claims = state.task(task).map_or(&[][..], |task| &task.claims);
    match claims.iter().find(|claim| claim.op == op).map(|claim| claim.stage) {
        None => Part::Nothing,
        Some(Stage::Holding) => Part::Holds,
        Some(Stage::Waiting | Stage::Woken | Stage::Granted | Stage::Blocked) => Part::Waits,
    }
}
