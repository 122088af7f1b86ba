//! The history: a pure fold of events, with an index that makes every moment quick to reach.
//!
//! A prefix of the events gives exactly the state at that moment, so seeking is [`State::apply`]
//! from the nearest checkpoint and nothing else. Moments are counted in events: moment `n` is what
//! holds when the first `n` events have happened. Nothing here knows a runtime or a terminal.

mod column;
pub mod compare;
pub mod deadlock;
mod events;
mod fold;
mod groups;
mod handoff;
mod handoffs;
mod json;
mod lane;
mod lately;
mod note;
mod roster;
mod state;
pub mod story;
mod tenure;
pub mod text;
mod totals;
pub mod why;
pub mod words;

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::event::{Event, LockId, Names, Outcome, Packed, TaskId, Time};

pub use deadlock::{Cause, Deadlock, Ring, deadlock};
pub use events::Events;
#[cfg(feature = "cli")]
pub(crate) use events::PART;
use fold::Latest;
pub use handoff::{Fate, Freed, Handoff, Passed};
use handoffs::Handed;
pub use handoffs::{Arrow, Handoffs};
pub(crate) use json::escape as json_escape;
pub use json::{end_line as json_end_line, line as json_line};
#[cfg(feature = "cli")]
pub(crate) use json::{ring_line as json_ring_line, standstill_line as json_standstill_line};
use lane::Spans;
pub use lane::{Lane, Looks, Span};
use lately::Lately;
pub use note::{Note, Noted};
pub use roster::{Group, GroupId, Roster};
use state::Saved;
pub use state::{Claim, Kept, Life, Lock, Look, Notice, Owners, Place, Stage, State, Task};
use tenure::Owned;
pub use tenure::{Tenure, Tenures};
use totals::Clocks;
pub use totals::Spent;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Time,
    /// Why then, in words, where there is more to say.
    pub note: Option<String>,
}

/// Everything that happened so far.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    names: Names,
    /// How many events came before the first, and are not kept.
    earlier: u64,
    /// So many of the first events tell where things stood when those that are kept began.
    opening: u64,
    events: Events,
    now: State,
    /// The state every [`Trace::stride`] events, of the tasks and locks that were known then.
    checkpoints: Vec<Saved>,
    lately: Lately,
    /// By id.
    tasks: Vec<OfTask>,
    /// By id.
    locks: Vec<OfLock>,
    handoffs: Handed,
    notes: Vec<Note>,
    gaps: Vec<Gap>,
    /// How many tasks and locks losses have ended since the last checkpoint.
    ended: usize,
    /// Made when somebody first asks.
    roster: OnceLock<Roster>,
    end: Option<End>,
}

/// A place where events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The event that tells of it.
    pub seq: u64,
    /// Its time: what is missing came before it.
    pub at: Time,
    /// How many are missing, with those of all gaps before.
    pub lost: u64,
}

/// What is kept of a task.
#[derive(Debug, Clone, Default)]
struct OfTask {
    lane: Spans,
    clocks: Clocks,
}

/// What is kept of a lock.
#[derive(Debug, Clone, Default)]
struct OfLock {
    tenures: Owned,
    clocks: Clocks,
    latest: Latest,
}

/// Between two checkpoints lies a multiple of so many events, where little is lost.
const NEAR: u64 = 1024;

/// Where somebody who asked for a moment is likely to ask next: not so many events before it.
const CLOSE: u64 = NEAR / 4;

impl Trace {
    /// An empty history of these tasks and locks.
    pub fn new(names: Names) -> Self {
        let mut now = State::default();
        now.grow(&names);
        let mut trace = Self { now, ..Self::default() };
        trace.size(&names);
        trace.names = names;
        trace
    }

    /// Learns that so many `earlier` events came before the first, and are not kept. Where things stood then is for
    /// its first events to say, which are `opening` in number.
    ///
    /// ```
    /// use lockscope::event::Names;
    /// use lockscope::trace::Trace;
    ///
    /// let mut trace = Trace::new(Names::default());
    /// trace.come_after(1000, 0);
    /// assert_eq!((trace.earlier(), trace.len()), (1000, 0));
    /// ```
    pub fn come_after(&mut self, earlier: u64, opening: u64) {
        (self.earlier, self.opening) = (earlier, opening);
    }

    /// A whole history at once.
    pub fn of(names: Names, events: impl IntoIterator<Item = Event>) -> Self {
        let mut trace = Self::new(names);
        for event in events {
            trace.push(event);
        }
        trace
    }

    /// Learns of further tasks and locks: those of `names` beyond the ones it knows. What happens to one
    /// has to come after its name.
    pub fn grow(&mut self, names: &Names) {
        if names.tasks.len() <= self.names.tasks.len() && names.locks.len() <= self.names.locks.len() {
            return;
        }
        let known = &mut self.names;
        known.tasks.extend(names.tasks.iter().skip(known.tasks.len()).cloned());
        known.locks.extend(names.locks.iter().skip(known.locks.len()).cloned());
        self.now.grow(known);
        let known = std::mem::take(known);
        self.size(&known);
        self.names = known;
        self.roster = OnceLock::new();
    }

    /// Has room for what happens to so many.
    fn size(&mut self, known: &Names) {
        self.tasks.resize_with(known.tasks.len(), OfTask::default);
        self.locks.resize_with(known.locks.len(), OfLock::default);
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self, end: End) {
        self.end = Some(end);
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Why nothing can move any more, of a run that ended so.
    pub fn deadlock(&self) -> Option<Deadlock> {
        self.end.as_ref().filter(|end| end.outcome == Outcome::Deadlock).and_then(|_| deadlock(&self.now))
    }

    /// What the ids stand for.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Which tasks belong together by their names.
    pub fn roster(&self) -> &Roster {
        self.roster.get_or_init(|| Roster::of(&self.names))
    }

    /// How long a task waited and held altogether: up to the end of what there is, or to `now` if that is later, and
    /// nothing has happened since.
    pub fn spent_by(&self, task: TaskId, now: Time) -> Spent {
        let of = self.tasks.get(task.0 as usize);
        of.map_or_else(Spent::default, |of| of.clocks.spent(self.until().max(now)))
    }

    /// How long a lock was waited for and held altogether, up to the same.
    pub fn spent_on(&self, lock: LockId, now: Time) -> Spent {
        let of = self.locks.get(lock.0 as usize);
        of.map_or_else(Spent::default, |of| of.clocks.spent(self.until().max(now)))
    }

    /// Up to when it tells.
    fn until(&self) -> Time {
        self.end.as_ref().map_or(self.now.at, |end| end.at.max(self.now.at))
    }

    /// How many events came before the first, and are not kept.
    pub fn earlier(&self) -> u64 {
        self.earlier
    }

    /// The first moment of which is known where things stood: what the events up to it tell is true, but what else
    /// was so meanwhile nobody tells.
    pub fn opening(&self) -> u64 {
        self.opening.min(self.len())
    }

    /// How many events are missing in all.
    pub fn lost(&self) -> u64 {
        self.now.lost
    }

    /// All events, in order.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// How many events there are: the latest moment.
    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The event that led to `moment`; there is none for the beginning.
    pub fn event(&self, moment: u64) -> Option<Event> {
        self.events.get(moment)
    }

    /// When that was; the beginning, if there is none.
    pub fn at(&self, moment: u64) -> Time {
        self.events.at(moment)
    }

    /// Whether its times are no whole milliseconds, as those of real time are not: its first events show it.
    pub(crate) fn is_fine(&self) -> bool {
        self.events.iter().take(64).any(|event| !event.at.nanos().is_multiple_of(1_000_000))
    }

    /// The moment at which everything up to and including time `at` has happened.
    pub fn moment_at(&self, at: Time) -> u64 {
        self.events.until(at)
    }

    /// The moment at which everything before time `at` has happened.
    pub fn moment_before(&self, at: Time) -> u64 {
        self.events.before(at)
    }

    /// What held when the first `moment` events had happened. The latest moment costs nothing; any other a copy
    /// that shares what it can, and up to 16,384 events, or eight for each task, lock and operation under way
    /// where those are more. What lies near the moment that was asked for before costs as little then too.
    pub fn state(&self, moment: u64) -> Cow<'_, State> {
        if moment >= self.len() {
            return Cow::Borrowed(&self.now);
        }
        let before = self.checkpoints.partition_point(|checkpoint| checkpoint.moment <= moment);
        let checkpoint = before.checked_sub(1).and_then(|last| self.checkpoints.get(last));
        let from = checkpoint.map_or(0, |checkpoint| checkpoint.moment);
        let near = self.lately.state(from, moment).or_else(|| checkpoint.map(Saved::state));
        let mut state = near.unwrap_or_default();
        state.grow(&self.names);
        if moment - state.moment > NEAR {
            self.lead(&mut state, moment - CLOSE);
            self.lately.keep(state.save());
        }
        self.lead(&mut state, moment);
        Cow::Owned(state)
    }

    /// What holds at the latest moment.
    #[cfg(feature = "cli")]
    pub(crate) fn now(&self) -> &State {
        &self.now
    }

    /// Leads a state on to a later moment.
    fn lead(&self, state: &mut State, moment: u64) {
        for seq in state.moment + 1..=moment {
            let usual =
                |packed: Packed| state.usual(packed.kind(), packed).or_else(|| state.usual_share(packed));
            if self.events.packed(seq).and_then(usual).is_none()
                && let Some(event) = self.events.get(seq)
            {
                state.apply(&event);
            }
        }
    }

    /// What a task looked like up to `moment`.
    pub fn lane(&self, task: TaskId, moment: u64) -> Lane<'_> {
        let lane = self.tasks.get(task.0 as usize).map(|of| &of.lane);
        lane.map_or_else(Lane::default, |lane| lane.until(&self.events, moment))
    }

    /// Whose a lock was up to `moment`.
    pub fn tenures(&self, lock: LockId, moment: u64) -> Tenures<'_> {
        let tenures = self.locks.get(lock.0 as usize).map(|of| &of.tenures);
        tenures.map_or_else(Tenures::default, |tenures| tenures.until(&self.events, moment))
    }

    /// The handoffs up to `moment`.
    pub fn handoffs(&self, moment: u64) -> Handoffs<'_> {
        self.handoffs.until(&self.events, &self.names, moment)
    }

    /// What else is worth a sentence, up to `moment`, oldest first.
    pub fn notes(&self, moment: u64) -> &[Note] {
        &self.notes[..self.notes.partition_point(|note| note.seq <= moment)]
    }

    /// Where events are missing, up to `moment`, oldest first.
    ///
    /// ```
    /// use lockscope::event::*;
    /// use lockscope::trace::Trace;
    ///
    /// let names = Names { tasks: vec!["worker".into()], locks: Vec::new() };
    /// let actor = Actor { task: TaskId(0), step: None };
    /// let lost = |events| Event { seq: 0, at: Time::ZERO, actor, what: What::Lost { events } };
    /// let trace = Trace::of(names, [lost(3), lost(4)]);
    /// let counts: Vec<u64> = trace.gaps(2).iter().map(|gap| gap.lost).collect();
    /// assert_eq!(counts, [3, 7]);
    /// assert!(trace.gaps(0).is_empty());
    /// ```
    pub fn gaps(&self, moment: u64) -> &[Gap] {
        &self.gaps[..self.gaps.partition_point(|gap| gap.seq <= moment)]
    }

    /// What is worth a sentence of this event, if anything is.
    pub fn note_of(&self, seq: u64) -> Option<&Note> {
        self.notes(seq).last().filter(|note| note.seq == seq)
    }
}

/// So many handoffs are looked through for those that belong to one instant.
pub(crate) const INSTANT: usize = 1024;
