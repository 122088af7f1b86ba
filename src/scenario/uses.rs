//! What all tasks of a file do with its locks, for what can be said only of all of them together.

use std::collections::HashMap;

use super::locks::Locks;
use super::names::quote;
use super::order::LockOrder;
use super::report::Mistakes;
use super::source::Span;
use super::timers::Timers;
use crate::event::LockId;

/// What is known of all tasks so far.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) order: LockOrder,
    pub(super) permits: Permits,
    pub(super) receivers: Receivers,
    pub(super) timers: Timers,
}

/// The permits that tasks ask of semaphores, and those that they add.
#[derive(Default)]
pub(super) struct Permits {
    /// What is added by all tasks; `None` is no end of them.
    added: HashMap<LockId, Option<u64>>,
    asked: Vec<(LockId, u32, Span)>,
}

impl Permits {
    /// Notes an `acquire`.
    pub(super) fn ask(&mut self, lock: LockId, permits: u32, at: Span) {
        self.asked.push((lock, permits, at));
    }

    /// Notes an `add_permits` that runs so often; `None` is any number of times.
    pub(super) fn add(&mut self, lock: LockId, permits: u32, times: Option<u32>) {
        let added = self.added.entry(lock).or_insert(Some(0));
        *added = added
            .zip(times)
            .map(|(added, times)| added.saturating_add(u64::from(permits) * u64::from(times)));
    }

    /// How many permits there can be; `None` is no end of them.
    pub(super) fn limit(&self, lock: LockId, locks: &Locks) -> Option<u64> {
        let own = locks.kind(lock).and_then(|kind| kind.permits)?;
        match self.added.get(&lock) {
            Some(added) => Some(added.as_ref()?.saturating_add(u64::from(own))),
            None => Some(u64::from(own)),
        }
    }

    /// Reports what asks for more permits than there can be.
    pub(super) fn check(&self, locks: &Locks, mistakes: &mut Mistakes) {
        for (lock, permits, at) in &self.asked {
            let Some(kind) = locks.kind(*lock) else { continue };
            let Some(limit) = self.limit(*lock, locks).filter(|limit| u64::from(*permits) > *limit) else {
                continue;
            };
            let added = if self.added.contains_key(lock) { ", with all that is added" } else { "" };
            mistakes
                .error(at.clone(), format!("{} never has {permits} permits", quote(locks.name(*lock))))
                .label("would wait for ever")
                .also(kind.at.clone(), format!("it has {limit}{added}"))
                .help("ask for fewer, give it more, or add some with `add_permits`");
        }
    }
}

/// The task that receives from each channel.
#[derive(Default)]
pub(super) struct Receivers(HashMap<LockId, (usize, Span)>);

impl Receivers {
    /// Notes that a task receives; reports a second one, and a task of which there are several.
    pub(super) fn add(
        &mut self,
        (lock, name): (LockId, &str),
        (task, count): (usize, u32),
        at: &Span,
        mistakes: &mut Mistakes,
    ) {
        let known = self.0.get(&lock);
        let (label, first) = match known {
            None if count > 1 => (format!("there are {count} of this task"), None),
            Some((first, place)) if *first != task => ("so does this task".to_owned(), Some(place.clone())),
            _ => {
                self.0.entry(lock).or_insert((task, at.clone()));
                return;
            }
        };
        let mistake = mistakes
            .error(at.clone(), format!("only one task can receive from {}", quote(name)))
            .label(label)
            .help(
                "tokio's `Receiver` cannot be cloned: let one task `recv` and pass the work on, such as \
                 through another channel",
            );
        if let Some(first) = first {
            mistake.also(first, "this task receives");
        }
        self.0.entry(lock).or_insert((task, at.clone()));
    }
}
