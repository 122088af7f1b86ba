//! `check`: the real binary on files that hold, differ, come to a deadlock, or cannot be used.

// Helpers of tests are tests.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The lesson of two locks in two orders, as the contract of the language has it.
const ABBA: &str = r#"{
  "scenario": 1,
  "title": "Two locks, two orders",
  "lesson": "Each task holds what the other waits for.",
  "until": "10s",
  "locks": { "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" },
  "tasks": [
    { "name": "T1", "steps": [
      { "lock": "a", "as": "first" }, { "sleep": "100ms" }, { "lock": "b", "as": "second" }, { "print": "T1 has both" } ] },
    { "name": "T2", "start": "50ms", "steps": [
      { "lock": "b", "as": "first" }, { "sleep": "100ms" }, { "lock": "a", "as": "second" }, { "print": "T2 has both" } ] }
  ],
  "expect": { "outcome": "deadlock", "acquires": ["T1@0", "T2@50"], "cause": "cycle" }
}
"#;

const SELF_LOCK: &str = r#"{ "scenario": 1, "title": "Twice", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
  "tasks": [ { "name": "writer", "steps": [ { "lock": "db", "as": "one" }, { "lock": "db", "as": "two" } ] } ]
  EXPECT }"#;

/// Three tasks in a queue, and a value that is shown.
const QUEUE: &str = r#"{ "scenario": 1, "title": "Queue", "until": "10s",
  "locks": { "db": { "kind": "tokio::sync::Mutex", "data": { "k": 7 } } }, CLOCK
  "tasks": [ { "name": "t", "count": 3, "steps": [ { "print": "asks" },
    { "lock": "db", "as": "g" }, { "get": "k", "from": "g", "as": "value" }, { "dbg": "value" }, { "sleep": "10ms" } ] } ],
  "expect": EXPECT }"#;

const PRINTS: &str = r#""prints": ["asks", "value = Some(Number(7))", "asks", "asks", "value = Some(Number(7))", "value = Some(Number(7))"]"#;

fn queue(expect: &str) -> String {
    QUEUE.replace("CLOCK", "").replace("EXPECT", expect)
}

/// A folder of its own for each test.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check").join(name);
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        fs::write(folder.join(file), text).unwrap();
    }
    folder
}

struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

/// `check` with these arguments, in that folder.
fn check(folder: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockscope"));
    command.arg("check").args(args).current_dir(folder).env("LANG", "C.UTF-8").env_remove("LC_ALL");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

#[test]
fn files_that_hold() {
    let all = format!(r#"{{ "outcome": "completed", "acquires": ["t#1@0", "t#2@10", "t#3@20"], {PRINTS} }}"#);
    let folder = folder(
        "hold",
        &[
            ("abba.json", ABBA),
            (
                "self.json",
                &SELF_LOCK
                    .replace("EXPECT", r#", "expect": { "outcome": "deadlock", "cause": "self-lock" }"#),
            ),
            ("queue.json", &queue(&all)),
            ("silent.json", &queue("{}").replace(r#""expect": {}"#, "")),
        ],
    );
    let said = check(&folder, &["abba.json", "self.json", "queue.json", "silent.json", "tokio-handoff"]);
    assert_eq!(
        said.out,
        "holds     abba.json: deadlock (cycle) at 150 ms\n\
         holds     self.json: deadlock (self-lock) at 0 ms\n\
         holds     queue.json: completed at 30 ms\n\
         holds     silent.json: completed at 30 ms, nothing is expected\n\
         holds     tokio-handoff: stopped at 2500 ms\n\
         5 files: 5 hold\n"
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_warning_is_told_and_does_not_fail() {
    let text =
        SELF_LOCK.replace("EXPECT", "").replace(r#"{ "lock": "db", "as": "two" }"#, r#"{ "print": "x" }"#);
    let text = text.replace(r#""tasks": ["#, r#""tasks": [ { "name": "other", "start": "5ms", "steps": [ { "sleep": "5ms" } ] },
        { "name": "tie", "start": "5ms", "steps": [ { "lock": "db", "as": "g" }, { "drop": "g" }, { "sleep": "5ms" } ] },"#);
    let folder = folder("warning", &[("warn.json", &text)]);
    let said = check(&folder, &["warn.json"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "holds     warn.json: completed at 10 ms, nothing is expected\n1 file: 1 holds\n")
    );
    let json = check(&folder, &["warn.json", "--format", "json"]);
    let line: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(line["warnings"].as_str().unwrap_or_default(), said.err);
    assert_eq!((json.err.as_str(), json.code), ("", Some(0)));
}

#[test]
fn a_marker_that_is_never_reached_is_told() {
    let markers = r#""markers": [ { "on": { "event": "acquire", "task": "t#2", "lock": "db", "nth": 7 } },
        { "on": { "event": "finish" } } ], "expect": {}"#;
    let folder = folder("unmet", &[("unmet.json", &queue("{}").replace(r#""expect": {}"#, markers))]);
    let said = check(&folder, &["unmet.json"]);
    assert_eq!(said.err, "warning: the marker on `acquire` number 7 of `t#2` with `db` was never reached\n");
    assert_eq!(said.code, Some(0), "{}", said.out);
    let json: Value = serde_json::from_str(&check(&folder, &["unmet.json", "--format", "json"]).out).unwrap();
    assert_eq!(json["warnings"].as_str(), Some(said.err.as_str()));
}

#[test]
fn what_differs_is_shown() {
    let expect = r#"{ "outcome": "stopped", "acquires": ["t#1@0", "t#3@10", "t#2@20"],
        "prints": ["asks", "value = Some(Number(7))", "asks", "asks", "value = Some(Number(8))", "value = Some(Number(7))"] }"#;
    let cause = ABBA.replace(r#""cause": "cycle""#, r#""cause": "self-lock""#);
    let not = ABBA
        .replace(r#""outcome": "deadlock""#, r#""outcome": "completed""#)
        .replace(r#", "cause": "cycle""#, "");
    let folder = folder(
        "differ",
        &[("queue.json", &queue(expect)), ("cause.json", &cause), ("not.json", &not), ("abba.json", ABBA)],
    );
    let said = check(&folder, &["queue.json", "cause.json", "not.json", "abba.json"]);
    insta::assert_snapshot!("differs", said.out);
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_deadlock_that_nobody_expects_fails() {
    let bare = SELF_LOCK.replace("EXPECT", "");
    let other = ABBA.replace(r#""outcome": "deadlock", "#, "").replace(r#", "cause": "cycle""#, "");
    let folder = folder("deadlock", &[("self.json", &bare), ("abba.json", &other)]);
    let said = check(&folder, &["self.json", "abba.json"]);
    assert_eq!(
        said.out,
        "deadlock  self.json: deadlock (self-lock) at 0 ms, which nobody expects\n    \
             Deadlock, a self-lock: the writer waits for db, which it holds itself.\n\
         deadlock  abba.json: deadlock (cycle) at 150 ms, which nobody expects\n    \
             Deadlock, a cycle: T1 holds a and waits for b; T2 holds b and waits for a.\n\
         2 files: 2 come to a deadlock\n"
    );
    assert_eq!(said.code, Some(1));
}

/// A loop in which no time passes, and two tasks that yield to each other.
#[test]
fn a_run_that_would_never_end_does_not_hold() {
    let program = |tasks: &str| {
        format!(
            r#"{{ "scenario": 1, "title": "Zeno", "until": "1s", "locks": {{ "db": "tokio::sync::Mutex" }},
            "tasks": [ {tasks} ], "expect": {{ "outcome": "stopped" }} }}"#
        )
    };
    let silent = program(
        r#"{ "name": "zeno", "steps": [ { "loop": [
            { "if": { "$eq": [1, 2] }, "then": [ { "sleep": "1ms" } ] } ] } ] }"#,
    );
    let round = program(
        r#"{ "name": "t", "count": 2, "steps": [ { "loop": [ { "yield": 1 },
            { "if": { "$eq": [1, 2] }, "then": [ { "sleep": "1ms" } ] } ] } ] }"#,
    );
    let folder = folder("runaway", &[("silent.json", &silent), ("round.json", &round)]);
    let said = check(&folder, &["silent.json", "round.json"]);
    insta::assert_snapshot!("runaway", said.out);
    assert_eq!(said.code, Some(1));
    let json = check(&folder, &["--format", "json", "silent.json"]);
    let line: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((line["verdict"].as_str(), json.code), (Some("runaway"), Some(1)));
    assert!(line["why"].as_str().unwrap().contains("without an event"), "{}", json.out);
}

#[test]
fn what_cannot_be_used_wins_and_all_files_are_looked_at() {
    let folder = folder(
        "unusable",
        &[
            ("broken.json", "{ \"scenario\": 1, \"titel\": \"x\" }"),
            ("self.json", &SELF_LOCK.replace("EXPECT", "")),
            ("abba.json", ABBA),
        ],
    );
    let said = check(&folder, &["broken.json", "missing.json", "self.json", "tokio-handof", "abba.json"]);
    let verdicts: Vec<&str> = said.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        verdicts,
        [
            "unusable  broken.json",
            "unusable  missing.json",
            "deadlock  self.json: deadlock (self-lock) at 0 ms, which nobody expects",
            "unusable  tokio-handof",
            "holds     abba.json: deadlock (cycle) at 150 ms",
            "5 files: 1 holds, 1 comes to a deadlock, 3 are unusable"
        ]
    );
    for words in
        ["broken.json:1:18", "did you mean `title`?", "missing.json", "did you mean `tokio-handoff`?"]
    {
        assert!(said.err.contains(words), "no {words:?} in\n{}", said.err);
    }
    assert_eq!(said.code, Some(2));
    assert_eq!(check(&folder, &[]).code, Some(2));
}

#[test]
fn as_json_it_is_a_line_a_file() {
    let folder = folder(
        "json",
        &[
            ("abba.json", ABBA),
            ("queue.json", &queue(r#"{ "outcome": "stopped", "acquires": ["t#1@0"] }"#)),
            ("self.json", &SELF_LOCK.replace("EXPECT", "")),
            ("broken.json", "{"),
        ],
    );
    let said = check(&folder, &["--format", "json", "abba.json", "queue.json", "self.json", "broken.json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(2), ""));
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    insta::assert_snapshot!("json", said.out);
}

#[test]
fn with_the_real_clock_the_order_counts_and_the_times_do_not() {
    let real = |expect: &str| QUEUE.replace("CLOCK", r#""clock": "real","#).replace("EXPECT", expect);
    let folder = folder(
        "real",
        &[
            (
                "real.json",
                &real(r#"{ "outcome": "completed", "acquires": ["t#1@0", "t#2@5000", "t#3@6000"] }"#),
            ),
            ("wrong.json", &real(r#"{ "acquires": ["t#1@0", "t#3@10", "t#2@20"] }"#)),
        ],
    );
    let said = check(&folder, &["real.json", "wrong.json"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("holds     real.json: completed at "), "{}", said.out);
    assert!(lines[0].ends_with(" ms (real clock: acquisitions without their times)"), "{}", said.out);
    assert_eq!(
        lines[2..7],
        ["    acquires: - expected, + seen", "        t#1", "      + t#2", "        t#3", "      - t#2"]
    );
    assert_eq!(said.code, Some(1));
}

#[test]
fn nothing_from_a_file_can_steer_the_terminal() {
    let hostile = queue(r#"{ "prints": ["\u001b[31mred\u009b", "\u202eback"] }"#);
    let hostile = hostile.replace("asks", r"\u001b]0;pwned\u0007");
    let folder = folder("hostile", &[("hostile.json", &hostile), ("bad.json", "{ \"\\u001b[31m\": 1 }")]);
    let name = "no\u{1b}[31m\u{202e}such.json";
    for format in ["text", "json"] {
        let said = check(&folder, &["--format", format, "hostile.json", "bad.json", name]);
        assert_eq!(said.code, Some(2));
        for text in [&said.out, &said.err] {
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(steers), "{text:?}");
        }
    }
}
