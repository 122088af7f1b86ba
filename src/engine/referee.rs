//! When a run is over: the referee sees every event before the sink does, the whistle ends the run.
//!
//! The referee stands inside the recorder, so that "over" is a place in the order of events and
//! nothing that came after it is ever shown.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::{Cause, End, MAX_SILENT_STEPS};
use crate::event::{Event, LockId, OpId, Outcome, StepId, TaskId, Time, What};
use crate::sync::{Pushed, Sink};

/// Asks a run to stop, from any thread; clones ask the same run.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    /// For tasks that run: they look at every step.
    asked: AtomicBool,
    /// For a run that sleeps.
    wake: Notify,
}

impl Stop {
    /// Asks. The run ends at its next step, or at once if all tasks sleep; asking twice is asking once.
    pub fn ask(&self) {
        self.0.asked.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }
}

/// Ends a run, once.
pub(super) struct Whistle {
    stop: Stop,
    horizon: Time,
    cause: OnceLock<Cause>,
    blown: Notify,
    last_event: AtomicU64,
    silent_steps: AtomicU64,
}

impl Whistle {
    pub(super) fn new(horizon: Time, stop: Stop) -> Self {
        Self {
            stop,
            horizon,
            cause: OnceLock::new(),
            blown: Notify::new(),
            last_event: AtomicU64::new(0),
            silent_steps: AtomicU64::new(0),
        }
    }

    /// Ends the run; only the first cause counts.
    pub(super) fn blow(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        self.blown.notify_one();
    }

    /// Whether the run is over, or somebody wants it to be.
    pub(super) fn is_blown(&self) -> bool {
        if self.stop.0.asked.load(Ordering::Acquire) {
            self.blow(Cause::Asked);
        }
        self.cause.get().is_some()
    }

    /// Waits until the run is over, or somebody asks it to be.
    pub(super) async fn blown(&self) {
        tokio::select! {
            biased;
            () = self.blown.notified() => {}
            () = self.stop.0.wake.notified() => self.blow(Cause::Asked),
        }
    }

    /// Whether `now` is past the horizon, which ends the run: a task that works without yielding
    /// would otherwise carry it further.
    pub(super) fn past_horizon(&self, now: Time) -> bool {
        let past = now >= self.horizon;
        if past {
            self.blow(Cause::Horizon);
        }
        past
    }

    /// The watchdog: counts a step, and ends the run if too many have passed without an event.
    pub(super) fn step(&self, task: TaskId, step: StepId) {
        if self.silent_steps.fetch_add(1, Ordering::Relaxed) >= MAX_SILENT_STEPS {
            self.blow(Cause::Watchdog { task, step });
        }
    }

    pub(super) fn end(&self) -> End {
        let cause = self.cause.get().copied().unwrap_or(Cause::Asked);
        let last = Time::from_nanos(self.last_event.load(Ordering::Relaxed));
        let (outcome, at) = match cause {
            Cause::Finished => (Outcome::Completed, last),
            Cause::Stuck => (Outcome::Deadlock, last),
            Cause::Horizon => (Outcome::Stopped, self.horizon),
            Cause::EventCap(_) | Cause::Watchdog { .. } | Cause::Asked => (Outcome::Stopped, last),
        };
        End { outcome, at, cause }
    }
}

/// Whether a task can go on by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can, now or when its timer is due.
    Free,
    /// Only a release of this lock can help it.
    Waiting(LockId),
    Finished,
}

/// The sink before the sink.
pub(super) struct Referee {
    sink: Box<dyn Sink>,
    whistle: Arc<Whistle>,
    standings: Vec<Standing>,
    free: usize,
    /// How many own each lock: in the critical section, or granted it.
    owners: HashMap<LockId, u32>,
    /// The operations that were granted a lock and have not run yet.
    granted: HashSet<OpId>,
    room: u64,
    cap: u64,
}

impl Referee {
    pub(super) fn new(sink: Box<dyn Sink>, whistle: Arc<Whistle>, tasks: usize, cap: u64) -> Self {
        Self {
            sink,
            whistle,
            standings: vec![Standing::Free; tasks],
            free: tasks,
            owners: HashMap::new(),
            granted: HashSet::new(),
            room: cap,
            cap,
        }
    }

    fn note(&mut self, event: &Event) {
        match event.what {
            What::Grant { lock, op } => {
                self.granted.insert(op);
                *self.owners.entry(lock).or_default() += 1;
            }
            What::Acquire { lock, op } if !self.granted.remove(&op) => {
                *self.owners.entry(lock).or_default() += 1;
            }
            What::Cancel { lock, op } if self.granted.remove(&op) => self.let_go(lock),
            What::Release { lock, .. } => self.let_go(lock),
            _ => {}
        }
        let next = match event.what {
            What::Wait { lock, .. } => Standing::Waiting(lock),
            What::Finish => Standing::Finished,
            _ => Standing::Free,
        };
        let Some(standing) = self.standings.get_mut(event.actor.task.0 as usize) else { return };
        let before = std::mem::replace(standing, next);
        self.free = self.free + usize::from(next == Standing::Free) - usize::from(before == Standing::Free);
    }

    fn let_go(&mut self, lock: LockId) {
        if let Some(owners) = self.owners.get_mut(&lock) {
            *owners = owners.saturating_sub(1);
        }
    }

    /// Whether nothing can move any more: nobody is free, somebody waits, and what is waited for has
    /// owners. A lock without one is about to be granted: on several threads a `Wait` can be recorded
    /// between the release and the grant.
    fn is_stuck(&self) -> bool {
        let owned = |lock: LockId| self.owners.get(&lock).is_some_and(|owners| *owners > 0);
        let mut waited_for = self.standings.iter().filter_map(|standing| match standing {
            Standing::Waiting(lock) => Some(*lock),
            Standing::Free | Standing::Finished => None,
        });
        self.free == 0 && waited_for.clone().next().is_some() && waited_for.all(owned)
    }

    fn over(&self, cause: Cause) -> Pushed {
        self.whistle.blow(cause);
        Pushed::Closed
    }
}

impl Sink for Referee {
    fn push(&mut self, event: Event) -> Pushed {
        if self.whistle.is_blown() || self.whistle.past_horizon(event.at) {
            return Pushed::Closed;
        }
        if self.room == 0 {
            return self.over(Cause::EventCap(self.cap));
        }
        self.room -= 1;
        self.note(&event);
        self.whistle.silent_steps.store(0, Ordering::Relaxed);
        self.whistle.last_event.store(event.at.nanos(), Ordering::Relaxed);
        let pushed = self.sink.push(event);
        if pushed == Pushed::Closed {
            return self.over(Cause::Asked);
        }
        if self.is_stuck() {
            return self.over(Cause::Stuck);
        }
        pushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Actor;

    /// On several threads a `Wait` can be recorded between the release and the grant that it gets.
    #[test]
    fn a_lock_between_release_and_grant_is_no_deadlock() {
        let whistle = Arc::new(Whistle::new(Time::from_millis(1000), Stop::default()));
        let mut referee = Referee::new(Box::new(|_| true), whistle.clone(), 2, 100);
        let (lock, a, b) = (LockId(0), OpId(1), OpId(2));
        let mut push = |task, what| {
            let actor = Actor { task: TaskId(task), step: None };
            referee.push(Event { seq: 0, at: Time::ZERO, actor, what })
        };
        for (task, what) in [
            (0, What::Acquire { lock, op: a }),
            (0, What::Release { lock, op: a }),
            (0, What::Finish),
            (1, What::Wait { lock, op: b }),
            (1, What::Grant { lock, op: b }),
            (1, What::Acquire { lock, op: b }),
        ] {
            assert_eq!(push(task, what.clone()), Pushed::Kept, "{what:?}");
        }
        assert_eq!(push(1, What::Wait { lock, op: OpId(3) }), Pushed::Closed);
        assert_eq!(whistle.end().cause, Cause::Stuck);
    }
}
