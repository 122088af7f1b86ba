//! A column: the moments at which something changed, with a mark each for what it became. Four bytes a
//! change, and to every 16 of them, and every 1024, which marks there are: so that a picture of many
//! changes in one cell need not look at each.

use std::ops::Range;

/// Which of eight marks: one bit each.
pub(super) type Marks = u8;

/// A change is its moment and, in the lowest bits, its mark.
pub(super) const MARK_BITS: u32 = 4;
/// The part of a mark that is looked for; the rest of its bits are its owner's.
const KIND: u32 = 0b111;
/// Moments are below this.
pub(super) const MOST: u64 = 1 << (u32::BITS - MARK_BITS);

const BLOCK: usize = 16;
const LARGE: usize = 64 * BLOCK;

#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    changes: Vec<u32>,
    /// Of what is whole.
    blocks: Vec<Marks>,
    large: Vec<Marks>,
    /// Of the last block, which is not whole: to look back at it costs more than to keep it.
    open: Marks,
}

impl Column {
    /// Adds a change. The moments come in order, and are below [`MOST`].
    #[inline(always)]
    pub fn push(&mut self, moment: u64, mark: u8) {
        let change = change(moment, mark);
        self.changes.push(change);
        self.open |= bit(change);
        if self.changes.len().is_multiple_of(BLOCK) {
            self.close_block();
        }
    }

    #[inline(never)]
    fn close_block(&mut self) {
        self.blocks.push(std::mem::take(&mut self.open));
        if self.changes.len().is_multiple_of(LARGE) {
            let block = self.blocks.len() - LARGE / BLOCK;
            self.large.push(union(self.blocks.get(block..), |marks| *marks));
        }
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The moment and the mark.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(u64, u8)> {
        let change = *self.changes.get(index)?;
        Some((moment_of(change), mark_of(change)))
    }

    /// How many there are up to and including `moment`.
    pub fn until(&self, moment: u64) -> usize {
        if self.changes.last().is_none_or(|last| moment_of(*last) <= moment) {
            return self.changes.len();
        }
        self.changes.partition_point(|other| moment_of(*other) <= moment)
    }

    /// The same, where there are `known` at least: quick if there are about so many more as is `likely`.
    pub fn until_from(&self, known: usize, likely: usize, moment: u64) -> usize {
        until_from(&self.changes, known, likely, |other| moment_of(*other) <= moment)
    }

    /// Which marks there are among these.
    pub fn marks(&self, range: Range<usize>) -> Marks {
        let all = range.start..range.end.min(self.len());
        // What is whole of larger parts is within what is whole of smaller ones.
        let blocks = all.start.div_ceil(BLOCK)..all.end / BLOCK;
        let large = all.start.div_ceil(LARGE)..all.end / LARGE;
        let ones = |range| around(&self.changes, range, &blocks, BLOCK, |change| bit(*change));
        let most = |range| around(&self.blocks, range, &large, LARGE / BLOCK, |marks| *marks);
        ones(all) | most(blocks.clone()) | union(self.large.get(large.clone()), |marks| *marks)
    }

    /// The first of these that has one of these marks.
    pub fn find(&self, range: Range<usize>, wanted: Marks) -> Option<usize> {
        let (mut at, end) = (range.start, range.end.min(self.len()));
        while at < end {
            let lacks = |(size, marks): &&(usize, &[Marks])| {
                at.is_multiple_of(*size)
                    && at + size <= end
                    && marks.get(at / size).is_some_and(|m| m & wanted == 0)
            };
            if let Some((size, _)) = self.parts().iter().find(lacks) {
                at += size;
            } else if self.one(at) & wanted != 0 {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    /// The last of the first `end` that has one of these marks.
    pub fn find_back(&self, end: usize, wanted: Marks) -> Option<usize> {
        let mut end = end.min(self.len());
        while end > 0 {
            let lacks = |(size, marks): &&(usize, &[Marks])| {
                end.is_multiple_of(*size) && marks.get(end / size - 1).is_some_and(|m| m & wanted == 0)
            };
            if let Some((size, _)) = self.parts().iter().find(lacks) {
                end -= size;
            } else if self.one(end - 1) & wanted != 0 {
                return Some(end - 1);
            } else {
                end -= 1;
            }
        }
        None
    }

    /// What is known of many at once: of how many, and which marks each so many have.
    fn parts(&self) -> [(usize, &[Marks]); 2] {
        [(LARGE, &self.large), (BLOCK, &self.blocks)]
    }

    fn one(&self, at: usize) -> Marks {
        self.changes.get(at).map_or(0, |change| bit(*change))
    }
}

/// A change in four bytes.
#[inline]
pub(super) const fn change(moment: u64, mark: u8) -> u32 {
    (moment as u32) << MARK_BITS | mark as u32
}

pub(super) fn moment_of(change: u32) -> u64 {
    u64::from(change >> MARK_BITS)
}

pub(super) fn mark_of(change: u32) -> u8 {
    (change & ((1 << MARK_BITS) - 1)) as u8
}

/// The mark of a change, as one of [`Marks`].
fn bit(change: u32) -> Marks {
    1 << (change & KIND)
}

/// How many of `all` come before the first for which this does not hold, where it holds of `known` at least:
/// quick if there are about so many more as is `likely`. It strides from there, ever further, and then looks
/// between its last two steps.
pub(super) fn until_from<T>(all: &[T], known: usize, likely: usize, holds: impl Fn(&T) -> bool) -> usize {
    let mut low = known.min(all.len());
    let mut high = all.len();
    let near = low.saturating_add(likely).min(all.len());
    let mut step = 1;
    if near == low || holds(&all[near - 1]) {
        low = near;
        while let Some(one) = all.get(low + step - 1) {
            if !holds(one) {
                high = low + step - 1;
                break;
            }
            low += step;
            step *= 2;
        }
    } else {
        high = near - 1;
        while high - low >= step {
            if holds(&all[high - step]) {
                low = high - step + 1;
                break;
            }
            high -= step;
            step *= 2;
        }
    }
    low + all[low..high].partition_point(holds)
}

/// What there is in a range but for the parts within it that are known as a whole, of so many each.
fn around<T>(
    all: &[T],
    range: Range<usize>,
    whole: &Range<usize>,
    size: usize,
    of: impl Fn(&T) -> Marks,
) -> Marks {
    if whole.is_empty() {
        return union(all.get(range), of);
    }
    union(all.get(range.start..whole.start * size), &of) | union(all.get(whole.end * size..range.end), &of)
}

fn union<T>(marks: Option<&[T]>, of: impl Fn(&T) -> Marks) -> Marks {
    marks.unwrap_or_default().iter().fold(0, |all, mark| all | of(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_a_walk_finds(
            runs in prop::collection::vec((0_u8..8, 1_usize..3000), 1..8),
            ends in (0_usize..20_000, 0_usize..20_000),
            wanted in 0_u8..=255,
        ) {
            let marks: Vec<u8> =
                runs.iter().flat_map(|(mark, count)| std::iter::repeat_n(*mark, *count)).collect();
            let mut column = Column::default();
            for (index, mark) in marks.iter().enumerate() {
                column.push(index as u64 * 3 + 1, *mark);
            }
            let (from, end) = (ends.0 % (marks.len() + 1), ends.1 % (marks.len() + 70));
            let is = |mark: &u8| wanted & 1 << mark != 0;
            let part = marks.get(from..end.min(marks.len())).unwrap_or_default();
            prop_assert_eq!(column.find(from..end, wanted), part.iter().position(is).map(|at| from + at));
            prop_assert_eq!(column.marks(from..end), part.iter().fold(0, |all, mark| all | 1 << mark));
            let before = &marks[..end.min(marks.len())];
            prop_assert_eq!(column.find_back(end, wanted), before.iter().rposition(is));
            let moment = ends.0 as u64;
            let until = marks.iter().enumerate().filter(|(index, _)| *index as u64 * 3 < moment).count();
            prop_assert_eq!(column.until(moment), until);
            for likely in [0, 1, end, until.saturating_sub(from), until, usize::MAX] {
                prop_assert_eq!(column.until_from(from.min(until), likely, moment), until);
            }
        }
    }
}
