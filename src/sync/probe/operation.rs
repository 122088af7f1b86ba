//! One operation that may come to wait: the real lock's future, polled with a waker of ours, and the record of
//! what became of it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::task::coop::{consume_budget, has_budget_remaining, unconstrained};

use super::{Tap, locked};
use crate::event::{Actor, LockId, Mode, OpId, What};

/// How far an operation has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its first poll is under way, or has not been yet.
    Asking,
    /// It was handed the lock before its first poll was over: `Wait` and `Grant` are to be recorded.
    Early,
    /// `Wait` is recorded.
    Waiting,
    /// `Grant` is recorded.
    Granted,
    /// What ends it is recorded.
    Done,
}

/// The waker that stands in the real lock's queue; it is woken when the operation is handed the lock,
/// or may try again, and at no other time.
struct Ticket {
    tap: Arc<Tap>,
    op: OpId,
    mode: Mode,
    actor: Actor,
    /// Of a lock that is handed over: not 0 as soon as `Grant` is recorded, with this stamp. From then on only
    /// the operation itself records anything.
    owns: AtomicU64,
    /// Held while a change of state is recorded, so that a poll on another thread cannot record the
    /// acquisition before the hand-over that it comes from.
    progress: Mutex<Progress>,
}

struct Progress {
    state: State,
    /// The stamp of the last event.
    stamp: u64,
    /// How much had changed when it was woken and came too late.
    beaten: Option<u64>,
    /// Whom to wake: the task's waker as of its last poll, until it is used.
    task: Option<Waker>,
}

impl Ticket {
    #[inline]
    fn record(&self, progress: &mut Progress, what: impl FnOnce(LockId, OpId) -> What) {
        progress.stamp = self.tap.note(self.actor, what(self.tap.lock, self.op), progress.stamp);
    }

    #[inline]
    fn record_grant(&self, progress: &mut Progress) {
        self.record(progress, |lock, op| What::Grant { lock, op, mode: self.mode });
        progress.state = State::Granted;
        if self.tap.hands_over {
            self.owns.store(progress.stamp.max(1), Ordering::Release);
        }
    }

    /// Keeps the waker of the task that polls now.
    fn set_task(&self, waker: &Waker) {
        let task = &mut locked(&self.progress).task;
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    /// The first poll came back empty-handed: it stands in the queue. Gives `task` back if it was woken before
    /// there was anybody to wake.
    fn enqueued(&self, task: Waker) -> Option<Waker> {
        let mut progress = locked(&self.progress);
        self.record(&mut progress, |lock, op| What::Wait { lock, op, mode: self.mode });
        if progress.state == State::Asking {
            progress.state = State::Waiting;
            progress.task = Some(task);
            return None;
        }
        if self.tap.refuses.load(Ordering::Acquire) {
            progress.state = State::Waiting;
        } else {
            self.record_grant(&mut progress);
        }
        Some(task)
    }

    /// It owns the lock; records so where nothing has said it yet.
    fn granted(&self) {
        let mut progress = locked(&self.progress);
        if progress.state != State::Granted {
            self.record_grant(&mut progress);
        }
    }

    /// The stamp of its `Grant`, if it owns the lock and that is recorded.
    #[inline]
    fn owns(&self) -> Option<u64> {
        Some(self.owns.load(Ordering::Acquire)).filter(|&stamp| stamp > 0)
    }

    /// It was woken and tried, and somebody else was quicker: it waits again.
    fn waits_again(&self) {
        let mut progress = locked(&self.progress);
        if progress.state == State::Granted && !self.tap.hands_over {
            self.record(&mut progress, |lock, op| What::Wait { lock, op, mode: self.mode });
            progress.state = State::Waiting;
            progress.beaten = Some(self.tap.changes.load(Ordering::Relaxed));
        }
    }

    /// It has what it asked for, and runs.
    #[inline]
    fn settled(&self, end: impl FnOnce(LockId, OpId) -> What) {
        if let Some(stamp) = self.owns() {
            self.tap.note(self.actor, end(self.tap.lock, self.op), stamp);
            return;
        }
        let mut progress = locked(&self.progress);
        self.record(&mut progress, end);
        self.tap.changed();
        progress.state = State::Done;
    }
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut progress = locked(&self.progress);
        match progress.state {
            State::Asking => progress.state = State::Early,
            // Waiters that wake each other, although nothing has changed, would fill any recording.
            State::Waiting if progress.beaten == Some(self.tap.changes.load(Ordering::Relaxed)) => {}
            State::Waiting if self.tap.refuses.load(Ordering::Acquire) => {}
            State::Waiting => self.record_grant(&mut progress),
            State::Early | State::Granted | State::Done => {}
        }
        let task = progress.task.take();
        drop(progress);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Records `Cancel` if it is dropped between the queue and the guard.
struct Asking {
    ticket: Arc<Ticket>,
    /// What ends it is recorded.
    settled: bool,
}

impl Asking {
    /// Whether what the real future gave is nothing.
    fn is_refused<T>(&self, end: impl Fn(LockId, OpId, &T) -> What, output: &T) -> bool {
        matches!(end(self.ticket.tap.lock, self.ticket.op, output), What::Cancel { .. })
    }

    #[inline]
    fn settle(&mut self, end: impl FnOnce(LockId, OpId) -> What) {
        if !self.settled {
            self.settled = true;
            self.ticket.settled(end);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let ticket = &*self.ticket;
        let _order = locked(&ticket.tap.order);
        let mut progress = locked(&ticket.progress);
        if matches!(progress.state, State::Waiting | State::Granted) {
            ticket.record(&mut progress, |lock, op| What::Cancel { lock, op });
            ticket.tap.changed();
        }
        progress.state = State::Done;
    }
}

/// When the real future asks tokio's cooperative budget, which makes a task yield now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// Last of all, when it owns the lock: what tokio's locks do since 1.54.
    Last,
    /// First of all, before it asks for anything: tokio's channels.
    First,
    /// Never: the locks of others, and tokio's `Notify`.
    Never,
}

/// Waits for what `ask` makes, the real lock's own future, and records what happens to it; see [`operation`].
///
/// That future must ask in its first poll, must wake its waker when it is handed the lock (or may try
/// again) and only then, and must ask the cooperative budget when `budget` says.
pub(crate) async fn acquire<F: Future>(
    tap: &Arc<Tap>,
    mode: Mode,
    budget: Budget,
    ask: impl FnOnce() -> F,
) -> (F::Output, OpId) {
    operation(tap, mode, budget, ask, || None, |lock, op, _| What::Acquire { lock, op, mode }).await
}

/// Waits for what `ask` makes, the real future of some operation, and records what happens to it; the event
/// that ends it is `end` of what it gave; `again` is what it gives after a yield, if that is something else. A `Cancel` says that it was refused: then it was given nothing,
/// and a real future asks no budget for that.
///
/// It is made where it stays, because each hand it goes through would keep room for it.
///
/// A future that asks the budget last is polled outside of it, and the budget is then asked here with
/// the task's own waker: the same questions in the same polls, but between the two we know whether the
/// lock is ours. One that asks it first has not asked for anything else when it is refused.
///
/// # Cancel safety
///
/// Dropped before its first poll, it records nothing; dropped while it waits or owns the lock, it
/// records `Cancel` and then lets go.
pub(crate) async fn operation<F: Future>(
    tap: &Arc<Tap>,
    mode: Mode,
    budget: Budget,
    ask: impl FnOnce() -> F,
    again: impl Fn() -> Option<F::Output>,
    end: impl Fn(LockId, OpId, &F::Output) -> What,
) -> (F::Output, OpId) {
    let ticket = Arc::new(Ticket {
        tap: Arc::clone(tap),
        op: tap.recorder.next_op(),
        mode,
        actor: tap.recorder.actor(),
        owns: AtomicU64::new(0),
        progress: Mutex::new(Progress { state: State::Asking, stamp: 0, beaten: None, task: None }),
    });
    // Dropped in reverse: `Cancel` is recorded before the future or the guard lets go of the lock.
    let mut result = None;
    let mut inner = pin!(ask());
    let mut spend = pin!(consume_budget());
    let op = ticket.op;
    let mut asking = Asking { ticket, settled: false };
    let (mut first, mut refused, mut yielded) = (true, false, false);
    // Moved, because each reference to what stays would make the future larger.
    let kept = &mut result;
    let output = poll_fn(move |cx| {
        let result = &mut *kept;
        if result.is_none() {
            if budget == Budget::Last && asking.ticket.owns().is_some() {
                // It owns the lock and needs no waker of ours: now its future asks the budget itself.
                let output = ready!(inner.as_mut().poll(cx));
                asking.settle(|lock, op| end(lock, op, &output));
                return Poll::Ready(output);
            }
            let mut poll_inner = |cx: &mut Context<'_>| match budget {
                Budget::Last => pin!(unconstrained(inner.as_mut())).poll(cx),
                Budget::First | Budget::Never => inner.as_mut().poll(cx),
            };
            if budget == Budget::First && !has_budget_remaining() {
                // Refused before it looks at anything: nothing has happened.
                let refused = poll_inner(cx);
                debug_assert!(refused.is_pending());
                return Poll::Pending;
            }
            let waker = Waker::from(Arc::clone(&asking.ticket));
            let mut queue_cx = Context::from_waker(&waker);
            if std::mem::take(&mut first) {
                // Nobody else's code runs under `order`.
                let task = cx.waker().clone();
                let order = locked(&tap.order);
                match poll_inner(&mut queue_cx) {
                    Poll::Ready(output) => {
                        refused = asking.is_refused(&end, &output);
                        if refused || budget != Budget::Last || has_budget_remaining() {
                            asking.settle(|lock, op| end(lock, op, &output));
                        } else {
                            asking.ticket.granted();
                        }
                        *result = Some(output);
                    }
                    Poll::Pending => {
                        let woken = asking.ticket.enqueued(task);
                        drop(order);
                        woken.into_iter().for_each(Waker::wake);
                        return Poll::Pending;
                    }
                }
            } else {
                asking.ticket.set_task(cx.waker());
                let Poll::Ready(output) = poll_inner(&mut queue_cx) else {
                    asking.ticket.waits_again();
                    return Poll::Pending;
                };
                refused = asking.is_refused(&end, &output);
                if tap.hands_over && !refused {
                    // It can be polled between the hand-over and the wake.
                    asking.ticket.granted();
                }
                *result = Some(output);
            }
        }
        if budget == Budget::Last && !refused {
            // Refused when it comes back, it spends nothing.
            let back = std::mem::take(&mut yielded).then(&again).flatten();
            if let Some(other) = back.filter(|other| asking.is_refused(&end, other)) {
                asking.settle(|lock, op| end(lock, op, &other));
                *result = Some(other);
            } else if spend.as_mut().poll(cx).is_pending() {
                yielded = true;
                return Poll::Pending;
            }
        }
        if let Some(output) = &*result {
            asking.settle(|lock, op| end(lock, op, output));
        }
        result.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    (output, op)
}
