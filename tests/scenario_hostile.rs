//! Files that mean harm, or none: whatever they contain, reading them ends soon, in a plan or in a
//! report that no terminal obeys.

#![cfg(feature = "engine")]

use std::time::{Duration, Instant};

use lockscope::event::LockKind;
use lockscope::scenario::{
    MAX_BYTES, Report, STARTER, Severity, Source, Swap, all, listing, parse, parse_with,
};
use proptest::prelude::*;

/// Reads bytes as far as they go, and shows what there is to show.
fn read(name: &str, bytes: &[u8]) -> Option<Report> {
    let report = match Source::from_bytes(name, bytes).and_then(|source| parse(&source)) {
        Ok(checked) => {
            for task in 0..checked.plan.tasks.len().min(100) {
                let lines = listing(&checked.plan, task);
                assert!(lines.iter().all(|line| !line.text.contains(char::is_control)));
            }
            checked.warnings
        }
        Err(report) => {
            assert!(report.errors() > 0, "a failure without an error");
            report
        }
    };
    harmless(&report);
    (!report.is_empty()).then_some(report)
}

/// A scenario with every verb of every family.
const EVERYTHING: &str = r#"{
  "scenario": 1, "title": "t", "until": "10s",
  "locks": {
    "db": "tokio::sync::Mutex", "map": "tokio::sync::RwLock", "n": "tokio::sync::Notify",
    "s": { "kind": "tokio::sync::Semaphore", "permits": 2 }, "ch": { "kind": "tokio::sync::mpsc", "permits": 1 }
  },
  "tasks": [
    { "name": "a", "steps": [
      { "loop": [ { "recv": "ch", "as": "value" }, { "dbg": "value" } ] },
      { "recv": "ch", "as": "value" },
      { "read": "map", "as": "guard" }, { "try_lock": "db", "do": [ { "get": "k" } ], "else": [ { "yield": 1 } ] },
      { "if": { "$and": [ "value", { "$lt": [ { "$var": "value" }, 3 ] } ] }, "then": [ { "drop": "guard" } ] },
      { "timeout": "1s", "do": [ { "acquire": "s", "permits": 2, "as": "p" } ], "else": [ { "print": "late" } ] },
      { "select": [ { "do": [ { "write": "map", "as": "w" } ], "keep": true }, { "do": [ { "notified": "n" } ] } ] },
      { "try_lock": "db", "as": "g", "else": [ { "add_permits": "s" } ] }, { "insert": "k", "into": "g", "value": 1 }
    ] },
    { "name": "b", "count": 2, "steps": [
      { "send": "ch", "value": { "$add": [ 1, { "$elapsed": "ms" } ] } }, { "notify_one": "n" }, { "notify_waiters": "n" }
    ] }
  ]
}"#;

#[test]
fn the_scenario_of_every_verb_is_a_good_one() {
    let report = read("x", EVERYTHING.as_bytes());
    assert!(report.is_none(), "{}", report.unwrap());
}

/// Nothing but text, line ends and, if asked for, colours.
fn harmless(report: &Report) {
    let bad =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}';
    let plain = report.render(false);
    assert!(!plain.contains(bad), "{plain:?}");
    let colors = report.render(true);
    let mut bare = String::new();
    for (index, part) in colors.split("\u{1b}[").enumerate() {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        assert!(index == 0 || part[end..].starts_with('m'), "{part:?}");
        bare.push_str(if index == 0 { part } else { &part[end + 1..] });
    }
    assert!(!bare.contains(bad), "{bare:?}");
    for mistake in report.mistakes() {
        assert!(!mistake.message.is_empty());
    }
}

/// Reads it and says how long that took.
fn timed(text: &str) -> (Option<Report>, Duration) {
    let begin = Instant::now();
    let report = read("x.json", text.as_bytes());
    (report, begin.elapsed())
}

fn around(steps: &str) -> String {
    format!(
        r#"{{ "scenario": 1, "title": "t", "until": "1s", "locks": {{ "db": "tokio::sync::Mutex" }},
            "tasks": [ {{ "name": "a", "steps": [ {steps} ] }} ] }}"#
    )
}

#[test]
fn the_largest_files_are_read_soon() {
    let fill = |part: &str| part.repeat((MAX_BYTES - 1_000) / part.len());
    let many = |make: &dyn Fn(usize) -> String, count: usize| (0..count).map(make).collect::<String>();
    let cases = [
        ("open brackets", "[".repeat(MAX_BYTES)),
        ("braces", "{\"a\":".repeat(MAX_BYTES / 5)),
        ("a long string", format!("\"{}\"", fill("x"))),
        ("a long name", around(&format!("{{ \"{}\": 1 }}", fill("x")))),
        ("dashes", around(&format!("{{ \"sleep\": \"{}1s\" }}", fill("-")))),
        ("digits", around(&format!("{{ \"sleep\": \"{}s\" }}", fill("9")))),
        ("empty lines", around(&fill("\n"))),
        ("comments", around(&fill("// x\n"))),
        ("wide characters on one line", around(&format!("{{ \"print\": \"{}\" }}, {{}}", fill("€")))),
        ("numbers", around(&fill("7,"))),
        ("unknown verbs", around(&fill("{\"lick\":1},"))),
        ("steps", around(&fill("{\"yield\":1},"))),
        ("unknown locks", around(&many(&|n| format!("{{\"lock\":\"lock{n}\",\"as\":\"g{n}\"}},"), 9_000))),
        ("guards", around(&many(&|n| format!("{{\"lock\":\"db\",\"as\":\"g{n}\"}},"), 9_000))),
        ("unknown guards", around(&many(&|n| format!("{{\"drop\":\"guard{n}\"}},"), 9_000))),
        (
            "branches of guards",
            around(
                &(many(&|n| format!("{{\"lock\":\"db\",\"as\":\"g{n}\"}},"), 4_000)
                    + &"{\"select\":[{\"do\":[{\"drop\":\"g1\"}]},{\"do\":[]}]},".repeat(4_000)),
            ),
        ),
        ("arms", around(&format!("{{\"select\":[{}]}},", "{\"do\":[]},".repeat(64)).repeat(1_300))),
        ("conditions", around(&format!("{{\"if\":{{\"$or\":[{}]}},\"then\":[]}}", fill("{\"$eq\":[1,2]},")))),
        ("far apart", around(&format!("{{\"yield\":1,\n{}\"yield\":2}}", fill("\n")))),
        ("keys", format!("{{{}}}", many(&|n| format!("\"key{n}\":1,"), 60_000))),
        ("the same key", format!("{{{}}}", fill("\"a\":1,"))),
        (
            "tasks",
            format!(
                "{{\"scenario\":1,\"tasks\":[{}]}}",
                many(&|n| format!("{{\"name\":\"t{n}\",\"x\":1}},"), 30_000)
            ),
        ),
        (
            "orders",
            format!(
                "{{\"scenario\":1,\"title\":\"t\",\"locks\":{{{}}},\"tasks\":[{{\"name\":\"a\",\"steps\":[{}]}}]}}",
                many(&|n| format!("\"l{n}\":\"tokio::sync::Mutex\","), 1_000),
                many(&|n| format!("{{\"lock\":\"l{n}\",\"as\":\"g{n}\"}},"), 1_000)
            ),
        ),
    ];
    for (name, text) in cases {
        assert!(text.len() <= MAX_BYTES, "{name}: {}", text.len());
        let (report, took) = timed(&text);
        println!("{name}: {took:?}, {:?}", report.map(|report| (report.errors(), report.warnings())));
        // An unoptimized build on a busy machine; what is quadratic takes minutes.
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
    }
}

#[test]
fn a_report_of_very_many_mistakes_is_short() {
    let report = timed(&around(&"{\"lick\":1},".repeat(9_000))).0.unwrap();
    assert_eq!(report.errors(), 9_000);
    let text = report.to_string();
    assert_eq!(text.matches("unknown verb").count(), 50);
    assert!(text.contains("9000 errors; only 50 of them are shown"), "{}", &text[text.len() - 200..]);
}

#[test]
fn errors_are_shown_before_warnings() {
    let loops = "{ \"lock\": \"db\", \"as\": \"guard\" }, ".to_owned()
        + &"{ \"lock\": \"db\", \"do\": [] },".repeat(300)
        + "{ \"slep\": \"1s\" }";
    let report = timed(&around(&loops)).0.unwrap();
    assert_eq!((report.errors(), report.warnings()), (1, 300));
    assert!(report.mistakes().iter().any(|mistake| mistake.severity == Severity::Error));
    assert!(report.to_string().contains("did you mean `sleep`?"));
}

#[test]
fn bounds_are_errors_that_say_so() {
    let tasks = |tasks: &str| format!("{{\"scenario\":1,\"title\":\"t\",\"tasks\":[{tasks}]}}");
    let steps = "{\"yield\":1},".repeat(11);
    for (text, words) in [
        (" ".repeat(MAX_BYTES + 1), "too large"),
        (around(&"{\"yield\":1},".repeat(10_001)), "at most 10000 steps"),
        (tasks(r#"{"name":"a","count":100001,"steps":[]}"#), "`count` must be at most 100000"),
        (tasks(r#"{"name":"a","count":100000,"steps":[]},{"name":"b","steps":[]}"#), "at most 100000 tasks"),
        (tasks(&format!(r#"{{"name":"a","count":100000,"steps":[{steps}]}}"#)), "at most 1000000 steps"),
        (around("{\"lock\":\"db\",\"do\":[{\"lock\":\"db\",\"do\":[").repeat(40), "too many brackets"),
    ] {
        let report = read("x", text.as_bytes()).unwrap().to_string();
        assert!(report.contains(words), "{words}: {report}");
    }
    assert!(parse(&Source::new("x", &" ".repeat(MAX_BYTES + 1))).is_err());
    let nested =
        |depth| around(&("{\"times\":1,\"loop\":[".repeat(depth) + "{\"yield\":1}" + &"]}".repeat(depth)));
    assert!(read("x", nested(29).as_bytes()).is_none());
    assert!(read("x", nested(30).as_bytes()).unwrap().to_string().contains("too many brackets"));
    assert!(read("x", around(&"{\"yield\":1},".repeat(10_000)).as_bytes()).is_none());
    assert!(read("x", tasks(r#"{"name":"a","count":100000,"steps":[]}"#).as_bytes()).is_none());
}

#[test]
fn no_terminal_obeys_a_file() {
    let nasty = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}\u{2066}\0\u{7f}\u{85}\u{2028}";
    let escaped = r"\u001b[2J\u0007\u009b31m\u202e\u2066\u0000\u007f\u0085\u2028";
    let file = format!(
        r#"{{ "scenario": 1, "title": "t{escaped}", "{escaped}": 1, "clock": "{escaped}",
            "locks": {{ "l{escaped}": "{escaped}", "db": {{ "kind": "tokio::sync::Mutex", "data": {{ "$x{escaped}": 1 }} }} }},
            "tasks": [ {{ "name": "{escaped}", "steps": [ {{ "v{escaped}": 1 }}, {{ "sleep": "{escaped}" }}, {{ "sleep": "1{escaped}" }},
              {{ "lock": "{escaped}", "as": "{escaped}" }}, {{ "drop": "x{escaped}" }}, {{ "dbg": "{escaped}" }} ] }} ],
            "markers": [ {{ "on": {{ "event": "{escaped}", "task": "{escaped}" }} }} ],
            "expect": {{ "acquires": [ "{escaped}@1", "{escaped}" ] }} }} // {nasty}"#
    );
    let report = read(nasty, file.as_bytes()).unwrap();
    assert!(report.errors() > 12, "{report}");
    for text in
        [nasty, &format!("{{ \"a\": \"{nasty}\" }}"), &format!("{{ {nasty}: 1 }}"), &format!("// {nasty}")]
    {
        read(nasty, text.as_bytes()).unwrap();
    }
}

/// A change to a text.
#[derive(Debug, Clone)]
enum Edit {
    Delete(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let bits = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "0",
        "-1",
        "1e999",
        "null",
        "true",
        "\n",
        "\r\n",
        "\t",
        "/*",
        "//",
        "\"as\"",
        "\"do\"",
        "\"loop\"",
        "\"drop\":\"guard\"",
        "{\"drop\":\"guard\"},",
        "\"$var\"",
        "\u{1b}",
        "\u{202e}",
        "€",
        "{\"loop\":[]},",
        "{\"if\":\"value\",\"then\":[{\"drop\":\"guard\"}]},",
        "{\"select\":[{\"do\":[{\"drop\":\"guard\"}],\"keep\":true},{\"do\":[]}]},",
        "{\"timeout\":\"1ms\",\"do\":[{\"drop\":\"guard\"}],\"else\":[{\"drop\":\"guard\"}]},",
        "{\"try_lock\":\"db\",\"as\":\"guard\",\"else\":[]},",
        "{\"recv\":\"ch\",\"as\":\"value\"},",
        "{\"$add\":[1,{\"$var\":\"value\"}]}",
        "\"else\":[",
        "\"lock\"",
        "\"read\"",
        "\"acquire\"",
        "tokio::sync::Mutex",
        "std::sync::RwLock",
        "async_lock::Semaphore",
        "\"permits\":1,",
        "\"count\":3,",
        "#1",
        "@",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), 1..40usize).prop_map(|(at, count)| Edit::Delete(at, count)),
        (any::<prop::sample::Index>(), bits).prop_map(|(at, text)| Edit::Insert(at, text.to_owned())),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..80usize)
            .prop_map(|(from, to, count)| Edit::Copy(from, to, count)),
    ]
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for edit in edits {
        let place = |at: &prop::sample::Index| at.index(chars.len() + 1);
        match edit {
            Edit::Delete(at, count) => {
                let at = place(at);
                chars.drain(at..(at + count).min(chars.len()));
            }
            Edit::Insert(at, text) => {
                let at = place(at);
                chars.splice(at..at, text.chars());
            }
            Edit::Copy(from, to, count) => {
                let (from, to) = (place(from), place(to));
                let part: Vec<char> = chars[from..(from + count).min(chars.len())].to_vec();
                chars.splice(to..to, part);
            }
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(name in "\\PC{0,10}|[\\x00-\\x1f]{0,5}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&name, &bytes);
    }

    #[test]
    fn any_json_like_text_gets_an_answer(text in "([{}\\[\\],:\"'\\\\/* \n0-9eE.+-]|\"[a-z]{0,4}\"|\"scenario\":1,|true|null|€|\u{1b}){0,80}") {
        read("x", text.as_bytes());
    }

    #[test]
    fn any_change_to_a_good_scenario_gets_an_answer(edits in prop::collection::vec(edit(), 1..6)) {
        for text in all().iter().map(|scenario| scenario.text).chain([EVERYTHING, STARTER]) {
            read("x", apply(text, &edits).as_bytes());
        }
    }

    #[test]
    fn any_swap_gets_an_answer(
        edits in prop::collection::vec(edit(), 0..3),
        lock in prop::option::of("db|map|s|ch|\\PC{0,5}"),
        kind in prop::sample::select(LockKind::ALL.to_vec()),
    ) {
        let swaps = [Swap { lock, kind }];
        match parse_with(&Source::new("x", &apply(EVERYTHING, &edits)), &swaps) {
            Ok(checked) => harmless(&checked.warnings),
            Err(report) => harmless(&report),
        }
    }
}
