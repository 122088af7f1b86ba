//! Rings in a program that runs on: tasks that wait for each other, whatever others do.
//!
//! Of a program nobody says that nothing can move any more, and it may never be so. What is found is what its
//! acquisitions tell: a guard may be in other hands by now, and a task may have futures that go on beside the one that
//! waits. So what is a ring for a moment need not be one for ever.

use std::collections::{HashMap, HashSet};

use super::graph::cause;
use super::{InTheWay, Ring, Wait};
use crate::event::{Family, Mode, TaskId};
use crate::trace::{Claim, Lock, Place, Stage, State};

/// So many owners and waiters are looked at, and so many of one lock, so that a picture of very many costs no more than one
/// of many.
const LOOK_AT: usize = 1 << 15;
const OF_ONE: usize = 1 << 12;

/// The rings of those who wait at `state`, the one that closed first before all others; no task is in two of them.
pub(in crate::trace) fn rings(state: &State) -> Vec<Ring> {
    let mut search =
        Search { state, left: LOOK_AT, known: HashMap::new(), in_ring: HashSet::new(), rings: Vec::new() };
    // Somebody of each waits for a lock that somebody of it has, and so has a queue.
    for lock in state.locks.iter().filter(|lock| !lock.queue.is_empty() && is_owned_alone(lock)) {
        for owner in lock.holders.iter().take(OF_ONE) {
            if search.left == 0 {
                break;
            }
            search.left -= 1;
            search.from(owner.task);
        }
    }
    search.rings.sort_by_key(Ring::closed);
    search.rings
}

struct Search<'a> {
    state: &'a State,
    /// So many are looked at still.
    left: usize,
    /// Where on the way a task is, of those that were looked at; `None` if all that it waits for was.
    known: HashMap<TaskId, Option<usize>>,
    in_ring: HashSet<TaskId>,
    rings: Vec<Ring>,
}

impl Search<'_> {
    /// Finds the rings that can be come to from this task.
    fn from(&mut self, task: TaskId) {
        // Why each on the way waits: of several reasons the last is the one that is followed.
        let mut way: Vec<(TaskId, Vec<Wait>)> = Vec::new();
        let mut next = Some(task).filter(|task| !self.known.contains_key(task));
        loop {
            if let Some(task) = next.take() {
                self.known.insert(task, Some(way.len()));
                way.push((task, self.in_the_way(task)));
            }
            let Some((task, waits)) = way.last_mut() else { break };
            let Some(owner) = waits.last().and_then(|wait| wait.owner) else {
                self.known.insert(*task, None);
                way.pop();
                // What led there leads nowhere else.
                _ = way.last_mut().and_then(|(_, waits)| waits.pop());
                continue;
            };
            match self.known.get(&owner) {
                None => next = Some(owner),
                Some(Some(begin)) => {
                    let waits = way[*begin..].iter().filter_map(|(_, waits)| waits.last().copied()).collect();
                    self.add(waits);
                    _ = way.last_mut().and_then(|(_, waits)| waits.pop());
                }
                Some(None) => _ = waits.pop(),
            }
        }
    }

    fn add(&mut self, mut waits: Vec<Wait>) {
        if waits.iter().any(|wait| self.in_ring.contains(&wait.task)) {
            return;
        }
        self.in_ring.extend(waits.iter().map(|wait| wait.task));
        let lowest = waits.iter().enumerate().min_by_key(|(_, wait)| wait.task).map_or(0, |(place, _)| place);
        waits.rotate_left(lowest);
        self.rings.push(Ring { cause: cause(self.state, &waits), waits });
    }

    /// Those who wait, and without whom a task cannot go on.
    fn in_the_way(&mut self, task: TaskId) -> Vec<Wait> {
        let Some((claim, lock)) = waits(self.state, task) else { return Vec::new() };
        let wait = |way| {
            let Claim { lock, mode, asked_seq, since, .. } = *claim;
            move |owner: &Place| {
                // Another future of the task that waits may have got it after that.
                let since = since.max(owner.since);
                Wait { task, lock, mode, owner: Some(owner.task), way, asked_seq, since }
            }
        };
        let most = self.left.min(OF_ONE);
        let writes = |place: &&Place| place.mode != Mode::Shared;
        let mut owners =
            lock.holders.iter().filter(|place| claim.mode != Mode::Shared || writes(place)).peekable();
        if owners.peek().is_some() {
            let some = owners.take(most).inspect(|_| self.left -= 1);
            // One task may have thousands of shares, and to ask it looks through all of them.
            let mut last = None;
            let others = some.filter(|owner| last.replace(owner.task) != Some(owner.task));
            let stuck = others.filter(|owner| waits(self.state, owner.task).is_some());
            return stuck.map(wait(InTheWay::Holds)).collect();
        }
        // Only readers have it: a writer stands ahead.
        let writer = lock.queue.iter().take(most).inspect(|_| self.left -= 1).find(writes);
        let ahead = writer.filter(|writer| writer.asked_seq < claim.asked_seq);
        ahead.map(wait(InTheWay::Ahead)).into_iter().collect()
    }
}

/// Whether one of its owners can keep everybody out.
fn is_owned_alone(lock: &Lock) -> bool {
    match lock.kind.family() {
        _ if lock.moves => false,
        Family::Mutex | Family::RwLock => true,
        Family::Semaphore => lock.permits == Some(1),
        Family::Notify | Family::Channel => false,
    }
}

/// What a task of a program waits for, if that is one thing alone, and one that somebody has who can keep it out. Whoever
/// was let in and has not run yet is about to.
fn waits(state: &State, task: TaskId) -> Option<(&Claim, &Lock)> {
    let task = state.task(task).filter(|task| task.step.is_none())?;
    let mut waits = task.claims.iter().filter(|claim| claim.stage != Stage::Holding);
    let (Some(claim), None) = (waits.next(), waits.next()) else { return None };
    let lock = state.lock(claim.lock).filter(|_| claim.stage.is_queued())?;
    (is_owned_alone(lock) && !lock.holders.is_empty()).then_some((claim, lock))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::graph::Graph;
    use super::rings;
    use crate::event::{
        Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, TaskId, Time, What,
    };
    use crate::trace::{End, Trace, why};

    const MUTEX: LockKind = LockKind::TokioMutex;

    /// What somebody does, a second after the one before: `A` gets a lock for itself alone and `a` waits for it, `R` shares
    /// it and `r` asks for that once more, `g` is granted it, `x` lets go of it and `c` gives up, `.` goes on.
    fn trace(kind: LockKind, deeds: &str) -> Trace {
        let lock = |name: &str| LockName { name: name.into(), kind, permits: Some(1) };
        let tasks = ["reader", "writer", "logger", "T4", "T5", "T6"].map(Into::into).to_vec();
        let mut trace = Trace::new(Names { tasks, locks: ["a", "b", "c"].map(lock).to_vec() });
        for (second, deed) in (1..).zip(deeds.split(' ')) {
            let [task, deed, lock] = deed.as_bytes() else { panic!("{deed}") };
            // Somebody asks for each lock once, and once more to share it.
            let (task, op) = (u32::from(task - b'0'), u64::from(task - b'0') << 8 | u64::from(*lock));
            let (lock, op) = (LockId(u32::from(lock - b'a')), if *deed == b'r' { op + 128 } else { op });
            let op = OpId(op);
            let mode = match kind {
                LockKind::TokioSemaphore => Mode::Permits(1),
                _ if matches!(deed, b'R' | b'r') => Mode::Shared,
                _ => Mode::Exclusive,
            };
            let what = match deed {
                b'A' | b'R' => What::Acquire { lock, op, mode },
                b'a' | b'r' => What::Wait { lock, op, mode },
                b'x' => What::Release { lock, op },
                b'g' => What::Grant { lock, op, mode },
                b'.' => What::Wake,
                _ => What::Cancel { lock, op },
            };
            let actor = Actor { task: TaskId(task), step: None };
            trace.push(Event { seq: 0, at: Time::from_millis(1000 * second), actor, what });
        }
        trace
    }

    /// Each ring by who is in it, with its cause.
    fn told(trace: &Trace) -> String {
        let tasks =
            |ring: &super::Ring| ring.waits.iter().map(|wait| wait.task.0.to_string()).collect::<String>();
        let told = rings(&trace.now).into_iter().map(|ring| format!("{} {}", ring.cause, tasks(&ring)));
        told.collect::<Vec<_>>().join(", ")
    }

    fn sentence(trace: &Trace, moment: u64) -> String {
        why::sentence(trace, moment).unwrap().text
    }

    #[test]
    fn who_waits_for_each_other_is_told_when_that_lasts() {
        let trace = trace(MUTEX, "0Aa 1Ab 2ab 1aa 0ab 3.a 3.a");
        let text = "A cycle: the reader holds a and waits for b; the writer holds b and waits for a. Only a timeout ends \
                    this, or a guard in another future or task.";
        // It may be over in a moment.
        assert_eq!(
            sentence(&trace, 5),
            "The writer holds b since 2000 ms. First in the queue: the logger, since 3000 ms; 1 behind."
        );
        assert_eq!(sentence(&trace, 6), text);
        // As long as nothing else is worth a sentence it is about that moment.
        assert_eq!(why::sentence(&trace, 7).unwrap().at, Time::from_millis(5000));
    }

    /// Of a program that was killed nobody knows how long it lasted.
    #[test]
    fn where_a_history_breaks_off_it_need_not_last() {
        let ended = |at, note: Option<&str>| {
            let mut trace = trace(MUTEX, "0Aa 1Ab 1aa 0ab");
            let (at, note) = (Time::from_millis(at), note.map(str::to_owned));
            trace.finish(End { outcome: Outcome::Stopped, at, note });
            (sentence(&trace, 4), crate::trace::text::sequence_diagram(&trace))
        };
        let (told, text) = ended(4000, Some("it is damaged"));
        assert!(told.starts_with("A cycle: the reader") && text.ends_with(&format!("╰ {told}\n")), "{text}");
        // Who ends on purpose may have futures that would have gone on.
        for (at, note, lasts) in [(4000, None, false), (4900, Some("it went on"), false), (5000, None, true)]
        {
            assert_eq!(ended(at, note).1.contains("A cycle"), lasts, "{at} {note:?}");
        }
    }

    /// Of two futures that wait one gets it, and from then on the other waits for that one.
    #[test]
    fn it_begins_when_the_owner_got_it() {
        let trace = trace(LockKind::TokioRwLock, "1Aa 0aa 0ra 1xa 0Aa 3.a");
        assert!(told(&trace).starts_with("self-lock 0"));
        assert_eq!(rings(&trace.now)[0].since(), Time::from_millis(5000));
    }

    /// What others do would hide it.
    #[test]
    fn as_long_as_it_lasts_it_is_told_with_what_others_do() {
        let trace = trace(MUTEX, "0Aa 1Ab 1aa 0ab 2Ac 3ac 2xc 3Ac 0cb 3.a");
        let told_with = "The reader with a and the writer with b wait for each other since 4000 ms. The logger lets go of c";
        assert!(sentence(&trace, 7).starts_with(told_with), "{}", sentence(&trace, 7));
        let still = "The writer waits for a: the reader has it since 1000 ms. b: The reader gave up";
        assert!(sentence(&trace, 9).starts_with(still), "{}", sentence(&trace, 9));
        // Of which lock that is would not be seen.
        let trace = self::trace(MUTEX, "0Aa 1Ab 1aa 0ab 2Ac 3ac 2xc 3gc 3Ac");
        let told_with = "wait for each other since 4000 ms. c: T4 got it: first in the queue";
        assert!(sentence(&trace, 9).contains(told_with), "{}", sentence(&trace, 9));
    }

    #[test]
    fn those_of_a_ring_and_who_is_alone() {
        let three = trace(MUTEX, "0Aa 1Ab 2Ac 0ab 1ac 2aa 4.a");
        assert!(
            sentence(&three, 7).contains("the logger holds c and waits for a. Only"),
            "{}",
            sentence(&three, 7)
        );
        // Of one lock, of which the second asking has a number of its own.
        let alone = trace(LockKind::TokioRwLock, "0Aa 0ra 1.a");
        assert!(
            sentence(&alone, 3)
                .starts_with("A self-lock: the reader waits for a, which it holds itself. Only")
        );
        let alone = trace(LockKind::TokioRwLock, "0Aa 0ra 1.a 1Ab 2ab 1xb 2Ab");
        let brief = "The reader waits for a, which it holds itself, since 2000 ms. The writer lets go of b";
        assert!(sentence(&alone, 6).starts_with(brief), "{}", sentence(&alone, 6));
    }

    #[test]
    fn readers_behind_a_writer() {
        let trace = trace(LockKind::TokioRwLock, "2Ra 0Ra 1aa 0ra 3.a");
        assert_eq!(told(&trace), "recursive-read 01");
        let text = "A recursive read: the reader reads a and waits to read it once more, behind the writer; ";
        assert!(sentence(&trace, 5).starts_with(text), "{}", sentence(&trace, 5));
    }

    /// The first that closed comes first, and the others are counted.
    #[test]
    fn several_at_once() {
        let mut trace = trace(MUTEX, "2Ac 2Aa 0Ab 0aa 2ab");
        assert_eq!(told(&trace), "cycle 02");
        trace = self::trace(LockKind::TokioRwLock, "2Ac 2rc 0Aa 0ra 1Ab 1rb 5.a 5.a");
        assert_eq!(told(&trace), "self-lock 2, self-lock 0, self-lock 1");
        assert!(
            sentence(&trace, 8).contains("which it holds itself. There are others. Only"),
            "{}",
            sentence(&trace, 8)
        );
    }

    /// Of a lock with one permit its owner keeps everybody out.
    #[test]
    fn permits_are_locks_where_there_is_one() {
        assert_eq!(told(&trace(LockKind::TokioSemaphore, "0Aa 1Ab 0ab 1aa")), "cycle 01");
    }

    #[test]
    fn nobody_is_told_of_who_can_go_on() {
        // The owner runs; or it waits for one thing or another; or has given up.
        for deeds in ["0Aa 1Ab 1aa 2Ac 2ab", "0Aa 1Ab 2Ac 0ac 0ab 1aa", "0Aa 1Ab 0ab 0cb 1aa"] {
            assert_eq!(told(&trace(MUTEX, deeds)), "", "{deeds}");
        }
        // Where one of two is given up, it is one by that.
        assert_eq!(told(&trace(MUTEX, "0Aa 1Ab 2Ac 0ac 0ab 1aa 0cc")), "cycle 01");
    }

    /// Among very many owners nearly all are about to let go.
    #[test]
    fn the_one_of_many_readers_that_waits_is_found() {
        let lock = |name: &str, kind| LockName { name: name.into(), kind, permits: None };
        let locks = vec![lock("table", LockKind::TokioRwLock), lock("log", MUTEX)];
        let tasks = (0..1000).map(|task| format!("T{task}").into()).collect();
        let mut trace = Trace::new(Names { tasks, locks });
        let (table, log) = (LockId(0), LockId(1));
        let mut op = 0;
        let mut add = |task, what: fn(LockId, OpId) -> What, lock| {
            op += 1;
            let actor = Actor { task: TaskId(task), step: None };
            trace.push(Event { seq: 0, at: Time::ZERO, actor, what: what(lock, OpId(op)) });
        };
        (1..1000)
            .for_each(|task| add(task, |lock, op| What::Acquire { lock, op, mode: Mode::Shared }, table));
        add(0, |lock, op| What::Acquire { lock, op, mode: Mode::Exclusive }, log);
        add(0, |lock, op| What::Wait { lock, op, mode: Mode::Exclusive }, table);
        add(999, |lock, op| What::Wait { lock, op, mode: Mode::Exclusive }, log);
        assert_eq!(told(&trace), "cycle 0999");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever looks only from where there is a queue finds the same as whoever looks at all.
        #[test]
        fn the_rings_are_those_of_the_whole_graph(wishes in prop::collection::vec((0..6_usize, 0..3_usize), 1..24)) {
            let (mut owners, mut waits, mut deeds) = ([None; 3], [false; 6], Vec::<String>::new());
            for (task, lock) in wishes {
                let name = ["a", "b", "c"][lock];
                // Who waits does nothing else, and asks for each lock but once.
                let asked = deeds.iter().any(|deed| deed.starts_with(&task.to_string()) && deed.ends_with(name));
                if waits[task] || asked {
                    continue;
                }
                let deed = if owners[lock].is_none() { 'A' } else { 'a' };
                waits[task] = *owners[lock].get_or_insert(task) != task;
                deeds.push(format!("{task}{deed}{name}"));
            }
            let trace = trace(MUTEX, &deeds.join(" "));
            let mut all = Graph::of(&trace.now).rings();
            all.sort_by_key(super::Ring::closed);
            prop_assert_eq!(rings(&trace.now), all);
        }
    }
}
