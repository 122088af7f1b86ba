//! One thread's way into its [chunks](super::slot): stamps that only grow, and the turn from a full chunk to
//! the next one.

use std::sync::Arc;

use super::CHUNK;
use super::slot::{Chunk, Pool, Slot};
use crate::event::{Packed, TaskId};

/// What became of an event.
#[must_use]
pub(super) enum Written {
    There,
    /// It is there, and room is getting scarce.
    Crowded,
    /// There was no room.
    Lost,
}

/// Writes what one thread does.
pub(super) struct Writer {
    slot: Arc<Slot>,
    /// Where it writes, and how much it has written there.
    chunk: Option<Arc<Chunk>>,
    used: usize,
    /// The last stamp.
    last: u64,
    /// Whether it lost the last event.
    loses: bool,
}

impl Writer {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot, chunk: None, used: 0, last: 0, loses: false }
    }

    /// The time, or as much later as is needed to be after `floor` and after all stamps before.
    #[inline]
    pub(super) fn stamp(&mut self, now: u64, floor: u64) -> u64 {
        self.last = now.max(floor.max(self.last) + 1);
        self.last
    }

    /// The last stamp.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Writes an event down that has its stamp.
    #[inline]
    pub(super) fn push(&mut self, pool: &Pool, words: [u64; 3]) -> Written {
        match &self.chunk {
            Some(chunk) if self.used < CHUNK => {
                chunk.put(self.used, words);
                self.used += 1;
                Written::There
            }
            _ => self.turn(pool, words),
        }
    }

    /// Writes to the next chunk, or loses the event.
    #[cold]
    fn turn(&mut self, pool: &Pool, words: [u64; 3]) -> Written {
        self.chunk = None;
        let next = if pool.may_have() { pool.take() } else { None };
        let Some((chunk, crowded)) = next else {
            let on = std::mem::replace(&mut self.loses, true);
            self.slot.lose(words[0], Packed::from_words(words).task(), on);
            return Written::Lost;
        };
        chunk.put(0, words);
        (self.used, self.loses) = (1, false);
        // Nobody sees it before something is in it.
        self.slot.hand(Arc::clone(&chunk));
        self.chunk = Some(chunk);
        if crowded { Written::Crowded } else { Written::There }
    }

    /// Loses an event that cannot be written down at all.
    pub(super) fn lose(&self, stamp: u64, task: TaskId) {
        self.slot.lose(stamp, task, false);
    }

    /// Says that the thread writes no more, and had operations with numbers below this.
    pub(super) fn end(&self, next_op: u64) {
        self.slot.end(next_op);
    }
}
