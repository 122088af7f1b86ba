//! The guards of [`Mutex`]: tokio's own, each with the record of its acquisition.
//!
//! A guard has no `Drop` of its own, so that mapping can take it apart: its first field records the
//! `Release`, its second is the real guard, and fields are dropped in that order. Mapping moves the
//! record along, so an acquisition is released exactly once, whatever became of its guard. While a
//! mapping function runs, tokio holds the real guard, so the record is kept where it unwinds first.
//!
//! [`MutexGuard`] leaves its record with the lock: what fits into two registers is handed on for nothing, and
//! every locking hands a guard on.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::as_value::as_its_value;
use super::mutex::Mutex;
use super::probe::{Held, Tap};

/// A mutex that is locked, which keeps the record: dropping this records the `Release`.
struct Locked<'a, T>(&'a Mutex<T>);

impl<'a, T> Locked<'a, T> {
    #[inline]
    fn new(mutex: &'a Mutex<T>, held: Held<&'a Tap>) -> Self {
        held.leave();
        Self(mutex)
    }

    /// Takes the record back. The mutex may be locked by somebody else from here on, with a record of his own.
    #[inline]
    fn take(self) -> (&'a Mutex<T>, Held<&'a Tap>) {
        let mutex = ManuallyDrop::new(self).0;
        (mutex, mutex.probe.take_held())
    }
}

impl<T> Drop for Locked<'_, T> {
    #[inline]
    fn drop(&mut self) {
        drop(self.0.probe.take_held());
    }
}

/// An instrumented [`tokio::sync::MutexGuard`]; see [`Mutex::lock`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T> {
    locked: Locked<'a, T>,
    inner: tokio::sync::MutexGuard<'a, T>,
}

as_its_value!(['a, T] MutexGuard<'a, T> => T);

impl<'a, T> MutexGuard<'a, T> {
    #[inline]
    pub(super) fn new(
        held: Held<&'a Tap>,
        inner: tokio::sync::MutexGuard<'a, T>,
        mutex: &'a Mutex<T>,
    ) -> Self {
        Self { locked: Locked::new(mutex, held), inner }
    }

    /// A guard for a part of the value.
    ///
    /// ```
    /// use lockscope::sync::{Mutex, MutexGuard};
    ///
    /// let db = Mutex::new((1, 2));
    /// let mut second = MutexGuard::map(db.try_lock().unwrap(), |pair| &mut pair.1);
    /// *second = 3;
    /// drop(second);
    /// assert_eq!(db.into_inner(), (1, 3));
    /// ```
    #[inline]
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { locked, inner } = this;
        let (_, mut held) = locked.take();
        let inner = tokio::sync::MutexGuard::map(inner, |value| held.during(f, value));
        MappedMutexGuard { held, inner }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<U: ?Sized, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { locked, inner } = this;
        let (mutex, mut held) = locked.take();
        match tokio::sync::MutexGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(MappedMutexGuard { held, inner }),
            Err(inner) => Err(Self::new(held, inner, mutex)),
        }
    }

    /// The lock it came from.
    #[inline]
    pub const fn mutex(this: &Self) -> &'a Mutex<T> {
        this.locked.0
    }
}

/// An instrumented [`tokio::sync::OwnedMutexGuard`]; see [`Mutex::lock_owned`].
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T> {
    held: Held<Arc<Tap>>,
    inner: tokio::sync::OwnedMutexGuard<T>,
    /// After `inner`: whoever lets go of the lock has let go of its inside.
    mutex: Arc<Mutex<T>>,
}

as_its_value!([T] OwnedMutexGuard<T> => T);

impl<T> OwnedMutexGuard<T> {
    pub(super) const fn new(
        held: Held<Arc<Tap>>,
        inner: tokio::sync::OwnedMutexGuard<T>,
        mutex: Arc<Mutex<T>>,
    ) -> Self {
        Self { held, inner, mutex }
    }

    /// A guard for a part of the value.
    #[inline]
    pub fn map<U: ?Sized, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { mut held, inner, mutex } = this;
        let inner = tokio::sync::OwnedMutexGuard::map(inner, |value| held.during(f, value));
        OwnedMappedMutexGuard { held, inner, mutex }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<U: ?Sized, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { mut held, inner, mutex } = this;
        match tokio::sync::OwnedMutexGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(OwnedMappedMutexGuard { held, inner, mutex }),
            Err(inner) => Err(Self { held, inner, mutex }),
        }
    }

    /// The lock it came from.
    #[inline]
    pub const fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

/// An instrumented [`tokio::sync::MappedMutexGuard`]; see [`MutexGuard::map`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    held: Held<&'a Tap>,
    inner: tokio::sync::MappedMutexGuard<'a, T>,
}

as_its_value!(['a, T: ?Sized] MappedMutexGuard<'a, T> => T);

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard for a part of the value.
    #[inline]
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::MappedMutexGuard::map(inner, |value| held.during(f, value));
        MappedMutexGuard { held, inner }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { mut held, inner } = this;
        match tokio::sync::MappedMutexGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(MappedMutexGuard { held, inner }),
            Err(inner) => Err(Self { held, inner }),
        }
    }
}

/// An instrumented [`tokio::sync::OwnedMappedMutexGuard`]; see [`OwnedMutexGuard::map`].
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T, U: ?Sized = T> {
    held: Held<Arc<Tap>>,
    inner: tokio::sync::OwnedMappedMutexGuard<T, U>,
    /// After `inner`: whoever lets go of the lock has let go of its inside.
    mutex: Arc<Mutex<T>>,
}

as_its_value!([T, U: ?Sized] OwnedMappedMutexGuard<T, U> => U);

impl<T, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// A guard for a part of the value.
    #[inline]
    pub fn map<S, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        F: FnOnce(&mut U) -> &mut S,
    {
        let Self { mut held, inner, mutex } = this;
        let inner = tokio::sync::OwnedMappedMutexGuard::map(inner, |value| held.during(f, value));
        OwnedMappedMutexGuard { held, inner, mutex }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<S, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Self { mut held, inner, mutex } = this;
        match tokio::sync::OwnedMappedMutexGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(OwnedMappedMutexGuard { held, inner, mutex }),
            Err(inner) => Err(Self { held, inner, mutex }),
        }
    }
}
