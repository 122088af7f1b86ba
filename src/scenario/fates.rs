//! Which guards of a task are held at the step being read, on every way that leads there.
//!
//! Of branches (`if`, `try_lock`, `timeout`, `select`) only some run, so what they drop is taken back at
//! their end and counted behind all of them: Rust's rule of moved values.

use std::collections::HashMap;

use super::json::Spanned;
use super::names::quote;
use super::report::Mistakes;
use super::source::Span;

/// The guards of a task, by slot.
#[derive(Default)]
pub(super) struct Fates {
    /// Where each is gone.
    gone: Vec<Option<Gone>>,
    /// Those that are gone, in the order in which they went: by it a branch is taken back.
    journal: Vec<usize>,
}

/// Why a guard cannot be used.
struct Gone {
    at: Span,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Dropped,
    /// It is dropped in one branch of several that came before.
    InABranch,
    /// It is dropped in another arm of the same `select`.
    InAnotherArm,
}

/// A point from which several branches go out.
pub(super) struct Fork {
    journal: usize,
    guards: usize,
}

/// What a branch dropped of the guards from outside of it, by slot, and where.
#[derive(Default, Clone)]
pub(super) struct Drops(Vec<(usize, Span)>);

impl Fates {
    /// A slot for another guard, which is held.
    pub(super) fn bind(&mut self) -> usize {
        self.gone.push(None);
        self.gone.len() - 1
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.gone.len()
    }

    /// Whether it is held, whichever way was taken.
    pub(super) fn is_held(&self, slot: usize) -> bool {
        self.gone[slot].is_none()
    }

    /// Drops it.
    pub(super) fn drop(&mut self, slot: usize, at: &Span) {
        self.go(slot, at, How::Dropped);
    }

    /// Begins branches: of what follows, only some runs.
    pub(super) fn fork(&self) -> Fork {
        Fork { journal: self.journal.len(), guards: self.gone.len() }
    }

    /// Ends a branch: goes back to the fork, and says what the branch dropped.
    pub(super) fn turn_back(&mut self, fork: &Fork) -> Drops {
        let mut drops = Vec::new();
        for slot in self.journal.split_off(fork.journal) {
            let gone = self.gone[slot].take().filter(|gone| gone.how != How::InAnotherArm);
            drops.extend(gone.filter(|_| slot < fork.guards).map(|gone| (slot, gone.at)));
        }
        Drops(drops)
    }

    /// Ends all branches: `branches` are those that come to their end.
    pub(super) fn join(&mut self, branches: &[Drops]) {
        let mut count: HashMap<usize, usize> = HashMap::new();
        for (slot, _) in branches.iter().flat_map(|drops| &drops.0) {
            *count.entry(*slot).or_default() += 1;
        }
        for (slot, at) in branches.iter().flat_map(|drops| &drops.0) {
            let how = if count[slot] == branches.len() { How::Dropped } else { How::InABranch };
            self.go(*slot, at, how);
        }
    }

    /// Takes what a branch dropped as perhaps gone from here on.
    pub(super) fn lose(&mut self, drops: &Drops) {
        for (slot, at) in &drops.0 {
            self.go(*slot, at, How::InABranch);
        }
    }

    /// Keeps what another arm of the same `select` drops from this one.
    pub(super) fn lose_to_arm(&mut self, drops: &Drops) {
        for (slot, at) in &drops.0 {
            self.go(*slot, at, How::InAnotherArm);
        }
    }

    /// Says why a guard is not held.
    pub(super) fn explain(&self, slot: usize, name: &Spanned<&str>, mistakes: &mut Mistakes) {
        let Some(gone) = &self.gone[slot] else { return };
        let guard = quote(name.value);
        let (message, label, also, help) = match gone.how {
            How::Dropped => (
                format!("the guard {guard} is not held here"),
                "used after it was dropped",
                "dropped here",
                "move the `drop` behind this step, or `lock` again before it",
            ),
            How::InABranch => (
                format!("the guard {guard} may not be held here"),
                "used after it was dropped in one branch",
                "dropped here, if this branch is taken",
                "move the `drop` behind this step, or lock again before it",
            ),
            How::InAnotherArm => (
                format!("the guard {guard} belongs to another arm of this `select`"),
                "two arms cannot both have it",
                "this arm drops it, so it moved there",
                "`drop` it before the `select`, or behind it",
            ),
        };
        mistakes.error(name.at.clone(), message).label(label).also(gone.at.clone(), also).help(help);
    }

    fn go(&mut self, slot: usize, at: &Span, how: How) {
        if self.gone[slot].is_none() {
            self.gone[slot] = Some(Gone { at: at.clone(), how });
            self.journal.push(slot);
        }
    }
}
