//! Tasks that are folded into one lane: how many of them look how at one moment. Exact, by one look at
//! each member.

use crate::event::TaskId;
use crate::trace::{GroupId, Look, State, Trace, words};

/// How much a look matters where members differ. Unlike in a task's own lane, whoever has a lock comes
/// before those who wait: of many, many wait, and that is told in numbers.
pub(super) fn rank(look: Look) -> u8 {
    match look {
        Look::Absent => 0,
        Look::Idle | Look::Asleep => 1,
        Look::Waiting => 2,
        Look::Suspended => 3,
        Look::Holding => 4,
        Look::Granted => 5,
        Look::Blocked => 6,
    }
}

/// The looks, what matters most first, and the words for one and for many who look so.
const LOOKS: [(Look, &str, &str); 7] = [
    (Look::Blocked, "blocked", "blocked"),
    (Look::Granted, "granted", "granted"),
    (Look::Holding, "holds", "hold"),
    (Look::Suspended, "holds asleep", "hold asleep"),
    (Look::Waiting, "waits", "wait"),
    (Look::Idle, "runs", "run"),
    (Look::Asleep, "sleeps", "sleep"),
];

/// How many members look how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    counts: [u32; LOOKS.len()],
}

impl Tally {
    pub(super) fn of(state: &State, members: &[TaskId]) -> Self {
        let mut tally = Self::default();
        for member in members {
            tally.add(look(state, *member));
        }
        tally
    }

    pub(super) fn add(&mut self, look: Look) {
        if let Some(at) = LOOKS.iter().position(|(other, ..)| *other == look) {
            self.counts[at] += 1;
        }
    }

    pub(super) fn remove(&mut self, look: Look) {
        if let Some(at) = LOOKS.iter().position(|(other, ..)| *other == look) {
            self.counts[at] = self.counts[at].saturating_sub(1);
        }
    }

    pub(super) fn count(&self, look: Look) -> u32 {
        LOOKS.iter().zip(self.counts).find(|((other, ..), _)| *other == look).map_or(0, |(_, count)| count)
    }

    /// What matters most.
    pub(super) fn most(&self) -> Look {
        let found = LOOKS.iter().zip(self.counts).find(|(_, count)| *count > 0);
        found.map_or(Look::Absent, |((look, ..), _)| *look)
    }

    /// `1 holds · 9986 wait · 3 sleep`; how many of `members` are not there goes without saying.
    pub(super) fn words(&self) -> String {
        let said: Vec<String> = LOOKS
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
            .map(|((_, one, many), count)| format!("{count} {}", if count == 1 { one } else { many }))
            .collect();
        if said.is_empty() { "none of them is there".to_owned() } else { said.join(" · ") }
    }
}

/// What a task looks like.
pub(super) fn look(state: &State, task: TaskId) -> Look {
    state.task(task).map_or(Look::Absent, |task| task.look().0)
}

/// How things stand with a group: a sentence.
pub(super) fn details(trace: &Trace, state: &State, group: GroupId) -> String {
    let Some(group) = trace.roster().group(group) else { return String::new() };
    let names = trace.names();
    let mut told = format!(
        "{}: {} tasks. {}.",
        group.name,
        group.members.len(),
        Tally::of(state, &group.members).words()
    );
    let has = |task: &&TaskId| {
        matches!(look(state, **task), Look::Holding | Look::Suspended | Look::Granted | Look::Blocked)
    };
    let owners: Vec<&str> =
        group.members.iter().filter(has).map(|task| names.task(*task)).take(FIRST).collect();
    if !owners.is_empty() {
        told += &format!(" First of these: {}.", owners.join(", "));
    }
    let waiting = |task: &TaskId| Some((state.task(*task)?.waits_with()?, *task));
    let longest = group.members.iter().filter_map(waiting).min_by_key(|(claim, _)| claim.asked_seq);
    if let Some((claim, task)) = longest {
        let since = trace.event(claim.asked_seq).map_or(claim.since, |event| event.at);
        told += &format!(
            " {} has waited longest: for {} since {}.",
            names.task(task),
            names.lock(claim.lock),
            words::moment(since)
        );
    }
    told + " g unfolds them."
}

/// So many are named.
const FIRST: usize = 4;
