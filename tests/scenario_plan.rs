//! What a good scenario becomes.

#![cfg(feature = "engine")]

use std::num::NonZeroU32;
use std::time::Duration;

use lockscope::event::{LockId, LockKind, Mode, Outcome};
use lockscope::scenario::{
    ClockKind, Comparison, Condition, Hold, Marker, Plan, Runtime, Slot, Source, Step, Turns, Value, Verb,
    find, parse,
};
use serde_json::json;

fn plan(text: &str) -> Plan {
    match parse(&Source::new("x.json", text)) {
        Ok(checked) => checked.plan,
        Err(report) => panic!("{report}"),
    }
}

/// The plan of one task with these steps and two locks.
fn steps(steps: &str) -> Vec<Step> {
    let text = format!(
        r#"{{ "scenario": 1, "title": "t", "until": "1s", "tasks": [ {{ "name": "a", "steps": [ {steps} ] }} ],
            "locks": {{ "db": "tokio::sync::Mutex", "log": "tokio::sync::Mutex" }} }}"#
    );
    plan(&text).tasks.remove(0).steps
}

/// A plan of a file with these fields and nothing else of interest.
fn file(fields: &str) -> Plan {
    plan(&format!(
        r#"{{ "scenario": 1, "title": "t", {fields} "tasks": [ {{ "name": "a", "steps": [] }} ] }}"#
    ))
}

fn slot(index: usize, name: &str) -> Slot {
    Slot { index, name: name.into() }
}

/// Some steps and all steps in them, in the order of the text.
fn flat(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in steps {
        all.push(step);
        if let Verb::Loop { steps, .. } | Verb::Lock { hold: Hold::Temporary { steps, .. }, .. } = &step.verb
        {
            all.extend(flat(steps));
        }
    }
    all
}

#[test]
fn the_lecture_becomes_what_it_says() {
    let plan = plan(find("tokio-handoff").unwrap().text);
    assert_eq!((&*plan.file, plan.seed, plan.until), ("x.json", 0, Some(Duration::from_millis(2500))));
    assert_eq!((plan.clock, plan.runtime), (ClockKind::Virtual, Runtime::CurrentThread));
    let names = plan.names();
    assert_eq!((names.tasks.len(), &*names.tasks[1], &*names.locks[0].name), (2, "writer", "db"));

    let reader = &plan.tasks[0];
    assert_eq!((reader.count, reader.start, reader.guards, reader.values), (None, Duration::ZERO, 1, 1));
    let steps = flat(&reader.steps);
    let ids: Vec<_> = steps.iter().map(|step| step.id.0.get()).collect();
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
    assert_eq!(
        steps[2].verb,
        Verb::Lock { lock: LockId(0), mode: Mode::Exclusive, hold: Hold::Bound(slot(0, "guard")) }
    );
    let bind = Some(slot(0, "value"));
    assert_eq!(steps[3].verb, Verb::Get { key: "my-key".into(), from: slot(0, "guard"), bind });
    assert_eq!((&steps[7].verb, steps[7].place), (&Verb::Debug { value: slot(0, "value") }, (16, 11)));

    let writer = flat(&plan.tasks[1].steps);
    let insert = Verb::Insert { key: "my-key".into(), into: slot(0, "db"), value: Value::Elapsed };
    assert_eq!((writer[3].id.0.get(), &writer[3].verb), (4, &insert));

    let Marker { on, label, pause, ask, answers, .. } = &plan.markers[0];
    assert_eq!((on.event, on.task.as_deref(), on.lock, on.nth.get()), ("release", Some("reader"), None, 1));
    assert_eq!(
        (label.as_deref(), *pause, ask.is_some(), answers.len()),
        (Some("the first handoff"), true, true, 2)
    );
    let expect = plan.expect.unwrap();
    assert_eq!((expect.outcome, expect.cause), (Some(Outcome::Stopped), None));
    assert_eq!(expect.acquires.unwrap()[1], ("writer".to_owned(), 1000));
    assert_eq!(expect.prints.unwrap().len(), 17);
}

#[test]
fn settings_have_the_defaults_of_the_language() {
    let set = |fields| {
        let plan = file(fields);
        (plan.clock, plan.runtime)
    };
    let many = |workers| Runtime::MultiThread { workers: NonZeroU32::new(workers) };
    assert_eq!(set(""), (ClockKind::Virtual, Runtime::CurrentThread));
    assert_eq!(set(r#""clock": "real","#), (ClockKind::Real, Runtime::CurrentThread));
    assert_eq!(set(r#""runtime": "multi_thread","#), (ClockKind::Real, many(0)));
    assert_eq!(
        set(r#""runtime": "multi_thread", "workers": 4, "clock": "real","#),
        (ClockKind::Real, many(4))
    );
    assert_eq!(file(r#""seed": 18446744073709551615, "lesson": "l","#).seed, u64::MAX);
    // JSON's own looseness is none, but comments and a last comma are welcome.
    assert_eq!(
        file("/* c */ // d\n\"until\": \"1.5s\", \"markers\": [],").until,
        Some(Duration::from_millis(1500))
    );
}

#[test]
fn data_keeps_the_forms_of_its_numbers() {
    let data = r#"{ "whole": 1000, "below": -5, "real": 1.0, "big": 18446744073709551615, "list": [null, true, "x\n", {}] }"#;
    let plan = file(&format!(r#""locks": {{ "db": {{ "kind": "tokio::sync::Mutex", "data": {data} }} }},"#));
    let serde: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(json!(plan.locks[0].data), serde);
    assert_eq!(format!("{:?}", plan.locks[0].data["whole"]), "Number(1000)");
    assert_eq!(format!("{:?}", plan.locks[0].data["real"]), "Number(1.0)");
}

#[test]
fn count_makes_numbered_names() {
    let plan = plan(
        r#"{ "scenario": 1, "title": "t", "tasks": [ { "name": "a", "count": 2, "steps": [] }, { "name": "b", "count": 1, "start": "5ms", "steps": [] } ] }"#,
    );
    let names: Vec<_> = plan.names().tasks.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a#1", "a#2", "b#1"]);
    assert_eq!(plan.tasks[1].start, Duration::from_millis(5));
}

#[test]
fn a_do_lends_its_guard_to_the_steps_in_it() {
    let steps = steps(
        r#"{ "lock": "db", "do": [
            { "lock": "log", "do": [ { "insert": "k", "value": 1 } ] },
            { "get": "k" },
            { "lock": "log", "as": "other" },
            { "insert": "k", "into": "other", "value": null }
        ] }"#,
    );
    let through: Vec<_> = flat(&steps)
        .iter()
        .filter_map(|step| match &step.verb {
            Verb::Get { from: slot, .. } | Verb::Insert { into: slot, .. } => Some(slot.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(through, [slot(1, "log"), slot(0, "db"), slot(2, "other")]);
}

#[test]
fn a_value_bound_again_is_another_one() {
    let steps = steps(
        r#"{ "lock": "db", "as": "g" }, { "get": "a", "from": "g", "as": "v" },
           { "loop": [ { "get": "b", "from": "g", "as": "v" }, { "dbg": "v" } ], "times": 2 },
           { "insert": "c", "into": "g", "value": { "$var": "v" } }, { "get": "d", "from": "g", "as": "v" }, { "dbg": "v" }"#,
    );
    let steps = flat(&steps);
    assert_eq!(steps[4].verb, Verb::Debug { value: slot(1, "v") });
    let insert = Verb::Insert { key: "c".into(), into: slot(0, "g"), value: Value::Var(slot(0, "v")) };
    assert_eq!(steps[5].verb, insert);
    assert_eq!(steps[7].verb, Verb::Debug { value: slot(2, "v") });
}

#[test]
fn a_guard_dropped_and_bound_again_is_another_one() {
    let steps = steps(
        r#"{ "loop": [ { "lock": "db", "as": "g" }, { "drop": "g" }, { "lock": "db", "as": "g" }, { "drop": "g" } ], "times": 2 }"#,
    );
    let steps = flat(&steps);
    assert_eq!(steps[2].verb, Verb::Drop { guard: slot(0, "g") });
    assert_eq!(steps[4].verb, Verb::Drop { guard: slot(1, "g") });
}

#[test]
fn the_small_verbs_keep_their_numbers() {
    let steps = steps(
        r#"{ "sleep": "1s", "jitter": "100ms" }, { "work": "50ms" }, { "yield": 7 }, { "say": "s" }, { "loop": [ { "yield": 1 } ], "times": 3 }"#,
    );
    let ms = Duration::from_millis;
    assert_eq!(steps[0].verb, Verb::Sleep { span: ms(1000), jitter: ms(100) });
    assert_eq!(steps[1].verb, Verb::Work { span: ms(50) });
    assert_eq!(steps[2].verb, Verb::Yield { times: NonZeroU32::new(7).unwrap() });
    assert_eq!(steps[3].verb, Verb::Say { text: "s".into() });
    assert!(matches!(&steps[4].verb, Verb::Loop { turns: Turns::Times(times), .. } if times.get() == 3));
}

/// The steps of one task, with a lock of each family: by id 0 to 4 a mutex, an `RwLock`, a semaphore, a
/// notifier, a channel.
fn family_steps(steps: &str) -> Vec<Step> {
    let text = format!(
        r#"{{ "scenario": 1, "title": "t", "until": "1s", "tasks": [ {{ "name": "a", "steps": [ {steps} ] }} ],
            "locks": {{ "db": "tokio::sync::Mutex", "map": "tokio::sync::RwLock",
              "s": {{ "kind": "tokio::sync::Semaphore", "permits": 3 }}, "n": "tokio::sync::Notify",
              "ch": {{ "kind": "tokio::sync::mpsc", "permits": 2 }} }} }}"#
    );
    let mut plan = plan(&text);
    let permits: Vec<_> = plan.names().locks.iter().map(|lock| lock.permits).collect();
    assert_eq!(permits, [None, None, Some(3), None, Some(2)]);
    plan.tasks.remove(0).steps
}

#[test]
fn every_family_is_asked_in_its_mode() {
    let steps = family_steps(
        r#"{ "read": "map", "as": "r" }, { "drop": "r" }, { "write": "map", "do": [] }, { "acquire": "s", "as": "p" },
           { "acquire": "s", "permits": 2, "do": [] }, { "add_permits": "s" }, { "add_permits": "s", "permits": 7 }"#,
    );
    let held = |guard, name| Hold::Temporary { guard: slot(guard, name), steps: Vec::new() };
    let lock = |lock, mode, hold| Verb::Lock { lock: LockId(lock), mode, hold };
    assert_eq!(steps[0].verb, lock(1, Mode::Shared, Hold::Bound(slot(0, "r"))));
    assert_eq!(steps[2].verb, lock(1, Mode::Exclusive, held(1, "map")));
    assert_eq!(steps[3].verb, lock(2, Mode::Permits(1), Hold::Bound(slot(2, "p"))));
    assert_eq!(steps[4].verb, lock(2, Mode::Permits(2), held(3, "s")));
    assert_eq!(steps[5].verb, Verb::AddPermits { lock: LockId(2), permits: 1 });
    assert_eq!(steps[6].verb, Verb::AddPermits { lock: LockId(2), permits: 7 });
}

#[test]
fn signals_and_messages() {
    let steps = family_steps(
        r#"{ "notified": "n" }, { "notify_one": "n" }, { "notify_waiters": "n" }, { "recv": "ch", "as": "v" },
           { "send": "ch", "value": { "$add": [ { "$var": "v" }, { "$add": [ 1, { "$elapsed": "ms" } ] } ] } },
           { "loop": [ { "recv": "ch" }, { "yield": 1 } ] }"#,
    );
    let (notify, channel) = (LockId(3), LockId(4));
    assert_eq!(steps[0].verb, Verb::Notified { lock: notify });
    assert_eq!(steps[1].verb, Verb::Notify { lock: notify, all: false });
    assert_eq!(steps[2].verb, Verb::Notify { lock: notify, all: true });
    assert_eq!(steps[3].verb, Verb::Recv { lock: channel, bind: Some(slot(0, "v")) });
    let sum = Value::Add(Box::new([Value::Json(json!(1).into()), Value::Elapsed]));
    let value = Value::Add(Box::new([Value::Var(slot(0, "v")), sum]));
    assert_eq!(steps[4].verb, Verb::Send { lock: channel, value });
    let Verb::Loop { turns: Turns::WhileReceiving, steps } = &steps[5].verb else { panic!("{steps:?}") };
    assert_eq!(steps[0].verb, Verb::Recv { lock: channel, bind: None });
}

#[test]
fn a_try_lock_takes_the_rest_of_its_block_or_a_do() {
    let steps = family_steps(
        r#"{ "try_lock": "db", "do": [ { "get": "k" } ], "else": [ { "yield": 1 } ] },
           { "try_lock": "db", "as": "g", "else": [ { "yield": 1 } ] }, { "get": "k", "from": "g" }"#,
    );
    let Verb::TryLock { lock: LockId(0), hold: Hold::Temporary { guard, steps: body }, other } =
        &steps[0].verb
    else {
        panic!("{steps:?}")
    };
    assert_eq!((guard, body[0].id.0.get(), other[0].id.0.get()), (&slot(0, "db"), 2, 3));
    let Verb::TryLock { hold: Hold::Bound(guard), other, .. } = &steps[1].verb else { panic!("{steps:?}") };
    assert_eq!((guard, other[0].id.0.get(), steps[2].id.0.get()), (&slot(1, "g"), 5, 6));
}

#[test]
fn conditions_branches_and_arms() {
    let steps = family_steps(
        r#"{ "recv": "ch", "as": "v" },
           { "if": "v", "then": [ { "yield": 1 } ] },
           { "if": { "$and": [ { "$not": { "$var": "v" } }, { "$or": [ { "$ge": [ { "$var": "v" }, 3 ] }, false ] } ] },
             "then": [], "else": [ { "yield": 1 } ] },
           { "timeout": "400ms", "do": [ { "notified": "n" } ], "else": [ { "yield": 1 } ] },
           { "select": [ { "do": [ { "notified": "n" } ], "keep": true }, { "do": [] } ] }"#,
    );
    let v = || Value::Var(slot(0, "v"));
    let Verb::If { condition, then, other } = &steps[1].verb else { panic!("{steps:?}") };
    assert_eq!((condition, then.len(), other.len()), (&Condition::Holds(v()), 1, 0));
    let compared =
        Condition::Compare { how: Comparison::Ge, sides: Box::new([v(), Value::Json(json!(3).into())]) };
    let either = Condition::Any(vec![compared, Condition::Holds(Value::Json(json!(false).into()))]);
    let both = Condition::All(vec![Condition::Not(Box::new(Condition::Holds(v()))), either]);
    assert!(matches!(&steps[2].verb, Verb::If { condition, .. } if *condition == both), "{:?}", steps[2]);
    let Verb::Timeout { span, steps: body, other } = &steps[3].verb else { panic!("{steps:?}") };
    assert_eq!((span.as_millis(), body[0].id.0.get(), other[0].id.0.get()), (400, 7, 8));
    let Verb::Select { arms } = &steps[4].verb else { panic!("{steps:?}") };
    let arms: Vec<_> = arms.iter().map(|arm| (arm.keep, arm.steps.len())).collect();
    assert_eq!(arms, [(true, 1), (false, 0)]);
}

#[test]
fn a_kind_that_needs_wall_time_gets_it() {
    let clock = |kind: &str, fields: &str| {
        let permits = if kind.ends_with("Semaphore") { r#", "permits": 1"# } else { "" };
        let plan = file(&format!(r#""locks": {{ "a": {{ "kind": "{kind}"{permits} }} }}, {fields}"#));
        (plan.clock, plan.runtime)
    };
    for kind in LockKind::ALL {
        let real = kind.needs_real_time().is_some();
        let expected = if real { ClockKind::Real } else { ClockKind::Virtual };
        assert_eq!(clock(kind.path(), ""), (expected, Runtime::CurrentThread), "{kind:?}");
        let threads = clock(kind.path(), r#""runtime": "threads","#);
        assert_eq!(threads, (ClockKind::Real, Runtime::Threads), "{kind:?}");
    }
}
