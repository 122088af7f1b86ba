//! An event's line, read: the inverse of [`json_line`](crate::trace::json_line).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::event::{Actor, Event, Family, LockId, Mode, Names, OpId, Outcome, StepId, TaskId, Time, What};
use crate::trace::End;

/// All that an event's line or the end line can have.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    ns: u64,
    seq: Option<u64>,
    #[serde(borrow)]
    task: Option<Cow<'a, str>>,
    step: Option<std::num::NonZeroU32>,
    #[serde(borrow)]
    lock: Option<Cow<'a, str>>,
    op: Option<u64>,
    #[serde(borrow)]
    mode: Option<Cow<'a, str>>,
    permits: Option<u32>,
    all: Option<bool>,
    arm: Option<u32>,
    events: Option<u64>,
    until_ns: Option<u64>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
    found: Option<bool>,
    place: Option<(u32, u32)>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    why: Option<String>,
}

/// A `null` is a value too; only a field that is not there is none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// What happened next.
    Event(Event),
    /// Nothing happened any more.
    End(End),
}

/// Reads the lines of one file.
pub(super) struct Reader {
    tasks: HashMap<Arc<str>, TaskId>,
    locks: HashMap<Arc<str>, (LockId, Family)>,
}

impl Reader {
    /// For events of these tasks and locks.
    pub(super) fn new(names: &Names) -> Self {
        let tasks = (0..).zip(&names.tasks).map(|(id, name)| (name.clone(), TaskId(id)));
        let locks =
            (0..).zip(&names.locks).map(|(id, lock)| (lock.name.clone(), (LockId(id), lock.kind.family())));
        Self { tasks: tasks.collect(), locks: locks.collect() }
    }

    /// Reads a line without its end; the error says what is wrong with it.
    pub(super) fn read(&self, line: &[u8]) -> Result<Line, String> {
        let fields: Fields = serde_json::from_slice(line).map_err(|error| reason(&error))?;
        if fields.event == "end" {
            return end(fields).map(Line::End);
        }
        let name = need(fields.task.as_deref(), "task")?;
        let task = *self.tasks.get(name).ok_or_else(|| format!("there is no task `{name}`"))?;
        Ok(Line::Event(Event {
            seq: need(fields.seq, "seq")?,
            at: Time::from_nanos(fields.ns),
            actor: Actor { task, step: fields.step.map(StepId) },
            what: self.what(fields)?,
        }))
    }

    fn what(&self, fields: Fields) -> Result<What, String> {
        let lock = || self.lock(&fields);
        let op = || need(fields.op, "op").map(OpId);
        let mode = || self.mode(&fields);
        let text = |text: &Option<Cow<str>>, field| need(text.as_deref(), field).map(Arc::from);
        Ok(match &*fields.event {
            "spawn" => What::Spawn,
            "finish" => What::Finish,
            "sleep" => What::Sleep { until: need(fields.until_ns, "until_ns").map(Time::from_nanos)? },
            "wake" => What::Wake,
            "wait" => What::Wait { lock: lock()?, op: op()?, mode: mode()? },
            "grant" => What::Grant { lock: lock()?, op: op()?, mode: mode()? },
            "acquire" => What::Acquire { lock: lock()?, op: op()?, mode: mode()? },
            "release" => What::Release { lock: lock()?, op: op()? },
            "cancel" => What::Cancel { lock: lock()?, op: op()? },
            "busy" => What::Busy { lock: lock()?, op: op()?, mode: mode()? },
            "print" => What::Print { text: text(&fields.text, "text")? },
            "say" => What::Say { text: text(&fields.text, "text")? },
            "debug" => {
                let (name, place) = (text(&fields.name, "name")?, need(fields.place, "place")?);
                What::Debug { name, place, value: found(fields)? }
            }
            "get" => {
                let (lock, key) = (lock()?, text(&fields.key, "key")?);
                What::Get { lock, key, value: found(fields)? }
            }
            "insert" => {
                let (lock, key) = (lock()?, text(&fields.key, "key")?);
                What::Insert { lock, key, value: need(fields.value, "value").map(Arc::new)? }
            }
            "forget_permits" => {
                What::ForgetPermits { lock: lock()?, permits: need(fields.permits, "permits")? }
            }
            "add_permits" => What::AddPermits { lock: lock()?, permits: need(fields.permits, "permits")? },
            "notify" => What::Notify { lock: lock()?, all: need(fields.all, "all")? },
            "heard" => What::Heard { lock: lock()?, op: op()? },
            "sent" => {
                let (lock, op) = (lock()?, op()?);
                What::Sent { lock, op, value: need(fields.value, "value").map(Arc::new)? }
            }
            "received" => {
                let (lock, op) = (lock()?, op()?);
                What::Received { lock, op, value: found(fields)? }
            }
            "timeout" => What::Timeout,
            "select" => What::Select { arm: need(fields.arm, "arm")? },
            "lost" => What::Lost { events: need(fields.events, "events")? },
            other => return Err(format!("there is no event `{other}`")),
        })
    }

    fn lock(&self, fields: &Fields) -> Result<LockId, String> {
        self.found_lock(fields).map(|(id, _)| id)
    }

    fn found_lock(&self, fields: &Fields) -> Result<(LockId, Family), String> {
        let name = need(fields.lock.as_deref(), "lock")?;
        self.locks.get(name).copied().ok_or_else(|| format!("there is no lock `{name}`"))
    }

    /// The mode is left out where there is but one.
    fn mode(&self, fields: &Fields) -> Result<Mode, String> {
        let (_, family) = self.found_lock(fields)?;
        Ok(match fields.mode.as_deref() {
            None if family == Family::Mutex => Mode::Exclusive,
            None => return Err("`mode` is missing".into()),
            Some("exclusive") => Mode::Exclusive,
            Some("shared") => Mode::Shared,
            Some("permits") => Mode::Permits(need(fields.permits, "permits")?),
            Some("signal") => Mode::Signal,
            Some("message") => Mode::Message,
            Some("room") => Mode::Room,
            Some(other) => return Err(format!("there is no mode `{other}`")),
        })
    }
}

/// A value that may not have been there.
fn found(fields: Fields) -> Result<Option<Arc<Json>>, String> {
    let value = need(fields.value, "value")?;
    Ok(need(fields.found, "found")?.then(|| Arc::new(value)))
}

fn end(fields: Fields) -> Result<End, String> {
    let outcome = match need(fields.outcome.as_deref(), "outcome")? {
        "completed" => Outcome::Completed,
        "stopped" => Outcome::Stopped,
        "deadlock" => Outcome::Deadlock,
        other => return Err(format!("there is no outcome `{other}`")),
    };
    Ok(End { outcome, at: Time::from_nanos(fields.ns), note: fields.why })
}

fn need<T>(value: Option<T>, field: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`{field}` is missing"))
}

/// What serde says, without its line: here every text is a line of its own.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let (what, _) = said.rsplit_once(" at line ").unwrap_or((&said, ""));
    if error.is_eof() { "it breaks off".into() } else { format!("{what}, in column {}", error.column()) }
}
