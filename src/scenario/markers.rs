//! The markers of a file: moments to point out, bound to events and never to times.

use std::num::NonZeroU32;

use jsonc_parser::ast::Value as Node;

use super::actors::Actors;
use super::json::{self, Object, at};
use super::limits::MAX_MARKERS;
use super::locks::Locks;
use super::plan::{Marker, MarkerEvent};
use super::report::Mistakes;
use crate::event::{LockId, What};

/// How to write the event of a marker.
const FORM: &str = "{ \"event\": \"release\", \"task\": \"reader\", \"nth\": 1 }";

/// The events that are not about a lock.
const LOCKLESS: [&str; 7] = ["spawn", "finish", "sleep", "wake", "print", "debug", "say"];

/// Reads the field `markers`; `None` after a mistake.
pub(super) fn read(
    node: &Node,
    actors: &Actors,
    locks: &Locks,
    mistakes: &mut Mistakes,
) -> Option<Vec<Marker>> {
    let nodes = json::list(node, "`markers`", mistakes)?;
    if let Some(node) = nodes.get(MAX_MARKERS) {
        mistakes
            .error(at(node), format!("a scenario has at most {MAX_MARKERS} markers"))
            .label("this is one too many")
            .help("remove some");
        return None;
    }
    json::all(nodes, |node| marker(node, actors, locks, mistakes))
}

fn marker(node: &Node, actors: &Actors, locks: &Locks, mistakes: &mut Mistakes) -> Option<Marker> {
    let form = format!("{{ \"on\": {FORM}, \"label\": \"…\" }}");
    let mut object = Object::read(node, "a marker", &form, "field", mistakes)?;
    object.only("a marker", &["on", "label", "say", "pause", "ask", "answers"], mistakes);
    let on = object
        .need("on", "a marker", &format!("\"on\": {FORM}"), mistakes)
        .and_then(|node| event(node, actors, locks, mistakes));
    let mut text = |field: &str| {
        let text =
            |node| json::string(node, &format!("`{field}`"), mistakes).map(|text| text.value.to_owned());
        json::optional(object.get(field), text)
    };
    let (label, say, ask) = (text("label"), text("say"), text("ask"));
    let pause = json::optional(object.get("pause"), |node| json::flag(node, "`pause`", mistakes));
    let answers = answers(&object, mistakes);
    Some(Marker {
        on: on?,
        label: label?,
        say: say?,
        pause: pause?.unwrap_or(false),
        ask: ask?,
        answers: answers?,
    })
}

fn event(node: &Node, actors: &Actors, locks: &Locks, mistakes: &mut Mistakes) -> Option<MarkerEvent> {
    let mut object = Object::read(node, "`on`", FORM, "field", mistakes)?;
    object.only("`on`", &["event", "task", "lock", "nth"], mistakes);
    let names = What::NAMES.map(|name| (name, name));
    let event = object
        .need("event", "`on`", "\"event\": \"release\"", mistakes)
        .and_then(|node| json::choice(node, "`event`", &names, mistakes));
    let task = json::optional(object.get("task"), |node| {
        let name = json::string(node, "`task`", mistakes).filter(|name| actors.check(name, mistakes));
        name.map(|name| name.value.to_owned())
    });
    let lock = json::optional(object.get("lock"), |node| lock(node, event, locks, mistakes));
    let nth = json::optional(object.get("nth"), |node| {
        json::whole(node, "`nth`", 1..=u64::from(u32::MAX), mistakes)
    });
    let nth = NonZeroU32::new(u32::try_from(nth?.unwrap_or(1)).ok()?)?;
    Some(MarkerEvent { event: event?, task: task?, lock: lock?, nth })
}

fn lock(node: &Node, event: Option<&str>, locks: &Locks, mistakes: &mut Mistakes) -> Option<LockId> {
    let name = json::string(node, "`lock`", mistakes)?;
    if let Some(event) = event.filter(|event| LOCKLESS.contains(event)) {
        mistakes
            .error(name.at, format!("a `{event}` event is not about a lock"))
            .label("it would never match")
            .help("remove `lock` from this marker, or name another event");
        return None;
    }
    locks.find(&name, mistakes)
}

/// The answers to the question of a marker: at least two, or there is nothing to choose from.
fn answers(object: &Object, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let form = "\"answers\": [ \"the reader\", \"the writer\" ]";
    let Some(node) = object.get("answers") else {
        if let Some(ask) = object.key("ask") {
            mistakes
                .error(ask, "this question has no answers to choose from")
                .label("no `answers`")
                .help(format!("add {form}"));
            return None;
        }
        return Some(Vec::new());
    };
    let answers = json::strings(node, "`answers`", mistakes)?;
    if object.get("ask").is_none() {
        let key = object.key("answers").unwrap_or(at(node));
        mistakes
            .error(key, "these answers have no question")
            .label("no `ask`")
            .help("add \"ask\": \"Who gets the lock?\", or remove them");
        return None;
    }
    if answers.len() < 2 {
        mistakes
            .error(at(node), "a question needs at least two answers")
            .label("nothing to choose from")
            .help(format!("write {form}"));
        return None;
    }
    Some(answers.into_iter().map(|answer| answer.value.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_without_a_lock_are_events() {
        assert!(LOCKLESS.iter().all(|event| What::NAMES.contains(event)));
    }
}
