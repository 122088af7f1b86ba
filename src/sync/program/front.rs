//! The front of a recorder: what was told so far, and to whom.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::event::{Event, LockId, LockName, Packed, Time};
use crate::sync::outlet::{Batch, Outlet};
use crate::sync::present::Present;

/// Events that are handed on at once, at most: what stays in a processor's nearest memory until it is read.
const BATCH: usize = 1 << 12;

/// The outlets, and what they know or will with the next batch.
#[derive(Default)]
pub(super) struct Front {
    outlets: Vec<Box<dyn Outlet>>,
    present: Present,
    latest: Time,
    /// How many events were handed on.
    happened: u64,
    batch: Vec<Packed>,
    asides: Vec<Event>,
}

impl Front {
    /// The time of the last event.
    pub(super) fn latest(&self) -> Time {
        self.latest
    }

    /// Whether it is a mutex that, as far as is known, nobody has and nobody waits for.
    pub(super) fn is_free_mutex(&self, lock: LockId) -> bool {
        self.present.is_free_mutex(lock)
    }

    /// Tells who was registered meanwhile.
    pub(super) fn add(&mut self, tasks: &[Arc<str>], locks: &[LockName]) {
        self.present.add_tasks(tasks.len());
        for lock in locks {
            self.present.add_lock(lock);
        }
        let batch = Batch { tasks, locks, ..Batch::default() };
        self.tell(|outlet| outlet.take(&batch));
    }

    /// Tells a new outlet all names so far, and what holds at present.
    pub(super) fn introduce(&mut self, mut outlet: Box<dyn Outlet>, tasks: &[Arc<str>], locks: &[LockName]) {
        let prologue = self.present.introduction();
        let (events, asides) = (&*prologue.events, &*prologue.asides);
        let batch = Batch { tasks, locks, earlier: self.happened, events, asides };
        if catch_unwind(AssertUnwindSafe(|| outlet.take(&batch))).is_ok() {
            self.outlets.push(outlet);
        }
    }

    /// Takes the next event.
    #[inline]
    pub(super) fn emit(&mut self, event: Packed) {
        self.latest = self.latest.max(event.at());
        let event = event.moved_to(self.latest);
        self.present.apply(event);
        self.batch.push(event);
        if self.batch.len() >= BATCH {
            self.hand_on();
        }
    }

    /// Takes the next event, which may not fit into a [`Packed`].
    pub(super) fn emit_aside(&mut self, mut event: Event) {
        self.latest = self.latest.max(event.at);
        event.at = self.latest;
        if let Some(packed) = Packed::of(&event) {
            return self.emit(packed);
        }
        self.present.apply_aside(&event);
        let index = self.asides.len() as u64;
        if let Some(packed) = Packed::aside(event.at, event.actor, index) {
            self.batch.push(packed);
            self.asides.push(event);
        }
    }

    /// Hands on what was taken.
    pub(super) fn hand_on(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (events, asides) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.asides));
        self.happened += events.len() as u64;
        let batch = Batch { events: &events, asides: &asides, ..Batch::default() };
        self.tell(|outlet| outlet.take(&batch));
        // Their room is used again.
        (self.batch, self.asides) = (events, asides);
        self.batch.clear();
        self.asides.clear();
    }

    /// An outlet that panics is out; the others and the program go on.
    pub(super) fn tell(&mut self, mut tell: impl FnMut(&mut dyn Outlet)) {
        self.outlets.retain_mut(|outlet| catch_unwind(AssertUnwindSafe(|| tell(&mut **outlet))).is_ok());
    }
}
