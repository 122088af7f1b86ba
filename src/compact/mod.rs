//! The compact form of a recording: a few bytes an event, in a file as on a socket.
//!
//! It is a stream: [`Encoder::take`] gives the bytes since the last time, and a [`Decoder`] that was fed
//! with all of them so far knows everything up to there. The ending of such a file is `.lockscope`.
//!
//! # The format
//!
//! The stream begins with [`MAGIC`] and a byte, the [`VERSION`]. Blocks follow: a byte for what it is, the length
//! of what it holds (`u32`), the CRC-32 of those five bytes and of what it holds (`u32`, both little-endian), and
//! that. Whoever writes may be killed at any moment: at most the last block is lost.
//!
//! | block | holds |
//! |---|---|
//! | 1, head | the clock (0 virtual, 1 real), the horizon, the title, the scenario's name and text. The first, and but once. |
//! | 2, names | tasks (0, name) and locks (1, name, path of the kind, permits), whose ids go on from the last ones |
//! | 3, events | events, one behind the other |
//! | 4, end | the outcome (0 completed, 1 stopped, 2 deadlock), when, why. The last. |
//! | 128, before | how many events came before the first, and how many of these stand in their place |
//! | 129 to 255 | what a later lockscope adds and an earlier one may leave aside, as it may the one before |
//!
//! Numbers have seven bits a byte, the lowest first, the eighth bit on all bytes but the last. A text is its
//! length and UTF-8. What may be missing is 0, or what it is and one more; a text 0, or 1 and the text.
//!
//! An event is a byte with its kind, by the numbers of [`Kind`](crate::event::Kind), and three flags, the time
//! since the event before, and what the flags do not say to be as `predict.rs` foretells it: the task (32), its
//! surroundings (64: lock, step, mode), and its large number (128: the operation, …). On the virtual clock that time
//! is twice the milliseconds; or 1, and then nanoseconds. An event [aside](crate::event::Kind::Aside) goes on with
//! its step and what it is, by its place in [`What::NAMES`](crate::event::What::NAMES).

mod aside;
pub(crate) mod bytes;
mod decoder;
mod encoder;
mod predict;

use std::fmt;
use std::sync::Arc;

use crate::event::{Event, LockId, LockName, Outcome, Packed, TaskId, Time};

#[cfg(feature = "cli")]
pub(crate) use bytes::number;
pub use decoder::Decoder;
pub use encoder::Encoder;

/// How a stream begins.
pub const MAGIC: &[u8] = b"\x89lockscope\r\n";

/// The version that is written, and the newest that is read.
pub const VERSION: u8 = 1;

/// Bytes of a text; an [`Encoder`] cuts longer ones.
pub const MAX_TEXT: usize = 8 << 20;

/// Bytes in a block with events; in one of another kind, three texts have room.
const MAX_EVENTS: usize = MAX_TEXT + (1 << 20);
const MAX_BLOCK: usize = 3 * MAX_TEXT + (1 << 20);

/// Bytes of a block's beginning.
const BLOCK_HEAD: usize = 9;

/// What all names together may take, in bytes.
const MAX_NAMES: usize = 256 << 20;

/// How much has been named.
#[derive(Debug, Default)]
struct Known {
    tasks: u32,
    locks: u32,
    bytes: usize,
    /// One was too much: those after it would have its number.
    full: bool,
}

impl Known {
    /// Takes a task, unless that is too much.
    fn add_task(&mut self, name: &str) -> bool {
        let fits = self.tasks < Packed::MAX_TASKS && self.add(name);
        self.tasks += u32::from(fits);
        fits
    }

    /// Takes a lock, unless that is too much.
    fn add_lock(&mut self, name: &str) -> bool {
        let fits = self.locks < Packed::MAX_LOCKS && self.add(name);
        self.locks += u32::from(fits);
        fits
    }

    fn add(&mut self, name: &str) -> bool {
        // And what it takes to keep it.
        let bytes = self.bytes + name.len().min(MAX_TEXT) + 64;
        self.full |= bytes > MAX_NAMES;
        if !self.full {
            self.bytes = bytes;
        }
        !self.full
    }

    /// Whether these have been named.
    #[inline]
    fn has(&self, task: TaskId, lock: Option<LockId>) -> bool {
        task.0 < self.tasks && lock.is_none_or(|lock| lock.0 < self.locks)
    }
}

/// What a block is.
mod kind {
    pub const HEAD: u8 = 1;
    pub const NAMES: u8 = 2;
    pub const EVENTS: u8 = 3;
    pub const END: u8 = 4;
    /// From here on a reader that does not know one may leave it aside.
    pub const OPTIONAL: u8 = 128;
    pub const BEFORE: u8 = OPTIONAL;
}

/// Which clock the times are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// One that jumps from one timer to the next: times are exact.
    Virtual,
    /// The one on the wall.
    #[default]
    Real,
}

/// What is known of a recording before anything happens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// What it is called.
    pub title: String,
    /// Which clock it runs on.
    pub clock: Clock,
    /// The horizon, if there is one.
    pub horizon: Option<Time>,
    /// The name and the text of the scenario that runs, if it is one.
    pub scenario: Option<(String, String)>,
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Time,
    /// Why then, in words, where there is more to say.
    pub note: Option<String>,
}

/// What a block told.
#[derive(Debug, PartialEq)]
pub enum Item<'a> {
    /// The first of all.
    Head(Head),
    /// Tasks and locks that were registered meanwhile; their ids go on where the last ones ended.
    Names {
        /// The tasks.
        tasks: &'a [Arc<str>],
        /// The locks.
        locks: &'a [LockName],
    },
    /// Events came before the first that are not told. It comes before all of these.
    Before {
        /// So many.
        earlier: u64,
        /// So many of the events that come first stand in their place: they tell how things stood.
        opening: u64,
    },
    /// What happened next. Every task and lock in it has been named.
    Events {
        /// The events.
        events: &'a [Packed],
        /// Those that do not fit into that form: an event [aside](crate::event::Kind::Aside) stands for the
        /// one with its index in this slice.
        asides: &'a [Event],
    },
    /// The last of all.
    End(End),
}

/// Where a stream is damaged, or not one at all. What came before is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where the block begins that cannot be read: bytes since the beginning.
    pub offset: u64,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It does not begin like one.
    Foreign,
    /// It comes from a newer lockscope, and has this version.
    Newer(u8),
    /// There is less of it than there should be.
    Cut,
    /// Some bytes are others than were written.
    Checksum,
    /// It says something that means nothing, or asks for too much.
    Nonsense(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it does not begin like a recording"),
            Self::Newer(version) => write!(
                f,
                "it was recorded by a newer lockscope: its format is version {version}, and this one reads up \
                 to version {VERSION}"
            ),
            Self::Cut => f.write_str("it breaks off"),
            Self::Checksum => f.write_str("the checksum is wrong"),
            Self::Nonsense(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.why)
    }
}

impl std::error::Error for Damage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_after_a_name_that_was_too_much_has_not_its_number() {
        let mut known = Known { bytes: MAX_NAMES - 100, ..Known::default() };
        assert!(!known.add_task("a name that is longer than what there is room for"));
        assert!(!known.add_task("x") && !known.add_lock("x"));
        assert!(!known.has(TaskId(0), None));
    }
}
