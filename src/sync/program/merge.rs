//! The order of all threads' events: that of their stamps.
//!
//! Stamps agree with what must come before what: if an event comes after another of the same thread, lock or
//! acquisition, it has a greater stamp, and the other was written before it was. But a thread may be stopped
//! between its stamp and its writing, so that an event turns up later than others with greater stamps. What
//! is handed on must not lack anything that comes before it. So [`Merge::look`] looks at all threads again and
//! again, until it finds nothing more with a stamp up to `now`. What it had found *before* that last look is
//! whole: of each such event, all that comes before it was written before it was found, has a smaller stamp,
//! and so would have been found by the last look, which found nothing. What turns up later still comes before
//! nothing that was handed on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::slot::{Pool, Reader, Slot};

/// All threads that have written, and what was found of each.
#[derive(Default)]
pub(super) struct Merge(Vec<Reader>);

impl Merge {
    /// Finds all that can be read up to `now`, and what must come before it. `new` tells the threads that
    /// were not there before.
    pub(super) fn look(&mut self, now: u64, new: impl Fn() -> Vec<Arc<Slot>>) {
        loop {
            self.0.extend(new().into_iter().map(Reader::new));
            let looked: Vec<u64> = self.0.iter_mut().map(Reader::look).collect();
            let more = self.0.iter().zip(&looked).any(|(reader, &looked)| {
                let found = reader.found();
                looked > found && reader.stamp_at(found) <= now
            });
            if !more {
                // What this look found beyond the last one is later than now, or may lack what comes before.
                return;
            }
            for (reader, looked) in self.0.iter_mut().zip(looked) {
                reader.set_found(looked);
            }
        }
    }

    /// Reads what was found, in order, and gives its room back.
    pub(super) fn read(&mut self, now: u64, pool: &Pool, mut take: impl FnMut([u64; 3])) {
        let next = |reader: &Reader, index| {
            reader.peek().filter(|&stamp| stamp <= now).map(|stamp| Reverse((stamp, index)))
        };
        let mut heap: BinaryHeap<_> =
            self.0.iter().enumerate().filter_map(|(index, reader)| next(reader, index)).collect();
        while let Some(Reverse((_, index))) = heap.pop() {
            // One thread's events often come in a row: up to the first of any other thread.
            let until = match heap.peek() {
                Some(Reverse((stamp, other))) => now.min(stamp - u64::from(*other < index)),
                None => now,
            };
            let reader = &mut self.0[index];
            reader.read(until, pool, &mut take);
            heap.extend(next(reader, index));
        }
    }

    /// Forgets threads that have ended, and tells their numbers. Gives how many events they have lost and not told.
    pub(super) fn forget(&mut self, pool: &Pool, mut free: impl FnMut((u64, u64))) -> u64 {
        let mut lost = 0;
        self.0.retain_mut(|reader| {
            let Some(number) = reader.over(pool) else { return true };
            // In this order: what is lost last is lost before the end.
            lost += reader.take_lost();
            free(number);
            false
        });
        lost
    }

    /// Takes over what threads have lost and not told: one that rests may not for long.
    pub(super) fn take_lost(&mut self) -> u64 {
        self.0.iter_mut().map(Reader::take_lost).sum()
    }
}
