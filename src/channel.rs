//! The channel is the gate: a run on a thread of its own, and the end of it that a player holds.
//!
//! With the virtual clock the sending side *blocks*, synchronously, inside the recorder, until the
//! player takes the event: a player that pauses stops the tasks themselves, and a step lets exactly
//! one event happen. (A gate that awaited would leave the paused runtime idle, and an idle paused
//! runtime jumps to its next timer at once.) With the real clock nothing blocks: time goes on anyway.
//! Nothing else flows from the player to the engine.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{self, End, Options, Refused, Stop};
use crate::event::{Event, Time};
use crate::scenario::{ClockKind, Plan};
use crate::sync::{Pushed, Sink};

/// How many events may lie in the gate untaken before the sender blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// None: whoever emits stands still until its event is taken.
    None,
    /// Some: for running to the end quickly.
    Some,
    /// As many as there are; the engine's event cap bounds them.
    All,
}

impl Lead {
    const fn events(self) -> usize {
        match self {
            Self::None => 0,
            Self::Some => 1024,
            Self::All => usize::MAX,
        }
    }
}

/// What the gate has to offer.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// An event, at this moment; [`Run::take`] gets it.
    Event(Time),
    /// Nothing yet.
    Nothing,
    /// Nothing ever again.
    Ended(Ending),
}

/// How the sending side came to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The engine's verdict.
    Run(End),
    /// The engine itself failed; what it said.
    Broken(String),
}

struct Gate {
    state: Mutex<State>,
    /// Rung whenever the state changes.
    bell: Condvar,
}

struct State {
    queue: VecDeque<Event>,
    lead: Lead,
    /// The player is gone.
    left: bool,
    ending: Option<Ending>,
}

impl Gate {
    /// A poisoned gate only means that a thread panicked elsewhere while it held it; no code between
    /// lock and unlock can leave the state half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.bell.notify_all();
    }
}

struct Sender(Arc<Gate>);

impl Sink for Sender {
    fn push(&mut self, event: Event) -> Pushed {
        let mut state = self.0.lock();
        if state.left {
            return Pushed::Closed;
        }
        state.queue.push_back(event);
        self.0.bell.notify_all();
        while state.queue.len() > state.lead.events() && !state.left {
            state = self.0.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.left { Pushed::Closed } else { Pushed::Kept }
    }
}

/// A run under way. Dropping it ends the run: the gate closes first, then the tasks stop.
pub struct Run {
    gate: Arc<Gate>,
    stop: Stop,
    clock: ClockKind,
}

impl Run {
    /// Starts `plan` on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the plan cannot run with these options, or no thread is to be had.
    pub fn start(plan: Arc<Plan>, options: Options) -> Result<Self, Refused> {
        engine::check(&plan, &options)?;
        let clock = options.clock_for(&plan);
        let lead = match clock {
            ClockKind::Virtual => Lead::None,
            ClockKind::Real => Lead::All,
        };
        let state = State { queue: VecDeque::new(), lead, left: false, ending: None };
        let gate = Arc::new(Gate { state: Mutex::new(state), bell: Condvar::new() });
        let stop = Stop::default();
        let (sender, stopped) = (Sender(gate.clone()), stop.clone());
        let far_end = gate.clone();
        // Never joined: with the real clock a task may stand still, and nobody should wait for it.
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                let run = AssertUnwindSafe(|| engine::run(&plan, &options, sender, &stopped));
                let ending = match catch_unwind(run) {
                    Ok(Ok(end)) => Ending::Run(end),
                    Ok(Err(refused)) => Ending::Broken(refused.to_string()),
                    Err(_) => Ending::Broken("the engine panicked; this is a bug in lockscope".into()),
                };
                far_end.change(|state| state.ending = Some(ending));
            })
            .map_err(Refused::Runtime)?;
        Ok(Self { gate, stop, clock })
    }

    /// Which clock it runs on.
    pub fn clock(&self) -> ClockKind {
        self.clock
    }

    /// Lets the tasks run ahead of the player, or no longer. With the real clock they always may.
    pub fn set_lead(&self, lead: Lead) {
        if self.clock == ClockKind::Virtual {
            self.gate.change(|state| state.lead = lead);
        }
    }

    /// What is at the gate, waiting for it at most `patience`.
    pub fn offer(&self, patience: Duration) -> Offer {
        let deadline = Instant::now() + patience;
        let mut state = self.gate.lock();
        loop {
            if let Some(event) = state.queue.front() {
                return Offer::Event(event.at);
            }
            if let Some(ending) = &state.ending {
                return Offer::Ended(ending.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Offer::Nothing;
            }
            (state, _) = self.gate.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the event at the gate, if there is one: with the virtual clock this lets its task go on.
    pub fn take(&self) -> Option<Event> {
        let event = self.gate.lock().queue.pop_front();
        self.gate.bell.notify_all();
        event
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.gate.change(|state| state.left = true);
        self.stop.ask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    const LONG: Duration = Duration::from_mins(1);

    fn run(options: Options) -> Run {
        let source = scenario::find(scenario::DEFAULT).unwrap().source();
        Run::start(Arc::new(scenario::parse(&source).unwrap().plan), options).unwrap()
    }

    /// Whoever emits stands still until its event is taken: there is never a second one at the gate.
    #[test]
    fn nothing_runs_ahead_of_the_player() {
        let run = run(Options::default());
        let mut taken = 0;
        while let Offer::Event(at) = run.offer(LONG) {
            assert_eq!(run.gate.lock().queue.len(), 1);
            assert_eq!(run.take().unwrap().at, at);
            taken += 1;
        }
        assert_eq!(taken, 51);
        assert!(matches!(run.offer(Duration::ZERO), Offer::Ended(Ending::Run(_))));
    }

    #[test]
    fn with_a_lead_the_tasks_run_ahead_and_without_one_no_longer() {
        let run = run(Options { until: Some(Duration::from_hours(1)), ..Options::default() });
        run.set_lead(Lead::Some);
        // It comes to stand when the lead is used up.
        while run.gate.lock().queue.len() <= Lead::Some.events() {
            std::thread::yield_now();
        }
        run.set_lead(Lead::None);
        for _ in 0..=Lead::Some.events() {
            run.take().unwrap();
        }
        for _ in 0..10 {
            assert!(matches!(run.offer(LONG), Offer::Event(_)));
            assert_eq!(run.gate.lock().queue.len(), 1);
            run.take();
        }
    }

    /// The player goes away while a task stands in the gate: the run ends, and nothing more is recorded.
    #[test]
    fn a_player_that_leaves_ends_the_run() {
        for taken in 0..51 {
            let run = run(Options::default());
            for _ in 0..taken {
                assert!(matches!(run.offer(LONG), Offer::Event(_)));
                run.take();
            }
            let gate = run.gate.clone();
            drop(run);
            let mut state = gate.lock();
            while state.ending.is_none() {
                state = gate.bell.wait(state).unwrap();
            }
            let Some(Ending::Run(end)) = &state.ending else { panic!("{:?}", state.ending) };
            assert!(matches!(end.cause, crate::engine::Cause::Asked), "{end:?}");
            assert!(state.queue.len() <= 1);
        }
    }

    /// A task that computes on the only thread is told as well.
    #[test]
    fn a_real_run_that_computes_stops_when_the_player_leaves() {
        let text = r#"{ "scenario": 1, "title": "t", "clock": "real", "until": "1h", "locks": {},
            "tasks": [ { "name": "t", "steps": [ { "print": "begin" }, { "work": "50m" } ] } ] }"#;
        let plan = scenario::parse(&scenario::Source::new("t.json", text)).unwrap().plan;
        let run = Run::start(Arc::new(plan), Options::default()).unwrap();
        assert!(matches!(run.offer(LONG), Offer::Event(_)));
        let gate = run.gate.clone();
        drop(run);
        let mut state = gate.lock();
        while state.ending.is_none() {
            state = gate.bell.wait(state).unwrap();
        }
    }
}
