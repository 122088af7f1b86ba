//! A checked scenario: every name resolved, every number in range, ready to run.
//!
//! Only the checker makes one, so whoever reads a plan need not check again. No tokio here.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::event::{LockId, LockKind, LockName, Mode, Names, Outcome, StepId};

/// A scenario that can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The file it came from, as the user named it.
    pub file: Arc<str>,
    /// The question it answers.
    pub title: String,
    /// What to take home, in a sentence or two.
    pub lesson: Option<String>,
    /// Which clock it asks for.
    pub clock: ClockKind,
    /// Which runtime it asks for.
    pub runtime: Runtime,
    /// The horizon: the moment at which the run is stopped.
    pub until: Option<Duration>,
    /// Seed of the jitter.
    pub seed: u64,
    /// The locks, by [`LockId`].
    pub locks: Vec<LockPlan>,
    /// The tasks in the order of the file, before `count` multiplies them.
    pub tasks: Vec<TaskPlan>,
    /// Moments to point out.
    pub markers: Vec<Marker>,
    /// What the author expects of a run.
    pub expect: Option<Expect>,
}

impl Plan {
    /// The names that a run of this plan registers, in the order in which it does: the id of a
    /// lock is its place in `locks`, the id of a task its place among all the tasks that are
    /// spawned.
    pub fn names(&self) -> Names {
        Names {
            tasks: self.tasks.iter().flat_map(TaskPlan::actors).map(Into::into).collect(),
            locks: self
                .locks
                .iter()
                .map(|lock| LockName {
                    name: lock.name.as_str().into(),
                    kind: lock.kind,
                    permits: lock.permits,
                })
                .collect(),
        }
    }
}

/// Where time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// A paused tokio clock: exact, and the same in every run.
    Virtual,
    /// Wall time.
    Real,
}

/// What the tasks run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// One thread for all tasks.
    CurrentThread,
    /// Several worker threads; real clock only.
    MultiThread {
        /// How many; `None` leaves it to tokio.
        workers: Option<NonZeroU32>,
    },
    /// A thread of the operating system for each task; real clock only.
    Threads,
}

/// A lock to make.
#[derive(Debug, Clone, PartialEq)]
pub struct LockPlan {
    /// Its name in the file.
    pub name: String,
    /// Which lock.
    pub kind: LockKind,
    /// What it protects at the beginning.
    pub data: Map<String, Json>,
    /// How many permits a semaphore has at the beginning; how many messages a channel has room for,
    /// if it is bounded. `None` of everything else.
    pub permits: Option<u32>,
}

/// A task to spawn, once or `count` times.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPlan {
    /// Its name in the file, without a number.
    pub name: String,
    /// How long after the run's beginning it starts.
    pub start: Duration,
    /// How many of it; `None` is one without a number.
    pub count: Option<NonZeroU32>,
    /// What it does.
    pub steps: Vec<Step>,
    /// How many guard slots the steps use.
    pub guards: usize,
    /// How many value slots the steps use.
    pub values: usize,
}

impl TaskPlan {
    /// The names of the tasks it stands for: `name`, or `name#1` to `name#n`.
    pub fn actors(&self) -> impl Iterator<Item = String> {
        (1..=self.count.map_or(1, NonZeroU32::get)).map(|n| match self.count {
            Some(_) => format!("{}#{n}", self.name),
            None => self.name.clone(),
        })
    }
}

/// One step, with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its number in the task, counted from 1 in the order of the text.
    pub id: StepId,
    /// Line and column of the verb's key in the file, counted from 1.
    pub place: (u32, u32),
    /// What to do.
    pub verb: Verb,
}

/// What a step does. Guards and values are named once, by slot; the names are for people.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// `let guard = db.lock().await;`, or a temporary guard around some steps; also `read`, `write`
    /// and `acquire`.
    Lock {
        /// The lock.
        lock: LockId,
        /// What it asks for: all of a mutex, a share or all of an `RwLock`, permits of a semaphore.
        mode: Mode,
        /// How long the guard lives.
        hold: Hold,
    },
    /// `if let Ok(guard) = db.try_lock() { … } else { … }`, on a mutex. With a guard that is bound, the
    /// body is the rest of the block: where the lock cannot be had, `other` runs and the rest does not.
    TryLock {
        /// The lock.
        lock: LockId,
        /// How long the guard lives.
        hold: Hold,
        /// What is done instead.
        other: Vec<Step>,
    },
    /// `s.add_permits(n);`
    AddPermits {
        /// The semaphore.
        lock: LockId,
        /// How many; at least one.
        permits: u32,
    },
    /// `n.notified().await;`
    Notified {
        /// The notifier.
        lock: LockId,
    },
    /// `n.notify_one();` or `n.notify_waiters();`
    Notify {
        /// The notifier.
        lock: LockId,
        /// Everybody who waits.
        all: bool,
    },
    /// `ch.send(value).await;`
    Send {
        /// The channel.
        lock: LockId,
        /// The message.
        value: Value,
    },
    /// `let value = ch.recv().await;`
    Recv {
        /// The channel.
        lock: LockId,
        /// Where the message goes.
        bind: Option<Slot>,
    },
    /// `drop(guard);`
    Drop {
        /// The guard; it is held here on every way through the task.
        guard: Slot,
    },
    /// `let value = guard.get("my-key");`
    Get {
        /// The key.
        key: Arc<str>,
        /// The guard it goes through.
        from: Slot,
        /// Where the value goes.
        bind: Option<Slot>,
    },
    /// `guard.insert("my-key", …);`
    Insert {
        /// The key.
        key: Arc<str>,
        /// The guard it goes through.
        into: Slot,
        /// What to insert.
        value: Value,
    },
    /// `tokio::time::sleep(…).await`
    Sleep {
        /// At least this long; a whole number of milliseconds.
        span: Duration,
        /// Up to this much longer, drawn anew each time; a whole number of milliseconds.
        jitter: Duration,
    },
    /// CPU work that does not yield.
    Work {
        /// How long; a whole number of milliseconds.
        span: Duration,
    },
    /// `yield_now().await`, some times.
    Yield {
        /// How many times.
        times: NonZeroU32,
    },
    /// `for _ in 0..times { … }`, `loop { … }` or `while let Some(v) = ch.recv().await { … }`.
    Loop {
        /// How often.
        turns: Turns,
        /// The body; never empty.
        steps: Vec<Step>,
    },
    /// `if … { … } else { … }`
    If {
        /// The condition.
        condition: Condition,
        /// Where it holds.
        then: Vec<Step>,
        /// Where it does not.
        other: Vec<Step>,
    },
    /// `match timeout(span, async { … }).await { Ok(()) => {}, Err(_) => { … } }`
    Timeout {
        /// How long at most; a whole number of milliseconds.
        span: Duration,
        /// What is dropped when that is over.
        steps: Vec<Step>,
        /// What is done then.
        other: Vec<Step>,
    },
    /// `select! { biased; … }`
    Select {
        /// The arms, in the order in which they are polled; at least one.
        arms: Vec<Arm>,
    },
    /// `println!`
    Print {
        /// The line.
        text: Arc<str>,
    },
    /// `dbg!`
    Debug {
        /// The value shown.
        value: Slot,
    },
    /// A caption.
    Say {
        /// The words.
        text: Arc<str>,
    },
}

impl Verb {
    /// The steps inside of it, block by block, in the order of the text.
    pub fn blocks(&self) -> Vec<&[Step]> {
        match self {
            Self::Lock { hold: Hold::Temporary { steps, .. }, .. } | Self::Loop { steps, .. } => vec![steps],
            Self::TryLock { hold: Hold::Temporary { steps, .. }, other, .. }
            | Self::Timeout { steps, other, .. } => vec![steps, other],
            Self::TryLock { other, .. } => vec![other],
            Self::If { then, other, .. } => vec![then, other],
            Self::Select { arms } => arms.iter().map(|arm| &arm.steps[..]).collect(),
            _ => Vec::new(),
        }
    }

    /// Shows every verb of some steps, those inside of others too, in the order of the text.
    pub fn each<'s>(steps: &'s [Step], see: &mut impl FnMut(&'s Verb)) {
        for step in steps {
            see(&step.verb);
            for block in step.verb.blocks() {
                Self::each(block, see);
            }
        }
    }
}

/// How often a loop turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// So often.
    Times(NonZeroU32),
    /// For ever.
    Ever,
    /// As long as its first step, a `recv`, finds a message or somebody who could send one.
    WhileReceiving,
}

/// One arm of a `select!`.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// What it does.
    pub steps: Vec<Step>,
    /// Whether its future, when another arm was quicker, stays alive without being polled to the end
    /// of the enclosing block.
    pub keep: bool,
}

/// How long a guard lives.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold {
    /// To the end of the block it is bound in, or to a `drop`.
    Bound(Slot),
    /// For these steps: the guard is a temporary.
    Temporary {
        /// The slot that the steps inside use for it.
        guard: Slot,
        /// The steps.
        steps: Vec<Step>,
    },
}

/// A variable of a task: an index, and the name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Index among the task's guards, or among its values.
    pub index: usize,
    /// Its name in the file; for a temporary guard the lock's name.
    pub name: Arc<str>,
}

/// A value to be computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Itself.
    Json(Arc<Json>),
    /// Milliseconds since the task's start, taken when the value is needed.
    Elapsed,
    /// What a variable holds; JSON `null` if it holds none.
    Var(Slot),
    /// The sum of two; what is not a number counts as 0.
    Add(Box<[Value; 2]>),
}

/// Something that holds or does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A value that is there, and is neither `null` nor `false`.
    Holds(Value),
    /// A comparison; numbers by size, others only for being the same.
    Compare {
        /// How.
        how: Comparison,
        /// With what on the left and on the right.
        sides: Box<[Value; 2]>,
    },
    /// The contrary.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// One of them at least.
    Any(Vec<Condition>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`; does not hold between what are not two numbers.
    Lt,
    /// `<=`; the same.
    Le,
    /// `>`; the same.
    Gt,
    /// `>=`; the same.
    Ge,
}

/// A moment to point out, bound to an event and never to a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// Which event.
    pub on: MarkerEvent,
    /// A short name.
    pub label: Option<String>,
    /// A caption.
    pub say: Option<String>,
    /// Whether a lecture stops here.
    pub pause: bool,
    /// A question to the room.
    pub ask: Option<String>,
    /// Its possible answers.
    pub answers: Vec<String>,
}

/// The event that a marker is bound to: the `nth` that matches all that is given.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkerEvent {
    /// The event's name: one of [`What::NAMES`](crate::event::What::NAMES).
    pub event: &'static str,
    /// The task's name (with its number where it has one).
    pub task: Option<String>,
    /// The lock.
    pub lock: Option<LockId>,
    /// Which of them, counted from 1.
    pub nth: NonZeroU32,
}

/// What a run should come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// How it ends.
    pub outcome: Option<Outcome>,
    /// Who acquired when: task and milliseconds, in order.
    pub acquires: Option<Vec<(String, u64)>>,
    /// What was printed, in order.
    pub prints: Option<Vec<String>>,
    /// The cause of a deadlock, as the language spells it.
    pub cause: Option<String>,
}
