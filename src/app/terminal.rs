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
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Whether the terminal is ours: from when it is taken until it has been given back.
static OURS: AtomicBool = AtomicBool::new(false);
/// Whether somebody is giving it back, which is done once. It may take for ever.
static RETURNING: AtomicBool = AtomicBool::new(false);

/// A terminal that says it has more cells than this is believed to be none: pictures of so many would take gigabytes.
const MOST_CELLS: u32 = 1 << 22;

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
        let taken = crossterm::terminal::size()
            .and_then(believable)
            .and_then(|_| seize())
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
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
    /// What the terminal says, and where that cannot be.
    pub fn area(&self) -> io::Result<Rect> {
        let size = self.terminal.size()?;
        let (width, height) = believable((size.width, size.height))?;
        Ok(Rect::new(0, 0, width, height))
    }

    /// Draws a picture. Terminals that can will show it all at once.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    pub fn draw(&mut self, picture: impl Widget) -> io::Result<()> {
        // It makes room for as many as there are.
        self.area()?;
        queue!(stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| frame.render_widget(picture, frame.area()))?;
        execute!(stdout(), EndSynchronizedUpdate)
    }
}

/// So many columns and rows, if a terminal can have them.
fn believable((width, height): (u16, u16)) -> io::Result<(u16, u16)> {
    if u32::from(width) * u32::from(height) > MOST_CELLS {
        let what =
            format!("the terminal says that it has {width} columns and {height} rows, which is too many");
        return Err(io::Error::other(what));
    }
    Ok((width, height))
}

/// Makes the terminal ours.
fn seize() -> io::Result<()> {
    OURS.store(true, Ordering::SeqCst);
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
    if is_ours() && !RETURNING.swap(true, Ordering::SeqCst) {
        let _ = execute!(stdout(), EndSynchronizedUpdate, DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = stdout().flush();
        let _ = disable_raw_mode();
        OURS.store(false, Ordering::SeqCst);
        RETURNING.store(false, Ordering::SeqCst);
    }
}

/// Whether the terminal is ours still.
pub fn is_ours() -> bool {
    OURS.load(Ordering::SeqCst)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        for size in [(0, 0), (80, 24), (2000, 600), (u16::MAX, 64)] {
            assert_eq!(believable(size).unwrap(), size);
        }
        let told = believable((30_000, 30_000)).unwrap_err().to_string();
        assert_eq!(told, "the terminal says that it has 30000 columns and 30000 rows, which is too many");
    }
}
