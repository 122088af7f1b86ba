//! Other kinds for the locks of a file than those that it names.

use super::locks::Locks;
use super::locks::family_words;
use super::names::{list, quote, suggest};
use super::report::Mistakes;
use super::source::Span;
use crate::event::{Family, LockKind};

/// Another kind for the locks of a file, in place of the one that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// Which lock; `None` is every lock that can be of that kind.
    pub lock: Option<String>,
    /// The kind.
    pub kind: LockKind,
}

/// The swaps, and which of them have found a lock.
pub(super) struct Swaps<'s> {
    all: &'s [Swap],
    used: Vec<bool>,
    /// Some lock's own kind is not known, so nothing can be said of what finds none.
    unknown: bool,
}

impl<'s> Swaps<'s> {
    pub(super) fn new(swaps: &'s [Swap]) -> Self {
        Self { all: swaps, used: vec![false; swaps.len()], unknown: false }
    }

    /// The kind that a lock gets: by its own name, or else by its family; of several swaps the last.
    pub(super) fn kind(&mut self, lock: &str, own: LockKind) -> LockKind {
        let mut found: Option<(bool, LockKind)> = None;
        for (swap, used) in self.all.iter().zip(&mut self.used) {
            let named = swap.lock.is_some();
            let fits = match &swap.lock {
                Some(name) => name == lock,
                None => swap.kind.family() == own.family(),
            };
            *used |= fits;
            if fits && found.is_none_or(|(by_name, _)| named || !by_name) {
                found = Some((named, swap.kind));
            }
        }
        found.map_or(own, |(_, kind)| kind)
    }

    /// Notes a lock whose own kind is a mistake.
    pub(super) fn unknown(&mut self) {
        self.unknown = true;
    }

    /// Reports the swaps that found no lock; `at` is where the locks are, or should be.
    pub(super) fn check(&self, locks: &Locks, at: &Span, mistakes: &mut Mistakes) {
        for (swap, used) in self.all.iter().zip(&self.used) {
            match &swap.lock {
                _ if *used => {}
                Some(name) => {
                    let help = suggest(mistakes, name, "lock", locks.names().iter().copied());
                    mistakes
                        .error(at.clone(), format!("`--lock` names an unknown lock {}", quote(name)))
                        .label("not among these")
                        .help(help);
                }
                None if self.unknown => {}
                None => {
                    let path = swap.kind.path();
                    let kinds: Vec<_> =
                        locks.kinds().map(|(name, kind)| format!("{name}: {}", kind.lock.path())).collect();
                    let help = if kinds.is_empty() {
                        "there is no lock here".to_owned()
                    } else {
                        format!("the locks are {}", list(kinds.iter().map(String::as_str)))
                    };
                    mistakes
                        .error(at.clone(), format!("no lock of this scenario can be a `{path}`"))
                        .label(format!("none of these is {}", family_words(swap.kind.family())))
                        .help(help);
                }
            }
        }
    }
}

/// The kinds of a family.
pub(super) fn kinds_of(family: Family) -> impl Iterator<Item = &'static str> {
    LockKind::ALL.into_iter().filter(move |kind| kind.family() == family).map(LockKind::path)
}
