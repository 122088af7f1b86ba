//! The timeline: its header, the lanes' names, and the axis that draws the rest.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lanes::{self, LaneId};
use super::layout::FIGURE;
use super::{Axis, Layout, Scene, order_axis, paint, time_axis};
use crate::trace::{State, words};

/// Draws it all; `kind` is that of the lock, if it is not told elsewhere.
pub(super) fn draw(scene: &Scene, state: &State, layout: &Layout, kind: Option<&str>, buf: &mut Buffer) {
    let theme = scene.theme;
    let about = match scene.view.axis {
        Axis::Time => time_axis::about(scene, layout.plot.width),
        Axis::Order => "order · one column an event".to_owned(),
    };
    let mut heading = kind.map_or_else(|| "timeline".to_owned(), |kind| format!("timeline · {kind}"));
    heading += &chosen(scene, layout);
    let header = Rect { height: 1, ..layout.timeline };
    paint::rule(buf, header, &heading, &about, theme.idle, theme.dim);
    names(scene, layout, buf);
    if layout.lanes.is_empty() && !scene.view.filter.is_empty() {
        let room = layout.plot.width;
        let told = "No task and no lock is called so.";
        paint::put(buf, layout.plot.x, layout.plot.y + 2, room, told, theme.strong);
    }
    match scene.view.axis {
        Axis::Time => time_axis::draw(scene, state, layout, buf),
        Axis::Order => order_axis::draw(scene, layout, buf),
    }
}

/// How many tasks and locks the filter leaves, of how many.
pub(super) fn found(scene: &Scene, layout: &Layout) -> String {
    let names = scene.trace.names();
    let (tasks, locks) = (names.tasks.len(), names.locks.len());
    let count =
        |shown: usize, all: usize, what: &str| format!("{shown} of {}", words::counted(all as u64, what));
    match (layout.all.tasks, layout.all.locks) {
        (0, 0) => "nothing is called so".to_owned(),
        (shown, these) if these == locks => count(shown, tasks, "task"),
        (shown, these) if shown == tasks => count(these, locks, "lock"),
        (shown, these) => format!("{}, {}", count(shown, tasks, "task"), count(these, locks, "lock")),
    }
}

/// What was chosen of all lanes, and which of those are on the screen.
fn chosen(scene: &Scene, layout: &Layout) -> String {
    let view = scene.view;
    let mut told = String::new();
    if !view.filter.is_empty() {
        told += &format!(" · /{}: {}", paint::cut(&view.filter, 16), found(scene, layout));
    }
    if let Some(words) = view.sort.words() {
        told += &format!(" · {words}");
    }
    let all = layout.all;
    let scrolled = |shown: &Range<usize>, all: usize| shown.len() < all;
    let what = if all.lanes == all.tasks { "tasks" } else { "lanes" };
    for (shown, all, what) in [(&layout.tasks, all.lanes, what), (&layout.locks, all.locks, "locks")] {
        if scrolled(shown, all) {
            told += &format!(" · {what} {}–{} of {all}", shown.start + 1, shown.end);
        }
    }
    told
}

/// The lanes' names, and which is selected.
pub(super) fn names(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let theme = scene.theme;
    let names = scene.trace.names();
    for lane in &layout.lanes {
        let selected = scene.view.lane == Some(lane.id);
        let group;
        let (name, style) = match lane.id {
            LaneId::Task(task) => (names.task(task), theme.strong),
            LaneId::Lock(lock) => (names.lock(lock), theme.dim),
            LaneId::Group(id) => {
                let Some(found) = scene.trace.roster().group(id) else { continue };
                group = format!("{} ×{}", found.name, found.members.len());
                (group.as_str(), theme.strong)
            }
        };
        let style = if selected { theme.accent } else { style };
        let figure =
            scene.view.sort.spent(lanes::spent(scene.trace, lane.id, scene.view.now)).map(words::growing);
        let room = layout.plot.x.saturating_sub(layout.timeline.x + 2);
        let room = room.saturating_sub(if figure.is_some() { FIGURE } else { 0 });
        // On the order axis a task's first row is for words, and the name belongs beside the bar.
        let words = scene.view.axis == Axis::Order && lane.lock().is_none();
        let y = if words { lane.bar().min(lane.y + 1) } else { lane.y };
        paint::put(buf, layout.timeline.x + 1, y, room, name, style);
        if let Some(figure) = figure {
            let right = layout.plot.x.saturating_sub(1);
            paint::put_right(buf, right.saturating_sub(FIGURE - 1), right, y, &figure, theme.dim);
        }
        if selected {
            paint::dot(buf, layout.timeline.x, y, "▶", style);
        }
    }
}
