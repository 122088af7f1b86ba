//! The locks of a run: one enum of every kind there is, and one of their guards.
//!
//! Each is the real lock behind the same instruments. A kind that blocks the thread is asked once
//! without waiting; where this thread is the only one, whoever holds the lock lives on it, so that
//! waiting would never end: then nobody waits, and the run is over.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, TryLockError};

use send_wrapper::SendWrapper;
use serde_json::Value as Json;

use super::board::Board;
use super::mailbox::Mailbox;
use crate::event::{LockId, LockKind, Mode, OpId, What};
use crate::scenario::LockPlan;
use crate::sync::probe::{Budget, Held, Tap, acquire, operation};
use crate::sync::{Mutex, MutexGuard, Recorder};

/// What a lock protects: the lecture's database.
pub(super) type Data = BTreeMap<Arc<str>, Arc<Json>>;

/// A lock of a run.
pub(super) struct Lock {
    pub(super) id: LockId,
    pub(super) tap: Arc<Tap>,
    inner: Inner,
}

enum Inner {
    TokioMutex(Mutex<Data>),
    TokioRwLock(tokio::sync::RwLock<Data>),
    TokioSemaphore(tokio::sync::Semaphore),
    TokioNotify(tokio::sync::Notify),
    TokioMpsc(Mailbox),
    StdMutex(std::sync::Mutex<Data>),
    StdRwLock(std::sync::RwLock<Data>),
    ParkingLotMutex(parking_lot::Mutex<Data>),
    ParkingLotFairMutex(parking_lot::FairMutex<Data>),
    ParkingLotRwLock(parking_lot::RwLock<Data>),
    AsyncLockMutex(async_lock::Mutex<Data>),
    AsyncLockRwLock(async_lock::RwLock<Data>),
    AsyncLockSemaphore(async_lock::Semaphore),
    FuturesMutex(futures_util::lock::Mutex<Data>),
}

/// A guard of any lock. What records its release goes before the real guard.
pub(super) enum Guard<'a> {
    TokioMutex(MutexGuard<'a, Data>),
    Other { _held: Held<&'a Tap>, inner: Other<'a> },
}

/// The guard of a lock that is instrumented here. A permit has no data.
pub(super) enum Other<'a> {
    TokioRead(tokio::sync::RwLockReadGuard<'a, Data>),
    TokioWrite(tokio::sync::RwLockWriteGuard<'a, Data>),
    TokioPermit { _permit: tokio::sync::SemaphorePermit<'a> },
    StdMutex(SendWrapper<std::sync::MutexGuard<'a, Data>>),
    StdRead(SendWrapper<std::sync::RwLockReadGuard<'a, Data>>),
    StdWrite(SendWrapper<std::sync::RwLockWriteGuard<'a, Data>>),
    ParkingLotMutex(SendWrapper<parking_lot::MutexGuard<'a, Data>>),
    ParkingLotFairMutex(SendWrapper<parking_lot::FairMutexGuard<'a, Data>>),
    ParkingLotRead(SendWrapper<parking_lot::RwLockReadGuard<'a, Data>>),
    ParkingLotWrite(SendWrapper<parking_lot::RwLockWriteGuard<'a, Data>>),
    AsyncLockMutex(async_lock::MutexGuard<'a, Data>),
    AsyncLockRead(async_lock::RwLockReadGuard<'a, Data>),
    AsyncLockWrite(async_lock::RwLockWriteGuard<'a, Data>),
    AsyncLockPermit { _permit: async_lock::SemaphoreGuard<'a> },
    FuturesMutex(futures_util::lock::MutexGuard<'a, Data>),
}

impl Guard<'_> {
    /// What the lock protects; a permit protects nothing that it knows of.
    pub(super) fn data(&self) -> Option<&Data> {
        Some(match self {
            Self::TokioMutex(guard) => guard,
            Self::Other { inner, .. } => match inner {
                Other::TokioRead(guard) => guard,
                Other::TokioWrite(guard) => guard,
                Other::StdMutex(guard) => guard,
                Other::StdRead(guard) => guard,
                Other::StdWrite(guard) => guard,
                Other::ParkingLotMutex(guard) => guard,
                Other::ParkingLotFairMutex(guard) => guard,
                Other::ParkingLotRead(guard) => guard,
                Other::ParkingLotWrite(guard) => guard,
                Other::AsyncLockMutex(guard) => guard,
                Other::AsyncLockRead(guard) => guard,
                Other::AsyncLockWrite(guard) => guard,
                Other::FuturesMutex(guard) => guard,
                Other::TokioPermit { .. } | Other::AsyncLockPermit { .. } => return None,
            },
        })
    }

    /// The same, to change it; not through a guard that only reads.
    pub(super) fn data_mut(&mut self) -> Option<&mut Data> {
        Some(match self {
            Self::TokioMutex(guard) => guard,
            Self::Other { inner, .. } => match inner {
                Other::TokioWrite(guard) => guard,
                Other::StdMutex(guard) => guard,
                Other::StdWrite(guard) => guard,
                Other::ParkingLotMutex(guard) => guard,
                Other::ParkingLotFairMutex(guard) => guard,
                Other::ParkingLotWrite(guard) => guard,
                Other::AsyncLockMutex(guard) => guard,
                Other::AsyncLockWrite(guard) => guard,
                Other::FuturesMutex(guard) => guard,
                _ => return None,
            },
        })
    }
}

impl Lock {
    /// Makes the lock of a plan, which `recorder` knows as `id`.
    pub(super) fn new(recorder: &Recorder, id: LockId, plan: &LockPlan) -> Self {
        let data: Data =
            plan.data.iter().map(|(key, value)| (key.as_str().into(), Arc::new(value.clone()))).collect();
        let permits = plan.permits.unwrap_or_default() as usize;
        let inner = match plan.kind {
            LockKind::TokioMutex => Inner::TokioMutex(Mutex::recorded(recorder, id, data)),
            LockKind::TokioRwLock => Inner::TokioRwLock(tokio::sync::RwLock::new(data)),
            LockKind::TokioSemaphore => Inner::TokioSemaphore(tokio::sync::Semaphore::new(permits)),
            LockKind::TokioNotify => Inner::TokioNotify(tokio::sync::Notify::new()),
            LockKind::TokioMpsc => Inner::TokioMpsc(Mailbox::new(plan.permits)),
            LockKind::StdMutex => Inner::StdMutex(std::sync::Mutex::new(data)),
            LockKind::StdRwLock => Inner::StdRwLock(std::sync::RwLock::new(data)),
            LockKind::ParkingLotMutex => Inner::ParkingLotMutex(parking_lot::Mutex::new(data)),
            LockKind::ParkingLotFairMutex => Inner::ParkingLotFairMutex(parking_lot::FairMutex::new(data)),
            LockKind::ParkingLotRwLock => Inner::ParkingLotRwLock(parking_lot::RwLock::new(data)),
            LockKind::AsyncLockMutex => Inner::AsyncLockMutex(async_lock::Mutex::new(data)),
            LockKind::AsyncLockRwLock => Inner::AsyncLockRwLock(async_lock::RwLock::new(data)),
            LockKind::AsyncLockSemaphore => Inner::AsyncLockSemaphore(async_lock::Semaphore::new(permits)),
            LockKind::FuturesMutex => Inner::FuturesMutex(futures_util::lock::Mutex::new(data)),
        };
        Self { id, tap: Arc::new(Tap::new(recorder, id, plan.kind)), inner }
    }

    /// Waits for the lock, as `mode` asks. `None` if it would block the only thread for ever, or if the
    /// lock has no such thing, which the checker lets into no plan.
    pub(super) async fn acquire(&self, mode: Mode, threads: Threads<'_>) -> Option<Guard<'_>> {
        let other = |(inner, op)| self.guard(op, inner);
        let tap = &self.tap;
        let shared = mode == Mode::Shared;
        Some(match &self.inner {
            Inner::TokioMutex(mutex) => Guard::TokioMutex(mutex.lock().await),
            Inner::TokioRwLock(lock) if shared => {
                let (guard, op) = acquire(tap, mode, Budget::Last, || lock.read()).await;
                other((Other::TokioRead(guard), op))
            }
            Inner::TokioRwLock(lock) => {
                let (guard, op) = acquire(tap, mode, Budget::Last, || lock.write()).await;
                other((Other::TokioWrite(guard), op))
            }
            Inner::TokioSemaphore(semaphore) => {
                let Mode::Permits(permits) = mode else { return None };
                let (permit, op) = acquire(tap, mode, Budget::Last, || semaphore.acquire_many(permits)).await;
                // It is never closed.
                other((Other::TokioPermit { _permit: permit.ok()? }, op))
            }
            Inner::AsyncLockMutex(mutex) => {
                let (guard, op) = acquire(tap, mode, Budget::Never, || mutex.lock()).await;
                other((Other::AsyncLockMutex(guard), op))
            }
            Inner::AsyncLockRwLock(lock) if shared => {
                let (guard, op) = acquire(tap, mode, Budget::Never, || lock.read()).await;
                other((Other::AsyncLockRead(guard), op))
            }
            Inner::AsyncLockRwLock(lock) => {
                let (guard, op) = acquire(tap, mode, Budget::Never, || lock.write()).await;
                other((Other::AsyncLockWrite(guard), op))
            }
            Inner::AsyncLockSemaphore(semaphore) => {
                let (permit, op) = acquire(tap, mode, Budget::Never, || semaphore.acquire()).await;
                other((Other::AsyncLockPermit { _permit: permit }, op))
            }
            Inner::FuturesMutex(mutex) => {
                let (guard, op) = acquire(tap, mode, Budget::Never, || mutex.lock()).await;
                other((Other::FuturesMutex(guard), op))
            }
            Inner::TokioNotify(_) | Inner::TokioMpsc(_) => return None,
            _ => other(self.block(mode, threads)?),
        })
    }

    /// Waits for a lock that blocks the thread.
    fn block(&self, mode: Mode, threads: Threads) -> Option<(Other<'_>, OpId)> {
        let shared = mode == Mode::Shared;
        let attempt = || match &self.inner {
            Inner::StdRwLock(lock) if shared => had(lock.try_read()).map(wrapped).map(Other::StdRead),
            Inner::StdRwLock(lock) => had(lock.try_write()).map(wrapped).map(Other::StdWrite),
            Inner::ParkingLotRwLock(lock) if shared => {
                lock.try_read().map(wrapped).map(Other::ParkingLotRead)
            }
            Inner::ParkingLotRwLock(lock) => lock.try_write().map(wrapped).map(Other::ParkingLotWrite),
            _ => self.try_mutex(),
        };
        let wait = || {
            let Threads::Many(board) = threads else { return None };
            board.block(self.id, || match &self.inner {
                Inner::StdMutex(mutex) => {
                    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
                    Some(Other::StdMutex(wrapped(guard)))
                }
                Inner::StdRwLock(lock) if shared => {
                    let guard = lock.read().unwrap_or_else(PoisonError::into_inner);
                    Some(Other::StdRead(wrapped(guard)))
                }
                Inner::StdRwLock(lock) => {
                    let guard = lock.write().unwrap_or_else(PoisonError::into_inner);
                    Some(Other::StdWrite(wrapped(guard)))
                }
                Inner::ParkingLotMutex(mutex) => Some(Other::ParkingLotMutex(wrapped(mutex.lock()))),
                Inner::ParkingLotFairMutex(mutex) => Some(Other::ParkingLotFairMutex(wrapped(mutex.lock()))),
                Inner::ParkingLotRwLock(lock) if shared => Some(Other::ParkingLotRead(wrapped(lock.read()))),
                Inner::ParkingLotRwLock(lock) => Some(Other::ParkingLotWrite(wrapped(lock.write()))),
                _ => None,
            })
        };
        self.tap.block(mode, attempt, wait)
    }

    /// Takes a mutex if that is possible at once; `None` if not.
    pub(super) fn try_acquire(&self) -> Option<Guard<'_>> {
        if let Inner::TokioMutex(mutex) = &self.inner {
            return mutex.try_lock().ok().map(Guard::TokioMutex);
        }
        let (inner, op) = self.tap.attempt(Mode::Exclusive, || self.try_mutex().ok_or(())).ok()?;
        Some(self.guard(op, inner))
    }

    fn try_mutex(&self) -> Option<Other<'_>> {
        match &self.inner {
            Inner::StdMutex(mutex) => had(mutex.try_lock()).map(wrapped).map(Other::StdMutex),
            Inner::ParkingLotMutex(mutex) => mutex.try_lock().map(wrapped).map(Other::ParkingLotMutex),
            Inner::ParkingLotFairMutex(mutex) => {
                mutex.try_lock().map(wrapped).map(Other::ParkingLotFairMutex)
            }
            Inner::AsyncLockMutex(mutex) => mutex.try_lock().map(Other::AsyncLockMutex),
            Inner::FuturesMutex(mutex) => mutex.try_lock().map(Other::FuturesMutex),
            _ => None,
        }
    }

    fn guard<'a>(&'a self, op: OpId, inner: Other<'a>) -> Guard<'a> {
        Guard::Other { _held: Held::recorded(&*self.tap, op), inner }
    }

    /// Puts permits into a semaphore.
    pub(super) fn add_permits(&self, permits: u32) {
        let act = || match &self.inner {
            Inner::TokioSemaphore(semaphore) => semaphore.add_permits(permits as usize),
            Inner::AsyncLockSemaphore(semaphore) => semaphore.add_permits(permits as usize),
            _ => {}
        };
        self.tap.act(|lock| What::AddPermits { lock, permits }, act);
    }

    /// Waits for a notification.
    pub(super) async fn notified(&self) {
        let Inner::TokioNotify(notify) = &self.inner else { return };
        let end = |lock, op, (): &()| What::Heard { lock, op };
        operation(&self.tap, Mode::Signal, Budget::Never, || notify.notified(), || None, end).await;
    }

    /// Notifies the first who waits, or everybody.
    pub(super) fn notify(&self, all: bool) {
        let Inner::TokioNotify(notify) = &self.inner else { return };
        let act = || if all { notify.notify_waiters() } else { notify.notify_one() };
        self.tap.act(|lock| What::Notify { lock, all }, act);
    }

    /// The channel, if it is one.
    pub(super) fn mailbox(&self) -> Option<&Mailbox> {
        match &self.inner {
            Inner::TokioMpsc(mailbox) => Some(mailbox),
            _ => None,
        }
    }
}

/// On which threads the tasks of a run live, where that matters for a lock that blocks.
#[derive(Clone, Copy)]
pub(super) enum Threads<'b> {
    /// All on this one.
    One,
    /// Each on its own.
    Many(&'b Board),
}

/// The guard, also of a lock that a panic poisoned; `None` if it could not be had.
fn had<G>(attempt: Result<G, TryLockError<G>>) -> Option<G> {
    match attempt {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn wrapped<G: Deref>(guard: G) -> SendWrapper<G> {
    SendWrapper::new(guard)
}

#[cfg(test)]
mod tests;
