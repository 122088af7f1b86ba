//! A mutex, a reader-writer lock or a semaphore of some crate, as one thing that tasks take and try.

// Helpers of tests are tests, and each test uses a part of them.
#![allow(dead_code, clippy::unwrap_used)]

/// All of a lock.
pub const ALL: u32 = 3;

pub type Guard<'a> = Box<dyn Send + 'a>;

/// One of them: it is taken so much of; a mutex and a writer take all.
pub trait Lock {
    async fn take(&self, much: u32) -> Guard<'_>;
    fn attempt(&self, much: u32) -> Option<Guard<'_>>;
    /// Takes all, and keeps less.
    async fn less(&self) -> Guard<'_>;
}

/// The locks at `$path`, as one type.
macro_rules! a_lock {
    ($name:ident of $($path:ident)::+) => {
        enum $name {
            Mutex($($path)::+::Mutex<()>),
            RwLock($($path)::+::RwLock<()>),
            Semaphore($($path)::+::Semaphore),
        }

        impl Lock for $name {
            async fn take(&self, much: u32) -> Guard<'_> {
                match self {
                    Self::Mutex(mutex) => Box::new(mutex.lock().await),
                    Self::RwLock(rwlock) if much == ALL => Box::new(rwlock.write().await),
                    Self::RwLock(rwlock) => Box::new(rwlock.read().await),
                    Self::Semaphore(semaphore) => Box::new(semaphore.acquire_many(much).await.unwrap()),
                }
            }

            fn attempt(&self, much: u32) -> Option<Guard<'_>> {
                Some(match self {
                    Self::Mutex(mutex) => Box::new(mutex.try_lock().ok()?),
                    Self::RwLock(rwlock) if much == ALL => Box::new(rwlock.try_write().ok()?),
                    Self::RwLock(rwlock) => Box::new(rwlock.try_read().ok()?),
                    Self::Semaphore(semaphore) => Box::new(semaphore.try_acquire_many(much).ok()?),
                })
            }

            async fn less(&self) -> Guard<'_> {
                match self {
                    Self::Mutex(mutex) => Box::new(mutex.lock().await),
                    Self::RwLock(rwlock) => Box::new(rwlock.write().await.downgrade()),
                    Self::Semaphore(semaphore) => {
                        let mut permits = semaphore.acquire_many(ALL).await.unwrap();
                        drop(permits.split(1));
                        Box::new(permits)
                    }
                }
            }
        }
    };
}
