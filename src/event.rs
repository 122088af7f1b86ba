//! The one closed vocabulary: what can happen to a task and a lock.
//!
//! Everything else is built on these types; this module imports nothing of ours. An [`Event`] says
//! *what* happened, *when*, to *whom*; its `seq` is the total order, its `at` only positions it.
//! Names live beside the events, in [`Names`], so that an event stays small.

mod bundle;
mod kinds;
mod packed;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

pub use bundle::Bundle;
pub use kinds::{Family, LockKind, Policy};
pub(crate) use packed::Brief;
pub use packed::{Kind, Packed};

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

/// What an acquisition asks of its lock.
///
/// The last three ask for nothing that can be held: an operation with them ends with
/// [`What::Heard`], [`What::Received`] or [`What::Sent`], and owns nothing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All of it: a mutex, or an `RwLock` to write.
    Exclusive,
    /// A share of it: an `RwLock` to read.
    Shared,
    /// So many permits of a semaphore.
    Permits(u32),
    /// A notification.
    Signal,
    /// A message out of a channel.
    Message,
    /// Room in a channel, for a message.
    Room,
}

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
    ///
    /// A second `Wait` of the same operation follows a [`What::Grant`] of a lock that hands nothing
    /// over: it was woken, tried, and somebody else had been quicker.
    Wait {
        /// The lock asked for.
        lock: LockId,
        /// The operation.
        op: OpId,
        /// What it asks for.
        mode: Mode,
    },
    /// The operation was woken by whoever made room for it. With a lock that
    /// [hands over](Policy::hands_over) it owns what it asked for from here on, before it runs; with
    /// another it may only try again. It also happens without a [`What::Wait`], when a task that got
    /// the lock at once has to yield first because its cooperative budget is used up.
    Grant {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
        /// What it asks for.
        mode: Mode,
    },
    /// The task runs with the guard in hand.
    ///
    /// A second `Acquire` of the same operation says what it holds from there on: a share of what it had
    /// all of (a writer that is downgraded), or fewer permits (some of them were split off and dropped).
    /// The actor is whoever did that.
    Acquire {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
        /// What it has got.
        mode: Mode,
    },
    /// The guard is dropped. The actor is whoever drops it; `op` says who acquired it.
    Release {
        /// The lock.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The operation's future was dropped while waiting or granted; or it was refused, because its
    /// semaphore is closed or nobody is left to receive.
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
        /// What it asked for.
        mode: Mode,
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
    /// The task put permits into a semaphore.
    AddPermits {
        /// The semaphore.
        lock: LockId,
        /// How many.
        permits: u32,
    },
    /// The task took permits out of a semaphore, for good.
    ForgetPermits {
        /// The semaphore.
        lock: LockId,
        /// How many.
        permits: u32,
    },
    /// The task is about to notify; the waiters that this reaches are granted right after it. Whether
    /// anybody hears it follows from who waits: [`Notify`](https://docs.rs/tokio/1/tokio/sync/struct.Notify.html)
    /// keeps one notification of `notify_one` for later, and none of `notify_waiters`.
    Notify {
        /// The notifier.
        lock: LockId,
        /// Everybody who waits (`notify_waiters`), or the first (`notify_one`).
        all: bool,
    },
    /// The operation got its notification, and its task runs.
    Heard {
        /// The notifier.
        lock: LockId,
        /// The operation.
        op: OpId,
    },
    /// The operation put its message into the channel.
    Sent {
        /// The channel.
        lock: LockId,
        /// The operation.
        op: OpId,
        /// The message.
        value: Arc<Json>,
    },
    /// The operation took a message out of the channel.
    Received {
        /// The channel.
        lock: LockId,
        /// The operation.
        op: OpId,
        /// The message; `None` when the channel is empty and nobody is left who could send.
        value: Option<Arc<Json>>,
    },
    /// The time of a `timeout` was up: what it ran is dropped next.
    Timeout,
    /// One arm of a `select!` was ready: what the others ran is dropped next, or kept without being
    /// polled any more.
    Select {
        /// Which, counted from 1.
        arm: u32,
    },
    /// A caption; not part of the program.
    Say {
        /// The words.
        text: Arc<str>,
    },
    /// Events are missing here. Who has which lock and who waits is not known from here on, until it is
    /// told: what follows begins with nobody. The actor is one of those whose events are missing.
    Lost {
        /// How many.
        events: u64,
    },
}

impl What {
    /// The lock and the operation, of an event that is part of an acquisition.
    pub const fn acquisition(&self) -> Option<(LockId, OpId)> {
        match *self {
            Self::Wait { lock, op, .. }
            | Self::Grant { lock, op, .. }
            | Self::Acquire { lock, op, .. }
            | Self::Release { lock, op }
            | Self::Cancel { lock, op }
            | Self::Busy { lock, op, .. }
            | Self::Heard { lock, op }
            | Self::Sent { lock, op, .. }
            | Self::Received { lock, op, .. } => Some((lock, op)),
            _ => None,
        }
    }

    /// The lock that it is about, if it is about one.
    pub const fn lock(&self) -> Option<LockId> {
        match *self {
            Self::Get { lock, .. }
            | Self::Insert { lock, .. }
            | Self::AddPermits { lock, .. }
            | Self::ForgetPermits { lock, .. }
            | Self::Notify { lock, .. } => Some(lock),
            _ => match self.acquisition() {
                Some((lock, _)) => Some(lock),
                None => None,
            },
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
            Self::AddPermits { .. } => "add_permits",
            Self::ForgetPermits { .. } => "forget_permits",
            Self::Notify { .. } => "notify",
            Self::Heard { .. } => "heard",
            Self::Sent { .. } => "sent",
            Self::Received { .. } => "received",
            Self::Timeout => "timeout",
            Self::Select { .. } => "select",
            Self::Say { .. } => "say",
            Self::Lost { .. } => "lost",
        }
    }

    /// Every name that [`What::name`] can give.
    pub const NAMES: [&'static str; 24] = [
        "spawn",
        "finish",
        "sleep",
        "wake",
        "wait",
        "grant",
        "acquire",
        "release",
        "cancel",
        "busy",
        "print",
        "debug",
        "get",
        "insert",
        "add_permits",
        "forget_permits",
        "notify",
        "heard",
        "sent",
        "received",
        "timeout",
        "select",
        "say",
        "lost",
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

/// A lock's name and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockName {
    /// What its owner calls it.
    pub name: Arc<str>,
    /// Which lock it is.
    pub kind: LockKind,
    /// How many permits a semaphore had at the beginning, or how many messages a channel has room for,
    /// where that is known and limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permits: Option<u32>,
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
    /// So many tasks are told apart in a recording. A server that spawns one for each request goes on for long.
    pub const MAX_TASKS: u32 = 1 << 20;
    /// So many locks are.
    pub const MAX_LOCKS: u32 = 1 << 18;

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
