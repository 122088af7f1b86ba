//! Timers that are due at the same moment: tokio promises no order for them, so what comes of them is
//! not promised either.
//!
//! Only what is sure is looked at: a task's `start`, and its sleeps up to the first step that can wait
//! for somebody or depend on something.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::locks::Locks;
use super::names::quote;
use super::report::Mistakes;
use super::source::Span;
use crate::event::LockId;

/// The timers of all tasks.
#[derive(Default)]
pub(super) struct Timers {
    /// By the moment at which they are due: the task, and where it says so.
    due: BTreeMap<Duration, Vec<(usize, Span)>>,
    /// The locks that each task uses.
    locks: HashMap<usize, BTreeSet<LockId>>,
}

impl Timers {
    /// Notes a timer.
    pub(super) fn add(&mut self, task: usize, due: Duration, at: Span) {
        if !due.is_zero() {
            self.due.entry(due).or_default().push((task, at));
        }
    }

    /// Notes that a task uses a lock.
    pub(super) fn touch(&mut self, task: usize, lock: LockId) {
        self.locks.entry(task).or_default().insert(lock);
    }

    /// Warns of the timers of tasks that share a lock, once a task.
    pub(super) fn warn(&self, locks: &Locks, mistakes: &mut Mistakes) {
        let mut warned = BTreeSet::new();
        for (due, timers) in &self.due {
            let mut first: HashMap<LockId, &(usize, Span)> = HashMap::new();
            for timer in timers {
                let (task, at) = timer;
                let mut used = self.locks.get(task).into_iter().flatten();
                let tie = used
                    .clone()
                    .find_map(|lock| Some((*lock, *first.get(lock).filter(|(other, _)| other != task)?)));
                if let Some((lock, (_, other))) = tie
                    && warned.insert(*task)
                {
                    mistakes
                        .warning(at.clone(), format!("two timers are due at {} ms", due.as_millis()))
                        .label(format!("both tasks use {}", quote(locks.name(lock))))
                        .also(other.clone(), "the other one")
                        .help(
                            "tokio promises no order of timers that are due at the same time: make one of \
                             them later, or list the order under \"expect\": { \"acquires\": [ … ] }",
                        );
                }
                used.by_ref().for_each(|lock| {
                    first.entry(*lock).or_insert(timer);
                });
            }
        }
    }
}
