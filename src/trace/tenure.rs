//! Tenures: whose a lock was, and since when.

use std::fmt;

use super::column::Column;
use super::events::Events;
use super::groups::Groups;
use super::state::Owners;
use crate::event::{TaskId, Time};

/// From `at` on the lock belonged to these tasks, until the next tenure begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The event that began it.
    pub seq: u64,
    /// Its moment.
    pub at: Time,
    /// Whose it was. A granted lock is its receiver's already.
    pub owners: Owners,
    /// Granted, but none of its owners has run yet.
    pub granted: bool,
}

/// Marks: nobody's; only the task's that acted in the event; or somebody's who is told elsewhere.
const NOBODY: u8 = 0;
const ACTOR: u8 = 1;
const ELSEWHERE: u8 = 2;
/// Beside one of these: none of the owners has run yet.
const GRANTED: u8 = 1 << 3;

/// A lock's tenures, as they are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Owned {
    column: Column,
    elsewhere: Groups,
    last: (Owners, bool),
}

impl Owned {
    /// Takes note that after `moment`, in which `actor` acted, the lock is theirs.
    #[inline]
    pub fn note(&mut self, moment: u64, actor: TaskId, now: (Owners, bool)) {
        if self.last == now {
            return;
        }
        self.last = now;
        let (owners, granted) = now;
        let mark = if owners.is_empty() && owners.more == 0 {
            NOBODY
        } else if owners == Owners::only(actor) {
            ACTOR
        } else {
            self.elsewhere.push(self.column.len() as u32, &owners);
            ELSEWHERE
        };
        self.column.push(moment, mark | if granted { GRANTED } else { 0 });
    }

    /// The same, where it was another's, and is this one's alone or nobody's.
    #[inline(always)]
    pub fn change(&mut self, moment: u64, owner: Option<TaskId>, granted: bool) {
        self.last = (owner.map_or_else(Owners::default, Owners::only), granted);
        let mark = if owner.is_some() { ACTOR } else { NOBODY };
        self.column.push(moment, mark | if granted { GRANTED } else { 0 });
    }

    fn owners(&self, events: &Events, index: usize) -> Option<Owners> {
        let (seq, mark) = self.column.get(index)?;
        match mark & !GRANTED {
            NOBODY => Some(Owners::default()),
            ACTOR => Some(Owners::only(events.task(seq))),
            _ => self.elsewhere.get(index as u32),
        }
    }

    pub fn until<'a>(&'a self, events: &'a Events, moment: u64) -> Tenures<'a> {
        Tenures { owned: Some((self, events)), len: self.column.until(moment) }
    }
}

/// A lock's tenures up to some moment, oldest first.
#[derive(Clone, Copy, Default)]
pub struct Tenures<'a> {
    owned: Option<(&'a Owned, &'a Events)>,
    len: usize,
}

impl<'a> Tenures<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tenure of this index.
    pub fn get(&self, index: usize) -> Option<Tenure> {
        let (seq, mark) = self.change(index)?;
        let (at, owners) = (self.at(index)?, self.owners(index)?);
        Some(Tenure { seq, at, owners, granted: mark & GRANTED != 0 })
    }

    /// The event that began it, and its mark.
    fn change(&self, index: usize) -> Option<(u64, u8)> {
        self.owned.filter(|_| index < self.len)?.0.column.get(index)
    }

    /// When it [began](Tenure::at).
    pub(crate) fn at(&self, index: usize) -> Option<Time> {
        let (seq, _) = self.change(index)?;
        self.owned.map(|(_, events)| events.at(seq))
    }

    /// Its [owners](Tenure::owners); to find them takes longer than all else.
    pub(crate) fn owners(&self, index: usize) -> Option<Owners> {
        let (owned, events) = self.owned.filter(|_| index < self.len)?;
        owned.owners(events, index)
    }

    /// Whether it is nobody's.
    #[cfg(feature = "cli")]
    pub(crate) fn is_free(&self, index: usize) -> bool {
        self.change(index).is_some_and(|(_, mark)| mark & !GRANTED == NOBODY)
    }

    /// Whether this tenure is its owners' who had the lock before it: granted then, and run now. It asks the events
    /// only where it must, because that is what costs.
    #[cfg(feature = "cli")]
    pub(crate) fn goes_on(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(1).filter(|_| index < self.len) else { return false };
        // Where both are granted or neither is, only their owners can be what differs.
        self.is_granted(before) != self.is_granted(index) && self.owners(before) == self.owners(index)
    }

    /// Whether that tenure is [granted](Tenure::granted).
    #[cfg(feature = "cli")]
    pub(crate) fn is_granted(&self, index: usize) -> bool {
        self.change(index).is_some_and(|(_, mark)| mark & GRANTED != 0)
    }

    /// The last: the one that goes on.
    pub fn last(&self) -> Option<Tenure> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Tenure> + use<'a> {
        let tenures = *self;
        (0..tenures.len).filter_map(move |index| tenures.get(index))
    }

    /// How many had begun at `moment`.
    pub fn begun(&self, moment: u64) -> usize {
        self.owned.map_or(0, |(owned, _)| owned.column.until(moment).min(self.len))
    }

    /// The same, where it is known that so many had: quick if there are about so many more as is `likely`.
    pub fn begun_from(&self, known: usize, likely: usize, moment: u64) -> usize {
        self.owned.map_or(0, |(owned, _)| owned.column.until_from(known, likely, moment).min(self.len))
    }
}

impl PartialEq for Tenures<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Tenures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests {
    use super::*;
    use crate::event::{Actor, Event, What};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever had the lock, alone or with others, as the one who acts or not.
        #[test]
        fn whoever_goes_on_is_who_it_was(
            all in prop::collection::vec((0_u32..3, prop::collection::btree_set(0_u32..3, 0..3), any::<bool>()), 0..60),
        ) {
            let (mut owned, mut events) = (Owned::default(), Events::default());
            for (moment, (actor, owners, granted)) in (1..).zip(all) {
                let actor = Actor { task: TaskId(actor), step: None };
                events.push(Event { seq: moment, at: Time::ZERO, actor, what: What::Wake });
                let owners: Vec<u32> = owners.into_iter().collect();
                owned.note(moment, actor.task, (Owners::new(&owners, 0), granted));
            }
            let tenures = owned.until(&events, u64::MAX);
            for index in 0..tenures.len() + 2 {
                let owners = |index: usize| tenures.get(index).map(|tenure| tenure.owners);
                let same = index > 0 && index < tenures.len() && owners(index) == owners(index - 1);
                prop_assert_eq!(tenures.goes_on(index), same);
                prop_assert_eq!(tenures.is_granted(index), tenures.get(index).is_some_and(|tenure| tenure.granted));
            }
        }
    }
}
