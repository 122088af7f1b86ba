//! A comparison as one object of JSON, for machines.

use serde::Serialize;

use super::{Comparison, Difference, Figures, Tally, Turn, Variant};
use crate::event::{LockId, LockKind, Mode, Outcome, Policy};
use crate::trace::{Cause, json_escape};

#[derive(Serialize)]
struct Whole<'a> {
    title: &'a str,
    variants: Vec<Run<'a>>,
    differences: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    clock: &'static str,
    one_legal_order: bool,
    locks: Vec<Lock<'a>>,
    tasks: Vec<Task<'a>>,
    fairness: Option<f64>,
    end: Option<End<'a>>,
}

#[derive(Serialize)]
struct Lock<'a> {
    name: &'a str,
    kind: LockKind,
    policy: Policy,
    order: Vec<Acquired<'a>>,
}

#[derive(Serialize)]
struct Acquired<'a> {
    task: &'a str,
    ns: u64,
    mode: Mode,
}

#[derive(Serialize)]
struct Task<'a> {
    name: &'a str,
    acquired: u32,
    waits: Spans,
    holds: Spans,
    /// How long it waits at the end, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_ns: Option<u64>,
}

#[derive(Serialize)]
struct Spans {
    count: u32,
    total_ns: u64,
    longest_ns: u64,
    mean_ns: u64,
}

#[derive(Serialize)]
struct End<'a> {
    outcome: Outcome,
    ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// Where a run parts from the first; everything but the names is missing if it does not.
#[derive(Serialize)]
struct Found<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a str>,
    /// Which acquisition of the lock, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    acquisition: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Acquired<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Acquired<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// The comparison as one line of JSON, without its end: `title`, `variants` and `differences`, of
/// which there is one for each run but the first.
pub fn json(title: &str, comparison: &Comparison) -> String {
    let variants = comparison.variants();
    let whole = Whole {
        title,
        variants: (0..variants.len()).map(|index| run(comparison, index)).collect(),
        differences: (1..variants.len()).map(|index| found(comparison, index)).collect(),
    };
    // Every field is a number, a string, or a list of these: there is nothing in it that can fail.
    json_escape(serde_json::to_string(&whole).unwrap_or_default())
}

fn run(comparison: &Comparison, index: usize) -> Run<'_> {
    let variant = &comparison.variants()[index];
    let names = variant.trace.names();
    let lock = |(id, lock)| {
        let lock: &crate::event::LockName = lock;
        let order = comparison.order(index, LockId(id as u32));
        let order = order.iter().map(|turn| acquired(variant, turn)).collect();
        Lock { name: &lock.name, kind: lock.kind, policy: lock.kind.policy(), order }
    };
    let end = variant.trace.end().map(|end| End {
        outcome: end.outcome,
        ns: end.at.nanos(),
        cause: variant.trace.deadlock().map(|deadlock| deadlock.cause),
        why: end.note.as_deref(),
    });
    Run {
        name: &variant.name,
        clock: if variant.exact { "virtual" } else { "real" },
        one_legal_order: variant.one_legal_order(),
        locks: names.locks.iter().enumerate().map(lock).collect(),
        tasks: names.tasks.iter().zip(comparison.totals(index)).map(|(name, all)| task(name, all)).collect(),
        fairness: comparison.fairness(index),
        end,
    }
}

fn acquired<'a>(variant: &'a Variant, turn: &Turn) -> Acquired<'a> {
    Acquired { task: variant.task(turn.task), ns: turn.at.nanos(), mode: turn.mode }
}

fn task(name: &str, figures: Figures) -> Task<'_> {
    Task {
        name,
        acquired: figures.acquired,
        waits: spans(figures.waits),
        holds: spans(figures.holds),
        waiting_ns: figures.waiting.map(nanos),
    }
}

fn nanos(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn spans(tally: Tally) -> Spans {
    Spans {
        count: tally.count,
        total_ns: nanos(tally.total),
        longest_ns: nanos(tally.longest),
        mean_ns: nanos(tally.mean()),
    }
}

fn found(comparison: &Comparison, index: usize) -> Found<'_> {
    let variants = comparison.variants();
    let difference = comparison.difference(index);
    let locked = difference.filter(|difference| !difference.lock.is_empty());
    let turn = |of: &'_ Difference, side: usize| of.turns[side];
    Found {
        from: &variants[0].name,
        to: &variants[index].name,
        what: difference.map(|difference| difference.parting.name()),
        ns: difference.map(|difference| difference.at.nanos()),
        lock: locked.map(|difference| difference.lock.as_str()),
        acquisition: locked.map(|difference| difference.index + 1),
        before: difference.and_then(|of| turn(of, 0)).map(|turn| acquired(&variants[0], &turn)),
        after: difference.and_then(|of| turn(of, 1)).map(|turn| acquired(&variants[index], &turn)),
        why: difference.map(|difference| difference.why.as_str()),
    }
}
