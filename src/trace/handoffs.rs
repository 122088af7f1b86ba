//! All handoffs of a history: 24 bytes each, since nearly all that there is to say of one is said by the
//! events that it names.

use super::column::{MARK_BITS, change, mark_of, moment_of, until_from};
use super::events::Events;
use super::handoff::{Fate, Freed, Grant, Handoff, Passed};
use super::state::State;
use crate::event::{Event, LockId, Mode, Names, OpId, TaskId, Time, What};

/// A handoff, as the events that made it what it is; 0 stands for none.
#[derive(Debug, Clone, Copy, Default)]
struct Slim {
    /// With a mark, as a [change](super::column) has one.
    grant: u32,
    asked: u32,
    first: u32,
    from: u32,
    settled: u32,
    again: u32,
}

impl Slim {
    fn grant(self) -> u64 {
        moment_of(self.grant)
    }

    fn mark(self) -> u8 {
        mark_of(self.grant)
    }
}

/// Marks: how its receiver was let in is the number in this list, beginning at 1; nobody knows; or all of it
/// is told elsewhere, at the index in `asked`.
const HOW: [Passed; 9] = [
    Passed::Released,
    Passed::Shared,
    Passed::Cancelled,
    Passed::GaveWay,
    Passed::Added,
    Passed::Notified { all: false },
    Passed::Notified { all: true },
    Passed::Sent,
    Passed::Received,
];
const UNKNOWN: u8 = 0;
const ELSEWHERE: u8 = HOW.len() as u8 + 1;
const _: () = assert!(ELSEWHERE < 1 << MARK_BITS);

fn mark(how: Option<Passed>) -> u8 {
    let number = |how| HOW.iter().position(|other| *other == how).map_or(0, |at| at as u8 + 1);
    how.map_or(UNKNOWN, number)
}

/// One that has just been added.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub index: usize,
    /// Who let the receiver in, where that is on record already.
    pub freer: Option<TaskId>,
}

/// All of them, as they are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Handed {
    slim: Vec<Slim>,
    /// Those about which there is more to say.
    elsewhere: Vec<Handoff>,
}

impl Handed {
    /// Adds the handoff that a grant is, if it is one; `before` is the state that it finds. Since when its
    /// receiver was the first in the queue is not known where that was in the `opening`.
    #[inline]
    pub fn push(&mut self, before: &State, grant: &Grant, opening: u64) -> Option<New> {
        let lock = before.lock(grant.lock)?;
        // A grant out of nowhere is a task that got the lock at once but has to yield first.
        let (at, place) = match lock.queue.front()? {
            first if first.op == grant.op => (0, first),
            _ => (lock.queue.rank(grant.op)?, lock.queue.get(grant.op)?),
        };
        let first = place.first_after(opening);
        let usual = at == 0
            && place.mode == grant.mode
            && lock.cleared(place).is_none()
            && place.overtaken == 0
            && !place.again
            && lock.freed.is_none_or(|from| from.task == from.actor);
        let (mark, asked) = if usual {
            (mark(lock.freed.map(|from| from.how)), place.asked_seq as u32)
        } else {
            self.elsewhere.push(Handoff { first, ..Handoff::of(grant, lock, place, at + 1) });
            (ELSEWHERE, self.elsewhere.len() as u32 - 1)
        };
        self.slim.push(Slim {
            grant: change(grant.seq, mark),
            asked,
            first: first.map_or(0, |_| place.first_seq as u32),
            from: lock.freed.map_or(0, |from| from.seq as u32),
            settled: 0,
            again: 0,
        });
        Some(New { index: self.slim.len() - 1, freer: lock.freed.map(|from| from.task) })
    }

    /// Takes note of how one went on with its receiver: event `seq` is of the same acquisition.
    #[inline]
    pub fn settle(&mut self, index: usize, seq: u64) {
        if let Some(slim) = self.slim.get_mut(index).filter(|slim| slim.settled == 0) {
            slim.settled = seq as u32;
        }
    }

    /// Takes note that whoever let the receiver of one in asks again, in event `seq`.
    #[inline]
    pub fn ask_again(&mut self, index: usize, seq: u64) {
        if let Some(slim) = self.slim.get_mut(index) {
            slim.again = seq as u32;
        }
    }

    /// Takes note of what came after one: `event` is of the same lock, and no other handoff of that lock
    /// lies between. Whether this is what let the receiver in.
    pub fn let_in(&mut self, events: &Events, index: usize, event: &Event) -> bool {
        let passes = match event.what {
            What::Sent { .. } => (Mode::Message, Passed::Sent),
            What::Received { .. } => (Mode::Room, Passed::Received),
            _ => return false,
        };
        let Some(slim) = self.slim.get(index).copied() else { return false };
        let (from, settled) = (slim.from, slim.settled);
        let (mode, how) = passes;
        let here = settled == 0 || u64::from(settled) == event.seq;
        let Some(grant) = events.get(slim.grant()).filter(|_| from == 0 && here) else {
            return false;
        };
        let wants = matches!(grant.what, What::Grant { mode: wanted, .. } if wanted == mode);
        let lets_in = wants && event.actor.task != grant.actor.task;
        if lets_in && let Some(slim) = self.slim.get_mut(index) {
            if slim.mark() == ELSEWHERE {
                if let Some(handoff) = self.elsewhere.get_mut(slim.asked as usize) {
                    handoff.from = Some(Freed::by(event, how));
                }
            } else {
                slim.grant = change(slim.grant(), mark(Some(how)));
            }
            slim.from = event.seq as u32;
        }
        lets_in
    }

    /// Who let the receiver in.
    fn freed_by(&self, events: &Events, index: usize) -> Option<TaskId> {
        let slim = self.slim.get(index).filter(|slim| slim.from != 0)?;
        if slim.mark() == ELSEWHERE {
            return self.elsewhere.get(slim.asked as usize)?.from.map(|from| from.task);
        }
        Some(events.task(slim.from.into()))
    }

    pub fn until<'a>(&'a self, events: &'a Events, names: &'a Names, moment: u64) -> Handoffs<'a> {
        let last = self.slim.last().is_none_or(|last| last.grant() <= moment);
        let until = || self.slim.partition_point(|slim| slim.grant() <= moment);
        let len = if last { self.slim.len() } else { until() };
        Handoffs { handed: self, events, names, len }
    }
}

/// From whom and to whom: what is drawn of a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrow {
    /// The grant.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// Who let the receiver in, where that is known by the moment that is looked at.
    pub from: Option<TaskId>,
    /// The receiver.
    pub to: TaskId,
    /// Whether it owns what it asked for from here on; if not, it may only try.
    pub owns: bool,
}

/// The handoffs up to some moment, oldest first.
#[derive(Clone, Copy)]
pub struct Handoffs<'a> {
    handed: &'a Handed,
    events: &'a Events,
    names: &'a Names,
    len: usize,
}

impl<'a> Handoffs<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which event the handoff of this index is; 0 if there is none.
    pub fn seq(&self, index: usize) -> u64 {
        let slim = self.handed.slim.get(index).filter(|_| index < self.len);
        slim.map_or(0, |slim| slim.grant())
    }

    /// The last event that is one.
    pub fn last_seq(&self) -> Option<u64> {
        Some(self.seq(self.len.checked_sub(1)?))
    }

    /// The handoff of this index.
    pub fn get(&self, index: usize) -> Option<Handoff> {
        let (events, slim) = (self.events, *self.handed.slim.get(index).filter(|_| index < self.len)?);
        let moment = |seq: u32| (seq != 0).then_some(u64::from(seq));
        let settled = moment(slim.settled).and_then(|seq| Some((seq, fate(&events.get(seq)?.what))));
        let asked_again = moment(slim.again).map(|seq| (seq, events.at(seq)));
        let mark = slim.mark();
        if mark == ELSEWHERE {
            let told = self.handed.elsewhere.get(slim.asked as usize)?;
            return Some(Handoff { settled, asked_again, ..*told });
        }
        let (grant, (lock, op, mode)) = self.grant(slim)?;
        let how = HOW.get(usize::from(mark).wrapping_sub(1));
        let from = moment(slim.from).zip(how);
        Some(Handoff {
            seq: grant.seq,
            at: grant.at,
            lock,
            op,
            mode,
            to: grant.actor.task,
            owns: self.names.policy(lock).hands_over(),
            asked: events.at(slim.asked.into()),
            asked_seq: slim.asked.into(),
            first: moment(slim.first).map(|seq| events.at(seq)),
            position: 1,
            cleared: None,
            overtaken: 0,
            from: from.map(|(seq, how)| freed(events, seq, *how)),
            settled,
            asked_again,
        })
    }

    fn grant(&self, slim: Slim) -> Option<(Event, (LockId, OpId, Mode))> {
        let grant = self.events.get(slim.grant())?;
        match grant.what {
            What::Grant { lock, op, mode } => Some((grant, (lock, op, mode))),
            _ => None,
        }
    }

    /// What is drawn of the handoff of this index, as far as is known at `moment`.
    pub fn arrow(&self, index: usize, moment: u64) -> Option<Arrow> {
        let slim = *self.handed.slim.get(index).filter(|_| index < self.len)?;
        let seq = slim.grant();
        let from = || self.handed.freed_by(self.events, index);
        let lock = self.events.lock(seq)?;
        Some(Arrow {
            seq,
            at: self.events.at(seq),
            from: if u64::from(slim.from) <= moment { from() } else { None },
            to: self.events.task(seq),
            owns: self.names.policy(lock).hands_over(),
        })
    }

    /// The last: the handoff that the present comes from.
    pub fn last(&self) -> Option<Handoff> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Handoff> + use<'a> {
        let all = *self;
        (0..all.len).filter_map(move |index| all.get(index))
    }

    /// How many there were at `moment`, where it is known that there were so many: quick if there were about
    /// so many more as is `likely`.
    pub fn until_from(&self, known: usize, likely: usize, moment: u64) -> usize {
        until_from(&self.handed.slim[..self.len], known, likely, |slim| slim.grant() <= moment)
    }

    /// How many there were at `moment`.
    pub fn until(&self, moment: u64) -> usize {
        self.handed.slim[..self.len].partition_point(|slim| slim.grant() <= moment)
    }
}

/// Who let somebody in and did nothing else: whoever acted.
fn freed(events: &Events, seq: u64, how: Passed) -> Freed {
    let task = events.task(seq);
    Freed { seq, at: events.at(seq), task, actor: task, how }
}

/// What the event that decided it made of a handoff.
fn fate(what: &What) -> Fate {
    match what {
        What::Cancel { .. } => Fate::Cancelled,
        What::Wait { .. } => Fate::Beaten,
        _ => Fate::Ran,
    }
}
