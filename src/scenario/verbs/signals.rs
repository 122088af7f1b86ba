//! The verbs of a `Notify` and of a channel.

use super::super::plan::Verb;
use super::super::value::value;
use super::super::walk::{Done, Flow, Walk, Written};
use super::data::bind;
use crate::event::Family;

/// Somebody else has to do something first, and time can pass until then.
const WAITS: Flow = Flow { time: true, endless: None, leaves: false, hasty: None };

pub(super) fn notified(walk: &mut Walk, step: &Written) -> Option<Done> {
    walk.waits(&step.key.at);
    let lock = walk.lock(step, Family::Notify)?;
    Some(Done { verb: Verb::Notified { lock }, flow: WAITS })
}

pub(super) fn notify_one(walk: &mut Walk, step: &Written) -> Option<Done> {
    notify(walk, step, false)
}

pub(super) fn notify_waiters(walk: &mut Walk, step: &Written) -> Option<Done> {
    notify(walk, step, true)
}

fn notify(walk: &mut Walk, step: &Written, all: bool) -> Option<Done> {
    let lock = walk.lock(step, Family::Notify)?;
    Some(Verb::Notify { lock, all }.into())
}

pub(super) fn send(walk: &mut Walk, step: &Written) -> Option<Done> {
    let lock = walk.lock(step, Family::Channel);
    let value = step
        .object
        .need("value", "this `send`", "\"value\": 1, or \"value\": { \"$elapsed\": \"ms\" }", walk.mistakes)
        .and_then(|node| value(walk, node));
    let (lock, value) = (lock?, value?);
    let bounded = walk.setting.locks.kind(lock).is_some_and(|kind| kind.permits.is_some());
    if bounded {
        walk.waits(&step.key.at);
    }
    let flow = if bounded { WAITS } else { Flow::default() };
    Some(Done { verb: Verb::Send { lock, value }, flow })
}

pub(super) fn recv(walk: &mut Walk, step: &Written) -> Option<Done> {
    walk.waits(&step.key.at);
    let lock = walk.lock(step, Family::Channel);
    if let Some(lock) = lock {
        let name = walk.setting.locks.name(lock);
        walk.uses.receivers.add((lock, name), walk.task, &step.key.at, walk.mistakes);
    }
    let bind = bind(walk, step);
    Some(Done { verb: Verb::Recv { lock: lock?, bind: bind? }, flow: WAITS })
}
