//! The recorder of a program: its threads write events down without waiting for anybody, and one thread of
//! the recorder's own puts them in order and hands them on.
//!
//! Each thread writes to [chunks](slot) of its own. It stamps an event with the time, as the processor counts
//! it, and moves the stamp up where that is not enough to tell the order ([`Writer::stamp`]); so the stamps of
//! one thread, of one lock, and of one acquisition are in the order in which they happened. The recorder's
//! thread [merges](merge) the threads' events by these stamps.
//!
//! Memory is bounded: what finds no chunk is lost, counted, and told as a
//! [`Lost`](crate::event::What::Lost) in its place, with what others did [meanwhile](gap).

mod drain;
mod front;
mod gap;
mod kept_back;
mod lately;
mod merge;
mod slot;
#[cfg(test)]
mod tests;
mod writer;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use super::actor;
use super::outlet::Outlet;
use super::probe::locked;
use super::recorder::Core;
use crate::event::{Actor, Event, Kind, OpId, Packed, TaskId, Time, What};
use gap::Gaps;
use lately::Lately;
use slot::{Pool, Slot};
use writer::{Writer, Written};

pub(super) use drain::start;

/// Events in a chunk: 24 KiB.
const CHUNK: usize = 1 << 10;

/// Events aside that are kept until the recorder's thread comes for them.
const MAX_ASIDES: usize = 1 << 16;

/// So much later than others a processor's clock may be, with a good margin; around the end nobody may be in doubt.
const DOUBT: Duration = Duration::from_micros(10);

/// Threads that can be told apart at once; their numbers are the upper bits of operations'.
const MOST_THREADS: u64 = 1 << 12;
const OP_BITS: u32 = 36;

/// What the threads of a program share with the recorder's own.
pub(super) struct Program {
    /// Tells one recorder of a process from another.
    id: u64,
    clock: quanta::Clock,
    begin: u64,
    /// The stamp after which nothing belongs to the recording; as long as it goes on, the last there can be.
    end: AtomicU64,
    pool: Pool,
    threads: Mutex<Threads>,
    /// How many events were lost.
    lost: AtomicU64,
    asides: Mutex<HashMap<u64, Event>>,
    next_aside: AtomicU64,
    inbox: Mutex<Inbox>,
    /// Rung when a round of the recorder's thread is over.
    done: Condvar,
    thread: OnceLock<Thread>,
}

#[derive(Default)]
struct Threads {
    /// Those that the recorder's thread has not seen yet.
    new: Vec<Arc<Slot>>,
    /// What was lost where a thread could not say so: it is about to end, or there are too many.
    lost: Gaps,
    /// Numbers that were used and are free again, and the next that was never used.
    free: Vec<(u64, u64)>,
    next: u64,
}

/// What the recorder's thread is asked.
#[derive(Default)]
struct Inbox {
    outlets: Vec<Box<dyn Outlet>>,
    /// Rounds that were asked for, and those that are over.
    asked: u64,
    rounds: u64,
    /// Nothing is to be kept back in the next round.
    lets_go: bool,
    /// The thread has ended.
    over: bool,
}

/// The operation of an event that begins a new one, and the task of an event that is of whoever is acting.
pub(super) const NEW: OpId = OpId(0);
pub(super) const ACTING: TaskId = TaskId(Packed::MAX_TASKS - 1);

/// When something was written down, and of which operation.
#[derive(Clone, Copy)]
pub(super) struct Stamped {
    pub(super) stamp: u64,
    pub(super) op: OpId,
}

/// What a thread knows of its own events.
struct Here {
    program: u64,
    writer: Writer,
    next_op: u64,
    /// Who acted here lately and has no name of its own.
    lately: Lately,
}

thread_local! {
    /// Of the recorder that this thread wrote for last.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
    static OTHERS: RefCell<Vec<Here>> = const { RefCell::new(Vec::new()) };
}

impl Here {
    /// A number for an operation.
    #[inline]
    fn op(&mut self) -> OpId {
        self.next_op += 1;
        OpId(self.next_op - 1)
    }

    /// Who is acting.
    #[inline]
    fn task(&mut self, core: &Core) -> TaskId {
        if let Some(actor) = actor::current() {
            return actor.task;
        }
        self.lately.task(tokio::task::try_id(), || core.unnamed())
    }

    /// See [`Program::write`]. What it takes and gives fits into registers, which is why the event comes in three
    /// words: it halves what this costs.
    fn write(&mut self, program: &Program, core: &Core, floor: u64, what: u64, whom: u64) -> Stamped {
        let mut line = Packed::from_words([floor, what, whom]);
        if line.op() == NEW {
            line = line.with_op(self.op());
        }
        if line.task() == ACTING {
            line = line.with_task(self.task(core));
        }
        let stamp = self.writer.stamp(program.clock.raw(), floor);
        self.push(program, line.moved_to(Time::from_nanos(stamp)).words());
        Stamped { stamp, op: line.op() }
    }

    #[inline]
    fn push(&mut self, program: &Program, words: [u64; 3]) {
        match self.writer.push(&program.pool, words) {
            Written::There => {}
            Written::Crowded => program.wake(),
            Written::Lost => {
                program.leave(words);
                program.wake();
            }
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.writer.end(self.next_op);
    }
}

impl Program {
    /// A recorder that takes so many bytes for events on their way.
    pub(super) fn new(memory: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let clock = quanta::Clock::new();
        let begin = clock.raw();
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            clock,
            begin,
            end: AtomicU64::new(u64::MAX),
            pool: Pool::new(memory),
            threads: Mutex::default(),
            lost: AtomicU64::new(0),
            asides: Mutex::default(),
            next_aside: AtomicU64::new(0),
            inbox: Mutex::default(),
            done: Condvar::new(),
            thread: OnceLock::new(),
        }
    }

    /// The time now.
    pub(super) fn now(&self) -> Time {
        self.time(self.clock.raw())
    }

    /// The time that a stamp stands for.
    fn time(&self, stamp: u64) -> Time {
        Time::from_nanos(self.clock.delta_as_nanos(self.begin, stamp))
    }

    /// Says that the recording ends. When this returns, that may be seen by those who write, who write nothing then.
    ///
    /// Whoever looked before, and writes only now, does so beside others who do not: it may come into a lock that
    /// nobody has let go of, as far as is written. So nothing is told with a stamp after the end; what was not written
    /// because of the end has one, and so has all that follows from that.
    pub(super) fn set_end(&self) {
        // The first who ends it does.
        self.end.fetch_min(self.clock_after(DOUBT), Ordering::AcqRel);
        self.clock_after(DOUBT);
    }

    /// The end, if it has one; or else what no stamp is after.
    fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// What the clock says when so much time has passed.
    fn clock_after(&self, time: Duration) -> u64 {
        let begin = self.clock.raw();
        loop {
            let now = self.clock.raw();
            if u128::from(self.clock.delta_as_nanos(begin, now)) >= time.as_nanos() {
                return now;
            }
            std::hint::spin_loop();
        }
    }

    /// Calls `write` with what this thread knows; `None` on a thread that is about to end, and where there
    /// are too many threads.
    #[inline]
    fn here<R>(&self, write: impl FnOnce(&mut Here) -> R) -> Option<R> {
        HERE.try_with(|here| {
            let mut here = here.try_borrow_mut().ok()?;
            match &mut *here {
                Some(here) if here.program == self.id => Some(write(here)),
                here => self.settle(here).map(write),
            }
        })
        .ok()
        .flatten()
    }

    /// Makes `here` this thread's place in this recorder.
    #[cold]
    fn settle<'a>(&self, here: &'a mut Option<Here>) -> Option<&'a mut Here> {
        OTHERS
            .try_with(|others| {
                let mut others = others.try_borrow_mut().ok()?;
                let known = others.iter().position(|other| other.program == self.id);
                let own = match known {
                    Some(known) => others.swap_remove(known),
                    None => self.new_here()?,
                };
                others.extend(here.replace(own));
                Some(())
            })
            .ok()
            .flatten()?;
        here.as_mut()
    }

    fn new_here(&self) -> Option<Here> {
        let mut threads = locked(&self.threads);
        let (number, next_op) = match threads.free.pop() {
            Some(free) => free,
            None if threads.next == MOST_THREADS => return None,
            None => {
                threads.next += 1;
                let number = threads.next - 1;
                (number, number << OP_BITS | 1)
            }
        };
        let slot = Arc::new(Slot::new(number, next_op));
        threads.new.push(Arc::clone(&slot));
        self.pool.join();
        let (writer, lately) = (Writer::new(slot), Lately::default());
        Some(Here { program: self.id, writer, next_op, lately })
    }

    /// A number for an operation of this thread. Where nothing is recorded, all have the same.
    pub(super) fn next_op(&self) -> OpId {
        self.here(Here::op).unwrap_or(OpId(Packed::MAX_OPS - 1))
    }

    /// Who is acting on this thread.
    pub(super) fn task(&self, core: &Core) -> TaskId {
        self.here(|here| here.task(core)).unwrap_or_else(|| core.unnamed())
    }

    /// Writes an event of an acquisition down: of [`NEW`] one or one that is known, of whoever is [`ACTING`] or
    /// a task that is known. In place of its time it has a stamp, which its own is after, as after all that this
    /// thread has stamped.
    #[inline]
    pub(super) fn write(&self, core: &Core, line: Packed) -> Stamped {
        let [floor, what, whom] = line.words();
        self.here(|here| here.write(self, core, floor, what, whom))
            .unwrap_or_else(|| self.miss_line(core, line))
    }

    /// The same of what goes with the last event of its lock, which is stamped `last`: it has that moment's time
    /// where this thread has written nothing since.
    #[inline]
    pub(super) fn write_at_once(&self, line: Packed, last: u64) -> u64 {
        let [floor, what, whom] = line.words();
        let written = self.here(|here| {
            // Neither has written anything where a lock was taken before anybody recorded it.
            let known = last > 0 && here.writer.last() == last;
            let now = if known { last } else { self.clock.raw() };
            let stamp = here.writer.stamp(now, floor);
            here.push(self, [stamp, what, whom]);
            stamp
        });
        written.unwrap_or_else(|| self.miss(line.task(), floor))
    }

    #[cold]
    fn miss_line(&self, core: &Core, line: Packed) -> Stamped {
        let op = if line.op() == NEW { OpId(Packed::MAX_OPS - 1) } else { line.op() };
        let acting = || actor::current().map_or_else(|| core.unnamed(), |actor| actor.task);
        let task = if line.task() == ACTING { acting() } else { line.task() };
        Stamped { stamp: self.miss(task, line.at().nanos()), op }
    }

    /// Writes any event down, with a stamp after `floor`, which it gives.
    pub(super) fn record(&self, actor: Actor, what: What, floor: u64) -> u64 {
        let written = self.here(|here| {
            let stamp = here.writer.stamp(self.clock.raw(), floor);
            let event = Event { seq: 0, at: self.time(stamp), actor, what };
            if let Some(packed) = Packed::of(&event).or_else(|| self.aside(event)) {
                here.push(self, packed.moved_to(Time::from_nanos(stamp)).words());
            } else {
                here.writer.lose(stamp, actor.task);
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            stamp
        });
        written.unwrap_or_else(|| self.miss(actor.task, floor))
    }

    /// Keeps an event that does not fit into a chunk beside it.
    fn aside(&self, event: Event) -> Option<Packed> {
        let mut asides = locked(&self.asides);
        if asides.len() >= MAX_ASIDES {
            return None;
        }
        let index = self.next_aside.fetch_add(1, Ordering::Relaxed);
        let packed = Packed::aside(event.at, event.actor, index)?;
        asides.insert(index, event);
        Some(packed)
    }

    /// Loses what this thread cannot write down. Its stamp is after all of its lock; what else this thread has
    /// stamped nobody knows any more.
    #[cold]
    fn miss(&self, task: TaskId, floor: u64) -> u64 {
        let stamp = self.clock.raw().max(floor + 1);
        // Whoever lost something here before may have been another thread.
        locked(&self.threads).lost.lose(stamp, task, false);
        self.lost.fetch_add(1, Ordering::Relaxed);
        stamp
    }

    /// Leaves an event out that finds no room, or stands where others are lost.
    fn leave(&self, words: [u64; 3]) {
        let event = Packed::from_words(words);
        if event.kind() == Kind::Aside {
            locked(&self.asides).remove(&event.large());
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events were lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Makes the recorder's thread look now.
    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Hands events on to `outlet` too, from here on.
    pub(super) fn attach(&self, outlet: Box<dyn Outlet>) {
        locked(&self.inbox).outlets.push(outlet);
        self.wake();
    }

    /// Waits until all that has been recorded is with the outlets. Where there is no thread nothing is recorded.
    pub(super) fn flush(&self) {
        self.ask(false);
    }

    /// The same, and of what would be kept back.
    pub(super) fn flush_all(&self) {
        self.ask(true);
    }

    fn ask(&self, lets_go: bool) {
        let mut inbox = locked(&self.inbox);
        inbox.asked += 1;
        inbox.lets_go |= lets_go;
        let mine = inbox.asked;
        while inbox.rounds < mine && !inbox.over && self.thread.get().is_some() {
            self.wake();
            // The wake may come before the thread parks; it looks again by itself.
            (inbox, _) = self
                .done
                .wait_timeout(inbox, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the outlets have been told that it is over.
    pub(super) fn join(&self) {
        let mut inbox = locked(&self.inbox);
        while !inbox.over && self.thread.get().is_some() {
            self.wake();
            (inbox, _) = self
                .done
                .wait_timeout(inbox, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
