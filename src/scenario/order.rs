//! Warnings about the order of locks: a task that asks for a lock it holds, and two locks that
//! tasks take in both orders.
//!
//! They are about what *could* happen; a scenario that expects a deadlock is not warned.

use std::collections::BTreeMap;

use super::names::quote;
use super::report::Mistakes;
use super::source::Span;
use crate::event::LockId;

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

/// Who asked for what while holding what.
#[derive(Default)]
pub(super) struct LockOrder {
    /// By the lock held and the lock asked for: one edge, and one of another task if there is any.
    edges: BTreeMap<(LockId, LockId), Vec<Edge>>,
    /// A lock that a task already held: where it did, and where it asked again.
    again: Vec<(LockId, Span, Span)>,
}

impl LockOrder {
    /// Notes that a task asks for a lock while it holds others.
    pub(super) fn ask(
        &mut self,
        (task, many): (usize, bool),
        held: impl Iterator<Item = (LockId, Span)>,
        (wanted, at): (LockId, &Span),
    ) {
        let mut again = false;
        for (lock, held) in held {
            if lock == wanted {
                // One warning a step, however often the task holds it already.
                if std::mem::replace(&mut again, true) {
                    continue;
                }
                self.again.push((lock, held, at.clone()));
            } else if self.edges.len() < PAIRS {
                let edges = self.edges.entry((lock, wanted)).or_default();
                if edges.len() < 2 && edges.iter().all(|edge| edge.task != task) {
                    edges.push(Edge { task, many, wanted: at.clone() });
                }
            }
        }
    }

    /// Warns of what was found; `names` are the locks'.
    pub(super) fn warn(&self, names: &[&str], mistakes: &mut Mistakes) {
        let name = |lock: LockId| quote(names.get(lock.0 as usize).copied().unwrap_or("?"));
        for (lock, held, again) in &self.again {
            mistakes
                .warning(again.clone(), format!("this task already holds {}", name(*lock)))
                .label("waits for itself, for ever")
                .also(held.clone(), "locked here")
                .help("drop the first guard before, or expect it: \"expect\": { \"outcome\": \"deadlock\" }");
        }
        for ((first, second), edges) in &self.edges {
            let Some(others) = self.edges.get(&(*second, *first)).filter(|_| first < second) else {
                continue;
            };
            let pair = edges.iter().flat_map(|edge| others.iter().map(move |other| (edge, other)));
            let Some((edge, other)) = pair.into_iter().find(|(a, b)| a.task != b.task || a.many) else {
                continue;
            };
            let (first, second) = (name(*first), name(*second));
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
