//! What the tests of recorded locks share: a recorder that keeps its events, wakers that count, a
//! poll by hand, and the [`Checker`], which knows what no lock may ever be seen to do.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::needless_pass_by_value)]

pub mod fidelity;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use lockscope::event::{Event, LockId, LockKind, LockName, Mode, Names, OpId, Time, What};
use lockscope::sync::{Clock, Recorder, Ring};

/// A recorder whose events can be looked at.
#[derive(Clone)]
pub struct Tape {
    pub recorder: Recorder,
    events: Arc<Mutex<Vec<Event>>>,
    /// Where a program's recorder keeps them.
    ring: Option<Ring>,
}

/// The tests of the locks run once more with the recorder of programs.
const PROGRAM: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"sync_program");

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl Tape {
    pub fn new() -> Self {
        if PROGRAM {
            return Self::program();
        }
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let recorder = Recorder::new(Clock::wall(), move |event| {
            sink.lock().unwrap().push(event);
            true
        });
        Self { recorder, events, ring: None }
    }

    /// The recorder of a program.
    pub fn program() -> Self {
        let ring = Ring::new(1 << 24);
        let recorder = Recorder::with_memory(1 << 30);
        recorder.attach(ring.clone());
        Self { recorder, events: Arc::default(), ring: Some(ring) }
    }

    /// A new lock of this recorder's.
    pub fn mutex<T>(&self, name: &str, value: T) -> lockscope::sync::Mutex<T> {
        let id = self.recorder.add_lock(name, LockKind::TokioMutex);
        lockscope::sync::Mutex::recorded(&self.recorder, id, value)
    }

    pub fn rwlock<T>(&self, name: &str, value: T) -> lockscope::sync::RwLock<T> {
        let id = self.recorder.add_lock(name, LockKind::TokioRwLock);
        lockscope::sync::RwLock::recorded(&self.recorder, id, value)
    }

    pub fn semaphore(&self, name: &str, permits: u32) -> lockscope::sync::Semaphore {
        let kind = LockKind::TokioSemaphore;
        let id = self.recorder.add(LockName { name: name.into(), kind, permits: Some(permits) });
        lockscope::sync::Semaphore::recorded(&self.recorder, id, permits as usize)
    }

    pub fn events(&self) -> Vec<Event> {
        let Some(ring) = &self.ring else { return self.events.lock().unwrap().clone() };
        self.recorder.flush();
        assert_eq!((self.recorder.lost(), ring.dropped()), (0, 0));
        ring.history().1
    }

    /// The events of acquisitions as `wait 2`: the name and the operation.
    pub fn story(&self) -> Vec<String> {
        // A program's threads number their operations each for itself.
        let mut numbers = HashMap::new();
        self.events()
            .iter()
            .filter_map(|event| {
                let (_, op) = event.what.acquisition()?;
                let next = numbers.len() as u64 + 1;
                let number = if PROGRAM { *numbers.entry(op).or_insert(next) } else { op.0 };
                Some(format!("{} {number}", event.what.name()))
            })
            .collect()
    }

    /// The story, checked, and in one line.
    #[track_caller]
    pub fn line(&self) -> String {
        if let Err(error) = Checker::one_thread().of(&self.recorder.names()).check(&self.events()) {
            panic!("{error}");
        }
        self.story().join(", ")
    }
}

/// Counts how often it was woken.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Count {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub fn counting_waker() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (Arc::clone(&count), Waker::from(count))
}

/// Polls once, with a waker that does nothing.
pub fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Polls once.
pub fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Polls once, and expects it to be ready.
#[track_caller]
pub fn ready<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> F::Output {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("still pending"),
    }
}

/// Polls once, and expects it to be pending.
#[track_caller]
pub fn pending<F: Future + ?Sized>(future: &mut Pin<Box<F>>) {
    assert!(poll(future).is_pending(), "ready too early");
}

/// Folds events and fails at the first that a FIFO lock cannot have caused.
#[derive(Debug, Default)]
pub struct Checker {
    /// The events come from one thread: then nothing can happen between the record of a release and
    /// the release.
    one_thread: bool,
    seq: u64,
    at: Time,
    ops: HashMap<OpId, (LockId, Op)>,
    locks: HashMap<LockId, Lock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Waiting,
    Granted,
    Held,
    Over,
}

/// All of a lock that has no permits.
const ALL: i64 = 1 << 40;

#[derive(Debug)]
struct Lock {
    /// How much there is of it.
    all: i64,
    /// Who owns how much of it, granted or held.
    owners: HashMap<OpId, i64>,
    ever_owned: bool,
    /// Those who wait, in the order of their `Wait`, and for how much.
    queue: VecDeque<(OpId, i64)>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { all: ALL, owners: HashMap::new(), ever_owned: false, queue: VecDeque::new() }
    }
}

impl Lock {
    /// Whether that much is free.
    fn has(&self, much: i64) -> bool {
        self.owners.values().sum::<i64>() + much <= self.all
    }

    /// Whether who asks for so much gets it at once.
    fn admits(&self, much: i64) -> bool {
        much == 0 || (self.queue.is_empty() && self.has(much))
    }

    /// Whether that much is free even if the first so many who wait have been let in: on several threads
    /// they are woken one after the other, and others may be recorded in between.
    fn has_beside(&self, ahead: usize, much: i64) -> bool {
        self.has(self.queue.iter().take(ahead).map(|(_, much)| much).sum::<i64>() + much)
    }

    /// Whether somebody new may get so much.
    fn lets_in(&self, much: i64, one_thread: bool) -> bool {
        self.admits(much) || (!one_thread && self.has_beside(self.queue.len(), much))
    }
}

fn much(mode: Mode) -> i64 {
    match mode {
        Mode::Exclusive => ALL,
        Mode::Permits(permits) => permits.into(),
        _ => 1,
    }
}

impl Checker {
    /// For events from any number of threads.
    pub fn any_threads() -> Self {
        Self::default()
    }

    /// For events from one thread, or from several that take turns.
    pub fn one_thread() -> Self {
        Self { one_thread: true, ..Self::default() }
    }

    /// Of locks that may have permits.
    pub fn of(mut self, names: &Names) -> Self {
        for (id, lock) in names.locks.iter().enumerate() {
            let all = lock.permits.map_or(ALL, i64::from);
            self.locks.insert(LockId(id as u32), Lock { all, ..Lock::default() });
        }
        self
    }

    /// Folds them all; the error shows the events that led there.
    pub fn check(mut self, events: &[Event]) -> Result<Self, String> {
        for (index, event) in events.iter().enumerate() {
            if let Err(error) = self.push(event) {
                let mut text = format!("{error}, at\n");
                let lock = event.what.lock().and_then(|lock| self.locks.get(&lock));
                let about = lock.map(|lock| (&lock.queue, &lock.owners));
                let of_queue = |event: &Event| {
                    let op = event.what.acquisition().map(|(_, op)| op);
                    about.is_some_and(|(queue, owners)| {
                        queue.iter().any(|(queued, _)| Some(*queued) == op)
                            || op.is_some_and(|op| owners.contains_key(&op))
                    })
                };
                for (at, event) in events.iter().enumerate() {
                    if at + 20 >= index && at <= index + 5 || of_queue(event) {
                        let _ = writeln!(text, "  {event:?}");
                    }
                }
                return Err(text);
            }
        }
        Ok(self)
    }

    /// Whether every operation came to its end.
    pub fn all_over(&self) -> bool {
        self.ops.values().all(|(_, op)| *op == Op::Over)
    }

    /// Takes one event.
    pub fn push(&mut self, event: &Event) -> Result<(), String> {
        if event.seq <= self.seq {
            return Err(format!("seq {} after {}", event.seq, self.seq));
        }
        if event.at < self.at {
            return Err(format!("at {} after {}", event.at, self.at));
        }
        (self.seq, self.at) = (event.seq, event.at);
        match event.what {
            What::AddPermits { lock, permits } => {
                self.locks.entry(lock).or_default().all += i64::from(permits);
            }
            What::ForgetPermits { lock, permits } => {
                self.locks.entry(lock).or_default().all -= i64::from(permits);
            }
            _ => {}
        }
        let Some((lock_id, op)) = event.what.acquisition() else { return Ok(()) };
        let before = match self.ops.get(&op) {
            Some(&(lock, _)) if lock != lock_id => return Err(format!("{op:?} is of {lock:?}")),
            Some(&(_, state)) => Some(state),
            None => None,
        };
        let one_thread = self.one_thread;
        let lock = self.locks.entry(lock_id).or_default();
        // With one thread the first waiter is granted what is free before anything else happens to it;
        // but several parts can be let go of together.
        let handing_over = one_thread && lock.queue.front().is_some_and(|&(_, much)| lock.has(much));
        let after = match (&event.what, before) {
            (What::Wait { mode, .. }, None) => {
                if lock.admits(much(*mode)) && (one_thread || !lock.ever_owned) {
                    return Err("waits for what is free".into());
                }
                lock.queue.push_back((op, much(*mode)));
                Op::Waiting
            }
            (What::Grant { mode, .. }, None) => {
                if !lock.lets_in(much(*mode), one_thread) {
                    return Err("granted past others".into());
                }
                lock.owners.insert(op, much(*mode));
                Op::Granted
            }
            (What::Grant { mode, .. }, Some(Op::Waiting)) => {
                let place = lock.queue.iter().position(|&place| place == (op, much(*mode)));
                let Some(place) = place.filter(|&place| place == 0 || !one_thread) else {
                    return Err("granted out of turn".into());
                };
                if !lock.has_beside(place, much(*mode)) {
                    return Err("granted what others own".into());
                }
                lock.queue.remove(place);
                lock.owners.insert(op, much(*mode));
                Op::Granted
            }
            (What::Acquire { mode, .. }, None) => {
                if !lock.lets_in(much(*mode), one_thread) {
                    return Err("acquired past others".into());
                }
                lock.owners.insert(op, much(*mode));
                Op::Held
            }
            (What::Acquire { mode, .. }, Some(Op::Granted)) => {
                if lock.owners.get(&op) != Some(&much(*mode)) {
                    return Err("acquired something else than granted".into());
                }
                Op::Held
            }
            (What::Acquire { mode, .. }, Some(Op::Held)) => {
                if lock.owners.insert(op, much(*mode)).is_none_or(|before| before <= much(*mode)) {
                    return Err("keeps no less than it had".into());
                }
                Op::Held
            }
            (What::Release { .. }, Some(Op::Held)) | (What::Cancel { .. }, Some(Op::Granted)) => {
                if lock.owners.remove(&op).is_none() {
                    return Err("let go by somebody else".into());
                }
                Op::Over
            }
            (What::Cancel { .. }, Some(Op::Waiting)) => {
                lock.queue.retain(|&(waiting, _)| waiting != op);
                Op::Over
            }
            (What::Busy { mode, .. }, None) => {
                if lock.admits(much(*mode)) && (one_thread || !lock.ever_owned) {
                    return Err("what is free was busy".into());
                }
                Op::Over
            }
            _ => return Err(format!("{before:?} does not lead there")),
        };
        let lets_go = matches!(
            (&event.what, before),
            (What::Release { .. } | What::Acquire { .. }, Some(Op::Held)) | (What::Grant { .. }, _)
        );
        if handing_over && !lets_go {
            return Err("not handed to the first of the queue".into());
        }
        lock.ever_owned |= !lock.owners.is_empty();
        self.ops.insert(op, (lock_id, after));
        Ok(())
    }
}
