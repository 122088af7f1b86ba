//! How things stand at a moment: with a task, with a lock, or with the lock that is most asked for.

use super::{Sentence, noted};
use crate::event::{Family, LockId, Mode, Names, TaskId, What};
use crate::trace::story::option;
use crate::trace::{Claim, Life, Lock, Place, Stage, State, Task, Trace, words};

/// How things stand with a task in `state`: what it holds, what it waits for, and who is in its way.
pub fn of_task(trace: &Trace, state: &State, id: TaskId) -> String {
    let name = |task| trace.names().task(task);
    let Some(task) = state.task(id) else { return String::new() };
    let claims = task.claims.iter().filter_map(|claim| Some(of_claim(trace, state.lock(claim.lock)?, claim)));
    let mut parts: Vec<String> = claims.collect();
    match task.life {
        Life::Unborn => parts.push("has not started".into()),
        Life::Finished => parts.push("came to its end".into()),
        Life::Asleep { until, .. } => parts.push(format!("sleeps until {}", words::moment(until))),
        Life::Running if parts.is_empty() => parts.push("runs without a lock".into()),
        Life::Running => {}
    }
    format!("{} {}.", words::opening(name(id)), parts.join("; "))
}

/// What a task holds or waits for with one of its acquisitions.
fn of_claim(trace: &Trace, lock: &Lock, claim: &Claim) -> String {
    let (name, since) = (trace.names().lock(claim.lock), words::moment(claim.since));
    let what = match claim.mode {
        Mode::Permits(permits) => format!("{} of {name}", words::permits(permits)),
        Mode::Signal => format!("a notification of {name}"),
        Mode::Message => format!("a message in {name}"),
        Mode::Room => format!("room in {name}"),
        Mode::Exclusive | Mode::Shared => name.to_owned(),
    };
    let to = match claim.mode {
        Mode::Shared => " to read",
        Mode::Exclusive if lock.kind.family() == Family::RwLock => " to write",
        _ => "",
    };
    let waits = match claim.stage {
        Stage::Holding if lock.moves => return format!("acquired {what}{to} at {since}"),
        Stage::Holding => return format!("holds {what}{to} since {since}"),
        Stage::Granted => return format!("was granted {what}{to} at {since} and has not run yet"),
        Stage::Woken => return format!("was woken for {what} at {since} and has not tried yet"),
        Stage::Waiting => "waits for",
        Stage::Blocked => "blocks its thread, waiting for",
    };
    let place = lock.queue.rank(claim.op);
    let mut part = format!("{waits} {what}{to} since {since}");
    if let Some(at) = place.filter(|_| lock.hands_over()) {
        part += &format!(", #{} in the queue", at + 1);
    }
    let lacks = place.and_then(|at| lock.lacks(lock.queue.nth(at)?)).filter(|&lacks| lacks > 0);
    if let Some(lacks) = lacks {
        part += &format!(", lacking {lacks}");
    }
    let ahead = place.and_then(|at| lock.queue.nth(at.checked_sub(1)?));
    match (lock.owner(), ahead) {
        (Some(_), Some(ahead)) if lock.admits(claim.mode) => {
            let ahead = words::the(trace.names().task(ahead.task));
            part += &format!("; behind {ahead}, though there would be enough for it");
        }
        (Some(_), _) => {
            let owners = owners(trace.names(), lock, false);
            part += &format!("; {owners} {} it", if lock.owners().nth(1).is_some() { "have" } else { "has" });
        }
        (None, _) if lock.is_taken_unseen() => part += "; who has it is not recorded",
        (None, _) => {}
    }
    part
}

/// The names of a lock's owners.
pub(super) fn owners(names: &Names, lock: &Lock, opens: bool) -> String {
    list(names, lock.owners(), opens)
}

/// The names of those at these places, each once if they are few.
fn list<'a>(names: &Names, places: impl Iterator<Item = &'a Place>, opens: bool) -> String {
    let mut tasks: Vec<TaskId> = places.map(|place| place.task).collect();
    tasks.dedup();
    let said: Vec<&str> = tasks.iter().map(|task| names.task(*task)).collect();
    words::list(&said, opens)
}

/// How things stand with a lock in `state`: whose it is, who waits.
pub fn of_lock(trace: &Trace, state: &State, id: LockId) -> String {
    let name = |task| trace.names().task(task);
    let Some(lock) = state.lock(id) else { return String::new() };
    let kind = format!(" ({}, {})", lock.kind.path(), lock.kind.policy());
    let held = match (lock.holders.front(), lock.granted.front()) {
        _ if lock.kind.family() == Family::Notify => {
            let stored = if lock.stored { "has a notification stored" } else { "has nothing stored" };
            format!("{stored}, and {} lost", words::counted(lock.lost, "notification"))
        }
        _ if lock.kind.family() == Family::Channel => {
            format!("has {}", words::counted(lock.messages, "message"))
        }
        (Some(holder), _) => {
            let one = lock.holders.only().map(|only| words::the(name(only.task)));
            let all = one.unwrap_or_else(|| owners(trace.names(), lock, false));
            let verb = if lock.moves { "was acquired by" } else { "is held by" };
            format!("{verb} {all}{}", since(lock, holder))
        }
        (None, Some(_)) => {
            let has = if lock.granted.len() > 1 { "have" } else { "has" };
            format!("is granted to {}, who {has} not run yet", owners(trace.names(), lock, false))
        }
        (None, None) if lock.is_taken_unseen() || state.lost > 0 => "has no owner that is known".to_owned(),
        (None, None) => "is free".to_owned(),
    };
    let free = lock.free().map_or_else(String::new, |free| format!(", {} free", words::permits(free)));
    let queue: Vec<_> = lock
        .queue
        .iter()
        .take(8)
        .map(|place| format!("{} since {}", name(place.task), words::moment(place.since)))
        .collect();
    let more = lock.queue.len().saturating_sub(queue.len());
    let queue = match (queue.is_empty(), more) {
        (true, _) => "nobody waits".to_owned(),
        (false, 0) => format!("queue: {}", queue.join(", ")),
        (false, more) => format!("queue: {}, and {more} more", queue.join(", ")),
    };
    let handoffs = if lock.hands_over() { format!("; {} handoffs", lock.handoffs) } else { String::new() };
    format!("{}{kind} {held}{free}; {queue}{handoffs}.", trace.names().lock(id))
}

/// How things stand, before any handoff: who has the lock that is most asked for, who waits.
pub(super) fn situation(trace: &Trace, state: &State) -> Option<Sentence> {
    if state.moment == 0 {
        return None;
    }
    let busiest = state
        .locks
        .iter()
        .enumerate()
        .filter(|(_, lock)| lock.owner().is_some() || !lock.queue.is_empty())
        .max_by_key(|(id, lock)| (lock.queue.len(), std::cmp::Reverse(*id)));
    let Some((id, lock)) = busiest else { return Some(at_rest(trace, state)) };
    let lock_name = trace.names().lock(LockId(id as u32));
    let since = lock.owner().or_else(|| lock.queue.front())?.since;
    let held = held(trace.names(), state, lock, lock_name);
    let waits = waits(trace.names(), lock, lock_name);
    let text = held.map_or_else(|| waits.clone(), |held| format!("{held} {waits}"));
    Some(Sentence { at: since, text })
}

/// So many events are looked through for what happened to the data.
const LOOK_BACK: u64 = 256;

/// How things stand while nobody has or wants a lock: what happened last to the data, if that was lately.
fn at_rest(trace: &Trace, state: &State) -> Sentence {
    // What began before a gap may go on after it, unseen.
    let rest = match state.lost {
        0 => "No lock is held, and nobody waits.".to_owned(),
        lost => format!("{} missing: who has a lock or waits since before that is not known.", are(lost)),
    };
    let lately = (state.moment.saturating_sub(LOOK_BACK) + 1..=state.moment).rev();
    let data = lately.filter_map(|seq| trace.event(seq)).find_map(|event| {
        let who = words::opening(trace.names().task(event.actor.task));
        let text = match &event.what {
            What::Get { key, value, .. } => format!("{who} read {key}: {}.", option(value.as_deref())),
            What::Insert { key, value, .. } => format!("{who} set {key} to {value}."),
            _ => return None,
        };
        Some(Sentence { at: event.at, text: format!("{text} {rest}") })
    });
    data.unwrap_or_else(|| Sentence { at: state.at, text: rest.clone() })
}

/// `1 event is`, `2 events are`.
fn are(events: u64) -> String {
    format!("{} {}", words::events(events), if events == 1 { "is" } else { "are" })
}

/// Since when a lock is theirs of whom this is the first.
fn since(lock: &Lock, first: &Place) -> String {
    let together = lock.owners().all(|owner| owner.since == first.since);
    format!("{} {}", if together { " since" } else { ", the first since" }, words::moment(first.since))
}

/// Who has a lock, in a sentence.
pub(super) fn held(names: &Names, state: &State, lock: &Lock, name: &str) -> Option<String> {
    let owner = lock.owner()?;
    // One task may have several parts.
    let several = lock.owners().any(|other| other.task != owner.task);
    let what = match (owner.mode, lock.permits, lock.free()) {
        (Mode::Permits(_), Some(all), Some(free)) => {
            format!("{} of {} of {name}", all - free, words::permits(all))
        }
        (Mode::Shared, ..) => format!("{name} to read"),
        (Mode::Exclusive, ..) if lock.kind.family() == Family::RwLock => format!("{name} to write"),
        _ => name.to_owned(),
    };
    let owns = owners(names, lock, true);
    let task = state.task(owner.task);
    if lock.holders.is_empty() && several {
        let when = words::moment(owner.since);
        return Some(format!("{owns} were granted {what} at {when}, and have not run yet."));
    }
    if lock.holders.is_empty() {
        return Some(unpolled(names, state, owner, &what));
    }
    if !several && task.is_some_and(|task| task.life == Life::Finished) {
        // Leaked, or in another task.
        let when = words::moment(owner.since);
        return Some(format!(
            "{owns} got {what} at {when} and has ended, but its guard has not been dropped."
        ));
    }
    if lock.moves {
        // Somebody else may have it by now.
        let (first, when) = (if several { ", the first" } else { "" }, words::moment(owner.since));
        return Some(format!("{owns} acquired {what}{first} at {when}."));
    }
    let asleep = task.is_some_and(|task| matches!(task.life, Life::Asleep { .. }));
    let hold = if several { "hold" } else { "holds" };
    Some(format!(
        "{owns} {hold} {what}{}{}.",
        since(lock, owner),
        if asleep && !several { ", asleep with the guard in hand" } else { "" },
    ))
}

/// Who was granted `what`, and has not run, in a sentence.
pub(super) fn unpolled(names: &Names, state: &State, place: &Place, what: &str) -> String {
    let (who, when) = (words::opening(names.task(place.task)), words::moment(place.since));
    let elsewhere = state.task(place.task).and_then(Task::waits_with).filter(|claim| claim.op != place.op);
    let but = match elsewhere {
        None => "has not run yet".to_owned(),
        Some(claim) => {
            format!("has not polled that future since: it waits for {} in another", names.lock(claim.lock))
        }
    };
    format!("{who} was granted {what} at {when}, and {but}.")
}

/// Who waits for a lock, in a sentence or two.
pub(super) fn waits(names: &Names, lock: &Lock, name: &str) -> String {
    let task = |place: &Place| names.task(place.task);
    let Some(first) = lock.queue.front() else { return "Nobody waits.".to_owned() };
    let since = words::moment(first.since);
    let who = words::opening(task(first));
    let second = lock.queue.nth(1);
    let given = match first.mode {
        Mode::Signal => Some("to be notified"),
        Mode::Message => Some("for a message"),
        Mode::Room => Some("for room"),
        _ => None,
    };
    if let Some(given) = given {
        let behind = lock.queue.len() - 1;
        let behind = if behind > 0 { format!(", {behind} behind") } else { String::new() };
        return format!("{who} waits {given} in {name} since {since}{behind}.");
    }
    if let (Mode::Permits(wants), Some(lacks)) = (first.mode, lock.lacks(first)) {
        let behind = lock.queue.len() - 1;
        let behind = if behind > 0 { format!("; {behind} behind") } else { String::new() };
        return match second.map(|second| (second, second.mode)) {
            _ if lacks == 0 => format!("{who} waits for {} since {since}.", words::permits(wants)),
            // Whoever is behind lacks nothing but its turn.
            Some((second, mode @ Mode::Permits(asks))) if lock.admits(mode) => {
                noted::head_of_line(&who, (wants, lacks), &words::the(task(second)), asks)
            }
            _ if lock.permits.is_some_and(|all| all < wants) => {
                let (wants, all) = (words::permits(wants), lock.permits.unwrap_or(0));
                format!(
                    "{who} waits for {wants} of {name} since {since}, which has {all} in all by now{behind}."
                )
            }
            _ => format!("{who} waits for {} since {since}, lacking {lacks}{behind}.", words::permits(wants)),
        };
    }
    let still = if lock.kind.blocks() { ", and its thread stands still" } else { "" };
    let mut text = match lock.queue.len() {
        // Where no order is promised, who asked first is not next.
        1 if !lock.hands_over() => format!("{who} waits since {since}{still}."),
        waiters if !lock.hands_over() => {
            format!("{waiters} wait, {} the longest, since {since}{still}.", words::the(task(first)))
        }
        1 => format!("{who} waits since {since}: first in the queue{still}."),
        waiters => format!(
            "First in the queue: {}, since {since}{still}; {} behind.",
            words::the(task(first)),
            waiters - 1
        ),
    };
    let reads = |place: &&Place| place.mode == Mode::Shared;
    let reader = lock.queue.iter().find(reads).filter(|_| first.mode == Mode::Exclusive);
    if let Some(reader) = reader.filter(|_| lock.owner().is_some() && lock.admits(Mode::Shared)) {
        text +=
            &format!(" {} waits behind it, although only readers hold {name}.", words::opening(task(reader)));
    }
    text
}
