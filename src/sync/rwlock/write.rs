//! The guards that exclude. They can be downgraded to a share of the lock: that is recorded, like a
//! release, before the real guard lets anybody in, with a second `Acquire` of the same operation.

use std::sync::Arc;

use super::RwLock;
use super::mapped::{OwnedRwLockMappedWriteGuard, RwLockMappedWriteGuard};
use super::read::{OwnedRwLockReadGuard, RwLockReadGuard};
use crate::event::Mode;
use crate::sync::as_value::as_its_value;
use crate::sync::probe::{Held, Tap};

/// An instrumented [`tokio::sync::RwLockWriteGuard`]; see [`RwLock::write`].
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    held: Held<&'a Tap>,
    inner: tokio::sync::RwLockWriteGuard<'a, T>,
}

as_its_value!(['a, T: ?Sized] RwLockWriteGuard<'a, T> => T);

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    pub(super) const fn new(held: Held<&'a Tap>, inner: tokio::sync::RwLockWriteGuard<'a, T>) -> Self {
        Self { held, inner }
    }

    /// A guard for a part of the value.
    ///
    /// ```
    /// use lockscope::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let db = RwLock::new((1, 2));
    /// let mut second = RwLockWriteGuard::map(db.try_write().unwrap(), |pair| &mut pair.1);
    /// *second = 3;
    /// drop(second);
    /// assert_eq!(db.into_inner(), (1, 3));
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::RwLockWriteGuard::map(inner, |value| held.during(f, value));
        RwLockMappedWriteGuard::new(held, inner)
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
        match tokio::sync::RwLockWriteGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(RwLockMappedWriteGuard::new(held, inner)),
            Err(inner) => Err(Self { held, inner }),
        }
    }

    /// The same as [`map`](Self::map) to the whole value.
    #[inline]
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// A guard that only reads: from here on others may read too, and nobody writes in between.
    ///
    /// ```
    /// let db = lockscope::sync::RwLock::new(1);
    /// let mut guard = db.try_write().unwrap();
    /// *guard += 1;
    /// let guard = guard.downgrade();
    /// assert_eq!((*guard, *db.try_read().unwrap()), (2, 2));
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let Self { held, inner } = self;
        held.keeps(Mode::Shared);
        RwLockReadGuard::new(held, inner.downgrade())
    }

    /// A guard that only reads, and only a part of the value.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::RwLockWriteGuard::downgrade_map(inner, |value| {
            let part = held.during(f, value);
            held.keeps(Mode::Shared);
            part
        });
        RwLockReadGuard::new(held, inner)
    }

    /// A guard that only reads, and only a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back, which still writes, if `f` finds nothing.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { mut held, inner } = this;
        let inner = tokio::sync::RwLockWriteGuard::try_downgrade_map(inner, |value| {
            let part = held.during(f, value)?;
            held.keeps(Mode::Shared);
            Some(part)
        });
        match inner {
            Ok(inner) => Ok(RwLockReadGuard::new(held, inner)),
            Err(inner) => Err(Self { held, inner }),
        }
    }
}

/// An instrumented [`tokio::sync::OwnedRwLockWriteGuard`]; see [`RwLock::write_owned`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T> {
    held: Held<Arc<Tap>>,
    inner: tokio::sync::OwnedRwLockWriteGuard<T>,
    /// After `inner`: whoever lets go of the lock has let go of its inside.
    rwlock: Arc<RwLock<T>>,
}

as_its_value!([T] OwnedRwLockWriteGuard<T> => T);

impl<T> OwnedRwLockWriteGuard<T> {
    pub(super) const fn new(
        held: Held<Arc<Tap>>,
        inner: tokio::sync::OwnedRwLockWriteGuard<T>,
        rwlock: Arc<RwLock<T>>,
    ) -> Self {
        Self { held, inner, rwlock }
    }

    /// A guard for a part of the value.
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { mut held, inner, rwlock } = this;
        let inner = tokio::sync::OwnedRwLockWriteGuard::map(inner, |value| held.during(f, value));
        OwnedRwLockMappedWriteGuard::new(held, inner, rwlock)
    }

    /// A guard for a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back if `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { mut held, inner, rwlock } = this;
        match tokio::sync::OwnedRwLockWriteGuard::try_map(inner, |value| held.during(f, value)) {
            Ok(inner) => Ok(OwnedRwLockMappedWriteGuard::new(held, inner, rwlock)),
            Err(inner) => Err(Self { held, inner, rwlock }),
        }
    }

    /// The same as [`map`](Self::map) to the whole value.
    #[inline]
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// A guard that only reads: from here on others may read too, and nobody writes in between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let Self { held, inner, rwlock } = self;
        held.keeps(Mode::Shared);
        OwnedRwLockReadGuard::new(held, inner.downgrade(), rwlock)
    }

    /// A guard that only reads, and only a part of the value.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let Self { mut held, inner, rwlock } = this;
        let inner = tokio::sync::OwnedRwLockWriteGuard::downgrade_map(inner, |value| {
            let part = held.during(f, value);
            held.keeps(Mode::Shared);
            part
        });
        OwnedRwLockReadGuard::new(held, inner, rwlock)
    }

    /// A guard that only reads, and only a part of the value, if it has one.
    ///
    /// # Errors
    ///
    /// Gives the guard back, which still writes, if `f` finds nothing.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { mut held, inner, rwlock } = this;
        let inner = tokio::sync::OwnedRwLockWriteGuard::try_downgrade_map(inner, |value| {
            let part = held.during(f, value)?;
            held.keeps(Mode::Shared);
            Some(part)
        });
        match inner {
            Ok(inner) => Ok(OwnedRwLockReadGuard::new(held, inner, rwlock)),
            Err(inner) => Err(Self { held, inner, rwlock }),
        }
    }

    /// The lock it came from.
    pub const fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.rwlock
    }
}
