//! `compare`: two scenarios beside each other in a real terminal, and without one.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use super::escapes;
use super::harness::{Terminal, file, lockscope, plain, say};
use super::screen::Shot;

const END: &str = "\x1b[F";
const HOME: &str = "\x1b[H";
const RIGHT: &str = "\x1b[C";

/// The lecture, and the same with a reader that sleeps less and a writer that sleeps longer.
fn pair(name: &str) -> [String; 2] {
    let lecture = include_str!("../../scenarios/tokio-handoff.json");
    let after = lecture.replace("\"1s\"", "\"700ms\"").replace("\"350ms\"", "\"800ms\"");
    let path = |name: String, text: &str| file(&name, text).to_str().expect("a path").to_owned();
    [path(format!("{name}-before.json"), lecture), path(format!("{name}-after.json"), &after)]
}

fn start(name: &str, flags: &[&str]) -> Terminal {
    let [before, after] = pair(name);
    let args = ["compare", &before, &after].into_iter().chain(flags.iter().copied());
    let mut terminal = lockscope(args.map(str::to_owned)).start();
    terminal.first_frame();
    terminal
}

#[test]
fn it_plays_shows_the_difference_and_quits() {
    let mut terminal = start("comparing-plays", &["--speed", "5"]);
    let shot = terminal.wait("it plays", |shot| shot.playing() && shot.millis() > Some(0));
    assert!(shot.alternate && !shot.cursor, "{shot}");
    assert!(shot.contains("─ comparing-plays-before.json ─"), "{shot}");
    assert!(shot.contains("─ comparing-plays-after.json ─"), "{shot}");
    assert!(shot.row(0).contains("compare · 2 scenarios"), "{shot}");
    let ended = terminal.wait("the end", Shot::ended);
    assert_eq!(ended.millis(), Some(2500));
    assert!(ended.contains("FIFO · stopped at 2500 ms"), "{ended}");
    let there = terminal.press("d", "the difference", |shot| shot.paused() && shot.millis() == Some(700));
    assert!(there.contains("the writer waits for db until 1000 ms"), "{there}");
    terminal.press(RIGHT, "a step", |shot| *shot != there);
    terminal.press(HOME, "the beginning", |shot| shot.millis() == Some(0));
    terminal.press("n", "the first handoff of any", |shot| shot.millis() == Some(700));
    let shot = terminal.press("?", "the help", Shot::help);
    assert!(shot.contains("the first difference"), "{shot}");
    terminal.press("?", "the picture again", |shot| !shot.help());
    terminal.press(END, "the end", |shot| *shot == ended);
    terminal.press(" ", "from the beginning", Shot::playing);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn another_size_and_a_signal_are_as_ever() {
    let mut terminal = start("comparing-size", &[]);
    terminal.press(END, "the end", Shot::ended);
    for (width, height) in [(80, 24), (60, 16), (200, 50)] {
        terminal.resize(width, height);
        let shot = terminal.wait("that size", |shot| {
            shot.row(0).chars().count() == usize::from(width) - 1 && shot.contains("what differs")
        });
        assert!(shot.last_row().starts_with(" space replay"), "{shot}");
    }
    terminal.resize(40, 10);
    terminal.wait("too small", |shot| shot.contains("at least 60x16, this is 40x10"));
    terminal.signal("TERM");
    assert_eq!(terminal.end(), 128 + 15);
}

#[test]
fn without_a_terminal_it_prints() {
    let [before, after] = pair("comparing-prints");
    let said = say(["compare", &before, &after]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains("▶writer@700"), "{}", said.out);
    assert!(said.out.contains("first difference: acquisition 2 of db, at 700 ms"), "{}", said.out);
    assert_eq!(say(["compare", &before, &after, "--format", "text"]).out, said.out);
    let ascii = say(["compare", &before, &after, "--ascii"]).out;
    assert!(ascii.is_ascii() && ascii.contains(">writer@700"), "{ascii}");
    let json = say(["compare", &before, &after, "--format", "json"]);
    let value: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(value["variants"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["variants"][1]["name"], "comparing-prints-after.json");
    assert_eq!(value["differences"][0]["acquisition"], 2);
    // Whatever they come to, it is no failure.
    let same = say(["compare", &before, &before]);
    assert_eq!(same.code, Some(0));
    assert!(same.out.contains("no difference: the same order at the same times"), "{}", same.out);
}

#[test]
fn one_scenario_and_one_lock_is_the_scenario_as_it_is_and_with_that() {
    let said = say(["compare", "tokio-handoff", "--lock", "tokio::sync::Mutex", "--format", "json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let value: Value = serde_json::from_str(&said.out).expect("JSON");
    let names: Vec<&str> =
        value["variants"].as_array().expect("two").iter().filter_map(|run| run["name"].as_str()).collect();
    assert_eq!(names, ["tokio::sync::Mutex", "tokio::sync::Mutex (2)"]);
    assert_eq!(value["title"], "Who gets in between release and re-lock?");
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_runs() {
    let verb = file(
        "comparing-verb.json",
        r#"{ "scenario": 1, "title": "x", "tasks": [ { "name": "a", "steps": [ { "slep": "1s" } ] } ] }"#,
    );
    let verb = verb.to_str().expect("a path");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["tokio-handoff"], &["nothing to compare with", "`--lock KIND`"]),
        (&["tokio-handoff", "--lock", "std::Mutex"], &["`std::Mutex`", "did you mean `std::sync::Mutex`?"]),
        (&["tokio-handoff", "--lock", "Mutx"], &["`Mutx`", "known: tokio::sync::Mutex"]),
        (
            &["tokio-handoff", verb, "--lock", "std::sync::Mutex"],
            &["several scenarios and `--lock`", "one scenario and its locks"],
        ),
        (&["tokio-handoff", verb], &["comparing-verb.json:1:", "did you mean `sleep`?"]),
        (&["tokio-handoff", "missing.json"], &["missing.json"]),
        (&[], &["<SCENARIO>"]),
    ];
    for (args, words) in cases {
        let said = say(std::iter::once("compare").chain(args.iter().copied()));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}: {}", said.err);
        for words in words {
            assert!(said.err.contains(words), "{args:?}: no {words:?} in\n{}", said.err);
        }
        let mut terminal =
            lockscope(["compare"].into_iter().chain(args.iter().copied()).map(str::to_owned)).start();
        assert_eq!(terminal.end(), 2, "{args:?}");
        assert!(escapes::modes(&terminal.raw()).is_empty(), "{args:?}");
    }
    for command in ["run", "order", "check"] {
        let said =
            say([command, "tokio-handoff", "--lock", "std::sync::Mutex", "--lock", "tokio::sync::Mutex"]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{command}");
        assert!(said.err.contains("two kinds for every lock") && said.err.contains("lockscope compare"));
    }
}

/// Variants have nearly the same warnings: they are counted, and `check` shows them.
#[test]
fn warnings_are_only_counted() {
    let [kind, other] = ["std::sync::Mutex", "parking_lot::Mutex"];
    let said = say(["compare", "tokio-handoff", "--lock", kind, "--lock", other]);
    let told: Vec<&str> = said.err.lines().filter(|line| !line.starts_with("running ")).collect();
    assert_eq!((said.code, told), (Some(0), vec!["1 warning; `lockscope check --lock KIND` shows it"]));
}

/// Whoever writes the flags of a command before it is told where they belong.
#[test]
fn flags_go_behind_the_command() {
    let said = say(["--until", "5ms", "order", "tokio-handoff"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("tip: flags go behind the command: lockscope order …"), "{}", said.err);
}

#[test]
fn a_pipe_that_closes_early_is_no_failure() {
    let [before, after] = pair("comparing-pipe");
    let mut command = plain(["compare", &before, &after, "--until", "1h", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut byte = [0];
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    out.read_exact(&mut byte).expect("it writes");
    drop(out);
    let mut err = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
    assert_eq!(child.wait().expect("its end").code(), Some(0), "{err}");
    // On a slow machine it says what it waits for.
    assert!(err.lines().all(|line| line.starts_with("running ")), "{err}");
}

#[test]
fn real_time_is_announced_and_can_be_interrupted() {
    let [before, after] = pair("comparing-real");
    let mut command = plain(["compare", &before, &after, "--clock", "real", "--until", "1h"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert_eq!(line(), "running comparing-real-before.json in real time, 3600 s");
    assert_eq!(line(), "running comparing-real-after.json in real time, 3600 s");
    // Not INT: where the tests run in the background of a shell, that is ignored from the beginning.
    let kill = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    assert!(kill.expect("a shell").success());
    assert_eq!(child.wait().expect("its end").code(), None, "by the signal");
    assert!(lines.next().is_none(), "without a word");
}
