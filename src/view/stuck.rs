//! The end of a deadlock: at the playhead every lane that is stuck says so, and for whom it waits;
//! arrows lead from those who wait to those who hold.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use super::lanes::LaneId;
use super::layout::Lane;
use super::{Layout, Scene, paint, quiz};
use crate::event::{Mode, Outcome, TaskId};
use crate::trace::deadlock::{InTheWay, Wait};

/// So many arrows are drawn: those of a ring before others.
const ARROWS: usize = 6;

/// Whether the playhead stands at the end of a deadlock.
pub(super) fn is_shown(scene: &Scene) -> bool {
    // That nobody moves any more may be what the room is asked.
    is_deadlock(scene) && scene.view.moment == scene.trace.len() && !quiz::hides(scene)
}

fn is_deadlock(scene: &Scene) -> bool {
    scene.trace.end().is_some_and(|end| end.outcome == Outcome::Deadlock)
}

/// How many cells of a plot of this width are kept free behind the end of a deadlock.
pub(super) fn room(scene: &Scene, width: u16) -> u16 {
    if !is_deadlock(scene) {
        return 0;
    }
    // Marks, arrows, and the longest words for names of common length.
    (width * 9 / 20).min(44)
}

/// Marks the lanes that are stuck, with the playhead in column `x`.
pub(super) fn draw(scene: &Scene, layout: &Layout, x: u16, buf: &mut Buffer) {
    let Some(deadlock) = scene.trace.deadlock().filter(|_| is_shown(scene)) else { return };
    let lane = |task: TaskId| layout.lane_of(scene.trace, scene.view, task);
    let mut free = x + 2;
    let ring: usize = deadlock.rings.iter().map(|ring| ring.waits.len()).sum();
    for (place, wait) in deadlock.waits().enumerate() {
        let (Some(from), Some(to)) = (lane(wait.task), wait.owner.and_then(lane)) else { continue };
        if place < ARROWS && free + 2 < layout.plot.right() {
            let style = if place < ring { scene.theme.blocked } else { scene.theme.waiting };
            if arrow(layout, free, *from, *to, style, buf) {
                free += 2;
            }
        }
    }
    for wait in deadlock.waits() {
        let Some(lane) = lane(wait.task) else { continue };
        for y in lane.y..=lane.bar() {
            paint::dot(buf, x, y, "✖", scene.theme.blocked);
        }
        // Of a group there would be as many words as members.
        if matches!(lane.id, LaneId::Group(_)) {
            continue;
        }
        let room = layout.plot.right().saturating_sub(free);
        if let Some(words) = words(scene, wait).into_iter().find(|words| paint::width(words) <= room) {
            paint::put(buf, free, lane.y + (lane.height - 1) / 2, room, &words, scene.theme.blocked);
        }
    }
}

/// What stands beside a lane, from long to short.
fn words(scene: &Scene, wait: &Wait) -> Vec<String> {
    let names = scene.trace.names();
    let lock = names.lock(wait.lock);
    let waits = match wait.mode {
        Mode::Signal => format!("waits to be notified by {lock}"),
        Mode::Message => format!("waits for a message in {lock}"),
        Mode::Room => format!("waits for room in {lock}"),
        Mode::Exclusive | Mode::Shared | Mode::Permits(_) => format!("waits for {lock}"),
    };
    let owner = wait.owner.map(|owner| if owner == wait.task { "itself" } else { names.task(owner) });
    let (whose, brief) = match (owner, wait.way) {
        (None, _) => (", but nobody is left".to_owned(), None),
        (Some(owner), InTheWay::Holds) => (format!(", held by {owner}"), None),
        (Some(owner), InTheWay::Granted) => {
            (format!(", granted to {owner}, unpolled"), Some(format!("{lock} granted, unpolled")))
        }
        (Some(owner), InTheWay::Ahead) => (format!(" behind {owner}"), None),
    };
    let blocks = names.locks.get(wait.lock.0 as usize).is_some_and(|lock| lock.kind.blocks());
    let stuck = if blocks { "thread blocked" } else { "stuck" };
    let mut words = vec![format!("{stuck}: {waits}{whose}"), format!("{waits}{whose}")];
    words.extend(brief);
    words.extend([waits, stuck.to_owned()]);
    words
}

/// An arrow from a lane to another, in column `x`, if there is a row between the lanes for its head:
/// on somebody else's lane it would point at them.
fn arrow(layout: &Layout, x: u16, from: Lane, to: Lane, style: Style, buf: &mut Buffer) -> bool {
    let (rows, head, up) = if to.y > from.y {
        (from.bar() + 1..to.y, to.y - 1, false)
    } else {
        (to.bar() + 1..from.y, to.bar() + 1, true)
    };
    if rows.is_empty() || layout.lanes.iter().any(|lane| (lane.y..=lane.bar()).contains(&head)) {
        return false;
    }
    rows.for_each(|y| paint::dot(buf, x, y, "┃", style));
    paint::dot(buf, x, head, if up { "▲" } else { "▼" }, style);
    true
}
