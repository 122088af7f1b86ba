//! Where each of many places stands.

use std::collections::{HashMap, VecDeque};

use super::Placed;
use crate::event::OpId;

/// Where the places of operations stand. They are numbered on and on: what leaves at the front moves nobody.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The number of the first.
    begin: u64,
    /// The first of each operation.
    first: HashMap<OpId, u64>,
    /// The further ones of those that have several, which no lock's have.
    more: HashMap<OpId, VecDeque<u64>>,
    /// Which have left.
    gone: VecDeque<bool>,
    /// How many of each so many numbers, and of all.
    chunks: VecDeque<usize>,
    pub(super) gaps: usize,
}

/// Gaps are counted by so many numbers.
const CHUNK: u64 = 1024;

impl Index {
    pub(super) fn of<P: Placed>(all: &[P]) -> Self {
        let mut index = Self { first: HashMap::with_capacity(all.len() * 2), ..Self::default() };
        for place in all {
            index.add(place.op());
        }
        index
    }

    pub(super) fn add(&mut self, op: OpId) {
        let number = self.begin + self.gone.len() as u64;
        self.gone.push_back(false);
        let first = *self.first.entry(op).or_insert(number);
        if first != number {
            self.more.entry(op).or_default().push_back(number);
        }
    }

    pub(super) fn find(&self, op: OpId) -> Option<usize> {
        self.first.get(&op).map(|number| (number - self.begin) as usize)
    }

    /// Forgets the first place of an operation.
    pub(super) fn remove(&mut self, op: OpId) {
        let more = if self.more.is_empty() { None } else { self.more.get_mut(&op) };
        let Some(more) = more else {
            self.first.remove(&op);
            return;
        };
        if let Some(next) = more.pop_front() {
            self.first.insert(op, next);
        }
        if more.is_empty() {
            self.more.remove(&op);
        }
    }

    /// Whether one has left.
    pub(super) fn is_gap(&self, at: usize) -> bool {
        self.gaps > 0 && self.gone.get(at).is_some_and(|gone| *gone)
    }

    /// Which chunk one is in.
    fn chunk(&self, at: usize) -> usize {
        ((self.begin + at as u64) / CHUNK - self.begin / CHUNK) as usize
    }

    /// Makes one a gap.
    pub(super) fn open_gap(&mut self, at: usize) {
        let chunk = self.chunk(at);
        if chunk >= self.chunks.len() {
            self.chunks.resize(chunk + 1, 0);
        }
        self.chunks[chunk] += 1;
        self.gone[at] = true;
        self.gaps += 1;
    }

    /// Forgets the first, if it has left.
    pub(super) fn close_first(&mut self) -> bool {
        let closes = self.gone.pop_front_if(|gone| *gone).is_some();
        if closes {
            self.gaps -= 1;
            self.chunks[0] -= 1;
            self.begin += 1;
            if self.begin.is_multiple_of(CHUNK) {
                self.chunks.pop_front();
            }
        }
        closes
    }

    /// Forgets the last, if it has left.
    pub(super) fn close_last(&mut self) -> bool {
        let closes = self.gone.pop_back_if(|gone| *gone).is_some();
        if closes {
            let chunk = self.chunk(self.gone.len());
            self.gaps -= 1;
            self.chunks[chunk] -= 1;
        }
        closes
    }

    /// How many there are, with those that have left.
    pub(super) fn len(&self) -> usize {
        self.gone.len()
    }

    /// How many before this one have left.
    pub(super) fn gaps_before(&self, at: usize) -> usize {
        if self.gaps == 0 {
            return 0;
        }
        let before: usize = self.chunks.iter().take(self.chunk(at)).sum();
        let begin = at.saturating_sub(((self.begin + at as u64) % CHUNK) as usize);
        before + self.gone.range(begin..at).filter(|gone| **gone).count()
    }
}
