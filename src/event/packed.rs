//! An event in 24 bytes: what nearly all of them fit into, in memory and on their way there.
//!
//! The first word is the time, the second says what, the third to whom:
//!
//! | word | bits, from the lowest |
//! |---|---|
//! | 0 | 64: nanoseconds since the beginning |
//! | 1 | 5: the [`Kind`]; 11: the mode, or a small number; 48: the operation, or a large number |
//! | 2 | 24: the task; 20: the lock; 20: the step, 0 for none |
//!
//! An event with words or values in it, or with a number beyond these bits, has none of this form: whoever
//! stores events keeps it elsewhere, and [`Packed::aside`] in its place.

use std::num::NonZeroU32;

use super::{Actor, Event, LockId, Mode, OpId, StepId, TaskId, Time, What};

/// What a packed event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One that is kept elsewhere.
    Aside = 0,
    /// [`What::Spawn`].
    Spawn,
    /// [`What::Finish`].
    Finish,
    /// [`What::Sleep`].
    Sleep,
    /// [`What::Wake`].
    Wake,
    /// [`What::Wait`].
    Wait,
    /// [`What::Grant`].
    Grant,
    /// [`What::Acquire`].
    Acquire,
    /// [`What::Release`].
    Release,
    /// [`What::Cancel`].
    Cancel,
    /// [`What::Busy`].
    Busy,
    /// [`What::AddPermits`].
    AddPermits,
    /// [`What::ForgetPermits`].
    ForgetPermits,
    /// [`What::Notify`].
    Notify,
    /// [`What::Heard`].
    Heard,
    /// [`What::Timeout`].
    Timeout,
    /// [`What::Select`].
    Select,
    /// [`What::Lost`].
    Lost,
}

impl Kind {
    /// All, by their number.
    const ALL: [Self; 18] = [
        Self::Aside,
        Self::Spawn,
        Self::Finish,
        Self::Sleep,
        Self::Wake,
        Self::Wait,
        Self::Grant,
        Self::Acquire,
        Self::Release,
        Self::Cancel,
        Self::Busy,
        Self::AddPermits,
        Self::ForgetPermits,
        Self::Notify,
        Self::Heard,
        Self::Timeout,
        Self::Select,
        Self::Lost,
    ];

    /// The kind with this number.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }

    /// Whether its events are about a lock.
    pub const fn has_lock(self) -> bool {
        matches!(
            self,
            Self::Wait
                | Self::Grant
                | Self::Acquire
                | Self::Release
                | Self::Cancel
                | Self::Busy
                | Self::AddPermits
                | Self::ForgetPermits
                | Self::Notify
                | Self::Heard
        )
    }
}

/// An event in 24 bytes, without its place in the total order: that is where it lies.
///
/// ```
/// use lockscope::event::*;
/// let actor = Actor { task: TaskId(1), step: None };
/// let what = What::Acquire { lock: LockId(2), op: OpId(3), mode: Mode::Permits(4) };
/// let event = Event { seq: 7, at: Time::from_millis(5), actor, what };
/// let packed = Packed::of(&event).unwrap();
/// assert_eq!((packed.kind(), packed.task(), packed.lock()), (Kind::Acquire, TaskId(1), LockId(2)));
/// assert_eq!(packed.event(7), Some(event));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packed([u64; 3]);

/// A mode in the few bits that it has here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief(u64);

impl Brief {
    /// Of an event that says no mode.
    pub(crate) const NONE: Self = Self(0);

    /// `mode`, if the bits are enough for it.
    #[inline]
    pub(crate) fn of(mode: Mode) -> Option<Self> {
        pack_mode(mode).map(Self)
    }
}

const KIND_BITS: u32 = 5;
const SMALL_BITS: u32 = 11;
const LARGE_BITS: u32 = 48;
const TASK_BITS: u32 = 24;
const LOCK_BITS: u32 = 20;
const STEP_BITS: u32 = 20;

/// The lowest so many bits.
const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// `value`, if so many bits are enough for it.
fn fits(value: u64, bits: u32) -> Option<u64> {
    (value <= mask(bits)).then_some(value)
}

/// Permits are modes from here on.
const PERMITS: u64 = 5;

fn pack_mode(mode: Mode) -> Option<u64> {
    match mode {
        Mode::Exclusive => Some(0),
        Mode::Shared => Some(1),
        Mode::Signal => Some(2),
        Mode::Message => Some(3),
        Mode::Room => Some(4),
        Mode::Permits(permits) => fits(u64::from(permits) + PERMITS, SMALL_BITS),
    }
}

const fn unpack_mode(small: u64) -> Mode {
    match small {
        0 => Mode::Exclusive,
        1 => Mode::Shared,
        2 => Mode::Signal,
        3 => Mode::Message,
        4 => Mode::Room,
        permits => Mode::Permits((permits - PERMITS) as u32),
    }
}

impl Packed {
    /// Most tasks that can be told apart in this form.
    pub const MAX_TASKS: u32 = 1 << TASK_BITS;
    /// Most locks that can be told apart in this form.
    pub const MAX_LOCKS: u32 = 1 << LOCK_BITS;
    /// Numbers of operations are below this.
    pub const MAX_OPS: u64 = 1 << LARGE_BITS;

    /// `event` in this form, if it fits.
    pub fn of(event: &Event) -> Option<Self> {
        let (kind, small, large) = match event.what {
            What::Spawn => (Kind::Spawn, 0, 0),
            What::Finish => (Kind::Finish, 0, 0),
            What::Sleep { until } => (Kind::Sleep, 0, until.nanos().checked_sub(event.at.nanos())?),
            What::Wake => (Kind::Wake, 0, 0),
            What::Wait { op, mode, .. } => (Kind::Wait, pack_mode(mode)?, op.0),
            What::Grant { op, mode, .. } => (Kind::Grant, pack_mode(mode)?, op.0),
            What::Acquire { op, mode, .. } => (Kind::Acquire, pack_mode(mode)?, op.0),
            What::Release { op, .. } => (Kind::Release, 0, op.0),
            What::Cancel { op, .. } => (Kind::Cancel, 0, op.0),
            What::Busy { op, mode, .. } => (Kind::Busy, pack_mode(mode)?, op.0),
            What::AddPermits { permits, .. } => (Kind::AddPermits, 0, u64::from(permits)),
            What::ForgetPermits { permits, .. } => (Kind::ForgetPermits, 0, u64::from(permits)),
            What::Notify { all, .. } => (Kind::Notify, u64::from(all), 0),
            What::Heard { op, .. } => (Kind::Heard, 0, op.0),
            What::Timeout => (Kind::Timeout, 0, 0),
            What::Select { arm } => (Kind::Select, 0, u64::from(arm)),
            What::Lost { events } => (Kind::Lost, 0, events),
            What::Print { .. }
            | What::Debug { .. }
            | What::Get { .. }
            | What::Insert { .. }
            | What::Sent { .. }
            | What::Received { .. }
            | What::Say { .. } => return None,
        };
        let lock = event.what.lock().map_or(0, |lock| u64::from(lock.0));
        Self::from_parts(event.at, event.actor, kind, (small, large), lock)
    }

    /// What stands for an event of `actor` that is kept elsewhere, as the `index`th of its kind. `None` for
    /// an actor or an index beyond the bits for it.
    pub fn aside(at: Time, actor: Actor, index: u64) -> Option<Self> {
        Self::from_parts(at, actor, Kind::Aside, (0, index), 0)
    }

    fn from_parts(at: Time, actor: Actor, kind: Kind, (small, large): (u64, u64), lock: u64) -> Option<Self> {
        let task = fits(u64::from(actor.task.0), TASK_BITS)?;
        let step = fits(actor.step.map_or(0, |step| u64::from(step.0.get())), STEP_BITS)?;
        let what = kind as u64 | small << KIND_BITS | fits(large, LARGE_BITS)? << (KIND_BITS + SMALL_BITS);
        let whom = task | fits(lock, LOCK_BITS)? << TASK_BITS | step << (TASK_BITS + LOCK_BITS);
        Some(Self([at.nanos(), what, whom]))
    }

    /// An event of an acquisition, from numbers that are known to fit.
    #[inline]
    pub(crate) const fn quick(
        at: u64,
        kind: Kind,
        (mode, op): (Brief, OpId),
        task: TaskId,
        lock: LockId,
    ) -> Self {
        let what = kind as u64 | mode.0 << KIND_BITS | op.0 << (KIND_BITS + SMALL_BITS);
        Self([at, what, task.0 as u64 | (lock.0 as u64) << TASK_BITS])
    }

    /// An event of an acquisition, with a stamp in place of its time. `None` of other events, and where it does
    /// not fit.
    #[inline]
    pub(crate) fn of_acquisition(stamp: u64, actor: Actor, what: &What) -> Option<Self> {
        let (kind, mode, lock, op) = match *what {
            What::Wait { lock, op, mode } => (Kind::Wait, Brief::of(mode)?, lock, op),
            What::Grant { lock, op, mode } => (Kind::Grant, Brief::of(mode)?, lock, op),
            What::Acquire { lock, op, mode } => (Kind::Acquire, Brief::of(mode)?, lock, op),
            What::Release { lock, op } => (Kind::Release, Brief::NONE, lock, op),
            What::Cancel { lock, op } => (Kind::Cancel, Brief::NONE, lock, op),
            _ => return None,
        };
        let fits = actor.step.is_none()
            && actor.task.0 < Self::MAX_TASKS
            && lock.0 < Self::MAX_LOCKS
            && op.0 < Self::MAX_OPS;
        fits.then(|| Self::quick(stamp, kind, (mode, op), actor.task, lock))
    }

    /// From the three words of which it is made. Numbers that mean nothing are read as an event
    /// [aside](Kind::Aside).
    #[inline]
    pub const fn from_words(words: [u64; 3]) -> Self {
        Self(words)
    }

    /// The three words of which it is made.
    #[inline]
    pub const fn words(self) -> [u64; 3] {
        self.0
    }

    /// When.
    #[inline]
    pub const fn at(self) -> Time {
        Time::from_nanos(self.0[0])
    }

    /// The same event at another moment. Of a [`Kind::Sleep`], the timer moves with it.
    #[must_use]
    #[inline]
    pub const fn moved_to(self, at: Time) -> Self {
        Self([at.nanos(), self.0[1], self.0[2]])
    }

    /// Becomes `event`. What is the same is not written: another thread may have it close at hand. Word by word: to
    /// compare more of an event at once has to wait until it is whole in memory.
    #[inline(always)]
    pub(crate) fn become_like(&mut self, event: Self) {
        for (kept, word) in self.0.iter_mut().zip(event.0) {
            if *kept != word {
                *kept = word;
            }
        }
    }

    /// The same of another operation.
    #[inline]
    pub(crate) const fn with_op(self, op: OpId) -> Self {
        let [at, what, whom] = self.0;
        Self([at, what & mask(KIND_BITS + SMALL_BITS) | op.0 << (KIND_BITS + SMALL_BITS), whom])
    }

    /// The same of another task.
    #[inline]
    pub(crate) const fn with_task(self, task: TaskId) -> Self {
        let [at, what, whom] = self.0;
        Self([at, what, whom & !mask(TASK_BITS) | task.0 as u64])
    }

    /// What, without its details.
    pub fn kind(self) -> Kind {
        let number = (self.0[1] & mask(KIND_BITS)) as usize;
        Kind::ALL.get(number).copied().unwrap_or(Kind::Aside)
    }

    /// To whom, or who.
    #[inline]
    pub const fn task(self) -> TaskId {
        TaskId((self.0[2] & mask(TASK_BITS)) as u32)
    }

    /// Where in its code the task was, if that is known.
    pub const fn step(self) -> Option<StepId> {
        match NonZeroU32::new((self.0[2] >> (TASK_BITS + LOCK_BITS)) as u32) {
            Some(step) => Some(StepId(step)),
            None => None,
        }
    }

    /// The lock, of a kind that is about one.
    #[inline]
    pub const fn lock(self) -> LockId {
        LockId((self.0[2] >> TASK_BITS & mask(LOCK_BITS)) as u32)
    }

    /// The operation, of a kind that is part of one.
    #[inline]
    pub const fn op(self) -> OpId {
        OpId(self.large())
    }

    /// What it asks for or has got, of a kind that says so.
    pub const fn mode(self) -> Mode {
        unpack_mode(self.small())
    }

    /// Which of the events that are kept elsewhere it stands for, if it is one; its large number otherwise.
    #[inline]
    pub const fn large(self) -> u64 {
        self.0[1] >> (KIND_BITS + SMALL_BITS)
    }

    const fn small(self) -> u64 {
        self.0[1] >> KIND_BITS & mask(SMALL_BITS)
    }

    /// How many events it stands for, where it is left out itself: those that it tells [lost](Kind::Lost), or one.
    pub(crate) fn stands_for(self) -> u64 {
        if self.kind() == Kind::Lost { self.large() } else { 1 }
    }

    /// Whether it says no mode but the whole, and no step.
    #[inline]
    pub(crate) const fn is_plain(self) -> bool {
        self.small() == 0 && !self.has_step()
    }

    /// Whether it says at which step of its task's code it was.
    #[inline]
    pub(crate) const fn has_step(self) -> bool {
        self.0[2] >> (TASK_BITS + LOCK_BITS) != 0
    }

    /// The event, which is the `seq`th of its history; `None` if it is kept elsewhere.
    pub fn event(self, seq: u64) -> Option<Event> {
        let (lock, op, mode, at) = (self.lock(), self.op(), self.mode(), self.at());
        let number = self.large() as u32;
        let what = match self.kind() {
            Kind::Aside => return None,
            Kind::Spawn => What::Spawn,
            Kind::Finish => What::Finish,
            Kind::Sleep => What::Sleep { until: Time::from_nanos(at.nanos().saturating_add(self.large())) },
            Kind::Wake => What::Wake,
            Kind::Wait => What::Wait { lock, op, mode },
            Kind::Grant => What::Grant { lock, op, mode },
            Kind::Acquire => What::Acquire { lock, op, mode },
            Kind::Release => What::Release { lock, op },
            Kind::Cancel => What::Cancel { lock, op },
            Kind::Busy => What::Busy { lock, op, mode },
            Kind::AddPermits => What::AddPermits { lock, permits: number },
            Kind::ForgetPermits => What::ForgetPermits { lock, permits: number },
            Kind::Notify => What::Notify { lock, all: self.small() != 0 },
            Kind::Heard => What::Heard { lock, op },
            Kind::Timeout => What::Timeout,
            Kind::Select => What::Select { arm: number },
            Kind::Lost => What::Lost { events: self.large() },
        };
        Some(Event { seq, at, actor: Actor { task: self.task(), step: self.step() }, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_as_they_stand() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        assert!(Kind::ALL.len() <= 1 << KIND_BITS);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let event = |task, what| Event {
            seq: 1,
            at: Time::from_nanos(9),
            actor: Actor { task: TaskId(task), step: None },
            what,
        };
        let wait = |lock, op, mode| What::Wait { lock: LockId(lock), op: OpId(op), mode };
        for (task, what) in [
            (Packed::MAX_TASKS, What::Wake),
            (0, wait(Packed::MAX_LOCKS, 0, Mode::Shared)),
            (0, wait(0, Packed::MAX_OPS, Mode::Shared)),
            (0, wait(0, 0, Mode::Permits(2043))),
            (0, What::Sleep { until: Time::ZERO }),
            (0, What::Say { text: "x".into() }),
        ] {
            assert_eq!(Packed::of(&event(task, what)), None);
        }
        let most = wait(Packed::MAX_LOCKS - 1, Packed::MAX_OPS - 1, Mode::Permits(2042));
        let most = event(Packed::MAX_TASKS - 1, most);
        assert_eq!(Packed::of(&most).and_then(|packed| packed.event(1)), Some(most));
    }

    #[test]
    fn words_that_mean_nothing_are_no_event() {
        assert_eq!(Packed::from_words([0, u64::MAX, u64::MAX]).event(1), None);
    }
}
