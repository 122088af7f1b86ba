//! What a state keeps of a task or a lock: alone, and then it is changed in its place; or together with
//! its copies, until one of them changes it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// One of a state's tasks or locks. It reads like the task or the lock.
pub struct Kept<T>(Inner<T>);

enum Inner<T> {
    Alone(T),
    Shared(Arc<T>),
}

impl<T: Clone> Kept<T> {
    /// To be changed: from here on this state's alone.
    #[inline]
    pub(super) fn change(&mut self) -> &mut T {
        if let Inner::Shared(shared) = &self.0 {
            self.0 = Inner::Alone(T::clone(shared));
        }
        match &mut self.0 {
            Inner::Alone(alone) => alone,
            Inner::Shared(_) => unreachable!("it has just been made"),
        }
    }
}

impl<T: Clone + PartialEq> Kept<T> {
    /// The same, to be shared: with `other` if that is equal, as thousands of tasks are that do nothing; and without
    /// the room for more that has come together while it was alone.
    pub(super) fn share(self, other: Option<&Arc<T>>) -> Arc<T> {
        match (self.0, other) {
            (Inner::Shared(shared), _) => shared,
            (Inner::Alone(alone), Some(other)) if alone == **other => Arc::clone(other),
            (Inner::Alone(alone), _) => Arc::new(alone.clone()),
        }
    }
}

impl<T> From<Arc<T>> for Kept<T> {
    fn from(shared: Arc<T>) -> Self {
        Self(Inner::Shared(shared))
    }
}

impl<T> From<T> for Kept<T> {
    fn from(alone: T) -> Self {
        Self(Inner::Alone(alone))
    }
}

impl<T: Default> Default for Kept<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Inner::Alone(alone) => alone,
            Inner::Shared(shared) => shared,
        }
    }
}

impl<T: Clone> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Inner::Alone(alone) => Inner::Alone(alone.clone()),
            Inner::Shared(shared) => Inner::Shared(Arc::clone(shared)),
        })
    }
}

impl<T: PartialEq> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Kept<T> {}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
