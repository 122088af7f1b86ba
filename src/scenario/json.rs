//! Reads a tree of JSON: each reader says what it expected and what it found, and where.
//!
//! Of scenarios it knows the tables of their words alone.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jsonc_parser::ast::{ObjectProp, ObjectPropName, Value};
use jsonc_parser::common::Ranged;

use super::duration;
use super::keys::{Key, names};
use super::names::{list as names_list, nearest, quote, suggest};
use super::report::Mistakes;
use super::source::Span;

/// Something and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) at: Span,
}

/// Where a node stands.
pub(super) fn at(node: &impl Ranged) -> Span {
    node.start()..node.end()
}

/// An object: its fields by name, each of which is there once.
pub(super) struct Object<'a> {
    /// Where it stands.
    pub(super) at: Span,
    fields: HashMap<&'a str, Field<'a>>,
    /// The same fields in the order of the file.
    order: Vec<Field<'a>>,
    /// The known fields that an unknown one was probably meant to be.
    meant: Vec<String>,
}

/// A field of an object.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) node: &'a Value<'a>,
}

impl<'a> Object<'a> {
    /// Reads an object; `what` says what it is and `form` how to write one, `entry` what a field
    /// of it is called.
    pub(super) fn read(
        node: &'a Value<'a>,
        what: &str,
        form: &str,
        entry: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let Value::Object(object) = node else {
            mismatch(node, &format!("an object for {what}"), mistakes).help(format!("write {form}"));
            return None;
        };
        let mut read = Self { at: at(object), fields: HashMap::new(), order: Vec::new(), meant: Vec::new() };
        for property in &object.properties {
            let field = Field { name: name(property), node: &property.value };
            if let Some(first) = read.fields.get(field.name.value) {
                twice(&field.name, entry, &first.name.at, mistakes);
            } else {
                read.fields.insert(field.name.value, field.clone());
                read.order.push(field);
            }
        }
        Some(read)
    }

    /// The fields in the order of the file.
    pub(super) fn fields(&self) -> &[Field<'a>] {
        &self.order
    }

    /// Reports the fields that are not among the known ones.
    pub(super) fn only(&mut self, what: &str, known: &'static [Key], mistakes: &mut Mistakes) {
        let known = names(known);
        for Field { name, .. } in &self.order {
            if known.clone().all(|known| known != name.value) {
                self.meant.extend(nearest(name.value, known.clone()).map(str::to_owned));
                let help = suggest(mistakes, name.value, "field", known.clone());
                let message = format!("{what} has no field {}", quote(name.value));
                mistakes.error(name.at.clone(), message).label("unknown field").help(help);
            }
        }
    }

    /// Notes the fields that unknown ones were probably meant to be.
    pub(super) fn mean(&mut self, fields: Vec<String>) {
        self.meant.extend(fields);
    }

    /// A field, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value<'a>> {
        self.fields.get(name).map(|field| field.node)
    }

    /// A field's name, if it is there.
    pub(super) fn key(&self, name: &str) -> Option<Span> {
        self.fields.get(name).map(|field| field.name.at.clone())
    }

    /// A field that must be there; `form` says how to write it. Ask [`Object::only`] first.
    pub(super) fn need(
        &self,
        name: &str,
        what: &str,
        form: &str,
        mistakes: &mut Mistakes,
    ) -> Option<&'a Value<'a>> {
        let node = self.get(name);
        // A field that is there under a wrong name is one mistake, and has been told.
        if node.is_none() && !self.meant.iter().any(|meant| meant == name) {
            mistakes
                .error(self.at.clone(), format!("{what} has no {}", quote(name)))
                .label("missing here")
                .help(format!("write {form}"));
        }
        node
    }
}

/// A field that may be missing: the outer `None` is a mistake in it, the inner one its absence.
#[allow(clippy::option_option)]
pub(super) fn optional<'a, T>(
    node: Option<&'a Value<'a>>,
    read: impl FnOnce(&'a Value<'a>) -> Option<T>,
) -> Option<Option<T>> {
    node.map_or(Some(None), |node| read(node).map(Some))
}

/// Says that a name is there already.
pub(super) fn twice(name: &Spanned<&str>, what: &str, first: &Span, mistakes: &mut Mistakes) {
    mistakes
        .error(name.at.clone(), format!("the {what} {} is there twice", quote(name.value)))
        .label("the second one")
        .also(first.clone(), "the first one")
        .help("remove or rename one of them");
}

/// The name of an object's property.
pub(super) fn name<'a>(property: &'a ObjectProp<'a>) -> Spanned<&'a str> {
    let at = match &property.name {
        ObjectPropName::String(name) => at(name),
        ObjectPropName::Word(name) => at(name),
    };
    Spanned { value: property.name.as_str(), at }
}

/// A string.
pub(super) fn string<'a>(
    node: &'a Value<'a>,
    what: &str,
    mistakes: &mut Mistakes,
) -> Option<Spanned<&'a str>> {
    if let Value::StringLit(text) = node {
        return Some(Spanned { value: &text.value, at: at(text) });
    }
    let example = if let Value::NumberLit(number) = node { number.value } else { "text" };
    mismatch(node, &format!("a string for {what}"), mistakes)
        .help(format!("a string is written in double quotes, as \"{example}\""));
    None
}

/// A list.
pub(super) fn list<'a>(node: &'a Value<'a>, what: &str, mistakes: &mut Mistakes) -> Option<&'a [Value<'a>]> {
    if let Value::Array(array) = node {
        return Some(&array.elements);
    }
    let mistake = mismatch(node, &format!("a list for {what}"), mistakes);
    match node {
        Value::Object(_) => mistake.help("put [ before it and ] behind it"),
        _ => mistake.help("a list is written [ … ]"),
    };
    None
}

/// A list of strings.
pub(super) fn strings<'a>(
    node: &'a Value<'a>,
    what: &str,
    mistakes: &mut Mistakes,
) -> Option<Vec<Spanned<&'a str>>> {
    let each = format!("each of {what}");
    all(list(node, what, mistakes)?, |node| string(node, &each, mistakes))
}

/// Reads every node of a list, for the mistakes in it; `None` if there is one.
pub(super) fn all<'a, T>(
    nodes: &'a [Value<'a>],
    read: impl FnMut(&'a Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let values: Vec<_> = nodes.iter().filter_map(read).collect();
    (values.len() == nodes.len()).then_some(values)
}

/// `true` or `false`.
pub(super) fn flag(node: &Value, what: &str, mistakes: &mut Mistakes) -> Option<bool> {
    if let Value::BooleanLit(flag) = node {
        return Some(flag.value);
    }
    mismatch(node, &format!("true or false for {what}"), mistakes)
        .help("write true or false, without quotes");
    None
}

/// A whole number within a range.
pub(super) fn whole(
    node: &Value,
    what: &str,
    range: RangeInclusive<u64>,
    mistakes: &mut Mistakes,
) -> Option<u64> {
    let Value::NumberLit(number) = node else {
        mismatch(node, &format!("a number for {what}"), mistakes)
            .help(format!("write a whole number without quotes, such as {}", (*range.start()).max(3)));
        return None;
    };
    let value = number.value.parse().ok().filter(|value| range.contains(value));
    if value.is_none() {
        let must = if number.value.contains(['.', 'e', 'E']) {
            "be a whole number".to_owned()
        } else if number.value.starts_with('-') || number.value == "0" {
            format!("be at least {}", range.start())
        } else {
            format!("be at most {}", range.end())
        };
        mistakes.error(at(number), format!("{what} must {must}")).help(format!(
            "write a whole number from {} to {}",
            range.start(),
            range.end()
        ));
    }
    value
}

/// One of some words.
pub(super) fn choice<T: Clone>(
    node: &Value,
    what: &str,
    choices: &[(&'static str, T)],
    mistakes: &mut Mistakes,
) -> Option<T> {
    let names = choices.iter().map(|(name, _)| *name);
    let Value::StringLit(text) = node else {
        let help = format!("write one of {}", names_list(names));
        mismatch(node, &format!("a string for {what}"), mistakes).help(help);
        return None;
    };
    let found = choices.iter().find(|(name, _)| *name == text.value).map(|(_, choice)| choice.clone());
    if found.is_none() {
        let help = suggest(mistakes, &text.value, what, names);
        let message = format!("{what} cannot be {}", quote(&text.value));
        mistakes.error(at(text), message).label("not known").help(help);
    }
    found
}

/// A duration.
pub(super) fn duration(node: &Value, what: &str, mistakes: &mut Mistakes) -> Option<Duration> {
    let (text, range) = match node {
        Value::StringLit(text) => (text.value.as_ref(), at(text)),
        // A bare number gets the same advice as a string without a unit.
        Value::NumberLit(number) => (number.value, at(number)),
        _ => {
            mismatch(node, &format!("a duration for {what}"), mistakes).help(duration::form());
            return None;
        }
    };
    match duration::parse(text) {
        Ok(span) => Some(span),
        Err(wrong) => {
            mistakes.error(range, wrong.problem).help(wrong.fix);
            None
        }
    }
}

/// Says what was expected and what is there.
pub(super) fn mismatch<'m>(
    node: &Value,
    expected: &str,
    mistakes: &'m mut Mistakes,
) -> &'m mut super::report::Mistake {
    let found = match node {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "a boolean",
        Value::NullKeyword(_) => "null",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    mistakes.error(at(node), format!("expected {expected}, found {found}")).label(format!("this is {found}"))
}
