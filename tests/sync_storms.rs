//! Storms over a program's recorder: a runtime that is dropped, tasks that panic and tasks that are aborted
//! while hundreds hold locks and wait for them, and a recording that ends in the middle. What is told stays what
//! can be, and nobody is left with a lock.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use common::Checker;
use lockscope::event::{LockKind, LockName};
use lockscope::sync::{Mutex, Recorder, Ring, RwLock, Semaphore};
use lockscope::trace::Trace;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

const TASKS: u64 = 200;

struct Storm {
    recorder: Recorder,
    ring: Ring,
    mutex: Mutex<u64>,
    rwlock: RwLock<u64>,
    semaphore: Semaphore,
    turns: AtomicU64,
}

/// One thread, where every run is the same, and several.
fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()].map(|mut builder| builder.build().unwrap())
}

impl Storm {
    fn new() -> Arc<Self> {
        let recorder = Recorder::program();
        let ring = Ring::new(5_000_000);
        recorder.attach(ring.clone());
        let permits = LockName { name: "s".into(), kind: LockKind::TokioSemaphore, permits: Some(3) };
        Arc::new(Self {
            mutex: Mutex::recorded(&recorder, recorder.add_lock("m", LockKind::TokioMutex), 0),
            rwlock: RwLock::recorded(&recorder, recorder.add_lock("rw", LockKind::TokioRwLock), 0),
            semaphore: Semaphore::recorded(&recorder, recorder.add(permits), 3),
            recorder,
            ring,
            turns: AtomicU64::new(0),
        })
    }

    /// Takes one lock or another and lets others run meanwhile. `at` is called with the lock in hand.
    async fn turn(&self, kind: u64, at: impl Fn()) {
        match kind % 5 {
            0 => {
                let mut guard = self.mutex.lock().await;
                yield_now().await;
                *guard += 1;
                at();
            }
            1 => {
                let guard = self.rwlock.read().await;
                yield_now().await;
                at();
                drop(guard);
            }
            2 => {
                let mut guard = self.rwlock.write().await;
                *guard += 1;
                yield_now().await;
                at();
            }
            3 => {
                let permit = self.semaphore.acquire().await.unwrap();
                yield_now().await;
                at();
                drop(permit);
            }
            _ => {
                let permits = self.semaphore.acquire_many(2).await.unwrap();
                at();
                yield_now().await;
                drop(permits);
            }
        }
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Spawns tasks that take turns without end.
    fn blow(self: &Arc<Self>, runtime: &Runtime) -> Vec<tokio::task::JoinHandle<()>> {
        let task = |seed: u64| {
            let storm = Arc::clone(self);
            runtime.spawn(async move {
                for turn in 0.. {
                    storm.turn(seed + turn * 7, || {}).await;
                }
            })
        };
        (0..TASKS).map(task).collect()
    }

    /// Runs until so many turns were taken.
    fn wait(&self, runtime: &Runtime, turns: u64) {
        runtime.block_on(async {
            while self.turns.load(Ordering::Relaxed) < turns {
                yield_now().await;
            }
        });
    }

    /// What was told is what can be, none of it is missing, and at its end all is free, as it is.
    fn check_free(&self) {
        assert!(self.mutex.try_lock().is_ok() && self.rwlock.try_write().is_ok());
        assert_eq!(self.semaphore.available_permits(), 3);
        self.recorder.flush();
        let (names, events) = self.ring.history();
        assert_eq!((self.recorder.lost(), self.ring.dropped()), (0, 0));
        if let Err(error) = Checker::any_threads().of(&names).check(&events) {
            panic!("{error}");
        }
        let trace = Trace::of(names, events);
        let state = trace.state(trace.len());
        for lock in state.locks.iter() {
            let left = (lock.holders.len(), lock.granted.len(), lock.queue.len());
            assert_eq!(left, (0, 0, 0), "{lock:?}");
        }
        assert!(state.tasks.iter().all(|task| task.claims.is_empty()));
    }
}

#[test]
fn a_runtime_that_is_dropped_leaves_nobody_with_a_lock() {
    for runtime in runtimes() {
        let storm = Storm::new();
        storm.blow(&runtime);
        storm.wait(&runtime, 3_000);
        drop(runtime);
        storm.check_free();
    }
}

#[test]
fn tasks_that_are_aborted_leave_nobody_with_a_lock() {
    for runtime in runtimes() {
        let storm = Storm::new();
        let tasks = storm.blow(&runtime);
        storm.wait(&runtime, 1_000);
        runtime.block_on(async {
            for task in tasks {
                task.abort();
                // Others run before the next: they find what it leaves.
                yield_now().await;
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
        storm.check_free();
    }
}

/// Polls once, whatever comes of it.
async fn once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
    yield_now().await;
    // Dropped while the panic unwinds: waiting, granted, or with a guard that nobody took out.
    resume_unwind(Box::new("storm"));
}

#[test]
fn tasks_that_panic_leave_nobody_with_a_lock() {
    for runtime in runtimes() {
        let storm = Storm::new();
        let task = |seed: u64| {
            let storm = Arc::clone(&storm);
            runtime.spawn(async move {
                for turn in 0..8 {
                    // Nothing but the panic is wanted of it: it is not printed.
                    let panics = || {
                        if turn == seed % 8 {
                            resume_unwind(Box::new("storm"))
                        }
                    };
                    match seed % 4 {
                        0 if turn == 5 => once(storm.mutex.lock()).await,
                        1 if turn == 5 => once(storm.rwlock.write()).await,
                        _ => storm.turn(seed + turn * 3, panics).await,
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(task).collect();
        runtime.block_on(async {
            for task in tasks {
                assert!(task.await.unwrap_err().is_panic());
            }
        });
        storm.check_free();
    }
}

/// A recording that ends while the program goes on holds nobody up, and what it had is what can be.
#[test]
fn a_recording_that_ends_in_a_storm_is_whole_up_to_there() {
    for runtime in runtimes() {
        let storm = Storm::new();
        storm.blow(&runtime);
        storm.wait(&runtime, 1_000);
        storm.recorder.finish();
        let (names, events) = storm.ring.history();
        let told = events.len();
        if let Err(error) = Checker::any_threads().of(&names).check(&events) {
            panic!("{error}");
        }
        storm.wait(&runtime, 3_000);
        drop(runtime);
        assert_eq!(storm.ring.history().1.len(), told);
        assert!(storm.mutex.try_lock().is_ok() && storm.rwlock.try_write().is_ok());
        assert_eq!(storm.semaphore.available_permits(), 3);
    }
}
