//! The program in a pty, its frames in an emulator, and ways to wait for what they show.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};

use rustix::termios::{Action, tcflow};

use super::escapes;
use super::screen::Shot;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lockscope");

/// Only here so that a hang becomes a failure; nothing depends on how long anything takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// The program ends each of its frames with this.
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// The shell is what a user has around the program: it holds the terminal before and after, so that
/// what the program leaves behind can be seen. It survives a Ctrl-C, and says how the program ended.
const SHELL: &str = r#"
    trap : INT
    ulimit -c 0
    sh -c 'echo "pid=$$."; SCRIPT' sh "$@"
    echo "exit=$?."
    read -r _
"#;

/// A terminal about to be opened.
pub struct Setup {
    args: Vec<OsString>,
    size: (u16, u16),
    env: Vec<(&'static str, &'static str)>,
}

/// The program with these arguments, in a terminal of 100×30 with all colours.
pub fn lockscope<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Setup {
    Setup {
        args: args.into_iter().map(Into::into).collect(),
        size: (100, 30),
        env: vec![("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")],
    }
}

/// The program without arguments.
pub fn bare() -> Setup {
    lockscope::<OsString>([])
}

impl Setup {
    pub fn size(mut self, width: u16, height: u16) -> Self {
        self.size = (width, height);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
        self
    }

    fn command(&self, argv: Vec<OsString>) -> CommandBuilder {
        let mut command = CommandBuilder::from_argv(argv);
        command.env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        command
    }

    /// Runs it under a shell.
    pub fn start(&self) -> Terminal {
        self.start_in("exec \"$@\"")
    }

    /// Runs it under a shell, by a script in which `$@` is the program and its arguments.
    pub fn start_in(&self, script: &str) -> Terminal {
        let shell = SHELL.replace("SCRIPT", script);
        let shell: [OsString; 5] = ["sh".into(), "-c".into(), shell.into(), "sh".into(), PROGRAM.into()];
        let mut terminal = self.open(shell.into_iter().chain(self.args.clone()).collect());
        // The first thing that is said is which process it is; the program comes after that.
        terminal.read_until("the process id", |terminal| terminal.said("pid=").is_some());
        terminal.pid = terminal.said("pid=");
        terminal
    }

    /// Runs it without a shell: the terminal's session is its own.
    pub fn start_alone(&self) -> Terminal {
        let mut terminal = self.open([PROGRAM.into()].into_iter().chain(self.args.clone()).collect());
        terminal.pid = terminal.child.as_ref().and_then(|child| child.process_id());
        terminal
    }

    fn open(&self, argv: Vec<OsString>) -> Terminal {
        let (cols, rows) = self.size;
        let pair = native_pty_system().openpty(pty_size(cols, rows)).expect("a pty");
        let before = termios(&*pair.master);
        let mut reader = pair.master.try_clone_reader().expect("the pty's output");
        let writer = pair.master.take_writer().expect("the pty's input");
        let child = pair.slave.spawn_command(self.command(argv)).expect("the program starts");
        let (send, output) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = closing.clone();
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 1 << 14];
            let mut end: Vec<u8> = Vec::new();
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        end.extend(&buffer[..count]);
                        end.drain(..end.len().saturating_sub(FRAME_END.len()));
                        let closing = closed.load(Ordering::SeqCst) && end == FRAME_END;
                        if send.send(buffer[..count].to_vec()).is_err() || closing {
                            return;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Where the other side is closed Linux says EIO: the end.
                    Err(_) => return,
                }
            }
        });
        Terminal {
            emulator: avt::Terminal::new(cols.into(), rows.into()).expect("a size"),
            size: self.size,
            raw: Vec::new(),
            fed: 0,
            output,
            reading: Some(reading),
            closing,
            writer: Some(writer),
            master: Some(pair.master),
            slave: Some(pair.slave),
            child: Some(child),
            pid: None,
            before,
            deadline: Instant::now() + DEADLINE,
        }
    }
}

/// A terminal with the program in it.
pub struct Terminal {
    emulator: avt::Terminal,
    size: (u16, u16),
    /// All output there was.
    raw: Vec<u8>,
    /// How much of it the emulator has seen: up to the end of a frame.
    fed: usize,
    output: Receiver<Vec<u8>>,
    /// Reads all output; it holds the terminal too.
    reading: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    writer: Option<Box<dyn Write + Send>>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// Held so that the terminal outlives the program.
    slave: Option<Box<dyn SlavePty + Send>>,
    child: Option<Box<dyn Child + Send + Sync>>,
    pid: Option<u32>,
    before: String,
    deadline: Instant,
}

/// How the program ended, as its shell sees it: 128 and the signal's number if a signal ended it.
pub type Code = u32;

impl Terminal {
    /// What the screen shows now.
    pub fn shot(&self) -> Shot {
        Shot::of(&self.emulator)
    }

    /// All output so far, whether shown already or not.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Types something: all of it at once.
    pub fn send(&mut self, input: &str) {
        let writer = self.writer.as_mut().expect("the terminal is open");
        writer.write_all(input.as_bytes()).and_then(|()| writer.flush()).expect("the terminal takes input");
    }

    /// Waits for the screen to be so; looks at every whole frame.
    #[track_caller]
    pub fn wait(&mut self, what: &str, so: impl Fn(&Shot) -> bool) -> Shot {
        loop {
            let shot = self.shot();
            if so(&shot) {
                return shot;
            }
            let more = self.next_frame();
            assert!(more, "{what}: not before {}; the last screen:\n{}", self.why(), self.shot());
        }
    }

    /// Types something, and waits for the screen to be so.
    #[track_caller]
    pub fn press(&mut self, input: &str, what: &str, so: impl Fn(&Shot) -> bool) -> Shot {
        self.send(input);
        self.wait(what, so)
    }

    /// Types something that need not change the picture, and gives the screen after it. The help is
    /// opened and closed behind it: when that was done, so was what came before.
    #[track_caller]
    pub fn after(&mut self, input: &str) -> Shot {
        self.send(input);
        self.press("?", "the help opens", Shot::help);
        self.press("?", "the help closes", |shot| !shot.help())
    }

    /// The first frame: from then on the program reads the keys.
    #[track_caller]
    pub fn first_frame(&mut self) -> Shot {
        self.wait("the first frame", |shot| shot.row(0).contains("lockscope") && shot.last_row() != "")
    }

    /// Waits for so much output, shown or not.
    #[track_caller]
    pub fn read_until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            let more = self.receive();
            assert!(more, "{what}: not before {}; all output:\n{:?}", self.why(), self.raw());
        }
    }

    /// The number that the shell said behind `label`.
    fn said(&self, label: &str) -> Option<u32> {
        let raw = self.raw();
        let (_, behind) = raw.rsplit_once(label)?;
        behind.split_once('.')?.0.parse().ok()
    }

    /// Waits for the program's end and for what it leaves behind: everything is as it was before.
    #[track_caller]
    pub fn end(&mut self) -> Code {
        self.given_back("exit=")
    }

    /// Waits for the program to stop, under a script that says so behind `stopped=`. What it leaves
    /// behind is as at its end.
    #[track_caller]
    pub fn stopped(&mut self) -> Code {
        self.given_back("stopped=")
    }

    /// Waits for the shell to say `label` and a number: the terminal is its own again.
    #[track_caller]
    fn given_back(&mut self, label: &str) -> Code {
        self.read_until(label, |terminal| terminal.said(label).is_some());
        self.feed(self.raw.len());
        let raw = self.raw();
        for (mode, on) in escapes::modes(&raw) {
            // 25 shows the cursor; every other mode the program uses was off.
            assert_eq!(on, mode == 25, "mode {mode} is left behind; the output ends with {:?}", tail(&raw));
        }
        let shot = self.shot();
        assert!(!shot.alternate && shot.cursor, "{shot}");
        let (x, y) = shot.find(label).unwrap_or_else(|| panic!("the shell's screen is back: {shot}"));
        assert!(shot.cell(x, y).is_default(), "looks are left behind: {:?}", shot.cell(x, y));
        let after = self.master.as_ref().map(|master| termios(&**master));
        assert_eq!(after.as_deref(), Some(self.before.as_str()), "the terminal's settings are as they were");
        self.said(label).expect("said just now")
    }

    /// Whether the terminal's settings are as they were when it was opened.
    pub fn is_untouched(&self) -> bool {
        self.master.as_ref().map(|master| termios(&**master)).as_deref() == Some(self.before.as_str())
    }

    /// Waits for the end of a program that runs without a shell.
    #[track_caller]
    pub fn status(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("not yet waited for");
        let (send, status) = channel();
        std::thread::spawn(move || send.send(child.wait()));
        let status = status.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).ok();
        assert!(status.is_some(), "it does not end; the last screen:\n{}", self.shot());
        status.expect("looked at just now").expect("a child")
    }

    /// The program's process: the last that the shell named, for a script may name another.
    fn process(&self) -> Option<u32> {
        self.said("pid=").or(self.pid)
    }

    /// Makes the terminal take no more output, as Ctrl-S does where it is not switched off: whoever writes to it waits.
    pub fn stop_output(&mut self) {
        tcflow(self.tty(), Action::OOff).expect("it stops");
    }

    /// Lets the output go on.
    pub fn resume_output(&mut self) {
        tcflow(self.tty(), Action::OOn).expect("it goes on");
    }

    fn tty(&self) -> std::fs::File {
        let name = self.master.as_ref().and_then(|master| master.tty_name()).expect("the terminal's name");
        std::fs::File::open(name).expect("the terminal")
    }

    /// Waits for a line that a pipe brings.
    #[track_caller]
    pub fn wait_for(&self, pipe: &Pipe, what: &str, so: impl Fn(&str) -> bool) -> String {
        loop {
            let line = pipe.lines.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).ok();
            assert!(line.is_some(), "{what}: not before {}; the last screen:\n{}", self.why(), self.shot());
            if let Some(line) = line.filter(|line| so(line)) {
                return line;
            }
        }
    }

    /// Sends the program a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.process().expect("the process id is known");
        let kill = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status();
        assert!(kill.expect("a shell").success(), "kill -{name} {pid}");
    }

    /// Changes the terminal's size.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.emulator.resize(width.into(), height.into());
        let master = self.master.as_ref().expect("the terminal is open");
        master.resize(pty_size(width, height)).expect("a size");
    }

    /// Closes the terminal's window. It types something for that, and the program has to answer with a
    /// frame: the thread that reads would hold the terminal open as long as it waits.
    pub fn close(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        self.send("c");
        self.reading.take().expect("it is open").join().expect("it reads");
        (self.writer, self.slave, self.master) = (None, None, None);
    }

    /// Shows the next whole frame; whether there was one.
    fn next_frame(&mut self) -> bool {
        loop {
            let unseen = &self.raw[self.fed..];
            if let Some(at) = unseen.windows(FRAME_END.len()).position(|window| window == FRAME_END) {
                self.feed(self.fed + at + FRAME_END.len());
                return true;
            }
            if !self.receive() {
                self.feed(self.raw.len());
                return false;
            }
        }
    }

    fn feed(&mut self, end: usize) {
        let text = String::from_utf8_lossy(&self.raw[self.fed..end]);
        self.emulator.feed([&*text]);
        self.fed = end;
    }

    /// Reads some output; whether there was any before the end or the deadline.
    fn receive(&mut self) -> bool {
        match self.output.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(output) => {
                self.raw.extend(output);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    fn why(&self) -> &'static str {
        if Instant::now() < self.deadline { "the program's end" } else { "the deadline" }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whatever is left of a failed test.
        if std::thread::panicking()
            && let Some(pid) = self.process()
        {
            let _ = Command::new("sh").arg("-c").arg(format!("kill -KILL {pid} 2>&-")).status();
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn pty_size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn termios(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the terminal's settings"))
}

fn tail(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(200);
    text.chars().skip(skip).collect()
}

/// A named pipe: what the program or its shell says there, the terminal does not see.
pub struct Pipe {
    pub path: PathBuf,
    lines: Receiver<String>,
}

impl Pipe {
    /// A pipe of this name in the directory of [`file`]; each test has its own names.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_file(&path);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        let (send, lines) = channel();
        let from = path.clone();
        // Where nobody ever writes, this waits until the tests end.
        std::thread::spawn(move || {
            let Ok(pipe) = std::fs::File::open(from) else { return };
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { path, lines }
    }

    /// Waits until nobody is there any more who could write to it.
    pub fn is_over(&self) {
        while self.lines.recv().is_ok() {}
    }
}

/// What a command without a terminal says, and how it ends.
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// A command without a terminal.
pub fn plain<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args.into_iter().map(Into::into));
    command.env_clear().env("LANG", "C.UTF-8").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs a command without a terminal to its end.
#[track_caller]
pub fn say<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Said {
    output(&mut plain(args))
}

#[track_caller]
pub fn output(command: &mut Command) -> Said {
    let output = command.output().expect("it runs");
    Said {
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
        code: output.status.code(),
    }
}

/// A file of this name in a directory for such files; each test has its own names.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}
