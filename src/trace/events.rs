//! All events of a history, in order: 24 bytes each, and the few that do not fit into that form beside
//! them.

use std::fmt;
use std::ops::Range;

use super::column::until_from;
use crate::event::{Actor, Event, Kind, LockId, Packed, TaskId, Time};

/// All events of a history, in order.
///
/// ```
/// use lockscope::event::*;
/// use lockscope::trace::Trace;
///
/// let actor = Actor { task: TaskId(0), step: None };
/// let spawn = Event { seq: 1, at: Time::ZERO, actor, what: What::Spawn };
/// let trace = Trace::of(Names::default(), [spawn.clone()]);
/// assert_eq!(trace.events().iter().collect::<Vec<_>>(), [spawn]);
/// ```
#[derive(Clone, Default)]
pub struct Events {
    /// In parts of so many, so that what was read somewhere else can be taken over without a copy.
    parts: Vec<Vec<Packed>>,
    /// How many have happened. The last part may have more: those were lent, and nobody sees them yet.
    len: usize,
    /// Those that an event aside stands for.
    asides: Vec<Event>,
    /// The time of every so many, from the first: a time is looked for here before it is among all.
    times: Vec<Time>,
}

/// So many events there are to each of [`Events::times`].
const STRIDE: usize = 128;

/// And so many in a part: 192 KiB.
pub(crate) const PART: usize = 64 * STRIDE;

impl Events {
    /// Adds what happened next; `event.seq` is its place.
    pub(super) fn push(&mut self, event: Event) {
        if let Some(packed) = Packed::of(&event) {
            return self.push_packed(packed);
        }
        // Who acts is told by the event itself. An index always fits: there is no room for so many.
        let nobody = Actor { task: TaskId(0), step: None };
        if let Some(aside) = Packed::aside(event.at, nobody, self.asides.len() as u64) {
            self.push_packed(aside);
            self.asides.push(event);
        }
    }

    /// The same of one that is packed, and not aside.
    #[inline(always)]
    pub(super) fn push_packed(&mut self, event: Packed) {
        match self.parts.get_mut(self.len / PART) {
            Some(part) => match part.get_mut(self.len % PART) {
                Some(lent) => lent.become_like(event),
                None => part.push(event),
            },
            None => self.begin_part().push(event),
        }
        self.pass(event.at());
    }

    #[inline(never)]
    fn begin_part(&mut self) -> &mut Vec<Packed> {
        // One alone grows as it has to; where there are more of them, this one will be full as well.
        let part = Vec::with_capacity(if self.parts.is_empty() { 0 } else { PART });
        self.parts.push_mut(part)
    }

    /// Gives room that has events in it already, which are to be looked at and pushed one by one; gives them back
    /// where they do not fit.
    #[cfg(feature = "cli")]
    pub(super) fn lend(&mut self, events: Vec<Packed>) -> Result<(), Vec<Packed>> {
        if self.parts.len() * PART != self.len || events.len() > PART {
            return Err(events);
        }
        self.parts.push(events);
        Ok(())
    }

    /// Makes a copy of some where the next lie, as many as their part has room for: these are lent then. How many.
    pub(super) fn lend_copy(&mut self, some: &[Packed]) -> usize {
        let at = self.len % PART;
        if self.parts.len() * PART == self.len {
            self.begin_part();
        }
        let count = some.len().min(PART - at);
        if let Some(part) = self.parts.last_mut() {
            // What had been lent and was left out.
            part.truncate(at);
            part.extend_from_slice(&some[..count]);
        }
        count
    }

    /// One of those that were lent last.
    #[cfg(feature = "cli")]
    #[inline]
    pub(super) fn lent(&self, index: usize) -> Option<Packed> {
        self.parts.last()?.get(index).copied()
    }

    /// Some of them.
    #[cfg(feature = "cli")]
    pub(super) fn lent_among(&self, some: Range<usize>) -> &[Packed] {
        self.parts.last().and_then(|part| part.get(some)).unwrap_or_default()
    }

    /// Whether the one of this index among those that were lent last lies where the next event does.
    #[cfg(feature = "cli")]
    #[inline]
    pub(super) fn is_next(&self, index: usize) -> bool {
        self.len / PART + 1 == self.parts.len() && self.len % PART == index
    }

    /// Lets the next happen, which lies there: as it was lent, or has just been put. `at` is its time.
    #[inline(always)]
    pub(super) fn pass(&mut self, at: Time) {
        if self.len.is_multiple_of(STRIDE) {
            self.times.push(at);
        }
        self.len += 1;
    }

    #[inline]
    fn at_index(&self, index: usize) -> Option<&Packed> {
        self.parts.get(index / PART)?.get(index % PART).filter(|_| index < self.len)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The one that led to `moment`.
    #[inline]
    pub fn get(&self, moment: u64) -> Option<Event> {
        let index = usize::try_from(moment.checked_sub(1)?).ok()?;
        let packed = *self.at_index(index)?;
        packed.event(moment).or_else(|| self.asides.get(packed.large() as usize).cloned())
    }

    /// When that was: the beginning, if there is none.
    #[inline]
    pub(super) fn at(&self, moment: u64) -> Time {
        let index = usize::try_from(moment).ok().and_then(|moment| moment.checked_sub(1));
        index.and_then(|index| self.at_index(index)).map_or(Time::ZERO, |packed| packed.at())
    }

    /// Who did it; nobody in particular if there is none.
    #[inline]
    pub(super) fn task(&self, moment: u64) -> TaskId {
        match self.packed(moment) {
            Some(packed) if packed.kind() != Kind::Aside => packed.task(),
            _ => self.get(moment).map_or(TaskId(0), |event| event.actor.task),
        }
    }

    /// The lock that it is about.
    #[inline]
    pub(super) fn lock(&self, moment: u64) -> Option<LockId> {
        match self.packed(moment)? {
            packed if packed.kind() == Kind::Aside => self.get(moment)?.what.lock(),
            packed => packed.kind().has_lock().then(|| packed.lock()),
        }
    }

    #[inline]
    pub(super) fn packed(&self, moment: u64) -> Option<Packed> {
        self.at_index(usize::try_from(moment.checked_sub(1)?).ok()?).copied()
    }

    /// How many there are up to and including time `at`.
    pub(super) fn until(&self, at: Time) -> u64 {
        self.while_near(at, |time| time <= at)
    }

    /// How many there are before time `at`.
    pub(super) fn before(&self, at: Time) -> u64 {
        self.while_near(at, |time| time < at)
    }

    /// How many there are from the first for which this holds of their times, as it does not of those after `at`.
    fn while_near(&self, at: Time, holds: impl Fn(Time) -> bool) -> u64 {
        let strides = self.times.partition_point(|time| holds(*time));
        let from = strides.saturating_sub(1) * STRIDE;
        // A stride lies within one part.
        let (begin, end) = (from % PART, from % PART + (strides * STRIDE).min(self.len) - from);
        let part = self.parts.get(from / PART).and_then(|part| part.get(begin..end)).unwrap_or_default();
        // Mostly they come at an even pace: where it would be then is near to where it is.
        let [begin, end] = [strides.saturating_sub(1), strides].map(|at| self.times.get(at).copied());
        let likely = begin.zip(end).map_or(0, |(begin, end)| {
            let (part, all) = (at.since(begin).as_nanos(), end.since(begin).as_nanos());
            (part * STRIDE as u128).checked_div(all).unwrap_or_default() as usize
        });
        (from + until_from(part, 0, likely, |event| holds(event.at()))) as u64
    }

    /// Those from moment `from` on, up to the moment `to`, in parts; and all those that events aside, among them or
    /// others, stand for.
    #[cfg(feature = "cli")]
    pub(crate) fn among(&self, from: u64, to: u64) -> (impl Iterator<Item = &[Packed]>, &[Event]) {
        let (from, to) = ((from as usize).saturating_sub(1), (to as usize).min(self.len));
        let parts = self.parts.iter().enumerate().map(move |(index, part)| {
            let here = |moment: usize| moment.saturating_sub(index * PART).min(part.len());
            part.get(here(from)..here(to)).unwrap_or_default()
        });
        (parts.filter(|part| !part.is_empty()), &self.asides)
    }

    /// All of them, from the first.
    pub fn iter(&self) -> Iter<'_> {
        Iter { events: self, range: 0..self.len as u64 }
    }
}

impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Goes through [`Events`], from either end.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    events: &'a Events,
    range: Range<u64>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.range.next().and_then(|index| self.events.get(index + 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Event> {
        self.range.next_back().and_then(|index| self.events.get(index + 1))
    }
}

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests {
    use super::*;
    use crate::event::What;

    fn wake(at: u64) -> Packed {
        let actor = Actor { task: TaskId(0), step: None };
        let event = Event { seq: 0, at: Time::from_nanos(at), actor, what: What::Wake };
        Packed::of(&event).unwrap()
    }

    #[test]
    fn what_is_lent_is_seen_when_it_has_happened() {
        let mut events = Events::default();
        events.lend((0..PART as u64).map(wake).collect()).unwrap();
        assert_eq!((events.len(), events.get(1), events.until(Time::from_nanos(9))), (0, None, 0));
        assert_eq!(events.lent(1), Some(wake(1)));
        // Nothing more fits before that has happened, or been left out.
        assert_eq!(events.lend(vec![wake(7)]), Err(vec![wake(7)]));
        // One is left out.
        for at in 1..PART {
            let lent = events.lent(at).unwrap();
            events.push_packed(lent);
        }
        assert_eq!(events.len(), PART - 1);
        assert_eq!(events.lend(vec![wake(7)]), Err(vec![wake(7)]));
        events.push_packed(wake(PART as u64));
        events.lend(vec![wake(PART as u64 + 1)]).unwrap();
        assert_eq!(events.len(), PART);
        for at in PART + 1..3 * PART {
            events.push_packed(wake(at as u64));
        }
        let times: Vec<u64> = events.iter().map(|event| event.at.nanos()).collect();
        assert!(times.into_iter().eq(1..3 * PART as u64));
        assert_eq!(events.lend(vec![wake(0); PART + 1]), Err(vec![wake(0); PART + 1]));
        // Nobody has taken those: the next come in their place, and go no further than their part.
        assert_eq!(events.lend_copy(&[wake(0); 3]), 1);
        assert_eq!(events.lend_copy(&[wake(3 * PART as u64), wake(0)]), 1);
        assert!(events.is_next(PART - 1));
        events.pass(Time::from_nanos(3 * PART as u64));
        assert_eq!((events.lend_copy(&[wake(1)]), events.len()), (1, 3 * PART));
        assert_eq!(events.get(3 * PART as u64).map(|event| event.at.nanos()), Some(3 * PART as u64));
        for at in [0, 1, 500, PART as u64, PART as u64 + 1, 3 * PART as u64] {
            assert_eq!(events.until(Time::from_nanos(at)), at.min(3 * PART as u64));
        }
    }
}
