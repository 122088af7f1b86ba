//! Recordings: that they say what was to be seen, that they are the same everywhere, and that a damaged
//! or hostile one does no harm.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "record/emulator.rs"]
mod emulator;
#[path = "common/events.rs"]
mod events;
#[path = "record/rival.rs"]
mod rival;
#[path = "record/runs.rs"]
mod runs;
#[path = "common/scenes.rs"]
mod scenes;

#[path = "record/blocks.rs"]
mod blocks;
#[path = "record/command.rs"]
mod command;
#[path = "record/damage.rs"]
mod damage;
#[path = "record/frames.rs"]
mod frames;
#[path = "record/pages.rs"]
mod pages;
#[path = "record/perfetto.rs"]
mod perfetto;
#[path = "record/trace_file.rs"]
mod trace_file;
#[path = "record/truth.rs"]
mod truth;
