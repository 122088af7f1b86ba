//! The starter, and the real program in a real terminal while its file is edited.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use lockscope::engine::{self, Options, Stop};
use lockscope::scenario::{self, STARTER, Source};
use lockscope::trace::Trace;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockscope");

/// Only here so that a hang becomes a failure; nothing depends on how long anything takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A folder for a test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn lockscope(folder: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).current_dir(folder).env("LANG", "C.UTF-8").output().unwrap()
}

#[test]
fn the_starter_runs_as_it_says_and_shows_handoffs() {
    let plan = Arc::new(scenario::parse(&Source::new("starter.json", STARTER)).unwrap().plan);
    let (send, events) = channel();
    let end =
        engine::run(&plan, &Options::default(), move |event| send.send(event).is_ok(), &Stop::default());
    assert_eq!(Some(end.unwrap().outcome), plan.expect.as_ref().unwrap().outcome);
    let trace = Trace::of(plan.names(), events.iter());
    assert!(trace.handoffs(trace.len()).len() >= 4);
    // Every step is reached, and so is the marker.
    let said = |name: &str| trace.events().iter().any(|event| event.what.name() == name);
    assert!(["release", "print", "debug", "say", "sleep", "finish"].into_iter().all(said));
}

#[test]
fn new_writes_a_file_that_is_not_there_and_says_what_to_type() {
    let folder = folder("new");
    let printed = lockscope(&folder, &["new"]);
    assert_eq!((printed.status.code(), printed.stdout.as_slice()), (Some(0), STARTER.as_bytes()));
    assert!(printed.stderr.is_empty());

    let said = lockscope(&folder, &["new", "my.json"]);
    assert_eq!((said.status.code(), said.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(fs::read_to_string(folder.join("my.json")).unwrap(), STARTER);
    let words = String::from_utf8(said.stderr).unwrap();
    assert!(words.contains("lockscope run my.json --watch"), "{words}");

    fs::write(folder.join("my.json"), "mine").unwrap();
    for (path, words) in [("my.json", "already there"), ("missing/my.json", "cannot write"), (".", "already")]
    {
        let said = lockscope(&folder, &["new", path]);
        let error = String::from_utf8(said.stderr).unwrap();
        assert_eq!((said.status.code(), said.stdout.as_slice()), (Some(2), &b""[..]), "{path}: {error}");
        assert!(error.contains(words) && error.contains("help: "), "{path}: {error}");
    }
    assert_eq!(fs::read_to_string(folder.join("my.json")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn what_nobody_saves_is_not_watched() {
    let folder = folder("refused");
    fs::write(folder.join("my.json"), STARTER).unwrap();
    for (args, words) in [
        (&["--watch"][..], "embedded"),
        (&["run", "tokio-handoff", "--watch"], "embedded"),
        (&["run", "-", "--watch"], "not a file"),
        (&["run", "/dev/null", "--watch"], "not a file"),
        (&["run", ".", "--watch"], "not a file"),
        (&["run", "my.json", "--watch"], "needs a terminal"),
    ] {
        let said = lockscope(&folder, args);
        let error = String::from_utf8(said.stderr).unwrap();
        assert_eq!((said.status.code(), said.stdout.as_slice()), (Some(2), &b""[..]), "{args:?}: {error}");
        assert!(error.contains(words) && error.contains("help: "), "{args:?}: {error}");
    }
}

/// The program in a pty of 80×24.
struct Terminal {
    emulator: avt::Terminal,
    output: Receiver<Vec<u8>>,
    /// Bytes that do not make a whole character yet.
    rest: Vec<u8>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    deadline: Instant,
}

impl Terminal {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(args);
        command.cwd(folder);
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 14];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            emulator: avt::Terminal::new(80, 24).unwrap(),
            output,
            rest: Vec::new(),
            writer: pair.master.take_writer().unwrap(),
            child: pair.slave.spawn_command(command).unwrap(),
            _master: pair.master,
            deadline: Instant::now() + DEADLINE,
        }
    }

    fn screen(&self) -> String {
        let row = |line: &avt::Line| line.cells().iter().map(avt::Cell::char).collect::<String>();
        self.emulator.screen().visible_lines().map(|line| row(line).trim_end().to_owned() + "\n").collect()
    }

    /// Waits until the screen is so.
    #[track_caller]
    fn wait(&mut self, so: impl Fn(&str) -> bool) -> String {
        loop {
            let screen = self.screen();
            if so(&screen) {
                return screen;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            let more = self.output.recv_timeout(left);
            assert!(more.is_ok(), "the program's end or the deadline; the last screen:\n{screen}");
            self.rest.extend(more.unwrap());
            let whole = match std::str::from_utf8(&self.rest) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => self.rest.len(),
            };
            let bytes: Vec<u8> = self.rest.drain(..whole).collect();
            self.emulator.feed([&*String::from_utf8_lossy(&bytes)]);
        }
    }

    fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).and_then(|()| self.writer.flush()).unwrap();
    }

    /// Leaves, and gives the exit code.
    fn quit(mut self) -> u32 {
        self.press("q");
        // Until its end: a program that nobody listens to cannot write.
        while self.output.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).is_ok() {
            if self.child.try_wait().unwrap().is_some() {
                break;
            }
        }
        self.child.wait().unwrap().exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn titled(title: &str) -> String {
    STARTER.replace("Who gets the lock next?", title)
}

/// Saves as many editors do: a new file takes the old one's place.
fn save(folder: &Path, text: &str) {
    fs::write(folder.join("my.json~"), text).unwrap();
    fs::rename(folder.join("my.json~"), folder.join("my.json")).unwrap();
}

#[test]
fn a_saved_file_runs_again_and_a_mistake_leaves_the_old_run() {
    let folder = folder("watch");
    save(&folder, STARTER);
    let mut terminal =
        Terminal::start(&folder, &["run", "my.json", "--watch", "--axis", "order", "--speed", "0.25"]);
    terminal.wait(|screen| screen.contains("Who gets the lock next?"));

    save(&folder, &titled("The second one"));
    let screen =
        terminal.wait(|screen| screen.contains("The second one") && screen.contains("reloaded my.json"));
    assert!(screen.contains("0.25×") && screen.contains("order ·"), "{screen}");

    // Written anew in place, with a mistake.
    fs::write(folder.join("my.json"), titled("The third one").replace("\"work\"", "\"wrok\"")).unwrap();
    let screen = terminal.wait(|screen| screen.contains("unknown verb `wrok`") && screen.contains("work`?"));
    assert!(screen.contains("my.json:") && screen.contains("{ \"wrok\": \"50ms\" }"), "{screen}");

    // A key closes it: the old run is there. `r` reads the file, which is as wrong as before.
    terminal.press("x");
    terminal.wait(|screen| screen.contains("The second one") && !screen.contains("wrok"));
    terminal.press("r");
    terminal.wait(|screen| screen.contains("unknown verb `wrok`"));

    // Deleted and made again, without it: nobody has to press anything.
    fs::remove_file(folder.join("my.json")).unwrap();
    fs::write(folder.join("my.json"), titled("The third one")).unwrap();
    terminal.wait(|screen| screen.contains("The third one") && screen.contains("reloaded my.json"));
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn restart_reads_the_file_without_being_told_to_watch_it() {
    let folder = folder("restart");
    save(&folder, STARTER);
    let mut terminal = Terminal::start(&folder, &["run", "my.json"]);
    terminal.wait(|screen| screen.contains("Who gets the lock next?"));
    save(&folder, &titled("The second one"));
    terminal.press("r");
    terminal.wait(|screen| screen.contains("The second one") && screen.contains("reloaded my.json"));
    fs::remove_file(folder.join("my.json")).unwrap();
    terminal.press("r");
    terminal.wait(|screen| screen.contains("cannot read `my.json`"));
    terminal.press("x");
    terminal.wait(|screen| screen.contains("The second one") && !screen.contains("cannot read"));
    assert_eq!(terminal.quit(), 0);
}
