//! Every order in which a few tasks can be polled: over tokio's bare locks and over ours the same things happen in
//! each, and what is told of it is what can be. Where tasks share a thread, that is all there is to explore: they
//! go on one after the other, from one await to the next.
//!
//! Each choice is one of these: a task that was woken is polled; one that was not is polled all the same, as a
//! task does with its other futures; a task is cancelled, wherever it stands. All lists of choices are gone
//! through, depth first; a failure prints its list.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/locks.rs"]
#[macro_use]
mod locks;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use common::{Checker, Tape};
use locks::{ALL, Guard, Lock};
use lockscope::event::{LockId, What};

/// What a task does next. It takes so much of the lock; a mutex and a writer take all.
#[derive(Debug, Clone, Copy)]
enum Step {
    Take(u32),
    Try(u32),
    /// Takes all, and keeps less.
    Less,
    /// Asks twice, takes what it gets first, and leaves the other.
    Either(u32, u32),
}
use Step::{Either, Less, Take, Try};

a_lock!(Bare of tokio::sync);
a_lock!(Ours of lockscope::sync);

#[derive(Debug, Clone, Copy)]
enum Of {
    Mutex,
    RwLock,
    Semaphore,
}

fn bare(of: Of) -> Bare {
    match of {
        Of::Mutex => Bare::Mutex(tokio::sync::Mutex::new(())),
        Of::RwLock => Bare::RwLock(tokio::sync::RwLock::new(())),
        Of::Semaphore => Bare::Semaphore(tokio::sync::Semaphore::new(ALL as usize)),
    }
}

fn silent(of: Of) -> Ours {
    match of {
        Of::Mutex => Ours::Mutex(lockscope::sync::Mutex::new(())),
        Of::RwLock => Ours::RwLock(lockscope::sync::RwLock::new(())),
        Of::Semaphore => Ours::Semaphore(lockscope::sync::Semaphore::new(ALL as usize)),
    }
}

fn recorded(of: Of, tape: &Tape) -> Ours {
    match of {
        Of::Mutex => Ours::Mutex(tape.mutex("m", ())),
        Of::RwLock => Ours::RwLock(tape.rwlock("rw", ())),
        Of::Semaphore => Ours::Semaphore(tape.semaphore("s", ALL)),
    }
}

/// Which way was taken at each fork, and of how many.
#[derive(Default)]
struct Choices {
    ways: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.ways.len() {
            self.ways.push((0, of));
        }
        let (way, known) = self.ways[self.at];
        assert_eq!(of, known, "after {} of {:?}", self.at, self.ways);
        self.at += 1;
        way
    }

    /// Goes the next way, if there is one that was not gone.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((way, of)) = self.ways.pop() {
            if way + 1 < of {
                self.ways.push((way + 1, of));
                return true;
            }
        }
        false
    }
}

/// Whether a task is to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

type Log = Rc<RefCell<String>>;

async fn either<L: Lock>(lock: &L, first: u32, second: u32) -> Guard<'_> {
    let (mut first, mut second) = (pin!(lock.take(first)), pin!(lock.take(second)));
    poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(guard) => Poll::Ready(guard),
        Poll::Pending => second.as_mut().poll(cx),
    })
    .await
}

async fn task<L: Lock>(lock: &L, name: usize, steps: &[Step], log: Log) {
    for &step in steps {
        let guard = match step {
            Take(much) => Some(lock.take(much).await),
            Try(much) => lock.attempt(much),
            Less => Some(lock.less().await),
            Either(first, second) => Some(either(lock, first, second).await),
        };
        if let Some(guard) = guard {
            _ = write!(log.borrow_mut(), "{name} has, ");
            yield_once().await;
            _ = write!(log.borrow_mut(), "{name} drops, ");
            drop(guard);
        } else {
            _ = write!(log.borrow_mut(), "{name} busy, ");
        }
    }
}

/// How often something may be done in one run that tasks do not ask for.
#[derive(Clone, Copy)]
struct Spare {
    cancels: usize,
    polls: usize,
}

/// Runs the tasks as the choices say, and tells what was to be seen.
fn run<L: Lock>(lock: &L, program: &[&[Step]], mut spare: Spare, choices: &mut Choices) -> String {
    let log = Log::default();
    let mut tasks: Vec<_> = (program.iter().enumerate())
        .map(|(name, steps)| {
            let future: Pin<Box<dyn Future<Output = ()> + '_>> =
                Box::pin(task(lock, name, steps, Rc::clone(&log)));
            Some((future, Arc::new(Woken(AtomicBool::new(true)))))
        })
        .collect();
    loop {
        // First those that are to be polled, then those that need not be, then those that can be cancelled.
        let alive = |woken: bool| {
            let state = move |task: &Option<(_, Arc<Woken>)>| {
                task.as_ref().is_some_and(|(_, own)| own.0.load(Ordering::Relaxed) == woken)
            };
            (0..tasks.len()).filter(|&index| state(&tasks[index])).collect::<Vec<_>>()
        };
        let (ready, waiting) = (alive(true), alive(false));
        if ready.is_empty() {
            assert!(waiting.is_empty(), "nobody wakes {waiting:?}: {}, {:?}", log.borrow(), choices.ways);
            return log.take();
        }
        let idle = if spare.polls > 0 { waiting.clone() } else { Vec::new() };
        let doomed = if spare.cancels > 0 { [ready.clone(), waiting].concat() } else { Vec::new() };
        let way = choices.choose(ready.len() + idle.len() + doomed.len());
        let index = *ready.iter().chain(&idle).chain(&doomed).nth(way).unwrap();
        if way >= ready.len() + idle.len() {
            spare.cancels -= 1;
            _ = write!(log.borrow_mut(), "{index} is cancelled, ");
            tasks[index] = None;
        } else {
            spare.polls -= usize::from(way >= ready.len());
            let (future, woken) = tasks[index].as_mut().unwrap();
            // Another waker each time, as in tasks that hand their futures on: the last one counts.
            *woken = Arc::new(Woken(AtomicBool::new(false)));
            let waker = Waker::from(Arc::clone(woken));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                tasks[index] = None;
            }
        }
        // Who was woken by it is seen in how many ways there are.
    }
}

/// Runs it in all orders, over the bare lock and over ours, and says how many there are.
fn explore(of: Of, program: &[&[Step]], spare: Spare) -> usize {
    let tape = Tape::new();
    let mut choices = Choices::default();
    let mut runs = 0;
    let mut seen = Vec::new();
    loop {
        let bare = run(&bare(of), program, spare, &mut choices);
        choices.at = 0;
        assert_eq!(run(&silent(of), program, spare, &mut choices), bare, "{:?}", choices.ways);
        choices.at = 0;
        assert_eq!(run(&recorded(of, &tape), program, spare, &mut choices), bare, "{:?}", choices.ways);
        seen.push(bare.matches(" has").count());
        runs += 1;
        if !choices.next() {
            break;
        }
    }
    // Each run has a lock of its own.
    let events = tape.events();
    let checker = Checker::one_thread().of(&tape.recorder.names());
    let checker = checker.check(&events).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    let mut told = vec![0; runs];
    let mut had = std::collections::HashSet::new();
    for event in &events {
        if let What::Acquire { lock: LockId(lock), op, .. } = event.what
            && had.insert(op)
        {
            told[lock as usize] += 1;
        }
    }
    assert_eq!(told, seen, "whoever had it is told to have had it");
    runs
}

const CANCEL: Spare = Spare { cancels: 1, polls: 0 };
const CANCEL_AND_POLL: Spare = Spare { cancels: 1, polls: 1 };
const CANCELS_AND_POLL: Spare = Spare { cancels: 2, polls: 1 };

#[test]
fn a_mutex_in_every_order() {
    const ONCE: &[Step] = &[Take(ALL)];
    assert_eq!(explore(Of::Mutex, &[ONCE, ONCE, ONCE], CANCELS_AND_POLL), 2_634);
    explore(Of::Mutex, &[&[Take(ALL), Take(ALL)], ONCE, &[Take(ALL), Try(ALL)]], CANCEL_AND_POLL);
    explore(Of::Mutex, &[&[Either(ALL, ALL), Take(ALL)], &[Take(ALL), Try(ALL)]], CANCELS_AND_POLL);
    explore(Of::Mutex, &[&[Either(ALL, ALL)], ONCE, &[Try(ALL), Take(ALL)]], CANCEL_AND_POLL);
}

#[test]
fn an_rwlock_in_every_order() {
    const READ: &[Step] = &[Take(1)];
    const WRITE: &[Step] = &[Take(ALL)];
    explore(Of::RwLock, &[READ, WRITE, READ], CANCELS_AND_POLL);
    explore(Of::RwLock, &[WRITE, READ, &[Less]], CANCELS_AND_POLL);
    explore(Of::RwLock, &[&[Take(1), Take(ALL)], WRITE, &[Take(1), Try(1)]], CANCEL);
    explore(Of::RwLock, &[&[Either(ALL, 1), Try(ALL)], &[Take(1), Less]], CANCELS_AND_POLL);
    explore(Of::RwLock, &[&[Either(1, ALL)], READ, WRITE], CANCEL_AND_POLL);
}

#[test]
fn a_semaphore_in_every_order() {
    explore(Of::Semaphore, &[&[Take(2)], &[Take(ALL)], &[Take(1)]], CANCELS_AND_POLL);
    explore(Of::Semaphore, &[&[Take(2)], &[Less], &[Take(2)]], CANCELS_AND_POLL);
    explore(Of::Semaphore, &[&[Take(2), Take(1)], &[Take(2), Try(2)], &[Take(ALL)]], CANCEL);
    explore(Of::Semaphore, &[&[Either(ALL, 1)], &[Take(2)], &[Take(1), Try(1)]], CANCEL_AND_POLL);
}

/// Four who queue, and one of them gives up, in every order.
#[test]
fn four_in_every_order() {
    explore(Of::RwLock, &[&[Take(1)], &[Take(ALL)], &[Take(1)], &[Take(ALL)]], CANCEL);
    explore(Of::Semaphore, &[&[Take(2)], &[Take(ALL)], &[Take(1)], &[Take(2)]], CANCEL);
}
