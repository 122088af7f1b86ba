//! The events of several runs in one order, and the places in it that are worth a stop.

use std::time::Duration;

use crate::event::Time;
use crate::trace::compare::{Comparison, Difference};

/// In real time the same step of two runs comes a little later in one: so near it is the same moment.
const NEAR: Duration = Duration::from_millis(20);

/// One event of one run.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Time,
    variant: usize,
    seq: u64,
}

/// The events of all runs in the order of their times; those of one instant take turns between the runs.
pub(super) struct Steps {
    steps: Vec<Step>,
    /// After how many steps there is a handoff or a difference to be seen.
    stops: Vec<usize>,
}

impl Steps {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let mut ordered: Vec<(Time, u64, usize, u64)> = Vec::new();
        for (variant, run) in comparison.variants().iter().enumerate() {
            let (mut instant, mut turn) = (Time::ZERO, 0);
            for event in run.trace.events() {
                turn = if event.at == instant { turn + 1 } else { 0 };
                instant = event.at;
                ordered.push((event.at, turn, variant, event.seq));
            }
        }
        ordered.sort_unstable();
        let steps = ordered.into_iter().map(|(at, _, variant, seq)| Step { at, variant, seq }).collect();
        let mut all = Self { steps, stops: Vec::new() };
        all.stops = all.find_stops(comparison);
        all
    }

    fn find_stops(&self, comparison: &Comparison) -> Vec<usize> {
        // Handoffs are few and steps are many: one walk over the steps finds all.
        let handoffs = |trace: &'_ crate::trace::Trace| {
            let all = trace.handoffs(trace.len());
            (0..all.len()).map(|index| all.seq(index)).collect::<Vec<_>>()
        };
        let mut handoffs: Vec<_> = comparison
            .variants()
            .iter()
            .map(|variant| handoffs(&variant.trace).into_iter().peekable())
            .collect();
        let mut stops = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            if handoffs[step.variant].next_if_eq(&step.seq).is_some() {
                stops.push(index + 1);
            }
        }
        let parting = |variant| Some(self.to(variant, comparison.difference(variant)?));
        stops.extend((0..comparison.variants().len()).filter_map(parting));
        stops.sort_unstable();
        stops.dedup();
        stops
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// How many it takes until everything of `at` has happened.
    pub(super) fn until(&self, at: Time) -> usize {
        self.steps.partition_point(|step| step.at <= at)
    }

    /// The time of the last of so many.
    pub(super) fn time(&self, step: usize) -> Time {
        step.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(Time::ZERO, |step| step.at)
    }

    /// The run of the last of so many.
    pub(super) fn latest(&self, step: usize) -> Option<usize> {
        Some(self.steps.get(step.checked_sub(1)?)?.variant)
    }

    /// How many events of each run are among so many steps.
    pub(super) fn moments(&self, comparison: &Comparison, step: usize) -> Vec<u64> {
        // Before this instant all events that there were, within it those among the steps.
        let now = self.time(step);
        let before = |run: &crate::trace::compare::Variant| run.trace.moment_before(now);
        let mut moments: Vec<u64> = comparison.variants().iter().map(before).collect();
        let begin = self.steps.partition_point(|step| step.at < now).min(step);
        for step in &self.steps[begin..step] {
            moments[step.variant] = step.seq;
        }
        moments
    }

    /// How many it takes to a difference: to where it can be seen in both of the runs, if they are about
    /// equally far by then.
    pub(super) fn to(&self, variant: usize, difference: &Difference) -> usize {
        let mut reached = 0;
        for (side, run) in [0, variant].into_iter().enumerate() {
            let near = |at: &Time| at.since(difference.at) <= NEAR;
            let Some(at) = difference.times[side].filter(near) else { continue };
            let seq = difference.turns[side].map(|turn| turn.seq);
            let here = |step: &Step| step.variant == run && seq.is_none_or(|seq| step.seq <= seq);
            let last = self.steps[..self.until(at)].iter().rposition(here);
            reached = reached.max(last.map_or(0, |last| last + 1));
        }
        reached
    }

    /// The next stop after so many steps.
    pub(super) fn next_stop(&self, step: usize) -> Option<usize> {
        self.stops.get(self.stops.partition_point(|stop| *stop <= step)).copied()
    }

    /// The stop before.
    pub(super) fn previous_stop(&self, step: usize) -> Option<usize> {
        let before = self.stops.partition_point(|stop| *stop < step);
        self.stops.get(before.checked_sub(1)?).copied()
    }
}
