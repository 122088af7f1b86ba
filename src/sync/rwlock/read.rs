//! The guards that share: tokio's own, each with the record of its acquisition (see `guard`).

use std::sync::Arc;

use super::RwLock;
use crate::sync::as_value::as_its_shared_value;
use crate::sync::probe::{Held, Tap};

/// An instrumented [`tokio::sync::RwLockReadGuard`]; see [`RwLock::read`].
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    held: Held<&'a Tap>,
    inner: tokio::sync::RwLockReadGuard<'a, T>,
}

as_its_shared_value!(['a, T: ?Sized] RwLockReadGuard<'a, T> => T);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    pub(super) const fn new(held: Held<&'a Tap>, inner: tokio::sync::RwLockReadGuard<'a, T>) -> Self {
        Self { held, inner }
    }

    /// A guard for a part of the value.
    ///
    /// ```
    /// use lockscope::sync::{RwLock, RwLockReadGuard};
    ///
    /// let db = RwLock::new((1, 2));
    /// let second = RwLockReadGuard::map(db.try_read().unwrap(), |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::RwLockReadGuard::map(inner, |value| held.during(f, value));
        RwLockReadGuard { held, inner }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { mut held, inner } = this;
        match tokio::sync::RwLockReadGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(RwLockReadGuard { held, inner }),
            Err(inner) => Err(Self { held, inner }),
        }
    }
}

/// An instrumented [`tokio::sync::OwnedRwLockReadGuard`]; see [`RwLock::read_owned`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T, U: ?Sized = T> {
    held: Held<Arc<Tap>>,
    inner: tokio::sync::OwnedRwLockReadGuard<T, U>,
    /// After `inner`: whoever lets go of the lock has let go of its inside.
    rwlock: Arc<RwLock<T>>,
}

as_its_shared_value!([T, U: ?Sized] OwnedRwLockReadGuard<T, U> => U);

impl<T, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    pub(super) const fn new(
        held: Held<Arc<Tap>>,
        inner: tokio::sync::OwnedRwLockReadGuard<T, U>,
        rwlock: Arc<RwLock<T>>,
    ) -> Self {
        Self { held, inner, rwlock }
    }

    /// A guard for a part of the value.
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let Self { mut held, inner, rwlock } = this;
        let inner = tokio::sync::OwnedRwLockReadGuard::map(inner, |value| held.during(f, value));
        OwnedRwLockReadGuard { held, inner, rwlock }
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let Self { mut held, inner, rwlock } = this;
        match tokio::sync::OwnedRwLockReadGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(OwnedRwLockReadGuard { held, inner, rwlock }),
            Err(inner) => Err(Self { held, inner, rwlock }),
        }
    }

    /// The lock it came from.
    pub const fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.rwlock
    }
}
