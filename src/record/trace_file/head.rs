//! The version line: what ran, as far as its file says.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::line::reason;
use super::{BEGINNING, Unreadable, VERSION};
use crate::event::{LockKind, LockName, Names, Time};
use crate::record::{Recording, bare};
use crate::scenario::{self, ClockKind, Plan, Source, Swap};

/// Tasks and locks, as in a scenario.
const MAX_TASKS: usize = 100_000;
const MAX_LOCKS: usize = 1_000;

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

/// Whether a trace file can have these names; else why not.
pub(super) fn fits(names: &Names) -> Result<(), String> {
    if names.tasks.len() > MAX_TASKS || names.locks.len() > MAX_LOCKS {
        return Err(format!("there are more than {MAX_TASKS} tasks or {MAX_LOCKS} locks"));
    }
    let mut seen = (HashSet::new(), HashSet::new());
    let twice = names.tasks.iter().find(|name| !seen.0.insert(*name));
    let twice = twice.or(names.locks.iter().map(|lock| &lock.name).find(|name| !seen.1.insert(*name)));
    match twice {
        Some(name) => Err(format!("`{name}` is named twice")),
        None => Ok(()),
    }
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
        let wrong = |error| Unreadable::Head(reason(&error));
        let version: Version = serde_json::from_slice(line).map_err(wrong)?;
        match version.lockscope {
            VERSION => serde_json::from_slice(line).map_err(wrong),
            0 => Err(Unreadable::Head("there is no version 0".into())),
            newer => Err(Unreadable::Newer(newer)),
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

    /// What ran, from the scenario where that still describes it, else from the names alone.
    pub(super) fn describes(&self) -> Result<(Plan, Option<Source>, Names), String> {
        let names = self.names()?;
        let source = self.scenario.as_ref().map(|file| Source::new(&file.name, &file.text));
        let fits = |plan: &Plan| plan.names() == names;
        if let Some(source) = source {
            // It ran with other kinds of lock than it names, perhaps.
            let swap = |lock: &LockName| Swap { lock: Some(lock.name.to_string()), kind: lock.kind };
            let swaps: Vec<Swap> = names.locks.iter().map(swap).collect();
            if let Some(mut plan) =
                scenario::parse_with(&source, &swaps).ok().map(|checked| checked.plan).filter(fits)
            {
                plan.title.clone_from(&self.title);
                return Ok((plan, Some(source), names));
            }
        }
        Ok((bare(&self.title, &names, self.horizon()), None, names))
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
        fits(&names)?;
        Ok(names)
    }
}
