//! The verbs about a lock's data and about values.

use super::super::json;
use super::super::names::{check_identifier, quote};
use super::super::plan::{Slot, Verb};
use super::super::value::value;
use super::super::walk::{Done, Walk, Written};
use crate::event::Mode;

pub(super) fn get(walk: &mut Walk, step: &Written) -> Option<Done> {
    let key = json::string(step.node, "`get`", walk.mistakes);
    let from = through(walk, step, "from");
    // The name is bound after the guard is looked up, as in `let x = x.get(…)`.
    let bind = bind(walk, step);
    Some(Verb::Get { key: key?.value.into(), from: from?, bind: bind? }.into())
}

pub(super) fn insert(walk: &mut Walk, step: &Written) -> Option<Done> {
    let key = json::string(step.node, "`insert`", walk.mistakes);
    let into = through(walk, step, "into").filter(|guard| writable(walk, step, guard));
    let value = step
        .object
        .need("value", "this `insert`", "\"value\": 1, or \"value\": { \"$elapsed\": \"ms\" }", walk.mistakes)
        .and_then(|node| value(walk, node));
    Some(Verb::Insert { key: key?.value.into(), into: into?, value: value? }.into())
}

pub(super) fn debug(walk: &mut Walk, step: &Written) -> Option<Done> {
    let name = json::string(step.node, "`dbg`", walk.mistakes)?;
    Some(Verb::Debug { value: walk.scope.value(&name, walk.mistakes)? }.into())
}

/// The value that `as` binds; the outer `None` is a mistake in it.
#[allow(clippy::option_option)]
pub(super) fn bind(walk: &mut Walk, step: &Written) -> Option<Option<Slot>> {
    json::optional(step.get("as"), |node| {
        let name = json::string(node, "`as`", walk.mistakes)?;
        let named = check_identifier(&name, "a value", walk.mistakes);
        let slot = walk.scope.bind_value(&name, walk.mistakes);
        named.then_some(slot)
    })
}

/// The guard that `from` or `into` names, or else that of the innermost `do`.
fn through(walk: &mut Walk, step: &Written, modifier: &str) -> Option<Slot> {
    let guard = if let Some(node) = step.get(modifier) {
        let name = json::string(node, &format!("`{modifier}`"), walk.mistakes)?;
        walk.scope.guard(&name, walk.setting.locks.names(), walk.mistakes)?
    } else if let Some(guard) = walk.scope.temporary() {
        guard
    } else {
        let verb = step.key.value;
        let known = walk.scope.known_guards();
        walk.mistakes
            .error(step.key.at.clone(), format!("this `{verb}` does not say through which guard"))
            .label(format!("no `{modifier}`, and no `do` around it"))
            .help(format!("add \"{modifier}\": \"guard\"; {known}"));
        return None;
    };
    if let Some((_, Mode::Permits(_), at)) = walk.scope.guarded(&guard) {
        walk.mistakes
            .error(step.key.at.clone(), "a semaphore's permit protects no data")
            .label(format!("goes through {}", quote(&guard.name)))
            .also(at, "acquired here")
            .help(format!("name the guard of a Mutex or an RwLock: \"{modifier}\": \"guard\""));
        return None;
    }
    Some(guard)
}

/// Whether data can be changed through a guard.
fn writable(walk: &mut Walk, step: &Written, guard: &Slot) -> bool {
    let Some((_, Mode::Shared, at)) = walk.scope.guarded(guard) else { return true };
    walk.mistakes
        .error(step.key.at.clone(), "nothing can be inserted through the guard of a `read`")
        .label(format!("goes through {}", quote(&guard.name)))
        .also(at, "read here")
        .help("use `write` instead of `read`");
    false
}
