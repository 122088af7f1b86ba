//! A program that is started here, and reports to us.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::super::args::{AttachFlags, ListFormat};
use super::super::{Failure, complain};
use super::{nothing, text, view};
use crate::live::{Live, REPORT, Token};
use crate::trace::words;

/// How often it is looked whether a program that was started has come to us, or to its end.
const LOOK: Duration = Duration::from_millis(20);

/// How long a program may take to end by itself when it is over, or when it was asked to. A signal leaves
/// us no more time than this twice.
const PATIENCE: Duration = Duration::from_millis(700);

/// So many of the last lines that the program printed are shown, out of so many bytes.
const LINES: usize = 20;
const TAIL: u64 = 64 << 10;

/// A program that was started, and where it has to come to.
struct Started {
    name: String,
    child: Child,
    listener: TcpListener,
    token: Token,
}

impl Started {
    fn new(program: &[OsString], [out, err]: [OwnedFd; 2]) -> Result<Self, Failure> {
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
        let child = Command::new(program)
            .args(args)
            .env(REPORT, format!("{} {text}", listener.local_addr()?))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|error| Failure::Unusable(format!("error: cannot start `{name}`: {error}\n")))?;
        Ok(Self { name, child, listener, token })
    }

    /// Waits for the program to come; it need not, and may end before.
    fn reporter(&mut self) -> Result<Option<Live>, Failure> {
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nonblocking(false)?;
                    // Somebody else may have found the port.
                    if Live::heard(&mut stream, &self.token).is_ok_and(|heard| heard) {
                        let live = Live::greet(stream, Some(&self.token));
                        return live.map(Some).map_err(|error| nothing("the program", &error));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.child.try_wait()?.is_some() {
                        complain("lockscope: the program ended and reported nothing\n", 0);
                        return Ok(None);
                    }
                    std::thread::sleep(LOOK);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How it ended, if it does within some time.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= until {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends it: it is ours, and nobody looks any more.
    fn end(&mut self) -> io::Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended just now; it is waited for below, so its number is still its own.
            _ = kill_process(pid, Signal::TERM);
        }
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
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

/// Starts a program and prints what happens in it. Its own output goes to stderr, so that ours is only that.
pub(super) fn print(program: &[OsString], format: ListFormat) -> Result<(), Failure> {
    let stderr = || io::stderr().as_fd().try_clone_to_owned();
    let mut started = Started::new(program, [stderr()?, stderr()?])?;
    let looked = match started.reporter()? {
        Some(mut live) => text::print(&mut live, format),
        None => Ok(()),
    };
    if looked.is_err() {
        // Nobody looks any more, and it is ours.
        _ = started.child.kill();
    }
    let status = started.child.wait()?;
    looked?;
    started.tell(status)
}

/// Starts a program and shows it in the player. Its own output goes to a file: the screen is ours.
pub(super) fn watch(flags: &AttachFlags) -> Result<(), Failure> {
    let output = tempfile::Builder::new().prefix("lockscope-").suffix(".out").tempfile()?;
    let file = || output.as_file().try_clone().map(OwnedFd::from);
    let mut started = Started::new(&flags.program, [file()?, file()?])?;
    complain(&format!("lockscope: waiting for `{}` to report\n", started.name), 0);
    let shown = match started.reporter() {
        Ok(Some(live)) => {
            let name = started.name.rsplit('/').next().unwrap_or(&started.name).to_owned();
            view::show(live, None, &name, flags)
        }
        // It has ended already.
        Ok(None) => Ok(true),
        Err(error) => Err(error),
    };
    // Of one that said that it ends that is awaited.
    let over = shown.as_ref().is_ok_and(|over| *over);
    let status = if over { started.ended()? } else { started.child.try_wait()? };
    if status.is_none() {
        started.end()?;
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
