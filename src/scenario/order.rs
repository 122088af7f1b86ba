//! Warnings about what tasks hold while they wait: a task that asks for a lock it holds, two locks that
//! tasks take in both orders, the guard of a lock that blocks the thread in hand at an `.await`.
//!
//! They are about what *could* happen; a scenario that expects a deadlock is not warned.

use std::collections::{BTreeMap, BTreeSet};

use super::locks::Locks;
use super::names::quote;
use super::report::Mistakes;
use super::scope::Held;
use super::source::Span;
use super::uses::Permits;
use crate::event::{LockId, Mode};

/// Pairs of locks that are looked at; a file with more gets no warning about the others.
const PAIRS: usize = 100_000;

/// One lock asked for while another is held.
#[derive(Clone)]
struct Edge {
    task: usize,
    /// The task runs more than once.
    many: bool,
    wanted: Span,
}

/// A lock that a task asks for while it holds it already.
struct Again {
    lock: LockId,
    held: Span,
    wanted: Span,
    how: How,
}

enum How {
    /// It cannot have it twice.
    All,
    /// It reads twice.
    Reads,
    /// It would hold so many permits.
    Permits(u64),
}

impl How {
    /// How a lock is asked for again that is held in one more way.
    fn of(before: Option<Self>, held: Mode, wanted: Mode) -> Self {
        match (before, held, wanted) {
            (Some(Self::Permits(sum)), Mode::Permits(held), _) => Self::Permits(sum + u64::from(held)),
            (None, Mode::Permits(held), Mode::Permits(wanted)) => {
                Self::Permits(u64::from(held) + u64::from(wanted))
            }
            (None | Some(Self::Reads), Mode::Shared, Mode::Shared) => Self::Reads,
            _ => Self::All,
        }
    }
}

/// Who asked for what while holding what.
#[derive(Default)]
pub(super) struct LockOrder {
    /// By the lock held and the lock asked for: one edge, and one of another task if there is any.
    edges: BTreeMap<(LockId, LockId), Vec<Edge>>,
    again: Vec<Again>,
    /// Guards of blocking locks: the lock, where it was locked, the first `.await` with it in hand.
    across: Vec<(LockId, Span, Span)>,
    /// Where those were locked.
    crossing: BTreeSet<usize>,
}

impl LockOrder {
    /// Notes that a task asks for a lock while it holds others.
    pub(super) fn ask(
        &mut self,
        (task, many): (usize, bool),
        held: impl Iterator<Item = Held>,
        (wanted, mode, at): (LockId, Mode, &Span),
        locks: &Locks,
    ) {
        let mut again: Option<Again> = None;
        for held in held {
            if held.lock == wanted {
                // One warning a step, however often the task holds it already.
                let (before, first) =
                    again.take().map_or((None, None), |again: Again| (Some(again.how), Some(again.held)));
                let how = How::of(before, held.mode, mode);
                again = Some(Again { lock: wanted, held: first.unwrap_or(held.at), wanted: at.clone(), how });
            } else if self.edges.len() < PAIRS && excludes((held.lock, held.mode), (wanted, mode), locks) {
                let edges = self.edges.entry((held.lock, wanted)).or_default();
                if edges.len() < 2 && edges.iter().all(|edge| edge.task != task) {
                    edges.push(Edge { task, many, wanted: at.clone() });
                }
            }
        }
        self.again.extend(again);
    }

    /// Notes an `.await` with these guards of blocking locks in hand.
    pub(super) fn cross(&mut self, held: impl Iterator<Item = Held>, at: &Span) {
        for held in held {
            if self.crossing.insert(held.at.start) {
                self.across.push((held.lock, held.at, at.clone()));
            }
        }
    }

    /// Warns of what was found.
    pub(super) fn warn(&self, locks: &Locks, permits: &Permits, mistakes: &mut Mistakes) {
        for again in &self.again {
            twice(again, locks, permits, mistakes);
        }
        self.both_orders(locks, mistakes);
        for (lock, held, at) in &self.across {
            let path = locks.kind(*lock).map_or("?", |kind| kind.lock.path());
            mistakes
                .warning(
                    at.clone(),
                    format!("the guard of {} is held across an `.await`", quote(locks.name(*lock))),
                )
                .label("other tasks run meanwhile")
                .also(held.clone(), "locked here")
                .help(format!(
                    "`{path}` blocks the thread: a task that asks for it meanwhile stops all of them, this \
                     one too; drop the guard before, use \"runtime\": \"threads\", or expect it: \"expect\": \
                     {{ \"outcome\": \"deadlock\" }}"
                ));
        }
    }

    fn both_orders(&self, locks: &Locks, mistakes: &mut Mistakes) {
        for ((first, second), edges) in &self.edges {
            let Some(others) = self.edges.get(&(*second, *first)).filter(|_| first < second) else {
                continue;
            };
            let pair = edges.iter().flat_map(|edge| others.iter().map(move |other| (edge, other)));
            let Some((edge, other)) = pair.into_iter().find(|(a, b)| a.task != b.task || a.many) else {
                continue;
            };
            let (first, second) = (quote(locks.name(*first)), quote(locks.name(*second)));
            mistakes
                .warning(other.wanted.clone(), format!("{first} and {second} are taken in both orders"))
                .label(format!("{first} while holding {second}"))
                .also(edge.wanted.clone(), format!("{second} while holding {first}"))
                .help(
                    "two tasks can wait for each other for ever: take the locks in one order, or expect it: \
                     \"expect\": { \"outcome\": \"deadlock\" }",
                );
        }
    }
}

/// Whether a task that holds the one can keep another from the other: readers keep no reader out, and a
/// semaphore with several permits nobody for sure.
fn excludes(held: (LockId, Mode), wanted: (LockId, Mode), locks: &Locks) -> bool {
    let single = |(lock, mode)| {
        !matches!(mode, Mode::Permits(_)) || locks.kind(lock).is_some_and(|kind| kind.permits == Some(1))
    };
    (held.1, wanted.1) != (Mode::Shared, Mode::Shared) && single(held) && single(wanted)
}

/// Warns of a lock that a task asks for while it holds it already.
fn twice(again: &Again, locks: &Locks, permits: &Permits, mistakes: &mut Mistakes) {
    let name = quote(locks.name(again.lock));
    let (message, label, held) = match again.how {
        How::All => (format!("this task already holds {name}"), "waits for itself, for ever", "locked here"),
        How::Reads => (
            format!("this task already reads {name}"),
            "waits for ever, if a writer has asked in between",
            "read here",
        ),
        How::Permits(sum) => {
            if permits.limit(again.lock, locks).is_none_or(|limit| sum <= limit) {
                return;
            }
            (
                format!("this task already holds permits of {name}, and there are not {sum} of them"),
                "waits for itself, for ever",
                "acquired here",
            )
        }
    };
    mistakes
        .warning(again.wanted.clone(), message)
        .label(label)
        .also(again.held.clone(), held)
        .help("drop the first guard before, or expect it: \"expect\": { \"outcome\": \"deadlock\" }");
}
