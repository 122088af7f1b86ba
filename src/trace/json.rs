//! One event as one line of JSON, for machines.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

#[cfg(feature = "cli")]
use super::why::Standstill;
use super::{Cause, End, words};
#[cfg(feature = "cli")]
use super::{Lock, Ring, State};
#[cfg(feature = "cli")]
use crate::event::Time;
use crate::event::{Event, Family, Mode, Names, OpId, Outcome, StepId, What};

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    ns: u64,
    task: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<StepId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<OpId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permits: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// `null` for a value that is not there as well: `found` tells the two apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<(u32, u32)>,
}

/// `event` as JSON, without the line's end: `seq`, `ns`, `task`, `event`, and what else that event
/// has (`step`, `lock`, `op`, `mode`, `permits`, `all`, `arm`, `events`, `until_ns`, `text`, `name`, `key`,
/// `value`, `found`, `place`). The `mode` is left out where there is but one: of a mutex.
///
/// ```
/// use std::num::NonZeroU32;
/// use lockscope::event::*;
/// let names = Names { tasks: vec!["reader".into()], locks: vec![] };
/// let actor = Actor { task: TaskId(0), step: None };
/// let event = Event { seq: 1, at: Time::ZERO, actor, what: What::Spawn };
/// assert_eq!(lockscope::trace::json_line(&names, &event), r#"{"seq":1,"ns":0,"task":"reader","event":"spawn"}"#);
/// ```
pub fn line(names: &Names, event: &Event) -> String {
    let (mode, permits) = mode(names, &event.what);
    let mut line = Line {
        seq: event.seq,
        ns: event.at.nanos(),
        task: names.task(event.actor.task),
        event: event.what.name(),
        step: event.actor.step,
        lock: event.what.lock().map(|lock| names.lock(lock)),
        op: event.what.acquisition().map(|(_, op)| op),
        mode,
        permits,
        all: None,
        arm: None,
        events: None,
        until_ns: None,
        text: None,
        name: None,
        key: None,
        value: None,
        found: None,
        place: None,
    };
    match &event.what {
        What::Sleep { until } => line.until_ns = Some(until.nanos()),
        What::Print { text } | What::Say { text } => line.text = Some(text),
        What::Debug { name, value, place } => {
            line.name = Some(name);
            line.value = Some(value.as_deref().unwrap_or(&Json::Null));
            line.found = Some(value.is_some());
            line.place = Some(*place);
        }
        What::Get { key, value, .. } => {
            line.key = Some(key);
            line.value = Some(value.as_deref().unwrap_or(&Json::Null));
            line.found = Some(value.is_some());
        }
        What::Insert { key, value, .. } => {
            line.key = Some(key);
            line.value = Some(value);
        }
        What::AddPermits { permits, .. } | What::ForgetPermits { permits, .. } => {
            line.permits = Some(*permits);
        }
        What::Notify { all, .. } => line.all = Some(*all),
        What::Sent { value, .. } => line.value = Some(value),
        What::Received { value, .. } => {
            line.value = Some(value.as_deref().unwrap_or(&Json::Null));
            line.found = Some(value.is_some());
        }
        What::Select { arm } => line.arm = Some(*arm),
        What::Lost { events } => line.events = Some(*events),
        _ => {}
    }
    // Every field is a number, a string or JSON already: there is nothing in it that can fail.
    escape(serde_json::to_string(&line).unwrap_or_default())
}

/// What an acquisition asks for, by name, and of permits how many.
fn mode(names: &Names, what: &What) -> (Option<&'static str>, Option<u32>) {
    let (What::Wait { lock, mode, .. }
    | What::Grant { lock, mode, .. }
    | What::Acquire { lock, mode, .. }
    | What::Busy { lock, mode, .. }) = what
    else {
        return (None, None);
    };
    let is_mutex = names.locks.get(lock.0 as usize).is_some_and(|lock| lock.kind.family() == Family::Mutex);
    match *mode {
        Mode::Exclusive if is_mutex => (None, None),
        Mode::Exclusive => (Some("exclusive"), None),
        Mode::Shared => (Some("shared"), None),
        Mode::Permits(permits) => (Some("permits"), Some(permits)),
        Mode::Signal => (Some("signal"), None),
        Mode::Message => (Some("message"), None),
        Mode::Room => (Some("room"), None),
    }
}

/// JSON escapes control characters up to U+001F; a terminal obeys more than these. Outside of strings
/// there is nothing but ASCII, so all of them can be escaped wherever they are.
pub(crate) fn escape(json: String) -> String {
    if matches!(words::clean(&json), Cow::Borrowed(_)) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match words::clean(c.encode_utf8(&mut [0; 4])) {
            Cow::Borrowed(_) => escaped.push(c),
            // Writing to a String cannot fail.
            Cow::Owned(_) => _ = write!(escaped, "\\u{:04x}", u32::from(c)),
        }
    }
    escaped
}

/// Tasks of a program that wait for each other, in JSON: `event` is `stuck`, with the `ns` at which that is so, the `cause`,
/// `since_ns`, and each `task` that `waits`, for which `lock` and which `owner` of it.
#[cfg(feature = "cli")]
pub(crate) fn ring_line(names: &Names, ring: &Ring, now: Time) -> String {
    #[derive(Serialize)]
    struct Waits<'a> {
        task: &'a str,
        lock: &'a str,
        owner: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Stuck<'a> {
        event: &'static str,
        ns: u64,
        cause: Cause,
        since_ns: u64,
        waits: Vec<Waits<'a>>,
    }
    let waits = ring.waits.iter().map(|wait| Waits {
        task: names.task(wait.task),
        lock: names.lock(wait.lock),
        owner: wait.owner.map(|owner| names.task(owner)),
    });
    let (cause, since_ns, waits) = (ring.cause, ring.since().nanos(), waits.collect());
    let stuck = Stuck { event: "stuck", ns: now.nanos(), cause, since_ns, waits };
    // As above: nothing in it can fail.
    escape(serde_json::to_string(&stuck).unwrap_or_default())
}

/// A lock of a program that has not moved on for long, in JSON: `event` is `standstill`, with the `ns` at which that is so,
/// the `lock`, `since_ns`, its `owners`, of many the first few, and how many `wait`.
#[cfg(feature = "cli")]
pub(crate) fn standstill_line(names: &Names, state: &State, still: &Standstill, now: Time) -> String {
    #[derive(Serialize)]
    struct Still<'a> {
        event: &'static str,
        ns: u64,
        lock: &'a str,
        since_ns: u64,
        owners: Vec<&'a str>,
        wait: usize,
    }
    let lock = state.lock(still.lock);
    let owners = lock.map(Lock::group).unwrap_or_default();
    let owners = owners.named().map(|task| names.task(task)).collect();
    let (since_ns, wait) = (still.since.nanos(), lock.map_or(0, |lock| lock.queue.len()));
    let (lock, event) = (names.lock(still.lock), "standstill");
    let still = Still { event, ns: now.nanos(), lock, since_ns, owners, wait };
    // As above: nothing in it can fail.
    escape(serde_json::to_string(&still).unwrap_or_default())
}

/// The last line of a run in JSON: `event` is `end`, with `ns`, the `outcome`, the `cause` of a
/// deadlock, or why tasks of a program wait for each other then, and `why` then, if that is more than the outcome says. If it began late, it says how many events
/// came [`earlier`](super::Trace::earlier).
pub fn end_line(end: &End, cause: Option<Cause>, earlier: u64) -> String {
    #[derive(Serialize)]
    struct Last<'a> {
        event: &'static str,
        ns: u64,
        outcome: Outcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        earlier: Option<u64>,
    }
    let (ns, outcome, why) = (end.at.nanos(), end.outcome, end.note.as_deref());
    let earlier = Some(earlier).filter(|earlier| *earlier > 0);
    let last = Last { event: "end", ns, outcome, cause, why, earlier };
    // As above: nothing in it can fail.
    escape(serde_json::to_string(&last).unwrap_or_default())
}
