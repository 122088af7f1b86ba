//! Instrumented locks: the names, signatures and behaviour of the type they wrap, plus events.
//!
//! Swapping an import is enough: `use lockscope::sync::Mutex` for `use tokio::sync::Mutex`. What the
//! locks see goes to a [`Recorder`]; without one they are the bare lock and record nothing, and with
//! feature `off` the compiler leaves out even the question.
//!
//! ```
//! use std::sync::{Arc, Mutex as StdMutex};
//! use lockscope::event::Event;
//! use lockscope::sync::{Clock, Recorder, RwLock, install};
//! use lockscope::task;
//! use lockscope::trace::{Trace, text};
//!
//! let events = Arc::new(StdMutex::new(Vec::<Event>::new()));
//! let sink = events.clone();
//! let recorder = Recorder::new(Clock::wall(), move |event| { sink.lock().unwrap().push(event); true });
//! install(recorder.clone()).unwrap();
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let db = Arc::new(RwLock::named("db", 1));
//! let writer = task::spawn("writer", { let db = db.clone(); async move { *db.write().await += 1 } });
//! writer.await.unwrap();
//! # });
//!
//! let trace = Trace::of(recorder.names(), events.lock().unwrap().drain(..));
//! assert!(text::sequence_diagram(&trace).contains("writer"));
//! ```
//!
//! A lock is called as its [`named`](Mutex::named) says, or after the place that made it
//! (`server.rs:12`). A task is called as [`task::spawn`] says, or by tokio's task id; a thread by its own
//! name.
//!
//! # What is not mirrored
//!
//! All of tokio 1.54's [`Mutex`], [`RwLock`], [`Semaphore`] and their guards is here, with its fairness and
//! its cancel safety, but for this:
//!
//! | in tokio | here |
//! |---|---|
//! | `T: ?Sized` | `T` has a size: `Mutex<Box<dyn Trait>>` for `Mutex<dyn Trait>`. Mapped guards may point to what has none. |
//! | `RwLock<T>: Send` if `T: Send` | if `T: Send + Sync`, without which it could not be shared anyway |
//! | `const_new` holds the value | and the room for a second one: the lock is made at its first use |
//! | `const_with_max_readers`, `Semaphore::const_new` | the same panics, in other words |
//! | `Semaphore::close` | is not an event; what it refuses is a `Cancel` (who waits or asks) or a `Busy` (who tries) |
//! | `SemaphorePermit::{merge, split}` | are no events; an acquisition ends with the last of its permits |
//! | guards and permits that are moved to another task | are those of the task that got them, until another one drops one of them: from then on it is said of that lock who acquired it, not who holds it |
//! | spans with `tokio_unstable` and `tracing` | show the lock inside, made by this crate |
//! | `Notify`, `Barrier`, `OnceCell`, `SetOnce` and the channels | are not here: use tokio's beside these |

pub mod actor;
mod as_value;
mod block;
mod file;
mod guard;
mod inside;
mod mutex;
mod outlet;
mod present;
// What blocks and what acts without waiting only the engine's kinds use.
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
pub(crate) mod probe;
mod program;
mod recorder;
mod ring;
mod rwlock;
mod semaphore;
pub mod task;

pub use file::{FILE, FILE_EVENTS, File, Saving, save, save_from_env};
pub use guard::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use mutex::Mutex;
pub use outlet::{Batch, Outlet};
pub use present::Present;
pub use recorder::{Clock, Installed, Pushed, Recorder, Sink, install, installed};
pub(crate) use recorder::{Unfit, of_program};
pub use ring::Ring;
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
pub use tokio::sync::{AcquireError, TryAcquireError, TryLockError};
