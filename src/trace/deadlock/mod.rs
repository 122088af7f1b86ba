//! Why nothing can move any more: who waits for whom, for what, and where that comes round in a ring.
//!
//! Read off the last state of a run that ended so: who is in a queue, whose the lock is, who stands
//! ahead. It says what *is* a deadlock, never what could become one.

mod graph;
mod rings;

use std::fmt;

use serde::Serialize;

use super::State;
use crate::event::{Family, LockId, Mode, TaskId, Time};
use graph::Graph;
pub(super) use rings::rings;

/// The cause of a deadlock, as the scenario language spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Some tasks each hold what another of them waits for.
    Cycle,
    /// A task waits for a lock that it holds itself.
    SelfLock,
    /// A task that reads asks to read once more, behind a writer who waits for its first share.
    RecursiveRead,
    /// What somebody waits for was let to a future that nobody polls any more.
    Futurelock,
    /// A task blocks the only thread on which the owner of what it waits for could run.
    BlockedThread,
    /// Somebody waits for what nobody is left to give: a notification, a message, a permit.
    MissedNotification,
}

impl Cause {
    /// Its name: `cycle`, `self-lock`, `recursive-read`, `futurelock`, `blocked-thread`,
    /// `missed-notification`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::SelfLock => "self-lock",
            Self::RecursiveRead => "recursive-read",
            Self::Futurelock => "futurelock",
            Self::BlockedThread => "blocked-thread",
            Self::MissedNotification => "missed-notification",
        }
    }

    /// Its name within a sentence, behind an article.
    pub const fn words(self) -> &'static str {
        match self {
            Self::RecursiveRead => "recursive read",
            Self::BlockedThread => "blocked thread",
            Self::MissedNotification => "missed notification",
            Self::Cycle | Self::SelfLock | Self::Futurelock => self.name(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How somebody is in a waiter's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InTheWay {
    /// Holds what the waiter asks for.
    Holds,
    /// Was let in, and has not run.
    Granted,
    /// Stands ahead in the queue.
    Ahead,
}

/// One task that cannot move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Who waits.
    pub task: TaskId,
    /// For which lock.
    pub lock: LockId,
    /// What it asks for.
    pub mode: Mode,
    /// Who is in its way; `None` if it waits for what somebody would have to give.
    pub owner: Option<TaskId>,
    /// How.
    pub way: InTheWay,
    /// The event with which the task asked.
    pub asked_seq: u64,
    /// Since when it waits for that owner: when it asked, or when the owner got it where that was later and is known.
    pub since: Time,
}

/// Tasks of which each waits for the next, and the last for the first; or one that waits for what
/// cannot come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// What makes it one.
    pub cause: Cause,
    /// Its tasks, each followed by the owner of what it waits for, from the one of the lowest id.
    pub waits: Vec<Wait>,
}

impl Ring {
    fn of(cause: Cause, wait: Wait) -> Self {
        Self { cause, waits: vec![wait] }
    }

    /// The event that closed it.
    pub(super) fn closed(&self) -> u64 {
        self.waits.iter().map(|wait| wait.asked_seq).max().unwrap_or(0)
    }

    /// Since when it is one.
    pub(crate) fn since(&self) -> Time {
        self.waits.iter().map(|wait| wait.since).max().unwrap_or_default()
    }

    /// Whether the same wait for each other in both, for the same.
    pub(crate) fn is_again(&self, other: &Self) -> bool {
        let alike = |one: &Wait, other: &Wait| {
            (one.task, one.lock, one.owner) == (other.task, other.lock, other.owner)
        };
        self.waits.len() == other.waits.len()
            && self.waits.iter().zip(&other.waits).all(|(one, other)| alike(one, other))
    }
}

/// Why nothing can move any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// What made it a deadlock: the cause of the ring that closed first.
    pub cause: Cause,
    /// The rings, in the order in which they closed; there is at least one.
    pub rings: Vec<Ring>,
    /// The others who wait, by task.
    pub behind: Vec<Wait>,
}

impl Deadlock {
    /// Everybody who is stuck, those in a ring first.
    pub fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.rings.iter().flat_map(|ring| &ring.waits).chain(&self.behind)
    }
}

/// Why the tasks that wait at `state`, the last of a run that ended as a deadlock, can never move
/// again; `None` if nobody waits for anything that could not come.
///
/// What is sure comes first: tasks that wait for each other, and grants to a future that nobody polls.
/// Only where there is none of these, a blocked thread is the cause, and what nobody gives only where
/// no thread is blocked.
pub fn deadlock(state: &State) -> Option<Deadlock> {
    let graph = Graph::of(state);
    let mut rings = graph.rings();
    if rings.is_empty() {
        let unpolled = |wait: &&Wait| {
            wait.way == InTheWay::Granted && wait.owner.is_some_and(|owner| graph.wait(owner).is_some())
        };
        rings = graph.waits().filter(unpolled).map(|wait| Ring::of(Cause::Futurelock, *wait)).collect();
    }
    if rings.is_empty() {
        let still = |wait: &&Wait| graph.is_blocked(wait.task);
        let of_a_runner = |wait: &&Wait| wait.owner.is_some_and(|owner| graph.wait(owner).is_none());
        let mut blocked: Vec<&Wait> = graph.waits().filter(still).filter(of_a_runner).collect();
        if blocked.is_empty() {
            blocked.extend(graph.waits().find(still));
        }
        rings = blocked.into_iter().map(|wait| Ring::of(Cause::BlockedThread, *wait)).collect();
    }
    if rings.is_empty() {
        // Whatever can only be held has an owner somewhere, unless the history is damaged.
        let given = |wait: &Wait| {
            let lock = state.lock(wait.lock);
            lock.is_some_and(|lock| !matches!(lock.kind.family(), Family::Mutex | Family::RwLock))
        };
        let nobody = |wait: &&Wait| wait.owner.is_none() && given(wait);
        rings = graph.waits().filter(nobody).map(|wait| Ring::of(Cause::MissedNotification, *wait)).collect();
    }
    rings.sort_by_key(Ring::closed);
    let mut in_ring = vec![false; state.tasks.len()];
    for wait in rings.iter().flat_map(|ring| &ring.waits) {
        in_ring[wait.task.0 as usize] = true;
    }
    let behind = graph.waits().filter(|wait| !in_ring[wait.task.0 as usize]).copied().collect();
    Some(Deadlock { cause: rings.first()?.cause, rings, behind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, Event, LockKind, LockName, Names, OpId, Time, What};

    /// A state after these: task, lock, whether it gets it (or waits).
    fn state(tasks: usize, events: &[(u32, u32, bool)]) -> State {
        let lock = LockName { name: "x".into(), kind: LockKind::TokioMutex, permits: None };
        let mut state = State::new(&Names { tasks: vec!["t".into(); tasks], locks: vec![lock; 8] });
        for (index, &(task, lock, gets)) in events.iter().enumerate() {
            let (lock, op) = (LockId(lock), OpId(index as u64));
            let what = if gets {
                What::Acquire { lock, op, mode: Mode::Exclusive }
            } else {
                What::Wait { lock, op, mode: Mode::Exclusive }
            };
            let actor = Actor { task: TaskId(task), step: None };
            state.apply(&Event { seq: index as u64 + 1, at: Time::ZERO, actor, what });
        }
        state
    }

    /// The rings and who is behind, as `task>owner`.
    fn told(state: &State) -> Option<String> {
        let waits = |waits: &[Wait]| {
            waits
                .iter()
                .map(|wait| format!("{}>{}", wait.task.0, wait.owner.unwrap().0))
                .collect::<Vec<_>>()
                .join(" ")
        };
        deadlock(state).map(|deadlock| {
            let ring = |ring: &Ring| format!("{} {}", ring.cause, waits(&ring.waits));
            let rings: Vec<_> = deadlock.rings.iter().map(ring).collect();
            format!("{} | {}", rings.join(", "), waits(&deadlock.behind))
        })
    }

    #[test]
    fn a_ring_begins_with_its_first_task_whoever_closed_it() {
        let three = [(2, 2, true), (1, 1, true), (0, 0, true), (2, 0, false), (0, 1, false), (1, 2, false)];
        assert_eq!(told(&state(3, &three)).unwrap(), "cycle 0>1 1>2 2>0 | ");
        assert_eq!(told(&state(3, &three[..5])), None);
    }

    #[test]
    fn who_is_stuck_behind_is_not_in_the_ring() {
        let events = [(3, 0, true), (0, 0, false), (3, 1, true), (2, 2, true), (2, 1, false), (1, 2, false)];
        assert_eq!(told(&state(4, &events)), None);
        let closed = [&events[..], &[(3, 0, false)]].concat();
        assert_eq!(told(&state(4, &closed)).unwrap(), "self-lock 3>3 | 0>3 1>2 2>3");
    }

    #[test]
    fn the_ring_that_closed_first_is_the_cause() {
        let events = [
            (1, 1, true),
            (2, 2, true),
            (0, 0, true),
            (1, 2, false),
            (2, 1, false),
            (0, 0, false),
            (3, 0, false),
        ];
        assert_eq!(told(&state(4, &events)).unwrap(), "cycle 1>2 2>1, self-lock 0>0 | 3>0");
    }

    #[test]
    fn who_waits_for_somebody_that_runs_is_not_stuck() {
        assert_eq!(told(&state(3, &[(0, 0, true), (1, 0, false), (2, 0, false)])), None);
        assert_eq!(told(&state(0, &[])), None);
        // Damaged: the owner is unknown.
        assert_eq!(told(&state(1, &[(7, 0, true), (0, 0, false)])), None);
    }
}
