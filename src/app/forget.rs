//! What becomes of a history that grows for as long as a program runs: its older half is forgotten. The rest
//! begins with where things stood.

use std::collections::HashSet;

use crate::event::{Actor, Event, Kind, Packed, TaskId, Time, What};
use crate::sync::Present;
use crate::trace::Trace;

/// The same history without its first `cut` events, of which the first `opening` told where things stood; and
/// how many do so now.
///
/// Whoever has a lock or waits for one has done so since it began, even if that was before. Of others nothing
/// is told of the time before: they begin at the cut.
pub(super) fn forget(trace: &Trace, cut: u64, opening: u64) -> (Trace, u64) {
    let (before, at) = (trace.state(cut), trace.at(cut));
    let mut rest = Trace::after(trace.names().clone(), trace.earlier() + cut.saturating_sub(opening));
    if before.lost > 0 {
        rest.push(Event { what: What::Lost { events: before.lost }, ..begins(Time::ZERO, TaskId(0)) });
    }
    for event in standing(trace, cut, at) {
        rest.push(event);
    }
    let opening = rest.len();
    for event in (cut + 1..=trace.len()).filter_map(|moment| trace.event(moment)) {
        take(&mut rest, event);
    }
    (rest, opening)
}

/// Adds an event, by the short way if there is one.
pub(super) fn take(trace: &mut Trace, event: Event) {
    match Packed::of(&event) {
        Some(packed) => trace.push_packed(packed),
        None => trace.push(event),
    }
}

/// Events that lead to where things stood when the first `cut` had happened, which was at `at`.
fn standing(trace: &Trace, cut: u64, at: Time) -> Vec<Event> {
    let mut present = Present::default();
    present.add_tasks(trace.names().tasks.len());
    trace.names().locks.iter().for_each(|lock| present.add_lock(lock));
    for event in (1..=cut).filter_map(|moment| trace.event(moment)) {
        match Packed::of(&event) {
            Some(packed) => present.apply(packed),
            None => present.apply_aside(&event),
        }
    }
    let prologue = present.prologue(Time::ZERO, &[]);
    let (alive, rest): (Vec<Packed>, Vec<Packed>) =
        prologue.events.iter().partition(|packed| packed.kind() == Kind::Spawn);
    // Whoever sleeps, owns or waits is alive by that.
    let acts =
        |packed: &&Packed| !matches!(packed.kind(), Kind::AddPermits | Kind::ForgetPermits | Kind::Aside);
    let seen: HashSet<TaskId> = rest.iter().filter(acts).map(|packed| packed.task()).collect();
    let whole =
        |packed: Packed| packed.event(0).or_else(|| prologue.asides.get(packed.large() as usize).cloned());
    let others = alive.iter().map(|packed| packed.task()).filter(|task| !seen.contains(task));
    rest.into_iter().filter_map(whole).chain(others.map(|task| begins(at, task))).collect()
}

fn begins(at: Time, task: TaskId) -> Event {
    Event { seq: 0, at, actor: Actor { task, step: None }, what: What::Spawn }
}
