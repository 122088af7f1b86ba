//! A program, looked at while it runs: [`serve`] in the program, [`Live`] in whoever looks.
//!
//! It is plain sockets and threads, whatever runtime the program has, and off unless it is asked for.
//! Viewers come and go at any time; each is told first where things stand. One that is slow or means ill
//! misses events and is told how many; it never makes the program wait or grow.
//!
//! ```
//! use lockscope::event::{LockKind, LockName};
//! use lockscope::live::{Frame, Live, feed};
//! use lockscope::sync::{Batch, Outlet};
//!
//! let (mut feed, serving) = feed("127.0.0.1:0")?;
//! let locks = [LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }];
//! feed.take(&Batch { locks: &locks, ..Batch::default() });
//!
//! let mut live = Live::connect(serving.addr(), None)?;
//! let [lock] = locks;
//! assert_eq!(live.read()?, Frame::Lock(lock));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod hello;
mod hub;
mod server;
mod wire;

use std::net::ToSocketAddrs;

use crate::sync::of_program;

pub use client::{ConnectError, Live};
pub use hello::Token;
pub use server::{Feed, REPORT, ServeError, Serving, feed, feed_with, report_from_env, report_to};
pub use wire::{Frame, Reader};

/// Lets viewers of this machine look at this program while it runs: `lockscope attach ADDR`.
///
/// If `lockscope attach -- PROGRAM` started the program, it reports to that viewer instead, and `addr` is
/// left alone, unless that viewer has gone or looks at another program. Installs [`Recorder::program`](crate::sync::Recorder::program) unless a recorder is installed.
/// Keep what it gives until the program ends: dropping it is that end, for whoever looks.
///
/// # Errors
///
/// [`ServeError::NotLoopback`] for an address that others can reach, [`ServeError::Sink`] if a recorder is
/// installed that hands its events to a sink, [`ServeError::Ended`] if it has ended; what the socket says.
///
/// ```
/// let serving = lockscope::serve("127.0.0.1:0")?;
/// println!("lockscope attach {}", serving.addr());
/// # Ok::<(), lockscope::live::ServeError>(())
/// ```
pub fn serve(addr: impl ToSocketAddrs) -> Result<Serving, ServeError> {
    let recorder = of_program()?;
    let (feed, serving) = match report_from_env()? {
        Some(reporting) => reporting,
        None => feed(addr)?,
    };
    recorder.attach(feed);
    Ok(serving.of(recorder))
}

/// The same for whoever knows `token`, from anywhere that `addr` can be reached from. The token and what
/// happens travel as they are, for everybody on the way to read.
///
/// # Errors
///
/// Those of [`serve`], but for the address.
pub fn serve_with(addr: impl ToSocketAddrs, token: Token) -> Result<Serving, ServeError> {
    let recorder = of_program()?;
    let (feed, serving) = match report_from_env()? {
        Some(reporting) => reporting,
        None => feed_with(addr, token)?,
    };
    recorder.attach(feed);
    Ok(serving.of(recorder))
}
