//! What is worth a sentence although nothing was handed over: somebody went ahead of a waiter, gave up,
//! notified nobody, or has to wait behind another for what would be free.

use std::time::Duration;

use super::events::Events;
use super::state::permits;
use super::{Life, Lock, Notice, State};
use crate::event::{Event, LockId, Mode, OpId, TaskId, Time, What};

/// So many events are looked through for who ran while a timer was due.
const LOOK_BACK: usize = 256;

/// One thing that is worth a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The event.
    pub seq: u64,
    /// Its time.
    pub at: Time,
    /// The lock that it is about, if it is about one.
    pub lock: Option<LockId>,
    /// Who did it, or whom it befell.
    pub task: TaskId,
    /// What.
    pub what: Noted,
}

/// What a [`Note`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It acquired a lock that nobody reserves for those who wait, ahead of one who asked earlier.
    Barged {
        /// The longest waiter that could have had it instead.
        ahead_of: TaskId,
        /// Since when that one waits.
        since: Time,
        /// Whether that one had been woken for it.
        woken: bool,
        /// How often that one has been overtaken by now.
        times: u32,
        /// Whether whoever took it had let go of it last.
        again: bool,
    },
    /// Having waited, it acquired a lock without having been woken for it alone.
    Took {
        /// When it had asked.
        asked: Time,
        /// How often it had been overtaken.
        overtaken: u32,
    },
    /// Its operation was cancelled.
    GaveUp {
        /// Which.
        op: OpId,
        /// When it had asked, or was granted what it asked for.
        since: Time,
        /// Its place in the queue, counted from 1; `None` if it had been granted already.
        position: Option<usize>,
    },
    /// It notified, and nobody waited.
    Unheard {
        /// Everybody, not one.
        all: bool,
        /// Whether the notification is stored for whoever asks next; if not, it is lost.
        stored: bool,
    },
    /// It waits for what would be free, but for somebody ahead in the queue.
    HeldUp {
        /// Who that is.
        by: TaskId,
        /// What that one asks for.
        wants: Mode,
        /// How many permits that one lacks.
        lacks: Option<u32>,
        /// What it asks for itself.
        asks: Mode,
    },
    /// It woke later than its timer was due, because somebody let nobody else run.
    Late {
        /// When that was.
        due: Time,
        /// Who ran meanwhile: nobody else did anything, and it neither slept nor waited.
        ran: TaskId,
    },
}

impl Note {
    /// What is worth noting of `event`, which leads from `before` to a state that is not known yet.
    pub(super) fn before(before: &State, event: &Event) -> Option<Self> {
        let (id, op) = match event.what {
            What::Cancel { lock, op } | What::Acquire { lock, op, .. } => (lock, op),
            What::Release { lock: id, op } => {
                let lock = before.lock(id)?;
                return Self::held_up(lock, id, permits(lock.holders.get(op)?.mode), event);
            }
            What::AddPermits { lock, permits } => {
                return Self::held_up(before.lock(lock)?, lock, permits, event);
            }
            _ => return None,
        };
        let lock = before.lock(id)?;
        let queued = || lock.queue.rank(op);
        let what = match event.what {
            What::Cancel { .. } => {
                let position = queued();
                let place = match position {
                    Some(_) => lock.queue.get(op),
                    None => lock.granted.get(op),
                }?;
                let (task, since) = (place.task, place.since);
                let what = Noted::GaveUp { op, since, position: position.map(|position| position + 1) };
                return Some(Self { seq: event.seq, at: event.at, lock: Some(id), task, what });
            }
            What::Acquire { .. } if !lock.hands_over() => {
                let place = lock.queue.get(op).filter(|place| place.woken.is_none())?;
                Noted::Took { asked: place.since, overtaken: place.overtaken }
            }
            _ => return None,
        };
        Some(Self { seq: event.seq, at: event.at, lock: Some(id), task: event.actor.task, what })
    }

    /// So many permits come back, and go to nobody, although there is somebody for whom they are enough.
    fn held_up(lock: &Lock, id: LockId, back: u32, event: &Event) -> Option<Self> {
        let (first, second) = lock.holds_up(back)?;
        let lacks = lock.lacks(first).map(|lacks| lacks.saturating_sub(back));
        let what = Noted::HeldUp { by: first.task, wants: first.mode, lacks, asks: second.mode };
        Some(Self { seq: event.seq, at: event.at, lock: Some(id), task: second.task, what })
    }

    /// What is worth noting of `event`, which led to `after`.
    pub(super) fn after(after: &State, event: &Event) -> Option<Self> {
        let (What::Acquire { lock: id, .. } | What::Notify { lock: id, .. } | What::Wait { lock: id, .. }) =
            event.what
        else {
            return None;
        };
        let lock = after.lock(id)?;
        let task = event.actor.task;
        let what = match event.what {
            What::Acquire { op, .. } => {
                let ahead = lock.overtaken_by(op)?;
                Noted::Barged {
                    ahead_of: ahead.task,
                    since: ahead.since,
                    woken: ahead.woken.is_some(),
                    times: ahead.overtaken,
                    again: lock.freed.is_some_and(|freed| freed.task == task),
                }
            }
            What::Notify { all, .. } => match lock.notice? {
                Notice::Heard => return None,
                notice => Noted::Unheard { all, stored: notice == Notice::Stored },
            },
            // Not who wants all of it: nothing of that is free while anybody owns it, and if nobody
            // does, the first in the queue is about to.
            What::Wait { op, mode, .. } if mode != Mode::Exclusive && lock.admits(mode) => {
                let last =
                    lock.queue.back().filter(|place| place.op == op && place.asked_seq == event.seq)?;
                // A reader waits for a writer; who wants permits, for the first.
                let blocks = |ahead: &&super::Place| (ahead.mode, mode) != (Mode::Shared, Mode::Shared);
                let by = lock.queue.iter().find(blocks).filter(|by| by.op != last.op)?;
                if lock.admits(by.mode) {
                    return None;
                }
                Noted::HeldUp { by: by.task, wants: by.mode, lacks: lock.lacks(by), asks: mode }
            }
            _ => return None,
        };
        Some(Self { seq: event.seq, at: event.at, lock: Some(id), task, what })
    }

    /// A wake that comes too late, after `events`, which led to `before`.
    pub(super) fn late(before: &State, events: &Events, event: &Event) -> Option<Self> {
        let (What::Wake, id) = (&event.what, event.actor.task) else { return None };
        let task = before.task(id)?;
        let Life::Asleep { until: due, .. } = task.life else { return None };
        task.overdue(event.at)?;
        let what = Noted::Late { due, ran: ran_alone(events, due, event.at)? };
        Some(Self { seq: event.seq, at: event.at, lock: None, task: id, what })
    }
}

/// Who ran all the time between two moments, the later of which is now: nobody else did anything, and it
/// neither slept nor waited.
fn ran_alone(events: &Events, from: Time, now: Time) -> Option<TaskId> {
    let first = Some(events.until(from)).filter(|first| *first > 0)?;
    let meanwhile = (first..).map_while(|moment| events.get(moment)).take(LOOK_BACK + 1);
    let task = events.task(first);
    let mut count = 0;
    for event in meanwhile {
        count += 1;
        let began = event.seq == first;
        let resumes = matches!(event.what, What::Spawn | What::Wake | What::Grant { .. } | What::Timeout);
        if event.actor.task != task || (!began && resumes) {
            return None;
        }
        // It comes to an end when the others can run.
        if !began && now.since(event.at) < Duration::from_millis(1) {
            return Some(task);
        }
        if matches!(event.what, What::Sleep { .. } | What::Wait { .. } | What::Finish) || count > LOOK_BACK {
            return None;
        }
    }
    None
}
