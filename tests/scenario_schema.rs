//! The schema and the parser: what the one knows the other knows.

#![cfg(feature = "engine")]
// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use jsonc_parser::ParseOptions;
use jsonschema::Validator;
use lockscope::scenario::{STARTER, Source, all, parse, schema};
use serde_json::{Value as Json, json};

fn validator() -> Validator {
    jsonschema::draft202012::options().build(&schema()).unwrap()
}

/// A text as the schema sees it: without its comments.
fn value(text: &str) -> Json {
    jsonc_parser::parse_to_serde_value(text, &ParseOptions::default()).unwrap()
}

/// Whether schema and parser both let it through, or both refuse it.
fn verdict(validator: &Validator, scenario: &Json) -> bool {
    let parsed = parse(&Source::new("x", &scenario.to_string()));
    let valid = validator.is_valid(scenario);
    if valid != parsed.is_ok() {
        let errors: Vec<_> = validator.iter_errors(scenario).map(|error| error.to_string()).collect();
        panic!("the schema says {errors:?}, the parser {parsed:#?}");
    }
    valid
}

/// A scenario in which every word of the language is used.
fn everything() -> Json {
    value(
        r#"{
      "$schema": "x", "scenario": 1, "title": "t", "lesson": "l", "clock": "real", "runtime": "multi_thread",
      "workers": 2, "until": "10s", "seed": 3,
      "locks": {
        "db": { "kind": "tokio::sync::Mutex", "data": { "k": [1, { "a": null }] } }, "map": "async_lock::RwLock",
        "n": { "kind": "tokio::sync::Notify" }, "s": { "kind": "tokio::sync::Semaphore", "permits": 3 },
        "ch": { "kind": "tokio::sync::mpsc", "permits": 1 }, "free": "tokio::sync::mpsc"
      },
      "tasks": [
        { "name": "a", "start": "5ms", "steps": [
          { "recv": "ch", "as": "v" }, { "send": "ch", "value": { "$add": [ { "$var": "v" }, 1 ] } },
          { "lock": "db", "as": "g" }, { "get": "k", "from": "g", "as": "w" }, { "dbg": "w" },
          { "insert": "k", "into": "g", "value": { "$elapsed": "ms" } }, { "drop": "g" },
          { "lock": "db", "do": [ { "insert": "k", "value": { "a": [true] } } ] },
          { "read": "map", "do": [] }, { "write": "map", "as": "x" }, { "drop": "x" },
          { "try_lock": "db", "do": [], "else": [] },
          { "acquire": "s", "permits": 2, "as": "p" }, { "add_permits": "s", "permits": 1 },
          { "notified": "n" }, { "notify_one": "n" }, { "notify_waiters": "n" },
          { "sleep": "1.5s", "jitter": "1ms" }, { "work": "1ms" }, { "yield": 1 },
          { "loop": [ { "sleep": "1s" } ], "times": 2 },
          { "if": "v", "then": [], "else": [] },
          { "if": { "$and": [ { "$not": "v" }, { "$or": [ true, { "$eq": [ 1, 2 ] } ] }, { "$ne": [ 1, 2 ] },
            { "$lt": [ 1, 2 ] }, { "$le": [ 1, 2 ] }, { "$gt": [ 1, 2 ] }, { "$ge": [ 1, { "$var": "v" } ] } ] }, "then": [] },
          { "timeout": "1s", "do": [], "else": [] },
          { "select": [ { "do": [], "keep": true }, { "do": [] } ] },
          { "print": "p" }, { "say": "s" }
        ] },
        { "name": "b", "count": 2, "steps": [] }
      ],
      "markers": [ { "on": { "event": "release", "task": "b#2", "lock": "db", "nth": 2 }, "label": "l", "say": "s",
        "pause": true, "ask": "?", "answers": ["a", "b"] } ],
      "expect": { "outcome": "deadlock", "acquires": ["a@0"], "prints": ["x"], "cause": "futurelock" }
    }"#,
    )
}

#[test]
fn good_scenarios_are_valid() {
    let validator = validator();
    let texts = all().iter().map(|scenario| scenario.text).chain([STARTER]);
    for scenario in texts.map(value).chain([everything()]) {
        assert!(verdict(&validator, &scenario), "{scenario}");
    }
}

/// Every object in it, as a way of keys and indexes.
fn objects(json: &Json, way: &mut Vec<String>, found: &mut Vec<String>) {
    let children: Vec<(String, &Json)> = match json {
        Json::Object(map) => {
            found.push(way.concat());
            map.iter().map(|(key, json)| (key.replace('~', "~0").replace('/', "~1"), json)).collect()
        }
        Json::Array(list) => list.iter().enumerate().map(|(at, json)| (at.to_string(), json)).collect(),
        _ => Vec::new(),
    };
    for (part, json) in children {
        way.push(format!("/{part}"));
        objects(json, way, found);
        way.pop();
    }
}

#[test]
fn both_refuse_an_unknown_word_wherever_it_stands() {
    let validator = validator();
    let good = everything();
    let mut places = Vec::new();
    objects(&good, &mut Vec::new(), &mut places);
    assert!(places.len() > 50, "{}", places.len());
    // What a lock protects and what is inserted can have any keys.
    let free = |place: &String| place.contains("/data") || place.ends_with("/value") && !place.contains('$');
    for place in places {
        let mut bad = good.clone();
        let object = bad.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        let computed = object.keys().any(|key| key.starts_with('$') && key != "$schema");
        object.insert("unknwon".to_owned(), json!({ "kind": 7 }));
        assert_eq!(verdict(&validator, &bad), free(&place) && !computed, "{place}");
    }
}

#[test]
fn both_want_what_must_be_there_and_refuse_what_cannot_be() {
    let validator = validator();
    let good = everything();
    let step = |step: Json| {
        json!({
            "scenario": 1, "title": "t", "until": "1s", "tasks": [ { "name": "a", "steps": [ step ] } ],
            "locks": { "db": "tokio::sync::Mutex", "s": { "kind": "tokio::sync::Semaphore", "permits": 1 }, "ch": "tokio::sync::mpsc" },
        })
    };
    for field in ["scenario", "title", "tasks"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(field);
        assert!(!verdict(&validator, &bad), "{field}");
    }
    for (field, other) in [
        ("scenario", json!(2)),
        ("clock", json!("virtuel")),
        ("runtime", json!("thread")),
        ("workers", json!(0)),
        ("until", json!("10")),
        ("until", json!(10)),
        ("seed", json!(-1)),
        ("locks", json!({ "s": "tokio::sync::Semaphore" })),
        ("locks", json!({ "n": { "kind": "tokio::sync::Notify", "data": {} } })),
        ("locks", json!({ "c": { "kind": "tokio::sync::mpsc", "permits": 0 } })),
        ("locks", json!({ "c": { "kind": "tokio::sync::Mutex", "data": { "$a": 1 } } })),
        ("tasks", json!([])),
        ("markers", json!([{ "on": { "event": "relase" } }])),
        ("locks", json!({ "x y": "tokio::sync::Mutex" })),
        ("locks", json!({ "mod": "tokio::sync::Mutex" })),
        ("markers", json!([{ "on": { "event": "release" }, "ask": " " }])),
        ("markers", json!([{ "on": { "event": "release" }, "answers": ["a", "b"] }])),
        ("markers", json!([{ "on": { "event": "release" }, "ask": "?", "answers": ["a"] }])),
        ("expect", json!({ "outcome": "deadlock", "cause": "cycel" })),
        ("expect", json!({ "acquires": ["a"] })),
    ] {
        let mut bad = good.clone();
        bad[field] = other;
        assert!(!verdict(&validator, &bad), "{}", bad[field]);
    }
    let mut asks = good.clone();
    asks["markers"] = json!([{ "on": { "event": "release" }, "ask": "Who?" }]);
    assert!(verdict(&validator, &asks), "a question needs no answers to choose from");
    assert!(verdict(&validator, &step(json!({ "lock": "db", "as": "größe_1" }))));
    for bad in [
        json!({}),
        json!({ "lock": "db" }),
        json!({ "lock": "db", "as": "g", "do": [] }),
        json!({ "lock": "db", "as": "g", "sleep": "1s" }),
        json!({ "lock": "db", "as": "g-1" }),
        json!({ "lock": "db", "as": "let" }),
        json!({ "lock": "db", "as": "_" }),
        json!({ "recv": "ch", "as": "1x" }),
        json!({ "acquire": "s", "permits": 0, "as": "p" }),
        json!({ "send": "ch" }),
        json!({ "if": true }),
        json!({ "if": { "$and": [] }, "then": [] }),
        json!({ "if": { "$lt": [1] }, "then": [] }),
        json!({ "send": "ch", "value": { "$add": [1, "x"] } }),
        json!({ "send": "ch", "value": { "$elapsed": "s" } }),
        json!({ "timeout": "1s" }),
        json!({ "select": [] }),
        json!({ "select": [{ "keep": true }] }),
        json!({ "yield": 0 }),
        json!({ "print": 7 }),
    ] {
        assert!(!verdict(&validator, &step(bad.clone())), "{bad}");
    }
}

#[test]
fn every_word_is_explained() {
    fn look(json: &Json, words: &mut usize) {
        if let Some(properties) = json.get("properties").and_then(Json::as_object) {
            for (word, schema) in properties {
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 10), "{word}");
                *words += 1;
            }
        }
        match json {
            Json::Object(map) => map.values().for_each(|json| look(json, words)),
            Json::Array(list) => list.iter().for_each(|json| look(json, words)),
            _ => {}
        }
    }
    let mut words = 0;
    look(&schema(), &mut words);
    assert!(words > 90, "{words}");
}

#[cfg(feature = "cli")]
#[test]
fn the_command_prints_it() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockscope"));
    let output = command.arg("schema").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(serde_json::from_slice::<Json>(&output.stdout).unwrap(), schema());
}
