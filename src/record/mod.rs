//! Recordings: a finished run as a file, and the way back.
//!
//! A *trace file* keeps the events of a run; with it everything can be done that can be done with the run.
//! The other formats keep what was seen of it: [`frames`] gives the pictures, drawn by the same
//! [`view`](crate::view) as those in the terminal, and a [`Sink`] writes them down one by one, so that
//! memory does not grow with a recording's length. Encoders write to whatever they are given; files are
//! the business of the command line.
//!
//! # The trace file of lines
//!
//! A text in UTF-8, one JSON object a line: the version line, the events, the end line. It has no date and
//! nothing of the machine in it: the same run gives the same bytes. Its ending is `.jsonl`.
//!
//! **The version line** begins with the bytes `{"lockscope":`, which tell a trace file from a scenario.
//!
//! | field | meaning |
//! |---|---|
//! | `lockscope` | the format's version: 1 |
//! | `title` | what it is called |
//! | `tasks` | the tasks' names, each but once: at most 100 000 |
//! | `locks` | the locks: a list of `{"name", "kind", "permits"?}`, each name but once: at most 1 000 |
//! | `clock` | `"virtual"` or `"real"`: whether times are exact |
//! | `until_ns` | the horizon, if there was one |
//! | `earlier` | how many events came before the first and are not kept, if some did |
//! | `opening` | then: how many of the first events stand in their place, and tell how things stood |
//! | `scenario` | `{"name", "text"}`: the scenario's file as it was, for the code, the markers and the lesson |
//!
//! **An event's line** is what `order --format json` prints of it: see [`json_line`](crate::trace::json_line).
//! `seq` counts from 1 without a gap; tasks and locks are called by their names.
//!
//! **The end line** is `{"event":"end","ns":…,"outcome":…}`, with `cause`, `why` and `earlier` where there is
//! more to say: see [`json_end_line`](crate::trace::json_end_line). A file without it was cut off.
//!
//! A reader leaves aside fields that it does not know, so that new ones do no harm; a change that does
//! gets another version. [`read`](trace_file::read) takes a file from anybody: see there for what it bounds.
//!
//! # The compact trace file
//!
//! The same in about three bytes an event, with the ending `.lockscope`: see [`compact`](crate::compact) for its
//! format. It is what a program [saves](crate::save), and may have a million tasks, 262 144 locks and 16 million
//! events. Each of the two can be made of the other, and back, without a difference.

pub mod ansi;
pub mod cast;
mod colours;
mod films;
pub mod frames;
pub mod handout;
pub mod html;
pub mod perfetto;
pub mod picture;
pub mod trace_file;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{LockName, Names, Time};
use crate::scenario::{ClockKind, LockPlan, Markers, Plan, Runtime, Source, TaskPlan};
use crate::trace::Trace;
use frames::Place;

pub use frames::Frame;

/// A finished run, whether it ran just now or was read from a file.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What ran; without any steps if only the events are known.
    pub plan: Arc<Plan>,
    /// The scenario's text, where it is known.
    pub source: Option<Source>,
    /// What happened.
    pub trace: Trace,
    /// Which clock it ran on.
    pub clock: ClockKind,
    /// The horizon, if there was one.
    pub horizon: Option<Time>,
}

impl Recording {
    /// Where it ends.
    pub fn end(&self) -> Time {
        let last = self.trace.at(self.trace.len());
        self.trace.end().map_or(last, |end| end.at.max(last))
    }

    /// The place that `at` means, if there is one.
    pub fn place(&self, at: &At) -> Option<Place> {
        let moment = match at {
            At::End => return Some(Place { moment: self.trace.len(), now: self.end() }),
            At::Time(now) if *now > self.end() => return None,
            At::Time(now) => return Some(Place { moment: self.trace.moment_at(*now), now: *now }),
            At::Event(number) => (*number <= self.trace.len()).then_some(*number)?,
            At::Marker(label) => {
                let named = |index: usize| self.plan.markers[index].label.as_deref() == Some(label);
                let markers = self.markers();
                markers.between(0, self.trace.len()).iter().find(|(_, index)| named(*index))?.0
            }
        };
        Some(Place { moment, now: self.trace.at(moment) })
    }

    /// Which moments its markers fall on.
    pub fn markers(&self) -> Markers {
        Markers::of(&self.plan, self.trace.events())
    }
}

/// A plan of which only the names are known, and the horizon if there was one.
pub(crate) fn bare(title: &str, names: &Names, until: Option<Time>) -> Plan {
    let lock = |lock: &LockName| LockPlan {
        name: lock.name.to_string(),
        kind: lock.kind,
        data: serde_json::Map::new(),
        permits: lock.permits,
    };
    let task = |name: &Arc<str>| TaskPlan {
        name: name.to_string(),
        start: Duration::ZERO,
        count: None,
        steps: Vec::new(),
        guards: 0,
        values: 0,
    };
    Plan {
        file: "a recording".into(),
        title: title.to_owned(),
        lesson: None,
        clock: ClockKind::Virtual,
        runtime: Runtime::CurrentThread,
        until: until.map(|until| Duration::from_nanos(until.nanos())),
        seed: 0,
        locks: names.locks.iter().map(lock).collect(),
        tasks: names.tasks.iter().map(task).collect(),
        markers: Vec::new(),
        expect: None,
    }
}

/// A moment of a recording, as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// When all is over.
    End,
    /// A time.
    Time(Time),
    /// The marker with this label.
    Marker(String),
    /// When so many events have happened.
    Event(u64),
}

/// Writes pictures down, one by one.
pub trait Sink {
    /// Takes the next picture.
    ///
    /// # Errors
    ///
    /// What the writer says.
    fn frame(&mut self, frame: &Frame) -> io::Result<()>;

    /// Takes no more of them.
    ///
    /// # Errors
    ///
    /// What the writer says.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
