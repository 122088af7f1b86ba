//! The real program in a real terminal: a pty whose output a terminal emulator interprets.
//!
//! Nothing here sleeps to wait: a test reads the program's frames until the screen shows what it waits
//! for. One generous deadline turns a hang into a failure that shows the last screen.

#![cfg(all(unix, feature = "cli"))]
// A test says what went wrong best where it went wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod attaching;
mod commands;
mod comparing;
mod escapes;
mod harness;
mod hostile;
mod leaving;
mod looking;
mod playing;
mod recording;
mod resizing;
mod screen;
