//! The permits of [`Semaphore`]: tokio's own, each with the record of its acquisition.

use std::fmt;
use std::sync::Arc;

use super::Semaphore;
use super::share::Share;

/// An instrumented [`tokio::sync::SemaphorePermit`]; see [`Semaphore::acquire`].
#[must_use]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a> {
    share: Share<&'a Semaphore>,
    inner: tokio::sync::SemaphorePermit<'a>,
}

/// An instrumented [`tokio::sync::OwnedSemaphorePermit`]; see [`Semaphore::acquire_owned`].
#[must_use]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit {
    share: Share<Arc<Semaphore>>,
    inner: tokio::sync::OwnedSemaphorePermit,
}

/// What both kinds can do.
macro_rules! permit {
    ([$($generics:tt)*] $permit:ty, $semaphore:ty, $inner:ty) => {
        impl<$($generics)*> $permit {
            pub(super) const fn new(share: Share<$semaphore>, inner: $inner) -> Self {
                Self { share, inner }
            }

            /// Takes the permits out of the semaphore for good. That is recorded as
            /// [`ForgetPermits`](crate::event::What::ForgetPermits), and the end of the acquisition.
            pub fn forget(self) {
                let Self { share, inner } = self;
                share.forget();
                inner.forget();
            }

            /// Adds the permits of `other` to this one. Records nothing: what was acquired stays acquired.
            ///
            /// # Panics
            ///
            /// Panics if `other` is of another semaphore.
            #[track_caller]
            pub fn merge(&mut self, other: Self) {
                assert!(
                    std::ptr::eq(&raw const *self.share.semaphore, &raw const *other.share.semaphore),
                    "merging permits from different semaphore instances"
                );
                let Self { share, inner } = other;
                self.inner.merge(inner);
                self.share.merge(share);
            }

            /// Splits off `n` permits, if it has as many. Records nothing: both are of one acquisition,
            /// which ends with the last of them.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                let inner = self.inner.split(n)?;
                Some(Self { share: self.share.split(n), inner })
            }

            /// How many permits it has.
            pub fn num_permits(&self) -> usize {
                self.inner.num_permits()
            }
        }

        impl<$($generics)*> fmt::Debug for $permit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}

permit!(['a] SemaphorePermit<'a>, &'a Semaphore, tokio::sync::SemaphorePermit<'a>);
permit!([] OwnedSemaphorePermit, Arc<Semaphore>, tokio::sync::OwnedSemaphorePermit);

impl SemaphorePermit<'_> {
    /// The semaphore it came from.
    pub fn semaphore(&self) -> &Semaphore {
        self.share.semaphore
    }
}

impl OwnedSemaphorePermit {
    /// The semaphore it came from.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.share.semaphore
    }
}
