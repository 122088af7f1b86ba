//! Whatever a scenario, a file's name or an argument contains, no terminal obeys it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::escapes::{self, Steer, assert_draws_only, assert_plain};
use super::harness::{file, lockscope, say};
use super::screen::Shot;

const END: &str = "\x1b[F";

/// Colours, titles, links, clipboard, reset, C1, bidi, invisible, and what moves the cursor; in
/// JSON's escapes, since JSON admits no raw control characters.
const BAD: &str = concat!(
    r"\u001b[31m \u001b]0;owned\u0007 \u001b]8;;http://x\u001b\\ \u001b]52;c;eA==\u0007 \u001bc \u001b[?1049l",
    r" \u009b31m \u009d0;x\u009c \u0090q \u0085 \u202e \u2066 \u200b \u2028 \ufeff \r\n \b \u007f \u0000 \u0007 \u000e",
);

/// A scenario that says bad things wherever it may; `{}` is where.
fn scenario() -> String {
    r#"{ "scenario": 1, "title": "t {}", "lesson": "l {}", "until": "1s",
         "locks": { "db": { "kind": "tokio::sync::Mutex", "data": { "k {}": "v {}" } } },
         "tasks": [ { "name": "reader", "steps": [
           { "say": "s {}" }, { "print": "p {}" },
           { "lock": "db", "as": "guard" },
           { "get": "k {}", "from": "guard", "as": "value" }, { "dbg": "value" },
           { "insert": "k2 {}", "value": { "in {}": ["deep {}"] }, "into": "guard" },
           { "sleep": "10ms" } ] } ],
         "markers": [ { "on": { "event": "sleep", "task": "reader", "nth": 1 },
           "label": "m {}", "ask": "a {}", "answers": ["b {}", "c {}"], "say": "d {}" } ] }"#
        .replace("{}", BAD)
}

/// A file whose name is as bad as what is in it, as far as a file system allows that.
fn bad_file(name: &str, text: &str) -> PathBuf {
    file(&format!("{name}-\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}\u{9b}1m\r.json"), text)
}

#[test]
fn the_order_steers_no_terminal() {
    let path = bad_file("hostile-order", &scenario());
    for format in ["text", "prints", "json"] {
        let said = say(["order".as_ref(), path.as_os_str(), "--format".as_ref(), format.as_ref()]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert!(said.out.contains("owned"), "it is shown nevertheless: {}", said.out);
        assert!(!said.out.contains('\r'), "{:?}", said.out);
        assert_plain(&said.out);
    }
}

#[test]
fn json_keeps_what_it_makes_harmless() {
    let path = file("hostile-json.json", scenario());
    let said = say(["order".as_ref(), path.as_os_str(), "--format=json".as_ref()]);
    let print = said.out.lines().find(|line| line.contains("\"print\"")).unwrap();
    let print: serde_json::Value = serde_json::from_str(print).unwrap();
    let meant: String = serde_json::from_str(&format!("\"p {BAD}\"")).unwrap();
    assert_eq!(print["text"], meant);
}

#[test]
fn the_picture_steers_no_terminal() {
    let path = bad_file("hostile-picture", &scenario());
    let mut terminal = lockscope(["run".as_ref(), path.as_os_str()]).start();
    terminal.first_frame();
    let shot = terminal.press(END, "the end", Shot::ended);
    assert!(shot.contains("owned"), "it is shown nevertheless: {shot}");
    assert!(shot.row(0).starts_with(" lockscope  t ␛[31m"), "{shot}");
    for keys in ["t", "b", "t", "b", "c", "c", "\x1b[H", "m", "\x1b[C", "\x1b[D", "\x1b[D"] {
        terminal.after(keys);
    }
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    let raw = terminal.raw();
    let program = raw.split_once('.').unwrap().1;
    assert_draws_only(program);
}

#[test]
fn messages_steer_no_terminal() {
    let bad = "\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}\u{9b}1m\r";
    let broken = scenario().replace("\"sleep\"", "\"slep\"");
    let named = |from: &str| scenario().replace(from, &format!("{from} {BAD}"));
    let paths = [
        bad_file("hostile-verb", &broken),
        bad_file("hostile-raw", &format!("{{ \"scenario\": 1, \"title\": \"{bad}\" {bad} }}")),
        bad_file("hostile-bytes", &format!("{bad}{{")),
        bad_file("hostile-lock", &named("\"db")),
        bad_file("hostile-task", &named("\"reader")),
        bad_file("hostile-field", &named("\"lesson")),
    ];
    let mut calls: Vec<Vec<OsString>> =
        paths.iter().map(|path| vec!["order".into(), path.as_os_str().to_owned()]).collect();
    for args in [
        &["order", bad][..],
        &["order", &format!("./{bad}")],
        &["show", bad],
        &["order", "tokio-handoff", "--log", &format!("/no/such/{bad}")],
        &[&format!("--{bad}")],
        &[bad],
        &["--until", bad],
        &["--until", &format!("1{bad}")],
        &["--speed", bad],
        &["--theme", bad],
        &["--seed", bad],
        &["order", "tokio-handoff", "--format", bad],
        &["order", "tokio-handoff", bad],
    ] {
        calls.push(args.iter().map(Into::into).collect());
    }
    for args in calls {
        let said = say(&args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert_plain(&said.err);
        assert!(!said.err.contains('\r'), "{:?}", said.err);
        // To a terminal as well: there it has colours, and nothing else.
        let mut terminal = lockscope(&args).start();
        assert_eq!(terminal.end(), 2, "{args:?}");
        for steer in escapes::scan(&terminal.raw()) {
            assert!(matches!(steer, Steer::Csi(_, 'm')), "{args:?}: {steer:?}");
        }
    }
}
