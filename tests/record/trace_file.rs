//! Trace files: what was written is what is read, of every event there is.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, StepId, TaskId, Time, What,
};
use lockscope::record::{Recording, trace_file};
use lockscope::scenario::ClockKind;
use lockscope::trace::{End, Trace};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value as Json, json};

use super::{runs, scenes};

pub fn written(recording: &Recording) -> Vec<u8> {
    let mut bytes = Vec::new();
    trace_file::write(recording, &mut bytes).unwrap();
    bytes
}

/// Reads a whole file back.
#[track_caller]
fn read(bytes: &[u8]) -> Recording {
    let read = trace_file::read(bytes).unwrap();
    assert_eq!(read.damage, None);
    read.recording
}

/// Fails where something is lost on the way through a file.
#[track_caller]
fn survives(recording: &Recording) -> Recording {
    let bytes = written(recording);
    let back = read(&bytes);
    assert_eq!(back.trace.names(), recording.trace.names());
    assert_eq!(back.trace.events(), recording.trace.events());
    assert_eq!(back.trace.end(), recording.trace.end());
    assert_eq!((back.clock, back.horizon), (recording.clock, recording.horizon));
    assert_eq!(written(&back), bytes);
    back
}

#[test]
fn a_run_survives_with_its_code_its_markers_and_its_lesson() {
    for recording in [runs::lecture(None), runs::odd()] {
        let back = survives(&recording);
        assert_eq!(back.plan, recording.plan);
        assert_eq!(back.markers().between(0, 1000), recording.markers().between(0, 1000));
    }
}

/// A history that no scenario is known of.
fn alone(trace: Trace) -> Recording {
    let text = json!({"scenario": 1, "title": "alone", "locks": {}, "tasks": [{"name": "t", "steps": []}]});
    let source = lockscope::scenario::Source::new("alone.json", &text.to_string());
    let mut recording = runs::run(source, None);
    (recording.trace, recording.source, recording.clock) = (trace, None, ClockKind::Real);
    recording
}

#[test]
fn every_family_and_every_end_survives() {
    for tale in [
        scenes::readers_together(),
        scenes::permits(),
        scenes::lost_notification(),
        scenes::barging(),
        scenes::blocked_thread(),
        scenes::futurelock(),
    ] {
        let back = survives(&alone(tale.ends(Outcome::Deadlock)));
        // What ran is known by its names alone.
        assert_eq!(back.plan.names(), *back.trace.names());
        assert_eq!(back.plan.title, "alone");
    }
}

#[test]
fn its_lines_are_those_of_order() {
    let file = String::from_utf8(written(&runs::lecture(None))).unwrap();
    insta::assert_snapshot!(file);
}

#[test]
fn a_scenario_that_is_not_what_ran_is_left_aside() {
    let file = String::from_utf8(written(&runs::lecture(None))).unwrap();
    for (from, to) in [
        ("\"tasks\":[\"reader\",", "\"tasks\":[\"reader\",\"another\","),
        ("\\\"scenario\\\": 1", "\\\"scenario\\\": 7"),
    ] {
        let other = file.replacen(from, to, 1);
        assert_ne!(other, file);
        let back = read(other.as_bytes());
        assert_eq!(back.source.is_none(), back.plan.tasks.iter().all(|task| task.steps.is_empty()));
        assert!(back.source.is_none());
    }
    // Other kinds than the scenario names are those of a run with `--lock`.
    let other = file.replacen("\"kind\":\"tokio::sync::Mutex\"}]", "\"kind\":\"futures::lock::Mutex\"}]", 1);
    let back = read(other.as_bytes());
    assert_eq!(back.plan.locks[0].kind, LockKind::FuturesMutex);
    assert!(back.source.is_some());
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

const KINDS: [(LockKind, Option<u32>); 5] = [
    (LockKind::TokioMutex, None),
    (LockKind::StdRwLock, None),
    (LockKind::TokioSemaphore, Some(3)),
    (LockKind::TokioNotify, None),
    (LockKind::TokioMpsc, Some(2)),
];

fn what() -> impl Strategy<Value = What> {
    let lock = || (0..KINDS.len() as u32).prop_map(LockId);
    let op = || (0..40u64).prop_map(OpId);
    let text = || any::<String>().prop_map(Arc::<str>::from);
    let some = || prop::option::of(value().prop_map(Arc::new));
    let mode = prop_oneof![
        Just(Mode::Exclusive),
        Just(Mode::Shared),
        any::<u32>().prop_map(Mode::Permits),
        Just(Mode::Signal),
        Just(Mode::Message),
        Just(Mode::Room),
    ];
    prop_oneof![
        Just(What::Spawn),
        Just(What::Finish),
        any::<u64>().prop_map(|at| What::Sleep { until: Time::from_nanos(at) }),
        Just(What::Wake),
        (0..4, lock(), op(), mode).prop_map(|(which, lock, op, mode)| {
            // A mutex knows but one mode.
            let mode = if lock.0 == 0 { Mode::Exclusive } else { mode };
            match which {
                0 => What::Wait { lock, op, mode },
                1 => What::Grant { lock, op, mode },
                2 => What::Acquire { lock, op, mode },
                _ => What::Busy { lock, op, mode },
            }
        }),
        (lock(), op()).prop_map(|(lock, op)| What::Release { lock, op }),
        (lock(), op()).prop_map(|(lock, op)| What::Cancel { lock, op }),
        text().prop_map(|text| What::Print { text }),
        (text(), some(), any::<(u32, u32)>()).prop_map(|(name, value, place)| What::Debug {
            name,
            value,
            place
        }),
        (lock(), text(), some()).prop_map(|(lock, key, value)| What::Get { lock, key, value }),
        (lock(), text(), value()).prop_map(|(lock, key, value)| What::Insert {
            lock,
            key,
            value: Arc::new(value)
        }),
        (lock(), any::<u32>()).prop_map(|(lock, permits)| What::AddPermits { lock, permits }),
        (lock(), any::<u32>()).prop_map(|(lock, permits)| What::ForgetPermits { lock, permits }),
        (lock(), any::<bool>()).prop_map(|(lock, all)| What::Notify { lock, all }),
        (lock(), op()).prop_map(|(lock, op)| What::Heard { lock, op }),
        (lock(), op(), value()).prop_map(|(lock, op, value)| What::Sent { lock, op, value: Arc::new(value) }),
        (lock(), op(), some()).prop_map(|(lock, op, value)| What::Received { lock, op, value }),
        Just(What::Timeout),
        any::<u32>().prop_map(|arm| What::Select { arm }),
        text().prop_map(|text| What::Say { text }),
        any::<u64>().prop_map(|events| What::Lost { events }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_survives(
        tasks in prop::collection::hash_set(any::<String>(), 1..4),
        locks in prop::collection::hash_set(any::<String>(), KINDS.len()),
        events in prop::collection::vec((0..4u32, any::<Option<NonZeroU32>>(), 0..9_000_000_000u64, what()), 0..40),
        note in any::<Option<String>>(),
    ) {
        let kinds = locks.iter().zip(KINDS);
        let names = Names {
            tasks: tasks.iter().map(|name| name.as_str().into()).collect(),
            locks: kinds.map(|(name, (kind, permits))| LockName { name: name.as_str().into(), kind, permits }).collect(),
        };
        let count = names.tasks.len() as u32;
        let mut trace = Trace::new(names);
        for (task, step, at, what) in events {
            let actor = Actor { task: TaskId(task % count), step: step.map(StepId) };
            trace.push(Event { seq: 0, at: Time::from_nanos(at), actor, what });
        }
        let at = trace.event(trace.len()).map_or(Time::ZERO, |event| event.at);
        trace.finish(End { outcome: Outcome::Stopped, at, note });
        survives(&alone(trace));
    }
}

/// The property above leaves out no kind of event.
#[test]
fn the_property_knows_every_event() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = what();
    let one = |runner: &mut _| strategy.new_tree(runner).unwrap().current().name();
    let seen: HashSet<_> = (0..2000).map(|_| one(&mut runner)).collect();
    assert_eq!(seen, What::NAMES.into_iter().collect());
}
