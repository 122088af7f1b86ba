//! The standard library for code that shuttle explores, and the clock of `quanta`: threads, mutexes and atomics
//! are shuttle's, and each use of them is a moment at which another thread may go on. So is the moment after a
//! write, before whatever comes next that shuttle does not see, as a lock of tokio's.

#![allow(missing_docs)]

pub use std::*;

/// Another thread may go on.
fn switch() {
    if !std::thread::panicking() {
        shuttle::thread::sleep(std::time::Duration::ZERO);
    }
}

/// So many steps.
const BEHIND: usize = 300;

/// Time, as `quanta` tells it: a step is 20 ns, so that a recording can end while something goes on.
#[derive(Debug)]
pub struct Clock;

impl Clock {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self
    }

    pub fn raw(&self) -> u64 {
        switch();
        let now = shuttle::current::context_switches();
        // Clocks of processors need not agree: those of every other thread are behind. The recorder's is not, as
        // it reads what others wrote long before.
        let thread = shuttle::thread::current();
        let behind =
            if thread.name() == Some("lockscope") { 0 } else { usize::from(thread.id()) % 2 * BEHIND };
        switch();
        now.saturating_sub(behind) as u64
    }

    pub fn delta_as_nanos(&self, begin: u64, end: u64) -> u64 {
        end.saturating_sub(begin).saturating_mul(20)
    }
}

pub mod thread {
    use std::cell::Cell;
    use std::time::Duration;

    pub use shuttle::thread::{AccessError, Builder, LocalKey, Thread, ThreadId, current, panicking};

    /// It may look again at any time.
    pub fn park_timeout(_: Duration) {
        shuttle::thread::yield_now();
    }

    /// A thread's own value.
    pub struct Local<T: 'static>(pub &'static LocalKey<T>);

    impl<T> Local<T> {
        pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
            self.0.try_with(f)
        }
    }

    impl<T: Copy> Local<Cell<T>> {
        pub fn get(&'static self) -> T {
            self.0.with(Cell::get)
        }

        pub fn set(&'static self, value: T) {
            self.0.with(|cell| cell.set(value));
        }

        pub fn replace(&'static self, value: T) -> T {
            self.0.with(|cell| cell.replace(value))
        }
    }
}

#[doc(hidden)]
pub use shuttle::thread_local as of_shuttle;

/// Values of threads.
#[macro_export]
macro_rules! locals {
    ($($(#[$_doc:meta])* static $name:ident: $type:ty = const { $init:expr };)*) => {
        $(static $name: $crate::thread::Local<$type> = {
            $crate::of_shuttle! { static INNER: $type = const { $init }; }
            $crate::thread::Local(&INNER)
        };)*
    };
}

pub mod sync {
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    use shuttle::sync as explored;
    pub use std::sync::*;

    /// A mutex; when it is unlocked another thread may go on.
    #[derive(Default)]
    pub struct Mutex<T>(explored::Mutex<T>);

    /// Empty only while a condition is waited for.
    pub struct MutexGuard<'a, T>(Option<explored::MutexGuard<'a, T>>);

    fn guard<T>(guard: explored::MutexGuard<'_, T>) -> MutexGuard<'_, T> {
        MutexGuard(Some(guard))
    }

    fn poisoned<T, U>(error: PoisonError<T>, map: impl FnOnce(T) -> U) -> PoisonError<U> {
        PoisonError::new(map(error.into_inner()))
    }

    impl<T> Mutex<T> {
        pub const fn new(value: T) -> Self {
            Self(explored::Mutex::new(value))
        }

        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            self.0.lock().map(guard).map_err(|error| poisoned(error, guard))
        }

        pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            self.0.try_lock().map(guard).map_err(|error| match error {
                TryLockError::Poisoned(error) => TryLockError::Poisoned(poisoned(error, guard)),
                TryLockError::WouldBlock => TryLockError::WouldBlock,
            })
        }

        pub fn into_inner(self) -> LockResult<T> {
            self.0.into_inner()
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_deref().unwrap()
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_deref_mut().unwrap()
        }
    }

    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            if self.0.take().is_some() {
                crate::switch();
            }
        }
    }

    #[derive(Default)]
    pub struct Condvar(explored::Condvar);

    impl Condvar {
        pub const fn new() -> Self {
            Self(explored::Condvar::new())
        }

        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }

        pub fn wait<'a, T>(&self, mut waiting: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            let waited = self.0.wait(waiting.0.take().unwrap());
            waited.map(guard).map_err(|error| poisoned(error, guard))
        }

        /// Never times out.
        pub fn wait_timeout<'a, T>(
            &self,
            waiting: MutexGuard<'a, T>,
            _: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, bool)> {
            let waited = self.wait(waiting);
            waited.map(|guard| (guard, false)).map_err(|error| poisoned(error, |guard| (guard, false)))
        }
    }

    pub mod atomic {
        pub use std::sync::atomic::*;

        macro_rules! atomic {
            ($name:ident, $value:ty { $($change:ident)* }) => {
                /// The standard library's: runs have threads that take turns, and tests run beside each other. Another
                /// thread may go on before each use and after each write.
                #[derive(Debug, Default)]
                pub struct $name(std::sync::atomic::$name);

                impl $name {
                    pub const fn new(value: $value) -> Self {
                        Self(std::sync::atomic::$name::new(value))
                    }

                    pub fn load(&self, order: Ordering) -> $value {
                        crate::switch();
                        self.0.load(order)
                    }

                    pub fn store(&self, value: $value, order: Ordering) {
                        crate::switch();
                        self.0.store(value, order);
                        crate::switch();
                    }

                    $(pub fn $change(&self, value: $value, order: Ordering) -> $value {
                        crate::switch();
                        let before = self.0.$change(value, order);
                        crate::switch();
                        before
                    })*
                }
            };
        }

        atomic!(AtomicBool, bool { swap });
        atomic!(AtomicU64, u64 { fetch_add fetch_max fetch_min swap });
        atomic!(AtomicUsize, usize { fetch_add });
    }
}
