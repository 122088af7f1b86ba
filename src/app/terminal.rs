//! The terminal: taken and given back, on every way out.

use std::io::{self, Stdout, Write, stdout};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::widgets::Widget;

/// Whether the terminal is ours, so that it is given back once and only then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours; dropping it gives it back.
pub struct Screen {
    /// Never dropped by itself: its drop shows the cursor, which [`give_back`] does too, and where that
    /// fails because the window was closed, it tells stderr, which then panics.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// What the terminal says; it is given back then.
    pub fn take() -> io::Result<Self> {
        hook_panics();
        let taken = seize().and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        if taken.is_err() {
            give_back();
        }
        Ok(Self { terminal: ManuallyDrop::new(taken?) })
    }

    /// Gives the terminal to the shell until it wants us back, then takes it again.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        seize()?;
        // Not `clear`: that asks the terminal where the cursor is, and waits for the answer.
        let area = self.area()?;
        self.terminal.resize(area)
    }

    /// How large it is.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    pub fn area(&self) -> io::Result<ratatui::layout::Rect> {
        let size = self.terminal.size()?;
        Ok(ratatui::layout::Rect::new(0, 0, size.width, size.height))
    }

    /// Draws a picture. Terminals that can will show it all at once.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    pub fn draw(&mut self, picture: impl Widget) -> io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| frame.render_widget(picture, frame.area()))?;
        execute!(stdout(), EndSynchronizedUpdate)
    }
}

/// Makes the terminal ours.
fn seize() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableMouseCapture, Hide)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it is ours. It tries everything: a part that fails must not keep the
/// next from being done.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), EndSynchronizedUpdate, DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = stdout().flush();
        let _ = disable_raw_mode();
    }
}

/// Whether the terminal is ours now.
pub fn is_ours() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Obeys a signal at once, when the terminal takes no output: its settings are given back, what is on
/// it cannot be.
pub fn abandon(signal: i32) {
    let _ = disable_raw_mode();
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// A panic of the thread that draws gives the terminal back before it speaks; one of another thread
/// goes to the log, never to the screen.
fn hook_panics() {
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if HOOKED.swap(true, Ordering::SeqCst) {
        return;
    }
    let main = std::thread::current().id();
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == main {
            give_back();
            default(panic);
        } else {
            tracing::error!(%panic, "a thread panicked");
        }
    }));
}
