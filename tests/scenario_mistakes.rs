//! What a mistake in a scenario gets: the whole message, as a student sees it.
//!
//! A case is a name and a file; the messages of a group of cases are one snapshot.

#![cfg(feature = "engine")]

use std::fmt::Write as _;

use lockscope::scenario::{Source, parse};

/// What parsing says of a text: its mistakes or its warnings.
fn said(text: &str) -> String {
    match parse(&Source::new("lesson.json", text)) {
        Ok(checked) if checked.warnings.is_empty() => "nothing\n".to_owned(),
        Ok(checked) => checked.warnings.render(false),
        Err(report) => report.render(false),
    }
}

fn check(group: &str, cases: &[(&str, String)]) {
    let mut all = String::new();
    for (name, text) in cases {
        let _ = writeln!(all, "#### {name}\n{}", said(text));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("mistakes_{group}"), all);
    });
}

/// A file of one task with these steps.
fn steps(steps: &str) -> String {
    format!(
        r#"{{
  "scenario": 1, "title": "Who is first?", "until": "10s",
  "locks": {{ "db": "tokio::sync::Mutex", "log": "tokio::sync::Mutex" }},
  "tasks": [ {{ "name": "reader", "steps": [
    {steps}
  ] }} ]
}}"#
    )
}

/// A file with two good tasks and these other fields.
fn file(fields: &str) -> String {
    format!(
        r#"{{
  "scenario": 1, "title": "Who is first?",
  {fields}
  "locks": {{ "db": "tokio::sync::Mutex" }},
  "tasks": [
    {{ "name": "reader", "count": 3, "steps": [ {{ "lock": "db", "do": [ {{ "sleep": "1s" }} ] }} ] }},
    {{ "name": "writer", "steps": [ {{ "lock": "db", "do": [ {{ "sleep": "1s" }} ] }} ] }}
  ],
}}"#
    )
}

#[test]
fn not_json() {
    let cases: Vec<_> = [
        ("empty", ""),
        ("only a comment", "// nothing yet\n"),
        ("missing comma", "{\n  \"scenario\": 1\n  \"title\": \"t\"\n}"),
        ("missing comma in a list", "{ \"tasks\": [ {} {} ] }"),
        ("missing colon", "{ \"scenario\" 1 }"),
        ("missing value", "{ \"scenario\": }"),
        ("missing quotes of a name", "{ scenario: 1 }"),
        ("missing quotes of a string", "{ \"title\": hello }"),
        ("single quotes", "{ 'scenario': 1 }"),
        ("a string over two lines", "{\n  \"title\": \"Who is first?,\n  \"lesson\": \"tokio's\"\n}"),
        ("a tab in a string", "{ \"title\": \"a\tb\" }"),
        ("a string that never ends", "{ \"title\": \"abc"),
        ("unknown escape", r#"{ "title": "a\qb" }"#),
        ("half a surrogate", r#"{ "title": "\ud800" }"#),
        ("True", "{ \"pause\": True }"),
        ("None", "{ \"data\": None }"),
        ("NaN", "{ \"seed\": NaN }"),
        ("hexadecimal", "{ \"seed\": 0x10 }"),
        ("plus", "{ \"seed\": +1 }"),
        ("bare point", "{ \"seed\": .5 }"),
        ("leading zero", "{ \"seed\": 012 }"),
        ("minus alone", "{ \"seed\": - }"),
        ("too many braces", "{ \"scenario\": 1 } }"),
        ("bracket closed by a brace", "{ \"tasks\": [ } ] }"),
        ("two commas", "{ \"scenario\": 1,, \"title\": \"t\" }"),
        ("open brace", "{\n  \"scenario\": 1,\n  \"tasks\": [\n    { \"name\": \"a\" },\n  ]\n"),
        ("open bracket", "{ \"tasks\": [ 1, 2\n"),
        ("open comment", "{ /* here we go \n }"),
        ("a stray character", "{ \"scenario\": 1 ; }"),
        ("a NUL", "{ \"scenario\": \0 }"),
    ]
    .map(|(name, text)| (name, text.to_owned()))
    .into();
    check("not_json", &cases);
    let deep = said(&"[".repeat(100_000));
    assert!(
        deep.contains("too many brackets inside brackets") && deep.contains("lesson.json:1:65"),
        "{deep}"
    );
}

#[test]
fn file_fields() {
    let cases = [
        ("not an object", "[]".to_owned()),
        ("no version", r#"{ "title": "t", "tasks": [] }"#.to_owned()),
        ("other version", r#"{ "scenario": 2, "titel": "t" }"#.to_owned()),
        ("version as a string", r#"{ "scenario": "1" }"#.to_owned()),
        (
            "another version hides no other mistake",
            steps(r#"{ "slep": "1s" }"#).replace("\"scenario\": 1", "\"scenario\": \"1\""),
        ),
        ("version only", r#"{ "scenario": 1 }"#.to_owned()),
        ("empty title, no tasks", r#"{ "scenario": 1, "title": " ", "tasks": [] }"#.to_owned()),
        ("unknown field", file("\"leson\": \"what?\", \"author\": \"me\",")),
        ("field twice", file("\"seed\": 1,\n  \"seed\": 2,")),
        (
            "wrong types",
            file("\"lesson\": 7, \"until\": true, \"seed\": \"x\",\n  \"clock\": null, \"runtime\": [],"),
        ),
        ("numbers out of range", file("\"seed\": -1, \"workers\": 0,")),
        ("seed with a fraction", file("\"seed\": 1.5,")),
        ("seed too large", file("\"seed\": 18446744073709551616,")),
        ("unknown clock and runtime", file("\"clock\": \"virtuel\", \"runtime\": \"thread\",")),
        ("virtual clock on a thread a task", file("\"runtime\": \"threads\",\n  \"clock\": \"virtual\",")),
        ("workers of a thread a task", file("\"runtime\": \"threads\", \"workers\": 4,")),
        ("virtual clock on many threads", file("\"runtime\": \"multi_thread\",\n  \"clock\": \"virtual\",")),
        ("workers of one thread", file("\"workers\": 4,")),
        ("no time at all", file("\"until\": \"0ms\",")),
        ("a schema is fine", file("\"$schema\": \"https://example.org/x.json\",")),
    ];
    check("file_fields", &cases);
}

#[test]
fn durations() {
    let all = ["350", "-1s", "1.5ms", "0.0005s", "5 s", "5sec", "10us", "1h30m", "9000h", "soon", ""];
    let list = all.map(|text| format!(r#"{{ "sleep": "{text}" }}"#)).join(",\n    ");
    let cases = [
        ("as strings", steps(&list)),
        ("bare numbers", file("\"until\": 10,")),
        ("everywhere", {
            let tasks = r#"{ "name": "a", "start": "1", "steps": [ { "sleep": "1s", "jitter": "x" }, { "work": "1.5ms" } ] }"#;
            format!("{{ \"scenario\": 1, \"title\": \"t\", \"until\": \"1d\",\n  \"tasks\": [ {tasks} ] }}")
        }),
    ];
    check("durations", &cases);
}

#[test]
fn locks_and_tasks() {
    let with = |locks: &str, tasks: &str| {
        format!("{{\n  \"scenario\": 1, \"title\": \"t\",\n  \"locks\": {locks},\n  \"tasks\": {tasks}\n}}")
    };
    let good = r#"[ { "name": "a", "steps": [] } ]"#;
    let db = r#"{ "db": "tokio::sync::Mutex" }"#;
    let cases = [
        ("unknown kind", with(r#"{ "db": "tokio::sync::Mutexx" }"#, good)),
        ("kind without its path", with(r#"{ "db": "Mutex", "x": "spin::Mutex" }"#, good)),
        ("lock without a kind", with(r#"{ "db": { "dta": {} } }"#, good)),
        ("lock twice", with("{ \"db\": \"tokio::sync::Mutex\",\n    \"db\": \"tokio::sync::Mutex\" }", good)),
        ("lock of no type", with(r#"{ "db": 7, "": "tokio::sync::Mutex" }"#, good)),
        ("data that is no object", with(r#"{ "db": { "kind": "tokio::sync::Mutex", "data": [] } }"#, good)),
        (
            "data key twice",
            with(
                r#"{ "db": { "kind": "tokio::sync::Mutex", "data": { "a": 1, "a": 2, "b": 1e999 } } }"#,
                good,
            ),
        ),
        (
            "data that is computed",
            with(
                r#"{ "db": { "kind": "tokio::sync::Mutex", "data": { "a": { "$elapsed": "ms" } } } }"#,
                good,
            ),
        ),
        ("no locks", with("{}", r#"[ { "name": "a", "steps": [ { "lock": "db", "do": [] } ] } ]"#)),
        ("tasks that are no list", with(db, r#"{ "name": "a", "steps": [] }"#)),
        ("tasks that are no objects", with(db, r#"[ "reader", 1 ]"#)),
        ("task without anything", with(db, "[ {} ]")),
        (
            "task twice",
            with(
                db,
                "[ { \"name\": \"a\", \"steps\": [] },\n    { \"name\": \"a\", \"count\": 2, \"steps\": [] } ]",
            ),
        ),
        (
            "bad names",
            with(
                db,
                r#"[ { "name": "", "steps": [] }, { "name": "a#1", "steps": [] }, { "name": "x\u001b[31m", "steps": [] } ]"#,
            ),
        ),
        (
            "count of nobody",
            with(
                db,
                r#"[ { "name": "a", "count": 0, "steps": [] }, { "name": "b", "count": 1.5, "steps": [] }, { "name": "c", "count": -3, "steps": [] } ]"#,
            ),
        ),
        (
            "too many tasks",
            with(
                db,
                "[ { \"name\": \"a\", \"count\": 60000, \"steps\": [] },\n    { \"name\": \"b\", \"count\": 60000, \"steps\": [] } ]",
            ),
        ),
        ("unknown field of a task", with(db, r#"[ { "name": "a", "step": [], "steps": [] } ]"#)),
    ];
    check("locks_and_tasks", &cases);
}

#[test]
fn steps_as_such() {
    let cases = [
        ("unknown verb", steps(r#"{ "lok": "db", "as": "guard" }, { "get": "my-key", "from": "guard" }"#)),
        ("a verb of nothing", steps(r#"{ "teleport": "home" }"#)),
        ("no verb", steps(r#"{ "as": "guard" }, {}"#)),
        ("two verbs", steps(r#"{ "lock": "db", "as": "guard", "sleep": "1s" }"#)),
        ("no object", steps(r#""sleep", 7, [ { "sleep": "1s" } ]"#)),
        (
            "unknown modifiers",
            steps(
                r#"{ "sleep": "1s", "jiter": "1ms" }, { "print": "x", "as": "y" }, { "lock": "db", "du": [] }"#,
            ),
        ),
        ("key twice", steps(r#"{ "sleep": "1s", "sleep": "2s" }"#)),
        (
            "wrong types",
            steps(
                r#"{ "lock": 1, "as": "g" }, { "print": 7 }, { "yield": "1" }, { "say": null }, { "loop": { "sleep": "1s" } }, { "sleep": [] }"#,
            ),
        ),
        ("neither as nor do", steps(r#"{ "lock": "db" }, { "sleep": "1s" }"#)),
        ("both as and do", steps(r#"{ "lock": "db", "as": "guard", "do": [ { "slep": "1s" } ] }"#)),
        ("yields", steps(r#"{ "yield": 0 }, { "yield": 1.5 }, { "yield": 10000000 }"#)),
        ("insert without a value", steps(r#"{ "lock": "db", "do": [ { "insert": "k" } ] }"#)),
        (
            "computed values",
            steps(
                r#"{ "lock": "db", "do": [
      { "insert": "k", "value": { "$elapsed": "s" } },
      { "insert": "k", "value": { "$elasped": "ms" } },
      { "insert": "k", "value": { "$var": "x", "more": 1 } },
      { "insert": "k", "value": { "$var": "nobody" } },
      { "insert": "k", "value": [ { "$var": "nobody" } ] } ] }"#,
            ),
        ),
    ];
    check("steps", &cases);
}

#[test]
fn loops() {
    let cases = [
        ("empty", steps(r#"{ "loop": [] }, { "loop": [], "times": 2 }"#)),
        (
            "times",
            steps(
                r#"{ "loop": [ { "yield": 1 } ], "times": 0 }, { "loop": [ { "yield": 1 } ], "times": 5000000000 }"#,
            ),
        ),
        (
            "no time can pass",
            steps(r#"{ "loop": [ { "lock": "db", "do": [] }, { "sleep": "0ms" }, { "yield": 1 } ] }"#),
        ),
        ("no horizon", steps(r#"{ "loop": [ { "sleep": "1s" } ] }"#).replace("\"until\": \"10s\",", "")),
        (
            "no horizon and no time",
            steps(r#"{ "loop": [ { "print": "x" } ] }"#)
                .replace("\"until\": \"10s\",", "\"clock\": \"real\","),
        ),
        (
            "time in an inner block is enough",
            steps(
                r#"{ "loop": [ { "lock": "db", "do": [ { "loop": [ { "work": "1ms" } ], "times": 2 } ] } ] }"#,
            ),
        ),
        ("jitter alone is time", steps(r#"{ "loop": [ { "sleep": "0ms", "jitter": "1ms" } ] }"#)),
        ("a mistake may have been the sleep", steps(r#"{ "loop": [ { "slep": "1s" } ] }"#)),
        (
            "a try_lock that spins",
            steps(
                "{ \"loop\": [ { \"try_lock\": \"db\", \"as\": \"g\", \"else\": [ { \"print\": \"busy\" } ] }, { \"sleep\": \"1ms\" } ] }",
            ),
        ),
        (
            "a try_lock that spins in a block",
            steps(
                "{ \"loop\": [ { \"lock\": \"log\", \"do\": [ { \"try_lock\": \"db\", \"as\": \"g\" }, { \"sleep\": \"1ms\" } ] } ] }",
            ),
        ),
        (
            "try_locks that do not spin",
            steps(
                "{ \"loop\": [ { \"sleep\": \"1ms\" }, { \"try_lock\": \"db\", \"as\": \"g\" }, { \"sleep\": \"1ms\" } ], \"times\": 2 },\n    { \"select\": [ { \"do\": [ { \"loop\": [ { \"sleep\": \"1ms\" }, { \"try_lock\": \"db\", \"as\": \"g\" }, { \"sleep\": \"1ms\" } ] } ] },\n      { \"do\": [ { \"loop\": [ { \"try_lock\": \"db\", \"as\": \"g\", \"else\": [ { \"sleep\": \"1ms\" } ] }, { \"sleep\": \"1ms\" } ] } ] },\n      { \"do\": [ { \"loop\": [ { \"try_lock\": \"db\", \"as\": \"g\", \"else\": [ { \"lock\": \"db\", \"do\": [] } ] }, { \"sleep\": \"1ms\" } ] } ] },\n      { \"do\": [ { \"loop\": [ { \"lock\": \"log\", \"do\": [ { \"try_lock\": \"db\", \"as\": \"g\" }, { \"sleep\": \"1ms\" } ] }, { \"sleep\": \"1ms\" } ] } ] } ] }",
            ),
        ),
        (
            "unreachable",
            steps(
                "{ \"loop\": [ { \"sleep\": \"1s\" } ] },\n    { \"print\": \"never\" },\n    { \"print\": \"never too\" }",
            ),
        ),
        (
            "unreachable behind a block",
            steps(
                "{ \"lock\": \"db\", \"do\": [ { \"loop\": [ { \"sleep\": \"1s\" } ] } ] },\n    { \"print\": \"never\" }",
            ),
        ),
    ];
    check("loops", &cases);
}

#[test]
fn guards_and_values() {
    let bind = r#"{ "lock": "db", "as": "guard" }"#;
    let get = r#"{ "get": "k", "from": "guard", "as": "value" }"#;
    let cases = [
        ("unknown lock", steps(r#"{ "lock": "bd", "as": "guard" }, { "drop": "guard" }"#)),
        ("unknown guard", steps(&format!("{bind}, {{ \"drop\": \"gaurd\" }}"))),
        ("no guard at all", steps(r#"{ "get": "k" }, { "insert": "k", "value": 1 }, { "drop": "guard" }"#)),
        ("a lock is no guard", steps(r#"{ "get": "k", "from": "db" }"#)),
        ("unknown value", steps(&format!("{bind}, {get}, {{ \"dbg\": \"valu\" }}"))),
        ("no value at all", steps(r#"{ "dbg": "value" }"#)),
        ("a guard is no value", steps(&format!("{bind}, {{ \"dbg\": \"guard\" }}"))),
        ("a value is no guard", steps(&format!("{bind}, {get},\n    {{ \"drop\": \"value\" }}"))),
        (
            "used after drop",
            steps(&format!("{bind},\n    {{ \"drop\": \"guard\" }},\n    {get}, {{ \"drop\": \"guard\" }}")),
        ),
        (
            "dropped in a loop",
            steps(&format!(
                "{bind},\n    {{ \"loop\": [\n      {get}, {{ \"drop\": \"guard\" }}\n    ], \"times\": 2 }}"
            )),
        ),
        (
            "dropped in the loop it is bound in",
            steps(&format!("{{ \"loop\": [ {bind}, {{ \"drop\": \"guard\" }} ], \"times\": 2 }}")),
        ),
        (
            "dropped in an inner loop",
            steps(&format!(
                "{{ \"loop\": [ {bind},\n      {{ \"loop\": [ {{ \"drop\": \"guard\" }} ], \"times\": 2 }} ], \"times\": 2 }}"
            )),
        ),
        ("bound twice", steps(&format!("{bind},\n    {{ \"lock\": \"log\", \"as\": \"guard\" }}"))),
        ("bound again after drop", steps(&format!("{bind}, {{ \"drop\": \"guard\" }}, {bind}, {get}"))),
        (
            "same name in sibling blocks",
            steps(&format!(
                "{{ \"loop\": [ {bind}, {get} ], \"times\": 1 }}, {{ \"loop\": [ {bind} ], \"times\": 1 }}"
            )),
        ),
        ("a value bound again", steps(&format!("{bind}, {get}, {get}, {{ \"dbg\": \"value\" }}"))),
        (
            "a guard's name for a value",
            steps(&format!("{bind},\n    {{ \"get\": \"k\", \"from\": \"guard\", \"as\": \"guard\" }}")),
        ),
        (
            "a value's name for a guard",
            steps(&format!("{bind}, {get},\n    {{ \"lock\": \"log\", \"as\": \"value\" }}")),
        ),
        (
            "used after its block",
            steps(&format!(
                "{{ \"loop\": [ {bind}, {get} ], \"times\": 2 }},\n    {{ \"dbg\": \"value\" }}, {{ \"drop\": \"guard\" }}"
            )),
        ),
        ("the guard of a do has no name", steps(r#"{ "lock": "db", "do": [ { "drop": "db" } ] }"#)),
        ("guards of one name", steps(&format!("{bind}, {bind}, {{ \"get\": \"k\" }}"))),
        (
            "names that Rust does not allow",
            steps(
                "{ \"lock\": \"db\", \"as\": \"g-1\" },\n    { \"lock\": \"log\", \"as\": \"let\" },\n    { \"get\": \"k\", \"from\": \"g-1\", \"as\": \"1 x\" }",
            )
            .replace("\"locks\": {", "\"locks\": { \"x y\": \"tokio::sync::Mutex\",\n    \"mod\": \"tokio::sync::Mutex\", "),
        ),
        ("a guard without a name", steps(r#"{ "lock": "db", "as": "" }"#)),
    ];
    check("guards_and_values", &cases);
}

#[test]
fn deadlocks_to_come() {
    let two = |count: &str, rest: &str| {
        format!(
            r#"{{ "scenario": 1, "title": "t", "locks": {{ "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" }},
  "tasks": [
    {{ "name": "T1", {count}"steps": [ {{ "lock": "a", "as": "x" }}, {{ "lock": "b", "as": "y" }} {rest} ] }},
    {{ "name": "T2", "steps": [ {{ "lock": "b", "as": "x" }}, {{ "lock": "a", "as": "y" }} ] }}
  ]
}}"#
        )
    };
    let one = r#"{ "name": "T2", "steps": [ { "lock": "b", "as": "x" }, { "lock": "a", "as": "y" } ] }"#;
    let back = r#", { "drop": "x" }, { "drop": "y" },
      { "lock": "b", "as": "p" }, { "lock": "a", "do": [] }"#;
    let expected = two("", "")
        .replace("\"title\": \"t\",", "\"title\": \"t\", \"expect\": { \"outcome\": \"deadlock\" },");
    let cases = [
        (
            "the same lock twice",
            steps(
                "{ \"lock\": \"db\", \"as\": \"guard\" },\n    { \"lock\": \"db\", \"do\": [ { \"lock\": \"db\", \"do\": [] } ] }",
            ),
        ),
        (
            "the same lock after drop",
            steps(
                r#"{ "lock": "db", "as": "guard" }, { "drop": "guard" }, { "lock": "db", "do": [] }, { "lock": "db", "do": [] }"#,
            ),
        ),
        ("both orders", two("", "")),
        ("both orders, expected", expected),
        (
            "both orders in one task, one after the other",
            two("", back).replace(one, r#"{ "name": "T2", "steps": [] }"#),
        ),
        (
            "both orders in one task that runs twice",
            two("\"count\": 2, ", back).replace(one, r#"{ "name": "T2", "steps": [] }"#),
        ),
    ];
    check("deadlocks", &cases);
}

#[test]
fn markers_and_expectations() {
    let marker = |marker: &str| file(&format!("\"markers\": [ {marker} ],"));
    let expect = |expect: &str| file(&format!("\"expect\": {{ {expect} }},"));
    let cases = [
        ("unknown event", marker(r#"{ "on": { "event": "relase", "task": "writer" } }"#)),
        ("no event", marker(r#"{ "label": "x" }, { "on": {} }, { "on": "release" }, { "at": "1s" }"#)),
        ("unknown task and lock", marker(r#"{ "on": { "event": "wait", "task": "writr", "lock": "dbb" } }"#)),
        (
            "numbers of tasks",
            marker(
                "{ \"on\": { \"event\": \"wait\", \"task\": \"reader\" } },\n    { \"on\": { \"event\": \"wait\", \"task\": \"reader#4\" } },\n    { \"on\": { \"event\": \"wait\", \"task\": \"reader#01\" } },\n    { \"on\": { \"event\": \"wait\", \"task\": \"writer#1\" } }",
            ),
        ),
        (
            "all is well",
            marker(
                r#"{ "on": { "event": "wait", "task": "reader#3", "lock": "db", "nth": 2 }, "label": "l", "say": "s", "pause": true, "ask": "?", "answers": ["a", "b"] }"#,
            ),
        ),
        ("nth", marker(r#"{ "on": { "event": "wait", "nth": 0 } }"#)),
        ("a lock that does not matter", marker(r#"{ "on": { "event": "sleep", "lock": "db" } }"#)),
        ("a question alone is fine", marker(r#"{ "on": { "event": "wait" }, "ask": "Who?" }"#)),
        ("an empty question", marker(r#"{ "on": { "event": "wait" }, "ask": " ", "answers": ["a", "b"] }"#)),
        (
            "a question without a choice",
            marker(
                r#"{ "on": { "event": "wait" }, "ask": "?" }, { "on": { "event": "wait" }, "ask": "?", "answers": ["a"] }"#,
            ),
        ),
        ("answers without a question", marker(r#"{ "on": { "event": "wait" }, "answers": ["a", "b"] }"#)),
        (
            "wrong types",
            marker(
                r#"{ "on": { "event": "wait" }, "pause": "yes", "label": 1, "ask": "?", "answers": "a" }"#,
            ),
        ),
        ("outcome", expect(r#""outcome": "deadlok", "cause": "cycle""#)),
        ("cause without a deadlock", expect(r#""outcome": "completed", "cause": "cycel""#)),
        ("cause alone", expect(r#""cause": "cycle""#)),
        (
            "acquires",
            expect(
                r#""acquires": [ "writer@0", "writer", "writer@1s", "writre@5", "reader#2@7", "reader@8", "writer@6", 9 ]"#,
            ),
        ),
        ("prints", expect(r#""prints": [ "a", 1 ], "print": []"#)),
    ];
    check("markers_and_expect", &cases);
}

#[test]
fn places() {
    let long = format!(
        r#"{{ "print": "{}" }}, {{ "sleep": "soon", "jiter": "{}" }}"#,
        "x".repeat(300),
        "y".repeat(300)
    );
    let cases = [
        (
            "CRLF",
            steps("{ \"sleep\": \"soon\" },\r\n    { \"slep\": \"1s\" }")
                .replace('\n', "\r\n")
                .replace("\r\r", "\r"),
        ),
        ("tabs", steps("\t\t{ \"sleep\":\t\"soon\" }")),
        ("wide characters", steps("{ \"print\": \"読み取りロック 🔒\" }, { \"sleep\": \"後で\" }")),
        ("a byte order mark", format!("\u{feff}{}", "{ \"scenario\": 3 }")),
        ("a long line", steps(&long)),
        ("a long name", steps(&format!(r#"{{ "drop": "{}" }}"#, "guard".repeat(100)))),
        (
            "terminal sequences",
            steps(
                "{ \"drop\": \"\\u001b[2J\\u0007\\u202e\\u009b\\u0000\" } // \u{1b}[31m\u{7}\u{202e}\u{9b}31m\0",
            ),
        ),
        ("the last place", "{\n  \"scenario\": 1,\n  \"title\":\n\n\n".to_owned()),
    ];
    check("places", &cases);
}

#[test]
fn many_mistakes_at_once() {
    let text = r#"{
  // Everything here is wrong.
  "scenario": 1,
  "tite": "Who is first?",
  "clock": "vrtual",
  "locks": { "db": "Mutex" },
  "tasks": [
    { "name": "reader", "start": 5, "steps": [
      { "loop": [
        { "lok": "db", "as": "guard" },
        { "get": "my-key", "from": "guard", "as": "value" },
        { "lock": "bd", "as": "other" },
        { "drop": "othr" },
        { "sleep": "1", "jitter": "1.5ms" },
      ] },
      { "print": "done" },
    ] },
    { "name": "reader", "count": 0, "steps": [ { "sleep": "1s", "work": "1s" } ] },
  ],
  "markers": [ { "on": { "event": "relese", "task": "raeder" } } ],
  "expect": { "outcome": "fine", "acquires": [ "reader" ] },
}"#;
    check("many", &[("many", text.to_owned())]);
}
