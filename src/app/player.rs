//! The player: a playhead over a trace that grows.
//!
//! It pulls events out of the gate up to the playhead and never further, so that with the virtual
//! clock the tasks stand where the picture does. What a program does that is looked at while it runs is taken
//! in as it comes, and while it plays the playhead follows. Pause, step, seek and speed are its own business;
//! nothing of them reaches the engine but through the gate. It knows no terminal and reads no clock:
//! how much time passed is told to it.

use std::sync::Arc;
use std::time::Duration;

use super::origin::{Incoming, Origin, Turn};
use crate::channel::{Ending, Lead, Offer, Run};
use crate::engine::{self, Cause, Options, Refused, Stop};
use crate::event::{Outcome, Time};
use crate::record::Recording;
use crate::scenario::{ClockKind, Marker, Markers, Plan};
use crate::trace::{End, Trace};
use crate::view::Playing;

/// The speeds there are.
pub const SPEEDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];

/// How many events are taken in one go, so that a long seek leaves time for keys and drawing.
const AT_ONCE: usize = 16_000;

/// How many events a run may have for its end to be looked for beforehand: as many as take no time.
const FORESEEN: u64 = 20_000;

/// No picture is meant for less time than this.
const LEAST: Time = Time::from_millis(10);

/// How long to wait for a virtual event: the engine has one ready within microseconds, unless its thread is kept
/// from running.
const PATIENCE: Duration = Duration::from_secs(1);

/// So far behind a program it is said.
const BEHIND: Duration = Duration::from_secs(1);

/// Where a run is stopped for the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stops {
    /// Nowhere.
    #[default]
    Nowhere,
    /// At every marker.
    Markers,
    /// Where a marker asks something, before what happens tells the answer.
    Questions,
}

/// A question that a marker asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The marker, by its index in the plan.
    pub marker: usize,
    /// Whether it is being asked still, and else what was guessed, if anything.
    pub guess: Option<Option<usize>>,
}

/// Where a seek goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// So many events on.
    Steps(u32),
    Handoff,
    Marker,
    /// The next handoff, or the end: what answers a question.
    Answer,
    End,
}

/// A run, what was recorded of one or what comes in of a program, and the place in it that is looked at.
pub struct Player {
    plan: Arc<Plan>,
    options: Options,
    /// Where events come from.
    origin: Origin,
    /// How many programs there were, one in the place of the other.
    programs: u32,
    trace: Trace,
    markers: Markers,
    moment: u64,
    now: Time,
    playing: bool,
    speed: f64,
    /// How long the run has been going in wall time, as far as the player was told.
    elapsed: Duration,
    goal: Option<Goal>,
    stops: Stops,
    question: Option<Question>,
    /// The markers that have asked.
    asked: Vec<usize>,
    /// Where a seek began, to come back to if what it looks for is not there.
    from: (u64, Time),
    notice: Option<String>,
    /// What became of the program, until it is told.
    told: Option<String>,
}

impl Player {
    /// Starts a run of `plan`, playing.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it cannot run with these options.
    pub fn start(plan: Arc<Plan>, options: Options, speed: f64) -> Result<Self, Refused> {
        let run = Run::start(plan.clone(), options.clone())?;
        let (trace, markers) = (Trace::new(plan.names()), Markers::new(&plan));
        Ok(Self::with(plan, options, Origin::Run(run), (trace, markers), speed))
    }

    /// Plays what was recorded, from its beginning.
    pub fn of(recording: Recording, speed: f64) -> Self {
        let (markers, end) = (recording.markers(), recording.end());
        let Recording { plan, mut trace, .. } = recording;
        if trace.end().is_none() {
            // Nothing comes after a trace that nobody finished.
            trace.finish(End { outcome: Outcome::Stopped, at: end, note: None });
        }
        Self::with(plan, Options::default(), Origin::Kept, (trace, markers), speed)
    }

    /// Follows a program, of which `plan` has only the title.
    pub fn live(plan: Arc<Plan>, incoming: Incoming, speed: f64) -> Self {
        let (trace, markers) = (Trace::new(plan.names()), Markers::new(&plan));
        Self::with(plan, Options::default(), Origin::Live(Box::new(incoming)), (trace, markers), speed)
    }

    fn with(
        plan: Arc<Plan>,
        options: Options,
        origin: Origin,
        (trace, markers): (Trace, Markers),
        speed: f64,
    ) -> Self {
        // There is no way to before it is known where things stood.
        let moment = trace.opening();
        Self {
            plan,
            options,
            origin,
            programs: 0,
            now: trace.at(moment),
            trace,
            markers,
            moment,
            playing: true,
            speed,
            elapsed: Duration::ZERO,
            goal: None,
            stops: Stops::Nowhere,
            question: None,
            asked: Vec::new(),
            from: (0, Time::ZERO),
            notice: None,
            told: None,
        }
    }

    /// Ends this run and starts another; what was recorded or came in of a program is played from its
    /// beginning. If no thread is to be had, the old run stays and the viewer is told.
    pub fn restart(&mut self) {
        if !matches!(self.origin, Origin::Run(_)) {
            self.jump(0);
            self.playing = true;
        } else if let Err(refused) = self.replace(self.plan.clone()) {
            self.notice = Some(refused.to_string());
        }
    }

    /// Ends this run and starts one of another plan, with the same options and speed.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it cannot run with these options; the old run stays.
    pub fn replace(&mut self, plan: Arc<Plan>) -> Result<(), Refused> {
        let stops = self.stops;
        *self = Self::start(plan, self.options.clone(), self.speed)?;
        self.stops = stops;
        Ok(())
    }

    /// Where a run of a plan will end here, as far as that can be known: its horizon, or before that
    /// what a run in virtual time comes to, which is over in an instant and the same every time.
    pub fn horizon(&self, plan: &Arc<Plan>) -> Option<Time> {
        let horizon = self.options.until_for(plan).map(Into::into);
        if self.options.clock_for(plan) == ClockKind::Real {
            return horizon;
        }
        let options = Options { max_events: Some(FORESEEN), ..self.options.clone() };
        let end = engine::run(plan, &options, |_| true, &Stop::default()).ok()?;
        match end.cause {
            Cause::Finished | Cause::Stuck => Some(end.at.max(LEAST)),
            _ => horizon,
        }
    }

    /// Says where to stop from now on.
    pub fn stop_at(&mut self, stops: Stops) {
        self.stops = stops;
    }

    /// The question that is asked, or was answered a moment ago.
    pub fn question(&self) -> Option<Question> {
        self.question
    }

    /// The markers that the run has come to.
    pub fn markers(&self) -> &Markers {
        &self.markers
    }

    /// Takes a guess, or none, and goes on to what happened.
    pub fn answer(&mut self, guess: Option<usize>) {
        let Some(question) = self.question.filter(|question| question.guess.is_none()) else { return };
        self.question = Some(Question { guess: Some(guess), ..question });
        self.go(Goal::Answer);
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How many events have happened at the playhead.
    pub fn moment(&self) -> u64 {
        self.moment
    }

    /// The playhead's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How fast it plays.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Something to tell the viewer, until they do the next thing.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What became of the program that the viewer has not been told yet.
    pub(super) fn told(&mut self) -> Option<String> {
        self.told.take()
    }

    /// How many programs have come in the place of the first.
    pub fn programs(&self) -> u32 {
        self.programs
    }

    /// What is known of the run so far, as a recording of it.
    pub fn recording(&self) -> Recording {
        let mut trace = self.trace.clone();
        let end = trace.end().cloned().unwrap_or_else(|| {
            let last = trace.at(trace.len());
            let at = self.origin.edge().unwrap_or(self.now).max(last);
            let note = Some("it went on when this was saved".into());
            End { outcome: Outcome::Stopped, at, note }
        });
        trace.finish(end);
        let clock = if self.origin.is_real() { ClockKind::Real } else { ClockKind::Virtual };
        Recording { plan: self.plan.clone(), source: None, trace, clock, horizon: None }
    }

    /// What it is doing.
    pub fn playing(&self) -> Playing {
        if self.at_end() {
            Playing::Ended
        } else if self.playing {
            Playing::Playing
        } else {
            Playing::Paused
        }
    }

    /// Whether it needs to be told of passing time.
    pub fn is_busy(&self) -> bool {
        self.goal.is_some() || self.playing() == Playing::Playing || self.origin.is_live()
    }

    /// The time up to which a run in wall time has come.
    fn live_now(&self) -> Time {
        self.origin.edge().unwrap_or(self.elapsed.into())
    }

    /// How far the playhead is behind a program that goes on, if that is no mere moment.
    pub fn behind(&self) -> Option<Duration> {
        let edge = self.origin.edge().filter(|_| self.origin.is_live())?;
        Some(edge.since(self.now)).filter(|behind| *behind >= BEHIND)
    }

    fn at_end(&self) -> bool {
        self.moment == self.trace.len() && self.trace.end().is_some_and(|end| self.now >= end.at)
    }

    /// Time passed: plays on, or goes on with a seek.
    pub fn tick(&mut self, passed: Duration) {
        self.elapsed += passed;
        // Whoever is where the program is stays there.
        let follows = self.origin.edge().is_some_and(|edge| self.now >= edge);
        self.take_in();
        if let Some(goal) = self.goal {
            self.seek(goal);
        } else if self.playing() == Playing::Playing {
            match self.origin.edge() {
                Some(edge) => {
                    let target = self.now.plus(passed.mul_f64(self.speed)).min(edge);
                    self.go_to(if follows { edge } else { target });
                }
                None => self.play(passed),
            }
        }
    }

    /// Takes in what a program has done since, whether the picture moves or not.
    fn take_in(&mut self) {
        let Origin::Live(incoming) = &mut self.origin else { return };
        if let Some(moment) = incoming.forget(&mut self.trace, self.moment) {
            // Where a seek began may be forgotten.
            self.from.0 = moment.saturating_sub(self.moment.saturating_sub(self.from.0));
            let known = self.trace.opening();
            if self.from.0 < known {
                self.from = (known, self.trace.at(known));
            }
            self.moment = moment;
        }
        match incoming.take_in(&mut self.trace) {
            None => {}
            Some(Turn::Over(how)) => self.told = Some(format!("{how}; w saves what was seen")),
            Some(Turn::Full(why)) => self.told = Some(format!("{why}: what comes now is not kept")),
            Some(Turn::Again) => {
                self.jump(0);
                self.programs += 1;
                self.playing = true;
                self.told = Some("the program is back: this is a new history".into());
            }
        }
    }

    /// Passes all of a recording up to `target` at once, where nothing on the way is to be stopped at: it may
    /// be millions of events.
    fn leap(&mut self, target: Time) {
        if matches!(self.origin, Origin::Kept) && self.stops == Stops::Nowhere {
            self.moment = self.moment.max(self.trace.moment_at(target));
            self.now = self.now.max(self.trace.at(self.moment));
        }
    }

    /// Moves the playhead on to a time up to which all is in the trace.
    fn go_to(&mut self, target: Time) {
        self.now = self.now.max(target);
        self.moment = self.moment.max(self.trace.moment_at(self.now));
    }

    /// Time passed while nothing played: only a run on the real clock goes on meanwhile.
    pub fn rest(&mut self, passed: Duration) {
        self.elapsed += passed;
    }

    fn play(&mut self, passed: Duration) {
        let mut target = self.now.plus(passed.mul_f64(self.speed));
        if self.origin.is_real() {
            // What has not happened yet cannot be shown, however fast.
            target = target.min(self.live_now());
        }
        self.leap(target);
        for _ in 0..AT_ONCE {
            match self.next_at() {
                Next::At(at) if at <= target => {
                    self.forward();
                    // Time stands where the events are, however many there are of one moment.
                    self.now = self.now.max(at);
                    if self.stop() {
                        return;
                    }
                }
                Next::At(_) => {
                    self.now = self.now.max(target);
                    return;
                }
                Next::NotYet => {
                    // A virtual task that computes holds virtual time up; wall time goes on.
                    if self.origin.is_real() {
                        self.now = self.now.max(target);
                    }
                    return;
                }
                Next::Ended(at) => {
                    self.now = self.now.max(target).min(at);
                    return;
                }
            }
        }
    }

    /// The time of the event after the playhead.
    fn next_at(&mut self) -> Next {
        if let Some(event) = self.trace.event(self.moment + 1) {
            return Next::At(event.at);
        }
        if let Some(end) = self.trace.end() {
            return Next::Ended(end.at);
        }
        let patience = if self.origin.is_real() { Duration::ZERO } else { PATIENCE };
        match self.origin.offer(patience) {
            Offer::Event(at) => Next::At(at),
            Offer::Nothing => Next::NotYet,
            Offer::Ended(ending) => {
                let last = self.trace.at(self.trace.len());
                let end = end(&self.plan, &ending, last);
                let at = end.at;
                self.trace.finish(end);
                Next::Ended(at)
            }
        }
    }

    /// Passes the next event: out of the trace, or out of the gate into the trace.
    fn forward(&mut self) {
        if self.moment == self.trace.len() {
            let Some(event) = self.origin.take() else { return };
            self.markers.note(&self.plan, &event);
            self.trace.push(event);
        }
        self.moment += 1;
    }

    /// Stops where it has come to, if it is to stop there. A question that its own event would answer
    /// is asked before that.
    fn stop(&mut self) -> bool {
        let here = |marker: &usize| self.plan.markers.get(*marker).is_some();
        let marker = match self.stops {
            Stops::Nowhere => None,
            Stops::Markers => self.markers.at(self.moment).find(here),
            Stops::Questions => self.markers.at(self.moment).find(|marker| {
                let asks = |marker: &Marker| marker.ask.is_some();
                self.plan.markers.get(*marker).is_some_and(asks) && !self.asked.contains(marker)
            }),
        };
        let Some(index) = marker else { return false };
        self.playing = false;
        if self.stops == Stops::Questions {
            self.ask(index);
        } else {
            self.drop_goal();
        }
        true
    }

    /// Puts the question of a marker that the playhead has just come to.
    fn ask(&mut self, index: usize) {
        self.asked.push(index);
        self.question = Some(Question { marker: index, guess: None });
        self.notice = None;
        self.playing = false;
        self.drop_goal();
        if self.plan.markers.get(index).is_some_and(Marker::asks_before) {
            self.moment -= 1;
            self.now = self.trace.at(self.moment);
        }
    }

    fn seek(&mut self, goal: Goal) {
        if goal == Goal::End {
            self.leap(self.trace.at(self.trace.len()));
        }
        for _ in 0..AT_ONCE {
            match self.next_at() {
                Next::At(at) => {
                    self.forward();
                    self.now = at;
                    if self.stops == Stops::Questions && self.stop() {
                        return;
                    }
                    let reached = match goal {
                        Goal::Steps(1) => true,
                        Goal::Steps(more) => {
                            self.goal = Some(Goal::Steps(more - 1));
                            return;
                        }
                        Goal::Handoff | Goal::Answer => self
                            .trace
                            .handoffs(self.moment)
                            .last_seq()
                            .is_some_and(|last| last == self.moment),
                        Goal::Marker => self.markers.at(self.moment).next().is_some(),
                        Goal::End => false,
                    };
                    if reached {
                        let asks =
                            |index: &usize| self.plan.markers.get(*index).is_some_and(|m| m.ask.is_some());
                        let question = self.markers.at(self.moment).find(asks);
                        match question.filter(|_| goal == Goal::Marker) {
                            Some(index) => self.ask(index),
                            None => self.drop_goal(),
                        }
                        return;
                    }
                }
                Next::NotYet => {
                    if matches!(goal, Goal::Steps(_)) && self.origin.is_real() {
                        self.notice = Some("nothing has happened since; the tasks are asleep or wait".into());
                        self.drop_goal();
                    } else if goal == Goal::End && self.origin.is_real() {
                        // The end of a real run is not here yet: follow it live.
                        self.playing = true;
                        self.now = self.now.max(self.live_now());
                        self.drop_goal();
                    }
                    return;
                }
                Next::Ended(at) => {
                    let missing = match goal {
                        Goal::Handoff => Some("no further handoff"),
                        Goal::Marker => Some("no further marker"),
                        Goal::Steps(_) | Goal::Answer | Goal::End => None,
                    };
                    self.notice = missing.map(str::to_owned);
                    self.drop_goal();
                    if missing.is_some() {
                        (self.moment, self.now) = self.from;
                    } else {
                        self.now = at;
                    }
                    return;
                }
            }
        }
    }

    /// Wants nothing any more: the tasks may no longer run ahead.
    fn drop_goal(&mut self) {
        self.goal = None;
        self.origin.set_lead(Lead::None);
    }

    fn go(&mut self, goal: Goal) {
        if goal != Goal::Answer {
            self.question = None;
        }
        self.playing = false;
        self.notice = None;
        self.from = (self.moment, self.now);
        self.goal = Some(goal);
        if goal == Goal::End {
            self.origin.set_lead(Lead::Some);
        }
        self.seek(goal);
    }

    /// Puts the playhead right after event `moment`, which has happened, and pauses.
    fn jump(&mut self, moment: u64) {
        self.playing = false;
        self.drop_goal();
        self.notice = None;
        self.question = None;
        if moment == 0 {
            self.asked.clear();
        }
        self.moment = moment.max(self.trace.opening());
        self.now = self.trace.at(self.moment);
    }

    /// Plays or pauses; at the end it plays from the beginning.
    pub fn toggle(&mut self) {
        let ended = self.at_end();
        let was_playing = self.playing && !ended;
        if ended {
            self.jump(0);
        }
        self.drop_goal();
        self.notice = None;
        self.question = None;
        self.playing = !was_playing;
    }

    /// Lets the next event happen.
    pub fn step(&mut self) {
        // A key that comes while a step is under way is another step.
        match self.goal {
            Some(Goal::Steps(steps)) => self.goal = Some(Goal::Steps(steps.saturating_add(1))),
            _ => self.go(Goal::Steps(1)),
        }
    }

    /// Goes back one event.
    pub fn back(&mut self) {
        let first = self.trace.earlier() > 0 && self.moment <= self.trace.opening();
        self.jump(self.moment.saturating_sub(1));
        if first {
            self.notice = Some("what was before is not known".into());
        }
    }

    /// To the next handoff; it stays where it is if there is none.
    pub fn next_handoff(&mut self) {
        self.go(Goal::Handoff);
    }

    /// To the previous handoff; it stays where it is if there is none.
    pub fn previous_handoff(&mut self) {
        let before = self.trace.handoffs(self.moment.saturating_sub(1)).last_seq();
        if let Some(moment) = before.filter(|before| *before >= self.trace.opening()) {
            self.jump(moment);
        } else {
            self.playing = false;
            self.drop_goal();
            self.notice = Some("no earlier handoff".into());
        }
    }

    /// To the next marker; it stays where it is if there is none.
    pub fn next_marker(&mut self) {
        // One that asks before its event lies ahead still.
        let asked = self.question.filter(|question| question.guess.is_none());
        let marker = asked.and_then(|question| self.plan.markers.get(question.marker));
        if marker.is_some_and(Marker::asks_before) && self.moment < self.trace.len() {
            self.moment += 1;
        }
        if self.origin.is_live() {
            // A program has none, and its end may be far.
            self.playing = false;
            self.drop_goal();
            self.notice = Some("no further marker".into());
            return;
        }
        self.go(Goal::Marker);
    }

    /// To the beginning.
    pub fn home(&mut self) {
        self.jump(0);
    }

    /// To the end; a real run that has not ended is followed live.
    pub fn end(&mut self) {
        self.go(Goal::End);
        if let Some(edge) = self.origin.edge() {
            // All of it is here: there is no way to go.
            self.drop_goal();
            self.playing = true;
            self.go_to(edge);
        }
    }

    /// Slower or faster by so many steps.
    pub fn change_speed(&mut self, steps: i32) {
        self.speed = changed(self.speed, steps);
        self.notice = None;
    }
}

/// A speed, slower or faster by so many steps.
pub(super) fn changed(mut speed: f64, steps: i32) -> f64 {
    for _ in 0..steps.unsigned_abs() {
        let next = if steps > 0 {
            SPEEDS.into_iter().find(|other| *other > speed)
        } else {
            SPEEDS.into_iter().rev().find(|other| *other < speed)
        };
        speed = next.unwrap_or(speed);
    }
    speed
}

enum Next {
    At(Time),
    NotYet,
    Ended(Time),
}

/// How a run ended whose last event was at `last`.
pub fn end(plan: &Plan, ending: &Ending, last: Time) -> End {
    match ending {
        Ending::Run(end) => End { outcome: end.outcome, at: end.at.max(last), note: note(plan, end.cause) },
        Ending::Broken(why) => {
            End { outcome: crate::event::Outcome::Stopped, at: last, note: Some(why.clone()) }
        }
    }
}

/// Why a run ended, where the outcome does not say it.
pub fn note(plan: &Plan, cause: Cause) -> Option<String> {
    match cause {
        Cause::Finished | Cause::Asked => None,
        Cause::Horizon => Some("the horizon".into()),
        Cause::Stuck => Some("every task waits, and nobody can let go".into()),
        Cause::EventCap(cap) => Some(format!("the cap of {cap} events")),
        Cause::Round(task) => {
            let names = plan.names();
            Some(format!(
                "{} and others wake each other without end, and virtual time stands still",
                names.task(task)
            ))
        }
        Cause::Watchdog { task, step } => {
            let name = plan.names().task(task).to_owned();
            Some(format!("{name} went round and round without an event, at step {}", step.0))
        }
    }
}
