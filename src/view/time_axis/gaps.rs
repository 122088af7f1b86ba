//! Where events are missing: nothing is drawn of what happened there, and the picture has to say so.

use std::ops::Range;

use ratatui::buffer::Buffer;

use super::{Edges, Window};
use crate::event::Time;
use crate::trace::words;
use crate::view::layout::Layout;
use crate::view::{Scene, paint};

/// A place in the picture where events are missing.
pub(super) struct Hole {
    /// The column of what happened last before it, if that is in the picture and another.
    from: Option<u16>,
    /// The columns in between: nothing is known of them.
    inside: Range<u16>,
    /// The column of what happened next, if that is in the picture.
    to: Option<u16>,
    /// How many events are missing.
    lost: u64,
}

/// All of them in the picture, those of a column together.
pub(super) fn holes(scene: &Scene, window: &Window, edges: &Edges) -> Vec<Hole> {
    let gaps = scene.trace.gaps(scene.view.moment);
    let until = |moment| gaps.partition_point(|gap| gap.seq <= moment);
    // One that begins in the picture may end behind it.
    let here = until(edges.left())..gaps.len().min(until(edges.right()) + 1);
    let mut all: Vec<Hole> = Vec::new();
    let mut next = here.start;
    while let Some(gap) = gaps.get(next).filter(|_| next < here.end) {
        let begin = scene.trace.at(gap.seq - 1);
        if window.column(begin) >= i64::from(window.width) {
            break;
        }
        let column = window.column(gap.at);
        // Those that are told in the same column; where there are very many they are not looked at one by one.
        let end_of_column = Time::from_nanos(window.left.saturating_add(
            window.cell.saturating_mul(u64::try_from(column.saturating_add(1)).unwrap_or_default()),
        ));
        let end = next + 1 + gaps[next + 1..here.end].partition_point(|gap| gap.at < end_of_column);
        let before = next.checked_sub(1).map_or(0, |before| gaps[before].lost);
        let x = |column: i64| window.x + column.clamp(0, window.width.into()) as u16;
        all.push(Hole {
            from: window.x(begin).filter(|_| window.column(begin) < column),
            inside: x(window.column(begin) + 1)..x(column),
            to: window.x(gap.at),
            lost: gaps[end - 1].lost - before,
        });
        next = end;
    }
    all
}

/// Which columns lie in one, so that nothing is known of them; and those with what is marked beside what comes next, where
/// no words stand.
pub(super) fn columns(window: &Window, holes: &[Hole]) -> (Vec<bool>, Vec<bool>) {
    let mut unknown = vec![false; window.width.into()];
    let at = |x: u16| usize::from(x - window.x);
    for hole in holes.iter().filter(|hole| !hole.inside.is_empty()) {
        unknown[at(hole.inside.start)..at(hole.inside.end)].fill(true);
    }
    let mut wordless = unknown.clone();
    for to in holes.iter().filter_map(|hole| hole.to) {
        wordless.iter_mut().skip(at(to)).take(2).for_each(|wordless| *wordless = true);
    }
    (unknown, wordless)
}

/// Question marks in the lanes, where nothing is known.
pub(super) fn fill(scene: &Scene, window: &Window, unknown: &[bool], layout: &Layout, buf: &mut Buffer) {
    for y in layout.lanes.iter().flat_map(|lane| lane.y..=lane.bar()) {
        for (x, _) in (window.x..).zip(unknown).filter(|(_, unknown)| **unknown) {
            paint::dot(buf, x, y, "?", scene.theme.idle);
        }
    }
}

/// Question marks beside what happened next, and never over it.
pub(super) fn mark(scene: &Scene, window: &Window, holes: &[Hole], layout: &Layout, buf: &mut Buffer) {
    let rows = layout.lanes.first().zip(layout.lanes.last()).map(|(first, last)| first.y..=last.bar());
    let right = window.x + window.width;
    for hole in holes {
        for y in rows.clone().into_iter().flatten() {
            let free = |x: u16| buf.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "·"));
            if let Some(x) = hole.to.and_then(|to| [to, to + 1].into_iter().find(|x| *x < right && free(*x)))
            {
                paint::dot(buf, x, y, "?", scene.theme.blocked);
            }
        }
    }
}

/// How many events are missing, on the axis.
pub(super) fn say(scene: &Scene, window: &Window, holes: &[Hole], layout: &Layout, buf: &mut Buffer) {
    let y = layout.plot.y + 1;
    let playhead = window.x(scene.view.now);
    for (place, hole) in holes.iter().enumerate() {
        for x in hole.inside.clone() {
            paint::dot(buf, x, y, "?", scene.theme.idle);
        }
        let Some(x) = hole.to else { continue };
        paint::dot(buf, x, y, "?", scene.theme.blocked);
        // What is later stays to be seen, and so does the playhead.
        let next = holes.get(place + 1).and_then(|next| next.from.or(next.to));
        let later = next.into_iter().chain(playhead.filter(|playhead| *playhead > x));
        let end = later.min().unwrap_or(window.x + window.width);
        let room = end.saturating_sub(x + 2);
        let lost = hole.lost;
        let told = [format!(" {} lost ", words::events(lost)), format!(" {lost} lost ")];
        if let Some(told) = told.into_iter().find(|told| paint::width(told) <= room) {
            paint::put(buf, x + 1, y, room, &told, scene.theme.blocked);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::widgets::Widget;

    use super::*;
    use crate::event::{Actor, Event, Names, TaskId, What};
    use crate::trace::Trace;
    use crate::view::{ThemeName, ViewState};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// However many fall into a column, and wherever one looks.
        #[test]
        fn holes_are_where_a_look_at_each_gap_finds_them(
            events in prop::collection::vec((any::<bool>(), prop_oneof![4 => 0..400_u64, 1 => 1_000..9_000_u64]), 1..300),
            (cell, pan, moment) in (200..5_000_u64, -40..40_i32, 0..300_u64),
        ) {
            let mut at = 0;
            let actor = Actor { task: TaskId(0), step: None };
            let all = events.into_iter().map(|(lost, apart)| {
                at += apart;
                let what = if lost { What::Lost { events: apart + 1 } } else { What::Wake };
                Event { seq: 0, at: Time::from_nanos(at), actor, what }
            });
            let trace = Trace::of(Names { tasks: vec!["t".into()], ..Names::default() }, all);
            let moment = moment.min(trace.len());
            let (now, cell) = (trace.at(moment), Some(Duration::from_nanos(cell)));
            let view = ViewState { moment, now, cell, pan, ..ViewState::default() };
            let theme = &ThemeName::Dark.theme();
            let scene = Scene { title: "", trace: &trace, code: &[], keys: &[], view: &view, theme };
            let window = Window::of(&scene, Rect::new(3, 0, 60, 2));
            let found = holes(&scene, &window, &Edges::of(&scene, &window));

            let (mut inside, mut to, mut lost) = (BTreeSet::new(), BTreeSet::new(), 0);
            let mut before = 0;
            for gap in trace.gaps(moment) {
                let columns = window.column(trace.at(gap.seq - 1)) + 1..window.column(gap.at);
                inside.extend(columns.filter(|x| (0..60).contains(x)).map(|x| x as u16 + window.x));
                to.extend(window.x(gap.at));
                lost += window.x(gap.at).map_or(0, |_| gap.lost - before);
                before = gap.lost;
            }
            prop_assert_eq!(found.iter().flat_map(|hole| hole.inside.clone()).collect::<BTreeSet<_>>(), inside);
            prop_assert_eq!(found.iter().filter_map(|hole| hole.to).collect::<BTreeSet<_>>(), to);
            let told = found.iter().filter(|hole| hole.to.is_some()).map(|hole| hole.lost).sum::<u64>();
            prop_assert_eq!(told, lost);

            // Words on the axis are whole.
            let area = Rect::new(0, 0, 100, 30);
            let mut buf = Buffer::empty(area);
            scene.render(area, &mut buf);
            let symbol = |x, y| buf.cell((x, y)).map_or("", |cell| cell.symbol());
            let row = |y, from| (from..100).map(|x| symbol(x, y)).collect::<String>();
            let axis = (0..30).find(|y| row(*y, 0).contains('┈')).unwrap_or(0);
            let words = row(axis, 0);
            let mut words = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            let whole = |word: &str| ["event", "events", "lost"].contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert!(words.all(whole), "{}", row(axis, 0));
            // And so are those in the lane, which is named before them.
            for y in (axis + 1..30).take_while(|y| symbol(0, *y) != "─") {
                let rest = row(y, 3).replace("without a lock", "").replace("no lock", "");
                prop_assert!(!rest.contains(|letter: char| letter.is_ascii_alphabetic()), "{}", row(y, 0));
            }
        }
    }
}
