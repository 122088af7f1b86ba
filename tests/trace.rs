//! The trace: a prefix of the events gives exactly the state at that moment, whatever the events are.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/nonsense.rs"]
mod nonsense;
#[path = "common/programs.rs"]
mod programs;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::channel;

use common::Checker;
use lockscope::engine::{self, Options, Stop};
use lockscope::event::{
    Actor, Event, Family, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, Packed, StepId, TaskId,
    Time, What,
};
use lockscope::scenario::{self, Source};
use lockscope::trace::{
    Cause, Deadlock, End, Handoff, Look, Stage, State, Trace, deadlock::deadlock, json_end_line, story, text,
    why,
};
use proptest::prelude::*;

fn run(scenario: &str) -> (Names, Vec<Event>) {
    let plan =
        scenario::parse(&Source::new("random.json", scenario)).unwrap_or_else(|report| panic!("{report}"));
    let plan = Arc::new(plan.plan);
    let (send, receive) = channel();
    engine::run(&plan, &Options::default(), move |event| send.send(event).is_ok(), &Stop::default()).unwrap();
    (plan.names(), receive.iter().collect())
}

fn handoff() -> Trace {
    let source = scenario::find(scenario::DEFAULT).unwrap().source();
    let (names, events) = run(source.text());
    Trace::of(names, events)
}

/// What must hold of any state of mutexes.
fn check_state(state: &State) -> Result<(), TestCaseError> {
    for (id, lock) in state.locks.iter().enumerate() {
        prop_assert!(lock.holders.len() + lock.granted.len() <= 1, "two owners: {lock:?}");
        let ops: HashSet<_> = lock.queue.iter().map(|place| place.op).collect();
        prop_assert_eq!(ops.len(), lock.queue.len());
        prop_assert!(
            lock.queue.iter().is_sorted_by_key(|place| place.asked_seq),
            "the queue is not in order"
        );
        for (places, stage) in
            [(&lock.holders, Stage::Holding), (&lock.granted, Stage::Granted), (&lock.queue, Stage::Waiting)]
        {
            for place in places {
                let claims = &state.tasks[place.task.0 as usize].claims;
                let claim = claims.iter().find(|claim| claim.op == place.op);
                prop_assert!(
                    claim.is_some_and(|claim| claim.stage == stage && claim.lock == LockId(id as u32))
                );
            }
        }
    }
    let claims: usize = state.tasks.iter().map(|task| task.claims.len()).sum();
    let places = |lock: &lockscope::trace::Lock| lock.holders.len() + lock.granted.len() + lock.queue.len();
    prop_assert_eq!(claims, state.locks.iter().map(places).sum::<usize>());
    Ok(())
}

/// All that may be told of the handoffs at a moment.
fn told(trace: &Trace, moment: u64) -> Vec<String> {
    let tell = |handoff: &Handoff| {
        let (fate, again) = (handoff.fate(moment), handoff.asked_again(moment));
        format!(
            "{} {:?} {} {fate:?} {again:?} {}",
            handoff.seq,
            handoff.from(moment),
            handoff.asked_seq,
            handoff.position
        )
    };
    trace.handoffs(moment).iter().map(|handoff| tell(&handoff)).collect()
}

/// Seeking is a fold: from a checkpoint, or from the very beginning, it comes to the same.
fn check_prefixes(names: &Names, events: &[Event], every: usize) -> Result<(), TestCaseError> {
    let whole = Trace::of(names.clone(), events.to_vec());
    let mut fold = State::new(names);
    for moment in 0..=whole.len() {
        if moment > 0 {
            fold.apply(&whole.event(moment).unwrap());
        }
        if moment % every as u64 == 0 || moment == whole.len() {
            let state = whole.state(moment);
            prop_assert_eq!(state.as_ref(), &fold);
            let prefix = Trace::of(names.clone(), events[..moment as usize].to_vec());
            prop_assert_eq!(told(&prefix, moment), told(&whole, moment));
            prop_assert_eq!(prefix.notes(moment), whole.notes(moment));
            for task in (0..names.tasks.len() as u32).map(TaskId) {
                prop_assert_eq!(prefix.lane(task, moment), whole.lane(task, moment));
            }
            for lock in (0..names.locks.len() as u32).map(LockId) {
                prop_assert_eq!(prefix.tenures(lock, moment), whole.tenures(lock, moment));
            }
            prop_assert_eq!(why::sentence(&prefix, moment), why::sentence(&whole, moment));
        }
    }
    Ok(())
}

/// A history that learns of each task and each lock when it first hears of it, and of some a while before.
fn grown(names: &Names, events: &[Event], ahead: usize) -> Trace {
    let (mut trace, mut known) = (Trace::new(Names::default()), Names::default());
    for event in events {
        let task = event.actor.task.0 as usize;
        if (known.tasks.len()..names.tasks.len()).contains(&task) {
            known.tasks = names.tasks[..(task + 1 + ahead).min(names.tasks.len())].to_vec();
        }
        let lock = event.what.lock().map_or(usize::MAX, |lock| lock.0 as usize);
        if (known.locks.len()..names.locks.len()).contains(&lock) {
            known.locks = names.locks[..(lock + 1 + ahead).min(names.locks.len())].to_vec();
        }
        trace.grow(&known);
        trace.push(event.clone());
    }
    trace.grow(names);
    trace
}

/// Names that come late give the history that knowing them from the beginning gives.
fn check_growth(names: &Names, events: &[Event], step: usize) -> Result<(), TestCaseError> {
    let whole = Trace::of(names.clone(), events.to_vec());
    for ahead in 0..2 {
        let grown = grown(names, events, ahead);
        prop_assert_eq!(grown.names(), names);
        for moment in (0..=whole.len()).step_by(step).chain([whole.len()]) {
            prop_assert_eq!(grown.state(moment), whole.state(moment));
            prop_assert_eq!(grown.notes(moment), whole.notes(moment));
            prop_assert_eq!(told(&grown, moment), told(&whole, moment));
            prop_assert_eq!(why::sentence(&grown, moment), why::sentence(&whole, moment));
            for task in (0..names.tasks.len() as u32).map(TaskId) {
                prop_assert_eq!(grown.lane(task, moment), whole.lane(task, moment));
            }
            for lock in (0..names.locks.len() as u32).map(LockId) {
                prop_assert_eq!(grown.tenures(lock, moment), whole.tenures(lock, moment));
            }
        }
    }
    Ok(())
}

/// As a program of one's own tells it.
fn without_step(event: &Event) -> Event {
    Event { actor: Actor { step: None, ..event.actor }, ..event.clone() }
}

/// What is usual comes to the same by its short way, one by one or many at once.
fn check_usual(names: &Names, events: &[Event]) -> Result<(), TestCaseError> {
    let (mut long, mut short, mut many) =
        (Trace::new(names.clone()), Trace::new(names.clone()), Trace::new(names.clone()));
    let mut some = Vec::new();
    for event in events {
        long.push(event.clone());
        if let Some(packed) = Packed::of(event) {
            short.push_packed(packed);
            some.push(packed);
            // One that stands for another is passed over.
            let stands = Packed::aside(event.at, event.actor, 0);
            some.extend(stands.filter(|_| some.len().is_multiple_of(7)));
        } else {
            short.push(event.clone());
            many.push_all(&some);
            some.clear();
            many.push(event.clone());
        }
    }
    many.push_all(&some);
    let long = format!("{long:#?}");
    prop_assert_eq!(&long, &format!("{short:#?}"));
    prop_assert_eq!(&long, &format!("{many:#?}"));
    Ok(())
}

/// What no program does: one operation with two locks, and permits of a mutex.
#[test]
fn nonsense_comes_to_the_same_by_the_short_way() {
    let lock = |name: &str| LockName { name: name.into(), kind: LockKind::TokioMutex, permits: None };
    let names = Names { tasks: vec!["t".into()], locks: vec![lock("a"), lock("b")] };
    let (a, b, op, mode) = (LockId(0), LockId(1), OpId(1), Mode::Exclusive);
    let actor = Actor { task: TaskId(0), step: None };
    let check = |whats: &[What]| {
        let event = |what: &What| Event { seq: 0, at: Time::ZERO, actor, what: what.clone() };
        check_usual(&names, &whats.iter().map(event).collect::<Vec<_>>()).unwrap();
    };
    check(&[
        What::Wait { lock: b, op, mode },
        What::Wait { lock: a, op, mode },
        What::Grant { lock: a, op, mode },
        What::Acquire { lock: a, op, mode },
        What::Release { lock: a, op },
    ]);
    check(&[
        What::Grant { lock: a, op, mode: Mode::Permits(1) },
        What::Acquire { lock: a, op, mode },
        What::Release { lock: a, op },
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_runs_give_states_that_can_be(scenario in programs::scenario()) {
        let (names, events) = run(&scenario);
        if let Err(error) = Checker::one_thread().check(&events) {
            return Err(TestCaseError::fail(error));
        }
        let mut state = State::new(&names);
        for event in &events {
            state.apply(event);
            check_state(&state)?;
        }
        check_prefixes(&names, &events, 7)?;
        check_growth(&names, &events, 7)?;
        check_usual(&names, &events)?;
        let plain: Vec<_> = events.iter().map(without_step).collect();
        check_usual(&names, &plain)?;
        // Every owner that a tenure names is the owner of the state at its beginning.
        let trace = Trace::of(names.clone(), events);
        for lock in (0..3).map(LockId) {
            for tenure in trace.tenures(lock, trace.len()).iter() {
                let state = trace.state(tenure.seq);
                prop_assert_eq!(tenure.owners, state.lock(lock).unwrap().group());
            }
        }
        for handoff in trace.handoffs(trace.len()).iter() {
            prop_assert_eq!(handoff.position, 1, "a FIFO lock goes to the first: {:?}", handoff);
            prop_assert!(handoff.from(handoff.seq).is_some());
        }
        // The story tells every event once, in order.
        let rows = story::rows(&trace, 0, trace.len());
        let told: u64 = rows.iter().map(|row| row.last - row.seq + 1).sum();
        prop_assert_eq!(told, trace.len());
        prop_assert!(rows.is_sorted_by_key(|row| row.seq));
        // Why a lock was handed on, and what else is worth a word.
        let noted = |row: &story::Row| trace.notes(row.last).last().is_some_and(|note| note.seq >= row.seq);
        let reasons = text::sequence_diagram(&trace).lines().filter(|line| line.contains(" ╰ ")).count();
        prop_assert_eq!(reasons, rows.iter().filter(|row| row.handoff.is_some() || noted(row)).count());
    }

    #[test]
    fn whatever_a_recording_says_the_fold_goes_on(
        events in prop::collection::vec(nonsense::event(), 0..300),
        names in nonsense::names(),
    ) {
        check_prefixes(&names, &events, 11)?;
        check_growth(&names, &events, 11)?;
        check_usual(&names, &events)?;
        let plain: Vec<_> = events.iter().map(without_step).collect();
        check_usual(&names, &plain)?;
        let mut trace = Trace::of(names, events);
        trace.finish(End { outcome: Outcome::Deadlock, at: Time::ZERO, note: None });
        text::sequence_diagram(&trace);
        why::sentence(&trace, trace.len());
        for id in 0..3 {
            why::of_task(&trace, &trace.state(trace.len()), TaskId(id));
            why::of_lock(&trace, &trace.state(trace.len()), LockId(id));
        }
        // Nobody is told of twice, and whoever is waits.
        let stuck: Vec<TaskId> =
            trace.deadlock().iter().flat_map(Deadlock::waits).map(|wait| wait.task).collect();
        prop_assert_eq!(stuck.iter().collect::<HashSet<_>>().len(), stuck.len());
        let state = trace.state(trace.len());
        prop_assert!(stuck.iter().all(|task| state.task(*task).unwrap().waits_with().is_some()));
        prop_assert!(trace.events().iter().is_sorted_by_key(|event| event.at));
        for moment in 0..=trace.len() {
            for lock in trace.state(moment).locks.iter() {
                let permits = |mode| if let Mode::Permits(permits) = mode { permits } else { 0 };
                let taken: u64 = lock.owners().map(|place| u64::from(permits(place.mode))).sum();
                let semaphore = lock.kind.family() == Family::Semaphore;
                let all = lock.permits.filter(|_| semaphore);
                prop_assert_eq!(lock.free(), all.map(|all| u64::from(all).saturating_sub(taken) as u32));
            }
        }
    }

    /// Of a lock that very many wait for, some of whom give up, wherever they are in the queue.
    #[test]
    fn who_gave_up_ahead_of_whom_is_known_in_a_crowd(
        steps in prop::collection::vec((0..8_u8, any::<prop::sample::Index>()), 0..400),
    ) {
        let (lock, mode) = (LockId(0), Mode::Exclusive);
        let names = Names {
            tasks: (0..400).map(|task| task.to_string().into()).collect(),
            locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
        };
        let (mut events, mut trace) = (Vec::new(), Trace::new(names.clone()));
        // Who waits, and who gave up ahead of each last.
        let mut queue: VecDeque<(u32, Option<(TaskId, Time)>)> = VecDeque::new();
        let (mut owner, mut next) = (None, 0);
        let op = |task: u32| OpId(task.into());
        for (kind, which) in steps {
            let mut say = |task: u32, what| {
                let seq = events.len() as u64 + 1;
                let actor = Actor { task: TaskId(task), step: None };
                let event = Event { seq, at: Time::from_millis(seq), actor, what };
                trace.push(event.clone());
                events.push(event);
                Time::from_millis(seq)
            };
            match (kind, owner) {
                (0..=4, None) if queue.is_empty() => {
                    say(next, What::Acquire { lock, op: op(next), mode });
                    owner = Some(next);
                    next += 1;
                }
                (0..=4, _) => {
                    say(next, What::Wait { lock, op: op(next), mode });
                    queue.push_back((next, None));
                    next += 1;
                }
                (5 | 6, _) if !queue.is_empty() => {
                    let at = which.index(queue.len());
                    let (gone, _) = queue.remove(at).unwrap();
                    let time = say(gone, What::Cancel { lock, op: op(gone) });
                    queue.range_mut(at..).for_each(|behind| behind.1 = Some((TaskId(gone), time)));
                }
                (7, Some(task)) => {
                    say(task, What::Release { lock, op: op(task) });
                    let heir = queue.pop_front();
                    if let Some((heir, _)) = heir {
                        say(heir, What::Grant { lock, op: op(heir), mode });
                        say(heir, What::Acquire { lock, op: op(heir), mode });
                    }
                    if let Some((heir, cleared)) = heir {
                        let handoff = trace.handoffs(trace.len()).last().unwrap();
                        let told = (handoff.to, handoff.position, handoff.cleared);
                        prop_assert_eq!(told, (TaskId(heir), 1, cleared));
                    }
                    owner = heir.map(|(heir, _)| heir);
                }
                _ => {}
            }
            let state = trace.state(trace.len());
            let known = state.locks[0].queue.iter().map(|place| (place.task.0, state.locks[0].cleared(place)));
            prop_assert!(known.eq(queue.iter().copied()));
        }
        check_prefixes(&names, &events, 37)?;
    }
}

/// What a busy program tells: three tasks that want one of two mutexes each, and what makes no sense in between.
fn busy(steps: &[(u32, u32, u8)], nonsense: &[Event]) -> Vec<Event> {
    #[derive(Clone, Copy)]
    enum Is {
        Idle,
        Asleep,
        Waits(u32, OpId),
        Granted(u32, OpId),
        Holds(u32, OpId),
    }
    let mode = Mode::Exclusive;
    let (mut events, mut nonsense) = (Vec::new(), nonsense.iter().cycle());
    let (mut tasks, mut queues) = ([Is::Idle; 3], [const { VecDeque::new() }; 2]);
    for (turn, &(task, lock, dice)) in steps.iter().enumerate() {
        let (at, op) = (Time::from_nanos(turn as u64 * 7), OpId(turn as u64 + 10));
        let is = tasks[task as usize];
        let taken =
            tasks.iter().any(|is| matches!(*is, Is::Granted(one, _) | Is::Holds(one, _) if one == lock));
        let (next, what) = match is {
            _ if dice == 0 => {
                events.extend(nonsense.next().cloned());
                continue;
            }
            Is::Idle if dice == 1 => (Is::Asleep, What::Sleep { until: Time::from_nanos(u64::MAX) }),
            Is::Idle if taken => {
                queues[lock as usize].push_back(task);
                (Is::Waits(lock, op), What::Wait { lock: LockId(lock), op, mode })
            }
            Is::Idle => (Is::Holds(lock, op), What::Acquire { lock: LockId(lock), op, mode }),
            Is::Asleep => (Is::Idle, What::Wake),
            Is::Waits(..) => continue,
            Is::Granted(lock, op) => (Is::Holds(lock, op), What::Acquire { lock: LockId(lock), op, mode }),
            Is::Holds(lock, op) => (Is::Idle, What::Release { lock: LockId(lock), op }),
        };
        tasks[task as usize] = next;
        let event = |task, what| Event { seq: 0, at, actor: Actor { task: TaskId(task), step: None }, what };
        events.push(event(task, what));
        if let Is::Holds(lock, _) = is
            && let Some(heir) = queues[lock as usize].pop_front()
            && let Is::Waits(lock, op) = tasks[heir as usize]
        {
            tasks[heir as usize] = Is::Granted(lock, op);
            events.push(event(heir, What::Grant { lock: LockId(lock), op, mode }));
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_usual_comes_to_the_same_by_its_short_way(
        steps in prop::collection::vec((0u32..3, 0u32..2, 0u8..40), 0..300),
        nonsense in prop::collection::vec(nonsense::event(), 1..20),
    ) {
        let lock = |kind| LockName { name: "x".into(), kind, permits: None };
        let tasks = vec!["a".into(), "b".into(), "c".into()];
        let names = Names { tasks, locks: vec![lock(LockKind::TokioMutex), lock(LockKind::TokioRwLock)] };
        check_usual(&names, &busy(&steps, &nonsense))?;
    }
}

/// What a program tells that shares: three tasks that read or write a lock, or want permits, in whatever order they come,
/// and what makes no sense in between.
fn sharing(steps: &[(u32, u32, u8)], nonsense: &[Event]) -> Vec<Event> {
    let (mut events, mut nonsense) = (Vec::new(), nonsense.iter().cycle());
    let (mut holds, mut asleep) = ([None; 3], [false; 3]);
    for (turn, &(task, lock, dice)) in steps.iter().enumerate() {
        let (at, new) = (Time::from_nanos(turn as u64 * 7), OpId(turn as u64 + 10));
        let (lock, index) = (LockId(lock), task as usize);
        let mode = match (lock.0, dice % 4) {
            (0, 0) => Mode::Exclusive,
            (0, _) => Mode::Shared,
            (_, permits) => Mode::Permits(permits.into()),
        };
        let what = match (holds[index].take(), dice) {
            (held, 0) => {
                holds[index] = held;
                events.extend(nonsense.next().cloned());
                continue;
            }
            (Some((lock, op, false)), 1..=30) => What::Release { lock, op },
            (Some((lock, op, true)), 1..=20) => What::Cancel { lock, op },
            // Whoever waited has it, and whoever has it keeps a part.
            (Some((lock, op, _)), _) => {
                holds[index] = Some((lock, op, false));
                What::Acquire { lock, op, mode }
            }
            (None, 1) if std::mem::replace(&mut asleep[index], true) => {
                asleep[index] = false;
                What::Wake
            }
            (None, 1) => What::Sleep { until: Time::from_nanos(u64::MAX) },
            (None, 2..=8) => {
                holds[index] = Some((lock, new, true));
                What::Wait { lock, op: new, mode }
            }
            (None, _) => {
                holds[index] = Some((lock, new, false));
                What::Acquire { lock, op: new, mode }
            }
        };
        events.push(Event { seq: 0, at, actor: Actor { task: TaskId(task), step: None }, what });
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_shares_comes_to_the_same_by_a_short_way(
        steps in prop::collection::vec((0u32..3, 0u32..2, 0u8..40), 0..300),
        nonsense in prop::collection::vec(nonsense::event(), 1..20),
    ) {
        let lock = |kind, permits| LockName { name: "x".into(), kind, permits };
        let tasks = vec!["a".into(), "b".into(), "c".into()];
        let locks = vec![lock(LockKind::TokioRwLock, None), lock(LockKind::TokioSemaphore, Some(4))];
        let names = Names { tasks, locks };
        let events = sharing(&steps, &nonsense);
        check_usual(&names, &events)?;
        check_prefixes(&names, &events, 37)?;
    }
}

/// One moment in a line: what each task looks like, whose the lock is, the queue.
fn moment(trace: &Trace, moment: u64) -> String {
    let state = trace.state(moment);
    let name = |task| trace.names().task(task).to_owned();
    let looks: Vec<_> = state.tasks.iter().map(|task| format!("{:?}", task.look().0)).collect();
    let lock = &state.locks[0];
    let queue: Vec<_> = lock.queue.iter().map(|place| name(place.task)).collect();
    let heir = lock.heir().map_or("nobody", |_| "passing");
    let owner = lock.owner().map_or(heir.into(), |place| name(place.task));
    format!("{} | {owner} | {}", looks.join(" "), queue.join(" "))
}

#[test]
fn the_handoff_goes_through_release_grant_re_ask_and_acquire() {
    let trace = handoff();
    let grant = trace.handoffs(trace.len()).seq(0);
    assert_eq!(moment(&trace, grant - 2), "Holding Waiting | reader | writer");
    assert_eq!(moment(&trace, grant - 1), "Idle Waiting | passing | writer");
    assert_eq!(moment(&trace, grant), "Idle Granted | writer | ");
    assert_eq!(moment(&trace, grant + 1), "Idle Granted | writer | ");
    assert_eq!(moment(&trace, grant + 2), "Waiting Granted | writer | reader");
    assert_eq!(moment(&trace, grant + 3), "Waiting Holding | writer | reader");
}

/// From a loss on nobody is known to have or to want anything, in any lane.
#[test]
fn nothing_is_drawn_across_a_loss_as_if_it_were_known() {
    let lock = LockName { name: "m".into(), kind: LockKind::TokioMutex, permits: None };
    let names = Names { tasks: vec!["a".into(), "b".into()], locks: vec![lock] };
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let story = [
        (0, What::Acquire { lock, op: OpId(1), mode }),
        (1, What::Wait { lock, op: OpId(2), mode }),
        (0, What::Release { lock, op: OpId(1) }),
        (1, What::Grant { lock, op: OpId(2), mode }),
        (0, What::Lost { events: 7 }),
        (1, What::Acquire { lock, op: OpId(2), mode }),
    ];
    let events = (1..).zip(story).map(|(seq, (task, what))| Event {
        seq,
        at: Time::from_millis(seq),
        actor: Actor { task: TaskId(task), step: None },
        what,
    });
    let trace = Trace::of(names, events);
    let granted = trace.lane(TaskId(1), 4).last().map(|span| span.look);
    assert_eq!(granted, Some(Look::Granted));
    let lost = trace.lane(TaskId(1), 5).last().map(|span| (span.seq, span.look));
    assert_eq!(lost, Some((5, Look::Idle)));
    let nobody = trace.tenures(lock, 5).last().map(|tenure| (tenure.seq, tenure.owners.is_empty()));
    assert_eq!(nobody, Some((5, true)));
    assert_eq!(trace.handoffs(6).get(0).unwrap().settled(6), None);
    assert_eq!(trace.state(6).lost, 7);
}

#[test]
fn the_sentence_grows_with_the_moment() {
    let trace = handoff();
    let grant = trace.handoffs(trace.len()).seq(0);
    let say = |moment| {
        why::sentence(&trace, moment).map(|sentence| format!("{}: {}", sentence.at.millis(), sentence.text))
    };
    assert_eq!(say(0), None);
    assert_eq!(
        say(grant - 2).unwrap(),
        "0: The reader holds db since 0 ms. The writer waits since 0 ms: first in the queue."
    );
    assert_eq!(
        say(grant - 1).unwrap(),
        "1000: The reader lets go of db, which passes straight to the writer, first in the queue since 0 ms."
    );
    assert_eq!(
        say(grant).unwrap(),
        "1000: Granted to the writer: first in the queue since 0 ms. It owns the lock, but has not run yet."
    );
    assert_eq!(
        say(grant + 2).unwrap(),
        "1000: Granted to the writer: first in the queue since 0 ms. The reader asked again only now."
    );
    assert_eq!(
        say(grant + 3).unwrap(),
        "1000: The writer got it: first in the queue since 0 ms. The reader asked again only now."
    );
    let back = trace.handoffs(trace.len()).seq(1);
    assert_eq!(
        say(back + 1).unwrap(),
        "1000: The writer got it: first in the queue since 0 ms. The reader asked again only now. \
         Then the reader is granted it, next in the queue."
    );
}

#[test]
fn the_order_as_text() {
    insta::assert_snapshot!(text::sequence_diagram(&handoff()));
}

/// Hand-made events: `task what lock op` at the time given.
fn made(tasks: &[&str], events: &[(u64, u32, What)]) -> Trace {
    let names = Names {
        tasks: tasks.iter().map(|name| (*name).into()).collect(),
        locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
    };
    let event = |(ms, task, what): &(u64, u32, What)| Event {
        seq: 0,
        at: Time::from_millis(*ms),
        actor: Actor { task: TaskId(*task), step: None },
        what: what.clone(),
    };
    Trace::of(names, events.iter().map(event))
}

/// Before it was recorded, somebody took the lock: nobody could wait for it else.
#[test]
fn who_took_a_lock_unseen_still_has_it() {
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let waits = What::Wait { lock, op: OpId(1), mode };
    let trace = made(&["late"], &[(100, 0, waits.clone())]);
    assert_eq!(
        why::of_task(&trace, &trace.state(1), TaskId(0)),
        "late waits for db since 100 ms, #1 in the queue; who has it is not recorded."
    );
    assert_eq!(
        why::of_lock(&trace, &trace.state(1), lock),
        "db (tokio::sync::Mutex, FIFO) has no owner that is known; queue: late since 100 ms; 0 handoffs."
    );
    let trace = made(
        &["early", "late"],
        &[
            (0, 0, What::Acquire { lock, op: OpId(2), mode }),
            (100, 1, waits),
            (200, 0, What::Release { lock, op: OpId(2) }),
        ],
    );
    assert_eq!(
        why::of_task(&trace, &trace.state(3), TaskId(1)),
        "late waits for db since 100 ms, #1 in the queue."
    );
}

/// Who came later has not had it for as long.
#[test]
fn since_when_several_have_a_lock_is_told_of_the_first() {
    let lock = LockId(0);
    let reads = |op| What::Acquire { lock, op: OpId(op), mode: Mode::Shared };
    for (second, since) in [(0, " since 0 ms"), (350, ", the first since 0 ms")] {
        let trace = made(&["a", "b"], &[(0, 0, reads(1)), (second, 1, reads(2))]);
        let told = why::of_lock(&trace, &trace.state(2), lock);
        assert!(told.contains(&format!(" is held by a and b{since}; nobody waits")), "{told}");
        let told = why::sentence(&trace, 2).unwrap().text;
        assert!(told.starts_with(&format!("a and b hold db to read{since}. ")), "{told}");
    }
}

/// It need not get anything to be there.
/// Whoever comes late is told where things stand: nobody knows who did it, nor how it came to that.
#[test]
fn where_things_stood_is_not_told_as_if_it_happened() {
    let slots = LockName { name: "slots".into(), kind: LockKind::TokioSemaphore, permits: Some(3) };
    let db = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
    let mut trace = Trace::new(Names { tasks: vec!["client".into()], locks: vec![slots, db] });
    trace.come_after(1000, 3);
    let (slots, db, op, mode) = (LockId(0), LockId(1), OpId(1), Mode::Exclusive);
    let actor = Actor { task: TaskId(0), step: None };
    for (ms, what) in [
        (0, What::ForgetPermits { lock: slots, permits: 3 }),
        (0, What::Spawn),
        (600, What::Grant { lock: db, op, mode }),
        (700, What::AddPermits { lock: slots, permits: 2 }),
    ] {
        trace.push(Event { seq: 0, at: Time::from_millis(ms), actor, what });
    }
    let rows: Vec<_> = story::rows(&trace, 0, 4).into_iter().map(|row| (row.text, row.tone)).collect();
    let told = [
        ("3 permits of slots went before", story::Tone::Caption),
        ("is there", story::Tone::Life),
        ("was granted db", story::Tone::Grant),
        ("adds 2 permits slots", story::Tone::Release),
    ];
    assert_eq!(rows, told.map(|(text, tone)| (text.to_owned(), tone)));
    let sentence = why::sentence(&trace, 4).unwrap();
    assert_eq!(sentence.text, "client was granted db at 600 ms, and has not run yet. Nobody waits.");
}

#[test]
fn who_only_tries_has_started() {
    let busy = What::Busy { lock: LockId(0), op: OpId(1), mode: Mode::Exclusive };
    let trace = made(&["tries", "idles"], &[(100, 0, busy)]);
    assert_eq!(trace.lane(TaskId(0), 1).last().map(|span| span.look), Some(Look::Idle));
    assert_eq!(why::of_task(&trace, &trace.state(1), TaskId(0)), "tries runs without a lock.");
    assert_eq!(why::of_task(&trace, &trace.state(1), TaskId(1)), "idles has not started.");
}

/// A closed semaphore refuses who waits, which nobody records but as the end of the waiting.
#[test]
fn who_may_have_been_refused_is_not_said_to_have_gone() {
    let lock = LockId(0);
    let waits = [
        (0, 0, What::Wait { lock, op: OpId(1), mode: Mode::Permits(1) }),
        (10, 0, What::Cancel { lock, op: OpId(1) }),
    ];
    let of = |kind, step| {
        let name = LockName { name: "s".into(), kind, permits: Some(0) };
        let names = Names { tasks: vec!["t".into()], locks: vec![name] };
        let event = |(ms, task, what): &(u64, u32, What)| Event {
            seq: 0,
            at: Time::from_millis(*ms),
            actor: Actor { task: TaskId(*task), step },
            what: what.clone(),
        };
        let trace = Trace::of(names, waits.iter().map(event));
        why::sentence(&trace, 2).unwrap().text
    };
    let (step, semaphore) = (std::num::NonZeroU32::new(1).map(StepId), LockKind::TokioSemaphore);
    let told = of(semaphore, None);
    assert!(told.ends_with(": its future was dropped, or the semaphore was closed."), "{told}");
    for told in [of(semaphore, step), of(LockKind::TokioMutex, None)] {
        assert!(told.ends_with(": its future was dropped."), "{told}");
    }
}

#[test]
fn who_gave_up_ahead_is_named() {
    let (lock, a, b, c) = (LockId(0), OpId(1), OpId(2), OpId(3));
    let trace = made(
        &["A", "B", "C"],
        &[
            (0, 0, What::Acquire { lock, op: a, mode: Mode::Exclusive }),
            (100, 1, What::Wait { lock, op: b, mode: Mode::Exclusive }),
            (200, 2, What::Wait { lock, op: c, mode: Mode::Exclusive }),
            (500, 1, What::Cancel { lock, op: b }),
            (1000, 0, What::Release { lock, op: a }),
            (1000, 2, What::Grant { lock, op: c, mode: Mode::Exclusive }),
        ],
    );
    let sentence = why::sentence(&trace, 6).unwrap();
    assert_eq!(
        sentence.text,
        "Granted to C: first in the queue since 500 ms, waiting since 200 ms. B, who was ahead, gave up at 500 ms. \
         It owns the lock, but has not run yet."
    );
    assert_eq!(trace.lane(TaskId(1), 6).last().unwrap().look, Look::Idle);
}

#[test]
fn who_is_let_in_together_is_let_in_at_once() {
    let lock = LockId(0);
    let wait =
        |task: u32, mode| (100 + u64::from(task), task, What::Wait { lock, op: OpId(task.into()), mode });
    let grant = |task: u32, mode| (1000, task, What::Grant { lock, op: OpId(task.into()), mode });
    let release = |task: u32| (1000, task, What::Release { lock, op: OpId(task.into()) });
    let trace = made(
        &["A", "B", "C", "D", "E"],
        &[
            (0, 0, What::Acquire { lock, op: OpId(0), mode: Mode::Exclusive }),
            wait(1, Mode::Exclusive),
            wait(2, Mode::Shared),
            wait(3, Mode::Shared),
            wait(4, Mode::Exclusive),
            release(0),
            grant(1, Mode::Exclusive),
            release(1),
            grant(2, Mode::Shared),
            grant(3, Mode::Shared),
            release(2),
            release(3),
            grant(4, Mode::Exclusive),
        ],
    );
    let end = |moment| {
        why::sentence(&trace, moment).unwrap().text.split_once(" Then ").map(|(_, end)| end.to_owned())
    };
    assert_eq!(end(9).unwrap(), "C is granted it, next in the queue.");
    assert_eq!(end(10).unwrap(), "2 tasks got it together, the last of them D.");
    assert_eq!(end(13).unwrap(), "it went on 2 times, at last to E.");
}

#[test]
fn a_grant_that_is_cancelled_passes_on() {
    let (lock, a, b, c) = (LockId(0), OpId(1), OpId(2), OpId(3));
    let trace = made(
        &["A", "B", "C"],
        &[
            (0, 0, What::Acquire { lock, op: a, mode: Mode::Exclusive }),
            (1, 1, What::Wait { lock, op: b, mode: Mode::Exclusive }),
            (2, 2, What::Wait { lock, op: c, mode: Mode::Exclusive }),
            (9, 0, What::Release { lock, op: a }),
            (9, 1, What::Grant { lock, op: b, mode: Mode::Exclusive }),
            (9, 1, What::Cancel { lock, op: b }),
            (9, 2, What::Grant { lock, op: c, mode: Mode::Exclusive }),
            (9, 2, What::Acquire { lock, op: c, mode: Mode::Exclusive }),
        ],
    );
    let sentence = why::sentence(&trace, 8).unwrap();
    assert!(
        sentence.text.starts_with("C got it: first in the queue since 9 ms, waiting since 2 ms."),
        "{sentence:?}"
    );
    assert!(sentence.text.contains("B had been granted it and was cancelled before it ran"), "{sentence:?}");
}

#[test]
fn a_guard_that_another_task_drops_frees_its_owner() {
    let (lock, op) = (LockId(0), OpId(1));
    let trace = made(
        &["A", "B"],
        &[(0, 0, What::Acquire { lock, op, mode: Mode::Exclusive }), (5, 1, What::Release { lock, op })],
    );
    assert_eq!(trace.lane(TaskId(0), 2).last().unwrap().look, Look::Idle);
    assert_eq!(trace.state(2).locks[0].freed.unwrap().task, TaskId(0));
}

#[test]
fn a_long_history_is_quick_to_reach_at_any_moment() {
    // More events than a checkpoint's stride: every way from a checkpoint is walked.
    let (lock, mut events) = (LockId(0), Vec::new());
    for turn in 0..3000 {
        let op = OpId(turn);
        events.push((turn, (turn % 2) as u32, What::Acquire { lock, op, mode: Mode::Exclusive }));
        events.push((turn, (turn % 2) as u32, What::Release { lock, op }));
    }
    let trace = made(&["A", "B"], &events);
    let mut fold = State::new(trace.names());
    for moment in 0..=trace.len() {
        if moment > 0 {
            fold.apply(&trace.event(moment).unwrap());
        }
        assert_eq!(trace.state(moment).as_ref(), &fold);
    }
    // Who comes so late that the strides between the checkpoints change is there at every moment.
    let mut names = trace.names().clone();
    let mut grown = Trace::new(names.clone());
    for event in trace.events() {
        if event.seq == 3000 {
            names.tasks.extend((2..1400).map(|task| format!("T{task}").into()));
            grown.grow(&names);
        }
        grown.push(event.clone());
    }
    let all = Trace::of(names, trace.events());
    // Forwards, backwards and to and fro: what is kept of where somebody looked lately changes nothing.
    let moments = (0..=trace.len() / 97).map(|n| n * 97);
    let to_and_fro = (0..60).map(|turn| turn * 4099 % trace.len());
    for moment in moments.chain((0..trace.len() / 97).rev().map(|n| n * 97)).chain(to_and_fro) {
        let fresh = all.clone();
        assert_eq!(grown.state(moment), all.state(moment));
        assert_eq!(fresh.state(moment), all.state(moment));
    }
    assert_eq!(trace.moment_at(Time::from_millis(10)), 22);
}

#[test]
fn a_timer_stays_where_it_is_where_time_runs_back() {
    let names = || Names { tasks: vec!["a".into()], locks: Vec::new() };
    let event = |ms, what| {
        let actor = Actor { task: TaskId(0), step: None };
        Event { seq: 0, at: Time::from_millis(ms), actor, what }
    };
    let events = [event(100, What::Wake), event(50, What::Sleep { until: Time::from_millis(60) })];
    check_usual(&names(), &events).unwrap();
    let trace = Trace::of(names(), events);
    assert_eq!(trace.event(2).unwrap().what, What::Sleep { until: Time::from_millis(60) });
}

#[test]
fn a_task_that_got_the_lock_at_once_but_has_to_yield_is_no_handoff() {
    let (lock, a, b, c) = (LockId(0), OpId(1), OpId(2), OpId(3));
    let trace = made(
        &["alone", "bob"],
        &[
            (0, 0, What::Acquire { lock, op: a, mode: Mode::Exclusive }),
            (0, 1, What::Wait { lock, op: b, mode: Mode::Exclusive }),
            (5, 0, What::Release { lock, op: a }),
            (5, 1, What::Grant { lock, op: b, mode: Mode::Exclusive }),
            (5, 1, What::Acquire { lock, op: b, mode: Mode::Exclusive }),
            (900, 1, What::Release { lock, op: b }),
            (900, 0, What::Grant { lock, op: c, mode: Mode::Exclusive }),
            (900, 0, What::Acquire { lock, op: c, mode: Mode::Exclusive }),
        ],
    );
    assert_eq!(trace.handoffs(8).len(), 1);
    let rows = story::rows(&trace, 0, 8);
    assert_eq!(rows.iter().filter(|row| row.handoff.is_some()).count(), 1);
    assert_eq!(rows[rows.len() - 2].text, "granted, yields first");
    let text = text::sequence_diagram(&trace);
    assert_eq!(text.matches(" ╰ ").count(), 1, "{text}");
}

#[test]
fn a_reason_does_not_depend_on_other_locks() {
    let (x, y) = (LockId(0), LockId(1));
    let names = Names {
        tasks: vec!["A".into(), "B".into(), "C".into()],
        locks: ["x", "y"]
            .map(|name| LockName { name: name.into(), kind: LockKind::TokioMutex, permits: None })
            .into(),
    };
    let events = [
        (0, What::Acquire { lock: x, op: OpId(1), mode: Mode::Exclusive }),
        (0, What::Acquire { lock: y, op: OpId(2), mode: Mode::Exclusive }),
        (1, What::Wait { lock: x, op: OpId(3), mode: Mode::Exclusive }),
        (2, What::Wait { lock: y, op: OpId(4), mode: Mode::Exclusive }),
        (0, What::Release { lock: x, op: OpId(1) }),
        (1, What::Grant { lock: x, op: OpId(3), mode: Mode::Exclusive }),
        (0, What::Release { lock: y, op: OpId(2) }),
        (2, What::Grant { lock: y, op: OpId(4), mode: Mode::Exclusive }),
        (1, What::Acquire { lock: x, op: OpId(3), mode: Mode::Exclusive }),
        (2, What::Acquire { lock: y, op: OpId(4), mode: Mode::Exclusive }),
        (0, What::Wait { lock: x, op: OpId(5), mode: Mode::Exclusive }),
    ];
    let event = |(task, what): &(u32, What)| Event {
        seq: 0,
        at: Time::ZERO,
        actor: Actor { task: TaskId(*task), step: None },
        what: what.clone(),
    };
    let text = text::sequence_diagram(&Trace::of(names, events.iter().map(event)));
    assert!(text.contains("B got it: first in the queue since 0 ms. A asked again only now."), "{text}");
    assert!(text.contains("C got it: first in the queue since 0 ms.\n"), "{text}");
    // With several locks every row says which.
    assert!(text.contains("acquires x") && text.contains("release y"), "{text}");
}

/// Takes so many rows, and counts what it is asked to take.
struct Reader {
    room: usize,
    asked: usize,
}

impl fmt::Write for Reader {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.asked += text.lines().count();
        self.room = self.room.checked_sub(text.lines().count()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[test]
fn the_order_is_written_row_by_row_and_no_further_than_somebody_reads() {
    let wakes = vec![(0, 0, What::Wake); 20_000];
    let mut reader = Reader { room: 100, asked: 0 };
    assert!(text::write_sequence_diagram(&mut reader, &made(&["a"], &wakes)).is_err());
    assert!(reader.asked < 110, "{}", reader.asked);
}

/// How wide the columns are does not depend on what comes thousands of rows later, but on what is near.
#[test]
fn the_first_rows_say_how_wide_the_columns_are() {
    let long = What::Print { text: "what is longer than the rest".into() };
    let told = |before: usize| {
        let mut events = vec![(0, 0, What::Wake); before];
        events.push((1, 0, long.clone()));
        let told = text::sequence_diagram(&made(&["a", "b"], &events));
        let column = |name: &str| told.lines().find(|line| line.contains(name)).unwrap().find(name).unwrap();
        (column("owner") - column("b "), told.lines().last().unwrap().trim().to_owned())
    };
    assert_eq!(told(4_095), (26, format!("1  what is longer than the rest{:24}·", "")));
    assert_eq!(told(4_096), (14, "1  what is longer than the re… ·".into()));
}

#[test]
fn who_moved_up_was_not_the_first_from_the_beginning() {
    let (lock, ops) = (LockId(0), [OpId(1), OpId(2), OpId(3)]);
    let trace = made(
        &["a", "b", "c"],
        &[
            (0, 0, What::Acquire { lock, op: ops[0], mode: Mode::Exclusive }),
            (1, 1, What::Wait { lock, op: ops[1], mode: Mode::Exclusive }),
            (2, 2, What::Wait { lock, op: ops[2], mode: Mode::Exclusive }),
            (100, 0, What::Release { lock, op: ops[0] }),
            (100, 1, What::Grant { lock, op: ops[1], mode: Mode::Exclusive }),
            (100, 1, What::Acquire { lock, op: ops[1], mode: Mode::Exclusive }),
            (200, 1, What::Release { lock, op: ops[1] }),
            (200, 2, What::Grant { lock, op: ops[2], mode: Mode::Exclusive }),
        ],
    );
    let sentence = why::sentence(&trace, 8).unwrap();
    assert!(
        sentence.text.starts_with("Granted to c: first in the queue since 100 ms, waiting since 2 ms."),
        "{sentence:?}"
    );
}

#[test]
fn a_deadlock_is_told_whatever_happened_before() {
    let source = r#"{ "scenario": 1, "title": "t", "until": "1s", "expect": { "outcome": "deadlock" },
        "locks": { "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" }, "tasks": [
        { "name": "one", "steps": [ { "lock": "a", "do": [ { "sleep": "5ms" } ] }, { "lock": "a", "as": "x" }, { "sleep": "50ms" }, { "lock": "b", "as": "y" } ] },
        { "name": "two", "steps": [ { "lock": "a", "do": [] }, { "lock": "b", "as": "x" }, { "sleep": "50ms" }, { "lock": "a", "as": "y" } ] } ] }"#;
    let source = source.replace("\"do\": []", "\"do\": [ { \"sleep\": \"1ms\" } ]");
    let (names, events) = run(&source);
    let mut trace = Trace::of(names, events);
    assert!(!trace.handoffs(trace.len()).is_empty());
    let at = trace.event(trace.len()).unwrap().at;
    trace.finish(End { outcome: Outcome::Deadlock, at, note: None });
    assert_eq!(
        why::sentence(&trace, trace.len()).unwrap(),
        why::Sentence {
            at,
            text: "Deadlock, a cycle: one holds a and waits for b; two holds b and waits for a.".into()
        }
    );
}

/// A run of this scenario, with its end.
fn ended(scenario: &str) -> Trace {
    let plan =
        scenario::parse(&Source::new("test.json", scenario)).unwrap_or_else(|report| panic!("{report}"));
    let plan = Arc::new(plan.plan);
    let (send, receive) = channel();
    let sink = move |event| send.send(event).is_ok();
    let end = engine::run(&plan, &Options::default(), sink, &Stop::default()).unwrap();
    let mut trace = Trace::of(plan.names(), receive.iter());
    trace.finish(End { outcome: end.outcome, at: end.at, note: None });
    trace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_deadlock_has_a_cause_and_a_completed_run_has_none(scenario in programs::scenario()) {
        let trace = ended(&scenario);
        let state = trace.state(trace.len());
        let found = deadlock(&state);
        match trace.end().unwrap().outcome {
            Outcome::Completed => prop_assert_eq!(found, None),
            Outcome::Stopped => {}
            Outcome::Deadlock => {
                let found = found.unwrap();
                let of_the_trace = trace.deadlock();
                prop_assert_eq!(Some(&found), of_the_trace.as_ref());
                // Whoever waits is told of, once, with the true owner.
                let mut stuck: Vec<TaskId> = found.waits().map(|wait| wait.task).collect();
                stuck.sort_unstable();
                let waits = |id: &TaskId| state.task(*id).unwrap().look().0 == Look::Waiting;
                let waiting: Vec<TaskId> =
                    (0..state.tasks.len() as u32).map(TaskId).filter(waits).collect();
                prop_assert_eq!(stuck, waiting);
                for ring in &found.rings {
                    let next = ring.waits.iter().cycle().skip(1);
                    for (wait, next) in ring.waits.iter().zip(next) {
                        prop_assert_eq!(state.lock(wait.lock).unwrap().holders.front().unwrap().task, wait.owner.unwrap());
                        prop_assert_eq!(wait.owner, Some(next.task));
                    }
                    prop_assert_eq!(ring.cause == Cause::SelfLock, ring.waits.len() == 1);
                }
                let words = why::sentence(&trace, trace.len()).unwrap().text;
                prop_assert!(words.starts_with("Deadlock, a "), "{}", words);
            }
        }
    }
}

#[test]
fn a_deadlock_is_told_in_the_order_and_in_json() {
    let trace = ended(
        r#"{ "scenario": 1, "title": "t", "until": "1s", "expect": { "outcome": "deadlock" },
        "locks": { "a": "tokio::sync::Mutex" }, "tasks": [
        { "name": "twice", "steps": [ { "lock": "a", "as": "x" }, { "sleep": "5ms" }, { "lock": "a", "as": "y" } ] },
        { "name": "t", "count": 7, "steps": [ { "lock": "a", "as": "x" } ] } ] }"#,
    );
    let text = text::sequence_diagram(&trace);
    let words = "\n       5  deadlock\n          ╰ Deadlock, a self-lock: twice waits for a, which it holds itself. \
                 Stuck behind: t#1 waits for a, held by twice; t#2 waits for a, held by twice; \
                 t#3 waits for a, held by twice; t#4 waits for a, held by twice; 3 more.\n";
    assert!(text.ends_with(words), "{text}");
    let cause = trace.deadlock().map(|deadlock| deadlock.cause);
    assert_eq!(
        json_end_line(trace.end().unwrap(), cause, 0),
        r#"{"event":"end","ns":5000000,"outcome":"deadlock","cause":"self-lock"}"#
    );
}

#[test]
fn a_long_ring_is_told_in_part() {
    let task = |n: usize| {
        let (left, right) = (n, (n + 1) % 7);
        format!(
            r#"{{ "name": "p{n}", "steps": [ {{ "lock": "f{left}", "as": "x" }}, {{ "sleep": "5ms" }}, {{ "lock": "f{right}", "as": "y" }} ] }}"#
        )
    };
    let locks: Vec<String> = (0..7).map(|n| format!(r#""f{n}": "tokio::sync::Mutex""#)).collect();
    let trace = ended(&format!(
        r#"{{ "scenario": 1, "title": "t", "expect": {{ "outcome": "deadlock" }}, "locks": {{ {} }}, "tasks": [ {} ] }}"#,
        locks.join(", "),
        (0..7).map(task).collect::<Vec<_>>().join(", ")
    ));
    assert_eq!(
        why::stuck(&trace),
        "Deadlock, a cycle: p0 holds f0 and waits for f1; p1 holds f1 and waits for f2; p2 holds f2 and waits \
         for f3; p3 holds f3 and waits for f4; and 3 more round to p0."
    );
}
