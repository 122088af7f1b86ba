//! Every kind that waits without blocking, beside the bare lock: the same order in the same polls.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Map;
use tokio::time::{Instant, sleep};

use super::*;
use crate::event::{Event, TaskId};
use crate::sync::{Clock, actor, probe::locked};

const KINDS: [LockKind; 6] = [
    LockKind::TokioRwLock,
    LockKind::TokioSemaphore,
    LockKind::AsyncLockMutex,
    LockKind::AsyncLockRwLock,
    LockKind::AsyncLockSemaphore,
    LockKind::FuturesMutex,
];

/// What a task does over and over: asks (with a share of the lock or all of it), holds, pauses.
#[derive(Debug, Clone)]
struct Turn {
    shared: bool,
    hold: u64,
    pause: u64,
    /// Gives up after so long.
    patience: u64,
}

#[derive(Debug, Clone)]
struct Life {
    start: u64,
    turns: Vec<Turn>,
}

/// Who got the lock when, and how often each task was polled.
type Log = (Vec<(usize, u128)>, Vec<u32>);

fn lock(recorder: &Recorder, kind: LockKind) -> Lock {
    let id = recorder.add_lock("lock", kind);
    Lock::new(recorder, id, &LockPlan { name: "lock".into(), kind, data: Map::new(), permits: Some(2) })
}

impl Lock {
    /// Asks the real lock itself.
    async fn bare(&self, mode: Mode) -> Other<'_> {
        match &self.inner {
            Inner::TokioRwLock(lock) if mode == Mode::Shared => Other::TokioRead(lock.read().await),
            Inner::TokioRwLock(lock) => Other::TokioWrite(lock.write().await),
            Inner::TokioSemaphore(semaphore) => {
                let Mode::Permits(permits) = mode else { unreachable!() };
                Other::TokioPermit { _permit: semaphore.acquire_many(permits).await.unwrap() }
            }
            Inner::AsyncLockMutex(mutex) => Other::AsyncLockMutex(mutex.lock().await),
            Inner::AsyncLockRwLock(lock) if mode == Mode::Shared => Other::AsyncLockRead(lock.read().await),
            Inner::AsyncLockRwLock(lock) => Other::AsyncLockWrite(lock.write().await),
            Inner::AsyncLockSemaphore(semaphore) => {
                Other::AsyncLockPermit { _permit: semaphore.acquire().await }
            }
            Inner::FuturesMutex(mutex) => Other::FuturesMutex(mutex.lock().await),
            _ => unreachable!(),
        }
    }
}

fn mode(kind: LockKind, shared: bool) -> Mode {
    match kind {
        LockKind::TokioSemaphore => Mode::Permits(if shared { 1 } else { 2 }),
        LockKind::AsyncLockSemaphore => Mode::Permits(1),
        LockKind::TokioRwLock | LockKind::AsyncLockRwLock if shared => Mode::Shared,
        _ => Mode::Exclusive,
    }
}

/// Counts how often a task is polled.
struct Counted<F>(Pin<Box<F>>, Arc<std::sync::Mutex<Log>>, usize);

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        locked(&self.1).1[self.2] += 1;
        assert!(locked(&self.1).1[self.2] < 100_000, "it goes round and round");
        self.0.as_mut().poll(cx)
    }
}

/// Runs the lives in virtual time, with the instruments or without.
fn run(kind: LockKind, lives: &[Life], instruments: bool) -> (Log, Vec<Event>) {
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = events.clone();
    let recorder = Recorder::new(Clock::wall(), move |event| {
        locked(&sink).push(event);
        true
    });
    let lock = Arc::new(lock(&recorder, kind));
    let log = Arc::new(std::sync::Mutex::new((Vec::new(), vec![0; lives.len()])));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for (task, life) in lives.iter().cloned().enumerate() {
            let (lock, log, counts) = (lock.clone(), log.clone(), log.clone());
            let life = async move {
                sleep(Duration::from_millis(life.start)).await;
                for turn in life.turns {
                    let mode = mode(kind, turn.shared);
                    let held = async {
                        if instruments {
                            let guard = lock.acquire(mode, Threads::One).await;
                            locked(&log).0.push((task, began.elapsed().as_millis()));
                            sleep(Duration::from_millis(turn.hold)).await;
                            drop(guard);
                        } else {
                            let guard = lock.bare(mode).await;
                            locked(&log).0.push((task, began.elapsed().as_millis()));
                            sleep(Duration::from_millis(turn.hold)).await;
                            drop(guard);
                        }
                    };
                    let _ = tokio::time::timeout(Duration::from_millis(turn.patience), held).await;
                    sleep(Duration::from_millis(turn.pause)).await;
                }
            };
            tasks.spawn(Counted(Box::pin(actor::scope(TaskId(task as u32), life)), counts, task));
        }
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    });
    drop(runtime);
    let log = locked(&log).clone();
    let events = std::mem::take(&mut *locked(&events));
    (log, events)
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let turn = (any::<bool>(), 0..30_u64, 0..20_u64, 1..80_u64)
        .prop_map(|(shared, hold, pause, patience)| Turn { shared, hold, pause, patience });
    let life =
        (0..20_u64, prop::collection::vec(turn, 1..6)).prop_map(|(start, turns)| Life { start, turns });
    prop::collection::vec(life, 1..6)
}

/// What is recorded of one lock fits together: nobody is where somebody else excludes it, and every
/// operation goes its way.
fn consistent(kind: LockKind, events: &[Event]) {
    let mut holding = std::collections::HashMap::new();
    let mut waiting = std::collections::HashSet::new();
    for event in events {
        match event.what {
            What::Wait { op, .. } | What::Cancel { op, .. } => assert!(!holding.contains_key(&op)),
            What::Acquire { op, mode, .. } => {
                waiting.remove(&op);
                assert!(holding.insert(op, mode).is_none());
            }
            What::Release { op, .. } => assert!(holding.remove(&op).is_some(), "{event:?}"),
            _ => {}
        }
        if let What::Wait { op, .. } = event.what {
            waiting.insert(op);
        }
        let all = holding.values().filter(|mode| **mode == Mode::Exclusive).count();
        let shares = holding.len() - all;
        let permits: u32 =
            holding.values().map(|mode| if let Mode::Permits(permits) = mode { *permits } else { 0 }).sum();
        assert!(all == 0 || (all == 1 && shares == 0), "{kind:?} {event:?}");
        assert!(permits <= 2, "{kind:?} {event:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_instruments_change_nothing(lives in lives()) {
        for kind in KINDS {
            match kind {
                // Its fairness is measured in wall time, which no two runs share.
                LockKind::AsyncLockMutex => {
                    consistent(kind, &run(kind, &lives, true).1);
                    continue;
                }
                // Several readers that wait for a writer wake each other without end, bare or not, and
                // virtual time stands still.
                LockKind::AsyncLockRwLock => continue,
                _ => {}
            }
            let (bare, _) = run(kind, &lives, false);
            let (recorded, events) = run(kind, &lives, true);
            prop_assert_eq!(&bare, &recorded, "{:?}", kind);
            consistent(kind, &events);
        }
    }
}

#[test]
fn the_readers_and_writers_of_async_lock_go_as_they_go_bare() {
    let turn = |shared| Turn { shared, hold: 100, pause: 35, patience: 10_000 };
    let life = |start, shared| Life { start, turns: vec![turn(shared); 3] };
    for lives in [
        vec![life(0, true), life(10, false), life(20, true)],
        vec![life(0, false), life(10, false), life(20, true)],
        vec![life(0, true), life(10, true), life(20, false), life(30, false)],
    ] {
        let (bare, _) = run(LockKind::AsyncLockRwLock, &lives, false);
        let (recorded, events) = run(LockKind::AsyncLockRwLock, &lives, true);
        assert_eq!(bare, recorded);
        consistent(LockKind::AsyncLockRwLock, &events);
    }
}
