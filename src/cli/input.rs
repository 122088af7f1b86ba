//! What a command is given: a scenario, which has to be run, or a recording of a run.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use super::args::EngineFlags;
use super::watch::{self, Content};
use super::{Failure, color, complain, options, order, unknown, warn};
use crate::record::Recording;
use crate::record::trace_file::{self, BEGINS, Reading, Unreadable};
use crate::scenario::{self, Checked, Source, Swap};
use crate::trace::words;

/// What a name stands for.
pub enum Input {
    /// A scenario, and what its file held if it came from one.
    Scenario(Box<Checked>, Source, Option<Content>),
    /// What was recorded of a run.
    Recording(Box<Recording>),
}

/// What a name stands for, before it is checked.
pub enum Text {
    /// A scenario's text, and what its file held if it came from one.
    Scenario(Source, Option<Content>),
    /// What was recorded of a run.
    Recording(Box<Recording>),
}

/// Reads the id of an embedded scenario, a scenario's file or a trace file. Where a trace file is damaged
/// that is told on stderr; messages about a scenario are coloured if that is asked for.
pub fn read(name: &str, color: bool) -> Result<Text, Failure> {
    if let Some(bundled) = scenario::find(name) {
        return Ok(Text::Scenario(bundled.source(), None));
    }
    let (begin, file) = begin(name).map_err(|error| unreadable(name, &error))?;
    if is_printed(&begin) {
        return Err(printed(name));
    }
    // What is called a recording is one, or a broken one: nothing that a scenario's messages would help with.
    let called = Path::new(name).extension().is_some_and(|ending| ending == "lockscope");
    if called || trace_file::is_one(&begin) {
        return Ok(Text::Recording(Box::new(recording(name, begin, file)?)));
    }
    let content = watch::read_on(begin, file).map_err(|error| unreadable(name, &error))?;
    let source = Source::from_bytes(name, &content.bytes);
    let source = source.map_err(|report| Failure::Unusable(report.render(color)))?;
    Ok(Text::Scenario(source, Some(content)))
}

/// The same, and checks a scenario, with other locks where that is asked for.
pub fn open(name: &str, color: bool, swaps: &[Swap]) -> Result<Input, Failure> {
    match read(name, color)? {
        Text::Recording(recording) => Ok(Input::Recording(recording)),
        Text::Scenario(source, content) => {
            let checked = scenario::parse_with(&source, swaps);
            let checked = checked.map_err(|report| Failure::Unusable(report.render(color)))?;
            Ok(Input::Scenario(Box::new(checked), source, content))
        }
    }
}

/// Reads a trace file, and nothing else.
pub fn recorded(name: &str) -> Result<Recording, Failure> {
    let (begin, file) = begin(name).map_err(|error| no_recording(name, &error))?;
    if is_printed(&begin) {
        return Err(printed(name));
    }
    recording(name, begin, file)
}

/// Says that these are events, and no recording of them.
fn printed(name: &str) -> Failure {
    Failure::Unusable(format!(
        "error: `{}` is what `--format json` prints, and no recording\n  help: `lockscope record SCENARIO -o run.jsonl` \
         writes one, and of a program `lockscope::save` does\n",
        words::clean(name)
    ))
}

/// Says that there is no such trace file, where only one will do.
fn no_recording(name: &str, error: &io::Error) -> Failure {
    let shown = words::clean(name);
    Failure::Unusable(if scenario::find(name).is_some() {
        format!(
            "error: `{shown}` is a scenario, and no recording of one\n  help: `lockscope run {shown}` runs it, \
             `lockscope record {shown} -o run.lockscope` records it\n"
        )
    } else {
        format!(
            "error: cannot read `{shown}`: {error}\n  help: give the file of a recording: \
             `lockscope record SCENARIO -o run.lockscope` writes one\n"
        )
    })
}

/// A finished run: read, or run now, whatever the name stands for.
pub fn finished(name: &str, flags: &EngineFlags, swaps: &[Swap]) -> Result<Recording, Failure> {
    match open(name, color(), swaps)? {
        Input::Recording(recording) => {
            unchanged(flags, swaps)?;
            Ok(*recording)
        }
        Input::Scenario(checked, source, _) => {
            let (plan, options) = (warn(*checked), options(flags));
            let (trace, _) = order::trace(&plan, &options)
                .map_err(|refused| Failure::Unusable(format!("error: {refused}\n")))?;
            Ok(Recording {
                clock: options.clock_for(&plan),
                horizon: options.until_for(&plan).map(Into::into),
                plan: Arc::clone(&plan),
                source: Some(source),
                trace,
            })
        }
    }
}

/// Refuses to run otherwise what has run already.
pub fn unchanged(flags: &EngineFlags, swaps: &[Swap]) -> Result<(), Failure> {
    let given = [
        ("--clock", flags.clock.is_some()),
        ("--until", flags.until.is_some()),
        ("--seed", flags.seed.is_some()),
        ("--lock", !swaps.is_empty()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::Unusable(format!(
            "error: `{flag}` is for a run, and this is a recording of one\n  help: leave it out, or give the \
             scenario in its place\n"
        ))),
    }
}

/// Whether events begin so that were printed.
fn is_printed(begin: &[u8]) -> bool {
    [&b"{\"seq\":"[..], b"{\"event\":"].iter().any(|line| begin.starts_with(line))
}

/// What some editors begin a file with.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The first bytes of a file, which tell what it is; from a pipe they cannot be read twice. Where it is no scenario they
/// come without a mark.
fn begin(path: &str) -> io::Result<(Vec<u8>, File)> {
    let mut file = File::open(path)?;
    let mut begin = Vec::new();
    (&mut file).take((MARK.len() + BEGINS) as u64).read_to_end(&mut begin)?;
    if let Some(rest) = begin.strip_prefix(MARK).filter(|rest| trace_file::is_one(rest) || is_printed(rest)) {
        begin = rest.to_vec();
    }
    Ok((begin, file))
}

/// Bytes of a trace file that are read at once.
const READ: usize = 256 << 10;

fn recording(name: &str, begin: Vec<u8>, file: File) -> Result<Recording, Failure> {
    let shown = words::clean(name);
    match trace_file::read(Cursor::new(begin).chain(BufReader::with_capacity(READ, file))) {
        Ok(Reading { recording, damage }) => {
            if let Some(damage) = damage {
                let damage = damage.to_string();
                let damage = words::clean(&damage);
                let help = "it plays up to there; of a program that was killed, or writes still, that is all";
                complain(&format!("warning: `{shown}` is damaged, {damage}\n  help: {help}\n"), 0);
            }
            Ok(recording)
        }
        Err(Unreadable::Io(error)) => Err(unreadable(name, &error)),
        Err(error) => {
            let help = match error {
                Unreadable::NotARecording => "`lockscope record SCENARIO -o run.lockscope` writes one",
                Unreadable::Newer { .. } => "play it with that version, or a newer one",
                Unreadable::Head(_) | Unreadable::Io(_) => "record it again: nothing after that can be read",
            };
            let error = error.to_string();
            Err(Failure::Unusable(format!(
                "error: cannot play `{shown}`: {}\n  help: {help}\n",
                words::clean(&error)
            )))
        }
    }
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound && !path.contains(['/', '.']) {
        return Failure::Unusable(unknown(path));
    }
    Failure::Unusable(format!(
        "error: cannot read `{}`: {error}\n  help: give a file, or the id of an embedded scenario: \
         `lockscope list` names them\n",
        words::clean(path)
    ))
}
