//! A program in the player as it happens: one that serves, and one that is started. The test is the program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use lockscope::event::{Actor, Event, LockId, LockKind, LockName, Mode, OpId, Packed, TaskId, Time, What};
use lockscope::live::{Feed, feed, report_to};
use lockscope::sync::{Batch, Outlet};
use rustix::process::{Pid, test_kill_process};

use super::harness::{Pipe, lockscope, say};
use super::screen::Shot;

const DB: LockId = LockId(0);
const X: Mode = Mode::Exclusive;

/// The test's own folder, and a script that runs the program there.
fn folder(name: &str) -> (PathBuf, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let script = format!("cd \"{}\" && exec \"$@\"", folder.display());
    (folder, script)
}

fn give(feed: &mut Feed, tasks: &[&str], events: &[(u64, u32, What)]) {
    let tasks: Vec<_> = tasks.iter().map(|name| (*name).into()).collect();
    let db = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
    let locks = if tasks.is_empty() { vec![] } else { vec![db] };
    let event = |(ms, task, what): &(u64, u32, What)| {
        let actor = Actor { task: TaskId(*task), step: None };
        Packed::of(&Event { seq: 0, at: Time::from_millis(*ms), actor, what: what.clone() }).unwrap()
    };
    let events: Vec<_> = events.iter().map(event).collect();
    feed.take(&Batch { tasks: &tasks, locks: &locks, events: &events, ..Batch::default() });
}

/// The reader has the lock; the other task's name could steer a terminal.
fn begin(feed: &mut Feed) {
    let acquire = What::Acquire { lock: DB, op: OpId(1), mode: X };
    give(feed, &["reader", "writer\x1b[2J"], &[(0, 0, What::Spawn), (0, 1, What::Spawn), (100, 0, acquire)]);
}

/// The other one waits for it, and gets it.
fn hand_over(feed: &mut Feed) {
    let op = OpId(2);
    let events = [
        (300, 1, What::Wait { lock: DB, op, mode: X }),
        (1000, 0, What::Release { lock: DB, op: OpId(1) }),
        (1000, 1, What::Grant { lock: DB, op, mode: X }),
        (1000, 1, What::Acquire { lock: DB, op, mode: X }),
    ];
    give(feed, &[], &events);
}

#[test]
fn a_program_is_watched_until_its_end_and_when_it_is_back() {
    let (folder, script) = folder("attaching");
    let (mut first, serving) = feed("127.0.0.1:0").unwrap();
    let addr = serving.addr();
    begin(&mut first);
    let mut terminal = lockscope(["attach".into(), addr.to_string()]).start_in(&script);
    // It is told where things stand, and from then on all that happens.
    terminal.wait("the reader has it", |shot| shot.contains("held by  reader"));
    hand_over(&mut first);
    let shot = terminal.wait("the handoff", |shot| shot.contains("got it: first in the queue since 300 ms"));
    assert!(shot.playing() && shot.millis() == Some(1000), "{shot}");
    let port = addr.port().to_string();
    insta::assert_snapshot!("attached", shot.text().replace(&port, &"-".repeat(port.len())));
    // A pause stops the picture; the end is where the program is.
    terminal.press(" ", "the pause", Shot::paused);
    first.idle(Time::from_millis(2000));
    terminal.press("p", "the handoff", |shot| shot.contains("granted, not yet polled"));
    terminal.press("\x1b[F", "what it does now", |shot| shot.playing() && shot.millis() == Some(2000));
    first.finish(Time::from_millis(2500));
    terminal.wait("the end", |shot| {
        shot.ended() && shot.ending() == "stopped at 2500 ms: the program has ended, and is waited for"
    });
    terminal.press("w", "it is saved", |shot| {
        shot.last_row().contains("saved 6 events in lockscope-1.lockscope")
    });
    terminal.press("w", "it is saved anew", |shot| shot.last_row().contains("in lockscope-2.lockscope"));
    // As long as it only says that it has ended, it is not back.
    drop((first, serving));
    let (mut second, _serving) = loop {
        match feed(addr) {
            Ok(serving) => break serving,
            // The threads of the one before are about to let go of it.
            Err(_) => std::thread::yield_now(),
        }
    };
    give(&mut second, &["another"], &[(7, 0, What::Spawn)]);
    terminal.wait("it is back", |shot| {
        shot.last_row().contains("the program is back") && shot.playing() && !shot.contains("reader")
    });
    terminal.wait("its task", |shot| shot.contains("another"));
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    let saved = say(["order".into(), folder.join("lockscope-1.lockscope").into_os_string()]);
    assert!(saved.out.contains("acquires") && saved.out.contains("the program has ended"), "{}", saved.out);
    assert_eq!((saved.code, saved.err.as_str()), (Some(0), ""));
}

/// Whoever was there when it happened is told, and whoever comes to see why nothing moves any more.
#[test]
fn who_waits_for_himself_is_told_of_to_whoever_comes() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    begin(&mut feed);
    let addr = serving.addr().to_string();
    let why = "that it waits for itself";
    let told = |shot: &Shot| shot.contains("A self-lock: the reader waits for db, which it holds itself.");
    let mut early = lockscope(["attach", &addr]).start();
    early.wait("the reader has it", |shot| shot.contains("held by  reader") && !told(shot));
    give(&mut feed, &[], &[(300, 0, What::Wait { lock: DB, op: OpId(2), mode: X })]);
    early.wait("it waits", |shot| shot.millis() >= Some(300) && !told(shot));
    // It may be over in a moment; what lasts for a second is told.
    give(&mut feed, &[], &[(1300, 1, What::Wake)]);
    early.wait(why, told);
    let mut late = lockscope(["attach", &addr]).size(80, 24).start();
    let shot = late.wait(why, told);
    assert!(shot.contains("itself. Only a"), "{shot}");
    for mut terminal in [early, late] {
        terminal.send("q");
        assert_eq!(terminal.end(), 0);
    }
}

#[test]
fn a_program_that_was_started_prints_beside_the_screen_and_is_ended_with_it() {
    let (folder, script) = folder("starting");
    let pipe = Pipe::new("starting.report");
    let program =
        format!("echo printed; echo \"$LOCKSCOPE_REPORT\" > \"{}\"; exec sleep 1000", pipe.path.display());
    let args = ["attach", "--save", "seen.jsonl", "--", "/bin/sh", "-c", &program];
    let mut terminal = lockscope(args).start_in(&script);
    let report = terminal.wait_for(&pipe, "where to report to", |_| true);
    let (mut feed, serving) = report_to(&report).unwrap();
    begin(&mut feed);
    terminal.wait("the reader has it", |shot| shot.contains("held by  reader"));
    hand_over(&mut feed);
    let shot = terminal.wait("the handoff", |shot| shot.contains("got it: first in the queue"));
    assert!(shot.row(0).contains(" sh ") && !shot.contains("printed"), "{shot}");
    assert_eq!(serving.viewers(), 1);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    let shot = terminal.shot();
    for told in
        ["saved 7 events in seen.jsonl", "`/bin/sh` printed into ", "`/bin/sh` still ran, and was ended"]
    {
        assert!(shot.contains(told), "{told}: {shot}");
    }
    assert!(shot.rows().any(|row| row == "printed"), "{shot}");
    let output = terminal.raw().rsplit_once(" printed into ").unwrap().1.to_owned();
    let output = PathBuf::from(output.split_once(';').unwrap().0);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "printed\n");
    std::fs::remove_file(output).unwrap();
    let saved = std::fs::read_to_string(folder.join("seen.jsonl")).unwrap();
    assert!(saved.contains("\"why\":\"it went on when this was saved\""), "{saved}");
}

#[test]
fn a_program_that_reports_nothing_tells_its_status_and_what_it_printed() {
    let program = "echo out; printf 'er\\033[2Jr\\n' >&2; exit 7";
    let mut terminal = lockscope(["attach", "--", "/bin/sh", "-c", program]).start();
    assert_eq!(terminal.end(), 7);
    let raw = terminal.raw();
    for told in ["reported nothing", "printed into ", "out\r\n", "`/bin/sh` ended with exit status: 7"] {
        assert!(raw.contains(told), "{told}: {raw:?}");
    }
    assert!(!raw.contains('\x1b'), "{raw:?}");
    let output = raw.rsplit_once(" printed into ").unwrap().1.split_once(';').unwrap().0.to_owned();
    std::fs::remove_file(output).unwrap();
}

#[test]
fn what_can_never_be_saved_is_said_before_anything_runs() {
    let said = say(["attach", "--save", "x.jsonl", "127.0.0.1:1"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("`--save` needs a terminal"), "{}", said.err);
    let mut terminal = lockscope(["attach", "--save", "/not/there/x.jsonl", "127.0.0.1:1"]).start();
    assert_eq!(terminal.end(), 2);
    assert!(terminal.raw().contains("cannot write `/not/there/x.jsonl`"), "{}", terminal.raw());
}

/// More events than lines have room for: whoever asked for lines gets all of them all the same.
#[test]
fn what_does_not_fit_where_it_was_to_be_saved_is_saved_elsewhere() {
    const PIECE: u64 = 200_000;
    let (folder, script) = folder("too-much");
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    begin(&mut feed);
    let addr = serving.addr().to_string();
    let mut terminal = lockscope(["attach", "--save", "seen.jsonl", &addr]).start_in(&script);
    terminal.wait("the reader has it", |shot| shot.contains("held by  reader"));
    for piece in 1..=5 {
        // The last alone has its time, so that it tells when all of them have come.
        let end = 100 + 2 * piece;
        let at = |number| if number == PIECE { end } else { end - 1 };
        let wakes: Vec<_> = (1..=PIECE).map(|number| (at(number), 0, What::Wake)).collect();
        give(&mut feed, &[], &wakes);
        terminal.wait("all of a piece", |shot| shot.millis() == Some(end));
    }
    assert_eq!(serving.lost(), 0);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    let shot = terminal.shot();
    for told in [
        "not saved in `seen.jsonl`: there are more than 1000000 events",
        "saved 1000002 events in lockscope-1.lockscope",
    ] {
        assert!(shot.contains(told), "{told}: {shot}");
    }
    assert!(!folder.join("seen.jsonl").exists());
    let file = std::fs::File::open(folder.join("lockscope-1.lockscope")).unwrap();
    let read = lockscope::record::trace_file::read(std::io::BufReader::new(file)).unwrap();
    assert_eq!((read.recording.trace.len(), read.damage), (1_000_002, None));
}

/// What is shown at the end to whoever had it saved at `path`, with a script that runs the program in some folder; what is
/// done `meanwhile` happens while it runs.
fn saves(path: &str, script: &str, meanwhile: impl FnOnce()) -> Shot {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    begin(&mut feed);
    let addr = serving.addr().to_string();
    let mut terminal = lockscope(["attach", "--save", path, &addr]).start_in(script);
    terminal.wait("the reader has it", |shot| shot.contains("held by  reader"));
    meanwhile();
    terminal.send("q");
    assert_eq!(terminal.end(), 1);
    let shot = terminal.shot();
    assert!(shot.contains(&format!("not saved in `{path}`: ")), "{shot}");
    shot
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn what_finds_no_room_where_it_was_to_be_saved_is_saved_elsewhere() {
    let (folder, script) = folder("full");
    let shot = saves("/dev/full", &script, || {});
    assert!(shot.contains("saved 2 events in lockscope-1.lockscope"), "{shot}");
    assert!(folder.join("lockscope-1.lockscope").exists());
}

#[test]
fn what_was_to_be_saved_in_a_folder_that_is_gone_is_saved_among_the_temporary_files() {
    let (folder, script) = folder("gone");
    let (within, spare) = (folder.join("within"), folder.join("spare"));
    std::fs::create_dir(&within).unwrap();
    std::fs::create_dir(&spare).unwrap();
    let script = script.replace("exec", &format!("cd within && TMPDIR=\"{}\" exec", spare.display()));
    let shot = saves("seen.lockscope", &script, || std::fs::remove_dir(&within).unwrap());
    assert!(shot.contains("saved 2 events in "), "{shot}");
    let kept = std::fs::metadata(spare.join("lockscope-1.lockscope")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777, 0o600);
}

#[test]
fn a_program_ends_with_us_although_it_has_not_reported_yet() {
    let pipe = Pipe::new("unreported");
    let program = format!("echo $$ > \"{}\"; exec sleep 1000", pipe.path.display());
    let mut terminal = lockscope(["attach", "--", "/bin/sh", "-c", &program]).start();
    let number = terminal.wait_for(&pipe, "its number", |_| true);
    terminal.signal("TERM");
    assert_eq!(terminal.end(), 143);
    assert!(terminal.is_untouched());
    let gone = test_kill_process(Pid::from_raw(number.trim().parse().unwrap()).unwrap());
    assert_eq!(gone, Err(rustix::io::Errno::SRCH));
}

/// The program's own programs do too.
#[test]
fn all_that_was_started_ends_with_us() {
    let pipe = Pipe::new("grandchild");
    let path = pipe.path.display();
    let program = format!("(echo \"$LOCKSCOPE_REPORT\"; exec sleep 1000) > \"{path}\" & wait");
    let mut terminal = lockscope(["attach", "--", "/bin/sh", "-c", &program]).start();
    let report = terminal.wait_for(&pipe, "where to report to", |_| true);
    let (mut feed, _serving) = report_to(&report).unwrap();
    begin(&mut feed);
    terminal.wait("the reader has it", |shot| shot.contains("held by  reader"));
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    pipe.is_over();
}

/// One that has said who it is, and no more yet: a signal then is no less than before or after.
#[test]
fn a_signal_while_a_program_reports_ends_both() {
    let pipe = Pipe::new("half.report");
    let program = format!("echo \"$LOCKSCOPE_REPORT\" > \"{}\"; exec sleep 1000", pipe.path.display());
    let mut terminal = lockscope(["attach", "--", "/bin/sh", "-c", &program]).start();
    let report = terminal.wait_for(&pipe, "where to report to", |_| true);
    let (addr, token) = report.trim().split_once(' ').unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    let version_and_length = [1, 0, token.len() as u8];
    stream.write_all(&[b"lockscope<\n", &version_and_length[..], token.as_bytes()].concat()).unwrap();
    // It is heard: what it is asked then is the viewer's greeting.
    let mut greeting = [0; 11];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"lockscope?\n");
    terminal.signal("TERM");
    assert_eq!(terminal.end(), 143);
    assert!(terminal.is_untouched());
}
