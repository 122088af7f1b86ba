//! `tokio::sync::Mutex`, instrumented: the same names, signatures and behaviour.
//!
//! Every method does what the original does, with the original inside, as `probe` tells, which also says how
//! the events get their order. Without a recorder it is the original behind one pointer (see `inside` for why).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use tokio::sync::TryLockError;

use super::block::block_on;
use super::guard::{MutexGuard, OwnedMutexGuard};
use super::inside::Inside;
use super::probe::{Held, Probe, ask, at_once, attempt};
use super::recorder::Recorder;
use crate::event::{LockId, LockKind, Mode};

type Inner<T> = tokio::sync::Mutex<T>;

/// An instrumented [`tokio::sync::Mutex`].
///
/// Swap the import and nothing else. Its events go to the recorder that was [installed](super::install),
/// from the first use after that on. What was under way before is not recorded: a guard that was taken
/// then is released without a `Release`.
///
/// It differs from the original in one thing: `T` must be [`Sized`]. A `Mutex<dyn Trait>` becomes a
/// `Mutex<Box<dyn Trait>>`.
///
/// # Fairness
///
/// That of the original: first in, first out. A release hands the lock to the first waiter before that
/// one runs, which is recorded as a [`Grant`](crate::event::What::Grant).
///
/// ```
/// use std::sync::{Arc, Mutex as StdMutex};
/// use lockscope::event::{Event, LockKind};
/// use lockscope::sync::{Clock, Mutex, Recorder};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let seen = Arc::new(StdMutex::new(Vec::new()));
/// let sink = { let seen = seen.clone(); move |event: Event| { seen.lock().unwrap().push(event.what.name()); true } };
/// let recorder = Recorder::new(Clock::wall(), sink);
/// let db = Mutex::recorded(&recorder, recorder.add_lock("db", LockKind::TokioMutex), 0);
///
/// let guard = db.lock().await;
/// let waiting = async { *db.lock().await += 1 };
/// let releasing = async { drop(guard) };
/// tokio::join!(waiting, releasing);
/// assert_eq!(*seen.lock().unwrap(), ["acquire", "wait", "release", "grant", "acquire", "release"]);
/// # }
/// ```
pub struct Mutex<T> {
    pub(super) probe: Probe,
    inner: Inside<Inner<T>, T>,
}

impl<T> Mutex<T> {
    fn with(probe: Probe, value: T) -> Self {
        Self { probe, inner: Inside::new(Inner::new(value)) }
    }

    /// A lock that is called after the place that makes it, as in `server.rs:12`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self::with(Probe::at(Location::caller(), LockKind::TokioMutex), value)
    }

    /// The same as [`Mutex::new`], for a `static`.
    ///
    /// It keeps room for a second `T`, and makes the lock inside at its first use.
    ///
    /// ```
    /// use lockscope::sync::Mutex;
    ///
    /// static HITS: Mutex<u32> = Mutex::const_new(0);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// *HITS.lock().await += 1;
    /// assert_eq!(*HITS.lock().await, 1);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Self { probe: Probe::at(Location::caller(), LockKind::TokioMutex), inner: Inside::seed(value) }
    }

    /// A lock that has a name.
    ///
    /// ```
    /// let db = lockscope::sync::Mutex::named("db", vec![1, 2]);
    /// assert_eq!(db.into_inner(), [1, 2]);
    /// ```
    pub fn named(name: impl Into<Arc<str>>, value: T) -> Self {
        Self::with(Probe::named(name.into(), LockKind::TokioMutex), value)
    }

    /// A lock whose events go to `recorder`, where it was registered as `lock`.
    pub fn recorded(recorder: &Recorder, lock: LockId, value: T) -> Self {
        Self::with(Probe::registered(recorder, lock, LockKind::TokioMutex), value)
    }

    fn inner(&self) -> &Arc<Inner<T>> {
        self.inner.get(Inner::new)
    }

    /// Locks it, in the order of asking.
    ///
    /// # Cancel safety
    ///
    /// As the original's: dropping the future gives up its place in the queue, or hands on the lock
    /// that it was given. That is recorded as a [`Cancel`](crate::event::What::Cancel); a future that
    /// was never polled has not asked and records nothing.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        let (tap, attempt) = (self.probe.tap(), || self.inner().try_lock().ok());
        let guard = |inner, held| MutexGuard::new(Held::of(held), inner, self);
        if let Some(guard) = at_once(tap, Mode::Exclusive, attempt, guard) {
            return guard;
        }
        let (inner, held) = ask(tap, Mode::Exclusive, attempt, || self.inner().lock()).await;
        guard(inner, held)
    }

    /// Locks it, in the order of asking, with a guard that borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// That of [`Mutex::lock`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lockscope::sync::Mutex;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let db = Arc::new(Mutex::new(1));
    /// let mut guard = db.clone().lock_owned().await;
    /// tokio::spawn(async move { *guard += 1 }).await.unwrap();
    /// assert_eq!(*db.lock().await, 2);
    /// # }
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        let lock = || Arc::clone(self.inner()).lock_owned();
        let attempt = || Arc::clone(self.inner()).try_lock_owned().ok();
        let (inner, held) = ask(self.probe.tap(), Mode::Exclusive, attempt, lock).await;
        OwnedMutexGuard::new(Held::owned(held), inner, self)
    }

    /// Locks it, and blocks the thread for as long as that takes.
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    ///
    /// ```
    /// let db = lockscope::sync::Mutex::new(1);
    /// *db.blocking_lock() += 1;
    /// assert_eq!(db.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        if self.probe.tap().is_some() {
            return block_on(self.lock());
        }
        MutexGuard::new(Held::unrecorded(), self.inner().blocking_lock(), self)
    }

    /// Locks it with a guard that borrows nothing, and blocks the thread for as long as that takes.
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        if self.probe.tap().is_some() {
            return block_on(self.lock_owned());
        }
        let inner = Arc::clone(self.inner()).blocking_lock_owned();
        OwnedMutexGuard::new(Held::unrecorded(), inner, self)
    }

    /// Locks it if that is possible at once.
    ///
    /// # Errors
    ///
    /// Fails if it is held, or was just handed to a waiter. That is recorded as a
    /// [`Busy`](crate::event::What::Busy).
    ///
    /// ```
    /// let db = lockscope::sync::Mutex::new(1);
    /// let guard = db.try_lock().unwrap();
    /// assert!(db.try_lock().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let (inner, held) = attempt(self.probe.tap(), Mode::Exclusive, || self.inner().try_lock())?;
        Ok(MutexGuard::new(Held::of(held), inner, self))
    }

    /// Locks it if that is possible at once, with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// Fails if it is held, or was just handed to a waiter.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        let lock = || Arc::clone(self.inner()).try_lock_owned();
        let (inner, held) = attempt(self.probe.tap(), Mode::Exclusive, lock)?;
        Ok(OwnedMutexGuard::new(Held::owned(held), inner, self))
    }

    /// The value, without locking: nobody else has the lock. Records nothing.
    ///
    /// ```
    /// let mut db = lockscope::sync::Mutex::new(1);
    /// *db.get_mut() = 10;
    /// assert_eq!(*db.try_lock().unwrap(), 10);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut(Inner::new).get_mut()
    }

    /// The value, without its lock. Records nothing.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().map_or_else(|value| value, Inner::into_inner)
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Shows the value if it can be locked at once; as with the original that takes the lock for a moment,
/// and as with every other taking of it that is recorded.
impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => mutex.field("data", &&*value),
            Err(_) => mutex.field("data", &format_args!("<locked>")),
        };
        mutex.finish()
    }
}
