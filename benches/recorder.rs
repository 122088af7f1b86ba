//! How fast events get from the threads of a program to an outlet, beside a channel that takes the same events.
//!
//! `cargo bench --bench recorder`. A row is the median of so many rounds, in millions of events a second of wall
//! time, from the first event to the moment when the other side has seen them all. *Filled* rows begin when all
//! is written or sent, so they tell what the receiving side alone can do; the others tell both at once. The
//! ratio is that to the channel of the standard library in the same round.
//!
//! The last rows go on into a history: the other side is a thread that makes one of what it is handed, as `attach` does.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lockscope::event::{
    Actor, Event, Kind, LockId, LockKind, LockName, Mode, Names, OpId, Packed, TaskId, Time, What,
};
use lockscope::sync::{Batch, Mutex, Outlet, Recorder};
use lockscope::trace::Trace;

const ROUNDS: usize = 15;

/// Events of a round, all threads together.
const EVENTS: u64 = 2_000_000;

/// Room for all of them at once.
const MEMORY: usize = 256 << 20;

/// Looks at each event, and stands still while somebody has the gate.
struct Counting {
    gate: Arc<StdMutex<()>>,
    seen: Arc<AtomicU64>,
}

/// What both sides do with an event.
fn look(event: Packed) -> u64 {
    u64::from(event.kind() != Kind::Aside)
}

impl Outlet for Counting {
    fn take(&mut self, batch: &Batch<'_>) {
        drop(self.gate.lock().unwrap());
        let seen: u64 = batch.events.iter().map(|&event| look(event)).sum();
        self.seen.fetch_add(seen, Ordering::Relaxed);
    }
}

fn millions(events: u64, time: Duration) -> f64 {
    events as f64 / time.as_secs_f64() / 1e6
}

/// Runs `work` on so many threads at once and waits for them.
fn on_threads(threads: u64, work: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
}

/// What makes the events.
#[derive(Clone, Copy)]
enum Work {
    /// Nothing but the record of an acquisition and of its end.
    Records,
    /// A lock and an unlock, each thread with a mutex of its own.
    Locks,
}

struct Ours {
    recorder: Recorder,
    gate: Arc<StdMutex<()>>,
    /// How many events were seen, or are in a history.
    seen: Arc<AtomicU64>,
    locks: Vec<Mutex<u64>>,
}

/// Hands events on to a thread that makes a history of them.
struct Telling {
    gate: Arc<StdMutex<()>>,
    send: mpsc::SyncSender<(Names, Vec<Packed>)>,
}

impl Outlet for Telling {
    fn take(&mut self, batch: &Batch<'_>) {
        drop(self.gate.lock().unwrap());
        let more = Names { tasks: batch.tasks.to_vec(), locks: batch.locks.to_vec() };
        self.send.send((more, batch.events.to_vec())).unwrap();
    }
}

/// Makes histories of so many events, one after the other.
fn follow(receiver: &mpsc::Receiver<(Names, Vec<Packed>)>, seen: &AtomicU64) {
    let (mut names, mut trace) = (Names::default(), Trace::default());
    for (more, events) in receiver {
        names.tasks.extend(more.tasks);
        names.locks.extend(more.locks);
        trace.grow(&names);
        trace.push_all(&events);
        seen.fetch_add(events.len() as u64, Ordering::Relaxed);
        if trace.len() >= EVENTS {
            trace = Trace::new(names.clone());
        }
    }
}

/// So many batches may wait to become history.
const WAITING: usize = 64;

impl Ours {
    fn new(threads: u64, history: bool) -> Self {
        let recorder = Recorder::with_memory(MEMORY);
        let gate: Arc<StdMutex<()>> = Arc::default();
        let seen: Arc<AtomicU64> = Arc::default();
        if history {
            let (send, receiver) = mpsc::sync_channel(WAITING);
            recorder.attach(Telling { gate: Arc::clone(&gate), send });
            let seen = Arc::clone(&seen);
            let follow = move || follow(&receiver, &seen);
            thread::Builder::new().name("history".into()).spawn(follow).unwrap();
        } else {
            recorder.attach(Counting { gate: Arc::clone(&gate), seen: Arc::clone(&seen) });
        }
        let lock = |number| {
            recorder.add_task(format!("task {number}"));
            Mutex::recorded(&recorder, recorder.add_lock(format!("{number}"), LockKind::TokioMutex), 0)
        };
        let locks = (0..threads).map(lock).collect();
        Self { recorder, gate, seen, locks }
    }

    fn make(&self, work: Work) {
        let threads = self.locks.len() as u64;
        on_threads(threads, |thread| {
            let (lock, task) = (LockId(thread as u32), TaskId(thread as u32));
            let actor = Actor { task, step: None };
            for op in 0..EVENTS / threads / 2 {
                match work {
                    Work::Records => {
                        let op = OpId(thread << 32 | op);
                        self.recorder.record(actor, What::Acquire { lock, op, mode: Mode::Exclusive });
                        self.recorder.record(actor, What::Release { lock, op });
                    }
                    Work::Locks => *self.locks[thread as usize].try_lock().unwrap() += 1,
                }
            }
        });
    }

    /// Takes time from when it is full, if it is to be `filled` first, to when all has been seen.
    fn round(&self, work: Work, filled: bool) -> Duration {
        self.recorder.flush();
        let before = self.seen.load(Ordering::Relaxed);
        let gate: Option<MutexGuard<'_, ()>> = filled.then(|| self.gate.lock().unwrap());
        let mut begin = Instant::now();
        self.make(work);
        if filled {
            begin = Instant::now();
        }
        drop(gate);
        self.recorder.flush();
        while self.seen.load(Ordering::Relaxed) - before < EVENTS {
            thread::yield_now();
        }
        let time = begin.elapsed();
        assert_eq!(self.seen.load(Ordering::Relaxed) - before, EVENTS, "none is lost");
        assert_eq!(self.recorder.lost(), 0);
        time
    }
}

/// The same of a channel: `send` is cloned for each thread, and `receive` gives how many were seen.
fn channel<S: Fn(Packed) + Clone + Send + Sync>(
    threads: u64,
    filled: bool,
    (send, receive): (S, impl FnOnce() -> u64 + Send),
) -> Duration {
    let clock = quanta::Clock::new();
    let fill = move || {
        on_threads(threads, |thread| {
            let send = send.clone();
            for op in 0..EVENTS / threads / 2 {
                let (lock, op) = (LockId(thread as u32), OpId(thread << 32 | op));
                let actor = Actor { task: TaskId(thread as u32), step: None };
                for what in [What::Acquire { lock, op, mode: Mode::Exclusive }, What::Release { lock, op }] {
                    let at = Time::from_nanos(clock.raw());
                    send(Packed::of(&Event { seq: 0, at, actor, what }).unwrap());
                }
            }
        });
        // The last sender: the other side sees the end.
        drop(send);
    };
    let mut begin = Instant::now();
    let seen = if filled {
        fill();
        begin = Instant::now();
        receive()
    } else {
        thread::scope(|scope| {
            let seen = scope.spawn(receive);
            fill();
            seen.join().unwrap()
        })
    };
    let time = begin.elapsed();
    assert_eq!(seen, EVENTS);
    time
}

fn std_channel(threads: u64, filled: bool) -> Duration {
    let (sender, receiver) = mpsc::channel();
    let send = move |event| sender.send(event).unwrap();
    channel(threads, filled, (send, move || receiver.into_iter().map(look).sum()))
}

/// The same into a history; what it is sent is of locks that nobody waits for.
fn std_history(threads: u64, filled: bool) -> Duration {
    let (sender, receiver) = mpsc::channel();
    let send = move |event| sender.send(event).unwrap();
    let names = Names {
        tasks: (0..threads).map(|task| format!("task {task}").into()).collect(),
        locks: (0..threads)
            .map(|lock| LockName {
                name: format!("{lock}").into(),
                kind: LockKind::TokioMutex,
                permits: None,
            })
            .collect(),
    };
    let receive = move || {
        let mut trace = Trace::new(names);
        for event in receiver {
            trace.push_packed(event);
        }
        trace.len()
    };
    channel(threads, filled, (send, receive))
}

fn tokio_channel(threads: u64, filled: bool) -> Duration {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let send = move |event| sender.send(event).unwrap();
    let receive = move || std::iter::from_fn(|| receiver.blocking_recv()).map(look).sum();
    channel(threads, filled, (send, receive))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Measured<'a> = (&'a str, Box<dyn FnMut() -> Duration + 'a>);

fn main() {
    println!("millions of events a second, and the ratio to the standard library's channel");
    for threads in [1, 2] {
        for filled in [true, false] {
            let (ours, told) = (Ours::new(threads, false), Ours::new(threads, true));
            let mut rows: Vec<Measured<'_>> = vec![
                ("std mpsc", Box::new(|| std_channel(threads, filled))),
                ("A/A: std mpsc", Box::new(|| std_channel(threads, filled))),
                ("tokio unbounded", Box::new(|| tokio_channel(threads, filled))),
                ("recorder", Box::new(|| ours.round(Work::Records, filled))),
                ("recorder, of locks", Box::new(|| ours.round(Work::Locks, filled))),
                ("std mpsc, history", Box::new(|| std_history(threads, filled))),
                ("recorder, history", Box::new(|| told.round(Work::Records, filled))),
                ("of locks, history", Box::new(|| told.round(Work::Locks, filled))),
            ];
            let mut measured = vec![Vec::new(); rows.len()];
            for _ in 0..ROUNDS {
                for ((_, row), measured) in rows.iter_mut().zip(&mut measured) {
                    measured.push(millions(EVENTS, row()));
                }
            }
            for ((name, _), own) in rows.iter().zip(&measured) {
                let ratios = own.iter().zip(&measured[0]).map(|(own, rival)| own / rival).collect();
                let (own, ratio) = (median(own.clone()), median(ratios));
                let filled = if filled { "filled" } else { "" };
                println!("{threads} threads {filled:<7} {name:<20} {own:>7.1}   {ratio:>6.2}");
            }
        }
    }
}
