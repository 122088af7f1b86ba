//! What becomes of a history that grows for as long as a program runs: its older half is forgotten. The rest
//! begins with where things stood.

use crate::event::{Event, Packed};
use crate::sync::Present;
use crate::trace::Trace;

/// The same history without its first `cut` events. It begins with where things stood then, as whoever comes to a
/// program is told it.
pub(super) fn forget(trace: &Trace, cut: u64) -> Trace {
    let standing = standing(trace, cut);
    let earlier = trace.earlier().saturating_add(cut.saturating_sub(trace.opening()));
    let mut rest = Trace::new(trace.names().clone());
    rest.come_after(earlier, standing.len() as u64);
    for event in standing.into_iter().chain((cut + 1..=trace.len()).filter_map(|moment| trace.event(moment)))
    {
        take(&mut rest, event);
    }
    rest
}

/// Adds an event, by the short way if there is one.
pub(super) fn take(trace: &mut Trace, event: Event) {
    match Packed::of(&event) {
        Some(packed) => trace.push_packed(packed),
        None => trace.push(event),
    }
}

/// Events that lead to where things stood when the first `cut` had happened.
fn standing(trace: &Trace, cut: u64) -> Vec<Event> {
    let mut present = Present::default();
    present.add_tasks(trace.names().tasks.len());
    trace.names().locks.iter().for_each(|lock| present.add_lock(lock));
    for event in (1..=cut).filter_map(|moment| trace.event(moment)) {
        match Packed::of(&event) {
            Some(packed) => present.apply(packed),
            None => present.apply_aside(&event),
        }
    }
    let told = present.introduction();
    let whole =
        |packed: &Packed| packed.event(0).or_else(|| told.asides.get(packed.large() as usize).cloned());
    told.events.iter().filter_map(whole).collect()
}
