//! The locks of a file: their names, kinds and data.

use std::collections::HashMap;

use jsonc_parser::ast::Value as Node;
use serde_json::Map;

use super::data;
use super::json::{self, Field, Object, Spanned, at};
use super::keys::{Key, Takes};
use super::limits::MAX_LOCKS;
use super::names::{self, quote, suggest};
use super::plan::LockPlan;
use super::report::Mistakes;
use super::source::Span;
use super::swap::Swaps;
use crate::event::{Family, LockId, LockKind};

/// How to write a lock.
const FORM: &str =
    "\"db\": \"tokio::sync::Mutex\", or \"db\": { \"kind\": \"tokio::sync::Mutex\", \"data\": {} }";

/// The fields of a lock.
pub(super) const FIELDS: &[Key] = &[
    Key::needed(
        "kind",
        Takes::Choice(|| LockKind::ALL.map(LockKind::path).to_vec()),
        "the path of the Rust type",
    ),
    Key::new("data", Takes::Data, "what a Mutex or an RwLock protects at the beginning"),
    Key::new(
        "permits",
        Takes::Whole(0, u32::MAX as u64),
        "how many permits a Semaphore has at the beginning; how many messages a channel has room for",
    ),
];

/// The locks by name. A lock with a mistake in it is there too, so that it is not called unknown.
#[derive(Default)]
pub(super) struct Locks<'a> {
    ids: HashMap<&'a str, LockId>,
    names: Vec<&'a str>,
    kinds: Vec<Option<Kind>>,
    /// The locks without a mistake.
    pub(super) plans: Vec<LockPlan>,
}

/// A lock's kind, and where it is from.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) lock: LockKind,
    /// Where the file names a kind.
    pub(super) at: Span,
    /// The file names another one.
    pub(super) swapped: bool,
    pub(super) permits: Option<u32>,
}

impl Kind {
    /// The lock and its kind, as a message goes on behind a comma: and `db` is a `tokio::sync::Mutex`.
    pub(super) fn words(&self, lock: &str) -> String {
        let kind = a(self.lock);
        if self.swapped {
            format!("but `--lock` made {} {kind}", quote(lock))
        } else {
            format!("and {} is {kind}", quote(lock))
        }
    }

    /// What a message about its kind adds, if the file does not name that kind.
    pub(super) fn swapped(&self, lock: &str) -> String {
        if self.swapped { format!(", and `--lock` made {} one", quote(lock)) } else { String::new() }
    }

    /// What to say at the place of the kind.
    pub(super) fn label(&self) -> &'static str {
        if self.swapped { "the file's own kind" } else { "its kind" }
    }
}

/// A kind with its article.
pub(super) fn a(kind: LockKind) -> String {
    let article = if kind.path().starts_with('a') { "an" } else { "a" };
    format!("{article} `{}`", kind.path())
}

/// What a family is called.
pub(super) const fn family_words(family: Family) -> &'static str {
    match family {
        Family::Mutex => "a Mutex",
        Family::RwLock => "an RwLock",
        Family::Semaphore => "a Semaphore",
        Family::Notify => "a Notify",
        Family::Channel => "a channel",
    }
}

impl<'a> Locks<'a> {
    /// Reads the field `locks`.
    pub(super) fn read(node: &'a Node<'a>, swaps: &mut Swaps, mistakes: &mut Mistakes) -> Self {
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
            let named = names::check_identifier(name, "a lock", mistakes);
            let (kind, plan) = read(name, node, swaps, mistakes);
            locks.kinds.push(kind);
            if let (Some(lock), true) = (plan, named) {
                locks.plans.push(lock);
            }
        }
        locks
    }

    /// Their names, by [`LockId`].
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// The name of one.
    pub(super) fn name(&self, lock: LockId) -> &'a str {
        self.names.get(lock.0 as usize).copied().unwrap_or("?")
    }

    /// The kind of one, where it is known.
    pub(super) fn kind(&self, lock: LockId) -> Option<&Kind> {
        self.kinds.get(lock.0 as usize)?.as_ref()
    }

    /// All kinds that are known, with their locks.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'a str, &Kind)> {
        self.names.iter().zip(&self.kinds).filter_map(|(name, kind)| Some((*name, kind.as_ref()?)))
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
fn read(
    name: &Spanned<&str>,
    node: &Node,
    swaps: &mut Swaps,
    mistakes: &mut Mistakes,
) -> (Option<Kind>, Option<LockPlan>) {
    let what = format!("the lock {}", quote(name.value));
    let object = if let Node::StringLit(_) = node {
        None
    } else {
        let Some(mut object) = Object::read(node, &what, FORM, "field", mistakes) else {
            swaps.unknown();
            return (None, None);
        };
        object.only(&what, FIELDS, mistakes);
        Some(object)
    };
    let written = match &object {
        Some(object) => object.need("kind", &what, "\"kind\": \"tokio::sync::Mutex\"", mistakes),
        None => Some(node),
    };
    let own = written.and_then(|node| Some((kind(node, &what, mistakes)?, at(node))));
    let Some((own, at)) = own else {
        swaps.unknown();
        return (None, None);
    };
    let kind = swaps.kind(name.value, own);
    let mut kind = Kind { lock: kind, at, swapped: kind != own, permits: None };
    let permits = permits(name, node, object.as_ref(), &kind, mistakes);
    kind.permits = permits.flatten();
    let data = object.as_ref().map_or(Some(None), |object| {
        let data = json::optional(object.get("data"), |node| data::plain_object(node, "`data`", mistakes));
        let protects = matches!(kind.lock.family(), Family::Mutex | Family::RwLock);
        match object.key("data").filter(|_| !protects) {
            Some(key) => {
                mistakes
                    .error(key, format!("`data` belongs to a Mutex or an RwLock, {}", kind.words(name.value)))
                    .label("it protects no data")
                    .also(kind.at.clone(), kind.label())
                    .help("remove `data`");
                None
            }
            None => data,
        }
    });
    let plan = permits.zip(data).map(|(permits, data)| LockPlan {
        name: name.value.to_owned(),
        kind: kind.lock,
        data: data.unwrap_or_else(Map::new),
        permits,
    });
    (Some(kind), plan)
}

/// Reads `permits`: a semaphore must have them, a channel may, and nothing else does. The outer `None`
/// is a mistake.
#[allow(clippy::option_option)]
fn permits(
    name: &Spanned<&str>,
    node: &Node,
    object: Option<&Object>,
    kind: &Kind,
    mistakes: &mut Mistakes,
) -> Option<Option<u32>> {
    let given = object.and_then(|object| Some((object.get("permits")?, object.key("permits")?)));
    let family = kind.lock.family();
    let Some((number, key)) = given else {
        if family != Family::Semaphore {
            return Some(None);
        }
        let form =
            format!("write \"{}\": {{ \"kind\": \"{}\", \"permits\": 1 }}", name.value, kind.lock.path());
        mistakes
            .error(at(node), format!("a Semaphore needs its number of permits{}", kind.swapped(name.value)))
            .label("no `permits`")
            .help(form);
        return None;
    };
    match family {
        Family::Semaphore | Family::Channel => {
            let least = u64::from(family == Family::Channel);
            let number = json::whole(number, "`permits`", least..=u64::from(u32::MAX), mistakes)?;
            Some(u32::try_from(number).ok())
        }
        Family::Mutex | Family::RwLock | Family::Notify => {
            mistakes
                .error(
                    key,
                    format!("`permits` belong to a Semaphore or a channel, {}", kind.words(name.value)),
                )
                .label("it has none")
                .also(kind.at.clone(), kind.label())
                .help("remove `permits`, or write another kind");
            None
        }
    }
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
