//! Rings in what still runs: whether somebody who asks for a lock closes one.
//!
//! Of a program nobody says that nothing can move any more, and it may never be so: most of it goes on while two of its
//! tasks wait for each other.

use super::graph::cause;
use super::{InTheWay, Ring, Wait};
use crate::event::{Family, Mode, TaskId};
use crate::trace::{Place, Stage, State};

/// So many tasks are looked at: somebody who asks for a lock may stand behind thousands.
const LOOK_AT: usize = 32;

/// Who waits for whom, back to `task`; `None` too where that is further than one looks.
pub(in crate::trace) fn closed_by(state: &State, task: TaskId) -> Option<Ring> {
    // Whoever has nothing is in nobody's way, as the last in a queue.
    if state.task(task)?.claims.len() < 2 {
        return None;
    }
    // The way from `task` to where one looks now: why each waits, and what is still to be looked at of that.
    let (mut way, mut seen) = (vec![in_the_way(state, task)], vec![task]);
    while let Some(waits) = way.last() {
        match waits.last().and_then(|wait| wait.owner) {
            Some(next) if next == task => {
                let mut waits: Vec<Wait> = way.iter().filter_map(|waits| waits.last().copied()).collect();
                let lowest = waits.iter().enumerate().min_by_key(|(_, wait)| wait.task);
                let lowest = lowest.map_or(0, |(place, _)| place);
                waits.rotate_left(lowest);
                return Some(Ring { cause: cause(state, &waits), waits });
            }
            Some(next) if seen.len() < LOOK_AT && !seen.contains(&next) => {
                seen.push(next);
                way.push(in_the_way(state, next));
            }
            // That one is done with, or leads nowhere: so does whoever waits for it alone.
            Some(_) => _ = way.last_mut().and_then(Vec::pop),
            None => {
                way.pop();
                _ = way.last_mut().and_then(Vec::pop);
            }
        }
    }
    None
}

/// All rings of those who wait at `state`.
pub(in crate::trace) fn all(state: &State) -> Vec<Ring> {
    let (mut rings, mut in_ring) = (Vec::new(), vec![false; state.tasks.len()]);
    for task in 0..state.tasks.len() {
        if !in_ring[task]
            && let Some(ring) = closed_by(state, TaskId(task as u32))
        {
            ring.waits.iter().for_each(|wait| in_ring[wait.task.0 as usize] = true);
            rings.push(ring);
        }
    }
    rings
}

/// Without which others a task cannot go on; none, where it waits for one thing or another, or for what anybody
/// could give it.
fn in_the_way(state: &State, task: TaskId) -> Vec<Wait> {
    let claims = state.task(task).map_or(&[][..], |task| &task.claims);
    let mut waits = claims.iter().filter(|claim| claim.stage != Stage::Holding);
    let (Some(claim), None) = (waits.next().filter(|claim| claim.stage.is_queued()), waits.next()) else {
        return Vec::new();
    };
    let Some(lock) = state.lock(claim.lock) else { return Vec::new() };
    // Whoever was let in and has not run yet is about to.
    if !matches!(lock.kind.family(), Family::Mutex | Family::RwLock) || lock.holders.is_empty() {
        return Vec::new();
    }
    let wait = |way| {
        let (lock, mode, asked_seq) = (claim.lock, claim.mode, claim.asked_seq);
        move |owner: &Place| Wait { task, lock, mode, owner: Some(owner.task), way, asked_seq }
    };
    let writes = |place: &&Place| place.mode != Mode::Shared;
    let owners = lock.holders.iter().filter(|place| claim.mode != Mode::Shared || writes(place));
    let owners: Vec<Wait> = owners.take(LOOK_AT).map(wait(InTheWay::Holds)).collect();
    if !owners.is_empty() {
        return owners;
    }
    // Only readers have it: a writer stands ahead.
    let writer = lock.queue.iter().take(LOOK_AT).find(writes);
    let ahead = writer.filter(|writer| writer.asked_seq < claim.asked_seq);
    ahead.map(wait(InTheWay::Ahead)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::graph::Graph;
    use super::all;
    use crate::event::{Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, TaskId, Time, What};
    use crate::trace::{Noted, Trace, why};

    const MUTEX: LockKind = LockKind::TokioMutex;

    /// What somebody does: `A` gets a lock for itself alone and `a` waits for it, `R` and `r` share it, `x` lets go of it
    /// and `c` gives up.
    fn trace(kind: LockKind, opening: u64, deeds: &str) -> Trace {
        let lock = |name: &str| LockName { name: name.into(), kind, permits: None };
        let tasks = ["reader", "writer", "logger", "T4"].map(Into::into).to_vec();
        let mut trace = Trace::new(Names { tasks, locks: ["a", "b", "c"].map(lock).to_vec() });
        trace.come_after(opening, opening);
        for (ms, deed) in (1..).zip(deeds.split(' ')) {
            let [task, deed, lock] = deed.as_bytes() else { panic!("{deed}") };
            // Somebody asks for each lock once.
            let (task, op) = (u32::from(task - b'0'), OpId(u64::from(task - b'0') << 8 | u64::from(*lock)));
            let lock = LockId(u32::from(lock - b'a'));
            let what = match deed {
                b'A' => What::Acquire { lock, op, mode: Mode::Exclusive },
                b'R' => What::Acquire { lock, op, mode: Mode::Shared },
                b'a' => What::Wait { lock, op, mode: Mode::Exclusive },
                // Whoever shares it already asks once more.
                b'r' => What::Wait { lock, op: OpId(op.0 + 128), mode: Mode::Shared },
                b'x' => What::Release { lock, op },
                _ => What::Cancel { lock, op },
            };
            let actor = Actor { task: TaskId(task), step: None };
            trace.push(Event { seq: 0, at: Time::from_millis(ms), actor, what });
        }
        trace
    }

    fn told(trace: &Trace) -> Vec<(u64, String)> {
        let rings = trace.notes(trace.len()).iter().filter(|note| matches!(note.what, Noted::Round { .. }));
        rings.map(|note| (note.seq, why::note(trace, note))).collect()
    }

    #[test]
    fn whoever_closes_a_ring_is_told_with_it() {
        let trace = trace(MUTEX, 0, "0Aa 1Ab 2ab 1aa 0ab");
        let text = "A cycle: the reader holds a and waits for b; the writer holds b and waits for a. Neither can go on \
                    by itself.";
        assert_eq!(told(&trace), [(5, text.to_owned())]);
        assert_eq!(why::sentence(&trace, 5).unwrap().text, text);
        assert_ne!(why::sentence(&trace, 4).unwrap().text, text);
    }

    #[test]
    fn a_ring_of_three_and_one_alone() {
        let three = trace(MUTEX, 0, "0Aa 1Ab 2Ac 0ab 1ac 2aa");
        let [(6, text)] = &told(&three)[..] else { panic!("{:?}", told(&three)) };
        assert!(
            text.contains("the logger holds c and waits for a. None of them can go on by itself."),
            "{text}"
        );
        // Of one lock, of which the second asking has a number of its own.
        let alone = trace(LockKind::TokioRwLock, 0, "0Aa 0ra");
        let text = "A self-lock: the reader waits for a, which it holds itself. It cannot go on by itself.";
        assert_eq!(told(&alone), [(2, text.to_owned())]);
    }

    #[test]
    fn readers_behind_a_writer() {
        let trace = trace(LockKind::TokioRwLock, 0, "0Ra 2Ra 1aa 0ra");
        let [(4, text)] = &told(&trace)[..] else { panic!("{:?}", told(&trace)) };
        assert!(
            text.starts_with("A recursive read: the reader reads a and waits to read it once more"),
            "{text}"
        );
    }

    #[test]
    fn whoever_comes_later_is_told_of_those_that_are_there() {
        // In the order in which it is told where things stand.
        let trace = trace(MUTEX, 6, "0Aa 1Ab 2Ac 0ab 1aa 3ac 3aa");
        let [(6, text)] = &told(&trace)[..] else { panic!("{:?}", told(&trace)) };
        assert!(text.starts_with("A cycle: the reader holds a and waits for b; "), "{text}");
    }

    #[test]
    fn nobody_is_told_of_who_can_go_on() {
        // The owner runs; or it waits for one thing or another; or has given up; or it is a permit of several.
        for (kind, deeds) in [
            (MUTEX, "0Aa 1Ab 1aa 2Ac 2ab"),
            (MUTEX, "0Aa 1Ab 2Ac 0ac 0ab 1aa"),
            (MUTEX, "0Aa 1Ab 0ab 0cb 1aa"),
            (LockKind::TokioSemaphore, "0Aa 1Ab 0ab 1aa"),
        ] {
            assert_eq!(told(&trace(kind, 0, deeds)), [], "{deeds}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever looks at all of them finds the same as whoever looks from each.
        #[test]
        fn the_rings_are_those_of_the_whole_graph(wishes in prop::collection::vec((0..4_usize, 0..3_usize), 0..16)) {
            let (mut owners, mut waits, mut deeds) = ([None; 3], [false; 4], Vec::new());
            for (task, lock) in wishes {
                // Who waits does nothing else, and asks for each lock but once.
                let asked = deeds.iter().any(|deed: &String| deed.starts_with(&task.to_string()) && deed.ends_with(["a", "b", "c"][lock]));
                if waits[task] || asked {
                    continue;
                }
                let deed = if owners[lock].is_none() { 'A' } else { 'a' };
                waits[task] = *owners[lock].get_or_insert(task) != task;
                deeds.push(format!("{task}{deed}{}", ["a", "b", "c"][lock]));
            }
            prop_assume!(!deeds.is_empty());
            let trace = trace(MUTEX, 0, &deeds.join(" "));
            let mut rings = Graph::of(&trace.now).rings();
            rings.sort_by_key(|ring| ring.waits[0].task);
            prop_assert_eq!(all(&trace.now), rings.clone());
            // Each was told when it was closed.
            prop_assert_eq!(told(&trace).len(), rings.len());
        }
    }
}
