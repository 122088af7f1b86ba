//! The event loop: one thread draws; one waits for keys, one for signals, one looks at the file if it
//! is watched, and the run has its own.
//! They meet in one inbox. While nothing plays, nothing wakes up, but once a second to see whether the
//! terminal is still there, and more often to see whether a watched file was saved.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use ratatui::layout::Rect;
use signal_hook::consts::SIGTSTP;

use super::signals::Signals;
use super::terminal::{self, Screen};
use super::{Message, Next, Reload, Reloaded};

/// A frame lasts this long while something plays: 25 a second.
const FRAME: Duration = Duration::from_millis(40);

/// What [`run`] puts into a terminal: keys and time in, pictures out.
pub trait Program {
    /// Time passed.
    fn tick(&mut self, passed: Duration);

    /// Time passed while nothing played.
    fn rest(&mut self, passed: Duration);

    /// Whether it needs to be told of passing time.
    fn is_busy(&self) -> bool;

    /// What an input asks for.
    fn read(&mut self, input: &Input) -> Option<Message>;

    /// Does what was asked; `area` is the size of the picture that it was asked of.
    fn update(&mut self, message: Message, area: Rect) -> Next;

    /// Draws the present state.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    fn draw(&mut self, screen: &mut Screen) -> io::Result<()>;

    /// The file that is to be looked at all the time, if there is one.
    fn watched(&self) -> Option<Arc<dyn Reload>> {
        None
    }

    /// Goes on with what came of reading that file again.
    fn take(&mut self, reloaded: Reloaded) {
        drop(reloaded);
    }
}

/// What comes into the inbox.
enum Mail {
    Input(Input),
    Signal(i32),
    /// The scenario's file was saved.
    Reloaded(Reloaded),
    /// The keyboard is gone.
    Closed,
}

/// Runs the program in the terminal until the viewer leaves; `signals` are listened to since before the program
/// started its threads. Gives the signal that ended it, if one
/// did; the terminal is given back by then.
///
/// # Errors
///
/// What the terminal says.
pub fn run(app: &mut impl Program, signals: Signals) -> io::Result<Option<i32>> {
    let (send, inbox) = channel();
    // Before the terminal is taken: a signal must never find it taken and nobody listening.
    answer(signals, send.clone())?;
    let mut screen = Screen::take()?;
    if let Some(file) = app.watched() {
        watch(file, send.clone())?;
    }
    listen_for_input(send)?;
    let signal = event_loop(app, &mut screen, &inbox);
    drop(screen);
    signal
}

fn event_loop(
    app: &mut impl Program,
    screen: &mut Screen,
    inbox: &Receiver<Mail>,
) -> io::Result<Option<i32>> {
    let mut before = Instant::now();
    app.tick(Duration::ZERO);
    loop {
        app.draw(screen)?;
        let mail = if app.is_busy() {
            match inbox.recv_timeout(FRAME.saturating_sub(before.elapsed())) {
                Ok(mail) => Some(mail),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        } else {
            let Ok(mail) = inbox.recv() else { return Ok(None) };
            // Time in which nothing plays does not move the playhead; a real run goes on all the same.
            let passed = before.elapsed();
            before += passed;
            app.rest(passed);
            Some(mail)
        };
        // Everything that has come is done before the next picture: a flood of keys or a drag must
        // not lag behind.
        let area = screen.area()?;
        for mail in mail.into_iter().chain(inbox.try_iter()) {
            let next = match mail {
                Mail::Signal(SIGTSTP) => Next::Suspend,
                Mail::Signal(signal) => return Ok(Some(signal)),
                Mail::Closed => return Ok(None),
                Mail::Reloaded(reloaded) => {
                    app.take(reloaded);
                    Next::Go
                }
                Mail::Input(input) => match app.read(&input) {
                    Some(message) => app.update(message, area),
                    None => Next::Go,
                },
            };
            match next {
                Next::Go => {}
                Next::Quit => return Ok(None),
                Next::Suspend => {
                    screen.suspend()?;
                    let passed = before.elapsed();
                    before += passed;
                    app.rest(passed);
                }
            }
        }
        let passed = before.elapsed();
        before += passed;
        app.tick(passed);
    }
}

/// How long a signal waits to be answered before it is obeyed without giving the screen back.
const ANSWER: Duration = Duration::from_secs(2);
/// The same for whoever has to ask twice.
const SECOND_ANSWER: Duration = Duration::from_millis(250);

fn answer(mut signals: Signals, send: Sender<Mail>) -> io::Result<()> {
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            let _ = send.send(Mail::Signal(signal));
            if signal == SIGTSTP {
                continue;
            }
            // The thread that draws may be stuck in a write that nobody takes: a second signal, or
            // some time, is answer enough.
            let again = std::mem::replace(&mut asked, true);
            let patience = if again { SECOND_ANSWER } else { ANSWER };
            let _ = std::thread::Builder::new().name("patience".into()).spawn(move || {
                std::thread::sleep(patience);
                // Who has given it back has answered, and saves what there is to save; asked again, it need not.
                if again || terminal::is_ours() {
                    terminal::abandon(signal);
                }
            });
        }
    })?;
    Ok(())
}

/// How often it is asked whether the terminal is still there.
const STILL_THERE: Duration = Duration::from_secs(1);

fn listen_for_input(send: Sender<Mail>) -> io::Result<()> {
    std::thread::Builder::new().name("input".into()).spawn(move || {
        loop {
            let mail = match crossterm::event::poll(STILL_THERE) {
                Ok(true) => crossterm::event::read().map_or(Mail::Closed, Mail::Input),
                // A terminal that went away without a signal gives no input and no error either.
                Ok(false) if io::stdin().is_terminal() => continue,
                Ok(false) | Err(_) => Mail::Closed,
            };
            let closed = matches!(mail, Mail::Closed);
            if send.send(mail).is_err() || closed {
                return;
            }
        }
    })?;
    Ok(())
}

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);

fn watch(file: Arc<dyn Reload>, send: Sender<Mail>) -> io::Result<()> {
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        loop {
            std::thread::sleep(LOOK);
            if let Some(reloaded) = file.look()
                && send.send(Mail::Reloaded(reloaded)).is_err()
            {
                return;
            }
        }
    })?;
    Ok(())
}
