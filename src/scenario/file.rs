//! The file as a whole: its fields, and the settings that bear on each other.

use std::num::NonZeroU32;
use std::time::Duration;

use jsonc_parser::ast::Value as Node;

use super::actors::Actors;
use super::expect;
use super::json::{self, Object, at};
use super::limits::MAX_WORKERS;
use super::locks::Locks;
use super::markers;
use super::order::LockOrder;
use super::plan::{ClockKind, Plan, Runtime};
use super::report::Mistakes;
use super::source::Source;
use super::tasks;
use crate::event::Outcome;

/// The version of the language.
const VERSION: &str = "1";

/// The fields of a file.
pub(super) const FIELDS: [&str; 13] = [
    // For editors: they find the language's schema by it.
    "$schema", "scenario", "title", "lesson", "clock", "runtime", "workers", "until", "seed", "locks",
    "tasks", "markers", "expect",
];

/// What tasks need to know of the rest of the file.
pub(super) struct Setting<'c> {
    pub(super) source: &'c Source,
    pub(super) locks: &'c Locks<'c>,
    /// Whether there is a horizon.
    pub(super) until: bool,
    pub(super) clock: ClockKind,
}

/// Reads a whole file; `None` after a mistake that leaves nothing to go on with.
pub(super) fn read(source: &Source, root: &Node, mistakes: &mut Mistakes) -> Option<Plan> {
    let form = "{ \"scenario\": 1, \"title\": \"…\", \"locks\": { … }, \"tasks\": [ … ] }";
    let mut file = Object::read(root, "a scenario", form, "field", mistakes)?;
    version(&file, mistakes)?;
    file.only("a scenario", &FIELDS, mistakes);

    let title = title(&file, mistakes);
    let lesson = file.get("lesson").and_then(|node| json::string(node, "`lesson`", mistakes));
    let runtime = runtime(&file, mistakes);
    let clock = clock(&file, runtime, mistakes);
    let until = file.get("until").and_then(|node| horizon(node, mistakes));
    let seed = json::optional(file.get("seed"), |node| json::whole(node, "`seed`", 0..=u64::MAX, mistakes));
    let locks = file.get("locks").map(|node| Locks::read(node, mistakes)).unwrap_or_default();

    let setting = Setting { source, locks: &locks, until: file.get("until").is_some(), clock };
    let mut actors = Actors::default();
    let mut order = LockOrder::default();
    let tasks = file
        .need("tasks", "a scenario", "\"tasks\": [ { \"name\": \"reader\", \"steps\": [ … ] } ]", mistakes)
        .and_then(|node| tasks::read(node, &setting, &mut actors, &mut order, mistakes));
    let markers = json::optional(file.get("markers"), |node| markers::read(node, &actors, &locks, mistakes));
    let expect = json::optional(file.get("expect"), |node| expect::read(node, &actors, mistakes));

    let outcome = expect.as_ref().and_then(|expect| expect.as_ref()?.outcome);
    if outcome != Some(Outcome::Deadlock) {
        order.warn(locks.names(), mistakes);
    }
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
    if matches!(node, Node::NumberLit(number) if number.value == VERSION) {
        return Some(());
    }
    mistakes
        .error(at(node), "unknown version of the scenario language")
        .label("not known")
        .help(format!("write \"scenario\": {VERSION}; a newer version needs a newer lockscope"));
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
    let multi = match file.get("runtime") {
        Some(node) => {
            json::choice(node, "`runtime`", &[("current_thread", false), ("multi_thread", true)], mistakes)?
        }
        None => false,
    };
    let Some(node) = file.get("workers") else {
        return Some(if multi { Runtime::MultiThread { workers: None } } else { Runtime::CurrentThread });
    };
    let workers = json::whole(node, "`workers`", 1..=MAX_WORKERS, mistakes)?;
    if !multi {
        mistakes
            .error(file.key("workers").unwrap_or(at(node)), "`workers` belongs to another runtime")
            .label("`current_thread` has one thread")
            .help("add \"runtime\": \"multi_thread\", or remove `workers`");
        return None;
    }
    Some(Runtime::MultiThread { workers: NonZeroU32::new(workers as u32) })
}

/// The clock asked for, or the one that the runtime needs.
fn clock(file: &Object, runtime: Option<Runtime>, mistakes: &mut Mistakes) -> ClockKind {
    let multi = matches!(runtime, Some(Runtime::MultiThread { .. }));
    let default = if multi { ClockKind::Real } else { ClockKind::Virtual };
    let Some(node) = file.get("clock") else { return default };
    let clocks = [("virtual", ClockKind::Virtual), ("real", ClockKind::Real)];
    let Some(clock) = json::choice(node, "`clock`", &clocks, mistakes) else { return default };
    if clock == ClockKind::Virtual && multi {
        let mistake = mistakes
            .error(at(node), "the virtual clock cannot run on the runtime `multi_thread`")
            .label("tokio pauses time on one thread only")
            .help(
                "write \"clock\": \"real\", or \"runtime\": \"current_thread\": \
                 tokio::time::pause() panics on a multi-thread runtime",
            );
        if let Some(runtime) = file.get("runtime") {
            mistake.also(at(runtime), "several threads");
        }
    }
    clock
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
