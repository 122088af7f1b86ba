//! A program's recording in a file: what is in it when the program ends, crashes or is killed, and when the disk
//! is full.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex as StdMutex};

use lockscope::compact::{Damage, Decoder, End, Item, Why};
use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, Packed, TaskId, Time, What,
};
use lockscope::sync::{Batch, FILE, FILE_EVENTS, File, Mutex, Outlet, Recorder, Ring};

/// What a file tells.
#[derive(Debug, Default)]
struct Told {
    names: Names,
    /// How many events came before, and how many stand in their place.
    before: (u64, u64),
    events: Vec<Event>,
    end: Option<End>,
    damage: Option<Damage>,
}

fn told(bytes: &[u8]) -> Told {
    let (mut decoder, mut told) = (Decoder::new(), Told::default());
    decoder.feed(bytes);
    loop {
        match decoder.next_item() {
            Ok(Some(Item::Head(_))) => {}
            Ok(Some(Item::Names { tasks, locks })) => {
                told.names.tasks.extend_from_slice(tasks);
                told.names.locks.extend_from_slice(locks);
            }
            Ok(Some(Item::Before { earlier, opening })) => told.before = (earlier, opening),
            Ok(Some(Item::Events { events, asides })) => {
                for packed in events {
                    let seq = told.events.len() as u64 + 1;
                    let aside = || Event { seq, ..asides[packed.large() as usize].clone() };
                    told.events.push(packed.event(seq).unwrap_or_else(aside));
                }
            }
            Ok(Some(Item::End(end))) => told.end = Some(end),
            Ok(None) | Err(_) => break,
        }
    }
    told.damage = decoder.finish().err();
    told
}

/// Bytes, and what happens to them.
#[derive(Clone, Default)]
struct Disk(Arc<StdMutex<(Vec<u8>, usize)>>);

impl Disk {
    fn with_room(bytes: usize) -> Self {
        Self(Arc::new(StdMutex::new((Vec::new(), bytes))))
    }

    fn told(&self) -> Told {
        told(&self.0.lock().unwrap().0)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (kept, room) = &mut *self.0.lock().unwrap();
        let fits = bytes.len().min(*room);
        if fits == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        *room -= fits;
        kept.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Threads that take a lock in turn, so often each.
fn contend(recorder: &Recorder, rounds: usize) {
    let db = Mutex::recorded(recorder, recorder.add_lock("db", LockKind::TokioMutex), 0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..rounds).for_each(|_| *db.blocking_lock() += 1));
        }
    });
}

#[test]
fn a_file_tells_what_memory_tells() {
    let disk = Disk::with_room(usize::MAX);
    let (recorder, ring) = (Recorder::program(), Ring::new(1_000_000));
    recorder.attach(ring.clone());
    recorder.attach(File::to(disk.clone()));
    contend(&recorder, 20_000);
    recorder.record(recorder.actor(), What::Say { text: "done".into() });
    let lost = recorder.lost();
    recorder.finish();
    let told = disk.told();
    let (names, events) = ring.history();
    assert_eq!((told.names, told.damage), (names, None));
    assert!(told.events == events, "{} events, not {}", told.events.len(), events.len());
    let releases = events.iter().filter(|event| matches!(event.what, What::Release { .. })).count();
    assert!(lost > 0 || releases == 60_000, "{releases}");
    let end = told.end.unwrap();
    assert_eq!((end.outcome, end.note), (Outcome::Stopped, None));
    assert!(end.at >= events.last().unwrap().at);
}

/// Who begins late is told how things stand, and how much came before.
#[test]
fn a_file_that_begins_late_says_so() {
    let recorder = Recorder::program();
    contend(&recorder, 5);
    let log = Mutex::recorded(&recorder, recorder.add_lock("log", LockKind::TokioMutex), 0);
    let guard = log.blocking_lock();
    recorder.flush();
    let disk = Disk::with_room(usize::MAX);
    recorder.attach(File::to(disk.clone()));
    drop(guard);
    recorder.finish();
    let told = disk.told();
    let (earlier, opening) = told.before;
    // Each of three threads has taken the one lock five times, and the other is held.
    assert!(earlier > 3 * 5 * 2, "{earlier}");
    let (opening, rest) = told.events.split_at(opening as usize);
    let log = Some(LockId(1));
    assert!(opening.iter().any(|event| event.what.name() == "acquire" && event.what.lock() == log));
    assert!(matches!(rest, [Event { what: What::Release { .. }, .. }]), "{rest:?}");
}

/// What a full disk has taken can be read, up to the last block that is whole; the program does not notice.
#[test]
fn a_full_disk_keeps_what_is_whole() {
    for room in [0, 5, 100, 70_000, 150_000] {
        let disk = Disk::with_room(room);
        let (recorder, file) = (Recorder::program(), File::to(disk.clone()));
        recorder.attach(file.clone());
        contend(&recorder, 20_000);
        recorder.finish();
        assert_eq!(file.error().unwrap().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.flush().unwrap_err().to_string(), "no space left");
        let told = disk.told();
        let why = told.damage.unwrap().why;
        assert!(why == Why::Cut || room == 0 && why == Why::Foreign, "{room}: {why}");
        assert_eq!(told.events.is_empty(), room <= 100, "{room}");
    }
}

/// A batch in which one task asks, `at` so many milliseconds.
fn asks(at: u64) -> Packed {
    let what = What::Wait { lock: LockId(0), op: OpId(at), mode: Mode::Exclusive };
    let actor = Actor { task: TaskId(0), step: None };
    Packed::of(&Event { seq: 0, at: Time::from_millis(at), actor, what }).unwrap()
}

#[test]
fn what_happened_is_written_soon() {
    let disk = Disk::with_room(usize::MAX);
    let mut file = File::to(disk.clone());
    let locks = [LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }];
    file.take(&Batch { tasks: &["a".into()], locks: &locks, ..Batch::default() });
    let mut written = |at| {
        file.take(&Batch { events: &[asks(at)], ..Batch::default() });
        disk.told().events.len()
    };
    // It is never idle: what is a tenth of a second old goes out all the same.
    assert_eq!([0, 50, 99, 100, 150, 249, 260].map(&mut written), [0, 0, 0, 4, 4, 4, 7]);
    assert_eq!(written(261), 7);
    file.idle(Time::from_millis(262));
    assert_eq!(disk.told().events.len(), 8);
    // A clone is the same file, and the last one that goes writes what is left.
    let other = file.clone();
    file.take(&Batch { events: &[asks(263)], ..Batch::default() });
    drop(file);
    assert_eq!(disk.told().events.len(), 8);
    drop(other);
    assert_eq!((disk.told().events.len(), disk.told().end), (9, None));
}

/// A file that takes so many events tells how many more there were, since when, and ends.
#[test]
fn what_is_too_much_for_a_file_is_counted_and_told() {
    for most in 0..10 {
        let disk = Disk::with_room(usize::MAX);
        let mut file = File::to(disk.clone()).at_most(most);
        let locks = [LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }];
        file.take(&Batch { tasks: &["a".into()], locks: &locks, ..Batch::default() });
        file.take(&Batch { events: &[1, 2, 3].map(asks), ..Batch::default() });
        file.take(&Batch { events: &[4, 5, 6, 7].map(asks), ..Batch::default() });
        let actor = Actor { task: TaskId(0), step: None };
        let lost =
            |at, events| Event { seq: 0, at: Time::from_millis(at), actor, what: What::Lost { events } };
        let gap = Packed::of(&lost(8, 100)).unwrap();
        file.take(&Batch { events: &[gap], ..Batch::default() });
        // What is too much is not waited for: all else is written.
        assert!(most > 6 || disk.told().events.len() as u64 == most);
        let missed = [107, 106, 105, 104, 103, 102, 101, 100, 0, 0][most as usize];
        assert_eq!(file.lost(), missed);
        file.finish(Time::from_millis(9));
        let told = disk.told();
        assert_eq!(told.damage, None);
        let end = told.end.unwrap();
        assert_eq!((end.at, end.note.is_some()), (Time::from_millis(9), missed > 0));
        if missed > 0 {
            let last = told.events.last().unwrap();
            assert_eq!(*last, Event { seq: most + 1, ..lost(most + 1, missed) });
        }
        let kept = told.events.iter().filter(|event| matches!(event.what, What::Wait { .. })).count();
        assert_eq!(kept as u64, most.min(7));
    }
}

/// Where one test writes to.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("lockscope-{}-{name}.lockscope", std::process::id()))
}

/// What the child does: so often it takes a lock before it says so, and then goes on and on.
const ROUNDS: usize = 5_000;

/// No test: what [`child`] runs.
#[test]
fn in_a_process_of_its_own() {
    let Ok(how) = std::env::var("LOCKSCOPE_TEST_CHILD") else { return };
    let saving = match lockscope::save_from_env() {
        Ok(Some(saving)) => saving,
        Ok(None) => return println!("\nnothing is saved"),
        Err(error) => return println!("\n{error}"),
    };
    let db = Mutex::named("db", 0);
    (0..ROUNDS).for_each(|_| *db.blocking_lock() += 1);
    saving.flush().unwrap();
    println!("\nflushed");
    match &*how {
        "ends" => drop(saving),
        "aborts" => std::process::abort(),
        "exits" => std::process::exit(0),
        "panics" => {
            // The program goes on, but not into its file, which another recording may have by then.
            let panics = move || {
                let _saving = saving;
                std::panic::resume_unwind(Box::new("as it does"));
            };
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
            let file = std::fs::File::open(std::env::var_os(FILE).unwrap()).unwrap();
            let length = file.metadata().unwrap().len();
            (0..ROUNDS).for_each(|_| *db.blocking_lock() += 1);
            lockscope::sync::installed().unwrap().flush();
            assert_eq!(file.metadata().unwrap().len(), length);
            assert!(file.try_lock().is_ok());
        }
        _ => loop {
            *db.blocking_lock() += 1;
        },
    }
}

fn child(how: &str, path: Option<&Path>, most: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["in_a_process_of_its_own", "--exact", "--nocapture", "--test-threads=1"]);
    command
        .env("LOCKSCOPE_TEST_CHILD", how)
        .env_remove(FILE)
        .env(FILE_EVENTS, most)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(path) = path {
        command.env(FILE, path);
    }
    command.spawn().unwrap()
}

/// Waits until the child says that it has got so far.
fn until(child: &mut Child, line: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|said| said == line), "the child said nothing");
}

#[test]
fn a_program_that_crashes_or_is_killed_leaves_what_was_written() {
    for how in ["ends", "aborts", "exits", "panics", "is killed"] {
        let path = path(how);
        let mut child = child(how, Some(&path), "");
        until(&mut child, "flushed");
        if how == "is killed" {
            child.kill().unwrap();
        }
        let ended = child.wait().unwrap();
        assert!(how != "panics" || ended.success(), "{ended}");
        let told = told(&std::fs::read(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let releases = told.events.iter().filter(|event| matches!(event.what, What::Release { .. })).count();
        assert!(releases >= ROUNDS, "{how}: {releases}");
        match (how, told.damage) {
            ("ends", None) => assert!(told.end.is_some()),
            ("ends", damage) => panic!("{damage:?}"),
            (_, Some(Damage { why: Why::Cut, .. })) => {}
            (_, Some(Damage { why, .. })) => {
                assert_eq!(why.to_string(), "it breaks off without an end", "{how}");
            }
            (_, None) => panic!("{how}: it has an end"),
        }
    }
}

#[test]
fn whoever_starts_a_program_says_how_much_its_file_takes() {
    let path = path("so much");
    let mut child = child("ends", Some(&path), "1000");
    until(&mut child, "flushed");
    child.wait().unwrap();
    let told = told(&std::fs::read(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    assert_eq!((told.events.len(), told.damage), (1001, None));
    assert!(matches!(told.events[1000].what, What::Lost { events } if events + 1000 >= 2 * ROUNDS as u64));
    assert_eq!(told.end.unwrap().note.unwrap(), "the file takes no more than 1000 events");
}

#[test]
fn nothing_is_saved_unless_a_file_is_named() {
    let mut quiet = child("ends", None, "");
    until(&mut quiet, "nothing is saved");
    assert!(quiet.wait().unwrap().success());
    let path = path("wrong");
    let mut wrong = child("ends", Some(&path), "many");
    until(&mut wrong, "LOCKSCOPE_FILE_EVENTS is `many`, which is no number of events");
    wrong.wait().unwrap();
    assert!(!path.exists());
    let error = File::create("/not/there/run.lockscope").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// A child has the name of its parent's file too: it is told so, and the parent's file is whole.
#[cfg(unix)]
#[test]
fn nobody_else_records_into_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.lockscope");
    let recorder = Recorder::program();
    let file = File::create(&path).unwrap();
    recorder.attach(file.clone());
    let error = File::create(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(Mutex::recorded(&recorder, recorder.add_lock("db", LockKind::TokioMutex), 0).try_lock().unwrap());
    recorder.finish();
    let told = told(&std::fs::read(&path).unwrap());
    assert_eq!((told.events.len(), told.damage), (2, None));
    // What is over makes room for the next.
    File::create(&path).unwrap();
    assert!(file.error().is_none());
}
