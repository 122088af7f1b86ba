//! One task of a plan, step by step: what a Rust programmer would have written, done for real.
//!
//! Guards are real guards of instrumented locks and are dropped where Rust drops them. The only
//! liberty taken: every step first asks whether the run is over.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::Shared;
use crate::event::{LockId, StepId, TaskId, Time, What};
use crate::scenario::{ClockKind, Hold, Slot, Step, TaskPlan, Value, Verb};
use crate::sync::{OwnedMutexGuard, actor};

/// What a lock protects: the lecture's database.
pub(super) type Data = BTreeMap<Arc<str>, Arc<Json>>;

/// `Break` once the run is over.
type Flow = ControlFlow<()>;

/// A task's variables and the means to run its steps.
pub(super) struct Interpreter<'a> {
    shared: &'a Shared,
    plan: &'a TaskPlan,
    task: TaskId,
    started: Time,
    guards: Vec<Option<(LockId, OwnedMutexGuard<Data>)>>,
    values: Vec<Option<Arc<Json>>>,
    dice: fastrand::Rng,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(shared: &'a Shared, plan: &'a TaskPlan, task: TaskId) -> Self {
        Self {
            shared,
            plan,
            task,
            started: shared.recorder.now(),
            guards: std::iter::repeat_with(|| None).take(plan.guards).collect(),
            values: vec![None; plan.values],
            // A generator for each task: what one draws does not depend on when the others do.
            dice: fastrand::Rng::with_seed(
                shared.seed ^ (u64::from(task.0) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            ),
        }
    }

    /// Runs the task from its start to its end, or to the end of the run.
    pub(super) async fn live(mut self) {
        self.record(What::Spawn);
        let plan = self.plan;
        if self.block(&plan.steps).await.is_continue() {
            self.record(What::Finish);
        }
    }

    fn record(&self, what: What) {
        self.shared.recorder.record(self.shared.recorder.actor(), what);
    }

    /// Boxed, because blocks contain blocks.
    fn block<'s>(&'s mut self, steps: &'s [Step]) -> Pin<Box<dyn Future<Output = Flow> + Send + 's>> {
        Box::pin(async move {
            for step in steps {
                self.step(step).await?;
            }
            // At the end of a block Rust drops what it binds, last first.
            for step in steps.iter().rev() {
                if let Verb::Lock { hold: Hold::Bound(slot), .. } = &step.verb
                    && let Some(guard) = self.guards[slot.index].take()
                {
                    // The step that bound it tells which guard it is.
                    actor::set_step(step.id);
                    drop(guard);
                    self.go_on(step.id)?;
                }
            }
            Flow::Continue(())
        })
    }

    /// `Break` if the run is over. Asked before a step, so that nothing runs that nobody will see.
    fn go_on(&self, step: StepId) -> Flow {
        self.shared.whistle.step(self.task, step);
        let over = self.shared.whistle.is_blown() || self.shared.recorder.is_closed();
        if over { Flow::Break(()) } else { Flow::Continue(()) }
    }

    async fn step(&mut self, step: &Step) -> Flow {
        actor::set_step(step.id);
        self.go_on(step.id)?;
        match &step.verb {
            Verb::Lock { lock, hold } => {
                let guard = self.shared.locks[lock.0 as usize].clone().lock_owned().await;
                self.go_on(step.id)?;
                let guard = (*lock, guard);
                match hold {
                    Hold::Bound(slot) => self.guards[slot.index] = Some(guard),
                    Hold::Temporary { guard: slot, steps } => {
                        self.guards[slot.index] = Some(guard);
                        self.block(steps).await?;
                        actor::set_step(step.id);
                        self.guards[slot.index] = None;
                    }
                }
            }
            Verb::Drop { guard } => self.guards[guard.index] = None,
            Verb::Get { key, from, bind } => {
                // The checker let no plan through in which the guard is not held here.
                let Some((lock, data)) = &self.guards[from.index] else { return Flow::Continue(()) };
                let value = data.get(key).cloned();
                self.record(What::Get { lock: *lock, key: key.clone(), value: value.clone() });
                if let Some(bind) = bind {
                    self.values[bind.index] = value;
                }
            }
            Verb::Insert { key, into, value } => {
                let value = self.value(value);
                let Some((lock, data)) = &mut self.guards[into.index] else { return Flow::Continue(()) };
                data.insert(key.clone(), value.clone());
                let lock = *lock;
                self.record(What::Insert { lock, key: key.clone(), value });
            }
            Verb::Sleep { span, jitter } => self.sleep(*span, *jitter).await,
            Verb::Work { span } => self.work(*span),
            Verb::Yield { times } => {
                for _ in 0..times.get() {
                    tokio::task::yield_now().await;
                    self.go_on(step.id)?;
                }
            }
            Verb::Loop { times, steps } => {
                let mut turn = 0;
                while times.is_none_or(|times| turn < times.get()) {
                    self.block(steps).await?;
                    turn = turn.saturating_add(1);
                }
            }
            Verb::Print { text } => self.record(What::Print { text: text.clone() }),
            Verb::Debug { value } => self.record(What::Debug {
                name: value.name.clone(),
                value: self.values[value.index].clone(),
                place: step.place,
            }),
            Verb::Say { text } => self.record(What::Say { text: text.clone() }),
        }
        Flow::Continue(())
    }

    fn value(&self, value: &Value) -> Arc<Json> {
        match value {
            Value::Json(json) => json.clone(),
            Value::Elapsed => {
                let elapsed = self.shared.recorder.now().since(self.started);
                Arc::new(Json::from(elapsed.as_millis() as u64))
            }
            Value::Var(Slot { index, .. }) => self.values[*index].clone().unwrap_or_default(),
        }
    }

    async fn sleep(&mut self, span: Duration, jitter: Duration) {
        let longer = self.dice.u64(0..=jitter.as_millis() as u64);
        let due = Instant::now() + span + Duration::from_millis(longer);
        self.record(What::Sleep { until: (due - self.shared.began).into() });
        tokio::time::sleep_until(due).await;
        self.record(What::Wake);
    }

    /// Keeps the thread busy: nothing else runs on it meanwhile.
    fn work(&self, span: Duration) {
        let begin = Instant::now();
        match self.shared.clock {
            ClockKind::Virtual => {
                // The first poll moves the clock; what would follow it is a yield, and work does not
                // yield. The timers that come due meanwhile fire late, as they do when a real
                // executor is blocked.
                let mut advance = pin!(tokio::time::advance(span));
                let _ = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            ClockKind::Real => {
                while begin.elapsed() < span && !self.shared.whistle.is_blown() {
                    if self.shared.whistle.past_horizon(self.shared.recorder.now()) {
                        break;
                    }
                    std::hint::spin_loop();
                }
            }
        }
    }
}
