//! Where things go: computed from the size and the number of lanes each time, never stored.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Axis, Scene, order_panel, paint};

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
    /// The order panel, with its header.
    pub order: Option<Rect>,
    /// The code panel, with its header.
    pub code: Option<Rect>,
    /// The sentence.
    pub sentence: Rect,
    /// The keys.
    pub keys: Rect,
}

/// A lane on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// A task, or beyond the tasks a lock.
    pub index: usize,
    /// Its first row.
    pub y: u16,
    /// How many rows.
    pub height: u16,
}

impl Lane {
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
    /// Nothing but lanes: of one run among several.
    pub(super) fn of_lanes(timeline: Rect, plot: Rect, lanes: Vec<Lane>) -> Self {
        Self { timeline, plot, lanes, ..Self::default() }
    }

    pub(super) fn of(scene: &Scene, area: Rect) -> Option<Self> {
        if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
            return None;
        }
        let names = scene.trace.names();
        let (tasks, locks) = (names.tasks.len(), names.locks.len());
        let roomy = area.height >= 28;
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };

        let title = row(area.y, 1);
        let most_locks = usize::from(area.height / 10).max(1);
        // A row for the last one says more than that there is one more.
        let most_locks = most_locks + usize::from(locks == most_locks + 1 && area.height >= 20);
        let strip = row(title.bottom() + u16::from(roomy), locks.clamp(1, most_locks) as u16);
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
        let total = tasks + locks;

        // Where not all fit, the tasks scroll and the locks stay: they are what it is about.
        let end = strip.bottom() + share;
        let locks_shown = if fitting.is_some() { locks } else { locks.min(usize::from(share - heads) / 3) };
        let tasks_end = end - lock_height * locks_shown as u16;
        let mut lanes = Vec::new();
        let mut y = strip.bottom() + heads;
        let first = if fitting.is_some() {
            0
        } else {
            first_task(scene, tasks, usize::from((tasks_end - y + gap) / (height + gap).max(1)))
        };
        for index in first..tasks {
            if y + height > tasks_end {
                break;
            }
            lanes.push(Lane { index, y, height });
            // The locks' thin lines stand close under the tasks: what they name is in the lanes above.
            let last_task = index + 1 == tasks;
            y += height + gap.saturating_sub(u16::from(last_task));
        }
        for index in (tasks..total).take(locks_shown) {
            lanes.push(Lane { index, y, height: lock_height });
            y += lock_height;
        }
        let used = lanes.last().map_or(heads, |lane| lane.y + lane.height - strip.bottom());
        let timeline = row(strip.bottom(), used.min(share));
        let label = label_width(scene, area.width);
        let plot = Rect {
            x: area.x + label,
            y: timeline.y + 1,
            width: area.width - label - 1,
            height: timeline.height - 1,
        };

        let panel = row(timeline.bottom(), bottom.saturating_sub(timeline.bottom()));
        let (mut order, mut code) = (None, None);
        if !scene.view.big && panel.height >= 3 {
            // In a narrow picture the code gives way first, and so it does to more columns of tasks.
            let left = panel.width * 21 / 40;
            let columns = tasks > order_panel::fitting(left) && tasks <= order_panel::fitting(panel.width);
            if panel.width >= 96 && !scene.code.is_empty() && !columns {
                order = Some(Rect { width: left, ..panel });
                code = Some(Rect { x: panel.x + left, width: panel.width - left, ..panel });
            } else {
                order = Some(panel);
            }
        }
        Some(Self { title, strip, timeline, plot, lanes, order, code, sentence, keys })
    }
}

/// The first task shown, where so many fit: such that the selected one is among them, or, if none is
/// selected, a page with the one that last did something.
fn first_task(scene: &Scene, tasks: usize, fit: usize) -> usize {
    let fit = fit.max(1);
    let last = tasks.saturating_sub(fit);
    if let Some(lane) = scene.view.lane {
        return lane.min(tasks.saturating_sub(1)).saturating_sub(fit / 2).min(last);
    }
    let active = scene.trace.event(scene.view.moment).map_or(0, |event| event.actor.task.0 as usize);
    (active / fit * fit).min(last)
}

/// Room for the lanes' names.
pub(super) fn label_width(scene: &Scene, width: u16) -> u16 {
    let names = scene.trace.names();
    let tasks = names.tasks.iter().map(|name| paint::width(name));
    let locks = names.locks.iter().map(|lock| paint::width(&lock.name));
    // 10,000 names need not all be measured for a column that is cut anyway.
    // The last of numbered ones is the longest.
    let last = names.tasks.last().map(|name| paint::width(name));
    let longest = tasks.take(200).chain(last).chain(locks.take(200)).max().unwrap_or(0);
    (longest + 3).clamp(8, width / 5)
}

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
