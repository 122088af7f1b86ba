//! Places with a lock, in the order in which they were taken: of those who have it, or of those who wait.
//!
//! Each is of an operation, by which it is found and taken out again, as quickly among ten thousand as among ten.
//! Few are looked through, and close ranks when one leaves. Where there are many an index tells where each stands,
//! and whoever leaves leaves a gap; gaps are closed when they are half of all.

mod index;
#[cfg(test)]
mod tests;

use std::{fmt, slice};

use crate::event::OpId;
use index::Index;

/// Fewer are looked through. There is an index of no fewer than half of that.
const FEW: usize = 32;

/// What is of an operation.
pub trait Placed {
    /// Of this one.
    fn op(&self) -> OpId;
}

/// Places, in the order in which they were taken.
///
/// ```
/// use lockscope::event::*;
/// use lockscope::trace::Trace;
///
/// let slots = LockName { name: "slots".into(), kind: LockKind::TokioSemaphore, permits: Some(0) };
/// let names = Names { tasks: vec!["client".into()], locks: vec![slots] };
/// let actor = Actor { task: TaskId(0), step: None };
/// let (lock, mode) = (LockId(0), Mode::Permits(1));
/// let event = |what| Event { seq: 0, at: Time::ZERO, actor, what };
/// // So many wait, and one gives up.
/// let waits = (1..=10_000).map(|op| event(What::Wait { lock, op: OpId(op), mode }));
/// let trace = Trace::of(names, waits.chain([event(What::Cancel { lock, op: OpId(5_000) })]));
///
/// let state = trace.state(trace.len());
/// let queue = &state.locks[0].queue;
/// assert_eq!((queue.len(), queue.front().map(|place| place.op)), (9_999, Some(OpId(1))));
/// assert_eq!((queue.rank(OpId(5_000)), queue.rank(OpId(5_001))), (None, Some(4_999)));
/// ```
pub struct Places<P> {
    /// Behind those that have left at the front: theirs is the room before `begin`. Others that have left are gaps
    /// in it; neither the first nor the last is one.
    all: Vec<P>,
    begin: usize,
    /// Where each stands; those who are few have none.
    index: Option<Box<Index>>,
}

impl<P: Placed + Copy> Places<P> {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.all.len() - self.begin - self.index.as_ref().map_or(0, |index| index.gaps)
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, in order.
    #[inline]
    pub fn iter(&self) -> Iter<'_, P> {
        let index = self.index.as_deref().filter(|index| index.gaps > 0);
        Iter { all: self.there().iter(), at: 0, index }
    }

    /// The same, to be changed in all but their operations.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut P> {
        let index = self.index.as_deref();
        let is_there = move |at: usize| !index.is_some_and(|index| index.is_gap(at));
        let all = self.all.get_mut(self.begin..).unwrap_or_default();
        all.iter_mut().enumerate().filter(move |(at, _)| is_there(*at)).map(|(_, place)| place)
    }

    /// The first.
    #[inline(always)]
    pub fn front(&self) -> Option<&P> {
        self.all.get(self.begin)
    }

    /// The first, to be changed in all but its operation.
    #[inline(always)]
    pub(crate) fn front_mut(&mut self) -> Option<&mut P> {
        self.all.get_mut(self.begin)
    }

    /// The last.
    #[inline]
    pub fn back(&self) -> Option<&P> {
        self.all.last()
    }

    /// The last, to be changed in all but its operation.
    #[inline(always)]
    pub(crate) fn back_mut(&mut self) -> Option<&mut P> {
        self.all.last_mut()
    }

    /// The first, if there is no other.
    #[inline(always)]
    pub fn only(&self) -> Option<&P> {
        if self.all.len() == self.begin + 1 { self.all.last() } else { None }
    }

    /// That before which there are so many.
    pub fn nth(&self, rank: usize) -> Option<&P> {
        if self.has_gaps() { self.iter().nth(rank) } else { self.there().get(rank) }
    }

    /// The same, to be changed in all but its operation.
    pub(crate) fn nth_mut(&mut self, rank: usize) -> Option<&mut P> {
        self.iter_mut().nth(rank)
    }

    /// The first that is of this operation.
    #[inline]
    pub fn get(&self, op: OpId) -> Option<&P> {
        self.there().get(self.find(op)?)
    }

    /// The same, to be changed in all but its operation.
    #[inline]
    pub(crate) fn get_mut(&mut self, op: OpId) -> Option<&mut P> {
        let at = self.find_to_change(op)?;
        self.all.get_mut(self.begin + at)
    }

    /// How many stand before it.
    pub fn rank(&self, op: OpId) -> Option<usize> {
        let at = self.find(op)?;
        Some(at - self.index.as_ref().map_or(0, |index| index.gaps_before(at)))
    }

    /// Adds the last.
    #[inline(always)]
    pub(crate) fn push_back(&mut self, place: P) {
        if self.all.len() - self.begin >= FEW / 2 {
            self.index_next(place.op());
        }
        self.all.push(place);
    }

    /// Takes the first out.
    #[inline(always)]
    pub(crate) fn drop_front(&mut self) {
        if self.index.is_some() {
            self.leave_many(0);
        } else {
            self.pass_first();
        }
    }

    /// Takes the first out that is of this operation.
    #[inline]
    pub(crate) fn take(&mut self, op: OpId) -> Option<P> {
        let at = self.find_to_change(op)?;
        let place = self.there().get(at).copied();
        self.leave(at);
        place
    }

    /// The same, where nobody asks what it was: whether there was one.
    #[inline]
    pub(crate) fn remove(&mut self, op: OpId) -> bool {
        let at = self.find_to_change(op);
        if let Some(at) = at {
            self.leave(at);
        }
        at.is_some()
    }

    /// Takes all out.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.begin = 0;
        if self.index.is_some() {
            self.forget_index();
        }
    }

    /// With the gaps.
    #[inline(always)]
    fn there(&self) -> &[P] {
        self.all.get(self.begin..).unwrap_or_default()
    }

    /// Moves the beginning on.
    #[inline(always)]
    fn pass_first(&mut self) {
        let left = self.all.len() - self.begin;
        if left <= 1 {
            self.all.clear();
            self.begin = 0;
            return;
        }
        self.begin += 1;
        if self.begin >= left {
            self.move_up();
        }
    }

    /// Uses the room of those again that have left at the front, when it is half of all.
    #[inline(never)]
    fn move_up(&mut self) {
        self.all.drain(..self.begin);
        self.begin = 0;
    }

    /// Where the first place of an operation stands. Nearly always it is the first of all.
    #[inline(always)]
    fn find(&self, op: OpId) -> Option<usize> {
        if self.front()?.op() == op { Some(0) } else { self.find_further(op) }
    }

    #[inline(never)]
    fn find_further(&self, op: OpId) -> Option<usize> {
        match &self.index {
            None => self.there().iter().position(|place| place.op() == op),
            Some(index) => index.find(op),
        }
    }

    /// The same, of one that is about to change or to leave.
    #[inline]
    fn find_to_change(&mut self, op: OpId) -> Option<usize> {
        if self.front()?.op() == op {
            return Some(0);
        }
        self.see_to_index();
        self.find_further(op)
    }

    #[inline]
    fn leave(&mut self, at: usize) {
        if self.index.is_some() {
            self.leave_many(at);
        } else if at == 0 {
            self.pass_first();
        } else {
            self.all.remove(self.begin + at);
        }
    }

    // What follows is of many: apart, so that what is of few stays small.

    fn has_gaps(&self) -> bool {
        self.index.as_ref().is_some_and(|index| index.gaps > 0)
    }

    #[inline]
    fn see_to_index(&mut self) {
        if self.all.len() - self.begin >= FEW && self.index.is_none() {
            self.index_all();
        }
    }

    #[cold]
    #[inline(never)]
    fn index_all(&mut self) {
        self.index = Some(Box::new(Index::of(self.there())));
    }

    #[cold]
    #[inline(never)]
    fn index_next(&mut self, op: OpId) {
        // So that whoever only looks finds it too.
        self.see_to_index();
        if let Some(index) = &mut self.index {
            index.add(op);
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_index(&mut self) {
        self.index = None;
    }

    /// Lets one of many go, leaving a gap unless it is the first or the last.
    #[cold]
    #[inline(never)]
    fn leave_many(&mut self, at: usize) {
        let Some(op) = self.there().get(at).map(Placed::op) else { return };
        let Some(index) = &mut self.index else { return };
        index.remove(op);
        index.open_gap(at);
        while index.close_last() {
            self.all.pop();
        }
        let mut first = 0;
        while index.close_first() {
            first += 1;
        }
        // Not at once when they are few: the next may be one too many again.
        let (left, gaps) = (index.len(), index.gaps);
        if left - gaps <= FEW / 2 || gaps > left - gaps {
            let rest = Self { all: self.iter_from(first).copied().collect(), ..Self::default() };
            *self = rest;
            return;
        }
        (0..first).for_each(|_| self.pass_first());
    }

    /// Those of so many on, which the index has forgotten already.
    fn iter_from(&self, first: usize) -> Iter<'_, P> {
        let all = self.there().get(first..).unwrap_or_default();
        Iter { all: all.iter(), at: 0, index: self.index.as_deref() }
    }
}

/// What [`Places::iter`] gives.
#[derive(Debug, Clone)]
pub struct Iter<'a, P> {
    all: slice::Iter<'a, P>,
    /// Where the next stands; only counted where there are gaps.
    at: usize,
    index: Option<&'a Index>,
}

impl<'a, P> Iterator for Iter<'a, P> {
    type Item = &'a P;

    #[inline]
    fn next(&mut self) -> Option<&'a P> {
        let Some(index) = self.index else { return self.all.next() };
        loop {
            let place = self.all.next()?;
            self.at += 1;
            if !index.is_gap(self.at - 1) {
                return Some(place);
            }
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, &'a P) -> B>(self, init: B, mut fold: F) -> B {
        let Self { all, at, index } = self;
        match index {
            None => all.fold(init, fold),
            Some(index) => {
                let there = |(at, place)| if index.is_gap(at) { None } else { Some(place) };
                (at..).zip(all).filter_map(there).fold(init, &mut fold)
            }
        }
    }
}

impl<'a, P: Placed + Copy> IntoIterator for &'a Places<P> {
    type Item = &'a P;
    type IntoIter = Iter<'a, P>;

    fn into_iter(self) -> Iter<'a, P> {
        self.iter()
    }
}

impl<P> Default for Places<P> {
    fn default() -> Self {
        Self { all: Vec::new(), begin: 0, index: None }
    }
}

/// Without gaps and index: most copies are looked at, or kept.
impl<P: Placed + Copy> Clone for Places<P> {
    fn clone(&self) -> Self {
        let mut all = Vec::with_capacity(self.len());
        all.extend(self);
        Self { all, ..Self::default() }
    }
}

impl<P: Placed + Copy + PartialEq> PartialEq for Places<P> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl<P: Placed + Copy + Eq> Eq for Places<P> {}

impl<P: Placed + Copy + fmt::Debug> fmt::Debug for Places<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
