//! How long each task and each lock waited and held altogether: what lanes are sorted by. Every event
//! changes at most one task and one lock, in constant time, and nothing is kept of what is over.

use std::time::Duration;

use super::Stage;
use crate::event::Time;

/// What somebody came to: a task, or all tasks with one lock. What is under way counts up to the end of
/// the trace; two acquisitions under way at once count twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// From asking to acquiring or giving up.
    pub waiting: Duration,
    /// From acquiring to release.
    pub holding: Duration,
}

/// Lengths of time that are added up.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    /// When they ended less when they began, in nanoseconds, round and round.
    sum: u64,
    /// How many are under way.
    open: u32,
}

impl Clock {
    #[inline]
    fn begin(&mut self, now: Time) {
        self.sum = self.sum.wrapping_sub(now.nanos());
        self.open += 1;
    }

    #[inline]
    fn end(&mut self, now: Time) {
        // A damaged recording may end what never began.
        let one = self.open.min(1);
        self.sum = self.sum.wrapping_add(now.nanos() * u64::from(one));
        self.open -= one;
    }

    fn end_all(&mut self, now: Time) {
        self.sum = self.sum.wrapping_add(now.nanos().wrapping_mul(self.open.into()));
        self.open = 0;
    }

    fn span(mut self, now: Time) -> Duration {
        self.end_all(now);
        Duration::from_nanos(self.sum)
    }
}

/// The clocks of one task or of one lock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clocks {
    waiting: Clock,
    holding: Clock,
}

impl Clocks {
    /// Takes note that an acquisition moved on at this time.
    #[inline(always)]
    pub fn note(&mut self, at: Time, from: Option<Stage>, to: Option<Stage>) {
        let (before, after) = (part(from), part(to));
        if before == after {
            return;
        }
        match before {
            Part::Nothing => {}
            Part::Waits => self.waiting.end(at),
            Part::Holds => self.holding.end(at),
        }
        match after {
            Part::Nothing => {}
            Part::Waits => self.waiting.begin(at),
            Part::Holds => self.holding.begin(at),
        }
    }

    /// Takes note that nobody knows who waits or holds from here on.
    pub fn end_all(&mut self, now: Time) {
        self.waiting.end_all(now);
        self.holding.end_all(now);
    }

    /// What they came to.
    pub fn spent(&self, now: Time) -> Spent {
        Spent { waiting: self.waiting.span(now), holding: self.holding.span(now) }
    }
}

/// How far an acquisition has come, as far as it is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Waits,
    Holds,
}

#[inline(always)]
fn part(stage: Option<Stage>) -> Part {
    match stage {
        None => Part::Nothing,
        Some(Stage::Holding) => Part::Holds,
        Some(Stage::Waiting | Stage::Woken | Stage::Granted | Stage::Blocked) => Part::Waits,
    }
}
