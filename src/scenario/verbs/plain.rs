//! The verbs that need no lock: time, and what is shown.

use std::num::NonZeroU32;

use super::super::json;
use super::super::limits::MAX_YIELDS;
use super::super::plan::Verb;
use super::super::walk::{Done, Flow, Walk, Written};

pub(super) fn sleep(walk: &mut Walk, step: &Written) -> Option<Done> {
    let span = json::duration(step.node, "`sleep`", walk.mistakes);
    let jitter = json::optional(step.get("jitter"), |node| json::duration(node, "`jitter`", walk.mistakes));
    let (span, jitter) = (span?, jitter?.unwrap_or_default());
    walk.awaits(&step.key.at);
    walk.now = walk.now.filter(|_| jitter.is_zero()).and_then(|now| now.checked_add(span));
    if let Some(due) = walk.now {
        walk.uses.timers.add(walk.task.0, due, step.key.at.clone());
    }
    let flow = Flow { time: !(span + jitter).is_zero(), ..Flow::default() };
    Some(Done { verb: Verb::Sleep { span, jitter }, flow })
}

pub(super) fn work(walk: &mut Walk, step: &Written) -> Option<Done> {
    let span = json::duration(step.node, "`work`", walk.mistakes)?;
    // What others do meanwhile is done late, so nothing is sure of when this goes on.
    walk.now = None;
    let flow = Flow { time: !span.is_zero(), ..Flow::default() };
    Some(Done { verb: Verb::Work { span }, flow })
}

pub(super) fn yield_now(walk: &mut Walk, step: &Written) -> Option<Done> {
    let times = json::whole(step.node, "`yield`", 1..=MAX_YIELDS, walk.mistakes)?;
    walk.awaits(&step.key.at);
    Some(Verb::Yield { times: NonZeroU32::new(u32::try_from(times).ok()?)? }.into())
}

pub(super) fn print(walk: &mut Walk, step: &Written) -> Option<Done> {
    let text = json::string(step.node, "`print`", walk.mistakes)?;
    Some(Verb::Print { text: text.value.into() }.into())
}

pub(super) fn say(walk: &mut Walk, step: &Written) -> Option<Done> {
    let text = json::string(step.node, "`say`", walk.mistakes)?;
    Some(Verb::Say { text: text.value.into() }.into())
}
