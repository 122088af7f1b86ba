//! Which moments a scenario's markers fall on. They are bound to events, never to times.

use crate::event::{Event, Names, TaskId};
use crate::scenario::{MarkerEvent, Plan};

/// Counts what the markers wait for, event by event.
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

    /// Notes that `event` led to `moment`.
    pub fn note(&mut self, plan: &Plan, event: &Event, moment: u64) {
        for (index, marker) in plan.markers.iter().enumerate() {
            if matches(&marker.on, self.tasks[index], event) {
                self.seen[index] += 1;
                if self.seen[index] == marker.on.nth.get() {
                    self.found.push((moment, index));
                }
            }
        }
    }

    /// The marker at `moment`.
    pub fn at(&self, moment: u64) -> Option<usize> {
        let index = self.found.binary_search_by_key(&moment, |(moment, _)| *moment).ok()?;
        Some(self.found[index].1)
    }
}

fn matches(on: &MarkerEvent, task: Option<TaskId>, event: &Event) -> bool {
    let lock = || event.what.acquisition().map(|(lock, _)| lock);
    on.event == event.what.name()
        && on.lock.is_none_or(|wanted| lock() == Some(wanted))
        && task.is_none_or(|task| event.actor.task == task)
}
