//! `attach`: what happens in a program, as it happens: in the player, or as lines.

mod listen;
mod start;
mod text;
mod view;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::{AttachFlags, ListFormat};
use super::{Failure, in_terminal};
use crate::app::{Signals, undisturbed};
use crate::live::{ConnectError, Live, Token};
use crate::trace::words;
use listen::Place;

/// Looks at a program: as it was asked for, or in the player where there is a terminal.
pub fn attach(flags: &AttachFlags) -> Result<(), Failure> {
    let drawn = flags.format.is_none() && in_terminal();
    if drawn {
        view::can_save(flags)?;
    } else if flags.save.is_some() {
        let help = if flags.format.is_some() && in_terminal() {
            "leave out `--format`, which prints what happens in place of drawing it"
        } else {
            "without one, `--format json` prints what happens"
        };
        return Err(Failure::Unusable(format!(
            "error: `--save` needs a terminal to draw in\n  help: {help}\n"
        )));
    }
    let format = flags.format.unwrap_or(ListFormat::Text);
    let Some(addr) = &flags.addr else {
        return if drawn { start::watch(flags) } else { start::print(&flags.program, format) };
    };
    let token = token(flags)?;
    let mut live = Live::connect(addr, token.as_ref()).map_err(|error| nothing(addr, &error))?;
    if drawn {
        let place = Place { addr: addr.clone(), token };
        view::show(live, Signals::listen()?, Some(place), addr, flags).map(drop)
    } else {
        // Whoever has seen enough ends it so: that is no failure.
        undisturbed(|| {
            let always = Arc::new(AtomicBool::new(true));
            flag::register_conditional_shutdown(SIGINT, 0, Arc::clone(&always))?;
            flag::register_conditional_shutdown(SIGTERM, 0, always)
        })?;
        text::print(&mut live, format)
    }
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
        ConnectError::Address(_) if Path::new(addr).exists() => {
            "to start a program: `lockscope attach -- PROGRAM`"
        }
        ConnectError::Address(_) => "give a host that is known here and a port, such as 127.0.0.1:7007",
        ConnectError::Nobody(_) => "is the program running, and does it call `lockscope::serve`?",
        ConnectError::NotLockscope => {
            "look at the port: the program tells it as `Serving::addr`; one to which many connect hears no more, try again"
        }
        ConnectError::WrongToken => "give the program's token with `--token-env VAR` or `--token-file FILE`",
        ConnectError::OtherVersion(_) => "use the lockscope that the program was built with",
        ConnectError::Full => "close another viewer",
    };
    let error = error.to_string();
    let (addr, error) = (words::clean(addr), words::clean(&error));
    Failure::Unusable(format!("error: cannot look at `{addr}`: {error}\n  help: {help}\n"))
}
