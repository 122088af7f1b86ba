//! The locks of a file: their names, kinds and data.

use std::collections::HashMap;

use jsonc_parser::ast::Value as Node;
use serde_json::Map;

use super::data;
use super::json::{self, Field, Object, Spanned};
use super::limits::MAX_LOCKS;
use super::names::{self, quote, suggest};
use super::plan::LockPlan;
use super::report::Mistakes;
use crate::event::{LockId, LockKind};

/// How to write a lock.
const FORM: &str =
    "\"db\": \"tokio::sync::Mutex\", or \"db\": { \"kind\": \"tokio::sync::Mutex\", \"data\": {} }";

/// The locks by name. A lock with a mistake in it is there too, so that it is not called unknown.
#[derive(Default)]
pub(super) struct Locks<'a> {
    ids: HashMap<&'a str, LockId>,
    names: Vec<&'a str>,
    /// The locks without a mistake.
    pub(super) plans: Vec<LockPlan>,
}

impl<'a> Locks<'a> {
    /// Reads the field `locks`.
    pub(super) fn read(node: &'a Node<'a>, mistakes: &mut Mistakes) -> Self {
        let mut locks = Self::default();
        let form = format!("{{ {FORM} }}");
        let Some(object) = Object::read(node, "`locks`", &form, "lock", mistakes) else { return locks };
        for Field { name, node } in object.fields() {
            if locks.names.len() == MAX_LOCKS {
                mistakes
                    .error(name.at.clone(), format!("a scenario has at most {MAX_LOCKS} locks"))
                    .label("this is one too many")
                    .help("remove some");
                break;
            }
            locks.ids.insert(name.value, LockId(locks.names.len() as u32));
            locks.names.push(name.value);
            let named = names::check(name, "a lock", mistakes);
            if let (Some(lock), true) = (read(name, node, mistakes), named) {
                locks.plans.push(lock);
            }
        }
        locks
    }

    /// Their names, by [`LockId`].
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// A lock by its name.
    pub(super) fn find(&self, name: &Spanned<&str>, mistakes: &mut Mistakes) -> Option<LockId> {
        let lock = self.ids.get(name.value).copied();
        if lock.is_none() {
            let help = if self.names.is_empty() {
                format!(
                    "add \"locks\": {{ \"{}\": \"tokio::sync::Mutex\" }} at the top of the file",
                    name.value
                )
            } else {
                suggest(mistakes, name.value, "lock", self.names.iter().copied())
            };
            mistakes
                .error(name.at.clone(), format!("unknown lock {}", quote(name.value)))
                .label("not among the `locks`")
                .help(help);
        }
        lock
    }
}

/// Reads one lock: its kind alone, or an object.
fn read(name: &Spanned<&str>, node: &Node, mistakes: &mut Mistakes) -> Option<LockPlan> {
    let what = format!("the lock {}", quote(name.value));
    if let Node::StringLit(_) = node {
        let kind = kind(node, &what, mistakes)?;
        return Some(LockPlan { name: name.value.to_owned(), kind, data: Map::new() });
    }
    let mut object = Object::read(node, &what, FORM, "field", mistakes)?;
    object.only(&what, &["kind", "data"], mistakes);
    let kind = object
        .need("kind", &what, "\"kind\": \"tokio::sync::Mutex\"", mistakes)
        .and_then(|node| kind(node, &what, mistakes));
    let data = json::optional(object.get("data"), |node| data::plain_object(node, "`data`", mistakes));
    Some(LockPlan { name: name.value.to_owned(), kind: kind?, data: data?.unwrap_or_default() })
}

fn kind(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<LockKind> {
    let text = json::string(node, &format!("the kind of {what}"), mistakes)?;
    let kind = LockKind::ALL.into_iter().find(|kind| kind.path() == text.value);
    if kind.is_none() {
        let paths = LockKind::ALL.map(LockKind::path);
        // `Mutex` alone is far from its path in letters, and near to it in meaning.
        let last = |path: &str| path.rsplit("::").next().is_some_and(|last| last == text.value);
        let help = match paths.iter().find(|path| last(path)) {
            Some(path) => format!("write the whole path: \"{path}\""),
            None => suggest(mistakes, text.value, "kind", paths.into_iter()),
        };
        mistakes
            .error(text.at, format!("unknown kind of lock {}", quote(text.value)))
            .label("not known")
            .help(help);
    }
    kind
}
