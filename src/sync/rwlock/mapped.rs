//! The guards that exclude, for a part of the value. As with the original they cannot be downgraded.

use std::sync::Arc;

use super::RwLock;
use crate::sync::as_value::as_its_value;
use crate::sync::probe::{Held, Tap};

/// An instrumented [`tokio::sync::RwLockMappedWriteGuard`]; see
/// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    held: Held<&'a Tap>,
    inner: tokio::sync::RwLockMappedWriteGuard<'a, T>,
}

as_its_value!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T> => T);

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    pub(super) const fn new(held: Held<&'a Tap>, inner: tokio::sync::RwLockMappedWriteGuard<'a, T>) -> Self {
        Self { held, inner }
    }

    /// A guard for a part of the value.
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::RwLockMappedWriteGuard::map(inner, |value| held.during(f, value));
        RwLockMappedWriteGuard { held, inner }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { mut held, inner } = this;
        match tokio::sync::RwLockMappedWriteGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(RwLockMappedWriteGuard { held, inner }),
            Err(inner) => Err(Self { held, inner }),
        }
    }
}

/// An instrumented [`tokio::sync::OwnedRwLockMappedWriteGuard`]; see
/// [`OwnedRwLockWriteGuard::map`](super::OwnedRwLockWriteGuard::map).
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T, U: ?Sized = T> {
    held: Held<Arc<Tap>>,
    inner: tokio::sync::OwnedRwLockMappedWriteGuard<T, U>,
    /// After `inner`: whoever lets go of the lock has let go of its inside.
    rwlock: Arc<RwLock<T>>,
}

as_its_value!([T, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U> => U);

impl<T, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    pub(super) const fn new(
        held: Held<Arc<Tap>>,
        inner: tokio::sync::OwnedRwLockMappedWriteGuard<T, U>,
        rwlock: Arc<RwLock<T>>,
    ) -> Self {
        Self { held, inner, rwlock }
    }

    /// A guard for a part of the value.
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let Self { mut held, inner, rwlock } = this;
        let inner = tokio::sync::OwnedRwLockMappedWriteGuard::map(inner, |value| held.during(f, value));
        OwnedRwLockMappedWriteGuard { held, inner, rwlock }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let Self { mut held, inner, rwlock } = this;
        match tokio::sync::OwnedRwLockMappedWriteGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(OwnedRwLockMappedWriteGuard { held, inner, rwlock }),
            Err(inner) => Err(Self { held, inner, rwlock }),
        }
    }

    /// The lock it came from.
    pub const fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.rwlock
    }
}
