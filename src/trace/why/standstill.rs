//! What is said of a program's lock that has not moved on for long, although somebody waits for it: the commonest hang,
//! and none that anybody could prove.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use super::standing::{held, owners, unpolled, waits};
use crate::event::{Family, LockId, Mode, Names, OpId, Outcome, TaskId, Time};
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
    /// Of which acquisition: the first in the queue, or one that was granted.
    op: OpId,
}

impl Standstill {
    /// What it is told apart by: where things stand may be told again, as of later.
    pub fn key(&self) -> (LockId, OpId) {
        (self.lock, self.op)
    }
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
        let (place, since) = stands(state, lock).filter(|(_, since)| is_long(*since, now))?;
        let owner = lock.owner().map(|owner| owner.task);
        let waits = || state.task(owner?).and_then(Task::waits_with);
        let follows = !lock.holders.is_empty() && waits().is_some();
        let standstill = Standstill { lock: LockId(id as u32), since, op: place.op };
        Some(((follows, Reverse(lock.queue.len()), since), standstill))
            .filter(|_| owner.is_none_or(|owner| !in_ring.contains(&owner)))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(order, _)| *order);
    all.into_iter().map(|(_, standstill)| standstill).collect()
}

/// Those at the end of a history with these rings, but for a deadlock, of which there is more to say.
pub(crate) fn standstills_at_the_end(trace: &Trace, rings: &[Ring]) -> Vec<Standstill> {
    let Some(end) = trace.end().filter(|end| end.outcome != Outcome::Deadlock) else { return Vec::new() };
    standstills(&trace.state(trace.len()), end.at, rings)
}

/// Who was granted it, or is the first to wait for it, and since when; of programs alone, because a scenario's engine
/// knows more.
fn stands<'a>(state: &State, lock: &'a Lock) -> Option<(&'a Place, Time)> {
    if !lock.hands_over() || !matches!(lock.kind.family(), Family::Mutex | Family::RwLock | Family::Semaphore)
    {
        return None;
    }
    let of_program = |place: &&Place| state.task(place.task).is_some_and(|task| task.step.is_none());
    let granted = lock.granted.front().map(|place| (place, place.since));
    let first = || lock.queue.front().map(|place| (place, place.first.unwrap_or(place.since)));
    granted.or_else(first).filter(|(place, _)| of_program(place))
}

/// All there is to say of the first of these, and how many more there are.
pub(crate) fn tell_standstills(names: &Names, state: &State, all: &[Standstill]) -> Option<String> {
    let (first, others) = all.split_first()?;
    let (lock, name) = (state.lock(first.lock)?, names.lock(first.lock));
    // Who holds it beside is not whom it waits for.
    let granted = lock.granted.get(first.op).filter(|_| !lock.holders.is_empty());
    let held = granted
        .map_or_else(|| held(names, state, lock, name), |place| Some(unpolled(names, state, place, name)));
    let told = match (held, lock.queue.is_empty()) {
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
    let has = match (lock.granted.get(first.op), lock.owner()) {
        (Some(place), _) => {
            let (who, when) = (words::the(names.task(place.task)), words::moment(place.since));
            format!("{who} was granted it at {when}, and has not run")
        }
        (None, None) => String::new(),
        (None, Some(owner)) => {
            let several = lock.owners().any(|other| other.task != owner.task);
            let what = if matches!(owner.mode, Mode::Permits(_)) { "some" } else { "it" };
            let (who, when) = (owners(names, lock, false), words::moment(owner.since));
            match (lock.moves, several) {
                (true, _) => format!("{who} acquired {what} at {when}"),
                (false, true) => format!("{who} have {what} since {when}"),
                (false, false) => format!("{who} has {what} since {when}"),
            }
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
        (None, _) => format!("{name}{more}: {has}."),
    })
}
