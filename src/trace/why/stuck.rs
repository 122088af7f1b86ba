//! What is said of a deadlock: who, what, why.

use super::noted::unheard;
use crate::event::{LockId, Mode, Names, TaskId};
use crate::trace::deadlock::{InTheWay, Ring, Wait};
use crate::trace::{Cause, State, Trace, words};

/// So many rings, waits of a ring, and others are told of.
const MOST: usize = 4;

/// Who waits for whom, when nothing can move any more; of those who are many, some.
pub fn stuck(trace: &Trace) -> String {
    let Some(deadlock) = trace.deadlock() else { return "Deadlock: nothing can move any more.".to_owned() };
    let state = trace.state(trace.len());
    let told = Told { names: trace.names(), trace: Some(trace), state: &state };
    let mut text = String::new();
    for (index, ring) in deadlock.rings.iter().take(MOST).enumerate() {
        let what = ring.cause.words();
        text += &if index == 0 { format!("Deadlock, a {what}: ") } else { format!(" Another {what}: ") };
        text += &format!("{}.", told.ring(ring));
    }
    match deadlock.rings.len().saturating_sub(MOST) {
        0 => {}
        1 => text += " And another.",
        more => text += &format!(" And {more} others."),
    }
    let behind: Vec<String> = deadlock.behind.iter().take(MOST).map(|wait| told.behind(wait)).collect();
    if !behind.is_empty() {
        let more = match deadlock.behind.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!("; {more} more"),
        };
        text += &format!(" Stuck behind: {}{more}.", behind.join("; "));
    }
    text
}

/// What is told of.
pub(super) struct Told<'a> {
    pub names: &'a Names,
    /// What led there, where that is known.
    pub trace: Option<&'a Trace>,
    pub state: &'a State,
}

impl Told<'_> {
    pub fn task(&self, task: TaskId) -> String {
        words::the(self.names.task(task))
    }

    pub fn lock(&self, lock: LockId) -> &str {
        self.names.lock(lock)
    }

    /// Why those of a ring are stuck.
    pub fn ring(&self, ring: &Ring) -> String {
        let Some(first) = ring.waits.first() else { return String::new() };
        match ring.cause {
            Cause::SelfLock => {
                let (task, lock) = (self.task(first.task), self.lock(first.lock));
                format!("{task} waits for {lock}, which it holds itself")
            }
            Cause::Cycle => self.round(ring),
            Cause::RecursiveRead => self.recursive_read(ring),
            Cause::Futurelock => {
                let unpolled = |wait: &&Wait| wait.way == InTheWay::Granted;
                self.futurelock(ring.waits.iter().find(unpolled).unwrap_or(first), ring)
            }
            Cause::BlockedThread => self.blocked(first),
            Cause::MissedNotification => self.missed(first),
        }
    }

    /// Everybody of a ring: what it has, and what it waits for.
    fn round(&self, ring: &Ring) -> String {
        let told = |(place, wait): (usize, &Wait)| {
            // What the one before it in the ring waits for is what it holds.
            let before = &ring.waits[(place + ring.waits.len() - 1) % ring.waits.len()];
            let has = match before.way {
                InTheWay::Holds => "holds",
                InTheWay::Granted => "was granted",
                InTheWay::Ahead => "is ahead in the queue of",
            };
            let (task, held) = (self.task(wait.task), self.lock(before.lock));
            format!("{task} {has} {held} and waits for {}", self.lock(wait.lock))
        };
        let told: Vec<String> = ring.waits.iter().enumerate().take(MOST).map(told).collect();
        let more = match ring.waits.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!("; and {more} more round to {}", self.task(ring.waits[0].task)),
        };
        format!("{}{more}", told.join("; "))
    }

    fn recursive_read(&self, ring: &Ring) -> String {
        let reader = ring.waits.iter().find(|wait| wait.way == InTheWay::Ahead && wait.mode == Mode::Shared);
        let (Some(reader), 2) = (reader, ring.waits.len()) else { return self.round(ring) };
        let (task, lock) = (self.task(reader.task), self.lock(reader.lock));
        let writer = reader.owner.map_or_else(String::new, |writer| self.task(writer));
        format!(
            "{task} reads {lock} and waits to read it once more, behind {writer}; {writer} waits to write \
             until {task} lets go of its first share"
        )
    }

    /// The futurelock that `wait` is stuck in.
    fn futurelock(&self, wait: &Wait, ring: &Ring) -> String {
        let (task, lock) = (self.task(wait.task), self.lock(wait.lock));
        let owner = wait.owner.unwrap_or(wait.task);
        let itself = owner == wait.task;
        let unpolled = "select! does not poll that one any more, so nobody can let go";
        if wait.way == InTheWay::Ahead {
            return format!("{task} waits for {lock} behind its own earlier future: {unpolled}");
        }
        let whose = if itself {
            "its own earlier future".to_owned()
        } else {
            format!("a future of {}", self.task(owner))
        };
        let let_in = self.state.lock(wait.lock).and_then(|lock| {
            let granted = lock.granted.iter().find(|place| place.task == owner).map(|place| place.since);
            let woken = || lock.queue.iter().find(|place| place.task == owner).and_then(|place| place.woken);
            granted.or_else(woken)
        });
        let when = let_in.map_or_else(String::new, |at| format!(" at {}", words::moment(at)));
        let hands_over = self.state.lock(wait.lock).is_some_and(crate::trace::Lock::hands_over);
        let granted = if hands_over { "was granted" } else { "was offered" };
        let mut text = format!("{task} waits for {lock}, which {granted} to {whose}{when}: {unpolled}");
        let others = ring.waits.iter().filter(|other| other.task != wait.task).take(MOST);
        for other in others {
            text += &format!("; {} waits for {}", self.task(other.task), self.lock(other.lock));
        }
        text
    }

    fn blocked(&self, wait: &Wait) -> String {
        let (task, lock) = (self.task(wait.task), self.lock(wait.lock));
        match wait.owner {
            Some(owner) => {
                let owner = self.task(owner);
                format!(
                    "{task} blocks the only thread until it gets {lock}; {owner}, who holds it, can never run \
                     again there to let go"
                )
            }
            None => format!("{task} blocks the only thread until it gets {lock}"),
        }
    }

    fn missed(&self, wait: &Wait) -> String {
        let (task, lock) = (self.task(wait.task), self.lock(wait.lock));
        match wait.mode {
            Mode::Signal => {
                let lost = self.trace.and_then(|trace| unheard(trace, wait.lock));
                let lost = lost.map_or_else(String::new, |note| {
                    let by = self.task(note.task);
                    format!("; {by} had notified at {}, when nobody waited", words::moment(note.at))
                });
                format!("{task} waits for a notification of {lock}, and nobody is left to notify{lost}")
            }
            Mode::Message => format!("{task} waits for a message in {lock}, and nobody is left to send one"),
            Mode::Room => format!("{task} waits for room in {lock}, and nobody is left to receive"),
            Mode::Permits(permits) => format!(
                "{task} waits for {} of {lock}, and nobody is left to add any",
                words::permits(permits)
            ),
            Mode::Exclusive | Mode::Shared => {
                format!("{task} waits for {lock}, and nobody is left to wake it")
            }
        }
    }

    fn behind(&self, wait: &Wait) -> String {
        let (task, lock) = (self.task(wait.task), self.lock(wait.lock));
        match (wait.owner, wait.way) {
            (None, _) => format!("{task} waits for {lock}"),
            (Some(owner), InTheWay::Holds) => {
                format!("{task} waits for {lock}, held by {}", self.task(owner))
            }
            (Some(owner), InTheWay::Granted) => {
                format!("{task} waits for {lock}, granted to {}", self.task(owner))
            }
            (Some(owner), InTheWay::Ahead) => format!("{task} waits for {lock}, behind {}", self.task(owner)),
        }
    }
}
