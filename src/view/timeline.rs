//! The timeline: its header, the lanes' names, and the axis that draws the rest.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::trace::State;

use super::{Axis, Layout, Scene, order_axis, paint, time_axis};

/// Draws it all; `kind` is that of the lock, if it is not told elsewhere.
pub(super) fn draw(scene: &Scene, state: &State, layout: &Layout, kind: Option<&str>, buf: &mut Buffer) {
    let theme = scene.theme;
    let about = match scene.view.axis {
        Axis::Time => time_axis::about(scene, layout.plot.width),
        Axis::Order => "order · one column an event".to_owned(),
    };
    let mut heading = kind.map_or_else(|| "timeline".to_owned(), |kind| format!("timeline · {kind}"));
    let tasks = scene.trace.names().tasks.len();
    let mut shown = layout.lanes.iter().filter(|lane| lane.index < tasks);
    let count = shown.clone().count();
    if let (Some(first), true) = (shown.next(), count < tasks) {
        heading += &format!(" · tasks {}–{} of {tasks}", first.index + 1, first.index + count);
    }
    let header = Rect { height: 1, ..layout.timeline };
    paint::rule(buf, header, &heading, &about, theme.idle, theme.dim);
    names(scene, layout, buf);
    match scene.view.axis {
        Axis::Time => time_axis::draw(scene, state, layout, buf),
        Axis::Order => order_axis::draw(scene, layout, buf),
    }
}

/// The lanes' names, and which is selected.
pub(super) fn names(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let theme = scene.theme;
    let names = scene.trace.names();
    for lane in &layout.lanes {
        let selected = scene.view.lane == Some(lane.index);
        let (name, style) = match lane.index.checked_sub(names.tasks.len()) {
            None => (&names.tasks[lane.index], theme.strong),
            Some(lock) => (&names.locks[lock].name, theme.dim),
        };
        let style = if selected { theme.accent } else { style };
        let room = layout.plot.x.saturating_sub(layout.timeline.x + 2);
        // On the order axis a task's first row is for words, and the name belongs beside the bar.
        let words = scene.view.axis == Axis::Order && lane.index < names.tasks.len();
        let y = if words { lane.bar().min(lane.y + 1) } else { lane.y };
        paint::put(buf, layout.timeline.x + 1, y, room, name, style);
        if selected {
            paint::dot(buf, layout.timeline.x, y, "▶", style);
        }
    }
}
