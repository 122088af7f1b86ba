//! What holds at one moment, and the one function that leads from a moment to the next.
//!
//! [`State::apply`] never fails: an event that does not fit (a damaged recording, an unknown id) is
//! passed over, and the rest goes on.

use std::collections::VecDeque;

use crate::event::{Event, LockId, OpId, Policy, StepId, TaskId, Time, What};

/// Every task and every lock at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// How many events have happened.
    pub moment: u64,
    /// The time of the last of them.
    pub at: Time,
    /// The tasks, by id.
    pub tasks: Vec<Task>,
    /// The locks, by id.
    pub locks: Vec<Lock>,
}

/// A task at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// Where it is in its life.
    pub life: Life,
    /// The step of its code that it was last seen on.
    pub step: Option<StepId>,
    /// Whether the last thing it did was to drop a guard.
    pub dropped: bool,
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

/// How far an acquisition has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// In the critical section.
    Holding,
    /// In the queue.
    Waiting,
    /// Owns the lock, has not run.
    Granted,
}

/// One acquisition under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which acquisition.
    pub op: OpId,
    /// Of which lock.
    pub lock: LockId,
    /// How far it has come.
    pub stage: Stage,
    /// When it came there.
    pub since: Time,
    /// The event with which it asked.
    pub asked_seq: u64,
}

/// A lock at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// Who is in the critical section.
    pub holders: Vec<Place>,
    /// Who was given the lock and has not run yet, first come first.
    pub granted: Vec<Place>,
    /// Who waits, first come first.
    pub queue: VecDeque<Place>,
    /// How it last became free.
    pub freed: Option<super::Freed>,
    /// How often it was handed from one task to another.
    pub handoffs: u64,
}

/// Somebody's place with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub task: TaskId,
    /// With which acquisition.
    pub op: OpId,
    /// Since when: of a waiter when it asked, of others when they were granted or acquired it.
    pub since: Time,
    /// The event with which the acquisition began.
    pub asked_seq: u64,
    /// Of a waiter: since when nobody has stood ahead of it.
    pub first: Option<Time>,
    /// Who last gave up a place ahead of this one, and when.
    pub cleared: Option<(TaskId, Time)>,
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
    /// Asleep with a guard in hand.
    Suspended,
    /// Running with a guard in hand.
    Holding,
    /// In a queue.
    Waiting,
    /// Owns a lock, has not run.
    Granted,
}

impl Task {
    /// What it looks like, and which lock that is about. What matters most wins: granted before
    /// waiting before holding before nothing.
    pub fn look(&self) -> (Look, Option<LockId>) {
        let Some(claim) = self.claims.iter().max_by_key(|claim| claim.stage) else {
            return match self.life {
                Life::Unborn | Life::Finished => (Look::Absent, None),
                Life::Running => (Look::Idle, None),
                Life::Asleep { .. } => (Look::Asleep, None),
            };
        };
        let look = match (claim.stage, self.life) {
            (Stage::Granted, _) => Look::Granted,
            (Stage::Waiting, _) => Look::Waiting,
            (Stage::Holding, Life::Asleep { .. }) => Look::Suspended,
            (Stage::Holding, _) => Look::Holding,
        };
        (look, Some(claim.lock))
    }
}

impl Lock {
    /// Notes since when the first waiter is the first.
    fn note_first(&mut self, at: Time) {
        if let Some(first) = self.queue.front_mut() {
            first.first.get_or_insert(at);
        }
    }

    /// Takes an acquisition out of wherever it is.
    fn forget(&mut self, op: OpId) -> Option<Place> {
        if let Some(position) = self.queue.iter().position(|place| place.op == op) {
            return self.queue.remove(position);
        }
        remove(&mut self.granted, op).or_else(|| remove(&mut self.holders, op))
    }

    /// A task's place in the queue, counted from 1.
    pub fn position(&self, task: TaskId) -> Option<usize> {
        self.queue.iter().position(|place| place.task == task).map(|position| position + 1)
    }

    /// Whose it will be in a moment: between the release of a FIFO lock and the grant, which are one
    /// step of the lock, nobody else can take it.
    pub fn heir(&self, policy: Policy) -> Option<&Place> {
        let passing = policy == Policy::Fifo && self.freed.is_some() && self.owner().is_none();
        self.queue.front().filter(|_| passing)
    }

    /// Whose it is: in the critical section, or given it already.
    pub fn owner(&self) -> Option<&Place> {
        self.holders.first().or_else(|| self.granted.first())
    }
}

impl State {
    /// The beginning of so many tasks and locks.
    pub fn new(tasks: usize, locks: usize) -> Self {
        Self {
            moment: 0,
            at: Time::ZERO,
            tasks: vec![Task::default(); tasks],
            locks: vec![Lock::default(); locks],
        }
    }

    /// The task, if there is one of that id.
    pub fn task(&self, task: TaskId) -> Option<&Task> {
        self.tasks.get(task.0 as usize)
    }

    /// The lock, if there is one of that id.
    pub fn lock(&self, lock: LockId) -> Option<&Lock> {
        self.locks.get(lock.0 as usize)
    }

    /// Who began the acquisition, if it is under way.
    pub fn owner_of(&self, lock: LockId, op: OpId) -> Option<TaskId> {
        let lock = self.lock(lock)?;
        let mut places = lock.holders.iter().chain(&lock.granted).chain(&lock.queue);
        places.find(|place| place.op == op).map(|place| place.task)
    }

    /// Leads to the next moment.
    pub fn apply(&mut self, event: &Event) {
        self.moment = event.seq;
        self.at = event.at;
        // Whose lock it is does not depend on who lets go: that may be somebody unknown.
        match event.what {
            What::Release { lock, op } => self.leave(event, lock, op, super::Passed::Released),
            What::Cancel { lock, op } => self.leave(event, lock, op, super::Passed::Cancelled),
            _ => {}
        }
        let Some(task) = self.tasks.get_mut(event.actor.task.0 as usize) else { return };
        if event.actor.step.is_some() {
            task.step = event.actor.step;
        }
        // A grant is done to a task, not by it.
        if !matches!(event.what, What::Grant { .. }) {
            task.dropped = matches!(event.what, What::Release { .. });
        }
        match event.what {
            What::Spawn | What::Wake => task.life = Life::Running,
            What::Sleep { until } => task.life = Life::Asleep { since: event.at, until },
            What::Finish => task.life = Life::Finished,
            What::Wait { .. } | What::Grant { .. } | What::Acquire { .. } if task.life == Life::Unborn => {
                // A program's own task may have begun before anybody recorded it.
                task.life = Life::Running;
            }
            _ => {}
        }
        match event.what {
            What::Wait { lock, op } => self.claim(event, lock, op, Stage::Waiting),
            What::Grant { lock, op } => self.claim(event, lock, op, Stage::Granted),
            What::Acquire { lock, op } => self.claim(event, lock, op, Stage::Holding),
            _ => {}
        }
    }

    /// Moves an acquisition to `stage`, beginning it if it is new.
    fn claim(&mut self, event: &Event, id: LockId, op: OpId, stage: Stage) {
        let actor = event.actor.task;
        let (Some(lock), Some(task)) =
            (self.locks.get_mut(id.0 as usize), self.tasks.get_mut(actor.0 as usize))
        else {
            return;
        };
        // Whoever has no claim yet is nowhere: there is no need to look for it in a long queue.
        let claim = task.claims.iter_mut().find(|claim| claim.op == op);
        let known = match claim {
            Some(_) => lock.forget(op),
            None => None,
        };
        if stage == Stage::Granted && known.is_some() {
            lock.handoffs += 1;
        }
        let place = Place {
            task: actor,
            op,
            since: event.at,
            asked_seq: known.map_or(event.seq, |place| place.asked_seq),
            first: None,
            cleared: known.and_then(|place| place.cleared),
        };
        match stage {
            Stage::Waiting => lock.queue.push_back(place),
            Stage::Granted => lock.granted.push(place),
            Stage::Holding => lock.holders.push(place),
        }
        lock.note_first(event.at);
        if let Some(claim) = claim {
            claim.stage = stage;
            claim.since = event.at;
        } else {
            task.claims.push(Claim { op, lock: id, stage, since: event.at, asked_seq: event.seq });
        }
    }

    /// Ends an acquisition, whoever's it is.
    fn leave(&mut self, event: &Event, id: LockId, op: OpId, how: super::Passed) {
        let Some(lock) = self.locks.get_mut(id.0 as usize) else { return };
        let owner = remove(&mut lock.holders, op).or_else(|| remove(&mut lock.granted, op));
        let place = if let Some(owner) = owner {
            lock.freed = Some(super::Freed { seq: event.seq, at: event.at, task: owner.task, how });
            owner
        } else {
            let Some(position) = lock.queue.iter().position(|place| place.op == op) else { return };
            let Some(gone) = lock.queue.remove(position) else { return };
            for behind in lock.queue.iter_mut().skip(position) {
                behind.cleared = Some((gone.task, event.at));
            }
            lock.note_first(event.at);
            gone
        };
        if let Some(task) = self.tasks.get_mut(place.task.0 as usize) {
            task.claims.retain(|claim| claim.op != op);
        }
    }
}

fn remove(places: &mut Vec<Place>, op: OpId) -> Option<Place> {
    let position = places.iter().position(|place| place.op == op)?;
    Some(places.remove(position))
}
