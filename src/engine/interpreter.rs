//! One task of a plan, step by step: what a Rust programmer would have written, done for real.
//!
//! Guards are real guards of instrumented locks and are dropped where Rust drops them, also where a
//! future is dropped in the middle. The only liberty taken: every step first asks whether the run is
//! over.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::time::Instant;

use super::board::sleep_until;
use super::frame::Frame;
use super::locks::{Guard, Lock, Threads};
use super::tasks::Ends;
use super::{Cause, Shared, values};
use crate::event::{LockId, StepId, TaskId, Time, What};
use crate::scenario::{Arm, ClockKind, Hold, Runtime, Slot, Step, TaskPlan, Turns, Value, Verb};
use crate::sync::actor;

/// The run is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over;

/// Where a task goes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// To the next step.
    On,
    /// Past the rest of its block.
    PastBlock,
    /// Out of the loop that it is in.
    OutOfLoop,
}

pub(super) type Flow = Result<Next, Over>;

/// Some steps under way. Boxed, because blocks contain blocks.
pub(super) type Block<'s> = Pin<Box<dyn Future<Output = Flow> + Send + 's>>;

/// A task's variables and the means to run its steps. Arms of a `select!` share it.
pub(super) struct Interpreter<'a> {
    shared: &'a Shared,
    plan: &'a TaskPlan,
    task: TaskId,
    started: Time,
    vars: Mutex<Vars<'a>>,
    ends: Ends,
}

struct Vars<'a> {
    guards: Vec<Option<(LockId, Guard<'a>)>>,
    values: Vec<Option<Arc<Json>>>,
    dice: fastrand::Rng,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(shared: &'a Shared, plan: &'a TaskPlan, task: TaskId, ends: Ends) -> Self {
        let vars = Vars {
            guards: std::iter::repeat_with(|| None).take(plan.guards).collect(),
            values: vec![None; plan.values],
            // A generator for each task: what one draws does not depend on when the others do.
            dice: fastrand::Rng::with_seed(
                shared.seed ^ (u64::from(task.0) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            ),
        };
        Self { shared, plan, task, started: shared.recorder.now(), vars: Mutex::new(vars), ends }
    }

    /// Runs the task from its start to its end, or to the end of the run.
    pub(super) async fn live(mut self) {
        self.record(What::Spawn);
        if self.block(&self.plan.steps).await.is_ok() {
            // A task's ends of channels are gone when it is.
            self.ends = Ends::default();
            self.record(What::Finish);
        }
    }

    fn record(&self, what: What) {
        self.shared.recorder.record(self.shared.recorder.actor(), what);
    }

    /// A poisoned mutex only means a panic elsewhere; nothing is ever half-changed in here.
    fn vars(&self) -> MutexGuard<'_, Vars<'a>> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, lock: LockId) -> &'a Lock {
        &self.shared.locks[lock.0 as usize]
    }

    /// Puts a guard into its slot.
    fn put(&self, slot: &Slot, lock: LockId, guard: Guard<'a>) {
        self.vars().guards[slot.index] = Some((lock, guard));
    }

    /// Drops a guard, at a step of the task; says whether there was one.
    pub(super) fn release(&self, slot: usize, step: StepId) -> bool {
        actor::set_step(step);
        // Dropped when the variables are free again: this wakes others.
        let guard = self.vars().guards[slot].take();
        guard.is_some()
    }

    fn block<'s>(&'s self, steps: &'s [Step]) -> Block<'s> {
        Box::pin(async move {
            let mut frame = Frame::new(self);
            let mut next = Next::On;
            for step in steps {
                next = self.step(step, &mut frame).await?;
                if next != Next::On {
                    break;
                }
            }
            frame.close()?;
            Ok(if next == Next::OutOfLoop { next } else { Next::On })
        })
    }

    /// `Err` if the run is over. Asked before a step, so that nothing runs that nobody will see.
    pub(super) fn go_on(&self, step: StepId) -> Result<(), Over> {
        self.shared.whistle.step(self.task, step);
        let over = self.shared.whistle.is_blown() || self.shared.recorder.is_closed();
        if over { Err(Over) } else { Ok(()) }
    }

    async fn step<'s>(&'s self, step: &'s Step, frame: &mut Frame<'s, 'a>) -> Flow {
        actor::set_step(step.id);
        self.go_on(step.id)?;
        match &step.verb {
            Verb::Lock { lock, mode, hold } => {
                let threads = match self.shared.plan.runtime {
                    Runtime::Threads => Threads::Many(&self.shared.board),
                    Runtime::CurrentThread | Runtime::MultiThread { .. } => Threads::One,
                };
                let Some(guard) = self.lock(*lock).acquire(*mode, threads).await else {
                    // It would stand still for ever, and everybody else with it.
                    self.shared.whistle.blow(Cause::Stuck);
                    return Err(Over);
                };
                self.go_on(step.id)?;
                self.hold(step.id, *lock, guard, hold, frame).await?;
            }
            Verb::TryLock { lock, hold, other } => {
                if let Some(guard) = self.lock(*lock).try_acquire() {
                    self.hold(step.id, *lock, guard, hold, frame).await?;
                } else {
                    self.block(other).await?;
                    if matches!(hold, Hold::Bound(_)) {
                        return Ok(Next::PastBlock);
                    }
                }
            }
            Verb::Drop { guard } => _ = self.release(guard.index, step.id),
            Verb::AddPermits { lock, permits } => self.lock(*lock).add_permits(*permits),
            Verb::Notified { lock } => self.lock(*lock).notified().await,
            Verb::Notify { lock, all } => self.lock(*lock).notify(*all),
            Verb::Send { lock, value } => {
                let value = self.value(value);
                if let Some((_, sender)) = self.ends.senders.iter().find(|(id, _)| id == lock) {
                    sender.send(self.lock(*lock), value).await;
                }
            }
            Verb::Recv { lock, bind } => return self.receive(*lock, bind.as_ref()).await,
            Verb::Get { key, from, bind } => self.get(key, from, bind.as_ref()),
            Verb::Insert { key, into, value } => self.insert(key, into, value),
            Verb::Sleep { span, jitter } => self.sleep(*span, *jitter, step.id).await,
            Verb::Work { span } => self.work(*span),
            Verb::Yield { times } => {
                for _ in 0..times.get() {
                    tokio::task::yield_now().await;
                    self.go_on(step.id)?;
                }
            }
            Verb::Loop { turns, steps } => self.turn(*turns, steps).await?,
            Verb::If { condition, then, other } => {
                let holds = values::holds(condition, &|value| self.maybe(value));
                self.block(if holds { then } else { other }).await?;
            }
            Verb::Timeout { span, steps, other } => {
                if self.within(*span, steps).await?.is_none() {
                    self.block(other).await?;
                }
            }
            Verb::Select { arms } => self.select(step.id, arms, frame).await?,
            Verb::Print { text } => self.record(What::Print { text: text.clone() }),
            Verb::Debug { value } => {
                let (name, shown) = (value.name.clone(), self.vars().values[value.index].clone());
                self.record(What::Debug { name, value: shown, place: step.place });
            }
            Verb::Say { text } => self.record(What::Say { text: text.clone() }),
        }
        Ok(Next::On)
    }

    /// Holds a guard to the end of the block, or around some steps.
    async fn hold<'s>(
        &'s self,
        step: StepId,
        lock: LockId,
        guard: Guard<'a>,
        hold: &'s Hold,
        frame: &mut Frame<'s, 'a>,
    ) -> Result<(), Over> {
        match hold {
            Hold::Bound(slot) => {
                self.put(slot, lock, guard);
                frame.bind(slot.index, step);
            }
            Hold::Temporary { guard: slot, steps } => {
                let mut temporary = Frame::new(self);
                self.put(slot, lock, guard);
                temporary.bind(slot.index, step);
                self.block(steps).await?;
                temporary.close()?;
            }
        }
        Ok(())
    }

    async fn turn(&self, turns: Turns, steps: &[Step]) -> Result<(), Over> {
        let mut turn = 0_u32;
        while !matches!(turns, Turns::Times(times) if turn >= times.get()) {
            if self.block(steps).await? == Next::OutOfLoop && turns == Turns::WhileReceiving {
                break;
            }
            turn = turn.saturating_add(1);
        }
        Ok(())
    }

    async fn receive(&self, lock: LockId, bind: Option<&Slot>) -> Flow {
        let Some((_, receiver)) = self.ends.receivers.iter().find(|(id, _)| *id == lock) else {
            return Ok(Next::On);
        };
        let message = receiver.lock().await.recv(self.lock(lock)).await;
        let next = if message.is_some() { Next::On } else { Next::OutOfLoop };
        if let Some(bind) = bind {
            self.vars().values[bind.index] = message;
        }
        Ok(next)
    }

    /// Some steps for so long at most: `None` if that was too short, and they are dropped.
    async fn within(&self, span: Duration, steps: &[Step]) -> Result<Option<Next>, Over> {
        let mut inner = self.block(steps);
        let mut timer = pin!(sleep_until(&self.shared.board, Instant::now() + span));
        let done = poll_fn(|cx| match inner.as_mut().poll(cx) {
            Poll::Ready(flow) => Poll::Ready(Some(flow)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        });
        let Some(flow) = done.await else {
            self.record(What::Timeout);
            return Ok(None);
        };
        flow.map(Some)
    }

    /// Polls the arms in order until one is ready; what is kept of the others goes to the block.
    async fn select<'s>(
        &'s self,
        step: StepId,
        arms: &'s [Arm],
        frame: &mut Frame<'s, 'a>,
    ) -> Result<(), Over> {
        let mut futures: Vec<Block<'s>> = arms.iter().map(|arm| self.block(&arm.steps)).collect();
        let mut budget = pin!(consume_budget());
        let (winner, flow) = poll_fn(|cx| {
            // As `select!` does: without budget it lets others run first.
            if !has_budget_remaining() && budget.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            for (index, future) in futures.iter_mut().enumerate() {
                if let Poll::Ready(flow) = future.as_mut().poll(cx) {
                    return Poll::Ready((index, flow));
                }
            }
            Poll::Pending
        })
        .await;
        flow?;
        actor::set_step(step);
        self.record(What::Select { arm: winner as u32 + 1 });
        for (index, (future, arm)) in futures.into_iter().zip(arms).enumerate() {
            if arm.keep && index != winner {
                frame.keep(future);
            }
        }
        Ok(())
    }

    fn get(&self, key: &Arc<str>, from: &Slot, bind: Option<&Slot>) {
        let mut vars = self.vars();
        // The checker let no plan through in which the guard is not held here.
        let Some((lock, Some(data))) =
            vars.guards[from.index].as_ref().map(|(lock, guard)| (*lock, guard.data()))
        else {
            return;
        };
        let value = data.get(key).cloned();
        if let Some(bind) = bind {
            vars.values[bind.index].clone_from(&value);
        }
        drop(vars);
        self.record(What::Get { lock, key: key.clone(), value });
    }

    fn insert(&self, key: &Arc<str>, into: &Slot, value: &Value) {
        let value = self.value(value);
        let mut vars = self.vars();
        let Some((lock, Some(data))) =
            vars.guards[into.index].as_mut().map(|(lock, guard)| (*lock, guard.data_mut()))
        else {
            return;
        };
        data.insert(key.clone(), value.clone());
        drop(vars);
        self.record(What::Insert { lock, key: key.clone(), value });
    }

    fn value(&self, value: &Value) -> Arc<Json> {
        self.maybe(value).unwrap_or_default()
    }

    /// A value, if it is there.
    fn maybe(&self, value: &Value) -> Option<Arc<Json>> {
        Some(match value {
            Value::Json(json) => json.clone(),
            Value::Elapsed => {
                let elapsed = self.shared.recorder.now().since(self.started);
                Arc::new(Json::from(elapsed.as_millis() as u64))
            }
            Value::Var(slot) => return self.vars().values[slot.index].clone(),
            Value::Add(sides) => {
                let [left, right] = [&sides[0], &sides[1]].map(|side| self.value(side));
                Arc::new(values::sum(&left, &right))
            }
        })
    }

    async fn sleep(&self, span: Duration, jitter: Duration, step: StepId) {
        let longer = self.vars().dice.u64(0..=jitter.as_millis() as u64);
        let due = Instant::now() + span + Duration::from_millis(longer);
        self.record(What::Sleep { until: (due - self.shared.began).into() });
        sleep_until(&self.shared.board, due).await;
        // Another arm may have run meanwhile.
        actor::set_step(step);
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
