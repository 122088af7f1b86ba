//! The file as a whole: its fields, and the settings that bear on each other.

use std::num::NonZeroU32;
use std::time::Duration;

use jsonc_parser::ast::Value as Node;

use super::actors::Actors;
use super::expect;
use super::json::{self, Object, at};
use super::keys::{Key, Takes};
use super::limits::MAX_WORKERS;
use super::locks::{Locks, a};
use super::markers;
use super::names::quote;
use super::plan::{ClockKind, Plan, Runtime};
use super::report::Mistakes;
use super::source::Source;
use super::swap::{Swap, Swaps};
use super::tasks;
use super::uses::Uses;
use crate::event::Outcome;

/// The version of the language.
const VERSION: &str = "1";

const CLOCKS: [(&str, ClockKind); 2] = [("virtual", ClockKind::Virtual), ("real", ClockKind::Real)];

const RUNTIMES: [(&str, Runtime); 3] = [
    ("current_thread", Runtime::CurrentThread),
    ("multi_thread", Runtime::MultiThread { workers: None }),
    ("threads", Runtime::Threads),
];

/// The fields of a file.
pub(super) const FIELDS: &[Key] = &[
    Key::new("$schema", Takes::Text, "for editors: where the schema of the language is"),
    Key::needed("scenario", Takes::Version, "the version of the language"),
    Key::needed("title", Takes::Text, "the question that the scenario answers"),
    Key::new("lesson", Takes::Text, "what to take home, in a sentence or two"),
    Key::new(
        "clock",
        Takes::Choice(|| CLOCKS.map(|(name, _)| name).to_vec()),
        "`virtual` is exact and the same in every run, `real` is wall time",
    ),
    Key::new(
        "runtime",
        Takes::Choice(|| RUNTIMES.map(|(name, _)| name).to_vec()),
        "what the tasks run on; `threads` is one thread of the operating system a task",
    ),
    Key::new("workers", Takes::Whole(1, MAX_WORKERS), "how many threads `multi_thread` has"),
    Key::new("until", Takes::Duration, "the horizon: the run is stopped here"),
    Key::new("seed", Takes::Whole(0, u64::MAX), "the seed of every `jitter`"),
    Key::new("locks", Takes::Locks, "what the tasks share, by name"),
    Key::needed("tasks", Takes::Tasks, "who does what; spawned in this order"),
    Key::new("markers", Takes::Markers, "moments to point out"),
    Key::new("expect", Takes::Expect, "what a run should come to, for `lockscope check`"),
];

/// What tasks need to know of the rest of the file.
pub(super) struct Setting<'c> {
    pub(super) source: &'c Source,
    pub(super) locks: &'c Locks<'c>,
    /// Whether there is a horizon.
    pub(super) until: bool,
    pub(super) clock: ClockKind,
    /// The runtime, where it is known.
    pub(super) runtime: Option<Runtime>,
}

/// Reads a whole file; `None` after a mistake that leaves nothing to go on with.
pub(super) fn read(source: &Source, root: &Node, swaps: &[Swap], mistakes: &mut Mistakes) -> Option<Plan> {
    let form = "{ \"scenario\": 1, \"title\": \"…\", \"locks\": { … }, \"tasks\": [ … ] }";
    let mut file = Object::read(root, "a scenario", form, "field", mistakes)?;
    file.only("a scenario", FIELDS, mistakes);
    let version = version(&file, mistakes);

    let title = title(&file, mistakes);
    let lesson = file.get("lesson").and_then(|node| json::string(node, "`lesson`", mistakes));
    let runtime = runtime(&file, mistakes);
    let mut swaps = Swaps::new(swaps);
    let locks = file.get("locks").map(|node| Locks::read(node, &mut swaps, mistakes)).unwrap_or_default();
    swaps.check(&locks, &file.key("locks").unwrap_or_else(|| file.at.clone()), mistakes);
    let clock = clock(&file, runtime, &locks, mistakes);
    several_threads(&file, runtime, &locks, mistakes);
    let until = file.get("until").and_then(|node| horizon(node, mistakes));
    let seed = json::optional(file.get("seed"), |node| json::whole(node, "`seed`", 0..=u64::MAX, mistakes));

    let setting = Setting { source, locks: &locks, until: file.get("until").is_some(), clock, runtime };
    let mut actors = Actors::default();
    let mut uses = Uses::default();
    let tasks = file
        .need("tasks", "a scenario", "\"tasks\": [ { \"name\": \"reader\", \"steps\": [ … ] } ]", mistakes)
        .and_then(|node| tasks::read(node, &setting, &mut actors, &mut uses, mistakes));
    let markers = json::optional(file.get("markers"), |node| markers::read(node, &actors, &locks, mistakes));
    let expect = json::optional(file.get("expect"), |node| expect::read(node, &actors, mistakes));

    uses.permits.check(&locks, mistakes);
    let expected = expect.as_ref().and_then(Option::as_ref);
    if expected.and_then(|expect| expect.outcome) != Some(Outcome::Deadlock) {
        uses.order.warn(&locks, &uses.permits, mistakes);
    }
    // An order that the author expects is an order that the author knows of.
    if clock == ClockKind::Virtual && expected.is_none_or(|expect| expect.acquires.is_none()) {
        uses.timers.warn(&locks, mistakes);
    }
    version?;
    Some(Plan {
        file: source.name().into(),
        title: title?,
        lesson: lesson.map(|lesson| lesson.value.to_owned()),
        clock,
        runtime: runtime?,
        until,
        seed: seed?.unwrap_or_default(),
        tasks: tasks?,
        markers: markers?.unwrap_or_default(),
        expect: expect?,
        locks: locks.plans,
    })
}

fn version(file: &Object, mistakes: &mut Mistakes) -> Option<()> {
    let node =
        file.need("scenario", "this file", "\"scenario\": 1, the version of the language", mistakes)?;
    match node {
        Node::NumberLit(number) if number.value == VERSION => return Some(()),
        Node::NumberLit(_) => mistakes
            .error(at(node), "unknown version of the scenario language")
            .label("not known")
            .help(format!("write \"scenario\": {VERSION}; a newer version needs a newer lockscope")),
        _ => json::mismatch(node, &format!("the number {VERSION}"), mistakes)
            .help(format!("write \"scenario\": {VERSION}")),
    };
    None
}

fn title(file: &Object, mistakes: &mut Mistakes) -> Option<String> {
    let form =
        "\"title\": \"Who gets the lock next?\"; the question that the scenario answers makes the best one";
    let title = json::string(file.need("title", "a scenario", form, mistakes)?, "`title`", mistakes)?;
    if title.value.trim().is_empty() {
        mistakes.error(title.at, "the title is empty").help(format!("write {form}"));
        return None;
    }
    Some(title.value.to_owned())
}

fn runtime(file: &Object, mistakes: &mut Mistakes) -> Option<Runtime> {
    let runtime = match file.get("runtime") {
        Some(node) => json::choice(node, "`runtime`", &RUNTIMES, mistakes)?,
        None => Runtime::CurrentThread,
    };
    let Some(node) = file.get("workers") else { return Some(runtime) };
    let workers = json::whole(node, "`workers`", 1..=MAX_WORKERS, mistakes)?;
    let label = match runtime {
        Runtime::MultiThread { .. } => {
            return Some(Runtime::MultiThread { workers: NonZeroU32::new(workers as u32) });
        }
        Runtime::CurrentThread => "`current_thread` has one thread",
        Runtime::Threads => "`threads` has one thread a task",
    };
    mistakes
        .error(file.key("workers").unwrap_or(at(node)), "`workers` belongs to another runtime")
        .label(label)
        .help("write \"runtime\": \"multi_thread\", or remove `workers`");
    None
}

/// The clock asked for, or the one that the runtime and the locks need.
fn clock(file: &Object, runtime: Option<Runtime>, locks: &Locks, mistakes: &mut Mistakes) -> ClockKind {
    let threads = match runtime {
        Some(Runtime::MultiThread { .. }) => Some("multi_thread"),
        Some(Runtime::Threads) => Some("threads"),
        Some(Runtime::CurrentThread) | None => None,
    };
    let needy = |swapped: bool| {
        let mut kinds = locks.kinds().filter(move |(_, kind)| kind.swapped == swapped);
        kinds.find_map(|(name, kind)| Some((name, kind, kind.lock.needs_real_time()?)))
    };
    let real = threads.is_some() || needy(false).is_some() || needy(true).is_some();
    let default = if real { ClockKind::Real } else { ClockKind::Virtual };
    let Some(node) = file.get("clock") else { return default };
    let Some(clock) = json::choice(node, "`clock`", &CLOCKS, mistakes) else { return default };
    if clock == ClockKind::Real {
        return clock;
    }
    if let Some(runtime) = threads {
        let why = if runtime == "threads" {
            "a clock that stands still would stop every one of them"
        } else {
            "tokio::time::pause() panics on a multi-thread runtime"
        };
        let mistake = mistakes
            .error(at(node), format!("the virtual clock cannot run on the runtime `{runtime}`"))
            .label("tokio pauses time on one thread only")
            .help(format!("write \"clock\": \"real\", or \"runtime\": \"current_thread\": {why}"));
        if let Some(runtime) = file.get("runtime") {
            mistake.also(at(runtime), "several threads");
        }
    } else if let Some((name, kind, why)) = needy(false) {
        mistakes
            .error(at(node), format!("the virtual clock cannot run {}", a(kind.lock)))
            .label("not with this lock")
            .also(kind.at.clone(), format!("the kind of {}", quote(name)))
            .help(format!("write \"clock\": \"real\", or leave it out: {why}"));
    }
    // The author of the file could not know of a kind that came in place of the file's own.
    default
}

/// Reports the locks whose guards cannot go from thread to thread, on a runtime where tasks do.
fn several_threads(file: &Object, runtime: Option<Runtime>, locks: &Locks, mistakes: &mut Mistakes) {
    if !matches!(runtime, Some(Runtime::MultiThread { .. })) {
        return;
    }
    for (name, kind) in locks.kinds().filter(|(_, kind)| kind.lock.blocks()) {
        let mistake = mistakes
            .error(
                kind.at.clone(),
                format!("the runtime `multi_thread` cannot run {}{}", a(kind.lock), kind.swapped(name)),
            )
            .label("its guard is not `Send`")
            .help(
                "`tokio::spawn` takes no task that holds such a guard across an `.await`: write \"runtime\": \
                 \"threads\", or \"current_thread\"",
            );
        if let Some(runtime) = file.get("runtime") {
            mistake.also(at(runtime), "tasks go from thread to thread");
        }
    }
}

fn horizon(node: &Node, mistakes: &mut Mistakes) -> Option<Duration> {
    let until = json::duration(node, "`until`", mistakes)?;
    if until.is_zero() {
        mistakes
            .error(at(node), "the run would end before it begins")
            .help("write a longer `until`, such as \"10s\"");
    }
    Some(until)
}
