//! Commands and flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::locks::{Swaps, swaps};
use super::record_flags::RecordFlags;

/// An oscilloscope for locks: see who held the lock, and why it went where it went next.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Without a command it runs the embedded scenario `tokio-handoff`.\n\
    Exit codes: 0 all is well, 1 it failed, 2 the command line or a scenario is wrong.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `run`, which is what happens without a command.
    #[command(flatten)]
    pub run: RunFlags,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and watch it; without a terminal, print its order
    Run {
        /// A file, the id of an embedded scenario (see `list`), or a trace file
        #[arg(default_value = crate::scenario::DEFAULT)]
        scenario: String,
        /// How to run and how to look.
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Run a scenario and print what happened, in order
    Order {
        /// A file, the id of an embedded scenario (see `list`), or a trace file
        scenario: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// How to run it.
        #[command(flatten)]
        flags: EngineFlags,
        /// With which locks.
        #[command(flatten)]
        locks: LockFlags,
    },
    /// Just swap out the Mutex and see what happens: the same scenario with several locks
    ///
    /// Each `--lock` is a variant; with a single one, the scenario as it is comes first. Several
    /// scenarios, without `--lock`, are compared as they are. All are drawn one above the other on one
    /// time axis, with one playhead; without a terminal it prints who got the lock in which order, each
    /// task's waits, and where the orders part for the first time.
    ///
    /// Fairness is Jain's index of the acquisitions: 1.00 is all tasks that asked got it equally often,
    /// 0.50 is one of two got all. It knows nothing of how often each would have liked it, so it tells
    /// locks apart that run the same program, not programs.
    #[command(after_help = "Examples:\n  \
        lockscope compare tokio-handoff --lock futures::lock::Mutex\n  \
        lockscope compare my.json --lock std::sync::Mutex --lock parking_lot::Mutex\n  \
        lockscope compare my.json --lock db=async_lock::Mutex,log=tokio::sync::Mutex\n  \
        lockscope compare before.json after.json --format json\n\
        Exit codes: 0 compared, whether they differ or not; 2 a variant cannot run, and none was.")]
    Compare {
        /// Files, ids of embedded scenarios (see `list`), or trace files
        #[arg(required = true, value_name = "SCENARIO")]
        scenarios: Vec<String>,
        /// A variant: KIND for every lock, or NAME=KIND, or several of these parted by commas; again
        /// for each further variant
        #[arg(long = "lock", value_name = "KIND", value_parser = swaps)]
        locks: Vec<Swaps>,
        /// How to print it; without it, it is drawn where there is a terminal
        #[arg(long, value_enum)]
        format: Option<ListFormat>,
        /// How to run.
        #[command(flatten)]
        flags: EngineFlags,
        /// How to look.
        #[command(flatten)]
        look: LookFlags,
    },
    /// Run a scenario and keep it: as a trace file, or as what was to be seen of it
    ///
    /// All files come from one run. Nothing in them tells when, where or by whom they were made: the same
    /// run gives the same bytes.
    #[command(after_help = super::record::formats_help())]
    Record(Box<RecordFlags>),
    /// Play a trace file: with everything that a run of its scenario offers
    Play {
        /// A trace file (`.lockscope`, `.jsonl`)
        recording: String,
        /// How to look.
        #[command(flatten)]
        look: LookFlags,
        /// Draw along time, or along the order with one column an event
        #[arg(long, value_enum, default_value_t = AxisFlag::Time)]
        axis: AxisFlag,
        /// Where to stop.
        #[command(flatten)]
        stops: StopFlags,
        /// Draw with ASCII alone [default: where the locale is not UTF-8]
        #[arg(long)]
        ascii: bool,
    },
    /// Look at a program while it runs; without a terminal, print what happens in it
    ///
    /// The program has lockscope's locks in it and serves an address with `lockscope::serve`, or is started
    /// here, behind `--`, and calls `lockscope::serve`, which reports here then. A pause stops the picture, never the program: End goes back
    /// to what happens now, w saves what was seen. One that was started here is ended when you leave.
    #[command(
        override_usage = "lockscope attach [OPTIONS] <ADDR>\n       lockscope attach [OPTIONS] -- <PROGRAM>..."
    )]
    #[command(after_help = "Examples:\n  lockscope attach 127.0.0.1:7007\n  \
        lockscope attach --save run.lockscope -- target/debug/my-server\n  \
        lockscope attach --format json -- cargo run --example my-server\n\
        Exit codes: 0 looked until the end, 2 there is nothing to look at; of a program that was started, its own.")]
    Attach(AttachFlags),
    /// Run scenarios and compare with what they expect: for the tests of a course
    ///
    /// Compared is what a file's `expect` names: outcome, cause, acquires, prints. A file without it
    /// holds unless it comes to a deadlock. A run that had to be cut off never holds.
    #[command(after_help = "Exit codes: 0 all hold, 1 something differs or an unexpected deadlock, \
        2 a file cannot be used. All files are looked at.")]
    Check {
        /// Files, or ids of embedded scenarios (see `list`)
        #[arg(required = true, value_name = "FILE")]
        scenarios: Vec<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
        /// With which locks.
        #[command(flatten)]
        locks: LockFlags,
    },
    /// List the embedded scenarios
    List {
        /// How to print them
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Print an embedded scenario, to save it and change it
    Show {
        /// Its id (see `list`)
        id: String,
    },
    /// Print the JSON Schema of scenario files: with it an editor completes and explains
    #[command(after_help = "Save it beside your scenarios and name it in them:\n  \
        lockscope schema > lockscope.schema.json\n  \
        { \"$schema\": \"./lockscope.schema.json\", \"scenario\": 1, … }")]
    Schema,
    /// Write a commented scenario to begin with
    New {
        /// The file to write, which must not be there yet [default: print it]
        file: Option<String>,
    },
}

/// How to run.
#[derive(Debug, Clone, Default, Args)]
pub struct EngineFlags {
    /// Virtual time (exact, the same every time) or real time [default: what the scenario says]
    #[arg(long, value_enum)]
    pub clock: Option<ClockFlag>,
    /// Stop the run at this moment, for example 2500ms, 10s, 1h [default: what the scenario says]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub until: Option<Duration>,
    /// Another seed for the jitter [default: what the scenario says]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Draw with ASCII alone [default: where the locale is not UTF-8]
    #[arg(long)]
    pub ascii: bool,
    /// Append a log of what lockscope itself does to this file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, Clone, Args)]
pub struct AttachFlags {
    /// Where the program serves, such as 127.0.0.1:7007
    #[arg(value_name = "ADDR", required_unless_present = "program", conflicts_with = "program")]
    pub addr: Option<String>,
    /// Take the token from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with_all = ["token_file", "program"])]
    pub token_env: Option<String>,
    /// Take the token from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "program")]
    pub token_file: Option<PathBuf>,
    /// Print it in this way; without it, it is drawn where there is a terminal
    #[arg(long, value_enum)]
    pub format: Option<ListFormat>,
    /// When you leave, save what was seen as a trace file (`.lockscope`, or else JSON lines), for `play` and
    /// `record`
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub save: Option<PathBuf>,
    /// How to look.
    #[command(flatten)]
    pub look: LookFlags,
    /// Draw along time, or along the order with one column an event
    #[arg(long, value_enum, default_value_t = AxisFlag::Time)]
    pub axis: AxisFlag,
    /// Draw with ASCII alone [default: where the locale is not UTF-8]
    #[arg(long)]
    pub ascii: bool,
    /// The program to start, and its arguments; what it prints goes to a file, or to stderr where it is not
    /// drawn
    #[arg(last = true, value_name = "PROGRAM")]
    pub program: Vec<std::ffi::OsString>,
}

/// With which locks to run.
#[derive(Debug, Clone, Default, Args)]
pub struct LockFlags {
    /// Another kind, such as `std::sync::Mutex`, for every lock; or NAME=KIND for one, more than once
    #[arg(long = "lock", value_name = "KIND", value_parser = swaps)]
    pub all: Vec<Swaps>,
}

/// How to look.
#[derive(Debug, Clone, Args)]
pub struct LookFlags {
    /// How fast to play, 0.05 to 50
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Colours [default: dark, or what the terminal can; mono under `NO_COLOR`]
    #[arg(long, value_enum)]
    pub theme: Option<ThemeFlag>,
    /// Big mode, for the lecture hall
    #[arg(long)]
    pub big: bool,
}

/// Where to stop for the room.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct StopFlags {
    /// Stop before each question of the scenario, and take a guess
    #[arg(long, conflicts_with = "markers")]
    pub quiz: bool,
    /// Stop at each marker of the scenario
    #[arg(long)]
    pub markers: bool,
}

/// How to run and how to look.
#[derive(Debug, Clone, Args)]
pub struct RunFlags {
    /// How to run.
    #[command(flatten)]
    pub engine: EngineFlags,
    /// With which locks.
    #[command(flatten)]
    pub locks: LockFlags,
    /// How to look.
    #[command(flatten)]
    pub look: LookFlags,
    /// Draw along time, or along the order with one column an event
    #[arg(long, value_enum, default_value_t = AxisFlag::Time)]
    pub axis: AxisFlag,
    /// Where to stop.
    #[command(flatten)]
    pub stops: StopFlags,
    /// Run the file again whenever it is saved (the key r does so by hand)
    #[arg(long)]
    pub watch: bool,
}

/// Which clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClockFlag {
    /// Exact, and the same every time
    Virtual,
    /// Wall time
    Real,
}

/// Which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThemeFlag {
    /// Light on dark
    Dark,
    /// Dark on light, for a bright room
    Light,
    /// No colour at all
    Mono,
    /// The terminal's own 16 colours
    #[value(name = "16")]
    Ansi,
}

/// Which axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AxisFlag {
    /// Where the seconds went
    Time,
    /// One column an event
    Order,
}

/// How `order` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A sequence diagram, with the reason of every handoff
    Text,
    /// Only what the program itself prints
    Prints,
    /// Events, one a line
    Json,
}

/// How `list`, `check` and `compare` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = crate::scenario::parse_duration(text)?;
    if span.is_zero() { Err("a run needs some time".into()) } else { Ok(span) }
}

pub(super) fn speed(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = (crate::app::SPEEDS[0], crate::app::SPEEDS[crate::app::SPEEDS.len() - 1]);
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(speed) if (slowest..=fastest).contains(&speed) => Ok(speed),
        _ => Err(format!("expected a number from {slowest} to {fastest}, such as 0.25")),
    }
}

/// What clap complains of; whoever writes a command's flags before it is told where they belong.
pub fn with_hint(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::ArgumentConflict
        && let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand)
    {
        let hint = format!("flags go behind the command: lockscope {command} …");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}
