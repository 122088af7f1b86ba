//! Those whom one cause let in together: several readers, all who were notified.

use std::time::Duration;

use crate::event::Mode;
use crate::trace::{Handoff, INSTANT, Trace};

/// Those that were let in by the same cause as `handoff`, it among them, as far as that happened by
/// `moment`. Of very many, some.
pub(super) fn together(trace: &Trace, handoff: &Handoff, moment: u64) -> Vec<Handoff> {
    let cause = |handoff: &Handoff| handoff.from(moment).map(|from| from.seq);
    let (Some(seq), false) = (cause(handoff), handoff.owns && handoff.mode == Mode::Exclusive) else {
        return vec![*handoff];
    };
    let all = trace.handoffs(moment);
    let at = all.until(handoff.seq);
    // With the real clock an instant has some length. Handoffs of other locks may lie between, but none of
    // this lock with another cause.
    let near = |index: &usize| {
        let other = trace.at(all.seq(*index));
        other.since(handoff.at).max(handoff.at.since(other)) < Duration::from_millis(1)
    };
    let of_lock = |index: &usize| {
        trace.event(all.seq(*index)).and_then(|event| event.what.lock()) == Some(handoff.lock)
    };
    let same = |other: &Handoff| cause(other) == Some(seq);
    // A cause is on record before what comes of it, but for a message, which wakes one within its sending.
    let first = all.until(seq).min(at.saturating_sub(1)).max(at.saturating_sub(1 + INSTANT));
    let before = (first..at.saturating_sub(1)).rev().take_while(near).filter(of_lock);
    let mut group: Vec<_> = before.map_while(|index| all.get(index)).take_while(same).collect();
    group.reverse();
    group.push(*handoff);
    let after = (at..all.len().min(at + INSTANT)).take_while(near).filter(of_lock);
    group.extend(after.map_while(|index| all.get(index)).take_while(same));
    group
}
