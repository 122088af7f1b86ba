//! Plain JSON: the data of a lock, and what is inserted as it stands. Numbers keep the form in which
//! `serde_json` has them: `1000` and `1000.0` are not the same to `dbg`.

use jsonc_parser::ast::Value;
use serde_json::{Map, Value as Json};

use super::json::{Field, Object, all, at};
use super::names::quote;
use super::report::Mistakes;
use super::source::Span;

/// Plain JSON: nothing in it is computed.
pub(super) fn plain(node: &Value, mistakes: &mut Mistakes) -> Option<Json> {
    match node {
        Value::StringLit(text) => Some(Json::String(text.value.to_string())),
        Value::NumberLit(number) => number_value(number.value, at(number), mistakes),
        Value::BooleanLit(flag) => Some(Json::Bool(flag.value)),
        Value::NullKeyword(_) => Some(Json::Null),
        Value::Array(array) => all(&array.elements, |node| plain(node, mistakes)).map(Json::Array),
        Value::Object(_) => plain_object(node, "a value", mistakes).map(Json::Object),
    }
}

/// A plain object, with its string keys.
pub(super) fn plain_object(node: &Value, what: &str, mistakes: &mut Mistakes) -> Option<Map<String, Json>> {
    let object = Object::read(node, what, "{ \"my-key\": 1 }", "key", mistakes)?;
    let mut map = Map::new();
    for Field { name, node } in object.fields() {
        if name.value.starts_with('$') {
            mistakes
                .error(name.at.clone(), format!("{} cannot stand inside plain JSON", quote(name.value)))
                .label("a `$` marks a value that is computed")
                .help("a computed value is the whole \"value\" of an insert, as { \"$var\": \"name\" }");
        } else if let Some(value) = plain(node, mistakes) {
            map.insert(name.value.to_owned(), value);
        }
    }
    Some(map)
}

fn number_value(text: &str, range: Span, mistakes: &mut Mistakes) -> Option<Json> {
    let number = serde_json::from_str(text).ok();
    if number.is_none() {
        mistakes.error(range, "this number is too large").help("write a number below 1e308");
    }
    number.map(Json::Number)
}
