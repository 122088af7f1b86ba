//! What an event will be, foretold from those before it: a writer says only where that is wrong.
//!
//! Writer and reader foretell the same from the same events. All tables have a fixed size: where two share
//! a place, that costs bytes and nothing else.
//!
//! - **The task**: who came last time when an event of this kind followed one of that kind by that task.
//! - **The surroundings** (lock, step, mode): those of the last time when an event of this kind followed, in its
//!   task, one of that kind with those surroundings. Tasks that run the same code learn from each other.
//! - **The operation**: one that asks is the next of its thread; one that is served is the one that waits; one that
//!   lets go is the last that its task has got. A thread is the upper twelve bits of an operation.

use crate::event::{Kind, Packed};

const TASKS: u32 = 12;
const FOLLOWERS: u32 = 12;
const SURROUNDINGS: u32 = 13;
const THREADS: u32 = 12;
const COUNTER_BITS: u32 = 36;

/// The bits of an operation's number that its thread counts with.
const COUNTER: u64 = (1 << COUNTER_BITS) - 1;

/// What is remembered of a task.
#[derive(Debug, Clone, Copy, Default)]
struct Actor {
    /// Its last event.
    last: u8,
    /// The surroundings of that.
    surroundings: u64,
    /// The thread that it asked on.
    thread: u16,
    /// The operation that waits.
    waits: u64,
    /// The last two that it has got.
    holds: [u64; 2],
    /// The last large number that was no operation.
    number: u64,
}

/// What is remembered of all that happened.
#[derive(Debug)]
pub struct Predictor {
    /// When the last event was.
    pub at: u64,
    last: u64,
    followers: Box<[u32]>,
    surroundings: Box<[u64]>,
    actors: Box<[Actor]>,
    /// The number of the next operation of each thread.
    next: Box<[u64]>,
}

impl Default for Predictor {
    fn default() -> Self {
        Self {
            at: 0,
            last: 0,
            followers: vec![0; 1 << FOLLOWERS].into(),
            surroundings: vec![0; 1 << SURROUNDINGS].into(),
            actors: vec![Actor::default(); 1 << TASKS].into(),
            next: vec![0; 1 << THREADS].into(),
        }
    }
}

const fn place(key: u64, bits: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

/// An event's lock, step and mode in one number.
pub fn surroundings(event: Packed) -> u64 {
    let [_, what, whom] = event.words();
    (whom >> 24) << 11 | what >> 5 & 0x7ff
}

/// Whether the large number is an operation.
pub const fn has_op(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Wait | Kind::Grant | Kind::Acquire | Kind::Release | Kind::Cancel | Kind::Busy | Kind::Heard
    )
}

/// An event from what the functions here give for it.
pub const fn event(at: u64, kind: Kind, task: u32, surroundings: u64, large: u64) -> Packed {
    let what = kind as u64 | (surroundings & 0x7ff) << 5 | large << 16;
    Packed::from_words([at, what, task as u64 | (surroundings >> 11) << 24])
}

impl Predictor {
    fn actor(&mut self, task: u32) -> &mut Actor {
        &mut self.actors[task as usize & ((1 << TASKS) - 1)]
    }

    fn follower(&mut self, kind: Kind) -> &mut u32 {
        &mut self.followers[place(self.last << 5 | kind as u64, FOLLOWERS)]
    }

    fn around(&mut self, kind: Kind, task: u32) -> &mut u64 {
        let actor = self.actor(task);
        let key = (actor.surroundings << 10) ^ (u64::from(actor.last) << 5 | kind as u64);
        &mut self.surroundings[place(key, SURROUNDINGS)]
    }

    /// Whose event it will be.
    pub fn task(&mut self, kind: Kind) -> u32 {
        *self.follower(kind)
    }

    /// The lock, step and mode that it will have.
    pub fn surroundings(&mut self, kind: Kind, task: u32) -> u64 {
        *self.around(kind, task)
    }

    /// The operation, or the large number, that it will have.
    pub fn large(&mut self, kind: Kind, task: u32) -> u64 {
        const WAIT: u8 = Kind::Wait as u8;
        const GRANT: u8 = Kind::Grant as u8;
        let actor = *self.actor(task);
        match (kind, actor.last) {
            (Kind::Wait, GRANT)
            | (Kind::Grant, WAIT)
            | (Kind::Acquire | Kind::Heard, WAIT | GRANT)
            | (Kind::Cancel, _) => actor.waits,
            (Kind::Release, _) => actor.holds[0],
            _ if has_op(kind) => {
                u64::from(actor.thread) << COUNTER_BITS | self.next[usize::from(actor.thread)]
            }
            _ => actor.number,
        }
    }

    /// An operation as its thread, and its distance from that thread's next.
    pub fn distance(&self, op: u64) -> (u64, i64) {
        let thread = op >> COUNTER_BITS;
        (thread, (op & COUNTER) as i64 - self.next[thread as usize] as i64)
    }

    /// The inverse: `None` if there is no such thread.
    pub fn op(&self, thread: u64, distance: i64) -> Option<u64> {
        let next = *self.next.get(usize::try_from(thread).ok()?)?;
        Some(thread << COUNTER_BITS | next.wrapping_add_signed(distance) & COUNTER)
    }

    /// Learns what it really was.
    pub fn learn(&mut self, event: Packed) {
        let (kind, task, large) = (event.kind(), event.task().0, event.large());
        *self.follower(kind) = task;
        self.at = event.at().nanos();
        self.last = u64::from(task) << 5 | kind as u64;
        if kind == Kind::Aside {
            return;
        }
        let around = surroundings(event);
        *self.around(kind, task) = around;
        let asks = has_op(kind) && !matches!(kind, Kind::Release | Kind::Cancel);
        if asks {
            let next = &mut self.next[(large >> COUNTER_BITS) as usize];
            *next = (*next).max((large & COUNTER) + 1);
        }
        let actor = self.actor(task);
        (actor.last, actor.surroundings) = (kind as u8, around);
        if asks {
            actor.thread = (large >> COUNTER_BITS) as u16;
        }
        match kind {
            Kind::Wait | Kind::Grant => actor.waits = large,
            Kind::Acquire if actor.holds[0] != large => actor.holds = [large, actor.holds[0]],
            Kind::Release if actor.holds[0] == large => actor.holds[0] = actor.holds[1],
            Kind::Release => actor.holds[1] = actor.holds[0],
            _ if !has_op(kind) => actor.number = large,
            _ => {}
        }
    }
}
