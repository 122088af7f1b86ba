//! The sentence: why the last handoff went where it went, in words.
//!
//! Everything said is read off the history: who asked when, who stood ahead, who gave up. What the
//! sentence says of a handoff grows with the moment: at the grant it says who owns the lock now,
//! afterwards also who asked too late. How things stand with a task or a lock, and why nothing can move
//! any more, is told here as well.

mod handed;
mod lasting;
mod noted;
mod standing;
mod standstill;
mod stuck;
mod together;
mod watch;

use std::time::Duration;

use super::{Fate, Handoff, INSTANT, Lock, State, Trace, words};
use crate::event::{Event, Mode, Outcome, Time, What};

pub use handed::explain;
use lasting::tell_briefly;
use lasting::{breaks_off, lasting};
pub(crate) use lasting::{lasting_at_the_end, tell};
pub use noted::note;
pub use standing::{of_lock, of_task};
#[cfg(feature = "cli")]
pub(crate) use standstill::Standstill;
use standstill::standstills;
pub(crate) use standstill::{standstills_at_the_end, tell_standstills};
pub use stuck::stuck;
use together::together;
#[cfg(feature = "cli")]
pub(crate) use watch::Lasting;
pub(crate) use watch::Watch;

/// A sentence or two, and the moment that they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The time of what is explained.
    pub at: Time,
    /// The words.
    pub text: String,
}

/// What there is to say at `moment`: of the last handoff or what else is worth a note, whichever was
/// later, or else of how things stand.
///
/// Handoffs of one instant are told together, the longest wait first: with a critical section of no
/// length the lock goes there and back before anybody could read of the first.
pub fn sentence(trace: &Trace, moment: u64) -> Option<Sentence> {
    let state = trace.state(moment);
    sentence_of(trace, &state, moment, state.at)
}

/// The same of whoever has that moment's state; it is `now`, which nothing that has happened is after.
pub(crate) fn sentence_of(trace: &Trace, state: &State, moment: u64, now: Time) -> Option<Sentence> {
    let deadlock = trace.end().is_some_and(|end| end.outcome == Outcome::Deadlock);
    if deadlock && moment == trace.len() {
        return Some(Sentence { at: state.at, text: stuck(trace) });
    }
    let passing = trace.event(moment).and_then(|event| Some((event.at, passes(trace, state, &event)?)));
    let last = trace.handoffs(moment).last_seq();
    let noted = trace.notes(moment).last().filter(|noted| last.is_none_or(|last| last < noted.seq));
    let over = trace.end().is_some_and(|end| moment == trace.len() && breaks_off(end, state.at));
    let rings = lasting(state, now, over);
    if let Some(first) = rings.first()
        && passing.is_none()
        && noted.map(|noted| noted.seq).max(last).is_none_or(|last| last <= first.closed())
        && let Some(text) = tell(trace.names(), &rings)
    {
        return Some(Sentence { at: first.since(), text });
    }
    // A ring says more.
    let still = standstills(state, now, &rings);
    let news = noted.map(|noted| noted.seq).max(last).map(|seq| trace.at(seq));
    if let Some(first) = still.first().filter(|_| rings.is_empty())
        && passing.is_none()
        && news.is_none_or(|news| standstill::is_long(news, now))
        && let Some(text) = tell_standstills(trace.names(), state, &still)
    {
        return Some(Sentence { at: first.since, text });
    }
    let (of, sentence) = match (passing, noted) {
        // That says which lock it is about.
        (Some((at, text)), _) => (None, Sentence { at, text }),
        (None, Some(noted)) => (Some(noted.seq), Sentence { at: noted.at, text: note(trace, noted) }),
        (None, None) => (last, last_handoff(trace, state, moment)?),
    };
    // Of several locks it says first which one it is about.
    let lock = of.and_then(|seq| trace.event(seq)?.what.lock()).filter(|_| trace.names().locks.len() > 1);
    let about = lock.map(|lock| format!("{}: ", trace.names().lock(lock)));
    // Others go on, and what they do would hide who does not.
    let waits = tell_briefly(trace.names(), &rings)
        .or_else(|| standstill::tell_briefly(trace.names(), state, &still))
        .map(|waits| format!("{waits} "));
    Some(Sentence { text: [waits, about, Some(sentence.text)].into_iter().flatten().collect(), ..sentence })
}

/// What there is to say of the last handoff, and of those of its instant; where there was none, how things stand.
fn last_handoff(trace: &Trace, state: &State, moment: u64) -> Option<Sentence> {
    let handoffs = trace.handoffs(moment);
    let Some(last) = handoffs.last() else { return standing::situation(trace, state) };
    // With the real clock an instant is less than a millisecond from one to the next. A busy program hands on
    // without such an end: then it is the last that is told.
    let at = |index| trace.at(handoffs.seq(index));
    let near = |index: &usize| at(*index).since(at(index - 1)) < Duration::from_millis(1);
    let more = (1..handoffs.len()).rev().take(INSTANT).take_while(near).count();
    let instant = if more < INSTANT { more + 1 } else { 1 };
    let main = handoffs
        .iter()
        .rev()
        .take(instant)
        .filter(|handoff| handoff.lock == last.lock)
        .filter(|handoff| handoff.fate(moment) != Fate::Cancelled)
        .max_by_key(|handoff| (last.at.since(handoff.asked), handoff.seq))
        .unwrap_or(last);
    let mut text = explain(trace, &main, moment);
    let told = together(trace, &main, moment);
    let told = told.last().map_or(main.seq, |last| last.seq);
    let name = |handoff: &Handoff| trace.names().task(handoff.to);
    // Those of this instant alone: the history before it may be long.
    let after = (handoffs.until(told)..handoffs.len()).filter_map(|index| handoffs.get(index));
    let later: Vec<_> = after.filter(|later| later.lock == main.lock).collect();
    let owns = main.owns && !matches!(main.mode, Mode::Signal | Mode::Message | Mode::Room);
    match later.as_slice() {
        [] => {}
        [only] if owns => {
            let verb = match only.fate(moment) {
                Fate::Ran => "has",
                Fate::Granted => "is granted",
                Fate::Cancelled | Fate::Beaten => "was granted",
            };
            text += &format!(" Then {} {verb} it, next in the queue.", words::the(name(only)));
        }
        [.., last] if owns => {
            // Those who are let in together are let in at once.
            let cause = |handoff: &Handoff| handoff.from(moment).map(|from| from.seq);
            let mut turns = later.chunk_by(|one, next| cause(one).is_some() && cause(one) == cause(next));
            let with = turns.next_back().map_or(0, <[_]>::len);
            let who = if with > 1 { words::counted(with as u64, "task") } else { words::the(name(last)) };
            text += &match turns.count() + 1 {
                1 => format!(" Then {who} got it together, the last of them {}.", words::the(name(last))),
                times => format!(" Then it went on {times} times, at last to {who}."),
            };
        }
        [only] => text += &format!(" Then {}.", words::the(name(only))),
        [.., last] => text += &format!(" Then {} more, the last {}.", later.len(), words::the(name(last))),
    }
    Some(Sentence { at: main.at, text })
}

/// To whom a lock, or what was added to it, passes between the event that frees it and the grant.
fn passes(trace: &Trace, state: &State, event: &Event) -> Option<String> {
    let (What::Release { lock: id, .. } | What::AddPermits { lock: id, .. }) = event.what else {
        return None;
    };
    let heir = state.lock(id).and_then(Lock::heir)?;
    let (who, lock) = (words::opening(trace.names().task(event.actor.task)), trace.names().lock(id));
    let what = match event.what {
        What::AddPermits { permits: 1, .. } => format!("adds 1 permit to {lock}, which goes"),
        What::AddPermits { permits, .. } => {
            format!("adds {} to {lock}, which go", words::permits(permits))
        }
        _ => format!("lets go of {lock}, which passes"),
    };
    let place = place_in_queue(heir.first_after(trace.opening()), heir.since, 1);
    let heir = words::the(trace.names().task(heir.task));
    Some(format!("{who} {what} straight to {heir}, {place}."))
}

/// `first in the queue since 0 ms`, with when it asked if it was not the first from the beginning.
fn place_in_queue(first: Option<Time>, asked: Time, position: usize) -> String {
    let waiting = words::moment(asked);
    match first {
        Some(first) => match words::moment(first) {
            first if first == waiting => format!("first in the queue since {first}"),
            first => format!("first in the queue since {first}, waiting since {waiting}"),
        },
        None if position == 1 => format!("first in the queue, waiting since {waiting}"),
        None => format!("number {position} in the queue, waiting since {waiting}"),
    }
}
