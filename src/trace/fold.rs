//! The fold itself: what one event more adds to all that is kept of a history.

use std::collections::VecDeque;
#[cfg(feature = "cli")]
use std::ops::Range;

use super::handoff::Grant;
use super::handoffs::New;
use super::state::Usual;
use super::{Gap, Look, NEAR, Note, Stage, Trace, column};
use crate::event::{Event, Kind, LockId, OpId, Packed, TaskId, What};

/// Losses between two checkpoints end so many tasks and locks: to come to a moment, all of that is done again.
const MANY: usize = 1 << 23;

/// A history has at most so many events: a moment takes less than four bytes in an index. Later ones are
/// dropped.
const MOST: usize = column::MOST as usize - 1;

/// The latest handoffs of one lock, as indices.
#[derive(Debug, Clone, Default)]
pub(super) struct Latest {
    last: Option<usize>,
    /// Who let the receiver of the last in, and has not asked again since.
    freer: Option<TaskId>,
    /// Those whose fate is open, by the receiver's acquisition.
    open: VecDeque<(OpId, usize)>,
}

impl Latest {
    /// Takes note of a handoff to this acquisition.
    #[inline]
    fn add(&mut self, op: OpId, new: New) {
        (self.last, self.freer) = (Some(new.index), new.freer);
        self.open.push_back((op, new.index));
    }

    /// The last handoff, if this task let its receiver in and asks for the first time since.
    #[inline]
    fn asks_again(&mut self, task: TaskId) -> Option<usize> {
        self.freer.take_if(|freer| *freer == task).and(self.last)
    }

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

impl Trace {
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

    /// The same of several, in order.
    ///
    /// ```
    /// use lockscope::event::*;
    /// use lockscope::trace::Trace;
    ///
    /// let names = Names { tasks: vec!["worker".into()], locks: Vec::new() };
    /// let actor = Actor { task: TaskId(0), step: None };
    /// let event = |what| Event { seq: 0, at: Time::ZERO, actor, what };
    /// let bundle = Bundle::from_iter([event(What::Spawn), event(What::Finish)]);
    /// let mut trace = Trace::new(names);
    /// trace.push_all(&bundle.events);
    /// assert_eq!(trace.len(), 2);
    /// ```
    pub fn push_all(&mut self, some: &[Packed]) {
        let mut rest = some;
        while !rest.is_empty() {
            let (here, later) = rest.split_at(self.events.lend_copy(rest));
            self.push_on(here, true);
            rest = later;
        }
    }

    /// Adds some of the events that were lent last.
    #[cfg(feature = "cli")]
    pub(crate) fn push_lent(&mut self, some: Range<usize>) {
        let in_place = self.events.is_next(some.start);
        // A copy, because they come from another thread: all of them at once come sooner than one by one.
        let some = self.events.lent_among(some).to_vec();
        self.push_on(&some, in_place);
    }

    /// Adds events; where they are `in_place`, they lie already where they come to lie, unless something is left out.
    #[inline(never)]
    fn push_on(&mut self, some: &[Packed], mut in_place: bool) {
        in_place &= self.events.len() + some.len() <= MOST;
        for packed in some {
            if in_place && packed.at() >= self.now.at && self.lead_to(packed) {
                self.events.pass(packed.at());
                self.keep_checkpoint();
            } else {
                self.push_one(*packed);
                in_place = false;
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
        if self.events.len() < MOST && self.lead_to(&packed) {
            self.events.push_packed(packed);
            self.keep_checkpoint();
        }
    }

    /// Leads everything but the events themselves to the next moment, in which this happens; not for what stands for an
    /// event aside.
    #[inline(always)]
    fn lead_to(&mut self, packed: &Packed) -> bool {
        match packed.kind() {
            Kind::Wait => self.lead_by::<{ Kind::Wait as u8 }>(packed),
            Kind::Grant => self.lead_by::<{ Kind::Grant as u8 }>(packed),
            Kind::Acquire => self.lead_by::<{ Kind::Acquire as u8 }>(packed),
            Kind::Release => self.lead_by::<{ Kind::Release as u8 }>(packed),
            Kind::Aside => return false,
            _ => self.note_other(*packed, None),
        }
        true
    }

    /// The same of an event of this kind. A function for each, because all in one have too much to keep in mind: what
    /// they need finds no room in the processor's registers.
    #[inline(never)]
    fn lead_by<const KIND: u8>(&mut self, packed: &Packed) {
        let packed = *packed;
        let Some(kind) = Kind::from_number(KIND) else { return };
        let grant = Grant::of_packed(kind, packed, self.len() + 1);
        let granted = grant.and_then(|grant| self.handoff(&grant));
        match self.now.usual(kind, packed) {
            Some(Usual::Asks) => self.note_usual(packed, Usual::Asks, None),
            Some(Usual::Takes) => self.note_usual(packed, Usual::Takes, None),
            Some(Usual::IsGranted) => self.note_usual(packed, Usual::IsGranted, granted),
            Some(Usual::Runs) => self.note_usual(packed, Usual::Runs, None),
            Some(Usual::LetsGo) => self.note_usual(packed, Usual::LetsGo, None),
            None => self.note_other(packed, granted),
        }
    }

    /// Gives room for what comes next, with those events in it already: each is to be [looked at](Self::lent) and pushed,
    /// or left out, or they are [pushed](Self::push_lent) as they are. Gives them back where they do not fit.
    #[cfg(feature = "cli")]
    pub(crate) fn lend(&mut self, events: Vec<Packed>) -> Result<(), Vec<Packed>> {
        self.events.lend(events)
    }

    /// Some of the events that were lent last.
    #[cfg(feature = "cli")]
    pub(crate) fn lent_among(&self, some: Range<usize>) -> &[Packed] {
        self.events.lent_among(some)
    }

    /// One of the events that were lent last.
    #[cfg(feature = "cli")]
    #[inline]
    pub(crate) fn lent(&self, index: usize) -> Option<Packed> {
        self.events.lent(index)
    }

    /// Adds the handoff that a grant is.
    #[inline]
    fn handoff(&mut self, grant: &Grant) -> Option<New> {
        self.handoffs.push(&self.now, grant, self.opening)
    }

    /// Leads everything but the events themselves to the moment to which the state came by the usual way.
    #[inline(always)]
    fn note_usual(&mut self, packed: Packed, moved: Usual, granted: Option<New>) {
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
        if let Some(new) = granted {
            of.latest.add(packed.op(), new);
        } else if from == Some(Stage::Granted) {
            if let Some(index) = of.latest.settle(packed.op()) {
                self.handoffs.settle(index, seq);
            }
        } else if to == Some(Stage::Waiting)
            && let Some(last) = of.latest.asks_again(task)
        {
            self.handoffs.ask_again(last, seq);
        }
    }

    /// Leads everything but the events themselves to the next moment, where one has a lock with others, or another way.
    #[inline(never)]
    fn note_other(&mut self, packed: Packed, granted: Option<New>) {
        let Some(moved) = self.now.usual_share(packed) else {
            if let Some(event) = packed.event(self.len() + 1) {
                self.note(&event, granted);
            }
            return;
        };
        let (seq, at, task, lock) = (self.now.moment, packed.at(), packed.task(), packed.lock());
        let (from, to) = moved.stages();
        if let Some(of) = self.tasks.get_mut(task.0 as usize) {
            of.clocks.note(at, from, to);
            let look = if to.is_some() { (Look::Holding, Some(lock)) } else { (Look::Idle, None) };
            of.lane.change(seq, Some(lock), look);
        }
        if let Some(of) = self.locks.get_mut(lock.0 as usize) {
            of.clocks.note(at, from, to);
        }
        self.extend_tenure(lock, (seq, task));
    }

    /// Leads everything but the events themselves to the next moment. `event` is `handoff`, if it is one.
    fn note(&mut self, event: &Event, handoff: Option<New>) {
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
                self.extend_tenure(lock, (event.seq, event.actor.task));
            }
            let waits = moved.and_then(|moved| moved.from).is_some_and(|stage| stage != Stage::Holding);
            self.note_handoff((lock, op, waits), handoff, event);
        }
        if matches!(event.what, What::Lost { .. }) {
            self.end_all(event);
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
    fn note_handoff(&mut self, (lock, op, waits): (LockId, OpId, bool), handoff: Option<New>, event: &Event) {
        let Some(latest) = self.locks.get_mut(lock.0 as usize).map(|of| &mut of.latest) else { return };
        if let Some(new) = handoff {
            return latest.add(op, new);
        }
        let Some(last) = latest.last else { return };
        let settles = waits && !matches!(event.what, What::Grant { .. });
        if let Some(index) = settles.then(|| latest.settle(op)).flatten() {
            self.handoffs.settle(index, event.seq);
        }
        if matches!(event.what, What::Wait { .. }) {
            if let Some(last) = latest.asks_again(event.actor.task) {
                self.handoffs.ask_again(last, event.seq);
            }
        } else if self.handoffs.let_in(&self.events, last, event) {
            latest.freer = Some(event.actor.task);
        }
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
            self.extend_tenure(LockId(lock as u32), (event.seq, event.actor.task));
            let of = &mut self.locks[lock];
            of.clocks.end_all(event.at);
            of.latest = Latest::default();
        }
    }

    fn extend_tenure(&mut self, lock: LockId, (seq, actor): (u64, TaskId)) {
        let at = lock.0 as usize;
        if let (Some(of), Some(state)) = (self.locks.get_mut(at), self.now.locks.get(at)) {
            let owners = state.group();
            let granted = state.holders.is_empty() && !owners.is_empty();
            of.tenures.note(seq, actor, (owners, granted));
        }
    }

    /// How many events lie between two checkpoints. Each shares with the one before it what no event
    /// changed in between; for the rest there are more where there are many tasks, locks and operations under
    /// way, so that all of them together take a part of what the events take.
    fn stride(&self, under_way: usize) -> u64 {
        let kept = self.names.tasks.len() + self.names.locks.len() + under_way;
        (8 * kept).max(16 * NEAR as usize) as u64
    }
}
