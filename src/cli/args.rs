//! Commands and flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
        /// A file, or the id of an embedded scenario (see `list`)
        #[arg(default_value = crate::scenario::DEFAULT)]
        scenario: String,
        /// How to run and how to look.
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Run a scenario and print what happened, in order
    Order {
        /// A file, or the id of an embedded scenario (see `list`)
        scenario: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// How to run it.
        #[command(flatten)]
        flags: EngineFlags,
    },
    /// Run scenarios and compare with what they expect: for the tests of a course
    ///
    /// Compared is what a file's `expect` names: outcome, cause, acquires, prints. A file without it
    /// holds unless it comes to a deadlock.
    #[command(after_help = "Exit codes: 0 all hold, 1 something differs or an unexpected deadlock, \
        2 a file cannot be used. All files are looked at.")]
    Check {
        /// Files, or ids of embedded scenarios (see `list`)
        #[arg(required = true, value_name = "FILE")]
        scenarios: Vec<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
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

/// How to run and how to look.
#[derive(Debug, Clone, Args)]
pub struct RunFlags {
    /// How to run.
    #[command(flatten)]
    pub engine: EngineFlags,
    /// How fast to play, 0.05 to 50
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Colours [default: dark, or what the terminal can; mono under `NO_COLOR`]
    #[arg(long, value_enum)]
    pub theme: Option<ThemeFlag>,
    /// Draw along time, or along the order with one column an event
    #[arg(long, value_enum, default_value_t = AxisFlag::Time)]
    pub axis: AxisFlag,
    /// Big mode, for the lecture hall
    #[arg(long)]
    pub big: bool,
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

/// How `list` and `check` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A line each
    Text,
    /// A JSON object a line
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = crate::scenario::parse_duration(text)?;
    if span.is_zero() { Err("a run needs some time".into()) } else { Ok(span) }
}

fn speed(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = (crate::app::SPEEDS[0], crate::app::SPEEDS[crate::app::SPEEDS.len() - 1]);
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(speed) if (slowest..=fastest).contains(&speed) => Ok(speed),
        _ => Err(format!("expected a number from {slowest} to {fastest}, such as 0.25")),
    }
}
