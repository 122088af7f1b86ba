//! The present state in a program is that of a history of the same events, and its prologue leads there.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/nonsense.rs"]
mod nonsense;

use lockscope::event::{Bundle, Event, LockId, Names, OpId, Packed, TaskId, Time, What};
use lockscope::sync::Present;
use lockscope::trace::State;
use proptest::prelude::*;

/// Feeds both, and gives them.
fn fold(names: &Names, events: &[Event]) -> (Present, State) {
    let (mut present, mut state) = (Present::default(), State::new(names));
    present.add_tasks(names.tasks.len());
    for lock in &names.locks {
        present.add_lock(lock);
    }
    for event in events {
        state.apply(event);
        match Packed::of(event) {
            Some(packed) => present.apply(packed),
            None => present.apply_aside(event),
        }
    }
    (present, state)
}

fn unpack(prologue: &Bundle) -> Vec<Event> {
    let event = |(index, packed): (usize, &Packed)| {
        let aside = || prologue.asides[packed.large() as usize].clone();
        Event { seq: index as u64 + 1, ..packed.event(0).unwrap_or_else(aside) }
    };
    prologue.events.iter().enumerate().map(event).collect()
}

/// Who has what since when, who waits, who is asleep, and how many permits there are.
fn picture(state: &State, times: bool) -> String {
    let mut text = String::new();
    for lock in state.locks.iter() {
        for places in [&lock.holders, &lock.granted, &lock.queue] {
            for place in places {
                let since = times.then_some((place.since, place.woken));
                text += &format!("{:?} {:?} {:?} {since:?}, ", place.task, place.op, place.mode);
            }
            text += "| ";
        }
        text += &format!("{:?}\n", lock.permits);
    }
    for task in state.tasks.iter() {
        text += &match task.life {
            // Whether it has not begun or is over is not told.
            lockscope::trace::Life::Unborn | lockscope::trace::Life::Finished => "absent".to_owned(),
            lockscope::trace::Life::Asleep { .. } if !times => "asleep".to_owned(),
            life => format!("{life:?}"),
        };
        text += &format!(" {}\n", task.claims.len());
    }
    text
}

/// A history that need not be one of real locks, but in which an operation is of one task and one lock, permits
/// do not overflow, and time goes on.
fn histories() -> impl Strategy<Value = (Names, Vec<Event>)> {
    let events = prop::collection::vec(nonsense::event(), 0..120);
    (nonsense::names(), events).prop_map(|(names, mut events)| {
        let (count, mut at) = (names.tasks.len() as u32, 0);
        for (seq, event) in (1..).zip(&mut events) {
            at += event.at.nanos() % 1000;
            (event.seq, event.at) = (seq, Time::from_nanos(at));
            event.actor.task = TaskId(event.actor.task.0 % count);
            let of = |op: &OpId| (LockId(op.0 as u32 % 2), TaskId(op.0 as u32 / 2 % count));
            match &mut event.what {
                What::Wait { lock, op, .. }
                | What::Grant { lock, op, .. }
                | What::Acquire { lock, op, .. }
                | What::Release { lock, op }
                | What::Cancel { lock, op }
                | What::Heard { lock, op }
                | What::Sent { lock, op, .. }
                | What::Received { lock, op, .. } => (*lock, event.actor.task) = of(op),
                What::Sleep { until } => *until = Time::from_nanos(at + until.nanos()),
                What::AddPermits { permits, .. } => *permits %= 3,
                What::ForgetPermits { permits, .. } => *permits = 0,
                _ => {}
            }
        }
        (names, events)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_prologue_leads_to_the_state_of_all_events((names, events) in histories()) {
        let (present, state) = fold(&names, &events);
        let prologue = unpack(&present.prologue(Time::ZERO, &[]));
        prop_assert!(prologue.is_sorted_by_key(|event| event.at));
        prop_assert!(prologue.iter().all(|event| event.at <= present.at()));
        let (_, told) = fold(&names, &prologue);
        prop_assert_eq!(picture(&told, true), picture(&state, true), "{:#?}", prologue);
    }

    /// Whoever knew it once, missed some, and is told anew knows it again; times go on from the loss.
    #[test]
    fn after_a_loss_the_prologue_leads_there_again((names, events) in histories(), known in any::<prop::sample::Index>()) {
        let known = known.index(events.len() + 1);
        let (before, _) = fold(&names, &events[..known]);
        let (present, state) = fold(&names, &events);
        let mut seen = events[..known].to_vec();
        let what = What::Lost { events: (events.len() - known) as u64 };
        let actor = lockscope::event::Actor { task: TaskId(0), step: None };
        let seq = known as u64 + 1;
        seen.push(Event { seq, at: present.at(), actor, what });
        let prologue = unpack(&present.prologue(present.at(), &before.added()));
        prop_assert!(prologue.iter().all(|event| event.at == present.at()));
        seen.extend(prologue);
        let (_, told) = fold(&names, &seen);
        let absent = |text: String| text.replace("Running 0", "-").replace("absent 0", "-");
        prop_assert_eq!(absent(picture(&told, false)), absent(picture(&state, false)));
    }

    #[test]
    fn nothing_upsets_it(names in nonsense::names(), events in prop::collection::vec(nonsense::event(), 0..200)) {
        let (present, _) = fold(&names, &events);
        present.prologue(Time::ZERO, &[]);
    }
}

/// A sleep that is too long for the short form is one all the same.
#[test]
fn who_sleeps_for_days_is_told_of_as_asleep() {
    let names = Names { tasks: vec!["a".into(), "b".into()], locks: Vec::new() };
    let event = |seq: u64, task, what| {
        let actor = lockscope::event::Actor { task: TaskId(task), step: None };
        Event { seq, at: Time::from_millis(seq), actor, what }
    };
    let until = Time::from_millis(1_000_000_000);
    let events = [event(1, 0, What::Spawn), event(2, 0, What::Sleep { until }), event(6, 1, What::Spawn)];
    let (present, state) = fold(&names, &events);
    let mut again = State::new(&names);
    for event in unpack(&present.introduction()) {
        again.apply(&event);
    }
    assert_eq!(again.tasks[0].life, state.tasks[0].life);
    assert!(matches!(again.tasks[0].life, lockscope::trace::Life::Asleep { .. }));
}
