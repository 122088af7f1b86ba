//! Where events are missing: nothing is drawn of what happened there, and the picture has to say so.

use std::ops::Range;

use ratatui::buffer::Buffer;

use super::edges::Columns;
use super::{Edges, Window};
use crate::trace::words;
use crate::view::layout::Layout;
use crate::view::{Scene, paint};

/// Where there are gaps in the picture, and how many events are missing at each place; by columns where there are
/// many events.
pub(super) fn places(
    scene: &Scene,
    window: &Window,
    edges: &Edges,
    columns: Option<&Columns>,
) -> Vec<(u16, u64)> {
    let gaps = scene.trace.gaps(scene.view.moment);
    let until = |moment| gaps.partition_point(|gap| gap.seq <= moment);
    let missing = |part: Range<usize>| {
        let before = part.start.checked_sub(1).map_or(0, |before| gaps[before].lost);
        part.end.checked_sub(1).map_or(0, |last| gaps[last].lost) - before
    };
    if let Some(columns) = columns {
        let parts = (window.x..).zip(columns.parts(|_, _, moment| until(moment)));
        return parts.filter(|(_, part)| !part.is_empty()).map(|(x, part)| (x, missing(part))).collect();
    }
    let here = until(edges.left())..until(edges.right());
    let x = |index: &usize| window.x(gaps[*index].at);
    let mut all: Vec<(u16, u64)> = Vec::new();
    for (index, x) in here.filter_map(|index| Some((index, x(&index)?))) {
        let lost = missing(index..index + 1);
        match all.last_mut() {
            Some(last) if last.0 == x => last.1 += lost,
            _ => all.push((x, lost)),
        }
    }
    all
}

/// Question marks beside what happens in the lanes, never over it.
pub(super) fn draw(scene: &Scene, (window, edges): (&Window, &Edges), layout: &Layout, buf: &mut Buffer) {
    let rows = layout.lanes.first().zip(layout.lanes.last()).map(|(first, last)| first.y..=last.bar());
    let right = window.x + window.width;
    for (x, _) in places(scene, window, edges, edges.columns()) {
        for y in rows.clone().into_iter().flatten() {
            let free = |x: u16| buf.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "·"));
            if let Some(x) = [x, x + 1].into_iter().find(|x| *x < right && free(*x)) {
                paint::dot(buf, x, y, "?", scene.theme.blocked);
            }
        }
    }
}

/// How many events are missing, on the axis.
pub(super) fn say(scene: &Scene, (window, edges): (&Window, &Edges), layout: &Layout, buf: &mut Buffer) {
    let y = layout.plot.y + 1;
    let all = places(scene, window, edges, edges.columns());
    let playhead = window.x(scene.view.now);
    for (place, (x, lost)) in all.iter().enumerate() {
        paint::dot(buf, *x, y, "?", scene.theme.blocked);
        // What is later stays to be seen, and so does the playhead.
        let later = all.get(place + 1).map(|next| next.0).into_iter().chain(playhead);
        let end = later.filter(|later| later > x).min().unwrap_or(window.x + window.width);
        let room = end.saturating_sub(x + 2);
        let told = [format!(" {} lost ", words::events(*lost)), format!(" {lost} lost ")];
        if let Some(told) = told.into_iter().find(|told| paint::width(told) <= room) {
            paint::put(buf, x + 1, y, room, &told, scene.theme.blocked);
        }
    }
}
