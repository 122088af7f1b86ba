//! What is said of a note: barging, giving up, a notification that nobody heard, waiting behind another.

use crate::event::{LockId, LockKind, Mode, OpId, TaskId, Time, What};
use crate::trace::{Note, Noted, Trace, words};

/// What `note` says, in a sentence.
pub fn note(trace: &Trace, note: &Note) -> String {
    let name = |task: TaskId| trace.names().task(task);
    let who = words::opening(name(note.task));
    match note.what {
        Noted::Barged { ahead_of, since, woken, times, again } => {
            let (ahead, since) = (words::the(name(ahead_of)), words::moment(since));
            let took = if again { "took it again: it was running" } else { "took it: it was free just then" };
            let more = match times {
                0 | 1 if woken => ", was woken, but has not run".to_owned(),
                0 | 1 => String::new(),
                times => format!(", overtaken {times} times by now"),
            };
            format!("{who} {took}, and nothing reserves the lock for {ahead}, who waits since {since}{more}.")
        }
        Noted::Took { asked, overtaken } => {
            let waited = words::growing(note.at.since(asked));
            let before = match overtaken {
                0 => String::new(),
                1 => " It had been overtaken once.".to_owned(),
                times => format!(" It had been overtaken {times} times."),
            };
            format!("{who} got it after {waited}: it was the quickest when the lock was free.{before}")
        }
        Noted::GaveUp { op, since, position } => gave_up(trace, note, &who, (op, since, position)),
        Noted::Unheard { all, stored } => {
            let whom = if all { "all" } else { "one" };
            match (all, stored) {
                (_, true) => {
                    format!(
                        "{who} notified {whom} while nobody was waiting: it is stored for whoever asks next."
                    )
                }
                (true, false) => format!("{who} notified {whom}, but nobody was waiting: lost."),
                (false, false) => {
                    format!("{who} notified {whom}, but nobody was waiting and one is stored already: lost.")
                }
            }
        }
        Noted::HeldUp { by, wants, lacks, asks } => {
            let (ahead, ahead_opens) = (words::the(name(by)), words::opening(name(by)));
            let held_up = words::the(name(note.task));
            if let (Mode::Permits(wants), Mode::Permits(asks)) = (wants, asks) {
                return head_of_line(&ahead_opens, (wants, lacks.unwrap_or(0)), &held_up, asks);
            }
            let lock = lock_name(trace, note);
            format!(
                "{who} waits behind {ahead}, although only readers hold {lock}: a writer who waits lets no \
                 later reader in."
            )
        }
        Noted::Late { due, ran } => {
            let late = words::growing(note.at.since(due));
            let (due, now) = (words::moment(due), words::moment(note.at));
            let ran = words::the(name(ran));
            format!(
                "{who} wakes {late} late: its timer was due at {due}, but {ran} ran until {now}, and nobody else \
                 could."
            )
        }
    }
}

fn lock_name<'a>(trace: &'a Trace, note: &Note) -> &'a str {
    note.lock.map_or("?", |lock| trace.names().lock(lock))
}

/// Who needs so many permits, and who has to wait behind it for fewer.
pub(super) fn head_of_line(first: &str, (wants, lacks): (u32, u32), behind: &str, asks: u32) -> String {
    let wants = words::permits(wants);
    format!("{first} needs {wants} and lacks {lacks}: {behind}, which needs {asks}, waits behind it.")
}

fn gave_up(
    trace: &Trace,
    note: &Note,
    who: &str,
    (op, since, position): (OpId, Time, Option<usize>),
) -> String {
    let after = words::growing(note.at.since(since));
    let why = reason(trace, note, op);
    let ordered = note.lock.is_none_or(|lock| trace.names().policy(lock).hands_over());
    match position {
        Some(position) if ordered => format!("{who} gave up its place (#{position}) after {after}: {why}."),
        Some(_) => format!("{who} gave up after {after}: {why}."),
        None => {
            let lock = lock_name(trace, note);
            format!(
                "{who} was granted {lock} at {}, and was cancelled before it ran: {why}.",
                words::moment(since)
            )
        }
    }
}

/// Why an operation was cancelled: what its task did just before, if that drops futures.
fn reason(trace: &Trace, note: &Note, op: OpId) -> &'static str {
    let mut moment = note.seq;
    while let Some(event) = trace.event(moment) {
        match event.what {
            What::Timeout => return "its time was up",
            What::Select { .. } => return "another arm of its select! was quicker",
            // Several can be dropped together, with the guards that they hold.
            What::Cancel { .. } | What::Release { .. } => {}
            // Who is let in by that comes between.
            What::Grant { lock, op: granted, .. } if (Some(lock), granted) != (note.lock, op) => {}
            _ => break,
        }
        moment -= 1;
    }
    let kind = note.lock.and_then(|lock| trace.names().locks.get(lock.0 as usize)).map(|lock| lock.kind);
    let of_program = trace.event(note.seq).is_some_and(|event| event.actor.step.is_none());
    // Closing one is no event, and no scenario does it.
    if kind == Some(LockKind::TokioSemaphore) && of_program {
        return "its future was dropped, or the semaphore was closed";
    }
    "its future was dropped"
}

/// The last notification of a notifier that nobody heard.
pub(super) fn unheard(trace: &Trace, lock: LockId) -> Option<&Note> {
    let lost =
        |note: &&Note| note.lock == Some(lock) && matches!(note.what, Noted::Unheard { stored: false, .. });
    trace.notes(trace.len()).iter().rev().find(lost)
}
