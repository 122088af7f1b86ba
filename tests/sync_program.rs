//! All that holds of the locks with a recorder that takes events at once holds with the recorder of programs
//! too: the same tests, over its rings. `common` sees by this file's name which one it is to make.

// Each of the files has a `common` of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::duplicate_mod)]

#[path = "sync_fidelity.rs"]
mod fidelity;
#[path = "sync_fidelity_shared.rs"]
mod fidelity_shared;
#[path = "sync_guards.rs"]
mod guards;
#[path = "sync_mutex.rs"]
mod mutex;
#[path = "sync_orders.rs"]
mod orders;
#[path = "sync_rwlock.rs"]
mod rwlock;
#[path = "sync_semaphore.rs"]
mod semaphore;
#[path = "sync_threads.rs"]
mod threads;
