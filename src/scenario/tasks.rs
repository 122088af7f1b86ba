//! The tasks of a file.

use std::num::NonZeroU32;

use jsonc_parser::ast::Value as Node;

use super::actors::{Actors, Numbers};
use super::file::Setting;
use super::json::{self, Object, Spanned, at};
use super::keys::{Key, Takes};
use super::limits::{MAX_SPAWNED_STEPS, MAX_TASKS};
use super::names::{self, quote};
use super::plan::TaskPlan;
use super::report::Mistakes;
use super::scope::Scope;
use super::uses::Uses;
use super::walk::Walk;

/// How to write a task.
const FORM: &str = "{ \"name\": \"reader\", \"steps\": [ … ] }";

/// The fields of a task.
pub(super) const FIELDS: &[Key] = &[
    Key::needed("name", Takes::Name, "what it is called"),
    Key::new("start", Takes::Duration, "how long after the beginning of the run it starts"),
    Key::new("count", Takes::Whole(1, MAX_TASKS), "how many of it there are: `name#1`, `name#2` …"),
    Key::needed("steps", Takes::Steps, "what it does, in order"),
];

/// What is counted over all tasks.
#[derive(Default)]
struct Totals {
    tasks: u64,
    steps: usize,
    spawned_steps: u64,
}

/// Reads the field `tasks`; `None` after a mistake.
pub(super) fn read<'a>(
    node: &'a Node<'a>,
    setting: &Setting,
    actors: &mut Actors<'a>,
    uses: &mut Uses,
    mistakes: &mut Mistakes,
) -> Option<Vec<TaskPlan>> {
    let nodes = json::list(node, "`tasks`", mistakes)?;
    if nodes.is_empty() {
        mistakes
            .error(at(node), "this scenario has no tasks")
            .label("nothing would happen")
            .help(format!("write at least one: {FORM}"));
    }
    let mut totals = Totals::default();
    let mut plans = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(mut object) = Object::read(node, "a task", FORM, "field", mistakes) else { continue };
        object.only("a task", FIELDS, mistakes);
        let numbers = numbers(&object, mistakes);
        let name = name(&object, numbers, actors, mistakes);
        let start = json::optional(object.get("start"), |node| json::duration(node, "`start`", mistakes));
        let count = match numbers {
            Numbers::One => 1,
            Numbers::Count(count) => count,
            Numbers::Unknown => u32::MAX,
        };
        let begin = start.flatten().unwrap_or_default();
        if let Some(node) = object.get("start") {
            uses.timers.add(index, begin, at(node));
        }
        let mut walk = Walk {
            mistakes: &mut *mistakes,
            scope: Scope::default(),
            setting,
            uses: &mut *uses,
            task: (index, count),
            until: setting.until,
            now: Some(begin),
            steps: 0,
            steps_before: totals.steps,
        };
        let form = "\"steps\": [ { \"sleep\": \"1s\" } ]";
        let steps =
            object.need("steps", "a task", form, walk.mistakes).and_then(|node| walk.block(node, "`steps`"));
        let (guards, values) = walk.scope.slots();
        let written = walk.steps;
        totals.steps += written;
        totals.check(&object, numbers, written as u64, mistakes);
        let count = match numbers {
            Numbers::One => None,
            Numbers::Count(count) => NonZeroU32::new(count),
            Numbers::Unknown => continue,
        };
        if let (Some(name), Some(start), Some((steps, _))) = (name, start, steps) {
            let start = start.unwrap_or_default();
            plans.push(TaskPlan { name: name.to_owned(), start, count, steps, guards, values });
        }
    }
    // Whoever reads the plan counts on every task of the file: one is missing only after a mistake.
    Some(plans)
}

/// Reads `count`.
fn numbers(object: &Object, mistakes: &mut Mistakes) -> Numbers {
    match json::optional(object.get("count"), |node| json::whole(node, "`count`", 1..=MAX_TASKS, mistakes)) {
        Some(None) => Numbers::One,
        Some(Some(count)) => Numbers::Count(count as u32),
        None => Numbers::Unknown,
    }
}

fn name<'a>(
    object: &Object<'a>,
    numbers: Numbers,
    actors: &mut Actors<'a>,
    mistakes: &mut Mistakes,
) -> Option<&'a str> {
    let node = object.need("name", "a task", "\"name\": \"reader\"", mistakes)?;
    let name = json::string(node, "`name`", mistakes)?;
    actors.add(&name, numbers, mistakes);
    let fine = names::check(&name, "a task", mistakes) && no_number(&name, mistakes);
    fine.then_some(name.value)
}

/// `#` belongs to the numbers that `count` gives.
fn no_number(name: &Spanned<&str>, mistakes: &mut Mistakes) -> bool {
    let Some((base, _)) = name.value.split_once('#') else { return true };
    mistakes
        .error(name.at.clone(), "the name of a task cannot have a # in it")
        .label("# belongs to the numbers that `count` gives")
        .help(format!(
            "with \"count\": 3, the tasks of {0} are called `{base}#1` to `{base}#3`",
            quote(base)
        ));
    false
}

impl Totals {
    /// Adds a task, and reports it if that makes too much.
    fn check(&mut self, object: &Object, numbers: Numbers, steps: u64, mistakes: &mut Mistakes) {
        let count = if let Numbers::Count(count) = numbers { u64::from(count) } else { 1 };
        let (tasks, spawned_steps) = (self.tasks, self.spawned_steps);
        self.tasks += count;
        self.spawned_steps = spawned_steps.saturating_add(count.saturating_mul(steps));
        let range = object.get("count").map_or_else(|| object.at.clone(), at);
        if tasks <= MAX_TASKS && self.tasks > MAX_TASKS {
            mistakes
                .error(range, format!("a scenario has at most {MAX_TASKS} tasks"))
                .label(format!("with these there are {}", self.tasks))
                .help("write a smaller `count`");
        } else if spawned_steps <= MAX_SPAWNED_STEPS && self.spawned_steps > MAX_SPAWNED_STEPS {
            mistakes
                .error(range, format!("all tasks together have at most {MAX_SPAWNED_STEPS} steps"))
                .label(format!("with these there are {}", self.spawned_steps))
                .help("write a smaller `count`, or fewer steps");
        }
    }
}
