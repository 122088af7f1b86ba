//! A program, looked at while it runs: [`serve`] in the program, [`Live`] in whoever looks.
//!
//! It is plain sockets and threads, whatever runtime the program has, and off unless it is asked for.
//! Viewers come and go at any time; each is told first where things stand. One that is slow or means ill
//! misses events and is told how many; it never makes the program wait or grow.
//!
//! ```
//! use lockscope::event::{LockKind, LockName};
//! use lockscope::live::{Frame, Live, serve};
//! use lockscope::sync::{Batch, Outlet};
//!
//! let (mut feed, serving) = serve("127.0.0.1:0")?;
//! let locks = [LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }];
//! feed.take(&Batch { locks: &locks, ..Batch::default() });
//!
//! let mut live = Live::connect(serving.addr(), None)?;
//! let [lock] = locks;
//! assert_eq!(live.next()?, Frame::Lock(lock));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod hello;
mod hub;
mod server;
mod wire;

pub use client::{ConnectError, Live};
pub use hello::Token;
pub use server::{Feed, REPORT, ServeError, Serving, report_from_env, report_to, serve, serve_with};
pub use wire::{Frame, Reader};
