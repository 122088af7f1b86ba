//! `tokio::sync::Semaphore`, instrumented: the same names, signatures and behaviour.
//!
//! As with [`Mutex`](super::Mutex) every method does what the original does, with the original inside.
//! What is asked for is recorded as [`Mode::Permits`].

mod permit;
mod share;

use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::{AcquireError, TryAcquireError};
use tokio::task::coop::unconstrained;

use super::block::block_on;
use super::inside::Inside;
use super::probe::{Probe, Record, Tap, ask_or_fail, at_once, attempt};
use super::recorder::Recorder;
use crate::event::{LockId, LockKind, Mode, What};
use share::{Kept, Share, op};

pub use permit::{OwnedSemaphorePermit, SemaphorePermit};

type Inner = tokio::sync::Semaphore;

/// An instrumented [`tokio::sync::Semaphore`].
///
/// Swap the import and nothing else. Its events go to the recorder that was [installed](super::install),
/// from the first use after that on, and it is registered with the permits that are free then. Permits
/// that were out before come back as permits that are [added](What::AddPermits).
///
/// # Fairness
///
/// That of the original: first in, first out. Whoever asks for more than there is keeps those behind it
/// waiting, though there may be enough for them.
///
/// ```
/// use std::sync::{Arc, Mutex as StdMutex};
/// use lockscope::event::{Event, LockKind, LockName};
/// use lockscope::sync::{Clock, Recorder, Semaphore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let seen = Arc::new(StdMutex::new(Vec::new()));
/// let sink = { let seen = seen.clone(); move |event: Event| { seen.lock().unwrap().push(event.what.name()); true } };
/// let recorder = Recorder::new(Clock::wall(), sink);
/// let slots = LockName { name: "slots".into(), kind: LockKind::TokioSemaphore, permits: Some(2) };
/// let slots = Semaphore::recorded(&recorder, recorder.add(slots), 2);
///
/// let permit = slots.acquire_many(2).await.unwrap();
/// let waiting = async { slots.acquire().await.unwrap().forget() };
/// let releasing = async { drop(permit) };
/// tokio::join!(waiting, releasing);
/// let story = ["acquire", "wait", "release", "grant", "acquire", "forget_permits", "release"];
/// assert_eq!(*seen.lock().unwrap(), story);
/// # }
/// ```
pub struct Semaphore {
    probe: Probe,
    inner: Inside<Inner, usize>,
    kept: Kept,
}

/// As the events count permits; more than they can tell is as many as they can.
fn counted(permits: usize) -> u32 {
    u32::try_from(permits).unwrap_or(u32::MAX)
}

impl Semaphore {
    /// As many permits as a semaphore can have.
    pub const MAX_PERMITS: usize = Inner::MAX_PERMITS;

    /// A semaphore that is called after the place that makes it, as in `server.rs:12`.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let probe = Probe::at(Location::caller(), LockKind::TokioSemaphore);
        Self { probe, inner: Inside::new(Inner::new(permits)), kept: Kept::new() }
    }

    /// The same, for a `static`. It makes the semaphore inside at its first use.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`Semaphore::MAX_PERMITS`].
    ///
    /// ```
    /// use lockscope::sync::Semaphore;
    ///
    /// static SLOTS: Semaphore = Semaphore::const_new(2);
    ///
    /// assert_eq!(SLOTS.available_permits(), 2);
    /// ```
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        assert!(permits <= Self::MAX_PERMITS, "a semaphore may not have more than MAX_PERMITS permits");
        let probe = Probe::at(Location::caller(), LockKind::TokioSemaphore);
        Self { probe, inner: Inside::seed(permits), kept: Kept::new() }
    }

    /// A semaphore that has a name.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`Semaphore::MAX_PERMITS`].
    pub fn named(name: impl Into<Arc<str>>, permits: usize) -> Self {
        let probe = Probe::named(name.into(), LockKind::TokioSemaphore);
        Self { probe, inner: Inside::new(Inner::new(permits)), kept: Kept::new() }
    }

    /// A semaphore whose events go to `recorder`, where it was registered as `lock`: best with
    /// [`Recorder::add`], which tells its permits.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`Semaphore::MAX_PERMITS`].
    pub fn recorded(recorder: &Recorder, lock: LockId, permits: usize) -> Self {
        let probe = Probe::registered(recorder, lock, LockKind::TokioSemaphore);
        Self { probe, inner: Inside::new(Inner::new(permits)), kept: Kept::new() }
    }

    fn inner(&self) -> &Arc<Inner> {
        self.inner.get(Inner::new)
    }

    /// The way to the recorder; whoever finds it first tells how many permits are free.
    fn tap(&self) -> Option<&Arc<Tap>> {
        self.probe.tap_with(|| u32::try_from(self.available_permits()).ok())
    }

    /// Waits for so many permits.
    async fn ask<F, P>(
        &self,
        permits: u32,
        attempt: impl FnOnce() -> Result<P, TryAcquireError>,
        ask: impl FnOnce() -> F,
    ) -> Result<(P, Record<'_>), AcquireError>
    where
        F: Future<Output = Result<P, AcquireError>>,
    {
        let attempt = || attempt().ok().map(Ok);
        let (outcome, record) =
            ask_or_fail(self.tap(), Mode::Permits(permits), attempt, ask, || self.refusal(), Result::is_ok)
                .await;
        Ok((outcome?, record))
    }

    /// What whoever asks is told once it is closed: the error is the original's alone to make.
    fn refusal<P>(&self) -> Option<Result<P, AcquireError>> {
        let mut asking = pin!(unconstrained(self.inner().acquire_many(0)));
        match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(closed)) => Some(Err(closed)),
            _ => None,
        }
    }

    /// How many permits are free. While somebody waits, some of them may be kept for the first.
    pub fn available_permits(&self) -> usize {
        self.inner().available_permits()
    }

    /// Adds `n` permits, which is recorded as [`What::AddPermits`].
    ///
    /// # Panics
    ///
    /// Panics if that makes them more than [`Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, n: usize) {
        if let Some(tap) = self.tap().filter(|_| n > 0) {
            tap.tell(|lock| [What::AddPermits { lock, permits: counted(n) }]);
        }
        self.inner().add_permits(n);
    }

    /// Takes up to `n` free permits out of the semaphore for good, and says how many. Recorded as
    /// [`What::ForgetPermits`].
    pub fn forget_permits(&self, n: usize) -> usize {
        let mut forgotten = 0;
        let mut forget = || {
            forgotten = self.inner().forget_permits(n);
            forgotten
        };
        match self.tap() {
            // Within the step: how many there are is known only then.
            Some(tap) => tap.tell(|lock| match counted(forget()) {
                0 => None,
                permits => Some(What::ForgetPermits { lock, permits }),
            }),
            None => _ = forget(),
        }
        forgotten
    }

    /// Acquires a permit, in the order of asking.
    ///
    /// # Errors
    ///
    /// Fails if the semaphore is closed, or is while it waits; that is recorded as a [`What::Cancel`].
    ///
    /// # Cancel safety
    ///
    /// As the original's: dropping the future gives up its place in the queue, or hands on what it was
    /// given. That is recorded as a [`What::Cancel`]; a future that was never polled has not asked and
    /// records nothing.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let (tap, attempt) = (self.tap(), || self.inner().try_acquire());
        let permit =
            |inner, record: Record<'_>| SemaphorePermit { share: Share::new(self, inner, 1, op(record)) };
        if let Some(permit) = at_once(tap, Mode::Permits(1), || attempt().ok(), permit) {
            return Ok(permit);
        }
        let (inner, record) = self.ask(1, attempt, || self.inner().acquire()).await?;
        Ok(permit(inner, record))
    }

    /// Acquires `n` permits at once, in the order of asking.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Semaphore::acquire`].
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        let (inner, record) =
            self.ask(n, || self.inner().try_acquire_many(n), || self.inner().acquire_many(n)).await?;
        Ok(SemaphorePermit { share: Share::new(self, inner, n, op(record)) })
    }

    /// Acquires a permit that borrows nothing, in the order of asking.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lockscope::sync::Semaphore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let slots = Arc::new(Semaphore::new(1));
    /// let permit = slots.clone().acquire_owned().await.unwrap();
    /// tokio::spawn(async move { drop(permit) }).await.unwrap();
    /// assert_eq!(slots.available_permits(), 1);
    /// # }
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Acquires `n` permits at once that borrow nothing, in the order of asking.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Semaphore::acquire`].
    pub async fn acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        let parts = self.acquire_many(n).await?.share.into_parts();
        Ok(OwnedSemaphorePermit { share: Share { semaphore: self, parts } })
    }

    /// Acquires a permit if that is possible at once.
    ///
    /// # Errors
    ///
    /// Fails if there is none free, also if it is kept for somebody who waits for more, or if the
    /// semaphore is closed. That is recorded as a [`What::Busy`].
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `n` permits if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::try_acquire`].
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let take = || self.inner().try_acquire_many(n);
        let (inner, record) = attempt(self.tap(), Mode::Permits(n), take)?;
        Ok(SemaphorePermit { share: Share::new(self, inner, n, op(record)) })
    }

    /// Acquires a permit that borrows nothing, if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::try_acquire`].
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Acquires `n` permits that borrow nothing, if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::try_acquire`].
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let parts = self.try_acquire_many(n)?.share.into_parts();
        Ok(OwnedSemaphorePermit { share: Share { semaphore: self, parts } })
    }

    /// Acquires a permit, and blocks the thread for as long as that takes.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// Acquires `n` permits at once, and blocks the thread for as long as that takes.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        if self.tap().is_some() {
            return block_on(self.acquire_many(n));
        }
        let inner = self.inner().blocking_acquire_many(n)?;
        Ok(SemaphorePermit { share: Share::new(self, inner, n, None) })
    }

    /// Acquires a permit that borrows nothing, and blocks the thread for as long as that takes.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.blocking_acquire_many_owned(1)
    }

    /// Acquires `n` permits at once that borrow nothing, and blocks the thread for as long as that takes.
    ///
    /// # Errors
    ///
    /// Those of [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// Panics on a thread that drives tasks, as the original does.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let parts = self.blocking_acquire_many(n)?.share.into_parts();
        Ok(OwnedSemaphorePermit { share: Share { semaphore: self, parts } })
    }

    /// Closes it: whoever waits is refused, and so is whoever asks from here on. Each refusal is
    /// recorded, the closing itself is not.
    pub fn close(&self) {
        if let Some(tap) = self.tap() {
            tap.refuse();
        }
        self.inner().close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.inner().is_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner().fmt(f)
    }
}
