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

/// Sizes of the tables, in bits of a place.
const TASKS: u32 = 12;
const FOLLOWERS: u32 = 12;
const SURROUNDINGS: u32 = 13;
const THREADS: u32 = 12;

/// An operation's number has 48 bits.
const COUNTER_BITS: u32 = 48 - THREADS;

/// The bits of an operation's number that its thread counts with.
const COUNTER: u64 = (1 << COUNTER_BITS) - 1;

/// What is remembered of a task.
#[derive(Debug, Clone, Copy, Default)]
struct Actor {
    /// The surroundings of its last event.
    surroundings: u64,
    /// The operation that waits.
    waits: u64,
    /// The last two that it has got.
    holds: [u64; 2],
    /// The last large number that was no operation.
    number: u64,
    /// The thread that it asked on.
    thread: u16,
    /// Its last event.
    last: u8,
}

/// What is remembered of all that happened. A table has its size in its type, so that a place in it needs no
/// check.
#[derive(Debug)]
pub struct Predictor {
    /// When the last event was.
    pub at: u64,
    last: u64,
    followers: Box<[u32; 1 << FOLLOWERS]>,
    surroundings: Box<[u64; 1 << SURROUNDINGS]>,
    actors: Box<[Actor; 1 << TASKS]>,
    /// The number of the next operation of each thread.
    next: Box<[u64; 1 << THREADS]>,
}

impl Default for Predictor {
    // Of a fixed size, so that no place in them is looked up with a check; some tens of kilobytes.
    #[allow(clippy::large_stack_arrays)]
    fn default() -> Self {
        Self { at: 0, last: 0, followers: table(), surroundings: table(), actors: table(), next: table() }
    }
}

/// An empty table, which never lies on the stack.
#[allow(clippy::unnecessary_box_returns)]
fn table<T: Clone + Default, const SIZE: usize>() -> Box<[T; SIZE]> {
    let table = vec![T::default(); SIZE].into_boxed_slice();
    table.try_into().unwrap_or_else(|_| unreachable!("it was made of that size"))
}

#[inline]
const fn place(key: u64, bits: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

/// An event's lock, step and mode in one number.
#[inline]
pub fn surroundings(event: Packed) -> u64 {
    let [_, what, whom] = event.words();
    (whom >> 24) << 11 | what >> 5 & 0x7ff
}

/// The lock among its surroundings.
#[inline]
pub const fn lock(surroundings: u64) -> u32 {
    (surroundings >> 11 & 0xf_ffff) as u32
}

/// Whether the large number is an operation.
#[inline]
pub const fn has_op(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Wait | Kind::Grant | Kind::Acquire | Kind::Release | Kind::Cancel | Kind::Busy | Kind::Heard
    )
}

/// An event from what the functions here give for it.
#[inline]
pub const fn event(at: u64, kind: Kind, task: u32, surroundings: u64, large: u64) -> Packed {
    let what = kind as u64 | (surroundings & 0x7ff) << 5 | large << 16;
    Packed::from_words([at, what, task as u64 | (surroundings >> 11) << 24])
}

/// The thread of an operation, as a place.
#[inline]
const fn thread(op: u64) -> usize {
    (op >> COUNTER_BITS) as usize & ((1 << THREADS) - 1)
}

impl Predictor {
    #[inline]
    fn actor(&self, task: u32) -> &Actor {
        &self.actors[task as usize & ((1 << TASKS) - 1)]
    }

    /// Where it is remembered whose event of this kind it will be.
    #[inline]
    pub fn follower(&self, kind: Kind) -> usize {
        place(self.last << 5 | kind as u64, FOLLOWERS)
    }

    /// Whose event it will be.
    #[inline]
    pub fn task(&self, follower: usize) -> u32 {
        self.followers[follower & ((1 << FOLLOWERS) - 1)]
    }

    /// Where the surroundings are remembered that it will have.
    #[inline]
    pub fn around(&self, kind: Kind, task: u32) -> usize {
        let actor = self.actor(task);
        let key = (actor.surroundings << 10) ^ (u64::from(actor.last) << 5 | kind as u64);
        place(key, SURROUNDINGS)
    }

    /// The lock, step and mode that it will have.
    #[inline]
    pub fn surroundings(&self, around: usize) -> u64 {
        self.surroundings[around & ((1 << SURROUNDINGS) - 1)]
    }

    /// The operation, or the large number, that it will have.
    #[inline]
    pub fn large(&self, kind: Kind, task: u32) -> u64 {
        const WAIT: u8 = Kind::Wait as u8;
        const GRANT: u8 = Kind::Grant as u8;
        let actor = self.actor(task);
        match (kind, actor.last) {
            (Kind::Wait, GRANT)
            | (Kind::Grant, WAIT)
            | (Kind::Acquire | Kind::Heard, WAIT | GRANT)
            | (Kind::Cancel, _) => actor.waits,
            (Kind::Release, _) => actor.holds[0],
            _ if has_op(kind) => {
                let thread = u64::from(actor.thread) << COUNTER_BITS;
                thread | self.next[self::thread(thread)]
            }
            _ => actor.number,
        }
    }

    /// An operation as its thread, and its distance from that thread's next.
    pub fn distance(&self, op: u64) -> (u64, i64) {
        (op >> COUNTER_BITS, (op & COUNTER) as i64 - self.next[thread(op)] as i64)
    }

    /// The inverse: `None` if there is no such thread.
    pub fn op(&self, thread: u64, distance: i64) -> Option<u64> {
        let next = *self.next.get(usize::try_from(thread).ok()?)?;
        Some(thread << COUNTER_BITS | next.wrapping_add_signed(distance) & COUNTER)
    }

    /// Learns when and whose it really was: of an event [aside](Kind::Aside) that is all.
    #[inline]
    pub fn learn_task(&mut self, follower: usize, at: u64, kind: Kind, task: u32) {
        self.followers[follower & ((1 << FOLLOWERS) - 1)] = task;
        self.at = at;
        self.last = u64::from(task) << 5 | kind as u64;
    }

    /// Learns what else it really was.
    #[inline]
    pub fn learn(&mut self, around: usize, kind: Kind, task: u32, surroundings: u64, large: u64) {
        self.surroundings[around & ((1 << SURROUNDINGS) - 1)] = surroundings;
        let actor = &mut self.actors[task as usize & ((1 << TASKS) - 1)];
        (actor.last, actor.surroundings) = (kind as u8, surroundings);
        if has_op(kind) && !matches!(kind, Kind::Release | Kind::Cancel) {
            let next = &mut self.next[thread(large)];
            *next = (*next).max((large & COUNTER) + 1);
            actor.thread = thread(large) as u16;
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
