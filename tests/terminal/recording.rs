//! Recordings in the terminal: played like a run, and made with a line that says how far it is.

use super::harness::{file, lockscope, say};

const END: &str = "\x1b[F";

/// A trace file of the lecture.
fn recording(name: &str) -> std::path::PathBuf {
    let path = file(name, "");
    let said = say(["record".into(), "tokio-handoff".into(), "-o".into(), path.clone().into_os_string()]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    path
}

#[test]
fn a_recording_plays_like_a_run() {
    let path = recording("plays.jsonl");
    let mut terminal = lockscope(["play".into(), path.into_os_string()]).start();
    terminal.first_frame();
    terminal.press("m", "the marker", |shot| shot.contains("Who gets the lock?"));
    // Its code and its order are there, and it can be stepped both ways.
    let shot = terminal.shot();
    assert!(shot.find("let guard = db.lock().await;").is_some(), "{shot}");
    terminal.press("n", "the handoff, which answers", |shot| shot.contains("─ what happened ─"));
    terminal.press("p", "the one before", |shot| shot.last_row().contains("no earlier handoff"));
    terminal.press(END, "the end", |shot| shot.ending() == "stopped at 2500 ms: the horizon");
    // From the beginning again.
    terminal.press("r", "the beginning", |shot| shot.row(0).contains("▶ 1×"));
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_recording_asks_its_questions_too() {
    for command in ["play", "run"] {
        let path = recording(&format!("asks-{command}.jsonl"));
        let args = [command.into(), path.into_os_string(), "--quiz".into(), "--speed".into(), "50".into()];
        let mut terminal = lockscope(args).start();
        terminal.wait("the question", |shot| shot.contains("─ your guess? ─"));
        terminal.press("2", "the answer", |shot| shot.contains("▶ 2 the writer: it asked first"));
        terminal.send("q");
        assert_eq!(terminal.end(), 0);
    }
}

#[test]
fn run_plays_a_recording_too() {
    let path = recording("run.jsonl");
    let mut terminal = lockscope(["run".into(), path.into_os_string()]).start();
    terminal.first_frame();
    terminal.press(END, "the end", |shot| shot.ending() == "stopped at 2500 ms: the horizon");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_damaged_recording_says_so_at_its_end_and_in_the_shell() {
    let whole = std::fs::read(recording("whole.jsonl")).unwrap();
    let path = file("damaged.jsonl", &whole[..whole.len() / 2]);
    let mut terminal = lockscope(["play".into(), path.into_os_string()]).start();
    terminal.first_frame();
    terminal.press(END, "the damage", |shot| shot.ending().contains("damaged at line"));
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.shot().find("is damaged, line").is_some(), "{}", terminal.shot());
}

#[test]
fn a_long_recording_says_how_far_it_is_and_stops_when_asked() {
    let path = file("long.cast", "old");
    let args = ["record", "tokio-handoff", "--until", "10m", "-o"].map(Into::into);
    let mut terminal = lockscope(args.into_iter().chain([path.clone().into_os_string()])).start();
    terminal.read_until("how far it is", |terminal| terminal.raw().contains(" of 15001 pictures, "));
    terminal.send("\x03");
    assert_eq!(terminal.end(), 128 + 2);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}
