//! What is said of a program's lock that has not moved on for long, although somebody waits for it: the commonest hang,
//! and none that anybody could prove.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use super::lasting::lasting_at_the_end;
use super::standing::{held, owners, waits};
use crate::event::{Family, LockId, Mode, Names, Outcome, TaskId, Time};
use crate::trace::deadlock::Ring;
use crate::trace::{Lock, Place, State, Task, Trace, words};

/// The lecture's reader has its lock for a second. What lasts twice as long is worth to be told.
const LASTS: Duration = Duration::from_secs(2);

/// A lock of which the first in the queue, or who was granted it, has been that for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standstill {
    /// Which.
    pub lock: LockId,
    /// Since when.
    pub since: Time,
}

/// Whether what was so at `since` has been so for long.
pub(super) fn is_long(since: Time, now: Time) -> bool {
    now.since(since) >= LASTS
}

/// The locks that have not moved on for long at `now`, but for those of these rings: before others that of which somebody
/// has it who waits for no other lock, and that for which most wait.
pub(crate) fn standstills(state: &State, now: Time, rings: &[Ring]) -> Vec<Standstill> {
    let in_ring: HashSet<TaskId> = rings.iter().flat_map(|ring| &ring.waits).map(|wait| wait.task).collect();
    let all = state.locks.iter().enumerate().filter_map(|(id, lock)| {
        let since = stands_since(state, lock).filter(|since| is_long(*since, now))?;
        let owner = lock.owner().map(|owner| owner.task);
        let waits = || state.task(owner?).and_then(Task::waits_with);
        let follows = !lock.holders.is_empty() && waits().is_some();
        let standstill = Standstill { lock: LockId(id as u32), since };
        Some(((follows, Reverse(lock.queue.len()), since), standstill))
            .filter(|_| owner.is_none_or(|owner| !in_ring.contains(&owner)))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(order, _)| *order);
    all.into_iter().map(|(_, standstill)| standstill).collect()
}

/// Those at the end of a history, but for a deadlock, of which there is more to say.
pub(crate) fn standstills_at_the_end(trace: &Trace) -> Vec<Standstill> {
    let Some(end) = trace.end().filter(|end| end.outcome != Outcome::Deadlock) else { return Vec::new() };
    standstills(&trace.state(trace.len()), end.at, &lasting_at_the_end(trace))
}

/// Since when nobody has come further who was granted it or is the first to wait for it; of programs alone, because a
/// scenario's engine knows more.
fn stands_since(state: &State, lock: &Lock) -> Option<Time> {
    if !lock.hands_over() || !matches!(lock.kind.family(), Family::Mutex | Family::RwLock | Family::Semaphore)
    {
        return None;
    }
    let of_program = |place: &&Place| state.task(place.task).is_some_and(|task| task.step.is_none());
    let granted = lock.granted.front().map(|place| (place, place.since));
    let first = || lock.queue.front().map(|place| (place, place.first.unwrap_or(place.since)));
    granted.or_else(first).filter(|(place, _)| of_program(place)).map(|(_, since)| since)
}

/// All there is to say of the first of these, and how many more there are.
pub(crate) fn tell_standstills(names: &Names, state: &State, all: &[Standstill]) -> Option<String> {
    let (first, others) = all.split_first()?;
    let (lock, name) = (state.lock(first.lock)?, names.lock(first.lock));
    let told = match (held(names, state, lock, name), lock.queue.is_empty()) {
        (Some(held), true) => held,
        (Some(held), false) => format!("{held} {}", waits(names, lock, name)),
        (None, _) => format!("{name}: {}", waits(names, lock, name)),
    };
    let more = match others.len() {
        0 => String::new(),
        1 => " Another lock has not moved on either.".to_owned(),
        others => format!(" {others} other locks have not moved on either."),
    };
    Some(told + &more)
}

/// The same in a few words.
pub(super) fn tell_briefly(names: &Names, state: &State, all: &[Standstill]) -> Option<String> {
    let (first, others) = all.split_first()?;
    let (lock, name) = (state.lock(first.lock)?, names.lock(first.lock));
    let what =
        if lock.kind.family() == Family::Semaphore { format!("permits of {name}") } else { name.into() };
    let several = lock.owners().nth(1).is_some();
    let has = match (lock.holders.is_empty(), lock.owner()) {
        (_, None) => String::new(),
        (true, Some(owner)) => {
            let was = if several { "were" } else { "was" };
            format!("{} {was} granted at {}", owners(names, lock, false), words::moment(owner.since))
        }
        (false, Some(owner)) => {
            let (have, when) = (if several { "have" } else { "has" }, words::moment(owner.since));
            let what = if matches!(owner.mode, Mode::Permits(_)) { "some" } else { "it" };
            format!("{} {have} {what} since {when}", owners(names, lock, false))
        }
    };
    let waits = match (lock.queue.front(), lock.queue.len()) {
        (None, _) => None,
        (Some(only), 1) => Some(format!("{} waits for {what}", words::opening(names.task(only.task)))),
        (Some(_), waiters) => Some(format!("{} wait for {what}", words::counted(waiters as u64, "task"))),
    };
    let more = match others.len() {
        0 => String::new(),
        others => format!(" (and {} more)", words::counted(others as u64, "lock")),
    };
    Some(match (waits, has.is_empty()) {
        (Some(waits), true) => format!("{waits}{more}."),
        (Some(waits), false) => format!("{waits}{more}: {has}."),
        (None, _) => format!("{name}: {has} and has not run{more}."),
    })
}
