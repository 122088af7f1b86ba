//! From a scenario's text to a checked plan.
//!
//! [`parse`] reads everything there is to read and reports all mistakes at once, each with its place
//! and its fix. No tokio here, and nothing of the machine: a text gives the same plan everywhere.
//!
//! The way of a text: [`Source`] (bytes to lines) → `syntax` (lines to JSON with positions) → `file`,
//! `locks`, `tasks`, `walk` and `verbs` (JSON to a plan, with the names of `scope`) → [`Plan`]. The words of
//! the language are tables (`keys`), of which [`schema`](schema()) is made too.

mod actors;
mod bundled;
mod code;
mod data;
mod duration;
mod excerpt;
mod expect;
mod fates;
mod file;
mod json;
mod keys;
mod limits;
mod locks;
mod markers;
mod moments;
mod names;
mod order;
mod plan;
mod report;
mod schema;
mod scope;
mod source;
mod swap;
mod syntax;
mod tasks;
mod timers;
mod uses;
mod value;
mod verbs;
mod walk;

pub use bundled::{Bundled, DEFAULT, STARTER, all, find};
pub use code::{CodeLine, listing};
pub use limits::MAX_BYTES;
pub use moments::Markers;
pub use plan::*;
pub use report::{Mistake, Report, Severity};
pub use schema::schema;
pub use source::{Source, Span};
pub use swap::Swap;

use report::Mistakes;

/// A scenario that can run, and what its author may want to look at again.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The plan.
    pub plan: Plan,
    /// Warnings; often none.
    pub warnings: Report,
}

/// Reads and checks a scenario.
///
/// ```
/// use lockscope::scenario::{Source, parse};
///
/// let text = r#"{
///   "scenario": 1,
///   "title": "Who is first?",
///   "locks": { "db": "tokio::sync::Mutex" },
///   "tasks": [ { "name": "writer", "steps": [ { "lock": "db", "do": [ { "slep": "1s" } ] } ] } ]
/// }"#;
/// let report = parse(&Source::new("first.json", text)).unwrap_err();
/// assert!(report.to_string().contains("first.json:5:71"));
/// assert!(report.to_string().contains("did you mean `sleep`?"));
/// ```
///
/// # Errors
///
/// Everything that is wrong with it, warnings included, in one report.
pub fn parse(source: &Source) -> Result<Checked, Report> {
    parse_with(source, &[])
}

/// Reads and checks a scenario whose locks are of other kinds.
///
/// # Errors
///
/// As [`parse`]; also where a swap names a lock that is not there, or a step asks a lock for what its
/// new kind does not have.
pub fn parse_with(source: &Source, swaps: &[Swap]) -> Result<Checked, Report> {
    if source.text().len() > MAX_BYTES {
        return Err(Source::too_long(source.name()));
    }
    let mut mistakes = Mistakes::default();
    let plan = syntax::parse(source.text(), &mut mistakes)
        .and_then(|root| file::read(source, &root, swaps, &mut mistakes));
    let fatal = mistakes.fatal();
    let report = mistakes.into_report(source);
    match plan {
        Some(plan) if !fatal => Ok(Checked { plan, warnings: report }),
        _ => Err(report),
    }
}

/// Reads a duration as the language writes it: `350ms`, `1.5s`, `2m`, `1h`.
///
/// # Errors
///
/// What is wrong with it, and the fix, in one sentence.
///
/// ```
/// let span = lockscope::scenario::parse_duration("1.5s");
/// assert_eq!(span, Ok(std::time::Duration::from_millis(1500)));
/// assert!(lockscope::scenario::parse_duration("1500").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    duration::from_flag(text)
}
