//! Which lanes there are, and in which order: what a viewer chose of the tasks and locks of a trace.
//!
//! A pure function of both. Without a choice it costs nothing; with one it looks at every task and lock
//! once. Nothing here looks at events.

use std::cmp::Reverse;
use std::ops::Range;

use super::ViewState;
use crate::event::{LockId, TaskId, Time};
use crate::trace::{GroupId, Spent, Trace};

/// What a lane is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaneId {
    /// A task.
    Task(TaskId),
    /// Tasks that are called alike, folded into one lane.
    Group(GroupId),
    /// A lock.
    Lock(LockId),
}

/// In which order lanes come: tasks, and below them locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sort {
    /// As tasks were spawned and locks were named.
    #[default]
    Spawned,
    /// Who waited longest altogether comes first.
    Wait,
    /// Who held longest altogether comes first.
    Hold,
    /// By name; `reader#2` before `reader#10`.
    Name,
}

impl Sort {
    /// The order that a viewer sees who asks for another.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Spawned => Self::Wait,
            Self::Wait => Self::Hold,
            Self::Hold => Self::Name,
            Self::Name => Self::Spawned,
        }
    }

    /// In words, where it is not the usual one.
    pub(super) const fn words(self) -> Option<&'static str> {
        match self {
            Self::Spawned => None,
            Self::Wait => Some("by wait"),
            Self::Hold => Some("by hold"),
            Self::Name => Some("by name"),
        }
    }

    /// What is compared of what somebody came to, if lanes are sorted by that.
    pub(super) fn spent(self, spent: Spent) -> Option<std::time::Duration> {
        match self {
            Self::Wait => Some(spent.waiting),
            Self::Hold => Some(spent.holding),
            Self::Spawned | Self::Name => None,
        }
    }
}

/// Which groups are folded: all or none of them, with exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folds {
    /// Whether groups are folded.
    pub all: bool,
    /// Those that are not as the others.
    pub except: Vec<GroupId>,
}

impl Folds {
    /// Whether a group is one lane.
    pub fn folds(&self, group: GroupId) -> bool {
        self.all != self.except.contains(&group)
    }

    /// Folds a group, or unfolds it.
    pub fn toggle(&mut self, group: GroupId) {
        match self.except.iter().position(|other| *other == group) {
            Some(at) => drop(self.except.swap_remove(at)),
            None => self.except.push(group),
        }
    }

    /// Folds all of them, or unfolds all if any is folded.
    pub fn toggle_all(&mut self) {
        let any = self.all || !self.except.is_empty();
        *self = Self { all: !any, except: Vec::new() };
    }
}

/// What a viewer types to see fewer lanes: a part of a name, or with a `*` the whole of it. Small and
/// large letters are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    parts: Vec<String>,
    whole: bool,
}

impl Pattern {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        Self { whole: text.contains('*'), parts: text.split('*').map(str::to_owned).collect() }
    }

    fn matches(&self, name: &str) -> bool {
        let lower;
        let name = if name.bytes().any(|c| c.is_ascii_uppercase() || !c.is_ascii()) {
            lower = name.to_lowercase();
            &lower
        } else {
            name
        };
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return true };
        if !self.whole {
            return name.contains(first.as_str());
        }
        // A group is called so, and the first of one name has no number.
        if matches!(&self.parts[..], [stem, end] if end.is_empty() && stem.strip_suffix('#') == Some(name)) {
            return true;
        }
        let rest = name.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        let Some(mut rest) = rest else { return false };
        for part in &self.parts[1..self.parts.len() - 1] {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }
}

/// The lanes of one kind, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Row {
    /// All of them as they are numbered.
    All(usize),
    Chosen(Vec<LaneId>),
}

/// The lanes that a viewer chose, in order: tasks and groups, and locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes {
    tasks: Row,
    locks: Row,
    /// How many tasks there are in the lanes.
    pub tasks_shown: usize,
}

impl Lanes {
    /// What `view` chose of `trace`. A filter that matches only tasks leaves all locks, and the other way
    /// around: each would be hard to understand without the other.
    pub fn of(trace: &Trace, view: &ViewState) -> Self {
        let names = trace.names();
        let pattern = Some(view.filter.as_str()).filter(|text| !text.is_empty()).map(Pattern::of);
        let folded = view.folds.all || !view.folds.except.is_empty();
        let (tasks, locks) = (names.tasks.len(), names.locks.len());
        let all = Self { tasks: Row::All(tasks), locks: Row::All(locks), tasks_shown: tasks };
        if pattern.is_none() && !folded && view.sort == Sort::Spawned {
            return all;
        }
        let matches = |name: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
        let mut chosen: Vec<TaskId> =
            (0..).zip(&names.tasks).filter(|(_, name)| matches(name)).map(|(id, _)| TaskId(id)).collect();
        let mut locks: Vec<LockId> = (0..)
            .zip(&names.locks)
            .filter(|(_, lock)| matches(&lock.name))
            .map(|(id, _)| LockId(id))
            .collect();
        match (chosen.is_empty(), locks.is_empty()) {
            (true, false) => chosen = (0..names.tasks.len() as u32).map(TaskId).collect(),
            (false, true) => locks = (0..names.locks.len() as u32).map(LockId).collect(),
            _ => {}
        }
        let tasks = if folded {
            fold(trace, view, &chosen)
        } else {
            chosen.iter().map(|id| LaneId::Task(*id)).collect()
        };
        let tasks_shown = tasks.iter().map(|lane| members(trace, *lane)).sum();
        let locks = locks.into_iter().map(LaneId::Lock).collect();
        Self {
            tasks: Row::Chosen(sorted(trace, (view.sort, view.now), tasks)),
            locks: Row::Chosen(sorted(trace, (view.sort, view.now), locks)),
            tasks_shown,
        }
    }

    /// How many lanes of tasks and groups there are.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many lanes of locks there are.
    pub fn locks(&self) -> usize {
        self.locks.len()
    }

    /// How many there are in all.
    pub fn len(&self) -> usize {
        self.tasks() + self.locks()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lane at a place, counted over tasks and then locks.
    pub fn get(&self, place: usize) -> Option<LaneId> {
        match place.checked_sub(self.tasks()) {
            None => self.tasks.get(place, |id| LaneId::Task(TaskId(id))),
            Some(lock) => self.locks.get(lock, |id| LaneId::Lock(LockId(id))),
        }
    }

    /// The lanes at these places.
    pub(super) fn range(&self, places: Range<usize>) -> impl Iterator<Item = LaneId> + '_ {
        places.filter_map(|place| self.get(place))
    }

    /// The place of a lane, counted over tasks and then locks.
    pub fn place(&self, lane: LaneId) -> Option<usize> {
        match lane {
            LaneId::Task(TaskId(id)) => self.tasks.place(lane, id),
            LaneId::Group(_) => self.tasks.place(lane, u32::MAX),
            LaneId::Lock(LockId(id)) => Some(self.tasks() + self.locks.place(lane, id)?),
        }
    }

    /// The place of the lane that shows a task.
    pub(super) fn place_of_task(&self, trace: &Trace, view: &ViewState, task: TaskId) -> Option<usize> {
        self.place(lane_of(trace, view, task))
    }
}

impl Row {
    fn len(&self) -> usize {
        match self {
            Self::All(count) => *count,
            Self::Chosen(lanes) => lanes.len(),
        }
    }

    fn get(&self, place: usize, lane: impl Fn(u32) -> LaneId) -> Option<LaneId> {
        match self {
            Self::All(count) => (place < *count).then(|| lane(place as u32)),
            Self::Chosen(lanes) => lanes.get(place).copied(),
        }
    }

    fn place(&self, lane: LaneId, id: u32) -> Option<usize> {
        match self {
            Self::All(count) => Some(id as usize).filter(|id| id < count),
            Self::Chosen(lanes) => lanes.iter().position(|other| *other == lane),
        }
    }
}

/// The lane that would show a task: its own, or that of its group.
pub fn lane_of(trace: &Trace, view: &ViewState, task: TaskId) -> LaneId {
    if !view.folds.all && view.folds.except.is_empty() {
        return LaneId::Task(task);
    }
    let group = trace.roster().group_of(task).filter(|group| view.folds.folds(*group));
    group.map_or(LaneId::Task(task), LaneId::Group)
}

/// How many tasks are in a lane.
fn members(trace: &Trace, lane: LaneId) -> usize {
    match lane {
        LaneId::Task(_) => 1,
        LaneId::Group(group) => trace.roster().group(group).map_or(0, |group| group.members.len()),
        LaneId::Lock(_) => 0,
    }
}

/// The lanes of these tasks, with the folded groups in the place of their first members. A group is there
/// whole if any of it is.
fn fold(trace: &Trace, view: &ViewState, tasks: &[TaskId]) -> Vec<LaneId> {
    let roster = trace.roster();
    // Both by the number of a group, which is that of its first task.
    let mut folded = vec![false; trace.names().tasks.len()];
    for first in roster.groups().iter().map(|group| group.members[0].0) {
        folded[first as usize] = view.folds.folds(GroupId(first));
    }
    let mut there = vec![false; folded.len()];
    let lane = |task: &TaskId| {
        let Some(group) = roster.group_of(*task).filter(|group| folded[group.0 as usize]) else {
            return Some(LaneId::Task(*task));
        };
        let first = !std::mem::replace(&mut there[group.0 as usize], true);
        first.then_some(LaneId::Group(group))
    };
    tasks.iter().filter_map(lane).collect()
}

/// How long a lane's task, all tasks of it, or a lock waited and held, up to `now` at least.
pub(super) fn spent(trace: &Trace, lane: LaneId, now: Time) -> Spent {
    match lane {
        LaneId::Task(task) => trace.spent_by(task, now),
        LaneId::Lock(lock) => trace.spent_on(lock, now),
        LaneId::Group(group) => {
            let members = trace.roster().group(group).map_or(&[][..], |group| &group.members);
            members.iter().fold(Spent::default(), |sum, member| {
                let more = trace.spent_by(*member, now);
                Spent {
                    waiting: sum.waiting.saturating_add(more.waiting),
                    holding: sum.holding.saturating_add(more.holding),
                }
            })
        }
    }
}

fn sorted(trace: &Trace, (sort, now): (Sort, Time), lanes: Vec<LaneId>) -> Vec<LaneId> {
    fn by<K: Ord>(lanes: Vec<LaneId>, key: impl Fn(LaneId) -> K) -> Vec<LaneId> {
        let mut keyed: Vec<(K, u32, LaneId)> =
            (0..).zip(lanes).map(|(place, lane)| (key(lane), place, lane)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(.., lane)| lane).collect()
    }
    match sort {
        Sort::Spawned => lanes,
        Sort::Wait => by(lanes, |lane| Reverse(spent(trace, lane, now).waiting)),
        Sort::Hold => by(lanes, |lane| Reverse(spent(trace, lane, now).holding)),
        Sort::Name => {
            let roster = trace.roster();
            let rank = |ranks: &[u32], id: u32| ranks.get(id as usize).copied().unwrap_or(u32::MAX);
            by(lanes, |lane| match lane {
                LaneId::Task(task) => rank(roster.task_ranks(), task.0),
                LaneId::Lock(lock) => rank(roster.lock_ranks(), lock.0),
                LaneId::Group(group) => {
                    let members = roster.group(group).map_or(&[][..], |group| &group.members);
                    members.iter().map(|task| rank(roster.task_ranks(), task.0)).min().unwrap_or(u32::MAX)
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_of_a_name_or_with_a_star_the_whole() {
        let matches = |pattern: &str, name: &str| Pattern::of(pattern).matches(name);
        for (pattern, name) in [
            ("read", "my-Reader#1"),
            ("READER#*", "reader#17"),
            ("READER#*", "Reader"),
            ("*#1", "reader#1"),
            ("r*e*r#*7", "reader#17"),
            ("**", "x"),
            ("*", ""),
            ("ÄR", "bär"),
            ("a*", "a"),
            ("ab*ba", "abba"),
            ("#1", "reader#10"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("reader#*", "my-reader#1"),
            ("*#1", "reader#10"),
            ("aba*aba", "ababa"),
            ("a*b*c", "acb"),
            ("x", ""),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn folding_all_and_single_groups() {
        let mut folds = Folds::default();
        folds.toggle(GroupId(1));
        assert_eq!((folds.folds(GroupId(0)), folds.folds(GroupId(1))), (false, true));
        folds.toggle_all();
        assert_eq!(folds, Folds::default());
        folds.toggle_all();
        folds.toggle(GroupId(1));
        assert_eq!((folds.folds(GroupId(0)), folds.folds(GroupId(1))), (true, false));
        folds.toggle(GroupId(1));
        assert_eq!(folds, Folds { all: true, except: vec![] });
    }
}
