//! The recorder of a program: its threads write events down without waiting for anybody, and one thread of
//! the recorder's own puts them in order and hands them on.
//!
//! Each thread has a [ring](slot) to itself. It stamps an event with the time, as the processor counts it,
//! and moves the stamp up where that is not enough to tell the order ([`Program::write`]); so the stamps of
//! one thread, of one lock, and of one acquisition are in the order in which they happened. The recorder's
//! thread [merges](drain) the rings by these stamps.
//!
//! Memory is bounded: what finds its ring full is lost, counted, and told as a
//! [`Lost`](crate::event::What::Lost) in its place.

mod drain;
mod merge;
mod slot;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use super::actor;
use super::outlet::Outlet;
use super::probe::locked;
use super::recorder::Core;
use crate::event::{Actor, Brief, Event, Kind, LockId, OpId, Packed, TaskId, Time, What};
use slot::{CAPACITY, Slot};

pub(super) use drain::start;

/// Events aside that are kept until the recorder's thread comes for them.
const MAX_ASIDES: usize = 1 << 16;

/// Threads that can be told apart; their numbers are the upper bits of operations'.
const MAX_SLOTS: usize = 1 << 12;
const OP_BITS: u32 = 36;

/// What the threads of a program share with the recorder's own.
pub(super) struct Program {
    /// Tells one recorder of a process from another.
    id: u64,
    clock: quanta::Clock,
    begin: u64,
    /// How many rings there may be.
    most_slots: usize,
    slots: Mutex<Vec<&'static Slot>>,
    /// What was lost by threads that have no ring.
    homeless: AtomicU64,
    asides: Mutex<HashMap<u64, Event>>,
    next_aside: AtomicU64,
    inbox: Mutex<Inbox>,
    /// Rung when a round of the recorder's thread is over.
    done: Condvar,
    thread: OnceLock<Thread>,
}

/// What the recorder's thread is asked.
#[derive(Default)]
struct Inbox {
    outlets: Vec<Box<dyn Outlet>>,
    /// Rounds that were asked for, and those that are over.
    asked: u64,
    rounds: u64,
    /// The thread has ended.
    over: bool,
}

/// The ring of this thread, of one recorder.
#[derive(Clone, Copy)]
struct Here {
    program: u64,
    slot: &'static Slot,
}

/// Gives this thread's ring back when the thread ends.
struct Lease(Here);

impl Drop for Lease {
    fn drop(&mut self) {
        HERE.set(None);
        self.0.slot.taken.store(false, Ordering::Release);
    }
}

/// The last task without a name that acted on this thread.
#[derive(Clone, Copy, PartialEq)]
struct Who {
    program: u64,
    tokio: Option<tokio::task::Id>,
    task: TaskId,
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
    static LEASES: RefCell<Vec<Lease>> = const { RefCell::new(Vec::new()) };
    static WHO: Cell<Option<Who>> = const { Cell::new(None) };
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
            most_slots: (memory / (CAPACITY * size_of::<Packed>())).clamp(1, MAX_SLOTS),
            slots: Mutex::default(),
            homeless: AtomicU64::new(0),
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

    /// A number for an operation of this thread. Of a thread that has no ring, whose events are lost, all
    /// have the same.
    #[inline]
    pub(super) fn next_op(&self) -> OpId {
        self.here().map_or(OpId(Packed::MAX_OPS - 1), Slot::next_op)
    }

    /// This thread's ring.
    #[inline]
    fn here(&self) -> Option<&'static Slot> {
        match HERE.get() {
            Some(here) if here.program == self.id => Some(here.slot),
            _ => self.settle(),
        }
    }

    /// Finds this thread a ring, unless there is no memory left for one.
    #[cold]
    fn settle(&self) -> Option<&'static Slot> {
        let found = LEASES.try_with(|leases| {
            let mut leases = leases.borrow_mut();
            if let Some(lease) = leases.iter().find(|lease| lease.0.program == self.id) {
                return Some(lease.0);
            }
            let here = Here { program: self.id, slot: self.lease()? };
            leases.push(Lease(here));
            Some(here)
        });
        // A thread that is about to end has none any more.
        let here = found.ok().flatten()?;
        HERE.set(Some(here));
        Some(here.slot)
    }

    /// A ring that nobody writes to.
    fn lease(&self) -> Option<&'static Slot> {
        let mut slots = locked(&self.slots);
        if let Some(slot) = slots.iter().find(|slot| !slot.taken.swap(true, Ordering::Acquire)) {
            return Some(slot);
        }
        let number = slots.len();
        if number >= self.most_slots {
            return None;
        }
        // For the life of the process, as the recorder that is installed.
        let slot: &Slot = Box::leak(Box::new(Slot::new((number as u64) << OP_BITS | 1)));
        slots.push(slot);
        Some(slot)
    }

    /// Who is acting on this thread, without a name of its own.
    #[inline]
    pub(super) fn task(&self, core: &Core) -> TaskId {
        if let Some(actor) = actor::current() {
            return actor.task;
        }
        let tokio = tokio::task::try_id();
        match WHO.get() {
            Some(who) if who.program == self.id && who.tokio == tokio => who.task,
            _ => {
                let task = core.unnamed();
                WHO.set(Some(Who { program: self.id, tokio, task }));
                task
            }
        }
    }

    /// Writes an event of an acquisition down, and says its stamp: one that is after `floor`, and after
    /// all that this thread has stamped.
    #[inline]
    pub(super) fn write(
        &self,
        kind: Kind,
        what: (Brief, OpId),
        task: TaskId,
        lock: LockId,
        floor: u64,
    ) -> u64 {
        let Some(slot) = self.here() else { return self.miss(floor) };
        let stamp = slot.stamp(self.clock.raw(), floor);
        if slot.push(Packed::quick(stamp, kind, what, task, lock).words()) {
            self.wake();
        }
        stamp
    }

    /// The same of any event.
    pub(super) fn record(&self, actor: Actor, what: What, floor: u64) -> u64 {
        let Some(slot) = self.here() else { return self.miss(floor) };
        let stamp = slot.stamp(self.clock.raw(), floor);
        let event = Event { seq: 0, at: self.time(stamp), actor, what };
        let packed = Packed::of(&event).or_else(|| self.aside(event));
        match packed {
            Some(packed) => {
                if slot.push(packed.moved_to(Time::from_nanos(stamp)).words()) {
                    self.wake();
                }
            }
            None => slot.miss(),
        }
        stamp
    }

    /// Keeps an event that does not fit into a ring beside it.
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

    #[cold]
    fn miss(&self, floor: u64) -> u64 {
        self.homeless.fetch_add(1, Ordering::Relaxed);
        floor
    }

    /// How many events were lost so far.
    pub(super) fn lost(&self) -> u64 {
        let slots: u64 = locked(&self.slots).iter().map(|slot| slot.lost()).sum();
        slots + self.homeless.load(Ordering::Relaxed)
    }

    /// Makes the recorder's thread look at the rings now.
    #[cold]
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

    /// Waits until all that has been recorded is with the outlets.
    pub(super) fn flush(&self) {
        let mut inbox = locked(&self.inbox);
        inbox.asked += 1;
        let mine = inbox.asked;
        while inbox.rounds < mine && !inbox.over {
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
