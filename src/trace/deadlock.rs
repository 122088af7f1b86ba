//! Why nothing can move any more: who waits for whom, for what, and where that comes round in a ring.
//!
//! Read off one state: who is in a queue, and whose the lock is. It says what *is* a deadlock, never
//! what could become one.

use std::fmt;

use serde::Serialize;

use super::{Life, Stage, State};
use crate::event::{LockId, TaskId};

/// The cause of a deadlock, as the scenario language spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Some tasks each hold what another of them waits for.
    Cycle,
    /// A task waits for a lock that it holds itself.
    SelfLock,
}

impl Cause {
    /// Its name: `cycle`, `self-lock`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::SelfLock => "self-lock",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One task that cannot move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Who waits.
    pub task: TaskId,
    /// For which lock.
    pub lock: LockId,
    /// Whose that is.
    pub owner: TaskId,
    /// The event with which the task asked.
    pub asked_seq: u64,
}

/// Tasks of which each waits for the next, and the last for the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// What makes it one.
    pub cause: Cause,
    /// Its tasks, each followed by the owner of what it waits for, from the one of the lowest id.
    pub waits: Vec<Wait>,
}

impl Ring {
    /// The event that closed it.
    fn closed(&self) -> u64 {
        self.waits.iter().map(|wait| wait.asked_seq).max().unwrap_or(0)
    }
}

/// Why nothing can move any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// What made it a deadlock: the cause of the ring that closed first.
    pub cause: Cause,
    /// The rings, in the order in which they closed; there is at least one.
    pub rings: Vec<Ring>,
    /// Those who wait for somebody in a ring, or for somebody who does, by task.
    pub behind: Vec<Wait>,
}

impl Deadlock {
    /// Everybody who is stuck, those in a ring first.
    pub fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.rings.iter().flat_map(|ring| &ring.waits).chain(&self.behind)
    }
}

/// The tasks that can never move again at `state`, and why; `None` if there is no ring.
///
/// A ring stays one whatever other tasks do, so this may be asked of any moment; a run ends as a
/// deadlock when nobody else is left.
pub fn deadlock(state: &State) -> Option<Deadlock> {
    let waits: Vec<Option<Wait>> = (0..state.tasks.len() as u32).map(|id| wait(state, TaskId(id))).collect();
    let next = |id: usize| waits[id].map(|wait| wait.owner.0 as usize);
    // Every task waits for one owner at most: walking on from each, a ring is where a walk meets itself.
    // A walk that meets an earlier one ends there, so that all of them together are as long as the list.
    let mut walk_of: Vec<Option<usize>> = vec![None; waits.len()];
    let (mut rings, mut in_ring, mut doomed) =
        (Vec::new(), vec![false; waits.len()], vec![false; waits.len()]);
    for start in 0..waits.len() {
        let (mut at, mut path) = (Some(start), Vec::new());
        while let Some(id) = at.filter(|&id| id < waits.len() && walk_of[id].is_none()) {
            walk_of[id] = Some(start);
            path.push(id);
            at = next(id);
        }
        let Some(met) = at.filter(|&id| id < waits.len()) else { continue };
        if let Some(begin) = path.iter().position(|&id| id == met) {
            let mut members = path[begin..].to_vec();
            let lowest = members.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(place, _)| place);
            members.rotate_left(lowest);
            for &id in &members {
                in_ring[id] = true;
            }
            let cause = if members.len() == 1 { Cause::SelfLock } else { Cause::Cycle };
            rings.push(Ring { cause, waits: members.iter().filter_map(|&id| waits[id]).collect() });
            doomed[met] = true;
        }
        if doomed[met] {
            for id in path {
                doomed[id] = true;
            }
        }
    }
    rings.sort_by_key(Ring::closed);
    let behind =
        (0..waits.len()).filter(|&id| doomed[id] && !in_ring[id]).filter_map(|id| waits[id]).collect();
    Some(Deadlock { cause: rings.first()?.cause, rings, behind })
}

/// What a task waits for, if nothing but the owner of that can help it.
fn wait(state: &State, id: TaskId) -> Option<Wait> {
    let task = state.task(id)?;
    let granted = task.claims.iter().any(|claim| claim.stage == Stage::Granted);
    if granted || task.life != Life::Running {
        return None;
    }
    let claim = task.claims.iter().find(|claim| claim.stage == Stage::Waiting)?;
    let owner = state.lock(claim.lock)?.owner()?.task;
    Some(Wait { task: id, lock: claim.lock, owner, asked_seq: claim.asked_seq })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, Event, OpId, Time, What};

    /// A state after these: task, lock, whether it gets it (or waits).
    fn state(tasks: usize, events: &[(u32, u32, bool)]) -> State {
        let mut state = State::new(tasks, 8);
        for (index, &(task, lock, gets)) in events.iter().enumerate() {
            let (lock, op) = (LockId(lock), OpId(index as u64));
            let what = if gets { What::Acquire { lock, op } } else { What::Wait { lock, op } };
            let actor = Actor { task: TaskId(task), step: None };
            state.apply(&Event { seq: index as u64 + 1, at: Time::ZERO, actor, what });
        }
        state
    }

    /// The rings and who is behind, as `task>owner`.
    fn told(state: &State) -> Option<String> {
        let waits = |waits: &[Wait]| {
            waits.iter().map(|wait| format!("{}>{}", wait.task.0, wait.owner.0)).collect::<Vec<_>>().join(" ")
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
