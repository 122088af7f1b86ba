//! The words of the language that stand before a colon, and what may stand behind it.
//!
//! They are tables, so that the parser, its advice and the schema cannot say different things.

use crate::event::Family;

/// A word that may stand before a colon.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What may stand behind it.
    pub(super) takes: Takes,
    /// Whether it must be there.
    pub(super) needed: bool,
    /// What it means, in a line.
    pub(super) about: &'static str,
}

/// What may stand behind a word.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// The version of the language.
    Version,
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// A duration.
    Duration,
    /// One of some words.
    Choice(fn() -> Vec<&'static str>),
    /// A new name of a task.
    Name,
    /// A new name of a guard or a value: one that Rust allows.
    Identifier,
    /// The name of a task, with its number where it has one.
    Task,
    /// The name of any lock.
    AnyLock,
    /// The name of a lock of a family.
    Lock(Family),
    /// The name of a guard.
    Guard,
    /// The name of a value.
    Variable,
    /// A value, which may be computed.
    Value,
    /// Two values.
    Pair,
    /// Two values that can be numbers.
    Numbers,
    /// A condition on values.
    Condition,
    /// A list of conditions, not empty.
    Conditions,
    /// An object of plain JSON.
    Data,
    /// A list of steps.
    Steps,
    /// The arms of a `select`.
    Arms,
    /// Locks by name.
    Locks,
    /// A list of tasks.
    Tasks,
    /// A list of markers.
    Markers,
    /// The event of a marker.
    On,
    /// What a run should come to.
    Expect,
    /// A list of acquisitions: `task@ms`.
    Acquires,
}

impl Key {
    /// A word that may be left out.
    pub(super) const fn new(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, takes, needed: false, about }
    }

    /// A word that must be there.
    pub(super) const fn needed(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, takes, needed: true, about }
    }
}

/// The names of some words.
pub(super) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}
