//! How far something that takes a while has come, on stderr, where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Told no more often than this.
const PAUSE: Duration = Duration::from_millis(100);

/// Steps done and to be done.
pub struct Progress {
    done: u64,
    all: u64,
    begun: Instant,
    /// When it was told last, if it is told at all.
    told: Option<Instant>,
}

impl Progress {
    /// Nothing is done yet of `all`.
    pub fn new(all: u64) -> Self {
        let now = Instant::now();
        Self { done: 0, all, begun: now, told: io::stderr().is_terminal().then_some(now) }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done += 1;
        let Some(told) = self.told.filter(|told| told.elapsed() >= PAUSE) else { return };
        let left = self.begun.elapsed().mul_f64((self.all - self.done) as f64 / self.done as f64);
        let (percent, seconds) = (100 * self.done / self.all, left.as_secs_f64().ceil());
        let line =
            format!("\r{percent:>3} %  {} of {} pictures, {seconds} s left\x1b[K", self.done, self.all);
        let _ = io::stderr().write_all(line.as_bytes());
        self.told = Some(told + told.elapsed());
    }
}

impl Drop for Progress {
    /// Leaves the line as it found it.
    fn drop(&mut self) {
        if self.told.is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}
