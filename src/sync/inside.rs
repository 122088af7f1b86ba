//! The original inside of a lock of ours, which a `const` cannot make.
//!
//! It lives in an [`Arc`] of its own: an owned guard of tokio's needs one, and without `unsafe` there
//! is no way from an `Arc<Mutex<T>>` to its inside. The price is that `T` has a size.

use std::panic::UnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::probe::locked;

/// The original `L`, made with the lock, or of the seed `S` at its first use where a `const` made it.
pub(super) struct Inside<L, S> {
    made: OnceLock<Arc<L>>,
    /// What a `const` gave, until then.
    seed: Mutex<Option<S>>,
}

/// Nobody sees it through another who had it when somebody panicked: it is as unwind safe as what is inside.
impl<L: UnwindSafe, S> UnwindSafe for Inside<L, S> {}

impl<L, S> Inside<L, S> {
    pub(super) fn new(original: L) -> Self {
        Self { made: Arc::new(original).into(), seed: Mutex::new(None) }
    }

    pub(super) const fn seed(seed: S) -> Self {
        Self { made: OnceLock::new(), seed: Mutex::new(Some(seed)) }
    }

    pub(super) fn get(&self, make: impl FnOnce(S) -> L) -> &Arc<L> {
        self.made.get_or_init(|| match locked(&self.seed).take() {
            Some(seed) => Arc::new(make(seed)),
            None => unreachable!("a lock has its inside or the seed of it"),
        })
    }

    /// The original, of a lock that nobody else has.
    pub(super) fn get_mut(&mut self, make: impl FnOnce(S) -> L) -> &mut L {
        self.get(make);
        // Every owned guard and future lets go of the inside before it lets go of the lock.
        match self.made.get_mut().and_then(Arc::get_mut) {
            Some(original) => original,
            None => unreachable!("the inside of a lock is shared only with those who share the lock"),
        }
    }

    /// The original or its seed, of a lock that is no more.
    pub(super) fn into_inner(self) -> Result<L, S> {
        let seed = self.seed.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (self.made.into_inner().and_then(Arc::into_inner), seed) {
            (Some(original), _) => Ok(original),
            (None, Some(seed)) => Err(seed),
            (None, None) => {
                unreachable!("the inside of a lock is shared only with those who share the lock")
            }
        }
    }
}
