//! `lockscope attach`, the real binary, at a program that is driven here.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use lockscope::event::{Actor, Event, LockId, LockKind, LockName, Mode, OpId, Packed, TaskId, Time, What};
use lockscope::live::{Feed, Token, feed, feed_with};
use lockscope::sync::{Batch, Outlet};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

fn lockscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockscope"));
    command.args(args).env_clear().env("LANG", "C.UTF-8");
    command
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// One task that has one lock; its name could steer a terminal.
fn acquire(feed: &mut Feed) {
    let lock = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
    let what = What::Acquire { lock: LockId(0), op: OpId(1), mode: Mode::Exclusive };
    let actor = Actor { task: TaskId(0), step: None };
    let event = Event { seq: 1, at: Time::from_millis(7), actor, what };
    let events = [Packed::of(&event).unwrap()];
    feed.take(&Batch { tasks: &["a\x1b[2J".into()], locks: &[lock], events: &events, ..Batch::default() });
}

#[test]
fn it_prints_what_holds_and_what_happens_until_the_end() {
    let note = "\"earlier\":1}";
    for (format, last) in [("text", "the end"), ("json", note)] {
        let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
        acquire(&mut feed);
        let mut viewer = lockscope(&["attach", &serving.addr().to_string(), "--format", format])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(viewer.stdout.take().unwrap()).lines();
        let before = lines.next().unwrap().unwrap();
        match format {
            "text" => {
                assert!(before.contains("1 event came before; it begins with what holds now"), "{before}");
            }
            _ => assert_eq!(before, r#"{"event":"before","events":1,"opening":1}"#),
        }
        // The task has the lock: told although it happened before.
        let acquired = lines.next().unwrap().unwrap();
        assert!(acquired.contains("acquire") && acquired.contains("db"), "{acquired}");
        assert!(!acquired.contains('\x1b'), "{acquired:?}");
        feed.finish(Time::from_millis(9));
        let end = lines.next().unwrap().unwrap();
        assert!(end.contains(last), "{end}");
        assert!(lines.next().is_none());
        assert_eq!(viewer.wait().unwrap().code(), Some(0));
    }
}

fn tell(feed: &mut Feed, ms: u64, what: What) {
    let actor = Actor { task: TaskId(0), step: None };
    let event = Event { seq: 0, at: Time::from_millis(ms), actor, what };
    feed.take(&Batch { events: &[Packed::of(&event).unwrap()], ..Batch::default() });
}

/// Nothing more happens in a program that hangs: it is told why.
#[test]
fn it_tells_of_who_waits_for_each_other_once() {
    for (format, told, missing, cause) in [
        (
            "text",
            "     1.108 s  A self-lock: a␛[2J waits for db, which it holds itself. Only a timeout",
            "3 events are missing here",
            "the end",
        ),
        (
            "json",
            r#"{"event":"stuck","ns":1108000000,"cause":"self-lock","since_ns":8000000,"waits":[{"task":"a\u001b[2J","lock":"db","owner":"a\u001b[2J"}]}"#,
            r#""event":"lost""#,
            r#""cause":"self-lock""#,
        ),
    ] {
        let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
        acquire(&mut feed);
        let addr = serving.addr().to_string();
        let viewer = lockscope(&["attach", &addr, "--format", format]).stdout(Stdio::piped()).spawn();
        let mut viewer = viewer.unwrap();
        let mut lines = BufReader::new(viewer.stdout.take().unwrap()).lines();
        let mut next = || lines.next().unwrap().unwrap();
        next();
        next();
        let waits = What::Wait { lock: LockId(0), op: OpId(2), mode: Mode::Exclusive };
        for (ms, what) in
            [(8, waits), (1007, What::Wake), (1108, What::Wake), (2000, What::Lost { events: 3 })]
        {
            tell(&mut feed, ms, what);
        }
        assert!(next().contains("wait"));
        // What does not last is not told.
        assert!(next().contains("wake") && next().contains("wake"));
        let line = next();
        assert!(line.starts_with(told), "{line}");
        assert!(next().contains(missing));
        // What holds then is told anew, with that moment's time: it is the same ring.
        let acquire = What::Acquire { lock: LockId(0), op: OpId(1), mode: Mode::Exclusive };
        let waits = What::Wait { lock: LockId(0), op: OpId(2), mode: Mode::Exclusive };
        for (ms, what) in
            [(2000, acquire), (2000, waits), (2500, What::Wake), (3100, What::Wake), (3300, What::Wake)]
        {
            tell(&mut feed, ms, what);
            let line = next();
            assert!(!line.contains("self-lock"), "{line}");
        }
        feed.finish(Time::from_millis(3301));
        let end = next();
        assert!(end.contains(cause), "{end}");
        assert!(lines.next().is_none());
        assert_eq!(viewer.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_pipe_that_closes_ends_it_quietly() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    acquire(&mut feed);
    let mut viewer = lockscope(&["attach", &serving.addr().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    let mut out = viewer.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    feed.finish(Time::from_millis(9));
    assert_eq!(said(&viewer.wait_with_output().unwrap()), (String::new(), String::new(), Some(0)));
}

#[test]
fn it_says_why_there_is_nothing_to_look_at() {
    let token = "0123456789abcdef";
    let (feed, serving) = feed_with("127.0.0.1:0", Token::new(token).unwrap()).unwrap();
    let addr = serving.addr().to_string();
    let (out, err, code) = said(&lockscope(&["attach", &addr]).output().unwrap());
    assert_eq!((&*out, code), ("", Some(2)));
    assert!(err.contains("wants a token") && err.contains("--token-env"), "{err}");
    let mut unset = lockscope(&["attach", &addr, "--token-env", "NOT_SET"]);
    assert!(said(&unset.output().unwrap()).1.contains("`NOT_SET` is not set"));
    drop(feed);
    let mut right = lockscope(&["attach", &addr, "--token-env", "MINE"]);
    assert_eq!(said(&right.env("MINE", token).output().unwrap()).2, Some(0));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let web = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 No\r\n\r\n"));
    let (_, err, code) = said(&lockscope(&["attach", &addr]).output().unwrap());
    assert!(
        err.contains("does not answer as a program with lockscope in it does") && code == Some(2),
        "{err}"
    );
    web.join().unwrap().unwrap();
    let (_, err, code) = said(&lockscope(&["attach", &addr]).output().unwrap());
    assert!(err.contains("is the program running") && code == Some(2), "{err}");
}

#[test]
fn a_program_that_was_started_tells_its_status() {
    let (out, err, code) =
        said(&lockscope(&["attach", "--", "/bin/sh", "-c", "echo hi; exit 7"]).output().unwrap());
    assert_eq!((&*out, code), ("", Some(7)), "{err}");
    assert!(
        err.contains("hi\n") && err.contains("reported nothing") && err.contains("exit status: 7"),
        "{err}"
    );
    let (_, err, code) = said(&lockscope(&["attach", "--", "/not/there"]).output().unwrap());
    assert!(err.contains("cannot start") && err.contains("help: after `--`") && code == Some(2), "{err}");
}

/// A program that says on stderr where it shall report to, and goes on.
fn told_where(script: &str) -> (Child, BufReader<ChildStderr>, String) {
    let script = format!("echo \"$LOCKSCOPE_REPORT\" >&2; {script}");
    let mut viewer = lockscope(&["attach", "--", "/bin/sh", "-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(viewer.stderr.take().unwrap());
    let mut report = String::new();
    err.read_line(&mut report).unwrap();
    (viewer, err, report.trim_end().to_owned())
}

/// Others on this machine may find the port, and then say nothing: each would be waited for as long as a program
/// waits to be heard.
#[test]
fn who_comes_and_says_nothing_keeps_no_program_waiting() {
    let (mut viewer, _err, report) = told_where("exec sleep 1000");
    let addr = report.split(' ').next().unwrap();
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let (mut feed, _serving) = lockscope::live::report_to(&report).unwrap();
    acquire(&mut feed);
    let mut lines = BufReader::new(viewer.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("acquire"));
    drop(silent);
    feed.finish(Time::from_millis(9));
    assert!(lines.next().unwrap().unwrap().contains("the end"));
    // It has reported its end and goes on: it is waited for, and ends with us.
    kill(&viewer);
    assert_eq!(viewer.wait().unwrap().code(), Some(0));
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number as i32).unwrap()
}

fn kill(viewer: &Child) {
    kill_process(pid(viewer.id()), Signal::TERM).unwrap();
}

/// It is ours: whoever ends us ends it too, before it reports as after, and though it would rather not.
#[test]
fn a_program_that_was_started_ends_with_us() {
    for stays in ["", "trap '' TERM; "] {
        let (mut viewer, mut err, _) =
            told_where(&format!("{stays}echo $$ >&2; while :; do sleep 0.01; done"));
        let mut number = String::new();
        err.read_line(&mut number).unwrap();
        kill(&viewer);
        assert_eq!(viewer.wait().unwrap().code(), Some(0));
        let gone = test_kill_process(pid(number.trim().parse().unwrap()));
        assert_eq!(gone, Err(rustix::io::Errno::SRCH));
    }
}
