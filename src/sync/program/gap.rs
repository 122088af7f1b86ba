//! Where events are missing.
//!
//! A thread that finds no room loses what it does, and whatever others write meanwhile may follow from that: somebody
//! lets go of a lock unseen, and the next has it. Told as if nothing were missing it would be the owner beside the one
//! who was seen last. So a gap is a gap in the whole recording: of whatever has a stamp in it nothing is told but that
//! it is missing.

use crate::event::{Brief, Kind, LockId, OpId, Packed, TaskId};

/// Losses that are further apart than so many ticks of the clock, some ten or hundred microseconds, are gaps of their
/// own: where somebody finds no room for what it does now and then, the others' events are told nevertheless.
pub(super) const APART: u64 = 1 << 18;

/// So many gaps are told apart until the recorder's thread comes for them.
const MOST: usize = 64;

/// From one lost event to another, with all between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Their stamps.
    pub(super) from: u64,
    pub(super) to: u64,
    /// How many events are missing.
    pub(super) events: u64,
    /// One of those whose they are.
    task: TaskId,
}

impl Gap {
    /// The event that tells it.
    pub(super) fn words(&self) -> [u64; 3] {
        let events = OpId(self.events.min(Packed::MAX_OPS - 1));
        Packed::quick(self.to, Kind::Lost, (Brief::NONE, events), self.task, LockId(0)).words()
    }

    fn join(&mut self, other: &Self) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.events += other.events;
    }
}

/// What is lost and not told.
#[derive(Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gaps {
    /// Adds what somebody loses. Where it goes `on` from the last loss it is the same gap.
    pub(super) fn lose(&mut self, stamp: u64, task: TaskId, on: bool) {
        let new = Gap { from: stamp, to: stamp, events: 1, task };
        let many = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last) if many || on && stamp.saturating_sub(last.to) <= APART => last.join(&new),
            _ => self.0.push(new),
        }
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// Whether one begins by then.
    pub(super) fn begin_by(&self, stamp: u64) -> bool {
        self.0.iter().any(|gap| gap.from <= stamp)
    }

    /// Puts them in order and makes one of those that touch.
    pub(super) fn join(&mut self) {
        self.0.sort_unstable_by_key(|gap| (gap.from, gap.to));
        self.0.dedup_by(|next, gap| {
            let touch = next.from <= gap.to;
            if touch {
                gap.join(next);
            }
            touch
        });
    }

    /// The first, of those in order.
    pub(super) fn first(&mut self) -> Option<&mut Gap> {
        self.0.first_mut()
    }

    /// Takes out those that are over before this stamp, of those in order: nothing else is told between them.
    pub(super) fn over_before(&mut self, stamp: u64) -> Option<Gap> {
        let over = self.0.partition_point(|gap| gap.to < stamp);
        self.0.drain(..over).reduce(|mut all, next| {
            all.join(&next);
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_gaps_is_bounded() {
        let mut gaps = Gaps::default();
        (0..1_000).for_each(|place| gaps.lose(2 * place * APART, TaskId(0), true));
        let lost: Vec<_> = gaps.0.iter().map(|gap| gap.events).collect();
        assert_eq!((lost.len(), lost.iter().sum::<u64>()), (MOST, 1_000));
    }
}
