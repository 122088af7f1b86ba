//! The probe: what an instrumented lock carries to see an acquisition as it happens.
//!
//! It knows of queues and hand-overs, not of any lock in particular, and it never decides anything:
//! the real lock is asked, in its own order, and what came of it is recorded.
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

mod operation;

use std::ops::Deref;
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};

use tokio::task::coop::has_budget_remaining;

use super::program::{ACTING, NEW, Program};
use super::recorder::{Recorder, installed};
use crate::event::{Actor, Brief, Family, Kind, LockId, LockKind, LockName, Mode, OpId, Packed, What};

// With `off` nobody comes to wait on record.
#[cfg_attr(not(feature = "engine"), allow(unused_imports))]
pub(crate) use operation::{Budget, acquire, operation};

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
    /// `None` if there are too many locks.
    tap: OnceLock<Option<Arc<Tap>>>,
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
        Self { name: Name::Registered, kind, tap: OnceLock::from(Tap::of(recorder, lock, kind)) }
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
            Some(tap) => tap.as_ref(),
            None => self.connect(installed()?, permits),
        };
        tap.filter(|tap| !tap.recorder.is_closed())
    }

    /// Whether it has found its way.
    #[inline]
    pub(super) fn is_connected(&self) -> bool {
        !OFF && self.tap.get().is_some()
    }

    /// Takes the record of the acquisition that has the lock, if it was [left](Held::leave) there.
    #[inline]
    pub(super) fn take_held(&self) -> Held<&Tap> {
        let tap = if OFF { None } else { self.tap.get().and_then(Option::as_deref) };
        Held(tap.and_then(|tap| Some((tap, tap.take_owner()?))))
    }

    #[cold]
    fn connect(&self, recorder: &Recorder, permits: impl FnOnce() -> Option<u32>) -> Option<&Arc<Tap>> {
        let tap = self.tap.get_or_init(|| {
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
            Tap::of(recorder, lock, self.kind)
        });
        tap.as_ref()
    }
}

/// Takes what `attempt` gives without waiting, as a first poll of the original would. Whoever gets nothing here
/// [asks](ask); so does whoever is out of cooperative budget.
///
/// `guard` makes of it what the caller wants, and of its record, if there is one: where they are at hand, because to
/// carry both from here word by word and put them together there costs more than all the rest.
#[inline]
pub(super) fn at_once<'a, T, G>(
    tap: Option<&'a Arc<Tap>>,
    mode: Mode,
    attempt: impl FnOnce() -> Option<T>,
    guard: impl FnOnce(T, Record<'a>) -> G,
) -> Option<G> {
    if OFF || !has_budget_remaining() {
        return None;
    }
    let taken = match tap {
        Some(tap) => {
            let (output, op, _) = tap.take(mode, attempt)?;
            guard(output, Some((tap, op)))
        }
        None => guard(attempt()?, None),
    };
    // There is some, so this waits for nothing.
    let spent = pin!(tokio::task::coop::consume_budget()).poll(&mut Context::from_waker(Waker::noop()));
    debug_assert!(spent.is_ready());
    Some(taken)
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
                tokio::task::coop::consume_budget().await;
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
        let (output, op) = operation(tap, mode, Budget::Last, ask, again, end).await;
        return (output, Some((tap, op)));
    } else if let Some(output) = attempt() {
        // What a first poll of the original would come to, for less: there is no place in a queue to prepare.
        if has_budget_remaining() {
            tokio::task::coop::consume_budget().await;
            return (output, None);
        }
        return (Box::pin(comes_back(again)).await.unwrap_or(output), None);
    }
    #[cfg(all(feature = "off", not(feature = "engine")))]
    let _ = (tap, mode, attempt, again, given);
    (ask().await, None)
}

/// Lets others run, with the lock in hand, because the cooperative budget is used up. Whoever comes back and is refused,
/// as `again` says, spends none of the next.
#[cfg(any(not(feature = "off"), feature = "engine"))]
async fn comes_back<T>(again: impl Fn() -> Option<T>) -> Option<T> {
    let mut spent = pin!(tokio::task::coop::consume_budget());
    let mut back = false;
    std::future::poll_fn(|context| {
        let refused = if std::mem::replace(&mut back, true) { again() } else { None };
        refused.map_or_else(
            || spent.as_mut().poll(context).map(|()| None),
            |refused| std::task::Poll::Ready(Some(refused)),
        )
    })
    .await
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
    match comes_back(again).await {
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

/// What is recorded is whole wherever somebody panics (see [`locked`]), so that locks stay as unwind safe as the bare ones.
impl std::panic::UnwindSafe for Tap {}
impl std::panic::RefUnwindSafe for Tap {}

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
    /// The stamp of the last that was cancelled: of a mutex whoever is in changes `last` meanwhile, and would
    /// overwrite it there.
    last_cancel: AtomicU64,
    /// The operation that has the lock, or 0 if nobody who left his record here has it. It belongs to the
    /// critical section.
    owner: AtomicU64,
    /// How often something changed that a waiter may have been woken for.
    changes: AtomicU64,
    /// Whether it refuses all who wait and will ask: their waker is woken, and they are given nothing.
    refuses: AtomicBool,
    /// Held around a first poll and its record, and around the record of an end. No waker takes it,
    /// and nobody else's code runs under it but the sink's and the clock's.
    order: Mutex<()>,
}

impl Tap {
    /// The same, unless it is one of those that are too many.
    fn of(recorder: &Recorder, lock: LockId, kind: LockKind) -> Option<Arc<Self>> {
        Recorder::tells_apart(lock).then(|| Arc::new(Self::new(recorder, lock, kind)))
    }

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
            last_cancel: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            refuses: AtomicBool::new(false),
            order: Mutex::new(()),
        }
    }

    /// A program's recorder, if it has a number for this lock in the events that it writes at once.
    #[inline]
    fn program(&self) -> Option<&Program> {
        self.recorder.core().program().filter(|_| self.lock.0 < Packed::MAX_LOCKS)
    }

    /// The same, if `mode` fits into them too.
    #[inline]
    fn quick(&self, mode: Mode) -> Option<(&Program, Brief)> {
        Some((self.program()?, Brief::of(mode)?))
    }

    /// In a program's recording, takes what can be had at once, and records it.
    #[inline]
    fn take<T>(&self, mode: Mode, attempt: impl FnOnce() -> Option<T>) -> Option<(T, OpId, Runs)> {
        let (program, brief) = self.quick(mode)?;
        let _order = (!self.exclusive).then(|| locked(&self.order));
        let output = attempt()?;
        let (kind, runs) =
            if has_budget_remaining() { (Kind::Acquire, Runs::On) } else { (Kind::Grant, Runs::Later) };
        Some((output, self.owns(program, kind, brief, NEW), runs))
    }

    /// What the stamp of whoever comes into the lock or goes is after.
    #[inline]
    fn floor(&self) -> u64 {
        self.last.load(Ordering::Relaxed).max(self.last_cancel.load(Ordering::Relaxed))
    }

    /// Writes down that this thread's task comes into the lock, or goes; with which operation. Of a mutex the
    /// last stamp belongs to the critical section, so nobody else changes it meanwhile.
    #[inline]
    fn owns(&self, program: &Program, kind: Kind, mode: Brief, op: OpId) -> OpId {
        let line = Packed::quick(self.floor(), kind, (mode, op), ACTING, self.lock);
        let written = program.write(self.recorder.core(), line);
        if self.exclusive {
            self.last.store(written.stamp, Ordering::Relaxed);
        } else {
            self.last.fetch_max(written.stamp, Ordering::Relaxed);
        }
        written.op
    }

    /// Records what happens to this lock. In a program's recording the stamp, which it gives, is after `floor`, and
    /// after that of who came into the lock or went before, whose clock may be ahead; of who comes to wait, also
    /// after that of who waits already.
    #[inline]
    fn note(&self, actor: Actor, what: What, floor: u64) -> u64 {
        let Some(program) = self.recorder.core().program() else {
            self.recorder.record(actor, what);
            return floor;
        };
        if self.recorder.is_closed() {
            return floor;
        }
        let floor = floor.max(self.floor());
        let (floor, last) = match what {
            What::Wait { .. } => (floor.max(self.last_wait.load(Ordering::Relaxed)), Some(&self.last_wait)),
            What::Grant { .. } | What::Busy { .. } => (floor, None),
            What::Cancel { .. } => (floor, Some(&self.last_cancel)),
            _ => (floor, Some(&self.last)),
        };
        let stamp = match Packed::of_acquisition(floor, actor, &what) {
            // A release hands the lock over: where it is the last that this thread has written, and the last of
            // those that have gone, who may have stood before in the queue, the grant needs no time of its own.
            Some(line) if line.kind() == Kind::Grant => program.write_at_once(line, self.floor()),
            Some(line) => program.write(self.recorder.core(), line).stamp,
            None => program.record(actor, what, floor),
        };
        if let Some(last) = last {
            last.fetch_max(stamp, Ordering::Relaxed);
        }
        stamp
    }

    /// Of which operation the owner has left the record here; from here on nobody has.
    #[inline]
    fn take_owner(&self) -> Option<OpId> {
        let op = self.owner.load(Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        (op > 0).then_some(OpId(op))
    }

    /// Somebody came into the lock or left it, or its queue. Whoever is handed a lock is never beaten to it.
    #[inline]
    fn changed(&self) {
        if !self.hands_over {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
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
                self.owns(program, Kind::Acquire, brief, NEW)
            } else {
                let line = Packed::quick(self.floor(), Kind::Busy, (brief, NEW), ACTING, self.lock);
                program.write(self.recorder.core(), line).op
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
        if let Some(program) = self.program() {
            let _order = (!self.exclusive).then(|| locked(&self.order));
            if !self.recorder.is_closed() {
                self.owns(program, Kind::Release, Brief::NONE, op);
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

    /// Leaves the record with its lock, which nobody else has. Then that has to be taken back before the lock is
    /// let go.
    #[inline]
    pub(super) fn leave(mut self) {
        if let Some((tap, op)) = self.0.take() {
            tap.owner.store(op.0, Ordering::Relaxed);
        }
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
