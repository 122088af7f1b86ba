//! Groups of owners, as they are kept: their ids are small or near each other, so that most take a byte.

use super::state::Owners;
use crate::compact::bytes::{Reader, number};

/// Groups, each beside the number of the change that it came with. These numbers only grow.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    bytes: Vec<u8>,
    /// The number of every so many, and where its bytes begin. Apart, because pairs would take a third more.
    starts: Vec<u32>,
    places: Vec<usize>,
    count: usize,
    last: u32,
}

/// So many groups are read to find one, at most.
const STRIDE: usize = 12;

/// A group says first how many it names, and how many more there are, as one number.
const COUNTS: u64 = Owners::NAMED as u64 + 1;

impl Groups {
    /// Adds the group that came with change `at`.
    pub fn push(&mut self, at: u32, owners: &Owners) {
        if self.count.is_multiple_of(STRIDE) {
            self.starts.push(at);
            self.places.push(self.bytes.len());
            self.last = at;
        }
        self.count += 1;
        number(&mut self.bytes, u64::from(at - self.last));
        self.last = at;
        let named = owners.named().count() as u64;
        number(&mut self.bytes, u64::from(owners.more) * COUNTS + named);
        let mut before = 0;
        for task in owners.named() {
            number(&mut self.bytes, u64::from(task.0 - before));
            before = task.0;
        }
    }

    /// The group that came with change `at`.
    pub fn get(&self, at: u32) -> Option<Owners> {
        let block = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        let mut here = *self.starts.get(block)?;
        let mut from = Reader(self.bytes.get(*self.places.get(block)?..)?);
        for _ in 0..STRIDE {
            here += from.small().ok()?;
            let counts = from.number().ok()?;
            let mut named = [0; Owners::NAMED];
            let named = &mut named[..(counts % COUNTS) as usize];
            let mut before = 0;
            for task in &mut *named {
                before += from.small().ok()?;
                *task = before;
            }
            if here == at {
                return Some(Owners::new(named, (counts / COUNTS) as u32));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_put_in_is_found(
            all in prop::collection::vec(
                (1_u32..4, prop::collection::btree_set(0_u32..0x10_0000, 0..=Owners::NAMED), 0_u32..=u32::MAX),
                0..200,
            ),
        ) {
            let (mut groups, mut kept, mut at) = (Groups::default(), Vec::new(), 0);
            for (apart, named, more) in all {
                at += apart;
                let named: Vec<u32> = named.into_iter().collect();
                kept.push((at, Owners::new(&named, more)));
                groups.push(at, &Owners::new(&named, more));
            }
            for (at, owners) in &kept {
                prop_assert_eq!(groups.get(*at), Some(*owners));
            }
            for nowhere in (0..at + 2).filter(|at| kept.binary_search_by_key(at, |(at, _)| *at).is_err()) {
                prop_assert_eq!(groups.get(nowhere), None);
            }
        }
    }
}
