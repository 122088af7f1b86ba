//! An oscilloscope for locks: see who held a lock, and why it went where it went next.
//!
//! Four ways in:
//!
//! - **In your own program**: [`sync`] has locks with the names and the behaviour of tokio's, which
//!   report every wait, grant, acquire and release to a [`sync::Recorder`]; [`trace`] makes a history
//!   of them that can be asked for any moment.
//! - **In a program that stays as it is** (feature `tokio-tracing`, `--cfg tokio_unstable`): `layer` sees
//!   the plain tokio locks, through what tokio itself tells to `tracing`.
//! - **As a laboratory** (feature `engine`): [`scenario`] reads a program described in JSON, [`engine`]
//!   runs it for real, in virtual or in real time.
//! - **As a picture** (feature `cli`, the default): [`view`] draws a trace, [`record`] keeps it in
//!   files, [`app`] plays it in a terminal. The `lockscope` command is all of this together.
//!
//! Do not use it to find out how *fast* a lock is: it tells the order and the waits, and the recorder
//! costs time of its own.
//!
//! ```
//! use std::sync::{Arc, Mutex as Plain};
//! use lockscope::event::{Event, LockKind};
//! use lockscope::sync::{Clock, Mutex, Recorder};
//! use lockscope::trace::{Trace, text};
//!
//! let events = Arc::new(Plain::new(Vec::new()));
//! let sink = events.clone();
//! let recorder = Recorder::new(Clock::wall(), move |event: Event| {
//!     sink.lock().unwrap().push(event);
//!     true
//! });
//! let id = recorder.add_lock("db", LockKind::TokioMutex);
//! let db = Mutex::recorded(&recorder, id, 0);
//! *db.blocking_lock() += 1;
//!
//! let trace = Trace::of(recorder.names(), events.lock().unwrap().drain(..));
//! assert!(text::sequence_diagram(&trace).contains("acquires"));
//! ```

#[cfg(feature = "cli")]
pub mod app;
#[cfg(feature = "engine")]
pub mod channel;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod compact;
#[cfg(feature = "engine")]
pub mod engine;
pub mod event;
#[cfg(feature = "tokio-tracing")]
pub mod layer;
pub mod live;
pub mod places;
#[cfg(feature = "cli")]
pub mod record;
#[cfg(feature = "engine")]
pub mod scenario;
pub mod sync;
pub use live::{serve, serve_with};
pub use sync::{save, save_from_env, task};
pub mod trace;
#[cfg(feature = "cli")]
pub mod view;
