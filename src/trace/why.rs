//! The sentence: why the last handoff went where it went, in words.
//!
//! Everything said is read off the history: who asked when, who stood ahead, who gave up. What the
//! sentence says of a handoff grows with the moment: at the grant it says who owns the lock now,
//! afterwards also who asked too late.

use std::time::Duration;

use super::deadlock::Wait;
use super::{Cause, Fate, Handoff, Life, Passed, Stage, State, Trace, words};
use crate::event::{LockId, Outcome, TaskId, Time, What};

/// A sentence or two, and the moment that they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The time of what is explained.
    pub at: Time,
    /// The words.
    pub text: String,
}

/// What there is to say at `moment`: of the last handoff, or else of how things stand.
///
/// Handoffs of one instant are told together, the longest wait first: with a critical section of no
/// length the lock goes there and back before anybody could read of the first.
pub fn sentence(trace: &Trace, moment: u64) -> Option<Sentence> {
    let state = trace.state(moment);
    let deadlock = trace.end().is_some_and(|end| end.outcome == Outcome::Deadlock);
    if deadlock && moment == trace.len() {
        return Some(Sentence { at: state.at, text: stuck(trace) });
    }
    if let Some(event) = trace.event(moment)
        && let What::Release { lock: id, .. } = event.what
        && let Some(heir) = state.lock(id).and_then(|lock| lock.heir(trace.names().policy(id)))
    {
        let name = |task| trace.names().task(task);
        let lock = trace.names().lock(id);
        let text = format!(
            "{} lets go of {lock}, which passes straight to {}, {}.",
            words::opening(name(event.actor.task)),
            words::the(name(heir.task)),
            place_in_queue(heir.first, heir.since, 1)
        );
        return Some(Sentence { at: event.at, text });
    }
    let handoffs = trace.handoffs(moment);
    let Some(last) = handoffs.last() else { return situation(trace, &state) };
    // With the real clock an instant is less than a millisecond from one to the next.
    let mut before = last.at;
    let instant = handoffs.iter().rev().take_while(|handoff| {
        let near = before.since(handoff.at) < Duration::from_millis(1);
        before = handoff.at;
        near
    });
    let main = instant
        .filter(|handoff| handoff.lock == last.lock)
        .filter(|handoff| handoff.fate(moment) != Fate::Cancelled)
        .max_by_key(|handoff| (last.at.since(handoff.asked), handoff.seq))
        .unwrap_or(last);
    let mut text = explain(trace, main, moment);
    let name = |handoff: &Handoff| trace.names().task(handoff.to);
    // Those of this instant alone: the history before it may be long.
    let after = &handoffs[handoffs.partition_point(|handoff| handoff.seq <= main.seq)..];
    let later: Vec<_> = after.iter().filter(|later| later.lock == main.lock).collect();
    match later.as_slice() {
        [] => {}
        [only] => {
            let verb = match only.fate(moment) {
                Fate::Ran => "has",
                Fate::Granted => "is granted",
                Fate::Cancelled => "was granted",
            };
            text += &format!(" Then {} {verb} it, next in the queue.", words::the(name(only)));
        }
        [.., last] => {
            text +=
                &format!(" Then it went on {} times, at last to {}.", later.len(), words::the(name(last)));
        }
    }
    Some(Sentence { at: main.at, text })
}

/// `first in the queue since 0 ms`, with when it asked if it was not the first from the beginning.
fn place_in_queue(first: Option<Time>, asked: Time, position: usize) -> String {
    let waiting = words::moment(asked);
    match first {
        Some(first) if first == asked => format!("first in the queue since {waiting}"),
        Some(first) => {
            format!("first in the queue since {}, waiting since {waiting}", words::moment(first))
        }
        None => format!("number {position} in the queue, waiting since {waiting}"),
    }
}

/// Why `handoff` went where it went, as far as is known at `moment`.
pub fn explain(trace: &Trace, handoff: &Handoff, moment: u64) -> String {
    let name = |task| trace.names().task(task);
    let receiver = words::opening(name(handoff.to));
    let place = place_in_queue(handoff.first, handoff.asked, handoff.position);
    let fate = handoff.fate(moment);
    let mut text = match fate {
        Fate::Ran => format!("{receiver} got it: {place}."),
        Fate::Granted => format!("Granted to {}: {place}.", words::the(name(handoff.to))),
        Fate::Cancelled => format!("{receiver} was granted it, {place}, but was cancelled before it ran."),
    };
    if let Some((gone, at)) = handoff.cleared.filter(|_| handoff.position == 1) {
        text += &format!(" {}, who was ahead, gave up at {}.", words::opening(name(gone)), words::moment(at));
    }
    match handoff.from {
        Some(from) if from.how == Passed::Cancelled => {
            text += &format!(
                " {} had been granted it and was cancelled before it ran.",
                words::opening(name(from.task))
            );
        }
        Some(from) if from.task != handoff.to => {
            if let Some(asked) = handoff.asked_again(moment) {
                let when = if asked.since(handoff.at) < Duration::from_millis(1) {
                    "only now".to_owned()
                } else {
                    format!("only at {}", words::moment(asked))
                };
                text += &format!(" {} asked again {when}.", words::opening(name(from.task)));
            } else if fate == Fate::Granted {
                text += " It owns the lock, but has not run yet.";
            }
        }
        _ => {}
    }
    text
}

/// How things stand with a task at `moment`: what it holds, what it waits for, and who is in its way.
pub fn of_task(trace: &Trace, moment: u64, id: TaskId) -> String {
    let state = trace.state(moment);
    let name = |task| trace.names().task(task);
    let Some(task) = state.task(id) else { return String::new() };
    let mut parts = Vec::new();
    for claim in &task.claims {
        let lock_name = trace.names().lock(claim.lock);
        let since = words::moment(claim.since);
        let Some(lock) = state.lock(claim.lock) else { continue };
        parts.push(match claim.stage {
            Stage::Holding => format!("holds {lock_name} since {since}"),
            Stage::Granted => format!("was granted {lock_name} at {since} and has not run yet"),
            Stage::Waiting => {
                let position =
                    lock.queue.iter().position(|place| place.op == claim.op).map_or(0, |at| at + 1);
                let mut part = format!("waits for {lock_name} since {since}, #{position} in the queue");
                if let Some(owner) = lock.owner() {
                    part += &format!("; {} has it", words::the(name(owner.task)));
                }
                part
            }
        });
    }
    match task.life {
        Life::Unborn => parts.push("has not started".into()),
        Life::Finished => parts.push("came to its end".into()),
        Life::Asleep { until, .. } => parts.push(format!("sleeps until {}", words::moment(until))),
        Life::Running if parts.is_empty() => parts.push("runs without a lock".into()),
        Life::Running => {}
    }
    format!("{} {}.", words::opening(name(id)), parts.join("; "))
}

/// How things stand with a lock at `moment`: whose it is, who waits.
pub fn of_lock(trace: &Trace, moment: u64, id: LockId) -> String {
    let state = trace.state(moment);
    let name = |task| trace.names().task(task);
    let Some(lock) = state.lock(id) else { return String::new() };
    let kind = trace.names().locks.get(id.0 as usize).map(|lock| lock.kind);
    let kind = kind.map_or_else(String::new, |kind| format!(" ({}, {})", kind.path(), kind.policy()));
    let owner = match (lock.holders.first(), lock.granted.first()) {
        (Some(holder), _) => {
            format!("is held by {} since {}", words::the(name(holder.task)), words::moment(holder.since))
        }
        (None, Some(granted)) => {
            format!("is granted to {}, who has not run yet", words::the(name(granted.task)))
        }
        (None, None) => "is free".to_owned(),
    };
    let queue: Vec<_> = lock
        .queue
        .iter()
        .take(8)
        .map(|place| format!("{} since {}", name(place.task), words::moment(place.since)))
        .collect();
    let more = lock.queue.len().saturating_sub(queue.len());
    let queue = match (queue.is_empty(), more) {
        (true, _) => "nobody waits".to_owned(),
        (false, 0) => format!("queue: {}", queue.join(", ")),
        (false, more) => format!("queue: {}, and {more} more", queue.join(", ")),
    };
    format!("{}{kind} {owner}; {queue}; {} handoffs.", trace.names().lock(id), lock.handoffs)
}

/// Who waits for whom, when nothing can move any more; of those who are many, some.
pub fn stuck(trace: &Trace) -> String {
    const MOST: usize = 4;
    let Some(deadlock) = trace.deadlock() else { return "Deadlock: nothing can move any more.".to_owned() };
    let (task, lock) = (|id| trace.names().task(id), |id| trace.names().lock(id));
    let mut text = String::new();
    for (index, ring) in deadlock.rings.iter().take(MOST).enumerate() {
        let what = match (index, ring.cause) {
            (0, Cause::Cycle) => "Deadlock, a cycle",
            (0, Cause::SelfLock) => "Deadlock, a self-lock",
            (_, Cause::Cycle) => " Another cycle",
            (_, Cause::SelfLock) => " Another self-lock",
        };
        let told = |(place, wait): (usize, &Wait)| match ring.cause {
            Cause::SelfLock => {
                format!(
                    "{} waits for {}, which it holds itself",
                    words::the(task(wait.task)),
                    lock(wait.lock)
                )
            }
            Cause::Cycle => {
                // What the one before it in the ring waits for is what it holds.
                let held = ring.waits[(place + ring.waits.len() - 1) % ring.waits.len()].lock;
                format!(
                    "{} holds {} and waits for {}",
                    words::the(task(wait.task)),
                    lock(held),
                    lock(wait.lock)
                )
            }
        };
        let told: Vec<String> = ring.waits.iter().enumerate().take(MOST).map(told).collect();
        let more = match ring.waits.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!("; and {more} more round to {}", words::the(task(ring.waits[0].task))),
        };
        text += &format!("{what}: {}{more}.", told.join("; "));
    }
    match deadlock.rings.len().saturating_sub(MOST) {
        0 => {}
        1 => text += " And another.",
        more => text += &format!(" And {more} others."),
    }
    let behind = |wait: &Wait| {
        let (waiter, owner) = (words::the(task(wait.task)), words::the(task(wait.owner)));
        format!("{waiter} waits for {}, held by {owner}", lock(wait.lock))
    };
    let told: Vec<String> = deadlock.behind.iter().take(MOST).map(behind).collect();
    if !told.is_empty() {
        let more = match deadlock.behind.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!("; {more} more"),
        };
        text += &format!(" Stuck behind: {}{more}.", told.join("; "));
    }
    text
}

/// How things stand, before any handoff: who has the lock that is most asked for, who waits.
fn situation(trace: &Trace, state: &State) -> Option<Sentence> {
    let name = |task| trace.names().task(task);
    if state.moment == 0 {
        return None;
    }
    let busiest = state
        .locks
        .iter()
        .enumerate()
        .filter(|(_, lock)| lock.owner().is_some())
        .max_by_key(|(id, lock)| (lock.queue.len(), std::cmp::Reverse(*id)));
    let Some((id, lock)) = busiest else {
        return Some(Sentence { at: state.at, text: "No lock is held, and nobody waits.".into() });
    };
    let id = LockId(id as u32);
    let owner = lock.owner()?;
    let asleep = state.task(owner.task).is_some_and(|task| matches!(task.life, Life::Asleep { .. }));
    let mut text = format!(
        "{} holds {} since {}{}.",
        words::opening(name(owner.task)),
        trace.names().lock(id),
        words::moment(owner.since),
        if asleep { ", asleep with the guard in hand" } else { "" },
    );
    match (lock.queue.front(), lock.queue.len()) {
        (None, _) => text += " Nobody waits.",
        (Some(only), 1) => {
            text += &format!(
                " {} waits since {}: first in the queue.",
                words::opening(name(only.task)),
                words::moment(only.since)
            );
        }
        (Some(first), waiters) => {
            text += &format!(
                " First in the queue: {}, since {}; {} behind.",
                words::the(name(first.task)),
                words::moment(first.since),
                waiters - 1
            );
        }
    }
    Some(Sentence { at: owner.since, text })
}
