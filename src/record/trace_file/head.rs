//! The version line: what ran, as far as its file says.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::line::reason;
use super::lines::{BEGINNING, VERSION};
use super::{Damage, Place, Unreadable};
use crate::event::{LockKind, LockName, Names, Time};
use crate::record::{Recording, bare};
use crate::scenario::{self, ClockKind, Plan, Source, Swap};
use crate::trace::Trace;

/// The version line.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    lockscope: u64,
    title: String,
    tasks: Vec<Arc<str>>,
    locks: Vec<HeadLock>,
    clock: HeadClock,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<HeadScenario>,
}

#[derive(Serialize, Deserialize)]
struct HeadLock {
    name: Arc<str>,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permits: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HeadClock {
    Virtual,
    Real,
}

#[derive(Serialize, Deserialize)]
struct HeadScenario {
    name: String,
    text: String,
}

/// Sees that there are not too many names, and each but once.
pub(super) struct Distinct {
    most: (usize, usize),
    tasks: HashSet<Arc<str>>,
    locks: HashSet<Arc<str>>,
}

impl Distinct {
    /// With at most so many tasks and locks.
    pub(super) fn new(tasks: usize, locks: usize) -> Self {
        Self { most: (tasks, locks), tasks: HashSet::new(), locks: HashSet::new() }
    }

    /// Of a file of lines: as in a scenario.
    pub(super) fn of_lines() -> Self {
        Self::new(100_000, 1_000)
    }

    /// Whether there is room for so many more.
    pub(super) fn have_room(&self, tasks: usize, locks: usize) -> Result<(), String> {
        let most = self.most;
        if self.tasks.len() + tasks > most.0 || self.locks.len() + locks > most.1 {
            return Err(format!("there are more than {} tasks or {} locks", most.0, most.1));
        }
        Ok(())
    }

    /// Takes further names, or says why it does not.
    pub(super) fn add(&mut self, tasks: &[Arc<str>], locks: &[LockName]) -> Result<(), String> {
        self.have_room(tasks.len(), locks.len())?;
        let twice = tasks.iter().find(|name| !self.tasks.insert(Arc::clone(name)));
        let locks = locks.iter().map(|lock| &lock.name);
        match twice.or(locks.into_iter().find(|name| !self.locks.insert(Arc::clone(name)))) {
            Some(name) => Err(format!("`{name}` is named twice")),
            None => Ok(()),
        }
    }
}

/// What ran, from the scenario where that still describes it, else from the names alone.
pub(super) fn described(
    title: &str,
    horizon: Option<Time>,
    source: Option<Source>,
    names: &Names,
) -> (Plan, Option<Source>) {
    if let Some(source) = source {
        // It ran with other kinds of lock than it names, perhaps.
        let swap = |lock: &LockName| Swap { lock: Some(lock.name.to_string()), kind: lock.kind };
        let swaps: Vec<Swap> = names.locks.iter().map(swap).collect();
        let plan = scenario::parse_with(&source, &swaps).ok().map(|checked| checked.plan);
        if let Some(mut plan) = plan.filter(|plan| plan.names() == *names) {
            title.clone_into(&mut plan.title);
            return (plan, Some(source));
        }
    }
    (bare(title, names, horizon), None)
}

/// What is wrong with a version line.
pub(super) fn wrong(what: String) -> Unreadable {
    Unreadable::Head(Damage { place: Place::Line(1), what })
}

/// Only what tells whether the rest can be read.
#[derive(Deserialize)]
struct Version {
    lockscope: u64,
}

impl Head {
    /// The version line of a recording.
    pub(super) fn of(recording: &Recording) -> Self {
        let names = recording.trace.names();
        let late = Some(&recording.trace).filter(|trace| trace.earlier() > 0);
        let lock = |lock: &LockName| HeadLock {
            name: lock.name.clone(),
            kind: lock.kind.path().to_owned(),
            permits: lock.permits,
        };
        Self {
            lockscope: VERSION,
            title: recording.plan.title.clone(),
            tasks: names.tasks.clone(),
            locks: names.locks.iter().map(lock).collect(),
            clock: match recording.clock {
                ClockKind::Virtual => HeadClock::Virtual,
                ClockKind::Real => HeadClock::Real,
            },
            until_ns: recording.horizon.map(Time::nanos),
            earlier: late.map(Trace::earlier),
            opening: late.map(Trace::opening),
            scenario: recording.source.as_ref().map(|source| HeadScenario {
                name: source.name().to_owned(),
                text: source.text().to_owned(),
            }),
        }
    }

    /// Reads the first line of a file.
    pub(super) fn read(line: &[u8]) -> Result<Self, Unreadable> {
        if !line.starts_with(BEGINNING) {
            return Err(Unreadable::NotARecording);
        }
        let unclear = |error| wrong(reason(&error));
        let version: Version = serde_json::from_slice(line).map_err(unclear)?;
        match version.lockscope {
            VERSION => serde_json::from_slice(line).map_err(unclear),
            0 => Err(wrong("there is no version 0".into())),
            version => Err(Unreadable::Newer { version, newest: VERSION }),
        }
    }

    /// Which clock it ran on.
    pub(super) fn clock(&self) -> ClockKind {
        match self.clock {
            HeadClock::Virtual => ClockKind::Virtual,
            HeadClock::Real => ClockKind::Real,
        }
    }

    /// The horizon, if there was one.
    pub(super) fn horizon(&self) -> Option<Time> {
        self.until_ns.map(Time::from_nanos)
    }

    /// How many events came earlier than the first, and how many of these stand in their place.
    pub(super) fn before(&self) -> (u64, u64) {
        (self.earlier.unwrap_or(0), self.opening.unwrap_or(0))
    }

    /// What ran, its scenario, and who took part.
    pub(super) fn describes(&self) -> Result<(Plan, Option<Source>, Names), String> {
        let names = self.names()?;
        let source = self.scenario.as_ref().map(|file| Source::new(&file.name, &file.text));
        let (plan, source) = described(&self.title, self.horizon(), source, &names);
        Ok((plan, source, names))
    }

    fn names(&self) -> Result<Names, String> {
        let lock = |lock: &HeadLock| {
            let kind = LockKind::ALL.into_iter().find(|kind| kind.path() == lock.kind);
            let kind = kind.ok_or_else(|| format!("there is no kind of lock `{}`", lock.kind))?;
            Ok(LockName { name: lock.name.clone(), kind, permits: lock.permits })
        };
        let names = Names {
            tasks: self.tasks.clone(),
            locks: self.locks.iter().map(lock).collect::<Result<_, String>>()?,
        };
        Distinct::of_lines().add(&names.tasks, &names.locks)?;
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    /// However many they are at once, and in how many pieces they come.
    #[test]
    fn so_many_tasks_and_locks_are_told_apart() {
        let lock = |name: &str| LockName { name: name.into(), kind: LockKind::TokioMutex, permits: None };
        let mut distinct = Distinct::new(3, 2);
        distinct.add(&names(&["a", "b"]), &[lock("a")]).unwrap();
        assert_eq!(distinct.add(&names(&["b"]), &[]).unwrap_err(), "`b` is named twice");
        let mut distinct = Distinct::new(3, 2);
        distinct.add(&names(&["a", "b"]), &[lock("a")]).unwrap();
        distinct.add(&names(&["c"]), &[lock("b")]).unwrap();
        let told = "there are more than 3 tasks or 2 locks";
        assert_eq!(distinct.add(&names(&["d"]), &[]).unwrap_err(), told);
        let mut distinct = Distinct::new(3, 2);
        assert_eq!(distinct.add(&[], &[lock("a"), lock("b"), lock("c")]).unwrap_err(), told);
        assert_eq!(Distinct::new(3, 2).add(&names(&["a", "b", "c", "d"]), &[]).unwrap_err(), told);
    }
}
