//! Without a terminal, and with mistakes: what comes out, on which side, and with which exit code.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::escapes::{self, assert_plain};
use super::harness::{PROGRAM, Said, Setup, bare, file, lockscope, output, plain, say};
use super::screen::Shot;

fn manifest(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

#[test]
fn a_pipe_gets_the_order_as_text() {
    let bare = say::<&str>([]);
    assert_eq!((bare.code, bare.err.as_str()), (Some(0), ""));
    assert_plain(&bare.out);
    assert!(bare.out.starts_with("Who gets in between release and re-lock?\n"), "{}", bare.out);
    assert!(bare.out.ends_with("  2500  stopped: the horizon\n"), "{}", bare.out);
    for args in [&["run"][..], &["run", "tokio-handoff"], &["order", "tokio-handoff"]] {
        assert_eq!(say(args.iter().copied()).out, bare.out, "{args:?}");
    }
    // Whatever else the environment says.
    assert_eq!(output(plain::<&str>([]).env_clear()).out, bare.out);
    assert_eq!(output(plain::<&str>([]).env("TERM", "dumb")).out, bare.out);
}

#[test]
fn the_locale_says_whether_the_order_is_ascii() {
    let order = ["order", "tokio-handoff"];
    let unicode = say(order).out;
    assert!(unicode.contains("release ──────────────▶ granted"), "{unicode}");
    let ascii = say(["order", "tokio-handoff", "--ascii"]).out;
    assert!(ascii.contains("release --------------> granted"), "{ascii}");
    assert!(ascii.is_ascii(), "{ascii}");
    // Only the signs are others.
    for (c, plain) in unicode.chars().zip(ascii.chars()) {
        assert!(if c.is_ascii() { c == plain } else { !plain.is_alphanumeric() && plain != '?' }, "{c:?}");
    }
    assert_eq!(unicode.chars().count(), ascii.len());
    // The first of these that is set and not empty counts.
    for (locale, expected) in [
        (&[("LANG", "C")][..], &ascii),
        (&[("LANG", "POSIX")], &ascii),
        (&[("LANG", "de_DE.ISO-8859-1")], &ascii),
        (&[("LANG", "de_DE.utf8")], &unicode),
        (&[("LANG", "")], &unicode),
        (&[("LC_CTYPE", "C"), ("LANG", "C.UTF-8")], &ascii),
        (&[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], &unicode),
        (&[("LC_ALL", "C"), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C.UTF-8")], &ascii),
        (&[("LC_ALL", "C.UTF-8"), ("LC_CTYPE", "C"), ("LANG", "C")], &unicode),
        (&[("LC_ALL", ""), ("LC_CTYPE", ""), ("LANG", "C")], &ascii),
    ] {
        for args in [&order[..], &["run", "tokio-handoff"], &[]] {
            let mut command = plain(args.iter().copied());
            let said = output(command.env_clear().envs(locale.iter().copied()));
            assert_eq!(&said.out, expected, "{args:?} with {locale:?}");
        }
    }
    assert_eq!(say(["run", "--ascii"]).out, ascii);
    // What programs read is the same everywhere.
    for format in ["json", "prints"] {
        let args = ["order", "tokio-handoff", "--format", format];
        assert_eq!(output(plain(args).env("LANG", "C")).out, say(args).out);
    }
}

#[test]
fn a_closed_stdin_does_not_matter() {
    let expected = say::<&str>([]).out;
    let said = output(Command::new("sh").args(["-c", "exec \"$0\" <&-", PROGRAM]));
    assert_eq!((said.code, said.out, said.err.as_str()), (Some(0), expected, ""));
}

#[test]
fn a_terminal_on_one_side_alone_gets_the_order_too() {
    let through = |script: &str| {
        let mut terminal = lockscope(["order", "tokio-handoff"]).size(120, 80).start_in(script);
        assert_eq!(terminal.end(), 0);
        assert!(escapes::modes(&terminal.raw()).is_empty());
        terminal.shot()
    };
    let expected = through("\"$@\"");
    assert!(expected.contains("The writer got it: first in the queue since 0 ms."), "{expected}");
    let same = |shot: Shot| {
        let story = |shot: &Shot| shot.rows().filter(|row| row.starts_with("    ")).collect::<Vec<_>>();
        assert_eq!(story(&shot), story(&expected));
    };
    same(through("\"$1\" </dev/null"));
    same(through("\"$1\" | cat"));
}

#[test]
fn a_pipe_that_closes_early_is_no_failure() {
    for args in [
        &["order", "tokio-handoff", "--until", "10m"][..],
        &["order", "tokio-handoff", "--until", "10m", "--format", "json"],
        &["order", "tokio-handoff", "--until", "1h", "--format", "prints"],
        &["run", "tokio-handoff", "--until", "10m"],
    ] {
        let mut command = plain(args.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{args:?}");
        // So much comes out that the pipe cannot have held it all.
        let all = say(args.iter().copied()).out.len();
        assert!(all > 65_536, "{args:?}: {all}");
    }
    for args in [&["list"][..], &["show", "tokio-handoff"], &["--help"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = output(plain(args.iter().copied()).stdout(writer));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let said = output(plain(["order", "tokio-handoff"]).stdout(full));
    assert_eq!(said.code, Some(1));
    assert!(said.err.starts_with("lockscope: ") && said.err.ends_with('\n'), "{}", said.err);
}

#[test]
fn the_prints_are_the_lectures_lines() {
    let said = say(["order", "tokio-handoff", "--format", "prints"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, manifest("tests/golden/tokio-handoff.prints"));

    // The golden lines against the scenario itself: its list of prints, and the place of its `dbg`.
    let scenario = manifest("scenarios/tokio-handoff.json");
    let (index, line) = scenario.lines().enumerate().find(|(_, line)| line.contains("\"dbg\"")).unwrap();
    let place = format!("[scenarios/tokio-handoff.json:{}:{}] ", index + 1, line.find('{').unwrap() + 3);
    let json: Value = serde_json::from_str(&scenario).unwrap();
    let expected: Vec<String> = json["expect"]["prints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|print| match print.as_str().unwrap() {
            "value = None" => format!("{place}value = None"),
            "value = Some(Number(1000))" => format!("{place}value = Some(\n    Number(1000),\n)"),
            print => print.to_owned(),
        })
        .collect();
    assert_eq!(said.out, expected.join("\n") + "\n");
}

#[test]
fn the_order_as_json_is_a_line_an_event() {
    let said = say(["order", "tokio-handoff", "--format", "json"]);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, events) = lines.split_last().unwrap();
    assert_eq!(events.len(), 51);
    assert!(events.iter().enumerate().all(|(index, line)| line["seq"] == index as u64 + 1));
    assert!(lines.windows(2).all(|pair| pair[0]["ns"].as_u64() <= pair[1]["ns"].as_u64()));
    assert_eq!((end["event"].as_str(), end["seq"].as_u64()), (Some("end"), None));
}

#[test]
fn the_last_line_of_the_json_says_how_it_ended() {
    let two = |name: &str, orders: [[&str; 2]; 2]| {
        let task = |name: &str, [outer, inner]: [&str; 2]| {
            format!(
                r#"{{ "name": "{name}", "steps": [ {{ "lock": "{outer}", "do": [ {{ "sleep": "10ms" }},
                     {{ "lock": "{inner}", "do": [ {{ "sleep": "10ms" }} ] }} ] }} ] }}"#
            )
        };
        let scenario = format!(
            r#"{{ "scenario": 1, "title": "Two", "until": "1s",
                 "locks": {{ "a": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" }},
                 "tasks": [ {}, {} ] }}"#,
            task("left", orders[0]),
            task("right", orders[1])
        );
        file(name, scenario).to_str().unwrap().to_owned()
    };
    let same = two("commands-same.json", [["a", "b"], ["a", "b"]]);
    let crossed = two("commands-crossed.json", [["a", "b"], ["b", "a"]]);
    let cases = [
        ("tokio-handoff", None, 2500, "stopped", Some("the horizon")),
        ("tokio-handoff", Some("1ms"), 1, "stopped", Some("the horizon")),
        (&same, None, 40, "completed", None),
        (&crossed, None, 10, "deadlock", Some("every task waits, and nobody can let go")),
    ];
    for (scenario, until, millis, outcome, why) in cases {
        let mut args = vec!["order", scenario, "--format", "json"];
        args.extend(until.iter().flat_map(|until| ["--until", until]));
        let said = say(&args);
        assert_eq!(said.code, Some(0), "{args:?}");
        let ends: Vec<&str> = said.out.lines().filter(|line| line.contains(r#""event":"end""#)).collect();
        let why = why.map_or_else(String::new, |why| format!(r#","why":"{why}""#));
        let cause = if outcome == "deadlock" { r#","cause":"cycle""# } else { "" };
        let expected = format!(r#"{{"event":"end","ns":{millis}000000,"outcome":"{outcome}"{cause}{why}}}"#);
        assert_eq!(ends, [expected], "{args:?}");
        assert!(said.out.ends_with(&(ends[0].to_owned() + "\n")));
    }
    // In words too; and with more than one lock the rows name theirs.
    let said = say(["order", &same]).out;
    assert!(
        said.contains("acquires a ") && said.contains("acquires b ") && said.contains("waits #1 a "),
        "{said}"
    );
    assert!(said.contains(" release a ") && said.ends_with("      40  completed\n"), "{said}");
    // Its name does not tell what a task is: no article.
    assert!(said.contains("╰ right got it: first in the queue since 0 ms."), "{said}");
}

#[test]
fn every_run_on_the_virtual_clock_is_the_same() {
    for format in ["text", "prints", "json"] {
        let args = ["order", "tokio-handoff", "--format", format, "--until", "20s"];
        let first = say(args).out;
        for _ in 0..5 {
            assert_eq!(say(args).out, first);
        }
    }
}

#[test]
fn what_is_shown_can_be_saved_and_run() {
    let shown = say(["show", "tokio-handoff"]);
    assert_eq!(shown.out, manifest("scenarios/tokio-handoff.json"));
    let saved = file("commands-saved.json", &shown.out);
    let json = |scenario: &Path| say(["order".as_ref(), scenario.as_os_str(), "--format=json".as_ref()]).out;
    assert_eq!(json(&saved), json(Path::new("tokio-handoff")));
    let list = say(["list"]).out;
    assert!(list.lines().any(|line| line.starts_with("  tokio-handoff ")), "{list}");
    for line in say(["list", "--format", "json"]).out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(say(["order", line["id"].as_str().unwrap()]).code, Some(0));
    }
}

/// What people get wrong: the arguments, and what the message has to say.
fn mistakes() -> Vec<(Vec<String>, Vec<&'static str>)> {
    let path = |name: &str, bytes: &[u8]| file(name, bytes).to_str().unwrap().to_owned();
    let text = path("commands-latin.json", b"{ \"scenario\": 1,\n  \"title\": \"caf\xe9\" }");
    let open = path("commands-open.json", b"{ \"scenario\": 1,\n  \"title\": \"x\",\n");
    let verb = path(
        "commands-verb.json",
        br#"{ "scenario": 1, "title": "x",
  "tasks": [ { "name": "a", "steps": [ { "slep": "1s" } ] } ] }"#,
    );
    let empty = path("commands-empty.json", b"");
    let events = say(["order", "tokio-handoff", "--format", "json"]).out;
    let printed = path("commands-printed.jsonl", events.as_bytes());
    let marked = path("commands-marked.jsonl", format!("\u{feff}{events}").as_bytes());
    let folder = env!("CARGO_TARGET_TMPDIR").to_owned();
    let order = |name: &str| vec!["order".to_owned(), name.to_owned()];
    let flags = |flags: &[&str]| flags.iter().map(|&flag| flag.to_owned()).collect::<Vec<_>>();
    vec![
        (order("missing.json"), vec!["missing.json", "No such file"]),
        (order("no/such/file"), vec!["no/such/file", "No such file"]),
        (order(&folder), vec!["directory"]),
        (order("/dev/zero"), vec!["/dev/zero", "too large", "1024 KiB"]),
        (order(&text), vec!["commands-latin.json:2:16", "not UTF-8", "UTF-8"]),
        (order(&open), vec!["commands-open.json:1:1", "never closed", "put a }"]),
        (order(&empty), vec!["commands-empty.json:1:1"]),
        (order(&verb), vec!["commands-verb.json:2:42", "`slep`", "did you mean `sleep`?"]),
        (vec!["play".to_owned(), printed.clone()], vec!["`--format json` prints"]),
        (order(&marked), vec!["commands-marked.jsonl", "`--format json` prints"]),
        (order(&printed), vec!["commands-printed.jsonl", "`--format json` prints", "lockscope record"]),
        (order("tokio-handof"), vec!["`tokio-handof`", "did you mean `tokio-handoff`?"]),
        (order("something-else"), vec!["`something-else`", "lockscope list"]),
        (flags(&["show", "tokio-hadoff"]), vec!["did you mean `tokio-handoff`?"]),
        (flags(&["run", "tokio-hadoff"]), vec!["did you mean `tokio-handoff`?"]),
        (flags(&["--until", "5"]), vec!["'5'", "--until", "\"5ms\" or \"5s\""]),
        (flags(&["--until", "0ms"]), vec!["--until", "some time"]),
        (flags(&["--speed", "0"]), vec!["'0'", "--speed", "from 0.05 to 50"]),
        (flags(&["--speed", "nan"]), vec!["from 0.05 to 50"]),
        (flags(&["--speed", "-1"]), vec!["-1"]),
        (flags(&["--theme", "drak"]), vec!["'drak'", "dark"]),
        (flags(&["--clock", "reel"]), vec!["real"]),
        (flags(&["--speeed"]), vec!["'--speeed'", "'--speed'"]),
        (flags(&["ordre", "tokio-handoff"]), vec!["'ordre'", "order"]),
        (flags(&["order"]), vec!["<SCENARIO>"]),
        (flags(&["order", "tokio-handoff", "--log", "/no/such/folder/log"]), vec!["/no/such/folder/log"]),
    ]
}

#[test]
fn mistakes_are_told_with_place_and_fix_and_exit_code_2() {
    for (args, words) in mistakes() {
        let Said { out, err, code } = say(&args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.ends_with('\n'), "{args:?}: {err}");
        assert_plain(&err);
        for words in words {
            assert!(err.contains(words), "{args:?}: no {words:?} in\n{err}");
        }
    }
}

#[test]
fn mistakes_leave_a_terminal_alone() {
    for (mut args, words) in mistakes() {
        // What would have opened the picture.
        if args[0] == "order" && args.len() == 2 {
            args[0] = "run".into();
        }
        let setup: Setup = lockscope(&args).size(160, 30);
        let mut terminal = setup.start();
        assert_eq!(terminal.end(), 2, "{args:?}");
        let raw = terminal.raw();
        assert!(escapes::modes(&raw).is_empty(), "{args:?}: {raw:?}");
        assert!(terminal.shot().contains(words[0]), "{args:?}: {}", terminal.shot());
        for steer in escapes::scan(&raw) {
            assert!(matches!(steer, escapes::Steer::Csi(_, 'm')), "{args:?}: {steer:?}");
        }
    }
}

#[test]
fn messages_are_coloured_only_where_colours_are_wanted() {
    let args = ["order", "commands-colour.json"];
    let path = file(args[1], "{").to_str().unwrap().to_owned();
    let colours = |setup: Setup| {
        let mut terminal = setup.start();
        assert_eq!(terminal.end(), 2);
        escapes::sgr(&terminal.raw()).any(|sgr| escapes::is_colour(&sgr))
    };
    assert!(colours(lockscope([args[0], &path])));
    assert!(!colours(lockscope([args[0], &path]).env("NO_COLOR", "1")));
    assert!(colours(lockscope([args[0], &path]).env("NO_COLOR", "")));
}

#[test]
fn the_log_goes_to_its_file_and_not_to_the_screen() {
    let log = file("commands-log.txt", "");
    let mut terminal = lockscope(["--log".as_ref(), log.as_os_str()]).start();
    terminal.first_frame();
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    assert!(fs::read_to_string(&log).unwrap().contains("lockscope starts"));
    let mut other = bare().start();
    other.first_frame();
    other.send("q");
    assert_eq!(other.end(), 0);
}
