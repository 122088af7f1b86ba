//! Values, conditions and calls as Rust writes them.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value as Json;

use super::super::plan::{Comparison, Condition, Value, Verb};
use crate::event::{Family, LockKind, Mode};

/// How a lock of this kind is asked for, behind its name.
pub(super) fn acquisition(kind: LockKind, mode: Mode) -> String {
    let call = match mode {
        Mode::Exclusive if kind.family() == Family::RwLock => "write()".to_owned(),
        Mode::Shared => "read()".to_owned(),
        Mode::Permits(1) => "acquire()".to_owned(),
        Mode::Permits(permits) => format!("acquire_many({permits})"),
        _ => "lock()".to_owned(),
    };
    let rest = match kind {
        // Poisoned where a thread panicked with the guard in hand.
        LockKind::StdMutex | LockKind::StdRwLock => ".unwrap()",
        kind if kind.blocks() => "",
        _ => ".await",
    };
    call + rest
}

/// What `try_lock` of a lock of this kind gives where it is free.
pub(super) fn free(kind: LockKind) -> &'static str {
    match kind {
        LockKind::TokioMutex | LockKind::StdMutex => "Ok",
        _ => "Some",
    }
}

/// `get` or `insert` through a guard.
pub(super) fn access(verb: &Verb, guard: &str) -> String {
    match verb {
        Verb::Get { key, bind: Some(bind), .. } => {
            format!("let {} = {guard}.get({});", bind.name, literal(key))
        }
        Verb::Get { key, .. } => format!("{guard}.get({});", literal(key)),
        Verb::Insert { key, value, .. } => format!("{guard}.insert({}, {});", literal(key), show(value)),
        _ => String::new(),
    }
}

/// A line that is printed.
pub(super) fn print(text: &str) -> String {
    // Doubled before the escapes, whose own braces are no format's.
    format!("println!({});", literal(&text.replace('{', "{{").replace('}', "}}")))
}

/// A string as Rust writes it.
fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A value.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Elapsed => "start.elapsed()".to_owned(),
        Value::Var(slot) => slot.name.to_string(),
        Value::Add(sides) => format!("{} + {}", show(&sides[0]), show(&sides[1])),
        Value::Json(json) => match &**json {
            Json::String(text) => literal(text),
            Json::Number(_) | Json::Bool(_) => json.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => format!("json!({json})"),
        },
    }
}

/// A condition.
pub(super) fn holds(condition: &Condition) -> String {
    match condition {
        Condition::Holds(value) => show(value),
        Condition::Compare { how, sides } => {
            let sign = match how {
                Comparison::Eq => "==",
                Comparison::Ne => "!=",
                Comparison::Lt => "<",
                Comparison::Le => "<=",
                Comparison::Gt => ">",
                Comparison::Ge => ">=",
            };
            format!("{} {sign} {}", show(&sides[0]), show(&sides[1]))
        }
        Condition::Not(condition) => format!("!{}", part(condition)),
        Condition::All(conditions) => joined(conditions, " && "),
        Condition::Any(conditions) => joined(conditions, " || "),
    }
}

fn joined(conditions: &[Condition], sign: &str) -> String {
    match conditions {
        [only] => holds(only),
        _ => conditions.iter().map(inner).collect::<Vec<_>>().join(sign),
    }
}

/// A condition between `&&` or `||`.
fn inner(condition: &Condition) -> String {
    match condition {
        Condition::All(_) | Condition::Any(_) => part(condition),
        _ => holds(condition),
    }
}

/// A condition behind `!`.
fn part(condition: &Condition) -> String {
    match condition {
        Condition::Holds(Value::Json(_) | Value::Var(_) | Value::Elapsed) | Condition::Not(_) => {
            holds(condition)
        }
        _ => format!("({})", holds(condition)),
    }
}

/// A duration as people say it: `350 ms`, `1 s`, `1.5 s`.
pub(super) fn say(span: Duration) -> String {
    let ms = span.as_millis();
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    let mut text = (ms / 1_000).to_string();
    if !ms.is_multiple_of(1_000) {
        let _ = write!(text, ".{:03}", ms % 1_000);
        text.truncate(text.trim_end_matches('0').len());
    }
    text + " s"
}
