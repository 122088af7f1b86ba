//! Which moments a scenario's markers fall on. They are bound to events, never to times.

use super::plan::{Marker, MarkerEvent, Plan};
use crate::event::{Event, Names, TaskId};

/// The markers of a plan that a run has come to.
///
/// ```
/// use lockscope::event::{Actor, Event, TaskId, Time, What};
/// use lockscope::scenario::{self, Markers};
///
/// let text = r#"{ "scenario": 1, "title": "t", "locks": {}, "tasks": [ { "name": "a", "steps": [] } ],
///     "markers": [ { "on": { "event": "finish", "task": "a" }, "label": "the end" } ] }"#;
/// let plan = scenario::parse(&scenario::Source::new("t.json", text)).unwrap().plan;
/// let mut markers = Markers::new(&plan);
/// let actor = Actor { task: TaskId(0), step: None };
/// for (seq, what) in [(1, What::Spawn), (2, What::Finish)] {
///     markers.note(&plan, &Event { seq, at: Time::ZERO, actor, what });
/// }
/// assert_eq!(markers.at(2).next(), Some(0));
/// assert_eq!(markers.at(1).next(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Markers {
    /// The task that each marker is about, where it names one.
    tasks: Vec<Option<TaskId>>,
    seen: Vec<u32>,
    /// Moment and marker, in the order of the moments.
    found: Vec<(u64, usize)>,
}

impl Markers {
    /// None of the plan's has been met yet.
    pub fn new(plan: &Plan) -> Self {
        let names = if plan.markers.is_empty() { Names::default() } else { plan.names() };
        let task = |name: &String| names.tasks.iter().position(|task| **task == **name);
        let tasks = plan.markers.iter().map(|marker| {
            let position = marker.on.task.as_ref().and_then(task);
            position.map(|position| TaskId(position as u32))
        });
        Self { tasks: tasks.collect(), seen: vec![0; plan.markers.len()], found: Vec::new() }
    }

    /// All that these events come to.
    pub fn of(plan: &Plan, events: impl IntoIterator<Item = Event>) -> Self {
        let mut markers = Self::new(plan);
        for event in events {
            markers.note(plan, &event);
        }
        markers
    }

    /// Notes the next event; its `seq` is the moment.
    pub fn note(&mut self, plan: &Plan, event: &Event) {
        for (index, marker) in plan.markers.iter().enumerate() {
            if matches(&marker.on, self.tasks[index], event) {
                self.seen[index] += 1;
                if self.seen[index] == marker.on.nth.get() {
                    self.found.push((event.seq, index));
                }
            }
        }
    }

    /// The markers at a moment, by their index in the plan, in the order of the file.
    pub fn at(&self, moment: u64) -> impl Iterator<Item = usize> {
        let first = self.found.partition_point(|(found, _)| *found < moment);
        self.found[first..].iter().take_while(move |(found, _)| *found == moment).map(|(_, index)| *index)
    }

    /// The markers after moment `from`, up to and including moment `to`: moment and marker, in order.
    pub fn between(&self, from: u64, to: u64) -> &[(u64, usize)] {
        let until = |limit| self.found.partition_point(|(moment, _)| *moment <= limit);
        self.found.get(until(from)..until(to)).unwrap_or_default()
    }

    /// Moments and markers up to a moment, oldest first.
    pub fn until(&self, moment: u64) -> &[(u64, usize)] {
        &self.found[..self.found.partition_point(|(found, _)| *found <= moment)]
    }
}

impl Marker {
    /// Whether its question is asked before its event and not after it: once somebody has the lock,
    /// there is nothing left to guess.
    pub fn asks_before(&self) -> bool {
        matches!(self.on.event, "grant" | "acquire" | "received" | "heard")
    }
}

fn matches(on: &MarkerEvent, task: Option<TaskId>, event: &Event) -> bool {
    on.event == event.what.name()
        && on.lock.is_none_or(|wanted| event.what.lock() == Some(wanted))
        && task.is_none_or(|task| event.actor.task == task)
}
