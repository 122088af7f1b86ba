//! Where two runs part for the first time, and why, in words.

use super::{Comparison, How, Turn, Variant};
use crate::event::{LockId, Outcome, Time};
use crate::trace::{Cause, Note, Noted, why, words};

/// How two runs part. Of what happens at one moment, the first tells most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parting {
    /// A lock goes to somebody else, or to nobody any more.
    Order,
    /// A lock goes to the same task at another time.
    Times,
    /// The acquisitions are the same; the runs end in different ways.
    End,
}

impl Parting {
    /// Its name: `order`, `times`, `end`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Times => "times",
            Self::End => "end",
        }
    }
}

/// The first difference of a run from the first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub parting: Parting,
    /// The lock; empty if it is the end that differs.
    pub lock: String,
    /// Which acquisition of the lock, counted from 0.
    pub index: usize,
    /// That acquisition in the first run and in this one, if there is one.
    pub turns: [Option<Turn>; 2],
    /// When it happens in the first run and in this one: the acquisition, or the end of a run that comes
    /// to a deadlock before it.
    pub times: [Option<Time>; 2],
    /// The earlier of these.
    pub at: Time,
    /// What differs and why, in a sentence.
    pub why: String,
    /// Of that, what is to be said of this run.
    pub here: String,
}

/// The first difference of a run from the first one.
pub(super) fn find(all: &Comparison, index: usize) -> Option<Difference> {
    let [base, other] = [0, index].map(|variant| Side { all, variant });
    if index == 0 {
        return None;
    }
    let locks = all.locks();
    let both_exact = base.run().exact && other.run().exact;
    let earliest = |found: Vec<Difference>| found.into_iter().min_by_key(|difference| difference.at);
    let orders = locks.iter().filter_map(|lock| order(lock, base, other, both_exact)).collect();
    earliest(orders).or_else(|| end(base, other))
}

/// One of the two runs.
#[derive(Clone, Copy)]
struct Side<'a> {
    all: &'a Comparison,
    variant: usize,
}

impl<'a> Side<'a> {
    fn run(self) -> &'a Variant {
        &self.all.variants[self.variant]
    }

    fn order(self, lock: &str) -> &'a [Turn] {
        self.run().lock(lock).map_or(&[], |(id, _)| self.all.order(self.variant, id))
    }

    fn time(self, turn: Option<Turn>) -> Option<Time> {
        let stuck = || self.run().is_deadlock().then(|| self.run().end());
        turn.map(|turn| turn.at).or_else(stuck)
    }

    /// How it ended, but for the time.
    fn ending(self) -> (Option<Outcome>, Option<Cause>) {
        let trace = &self.run().trace;
        (trace.end().map(|end| end.outcome), trace.deadlock().map(|deadlock| deadlock.cause))
    }

    fn name(self) -> &'a str {
        self.all.short(self.variant)
    }
}

/// Where a lock goes to somebody else for the first time, or, if times count, at another time.
fn order(lock: &str, base: Side, other: Side, times_count: bool) -> Option<Difference> {
    let (first, second) = (base.order(lock), other.order(lock));
    let family = |side: Side| side.run().lock(lock).map(|(_, lock)| lock.kind.family());
    // What a task gets of a mutex and of an `RwLock` cannot be the same.
    let modes = family(base) == family(other);
    let same = |a: &Turn, b: &Turn| {
        base.run().task(a.task) == other.run().task(b.task) && (!modes || a.mode == b.mode)
    };
    let alike = |(a, b): &(&Turn, &Turn)| same(a, b) && (!times_count || a.at == b.at);
    let index = first.iter().zip(second).take_while(alike).count();
    let turns = [first.get(index).copied(), second.get(index).copied()];
    match turns {
        [None, None] => return None,
        [Some(a), Some(b)] if same(&a, &b) => return Some(times(lock, base, other, index, [a, b])),
        _ => {}
    }
    let times = [base.time(turns[0]), other.time(turns[1])];
    let at = times.into_iter().flatten().min()?;
    // Where both happen at one time nobody need be told when.
    let when = |side: usize| match times[side] {
        Some(at) if times[0] != times[1] => format!(" at {}", words::moment(at)),
        _ => String::new(),
    };
    let mut why = format!(
        "With {} {}; with {} {}.",
        base.name(),
        clause(base, lock, lock, turns[0], &when(0)),
        other.name(),
        clause(other, lock, "it", turns[1], &when(1))
    );
    if turns.iter().all(Option::is_some) {
        why += &ends(base, other);
    }
    let here = clause(other, lock, lock, turns[1], "");
    Some(Difference { parting: Parting::Order, lock: lock.to_owned(), index, turns, times, at, why, here })
}

/// What is said of a difference in the times: the same task gets the lock, earlier or later.
fn times(lock: &str, base: Side, other: Side, index: usize, [a, b]: [Turn; 2]) -> Difference {
    let task = words::the(base.run().task(a.task));
    let [first, second] = [base.name(), other.name()];
    let [then, now] = [a.at, b.at].map(words::moment);
    let waited = |turn: Turn| turn.asked < turn.at;
    let got = |turn: Turn, it: &str| {
        let at = words::moment(turn.at);
        match turn.how {
            _ if waited(turn) => format!("{task} waits for {it} until {at}"),
            How::AtOnce => format!("{task} gets {it} at {at}, at once: it is free"),
            _ => format!("{task} gets {it} at {at}"),
        }
    };
    let mut why = match [a, b].map(waited) {
        [true, true] => {
            format!("With {first} {task} waits for {lock} until {then}; with {second} until {now}.")
        }
        [false, false] => format!(
            "{} gets {lock} at {then} with {first}, at {now} with {second}.",
            words::opening(base.run().task(a.task))
        ),
        _ => format!("With {first} {}; with {second} {}.", got(a, lock), got(b, "it")),
    };
    why += &ends(base, other);
    let here = format!("{task} gets {lock} at {now}, not at {then}");
    let (turns, times) = ([Some(a), Some(b)], [Some(a.at), Some(b.at)]);
    let (lock, at) = (lock.to_owned(), a.at.min(b.at));
    Difference { parting: Parting::Times, lock, index, turns, times, at, why, here }
}

/// How the runs end, behind another difference, if they end in different ways.
fn ends(base: Side, other: Side) -> String {
    if base.ending() == other.ending() {
        return String::new();
    }
    let outcome = |side: Side| side.run().outcome().unwrap_or_default();
    format!(" In the end: {} with {}, {} with {}.", outcome(base), base.name(), outcome(other), other.name())
}

/// Where all acquisitions are the same and the ends are not.
fn end(base: Side, other: Side) -> Option<Difference> {
    if base.ending() == other.ending() {
        return None;
    }
    let outcome = |side: Side| side.run().outcome().unwrap_or_else(|| "not at its end".to_owned());
    let why = format!(
        "The end is not the same. With {}: {} With {}: {}",
        base.name(),
        ended(base, other),
        other.name(),
        ended(other, base)
    );
    let here = format!("{}, not {}", outcome(other), outcome(base));
    let times = [Some(base.run().end()), Some(other.run().end())];
    let at = base.run().end().min(other.run().end());
    Some(Difference {
        parting: Parting::End,
        lock: String::new(),
        index: 0,
        turns: [None, None],
        times,
        at,
        why,
        here,
    })
}

/// How a run ended, in a sentence or two: why nothing could move any more, or what kept it from that.
fn ended(side: Side, than: Side) -> String {
    let run = side.run();
    if run.is_deadlock() {
        return why::stuck(&run.trace);
    }
    let mut text = format!("{}.", run.outcome().unwrap_or_else(|| "not at its end".to_owned()));
    let missed = than.ending().1 == Some(Cause::MissedNotification);
    let stored = |note: &&Note| matches!(note.what, Noted::Unheard { stored: true, .. });
    if let Some(note) = run.trace.notes(run.trace.len()).iter().rev().find(stored).filter(|_| missed) {
        text += &format!(" {}", why::note(&run.trace, note));
    }
    text
}

/// How a lock, here called `it`, went where it went, and `when`.
fn clause(side: Side, lock: &str, it: &str, turn: Option<Turn>, when: &str) -> String {
    let run = side.run();
    let Some(turn) = turn else { return nobody(side, lock, it, when) };
    let task = words::the(run.task(turn.task));
    match turn.how {
        How::AtOnce if when.is_empty() => format!("{task} gets {it} at once: it is free"),
        How::AtOnce => format!("{task} gets {it}{when}"),
        How::Handed if turn.asked < turn.at => {
            format!("{it} is handed to {task}{when}: it asked first, at {}", words::moment(turn.asked))
        }
        How::Handed => format!("{it} is handed to {task}{when}"),
        How::Woken => format!("{task}, woken, takes {it}{when}"),
        How::Barged { past, again, .. } => {
            let running = if again { ", still running," } else { "" };
            let again = if again { " again" } else { "" };
            format!("{task}{running} takes {it}{again}{when}, past {}", words::the(run.task(past)))
        }
    }
}

/// Why nobody gets a lock any more.
fn nobody(side: Side, lock: &str, it: &str, when: &str) -> String {
    let run = side.run();
    let Some((id, _)) = run.lock(lock) else { return format!("there is no {lock}") };
    let state = run.trace.state(run.trace.len());
    let owner = state.lock(id).and_then(|lock| lock.owner());
    let end = words::moment(run.end());
    if run.is_deadlock() {
        return blocked(run, when).unwrap_or_else(|| match run.trace.deadlock() {
            Some(deadlock) => format!("nothing moves any more{when}: a {}", deadlock.cause.words()),
            None => format!("nothing moves any more{when}"),
        });
    }
    match owner {
        Some(owner) => format!("{} still has {it} at the end, {end}", words::the(run.task(owner.task))),
        None => format!("nobody gets {it} any more, until the end at {end}"),
    }
}

/// Of a run that came to a deadlock because a task blocked the thread that the owner needs: who.
fn blocked(run: &Variant, when: &str) -> Option<String> {
    if run.trace.deadlock().is_some_and(|deadlock| deadlock.cause.name() != "blocked-thread") {
        return None;
    }
    let state = run.trace.state(run.trace.len());
    let blocks =
        |lock: LockId| run.trace.names().locks.get(lock.0 as usize).is_some_and(|lock| lock.kind.blocks());
    let waiting = state.locks.iter().enumerate().filter(|(id, _)| blocks(LockId(*id as u32)));
    let (lock, place) = waiting
        .flat_map(|(_, lock)| lock.queue.iter().map(move |place| (lock, place)))
        .max_by_key(|(_, place)| place.asked_seq)?;
    let thread = match lock.owner() {
        Some(owner) => format!("the thread that {} needs", words::the(run.task(owner.task))),
        None => "its thread".to_owned(),
    };
    Some(format!("{} blocks {thread}{when}, and nothing moves any more", words::the(run.task(place.task))))
}
