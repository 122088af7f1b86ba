//! The recorder: where instrumented locks send what they see.
//!
//! It stamps each event with its place in the total order and its time, and hands it to a [`Sink`].
//! Its interface says nothing of how events travel: today one mutex makes stamp and hand-over one
//! step, so that `seq`, `at` and the order of arrival always agree.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::actor;
use crate::event::{Actor, Event, LockId, LockKind, LockName, Names, OpId, TaskId, Time, What};

/// What became of an event that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The sink has it.
    Kept,
    /// There was no room; the recorder counts it.
    Lost,
    /// The sink wants no more: neither this event nor any after it belongs to the recording.
    Closed,
}

/// Takes events in order. It must not touch an instrumented lock: it may run under one.
pub trait Sink: Send {
    /// Takes one event.
    ///
    /// It may block: with a virtual clock that is how the player stops the tasks.
    fn push(&mut self, event: Event) -> Pushed;
}

/// A closure is a sink; `false` says that the event was lost.
impl<F: FnMut(Event) -> bool + Send> Sink for F {
    fn push(&mut self, event: Event) -> Pushed {
        if self(event) { Pushed::Kept } else { Pushed::Lost }
    }
}

/// Tells a recorder the time.
pub struct Clock(Box<dyn Fn() -> Time + Send + Sync>);

impl Clock {
    /// Wall time since now.
    pub fn wall() -> Self {
        let begin = Instant::now();
        Self::from_fn(move || begin.elapsed().into())
    }

    /// Whatever `now` says; it must never go back.
    pub fn from_fn(now: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Box::new(now))
    }
}

/// A cheap handle to one recording; clones are the same recording.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use lockscope::event::{Event, What};
/// use lockscope::sync::{Clock, Recorder};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let sink = { let seen = seen.clone(); move |event: Event| { seen.lock().unwrap().push(event); true } };
/// let recorder = Recorder::new(Clock::wall(), sink);
/// recorder.record(recorder.actor(), What::Spawn);
/// assert_eq!(seen.lock().unwrap()[0].seq, 1);
/// ```
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// Set first of all when a run ends, so that the releases of aborted tasks are not recorded.
    closed: AtomicBool,
    next_op: AtomicU64,
    lost: AtomicU64,
    tape: Mutex<Tape>,
    registry: Mutex<Registry>,
}

/// Stamp and sink under one mutex: an event with a higher `seq` is never pushed first.
struct Tape {
    seq: u64,
    sink: Box<dyn Sink>,
}

#[derive(Default)]
struct Registry {
    names: Names,
    unnamed_tasks: HashMap<tokio::task::Id, TaskId>,
    threads: HashMap<std::thread::ThreadId, TaskId>,
}

impl Registry {
    fn add_task(&mut self, name: Arc<str>) -> TaskId {
        self.names.tasks.push(name);
        TaskId(self.names.tasks.len() as u32 - 1)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("closed", &self.is_closed())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

/// A poisoned mutex here only means that a sink panicked; what it protects is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Records to `sink`, with the time that `clock` tells.
    pub fn new(clock: Clock, sink: impl Sink + 'static) -> Self {
        Self(Arc::new(Inner {
            clock,
            closed: AtomicBool::new(false),
            next_op: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            tape: Mutex::new(Tape { seq: 0, sink: Box::new(sink) }),
            registry: Mutex::default(),
        }))
    }

    /// Registers a task.
    pub fn add_task(&self, name: impl Into<Arc<str>>) -> TaskId {
        lock(&self.0.registry).add_task(name.into())
    }

    /// Registers a lock.
    pub fn add_lock(&self, name: impl Into<Arc<str>>, kind: LockKind) -> LockId {
        self.add(LockName { name: name.into(), kind, permits: None })
    }

    /// Registers a lock, with its permits if it has some.
    pub fn add(&self, lock_name: LockName) -> LockId {
        let locks = &mut lock(&self.0.registry).names.locks;
        locks.push(lock_name);
        LockId(locks.len() as u32 - 1)
    }

    /// What the ids stand for, as of now.
    pub fn names(&self) -> Names {
        lock(&self.0.registry).names.clone()
    }

    /// A number for a new acquisition.
    pub fn next_op(&self) -> OpId {
        OpId(self.0.next_op.fetch_add(1, Ordering::Relaxed))
    }

    /// Who is acting on this thread: the actor that was named, or else tokio's current task, or else
    /// the thread.
    pub fn actor(&self) -> Actor {
        actor::current().unwrap_or_else(|| Actor { task: self.unnamed(), step: None })
    }

    fn unnamed(&self) -> TaskId {
        let mut registry = lock(&self.0.registry);
        if let Some(id) = tokio::task::try_id() {
            if let Some(&task) = registry.unnamed_tasks.get(&id) {
                return task;
            }
            let task = registry.add_task(format!("task {id}").into());
            registry.unnamed_tasks.insert(id, task);
            return task;
        }
        let thread = std::thread::current();
        if let Some(&task) = registry.threads.get(&thread.id()) {
            return task;
        }
        let name = thread.name().map_or_else(|| format!("{:?}", thread.id()), str::to_owned);
        let task = registry.add_task(name.into());
        registry.threads.insert(thread.id(), task);
        task
    }

    /// The recorder's time now.
    pub fn now(&self) -> Time {
        (self.0.clock.0)()
    }

    /// Records one event, unless the recording is closed.
    pub fn record(&self, actor: Actor, what: What) {
        if self.is_closed() {
            return;
        }
        let mut tape = lock(&self.0.tape);
        // Asked again: it may have been closed while this thread waited for its turn.
        if self.is_closed() {
            return;
        }
        tape.seq += 1;
        let event = Event { seq: tape.seq, at: self.now(), actor, what };
        match tape.sink.push(event) {
            Pushed::Kept => {}
            Pushed::Lost => {
                self.0.lost.fetch_add(1, Ordering::Relaxed);
            }
            Pushed::Closed => self.0.closed.store(true, Ordering::Release),
        }
        if self.is_closed() {
            tape.sink = Box::new(nobody);
        }
    }

    /// Ends the recording: from here on nothing is recorded, whoever asks.
    ///
    /// The sink is dropped, at the latest when an event that is being pushed has been.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        // Whoever is in the middle of a push sees that it is closed, and does the same.
        if let Ok(mut tape) = self.0.tape.try_lock() {
            tape.sink = Box::new(nobody);
        }
    }

    /// Whether the recording has ended.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// How many events the sink did not keep.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

/// The sink of a recording that has ended.
fn nobody(_: Event) -> bool {
    false
}

static INSTALLED: OnceLock<Recorder> = OnceLock::new();

/// Makes `recorder` the one that locks use which were not given one of their own.
///
/// # Errors
///
/// Gives `recorder` back if one is installed already: it is for the life of the process.
pub fn install(recorder: Recorder) -> Result<(), Recorder> {
    INSTALLED.set(recorder)
}

/// The recorder that was installed, if any.
pub fn installed() -> Option<&'static Recorder> {
    INSTALLED.get()
}
