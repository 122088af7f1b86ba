//! The timeline along time: where the seconds went.
//!
//! A cell that covers several states shows the one that matters most, a hold shorter than a cell is
//! `┃` and never dropped, and handoffs that fall into one cell show their number.

mod cells;
mod edges;
mod gaps;
mod group;
mod window;

use std::ops::Range;

use ratatui::buffer::Buffer;

use super::lanes::LaneId;
use super::layout::Lane;
use super::{Layout, Scene, paint, stuck};
use crate::event::{LockId, TaskId, Time};
use crate::trace::{Arrow, Look, Note, Noted, State, Tenures, words};
use cells::Cells;
use edges::Edges;
use gaps::Hole;
use group::GroupCells;
pub(super) use window::{Window, cell, pan_limits, whole, zoom};

/// What the header says of the axis.
pub(super) fn about(scene: &Scene, width: u16) -> String {
    format!("time · {} a cell", words::brief(cell(scene, width)))
}

pub(super) fn draw(scene: &Scene, state: &State, layout: &Layout, buf: &mut Buffer) {
    let window = Window::of(scene, layout.plot);
    axis(scene, &window, layout, buf);
    let lanes = Lanes::of(scene, state, &window, layout);
    lanes.draw(buf);
    gaps::say(scene, &window, &lanes.holes, layout, buf);
    playhead(scene, &window, layout, buf);
    lanes.say(state, buf);
}

/// The lanes of a trace, where a layout has put them.
pub(super) struct Lanes<'a> {
    scene: &'a Scene<'a>,
    window: &'a Window,
    edges: Edges,
    layout: &'a Layout,
    tasks: Vec<(TaskId, Lane, Cells<'a>)>,
    groups: Vec<(Lane, GroupCells)>,
    holes: Vec<Hole>,
    /// Which columns lie in one of them, and where no words stand because of them.
    unknown: Vec<bool>,
    wordless: Vec<bool>,
}

impl<'a> Lanes<'a> {
    pub(super) fn of(scene: &'a Scene<'a>, state: &State, window: &'a Window, layout: &'a Layout) -> Self {
        let (mut tasks, mut groups) = (Vec::new(), Vec::new());
        let edges = Edges::of(scene, window);
        let folded = layout.lanes.iter().filter(|lane| matches!(lane.id, LaneId::Group(_))).count();
        for lane in &layout.lanes {
            match lane.id {
                LaneId::Task(task) => tasks.push((task, *lane, Cells::of(scene, window, &edges, task))),
                LaneId::Group(group) => {
                    let within = (window, &edges);
                    groups.push((*lane, GroupCells::of(scene, state, within, group, folded)));
                }
                LaneId::Lock(_) => {}
            }
        }
        let holes = gaps::holes(scene, window, &edges);
        let (unknown, wordless) = gaps::columns(window, &holes);
        Self { scene, window, edges, layout, tasks, groups, holes, unknown, wordless }
    }

    /// What was when, and the handoffs.
    pub(super) fn draw(&self, buf: &mut Buffer) {
        let Self { scene, window, edges, layout, tasks, groups, unknown, wordless, .. } = self;
        for (_, lane, cells) in tasks {
            cells.draw(scene, window, *lane, buf);
        }
        for (lane, cells) in groups {
            cells.draw(scene, window, *lane, buf);
        }
        for lane in &layout.lanes {
            if let Some(lock) = lane.lock() {
                owner(scene, (window, edges, wordless), lock, *lane, buf);
            }
        }
        gaps::fill(scene, window, unknown, layout, buf);
        handoffs(scene, (window, edges), layout, buf);
    }

    /// The words. They come last: no line runs through them.
    pub(super) fn say(&self, state: &State, buf: &mut Buffer) {
        for (task, lane, cells) in &self.tasks {
            cells.say(self.scene, state, (self.window, &self.wordless), (*task, *lane), buf);
        }
        for (lane, cells) in &self.groups {
            cells.say(self.scene, self.window, *lane, buf);
        }
        marks(self.scene, (self.window, &self.edges), self.layout, buf);
        gaps::mark(self.scene, self.window, &self.holes, self.layout, buf);
        if let Some(x) = self.window.x(self.scene.view.now) {
            stuck::draw(self.scene, self.layout, x, buf);
        }
    }
}

/// The labels and the ticks.
pub(super) fn axis(scene: &Scene, window: &Window, layout: &Layout, buf: &mut Buffer) {
    let theme = scene.theme;
    let (labels, ticks) = (layout.plot.y, layout.plot.y + 1);
    paint::run(buf, window.x, ticks, window.width, "┈", theme.idle);
    let at_least = |cells: u16| {
        let wanted = window.cell.saturating_mul(cells.into());
        (0..19)
            .flat_map(|power| [1, 2, 5].map(|digit: u64| digit.saturating_mul(10_u64.pow(power))))
            .find(|&step| step >= wanted)
            .unwrap_or(u64::MAX)
    };
    // So far apart that each label has room, with a space behind it.
    let wide = |step| paint::width(&label(window.right(), step));
    let step = at_least(12.max(wide(at_least(12)) + 1));
    let mut at = window.left.div_ceil(step).saturating_mul(step);
    while at < window.right() {
        if let Some(x) = window.x(Time::from_nanos(at)) {
            paint::dot(buf, x, ticks, "┴", theme.idle);
            let room = layout.timeline.right() - x;
            let label = label(at, step);
            if paint::width(&label) <= room {
                paint::put(buf, x, labels, room, &label, theme.dim);
            }
        }
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
}

/// A moment on the axis, as exact as the distance between two labels asks for.
fn label(at: u64, step: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    const MILLI: u64 = 1_000_000;
    if step >= SECOND {
        format!("{} s", at / SECOND)
    } else if step >= SECOND / 10 {
        format!("{}.{} s", at / SECOND, at % SECOND / (SECOND / 10))
    } else if step >= MILLI {
        format!("{} ms", at / MILLI)
    } else {
        format!("{}.{:03} ms", at / MILLI, at % MILLI / 1000)
    }
}

/// A lock's lane: a line that names its owner.
fn owner(
    scene: &Scene,
    (window, edges, wordless): (&Window, &Edges, &[bool]),
    lock: LockId,
    lane: Lane,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let now = scene.view.now;
    let tenures = scene.trace.tenures(lock, scene.view.moment);
    let (mut free_from, mut likely) = (0, 0);
    let mut index = tenures.begun(edges.left()).saturating_sub(1);
    let behind = tenures.begun(edges.right());
    // When a tenure began, and whose it was, is asked only where that is drawn.
    while index < behind {
        let this = index;
        index += 1;
        if tenures.is_free(this) {
            continue;
        }
        // Granted and then held by the same task is one ownership.
        while tenures.goes_on(index) {
            index += 1;
        }
        let Some(begin) = tenures.at(this) else { break };
        let mut granted = tenures.is_granted(index - 1);
        let later = tenures.at(index);
        let open = later.is_none();
        let end = later.unwrap_or(now);
        granted &= open;
        let columns = window.columns(begin, end);
        let Some(x) = columns.clone().next().map(|column| window.x + column) else { continue };
        let name = |room: u16| {
            let owners = tenures.owners(this).unwrap_or_default();
            words::group(scene.trace.names(), &owners, usize::from(room))
        };
        let look = if granted { Look::Granted } else { Look::Suspended };
        let style = theme.look(look).1;
        if columns.len() <= 1 && !open {
            // Too short for a line: named below, as far as there is a row and room.
            paint::dot(buf, x, lane.y, "┃", theme.holding);
            if lane.height > 1 && x >= free_from {
                let label = format!("▲{}", name(0));
                let room = paint::width(&label);
                if x + room <= window.x + window.width {
                    free_from = paint::put(buf, x, lane.y + 1, room, &label, theme.text) + 1;
                }
            }
            // Of many in a column one stands for all: what comes next is what goes on beyond it.
            if let Some(end) = edges.columns().map(|all| all.before(columns.end)) {
                let last = last_owned(&tenures, tenures.begun_from(index, likely, end));
                likely = last.saturating_sub(index);
                index = index.max(last);
            }
            continue;
        }
        for column in columns.clone() {
            let short = buf.cell((window.x + column, lane.y)).is_some_and(|cell| cell.symbol() == "┃");
            if !short {
                // Where an ownership begins beside another, a mark parts them.
                let begins = column == columns.start && column > 0 && window.column(begin) >= 0;
                paint::dot(buf, window.x + column, lane.y, if begins { "┣" } else { "━" }, style);
            }
        }
        let known = longest(columns, |column| !wordless[usize::from(column)]);
        let (x, room) = (window.x + known.start, (known.len() as u16).saturating_sub(2));
        let (name, roomy) = (name(room), room > paint::width(&name(room)) + 3);
        let label = if roomy { format!(" {name} ") } else { name };
        if paint::width(&label) <= room {
            let word = if granted { theme.granted } else { theme.text };
            paint::put(buf, x + if roomy { 2 } else { 1 }, lane.y, room, &label, word);
        }
    }
}

/// The longest part of these columns that is so all along; of several the first.
fn longest(columns: Range<u16>, is_so: impl Fn(u16) -> bool) -> Range<u16> {
    let (mut longest, mut begin) = (columns.start..columns.start, columns.start);
    for column in columns {
        if !is_so(column) {
            begin = column + 1;
        } else if usize::from(column + 1 - begin) > longest.len() {
            longest = begin..column + 1;
        }
    }
    longest
}

/// Where the ownership begins that is the last of the first `end` tenures.
fn last_owned(tenures: &Tenures, end: usize) -> usize {
    let mut begin = end.saturating_sub(1);
    while tenures.goes_on(begin) {
        begin -= 1;
    }
    begin
}

/// So many of what happened in one column are looked at for where its line begins and ends: the first and
/// the last half of them.
const LOOK_AT: usize = 8;

/// These, or so many of the first and of the last.
fn some_of(all: Range<usize>) -> impl Iterator<Item = usize> {
    let first = all.start..all.end.min(all.start + LOOK_AT);
    let last = all.end.saturating_sub(LOOK_AT).max(first.end)..all.end;
    first.chain(last)
}

/// The handoffs: lines from the lane of whoever let go to the receiver's.
fn handoffs(scene: &Scene, (window, edges): (&Window, &Edges), layout: &Layout, buf: &mut Buffer) {
    let all = scene.trace.handoffs(scene.view.moment);
    let lines = Lines::of(scene, layout, buf.area.bottom());
    let arrow = |index| all.arrow(index, scene.view.moment);
    if let Some(columns) = edges.columns() {
        let parts = columns.parts(|known, likely, moment| all.until_from(known, likely, moment));
        for (x, indices) in (window.x..).zip(parts).filter(|(_, indices)| !indices.is_empty()) {
            lines.draw((x, indices.len()), some_of(indices).filter_map(arrow), buf);
        }
        return;
    }
    let x = |index| arrow(index).and_then(|arrow| window.x(arrow.at));
    let mut begin = all.until(edges.left());
    while let Some(here) = x(begin) {
        let end = (begin..all.len()).find(|index| x(*index) != Some(here)).unwrap_or(all.len());
        lines.draw((here, end - begin), some_of(begin..end).filter_map(arrow), buf);
        begin = end;
    }
}

/// What it takes to draw handoffs between lanes.
struct Lines<'a> {
    scene: &'a Scene<'a>,
    layout: &'a Layout,
    /// Which rows belong to lanes.
    rows: Vec<bool>,
    /// The first row of the first lane of tasks, and of the last: no line goes further.
    reach: Option<(u16, u16)>,
}

impl<'a> Lines<'a> {
    fn of(scene: &'a Scene<'a>, layout: &'a Layout, bottom: u16) -> Self {
        let mut rows = vec![false; bottom.into()];
        for lane in &layout.lanes {
            rows[usize::from(lane.y)..=usize::from(lane.bar())].fill(true);
        }
        let tasks = || layout.lanes.iter().filter(|lane| lane.lock().is_none()).map(|lane| lane.y);
        Self { scene, layout, rows, reach: tasks().min().zip(tasks().max()) }
    }

    fn lane(&self, task: TaskId) -> Option<&'a Lane> {
        self.layout.lane_of(self.scene.trace, self.scene.view, task)
    }

    /// Draws the handoffs of one column, of which there are so many, as one line.
    fn draw(&self, (x, count): (u16, usize), arrows: impl Iterator<Item = Arrow>, buf: &mut Buffer) {
        let theme = self.scene.theme;
        let many = count > LOOK_AT * 2;
        // Between which lanes the first goes, how many go between lanes, and from where to where all of them.
        let (mut first, mut joining, mut span) = (None, 0, None);
        let (mut owns, mut receiver) = (false, None);
        for arrow in arrows {
            owns |= arrow.owns;
            let to = self.lane(arrow.to);
            receiver = to.or(receiver);
            let Some((from, to)) = arrow.from.and_then(|from| self.lane(from)).zip(to) else { continue };
            first = first.or(Some((from, to)));
            joining += 1;
            let (top, bottom) = span.unwrap_or((u16::MAX, 0));
            span = Some((top.min(from.y).min(to.y), bottom.max(from.y).max(to.y)));
            if many && owns && span == self.reach && joining > 1 {
                // No other one changes anything.
                break;
            }
        }
        let (top, bottom) = span.unwrap_or_default();
        // What only wakes, and hands nothing over, is a thin line.
        let (glyph, style) = if owns { ("┃", theme.now) } else { ("│", theme.granted) };
        let mut drawn = false;
        for y in top..bottom {
            if self.rows[usize::from(y)] {
                // A line that passes over a lane must not hide what happened there.
                let free = buf.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "·"));
                if free && y > top {
                    paint::dot(buf, x, y, "│", style);
                }
                continue;
            }
            paint::dot(buf, x, y, glyph, style);
            if !drawn && count > 1 {
                paint::put(buf, x + 1, y, 5, &times(count), theme.now);
            }
            drawn = true;
        }
        // Where they are many their holds are seen in all lanes.
        if !drawn && !many {
            // No row lies between the lanes, or the releaser's is not shown: the receiver's cell says it.
            if let Some(to) = receiver {
                let digits = [glyph, "2", "3", "4", "5", "6", "7", "8", "9"];
                let digit = digits.get(count - 1).unwrap_or(&"+");
                // In a group's lane its lower rows stay: who else waits.
                let last = if matches!(to.id, LaneId::Group(_)) { to.y } else { to.bar() };
                (to.y..=last).for_each(|y| paint::dot(buf, x, y, digit, style));
            }
        }
        if let Some((from, to)) = first.filter(|_| joining == 1) {
            let head = if to.y > from.y { (to.y - 1, "▼") } else { (to.bar() + 1, "▲") };
            let free = self.rows.get(usize::from(head.0)).is_none_or(|lane| !lane);
            if free && top + 3 < bottom {
                paint::dot(buf, x, head.0, head.1, style);
            }
        }
    }
}

/// How often, in five cells: `×12`, `×13k`.
fn times(count: usize) -> String {
    match count {
        0..10_000 => format!("×{count}"),
        10_000..1_000_000 => format!("×{}k", count / 1_000),
        _ => format!("×{}M", count / 1_000_000),
    }
}

/// Who gave up, in its lane; a notification that nobody heard, in its notifier's. Of very many in a column,
/// some.
fn marks(scene: &Scene, (window, edges): (&Window, &Edges), layout: &Layout, buf: &mut Buffer) {
    let notes = scene.trace.notes(scene.view.moment);
    let until = |moment| notes.partition_point(|note| note.seq <= moment);
    if let Some(columns) = edges.columns() {
        for part in columns.parts(|_, _, moment| notes.partition_point(|note| note.seq <= moment)) {
            some_of(part)
                .filter_map(|index| notes.get(index))
                .for_each(|note| mark(scene, window, layout, note, buf));
        }
    } else {
        notes[until(edges.left())..until(edges.right())]
            .iter()
            .for_each(|note| mark(scene, window, layout, note, buf));
    }
}

fn mark(scene: &Scene, window: &Window, layout: &Layout, note: &Note, buf: &mut Buffer) {
    let theme = scene.theme;
    let Some(x) = window.x(note.at) else { return };
    match note.what {
        Noted::GaveUp { .. } => {
            let Some(lane) = layout.lane_of(scene.trace, scene.view, note.task) else { return };
            (lane.y..=lane.bar()).for_each(|y| paint::dot(buf, x, y, "×", theme.blocked));
        }
        Noted::Unheard { stored, .. } => {
            let Some(lane) = note.lock.and_then(|lock| layout.lane(LaneId::Lock(lock))) else { return };
            let (glyph, word, style) =
                if stored { ("■", "stored", theme.waiting) } else { ("×", "lost", theme.blocked) };
            paint::dot(buf, x, lane.y, glyph, style);
            let room = (window.x + window.width).saturating_sub(x + 2);
            if paint::width(word) <= room {
                paint::put(buf, x + 2, lane.y, room, word, theme.dim);
            }
        }
        Noted::Barged { .. } | Noted::Took { .. } | Noted::HeldUp { .. } | Noted::Late { .. } => {}
    }
}

/// Now.
pub(super) fn playhead(scene: &Scene, window: &Window, layout: &Layout, buf: &mut Buffer) {
    let Some(x) = window.x(scene.view.now) else { return };
    let theme = scene.theme;
    paint::dot(buf, x, layout.plot.y + 1, "▼", theme.accent);
    for y in layout.plot.y + 2..layout.plot.bottom() {
        let free = buf.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "·"));
        if free {
            paint::dot(buf, x, y, "│", theme.accent);
        }
    }
}
