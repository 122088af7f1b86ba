//! The recorder: where instrumented locks send what they see.
//!
//! There are two ways for events to travel. *Direct*: one mutex makes the stamp and the hand-over to a
//! [`Sink`] one step, so that `seq`, `at` and the order of arrival always agree; the laboratory works so, and
//! may hold its tasks there. *A program's*: nobody waits for anybody; see [`program`](super::program).

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::actor;
use super::outlet::Outlet;
use super::program::{self, Program};
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
pub struct Recorder {
    core: Arc<Core>,
    /// The last handle ends a program's recording.
    _life: Option<Arc<Life>>,
}

/// One recording.
pub(super) struct Core {
    /// Set first of all when a run ends, so that the releases of aborted tasks are not recorded.
    closed: AtomicBool,
    registry: Mutex<Registry>,
    way: Way,
}

/// How events travel. There is one of these a recording, and what is used in every event is near.
#[allow(clippy::large_enum_variant)]
enum Way {
    /// Straight to a sink, one after the other.
    Direct(Direct),
    /// Through rings of the threads.
    Program(Program),
}

struct Direct {
    clock: Clock,
    next_op: AtomicU64,
    lost: AtomicU64,
    tape: Mutex<Tape>,
}

struct Life(Arc<Core>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.set_closed();
    }
}

/// Stamp and sink under one mutex: an event with a higher `seq` is never pushed first.
struct Tape {
    seq: u64,
    sink: Box<dyn Sink>,
}

#[derive(Default)]
struct Registry {
    names: Names,
    /// How often a name was given, of tasks and of locks: each is given but once.
    given: (HashMap<Arc<str>, u32>, HashMap<Arc<str>, u32>),
    unnamed_tasks: HashMap<tokio::task::Id, TaskId>,
    threads: HashMap<std::thread::ThreadId, TaskId>,
}

/// What is longer is cut before it is told from others: whoever reads names has room for so much, and a number.
const MAX_NAME: usize = 1000;

fn cut(name: Arc<str>) -> Arc<str> {
    // A sentence needs a subject.
    if name.trim().is_empty() {
        return "unnamed".into();
    }
    if name.len() <= MAX_NAME { name } else { name[..name.floor_char_boundary(MAX_NAME)].into() }
}

/// `thread 6`, as far as it tells its number.
fn unnamed_thread(id: std::thread::ThreadId) -> String {
    let told = format!("{id:?}");
    let number: String = told.chars().filter(char::is_ascii_digit).collect();
    if number.is_empty() { told } else { format!("thread {number}") }
}

/// `name`, or what it is called because others have that name: `name#2`.
fn unique(given: &mut HashMap<Arc<str>, u32>, name: Arc<str>) -> Arc<str> {
    let Some(count) = given.get_mut(&name) else {
        given.insert(Arc::clone(&name), 1);
        return name;
    };
    *count += 1;
    let numbered: Arc<str> = format!("{name}#{count}").into();
    // Somebody may have been called so from the start.
    unique(given, numbered)
}

impl Registry {
    fn add_task(&mut self, name: Arc<str>) -> TaskId {
        let last = self.names.tasks.len() as u32;
        if last + 1 >= Names::MAX_TASKS {
            // Whoever comes now is one of many.
            if last + 1 == Names::MAX_TASKS {
                self.names.tasks.push(unique(&mut self.given.0, "other tasks".into()));
            }
            return TaskId(Names::MAX_TASKS - 1);
        }
        self.names.tasks.push(unique(&mut self.given.0, cut(name)));
        TaskId(last)
    }

    fn add_lock(&mut self, lock: LockName) -> LockId {
        let id = LockId(self.names.locks.len() as u32);
        if id.0 > OTHERS.0 {
            return OTHERS;
        }
        let name = if id == OTHERS { "other locks, not recorded".into() } else { cut(lock.name) };
        let name = unique(&mut self.given.1, name);
        self.names.locks.push(LockName { name, ..lock });
        id
    }
}

impl Core {
    fn of(way: Way) -> Arc<Self> {
        Arc::new(Self { closed: AtomicBool::new(false), registry: Mutex::default(), way })
    }

    /// A program's, whose thread is not started.
    pub(super) fn of_program(program: Program) -> Arc<Self> {
        Self::of(Way::Program(program))
    }

    /// How a program's recorder works, if it is one.
    #[inline]
    pub(super) fn program(&self) -> Option<&Program> {
        match &self.way {
            Way::Direct(_) => None,
            Way::Program(program) => Some(program),
        }
    }

    /// Whether the recording has ended.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn set_closed(&self) {
        if let Some(program) = self.program() {
            program.set_end();
        }
        self.closed.store(true, Ordering::Release);
        if let Some(program) = self.program() {
            program.wake();
        }
    }

    /// Registers a lock.
    pub(super) fn add_lock(&self, name: LockName) -> LockId {
        lock(&self.registry).add_lock(name)
    }

    /// Who was registered after so many tasks and locks.
    pub(super) fn names_since(&self, tasks: usize, locks: usize) -> (Vec<Arc<str>>, Vec<LockName>) {
        let names = &lock(&self.registry).names;
        (names.tasks[tasks..].to_vec(), names.locks[locks..].to_vec())
    }

    /// The task of tokio's that runs on this thread, or the thread itself.
    pub(super) fn unnamed(&self) -> TaskId {
        let mut registry = lock(&self.registry);
        if let Some(id) = tokio::task::try_id() {
            if let Some(&task) = registry.unnamed_tasks.get(&id) {
                return task;
            }
            let task = registry.add_task(format!("task {id}").into());
            if task.0 + 1 < Names::MAX_TASKS {
                registry.unnamed_tasks.insert(id, task);
            }
            return task;
        }
        let thread = std::thread::current();
        if let Some(&task) = registry.threads.get(&thread.id()) {
            return task;
        }
        let name = thread.name().map_or_else(|| unnamed_thread(thread.id()), str::to_owned);
        let task = registry.add_task(name.into());
        if task.0 + 1 < Names::MAX_TASKS {
            registry.threads.insert(thread.id(), task);
        }
        task
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

/// What the locks are called that are too many to be told apart. Nothing is recorded of them.
const OTHERS: LockId = LockId(Names::MAX_LOCKS - 1);

/// What a program's recorder takes for events on their way, unless it is told otherwise.
const MEMORY: usize = 64 << 20;

impl Recorder {
    /// Records to `sink`, with the time that `clock` tells: whoever locks hands the event over itself.
    pub fn new(clock: Clock, sink: impl Sink + 'static) -> Self {
        let tape = Mutex::new(Tape { seq: 0, sink: Box::new(sink) });
        let direct = Direct { clock, next_op: AtomicU64::new(1), lost: AtomicU64::new(0), tape };
        Self { core: Core::of(Way::Direct(direct)), _life: None }
    }

    /// Records a program, for the outlets that are [attached](Self::attach): whoever locks writes the event
    /// down and goes on, and a thread of the recorder's hands it over within milliseconds.
    ///
    /// At most 64 MiB of events are on their way; see [`with_memory`](Self::with_memory). Making it takes up
    /// to 200 ms where the processor's clock has to be measured first.
    pub fn program() -> Self {
        Self::with_memory(MEMORY)
    }

    /// The same with at most so many bytes of events on their way, though never less than 24 KiB for each thread that
    /// records something. What finds no room is lost, and [counted](Self::lost), with what others do meanwhile.
    pub fn with_memory(bytes: usize) -> Self {
        let core = Core::of_program(Program::new(bytes));
        program::start(&core);
        Self { _life: Some(Arc::new(Life(Arc::clone(&core)))), core }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// Whether it is one that outlets can be [attached](Self::attach) to.
    pub fn is_program(&self) -> bool {
        self.core.program().is_some()
    }

    /// Hands events on to `outlet` too, from now on. It is told first who has which lock and who waits. Of a
    /// recorder that was made with a sink, nothing happens.
    pub fn attach(&self, outlet: impl Outlet + 'static) {
        if let Some(program) = self.core.program() {
            program.attach(Box::new(outlet));
        }
    }

    /// Waits until the outlets have all that was recorded before this, but who asks for a mutex of which nobody said who
    /// has it, because that was before the recording, say: such a `Wait` or `Busy` is kept back for a second.
    pub fn flush(&self) {
        if let Some(program) = self.core.program() {
            program.flush();
        }
    }

    /// The same, and of those too: what comes later is for nobody who asks this.
    pub(crate) fn flush_all(&self) {
        if let Some(program) = self.core.program() {
            program.flush_all();
        }
    }

    /// [Closes](Self::close) the recording and waits until the outlets have all of it and know that it is
    /// over: what a program does before it ends.
    pub fn finish(&self) {
        self.close();
        if let Some(program) = self.core.program() {
            program.join();
        }
    }

    /// Registers a task. If another one has that name, it is called `name#2` and so on. Of a name only the first
    /// thousand bytes are kept.
    pub fn add_task(&self, name: impl Into<Arc<str>>) -> TaskId {
        lock(&self.core.registry).add_task(name.into())
    }

    /// Registers a lock.
    pub fn add_lock(&self, name: impl Into<Arc<str>>, kind: LockKind) -> LockId {
        self.add(LockName { name: name.into(), kind, permits: None })
    }

    /// Registers a lock, with its permits if it has some. If another one has that name, it is called
    /// `name#2` and so on.
    ///
    /// Where there are [as many](Names::MAX_LOCKS) as can be told apart, the last stands for all further ones, and
    /// is called `other locks, not recorded`: nothing is.
    pub fn add(&self, lock_name: LockName) -> LockId {
        self.core.add_lock(lock_name)
    }

    /// Whether what happens to `lock` is recorded.
    #[inline]
    pub(super) fn tells_apart(lock: LockId) -> bool {
        lock != OTHERS
    }

    /// What the ids stand for, as of now.
    pub fn names(&self) -> Names {
        lock(&self.core.registry).names.clone()
    }

    /// A number for a new acquisition.
    pub fn next_op(&self) -> OpId {
        match &self.core.way {
            Way::Direct(direct) => OpId(direct.next_op.fetch_add(1, Ordering::Relaxed)),
            Way::Program(program) => program.next_op(),
        }
    }

    /// Who is acting on this thread: the actor that was named, or else tokio's current task, or else
    /// the thread.
    pub fn actor(&self) -> Actor {
        match &self.core.way {
            Way::Direct(_) => {
                actor::current().unwrap_or_else(|| Actor { task: self.core.unnamed(), step: None })
            }
            Way::Program(program) => Actor { task: program.task(&self.core), step: None },
        }
    }

    /// The recorder's time now.
    pub fn now(&self) -> Time {
        match &self.core.way {
            Way::Direct(direct) => (direct.clock.0)(),
            Way::Program(program) => program.now(),
        }
    }

    /// Records one event, unless the recording is closed.
    pub fn record(&self, actor: Actor, what: What) {
        self.record_after(actor, what, 0);
    }

    /// The same, with a stamp after `floor`, which is what it gives.
    pub(super) fn record_after(&self, actor: Actor, what: What, floor: u64) -> u64 {
        if self.is_closed() || !what.lock().is_none_or(Self::tells_apart) {
            return floor;
        }
        match &self.core.way {
            Way::Direct(direct) => {
                self.record_direct(direct, actor, what);
                floor
            }
            Way::Program(program) => program.record(actor, what, floor),
        }
    }

    fn record_direct(&self, direct: &Direct, actor: Actor, what: What) {
        let mut tape = lock(&direct.tape);
        // Asked again: it may have been closed while this thread waited for its turn.
        if self.is_closed() {
            return;
        }
        tape.seq += 1;
        let event = Event { seq: tape.seq, at: self.now(), actor, what };
        match tape.sink.push(event) {
            Pushed::Kept => {}
            Pushed::Lost => {
                direct.lost.fetch_add(1, Ordering::Relaxed);
            }
            Pushed::Closed => self.core.set_closed(),
        }
        if self.is_closed() {
            tape.sink = Box::new(nobody);
        }
    }

    /// Ends the recording: from here on nothing is recorded, whoever asks.
    ///
    /// The sink is dropped, at the latest when an event that is being pushed has been. A program's outlets
    /// get what was recorded, and are told; [`finish`](Self::finish) waits for that.
    pub fn close(&self) {
        self.core.set_closed();
        // Whoever is in the middle of a push sees that it is closed, and does the same.
        if let Way::Direct(direct) = &self.core.way
            && let Ok(mut tape) = direct.tape.try_lock()
        {
            tape.sink = Box::new(nobody);
        }
    }

    /// Whether the recording has ended.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// How many events were lost: the sink did not keep them, or they found no room, or happened while others
    /// found none, so that nobody could tell what they follow from. Of what others do while it is
    /// [closed](Self::close) some may be neither told nor counted.
    pub fn lost(&self) -> u64 {
        match &self.core.way {
            Way::Direct(direct) => direct.lost.load(Ordering::Relaxed),
            Way::Program(program) => program.lost(),
        }
    }
}

/// The sink of a recording that has ended.
fn nobody(_: Event) -> bool {
    false
}

static INSTALLED: OnceLock<Recorder> = OnceLock::new();

/// A recorder is installed already, so that this one was not.
#[derive(Debug)]
pub struct Installed(pub Recorder);

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recorder is installed already, and it is for the life of the process")
    }
}

impl std::error::Error for Installed {}

/// Makes `recorder` the one that locks use which were not given one of their own.
///
/// # Errors
///
/// Gives `recorder` back if one is installed already: it is for the life of the process.
pub fn install(recorder: Recorder) -> Result<(), Installed> {
    INSTALLED.set(recorder).map_err(Installed)
}

/// The recorder that was installed, if any.
pub fn installed() -> Option<&'static Recorder> {
    INSTALLED.get()
}

/// Why nothing of a program can be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The recorder that is installed has a sink of its own.
    Sink,
    /// It has ended, or never began.
    Ended,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sink => "a recorder with a sink is installed: install `Recorder::program()`",
            Self::Ended => "the recorder that is installed has ended, or could not start its thread",
        })
    }
}

impl Recorder {
    /// This one, if it hands on what a program does.
    fn fit(&self) -> Result<&Self, Unfit> {
        match self.is_program() {
            false => Err(Unfit::Sink),
            true if self.is_closed() => Err(Unfit::Ended),
            true => Ok(self),
        }
    }
}

/// The program's recorder of this process, installed if there was none.
pub(crate) fn of_program() -> Result<&'static Recorder, Unfit> {
    if installed().is_none() {
        // Somebody else may be quicker; then theirs is the one.
        _ = install(Recorder::program());
    }
    installed().ok_or(Unfit::Ended)?.fit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where no thread could be started nothing is recorded, and nobody waits for that.
    #[test]
    fn without_its_thread_nobody_waits() {
        let core = Core::of_program(Program::new(0));
        core.set_closed();
        let recorder = Recorder { core, _life: None };
        recorder.flush();
        recorder.finish();
        // And whoever wants to see what happens is told that nothing can be seen.
        assert_eq!(recorder.fit().unwrap_err(), Unfit::Ended);
        assert!(Recorder::program().fit().is_ok());
        assert_eq!(Recorder::new(Clock::wall(), nobody).fit().unwrap_err(), Unfit::Sink);
    }
}
