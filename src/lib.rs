//! An oscilloscope for locks: see who held a lock, and why it went where it went next.
//!
//! Four ways in:
//!
//! - **In your own program**: [`sync`] has locks with the names and the behaviour of tokio's, which
//!   report every wait, grant, acquire and release to a [`sync::Recorder`]; [`trace`] makes a history
//!   of them that can be asked for any moment.
//! - **In a program that stays as it is** (feature `tokio-tracing`, `--cfg tokio_unstable`): `layer` sees
//!   the plain tokio locks, through what tokio itself tells to `tracing`.
//! - **As a laboratory** (feature `engine`): `scenario` reads a program described in JSON, `engine`
//!   runs it for real, in virtual or in real time.
//! - **As a picture** (feature `cli`, the default): `view` draws a trace, `record` keeps it in
//!   files, `app` plays it in a terminal. The `lockscope` command is all of this together.
//!
//! Do not use it to find out how *fast* a lock is: it tells the order and the waits, and the recorder
//! costs time of its own.
//!
//! # In your own program
//!
//! ```toml
//! [dependencies]
//! lockscope = { path = "…/lockscope", default-features = false } # the locks, without a terminal
//! ```
//!
//! With the feature `off` too, all of this compiles to the bare locks, and nobody sees anything.
//!
//! ```
//! use std::sync::Arc;
//! use lockscope::sync::Mutex; // for tokio::sync::Mutex
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let address = "127.0.0.1:0";
//! # #[cfg(any())]
//! let address = "127.0.0.1:7007";
//! let _serving = lockscope::serve(address)?; // until this is dropped: `lockscope attach 127.0.0.1:7007`
//!
//! let db = Arc::new(Mutex::named("db", 0));
//! let writer = { let db = db.clone(); async move { *db.lock().await += 1 } };
//! lockscope::task::spawn("writer", writer).await?; // for tokio::spawn
//! assert_eq!(*db.lock().await, 1);
//! # Ok(())
//! # }
//! ```
//!
//! [`save`](fn@save) writes a file in place of that, and [`sync`] tells of recorders that keep or hand on events within
//! the program.

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
