//! One event in a few words, and in fewer where there is little room.

use serde_json::Value as Json;

use super::Tone;
use crate::event::{Event, Family, LockId, Mode, Names, OpId, What};
use crate::trace::{Lock, Notice, State, words};

/// One event in a few words; `state` is what holds after it. Where there are several locks, it says
/// which.
pub fn tell(event: &Event, state: &State, names: &Names) -> (String, Tone) {
    let (mut text, tone) = tell_one(event, state, names);
    if names.locks.len() > 1
        && let Some(lock) = event.what.lock()
    {
        text = format!("{text} {}", names.lock(lock));
    }
    (text, tone)
}

/// The same in fewer words, from long to short. What goes first is what can be seen elsewhere: which lock
/// it is, what it is asked for.
pub fn shorter(event: &Event, state: &State, names: &Names) -> Vec<String> {
    let lock = event.what.lock().filter(|_| names.locks.len() > 1).map(|lock| names.lock(lock));
    let with = |verb: &str| lock.map(|lock| format!("{verb} {lock}"));
    let plain: Vec<String> = match &event.what {
        What::Sleep { .. } => vec!["sleeps".into()],
        What::Wake => {
            late(state, event).map_or_else(Vec::new, |late| vec![format!("{late} late"), "late".into()])
        }
        What::Wait { lock, op, mode } => {
            let Some(lock) = state.lock(*lock) else { return Vec::new() };
            let waits = if lock.kind.blocks() { "blocks" } else { "waits" };
            let place = place(lock, *op).map(|number| format!(" #{number}"));
            let much =
                if let Mode::Permits(permits) = mode { format!(" ×{permits}") } else { String::new() };
            let alone = place.iter().map(|place| format!("{waits}{place}"));
            let place = place.as_deref().unwrap_or_default();
            let all = with(waits).into_iter();
            let all =
                all.flat_map(|waits| [format!("{waits}{much}{place}"), format!("{waits}{place}"), waits]);
            all.chain(alone).chain([waits.to_owned()]).collect()
        }
        What::Acquire { lock, .. } if keeps(state.lock(*lock), event) => vec!["keeps".into()],
        What::Acquire { lock, op, .. } => {
            let ahead = state.lock(*lock).and_then(|lock| lock.overtaken_by(*op));
            match ahead {
                Some(ahead) => vec![format!("ahead of {}", names.task(ahead.task)), "barging".into()],
                None => with("has").into_iter().chain(["acquires".to_owned(), "has it".to_owned()]).collect(),
            }
        }
        What::Release { .. } => with("frees").into_iter().chain(["release".to_owned()]).collect(),
        What::Cancel { .. } => vec!["gives up".into()],
        What::Busy { mode: Mode::Room, .. } => vec!["send fails".into(), "fails".into()],
        What::Busy { .. } => vec!["fails".into()],
        What::Debug { name, value, .. } => {
            let value = option(value.as_deref());
            vec![format!("{name}={value}"), value]
        }
        What::Get { key, value, .. } => {
            let value = option(value.as_deref());
            vec![format!("{key}: {value}"), format!("get {value}"), value]
        }
        What::Insert { value, .. } => vec![format!("insert {value}"), format!("sets {value}")],
        What::AddPermits { permits, .. } => vec![format!("adds {permits}")],
        What::ForgetPermits { permits, .. } => vec![format!("forgets {permits}"), "forgets".into()],
        What::Notify { lock, .. } => match state.lock(*lock).and_then(|lock| lock.notice) {
            Some(Notice::Lost) => vec!["lost".into()],
            Some(Notice::Stored) => vec!["stored".into()],
            Some(Notice::Heard) | None => vec!["notifies".into()],
        },
        What::Heard { .. } => vec!["goes on".into()],
        What::Sent { value, .. } => vec![format!("sends {value}"), "sends".into()],
        What::Received { value, .. } => {
            let value = option(value.as_deref());
            vec![format!("receives {value}"), format!("gets {value}"), "receives".into()]
        }
        What::Timeout => vec!["time's up".into()],
        What::Select { arm } => vec![format!("arm {arm}")],
        What::Lost { events } => vec![format!("{events} lost")],
        What::Spawn | What::Finish | What::Grant { .. } | What::Print { .. } | What::Say { .. } => Vec::new(),
    };
    plain
}

/// How late a task wakes, if that is worth a word.
fn late(state: &State, event: &Event) -> Option<String> {
    state.task(event.actor.task)?.late.map(words::brief)
}

fn tell_one(event: &Event, state: &State, names: &Names) -> (String, Tone) {
    match &event.what {
        What::Spawn => ("starts".into(), Tone::Life),
        What::Finish => ("ends".into(), Tone::Life),
        What::Sleep { until } => {
            (format!("sleeps {}", words::brief(words::timer(event.at, *until))), Tone::Life)
        }
        What::Wake => match late(state, event) {
            Some(late) => (format!("wakes {late} late"), Tone::Life),
            None => ("wakes".into(), Tone::Life),
        },
        What::Wait { lock, op, mode } => (waiting(state.lock(*lock), event, *op, *mode), Tone::Wait),
        What::Grant { lock, .. } => (granting(event, state.lock(*lock)).into(), Tone::Grant),
        What::Acquire { lock, mode, .. } if keeps(state.lock(*lock), event) => {
            let part = match mode {
                Mode::Shared => "a share".to_owned(),
                Mode::Permits(permits) => words::permits(*permits),
                _ => "it".to_owned(),
            };
            (format!("keeps {part}"), Tone::Release)
        }
        What::Acquire { lock, op, mode } => {
            (acquiring(state, names, event, (*lock, *op, *mode)), Tone::Acquire)
        }
        What::Release { .. } => ("release".into(), Tone::Release),
        What::Cancel { .. } => ("gives up".into(), Tone::Cancel),
        What::Busy { mode: Mode::Shared, .. } => ("try_read fails".into(), Tone::Cancel),
        What::Busy { mode: Mode::Permits(_), .. } => ("try_acquire fails".into(), Tone::Cancel),
        What::Busy { mode: Mode::Room, .. } => ("send fails: the receiver is gone".into(), Tone::Cancel),
        What::Busy { .. } => ("try_lock fails".into(), Tone::Cancel),
        What::Print { text } => (text.to_string(), Tone::Print),
        What::Debug { name, value, .. } => (format!("{name} = {}", option(value.as_deref())), Tone::Print),
        What::Get { key, value, .. } => (format!("get {key}: {}", option(value.as_deref())), Tone::Data),
        What::Insert { value, .. } => (format!("insert {value}"), Tone::Data),
        What::AddPermits { permits, .. } => (format!("adds {}", words::permits(*permits)), Tone::Release),
        What::ForgetPermits { permits, .. } => {
            (format!("forgets {}", words::permits(*permits)), Tone::Release)
        }
        What::Notify { lock, all } => {
            let whom = if *all { "all" } else { "one" };
            let fate = match state.lock(*lock).and_then(|lock| lock.notice) {
                Some(Notice::Lost) => ": lost",
                Some(Notice::Stored) => ": stored",
                Some(Notice::Heard) | None => "",
            };
            (format!("notifies {whom}{fate}"), Tone::Release)
        }
        What::Heard { .. } => ("goes on, notified".into(), Tone::Acquire),
        What::Sent { value, .. } => (format!("sends {value}"), Tone::Data),
        What::Received { value, .. } => (format!("receives {}", option(value.as_deref())), Tone::Data),
        What::Timeout => ("time is up".into(), Tone::Cancel),
        What::Select { arm } => (format!("select: arm {arm}"), Tone::Life),
        What::Say { text } => (text.to_string(), Tone::Caption),
        What::Lost { events } => (format!("{} not recorded", words::events(*events)), Tone::Cancel),
    }
}

/// Who begins to wait, for what, and its place in the queue.
fn waiting(lock: Option<&Lock>, event: &Event, op: OpId, mode: Mode) -> String {
    let Some(lock) = lock else { return "waits".into() };
    // Whoever begins to wait is the last.
    let last = lock.queue.back().filter(|last| last.op == op);
    let again = last.or_else(|| lock.queue.get(op)).is_some_and(|place| place.asked_seq != event.seq);
    let waits = if lock.kind.blocks() { "blocks" } else { "waits" };
    let wanted = match mode {
        _ if again => " again".to_owned(),
        Mode::Exclusive if lock.kind.family() == Family::RwLock => " to write".to_owned(),
        Mode::Exclusive => String::new(),
        Mode::Shared => " to read".to_owned(),
        Mode::Permits(permits) => format!(" for {}", words::permits(permits)),
        Mode::Signal => return format!("{waits} to be notified"),
        Mode::Message => return format!("{waits} for a message"),
        Mode::Room => " for room".to_owned(),
    };
    let place = place(lock, op).map_or_else(String::new, |number| format!(" #{number}"));
    format!("{waits}{wanted}{place}")
}

/// The place in the queue of who begins to wait, counted from 1; `None` where a lock promises no order.
fn place(lock: &Lock, op: OpId) -> Option<usize> {
    let last = || lock.queue.back().filter(|last| last.op == op).map(|_| lock.queue.len());
    let number = || last().or_else(|| Some(lock.queue.rank(op)? + 1)).unwrap_or(1);
    lock.hands_over().then(number)
}

/// The word for a grant of this lock.
pub(super) fn granting(event: &Event, lock: Option<&Lock>) -> &'static str {
    let What::Grant { op, mode, .. } = event.what else { return "" };
    // Granted in the very event with which it asked: it got the lock at once, but has to let others
    // run first, because its cooperative budget is used up.
    let at_once =
        lock.is_some_and(|lock| lock.granted.get(op).is_some_and(|place| place.asked_seq == event.seq));
    match mode {
        _ if at_once => "granted, yields first",
        Mode::Signal => "notified",
        Mode::Message => "woken",
        _ if lock.is_some_and(|lock| !lock.hands_over()) => "woken",
        Mode::Room => "has room",
        Mode::Exclusive | Mode::Shared | Mode::Permits(_) => "granted",
    }
}

/// Whether whoever acquires has it already, and keeps only a part.
fn keeps(lock: Option<&Lock>, event: &Event) -> bool {
    lock.and_then(|lock| lock.freed).is_some_and(|freed| freed.seq == event.seq)
}

/// Who acquires what, and whom it went ahead of.
fn acquiring(state: &State, names: &Names, event: &Event, (id, op, mode): (LockId, OpId, Mode)) -> String {
    let lock = state.lock(id);
    let ahead = lock.and_then(|lock| lock.overtaken_by(op));
    let last = lock.and_then(|lock| lock.freed).is_some_and(|freed| freed.task == event.actor.task);
    let is_rwlock = lock.is_some_and(|lock| lock.kind.family() == Family::RwLock);
    let takes = match mode {
        Mode::Shared => "reads".to_owned(),
        Mode::Exclusive if is_rwlock => "writes".to_owned(),
        Mode::Permits(permits) => format!("acquires {}", words::permits(permits)),
        _ if ahead.is_some() && last => "takes it".to_owned(),
        _ => "acquires".to_owned(),
    };
    match ahead {
        Some(_) if last => format!("{takes} again: barging"),
        Some(ahead) => format!("{takes}, ahead of {}", words::the(names.task(ahead.task))),
        None => takes,
    }
}

/// A value that may not be there, briefly.
pub(crate) fn option(value: Option<&Json>) -> String {
    value.map_or_else(|| "None".into(), |value| format!("Some({value})"))
}
