//! Lanes: what each task looked like, and since when.

use std::fmt;

use super::column::{Column, Marks};
use super::events::Events;
use super::state::Look;
use crate::event::{LockId, Time};

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

/// The mark of a span about another lock than its event's.
const ELSEWHERE: u8 = 1 << 3;

/// A task's lane, as it is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    column: Column,
    /// The locks of those that have them elsewhere, by their places.
    elsewhere: Vec<(u32, LockId)>,
    last: Option<(Look, Option<LockId>)>,
}

impl Spans {
    /// Takes note that after `moment`, whose event is about `of`, the task looks like this.
    #[inline]
    pub fn note(&mut self, moment: u64, of: Option<LockId>, now: (Look, Option<LockId>)) {
        if self.last != Some(now) {
            self.change(moment, of, now);
        }
    }

    /// The same, where it is known to have looked otherwise.
    #[inline(always)]
    pub fn change(&mut self, moment: u64, of: Option<LockId>, now: (Look, Option<LockId>)) {
        self.last = Some(now);
        let mut mark = now.0 as u8;
        if let Some(lock) = now.1.filter(|lock| Some(*lock) != of) {
            mark |= ELSEWHERE;
            self.elsewhere.push((self.column.len() as u32, lock));
        }
        self.column.push(moment, mark);
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub fn until<'a>(&'a self, events: &'a Events, moment: u64) -> Lane<'a> {
        Lane { spans: Some((self, events)), len: self.column.until(moment) }
    }
}

/// A set of looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks(Marks);

impl Looks {
    /// These.
    pub const fn of(looks: &[Look]) -> Self {
        let (mut all, mut at) = (0, 0);
        while at < looks.len() {
            all |= 1 << looks[at] as u8;
            at += 1;
        }
        Self(all)
    }

    /// Whether they have one in common.
    pub const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether `look` is among them.
    pub const fn contains(self, look: Look) -> bool {
        self.0 & 1 << look as u8 != 0
    }
}

/// What a task looked like up to some moment, oldest first. It is read span by span, or asked for what it
/// has among many of them, at a cost that hardly depends on how many they are.
///
/// ```
/// use lockscope::event::*;
/// use lockscope::trace::{Look, Looks, Trace};
///
/// let names = Names { tasks: vec!["worker".into()], locks: Vec::new() };
/// let actor = Actor { task: TaskId(0), step: None };
/// let event = |ms, what| Event { seq: 0, at: Time::from_millis(ms), actor, what };
/// let until = Time::from_millis(9);
/// let trace = Trace::of(names, [event(0, What::Spawn), event(2, What::Sleep { until })]);
/// let lane = trace.lane(TaskId(0), trace.len());
/// assert_eq!(lane.last().map(|span| span.look), Some(Look::Asleep));
/// assert_eq!(lane.find(0..lane.len(), Looks::of(&[Look::Idle])), Some(0));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Lane<'a> {
    spans: Option<(&'a Spans, &'a Events)>,
    len: usize,
}

impl<'a> Lane<'a> {
    /// How many spans there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The span of this index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Span> {
        let (spans, events) = self.spans.filter(|_| index < self.len)?;
        let (seq, mark) = spans.column.get(index)?;
        let look = Look::from_mark(mark);
        let lock = if mark & ELSEWHERE != 0 {
            let at = spans.elsewhere.binary_search_by_key(&(index as u32), |(at, _)| *at).ok()?;
            Some(spans.elsewhere.get(at)?.1)
        } else if look.has_lock() {
            events.lock(seq)
        } else {
            None
        };
        Some(Span { seq, at: events.at(seq), look, lock })
    }

    /// Which event began the span of this index; 0 if there is none.
    pub fn seq(&self, index: usize) -> u64 {
        let spans = self.spans.filter(|_| index < self.len);
        spans.and_then(|(spans, _)| spans.column.get(index)).map_or(0, |(seq, _)| seq)
    }

    /// The last span: the one that goes on.
    pub fn last(&self) -> Option<Span> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Span> + use<'a> {
        let lane = *self;
        (0..lane.len).filter_map(move |index| lane.get(index))
    }

    /// How many had begun at `moment`.
    pub fn begun(&self, moment: u64) -> usize {
        self.spans.map_or(0, |(spans, _)| spans.column.until(moment).min(self.len))
    }

    /// The same, where it is known that so many had: quick if there are about so many more as is `likely`.
    pub fn begun_from(&self, known: usize, likely: usize, moment: u64) -> usize {
        self.spans.map_or(0, |(spans, _)| spans.column.until_from(known, likely, moment).min(self.len))
    }

    /// The look of the span of this index.
    pub fn look(&self, index: usize) -> Option<Look> {
        let (spans, _) = self.spans.filter(|_| index < self.len)?;
        spans.column.get(index).map(|(_, mark)| Look::from_mark(mark))
    }

    /// All looks among these spans.
    pub fn looks(&self, range: std::ops::Range<usize>) -> Looks {
        let range = range.start..range.end.min(self.len);
        Looks(self.spans.map_or(0, |(spans, _)| spans.column.marks(range)))
    }

    /// The first of these spans with one of these looks.
    pub fn find(&self, range: std::ops::Range<usize>, looks: Looks) -> Option<usize> {
        self.spans?.0.column.find(range.start..range.end.min(self.len), looks.0)
    }

    /// The last of the first `end` spans with one of these looks.
    pub fn find_back(&self, end: usize, looks: Looks) -> Option<usize> {
        self.spans?.0.column.find_back(end.min(self.len), looks.0)
    }
}

impl PartialEq for Lane<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Lane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
