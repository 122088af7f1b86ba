//! `attach`: what happens in a program, as it happens.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::{AttachFlags, ListFormat};
use super::{Failure, complain, is_utf8};
use crate::event::{Event, Mode, Names, Outcome, Time, What};
use crate::live::{ConnectError, Frame, Live, REPORT, Token};
use crate::trace::{End, json_end_line, json_line, words};

/// How often it is looked whether a program that was started has come to us, or to its end.
const LOOK: Duration = Duration::from_millis(20);

/// Looks at a program until its end.
pub fn attach(flags: &AttachFlags) -> Result<(), Failure> {
    // Whoever has seen enough ends it so: that is no failure.
    for signal in [SIGINT, SIGTERM] {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(signal, 0, always)?;
    }
    let Some(addr) = &flags.addr else { return start(flags) };
    let token = token(flags)?;
    let mut live = Live::connect(addr, token.as_ref()).map_err(|error| nothing(addr, &error))?;
    print(&mut live, flags.format)
}

/// The token that was given.
fn token(flags: &AttachFlags) -> Result<Option<Token>, Failure> {
    let (text, from) = if let Some(name) = &flags.token_env {
        let unset =
            |_| Failure::Unusable(format!("error: `{}` is not set, or no text\n", words::clean(name)));
        (std::env::var(name).map_err(unset)?, name.clone())
    } else if let Some(path) = &flags.token_file {
        let name = path.to_string_lossy().into_owned();
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text));
        let shown = words::clean(&name);
        read.map_err(|error| {
            Failure::Unusable(format!("error: cannot read the token from `{shown}`: {error}\n"))
        })?;
        (text.lines().next().unwrap_or_default().to_owned(), name)
    } else {
        return Ok(None);
    };
    let wrong = || {
        let (least, most) = (Token::MIN, Token::MAX);
        Failure::Unusable(format!(
            "error: `{}` holds no token: one has {least} to {most} bytes\n",
            words::clean(&from)
        ))
    };
    Token::new(text).map(Some).ok_or_else(wrong)
}

/// Says why there is nothing to look at, and what to do.
fn nothing(addr: &str, error: &ConnectError) -> Failure {
    let help = match error {
        ConnectError::Address(_) => "give a host and a port, such as 127.0.0.1:7007",
        ConnectError::Nobody(_) => "is the program running, and does it call `lockscope::live::serve`?",
        ConnectError::NotLockscope => "look at the port: the program tells it as `Serving::addr`",
        ConnectError::WrongToken => "give the program's token with `--token-env VAR` or `--token-file FILE`",
        ConnectError::OtherVersion(_) => "use the lockscope that the program was built with",
        ConnectError::Full => "close another viewer",
    };
    let error = error.to_string();
    let (addr, error) = (words::clean(addr), words::clean(&error));
    Failure::Unusable(format!("error: cannot look at `{addr}`: {error}\n  help: {help}\n"))
}

/// Starts a program that reports to us. Its output goes to stderr, so that ours is only what happened.
fn start(flags: &AttachFlags) -> Result<(), Failure> {
    let Some((program, args)) = flags.program.split_first() else { return Err(Failure::Said(2)) };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let mut secret = [0; 16];
    std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut secret))?;
    let mut text = String::new();
    for byte in secret {
        // A String takes whatever is written.
        _ = write!(text, "{byte:02x}");
    }
    let Some(token) = Token::new(&text) else { return Err(Failure::Failed("no token".into())) };
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    let child = Command::new(program)
        .args(args)
        .env(REPORT, format!("{} {text}", listener.local_addr()?))
        .stdin(Stdio::null())
        .stdout(stderr)
        .spawn();
    let name = program.to_string_lossy();
    let mut child = child.map_err(|error| {
        Failure::Unusable(format!("error: cannot start `{}`: {error}\n", words::clean(&name)))
    })?;
    let looked = match reporter(&listener, &token, &mut child)? {
        Some(mut live) => print(&mut live, flags.format),
        None => Ok(()),
    };
    if looked.is_err() {
        // Nobody looks any more, and it is ours.
        _ = child.kill();
    }
    let status = child.wait()?;
    looked?;
    if status.success() {
        return Ok(());
    }
    complain(&format!("lockscope: `{}` ended with {status}\n", words::clean(&name)), 0);
    Err(Failure::Said(status.code().map_or(1, |code| code as u8)))
}

/// Waits for the program to come; it need not, and may end before.
fn reporter(listener: &TcpListener, token: &Token, child: &mut Child) -> Result<Option<Live>, Failure> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false)?;
                // Somebody else may have found the port.
                if Live::heard(&mut stream, token).is_ok_and(|heard| heard) {
                    let live = Live::greet(stream, Some(token));
                    return live.map(Some).map_err(|error| nothing("the program", &error));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if child.try_wait()?.is_some() {
                    complain("lockscope: the program ended and reported nothing\n", 0);
                    return Ok(None);
                }
                std::thread::sleep(LOOK);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Prints what the program tells, until its end.
fn print(live: &mut Live, format: ListFormat) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let (mut names, mut seq, mut at) = (Names::default(), 0, Time::ZERO);
    let gone = loop {
        let event = match live.read() {
            Ok(Frame::Task(name)) => {
                names.tasks.push(name);
                continue;
            }
            Ok(Frame::Lock(lock)) => {
                names.locks.push(lock);
                continue;
            }
            Ok(Frame::Now(_)) => continue,
            Ok(Frame::End(end)) => {
                at = end.max(at);
                break None;
            }
            Ok(Frame::Event(event)) => event,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let why = error.to_string();
                return Err(Failure::Failed(format!(
                    "the program says what no program says: {}",
                    words::clean(&why)
                )));
            }
            Err(_) => break Some("the program is gone".to_owned()),
        };
        seq += 1;
        at = event.at.max(at);
        let event = Event { seq, at, ..event };
        match format {
            ListFormat::Text => {
                let line = sentence(&names, &event);
                let line = if is_utf8() { line } else { line.chars().map(words::ascii).collect() };
                writeln!(out, "{line}")?;
            }
            ListFormat::Json => writeln!(out, "{}", json_line(&names, &event))?,
        }
    };
    let end = End { outcome: Outcome::Stopped, at, note: gone };
    match format {
        ListFormat::Text => {
            writeln!(out, "{:>12}  {}", at.to_string(), end.note.as_deref().unwrap_or("the end"))?;
        }
        ListFormat::Json => writeln!(out, "{}", json_end_line(&end, None))?,
    }
    Ok(())
}

/// An event as a line for people.
fn sentence(names: &Names, event: &Event) -> String {
    let lock = event.what.lock().map_or("", |lock| names.lock(lock));
    let lock = words::clean(lock);
    let much = |mode| match mode {
        Mode::Shared => " (shared)".to_owned(),
        Mode::Permits(permits) => format!(" ({permits} permits)"),
        _ => String::new(),
    };
    let what = match &event.what {
        What::Wait { mode, .. } => format!("waits for {lock}{}", much(*mode)),
        What::Grant { mode, .. } => format!("is granted {lock}{}", much(*mode)),
        What::Acquire { mode, .. } => format!("acquires {lock}{}", much(*mode)),
        What::Release { .. } => format!("releases {lock}"),
        What::Cancel { .. } => format!("gives up {lock}"),
        What::Busy { .. } => format!("finds {lock} busy"),
        What::AddPermits { permits, .. } => format!("adds {permits} permits to {lock}"),
        What::ForgetPermits { permits, .. } => format!("takes {permits} permits out of {lock}"),
        What::Print { text } | What::Say { text } => words::clean(text).into_owned(),
        What::Lost { events } => {
            return format!(
                "{:>12}  {events} events are missing here; it goes on with what holds now",
                event.at.to_string()
            );
        }
        other => format!("{} {lock}", other.name()).trim_end().to_owned(),
    };
    format!("{:>12}  {:<16} {what}", event.at.to_string(), words::clean(names.task(event.actor.task)))
}
