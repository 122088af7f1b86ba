//! How large a scenario may be. A file can come from anybody, so everything that costs memory or
//! time has a bound, and the message that names it says what to do.

use std::time::Duration;

/// Bytes of a file. Whoever reads one need not read further than one byte more.
pub const MAX_BYTES: usize = 1 << 20;

/// Brackets inside brackets.
pub(super) const MAX_NESTING: usize = 64;

/// Locks of a file.
pub(super) const MAX_LOCKS: usize = 1_000;

/// Tasks that are spawned, `count` included.
pub(super) const MAX_TASKS: u64 = 100_000;

/// Steps written in a file.
pub(super) const MAX_STEPS: usize = 10_000;

/// Steps of all spawned tasks together: each task has its own guards and values.
pub(super) const MAX_SPAWNED_STEPS: u64 = 1_000_000;

/// Turns of one `yield`. It makes no event and takes no time, so nothing else would end it.
pub(super) const MAX_YIELDS: u64 = 1_000_000;

/// Worker threads.
pub(super) const MAX_WORKERS: u64 = 256;

/// Markers of a file.
pub(super) const MAX_MARKERS: usize = 1_000;

/// Characters of a name.
pub(super) const MAX_NAME: usize = 100;

/// The longest duration: a year.
pub(super) const MAX_SPAN: Duration = Duration::from_hours(365 * 24);

/// Arms of a `select`: as many as tokio's own has.
pub(super) const MAX_ARMS: usize = 64;
