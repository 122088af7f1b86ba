//! A program that is started here, and reports to us.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use tempfile::NamedTempFile;

use super::super::args::{AttachFlags, ListFormat};
use super::super::{Failure, complain};
use super::{nothing, text, view};
use crate::app::{self, undisturbed};
use crate::live::{ConnectError, Live, REPORT, Token};
use crate::trace::words;

/// How often it is looked whether a program that was started has come to us, for which it waits, or to its end.
const LOOK: Duration = Duration::from_millis(5);

/// How long a program may take to end by itself when it is over, or when it was asked to. A signal leaves
/// us no more time than this twice.
const PATIENCE: Duration = Duration::from_millis(700);

/// So many of the last lines that the program printed are shown, out of so many bytes.
const LINES: usize = 20;
const TAIL: u64 = 64 << 10;

/// Connections that are heard at once.
const GUESTS: usize = 16;

/// A program that was started, and where it has to come to.
struct Started {
    name: String,
    child: Arc<Program>,
    /// Until it has come: who inherits from it where to report to has to find nobody there.
    listener: Option<TcpListener>,
    token: Token,
}

impl Started {
    /// One that `leads` ends with all that it started; else a signal to us from the terminal reaches it as well.
    fn new(program: &[OsString], [out, err]: [OwnedFd; 2], leads: bool) -> Result<Self, Failure> {
        let Some((program, args)) = program.split_first() else { return Err(Failure::Said(2)) };
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let mut secret = [0; 16];
        File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut secret))?;
        let mut text = String::new();
        for byte in secret {
            // A String takes whatever is written.
            _ = write!(text, "{byte:02x}");
        }
        let Some(token) = Token::new(&text) else { return Err(Failure::Failed("no token".into())) };
        let name = words::clean(&program.to_string_lossy()).into_owned();
        let mut command = Command::new(program);
        command.args(args).env(REPORT, format!("{} {text}", listener.local_addr()?));
        if leads {
            command.process_group(0);
        }
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().map_err(|error| {
            Failure::Unusable(format!(
                "error: cannot start `{name}`: {error}\n  help: after `--` come a program and its arguments, \
                 such as `attach -- target/debug/my-program`\n"
            ))
        })?;
        let child = Arc::new(Program { process: Mutex::new(child), leads });
        Ok(Self { name, child, listener: Some(listener), token })
    }

    /// Waits for the program to come; it need not, and may end before. Where a signal has `asked` us to end, it does.
    fn reporter(&mut self, mut asked: impl FnMut() -> Option<i32>) -> Result<Option<Live>, Failure> {
        let Some(listener) = self.listener.take() else { return Ok(None) };
        let (send, heard) = mpsc::channel();
        let guests = Arc::new(());
        let greet = |live| match live {
            // It has shown that it is the one: it can only have ended since.
            Err(ConnectError::NotLockscope) => {
                complain("lockscope: the program ended before it told anything\n", 0);
                Ok(None)
            }
            live => live.map(Some).map_err(|error| nothing("the program", &error)),
        };
        loop {
            if let Some(signal) = asked() {
                return Err(Failure::Signal(signal));
            }
            match listener.accept() {
                // Somebody else may have found the port: who says nothing keeps nobody waiting.
                Ok((stream, _)) if Arc::strong_count(&guests) <= GUESTS => {
                    stream.set_nonblocking(false)?;
                    let (send, guest, token) = (send.clone(), Arc::clone(&guests), self.token.clone());
                    thread::Builder::new().name("hear".into()).spawn(move || {
                        if Live::heard(&stream, &token).is_ok_and(|heard| heard) {
                            // Another one may have been quicker.
                            _ = send.send(Live::greet(stream, Some(&token)));
                        }
                        drop(guest);
                    })?;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Ok(live) = heard.recv_timeout(LOOK) {
                        return greet(live);
                    }
                    if self.child.status()?.is_some() {
                        drop(send);
                        // It may have come just before it ended.
                        if let Ok(live) = heard.recv() {
                            return greet(live);
                        }
                        complain(
                            "lockscope: the program ended and reported nothing\n  help: does it call \
                             `lockscope::serve`?\n",
                            0,
                        );
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Tells how it ended, if that was no success.
    fn tell(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() {
            return Ok(());
        }
        complain(&format!("lockscope: `{}` ended with {status}\n", self.name), 0);
        Err(Failure::Said(status.code().map_or(1, |code| code as u8)))
    }
}

/// The program's process.
struct Program {
    process: Mutex<Child>,
    /// Whether it leads a group of processes.
    leads: bool,
}

impl Program {
    fn status(&self) -> io::Result<Option<ExitStatus>> {
        locked(&self.process).try_wait()
    }

    /// How it ended, however long that takes.
    fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            thread::sleep(LOOK);
        }
    }

    /// How it ended, if it does within some time.
    fn ended(&self) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status()?;
            if status.is_some() || Instant::now() >= until {
                return Ok(status);
            }
            thread::sleep(LOOK);
        }
    }

    /// Ends it: it is ours, and nobody looks any more.
    fn end(&self) -> io::Result<()> {
        if self.tell(Signal::TERM)? && self.ended()?.is_none() {
            self.tell(Signal::KILL)?;
            self.wait()?;
        }
        Ok(())
    }

    /// Sends it a signal, if it still runs.
    fn tell(&self, signal: Signal) -> io::Result<bool> {
        let mut process = locked(&self.process);
        // Until it has been waited for, its number is its own.
        let running = process.try_wait()?.is_none();
        if let Some(pid) = i32::try_from(process.id()).ok().and_then(Pid::from_raw).filter(|_| running) {
            _ = if self.leads { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
        }
        Ok(running)
    }
}

/// Hears signals where we only print: one of them ends the program, and then we have so much time to end by ourselves,
/// which we may not do where nobody reads what we write.
struct Ears {
    signals: Handle,
    /// The signal that asked us to end, or 0.
    asked: Arc<AtomicI32>,
}

impl Ears {
    /// Until it is dropped.
    fn of(program: &Arc<Program>, mut signals: Signals) -> io::Result<Self> {
        let ears = Self { signals: signals.handle(), asked: Arc::new(AtomicI32::new(0)) };
        let (program, asked) = (Arc::clone(program), Arc::clone(&ears.asked));
        let wait = move || {
            if let Some(signal) = signals.forever().next() {
                asked.store(signal, Ordering::Release);
                _ = program.end();
                thread::sleep(PATIENCE);
                std::process::exit(0);
            }
        };
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(ears)
    }

    /// Whether one has asked us to end.
    fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) != 0
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.signals.close();
    }
}

/// A thread that panicked with it has done nothing to it.
fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a program and prints what happens in it. Its own output goes to stderr, so that ours is only that.
pub(super) fn print(program: &[OsString], format: ListFormat) -> Result<(), Failure> {
    // Before there is anything to leave behind.
    let signals = undisturbed(|| Signals::new([SIGINT, SIGTERM]))?;
    let stderr = || io::stderr().as_fd().try_clone_to_owned();
    let mut started = Started::new(program, [stderr()?, stderr()?], false)?;
    let ears = match Ears::of(&started.child, signals) {
        Ok(ears) => ears,
        Err(error) => {
            // Nobody would hear them.
            started.child.end()?;
            return Err(error.into());
        }
    };
    let looked = started.reporter(|| None).and_then(|live| match live {
        Some(mut live) => text::print(&mut live, format),
        None => Ok(()),
    });
    if looked.is_err() {
        started.child.end()?;
    }
    let status = started.child.wait()?;
    // Whoever has seen enough ends us so: that is no failure.
    if ears.asked() {
        return Ok(());
    }
    looked?;
    started.tell(status)
}

/// Starts a program and shows it in the player. Its own output goes to a file: the screen is ours.
pub(super) fn watch(flags: &AttachFlags) -> Result<(), Failure> {
    let output = tempfile::Builder::new().prefix("lockscope-").suffix(".out").tempfile()?;
    let file = || output.as_file().try_clone().map(OwnedFd::from);
    // From before the program is there until it is over it is one and the same who hears them: none is lost in between.
    let mut signals = app::Signals::listen()?;
    let mut started = Started::new(&flags.program, [file()?, file()?], true)?;
    complain(
        &format!("lockscope: waiting for `{}` to call `lockscope::serve`; Ctrl-C ends it\n", started.name),
        0,
    );
    let shown = match started.reporter(|| signals.asked()) {
        Ok(Some(live)) => {
            let name = started.name.rsplit('/').next().unwrap_or(&started.name).to_owned();
            view::show(live, signals, None, &name, flags)
        }
        // It has ended already.
        Ok(None) => Ok(true),
        Err(error) => Err(error),
    };
    // Of one that said that it ends that is awaited.
    let over = shown.as_ref().is_ok_and(|over| *over);
    let status = if over { started.child.ended()? } else { started.child.status()? };
    if status.is_none() {
        started.child.end()?;
    }
    tell_output(output, &started.name)?;
    if status.is_none() {
        complain(&format!("lockscope: `{}` still ran, and was ended\n", started.name), 0);
    }
    shown?;
    status.map_or(Ok(()), |status| started.tell(status))
}

/// Tells what the program printed: its last lines, and where all of it is.
fn tell_output(mut output: NamedTempFile, name: &str) -> io::Result<()> {
    let file = output.as_file_mut();
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let (_, path) = output.keep().map_err(|error| error.error)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let path = path.to_string_lossy();
    let mut told = format!("lockscope: `{name}` printed into {}; its last lines:\n", words::clean(&path));
    for line in last {
        told.push_str(&words::clean(line));
        told.push('\n');
    }
    complain(&told, 0);
    Ok(())
}
