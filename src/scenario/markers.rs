//! The markers of a file: moments to point out, bound to events and never to times.

use std::num::NonZeroU32;

use jsonc_parser::ast::Value as Node;

use super::actors::Actors;
use super::json::{self, Object, at};
use super::keys::{Key, Takes};
use super::limits::MAX_MARKERS;
use super::locks::Locks;
use super::plan::{Marker, MarkerEvent};
use super::report::Mistakes;
use crate::event::{LockId, What};

/// How to write the event of a marker.
const FORM: &str = "{ \"event\": \"release\", \"task\": \"reader\", \"nth\": 1 }";

/// The fields of a marker.
pub(super) const FIELDS: &[Key] = &[
    Key::needed("on", Takes::On, "the event that it is bound to; never a time"),
    Key::new("label", Takes::Text, "a short name of the moment"),
    Key::new("say", Takes::Text, "a caption, and the answer to `ask`"),
    Key::new("pause", Takes::Flag, "whether the picture stops here"),
    Key::new("ask", Takes::Text, "a question to the room"),
    Key::new("answers", Takes::Texts, "the possible answers to `ask`, for a guess: at least two"),
];

/// The fields of a marker's event.
pub(super) const ON: &[Key] = &[
    Key::needed("event", Takes::Choice(|| What::NAMES.to_vec()), "what happens"),
    Key::new("task", Takes::Task, "to which task: `name`, or `name#1` where it has a `count`"),
    Key::new("lock", Takes::AnyLock, "with which lock"),
    Key::new("nth", Takes::Whole(1, u32::MAX as u64), "which of the events that match; the first is 1"),
];

/// The events that are not about a lock.
const LOCKLESS: [&str; 10] =
    ["spawn", "finish", "sleep", "wake", "print", "debug", "timeout", "select", "say", "lost"];

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
    object.only("a marker", FIELDS, mistakes);
    let on = object
        .need("on", "a marker", &format!("\"on\": {FORM}"), mistakes)
        .and_then(|node| event(node, actors, locks, mistakes));
    let mut text = |field: &str| {
        let text =
            |node| json::string(node, &format!("`{field}`"), mistakes).map(|text| text.value.to_owned());
        json::optional(object.get(field), text)
    };
    let (label, say, ask) = (text("label"), text("say"), text("ask"));
    let ask = ask.filter(|ask| asks(ask.as_ref(), &object, mistakes));
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
    object.only("`on`", ON, mistakes);
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

/// Whether a question, if there is one, asks something.
fn asks(ask: Option<&String>, object: &Object, mistakes: &mut Mistakes) -> bool {
    let (Some(ask), Some(node)) = (ask, object.get("ask")) else { return true };
    if ask.trim().is_empty() {
        mistakes
            .error(at(node), "the question is empty")
            .help("write \"ask\": \"Who gets the lock?\", or remove it");
        return false;
    }
    true
}

/// The answers to the question of a marker, if the room is to choose: at least two.
fn answers(object: &Object, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let form = "\"answers\": [ \"the reader\", \"the writer\" ]";
    let Some(node) = object.get("answers") else { return Some(Vec::new()) };
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
