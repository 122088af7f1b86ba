//! Signals: none is lost while we begin to listen.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator;

/// The signals that a program in the terminal answers. One that comes before it looks waits.
pub struct Signals(iterator::Signals);

impl Signals {
    /// From now on they wait to be answered. Before any thread is started, see [`undisturbed`].
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        undisturbed(|| iterator::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP])).map(Self)
    }

    /// One that asks us to end, if one has come. One that stops us for a while does so.
    pub fn asked(&mut self) -> Option<i32> {
        self.0.pending().find(|&signal| {
            if signal == SIGTSTP {
                // It never fails: the signal is one that the system knows.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            signal != SIGTSTP
        })
    }

    /// Waits for one after the other.
    pub(super) fn forever(&mut self) -> impl Iterator<Item = i32> {
        self.0.forever()
    }
}

/// Runs `register`, which begins to listen to signals. What comes meanwhile waits until it is done.
///
/// For `signal-hook-registry` 1.4.8 sets a signal's handler first and stores what that is to do after: in
/// between a signal does nothing at all, not even what it did before. Only this thread is kept from hearing
/// signals: where others run, one of them may hear it.
///
/// # Errors
///
/// What the system says, and what `register` does.
pub fn undisturbed<T>(register: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let registered = register();
    before.thread_set_mask()?;
    registered
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::sys::signal::{Signal, raise};
    use signal_hook::consts::SIGUSR1;

    use super::*;

    #[test]
    fn a_signal_waits_until_somebody_looks() {
        let mut signals = Signals::listen().unwrap();
        assert_eq!(signals.asked(), None);
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.asked(), Some(SIGHUP));
        assert_eq!(signals.asked(), None);
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.forever().next(), Some(SIGHUP));
    }

    #[test]
    fn a_signal_that_comes_while_we_begin_to_listen_is_heard() {
        let heard = Arc::new(AtomicBool::new(false));
        undisturbed(|| {
            // Nobody has said yet what it is to do: delivered now, it would end the tests.
            raise(Signal::SIGUSR1)?;
            signal_hook::flag::register(SIGUSR1, heard.clone())
        })
        .unwrap();
        assert!(heard.load(Ordering::Relaxed));
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGUSR1));
    }
}
