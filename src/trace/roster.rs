//! Which tasks belong together by their names, and in which order names come.

use std::collections::HashMap;

use crate::event::{Names, TaskId};

/// A group of tasks, by the number of its first: that stays when further tasks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// Tasks that are called alike: `reader#1` and `reader#2`, or all of one name, which a program's recorder calls
/// `reader` and `reader#2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they are called together: `reader#*`.
    pub name: String,
    /// They, by id; two at least.
    pub members: Vec<TaskId>,
}

/// The groups among the tasks of a trace, and the order of the names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    groups: Vec<Group>,
    /// The group of each task.
    of_task: Vec<Option<GroupId>>,
    task_ranks: Vec<u32>,
    lock_ranks: Vec<u32>,
}

impl Roster {
    pub(super) fn of(names: &Names) -> Self {
        // And whether one of them has a number: the first of one name has none.
        let mut by_stem: HashMap<&str, (bool, Vec<TaskId>)> = HashMap::new();
        for (id, name) in (0..).zip(&names.tasks) {
            let (stem, numbered) = stem(name);
            let (any, members) = by_stem.entry(stem).or_default();
            *any |= numbered;
            members.push(TaskId(id));
        }
        by_stem.retain(|_, (_, members)| members.len() > 1);
        let mut all: Vec<_> = by_stem.into_iter().collect();
        all.sort_unstable_by_key(|(_, (_, members))| members[0]);
        let mut of_task = vec![None; names.tasks.len()];
        let mut groups = Vec::new();
        for (stem, (numbered, members)) in all {
            for member in &members {
                of_task[member.0 as usize] = Some(GroupId(members[0].0));
            }
            let name = if numbered { format!("{stem}#*") } else { stem.to_owned() };
            groups.push(Group { name, members });
        }
        let task_ranks = ranks(names.tasks.iter().map(AsRef::as_ref));
        let lock_ranks = ranks(names.locks.iter().map(|lock| lock.name.as_ref()));
        Self { groups, of_task, task_ranks, lock_ranks }
    }

    /// The groups, in the order of their first members.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of that id.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        let place = self.groups.binary_search_by_key(&group.0, |group| group.members[0].0);
        self.groups.get(place.ok()?)
    }

    /// The group that a task belongs to, if it has others like it.
    pub fn group_of(&self, task: TaskId) -> Option<GroupId> {
        *self.of_task.get(task.0 as usize)?
    }

    /// The place of each task's name among all, by id; `reader#2` comes before `reader#10`.
    pub fn task_ranks(&self) -> &[u32] {
        &self.task_ranks
    }

    /// The same of the locks.
    pub fn lock_ranks(&self) -> &[u32] {
        &self.lock_ranks
    }
}

/// A name without its number, and whether it has one.
fn stem(name: &str) -> (&str, bool) {
    match name.rsplit_once('#') {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()) => {
            (stem, true)
        }
        _ => (name, false),
    }
}

/// The place of each name in the order of all: letters first, then the number at its end by its worth.
fn ranks<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let mut order: Vec<(&str, usize, &str, u32)> = names
        .zip(0..)
        .map(|(name, id)| {
            let text = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = name[text.len()..].trim_start_matches('0');
            (text, digits.len(), digits, id)
        })
        .collect();
    order.sort_unstable();
    let mut ranks = vec![0; order.len()];
    for (rank, (.., id)) in (0..).zip(order) {
        ranks[id as usize] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(tasks: &[&str]) -> Roster {
        let tasks = tasks.iter().map(|name| (*name).into()).collect();
        Roster::of(&Names { tasks, ..Names::default() })
    }

    #[test]
    fn numbered_and_equal_names_are_groups_and_nothing_else_is() {
        let roster =
            roster(&["r#1", "w", "r#2", "conn", "x#1", "r#", "conn", "r#2a", "#1", "#2", "u", "u#2"]);
        let groups: Vec<_> = roster.groups().iter().map(|g| (g.name.as_str(), g.members.len())).collect();
        assert_eq!(groups, [("r#*", 2), ("conn", 2), ("#*", 2), ("u#*", 2)]);
        assert_eq!(roster.group_of(TaskId(2)), Some(GroupId(0)));
        assert_eq!((roster.group_of(TaskId(4)), roster.group_of(TaskId(99))), (None, None));
    }

    /// Whoever folded a group goes on seeing that one.
    #[test]
    fn a_group_keeps_its_number_when_tasks_come() {
        let before = roster(&["w#1", "r#1", "r#2"]);
        let group = before.group_of(TaskId(2)).unwrap();
        let after = roster(&["w#1", "r#1", "r#2", "w#2", "r#3"]);
        assert_eq!(after.group(group).map(|group| group.name.as_str()), Some("r#*"));
        assert_eq!(after.group_of(TaskId(4)), Some(group));
        assert_eq!(after.group(GroupId(2)), None);
    }

    #[test]
    fn numbers_are_ranked_by_their_worth() {
        assert_eq!(
            roster(&["r#10", "r#2", "a", "r#02", "r#99999999999999999999999"]).task_ranks(),
            [3, 1, 0, 2, 4]
        );
    }
}
