//! What a good scenario becomes.

#![cfg(feature = "engine")]

use std::num::NonZeroU32;
use std::time::Duration;

use lockscope::event::{LockId, Outcome};
use lockscope::scenario::{
    ClockKind, Hold, Marker, Plan, Runtime, Slot, Source, Step, Value, Verb, find, parse,
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
    assert_eq!(steps[2].verb, Verb::Lock { lock: LockId(0), hold: Hold::Bound(slot(0, "guard")) });
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
    assert!(matches!(&steps[4].verb, Verb::Loop { times, .. } if *times == NonZeroU32::new(3)));
}
