//! Locks that find the recorder by themselves. It is installed for the life of the process, so this is
//! a process of its own with one test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Tape;
use lockscope::event::{Event, LockKind};
use lockscope::sync::{Clock, Mutex, Recorder};

static EARLY: Mutex<i32> = Mutex::const_new(0);

#[test]
fn locks_made_before_the_recorder_was_installed_report_to_it() {
    let before = Mutex::named("before", 0);
    let unseen = EARLY.try_lock().unwrap();
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
    let recorder = Recorder::new(Clock::wall(), |_| true);
    assert!(lockscope::sync::install(recorder).is_err());
    let names = tape.recorder.names();
    assert!(names.locks.iter().all(|lock| lock.kind == LockKind::TokioMutex));
}

/// The line of this file on which `text` stands first.
fn line_of(text: &str) -> usize {
    include_str!("sync_installed.rs").lines().position(|line| line.contains(text)).unwrap() + 1
}
