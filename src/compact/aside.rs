//! What happened, in bytes, where it does not fit into [`Packed`](crate::event::Packed): any event at all.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::Value as Json;

use super::bytes::{Reader, Wrong, maybe, maybe_text, number, text};
use crate::event::{Actor, Event, LockId, Mode, OpId, StepId, Time, What};

/// Adds the step and what happened.
pub fn put(out: &mut Vec<u8>, event: &Event) {
    maybe_step(out, event.actor);
    let name = event.what.name();
    // Every name is one of them; a test says so.
    out.push(What::NAMES.iter().position(|other| *other == name).unwrap_or_default() as u8);
    if let Some(lock) = event.what.lock() {
        number(out, u64::from(lock.0));
    }
    if let Some((_, op)) = event.what.acquisition() {
        number(out, op.0);
    }
    match &event.what {
        What::Spawn
        | What::Finish
        | What::Wake
        | What::Release { .. }
        | What::Cancel { .. }
        | What::Heard { .. }
        | What::Timeout => {}
        What::Sleep { until } => number(out, until.nanos()),
        What::Wait { mode, .. }
        | What::Grant { mode, .. }
        | What::Acquire { mode, .. }
        | What::Busy { mode, .. } => put_mode(out, *mode),
        What::Print { text: words } | What::Say { text: words } => text(out, words),
        What::Debug { name, value, place } => {
            text(out, name);
            number(out, u64::from(place.0));
            number(out, u64::from(place.1));
            maybe_json(out, value.as_deref());
        }
        What::Get { key, value, .. } => {
            text(out, key);
            maybe_json(out, value.as_deref());
        }
        What::Insert { key, value, .. } => {
            text(out, key);
            text(out, &value.to_string());
        }
        What::Sent { value, .. } => text(out, &value.to_string()),
        What::Received { value, .. } => maybe_json(out, value.as_deref()),
        What::AddPermits { permits, .. } | What::ForgetPermits { permits, .. } => {
            number(out, u64::from(*permits));
        }
        What::Notify { all, .. } => out.push(u8::from(*all)),
        What::Select { arm } => number(out, u64::from(*arm)),
        What::Lost { events } => number(out, *events),
    }
}

fn maybe_step(out: &mut Vec<u8>, actor: Actor) {
    maybe(out, actor.step.map(|step| u64::from(step.0.get()) - 1));
}

fn maybe_json(out: &mut Vec<u8>, value: Option<&Json>) {
    maybe_text(out, value.map(Json::to_string).as_deref());
}

fn put_mode(out: &mut Vec<u8>, mode: Mode) {
    let permits = match mode {
        Mode::Exclusive => return out.push(0),
        Mode::Shared => return out.push(1),
        Mode::Signal => return out.push(2),
        Mode::Message => return out.push(3),
        Mode::Room => return out.push(4),
        Mode::Permits(permits) => permits,
    };
    out.push(5);
    number(out, u64::from(permits));
}

/// Reads the step and what happened.
pub fn get(from: &mut Reader) -> Result<(Option<StepId>, What), Wrong> {
    let step = match from.maybe()? {
        None => None,
        Some(before) => {
            let step = u32::try_from(before + 1).ok().and_then(NonZeroU32::new);
            Some(StepId(step.ok_or("a step's number is too large")?))
        }
    };
    let name = What::NAMES.get(usize::from(from.byte()?)).ok_or("there is no such event")?;
    Ok((step, what(from, name)?))
}

fn what(from: &mut Reader, name: &str) -> Result<What, Wrong> {
    Ok(match name {
        "spawn" => What::Spawn,
        "finish" => What::Finish,
        "sleep" => What::Sleep { until: Time::from_nanos(from.number()?) },
        "wake" => What::Wake,
        "wait" => What::Wait { lock: lock(from)?, op: op(from)?, mode: mode(from)? },
        "grant" => What::Grant { lock: lock(from)?, op: op(from)?, mode: mode(from)? },
        "acquire" => What::Acquire { lock: lock(from)?, op: op(from)?, mode: mode(from)? },
        "release" => What::Release { lock: lock(from)?, op: op(from)? },
        "cancel" => What::Cancel { lock: lock(from)?, op: op(from)? },
        "busy" => What::Busy { lock: lock(from)?, op: op(from)?, mode: mode(from)? },
        "print" => What::Print { text: from.text()?.into() },
        "debug" => What::Debug {
            name: from.text()?.into(),
            place: (from.small()?, from.small()?),
            value: some_json(from)?,
        },
        "get" => What::Get { lock: lock(from)?, key: from.text()?.into(), value: some_json(from)? },
        "insert" => What::Insert { lock: lock(from)?, key: from.text()?.into(), value: json(from.text()?)? },
        "add_permits" => What::AddPermits { lock: lock(from)?, permits: from.small()? },
        "forget_permits" => What::ForgetPermits { lock: lock(from)?, permits: from.small()? },
        "notify" => What::Notify { lock: lock(from)?, all: from.flag()? },
        "heard" => What::Heard { lock: lock(from)?, op: op(from)? },
        "sent" => What::Sent { lock: lock(from)?, op: op(from)?, value: json(from.text()?)? },
        "received" => What::Received { lock: lock(from)?, op: op(from)?, value: some_json(from)? },
        "timeout" => What::Timeout,
        "select" => What::Select { arm: from.small()? },
        "say" => What::Say { text: from.text()?.into() },
        "lost" => What::Lost { events: from.number()? },
        _ => return Err("there is no such event"),
    })
}

fn lock(from: &mut Reader) -> Result<LockId, Wrong> {
    from.small().map(LockId)
}

fn op(from: &mut Reader) -> Result<OpId, Wrong> {
    from.number().map(OpId)
}

fn mode(from: &mut Reader) -> Result<Mode, Wrong> {
    Ok(match from.byte()? {
        0 => Mode::Exclusive,
        1 => Mode::Shared,
        2 => Mode::Signal,
        3 => Mode::Message,
        4 => Mode::Room,
        5 => Mode::Permits(from.small()?),
        _ => return Err("there is no such mode"),
    })
}

fn json(text: &str) -> Result<Arc<Json>, Wrong> {
    serde_json::from_str(text).map(Arc::new).map_err(|_| "a value is no JSON")
}

fn some_json(from: &mut Reader) -> Result<Option<Arc<Json>>, Wrong> {
    from.maybe_text()?.map(json).transpose()
}
