//! The verbs that decide which steps run, and how often.

use std::num::NonZeroU32;

use jsonc_parser::ast::Value as Node;

use super::super::fates::Fork;
use super::super::json::{self, Object, at, name as key_of};
use super::super::limits::MAX_ARMS;
use super::super::plan::{Arm, ClockKind, Turns, Verb};
use super::super::source::Span;
use super::super::value::condition;
use super::super::walk::{Branch, Done, Flow, Walk, Written};
use super::ARM;
use super::locks::otherwise;

pub(super) fn repeat(walk: &mut Walk, step: &Written) -> Option<Done> {
    let times = step.get("times");
    let turns = times.and_then(|node| json::whole(node, "`times`", 1..=u64::from(u32::MAX), walk.mistakes));
    walk.scope.enter_loop();
    let block = walk.block(step.node, "`loop`");
    walk.scope.leave_loop(&at(step.node));
    // Of the next turn nothing is known; of one turn alone all is.
    walk.now = walk.now.filter(|_| turns == Some(1));
    let (steps, flow) = block?;
    if matches!(step.node, Node::Array(array) if array.elements.is_empty()) {
        walk.mistakes
            .error(at(step.node), "this loop is empty")
            .label("no steps")
            .help("write steps into it, or remove it");
        return None;
    }
    if times.is_some() {
        let turns = Turns::Times(NonZeroU32::new(u32::try_from(turns?).ok()?)?);
        return Some(Done { verb: Verb::Loop { turns, steps }, flow });
    }
    if receives_first(step.node) {
        // It ends with its senders, and each turn of it waits for them.
        let flow = Flow { time: true, endless: flow.endless, ..Flow::default() };
        return Some(Done { verb: Verb::Loop { turns: Turns::WhileReceiving, steps }, flow });
    }
    never_ends(walk, &step.key.at);
    if !flow.time {
        timeless(walk, &step.key.at);
    } else if let Some(hasty) = &flow.hasty {
        spins(walk, hasty);
    }
    let flow = Flow { time: true, endless: Some(step.key.at.clone()), ..Flow::default() };
    Some(Done { verb: Verb::Loop { turns: Turns::Ever, steps }, flow })
}

pub(super) fn choose(walk: &mut Walk, step: &Written) -> Option<Done> {
    let condition = condition(walk, step.node);
    let fork = walk.scope.fates.fork();
    let then = step
        .object
        .need("then", "this `if`", "\"then\": [ … ]", walk.mistakes)
        .and_then(|node| walk.branch(&fork, node, "`then`"));
    let other = otherwise(walk, step, &fork);
    let (then, other) = (then?, other?);
    let flow = walk.join(&[&then, &other]);
    Some(Done { verb: Verb::If { condition: condition?, then: then.steps, other: other.steps }, flow })
}

pub(super) fn timeout(walk: &mut Walk, step: &Written) -> Option<Done> {
    let span = json::duration(step.node, "`timeout`", walk.mistakes);
    walk.awaits(&step.key.at);
    let fork = walk.scope.fates.fork();
    // What never ends by itself ends when the time is up.
    let until = std::mem::replace(&mut walk.until, true);
    let body = step
        .object
        .need("do", "this `timeout`", "\"do\": [ … ]", walk.mistakes)
        .and_then(|node| walk.branch(&fork, node, "`do`"));
    walk.until = until;
    // What it drops moved into its future, and is gone whether it came to that or not.
    if let Some(body) = &body {
        walk.scope.fates.lose(&body.drops);
    }
    let other = otherwise(walk, step, &fork);
    let (span, body, mut other) = (span?, body?, other?);
    if step.get("else").is_none() {
        other.drops = walk.scope.fates.turn_back(&fork);
    }
    let mut flow = walk.join(&[&body, &other]);
    flow.time |= !span.is_zero();
    Some(Done { verb: Verb::Timeout { span, steps: body.steps, other: other.steps }, flow })
}

pub(super) fn select(walk: &mut Walk, step: &Written) -> Option<Done> {
    let nodes = json::list(step.node, "`select`", walk.mistakes)?;
    walk.awaits(&step.key.at);
    let form = "{ \"select\": [ { \"do\": [ … ] }, { \"do\": [ … ] } ] }";
    if nodes.is_empty() {
        walk.mistakes.error(at(step.node), "this `select` has no arms").help(format!("write {form}"));
        return None;
    }
    if let Some(node) = nodes.get(MAX_ARMS) {
        walk.mistakes
            .error(at(node), format!("a `select` has at most {MAX_ARMS} arms"))
            .label("this is one too many")
            .help("tokio's `select!` has no more either");
        return None;
    }
    let fork = walk.scope.fates.fork();
    // An arm that never ends by itself ends when another is ready.
    let until = std::mem::replace(&mut walk.until, true);
    let mut arms: Vec<(Branch, bool)> = Vec::new();
    for node in nodes {
        for (before, _) in &arms {
            walk.scope.fates.lose_to_arm(&before.drops);
        }
        let arm = arm(walk, node, &fork);
        walk.scope.fates.turn_back(&fork);
        arms.extend(arm);
    }
    walk.until = until;
    let branches: Vec<_> = arms.iter().map(|(branch, _)| branch).collect();
    let flow = walk.join(&branches);
    if arms.len() < nodes.len() {
        return None;
    }
    if let Some(endless) = &flow.endless {
        never_ends(walk, endless);
    }
    let arms = arms.into_iter().map(|(branch, keep)| Arm { steps: branch.steps, keep }).collect();
    Some(Done { verb: Verb::Select { arms }, flow })
}

fn arm(walk: &mut Walk, node: &Node, fork: &Fork) -> Option<(Branch, bool)> {
    let form = "{ \"do\": [ … ] }";
    let mut object = Object::read(node, "an arm of a `select`", form, "field", walk.mistakes)?;
    object.only("an arm of a `select`", ARM, walk.mistakes);
    let keep = json::optional(object.get("keep"), |node| json::flag(node, "`keep`", walk.mistakes));
    let steps = object.need("do", "this arm", form, walk.mistakes)?;
    let branch = walk.branch(fork, steps, "`do`")?;
    Some((branch, keep?.unwrap_or(false)))
}

/// Whether the first step of a loop is a `recv`.
fn receives_first(body: &Node) -> bool {
    let Node::Array(array) = body else { return false };
    let Some(Node::Object(first)) = array.elements.first() else { return false };
    first.properties.iter().any(|property| key_of(property).value == "recv")
}

/// Reports a loop that nothing would end.
fn never_ends(walk: &mut Walk, key: &Span) {
    if !walk.until {
        walk.mistakes
            .error(key.clone(), "this loop never ends, and the file has no `until`")
            .label("nothing would stop the run")
            .help("add \"until\": \"10s\" at the top of the file, or \"times\": 3 to the loop");
    }
}

/// A `try_lock` that, where it fails, is tried again in the next turn at the same moment.
fn spins(walk: &mut Walk, key: &Span) {
    walk.mistakes
        .warning(key.clone(), "while somebody else holds this lock, the loop spins")
        .label("its `else` takes no time, and the rest of the block is left out then")
        .help("add a `sleep` to the `else`, such as \"else\": [ { \"sleep\": \"10ms\" } ]");
}

/// An endless loop without a step that takes time. Waiting for a lock takes time only while somebody
/// else holds it, which nothing here can promise.
fn timeless(walk: &mut Walk, key: &Span) {
    let why = match walk.setting.clock {
        ClockKind::Virtual => {
            "the virtual clock moves only in `sleep` and `work`: without one it stands still, and `until` never comes"
        }
        ClockKind::Real => "it would turn as fast as the machine can, and nothing else could be seen",
    };
    walk.mistakes
        .error(key.clone(), "no time can pass in this loop")
        .label("never ends, and has no `sleep` or `work` longer than 0ms")
        .help(format!("add a `sleep` or `work` to the loop, such as {{ \"sleep\": \"100ms\" }}; {why}"));
}
