//! The probe: what an instrumented lock carries to see an acquisition as it happens.
//!
//! It knows of queues and hand-overs, not of any lock in particular, and it never decides anything:
//! the real lock's own future is polled, in the real lock's own order, and what came of it is recorded.
//!
//! Two rules make the recorded order of a lock the true one on any number of threads.
//!
//! * An operation that may come to wait is polled first, and the outcome recorded, in one step under
//!   [`Tap::order`], and what ends it is recorded in it too. So the order of the `Wait` events is that of the
//!   queue.
//! * `Release` and `Cancel` are recorded before the real lock is let go, `Acquire` after it is held.
//!
//! In a program's recording an operation that gets the lock at once needs no such step: it is in its critical
//! section when it is recorded, and stamps of one lock only ever grow ([`Tap::note`]). It asks with the lock's
//! `try_` method, which takes the very permits that a first poll would take; only what that poll spends of the
//! task's cooperative budget is spent here. Where it fails, the real future is polled, under `order`. So all
//! who come to wait come to it under `order`. Whoever has the lock then may not have recorded it yet: the
//! recorder's thread puts that right, see `program::drain`.
//!
//! The real lock is let go *outside* of `order`, because that runs wakers of other people's. An
//! operation that asks in between is rightly recorded as waiting although the release is recorded. And
//! several whom one release lets in are woken one after the other: somebody who comes meanwhile, and
//! shares the lock with them, may be recorded before the last of their grants.

use std::future::poll_fn;
use std::ops::Deref;
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::{consume_budget, has_budget_remaining, unconstrained};

use super::program::Program;
use super::recorder::{Recorder, installed};
use crate::event::{Actor, Brief, Family, Kind, LockId, LockKind, LockName, Mode, OpId, What};

/// A poisoned mutex here only means that a sink panicked; what it protects is still whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With feature `off` nothing is recorded, and the compiler sees it. The laboratory, which is there to
/// record, goes before.
pub(super) const OFF: bool = cfg!(all(feature = "off", not(feature = "engine")));

/// What a lock is called when it is registered.
enum Name {
    /// After the place in the source that made it.
    Place(&'static Location<'static>),
    /// As its owner said.
    Given(Arc<str>),
    /// It was registered before.
    Registered,
}

/// A lock's way to its recorder, found at the first use that has one.
pub(super) struct Probe {
    name: Name,
    kind: LockKind,
    tap: OnceLock<Arc<Tap>>,
}

impl Probe {
    /// For a lock that is called after the place that made it.
    pub(super) const fn at(place: &'static Location<'static>, kind: LockKind) -> Self {
        Self { name: Name::Place(place), kind, tap: OnceLock::new() }
    }

    /// For a lock that has a name.
    pub(super) const fn named(name: Arc<str>, kind: LockKind) -> Self {
        Self { name: Name::Given(name), kind, tap: OnceLock::new() }
    }

    /// For a lock that `recorder` knows as `lock`.
    pub(super) fn registered(recorder: &Recorder, lock: LockId, kind: LockKind) -> Self {
        let tap = Arc::new(Tap::new(recorder, lock, kind));
        Self { name: Name::Registered, kind, tap: OnceLock::from(tap) }
    }

    /// The way to the recorder, while there is one that records. Costs two atomic loads without one.
    pub(super) fn tap(&self) -> Option<&Arc<Tap>> {
        self.tap_with(|| None)
    }

    /// The same for a lock that has permits: so many are free when it is registered.
    pub(super) fn tap_with(&self, permits: impl FnOnce() -> Option<u32>) -> Option<&Arc<Tap>> {
        if OFF {
            return None;
        }
        let tap = match self.tap.get() {
            Some(tap) => tap,
            None => self.connect(installed()?, permits),
        };
        (!tap.recorder.is_closed()).then_some(tap)
    }

    #[cold]
    fn connect(&self, recorder: &Recorder, permits: impl FnOnce() -> Option<u32>) -> &Arc<Tap> {
        self.tap.get_or_init(|| {
            let name: Arc<str> = match &self.name {
                Name::Place(place) => {
                    let file = place.file();
                    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
                    format!("{file}:{}", place.line()).into()
                }
                Name::Given(name) => Arc::clone(name),
                Name::Registered => "?".into(),
            };
            let lock = recorder.add(LockName { name, kind: self.kind, permits: permits() });
            Arc::new(Tap::new(recorder, lock, self.kind))
        })
    }
}

/// Waits for what `ask` asks a tokio lock for, and gives its record too, if there is one. `attempt` asks for
/// the same without waiting.
pub(super) fn ask<F: Future>(
    tap: Option<&Arc<Tap>>,
    mode: Mode,
    attempt: impl FnOnce() -> Option<F::Output>,
    ask: impl FnOnce() -> F,
) -> impl Future<Output = (F::Output, Record<'_>)> {
    ask_or_fail(tap, mode, attempt, ask, || None, |_| true)
}

/// The same of a lock that can refuse: `given` says whether it gave anything, and `again` what it gives whoever
/// had something already but was not let run on, if that is something else by now.
pub(super) async fn ask_or_fail<F: Future>(
    tap: Option<&Arc<Tap>>,
    mode: Mode,
    attempt: impl FnOnce() -> Option<F::Output>,
    ask: impl FnOnce() -> F,
    again: impl Fn() -> Option<F::Output>,
    given: impl Fn(&F::Output) -> bool,
) -> (F::Output, Record<'_>) {
    // A future that may come to this keeps room for it, so with `off` it is left out.
    #[cfg(any(not(feature = "off"), feature = "engine"))]
    if let Some(tap) = tap {
        match tap.take(mode, attempt) {
            Some((output, op, Runs::On)) => {
                consume_budget().await;
                return (output, Some((tap, op)));
            }
            // Rare, and so apart: room for it would make every lock's future larger.
            Some((output, op, Runs::Later)) => {
                let output = Box::pin(yields(tap, mode, op, output, again, &given)).await;
                return (output, Some((tap, op)));
            }
            None => {}
        }
        let end = |lock, op, output: &_| {
            if given(output) { What::Acquire { lock, op, mode } } else { What::Cancel { lock, op } }
        };
        let (output, op) = Box::pin(operation(tap, mode, Budget::Last, ask, again, end)).await;
        return (output, Some((tap, op)));
    } else if let Some(output) = attempt() {
        // What a first poll of the original would come to, for less: there is no place in a queue to prepare.
        if has_budget_remaining() {
            consume_budget().await;
            return (output, None);
        }
        return (Box::pin(yields_unrecorded(output, again)).await, None);
    }
    #[cfg(all(feature = "off", not(feature = "engine")))]
    let _ = (tap, mode, attempt, again, given);
    (ask().await, None)
}

/// Lets others run, with the lock in hand, because the cooperative budget is used up.
#[cfg(any(not(feature = "off"), feature = "engine"))]
async fn yields_unrecorded<T>(output: T, again: impl Fn() -> Option<T>) -> T {
    consume_budget().await;
    again().unwrap_or(output)
}

/// Whether a task goes on when it has got a lock.
enum Runs {
    On,
    /// Its cooperative budget is used up.
    Later,
}

/// Lets others run, with the lock in hand, because the cooperative budget is used up. It may be refused then.
#[cfg(any(not(feature = "off"), feature = "engine"))]
async fn yields<T>(
    tap: &Tap,
    mode: Mode,
    op: OpId,
    mut output: T,
    again: impl Fn() -> Option<T>,
    given: impl Fn(&T) -> bool,
) -> T {
    /// Records `Cancel` if it is dropped before its task runs again.
    struct Yielding<'a>(Option<(&'a Tap, Actor, OpId)>);

    impl Drop for Yielding<'_> {
        fn drop(&mut self) {
            if let Some((tap, actor, op)) = self.0 {
                tap.note(actor, What::Cancel { lock: tap.lock, op }, 0);
            }
        }
    }

    // Dropped in reverse: `Cancel` is recorded before the guard lets go.
    let mut yielding = Yielding(Some((tap, tap.recorder.actor(), op)));
    consume_budget().await;
    match again() {
        Some(other) if !given(&other) => {
            drop(yielding);
            output = other;
        }
        _ => {
            yielding.0 = None;
            tap.note(tap.recorder.actor(), What::Acquire { lock: tap.lock, op, mode }, 0);
        }
    }
    output
}

/// Asks without waiting, and gives the record too, if there is one.
pub(super) fn attempt<G, E>(
    tap: Option<&Arc<Tap>>,
    mode: Mode,
    attempt: impl FnOnce() -> Result<G, E>,
) -> Result<(G, Record<'_>), E> {
    match tap {
        Some(tap) => tap.attempt(mode, attempt).map(|(guard, op)| (guard, Some((tap, op)))),
        None => Ok((attempt()?, None)),
    }
}

/// An acquisition on record, if it is.
pub(super) type Record<'a> = Option<(&'a Arc<Tap>, OpId)>;

/// A lock that is being recorded.
pub(crate) struct Tap {
    recorder: Recorder,
    lock: LockId,
    /// Whether a waiter that is woken owns the lock already.
    hands_over: bool,
    /// Whether one owner at most records what it does.
    exclusive: bool,
    /// The stamp of the last coming into the lock or going, and of the last coming into its queue.
    last: AtomicU64,
    last_wait: AtomicU64,
    /// How often something changed that a waiter may have been woken for.
    changes: AtomicU64,
    /// Whether it refuses all who wait and will ask: their waker is woken, and they are given nothing.
    refuses: AtomicBool,
    /// Held around a first poll and its record, and around the record of an end. No waker takes it,
    /// and nobody else's code runs under it but the sink's and the clock's.
    order: Mutex<()>,
}

impl Tap {
    /// A lock of this kind that `recorder` knows as `lock`.
    pub(crate) fn new(recorder: &Recorder, lock: LockId, kind: LockKind) -> Self {
        let hands_over = kind.policy().hands_over();
        Self {
            recorder: recorder.clone(),
            lock,
            hands_over,
            exclusive: kind.family() == Family::Mutex,
            last: AtomicU64::new(0),
            last_wait: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            refuses: AtomicBool::new(false),
            order: Mutex::new(()),
        }
    }

    /// A program's recorder, if `mode` fits into the events that it writes at once.
    #[inline]
    fn quick(&self, mode: Mode) -> Option<(&Program, Brief)> {
        Some((self.recorder.core().program()?, Brief::of(mode)?))
    }

    /// In a program's recording, takes what can be had at once, and records it.
    #[inline]
    fn take<T>(&self, mode: Mode, attempt: impl FnOnce() -> Option<T>) -> Option<(T, OpId, Runs)> {
        let (program, brief) = self.quick(mode)?;
        let _order = (!self.exclusive).then(|| locked(&self.order));
        let output = attempt()?;
        let (kind, runs) =
            if has_budget_remaining() { (Kind::Acquire, Runs::On) } else { (Kind::Grant, Runs::Later) };
        Some((output, self.owns(program, kind, brief, None), runs))
    }

    /// Writes down that this thread's task comes into the lock, or goes; with which operation. Of a mutex the
    /// last stamp belongs to the critical section, so nobody else changes it meanwhile.
    #[inline]
    fn owns(&self, program: &Program, kind: Kind, mode: Brief, op: Option<OpId>) -> OpId {
        let floor = self.last.load(Ordering::Relaxed);
        let (op, stamp) = program.write(self.recorder.core(), (kind, mode, op), self.lock, floor);
        if self.exclusive {
            self.last.store(stamp, Ordering::Relaxed);
        } else {
            self.last.fetch_max(stamp, Ordering::Relaxed);
        }
        op
    }

    /// Records what happens to this lock. In a program's recording the stamp, which it gives, is after `floor`;
    /// of who comes into the lock or goes, after that of who came or went before; of who comes to wait, after
    /// that of who waits already.
    fn note(&self, actor: Actor, what: What, floor: u64) -> u64 {
        if self.recorder.core().program().is_none() {
            self.recorder.record(actor, what);
            return floor;
        }
        let last = match what {
            What::Wait { .. } => &self.last_wait,
            What::Grant { .. } | What::Busy { .. } => return self.recorder.record_after(actor, what, floor),
            _ => &self.last,
        };
        let stamp = self.recorder.record_after(actor, what, floor.max(last.load(Ordering::Relaxed)));
        last.fetch_max(stamp, Ordering::Relaxed);
        stamp
    }

    /// Somebody came into the lock or left it, or its queue.
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// A number for an operation that ends as it begins.
    pub(crate) fn next_op(&self) -> OpId {
        self.recorder.next_op()
    }

    /// Asks without waiting: `attempt` and the record of its outcome are one step.
    pub(crate) fn attempt<G, E>(
        &self,
        mode: Mode,
        attempt: impl FnOnce() -> Result<G, E>,
    ) -> Result<(G, OpId), E> {
        if let Some((program, brief)) = self.quick(mode) {
            let _order = (!self.exclusive).then(|| locked(&self.order));
            let outcome = attempt();
            let op = if outcome.is_ok() {
                self.owns(program, Kind::Acquire, brief, None)
            } else {
                program.write(self.recorder.core(), (Kind::Busy, brief, None), self.lock, 0).0
            };
            return outcome.map(|guard| (guard, op));
        }
        let (lock, op, actor) = (self.lock, self.recorder.next_op(), self.recorder.actor());
        let _order = locked(&self.order);
        let outcome = attempt();
        let what =
            if outcome.is_ok() { What::Acquire { lock, op, mode } } else { What::Busy { lock, op, mode } };
        self.note(actor, what, 0);
        self.changed();
        outcome.map(|guard| (guard, op))
    }

    /// Asks on a thread, which stands still until it has the lock: `attempt` asks without waiting, and
    /// `wait`, asked after that failed and is recorded, waits. `wait` may say that it would never come
    /// back.
    ///
    /// For locks that promise no order among those who wait; one that did would have to be asked once.
    pub(crate) fn block<G>(
        &self,
        mode: Mode,
        attempt: impl FnOnce() -> Option<G>,
        wait: impl FnOnce() -> Option<G>,
    ) -> Option<(G, OpId)> {
        let (lock, op, actor) = (self.lock, self.recorder.next_op(), self.recorder.actor());
        {
            let _order = locked(&self.order);
            if let Some(guard) = attempt() {
                self.recorder.record(actor, What::Acquire { lock, op, mode });
                return Some((guard, op));
            }
            self.recorder.record(actor, What::Wait { lock, op, mode });
        }
        let guard = wait()?;
        self.recorder.record(actor, What::Acquire { lock, op, mode });
        Some((guard, op))
    }

    /// Records that something is done to the lock, and then does it: what it wakes comes after it.
    pub(crate) fn act<R>(&self, what: impl FnOnce(LockId) -> What, act: impl FnOnce() -> R) -> R {
        self.tell(|lock| [what(lock)]);
        act()
    }

    /// Records what is about to be done to the lock, in one step.
    pub(super) fn tell<W: IntoIterator<Item = What>>(&self, whats: impl FnOnce(LockId) -> W) {
        let actor = self.recorder.actor();
        let _order = locked(&self.order);
        for what in whats(self.lock) {
            self.note(actor, what, 0);
        }
        self.changed();
    }

    /// Records that an acquisition is over.
    #[inline]
    fn release(&self, op: OpId) {
        if let Some(program) = self.recorder.core().program() {
            let _order = (!self.exclusive).then(|| locked(&self.order));
            if !self.recorder.is_closed() {
                self.owns(program, Kind::Release, Brief::NONE, Some(op));
            }
        } else {
            self.tell(|lock| [What::Release { lock, op }]);
        }
    }

    /// Says that from here on whoever is woken is given nothing.
    pub(super) fn refuse(&self) {
        self.refuses.store(true, Ordering::Release);
    }
}

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
    fn record(&self, progress: &mut Progress, what: impl FnOnce(LockId, OpId) -> What) {
        progress.stamp = self.tap.note(self.actor, what(self.tap.lock, self.op), progress.stamp);
    }

    /// Keeps the waker of the task that polls now.
    fn set_task(&self, waker: &Waker) {
        let task = &mut locked(&self.progress).task;
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    /// The first poll came back empty-handed: it stands in the queue.
    fn enqueued(&self) {
        let mut progress = locked(&self.progress);
        self.record(&mut progress, |lock, op| What::Wait { lock, op, mode: self.mode });
        if progress.state == State::Early && !self.tap.refuses.load(Ordering::Acquire) {
            self.record(&mut progress, |lock, op| What::Grant { lock, op, mode: self.mode });
            progress.state = State::Granted;
        } else {
            progress.state = State::Waiting;
        }
    }

    /// It owns the lock; records so where nothing has said it yet.
    fn granted(&self) {
        let mut progress = locked(&self.progress);
        if progress.state != State::Granted {
            self.record(&mut progress, |lock, op| What::Grant { lock, op, mode: self.mode });
            progress.state = State::Granted;
        }
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
    fn settled(&self, end: impl FnOnce(LockId, OpId) -> What) {
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
            State::Waiting => {
                self.record(&mut progress, |lock, op| What::Grant { lock, op, mode: self.mode });
                progress.state = State::Granted;
            }
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
        progress: Mutex::new(Progress { state: State::Asking, stamp: 0, beaten: None, task: None }),
    });
    // Dropped in reverse: `Cancel` is recorded before the future or the guard lets go of the lock.
    let mut result = None;
    let mut inner = pin!(ask());
    let mut spend = pin!(consume_budget());
    let mut asking = Asking { ticket: Arc::clone(&ticket), settled: false };
    let waker = Waker::from(ticket);
    let (mut first, mut refused, mut yielded) = (true, false, false);
    let result = poll_fn(|cx| {
        if result.is_none() {
            asking.ticket.set_task(cx.waker());
            let mut queue_cx = Context::from_waker(&waker);
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
            if std::mem::take(&mut first) {
                let _order = locked(&tap.order);
                match poll_inner(&mut queue_cx) {
                    Poll::Ready(output) => {
                        refused = asking.is_refused(&end, &output);
                        if refused || budget != Budget::Last || has_budget_remaining() {
                            asking.settle(|lock, op| end(lock, op, &output));
                        } else {
                            asking.ticket.granted();
                        }
                        result = Some(output);
                    }
                    Poll::Pending => {
                        asking.ticket.enqueued();
                        return Poll::Pending;
                    }
                }
            } else {
                let Poll::Ready(output) = poll_inner(&mut queue_cx) else {
                    asking.ticket.waits_again();
                    return Poll::Pending;
                };
                refused = asking.is_refused(&end, &output);
                if tap.hands_over && !refused {
                    // It can be polled between the hand-over and the wake.
                    asking.ticket.granted();
                }
                result = Some(output);
            }
        }
        if budget == Budget::Last && !refused {
            if spend.as_mut().poll(cx).is_pending() {
                yielded = true;
                return Poll::Pending;
            }
            if std::mem::take(&mut yielded)
                && let Some(other) = again().filter(|other| asking.is_refused(&end, other))
            {
                asking.settle(|lock, op| end(lock, op, &other));
                result = Some(other);
            }
        }
        if let Some(output) = &result {
            asking.settle(|lock, op| end(lock, op, output));
        }
        result.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    (result, asking.ticket.op)
}

/// Stands for a recorded acquisition in a guard: dropping it records `Release`.
///
/// A guard must declare it before the real guard, so that it is dropped first.
pub(crate) struct Held<P: Deref<Target = Tap>>(Option<(P, OpId)>);

impl<P: Deref<Target = Tap>> Held<P> {
    /// An acquisition that is recorded.
    pub(crate) const fn recorded(tap: P, op: OpId) -> Self {
        Self(Some((tap, op)))
    }

    /// An acquisition that is not recorded.
    pub(super) const fn unrecorded() -> Self {
        Self(None)
    }

    /// Calls `f`, which runs while somebody else owns the real guard. If it panics, `Release` is
    /// recorded on the way out of it, before that guard goes.
    pub(super) fn during<A, R>(&mut self, f: impl FnOnce(A) -> R, value: A) -> R {
        let mut inside = Self(self.0.take());
        let result = f(value);
        self.0 = inside.0.take();
        result
    }

    /// Records that from here on it holds only so much.
    pub(super) fn keeps(&self, mode: Mode) {
        if let Some((tap, op)) = &self.0 {
            tap.tell(|lock| [What::Acquire { lock, op: *op, mode }]);
        }
    }
}

impl<'a> Held<&'a Tap> {
    /// An acquisition, recorded or not, of a guard that borrows.
    pub(super) fn of(record: Record<'a>) -> Self {
        Self(record.map(|(tap, op)| (&**tap, op)))
    }
}

impl Held<Arc<Tap>> {
    /// An acquisition, recorded or not, of a guard that borrows nothing.
    pub(super) fn owned(record: Record<'_>) -> Self {
        Self(record.map(|(tap, op)| (Arc::clone(tap), op)))
    }
}

impl<P: Deref<Target = Tap>> Drop for Held<P> {
    fn drop(&mut self) {
        if let Some((tap, op)) = &self.0 {
            tap.release(*op);
        }
    }
}

#[cfg(test)]
mod tests;
