use super::super::{Source, parse};
use super::*;

fn code(steps: &str) -> String {
    let text = format!(
        r#"{{ "scenario": 1, "title": "t", "until": "1s", "locks": {{ "db": "tokio::sync::Mutex", "log": "tokio::sync::Mutex" }},
            "tasks": [ {{ "name": "a", "steps": {steps} }} ] }}"#
    );
    let plan = parse(&Source::new("x", &text)).unwrap().plan;
    listing(&plan, 0).iter().map(show_line).collect()
}

fn show_line(line: &CodeLine) -> String {
    let steps: Vec<_> = line.steps.iter().map(|step| step.0.to_string()).collect();
    let minor = if line.minor { "~" } else { " " };
    format!("{:>3}{minor} {}{}\n", steps.join("+"), "    ".repeat(line.depth), line.text)
}

#[test]
fn every_verb_reads_as_rust() {
    let code = code(
        r#"[
        { "loop": [
            { "lock": "db", "as": "guard" },
            { "get": "my-key", "from": "guard", "as": "value" },
            { "get": "a \"b\"", "from": "guard" },
            { "insert": "k", "into": "guard", "value": { "$var": "value" } },
            { "insert": "k", "into": "guard", "value": { "a": [1, null] } },
            { "sleep": "1s", "jitter": "100ms" },
            { "sleep": "1.25s" }, { "sleep": "2m" },
            { "drop": "guard" },
            { "print": "{braces} and \u001b[31m \"quotes\"" }, { "dbg": "value" }, { "say": "line\nbreak" }
        ], "times": 3 },
        { "lock": "db", "do": [ { "insert": "k", "value": { "$elapsed": "ms" } } ] },
        { "lock": "db", "do": [ { "get": "k", "as": "v" } ] },
        { "lock": "db", "do": [] },
        { "lock": "db", "do": [ { "lock": "log", "do": [ { "insert": "k", "value": 1.5 }, { "sleep": "1ms" } ] } ] },
        { "lock": "db", "as": "held" },
        { "lock": "log", "do": [ { "insert": "k", "into": "held", "value": "x" } ] },
        { "work": "50ms" }, { "yield": 1 }, { "yield": 7 }
    ]"#,
    );
    insta::assert_snapshot!(code);
}

#[test]
fn a_temporary_guard_hides_no_other() {
    let code = code(
        r#"[ { "lock": "db", "do": [ { "sleep": "1ms" },
            { "lock": "log", "do": [ { "insert": "k", "value": 1 }, { "sleep": "1ms" } ] } ] } ]"#,
    );
    assert!(code.contains("{ let guard = db.lock().await;"), "{code}");
    assert!(code.contains("{ let log_guard = log.lock().await;"), "{code}");
    assert!(code.contains("log_guard.insert(\"k\", 1);"), "{code}");
}

#[test]
fn there_is_no_code_of_a_task_that_is_not_there() {
    let source = super::super::bundled::find("tokio-handoff").unwrap().source();
    let plan = parse(&source).unwrap().plan;
    assert!(listing(&plan, 2).is_empty());
}

#[test]
fn the_lecture_reads_as_the_program_it_was() {
    let plan = parse(&super::super::bundled::find("tokio-handoff").unwrap().source()).unwrap().plan;
    let code: Vec<String> = (0..2).map(|task| listing(&plan, task).iter().map(show_line).collect()).collect();
    let code = code.join("\n");
    insta::assert_snapshot!(code);
}

#[test]
fn the_verbs_of_every_family_read_as_rust() {
    let text = r#"{ "scenario": 1, "title": "t", "until": "1s",
        "locks": {
            "db": "tokio::sync::Mutex", "map": "tokio::sync::RwLock", "n": "tokio::sync::Notify",
            "s": { "kind": "tokio::sync::Semaphore", "permits": 3 },
            "jobs": { "kind": "tokio::sync::mpsc", "permits": 2 }, "free": "tokio::sync::mpsc"
        },
        "tasks": [ { "name": "a", "steps": [
            { "read": "map", "as": "shared" }, { "drop": "shared" },
            { "write": "map", "do": [ { "insert": "k", "value": { "$add": [ { "$elapsed": "ms" }, 1 ] } } ] },
            { "acquire": "s", "as": "permit" },
            { "acquire": "s", "permits": 2, "do": [ { "sleep": "1ms" } ] },
            { "add_permits": "s", "permits": 2 },
            { "notified": "n" }, { "notify_one": "n" }, { "notify_waiters": "n" },
            { "send": "jobs", "value": { "$var": "got" } }, { "send": "free", "value": "x" },
            { "recv": "free" },
            { "loop": [ { "recv": "jobs", "as": "job" }, { "dbg": "job" } ] },
            { "loop": [ { "recv": "jobs" }, { "yield": 1 } ] },
            { "try_lock": "db", "do": [ { "get": "k" } ], "else": [ { "print": "busy" } ] },
            { "if": "got", "then": [ { "lock": "db", "as": "g" } ] },
            { "if": { "$and": [ { "$eq": [ { "$var": "got" }, 3 ] }, { "$not": "got" }, { "$or": [ true, { "$lt": [ 1, { "$var": "got" } ] } ] } ] },
              "then": [ { "work": "1ms" } ], "else": [ { "lock": "db", "as": "g" }, { "sleep": "1ms" } ] },
            { "timeout": "1s", "do": [ { "lock": "db", "as": "g" }, { "sleep": "2s" } ] },
            { "timeout": "1s", "do": [ { "notified": "n" } ], "else": [ { "print": "late" } ] },
            { "select": [
                { "do": [ { "lock": "db", "as": "g" } ], "keep": true },
                { "do": [ { "lock": "db", "as": "g" }, { "sleep": "1ms" } ] },
                { "do": [ { "notified": "n" } ] }
            ] },
            { "try_lock": "db", "as": "last", "else": [ { "yield": 1 } ] },
            { "lock": "db", "as": "more" },
            { "print": "the rest" }
        ] } ] }"#
        .replace(r#"{ "read": "map", "as": "shared" }"#, r#"{ "recv": "free", "as": "got" }, { "read": "map", "as": "shared" }"#);
    let plan = parse(&Source::new("x", &text)).unwrap_or_else(|report| panic!("{report}")).plan;
    let code: String = listing(&plan, 0).iter().map(show_with_drops).collect();
    insta::assert_snapshot!(code);
}

#[test]
fn locks_that_block_have_no_await() {
    let text = r#"{ "scenario": 1, "title": "t", "runtime": "threads", "locks": {
            "a": "std::sync::Mutex", "b": "parking_lot::Mutex", "c": "std::sync::RwLock", "d": "parking_lot::RwLock"
        }, "tasks": [ { "name": "a", "steps": [
            { "lock": "a", "as": "g1" }, { "lock": "b", "as": "g2" }, { "read": "c", "as": "g3" },
            { "write": "d", "do": [ { "get": "k" } ] }, { "sleep": "1s" }, { "yield": 1 },
            { "try_lock": "b", "as": "g4" }
        ] } ] }"#;
    let plan = parse(&Source::new("x", text)).unwrap_or_else(|report| panic!("{report}")).plan;
    let code: String = listing(&plan, 0).iter().map(show_with_drops).collect();
    insta::assert_snapshot!(code);
}

fn show_with_drops(line: &CodeLine) -> String {
    let drops: Vec<_> = line.drops.iter().map(|step| step.0.to_string()).collect();
    let drops = if drops.is_empty() { String::new() } else { format!("    // drops {}", drops.join(", ")) };
    format!("{}{drops}\n", show_line(line).trim_end())
}
