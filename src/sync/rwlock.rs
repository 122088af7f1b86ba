//! `tokio::sync::RwLock`, instrumented: the same names, signatures and behaviour.
//!
//! As with [`Mutex`](super::Mutex) every method does what the original does, with the original inside.
//! To read is recorded as [`Mode::Shared`], to write as [`Mode::Exclusive`].

mod mapped;
mod read;
mod write;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use tokio::sync::TryLockError;

use super::block::block_on;
use super::inside::Inside;
use super::probe::{Held, Probe, ask, at_once, attempt};
use super::recorder::Recorder;
use crate::event::{LockId, LockKind, Mode};

pub use mapped::{OwnedRwLockMappedWriteGuard, RwLockMappedWriteGuard};
pub use read::{OwnedRwLockReadGuard, RwLockReadGuard};
pub use write::{OwnedRwLockWriteGuard, RwLockWriteGuard};

type Inner<T> = tokio::sync::RwLock<T>;

/// The value that a `const` gave, and for how many readers, if it said so.
type Seed<T> = (T, Option<u32>);

/// An instrumented [`tokio::sync::RwLock`].
///
/// Swap the import and nothing else; what [`Mutex`](super::Mutex) says of its recorder holds here too,
/// and that `T` must be [`Sized`]. It is [`Send`] where `T` is [`Send`] and [`Sync`]; the original asks for the first alone.
///
/// # Fairness
///
/// That of the original: first in, first out. A writer who waits lets no later reader in, and a release
/// can let in several readers at once: each is a [`Grant`](crate::event::What::Grant).
///
/// ```
/// use std::sync::{Arc, Mutex as StdMutex};
/// use lockscope::event::{Event, LockKind};
/// use lockscope::sync::{Clock, Recorder, RwLock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let seen = Arc::new(StdMutex::new(Vec::new()));
/// let sink = { let seen = seen.clone(); move |event: Event| { seen.lock().unwrap().push(event.what.name()); true } };
/// let recorder = Recorder::new(Clock::wall(), sink);
/// let db = RwLock::recorded(&recorder, recorder.add_lock("db", LockKind::TokioRwLock), 0);
///
/// let guard = db.write().await;
/// let reading = async { assert_eq!(*db.read().await, 0) };
/// let downgrading = async { drop(guard.downgrade()) };
/// tokio::join!(reading, downgrading);
/// let story = ["acquire", "wait", "acquire", "grant", "release", "acquire", "release"];
/// assert_eq!(*seen.lock().unwrap(), story);
/// # }
/// ```
pub struct RwLock<T> {
    probe: Probe,
    inner: Inside<Inner<T>, Seed<T>>,
}

fn of_seed<T>((value, max_reads): Seed<T>) -> Inner<T> {
    match max_reads {
        Some(max_reads) => Inner::with_max_readers(value, max_reads),
        None => Inner::new(value),
    }
}

impl<T> RwLock<T> {
    /// A lock that is called after the place that makes it, as in `server.rs:12`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let probe = Probe::at(Location::caller(), LockKind::TokioRwLock);
        Self { probe, inner: Inside::new(Inner::new(value)) }
    }

    /// The same, for so many readers at once.
    ///
    /// # Panics
    ///
    /// Panics where the original does: if `max_reads` is 0 or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        let probe = Probe::at(Location::caller(), LockKind::TokioRwLock);
        Self { probe, inner: Inside::new(Inner::with_max_readers(value, max_reads)) }
    }

    /// The same as [`RwLock::new`], for a `static`.
    ///
    /// It keeps room for a second `T`, and makes the lock inside at its first use.
    ///
    /// ```
    /// use lockscope::sync::RwLock;
    ///
    /// static LIMIT: RwLock<u32> = RwLock::const_new(1);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// *LIMIT.write().await += 1;
    /// assert_eq!(*LIMIT.read().await, 2);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        let probe = Probe::at(Location::caller(), LockKind::TokioRwLock);
        Self { probe, inner: Inside::seed((value, None)) }
    }

    /// The same as [`RwLock::with_max_readers`], for a `static`.
    ///
    /// # Panics
    ///
    /// Panics where the original does: if `max_reads` is 0 or more than `u32::MAX >> 3`.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self {
        assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
        assert!(
            max_reads <= u32::MAX >> 3,
            "a RwLock may not be created with more than u32::MAX >> 3 readers"
        );
        let probe = Probe::at(Location::caller(), LockKind::TokioRwLock);
        Self { probe, inner: Inside::seed((value, Some(max_reads))) }
    }

    /// A lock that has a name.
    ///
    /// ```
    /// let db = lockscope::sync::RwLock::named("db", vec![1, 2]);
    /// assert_eq!(db.into_inner(), [1, 2]);
    /// ```
    pub fn named(name: impl Into<Arc<str>>, value: T) -> Self {
        let probe = Probe::named(name.into(), LockKind::TokioRwLock);
        Self { probe, inner: Inside::new(Inner::new(value)) }
    }

    /// A lock whose events go to `recorder`, where it was registered as `lock`.
    pub fn recorded(recorder: &Recorder, lock: LockId, value: T) -> Self {
        let probe = Probe::registered(recorder, lock, LockKind::TokioRwLock);
        Self { probe, inner: Inside::new(Inner::new(value)) }
    }

    fn inner(&self) -> &Arc<Inner<T>> {
        self.inner.get(of_seed)
    }

    /// Locks it to read, in the order of asking: it waits behind a writer who asked earlier, whoever
    /// holds the lock.
    ///
    /// # Cancel safety
    ///
    /// As the original's: dropping the future gives up its place in the queue, or hands on the share
    /// that it was given. That is recorded as a [`Cancel`](crate::event::What::Cancel); a future that
    /// was never polled has not asked and records nothing.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        let (tap, attempt) = (self.probe.tap(), || self.inner().try_read().ok());
        let guard = |inner, held| RwLockReadGuard::new(Held::of(held), inner);
        if let Some(guard) = at_once(tap, Mode::Shared, attempt, guard) {
            return guard;
        }
        let (inner, held) = ask(tap, Mode::Shared, attempt, || self.inner().read()).await;
        guard(inner, held)
    }

    /// Locks it to read, in the order of asking, with a guard that borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// That of [`RwLock::read`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lockscope::sync::RwLock;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let db = Arc::new(RwLock::new(1));
    /// let guard = db.clone().read_owned().await;
    /// assert_eq!(tokio::spawn(async move { *guard }).await.unwrap(), 1);
    /// # }
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        let attempt = || Arc::clone(self.inner()).try_read_owned().ok();
        let read = || Arc::clone(self.inner()).read_owned();
        let (inner, held) = ask(self.probe.tap(), Mode::Shared, attempt, read).await;
        OwnedRwLockReadGuard::new(Held::owned(held), inner, self)
    }

    /// Locks it to read, and blocks the thread for as long as that takes.
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        if self.probe.tap().is_some() {
            return block_on(self.read());
        }
        RwLockReadGuard::new(Held::unrecorded(), self.inner().blocking_read())
    }

    /// Locks it to read if that is possible at once.
    ///
    /// # Errors
    ///
    /// Fails if a writer has it, or waits for it. That is recorded as a
    /// [`Busy`](crate::event::What::Busy).
    ///
    /// ```
    /// let db = lockscope::sync::RwLock::new(1);
    /// let guard = db.try_read().unwrap();
    /// assert!(db.try_read().is_ok());
    /// assert!(db.try_write().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let (inner, held) = attempt(self.probe.tap(), Mode::Shared, || self.inner().try_read())?;
        Ok(RwLockReadGuard::new(Held::of(held), inner))
    }

    /// Locks it to read if that is possible at once, with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// Those of [`RwLock::try_read`].
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        let read = || Arc::clone(self.inner()).try_read_owned();
        let (inner, held) = attempt(self.probe.tap(), Mode::Shared, read)?;
        Ok(OwnedRwLockReadGuard::new(Held::owned(held), inner, self))
    }

    /// Locks it to write, in the order of asking.
    ///
    /// # Cancel safety
    ///
    /// That of [`RwLock::read`]. Readers who waited only for this writer are let in by its leaving.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        let (tap, attempt) = (self.probe.tap(), || self.inner().try_write().ok());
        let guard = |inner, held| RwLockWriteGuard::new(Held::of(held), inner);
        if let Some(guard) = at_once(tap, Mode::Exclusive, attempt, guard) {
            return guard;
        }
        let (inner, held) = ask(tap, Mode::Exclusive, attempt, || self.inner().write()).await;
        guard(inner, held)
    }

    /// Locks it to write, in the order of asking, with a guard that borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// That of [`RwLock::write`].
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let write = || Arc::clone(self.inner()).write_owned();
        let attempt = || Arc::clone(self.inner()).try_write_owned().ok();
        let (inner, held) = ask(self.probe.tap(), Mode::Exclusive, attempt, write).await;
        OwnedRwLockWriteGuard::new(Held::owned(held), inner, self)
    }

    /// Locks it to write, and blocks the thread for as long as that takes.
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    ///
    /// ```
    /// let db = lockscope::sync::RwLock::new(1);
    /// *db.blocking_write() += 1;
    /// assert_eq!(*db.blocking_read(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        if self.probe.tap().is_some() {
            return block_on(self.write());
        }
        RwLockWriteGuard::new(Held::unrecorded(), self.inner().blocking_write())
    }

    /// Locks it to write if that is possible at once.
    ///
    /// # Errors
    ///
    /// Fails if anybody has it, or was just handed it. That is recorded as a
    /// [`Busy`](crate::event::What::Busy).
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let (inner, held) = attempt(self.probe.tap(), Mode::Exclusive, || self.inner().try_write())?;
        Ok(RwLockWriteGuard::new(Held::of(held), inner))
    }

    /// Locks it to write if that is possible at once, with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// Those of [`RwLock::try_write`].
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        let write = || Arc::clone(self.inner()).try_write_owned();
        let (inner, held) = attempt(self.probe.tap(), Mode::Exclusive, write)?;
        Ok(OwnedRwLockWriteGuard::new(Held::owned(held), inner, self))
    }

    /// The value, without locking: nobody else has the lock. Records nothing.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut(of_seed).get_mut()
    }

    /// The value, without its lock. Records nothing.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().map_or_else(|(value, _)| value, Inner::into_inner)
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Shows the value if it can be read at once; as with the original that takes a share for a moment, and
/// as with every other taking of it that is recorded.
impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rwlock = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => rwlock.field("data", &&*value),
            Err(_) => rwlock.field("data", &format_args!("<locked>")),
        };
        rwlock.finish()
    }
}
