//! A mutex of a program's, handed on among eight tasks on two threads: what an outlet is told is the order in
//! which the critical sections went, and nothing is missing; and where there is no room, nothing but what is told to be.
//!
//! Ten million: `cargo test --release --no-default-features --test sync_handoffs -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::thread;

use lockscope::event::{Kind, LockKind, OpId, Packed, TaskId};
use lockscope::sync::{Batch, Mutex, Outlet, Recorder, actor};

const TASKS: u64 = 8;

/// Checks what it is told, and keeps only what it needs for that.
#[derive(Default)]
struct Checked {
    /// Who is in, or was handed it, and whether it runs.
    owner: Option<(OpId, bool)>,
    queue: VecDeque<OpId>,
    /// The stamps of each task's last event.
    last: HashMap<TaskId, u64>,
    at: u64,
    /// Who came in, in order.
    order: Vec<u8>,
    handoffs: u64,
    /// Of which operations something is told since the last gap.
    seen: HashSet<OpId>,
    /// How many events are told to be lost, and how often.
    lost: u64,
    gaps: u64,
    wrong: Vec<String>,
}

#[derive(Clone, Default)]
struct Check(Arc<StdMutex<Checked>>);

impl Outlet for Check {
    fn take(&mut self, batch: &Batch<'_>) {
        let mut checked = self.0.lock().unwrap();
        batch.events.iter().for_each(|&event| checked.push(event));
    }
}

impl Checked {
    fn push(&mut self, event: Packed) {
        let (kind, op, at) = (event.kind(), event.op(), event.at().nanos());
        let own = self.last.insert(event.task(), at).unwrap_or(0);
        let first = self.queue.front() == Some(&op);
        // What began in a gap or before it: since the last one nothing was told of it.
        let unknown = self.gaps > 0 && self.seen.insert(op);
        let well = match (kind, self.owner) {
            (Kind::Wait, _) => {
                self.queue.push_back(op);
                true
            }
            // Only to the first, and only when nobody is in.
            (Kind::Grant, None) if first => {
                self.queue.pop_front();
                self.handoffs += 1;
                self.owner = Some((op, false));
                true
            }
            (Kind::Grant | Kind::Acquire, None) if unknown => {
                self.owner = Some((op, kind == Kind::Acquire));
                true
            }
            // Out of cooperative budget with the lock in hand: nobody waited.
            (Kind::Grant, None) => {
                self.owner = Some((op, false));
                self.queue.is_empty()
            }
            (Kind::Acquire, Some((owner, false))) => {
                self.owner = Some((op, true));
                owner == op
            }
            (Kind::Acquire, None) => {
                self.owner = Some((op, true));
                self.queue.is_empty()
            }
            (Kind::Release, Some((owner, true))) => {
                self.owner = None;
                owner == op
            }
            (Kind::Release, None) => unknown,
            (Kind::Lost, _) => {
                (self.lost, self.gaps) = (self.lost + event.large(), self.gaps + 1);
                self.owner = None;
                self.queue.clear();
                self.seen.clear();
                true
            }
            _ => false,
        };
        if kind == Kind::Acquire {
            self.order.push(event.task().0 as u8);
        }
        if (!well || at < self.at || at < own) && self.wrong.len() < 10 {
            let (owner, queue) = (self.owner, self.queue.len());
            self.wrong.push(format!("{event:?} {kind:?}, owner {owner:?}, {queue} wait"));
        }
        self.at = at;
    }
}

/// Comes into a critical section so often, in all, noting each time who does.
fn run(recorder: &Recorder, times: u64) -> Arc<Mutex<Vec<u8>>> {
    let lock = recorder.add_lock("db", LockKind::TokioMutex);
    let tasks: Vec<_> = (0..TASKS).map(|_| recorder.add_task("task")).collect();
    let order = Arc::new(Mutex::recorded(recorder, lock, Vec::<u8>::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let mut running = Vec::new();
        for task in tasks {
            let order = Arc::clone(&order);
            running.push(tokio::spawn(actor::scope(task, async move {
                for turn in 0..times / TASKS {
                    let mut order = order.lock().await;
                    order.push(task.0 as u8);
                    if turn % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })));
        }
        for task in running {
            task.await.unwrap();
        }
    });
    order
}

/// The same; how many were handoffs.
fn hand_on(times: u64) -> u64 {
    let recorder = Recorder::with_memory(1 << 30);
    let check = Check::default();
    recorder.attach(check.clone());
    let order = run(&recorder, times);
    recorder.finish();
    let checked = check.0.lock().unwrap();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert_eq!(recorder.lost(), 0);
    assert_eq!((checked.owner, checked.queue.len()), (None, 0));
    assert_eq!(checked.order.len() as u64, times);
    let seen = order.try_lock().unwrap();
    assert!(*seen == checked.order, "the order told is not that of the critical sections");
    checked.handoffs
}

/// Takes nothing more before something has been lost, as long as there is something to lose.
struct Slow {
    check: Check,
    recorder: Recorder,
    over: Arc<AtomicBool>,
}

impl Outlet for Slow {
    fn take(&mut self, batch: &Batch<'_>) {
        self.check.take(batch);
        let lost = self.recorder.lost();
        while !batch.events.is_empty() && self.recorder.lost() == lost && !self.over.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}

/// A thread loses a release, and another has room to say who has the mutex next.
#[test]
fn what_is_told_beside_what_is_lost_is_possible() {
    for chunks in [0, 8] {
        let recorder = Recorder::with_memory(chunks * 1024 * size_of::<Packed>());
        let (check, over) = (Check::default(), Arc::new(AtomicBool::new(false)));
        recorder.attach(Slow { check: check.clone(), recorder: recorder.clone(), over: Arc::clone(&over) });
        let order = run(&recorder, 50_000);
        over.store(true, Ordering::Relaxed);
        recorder.finish();
        let checked = check.0.lock().unwrap();
        assert_eq!(checked.wrong, Vec::<String>::new());
        assert_eq!(checked.lost, recorder.lost());
        assert!(checked.gaps > 0);
        // Whoever is told to have come in did, in this order; others did in between.
        let order = order.try_lock().unwrap();
        let mut seen = order.iter();
        assert!(checked.order.iter().all(|task| seen.any(|other| other == task)));
    }
}

#[test]
fn two_hundred_thousand_go_in_the_order_that_is_told() {
    assert!(hand_on(200_000) > 0);
}

#[test]
#[ignore = "takes many seconds"]
fn ten_million_handoffs_go_in_the_order_that_is_told() {
    let mut handoffs = 0;
    while handoffs < 10_000_000 {
        handoffs += hand_on(2_000_000);
    }
    println!("{handoffs} handoffs, no inversion, none lost");
}
