//! The verbs that acquire a lock, and those that let go.

use jsonc_parser::ast::Value as Node;

use super::super::fates::Fork;
use super::super::json::{self, Spanned, at};
use super::super::names::{check_identifier, quote};
use super::super::plan::{Hold, Verb};
use super::super::walk::{Branch, Done, Flow, Walk, Written};
use crate::event::{Family, LockId, LockKind, Mode};

pub(super) fn lock(walk: &mut Walk, step: &Written) -> Option<Done> {
    acquisition(walk, step, Family::Mutex, Mode::Exclusive)
}

pub(super) fn read(walk: &mut Walk, step: &Written) -> Option<Done> {
    acquisition(walk, step, Family::RwLock, Mode::Shared)
}

pub(super) fn write(walk: &mut Walk, step: &Written) -> Option<Done> {
    acquisition(walk, step, Family::RwLock, Mode::Exclusive)
}

pub(super) fn acquire(walk: &mut Walk, step: &Written) -> Option<Done> {
    let permits = permits(walk, step);
    let done = acquisition(walk, step, Family::Semaphore, Mode::Permits(permits.unwrap_or(1)))?;
    let (Verb::Lock { lock, .. }, Some(permits)) = (&done.verb, permits) else { return None };
    let at = step.get("permits").map_or(step.key.at.clone(), at);
    if permits > 1 && walk.kind(*lock) == Some(LockKind::AsyncLockSemaphore) {
        let name = walk.setting.locks.name(*lock);
        let kind = walk.setting.locks.kind(*lock)?;
        walk.mistakes
            .error(at, format!("an `async_lock::Semaphore` gives one permit at a time{}", kind.swapped(name)))
            .label("its `acquire` takes no number")
            .also(kind.at.clone(), kind.label())
            .help("acquire one after the other, or use a `tokio::sync::Semaphore`, which has `acquire_many`");
        return None;
    }
    walk.uses.permits.ask(*lock, permits, at);
    Some(done)
}

pub(super) fn add_permits(walk: &mut Walk, step: &Written) -> Option<Done> {
    let lock = walk.lock(step, Family::Semaphore);
    let permits = permits(walk, step);
    let (lock, permits) = (lock?, permits?);
    let times = (!walk.scope.in_loop()).then_some(walk.task.1);
    walk.uses.permits.add(lock, permits, times);
    Some(Verb::AddPermits { lock, permits }.into())
}

pub(super) fn drop_guard(walk: &mut Walk, step: &Written) -> Option<Done> {
    let name = json::string(step.node, "`drop`", walk.mistakes)?;
    let guard = walk.scope.drop_guard(&name, walk.setting.locks.names(), walk.mistakes)?;
    Some(Verb::Drop { guard }.into())
}

/// `if let Ok(guard) = db.try_lock() { … } else { … }`. With `as`, the body is the rest of the block, and
/// `else` leaves the block.
pub(super) fn try_lock(walk: &mut Walk, step: &Written) -> Option<Done> {
    let lock = walk.lock(step, Family::Mutex);
    let fine = lives(walk, step);
    let fork = walk.scope.fates.fork();
    if let (Some(guard), None) = (step.get("as"), step.get("do")) {
        // Read first: the guard is not in scope there.
        let other = otherwise(walk, step, &fork);
        let leaves = other.as_ref().is_some_and(|other| other.flow.endless.is_none());
        if let Some(other) = other.as_ref().filter(|_| leaves) {
            walk.scope.lose_later(other.drops.clone());
        }
        let hold = bound(walk, guard, lock, Mode::Exclusive);
        let other = other?;
        // Who waits for a lock there lets time pass: somebody else has it.
        let waits = other.flow.time || other.steps.iter().any(|step| matches!(step.verb, Verb::Lock { .. }));
        let hasty = (leaves && !waits).then(|| step.key.at.clone());
        let flow = Flow { time: other.flow.time, endless: None, leaves, hasty };
        return Some(Done { verb: Verb::TryLock { lock: lock?, hold: hold?, other: other.steps }, flow });
    }
    let body = step.get("do").and_then(|steps| {
        let body = temporary(walk, step, steps, lock, Mode::Exclusive);
        let drops = walk.scope.fates.turn_back(&fork);
        body.map(|(hold, flow)| (hold, Branch { steps: Vec::new(), flow, drops }))
    });
    let other = otherwise(walk, step, &fork);
    let ((hold, body), other) = (body?, other?);
    let flow = walk.join(&[&body, &other]);
    let verb = Verb::TryLock { lock: lock?, hold, other: other.steps };
    fine.then_some(Done { verb, flow })
}

/// Reads `else`, which may be missing.
pub(super) fn otherwise(walk: &mut Walk, step: &Written, fork: &Fork) -> Option<Branch> {
    walk.now = None;
    match step.get("else") {
        Some(node) => walk.branch(fork, node, "`else`"),
        None => Some(Branch::default()),
    }
}

/// Waits for a lock and holds it.
fn acquisition(walk: &mut Walk, step: &Written, family: Family, mode: Mode) -> Option<Done> {
    let lock = walk.lock(step, family);
    if let Some(lock) = lock {
        walk.ask(lock, mode, &at(step.node));
    }
    walk.now = None;
    let fine = lives(walk, step);
    let (hold, flow) = match (step.get("as"), step.get("do")) {
        // The block is read in any case, for the mistakes in it.
        (_, Some(steps)) => temporary(walk, step, steps, lock, mode)?,
        (Some(guard), None) => (bound(walk, guard, lock, mode)?, Flow::default()),
        (None, None) => return None,
    };
    let verb = Verb::Lock { lock: lock?, mode, hold };
    fine.then_some(Done { verb, flow })
}

/// Whether a step says how long its guard lives, and says it once.
fn lives(walk: &mut Walk, step: &Written) -> bool {
    let verb = quote(step.key.value);
    match (step.object.key("as"), step.object.key("do")) {
        (None, None) => {
            walk.mistakes
                .error(step.key.at.clone(), format!("this {verb} does not say how long its guard lives"))
                .label("neither `as` nor `do`")
                .help(
                    "add \"as\": \"guard\" to hold it to the end of the block, or \"do\": [ … ] to hold it for these steps",
                );
            false
        }
        (Some(bound), Some(steps)) => {
            walk.mistakes
                .error(steps, format!("this {verb} has both `as` and `do`"))
                .label("the guard is a temporary for these steps …")
                .also(bound, "… or it has a name to the end of the block")
                .help("remove one of the two");
            false
        }
        _ => true,
    }
}

/// Binds a guard to the end of the block.
fn bound(walk: &mut Walk, guard: &Node, lock: Option<LockId>, mode: Mode) -> Option<Hold> {
    let guard = json::string(guard, "`as`", walk.mistakes)?;
    let named = check_identifier(&guard, "a guard", walk.mistakes);
    let slot = walk.scope.bind_guard(&guard, lock, mode, walk.mistakes);
    named.then_some(Hold::Bound(slot))
}

/// Holds a temporary guard for some steps.
fn temporary(
    walk: &mut Walk,
    step: &Written,
    steps: &Node,
    lock: Option<LockId>,
    mode: Mode,
) -> Option<(Hold, Flow)> {
    let name = if let Node::StringLit(name) = step.node { name.value.as_ref() } else { "" };
    walk.scope.enter();
    let guard = walk.scope.bind_temporary(&Spanned { value: name, at: at(step.node) }, lock, mode);
    let block = walk.block(steps, "`do`");
    walk.scope.leave(&at(steps));
    let (steps, flow) = block?;
    Some((Hold::Temporary { guard, steps }, flow))
}

/// Reads `permits`: one if it is missing.
fn permits(walk: &mut Walk, step: &Written) -> Option<u32> {
    let permits = json::optional(step.get("permits"), |node| {
        json::whole(node, "`permits`", 1..=u64::from(u32::MAX), walk.mistakes)
    });
    u32::try_from(permits?.unwrap_or(1)).ok()
}
