//! With feature `off` nothing is recorded, whatever is installed:
//! `cargo test --no-default-features --features off --test sync_off`.

#![cfg(all(feature = "off", not(feature = "engine")))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::{Tape, pending, ready};
use lockscope::sync::{Mutex, RwLock, Semaphore};
use lockscope::task;

#[test]
fn nothing_is_recorded() {
    let tape = Tape::new();
    let given = (tape.mutex("m", 0), tape.rwlock("rw", 0), tape.semaphore("s", 1));
    assert!(lockscope::sync::install(tape.recorder.clone()).is_ok());
    let own = (Mutex::new(0), RwLock::named("rw", 0), Semaphore::const_new(1));
    for (mutex, rwlock, semaphore) in [&given, &own] {
        let guard = mutex.try_lock().unwrap();
        assert!(mutex.try_lock().is_err());
        let mut waiter = Box::pin(mutex.lock());
        pending(&mut waiter);
        drop(guard);
        drop(ready(&mut waiter));
        drop(mutex.blocking_lock());
        drop(rwlock.blocking_write().downgrade());
        let mut permit = semaphore.blocking_acquire().unwrap();
        drop(permit.split(1));
        semaphore.try_acquire().unwrap().forget();
        semaphore.add_permits(1);
        semaphore.close();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shared = Arc::new(own.0);
    runtime.block_on(async move {
        task::spawn("writer", async move { drop(shared.lock_owned().await) }).await.unwrap();
    });
    assert!(tape.events().is_empty());
    let names = tape.recorder.names();
    assert_eq!((names.tasks.len(), names.locks.len()), (0, 3), "only those that the test registered");
}
