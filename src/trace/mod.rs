//! The history: a pure fold of events, with an index that makes every moment quick to reach.
//!
//! A prefix of the events gives exactly the state at that moment, so seeking is [`State::apply`]
//! from the nearest checkpoint and nothing else. Moments are counted in events: moment `n` is what
//! holds when the first `n` events have happened. Nothing here knows a runtime or a terminal.

pub mod compare;
pub mod deadlock;
mod handoff;
mod json;
mod note;
mod roster;
mod state;
pub mod story;
pub mod text;
mod totals;
pub mod why;
pub mod words;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use crate::event::{Event, LockId, Names, OpId, Outcome, TaskId, Time, What};

pub use deadlock::{Cause, Deadlock, deadlock};
pub use handoff::{Fate, Freed, Handoff, Passed};
pub(crate) use json::escape as json_escape;
pub use json::{end_line as json_end_line, line as json_line};
pub use note::{Note, Noted};
pub use roster::{Group, GroupId, Roster};
pub use state::{Claim, Life, Lock, Look, Notice, Owners, Place, Stage, State, Task};
pub use totals::Spent;
use totals::Totals;

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

/// From `at` on the task looked like this, until its next span begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The event that began it.
    pub seq: u64,
    /// Its moment.
    pub at: Time,
    /// What the task looked like.
    pub look: Look,
    /// The lock that this is about.
    pub lock: Option<LockId>,
}

/// From `at` on the lock belonged to these tasks, until the next tenure begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// The event that began it.
    pub seq: u64,
    /// Its moment.
    pub at: Time,
    /// Whose it was. A granted lock is its receiver's already.
    pub owners: Owners,
    /// Granted, but none of its owners has run yet.
    pub granted: bool,
}

/// Everything that happened so far.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    names: Names,
    events: Vec<Event>,
    now: State,
    /// The state every [`Trace::stride`] events, of the tasks and locks that were known then.
    checkpoints: Vec<State>,
    lanes: Vec<Vec<Span>>,
    tenures: Vec<Vec<Tenure>>,
    handoffs: Vec<Handoff>,
    /// The last of them of each lock, as an index.
    last_handoffs: Vec<Option<usize>>,
    /// Those whose fate is open, as indices.
    open_handoffs: HashMap<(LockId, OpId), usize>,
    notes: Vec<Note>,
    totals: Totals,
    /// Made when somebody first asks.
    roster: OnceLock<Roster>,
    end: Option<End>,
}

impl Trace {
    /// An empty history of these tasks and locks.
    pub fn new(names: Names) -> Self {
        let now = State::new(&names);
        Self {
            lanes: vec![Vec::new(); names.tasks.len()],
            tenures: vec![Vec::new(); names.locks.len()],
            last_handoffs: vec![None; names.locks.len()],
            checkpoints: Vec::new(),
            totals: Totals::new(&names),
            roster: OnceLock::new(),
            now,
            names,
            events: Vec::new(),
            handoffs: Vec::new(),
            open_handoffs: HashMap::new(),
            notes: Vec::new(),
            end: None,
        }
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
        let known = &mut self.names;
        known.tasks.extend(names.tasks.iter().skip(known.tasks.len()).cloned());
        known.locks.extend(names.locks.iter().skip(known.locks.len()).cloned());
        self.now.grow(known);
        self.lanes.resize_with(known.tasks.len(), Vec::new);
        self.tenures.resize_with(known.locks.len(), Vec::new);
        self.last_handoffs.resize(known.locks.len(), None);
        self.totals.grow(known);
        self.roster = OnceLock::new();
    }

    /// Adds what happened next. Its `seq` becomes its place in this history.
    pub fn push(&mut self, mut event: Event) {
        event.seq = self.events.len() as u64 + 1;
        // Time that runs back can only come from a damaged recording; order is what counts.
        event.at = event.at.max(self.now.at);
        let handoff = Handoff::of(&self.now, &event);
        let note = Note::before(&self.now, &event).or_else(|| Note::late(&self.now, &self.events, &event));
        // Whoever drops a guard need not be the one who acquired it: both may look different then.
        let owner = match event.what {
            What::Release { lock, op } | What::Cancel { lock, op } => self.now.owner_of(lock, op),
            _ => None,
        };
        let before = Totals::before(&self.now, &event, owner);
        self.now.apply(&event);
        self.totals.note(&self.now, &event, before.as_ref());
        self.notes.extend(Note::after(&self.now, &event).or(note));
        for task in [Some(event.actor.task), owner].into_iter().flatten() {
            self.extend_lane(task, &event);
        }
        if let Some((lock, _)) = event.what.acquisition() {
            self.extend_tenure(lock, &event);
            self.note_handoff(lock, handoff, &event);
        }
        if matches!(event.what, What::Lost { .. }) {
            self.end_all(&event);
        }
        self.events.push(event);
        let last = self.checkpoints.last().map_or(0, |checkpoint| checkpoint.moment);
        if self.len() - last >= self.stride() {
            self.checkpoints.push(self.now.clone());
        }
    }

    fn note_handoff(&mut self, lock: LockId, handoff: Option<Handoff>, event: &Event) {
        let Some(last) = self.last_handoffs.get_mut(lock.0 as usize) else { return };
        if let Some(handoff) = handoff {
            *last = Some(self.handoffs.len());
            self.open_handoffs.insert((lock, handoff.op), self.handoffs.len());
            self.handoffs.push(handoff);
            return;
        }
        let key = event.what.acquisition().filter(|_| !matches!(event.what, What::Grant { .. }));
        if let Some(open) = key.and_then(|key| self.open_handoffs.remove(&key)) {
            self.handoffs[open].settle(event);
        }
        if let Some(last) = *last {
            self.handoffs[last].note(event);
        }
    }

    fn extend_lane(&mut self, task: TaskId, event: &Event) {
        let (Some(lane), Some(state)) =
            (self.lanes.get_mut(task.0 as usize), self.now.tasks.get(task.0 as usize))
        else {
            return;
        };
        let (look, lock) = state.look();
        if lane.last().is_none_or(|last| (last.look, last.lock) != (look, lock)) {
            lane.push(Span { seq: event.seq, at: event.at, look, lock });
        }
    }

    /// Ends what is not known any more, in all lanes: nothing is drawn across a loss as if it were known.
    fn end_all(&mut self, event: &Event) {
        // Where nothing has happened there is nothing to end; nor can it matter when somebody is named.
        for task in (0..self.lanes.len()).filter(|&task| !self.lanes[task].is_empty()).collect::<Vec<_>>() {
            self.extend_lane(TaskId(task as u32), event);
        }
        for lock in 0..self.tenures.len() {
            self.extend_tenure(LockId(lock as u32), event);
        }
        self.open_handoffs.clear();
        self.last_handoffs.fill(None);
    }

    fn extend_tenure(&mut self, lock: LockId, event: &Event) {
        let (Some(tenures), Some(state)) =
            (self.tenures.get_mut(lock.0 as usize), self.now.locks.get(lock.0 as usize))
        else {
            return;
        };
        let (owners, granted) = (state.group(), state.holders.is_empty() && state.owner().is_some());
        let before = tenures.last().map_or_else(Default::default, |last| (last.owners, last.granted));
        if before != (owners, granted) {
            tenures.push(Tenure { seq: event.seq, at: event.at, owners, granted });
        }
    }

    /// How many events lie between two checkpoints. Each shares with the one before it what no event
    /// changed in between; for the rest there are more where there are many tasks and locks, so that all of
    /// them together stay of the size of the events.
    fn stride(&self) -> u64 {
        ((self.names.tasks.len() + self.names.locks.len()) / 8).max(1024) as u64
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
        self.totals.of_task(task, self.until())
    }

    /// How long a lock was waited for and held altogether, up to the end of what there is.
    pub fn spent_on(&self, lock: LockId) -> Spent {
        self.totals.of_lock(lock, self.until())
    }

    /// Up to when it tells.
    fn until(&self) -> Time {
        self.end.as_ref().map_or(self.now.at, |end| end.at.max(self.now.at))
    }

    /// How many events are missing in all.
    pub fn lost(&self) -> u64 {
        self.now.lost
    }

    /// All events, in order.
    pub fn events(&self) -> &[Event] {
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
    pub fn event(&self, moment: u64) -> Option<&Event> {
        self.events.get(usize::try_from(moment.checked_sub(1)?).ok()?)
    }

    /// The moment at which everything up to and including time `at` has happened.
    pub fn moment_at(&self, at: Time) -> u64 {
        self.events.partition_point(|event| event.at <= at) as u64
    }

    /// What held when the first `moment` events had happened. The latest moment costs nothing; any
    /// other a copy that shares what it can, and a thousand events or an eighth of the tasks.
    pub fn state(&self, moment: u64) -> Cow<'_, State> {
        let moment = usize::try_from(moment).unwrap_or(usize::MAX).min(self.events.len());
        if moment == self.events.len() {
            return Cow::Borrowed(&self.now);
        }
        let before = self.checkpoints.partition_point(|checkpoint| checkpoint.moment as usize <= moment);
        let mut state =
            before.checked_sub(1).map_or_else(State::default, |last| self.checkpoints[last].clone());
        state.grow(&self.names);
        for event in &self.events[state.moment as usize..moment] {
            state.apply(event);
        }
        Cow::Owned(state)
    }

    /// A task's spans up to `moment`, oldest first.
    pub fn lane(&self, task: TaskId, moment: u64) -> &[Span] {
        self.lanes
            .get(task.0 as usize)
            .map_or(&[], |lane| &lane[..lane.partition_point(|span| span.seq <= moment)])
    }

    /// A lock's tenures up to `moment`, oldest first.
    pub fn tenures(&self, lock: LockId, moment: u64) -> &[Tenure] {
        self.tenures
            .get(lock.0 as usize)
            .map_or(&[], |all| &all[..all.partition_point(|tenure| tenure.seq <= moment)])
    }

    /// The handoffs up to `moment`, oldest first.
    pub fn handoffs(&self, moment: u64) -> &[Handoff] {
        &self.handoffs[..self.handoffs.partition_point(|handoff| handoff.seq <= moment)]
    }

    /// What else is worth a sentence, up to `moment`, oldest first.
    pub fn notes(&self, moment: u64) -> &[Note] {
        &self.notes[..self.notes.partition_point(|note| note.seq <= moment)]
    }

    /// What is worth a sentence of this event, if anything is.
    pub fn note_of(&self, seq: u64) -> Option<&Note> {
        self.notes(seq).last().filter(|note| note.seq == seq)
    }

    /// Those that were let in by the same cause as `handoff`, it among them, as far as that happened by
    /// `moment`: several readers at once, all who were notified.
    pub(crate) fn together(&self, handoff: &Handoff, moment: u64) -> Vec<&Handoff> {
        let cause = |handoff: &Handoff| handoff.from(moment).map(|from| from.seq);
        let all = self.handoffs(moment);
        let at = all.partition_point(|other| other.seq < handoff.seq);
        let same = |other: &&Handoff| {
            other.seq == handoff.seq || (other.lock == handoff.lock && cause(other) == cause(handoff))
        };
        // Handoffs of other locks may lie between; with the real clock an instant has some length.
        let near = |other: &&Handoff| {
            other.at.since(handoff.at).max(handoff.at.since(other.at)) < Duration::from_millis(1)
        };
        let mut group: Vec<_> = all[..at].iter().rev().take_while(near).filter(same).collect();
        group.reverse();
        group.extend(all[at..].iter().take_while(near).filter(same));
        group.retain(|other| cause(other).is_some() || other.seq == handoff.seq);
        group
    }
}
