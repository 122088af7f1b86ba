//! The permits of [`Semaphore`]: how many, and of which acquisitions.
//!
//! The original's permit is taken apart as soon as it is there: it would be moved and dropped with ours, which has all
//! that it has. What it does when it is dropped is what [`add_permits`](tokio::sync::Semaphore::add_permits) does.

use std::fmt;
use std::sync::Arc;

use super::Semaphore;
use super::share::Share;

/// An instrumented [`tokio::sync::SemaphorePermit`]; see [`Semaphore::acquire`].
#[must_use]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a> {
    pub(super) share: Share<&'a Semaphore>,
}

/// An instrumented [`tokio::sync::OwnedSemaphorePermit`]; see [`Semaphore::acquire_owned`].
#[must_use]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit {
    pub(super) share: Share<Arc<Semaphore>>,
}

/// What both kinds can do.
macro_rules! permit {
    ([$($generics:tt)*] $permit:ty, $name:literal) => {
        impl<$($generics)*> $permit {
            /// Takes the permits out of the semaphore for good. That is recorded as
            /// [`ForgetPermits`](crate::event::What::ForgetPermits), and the end of the acquisition.
            pub fn forget(self) {
                self.share.forget();
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
                self.share.merge(other.share);
            }

            /// Splits off `n` permits, if it has as many. Records nothing: both are of one acquisition,
            /// which ends with the last of them.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                (n <= self.num_permits()).then(|| Self { share: self.share.split(n) })
            }

            /// How many permits it has.
            pub fn num_permits(&self) -> usize {
                self.share.permits()
            }
        }

        impl<$($generics)*> fmt::Debug for $permit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (sem, permits) = (self.share.semaphore.inner(), self.num_permits());
                f.debug_struct($name).field("sem", sem).field("permits", &permits).finish()
            }
        }
    };
}

permit!(['a] SemaphorePermit<'a>, "SemaphorePermit");
permit!([] OwnedSemaphorePermit, "OwnedSemaphorePermit");

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
