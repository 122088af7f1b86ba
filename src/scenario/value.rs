//! Values and conditions, as the language writes them: `{ "$var": "seen" }`, `{ "$lt": [a, b] }`.

use std::sync::Arc;

use jsonc_parser::ast::Value as Node;

use super::data;
use super::json::{self, Object, Spanned, at};
use super::keys::{Key, Takes, names};
use super::names::{list, nearest, quote};
use super::plan::{Comparison, Condition, Value};
use super::walk::Walk;

/// The values that are computed, as `{ "$name": … }`.
pub(super) const COMPUTED: &[Key] = &[
    Key::new("$elapsed", Takes::Choice(|| vec!["ms"]), "milliseconds since the task's start"),
    Key::new("$var", Takes::Variable, "what a name holds"),
    Key::new("$add", Takes::Numbers, "the sum of two values; what is not a number counts as 0"),
];

/// The comparisons of two values.
pub(super) const COMPARISONS: &[(Key, Comparison)] = &[
    (Key::new("$eq", Takes::Pair, "whether two values are the same"), Comparison::Eq),
    (Key::new("$ne", Takes::Pair, "whether two values are not the same"), Comparison::Ne),
    (Key::new("$lt", Takes::Pair, "whether the first number is below the second"), Comparison::Lt),
    (Key::new("$le", Takes::Pair, "whether the first number is not above the second"), Comparison::Le),
    (Key::new("$gt", Takes::Pair, "whether the first number is above the second"), Comparison::Gt),
    (Key::new("$ge", Takes::Pair, "whether the first number is not below the second"), Comparison::Ge),
];

/// What makes a condition of conditions.
pub(super) const JOINTS: &[Key] = &[
    Key::new("$not", Takes::Condition, "the contrary of a condition"),
    Key::new("$and", Takes::Conditions, "whether all of some conditions hold"),
    Key::new("$or", Takes::Conditions, "whether one of some conditions holds"),
];

/// Reads a value.
pub(super) fn value(walk: &mut Walk, node: &Node) -> Option<Value> {
    if !is_computed(node) {
        return data::plain(node, walk.mistakes).map(|json| Value::Json(Arc::new(json)));
    }
    let (name, node) =
        only_key(walk, node, "a computed value", "{ \"$elapsed\": \"ms\" } or { \"$var\": \"name\" }")?;
    match name.value {
        "$elapsed" => json::choice(node, "`$elapsed`", &[("ms", Value::Elapsed)], walk.mistakes),
        "$var" => {
            let name = json::string(node, "`$var`", walk.mistakes)?;
            walk.scope.value(&name, walk.mistakes).map(Value::Var)
        }
        "$add" => {
            for node in json::list(node, "`$add`", walk.mistakes)? {
                number(walk, node);
            }
            Some(Value::Add(two(walk, &name, node)?))
        }
        other => {
            let help = match nearest(other, names(COMPUTED)) {
                Some(near) => format!("did you mean {}?", quote(near)),
                None => format!("known: {}", list(names(COMPUTED))),
            };
            walk.mistakes
                .error(name.at.clone(), format!("unknown computed value {}", quote(other)))
                .label("not known")
                .help(help);
            None
        }
    }
}

/// Reads a condition: a value that must be there, the name of one, a comparison, or conditions joined.
pub(super) fn condition(walk: &mut Walk, node: &Node) -> Option<Condition> {
    if let Node::StringLit(text) = node {
        let name = Spanned { value: text.value.as_ref(), at: at(text) };
        return walk.scope.value(&name, walk.mistakes).map(|slot| Condition::Holds(Value::Var(slot)));
    }
    let first = first_key(node);
    let compared = COMPARISONS.iter().find(|(key, _)| first == Some(key.name));
    let joined = names(JOINTS).any(|name| first == Some(name));
    if compared.is_none() && !joined {
        if let Some(first) = first.filter(|first| first.starts_with('$')) {
            check_name(walk, node, first)?;
        }
        return value(walk, node).map(Condition::Holds);
    }
    let (name, node) = only_key(walk, node, "a condition", "{ \"$eq\": [ { \"$var\": \"value\" }, 1 ] }")?;
    if let Some((_, how)) = compared {
        return Some(Condition::Compare { how: *how, sides: two(walk, &name, node)? });
    }
    if name.value == "$not" {
        return condition(walk, node).map(|condition| Condition::Not(Box::new(condition)));
    }
    let nodes = json::list(node, &quote(name.value), walk.mistakes)?;
    if nodes.is_empty() {
        walk.mistakes
            .error(at(node), format!("there is no condition in {}", quote(name.value)))
            .help("write conditions into it, such as { \"$eq\": [ { \"$var\": \"value\" }, 1 ] }");
        return None;
    }
    let conditions = json::all(nodes, |node| condition(walk, node))?;
    Some(if name.value == "$and" { Condition::All(conditions) } else { Condition::Any(conditions) })
}

/// Reports a `$` word that is neither a condition nor a value.
fn check_name(walk: &mut Walk, node: &Node, name: &str) -> Option<()> {
    if names(COMPUTED).any(|known| known == name) {
        return Some(());
    }
    let comparisons = COMPARISONS.iter().map(|(key, _)| key.name);
    let known = comparisons.chain(names(JOINTS)).chain(names(COMPUTED));
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean {}?", quote(near)),
        None => format!("known: {}", list(known)),
    };
    walk.mistakes.error(at(node), format!("unknown condition {}", quote(name))).label("not known").help(help);
    None
}

/// The two values of a sum or a comparison.
fn two(walk: &mut Walk, name: &Spanned<&str>, node: &Node) -> Option<Box<[Value; 2]>> {
    let nodes = json::list(node, &quote(name.value), walk.mistakes)?;
    let [left, right] = nodes else {
        walk.mistakes
            .error(at(node), format!("{} is of two values", quote(name.value)))
            .label(format!("there are {}", nodes.len()))
            .help(format!("write such as {{ \"{}\": [ {{ \"$var\": \"value\" }}, 1 ] }}", name.value));
        return None;
    };
    let (left, right) = (value(walk, left), value(walk, right));
    Some(Box::new([left?, right?]))
}

/// Reports what stands in a sum and can never be a number.
fn number(walk: &mut Walk, node: &Node) {
    if !matches!(node, Node::NumberLit(_)) && !is_computed(node) {
        json::mismatch(node, "a number for `$add`", walk.mistakes)
            .help("write a number, or a computed value such as { \"$var\": \"value\" }");
    }
}

fn first_key<'a>(node: &'a Node) -> Option<&'a str> {
    let Node::Object(object) = node else { return None };
    object.properties.first().map(|property| property.name.as_str())
}

fn is_computed(node: &Node) -> bool {
    first_key(node).is_some_and(|name| name.starts_with('$'))
}

/// The only key of an object, and what stands behind it.
fn only_key<'a>(
    walk: &mut Walk,
    node: &'a Node<'a>,
    what: &str,
    form: &str,
) -> Option<(Spanned<&'a str>, &'a Node<'a>)> {
    let object = Object::read(node, what, form, "key", walk.mistakes)?;
    let [field] = object.fields() else {
        walk.mistakes.error(object.at.clone(), format!("{what} has one key")).help(format!("write {form}"));
        return None;
    };
    Some((field.name.clone(), field.node))
}
