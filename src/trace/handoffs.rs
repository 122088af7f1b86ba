//! All handoffs of a history: 25 bytes each, since nearly all that there is to say of one is said by the
//! events that it names.

use super::column::until_from;
use super::events::Events;
use super::handoff::{Fate, Freed, Grant, Handoff, Passed};
use super::state::State;
use crate::event::{Event, LockId, Mode, Names, OpId, TaskId, Time, What};

/// A handoff, as the events that made it what it is; 0 stands for none.
#[derive(Debug, Clone, Copy, Default)]
struct Slim {
    grant: u32,
    asked: u32,
    first: u32,
    from: u32,
    settled: u32,
    again: u32,
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
const ELSEWHERE: u8 = u8::MAX;

fn mark(how: Option<Passed>) -> u8 {
    let number = |how| HOW.iter().position(|other| *other == how).map_or(0, |at| at as u8 + 1);
    how.map_or(UNKNOWN, number)
}

/// All of them, as they are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Handed {
    slim: Vec<Slim>,
    marks: Vec<u8>,
    /// Those about which there is more to say.
    elsewhere: Vec<Handoff>,
}

impl Handed {
    /// Adds the handoff that a grant is, if it is one; `before` is the state that it finds. Its index. Since when its
    /// receiver was the first in the queue is not known where that was in the `opening`.
    #[inline]
    pub fn push(&mut self, events: &Events, before: &State, grant: &Grant, opening: u64) -> Option<usize> {
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
            && place.since == events.at(place.asked_seq)
            && lock.freed.is_none_or(|from| from.task == events.task(from.seq));
        let (mark, asked) = if usual {
            (mark(lock.freed.map(|from| from.how)), place.asked_seq as u32)
        } else {
            self.elsewhere.push(Handoff { first, ..Handoff::of(grant, lock, place, at + 1) });
            (ELSEWHERE, self.elsewhere.len() as u32 - 1)
        };
        self.slim.push(Slim {
            grant: grant.seq as u32,
            asked,
            first: first.map_or(0, |_| place.first_seq as u32),
            from: lock.freed.map_or(0, |from| from.seq as u32),
            settled: 0,
            again: 0,
        });
        self.marks.push(mark);
        Some(self.slim.len() - 1)
    }

    /// Takes note of how one went on with its receiver: event `seq` is of the same acquisition.
    #[inline]
    pub fn settle(&mut self, index: usize, seq: u64) {
        if let Some(slim) = self.slim.get_mut(index).filter(|slim| slim.settled == 0) {
            slim.settled = seq as u32;
        }
    }

    /// Takes note of who asks for the lock after one: as [`note`](Self::note) does.
    #[inline]
    pub fn note_asking(&mut self, events: &Events, index: usize, seq: u64, task: TaskId) {
        let open = self.slim.get(index).is_some_and(|slim| slim.from != 0 && slim.again == 0);
        if open
            && self.freed_by(events, index) == Some(task)
            && let Some(slim) = self.slim.get_mut(index)
        {
            slim.again = seq as u32;
        }
    }

    /// Takes note of what came after one: `event` is of the same lock, and no other handoff of that lock
    /// lies between.
    pub fn note(&mut self, events: &Events, index: usize, event: &Event) {
        let passes = match event.what {
            What::Sent { .. } => (Mode::Message, Passed::Sent),
            What::Received { .. } => (Mode::Room, Passed::Received),
            What::Wait { .. } => return self.note_asking(events, index, event.seq, event.actor.task),
            _ => return,
        };
        let Some(slim) = self.slim.get(index).copied() else { return };
        let (from, settled) = (slim.from, slim.settled);
        let (mode, how) = passes;
        let here = settled == 0 || u64::from(settled) == event.seq;
        let Some(grant) = events.get(slim.grant.into()).filter(|_| from == 0 && here) else { return };
        let wants = matches!(grant.what, What::Grant { mode: wanted, .. } if wanted == mode);
        if !wants || event.actor.task == grant.actor.task {
            return;
        }
        if let (Some(slim), Some(kept)) = (self.slim.get_mut(index), self.marks.get_mut(index)) {
            if *kept == ELSEWHERE {
                if let Some(handoff) = self.elsewhere.get_mut(slim.asked as usize) {
                    handoff.from = Some(Freed::by(event, how));
                }
            } else {
                *kept = mark(Some(how));
            }
            slim.from = event.seq as u32;
        }
    }

    /// Who let the receiver in.
    fn freed_by(&self, events: &Events, index: usize) -> Option<TaskId> {
        let slim = self.slim.get(index).filter(|slim| slim.from != 0)?;
        if *self.marks.get(index)? == ELSEWHERE {
            return self.elsewhere.get(slim.asked as usize)?.from.map(|from| from.task);
        }
        Some(events.task(slim.from.into()))
    }

    pub fn until<'a>(&'a self, events: &'a Events, names: &'a Names, moment: u64) -> Handoffs<'a> {
        let last = self.slim.last().is_none_or(|last| u64::from(last.grant) <= moment);
        let until = || self.slim.partition_point(|slim| u64::from(slim.grant) <= moment);
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
        slim.map_or(0, |slim| slim.grant.into())
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
        let mark = *self.handed.marks.get(index)?;
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
            from: from.map(|(seq, how)| Freed { seq, at: events.at(seq), task: events.task(seq), how: *how }),
            settled,
            asked_again,
        })
    }

    fn grant(&self, slim: Slim) -> Option<(Event, (LockId, OpId, Mode))> {
        let grant = self.events.get(slim.grant.into())?;
        match grant.what {
            What::Grant { lock, op, mode } => Some((grant, (lock, op, mode))),
            _ => None,
        }
    }

    /// What is drawn of the handoff of this index, as far as is known at `moment`.
    pub fn arrow(&self, index: usize, moment: u64) -> Option<Arrow> {
        let slim = *self.handed.slim.get(index).filter(|_| index < self.len)?;
        let seq = u64::from(slim.grant);
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
        until_from(&self.handed.slim[..self.len], known, likely, |slim| u64::from(slim.grant) <= moment)
    }

    /// How many there were at `moment`.
    pub fn until(&self, moment: u64) -> usize {
        self.handed.slim[..self.len].partition_point(|slim| u64::from(slim.grant) <= moment)
    }
}

/// What the event that decided it made of a handoff.
fn fate(what: &What) -> Fate {
    match what {
        What::Cancel { .. } => Fate::Cancelled,
        What::Wait { .. } => Fate::Beaten,
        _ => Fate::Ran,
    }
}
