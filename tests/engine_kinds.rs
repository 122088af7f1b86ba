//! Runs of every kind of lock and every verb: who gets what when, where that is certain, and that
//! every run comes to its end.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use lockscope::engine::{self, Cause, End, Options, Refused, Stop};
use lockscope::event::{Event, LockKind, Outcome, What};
use lockscope::scenario::{self, ClockKind, Plan, Source};

fn plan(text: &str) -> Arc<Plan> {
    match scenario::parse(&Source::new("test.json", text)) {
        Ok(checked) => Arc::new(checked.plan),
        Err(report) => panic!("{report}"),
    }
}

/// A plan of these settings, locks and tasks.
fn scenario(settings: &str, locks: &str, tasks: &str) -> Arc<Plan> {
    plan(&format!(
        r#"{{ "scenario": 1, "title": "t", {settings} "locks": {{ {locks} }}, "tasks": [ {tasks} ] }}"#
    ))
}

fn run(plan: &Arc<Plan>) -> (Vec<Event>, End) {
    let (send, receive): (_, Receiver<Event>) = channel();
    let sink = move |event| send.send(event).is_ok();
    let end = engine::run(plan, &Options::default(), sink, &Stop::default()).unwrap();
    (receive.iter().collect(), end)
}

/// `name task@ms` of the events of these names.
fn told(plan: &Plan, events: &[Event], names: &[&str]) -> String {
    let of = plan.names();
    let those = events.iter().filter(|event| names.contains(&event.what.name()));
    let one = |event: &Event| {
        let what = match &event.what {
            What::Print { text } => text.to_string(),
            What::Debug { name, value, .. } => {
                format!("{name}={}", value.as_deref().map_or("None".into(), ToString::to_string))
            }
            what => what.name().to_owned(),
        };
        format!("{what} {}@{}", of.task(event.actor.task), event.at.millis())
    };
    those.map(one).collect::<Vec<_>>().join(", ")
}

/// Readers hold 100 ms and lock again at once; a writer comes every 350 ms.
fn facts(kind: &str, permits: &str, verb: [&str; 2]) -> String {
    let [read, write] = verb;
    let plan = scenario(
        r#""until": "700ms","#,
        &format!(r#""db": {{ "kind": "{kind}" {permits} }}"#),
        &format!(
            r#"{{ "name": "R", "count": 3, "steps": [ {{ "loop": [ {{ "{read}": "db", "do": [ {{ "sleep": "100ms" }} ] }} ] }} ] }},
               {{ "name": "W", "start": "50ms", "steps": [ {{ "loop": [ {{ "{write}": "db", "do": [ {{ "yield": 1 }} ] }}, {{ "sleep": "350ms" }} ] }} ] }}"#
        ),
    );
    let (events, end) = run(&plan);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Stopped, 700));
    told(&plan, &events, &["acquire"]).replace("acquire ", "").replace("R#", "R")
}

#[test]
fn every_kind_that_runs_in_virtual_time_has_the_order_that_was_measured() {
    let fifo = "R1@0, R2@100, R3@200, W@300, R1@300, R2@400, R3@500, R1@600";
    assert_eq!(facts("tokio::sync::Mutex", "", ["lock"; 2]), fifo);
    assert_eq!(facts("tokio::sync::Semaphore", r#", "permits": 1"#, ["acquire"; 2]), fifo);
    let starved = "R1@0, R1@100, R1@200, R1@300, R1@400, R1@500, R1@600";
    assert_eq!(facts("futures::lock::Mutex", "", ["lock"; 2]), starved);
    assert_eq!(facts("async_lock::Semaphore", r#", "permits": 1"#, ["acquire"; 2]), starved);
    for kind in ["tokio::sync::RwLock", "async_lock::RwLock"] {
        let order = facts(kind, "", ["read", "write"]);
        assert!(order.starts_with("R1@0, R2@0, R3@0, W@100, "), "{kind}: {order}");
    }
}

/// Two tasks, of which each does this with `a` and `b` in its own order.
fn both_orders(settings: &str, kind: &str, verb: &str) -> Arc<Plan> {
    let task = |name, first, second| {
        format!(
            r#"{{ "name": "{name}", "steps": [ {{ "{verb}": "{first}", "as": "one" }}, {{ "sleep": "20ms" }}, {{ "{verb}": "{second}", "as": "two" }} ] }}"#
        )
    };
    let locks = format!(r#""a": "{kind}", "b": "{kind}""#);
    scenario(settings, &locks, &format!("{}, {}", task("T1", "a", "b"), task("T2", "b", "a")))
}

#[test]
fn threads_that_wait_for_each_other_are_reported_and_left_behind() {
    for kind in LockKind::ALL.into_iter().filter(|kind| kind.blocks()) {
        let verb = if kind.path().ends_with("RwLock") { "write" } else { "lock" };
        let (events, end) = run(&both_orders(r#""runtime": "threads","#, kind.path(), verb));
        assert_eq!((end.outcome, end.cause), (Outcome::Deadlock, Cause::Stuck), "{kind:?}");
        assert_eq!(events.iter().filter(|event| event.what.name() == "wait").count(), 2, "{kind:?}");
    }
}

#[test]
fn tasks_that_wait_for_each_other_on_several_threads_are_reported() {
    for settings in
        [r#""runtime": "multi_thread", "workers": 2,"#, r#""runtime": "threads","#, r#""clock": "real","#]
    {
        for (kind, verb) in [
            ("tokio::sync::Mutex", "lock"),
            ("futures::lock::Mutex", "lock"),
            ("async_lock::RwLock", "write"),
        ] {
            let (_, end) = run(&both_orders(settings, kind, verb));
            assert_eq!((end.outcome, end.cause), (Outcome::Deadlock, Cause::Stuck), "{settings} {kind}");
        }
    }
}

#[test]
fn a_blocking_lock_that_stops_the_only_thread_ends_the_run_at_once() {
    for kind in LockKind::ALL.into_iter().filter(|kind| kind.blocks()) {
        let verb = if kind.path().ends_with("RwLock") { "write" } else { "lock" };
        let plan = scenario(
            r#""until": "1h","#,
            &format!(r#""db": "{}""#, kind.path()),
            &format!(
                r#"{{ "name": "holder", "steps": [ {{ "{verb}": "db", "do": [ {{ "sleep": "30m" }} ] }} ] }},
                   {{ "name": "waiter", "steps": [ {{ "{verb}": "db", "do": [] }} ] }}"#
            ),
        );
        assert_eq!(plan.clock, ClockKind::Real);
        let (events, end) = run(&plan);
        assert_eq!((end.outcome, end.cause), (Outcome::Deadlock, Cause::Stuck), "{kind:?}");
        assert_eq!(events.last().unwrap().what.name(), "wait", "{kind:?}");
    }
}

#[test]
fn blocking_kinds_run_on_threads_and_exclude_each_other() {
    for kind in LockKind::ALL.into_iter().filter(|kind| kind.blocks()) {
        let verbs = if kind.path().ends_with("RwLock") { ["read", "write"] } else { ["lock", "lock"] };
        let plan = scenario(
            r#""runtime": "threads","#,
            &format!(r#""db": {{ "kind": "{}", "data": {{ "n": 0 }} }}"#, kind.path()),
            &format!(
                r#"{{ "name": "W", "count": 4, "steps": [ {{ "loop": [ {{ "{1}": "db", "do": [
                     {{ "get": "n", "as": "n" }}, {{ "yield": 1 }}, {{ "insert": "n", "value": {{ "$add": [ {{ "$var": "n" }}, 1 ] }} }} ] }} ], "times": 50 }} ] }},
                   {{ "name": "R", "count": 2, "steps": [ {{ "loop": [ {{ "{0}": "db", "do": [ {{ "yield": 1 }} ] }} ], "times": 50 }} ] }}"#,
                verbs[0], verbs[1]
            ),
        );
        let (events, end) = run(&plan);
        assert_eq!((end.outcome, end.cause), (Outcome::Completed, Cause::Finished), "{kind:?}");
        let inserted = events.iter().rev().find_map(|event| match &event.what {
            What::Insert { value, .. } => value.as_i64(),
            _ => None,
        });
        assert_eq!(inserted, Some(200), "{kind:?}");
        // As recorded: a writer alone, readers together.
        let (mut writers, mut readers) = (0, 0);
        let mut modes = std::collections::HashMap::new();
        for event in &events {
            match event.what {
                What::Acquire { op, mode, .. } => {
                    modes.insert(op, mode);
                    if mode == lockscope::event::Mode::Shared { readers += 1 } else { writers += 1 }
                }
                What::Release { op, .. } => {
                    if modes[&op] == lockscope::event::Mode::Shared {
                        readers -= 1;
                    } else {
                        writers -= 1;
                    }
                }
                _ => {}
            }
            assert!(writers == 0 || (writers == 1 && readers == 0), "{kind:?} {event:?}");
        }
    }
}

#[test]
fn what_cannot_run_is_refused_before_anything_runs() {
    let refused = |plan: &Arc<Plan>, clock| {
        let options = Options { clock: Some(clock), ..Options::default() };
        engine::run(plan, &options, |_| panic!("it ran"), &Stop::default()).unwrap_err()
    };
    let one = |settings: &str, kind: &str| {
        scenario(settings, &format!(r#""db": "{kind}""#), r#"{ "name": "t", "steps": [] }"#)
    };
    let virtual_time = ClockKind::Virtual;
    assert!(matches!(
        refused(&one("", "std::sync::Mutex"), virtual_time),
        Refused::VirtualLock(LockKind::StdMutex)
    ));
    assert!(matches!(
        refused(&one("", "async_lock::Mutex"), virtual_time),
        Refused::VirtualLock(LockKind::AsyncLockMutex)
    ));
    assert!(matches!(
        refused(&one(r#""runtime": "threads","#, "tokio::sync::Mutex"), virtual_time),
        Refused::VirtualThreads
    ));
    let mut plan = (*one(r#""runtime": "multi_thread","#, "tokio::sync::Mutex")).clone();
    plan.locks[0].kind = LockKind::StdRwLock;
    let refused = refused(&Arc::new(plan), ClockKind::Real);
    assert!(matches!(refused, Refused::OnWorkers(LockKind::StdRwLock)), "{refused:?}");
    assert!(refused.to_string().contains("not `Send`"), "{refused}");
}

#[test]
fn a_future_that_a_timeout_drops_lets_go_of_all_it_has() {
    let plan = scenario(
        "",
        r#""a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex", "c": "tokio::sync::Mutex""#,
        r#"{ "name": "T", "steps": [
              { "timeout": "100ms", "do": [
                  { "lock": "a", "as": "one" }, { "lock": "b", "do": [ { "lock": "c", "do": [] }, { "sleep": "1s" } ] } ],
                "else": [ { "print": "else" } ] } ] },
           { "name": "U", "start": "10ms", "steps": [ { "lock": "c", "do": [ { "sleep": "300ms" } ] } ] },
           { "name": "V", "start": "20ms", "steps": [ { "lock": "a", "do": [ { "print": "a" } ] }, { "lock": "b", "do": [ { "print": "b" } ] } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    assert_eq!(
        told(&plan, &events, &["timeout", "release", "cancel", "print"]),
        "release T@0, timeout T@100, release T@100, release T@100, else T@100, a V@100, release V@100, b V@100, \
         release V@100, release U@310"
    );
    // The inner guard goes first, as in Rust.
    let locks: Vec<_> = events
        .iter()
        .filter(|event| event.at.millis() == 100 && matches!(event.what, What::Release { .. }))
        .filter_map(|event| event.what.lock())
        .map(|lock| plan.names().lock(lock).to_owned())
        .collect();
    assert_eq!(locks, ["b", "a", "a", "b"]);
}

#[test]
fn the_arms_of_a_select_run_beside_each_other_and_the_losers_go() {
    let plan = scenario(
        "",
        r#""a": "tokio::sync::Mutex""#,
        r#"{ "name": "H", "steps": [ { "lock": "a", "do": [ { "sleep": "300ms" } ] } ] },
           { "name": "S", "steps": [
              { "select": [
                  { "do": [ { "lock": "a", "do": [ { "print": "locked" } ] } ] },
                  { "do": [ { "sleep": "50ms" }, { "print": "half" }, { "sleep": "50ms" } ] },
                  { "do": [ { "sleep": "500ms" }, { "print": "never" } ] } ] },
              { "print": "selected" },
              { "sleep": "500ms" } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Completed, 600));
    assert_eq!(
        told(&plan, &events, &["wait", "cancel", "select", "print", "wake"]),
        "wait S@0, wake S@50, half S@50, wake S@100, select S@100, cancel S@100, selected S@100, wake H@300, wake S@600"
    );
}

#[test]
fn a_future_that_is_kept_goes_at_the_end_of_its_block() {
    let plan = scenario(
        r#""until": "5s","#,
        r#""a": "tokio::sync::Mutex""#,
        r#"{ "name": "H", "steps": [ { "lock": "a", "do": [ { "sleep": "300ms" } ] } ] },
           { "name": "S", "steps": [
              { "loop": [
                  { "select": [ { "do": [ { "lock": "a", "do": [ { "print": "locked" } ] } ], "keep": true }, { "do": [ { "sleep": "50ms" } ] } ] },
                  { "sleep": "500ms" } ], "times": 1 },
              { "print": "out" } ] },
           { "name": "B", "start": "10ms", "steps": [ { "lock": "a", "do": [ { "print": "behind" } ] } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    // Granted at 300 ms and never polled: whoever is behind waits until it is dropped.
    assert_eq!(
        told(&plan, &events, &["grant", "cancel", "print"]),
        "grant S@300, cancel S@550, grant B@550, out S@550, behind B@550"
    );
}

#[test]
fn a_kept_future_that_owns_the_lock_is_a_deadlock_and_its_timers_do_not_hide_it() {
    let plan = scenario(
        r#""until": "1h","#,
        r#""a": "tokio::sync::Mutex""#,
        r#"{ "name": "H", "steps": [ { "lock": "a", "do": [ { "sleep": "300ms" } ] } ] },
           { "name": "S", "steps": [
              { "select": [
                  { "do": [ { "lock": "a", "do": [] } ], "keep": true },
                  { "do": [ { "sleep": "400ms" }, { "print": "kept as well" } ], "keep": true },
                  { "do": [ { "sleep": "50ms" } ] } ] },
              { "lock": "a", "do": [] } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!((end.outcome, end.cause), (Outcome::Deadlock, Cause::Stuck));
    let last: Vec<_> = events.iter().rev().take(2).map(|event| event.what.name()).collect();
    assert_eq!(last, ["finish", "grant"]);
}

#[test]
fn who_can_still_give_up_is_not_stuck() {
    let plan = scenario(
        "",
        r#""a": "tokio::sync::Mutex""#,
        r#"{ "name": "T", "steps": [ { "lock": "a", "as": "g" },
              { "timeout": "100ms", "do": [ { "lock": "a", "do": [] } ], "else": [ { "print": "gave up" } ] },
              { "select": [ { "do": [ { "sleep": "100ms" } ] }, { "do": [ { "lock": "a", "do": [] } ] } ] } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Completed, 200));
    assert_eq!(told(&plan, &events, &["cancel", "print"]), "cancel T@100, gave up T@100, cancel T@200");
}

#[test]
fn notifications_reach_who_waits_and_one_is_kept() {
    let plan = scenario(
        "",
        r#""n": "tokio::sync::Notify""#,
        r#"{ "name": "A", "steps": [ { "notified": "n" }, { "print": "A" }, { "notified": "n" }, { "print": "A again" } ] },
           { "name": "B", "steps": [ { "notified": "n" }, { "print": "B" } ] },
           { "name": "N", "start": "10ms", "steps": [ { "notify_one": "n" }, { "sleep": "10ms" }, { "notify_waiters": "n" }, { "sleep": "10ms" }, { "notify_one": "n" } ] },
           { "name": "L", "start": "100ms", "steps": [ { "notified": "n" }, { "print": "late" } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!((end.outcome, end.at.millis()), (Outcome::Completed, 100));
    assert_eq!(
        told(&plan, &events, &["notify", "print"]),
        "notify N@10, A A@10, notify N@20, B B@20, A again A@20, notify N@30, late L@100"
    );
    // The grants follow what they come from.
    let names: Vec<_> =
        events.iter().filter(|event| event.at.millis() == 20).map(|event| event.what.name()).collect();
    assert_eq!(
        names,
        ["wake", "notify", "grant", "grant", "sleep", "heard", "print", "finish", "heard", "print", "finish"]
    );
}

#[test]
fn an_actor_receives_until_the_last_sender_has_ended() {
    let plan = scenario(
        "",
        r#""ch": "tokio::sync::mpsc""#,
        r#"{ "name": "actor", "steps": [ { "loop": [ { "recv": "ch", "as": "v" },
               { "if": { "$ge": [ { "$var": "v" }, 2 ] }, "then": [ { "dbg": "v" } ], "else": [ { "print": "small" } ] } ] }, { "print": "closed" } ] },
           { "name": "S", "count": 2, "steps": [ { "loop": [ { "send": "ch", "value": { "$add": [ { "$elapsed": "ms" }, 1 ] } }, { "sleep": "1ms" } ], "times": 2 } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    assert_eq!(
        told(&plan, &events, &["print", "debug"]),
        "small actor@0, small actor@0, v=2 actor@1, v=2 actor@1, closed actor@2"
    );
}

#[test]
fn a_bounded_channel_makes_senders_wait_and_a_closed_one_refuses() {
    let plan = scenario(
        "",
        r#""ch": { "kind": "tokio::sync::mpsc", "permits": 1 }"#,
        r#"{ "name": "S", "steps": [ { "loop": [ { "send": "ch", "value": 1 } ], "times": 4 } ] },
           { "name": "R", "start": "100ms", "steps": [ { "recv": "ch" }, { "sleep": "100ms" }, { "recv": "ch" } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    assert_eq!(
        told(&plan, &events, &["wait", "sent", "received", "busy"]),
        "sent S@0, wait S@0, received R@100, sent S@100, wait S@100, received R@200, busy S@200, busy S@200"
    );
}

#[test]
fn a_task_out_of_budget_is_no_deadlock() {
    let plan = scenario(
        "",
        r#""ch": "tokio::sync::mpsc", "s": { "kind": "tokio::sync::Semaphore", "permits": 1 }"#,
        r#"{ "name": "S", "steps": [ { "loop": [ { "send": "ch", "value": 1 } ], "times": 1000 } ] },
           { "name": "R", "steps": [ { "loop": [ { "recv": "ch" }, { "acquire": "s", "do": [] } ] } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    let received =
        events.iter().filter(|event| matches!(&event.what, What::Received { value: Some(_), .. })).count();
    assert_eq!(received, 1000);
}

#[test]
fn a_try_lock_that_fails_goes_past_the_rest_of_its_block() {
    let plan = scenario(
        "",
        r#""a": "tokio::sync::Mutex""#,
        r#"{ "name": "H", "steps": [ { "lock": "a", "do": [ { "sleep": "25ms" } ] } ] },
           { "name": "T", "steps": [ { "loop": [
               { "try_lock": "a", "as": "g", "else": [ { "print": "busy" }, { "sleep": "10ms" } ] },
               { "print": "mine" } ], "times": 4 }, { "print": "end" } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    assert_eq!(told(&plan, &events, &["print"]), "busy T@0, busy T@10, busy T@20, mine T@30, end T@30");
}

#[test]
fn a_turnstile_and_permits_that_are_added() {
    let plan = scenario(
        "",
        r#""s": { "kind": "tokio::sync::Semaphore", "permits": 0 }"#,
        r#"{ "name": "W", "count": 2, "steps": [ { "acquire": "s", "permits": 2, "do": [ { "sleep": "10ms" } ] } ] },
           { "name": "A", "steps": [ { "sleep": "10ms" }, { "add_permits": "s" }, { "sleep": "10ms" }, { "add_permits": "s", "permits": 2 } ] }"#,
    );
    let (events, end) = run(&plan);
    assert_eq!(end.outcome, Outcome::Completed);
    assert_eq!(
        told(&plan, &events, &["add_permits", "acquire"]),
        "add_permits A@10, add_permits A@20, acquire W#1@20, acquire W#2@30"
    );
}

#[test]
fn a_lost_notification_is_a_deadlock_on_every_runtime() {
    for settings in ["", r#""runtime": "multi_thread","#, r#""runtime": "threads","#] {
        let plan = scenario(
            settings,
            r#""n": "tokio::sync::Notify""#,
            r#"{ "name": "T", "steps": [ { "notify_waiters": "n" }, { "notified": "n" } ] }"#,
        );
        let (_, end) = run(&plan);
        assert_eq!((end.outcome, end.cause), (Outcome::Deadlock, Cause::Stuck), "{settings}");
    }
}

#[test]
fn a_run_on_threads_stops_when_it_is_asked_to() {
    let plan = scenario(
        r#""runtime": "threads", "until": "1h","#,
        r#""a": "std::sync::Mutex""#,
        r#"{ "name": "T", "count": 3, "steps": [ { "loop": [ { "lock": "a", "do": [ { "sleep": "1ms" } ] }, { "sleep": "30m" } ] } ] }"#,
    );
    let stop = Stop::default();
    let asker = stop.clone();
    let mut acquired = 0;
    let sink = move |event: Event| {
        acquired += usize::from(event.what.name() == "acquire");
        if acquired == 3 {
            asker.ask();
        }
        true
    };
    let end = engine::run(&plan, &Options::default(), sink, &stop).unwrap();
    assert_eq!((end.outcome, end.cause), (Outcome::Stopped, Cause::Asked));
}
