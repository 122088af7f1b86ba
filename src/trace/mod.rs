//! The history: a pure fold of events, with an index that makes every moment quick to reach.
//!
//! A prefix of the events gives exactly the state at that moment, so seeking is [`State::apply`]
//! from the nearest checkpoint and nothing else. Moments are counted in events: moment `n` is what
//! holds when the first `n` events have happened. Nothing here knows a runtime or a terminal.

mod column;
pub mod compare;
pub mod deadlock;
mod events;
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
use std::collections::VecDeque;
#[cfg(feature = "cli")]
use std::ops::Range;
use std::sync::OnceLock;

use crate::event::{Event, Kind, LockId, Names, OpId, Outcome, Packed, TaskId, Time, What};

pub use deadlock::{Cause, Deadlock, Ring, deadlock};
pub use events::Events;
#[cfg(feature = "cli")]
pub(crate) use events::PART;
use handoff::Grant;
pub use handoff::{Fate, Freed, Handoff, Passed};
use handoffs::Handed;
pub use handoffs::{Arrow, Handoffs};
pub(crate) use json::escape as json_escape;
pub use json::{end_line as json_end_line, line as json_line};
use lane::Spans;
pub use lane::{Lane, Looks, Span};
use lately::Lately;
pub use note::{Note, Noted};
pub use roster::{Group, GroupId, Roster};
pub use state::{Claim, Kept, Life, Lock, Look, Notice, Owners, Place, Stage, State, Task};
use state::{Saved, Usual};
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
    /// Those that notes are about.
    rings: Vec<Ring>,
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

/// The latest handoffs of one lock, as indices.
#[derive(Debug, Clone, Default)]
struct Latest {
    last: Option<usize>,
    /// Those whose fate is open, by the receiver's acquisition.
    open: VecDeque<(OpId, usize)>,
}

/// Between two checkpoints lies a multiple of so many events, where little is lost.
const NEAR: u64 = 1024;

/// So many rings are told of in what runs on: tasks that give up time and again close one each time.
const MOST_RINGS: usize = 1024;

/// Losses between two checkpoints end so many tasks and locks: to come to a moment, all of that is done again.
const MANY: usize = 1 << 23;

/// Where somebody who asked for a moment is likely to ask next: not so many events before it.
const CLOSE: u64 = NEAR / 4;

impl Latest {
    /// The handoff to this acquisition, if its fate was open; from here on it is not.
    #[inline]
    fn settle(&mut self, op: OpId) -> Option<usize> {
        if self.open.front().is_some_and(|(open, _)| *open == op) {
            return self.open.pop_front().map(|(_, index)| index);
        }
        let at = self.open.iter().position(|(open, _)| *open == op)?;
        self.open.remove(at).map(|(_, index)| index)
    }
}

/// A history has at most so many events: a moment takes less than four bytes in an index. Later ones are
/// dropped.
const MOST: usize = column::MOST as usize - 1;

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

    /// Adds what happened next. Its `seq` becomes its place in this history. One beyond 268 million is dropped:
    /// nothing that `lockscope` reads or follows comes to that.
    pub fn push(&mut self, mut event: Event) {
        if self.events.len() < MOST {
            event.seq = self.len() + 1;
            // Time that runs back can only come from a damaged recording; order is what counts.
            event.at = event.at.max(self.now.at);
            let grant = Grant::of(&event);
            let handoff = grant.and_then(|grant| self.handoff(&grant));
            self.note(&event, handoff);
            self.events.push(event);
            self.keep_checkpoint();
        }
    }

    /// The same of one that is packed already: quicker, where there are millions. One that stands for an event
    /// aside, or is none, is passed over.
    ///
    /// ```
    /// use lockscope::event::*;
    /// use lockscope::trace::Trace;
    ///
    /// let names = Names { tasks: vec!["worker".into()], locks: Vec::new() };
    /// let actor = Actor { task: TaskId(0), step: None };
    /// let spawn = Event { seq: 1, at: Time::ZERO, actor, what: What::Spawn };
    /// let mut trace = Trace::new(names);
    /// trace.push_packed(Packed::of(&spawn).unwrap());
    /// assert_eq!(trace.event(1), Some(spawn));
    /// ```
    pub fn push_packed(&mut self, packed: Packed) {
        self.push_one(packed);
    }

    /// Adds some of the events that were lent last.
    #[cfg(feature = "cli")]
    pub(crate) fn push_lent(&mut self, some: Range<usize>) {
        for index in some {
            if let Some(packed) = self.lent(index) {
                self.push_one(packed);
            }
        }
    }

    #[inline(always)]
    fn push_one(&mut self, packed: Packed) {
        // Time that runs back can only come from a damaged recording; order is what counts.
        let packed = match packed.kind() {
            // Its timer stays where it is.
            Kind::Sleep if packed.at() < self.now.at => {
                return packed.event(0).into_iter().for_each(|event| self.push(event));
            }
            _ => packed.moved_to(packed.at().max(self.now.at)),
        };
        if self.events.len() >= MOST || packed.kind() == Kind::Aside {
            return;
        }
        let grant = Grant::of_packed(packed, self.len() + 1);
        let granted = grant.and_then(|grant| self.handoff(&grant));
        // With the last of the opening it shows who waited for whom.
        let usual = if self.len() + 1 == self.opening { None } else { self.now.usual(packed) };
        // Each is noted on its own, so that what follows from how it moves is not to be decided again and again.
        match usual {
            Some(Usual::Asks) => self.note_usual(packed, Usual::Asks, None),
            Some(Usual::Takes) => self.note_usual(packed, Usual::Takes, None),
            Some(Usual::IsGranted) => self.note_usual(packed, Usual::IsGranted, granted),
            Some(Usual::Runs) => self.note_usual(packed, Usual::Runs, None),
            Some(Usual::LetsGo) => self.note_usual(packed, Usual::LetsGo, None),
            None => {
                if let Some(event) = packed.event(self.len() + 1) {
                    self.note(&event, granted);
                }
            }
        }
        self.events.push_packed(packed);
        self.keep_checkpoint();
    }

    /// Gives room for what comes next, with those events in it already: each is to be [looked at](Self::lent) and pushed,
    /// or left out, or they are [pushed](Self::push_lent) as they are. Gives them back where they do not fit.
    #[cfg(feature = "cli")]
    pub(crate) fn lend(&mut self, events: Vec<Packed>) -> Result<(), Vec<Packed>> {
        self.events.lend(events)
    }

    /// One of the events that were lent last.
    #[cfg(feature = "cli")]
    #[inline]
    pub(crate) fn lent(&self, index: usize) -> Option<Packed> {
        self.events.lent(index)
    }

    /// Adds the handoff that a grant is.
    #[inline]
    fn handoff(&mut self, grant: &Grant) -> Option<usize> {
        self.handoffs.push(&self.events, &self.now, grant, self.opening)
    }

    /// Leads everything but the events themselves to the moment to which the state came by the usual way.
    #[inline(always)]
    fn note_usual(&mut self, packed: Packed, moved: Usual, granted: Option<usize>) {
        let (seq, at, task, lock) = (self.now.moment, packed.at(), packed.task(), packed.lock());
        let (from, to) = moved.stages();
        let (look, about) = match to {
            None => (Look::Idle, None),
            Some(Stage::Granted) => (Look::Granted, Some(lock)),
            Some(Stage::Holding) => (Look::Holding, Some(lock)),
            Some(Stage::Waiting | Stage::Woken | Stage::Blocked) => (Look::Waiting, Some(lock)),
        };
        if let Some(of) = self.tasks.get_mut(task.0 as usize) {
            of.clocks.note(at, from, to);
            of.lane.change(seq, Some(lock), (look, about));
        }
        let Some(of) = self.locks.get_mut(lock.0 as usize) else { return };
        of.clocks.note(at, from, to);
        // Whose it is does not change with who waits.
        if to != Some(Stage::Waiting) {
            of.tenures.change(seq, to.map(|_| task), to == Some(Stage::Granted));
        }
        if let Some(index) = granted {
            of.latest.last = Some(index);
            of.latest.open.push_back((packed.op(), index));
        } else if from == Some(Stage::Granted) {
            if let Some(index) = of.latest.settle(packed.op()) {
                self.handoffs.settle(index, seq);
            }
        } else if to == Some(Stage::Waiting)
            && let Some(last) = of.latest.last
        {
            self.handoffs.note_asking(&self.events, last, seq, task);
        }
    }

    /// Leads everything but the events themselves to the next moment. `event` is `handoff`, if it is one.
    fn note(&mut self, event: &Event, handoff: Option<usize>) {
        let note = Note::before(&self.now, event).or_else(|| Note::late(&self.now, &self.events, event));
        let moved = self.now.step(event);
        if let (Some(moved), Some(lock)) = (moved, event.what.lock()) {
            let clocks = self.tasks.get_mut(moved.task.0 as usize).map(|of| &mut of.clocks);
            let others = self.locks.get_mut(lock.0 as usize).map(|of| &mut of.clocks);
            clocks.into_iter().chain(others).for_each(|clocks| clocks.note(event.at, moved.from, moved.to));
        }
        // Those of the opening do not stand in the order in which it came to that.
        if event.seq > self.opening {
            self.notes.extend(Note::after(&self.now, event).or(note));
        }
        self.note_rings(event);
        self.extend_lane(event.actor.task, event);
        if let Some(moved) = moved {
            // Whoever drops a guard need not be the one who acquired it: both may look different then.
            if moved.task != event.actor.task {
                self.extend_lane(moved.task, event);
            }
        }
        if let Some((lock, op)) = event.what.acquisition() {
            let begins =
                moved.is_some_and(|moved| moved.from.is_none() && moved.to.is_some_and(Stage::is_queued));
            if !begins {
                self.extend_tenure(lock, event);
            }
            let waits = moved.and_then(|moved| moved.from).is_some_and(|stage| stage != Stage::Holding);
            self.note_handoff((lock, op, waits), handoff, event);
        }
        if matches!(event.what, What::Lost { .. }) {
            self.end_all(event);
        }
    }

    /// Takes note of those who wait for each other from here on, in a program: of a run its end says so.
    fn note_rings(&mut self, event: &Event) {
        let Event { seq, at, actor, .. } = *event;
        if actor.step.is_some() || self.rings.len() >= MOST_RINGS {
            return;
        }
        let rings = match event.what {
            _ if seq == self.opening => deadlock::all(&self.now),
            What::Wait { .. } if seq > self.opening => {
                deadlock::closed_by(&self.now, actor.task).into_iter().collect()
            }
            _ => Vec::new(),
        };
        for ring in rings.into_iter().take(MOST_RINGS - self.rings.len()) {
            let Some(last) = ring.waits.iter().max_by_key(|wait| wait.asked_seq) else { continue };
            let what = Noted::Round { ring: self.rings.len() as u32 };
            self.notes.push(Note { seq, at, lock: Some(last.lock), task: last.task, what });
            self.rings.push(ring);
        }
    }

    #[inline(always)]
    fn keep_checkpoint(&mut self) {
        if self.len().is_multiple_of(NEAR) || self.ended >= MANY {
            self.keep_checkpoint_here();
        }
    }

    #[inline(never)]
    fn keep_checkpoint_here(&mut self) {
        let last = self.checkpoints.last().map_or(0, |checkpoint| checkpoint.moment);
        let passed = self.len() - last;
        // What is under way is counted only where it may decide.
        let far = passed >= self.stride(0) && passed >= self.stride(self.now.under_way());
        if far || self.ended >= MANY {
            self.checkpoints.push(self.now.save());
            self.ended = 0;
        }
    }

    /// Takes note of a handoff, or of what comes after one; `waits` says whether the acquisition had been
    /// under way and did not hold anything yet.
    fn note_handoff(
        &mut self,
        (lock, op, waits): (LockId, OpId, bool),
        handoff: Option<usize>,
        event: &Event,
    ) {
        let Some(latest) = self.locks.get_mut(lock.0 as usize).map(|of| &mut of.latest) else { return };
        if let Some(index) = handoff {
            latest.last = Some(index);
            latest.open.push_back((op, index));
            return;
        }
        let Some(last) = latest.last else { return };
        let settles = waits && !matches!(event.what, What::Grant { .. });
        if let Some(index) = settles.then(|| latest.settle(op)).flatten() {
            self.handoffs.settle(index, event.seq);
        }
        self.handoffs.note(&self.events, last, event);
    }

    fn extend_lane(&mut self, task: TaskId, event: &Event) {
        let at = task.0 as usize;
        if let (Some(of), Some(state)) = (self.tasks.get_mut(at), self.now.tasks.get(at)) {
            of.lane.note(event.seq, event.what.lock(), state.look());
        }
    }

    /// Ends what is not known any more, in all lanes: nothing is drawn across a loss as if it were known.
    fn end_all(&mut self, event: &Event) {
        self.gaps.push(Gap { seq: event.seq, at: event.at, lost: self.now.lost });
        self.ended += self.tasks.len() + self.locks.len();
        for task in 0..self.tasks.len() {
            self.tasks[task].clocks.end_all(event.at);
            // Where nothing has happened there is nothing to end; nor can it matter when somebody is named.
            if !self.tasks[task].lane.is_empty() {
                self.extend_lane(TaskId(task as u32), event);
            }
        }
        for lock in 0..self.locks.len() {
            self.extend_tenure(LockId(lock as u32), event);
            let of = &mut self.locks[lock];
            of.clocks.end_all(event.at);
            of.latest = Latest::default();
        }
    }

    fn extend_tenure(&mut self, lock: LockId, event: &Event) {
        let at = lock.0 as usize;
        if let (Some(of), Some(state)) = (self.locks.get_mut(at), self.now.locks.get(at)) {
            let owners = state.group();
            let granted = state.holders.is_empty() && !owners.is_empty();
            of.tenures.note(event.seq, event.actor.task, (owners, granted));
        }
    }

    /// How many events lie between two checkpoints. Each shares with the one before it what no event
    /// changed in between; for the rest there are more where there are many tasks, locks and operations under
    /// way, so that all of them together take a part of what the events take.
    fn stride(&self, under_way: usize) -> u64 {
        let kept = self.names.tasks.len() + self.names.locks.len() + under_way;
        (6 * kept).max(6 * NEAR as usize) as u64
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

    /// How long a task waited and held altogether, up to the end of what there is.
    pub fn spent_by(&self, task: TaskId) -> Spent {
        let of = self.tasks.get(task.0 as usize);
        of.map_or_else(Spent::default, |of| of.clocks.spent(self.until()))
    }

    /// How long a lock was waited for and held altogether, up to the end of what there is.
    pub fn spent_on(&self, lock: LockId) -> Spent {
        let of = self.locks.get(lock.0 as usize);
        of.map_or_else(Spent::default, |of| of.clocks.spent(self.until()))
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
    /// that shares what it can, and up to 6144 events, or six for each task, lock and operation under way
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

    /// Leads a state on to a later moment.
    fn lead(&self, state: &mut State, moment: u64) {
        for seq in state.moment + 1..=moment {
            if self.events.packed(seq).and_then(|packed| state.usual(packed)).is_none()
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

    /// Those who wait for each other, of a [`Noted::Round`].
    pub fn ring(&self, number: u32) -> Option<&Ring> {
        self.rings.get(number as usize)
    }

    /// What is worth a sentence of this event, if anything is.
    pub fn note_of(&self, seq: u64) -> Option<&Note> {
        self.notes(seq).last().filter(|note| note.seq == seq)
    }
}

/// So many handoffs are looked through for those that belong to one instant.
pub(crate) const INSTANT: usize = 1024;
