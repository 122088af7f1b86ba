//! What the instruments cost: each lock beside the bare one of tokio, in the same run.
//!
//! `cargo bench --bench locks`. A row is the median of ratios, each of two measurements that follow one
//! another; the A/A row is the bare lock beside itself, and says how much of a difference is noise. The rows *and the clock*
//! record nothing, and read the processor's clock as often as a recording has to: what is between such a row and the one
//! below it is what the records cost, and the rest no recorder with true times can do without.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use lockscope::event::LockKind;
use lockscope::sync::{Batch, Mutex, Outlet, Recorder, RwLock, Semaphore};

/// Takes events and does nothing with them.
struct Nothing;

impl Outlet for Nothing {
    fn take(&mut self, batch: &Batch<'_>) {
        std::hint::black_box(batch.events.len());
    }
}

const ROUNDS: usize = 60;

/// Operations of a measurement, uncontended and contended.
const FEW: u32 = 4_000;
const MANY: u32 = 40_000;

/// Times a piece of work, in nanoseconds for each of its `count` operations.
fn time(count: u32, work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as f64 / f64::from(count)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of the ratios of `ours` to `bare`, and how far the middle half of them spreads.
fn compare(
    name: &str,
    mut bare: impl FnMut() -> f64,
    mut ours: impl FnMut() -> f64,
    mut pause: impl FnMut(),
) {
    let mut ratios = Vec::new();
    let (mut bares, mut own) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        pause();
        let (first, second) = if round % 2 == 0 {
            let first = bare();
            pause();
            (first, ours())
        } else {
            let second = ours();
            pause();
            (bare(), second)
        };
        ratios.push(second / first);
        bares.push(first);
        own.push(second);
    }
    ratios.sort_by(f64::total_cmp);
    let quarter = |share: usize| ratios[ratios.len() * share / 4];
    println!(
        "{name:<44} {:>6.3}   ({:.3} to {:.3})   bare {:>6.1} ns, ours {:>6.1} ns",
        quarter(2),
        quarter(1),
        quarter(3),
        median(bares),
        median(own)
    );
}

macro_rules! uncontended {
    ($runtime:expr, $lock:expr, $count:expr) => {
        uncontended!($runtime, $lock, $count, |lock| *lock.lock().await += 1)
    };
    ($runtime:expr, $lock:expr, $count:expr, |$name:ident| $each:expr) => {{
        let $name = &$lock;
        time($count, || {
            $runtime.block_on(tokio::task::unconstrained(async {
                for _ in 0..$count {
                    $each;
                }
            }));
        })
    }};
}

/// A row of one operation on a lock that nobody else wants.
macro_rules! off {
    ($runtime:expr, $what:literal, $bare:expr, $off:expr, |$name:ident| $each:expr) => {
        compare(
            concat!("off, uncontended: ", $what),
            || uncontended!($runtime, $bare, FEW, |$name| $each),
            || uncontended!($runtime, $off, FEW, |$name| $each),
            || {},
        );
    };
}

macro_rules! contended {
    ($runtime:expr, $lock:expr, $tasks:expr, $count:expr) => {
        contended!($runtime, $lock, $tasks, $count, || ())
    };
    ($runtime:expr, $lock:expr, $tasks:expr, $count:expr, $beside:expr) => {{
        let lock = &$lock;
        time($count, || {
            $runtime.block_on(async {
                let tasks: Vec<_> = (0..$tasks)
                    .map(|_| {
                        let (lock, beside) = (Arc::clone(lock), $beside.clone());
                        tokio::spawn(async move {
                            for _ in 0..$count / $tasks {
                                *lock.lock().await += 1;
                                beside();
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        })
    }};
}

fn main() {
    let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let bare = tokio::sync::Mutex::new(0_u64);
    let off = Mutex::new(0_u64);
    let recorder = Recorder::program();
    recorder.attach(Nothing);
    let lock = |name: &str| recorder.add_lock(name, LockKind::TokioMutex);
    let on = Mutex::recorded(&recorder, lock("uncontended"), 0_u64);
    // The rings are empty when a measurement begins, and the recorder's thread is idle.
    let pause = || {
        recorder.flush();
    };
    println!(
        "bytes of a lock's future: bare {}, ours {}",
        size_of_val(&bare.lock()),
        size_of_val(&off.lock())
    );
    println!("ratio to the bare lock; the middle half of {ROUNDS} pairs in brackets");
    compare("A/A, uncontended", || uncontended!(one, bare, FEW), || uncontended!(one, bare, FEW), pause);
    compare(
        "off (no recorder), uncontended",
        || uncontended!(one, bare, FEW),
        || uncontended!(one, off, FEW),
        pause,
    );
    let (bare_rw, off_rw) = (tokio::sync::RwLock::new(0_u64), RwLock::new(0_u64));
    off!(one, "RwLock, read", bare_rw, off_rw, |lock| std::hint::black_box(*lock.read().await));
    off!(one, "RwLock, write", bare_rw, off_rw, |lock| *lock.write().await += 1);
    let (bare_permits, off_permits) = (tokio::sync::Semaphore::new(3), Semaphore::new(3));
    off!(one, "Semaphore", bare_permits, off_permits, |lock| drop(lock.acquire().await));
    let clock = quanta::Clock::new();
    let stamp = || _ = std::hint::black_box(clock.raw());
    compare(
        "off, and the clock twice, uncontended",
        || uncontended!(one, bare, FEW),
        || {
            uncontended!(one, off, FEW, |lock| {
                let mut value = lock.lock().await;
                stamp();
                *value += 1;
                stamp();
            })
        },
        || {},
    );
    compare("on, uncontended", || uncontended!(one, bare, FEW), || uncontended!(one, on, FEW), pause);
    for tasks in [2, 8] {
        let bare = Arc::new(tokio::sync::Mutex::new(0_u64));
        let on = Arc::new(Mutex::recorded(&recorder, lock(&format!("contended by {tasks}")), 0_u64));
        compare(
            &format!("A/A, contended by {tasks}"),
            || contended!(two, bare, tasks, MANY),
            || contended!(two, bare, tasks, MANY),
            pause,
        );
        let off = Arc::new(Mutex::new(0_u64));
        compare(
            &format!("off, contended by {tasks}"),
            || contended!(two, bare, tasks, MANY),
            || contended!(two, off, tasks, MANY),
            || {},
        );
        // When it asks, when it lets go and hands over, and when the next one runs.
        let reader = clock.clone();
        let stamps = move || (0..3).for_each(|_| _ = std::hint::black_box(reader.raw()));
        compare(
            &format!("off, and the clock three times, by {tasks}"),
            || contended!(two, bare, tasks, MANY),
            || contended!(two, off, tasks, MANY, stamps),
            || {},
        );
        compare(
            &format!("on, contended by {tasks}"),
            || contended!(two, bare, tasks, MANY),
            || contended!(two, on, tasks, MANY),
            pause,
        );
    }
    println!("events lost: {}", recorder.lost());
}
