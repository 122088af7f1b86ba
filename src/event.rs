//! The one closed vocabulary: what can happen to a task and a lock.
//!
//! Everything else is built on these types; this module imports nothing of ours. An [`Event`] says
//! *what* happened, *when*, to *whom*; its `seq` is the total order, its `at` only positions it.
//! Names live beside the events, in [`Names`], so that an event stays small.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

/// A moment in a run: nanoseconds since it began.
///
/// ```
/// use lockscope::event::Time;
/// assert_eq!(Time::from_millis(1_240).to_string(), "1.240 s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The beginning of the run.
    pub const ZERO: Self = Self(0);

    /// A moment given in nanoseconds since the beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A moment given in milliseconds since the beginning; saturates after 584 years.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the beginning.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the beginning, rounded down.
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later; saturates after 584 years.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(span).0))
    }
}

impl From<Duration> for Time {
    /// Saturates after 584 years.
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.millis() / 1000, self.millis() % 1000)
    }
}

/// A task, or a thread that acts like one: an index into [`Names::tasks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TaskId(pub u32);

/// A lock: an index into [`Names::locks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LockId(pub u32);

/// One acquisition, from asking to release or cancellation. A task can have two under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OpId(pub u64);

/// Where in its code a task was: the number of the step, counted from 1 in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepId(pub NonZeroU32);

/// Who did something, and at which step of its code, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The task.
    pub task: TaskId,
    /// The step it is on.
    pub step: Option<StepId>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Position in the total order, counted from 1.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// To whom, and where in its code. For a [`What::Grant`] this is the receiver.
    pub actor: Actor,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The task was started.
    Spawn,
    /// The task came to its end.
    Finish,
    /// The task went to sleep until the moment named.
    Sleep {
        /// When its timer is due.
        until: Time,
    },
    /// The task runs again after a sleep.
    Wake,
    /// The operation could not get the lock at once and entered the queue.
    Wait {
        /// The lock asked for.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The operation was given the lock before it runs: with a FIFO lock it owns it from here on.
    /// Usually a releaser woke it; it also happens without a [`What::Wait`], when a task that got
    /// the lock at once has to yield first because its cooperative budget is used up.
    Grant {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The task runs with the guard in hand.
    Acquire {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The guard is dropped. The actor is whoever drops it; `op` says who acquired it.
    Release {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The operation's future was dropped while waiting or granted.
    Cancel {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// A `try_lock` failed.
    Busy {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The task printed a line (without the line's end).
    Print {
        /// The line.
        text: Arc<str>,
    },
    /// The task showed a value with `dbg!`.
    Debug {
        /// The variable's name.
        name: Arc<str>,
        /// What it holds; `None` is the program's own `None`.
        value: Option<Arc<Json>>,
        /// Line and column of the `dbg`, counted from 1.
        place: (u32, u32),
    },
    /// The task looked a key up in a lock's data.
    Get {
        /// The lock whose data it is.
        lock: LockId,
        /// The key.
        key: Arc<str>,
        /// What was found.
        value: Option<Arc<Json>>,
    },
    /// The task put a value into a lock's data.
    Insert {
        /// The lock whose data it is.
        lock: LockId,
        /// The key.
        key: Arc<str>,
        /// What was put there.
        value: Arc<Json>,
    },
    /// A caption; not part of the program.
    Say {
        /// The words.
        text: Arc<str>,
    },
}

impl What {
    /// The lock and the operation, of an event that is part of an acquisition.
    pub const fn acquisition(&self) -> Option<(LockId, OpId)> {
        match *self {
            Self::Wait { lock, op }
            | Self::Grant { lock, op }
            | Self::Acquire { lock, op }
            | Self::Release { lock, op }
            | Self::Cancel { lock, op }
            | Self::Busy { lock, op } => Some((lock, op)),
            _ => None,
        }
    }

    /// The event's name, in lower case, as scenario markers and recordings spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Spawn => "spawn",
            Self::Finish => "finish",
            Self::Sleep { .. } => "sleep",
            Self::Wake => "wake",
            Self::Wait { .. } => "wait",
            Self::Grant { .. } => "grant",
            Self::Acquire { .. } => "acquire",
            Self::Release { .. } => "release",
            Self::Cancel { .. } => "cancel",
            Self::Busy { .. } => "busy",
            Self::Print { .. } => "print",
            Self::Debug { .. } => "debug",
            Self::Get { .. } => "get",
            Self::Insert { .. } => "insert",
            Self::Say { .. } => "say",
        }
    }

    /// Every name that [`What::name`] can give.
    pub const NAMES: [&'static str; 15] = [
        "spawn", "finish", "sleep", "wake", "wait", "grant", "acquire", "release", "cancel", "busy", "print",
        "debug", "get", "insert", "say",
    ];
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every task came to its end.
    Completed,
    /// The horizon, the event cap, the watchdog or somebody's wish stopped it.
    Stopped,
    /// Nothing could move any more: every task that was left waited for a lock.
    Deadlock,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Deadlock => "deadlock",
        })
    }
}

/// In what order a lock serves those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// First come, first served; a release hands the lock to the first waiter.
    Fifo,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "FIFO",
        })
    }
}

/// Which lock it is, by its Rust path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LockKind {
    /// `tokio::sync::Mutex`.
    #[serde(rename = "tokio::sync::Mutex")]
    TokioMutex,
}

impl LockKind {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::TokioMutex];

    /// The path of the Rust type.
    pub const fn path(self) -> &'static str {
        match self {
            Self::TokioMutex => "tokio::sync::Mutex",
        }
    }

    /// In what order it serves its waiters. Source: tokio's documentation of `Mutex`.
    pub const fn policy(self) -> Policy {
        match self {
            Self::TokioMutex => Policy::Fifo,
        }
    }
}

/// A lock's name and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockName {
    /// What its owner calls it.
    pub name: Arc<str>,
    /// Which lock it is.
    pub kind: LockKind,
}

/// What the ids in the events stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Names {
    /// Task names, by [`TaskId`].
    pub tasks: Vec<Arc<str>>,
    /// Locks, by [`LockId`].
    pub locks: Vec<LockName>,
}

impl Names {
    /// The task's name, or `?` for an id that nobody registered.
    pub fn task(&self, task: TaskId) -> &str {
        self.tasks.get(task.0 as usize).map_or("?", |name| name)
    }

    /// In what order the lock serves its waiters; FIFO for an id that nobody registered.
    pub fn policy(&self, lock: LockId) -> Policy {
        self.locks.get(lock.0 as usize).map_or(Policy::Fifo, |lock| lock.kind.policy())
    }

    /// The lock's name, or `?` for an id that nobody registered.
    pub fn lock(&self, lock: LockId) -> &str {
        self.locks.get(lock.0 as usize).map_or("?", |lock| &lock.name)
    }
}
