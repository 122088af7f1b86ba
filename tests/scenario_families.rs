//! What a mistake gets that is about a kind of lock: its verbs, its guards in branches, its clock, and a
//! kind that comes in place of the file's own. Whole messages, as in `scenario_mistakes.rs`.

#![cfg(feature = "engine")]

use std::fmt::Write as _;

use lockscope::event::LockKind;
use lockscope::scenario::{ClockKind, Source, Swap, parse, parse_with};

fn said(text: &str, swaps: &[Swap]) -> String {
    match parse_with(&Source::new("lesson.json", text), swaps) {
        Ok(checked) if checked.warnings.is_empty() => "nothing\n".to_owned(),
        Ok(checked) => checked.warnings.render(false),
        Err(report) => report.render(false),
    }
}

fn snapshot(group: &str, cases: impl IntoIterator<Item = (&'static str, String)>) {
    let mut all = String::new();
    for (name, said) in cases {
        let _ = writeln!(all, "#### {name}\n{said}");
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("mistakes_{group}"), all);
    });
}

/// A file with a lock of each family and these tasks.
fn tasks(tasks: &str) -> String {
    format!(
        r#"{{
  "scenario": 1, "title": "t", "until": "10s",
  "locks": {{
    "db": "tokio::sync::Mutex", "map": "tokio::sync::RwLock", "n": "tokio::sync::Notify",
    "s": {{ "kind": "tokio::sync::Semaphore", "permits": 2 }}, "ch": "tokio::sync::mpsc"
  }},
  "tasks": [
    {tasks}
  ]
}}"#
    )
}

/// The same with one task of these steps.
fn steps(steps: &str) -> String {
    tasks(&format!("{{ \"name\": \"a\", \"steps\": [\n      {steps} ] }}"))
}

/// A file with these fields, and these locks used by one task with these steps.
fn locks(fields: &str, locks: &str, steps: &str) -> String {
    format!(
        "{{\n  \"scenario\": 1, \"title\": \"t\",{fields}\n  \"locks\": {{ {locks} }},\n  \
         \"tasks\": [ {{ \"name\": \"a\", \"steps\": [ {steps} ] }} ]\n}}"
    )
}

fn plainly<const N: usize>(cases: [(&'static str, String); N]) -> [(&'static str, String); N] {
    cases.map(|(name, text)| (name, said(&text, &[])))
}

#[test]
fn verbs_of_other_families() {
    snapshot(
        "families",
        plainly([
            ("read a Mutex", steps(r#"{ "read": "db", "as": "g" }"#)),
            ("lock an RwLock", steps(r#"{ "lock": "map", "do": [ { "slep": "1s" } ] }"#)),
            ("try an RwLock", steps(r#"{ "try_lock": "map", "as": "g" }"#)),
            ("acquire a Notify", steps(r#"{ "acquire": "n", "as": "g" }, { "add_permits": "db" }"#)),
            (
                "notify a channel",
                steps(r#"{ "notify_one": "ch" }, { "notified": "s" }, { "notify_waiters": "map" }"#),
            ),
            (
                "send to a Mutex",
                steps(r#"{ "send": "db", "value": 1 }, { "recv": "n", "as": "v" }, { "dbg": "v" }"#),
            ),
            ("unknown lock of a new verb", steps(r#"{ "read": "mp", "as": "g" }"#)),
            (
                "neither as nor do",
                steps(r#"{ "read": "map" }, { "try_lock": "db", "else": [ { "slep": "1s" } ] }"#),
            ),
            (
                "both as and do",
                steps(
                    r#"{ "acquire": "s", "as": "p", "do": [] }, { "try_lock": "db", "as": "g", "do": [] }"#,
                ),
            ),
            ("send without a value", steps(r#"{ "send": "ch" }"#)),
            (
                "insert through a read guard",
                steps(
                    "{ \"read\": \"map\", \"as\": \"g\" },\n      { \"insert\": \"k\", \"into\": \"g\", \"value\": 1 },\n      { \"drop\": \"g\" }, { \"read\": \"map\", \"do\": [ { \"insert\": \"k\", \"value\": 1 } ] }",
                ),
            ),
            ("get through a read guard", steps(r#"{ "read": "map", "do": [ { "get": "k", "as": "v" } ] }"#)),
            (
                "data of a permit",
                steps(
                    "{ \"acquire\": \"s\", \"do\": [ { \"get\": \"k\" } ] },\n      { \"acquire\": \"s\", \"as\": \"p\" }, { \"insert\": \"k\", \"into\": \"p\", \"value\": 1 }",
                ),
            ),
            (
                "no permits at all",
                steps(
                    r#"{ "acquire": "s", "permits": 0, "as": "p" }, { "add_permits": "s", "permits": 1.5 }"#,
                ),
            ),
            ("more permits than there can be", steps(r#"{ "acquire": "s", "permits": 3, "as": "p" }"#)),
            (
                "more permits, one of them added",
                steps(r#"{ "add_permits": "s" }, { "acquire": "s", "permits": 4, "as": "p" }"#),
            ),
            (
                "as many as are added",
                steps(r#"{ "add_permits": "s", "permits": 2 }, { "acquire": "s", "permits": 4, "as": "p" }"#),
            ),
            (
                "no end of permits",
                steps(
                    r#"{ "loop": [ { "add_permits": "s" } ], "times": 2 }, { "acquire": "s", "permits": 100, "as": "p" }"#,
                ),
            ),
            (
                "two receivers",
                tasks(
                    "{ \"name\": \"a\", \"steps\": [ { \"recv\": \"ch\" }, { \"recv\": \"ch\" } ] },\n    { \"name\": \"b\", \"steps\": [ { \"recv\": \"ch\" } ] }",
                ),
            ),
            ("many receivers", tasks(r#"{ "name": "a", "count": 3, "steps": [ { "recv": "ch" } ] }"#)),
            (
                "a loop that receives needs no end",
                steps(
                    r#"{ "loop": [ { "recv": "ch", "as": "v" }, { "dbg": "v" } ] }, { "print": "reached" }"#,
                )
                .replace("\"until\": \"10s\",", ""),
            ),
            ("a channel has no guard", steps(r#"{ "recv": "ch", "as": "v" }, { "drop": "v" }"#)),
        ]),
    );
}

#[test]
fn values_and_conditions() {
    let with = |step: &str| steps(&format!(r#"{{ "recv": "ch", "as": "v" }}, {step}"#));
    let check = |condition: &str| with(&format!(r#"{{ "if": {condition}, "then": [] }}"#));
    snapshot(
        "conditions",
        plainly([
            ("no then", with(r#"{ "if": "v" }, { "if": "v", "than": [], "else": [] }"#)),
            ("unknown value", check("\"w\"")),
            (
                "all is well",
                check(
                    r#"{ "$and": [ "v", { "$not": { "$eq": [ { "$var": "v" }, "x" ] } }, { "$or": [ true, { "$var": "v" } ] } ] }"#,
                ),
            ),
            ("unknown condition", check(r#"{ "$eqq": [ 1, 2 ] }"#)),
            ("one value", check(r#"{ "$lt": [ 1 ] }"#)),
            ("two conditions in one", check(r#"{ "$lt": [ 1, 2 ], "$gt": [ 1, 2 ] }"#)),
            ("no conditions", check(r#"{ "$and": [] }"#)),
            ("not a list", check(r#"{ "$or": "v" }"#)),
            ("a sum of text", with(r#"{ "send": "ch", "value": { "$add": [ "1", { "$var": "v" } ] } }"#)),
            ("a sum of three", with(r#"{ "send": "ch", "value": { "$add": [ 1, 2, 3 ] } }"#)),
            (
                "a sum of a sum",
                with(
                    r#"{ "send": "ch", "value": { "$add": [ 1, { "$add": [ { "$elapsed": "ms" }, -1.5 ] } ] } }"#,
                ),
            ),
            ("a sum of nobody", with(r#"{ "send": "ch", "value": { "$add": [ { "$var": "w" }, null ] } }"#)),
        ]),
    );
}

#[test]
fn guards_in_branches() {
    let bind = r#"{ "lock": "db", "as": "g" },"#;
    let held = |step: &str| steps(&format!("{bind}\n      {step}"));
    let after = |step: &str| held(&format!("{step},\n      {{ \"get\": \"k\", \"from\": \"g\" }}"));
    snapshot(
        "branches",
        plainly([
            ("dropped in one branch", after(r#"{ "if": true, "then": [ { "drop": "g" } ] }"#)),
            (
                "dropped in both branches",
                after(r#"{ "if": true, "then": [ { "drop": "g" } ], "else": [ { "drop": "g" } ] }"#),
            ),
            (
                "dropped in the other branch",
                held(
                    r#"{ "if": true, "then": [ { "drop": "g" } ], "else": [ { "get": "k", "from": "g" } ] }"#,
                ),
            ),
            (
                "dropped in a branch that never ends",
                after(r#"{ "if": true, "then": [ { "drop": "g" }, { "loop": [ { "sleep": "1s" } ] } ] }"#),
            ),
            ("dropped in a timeout", after(r#"{ "timeout": "1s", "do": [ { "drop": "g" } ] }"#)),
            (
                "dropped in a timeout, used in its else",
                held(r#"{ "timeout": "1s", "do": [ { "drop": "g" } ], "else": [ { "drop": "g" } ] }"#),
            ),
            (
                "dropped in the else of a timeout",
                after(r#"{ "timeout": "1s", "do": [], "else": [ { "drop": "g" } ] }"#),
            ),
            (
                "dropped in an arm",
                after(r#"{ "select": [ { "do": [ { "drop": "g" } ] }, { "do": [ { "sleep": "1s" } ] } ] }"#),
            ),
            (
                "dropped in two arms",
                held(
                    "{ \"select\": [ { \"do\": [ { \"drop\": \"g\" } ] },\n        { \"do\": [ { \"drop\": \"g\" } ] } ] }",
                ),
            ),
            (
                "dropped and bound again",
                steps(&format!(
                    "{bind} {{ \"if\": true, \"then\": [ {{ \"drop\": \"g\" }} ] }}, {{ \"read\": \"map\", \"as\": \"g\" }}, {{ \"get\": \"k\", \"from\": \"g\" }}"
                )),
            ),
            (
                "bound in a branch",
                steps(
                    "{ \"if\": true, \"then\": [ { \"lock\": \"db\", \"as\": \"g\" }, { \"get\": \"k\", \"from\": \"g\", \"as\": \"v\" } ] },\n      { \"drop\": \"g\" }, { \"dbg\": \"v\" }",
                ),
            ),
            (
                "try_lock holds for the rest",
                steps(
                    r#"{ "try_lock": "db", "as": "g", "else": [ { "print": "busy" } ] }, { "get": "k", "from": "g" }"#,
                ),
            ),
            (
                "try_lock holds nothing in its else",
                steps(r#"{ "try_lock": "db", "as": "g", "else": [ { "drop": "g" } ] }"#),
            ),
            (
                "dropped in the else of a try_lock",
                steps(
                    "{ \"read\": \"map\", \"as\": \"r\" },\n      { \"if\": true, \"then\": [ { \"try_lock\": \"db\", \"as\": \"g\", \"else\": [ { \"drop\": \"r\" } ] }, { \"get\": \"k\", \"from\": \"r\" } ] },\n      { \"get\": \"k\", \"from\": \"r\" }",
                ),
            ),
            (
                "dropped in one of the blocks of a try_lock",
                steps(
                    "{ \"read\": \"map\", \"as\": \"r\" }, { \"try_lock\": \"db\", \"do\": [ { \"drop\": \"r\" } ] },\n      { \"drop\": \"r\" }",
                ),
            ),
        ]),
    );
}

#[test]
fn loops_in_branches() {
    let ever = r#"{ "loop": [ { "sleep": "1s" } ] }"#;
    let free = |step: String| steps(&step).replace("\"until\": \"10s\",", "");
    snapshot(
        "endless",
        plainly([
            (
                "a timeout ends a loop",
                free(format!("{{ \"timeout\": \"5s\", \"do\": [ {ever} ] }}, {{ \"print\": \"reached\" }}")),
            ),
            (
                "another arm ends a loop",
                free(format!(
                    "{{ \"select\": [ {{ \"do\": [ {ever} ] }}, {{ \"do\": [] }} ] }}, {{ \"print\": \"reached\" }}"
                )),
            ),
            (
                "no arm ends",
                free(format!(
                    "{{ \"select\": [ {{ \"do\": [ {ever} ] }}, {{ \"do\": [ {ever} ] }} ] }}, {{ \"print\": \"never\" }}"
                )),
            ),
            (
                "both branches never end",
                steps(&format!(
                    "{{ \"if\": true, \"then\": [ {ever} ], \"else\": [ {ever} ] }},\n      {{ \"print\": \"never\" }}"
                )),
            ),
            (
                "one branch ends",
                steps(&format!("{{ \"if\": true, \"then\": [ {ever} ] }}, {{ \"print\": \"reached\" }}")),
            ),
            (
                "the rest of a try_lock may be left out",
                steps(&format!(
                    "{{ \"if\": true, \"then\": [ {{ \"try_lock\": \"db\", \"as\": \"g\" }}, {ever} ], \"else\": [ {ever} ] }}, {{ \"print\": \"reached\" }}"
                )),
            ),
            (
                "a timeout is time",
                steps(
                    r#"{ "loop": [ { "timeout": "1s", "do": [] } ] }, { "loop": [ { "notified": "n" } ] }"#,
                ),
            ),
            (
                "a timeout of nothing is none",
                steps(
                    r#"{ "loop": [ { "timeout": "0ms", "do": [] }, { "try_lock": "db", "do": [] }, { "if": true, "then": [] } ] }"#,
                ),
            ),
            (
                "arms",
                steps(
                    "{ \"select\": [] }, { \"select\": [ { \"keep\": true }, { \"do\": [], \"kep\": true }, [] ] },\n      { \"select\": { \"do\": [] } }",
                ),
            ),
            ("too many arms", steps(&format!("{{ \"select\": [ {} ] }}", "{\"do\":[]},".repeat(65)))),
        ]),
    );
}

#[test]
fn kinds_clocks_and_runtimes() {
    let std = r#""db": "std::sync::Mutex""#;
    let use_it = r#"{ "lock": "db", "do": [ { "insert": "k", "value": 1 } ] }"#;
    let semaphore = |lock: &str| locks("", lock, "");
    snapshot(
        "kinds",
        plainly([
            ("a blocking kind on the virtual clock", locks("\n  \"clock\": \"virtual\",", std, use_it)),
            (
                "a kind of wall time on the virtual clock",
                locks("\n  \"clock\": \"virtual\",", r#""db": "async_lock::Mutex""#, use_it),
            ),
            ("a blocking kind on many threads", locks("\n  \"runtime\": \"multi_thread\",", std, use_it)),
            ("a blocking kind where nothing is said", locks("", std, use_it)),
            (
                "a thread a task",
                locks(
                    "\n  \"runtime\": \"threads\",",
                    std,
                    r#"{ "lock": "db", "do": [ { "sleep": "1s" } ] }"#,
                ),
            ),
            ("a semaphore in short", semaphore(r#""s": "tokio::sync::Semaphore""#)),
            ("a semaphore without permits", semaphore(r#""s": { "kind": "async_lock::Semaphore" }"#)),
            (
                "a semaphore of nothing",
                semaphore(r#""s": { "kind": "tokio::sync::Semaphore", "permits": 0 }"#),
            ),
            (
                "permits out of range",
                semaphore(
                    r#""s": { "kind": "tokio::sync::Semaphore", "permits": 4294967296 }, "ch": { "kind": "tokio::sync::mpsc", "permits": 0 }"#,
                ),
            ),
            ("permits of a Mutex", semaphore(r#""db": { "kind": "tokio::sync::Mutex", "permits": 1 }"#)),
            (
                "data of a semaphore",
                semaphore(
                    r#""s": { "kind": "tokio::sync::Semaphore", "permits": 1, "data": {} }, "n": { "kind": "tokio::sync::Notify", "data": {} }"#,
                ),
            ),
            (
                "several permits of async_lock",
                locks(
                    "",
                    r#""s": { "kind": "async_lock::Semaphore", "permits": 3 }"#,
                    r#"{ "acquire": "s", "permits": 2, "as": "p" }"#,
                ),
            ),
        ]),
    );
}

#[test]
fn swapped_kinds() {
    let swap = |lock: Option<&str>, kind| Swap { lock: lock.map(str::to_owned), kind };
    let file = |fields: &str| {
        locks(
            &format!("\n  {fields}"),
            r#""db": { "kind": "tokio::sync::Mutex", "data": { "k": 1 } }, "map": "tokio::sync::RwLock""#,
            r#"{ "read": "map", "do": [ { "get": "k" } ] }, { "lock": "db", "do": [ { "sleep": "1s" } ] }"#,
        )
    };
    let two = r#""s": { "kind": "tokio::sync::Semaphore", "permits": 2 }"#;
    let semaphore = locks("", two, r#"{ "acquire": "s", "permits": 2, "as": "p" }"#);
    let none = locks("", "", "");
    let cases = [
        ("same family", file(""), vec![swap(None, LockKind::AsyncLockMutex)]),
        ("a blocking kind", file(""), vec![swap(None, LockKind::StdMutex)]),
        (
            "a blocking kind on many threads",
            file("\"runtime\": \"multi_thread\","),
            vec![swap(None, LockKind::ParkingLotMutex)],
        ),
        ("another family", file(""), vec![swap(Some("map"), LockKind::TokioMutex)]),
        ("another family, with data", file(""), vec![swap(Some("db"), LockKind::TokioSemaphore)]),
        ("another family, with data but no permits", file(""), vec![swap(Some("db"), LockKind::TokioNotify)]),
        ("no lock of the family", semaphore.clone(), vec![swap(None, LockKind::TokioRwLock)]),
        (
            "no lock at all",
            none.clone(),
            vec![swap(None, LockKind::TokioRwLock), swap(Some("db"), LockKind::StdMutex)],
        ),
        ("unknown name", file(""), vec![swap(Some("dv"), LockKind::StdMutex)]),
        ("several permits", semaphore, vec![swap(None, LockKind::AsyncLockSemaphore)]),
        (
            "a mistake of the file",
            none.replace("{  }", "{ \"db\": \"Mutex\" }"),
            vec![swap(None, LockKind::StdMutex)],
        ),
    ];
    snapshot("swapped", cases.map(|(name, text, swaps)| (name, said(&text, &swaps))));

    let clock = |fields: &str, swaps: &[Swap]| {
        let checked =
            parse_with(&Source::new("x", &file(fields)), swaps).unwrap_or_else(|report| panic!("{report}"));
        let kinds: Vec<_> = checked.plan.locks.iter().map(|lock| lock.kind).collect();
        (checked.plan.clock, kinds)
    };
    let std = [swap(None, LockKind::StdMutex)];
    let (tokio, map) = (LockKind::TokioMutex, LockKind::TokioRwLock);
    assert_eq!(clock("", &[]), (ClockKind::Virtual, vec![tokio, map]));
    assert_eq!(clock("", &std), (ClockKind::Real, vec![LockKind::StdMutex, map]));
    // Its author could not know of the swap.
    assert_eq!(clock("\"clock\": \"virtual\",", &std).0, ClockKind::Real);
    let both = [swap(Some("db"), LockKind::FuturesMutex), swap(None, LockKind::StdMutex)];
    assert_eq!(
        clock("\"clock\": \"virtual\",", &both),
        (ClockKind::Virtual, vec![LockKind::FuturesMutex, map])
    );
}

#[test]
fn what_may_go_wrong() {
    let two = |first: &str, second: &str| {
        tasks(&format!("{{ \"name\": \"a\", {first} }},\n    {{ \"name\": \"b\", {second} }}"))
    };
    let std = |runtime: &str| {
        locks(
            runtime,
            r#""db": "std::sync::Mutex", "log": "tokio::sync::Mutex""#,
            "\n    { \"lock\": \"db\", \"as\": \"g\" }, { \"lock\": \"log\", \"do\": [] }, { \"sleep\": \"1s\" },\n    { \"drop\": \"g\" }, { \"sleep\": \"1s\" }, { \"lock\": \"db\", \"do\": [ { \"yield\": 1 } ] }",
        )
    };
    let tie = two(
        r#""start": "100ms", "steps": [ { "sleep": "200ms" }, { "lock": "db", "do": [] } ]"#,
        r#""steps": [ { "print": "x" }, { "sleep": "300ms" }, { "lock": "db", "do": [] } ]"#,
    );
    let expected = r#""until": "10s", "expect": { "acquires": [ "a@300", "b@300" ] },"#;
    snapshot(
        "warnings",
        plainly([
            ("write while reading", steps(r#"{ "read": "map", "as": "r" }, { "write": "map", "as": "w" }"#)),
            ("read twice", steps(r#"{ "read": "map", "as": "r" }, { "read": "map", "as": "w" }"#)),
            (
                "permits that are there",
                steps(r#"{ "acquire": "s", "as": "p" }, { "acquire": "s", "as": "q" }"#),
            ),
            (
                "permits that are not there",
                steps(r#"{ "acquire": "s", "as": "p" }, { "acquire": "s", "permits": 2, "as": "q" }"#),
            ),
            ("try_lock never waits", steps(r#"{ "lock": "db", "as": "g" }, { "try_lock": "db", "do": [] }"#)),
            (
                "readers in both orders",
                two(
                    r#""steps": [ { "read": "map", "as": "g" }, { "lock": "db", "do": [] } ]"#,
                    r#""steps": [ { "lock": "db", "as": "g" }, { "read": "map", "do": [] } ]"#,
                ),
            ),
            ("a blocking guard", std("")),
            ("a blocking guard on its own thread", std("\n  \"runtime\": \"threads\",")),
            ("timers that tie", tie.clone()),
            ("timers that tie as expected", tie.replace(r#""until": "10s","#, expected)),
            (
                "timers that tie without a common lock",
                tie.replacen("\"lock\": \"db\"", "\"read\": \"map\"", 1),
            ),
            (
                "timers behind something that waits",
                two(
                    r#""steps": [ { "notified": "n" }, { "sleep": "300ms" }, { "lock": "db", "do": [] } ]"#,
                    r#""start": "300ms", "steps": [ { "lock": "db", "do": [] } ]"#,
                ),
            ),
        ]),
    );
}

#[test]
fn a_swap_without_effect_is_the_file_as_it_is() {
    let text = steps(r#"{ "lock": "db", "do": [] }"#);
    let source = Source::new("x", &text);
    let same = Swap { lock: None, kind: LockKind::TokioMutex };
    assert_eq!(parse(&source).unwrap().plan, parse_with(&source, &[same]).unwrap().plan);
}
