//! The lane of tasks that are folded into one: what its cells show, and how many do what.
//!
//! The present is exact: every member's state at the playhead is looked at once, so that whoever holds or
//! is blocked now is never left out. The past is drawn of so many members as there is time for, whatever
//! the size of the group: those who own something now, those of the last handoffs, and then every n-th.
//! Where that is not all of them, the words say of how many it is.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;

use super::cells::Cells;
use super::{Edges, Window};
use crate::event::TaskId;
use crate::trace::{GroupId, Look, State, words};
use crate::view::groups::{Tally, look, rank};
use crate::view::layout::Lane;
use crate::view::{Scene, paint, quiz};

/// So many members' pasts are drawn in one picture, shared by all groups in it.
const MOST: usize = 256;
/// And so many of each group at least.
const LEAST: usize = 8;
/// So many handoffs are looked through for members who had something lately.
const LOOK_THROUGH: usize = 1024;

pub(super) struct GroupCells {
    /// What matters most in each cell, and whether a hold began and ended in it.
    looks: Vec<(Look, bool)>,
    /// Whether somebody waits in it.
    waits: Vec<bool>,
    now: Tally,
    members: usize,
    /// How many of them are drawn.
    drawn: usize,
}

impl GroupCells {
    /// One of so many groups in the picture.
    pub(super) fn of(
        scene: &Scene,
        state: &State,
        (window, edges): (&Window, &Edges),
        group: GroupId,
        groups: usize,
    ) -> Self {
        let members = scene.trace.roster().group(group).map_or(&[][..], |group| &group.members);
        let now = Tally::of(state, members);
        let drawn = sample(scene, state, window, (group, members), (MOST / groups.max(1)).max(LEAST));
        let width = usize::from(window.width);
        let (mut looks, mut waits) = (vec![(Look::Absent, false); width], vec![false; width]);
        for member in &drawn {
            let cells = Cells::of(scene, window, edges, *member);
            for ((most, waits), (look, short)) in looks.iter_mut().zip(&mut waits).zip(cells.shown()) {
                *waits |= look == Look::Waiting;
                let here = if short { Look::Holding } else { look };
                // A hold that fills a cell says more than one that is shorter.
                if (rank(here), !short) > (rank(most.0), !most.1) {
                    *most = (here, short);
                }
            }
        }
        // The present is shown as it is.
        if let Some(x) = window.x(scene.view.now) {
            let column = usize::from(x - window.x);
            let most = now.most();
            if rank(most) >= rank(looks[column].0) || looks[column].0 == Look::Absent {
                looks[column] = (most, false);
            }
            waits[column] |= now.count(Look::Waiting) > 0;
        }
        Self { looks, waits, now, members: members.len(), drawn: drawn.len() }
    }

    /// What matters most is in the upper half; who waits besides is in the lower.
    pub(super) fn draw(&self, scene: &Scene, window: &Window, lane: Lane, buf: &mut Buffer) {
        let theme = scene.theme;
        for (column, ((look, short), waits)) in self.looks.iter().zip(&self.waits).enumerate() {
            let x = window.x + column as u16;
            let most = if *short { ("┃", theme.holding) } else { theme.look(*look) };
            let low = rank(*look) <= rank(Look::Idle);
            let top = if low { lane.bar() } else { lane.y };
            for y in top..=lane.bar() {
                let lower = y - lane.y >= lane.height.div_ceil(2);
                let (glyph, style) = if lower && *waits { theme.look(Look::Waiting) } else { most };
                paint::dot(buf, x, y, glyph, style);
            }
        }
    }

    /// How many do what now: beside the playhead, or before it where there is no room.
    pub(super) fn say(&self, scene: &Scene, window: &Window, lane: Lane, buf: &mut Buffer) {
        // That would tell the room who is next, or that nobody is.
        if quiz::hides(scene) {
            return;
        }
        let right = window.x + window.width;
        let Some(x) = window.x(scene.view.now) else { return };
        let words = self.words();
        let y = lane.bar();
        let beside = right.saturating_sub(x + 2);
        if let Some(words) = words.iter().find(|words| paint::width(words) <= beside) {
            paint::put(buf, x + 2, y, beside, words, scene.theme.text);
        } else if let Some(words) = words.iter().find(|words| paint::width(words) + 3 <= x - window.x) {
            paint::put_right(buf, window.x, x - 1, y, &format!(" {words} "), scene.theme.text);
        }
    }

    /// From long to short.
    fn words(&self) -> Vec<String> {
        let all = self.now.words();
        if self.drawn == self.members {
            return vec![all];
        }
        let of = format!("past: {} of {}", self.drawn, words::counted(self.members as u64, "task"));
        vec![format!("{all}  ({of})"), format!("{all} ({} drawn)", self.drawn), all]
    }
}

/// The members whose past is drawn: all of them, if they are no more than `most`.
fn sample(
    scene: &Scene,
    state: &State,
    window: &Window,
    (group, members): (GroupId, &[TaskId]),
    most: usize,
) -> Vec<TaskId> {
    if members.len() <= most {
        return members.to_vec();
    }
    let mut chosen: BTreeSet<TaskId> = BTreeSet::new();
    let owns = |task: &&TaskId| rank(look(state, **task)) > rank(Look::Waiting);
    chosen.extend(members.iter().filter(owns).take(most / 2));
    let all = scene.trace.handoffs(scene.view.moment);
    let latest = (0..all.len()).rev().take(LOOK_THROUGH);
    let handoffs = latest.filter_map(|index| all.arrow(index, scene.view.moment));
    for handoff in handoffs.take_while(|handoff| handoff.at.nanos() >= window.left) {
        if chosen.len() >= most * 3 / 4 {
            break;
        }
        if scene.trace.roster().group_of(handoff.to) == Some(group) {
            chosen.insert(handoff.to);
        }
    }
    let left = most - chosen.len();
    chosen.extend((0..left).filter_map(|n| members.get(n * members.len() / left.max(1))));
    chosen.into_iter().collect()
}
