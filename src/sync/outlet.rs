//! Outlets: where the events of a program go, in batches, on the recorder's own thread.
//!
//! Nothing here is on the way of whoever locks. An outlet that is slow lets the recorder's memory fill up,
//! and what does not fit is lost and counted; it never makes the program wait.

use std::sync::Arc;

use crate::event::{Event, LockName, Packed, Time};

/// What happened since the last batch, in order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'a> {
    /// Tasks that were registered meanwhile; their ids go on where those of the last batch ended.
    pub tasks: &'a [Arc<str>],
    /// Locks that were registered meanwhile; likewise.
    pub locks: &'a [LockName],
    /// How many events happened before, in an outlet's first batch: then its events stand in their place.
    pub earlier: u64,
    /// The events. No event names a task or a lock that no batch has told yet.
    pub events: &'a [Packed],
    /// Those that do not fit into that form: an event [aside](crate::event::Kind::Aside) stands for the one
    /// with its index in this slice.
    pub asides: &'a [Event],
}

/// Takes the events of a program.
///
/// It is called on one thread, the recorder's own, and must not lock an instrumented lock.
pub trait Outlet: Send {
    /// Takes what happened. The first batch tells all names so far, how many events there were, and where things
    /// stand, in events: who has which lock, and who waits, since when.
    fn take(&mut self, batch: &Batch<'_>);

    /// Nothing has happened for a moment: what is kept back may go out. `now` is the recorder's time.
    fn idle(&mut self, now: Time) {
        _ = now;
    }

    /// The recording has ended, at this time: nothing more will come.
    fn finish(&mut self, now: Time) {
        _ = now;
    }
}
