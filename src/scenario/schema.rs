//! The language as a JSON Schema, for editors: they complete and explain by it while one types.
//!
//! It is made of the same tables by which the parser reads, so it knows the same words. What the parser
//! knows beyond words, such as whether a guard is held, no schema can say.

use serde_json::{Map, Value as Json, json};

use super::keys::{Key, Takes};
use super::limits::{MAX_ARMS, MAX_LOCKS, MAX_MARKERS, MAX_NAME};
use super::names::KEYWORDS;
use super::value::{COMPARISONS, COMPUTED, JOINTS};
use super::verbs::{ARM, VERBS, Word, verbs_of};
use super::{expect, file, locks, markers, tasks};
use crate::event::{Family, LockKind};

/// The schema of scenario files, in the draft 2020-12.
///
/// ```
/// let schema = lockscope::scenario::schema();
/// assert_eq!(schema["required"], serde_json::json!(["scenario", "title", "tasks"]));
/// ```
pub fn schema() -> Json {
    let mut root = object(file::FIELDS);
    let more = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A lockscope scenario",
        "description": "Tasks, and the locks they share: see `lockscope new` for a commented example.",
        // For VS Code: these files are written by hand.
        "allowComments": true,
        "allowTrailingCommas": true,
        "$defs": {
            "name": { "type": "string", "minLength": 1, "maxLength": MAX_NAME },
            "identifier": {
                "type": "string", "minLength": 1, "maxLength": MAX_NAME,
                "pattern": "^[\\p{Alphabetic}_][\\p{Alphabetic}\\p{N}_]*$",
                "not": { "enum": KEYWORDS },
            },
            "duration": {
                "type": "string",
                "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
                "description": "a whole number of milliseconds, such as 350ms, 1s, 1.5s or 2m",
            },
            "plain": {
                "anyOf": [
                    { "type": ["string", "number", "boolean", "null"] },
                    { "type": "array", "items": to("plain") },
                    data(),
                ],
            },
            "computed": { "anyOf": COMPUTED.iter().map(alone).collect::<Vec<_>>() },
            "value": { "anyOf": [to("plain"), to("computed")] },
            "condition": condition(),
            "lock": lock(),
            "task": object(tasks::FIELDS),
            "step": { "type": "object", "anyOf": VERBS.iter().map(step).collect::<Vec<_>>() },
            "arm": object(ARM),
            "marker": marker(),
            "on": object(markers::ON),
            "expect": object(expect::FIELDS),
        },
    });
    if let Json::Object(more) = more {
        root.extend(more);
    }
    Json::Object(root)
}

/// An object with these words and no others.
fn object(keys: &[Key]) -> Map<String, Json> {
    let properties: Map<_, _> =
        keys.iter().map(|key| (key.name.to_owned(), described(key.takes, key.about))).collect();
    let required: Vec<_> = keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), properties.into()),
        ("required".to_owned(), required.into()),
        ("additionalProperties".to_owned(), json!(false)),
    ])
}

/// An object of this word alone.
fn alone(key: &Key) -> Json {
    json!({
        "type": "object",
        "properties": { key.name: described(key.takes, key.about) },
        "required": [key.name],
        "additionalProperties": false,
    })
}

fn described(takes: Takes, about: &str) -> Json {
    let mut schema = of(takes);
    schema["description"] = match takes {
        Takes::Lock(family) => {
            let verbs: Vec<_> = verbs_of(family).collect();
            json!(format!(
                "{about} (the name of {}; for it there are {})",
                locks::family_words(family),
                verbs.join(", ")
            ))
        }
        _ => json!(about),
    };
    schema
}

/// What may stand behind a word.
fn of(takes: Takes) -> Json {
    match takes {
        Takes::Version => json!({ "const": 1 }),
        Takes::Text => json!({ "type": "string" }),
        Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Takes::Duration => to("duration"),
        Takes::Choice(words) => json!({ "enum": words() }),
        Takes::Name | Takes::Task => to("name"),
        Takes::Identifier | Takes::AnyLock | Takes::Lock(_) | Takes::Guard | Takes::Variable => {
            to("identifier")
        }
        Takes::Value => to("value"),
        Takes::Pair => pair(&to("value")),
        Takes::Numbers => pair(&json!({ "anyOf": [{ "type": "number" }, to("computed")] })),
        Takes::Condition => to("condition"),
        Takes::Conditions => json!({ "type": "array", "items": to("condition"), "minItems": 1 }),
        Takes::Data => data(),
        Takes::Steps => json!({ "type": "array", "items": to("step") }),
        Takes::Arms => json!({ "type": "array", "items": to("arm"), "minItems": 1, "maxItems": MAX_ARMS }),
        Takes::Locks => json!({
            "type": "object", "propertyNames": to("identifier"), "additionalProperties": to("lock"), "maxProperties": MAX_LOCKS,
        }),
        Takes::Tasks => json!({ "type": "array", "items": to("task"), "minItems": 1 }),
        Takes::Markers => json!({ "type": "array", "items": to("marker"), "maxItems": MAX_MARKERS }),
        Takes::On => to("on"),
        Takes::Expect => to("expect"),
        Takes::Acquires => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "^.+@[0-9]+$" } })
        }
    }
}

fn to(definition: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn pair(each: &Json) -> Json {
    json!({ "type": "array", "items": each, "minItems": 2, "maxItems": 2 })
}

/// Plain JSON by key: a `$` would make it a computed value.
fn data() -> Json {
    json!({ "type": "object", "patternProperties": { "^\\$": false }, "additionalProperties": to("plain") })
}

/// A verb with its other words; a guard lives by one of `as` and `do`.
fn step(word: &Word) -> Json {
    let mut schema = object(word.modifiers);
    schema["properties"][word.name] = described(word.takes, word.about);
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, json!(word.name));
    }
    let has = |name| word.modifiers.iter().any(|key| key.name == name);
    if has("as") && has("do") {
        schema.insert("oneOf".to_owned(), json!([{ "required": ["as"] }, { "required": ["do"] }]));
    }
    Json::Object(schema)
}

/// A condition: text is the name of a value here; a value holds if it is there and neither null nor false.
fn condition() -> Json {
    let keys = COMPARISONS.iter().map(|(key, _)| key).chain(JOINTS);
    let mut forms: Vec<_> = keys.map(alone).collect();
    forms.push(to("value"));
    json!({ "anyOf": forms })
}

/// A lock: its kind alone where that says all, or an object with what its family has.
fn lock() -> Json {
    use Family::{Channel, Mutex, Notify, RwLock, Semaphore};

    let kinds = |families: &[Family]| -> Vec<_> {
        LockKind::ALL
            .into_iter()
            .filter(|kind| families.contains(&kind.family()))
            .map(LockKind::path)
            .collect()
    };
    let with = |families: &[Family], fields: &[&str], needed: &[&str]| {
        let keys = locks::FIELDS.iter().filter(|key| fields.contains(&key.name));
        let mut properties: Map<_, _> =
            keys.map(|key| (key.name.to_owned(), described(key.takes, key.about))).collect();
        properties["kind"]["enum"] = kinds(families).into();
        json!({ "type": "object", "properties": properties, "required": needed, "additionalProperties": false })
    };
    let mut channel = with(&[Channel], &["kind", "permits"], &["kind"]);
    channel["properties"]["permits"]["minimum"] = json!(1);
    json!({
        "anyOf": [
            { "enum": kinds(&[Mutex, RwLock, Notify, Channel]) },
            with(&[Mutex, RwLock], &["kind", "data"], &["kind"]),
            with(&[Semaphore], &["kind", "permits"], &["kind", "permits"]),
            with(&[Notify], &["kind"], &["kind"]),
            channel,
        ],
    })
}

/// A marker: answers have a question.
fn marker() -> Map<String, Json> {
    let mut schema = object(markers::FIELDS);
    schema["properties"]["answers"]["minItems"] = json!(2);
    schema["properties"]["ask"]["pattern"] = json!("\\S");
    schema.insert("dependentRequired".to_owned(), json!({ "answers": ["ask"] }));
    schema
}
