//! Runs: the golden order of the lecture's program, determinism, and every way a run can end.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::Checker;
use lockscope::engine::{self, Cause, End, Options, Stop};
use lockscope::event::{Event, Names, Outcome, What};
use lockscope::scenario::{self, ClockKind, Plan, Source};
use lockscope::sync::{Pushed, Sink};
use lockscope::trace::json_line;

fn plan(text: &str) -> Arc<Plan> {
    match scenario::parse(&Source::new("test.json", text)) {
        Ok(checked) => Arc::new(checked.plan),
        Err(report) => panic!("{report}"),
    }
}

fn handoff() -> Arc<Plan> {
    Arc::new(scenario::parse(&scenario::find(scenario::DEFAULT).unwrap().source()).unwrap().plan)
}

/// A plan of these tasks with locks `a` and `b`.
fn tasks(until: &str, tasks: &str) -> Arc<Plan> {
    plan(&format!(
        r#"{{ "scenario": 1, "title": "test", "until": "{until}",
             "locks": {{ "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" }}, "tasks": [{tasks}] }}"#
    ))
}

fn run(plan: &Arc<Plan>, options: &Options) -> (Vec<Event>, End) {
    let (send, receive): (_, Receiver<Event>) = channel();
    let end = engine::run(plan, options, move |event| send.send(event).is_ok(), &Stop::default()).unwrap();
    (receive.iter().collect(), end)
}

fn default(plan: &Arc<Plan>) -> (Vec<Event>, End) {
    run(plan, &Options::default())
}

/// `task@ms` of every event of this name.
fn when(names: &Names, events: &[Event], name: &str) -> Vec<String> {
    let those = events.iter().filter(|event| event.what.name() == name);
    those.map(|event| format!("{}@{}", names.task(event.actor.task), event.at.millis())).collect()
}

/// What was printed, values as `{:?}`.
fn prints(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| match &event.what {
        What::Print { text } => Some(text.to_string()),
        What::Debug { name, value, .. } => Some(format!("{name} = {:?}", value.as_deref())),
        _ => None,
    };
    events.iter().filter_map(line).collect()
}

#[test]
fn the_lecture_s_program_runs_in_the_lecture_s_order() {
    let plan = handoff();
    let (events, end) = default(&plan);
    let expect = plan.expect.as_ref().unwrap();
    let acquires: Vec<_> =
        expect.acquires.iter().flatten().map(|(task, at)| format!("{task}@{at}")).collect();
    assert_eq!(when(&plan.names(), &events, "acquire"), acquires);
    assert_eq!(&prints(&events), expect.prints.as_ref().unwrap());
    assert_eq!((Some(end.outcome), end.cause), (expect.outcome, Cause::Horizon));
    assert_eq!(end.at.millis(), 2500);
}

#[test]
fn two_hundred_virtual_runs_are_the_same_to_the_last_byte() {
    let plan = handoff();
    let text = || -> String {
        let (events, end) = default(&plan);
        let names = plan.names();
        let lines = events.iter().map(|event| json_line(&names, event) + "\n");
        lines.chain([format!("{end:?}")]).collect()
    };
    let golden = text();
    insta::assert_snapshot!("tokio_handoff_events", golden);
    for _ in 1..200 {
        assert_eq!(text(), golden);
    }
}

#[test]
fn virtual_times_are_whole_milliseconds() {
    let (events, _) = default(&tasks(
        "1h",
        r#"{ "name": "t", "count": 3, "steps": [ { "loop": [
             { "lock": "a", "do": [ { "sleep": "7ms", "jitter": "5ms" } ] }, { "yield": 3 } ], "times": 50 } ] }"#,
    ));
    assert!(events.len() > 900);
    assert!(events.iter().all(|event| event.at.nanos() % 1_000_000 == 0));
}

#[test]
fn the_seed_and_nothing_else_decides_the_jitter() {
    let plan = tasks(
        "1h",
        r#"{ "name": "t", "count": 4, "steps": [ { "loop": [
             { "lock": "a", "do": [ { "sleep": "1ms", "jitter": "9ms" } ] } ], "times": 20 } ] }"#,
    );
    let with = |seed| run(&plan, &Options { seed: Some(seed), ..Options::default() }).0;
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    let sleeps = |events: &[Event]| -> Vec<u128> {
        let span = |event: &Event| match event.what {
            What::Sleep { until } => Some(until.since(event.at).as_millis()),
            _ => None,
        };
        events.iter().filter_map(span).collect()
    };
    let spans = sleeps(&with(1));
    assert!(spans.iter().all(|span| (1..=10).contains(span)), "{spans:?}");
    assert!(spans.contains(&1) && spans.contains(&10), "both ends are reached: {spans:?}");
}

#[test]
fn tasks_start_in_the_order_of_the_file_or_when_their_time_comes() {
    let plan = tasks(
        "10s",
        r#"{ "name": "late", "start": "20ms", "steps": [ { "print": "late" } ] },
           { "name": "many", "count": 3, "steps": [ { "print": "many" } ] },
           { "name": "soon", "start": "10ms", "steps": [ { "print": "soon" } ] }"#,
    );
    let (events, end) = default(&plan);
    assert_eq!(
        when(&plan.names(), &events, "spawn"),
        ["many#1@0", "many#2@0", "many#3@0", "soon@10", "late@20"]
    );
    assert_eq!(when(&plan.names(), &events, "finish").len(), 5);
    assert_eq!((end.outcome, end.cause, end.at.millis()), (Outcome::Completed, Cause::Finished, 20));
}

#[test]
fn guards_are_dropped_where_rust_drops_them() {
    let plan = tasks(
        "10s",
        r#"{ "name": "t", "steps": [
             { "lock": "a", "as": "first" }, { "loop": [ { "lock": "b", "as": "second" }, { "print": "in" } ], "times": 2 },
             { "drop": "first" }, { "print": "dropped" },
             { "lock": "b", "as": "x" }, { "lock": "a", "as": "y" }, { "print": "end" } ] }"#,
    );
    let (events, _) = default(&plan);
    let names = plan.names();
    let story: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Print { text } => Some(text.to_string()),
            what => what.acquisition().map(|(lock, _)| format!("{} {}", what.name(), names.lock(lock))),
        })
        .collect();
    assert_eq!(
        story,
        [
            "acquire a",
            "acquire b",
            "in",
            "release b",
            "acquire b",
            "in",
            "release b",
            "release a",
            "dropped",
            "acquire b",
            "acquire a",
            "end",
            "release a",
            "release b"
        ]
    );
}

#[test]
fn elapsed_is_taken_after_the_lock_is_held_and_counts_from_the_task_s_start() {
    let plan = tasks(
        "10s",
        r#"{ "name": "holder", "steps": [ { "lock": "a", "do": [ { "sleep": "100ms" } ] } ] },
           { "name": "late", "start": "40ms", "steps": [
             { "lock": "a", "do": [ { "insert": "k", "value": { "$elapsed": "ms" } } ] },
             { "lock": "a", "as": "g" }, { "get": "k", "from": "g", "as": "v" }, { "dbg": "v" },
             { "get": "none", "from": "g", "as": "n" }, { "dbg": "n" },
             { "insert": "copy", "into": "g", "value": { "$var": "v" } }, { "get": "copy", "from": "g", "as": "c" }, { "dbg": "c" } ] }"#,
    );
    let (events, _) = default(&plan);
    assert_eq!(prints(&events), ["v = Some(Number(60))", "n = None", "c = Some(Number(60))"]);
}

#[test]
fn work_keeps_the_thread_and_lets_time_pass() {
    let plan = tasks(
        "10s",
        r#"{ "name": "sleeper", "steps": [ { "sleep": "10ms" }, { "print": "awake" } ] },
           { "name": "worker", "steps": [ { "work": "50ms" }, { "print": "done" }, { "work": "5ms" }, { "print": "again" } ] }"#,
    );
    let (events, _) = default(&plan);
    // The sleeper's timer is due at 10, but nobody runs it before the worker is through.
    assert_eq!(prints(&events), ["done", "again", "awake"]);
    assert_eq!(when(&plan.names(), &events, "print"), ["worker@50", "worker@55", "sleeper@55"]);
}

#[test]
fn work_does_not_carry_a_run_past_its_horizon() {
    let plan = tasks(
        "30ms",
        r#"{ "name": "t", "steps": [ { "print": "before" }, { "work": "50ms" }, { "print": "after" } ] }"#,
    );
    let (events, end) = default(&plan);
    assert_eq!(prints(&events), ["before"]);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Stopped, 30));
}

#[test]
fn what_happens_at_the_horizon_is_no_longer_part_of_the_run() {
    let plan = tasks(
        "20ms",
        r#"{ "name": "t", "steps": [ { "loop": [ { "sleep": "10ms" }, { "print": "tick" } ] } ] }"#,
    );
    let (events, end) = default(&plan);
    assert_eq!(when(&plan.names(), &events, "print"), ["t@10"]);
    assert_eq!((end.outcome, end.cause, end.at.millis()), (Outcome::Stopped, Cause::Horizon, 20));
    let longer = Options { until: Some(Duration::from_millis(21)), ..Options::default() };
    assert_eq!(when(&plan.names(), &run(&plan, &longer).0, "print"), ["t@10", "t@20"]);
}

#[test]
fn a_deadlock_is_an_end_and_not_a_hang() {
    let abba = tasks(
        "10s",
        r#"{ "name": "T1", "steps": [ { "lock": "a", "as": "x" }, { "sleep": "100ms" }, { "lock": "b", "as": "y" } ] },
           { "name": "T2", "start": "50ms", "steps": [ { "lock": "b", "as": "x" }, { "sleep": "100ms" }, { "lock": "a", "as": "y" } ] }"#,
    );
    let itself = tasks(
        "10s",
        r#"{ "name": "t", "steps": [ { "lock": "a", "as": "x" }, { "lock": "a", "as": "y" } ] }"#,
    );
    for (plan, at) in [(abba, 150), (itself, 0)] {
        let (events, end) = default(&plan);
        assert_eq!((end.outcome, end.cause, end.at.millis()), (Outcome::Deadlock, Cause::Stuck, at));
        // The guards that the end drops are not part of what happened.
        assert_eq!(events.last().unwrap().what.name(), "wait");
        let real = Options { clock: Some(ClockKind::Real), ..Options::default() };
        assert_eq!(run(&plan, &real).1.outcome, Outcome::Deadlock);
    }
}

#[test]
fn a_task_that_will_still_start_is_no_deadlock() {
    let plan = tasks(
        "10s",
        r#"{ "name": "t", "steps": [ { "lock": "a", "as": "x" }, { "lock": "a", "as": "y" } ] },
           { "name": "late", "start": "1s", "steps": [ { "print": "hello" } ] }"#,
    );
    let (events, end) = default(&plan);
    assert_eq!(when(&plan.names(), &events, "print"), ["late@1000"]);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Deadlock, 1000));
}

#[test]
fn the_event_cap_ends_a_run() {
    let options =
        Options { until: Some(Duration::from_hours(1)), max_events: Some(100), ..Options::default() };
    let (events, end) = run(&handoff(), &options);
    assert_eq!(events.len(), 100);
    assert_eq!((end.outcome, end.cause), (Outcome::Stopped, Cause::EventCap(100)));
}

#[test]
fn the_watchdog_ends_a_run_that_goes_round_without_an_event() {
    let plan = tasks(
        "10s",
        r#"{ "name": "quiet", "steps": [ { "sleep": "1ms" } ] },
           { "name": "busy", "steps": [ { "loop": [ { "yield": 1000000 } ], "times": 4000000000 } ] }"#,
    );
    let (_, end) = default(&plan);
    assert_eq!(end.outcome, Outcome::Stopped);
    let Cause::Watchdog { task, step } = end.cause else { panic!("{end:?}") };
    assert_eq!((plan.names().task(task), step.0), ("busy", NonZeroU32::new(2).unwrap()));
}

/// Takes so many events, then wants no more.
struct Few(usize, Arc<Mutex<Vec<Event>>>);

impl Sink for Few {
    fn push(&mut self, event: Event) -> Pushed {
        if self.0 == 0 {
            return Pushed::Closed;
        }
        self.0 -= 1;
        self.1.lock().unwrap().push(event);
        Pushed::Kept
    }
}

#[test]
fn a_run_stops_cleanly_at_any_moment() {
    let plan = handoff();
    let (all, _) = default(&plan);
    for moment in 0..all.len() {
        let seen = Arc::default();
        let sink = Few(moment, Arc::clone(&seen));
        let end = engine::run(&plan, &Options::default(), sink, &Stop::default()).unwrap();
        assert_eq!((end.outcome, end.cause), (Outcome::Stopped, Cause::Asked));
        // Exactly what had happened, and nothing of the tasks' end.
        assert_eq!(*seen.lock().unwrap(), all[..moment]);
    }
}

#[test]
fn a_real_run_stops_when_it_is_asked_to() {
    let options =
        Options { clock: Some(ClockKind::Real), until: Some(Duration::from_hours(1)), ..Options::default() };
    let stop = Stop::default();
    stop.ask();
    let end = engine::run(&handoff(), &options, |_| true, &stop).unwrap();
    assert_eq!(end.cause, Cause::Asked);
}

#[test]
fn real_runs_keep_the_promises_of_the_locks() {
    let steps = r#"{ "name": "t", "count": 8, "steps": [ { "loop": [
        { "lock": "a", "do": [ { "yield": 1 }, { "insert": "k", "value": 1 } ] },
        { "lock": "b", "as": "g" }, { "work": "0ms" }, { "drop": "g" } ], "times": 200 } ] }"#;
    for runtime in ["current_thread", "multi_thread"] {
        let plan = plan(&format!(
            r#"{{ "scenario": 1, "title": "real", "clock": "real", "runtime": "{runtime}",
                 "locks": {{ "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" }}, "tasks": [{steps}] }}"#
        ));
        let (events, end) = default(&plan);
        assert_eq!(end.outcome, Outcome::Completed, "{runtime}");
        assert_eq!(when(&plan.names(), &events, "acquire").len(), 8 * 200 * 2, "{runtime}");
        if let Err(error) = Checker::any_threads().check(&events) {
            panic!("{runtime}: {error}");
        }
    }
}

#[test]
fn the_virtual_clock_refuses_several_threads() {
    let plan = plan(
        r#"{ "scenario": 1, "title": "t", "clock": "real", "runtime": "multi_thread", "locks": {},
             "tasks": [ { "name": "t", "steps": [ { "print": "x" } ] } ] }"#,
    );
    let options = Options { clock: Some(ClockKind::Virtual), ..Options::default() };
    let refused = engine::run(&plan, &options, |_| true, &Stop::default()).unwrap_err();
    assert!(refused.to_string().contains("--clock real"), "{refused}");
}
