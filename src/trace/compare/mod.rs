//! Two runs or more beside each other: who got each lock in which order, what every task waited, and
//! where the orders part for the first time.
//!
//! Runs are compared by names: a lock with the lock, a task with the task that is called the same. Each
//! run is compared with the first. What acquisitions are compared by is who got the lock and, between
//! locks of one family, what of it; and when, where both runs have the exact times of the virtual clock.
//! Notifiers and channels are left out: nobody acquires them. Pure: it knows the events and nothing of
//! what made them.

mod account;
mod difference;
mod json;
mod text;

use std::sync::Arc;

use super::{State, Task, Trace};
use crate::event::{Family, LockId, LockKind, LockName, Names, Outcome, TaskId, Time};
use account::Account;

pub use account::{Figures, How, Tally, Turn};
pub use difference::{Difference, Parting};
pub use json::json;
pub use text::text;

/// One of the runs.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What its viewer calls it: the lock's kind, or the scenario.
    pub name: String,
    /// What happened, to the end.
    pub trace: Trace,
    /// Whether its times are exact, as those of the virtual clock are.
    pub exact: bool,
}

/// Runs beside each other.
///
/// ```
/// use lockscope::event::*;
/// use lockscope::trace::{Trace, compare::{Comparison, Variant}};
///
/// let run = |order: &[u32]| {
///     let lock = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
///     let names = Names { tasks: vec!["reader".into(), "writer".into()], locks: vec![lock] };
///     let turn = |(op, task): (usize, &u32)| {
///         let actor = Actor { task: TaskId(*task), step: None };
///         let (lock, op) = (LockId(0), OpId(op as u64));
///         let events = [What::Acquire { lock, op, mode: Mode::Exclusive }, What::Release { lock, op }];
///         events.map(|what| Event { seq: 0, at: Time::ZERO, actor, what })
///     };
///     Trace::of(names, order.iter().enumerate().flat_map(turn))
/// };
/// let runs = [("one", run(&[0, 1])), ("two", run(&[0, 0]))];
/// let comparison = Comparison::of(
///     runs.map(|(name, trace)| Variant { name: name.into(), trace, exact: true }).into(),
/// );
/// assert_eq!(comparison.difference(1).unwrap().index, 1);
/// assert_eq!(comparison.fairness(0), Some(1.0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    variants: Vec<Variant>,
    accounts: Vec<Account>,
    shorts: Vec<String>,
    differences: Vec<Option<Difference>>,
}

impl Comparison {
    /// Compares each of the runs with the first.
    pub fn of(variants: Vec<Variant>) -> Self {
        let accounts: Vec<Account> = variants.iter().map(|variant| Account::of(&variant.trace)).collect();
        let shorts = shorts(&variants);
        let mut all = Self { variants, accounts, shorts, differences: Vec::new() };
        all.differences = (0..all.variants.len()).map(|index| difference::find(&all, index)).collect();
        all
    }

    /// The runs.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// What a run is called in a sentence: as little of its name as tells it from the others.
    pub fn short(&self, variant: usize) -> &str {
        self.shorts.get(variant).map_or("?", |short| short)
    }

    /// The acquisitions of a lock in a run, in order.
    pub fn order(&self, variant: usize, lock: LockId) -> &[Turn] {
        let account = self.accounts.get(variant);
        account.and_then(|account| account.orders.get(lock.0 as usize)).map_or(&[], |order| order)
    }

    /// Where a run parts from the first for the first time; `None` if it does not, and of the first.
    pub fn difference(&self, variant: usize) -> Option<&Difference> {
        self.differences.get(variant)?.as_ref()
    }

    /// The first of all the differences, and whose it is.
    pub fn first(&self) -> Option<(usize, &Difference)> {
        let all = (0..self.variants.len()).filter_map(|index| Some((index, self.difference(index)?)));
        all.min_by_key(|(index, difference)| (difference.at, difference.parting, *index))
    }

    /// The latest moment of all the runs.
    pub fn end(&self) -> Time {
        self.variants.iter().map(Variant::end).max().unwrap_or_default()
    }

    /// The names of all the locks that can be acquired: those of the first run, then what others have
    /// beside them.
    pub fn locks(&self) -> Vec<Arc<str>> {
        union(self.all_locks().filter(|lock| can_be_acquired(lock)).map(|lock| &lock.name))
    }

    /// The names of what is no lock to acquire, and so is not compared: notifiers and channels.
    pub fn left_out(&self) -> Vec<Arc<str>> {
        union(self.all_locks().filter(|lock| !can_be_acquired(lock)).map(|lock| &lock.name))
    }

    fn all_locks(&self) -> impl Iterator<Item = &LockName> {
        self.variants.iter().flat_map(|variant| &variant.trace.names().locks)
    }

    /// What every task of a run, by [`TaskId`], came to by the moment of `state`; `now` is the time.
    pub fn figures(&self, variant: usize, state: &State, now: Time) -> Vec<Figures> {
        let (Some(run), Some(account)) = (self.variants.get(variant), self.accounts.get(variant)) else {
            return Vec::new();
        };
        let figures = |(id, task): (usize, &Task)| account.figures(&run.trace, id, task, state.moment, now);
        state.tasks.iter().enumerate().map(figures).collect()
    }

    /// What every task of a run came to at its end.
    pub fn totals(&self, variant: usize) -> Vec<Figures> {
        let Some(run) = self.variants.get(variant) else { return Vec::new() };
        self.figures(variant, &run.trace.state(run.trace.len()), run.end())
    }

    /// [`fairness`] of a whole run.
    pub fn fairness(&self, variant: usize) -> Option<f64> {
        fairness(&self.totals(variant))
    }
}

/// Jain's index of the acquisitions: how evenly they went to the tasks that asked for a lock.
///
/// The square of their sum, over as many times the sum of their squares as there are tasks that asked.
/// 1 is all alike, and one in n is one of n tasks got everything. It counts turns and does not know how
/// many each task would have liked: it tells locks apart that run the same program, not programs.
/// `None` where nobody got anything.
pub fn fairness(figures: &[Figures]) -> Option<f64> {
    let turns = || figures.iter().filter(|task| task.asked()).map(|task| f64::from(task.acquired));
    let (sum, squares): (f64, f64) = (turns().sum(), turns().map(|turns| turns * turns).sum());
    (squares > 0.0).then(|| sum * sum / (turns().count() as f64 * squares))
}

impl Variant {
    /// When it ended.
    pub fn end(&self) -> Time {
        let last = self.trace.at(self.trace.len());
        self.trace.end().map_or(last, |end| end.at)
    }

    /// The kinds of its locks, each once.
    pub fn kinds(&self) -> Vec<LockKind> {
        let mut kinds = Vec::new();
        for lock in &self.trace.names().locks {
            if !kinds.contains(&lock.kind) {
                kinds.push(lock.kind);
            }
        }
        kinds
    }

    /// In what order its locks serve those who wait: `no fairness · one legal order` where the same
    /// program may come to another order next time.
    pub fn policy(&self) -> String {
        let mut told: Vec<String> = Vec::new();
        for policy in self.kinds().iter().map(|kind| kind.policy().to_string()) {
            if !told.contains(&policy) {
                told.push(policy);
            }
        }
        if self.one_legal_order() {
            told.push("one legal order".into());
        }
        told.join(" · ")
    }

    /// Whether a lock of it promises no order, so that this is one of several that may be.
    pub fn one_legal_order(&self) -> bool {
        self.kinds().iter().any(|kind| !kind.policy().hands_over())
    }

    /// How it ended, and when: `deadlock (cycle) at 150 ms`.
    pub fn outcome(&self) -> Option<String> {
        let end = self.trace.end()?;
        let cause = self.trace.deadlock().map_or_else(String::new, |found| format!(" ({})", found.cause));
        Some(format!("{}{cause} at {}", end.outcome, super::words::moment(end.at)))
    }

    /// Whether it came to a deadlock: whoever waits at its end waits for ever.
    pub fn is_deadlock(&self) -> bool {
        self.trace.end().is_some_and(|end| end.outcome == Outcome::Deadlock)
    }

    /// The lock of this name, if it can be acquired.
    fn lock(&self, name: &str) -> Option<(LockId, &LockName)> {
        let mut locks = self.trace.names().locks.iter().enumerate();
        locks
            .find(|(_, lock)| *lock.name == *name && can_be_acquired(lock))
            .map(|(id, lock)| (LockId(id as u32), lock))
    }

    fn task(&self, task: TaskId) -> &str {
        self.trace.names().task(task)
    }
}

/// Whether a lock is there and can be acquired.
fn is_acquired(names: &Names, lock: LockId) -> bool {
    names.locks.get(lock.0 as usize).is_some_and(can_be_acquired)
}

/// A notification and a message are got, and never held.
fn can_be_acquired(lock: &LockName) -> bool {
    !matches!(lock.kind.family(), Family::Notify | Family::Channel)
}

/// Each name once, in the order in which they come.
fn union<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let mut all: Vec<Arc<str>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for name in names.filter(|name| seen.insert(*name)) {
        all.push(name.clone());
    }
    all
}

/// Of kinds the crate, if that tells them apart.
fn shorts(variants: &[Variant]) -> Vec<String> {
    let whole = || variants.iter().map(|variant| variant.name.clone());
    let crates: Option<Vec<String>> = whole().map(|name| Some(name.split_once("::")?.0.to_owned())).collect();
    let distinct = |names: &Vec<String>| {
        let once: std::collections::HashSet<_> = names.iter().collect();
        once.len() == names.len() && names.iter().all(|name| !name.contains('='))
    };
    crates.filter(distinct).unwrap_or_else(|| whole().collect())
}
