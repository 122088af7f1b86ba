//! The instrumented mutex on several threads: blocked, and hammered until an order that could not be
//! would have shown. Which orders come up is up to the machine; none of them may fail.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;

use common::{Checker, Tape, poll};
use lockscope::event::{Event, What};
use lockscope::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};

#[test]
fn blocking_lock_waits_on_a_thread() {
    for owned in [false, true] {
        let tape = Tape::new();
        let mutex = Arc::new(tape.mutex("m", 0));
        let guard = mutex.try_lock().unwrap();
        let (waiting, is_waiting) = mpsc::channel();
        let sinked = tape.clone();
        let other = Arc::clone(&mutex);
        let thread = thread::Builder::new()
            .name("blocker".into())
            .spawn(move || {
                waiting.send(()).unwrap();
                if owned { *other.blocking_lock_owned() += 1 } else { *other.blocking_lock() += 1 }
            })
            .unwrap();
        is_waiting.recv().unwrap();
        // The release is held back until the other thread is seen in the queue.
        while sinked.story().len() < 2 {
            thread::yield_now();
        }
        drop(guard);
        thread.join().unwrap();
        Checker::any_threads().check(&tape.events()).unwrap();
        assert_eq!(tape.story().join(", "), "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2");
        let blocker = tape.recorder.names().task(tape.events()[1].actor.task).to_owned();
        assert_eq!(blocker, "blocker");
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    }
}

#[test]
fn blocking_lock_leaves_the_threads_park_token_alone() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    thread::current().unpark();
    drop(mutex.blocking_lock());
    thread::park();
    assert_eq!(tape.line(), "acquire 1, release 1");
}

#[test]
fn blocking_lock_panics_on_a_thread_that_drives_tasks_as_the_original_does() {
    fn said(work: impl FnOnce()) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let panic =
            runtime.block_on(async { catch_unwind(AssertUnwindSafe(work)).expect_err("did not panic") });
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
            .unwrap()
    }
    let original = said(|| drop(tokio::sync::Mutex::new(()).blocking_lock()));
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    assert_eq!(said(|| drop(mutex.blocking_lock())), original);
    assert_eq!(said(|| drop(Arc::clone(&mutex).blocking_lock_owned())), original);
    assert_eq!(said(|| drop(Mutex::new(()).blocking_lock())), original);
    assert_eq!(tape.line(), "");
}

#[test]
fn blocking_lock_works_where_the_original_does() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let other = Arc::clone(&mutex);
    runtime.block_on(async move {
        tokio::task::spawn_blocking(move || *other.blocking_lock() += 1).await.unwrap();
    });
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn whoever_is_left_alone_with_the_lock_can_open_it_at_once() {
    let (send, guards) = mpsc::channel::<OwnedMappedMutexGuard<u32, u32>>();
    let dropper = thread::spawn(move || guards.into_iter().for_each(drop));
    let mut mutex = Arc::new(Mutex::new(0_u32));
    for turn in 0..20_000 {
        let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
        send.send(OwnedMutexGuard::map(guard, |value| value)).unwrap();
        let value = loop {
            if let Some(mutex) = Arc::get_mut(&mut mutex) {
                break mutex.get_mut();
            }
            thread::yield_now();
        };
        assert_eq!(*value, turn);
        *value += 1;
    }
    drop(send);
    dropper.join().unwrap();
}

/// Many threads, three ways of asking; whatever came of it, the record must be one that could be.
fn hammer(threads: usize, turns: usize, lock: impl Fn(&Arc<Mutex<usize>>, usize) + Send + Sync) {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 0));
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                for turn in 0..turns {
                    lock(&mutex, turn);
                }
            });
        }
    });
    let events = tape.events();
    let checker = Checker::any_threads().check(&events).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    assert_eq!(tape.recorder.lost(), 0);
    let count = |name| events.iter().filter(|event| event.what.name() == name).count();
    assert_eq!(count("acquire"), *mutex.try_lock().unwrap(), "each increment is an acquisition");
    assert_eq!(count("acquire"), count("release"));
    assert_eq!(count("wait"), count("grant") + count("cancel") - cancelled_grants(&events));
}

/// How many operations were granted and then cancelled.
fn cancelled_grants(events: &[Event]) -> usize {
    let mut granted = std::collections::HashSet::new();
    let mut both = 0;
    for event in events {
        match event.what {
            What::Grant { op, .. } => drop(granted.insert(op)),
            What::Cancel { op, .. } if granted.contains(&op) => both += 1,
            _ => {}
        }
    }
    both
}

#[test]
fn threads_that_try_never_overlap() {
    hammer(2, 100_000, |mutex, _| {
        if let Ok(mut value) = mutex.try_lock() {
            *value += 1;
        }
    });
}

#[test]
fn threads_that_block_never_overlap_and_keep_the_order_of_the_queue() {
    hammer(3, 20_000, |mutex, turn| {
        if turn % 2 == 0 {
            *mutex.blocking_lock() += 1;
        } else {
            *Arc::clone(mutex).blocking_lock_owned() += 1;
        }
    });
}

#[test]
fn threads_that_poll_and_cancel_never_overlap_and_keep_the_order_of_the_queue() {
    hammer(3, 60_000, |mutex, turn| {
        let mut future = Box::pin(mutex.lock());
        for _ in 0..=turn % 5 {
            if let Poll::Ready(mut value) = poll(&mut future) {
                *value += 1;
                return;
            }
        }
    });
}

#[test]
fn threads_that_try_and_threads_that_queue_never_overlap() {
    hammer(3, 60_000, |mutex, turn| {
        if turn % 3 == 0 {
            if let Ok(mut value) = Arc::clone(mutex).try_lock_owned() {
                *value += 1;
            }
        } else if let Poll::Ready(mut value) = poll(&mut Box::pin(mutex.lock())) {
            *value += 1;
        }
    });
}

#[test]
fn tasks_on_two_threads_never_overlap_and_keep_the_order_of_the_queue() {
    const TASKS: usize = 4;
    const TURNS: usize = 25_000;
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let mutex = Arc::clone(&mutex);
            tasks.spawn(async move {
                for turn in 0..TURNS {
                    let mut value = mutex.lock().await;
                    *value += 1;
                    if turn % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    });
    let events = tape.events();
    let checker = Checker::any_threads().check(&events).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    assert_eq!(*mutex.try_lock().unwrap(), TASKS * TURNS);
    assert_eq!(events.iter().filter(|event| event.what.name() == "acquire").count(), TASKS * TURNS);
}
