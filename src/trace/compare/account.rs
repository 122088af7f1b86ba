//! What one run came to: who acquired which lock when, how they came by it, and what every task waited
//! and held up to any moment.
//!
//! It is read off the events alone, so that it says the same of a scenario, of a recording and of a
//! program of somebody's own.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::is_acquired;
use crate::event::{Event, LockId, Mode, OpId, TaskId, Time, What};
use crate::trace::{Stage, Task, Trace};

/// How a task came by a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nobody stood in its way.
    AtOnce,
    /// It waited, and the lock was handed to it.
    Handed,
    /// It waited, was woken, and took the lock itself.
    Woken,
    /// It took the lock although another task that still waited had asked earlier: barging.
    Barged {
        /// Who had waited longest.
        past: TaskId,
        /// Since when.
        since: Time,
        /// Whether the task had let go of the lock itself, and neither slept nor waited since.
        again: bool,
    },
}

/// One acquisition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The event.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// Who acquired.
    pub task: TaskId,
    /// What it acquired of the lock.
    pub mode: Mode,
    /// When it had asked.
    pub asked: Time,
    /// How it came by it.
    pub how: How,
}

/// Lengths of time, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub count: u32,
    /// All of them together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Tally {
    fn add(&mut self, span: Duration) {
        self.count = self.count.saturating_add(1);
        self.total = self.total.saturating_add(span);
        self.longest = self.longest.max(span);
    }

    /// What they are on average; zero if there are none.
    pub fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

/// What a task came to by some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// How often it acquired a lock.
    pub acquired: u32,
    /// How long it waited for each that it asked for: nothing where it got it at once, and up to the
    /// moment where it still waits.
    pub waits: Tally,
    /// How long it held each that it acquired, up to the moment where it still does.
    pub holds: Tally,
    /// How long it has been waiting, if it waits.
    pub waiting: Option<Duration>,
}

impl Figures {
    /// Whether the task ever asked for a lock.
    pub fn asked(&self) -> bool {
        self.waits.count > 0
    }
}

/// A run in figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// The acquisitions of each lock, by [`LockId`], in order.
    pub(super) orders: Vec<Vec<Turn>>,
    /// The figures of each task after each event that changed them, by [`TaskId`].
    ledgers: Vec<Vec<(u64, Figures)>>,
}

impl Account {
    pub(super) fn of(trace: &Trace) -> Self {
        let names = trace.names();
        let account = Self {
            orders: vec![Vec::new(); names.locks.len()],
            ledgers: vec![Vec::new(); names.tasks.len()],
        };
        let locks = names.locks.iter().map(|_| Queue::default()).collect();
        let paused = vec![0; names.tasks.len()];
        let mut fold = Fold { trace, account, requests: HashMap::new(), locks, paused };
        for event in trace.events() {
            fold.apply(&event);
        }
        fold.account
    }

    /// What a task, which at `moment` stands so, has come to by then; `now` is the time.
    pub(super) fn figures(&self, trace: &Trace, id: usize, task: &Task, moment: u64, now: Time) -> Figures {
        let ledger = self.ledgers.get(id).map_or(&[][..], Vec::as_slice);
        let last = ledger[..ledger.partition_point(|(seq, _)| *seq <= moment)].last();
        let mut figures = last.map_or_else(Figures::default, |(_, figures)| *figures);
        for claim in task.claims.iter().filter(|claim| is_acquired(trace.names(), claim.lock)) {
            if claim.stage == Stage::Holding {
                figures.holds.add(now.since(claim.since));
            } else {
                let asked = trace.event(claim.asked_seq).map_or(claim.since, |event| event.at);
                figures.waits.add(now.since(asked));
                figures.waiting = figures.waiting.max(Some(now.since(asked)));
            }
        }
        figures
    }
}

/// Something asked for that has not come to its end.
#[derive(Clone, Copy)]
struct Request {
    task: TaskId,
    at: Time,
    seq: u64,
    waits: bool,
    handed: bool,
    acquired: Option<Time>,
}

#[derive(Default)]
struct Queue {
    /// Who waits, by the event with which they asked, and since when.
    waiting: BTreeMap<u64, (TaskId, Time)>,
    /// Who last let go, and with which event.
    freed: Option<(TaskId, u64)>,
}

struct Fold<'a> {
    trace: &'a Trace,
    account: Account,
    requests: HashMap<OpId, Request>,
    locks: Vec<Queue>,
    /// The event with which each task last slept or began to wait.
    paused: Vec<u64>,
}

impl Fold<'_> {
    fn apply(&mut self, event: &Event) {
        if matches!(event.what, What::Sleep { .. } | What::Wait { .. })
            && let Some(paused) = self.paused.get_mut(event.actor.task.0 as usize)
        {
            *paused = event.seq;
        }
        let Some((lock, op)) = event.what.acquisition() else { return };
        if !is_acquired(self.trace.names(), lock) {
            return;
        }
        match event.what {
            What::Wait { .. } => self.wait(event, lock, op),
            What::Grant { .. } => self.grant(event, lock, op),
            What::Acquire { mode, .. } => self.acquire(event, lock, op, mode),
            What::Release { .. } | What::Cancel { .. } => self.leave(event, lock, op),
            _ => {}
        }
    }

    fn request(&mut self, event: &Event, op: OpId) -> &mut Request {
        let (task, at, seq) = (event.actor.task, event.at, event.seq);
        let new = Request { task, at, seq, waits: false, handed: false, acquired: None };
        self.requests.entry(op).or_insert(new)
    }

    fn wait(&mut self, event: &Event, lock: LockId, op: OpId) {
        let request = self.request(event, op);
        request.waits = true;
        let (seq, place) = (request.seq, (request.task, request.at));
        self.locks[lock.0 as usize].waiting.insert(seq, place);
    }

    fn grant(&mut self, event: &Event, lock: LockId, op: OpId) {
        // Whoever is only woken still waits.
        if self.trace.names().policy(lock).hands_over() {
            let request = self.request(event, op);
            request.handed = request.waits;
            let seq = request.seq;
            self.locks[lock.0 as usize].waiting.remove(&seq);
        }
    }

    fn acquire(&mut self, event: &Event, lock: LockId, op: OpId, mode: Mode) {
        let request = *self.request(event, op);
        if request.acquired.is_some() {
            // It only keeps less of what it has.
            return;
        }
        let queue = &mut self.locks[lock.0 as usize];
        queue.waiting.remove(&request.seq);
        // A task is no rival of its own: it may ask twice in a `select!`.
        let mut earlier = queue.waiting.range(..request.seq);
        let first = earlier.find(|(_, (task, _))| *task != request.task);
        let paused = self.paused.get(request.task.0 as usize).copied().unwrap_or(0);
        let how = match first {
            Some((_, &(past, since))) => {
                let again = queue.freed.is_some_and(|(task, seq)| task == request.task && paused < seq);
                How::Barged { past, since, again }
            }
            None if request.handed => How::Handed,
            None if request.waits => How::Woken,
            None => How::AtOnce,
        };
        let turn = Turn { seq: event.seq, at: event.at, task: request.task, mode, asked: request.at, how };
        self.account.orders[lock.0 as usize].push(turn);
        self.request(event, op).acquired = Some(event.at);
        self.enter(event, request.task, |figures| {
            figures.acquired = figures.acquired.saturating_add(1);
            figures.waits.add(event.at.since(request.at));
        });
    }

    fn leave(&mut self, event: &Event, lock: LockId, op: OpId) {
        let Some(request) = self.requests.remove(&op) else { return };
        let queue = &mut self.locks[lock.0 as usize];
        queue.waiting.remove(&request.seq);
        if request.acquired.is_some() || request.handed {
            queue.freed = Some((request.task, event.seq));
        }
        self.enter(event, request.task, |figures| match request.acquired {
            Some(since) => figures.holds.add(event.at.since(since)),
            None => figures.waits.add(event.at.since(request.at)),
        });
    }

    fn enter(&mut self, event: &Event, task: TaskId, change: impl FnOnce(&mut Figures)) {
        let Some(ledger) = self.account.ledgers.get_mut(task.0 as usize) else { return };
        let mut figures = ledger.last().map_or_else(Figures::default, |(_, figures)| *figures);
        change(&mut figures);
        ledger.push((event.seq, figures));
    }
}
