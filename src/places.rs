//! Places with a lock, in the order in which they were taken: of those who have it, or of those who wait.
//!
//! Each is of an operation, by which it is found and taken out again, as quickly among ten thousand as among ten.
//! Few are looked through, and close ranks when one leaves. Where there are many an index tells where each stands,
//! and whoever leaves leaves a gap; gaps are closed when they are half of all.

use std::collections::{HashMap, VecDeque};
use std::{fmt, slice};

use crate::event::OpId;

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
/// use lockscope::event::OpId;
/// use lockscope::places::{Placed, Places};
///
/// #[derive(Debug, Clone, Copy, PartialEq)]
/// struct Waiter(u64);
/// impl Placed for Waiter {
///     fn op(&self) -> OpId {
///         OpId(self.0)
///     }
/// }
///
/// let mut queue = Places::default();
/// (1..=10_000).for_each(|op| queue.push_back(Waiter(op)));
/// // Somebody gives up.
/// assert_eq!(queue.rank(OpId(5_000)), Some(4_999));
/// assert_eq!(queue.take(OpId(5_000)), Some(Waiter(5_000)));
/// assert_eq!((queue.len(), queue.rank(OpId(5_001))), (9_999, Some(4_999)));
/// assert_eq!(queue.pop_front(), Some(Waiter(1)));
/// ```
pub struct Places<P> {
    /// Behind those that have left at the front: theirs is the room before `begin`. Others that have left are gaps
    /// in it; neither the first nor the last is one.
    all: Vec<P>,
    begin: usize,
    /// Where each stands; those who are few have none.
    index: Option<Box<Index>>,
}

/// Where the places of operations stand. They are numbered on and on: what leaves at the front moves nobody.
#[derive(Debug, Default)]
struct Index {
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
    gaps: usize,
}

/// Gaps are counted by so many numbers.
const CHUNK: u64 = 1024;

impl Index {
    fn of<P: Placed>(all: &[P]) -> Self {
        let mut index = Self { first: HashMap::with_capacity(all.len() * 2), ..Self::default() };
        for place in all {
            index.add(place.op());
        }
        index
    }

    fn add(&mut self, op: OpId) {
        let number = self.begin + self.gone.len() as u64;
        self.gone.push_back(false);
        let first = *self.first.entry(op).or_insert(number);
        if first != number {
            self.more.entry(op).or_default().push_back(number);
        }
    }

    fn find(&self, op: OpId) -> Option<usize> {
        self.first.get(&op).map(|number| (number - self.begin) as usize)
    }

    /// Forgets the first place of an operation.
    fn remove(&mut self, op: OpId) {
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
    fn is_gap(&self, at: usize) -> bool {
        self.gaps > 0 && self.gone.get(at).is_some_and(|gone| *gone)
    }

    /// Which chunk one is in.
    fn chunk(&self, at: usize) -> usize {
        ((self.begin + at as u64) / CHUNK - self.begin / CHUNK) as usize
    }

    /// Makes one a gap.
    fn open_gap(&mut self, at: usize) {
        let chunk = self.chunk(at);
        if chunk >= self.chunks.len() {
            self.chunks.resize(chunk + 1, 0);
        }
        self.chunks[chunk] += 1;
        self.gone[at] = true;
        self.gaps += 1;
    }

    /// Forgets the first, if it has left.
    fn close_first(&mut self) -> bool {
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
    fn close_last(&mut self) -> bool {
        let closes = self.gone.pop_back_if(|gone| *gone).is_some();
        if closes {
            let chunk = self.chunk(self.gone.len());
            self.gaps -= 1;
            self.chunks[chunk] -= 1;
        }
        closes
    }

    /// How many before this one have left.
    fn gaps_before(&self, at: usize) -> usize {
        if self.gaps == 0 {
            return 0;
        }
        let before: usize = self.chunks.iter().take(self.chunk(at)).sum();
        let begin = at.saturating_sub(((self.begin + at as u64) % CHUNK) as usize);
        before + self.gone.range(begin..at).filter(|gone| **gone).count()
    }
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
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut P> {
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
    pub fn front_mut(&mut self) -> Option<&mut P> {
        self.all.get_mut(self.begin)
    }

    /// The last.
    #[inline]
    pub fn back(&self) -> Option<&P> {
        self.all.last()
    }

    /// The last, to be changed in all but its operation.
    #[inline(always)]
    pub fn back_mut(&mut self) -> Option<&mut P> {
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
    pub fn nth_mut(&mut self, rank: usize) -> Option<&mut P> {
        self.iter_mut().nth(rank)
    }

    /// The first that is of this operation.
    #[inline]
    pub fn get(&self, op: OpId) -> Option<&P> {
        self.there().get(self.find(op)?)
    }

    /// The same, to be changed in all but its operation.
    #[inline]
    pub fn get_mut(&mut self, op: OpId) -> Option<&mut P> {
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
    pub fn push_back(&mut self, place: P) {
        if self.all.len() - self.begin >= FEW / 2 {
            self.index_next(place.op());
        }
        self.all.push(place);
    }

    /// Takes the first out, where nobody asks what it was.
    #[inline(always)]
    pub fn drop_front(&mut self) {
        if self.index.is_some() {
            self.leave_many(0);
        } else {
            self.pass_first();
        }
    }

    /// Takes the first out.
    #[inline]
    pub fn pop_front(&mut self) -> Option<P> {
        let first = *self.front()?;
        self.drop_front();
        Some(first)
    }

    /// Takes the first out that is of this operation.
    #[inline]
    pub fn take(&mut self, op: OpId) -> Option<P> {
        let at = self.find_to_change(op)?;
        let place = self.there().get(at).copied();
        self.leave(at);
        place
    }

    /// The same, where nobody asks what it was: whether there was one.
    #[inline]
    pub fn remove(&mut self, op: OpId) -> bool {
        let at = self.find_to_change(op);
        if let Some(at) = at {
            self.leave(at);
        }
        at.is_some()
    }

    /// Takes all out.
    #[inline(always)]
    pub fn clear(&mut self) {
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
        let (left, gaps) = (index.gone.len(), index.gaps);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Place(u64, u32);

    impl Placed for Place {
        fn op(&self) -> OpId {
            OpId(self.0)
        }
    }

    #[derive(Debug, Clone)]
    enum Act {
        Push(u64),
        Pop,
        Take(u64),
        Change(u64),
        Clone,
    }

    /// Seldom fewer than are looked through, and often an operation that has a place already.
    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0_u64..150).prop_map(Act::Push),
            1 => Just(Act::Pop),
            4 => (0_u64..150).prop_map(Act::Take),
            1 => (0_u64..150).prop_map(Act::Change),
            1 => Just(Act::Clone),
        ];
        prop::collection::vec(act, 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn they_are_what_a_list_would_be(acts in acts(), then in prop::collection::vec(0_u64..150, 0..200)) {
            let (mut places, mut list) = (Places::default(), Vec::new());
            for (number, act) in (0..).zip(acts.into_iter().chain(then.into_iter().map(Act::Take))) {
                let at = |op: u64, list: &[Place]| list.iter().position(|place| place.0 == op);
                match act {
                    Act::Push(op) => {
                        places.push_back(Place(op, number));
                        list.push(Place(op, number));
                    }
                    Act::Pop => {
                        let first = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(places.pop_front(), first);
                    }
                    Act::Take(op) => {
                        let at = at(op, &list);
                        prop_assert_eq!(places.rank(OpId(op)), at);
                        let one = at.map(|at| list.remove(at));
                        prop_assert_eq!(places.get(OpId(op)).copied(), one);
                        prop_assert_eq!(places.take(OpId(op)), one);
                    }
                    Act::Change(op) => {
                        if let Some(place) = places.get_mut(OpId(op)) {
                            place.1 += 1;
                        }
                        if let Some(at) = at(op, &list) {
                            list[at].1 += 1;
                        }
                    }
                    Act::Clone => {
                        let copy = places.clone();
                        prop_assert_eq!(&copy, &places);
                        places = copy;
                    }
                }
                prop_assert_eq!((places.len(), places.is_empty()), (list.len(), list.is_empty()));
                prop_assert!(places.iter().eq(&list));
                prop_assert_eq!((places.front(), places.back()), (list.first(), list.last()));
                let middle = list.len() / 2;
                prop_assert_eq!(places.nth(middle), list.get(middle));
                prop_assert_eq!(places.nth_mut(middle), list.get_mut(middle));
                prop_assert_eq!(places.only(), if let [only] = &list[..] { Some(only) } else { None });
                prop_assert!(places.all.len() <= places.len() * 4);
            }
            places.clear();
            prop_assert_eq!((places.len(), places.front()), (0, None));
        }

        /// Those who are very many, wherever some of them leave.
        #[test]
        fn very_many_are_found_and_counted_too(
            count in 0_u64..5_000,
            leave in prop::collection::vec((0_u64..5_000, 1_u64..700), 1..8),
        ) {
            let (mut places, mut list) = (Places::default(), Vec::new());
            for op in 0..count {
                places.push_back(Place(op, 0));
                list.push(op);
            }
            for (from, many) in leave {
                for op in from..from + many {
                    let at = list.binary_search(&op).ok();
                    prop_assert_eq!(places.rank(OpId(op)), at);
                    prop_assert_eq!(places.take(OpId(op)).map(|place| place.0), at.map(|at| list.remove(at)));
                }
                prop_assert!(places.iter().map(|place| &place.0).eq(&list));
                for (at, op) in list.iter().enumerate().step_by(97) {
                    prop_assert_eq!(places.rank(OpId(*op)), Some(at));
                }
            }
        }
    }
}
