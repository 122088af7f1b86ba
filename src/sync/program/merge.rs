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
//!
//! What is [lost](super::gap) goes the same way. Whoever loses an event says so where it would have written it, so of what
//! was found before the last look all is known that is missing before it; and before a loss is told, all is that comes
//! before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::gap::Gaps;
use super::slot::{Pool, Reader, Slot};

/// All threads that have written, and what was found of each.
#[derive(Default)]
pub(super) struct Merge {
    readers: Vec<Reader>,
    /// What was found to be lost and is not told.
    gaps: Gaps,
}

impl Merge {
    /// Finds all that can be read up to `now`, and what must come before it. `new` tells the threads that
    /// were not there before, and what is lost that is no thread's.
    pub(super) fn look(&mut self, now: u64, new: impl Fn() -> (Vec<Arc<Slot>>, Gaps)) {
        loop {
            let (threads, mut lost) = new();
            self.readers.extend(threads.into_iter().map(Reader::new));
            let looked: Vec<u64> = self.readers.iter_mut().map(Reader::look).collect();
            self.readers.iter_mut().for_each(|reader| lost.append(&mut reader.lost));
            let more = self.readers.iter().zip(&looked).any(|(reader, &looked)| {
                let found = reader.found();
                looked > found && reader.stamp_at(found) <= now
            });
            let more = more || lost.begin_by(now);
            self.gaps.append(&mut lost);
            if !more {
                // What this look found beyond the last one is later than now, or may lack what comes before.
                return self.gaps.join();
            }
            for (reader, looked) in self.readers.iter_mut().zip(looked) {
                reader.set_found(looked);
            }
        }
    }

    /// Forgets what is lost after the end.
    pub(super) fn end(&mut self, end: u64) {
        self.gaps.end(end);
    }

    /// Reads what was found, in order, and gives its room back: `take` has what is told, `leave` what stands
    /// where others are lost and is lost with them.
    pub(super) fn read(
        &mut self,
        now: u64,
        pool: &Pool,
        mut take: impl FnMut([u64; 3]),
        mut leave: impl FnMut([u64; 3]),
    ) {
        let next = |reader: &Reader, index| {
            reader.peek().filter(|&stamp| stamp <= now).map(|stamp| Reverse((stamp, index)))
        };
        let mut heap: BinaryHeap<_> =
            self.readers.iter().enumerate().filter_map(|(index, reader)| next(reader, index)).collect();
        while let Some(Reverse((stamp, index))) = heap.pop() {
            // One thread's events often come in a row: up to the first of any other thread.
            let until = match heap.peek() {
                Some(Reverse((stamp, other))) => now.min(stamp - u64::from(*other < index)),
                None => now,
            };
            let reader = &mut self.readers[index];
            if let Some(gap) = self.gaps.over_before(stamp) {
                take(gap.words());
            }
            match self.gaps.first() {
                Some(gap) if gap.from <= stamp => reader.read(until.min(gap.to), pool, |words| {
                    gap.events += 1;
                    leave(words);
                }),
                gap => {
                    let until = gap.map_or(until, |gap| until.min(gap.from - 1));
                    reader.read(until, pool, &mut take);
                }
            }
            heap.extend(next(reader, index));
        }
        if let Some(gap) = self.gaps.over_before(now.saturating_add(1)) {
            take(gap.words());
        }
    }

    /// Whether something is lost that is not told yet.
    pub(super) fn has_more(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Forgets threads that have ended, and tells their numbers.
    pub(super) fn forget(&mut self, pool: &Pool, mut free: impl FnMut((u64, u64))) {
        self.readers.retain_mut(|reader| {
            let Some(number) = reader.over(pool) else { return true };
            // What it lost last, it lost before its end.
            self.gaps.append(&mut reader.lost);
            free(number);
            false
        });
    }
}
