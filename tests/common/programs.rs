//! Random programs in the scenario language, for property tests: they always parse, some deadlock.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// The steps of a block; `depth` bounds how deep blocks nest.
fn steps(depth: u32) -> BoxedStrategy<Vec<Json>> {
    let leaf = prop_oneof![
        3 => (0u32..30).prop_map(|ms| json!({"sleep": format!("{ms}ms")})),
        1 => (0u32..20).prop_map(|ms| json!({"sleep": "1ms", "jitter": format!("{ms}ms")})),
        1 => (0u32..10).prop_map(|ms| json!({"work": format!("{ms}ms")})),
        2 => (1u32..4).prop_map(|times| json!({"yield": times})),
        2 => "[a-z]{1,8}".prop_map(|text| json!({"print": text})),
        1 => "[a-z ]{1,8}".prop_map(|text| json!({"say": text})),
    ];
    if depth == 0 {
        return prop::collection::vec(leaf, 0..4).boxed();
    }
    let lock = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let inner = steps(depth - 1);
    let block = prop_oneof![
        4 => (lock(), inner.clone()).prop_map(|(lock, mut steps)| {
            steps.push(json!({"insert": "k", "value": {"$elapsed": "ms"}}));
            json!({"lock": lock, "do": steps})
        }),
        2 => (1u32..4, inner.clone()).prop_map(|(times, mut steps)| {
            steps.push(json!({"yield": 1}));
            json!({"loop": steps, "times": times})
        }),
        // A bound guard, in a block of its own so that its name is free again.
        2 => (lock(), inner, any::<bool>()).prop_map(move |(lock, mut steps, drop)| {
            steps.insert(0, json!({"lock": lock, "as": format!("g{lock}{depth}")}));
            if drop {
                steps.push(json!({"drop": format!("g{lock}{depth}")}));
                steps.push(json!({"sleep": "2ms"}));
            }
            json!({"loop": steps, "times": 1})
        }),
    ];
    prop::collection::vec(prop_oneof![2 => leaf, 3 => block], 0..4).boxed()
}

/// A whole scenario as text.
pub fn scenario() -> impl Strategy<Value = String> {
    let task = (steps(2), 0u32..20, prop::option::of(1u32..4));
    prop::collection::vec(task, 1..5).prop_map(|tasks| {
        let task = |(index, (mut steps, start, count)): (usize, (Vec<Json>, u32, Option<u32>))| {
            steps.push(json!({"print": "end"}));
            let mut task =
                json!({"name": format!("t{index}"), "start": format!("{start}ms"), "steps": steps});
            if let Some(count) = count {
                task["count"] = json!(count);
            }
            task
        };
        let kind = "tokio::sync::Mutex";
        let tasks: Vec<Json> = tasks.into_iter().enumerate().map(task).collect();
        json!({
            "scenario": 1, "title": "random", "until": "5s", "expect": {"outcome": "deadlock"},
            "locks": {"a": kind, "b": kind, "c": kind}, "tasks": tasks
        })
        .to_string()
    })
}
