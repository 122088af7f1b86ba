//! What holds at one moment, and the one function that leads from a moment to the next.
//!
//! [`State::apply`] never fails: an event that does not fit (a damaged recording, an unknown id) is
//! passed over, and the rest goes on.

mod kept;
mod lock;
mod task;
mod usual;

use super::{Freed, Passed};
use crate::event::{Event, Family, LockId, Mode, Names, OpId, TaskId, Time, What};

pub use kept::Kept;
use kept::Shared;
pub(super) use lock::permits;
pub use lock::{Lock, Notice, Owners, Place};
pub use task::{Claim, Life, Look, Stage, Task};
pub(super) use usual::Usual;

/// Every task and every lock at one moment. A copy of what a [`Trace`](super::Trace) keeps shares
/// with it whatever neither changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// How many events have happened.
    pub moment: u64,
    /// The time of the last of them.
    pub at: Time,
    /// How many are missing.
    pub lost: u64,
    /// The tasks, by id.
    pub tasks: Kept<Task>,
    /// The locks, by id.
    pub locks: Kept<Lock>,
}

/// A state to come back to. What no event changed since the one before is the same in both.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    /// How many events had happened.
    pub moment: u64,
    at: Time,
    lost: u64,
    tasks: Shared<Task>,
    locks: Shared<Lock>,
}

impl Saved {
    /// The state itself.
    pub fn state(&self) -> State {
        let (moment, at, lost) = (self.moment, self.at, self.lost);
        State { moment, at, lost, tasks: self.tasks.clone().into(), locks: self.locks.clone().into() }
    }
}

/// How an event moved an acquisition on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    /// Whose it is: not always the actor's.
    pub task: TaskId,
    /// Where it was before, if it had begun.
    pub from: Option<Stage>,
    /// Where it is now, if it has not ended.
    pub to: Option<Stage>,
}

impl State {
    /// The beginning of these tasks and locks.
    pub fn new(names: &Names) -> Self {
        let mut state = Self::default();
        state.grow(names);
        state
    }

    /// Learns of further tasks and locks: those of `names` beyond the ones it knows.
    pub fn grow(&mut self, names: &Names) {
        self.tasks.extend(names.tasks.iter().skip(self.tasks.len()).map(|_| Task::default()));
        self.locks.extend(names.locks.iter().skip(self.locks.len()).map(Lock::new));
    }

    /// The task, if there is one of that id.
    pub fn task(&self, task: TaskId) -> Option<&Task> {
        self.tasks.get(task.0 as usize)
    }

    /// The lock, if there is one of that id.
    pub fn lock(&self, lock: LockId) -> Option<&Lock> {
        self.locks.get(lock.0 as usize)
    }

    /// How many acquisitions are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.locks.iter().map(|lock| lock.holders.len() + lock.granted.len() + lock.queue.len()).sum()
    }

    /// A copy that shares all with this one.
    pub(super) fn save(&mut self) -> Saved {
        Saved {
            moment: self.moment,
            at: self.at,
            lost: self.lost,
            tasks: self.tasks.share(),
            locks: self.locks.share(),
        }
    }

    fn task_mut(&mut self, task: TaskId) -> Option<&mut Task> {
        self.tasks.change(task.0 as usize)
    }

    fn lock_mut(&mut self, lock: LockId) -> Option<&mut Lock> {
        self.locks.change(lock.0 as usize)
    }

    /// Who began the acquisition, if it is under way.
    pub fn owner_of(&self, lock: LockId, op: OpId) -> Option<TaskId> {
        let lock = self.lock(lock)?;
        let all = [&lock.holders, &lock.granted, &lock.queue];
        all.into_iter().find_map(|places| places.get(op)).map(|place| place.task)
    }

    /// Leads to the next moment.
    pub fn apply(&mut self, event: &Event) {
        self.step(event);
    }

    /// The same, and what it did to the acquisition that it is part of, if that is known.
    pub(super) fn step(&mut self, event: &Event) -> Option<Moved> {
        self.moment = event.seq;
        self.at = event.at;
        // What becomes of a lock does not depend on who does it: that may be somebody unknown.
        let mut moved = match event.what {
            What::Release { lock, op } => self.leave(event, lock, op, Passed::Released),
            What::Cancel { lock, op } => self.leave(event, lock, op, Passed::Cancelled),
            What::Acquire { lock, op, mode } => self.keep(event, lock, op, mode),
            What::Heard { lock, op } | What::Sent { lock, op, .. } | What::Received { lock, op, .. } => {
                self.pass(event, lock, op)
            }
            _ => None,
        };
        match event.what {
            What::Notify { lock, all } => {
                if let Some(lock) = self.lock_mut(lock) {
                    lock.notify(event, all);
                }
            }
            What::AddPermits { lock, permits } => self.add_permits(event, lock, permits),
            What::Lost { events } => self.lose(events),
            What::ForgetPermits { lock, permits } => {
                if let Some(lock) = self.lock_mut(lock) {
                    lock.permits = lock.permits.map(|before| before.saturating_sub(permits));
                }
            }
            _ => {}
        }
        let Some(task) = self.task_mut(event.actor.task) else { return moved };
        // A grant is done to a task that waits, not by it: it may have gone on to another step long since.
        let befalls = |op| task.claims.iter().any(|claim| claim.op == op);
        if !matches!(event.what, What::Grant { op, .. } if befalls(op)) {
            task.step = event.actor.step.or(task.step);
            task.dropped = matches!(event.what, What::Release { .. });
        }
        if matches!(event.what, What::Wake) {
            task.late = task.overdue(event.at);
        }
        match event.what {
            What::Spawn | What::Wake | What::Timeout | What::Select { .. } => task.life = Life::Running,
            What::Sleep { until } => task.life = Life::Asleep { since: event.at, until },
            What::Finish => task.life = Life::Finished,
            What::Wait { .. } | What::Grant { .. } | What::Acquire { .. } | What::Busy { .. }
                if task.life == Life::Unborn =>
            {
                // A program's own task may have begun before anybody recorded it.
                task.life = Life::Running;
            }
            // One arm of a `select!` may sleep while another waits; whoever does something is awake.
            What::Wait { .. } | What::Grant { .. } => {}
            _ if matches!(task.life, Life::Asleep { .. }) => task.life = Life::Running,
            _ => {}
        }
        let claims = match event.what {
            What::Wait { lock, op, mode } => Some((lock, op, mode, Stage::Waiting)),
            What::Grant { lock, op, mode } => Some((lock, op, mode, Stage::Granted)),
            What::Acquire { lock, op, mode } if moved.is_none() => Some((lock, op, mode, Stage::Holding)),
            _ => None,
        };
        if let Some((lock, op, mode, stage)) = claims {
            moved = self.claim(event, lock, op, mode, stage);
        }
        moved
    }

    /// Moves an acquisition to `stage`, or to what that is with its lock, beginning it if it is new.
    fn claim(&mut self, event: &Event, id: LockId, op: OpId, mode: Mode, stage: Stage) -> Option<Moved> {
        let actor = event.actor.task;
        let lock = self.locks.change(id.0 as usize)?;
        let task = self.tasks.change(actor.0 as usize)?;
        let stage = match stage {
            Stage::Waiting if lock.kind.blocks() => Stage::Blocked,
            Stage::Granted if !lock.hands_over() => Stage::Woken,
            stage => stage,
        };
        // Whoever has no claim yet is nowhere: there is no need to look for it in a long queue.
        let claim = task.claims.iter_mut().find(|claim| claim.op == op);
        let from = claim.as_ref().map(|claim| claim.stage);
        let mut since = event.at;
        // Where a lock hands nothing over, whoever is woken or waits once more keeps its place.
        let queued = claim.as_ref().is_some_and(|claim| claim.stage.is_queued() && stage.is_queued());
        if queued && let Some(place) = lock.queue.get_mut(op) {
            place.woken = (stage == Stage::Woken).then_some(event.at);
            if stage != Stage::Woken {
                since = place.since;
            }
        } else {
            let known = claim.as_ref().and_then(|claim| lock.take(op, claim.stage));
            if stage == Stage::Granted && known.is_some() {
                lock.handoffs += 1;
            }
            let place = Place {
                task: actor,
                op,
                mode,
                since,
                asked_seq: known.map_or(event.seq, |place| place.asked_seq),
                first: None,
                first_seq: 0,
                woken: (stage == Stage::Woken).then_some(since),
                overtaken: known.map_or(0, |place| place.overtaken),
                through: lock.freed.filter(|_| known.is_some()).map(|freed| freed.how),
                again: known.is_some_and(|place| place.again || stage.is_queued()),
            };
            match stage {
                Stage::Granted => {
                    // A message lets in one; what else frees a lock may let in several.
                    if lock.kind.family() == Family::Channel {
                        lock.freed = None;
                    }
                    lock.own(place, true);
                }
                Stage::Holding => {
                    lock.own(place, false);
                    if let Some(overtaken) = lock.overtaken(op) {
                        if let Some(place) = lock.queue.nth_mut(overtaken) {
                            place.overtaken += 1;
                        }
                        lock.barged += 1;
                    }
                }
                Stage::Waiting | Stage::Woken | Stage::Blocked => lock.queue.push_back(place),
            }
        }
        lock.note_first(event);
        if let Some(claim) = claim {
            (claim.stage, claim.since) = (stage, since);
        } else {
            task.claims.push(Claim { op, lock: id, mode, stage, since, asked_seq: event.seq });
        }
        Some(Moved { task: actor, from, to: Some(stage) })
    }

    /// Changes what an acquisition holds, whoever's it is, if it holds anything yet.
    fn keep(&mut self, event: &Event, id: LockId, op: OpId, mode: Mode) -> Option<Moved> {
        let lock = self.lock_mut(id)?;
        let task = lock.keep(op, mode)?;
        lock.freed = Some(Freed { task, ..Freed::by(event, Passed::Shared) });
        let claims = self.task_mut(task).map(|task| &mut task.claims);
        if let Some(claim) = claims.into_iter().flatten().find(|claim| claim.op == op) {
            claim.mode = mode;
        }
        Some(Moved { task, from: Some(Stage::Holding), to: Some(Stage::Holding) })
    }

    /// Ends an acquisition, whoever's it is.
    fn leave(&mut self, event: &Event, id: LockId, op: OpId, how: Passed) -> Option<Moved> {
        let lock = self.lock_mut(id)?;
        let place = if let Some(owner) = lock.disown(op) {
            lock.let_go(event, &owner, how);
            lock.moves |= how == Passed::Released && owner.task != event.actor.task;
            owner
        } else {
            let (gone, first) = lock.give_up(event, op)?;
            lock.note_first(event);
            let shared = matches!(lock.kind.family(), Family::RwLock | Family::Semaphore);
            let next = lock.queue.front().is_some_and(|next| lock.admits(next.mode));
            if gone.woken.is_some() {
                lock.freed = Some(Freed { task: gone.task, ..Freed::by(event, how) });
            } else if shared && first && next {
                lock.freed = Some(Freed { task: gone.task, ..Freed::by(event, Passed::GaveWay) });
            }
            gone
        };
        Some(self.unclaim(place.task, op))
    }

    /// Forgets what may be otherwise by now: who has a lock, who waits, who sleeps.
    fn lose(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
        let forgets = |task: &Task| !task.claims.is_empty() || matches!(task.life, Life::Asleep { .. });
        self.tasks.change_all(forgets, |task| {
            task.claims.clear();
            if matches!(task.life, Life::Asleep { .. }) {
                task.life = Life::Running;
            }
        });
        self.locks.change_all(|lock| !lock.is_lost(), Lock::lose);
    }

    /// Ends an operation that leaves nothing to own.
    fn pass(&mut self, event: &Event, id: LockId, op: OpId) -> Option<Moved> {
        let lock = self.lock_mut(id)?;
        let place = if matches!(event.what, What::Heard { .. }) { lock.hear(op) } else { lock.forget(op) };
        lock.note_first(event);
        match event.what {
            What::Sent { .. } => {
                lock.messages += 1;
                lock.passed(event, Passed::Sent);
            }
            What::Received { value: Some(_), .. } => {
                lock.messages = lock.messages.saturating_sub(1);
                lock.passed(event, Passed::Received);
            }
            _ => {}
        }
        place.map(|place| self.unclaim(place.task, op))
    }

    fn add_permits(&mut self, event: &Event, id: LockId, permits: u32) {
        let Some(lock) = self.lock_mut(id) else { return };
        lock.permits = lock.permits.map(|before| before.saturating_add(permits));
        lock.freed = Some(Freed::by(event, Passed::Added));
    }

    fn unclaim(&mut self, id: TaskId, op: OpId) -> Moved {
        let claims = self.task_mut(id).map(|task| &mut task.claims);
        let from = claims.and_then(|claims| {
            let at = claims.iter().position(|claim| claim.op == op)?;
            Some(claims.remove(at).stage)
        });
        Moved { task: id, from, to: None }
    }
}
