//! What the tests of recorded locks share: a recorder that keeps its events, wakers that count, a
//! poll by hand, and the [`Checker`], which knows what no lock may ever be seen to do.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use lockscope::event::{Event, LockId, LockKind, OpId, Time, What};
use lockscope::sync::{Clock, Recorder};

/// A recorder whose events can be looked at.
#[derive(Clone)]
pub struct Tape {
    pub recorder: Recorder,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl Tape {
    pub fn new() -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let recorder = Recorder::new(Clock::wall(), move |event| {
            sink.lock().unwrap().push(event);
            true
        });
        Self { recorder, events }
    }

    /// A new lock of this recorder's.
    pub fn mutex<T>(&self, name: &str, value: T) -> lockscope::sync::Mutex<T> {
        let id = self.recorder.add_lock(name, LockKind::TokioMutex);
        lockscope::sync::Mutex::recorded(&self.recorder, id, value)
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The events of acquisitions as `wait 2`: the name and the operation.
    pub fn story(&self) -> Vec<String> {
        self.events()
            .iter()
            .filter_map(|event| {
                let (_, op) = event.what.acquisition()?;
                Some(format!("{} {}", event.what.name(), op.0))
            })
            .collect()
    }

    /// The story, checked, and in one line.
    #[track_caller]
    pub fn line(&self) -> String {
        if let Err(error) = Checker::one_thread().check(&self.events()) {
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

#[derive(Debug, Default)]
struct Lock {
    /// Who owns it, granted or held.
    owner: Option<OpId>,
    ever_owned: bool,
    /// Those who wait, in the order of their `Wait`.
    queue: VecDeque<OpId>,
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

    /// Folds them all; the error shows the events that led there.
    pub fn check(mut self, events: &[Event]) -> Result<Self, String> {
        for (index, event) in events.iter().enumerate() {
            if let Err(error) = self.push(event) {
                let mut text = format!("{error}, at\n");
                for event in &events[index.saturating_sub(20)..=index] {
                    let _ = writeln!(text, "  {event:?}");
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
        let Some((lock_id, op)) = event.what.acquisition() else { return Ok(()) };
        let before = match self.ops.get(&op) {
            Some(&(lock, _)) if lock != lock_id => return Err(format!("{op:?} is of {lock:?}")),
            Some(&(_, state)) => Some(state),
            None => None,
        };
        let one_thread = self.one_thread;
        let lock = self.locks.entry(lock_id).or_default();
        // With one thread a vacant lock with a queue is granted before anything else happens to it.
        let handing_over = one_thread && lock.owner.is_none() && !lock.queue.is_empty();
        let leaves_queue = |lock: &mut Lock| lock.queue.pop_front() == Some(op);
        let after = match (&event.what, before) {
            (What::Wait { .. }, None) => {
                if lock.owner.is_none() && (one_thread || !lock.ever_owned) {
                    return Err("waits for a free lock".into());
                }
                lock.queue.push_back(op);
                Op::Waiting
            }
            (What::Grant { .. }, None | Some(Op::Waiting)) => {
                if let Some(owner) = lock.owner {
                    return Err(format!("granted while {owner:?} owns it"));
                }
                if before.is_none() && !lock.queue.is_empty() {
                    return Err("granted past the queue".into());
                }
                if before.is_some() && !leaves_queue(lock) {
                    return Err("granted out of turn".into());
                }
                lock.owner = Some(op);
                Op::Granted
            }
            (What::Acquire { .. }, None) => {
                if let Some(owner) = lock.owner {
                    return Err(format!("acquired while {owner:?} owns it"));
                }
                if !lock.queue.is_empty() {
                    return Err("acquired past the queue".into());
                }
                lock.owner = Some(op);
                Op::Held
            }
            (What::Acquire { .. }, Some(Op::Granted)) => Op::Held,
            (What::Release { .. }, Some(Op::Held)) | (What::Cancel { .. }, Some(Op::Granted)) => {
                if lock.owner.take() != Some(op) {
                    return Err("let go by somebody else".into());
                }
                Op::Over
            }
            (What::Cancel { .. }, Some(Op::Waiting)) => {
                lock.queue.retain(|&waiting| waiting != op);
                Op::Over
            }
            (What::Busy { .. }, None) => {
                if lock.owner.is_none() && (one_thread || !lock.ever_owned) {
                    return Err("a free lock was busy".into());
                }
                Op::Over
            }
            _ => return Err(format!("{before:?} does not lead there")),
        };
        if handing_over && !matches!(event.what, What::Grant { .. }) {
            return Err("not handed to the first of the queue".into());
        }
        lock.ever_owned |= lock.owner.is_some();
        self.ops.insert(op, (lock_id, after));
        Ok(())
    }
}
