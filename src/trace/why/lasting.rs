//! What is said of tasks of a program that wait for each other while others go on.

use std::time::Duration;

use super::stuck::Told;
use crate::event::{Names, Outcome, Time};
use crate::trace::deadlock::{self, InTheWay, Ring};
use crate::trace::{End, State, Trace, words};

/// Tasks with several futures wait for each other all the time, and for themselves, until one of the others is done. What
/// lasts so long is worth to be told.
const LASTS: Duration = Duration::from_secs(1);

/// So many of a ring are named.
const MOST: usize = 3;

/// Whether a history that ends so after `last` breaks off there: of a program that was killed nobody knows for how much
/// longer it was so.
pub(super) fn breaks_off(end: &End, last: Time) -> bool {
    end.note.is_some() && end.at <= last
}

/// Those who wait for each other at `now`, the first one first: all of them where it is `over`, and else those who have
/// done so for a second.
pub(super) fn lasting(state: &State, now: Time, over: bool) -> Vec<Ring> {
    let mut rings = deadlock::rings(state);
    rings.retain(|ring| over || lasts(ring, now));
    rings
}

/// Whether they have done so for a second.
pub(super) fn lasts(ring: &Ring, now: Time) -> bool {
    now.since(ring.since()) >= LASTS
}

/// Those who wait for each other at the end of a history, but for a deadlock, of which there is more to say.
pub(crate) fn lasting_at_the_end(trace: &Trace) -> Vec<Ring> {
    let Some(end) = trace.end().filter(|end| end.outcome != Outcome::Deadlock) else { return Vec::new() };
    let state = trace.state(trace.len());
    lasting(&state, end.at, breaks_off(end, state.at))
}

/// All there is to say of these rings: of the first who waits for whom, and how many more there are.
pub(crate) fn tell(names: &Names, rings: &[Ring]) -> Option<String> {
    let (first, others) = rings.split_first()?;
    let told = Told { names, trace: None, state: &State::default() }.ring(first);
    // Of very many not all are found.
    let more = match others.len() {
        0 => "",
        1 => " There is another.",
        _ => " There are others.",
    };
    let but = "Only a timeout ends this, or a guard in another future or task.";
    Some(format!("A {}: {told}.{more} {but}", first.cause.words()))
}

/// The same in a few words.
pub(super) fn tell_briefly(names: &Names, rings: &[Ring]) -> Option<String> {
    let (first, others) = rings.split_first()?;
    let told = Told { names, trace: None, state: &State::default() };
    let since = words::moment(first.since());
    let more = if others.is_empty() { "" } else { " (and there are others)" };
    if let [alone] = first.waits.as_slice() {
        let (who, lock) = (words::opening(names.task(alone.task)), told.lock(alone.lock));
        return Some(format!("{who} waits for {lock}, which it holds itself{more}, since {since}."));
    }
    // What the one before it waits for is what it holds.
    let before = first.waits.iter().cycle().skip(first.waits.len() - 1);
    let who = first.waits.iter().zip(before).enumerate().take(MOST).map(|(place, (wait, before))| {
        let name = if place == 0 { words::opening(names.task(wait.task)) } else { told.task(wait.task) };
        match before.way {
            InTheWay::Holds => format!("{name} with {}", told.lock(before.lock)),
            InTheWay::Granted | InTheWay::Ahead => name,
        }
    });
    let mut who: Vec<String> = who.collect();
    let last = match first.waits.len().saturating_sub(MOST) {
        0 => who.pop().unwrap_or_default(),
        1 => "another".to_owned(),
        others => format!("{others} others"),
    };
    Some(format!("{} and {last} wait for each other{more} since {since}.", who.join(", ")))
}
