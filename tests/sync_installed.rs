//! Locks that find the recorder by themselves. It is installed for the life of the process, so this is
//! a process of its own with one test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Tape;
use lockscope::event::{Event, LockKind};
use lockscope::sync::{Clock, Mutex, Recorder, RwLock, Semaphore};
use lockscope::trace::Trace;

static EARLY: Mutex<i32> = Mutex::const_new(0);
static SLOTS: Semaphore = Semaphore::const_new(5);
static LIMIT: RwLock<i32> = RwLock::const_new(0);

#[test]
fn locks_made_before_the_recorder_was_installed_report_to_it() {
    let before = Mutex::named("before", 0);
    let unseen = EARLY.try_lock().unwrap();
    let mut out = SLOTS.try_acquire_many(3).unwrap();
    let tape = Tape::new();
    assert!(lockscope::sync::install(tape.recorder.clone()).is_ok());
    drop(unseen);
    let story = |name: &str| {
        let names = tape.recorder.names();
        let of = |event: &Event| {
            event.what.acquisition().filter(|(lock, _)| names.lock(*lock) == name).map(|_| event.what.name())
        };
        tape.events().iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    *EARLY.try_lock().unwrap() += 1;
    let place = format!("sync_installed.rs:{}", line_of("static EARLY"));
    assert_eq!(story(&place), "acquire, release", "what was taken before is not released");
    drop(before.try_lock().unwrap());
    assert_eq!(story("before"), "acquire, release");
    let new = Mutex::new(0); // here
    drop(new.blocking_lock());
    assert_eq!(
        story(&format!("sync_installed.rs:{}", line_of("let new = Mutex::new(0); // here"))),
        "acquire, release"
    );
    let from = Mutex::from(1_u8); // from here
    let default = Mutex::<u8>::default(); // and here
    drop((from.try_lock().unwrap(), default.try_lock().unwrap()));
    for made in ["from(1_u8); // from here", "default(); // and here"] {
        let place = format!("sync_installed.rs:{}", line_of(made));
        assert_eq!(story(&place), "acquire, release", "{made}");
    }
    drop(LIMIT.try_read().unwrap());
    assert_eq!(story(&format!("sync_installed.rs:{}", line_of("static LIMIT"))), "acquire, release");
    // A semaphore is known from its first use on, with what is free then. What was out comes back as new.
    let slots = tape.recorder.names().locks.len();
    let free = || {
        let trace = Trace::of(tape.recorder.names(), tape.events());
        assert_eq!(trace.state(trace.len()).locks[slots].free().unwrap() as usize, SLOTS.available_permits());
    };
    out.merge(SLOTS.try_acquire().unwrap());
    assert_eq!(tape.recorder.names().locks[slots].permits, Some(2));
    free();
    drop(out.split(2));
    free();
    out.split(1).unwrap().forget();
    free();
    drop(out);
    free();
    assert_eq!(SLOTS.available_permits(), 4);
    let recorder = Recorder::new(Clock::wall(), |_| true);
    assert!(lockscope::sync::install(recorder).is_err());
    let names = tape.recorder.names();
    let kinds: Vec<_> = names.locks.iter().map(|lock| lock.kind).collect();
    assert_eq!(kinds[kinds.len() - 2..], [LockKind::TokioRwLock, LockKind::TokioSemaphore]);
}

/// The line of this file on which `text` stands first.
fn line_of(text: &str) -> usize {
    include_str!("sync_installed.rs").lines().position(|line| line.contains(text)).unwrap() + 1
}
