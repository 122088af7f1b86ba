//! What becomes of a history that grows for as long as a program runs: its older half is forgotten. The rest
//! begins with where things stood.

use crate::event::{Bundle, Event, Kind, Packed};
use crate::record::trace_file::Budget;
use crate::sync::Present;
use crate::trace::Trace;

/// The same history without its first `cut` events. It begins with where things stood then, as whoever comes to a
/// program is told it. What is kept is taken from `budget`, of which nothing is spent.
pub(super) fn forget(trace: &Trace, cut: u64, budget: &mut Budget) -> Trace {
    let standing = standing(trace, cut);
    let earlier = trace.earlier().saturating_add(cut.saturating_sub(trace.opening()));
    let mut rest = Trace::new(trace.names().clone());
    rest.come_after(earlier, standing.len() as u64);
    keep(&standing.events, &standing.asides, budget, &mut rest);
    let (parts, asides) = trace.events().among(cut + 1, trace.len());
    for part in parts {
        keep(part, asides, budget, &mut rest);
    }
    rest
}

/// What was let through once is let through again.
fn keep(some: &[Packed], asides: &[Event], budget: &mut Budget, rest: &mut Trace) {
    let before = rest.len();
    if budget.pass((some, asides), &mut u64::MAX.clone(), rest).is_err() {
        for packed in some.iter().skip((rest.len() - before) as usize) {
            let aside = || asides.get(packed.large() as usize).cloned();
            packed.event(0).or_else(aside).into_iter().for_each(|event| rest.push(event));
        }
    }
}

/// Events that lead to where things stood when the first `cut` had happened.
fn standing(trace: &Trace, cut: u64) -> Bundle {
    let mut present = Present::default();
    present.add_tasks(trace.names().tasks.len());
    trace.names().locks.iter().for_each(|lock| present.add_lock(lock));
    let (parts, asides) = trace.events().among(1, cut);
    for packed in parts.flatten() {
        if packed.kind() != Kind::Aside {
            present.apply(*packed);
        } else if let Some(event) = asides.get(packed.large() as usize) {
            present.apply_aside(event);
        }
    }
    present.introduction()
}
