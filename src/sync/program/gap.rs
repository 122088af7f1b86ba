//! Where events are missing.
//!
//! A thread that finds no room loses what it does, and whatever others write meanwhile may follow from that: somebody
//! lets go of a lock unseen, and the next has it. Told as if nothing were missing it would be the owner beside the one
//! who was seen last. So a gap is a gap in the whole recording: of whatever has a stamp in it nothing is told but that
//! it is missing.

use std::collections::VecDeque;

use crate::event::{Brief, Kind, LockId, OpId, Packed, TaskId};

/// Losses that are further apart than so many ticks of the clock are gaps of their own: where somebody finds no room for
/// what it does now and then, the others' events are told nevertheless. It is 0.1 ms where the clock counts some
/// gigahertz, and 10 ms where it counts some dozen megahertz, as it does on some ARM processors.
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
pub(super) struct Gaps(VecDeque<Gap>);

impl Gaps {
    /// Adds what somebody loses. Where it goes `on` from the last loss it is the same gap.
    pub(super) fn lose(&mut self, stamp: u64, task: TaskId, on: bool) {
        let new = Gap { from: stamp, to: stamp, events: 1, task };
        let many = self.0.len() >= MOST;
        match self.0.back_mut() {
            Some(last) if many || on && stamp.saturating_sub(last.to) <= APART => last.join(&new),
            _ => self.0.push_back(new),
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
        let mut all: Vec<Gap> = std::mem::take(&mut self.0).into();
        all.sort_unstable_by_key(|gap| (gap.from, gap.to));
        all.dedup_by(|next, gap| {
            let touch = next.from <= gap.to;
            if touch {
                gap.join(next);
            }
            touch
        });
        self.0 = all.into();
    }

    /// Leaves nothing after this stamp; but what was lost after it in a gap that had begun before is counted still.
    pub(super) fn end(&mut self, end: u64) {
        self.0.retain_mut(|gap| {
            gap.to = gap.to.min(end);
            gap.from <= end
        });
    }

    /// The first, of those in order.
    pub(super) fn first(&mut self) -> Option<&mut Gap> {
        self.0.front_mut()
    }

    /// Takes out those that are over before this stamp, of those in order: nothing else is told between them.
    pub(super) fn over_before(&mut self, stamp: u64) -> Option<Gap> {
        let mut over = self.0.pop_front_if(|gap| gap.to < stamp)?;
        while let Some(next) = self.0.pop_front_if(|gap| gap.to < stamp) {
            over.join(&next);
        }
        Some(over)
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
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
