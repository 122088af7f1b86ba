//! When a run is over: the referee sees every event before the sink does, the whistle ends the run.
//!
//! The referee stands inside the recorder, so that "over" is a place in the order of events and
//! nothing that came after it is ever shown.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::board::Board;
use super::{Cause, End, MAX_SILENT_STEPS};
use crate::event::{Event, Outcome, StepId, TaskId, Time};
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
        self.blown.notify_waiters();
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
            () = self.over() => {}
            () = self.stop.0.wake.notified() => self.blow(Cause::Asked),
        }
    }

    /// Waits until the run is over.
    pub(super) async fn over(&self) {
        // A notification counts from here on: the cause is set before it is sent.
        let blown = self.blown.notified();
        if !self.is_blown() {
            blown.await;
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
            Cause::EventCap(_) | Cause::Watchdog { .. } | Cause::Round(_) | Cause::Asked => {
                (Outcome::Stopped, last)
            }
        };
        End { outcome, at, cause }
    }
}

/// The sink before the sink.
pub(super) struct Referee {
    sink: Box<dyn Sink>,
    whistle: Arc<Whistle>,
    board: Arc<Board>,
    room: u64,
    cap: u64,
}

impl Referee {
    pub(super) fn new(sink: Box<dyn Sink>, whistle: Arc<Whistle>, board: Arc<Board>, cap: u64) -> Self {
        Self { sink, whistle, board, room: cap, cap }
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
        self.board.heard(&event.what);
        self.whistle.silent_steps.store(0, Ordering::Relaxed);
        self.whistle.last_event.store(event.at.nanos(), Ordering::Relaxed);
        let pushed = self.sink.push(event);
        if pushed == Pushed::Closed {
            return self.over(Cause::Asked);
        }
        pushed
    }
}
