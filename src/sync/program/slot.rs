//! What one thread writes down: chunks of events, which it alone writes and the recorder's thread alone reads.
//!
//! All words are atomics, so nothing here is `unsafe`; on the processors that matter a relaxed store is a
//! store. What makes an event visible is one release store, of the number of events in its chunk. A chunk
//! that was read is used again, by whatever thread needs one next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::gap::Gaps;
use super::{CHUNK, locked};
use crate::event::{Packed, TaskId};

/// So many events of one thread's.
pub(super) struct Chunk {
    /// How many are written.
    len: AtomicUsize,
    words: Box<[[AtomicU64; 3]; CHUNK]>,
}

impl Chunk {
    fn new() -> Self {
        let words: Vec<[AtomicU64; 3]> = (0..CHUNK).map(|_| Default::default()).collect();
        let Ok(words) = words.into_boxed_slice().try_into() else {
            unreachable!("it was made of that length")
        };
        Self { len: AtomicUsize::new(0), words }
    }

    /// Writes the event after `used` others.
    #[inline]
    pub(super) fn put(&self, used: usize, words: [u64; 3]) {
        for (cell, word) in self.words[used % CHUNK].iter().zip(words) {
            cell.store(word, Ordering::Relaxed);
        }
        self.len.store(used + 1, Ordering::Release);
    }
}

/// The chunks there may be: so many, but one for each thread at least. One without a chunk would lose all that it does,
/// and what others do meanwhile.
pub(super) struct Pool {
    state: Mutex<State>,
    most: usize,
    /// Whether there may be one, since somebody was told that there is none. It changes with the state.
    may_have: AtomicBool,
}

#[derive(Default)]
struct State {
    free: Vec<Arc<Chunk>>,
    made: usize,
    threads: usize,
}

impl Pool {
    /// As many as fit into so many bytes, but one.
    pub(super) fn new(bytes: usize) -> Self {
        let most = (bytes / (CHUNK * size_of::<Packed>())).max(1);
        Self { state: Mutex::default(), most, may_have: AtomicBool::new(true) }
    }

    /// Takes note of another thread.
    pub(super) fn join(&self) {
        let mut state = locked(&self.state);
        state.threads += 1;
        self.may_have.store(true, Ordering::Relaxed);
    }

    /// Takes note of one that is no more.
    pub(super) fn part(&self) {
        locked(&self.state).threads -= 1;
    }

    /// Whether it is worth to ask for one.
    pub(super) fn may_have(&self) -> bool {
        self.may_have.load(Ordering::Relaxed)
    }

    /// A chunk to write to from its beginning, if there may be one more, and whether more than half of all are in use.
    pub(super) fn take(&self) -> Option<(Arc<Chunk>, bool)> {
        let mut state = locked(&self.state);
        let most = self.most.max(state.threads);
        let crowded = state.made - state.free.len() > most / 2;
        if let Some(chunk) = state.free.pop() {
            return Some((chunk, crowded));
        }
        if state.made >= most {
            self.may_have.store(false, Ordering::Relaxed);
            return None;
        }
        state.made += 1;
        drop(state);
        Some((Arc::new(Chunk::new()), crowded))
    }

    /// Takes back a chunk that nobody writes to. Its length stays: whoever takes it writes before it is read.
    pub(super) fn give_back(&self, chunk: Arc<Chunk>) {
        let mut state = locked(&self.state);
        if state.made > self.most.max(state.threads) {
            state.made -= 1;
        } else {
            state.free.push(chunk);
            self.may_have.store(true, Ordering::Relaxed);
        }
    }
}

/// One thread, as the recorder's thread sees it.
pub(super) struct Slot {
    /// Its operations have numbers from here on.
    number: u64,
    handed: Mutex<Handed>,
    /// It has ended, and its operations had numbers below this.
    ended: AtomicBool,
    next_op: AtomicU64,
}

/// What a thread hands to the recorder's, which comes for it.
#[derive(Default)]
struct Handed {
    /// Oldest first; all but the last are full.
    chunks: VecDeque<Arc<Chunk>>,
    lost: Gaps,
}

impl Slot {
    pub(super) fn new(number: u64, next_op: u64) -> Self {
        let (ended, next_op) = (AtomicBool::new(false), AtomicU64::new(next_op));
        Self { number, handed: Mutex::default(), ended, next_op }
    }

    /// Hands over a chunk that something is in.
    pub(super) fn hand(&self, chunk: Arc<Chunk>) {
        locked(&self.handed).chunks.push_back(chunk);
    }

    /// Says that an event of this stamp and task is lost, and whether it goes `on` from the last that was.
    pub(super) fn lose(&self, stamp: u64, task: TaskId, on: bool) {
        locked(&self.handed).lost.lose(stamp, task, on);
    }

    pub(super) fn end(&self, next_op: u64) {
        self.next_op.store(next_op, Ordering::Relaxed);
        self.ended.store(true, Ordering::Release);
    }
}

/// What was read of one thread, and what can be.
pub(super) struct Reader {
    slot: Arc<Slot>,
    chunks: VecDeque<Arc<Chunk>>,
    /// The place of the first event of the first chunk; places count all events of the thread.
    base: u64,
    /// The next event to be read, and the end of what was found.
    next: u64,
    found: u64,
    /// What it was seen to have lost.
    pub(super) lost: Gaps,
}

impl Reader {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot, chunks: VecDeque::new(), base: 0, next: 0, found: 0, lost: Gaps::default() }
    }

    /// Looks how many events there are, and what is lost.
    pub(super) fn look(&mut self) -> u64 {
        let mut handed = locked(&self.slot.handed);
        self.chunks.append(&mut handed.chunks);
        self.lost.append(&mut handed.lost);
        drop(handed);
        let last = self.chunks.back().map_or(0, |last| last.len.load(Ordering::Acquire));
        self.base + (self.chunks.len().saturating_sub(1) * CHUNK + last) as u64
    }

    /// How many events were found.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    pub(super) fn set_found(&mut self, found: u64) {
        self.found = found;
    }

    /// The stamp of the event at this place, which has been looked at and was not read.
    pub(super) fn stamp_at(&self, place: u64) -> u64 {
        let index = (place - self.base) as usize;
        self.chunks[index / CHUNK].words[index % CHUNK][0].load(Ordering::Relaxed)
    }

    /// The stamp of the next event, if it was found.
    pub(super) fn peek(&self) -> Option<u64> {
        (self.next < self.found).then(|| self.stamp_at(self.next))
    }

    /// Reads on as long as events were found and have stamps up to `until`.
    #[inline]
    pub(super) fn read(&mut self, until: u64, pool: &Pool, mut take: impl FnMut([u64; 3])) {
        while self.next < self.found
            && let Some(chunk) = self.chunks.front()
        {
            let end = (self.found - self.base).min(CHUNK as u64) as usize;
            let rest = &chunk.words[(self.next - self.base) as usize..end];
            let words = rest.iter().map(|cell| cell.each_ref().map(|word| word.load(Ordering::Relaxed)));
            for words in words {
                if words[0] > until {
                    return;
                }
                take(words);
                self.next += 1;
            }
            if end == CHUNK {
                self.base = self.next;
                self.chunks.pop_front().into_iter().for_each(|chunk| pool.give_back(chunk));
            }
        }
    }

    /// Whether nothing more can come of this thread; then its number, for another one.
    pub(super) fn over(&mut self, pool: &Pool) -> Option<(u64, u64)> {
        // In this order: what it wrote last was written before it ended.
        if !self.slot.ended.load(Ordering::Acquire) || self.look() != self.next {
            return None;
        }
        for chunk in self.chunks.drain(..) {
            pool.give_back(chunk);
        }
        Some((self.slot.number, self.slot.next_op.load(Ordering::Relaxed)))
    }
}
