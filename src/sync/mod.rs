//! Instrumented locks: the names, signatures and behaviour of the type they wrap, plus events.
//!
//! Swapping an import is enough: `use lockscope::sync::Mutex` for `use tokio::sync::Mutex`. What the
//! locks see goes to a [`Recorder`]; without one they are the bare lock and record nothing.

pub mod actor;
mod block;
mod guard;
mod mutex;
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
pub(crate) mod probe;
mod recorder;

pub use guard::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use mutex::Mutex;
pub use recorder::{Clock, Pushed, Recorder, Sink, install, installed};
pub use tokio::sync::TryLockError;
