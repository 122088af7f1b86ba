//! Where things go: computed from the size and the number of lanes each time, never stored.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lanes::{LaneId, Lanes, lane_of};
use super::{Axis, Scene, ViewState, order_panel, paint};
use crate::event::{LockId, TaskId};
use crate::trace::{Spent, Trace};

/// Below this many columns there is only a polite message.
pub const MIN_WIDTH: u16 = 60;
/// Below this many rows there is only a polite message.
pub const MIN_HEIGHT: u16 = 16;

/// The parts of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The title's row.
    pub title: Rect,
    /// A row for each lock that fits.
    pub strip: Rect,
    /// The timeline with its header, its axis and its lanes.
    pub timeline: Rect,
    /// The part of it in which time or order runs.
    pub plot: Rect,
    /// The lanes that fit.
    pub lanes: Vec<Lane>,
    /// The places among all lanes of tasks of those that fit.
    pub tasks: Range<usize>,
    /// The same of the locks.
    pub locks: Range<usize>,
    /// All that could be scrolled to, and who is in it.
    pub all: Shown,
    /// The order panel, with its header.
    pub order: Option<Rect>,
    /// The code panel, with its header.
    pub code: Option<Rect>,
    /// The sentence.
    pub sentence: Rect,
    /// The keys.
    pub keys: Rect,
}

/// How many lanes there are, on the screen or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Lanes of tasks, and of groups of them.
    pub lanes: usize,
    /// Tasks in those.
    pub tasks: usize,
    /// Locks.
    pub locks: usize,
}

/// A lane on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// What it is about.
    pub id: LaneId,
    /// Its first row.
    pub y: u16,
    /// How many rows.
    pub height: u16,
}

impl Lane {
    /// The lock, if it is one's.
    pub(super) fn lock(&self) -> Option<LockId> {
        if let LaneId::Lock(lock) = self.id { Some(lock) } else { None }
    }

    pub(super) fn contains(&self, x: u16, y: u16, layout: &Layout) -> bool {
        (self.y..self.y + self.height).contains(&y)
            && (layout.timeline.left()..layout.timeline.right()).contains(&x)
    }

    /// The row in which the state is drawn where a lane has one row for it.
    pub(super) fn bar(&self) -> u16 {
        self.y + self.height - 1
    }
}

/// The rows that the panels keep when the lanes ask for more.
const PANEL: u16 = 7;

/// Rows of a task's lane, of the gap below it and of a lock's lane, from roomy to tight.
const LANES: [(u16, u16, u16); 5] = [(2, 2, 2), (2, 1, 2), (2, 1, 1), (1, 1, 1), (1, 0, 1)];
/// The same for the lecture hall.
const BIG_LANES: [(u16, u16, u16); 8] =
    [(7, 3, 2), (6, 3, 2), (5, 3, 2), (4, 2, 2), (3, 2, 2), (3, 1, 1), (2, 1, 1), (1, 0, 1)];
/// Where not even the tightest fits, lanes scroll: this is what they get then.
const SCROLLING: (u16, u16, u16) = (1, 0, 1);
/// On the order axis each lane has a row for words above its bar.
const SCROLLING_ORDER: (u16, u16, u16) = (2, 0, 1);

impl Layout {
    /// The lane that shows a task: its own or its group's.
    pub(super) fn lane_of(&self, trace: &Trace, view: &ViewState, task: TaskId) -> Option<&Lane> {
        self.lane(lane_of(trace, view, task))
    }

    /// The lane, if it is on the screen.
    pub(super) fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    /// Nothing but lanes: of one run among several.
    pub(super) fn of_lanes(timeline: Rect, plot: Rect, lanes: Vec<Lane>) -> Self {
        Self { timeline, plot, lanes, ..Self::default() }
    }

    pub(super) fn of(scene: &Scene, area: Rect) -> Option<Self> {
        if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
            return None;
        }
        let names = scene.trace.names();
        let list = Lanes::of(scene.trace, scene.view);
        let (tasks, locks) = (list.tasks(), list.locks());
        let roomy = area.height >= 28;
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };

        let title = row(area.y, 1);
        let most_locks = usize::from(area.height / 10).max(1);
        // A row for the last one says more than that there is one more.
        // The strip has room for the locks of the trace, whichever lanes are chosen: nothing jumps.
        let all_locks = names.locks.len();
        let most_locks = most_locks + usize::from(all_locks == most_locks + 1 && area.height >= 20);
        let strip = row(title.bottom() + u16::from(roomy), all_locks.clamp(1, most_locks) as u16);
        let keys = row(area.bottom() - 1, 1);
        let sentence_rows = if scene.view.big || area.height >= 20 { 2 } else { 1 };
        let sentence = row(keys.y - sentence_rows, sentence_rows);
        // One rule above the sentence.
        let bottom = sentence.y - 1;
        let room = bottom - strip.bottom();

        // A header and two rows of axis, then the lanes.
        let heads = 3;
        let steps = if scene.view.big { &BIG_LANES[..] } else { &LANES[..] };
        let (least, scrolling) = match scene.view.axis {
            Axis::Time => (1, SCROLLING),
            Axis::Order => (2, SCROLLING_ORDER),
        };
        let needs = |(height, gap, lock): (u16, u16, u16)| {
            let tasks = tasks as u64 * u64::from(height + gap);
            tasks.saturating_sub(u64::from(gap > 0)) + locks as u64 * u64::from(lock)
        };
        // A comfortable share of the room; lanes that need more to show their handoffs get more, as
        // long as some rows are left for the panels.
        let comfortable = if scene.view.big { room } else { (room * 11 / 20).max(heads + 3) };
        let most = if scene.view.big { room } else { comfortable.max(room.saturating_sub(PANEL)) };
        let fit = |share: u16| {
            let fits = |step: &&(u16, u16, u16)| {
                step.0 >= least && step.1 > 0 && needs(**step) <= u64::from(share - heads)
            };
            steps.iter().find(fits).map(|step| (share, *step))
        };
        let tight = (scrolling.0 >= least && needs(scrolling) <= u64::from(most - heads))
            .then_some((most, scrolling));
        let fitting = fit(comfortable).or_else(|| fit(most)).or(tight);
        let (share, (height, gap, lock_height)) = fitting.unwrap_or((comfortable, scrolling));

        // Where not all fit, the tasks scroll and so do the locks: a third of the rows is theirs, or what
        // the tasks leave.
        let end = strip.bottom() + share;
        let rows = usize::from(share - heads);
        let (tasks_fit, locks_fit) = if fitting.is_some() {
            (tasks, locks)
        } else {
            let locks_fit = locks.min((rows / 3).max(rows.saturating_sub(tasks * usize::from(height))));
            (((rows - locks_fit) / usize::from(height)).max(1), locks_fit)
        };
        let (tasks_shown, locks_shown) = visible(scene, &list, tasks_fit, locks_fit);
        let mut lanes = Vec::with_capacity(tasks_shown.len() + locks_shown.len());
        let mut y = strip.bottom() + heads;
        let tasks_end = end - lock_height * locks_shown.len() as u16;
        for id in list.range(tasks_shown.clone()) {
            if y + height > tasks_end {
                break;
            }
            lanes.push(Lane { id, y, height });
            y += height + gap;
        }
        // The locks' thin lines stand close under the tasks: what they name is in the lanes above.
        if !lanes.is_empty() && tasks_shown.end == tasks {
            y -= gap.min(1);
        }
        for id in list.range(tasks + locks_shown.start..tasks + locks_shown.end) {
            lanes.push(Lane { id, y, height: lock_height });
            y += lock_height;
        }
        let all = Shown { lanes: tasks, tasks: list.tasks_shown, locks };
        let used = lanes.last().map_or(heads + 1, |lane| lane.y + lane.height - strip.bottom());
        let timeline = row(strip.bottom(), used.min(share));
        let label = label_width(scene, area.width);
        let plot = Rect {
            x: area.x + label,
            y: timeline.y + 1,
            width: area.width - label - 1,
            height: timeline.height - 1,
        };

        let panel = row(timeline.bottom(), bottom.saturating_sub(timeline.bottom()));
        let (order, code) = panels(scene, panel);
        Some(Self {
            title,
            strip,
            timeline,
            plot,
            lanes,
            tasks: tasks_shown,
            locks: locks_shown,
            all,
            order,
            code,
            sentence,
            keys,
        })
    }
}

/// The order panel and the code panel, as far as there is room for them.
fn panels(scene: &Scene, panel: Rect) -> (Option<Rect>, Option<Rect>) {
    if scene.view.big || panel.height < 3 {
        return (None, None);
    }
    // In a narrow picture the code gives way first, and so it does to more columns of tasks.
    let left = panel.width * 21 / 40;
    let tasks = scene.trace.names().tasks.len();
    let columns = tasks > order_panel::fitting(left) && tasks <= order_panel::fitting(panel.width);
    if panel.width >= 96 && !scene.code.is_empty() && !columns {
        let code = Rect { x: panel.x + left, width: panel.width - left, ..panel };
        (Some(Rect { width: left, ..panel }), Some(code))
    } else {
        (Some(panel), None)
    }
}

/// The lanes shown where so many fit, as places among the tasks' and among the locks'. Where the viewer
/// scrolled they stay; else they follow what happens, a page at a time, with both ends of the last handoff
/// where a page has room for them. A selected lane is always there.
fn visible(scene: &Scene, list: &Lanes, tasks_fit: usize, locks_fit: usize) -> (Range<usize>, Range<usize>) {
    let (trace, view) = (scene.trace, scene.view);
    let selected = view.lane.and_then(|lane| list.place(lane));
    let event = trace.event(view.moment);
    let handoff = trace.handoffs(view.moment).last();
    let top = view.top;
    let place = |task| list.place_of_task(trace, view, task);
    let tasks = || {
        let fresh = handoff.filter(|handoff| event.as_ref().is_some_and(|event| event.at == handoff.at));
        let both = fresh.and_then(|fresh| Some((fresh.from(view.moment)?.task, fresh.to)));
        match both {
            Some((from, to)) => (place(to), place(from)),
            None => (event.as_ref().and_then(|event| place(event.actor.task)), None),
        }
    };
    let locks = || {
        let lock = event.as_ref().and_then(|event| event.what.lock()).or(handoff.map(|handoff| handoff.lock));
        (lock.and_then(|lock| list.place(LaneId::Lock(lock))).map(|place| place - list.tasks()), None)
    };
    let of_locks = selected.and_then(|place| place.checked_sub(list.tasks()));
    let of_tasks = selected.filter(|place| *place < list.tasks());
    (
        page(list.tasks(), tasks_fit, (top.map(|top| top.0), of_tasks), tasks),
        page(list.locks(), locks_fit, (top.map(|top| top.1), of_locks), locks),
    )
}

/// So many of `count` lanes as fit. `active` are the places to follow, the first before the second.
fn page(
    count: usize,
    fit: usize,
    (top, selected): (Option<usize>, Option<usize>),
    active: impl FnOnce() -> (Option<usize>, Option<usize>),
) -> Range<usize> {
    if fit >= count {
        return 0..count;
    }
    let fit = fit.max(1);
    let first = match (top, selected) {
        (Some(top), _) => top,
        (None, Some(selected)) => selected.saturating_sub(fit / 2),
        (None, None) => {
            let (one, other) = active();
            let one = one.or(other).unwrap_or(0);
            let other = other.filter(|other| other.abs_diff(one) < fit).unwrap_or(one);
            let page = one / fit * fit;
            page.clamp((one.max(other) + 1).saturating_sub(fit), one.min(other))
        }
    };
    let first = match selected {
        Some(selected) => first.clamp((selected + 1).saturating_sub(fit), selected),
        None => first,
    };
    let first = first.min(count - fit);
    first..first + fit
}

/// Room for the lanes' names.
pub(super) fn label_width(scene: &Scene, width: u16) -> u16 {
    let names = scene.trace.names();
    let folds = &scene.view.folds;
    let tasks = names.tasks.iter().map(|name| paint::width(name));
    let locks = names.locks.iter().map(|lock| paint::width(&lock.name));
    // 10,000 names need not all be measured for a column that is cut anyway.
    // The last of numbered ones is the longest.
    let last = names.tasks.last().map(|name| paint::width(name));
    let longest = tasks.take(200).chain(last).chain(locks.take(200)).max().unwrap_or(0);
    // A folded group says how many it is.
    let many = if folds.all || !folds.except.is_empty() { 6 } else { 0 };
    let name = (longest + 3 + many).clamp(8, width / 5);
    // What lanes are sorted by stands beside their names.
    let figure = if scene.view.sort.spent(Spent::default()).is_some() { FIGURE } else { 0 };
    (name + figure).min((width / 3).max(name))
}

/// The width of what a lane is sorted by: `57 m 28 s`, `999 ms`.
pub(super) const FIGURE: u16 = 10;

/// The polite message.
pub(super) fn too_small(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let lines = [
        "lockscope needs more room".to_owned(),
        format!("at least {MIN_WIDTH}x{MIN_HEIGHT}, this is {}x{}", area.width, area.height),
        "q quits".to_owned(),
    ];
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
    for (row, line) in lines.iter().enumerate() {
        let x = area.x + area.width.saturating_sub(paint::width(line)) / 2;
        let style = if row == 0 { scene.theme.strong } else { scene.theme.text };
        let y = top + row as u16;
        if y < area.bottom() {
            paint::put(buf, x, y, area.right().saturating_sub(x), line, style);
        }
    }
}
