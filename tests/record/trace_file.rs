//! Trace files, of lines and compact: what was written is what is read, of every event there is, and each is
//! what the other is.

use std::collections::HashSet;
use std::num::NonZeroU32;

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, StepId, TaskId, Time, What,
};
use lockscope::record::{Recording, trace_file};
use lockscope::scenario::ClockKind;
use lockscope::trace::text::sequence_diagram;
use lockscope::trace::{End, Trace};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;

use super::events::{KINDS, what};
use super::{runs, scenes};

pub fn written(recording: &Recording) -> Vec<u8> {
    let mut bytes = Vec::new();
    trace_file::write(recording, &mut bytes).unwrap();
    bytes
}

pub fn written_compact(recording: &Recording) -> Vec<u8> {
    let mut bytes = Vec::new();
    trace_file::write_compact(recording, &mut bytes).unwrap();
    bytes
}

/// Reads a whole file back.
#[track_caller]
fn read(bytes: &[u8]) -> Recording {
    let read = trace_file::read(bytes).unwrap();
    assert_eq!(read.damage, None);
    read.recording
}

/// What happened.
pub fn happened(trace: &Trace) -> impl Iterator<Item = Event> {
    let mut events = Vec::new();
    for event in trace.events() {
        events.push(event.clone());
    }
    events.into_iter()
}

#[track_caller]
fn same(back: &Recording, recording: &Recording) {
    assert_eq!(back.trace.names(), recording.trace.names());
    assert!(happened(&back.trace).eq(happened(&recording.trace)));
    assert_eq!(back.trace.end(), recording.trace.end());
    assert_eq!((back.clock, back.horizon), (recording.clock, recording.horizon));
    let before = |trace: &Trace| (trace.earlier(), trace.opening());
    assert_eq!(before(&back.trace), before(&recording.trace));
}

/// Fails where something is lost on the way through a file of lines, through a compact one, or through one
/// after the other.
#[track_caller]
fn survives(recording: &Recording) -> Recording {
    let (lines, compact) = (written(recording), written_compact(recording));
    let (back, other) = (read(&lines), read(&compact));
    same(&back, recording);
    same(&other, recording);
    assert_eq!(other.plan, back.plan);
    assert_eq!(other.source.is_some(), back.source.is_some());
    assert!(written(&other) == lines && written(&back) == lines, "lines come from it as they went in");
    assert!(written_compact(&back) == compact && written_compact(&other) == compact);
    back
}

#[test]
fn every_scenario_survives() {
    let (mut lines, mut compact, mut count) = (0, 0, 0);
    for bundled in lockscope::scenario::all() {
        let recording = runs::run(bundled.source(), None);
        let back = survives(&recording);
        assert_eq!((&back.plan, back.source.is_some()), (&recording.plan, true), "{}", bundled.id);
        // The head with the scenario's text is in both.
        let text = bundled.text.len();
        lines += written(&back).len() - text;
        compact += written_compact(&back).len() - text;
        count += back.trace.len() as usize;
    }
    assert!(compact * 8 < lines, "{count} events: {compact} bytes, {lines} as lines");
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
pub fn alone(trace: Trace) -> Recording {
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

/// What was told to somebody who came late: the reader has had the lock for long, the writer waits; then it gets it.
pub fn late() -> Recording {
    let names = Names {
        tasks: vec!["reader".into(), "writer".into(), "idle".into()],
        locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
    };
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let (first, second) = (OpId(1), OpId(2));
    let mut trace = Trace::new(names);
    trace.come_after(1000, 4);
    for (ms, task, what) in [
        (100, 0, What::Spawn),
        (100, 0, What::Acquire { lock, op: first, mode }),
        (300, 1, What::Wait { lock, op: second, mode }),
        (900, 2, What::Spawn),
        (1000, 0, What::Release { lock, op: first }),
        (1000, 1, What::Grant { lock, op: second, mode }),
        (1001, 1, What::Acquire { lock, op: second, mode }),
        (1002, 2, What::Finish),
    ] {
        let actor = Actor { task: TaskId(task), step: None };
        trace.push(Event { seq: 0, at: Time::from_millis(ms), actor, what });
    }
    trace.finish(End { outcome: Outcome::Stopped, at: Time::from_millis(1100), note: None });
    alone(trace)
}

#[test]
fn what_began_late_says_so_in_every_form() {
    let back = survives(&late());
    assert_eq!((back.trace.earlier(), back.trace.opening()), (1000, 4));
    let lines = String::from_utf8(written(&back)).unwrap();
    assert!(lines.lines().next().unwrap().contains(r#""earlier":1000,"opening":4"#), "{lines}");
    let end = r#"{"event":"end","ns":1100000000,"outcome":"stopped","earlier":1000}"#;
    assert_eq!(lines.lines().last().unwrap(), end);
    insta::assert_snapshot!(sequence_diagram(&back.trace));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_survives(
        tasks in prop::collection::hash_set(any::<String>(), 1..4),
        locks in prop::collection::hash_set(any::<String>(), KINDS.len()),
        events in prop::collection::vec((0..4u32, any::<Option<NonZeroU32>>(), 0..9_000_000_000u64, what()), 0..40),
        note in any::<Option<String>>(),
        before in prop::option::of((1..u64::MAX, 0..50u64)),
    ) {
        let kinds = locks.iter().zip(KINDS);
        let names = Names {
            tasks: tasks.iter().map(|name| name.as_str().into()).collect(),
            locks: kinds.map(|(name, (kind, permits))| LockName { name: name.as_str().into(), kind, permits }).collect(),
        };
        let count = names.tasks.len() as u32;
        let mut trace = Trace::new(names);
        if let Some((earlier, opening)) = before {
            trace.come_after(earlier, opening);
        }
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
