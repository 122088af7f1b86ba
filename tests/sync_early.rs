//! A lock that was taken before anybody recorded it, and is let go by a thread that has written nothing. The recorder is
//! installed for the life of the process, so this is a process of its own with one test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use lockscope::event::{Event, What};
use lockscope::sync::{Mutex, Recorder, Ring, install};

#[tokio::test]
async fn a_grant_has_the_time_at_which_the_lock_was_let_go() {
    let lock = Arc::new(Mutex::named("m", 0));
    let early = Arc::clone(&lock).try_lock_owned().unwrap();
    let (recorder, ring) = (Recorder::program(), Ring::new(100));
    recorder.attach(ring.clone());
    assert!(install(recorder.clone()).is_ok());
    let mut late = pin!(lock.lock());
    assert!(poll_fn(|context| Poll::Ready(late.as_mut().poll(context).is_pending())).await);
    let asked = recorder.now();
    // Time that is counted in less than these passes.
    while recorder.now() == asked {}
    let before = recorder.now();
    thread::spawn(|| drop(early)).join().unwrap();
    drop(late.await);
    recorder.flush();
    let (_, events) = ring.history();
    let grant = |event: &&Event| matches!(event.what, What::Grant { .. });
    let granted = events.iter().find(grant).unwrap().at;
    assert!(granted >= before, "granted at {granted:?}, let go after {before:?}");
}
