//! The order of all threads' events: that of their stamps.
//!
//! Stamps agree with what must come before what: if an event comes after another of the same thread, lock or
//! acquisition, it has a greater stamp, and the other was written before it was. But a thread may be stopped
//! between its stamp and its writing, so that an event turns up later than others with greater stamps. What
//! is handed on must not lack anything that comes before it. So [`Heads::look`] looks at all rings again and
//! again, until it finds nothing more with a stamp up to `now`. What it had found *then* is whole: of each
//! such event, all that comes before it was written before it was found, has a smaller stamp, and would have
//! been found by the last look; the last look found nothing. What turns up later still comes before nothing
//! that was handed on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slot::Slot;

/// How far each ring can be read.
#[derive(Default)]
pub(super) struct Heads {
    slots: Vec<&'static Slot>,
    heads: Vec<u64>,
}

/// Room is given back after so many events.
const GIVE_BACK: u64 = 1024;

impl Heads {
    /// Finds all that can be read up to `now`, and what must come before it. `slots` tells the rings, which
    /// become more.
    pub(super) fn look(&mut self, now: u64, slots: impl Fn() -> Vec<&'static Slot>) {
        let mut before = std::mem::take(&mut self.heads);
        loop {
            self.slots = slots();
            self.heads = self.slots.iter().map(|slot| slot.head()).collect();
            let more = self.slots.iter().zip(&self.heads).enumerate().any(|(index, (slot, &head))| {
                let known = before.get(index).map_or(slot.tail(), |&known| known.max(slot.tail()));
                head > known && slot.stamp_at(known) <= now
            });
            if !more {
                // What this look found beyond the last one is later than now, or may lack what comes before.
                before.resize_with(self.heads.len(), || 0);
                for ((known, slot), head) in before.iter().zip(&self.slots).zip(&mut self.heads) {
                    *head = (*known).max(slot.tail());
                }
                return;
            }
            before = self.heads.clone();
        }
    }

    /// Reads what was found, in order, and gives its room back.
    pub(super) fn read(&mut self, now: u64, mut take: impl FnMut([u64; 3])) {
        let next = |index: usize, place: u64| {
            let stamp = self.slots[index].stamp_at(place);
            (place < self.heads[index] && stamp <= now).then_some(Reverse((stamp, index)))
        };
        let mut heap: BinaryHeap<_> =
            self.slots.iter().enumerate().filter_map(|(index, slot)| next(index, slot.tail())).collect();
        while let Some(Reverse((_, index))) = heap.pop() {
            // One thread's events often come in a row.
            let slot = self.slots[index];
            let mut place = slot.tail();
            loop {
                take(slot.read(place));
                place += 1;
                if place.is_multiple_of(GIVE_BACK) {
                    slot.set_tail(place);
                }
                match (next(index, place), heap.peek()) {
                    (Some(own), Some(other)) if own < *other => {
                        heap.push(own);
                        break;
                    }
                    (Some(_), _) => {}
                    (None, _) => break,
                }
            }
            slot.set_tail(place);
        }
    }
}
