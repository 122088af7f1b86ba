//! Where things go: computed from the size, the number of runs and their lanes each time, never stored.

use ratatui::layout::Rect;

use super::CompareScene;
use crate::event::{LockId, TaskId};
use crate::view::lanes::LaneId;
use crate::view::layout::{self, Lane};
use crate::view::{Layout, MIN_HEIGHT, MIN_WIDTH};

/// The parts of a picture of several runs.
pub(super) struct CompareLayout {
    pub(super) title: Rect,
    /// Where time runs: the axis, and below it all of the runs.
    pub(super) plot: Rect,
    /// The same as a layout without lanes, for the axis and the playhead.
    pub(super) whole: Layout,
    /// The runs that fit.
    pub(super) parts: Vec<Part>,
    /// The rule above what differs, and the words.
    pub(super) differs: Rect,
    /// The table, with its heading.
    pub(super) table: Option<Rect>,
    /// The sentences of the moment, without the rule above them.
    pub(super) sentences: Option<Rect>,
    pub(super) keys: Rect,
    /// How far lanes can be scrolled.
    pub(super) most_top: usize,
}

/// One run's part.
pub(super) struct Part {
    pub(super) variant: usize,
    /// The rule above its lanes, with its name.
    pub(super) rule: Rect,
    pub(super) layout: Layout,
    /// Tasks that have no lane here.
    pub(super) hidden: usize,
}

/// Rows of a task's lane, of the gap below it and of a lock's lane, from roomy to tight.
const LANES: [Rows; 7] =
    [rows(3, 2, 2), rows(2, 2, 1), rows(2, 1, 1), rows(2, 1, 0), rows(1, 1, 1), rows(1, 1, 0), rows(1, 0, 0)];
/// The same for the lecture hall.
const BIG_LANES: [Rows; 8] = [
    rows(7, 3, 2),
    rows(5, 2, 2),
    rows(4, 2, 1),
    rows(3, 2, 1),
    rows(3, 1, 0),
    rows(2, 1, 0),
    rows(1, 1, 0),
    rows(1, 0, 0),
];

#[derive(Clone, Copy)]
struct Rows {
    task: u16,
    gap: u16,
    lock: u16,
}

const fn rows(task: u16, gap: u16, lock: u16) -> Rows {
    Rows { task, gap, lock }
}

impl Rows {
    /// What so many lanes need.
    fn of(self, tasks: usize, locks: usize) -> u64 {
        let gaps = (tasks as u64).saturating_sub(1) * u64::from(self.gap);
        tasks as u64 * u64::from(self.task) + gaps + locks as u64 * u64::from(self.lock)
    }
}

/// What stands below the lanes.
#[derive(Clone, Copy)]
struct Panel {
    table: bool,
    /// A blank row above the table.
    airy: bool,
    /// Rows for the sentences of the moment, below a rule.
    sentences: u16,
}

impl Panel {
    /// What it needs where there are so many runs: what differs takes a rule and two rows.
    fn rows(self, variants: u16) -> u16 {
        let table = if self.table { 1 + variants + u16::from(self.airy) } else { 0 };
        3 + table + if self.sentences > 0 { 1 + self.sentences } else { 0 }
    }
}

/// What may stand below lanes of so many rows: the taller these are, the more of it there must be.
fn panels(rows: Rows, big: bool, variants: u16) -> Vec<Panel> {
    let panel = |table, airy, sentences| Panel { table, airy, sentences };
    let each = variants.min(4);
    let all = [
        panel(true, true, (2 * variants).min(4)),
        panel(true, true, each),
        panel(true, false, each),
        panel(true, false, each.min(2)),
        panel(true, false, 1),
        panel(true, false, 0),
        panel(false, false, 0),
    ];
    match (big, rows.task, rows.gap) {
        (true, ..) => vec![all[6]],
        (_, 2.., 2..) => all[..1].to_vec(),
        (_, 2.., _) => all[..3].to_vec(),
        (_, _, 1..) => all[1..5].to_vec(),
        _ => all[3..].to_vec(),
    }
}

impl CompareLayout {
    pub(super) fn of(scene: &CompareScene, area: Rect) -> Option<Self> {
        let variants = scene.comparison.variants();
        if area.width < MIN_WIDTH || area.height < MIN_HEIGHT || variants.is_empty() {
            return None;
        }
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };
        let (title, keys) = (row(area.y, 1), row(area.bottom() - 1, 1));
        let airy = u16::from(area.height >= 36);
        let axis = title.bottom() + airy;
        // The axis has a row for its labels and one for its ticks.
        let room = keys.y - axis - 2 - airy;
        let count = variants.len() as u16;
        let counts = |index: usize| {
            let names = variants[index].trace.names();
            (names.tasks.len(), names.locks.len())
        };
        let needs = |rows: Rows| {
            let lanes = (0..variants.len()).map(|index| {
                let (tasks, locks) = counts(index);
                1 + rows.of(tasks, locks)
            });
            lanes.sum::<u64>()
        };
        let steps = if scene.view.big { &BIG_LANES[..] } else { &LANES[..] };
        let ways = steps.iter().flat_map(|rows| {
            panels(*rows, scene.view.big, count).into_iter().map(move |panel| (*rows, panel))
        });
        let fits =
            |(rows, panel): &(Rows, Panel)| needs(*rows) + u64::from(panel.rows(count)) <= u64::from(room);
        let (rows, panel, shown, tasks_shown) = match ways.clone().find(fits) {
            Some((rows, panel)) => (rows, panel, variants.len(), usize::MAX),
            None => scrolling(room, variants.len(), counts(0).0),
        };

        let most_tasks = (0..variants.len()).map(|index| counts(index).0).max().unwrap_or(0);
        let task_tops = most_tasks.saturating_sub(tasks_shown);
        let most_top = task_tops + (variants.len() - shown);
        let top = scene.view.top.min(most_top);
        let (first_task, first_variant) = (top.min(task_tops), top.saturating_sub(task_tops));

        let label = (first_variant..first_variant + shown)
            .map(|index| {
                let view = scene.view_of(index);
                scene.with(index, &view, |scene| layout::label_width(scene, area.width))
            })
            .max()
            .unwrap_or(8);
        let plot = |y: u16, height: u16| Rect { x: area.x + label, y, width: area.width - label - 1, height };
        let mut y = axis + 2;
        let mut parts = Vec::new();
        for variant in first_variant..first_variant + shown {
            let (tasks, locks) = counts(variant);
            let rule = row(y, 1);
            let begin = rule.bottom();
            let visible = tasks.saturating_sub(first_task).min(tasks_shown);
            let mut lanes = Vec::new();
            let mut at = begin;
            for index in first_task..first_task + visible {
                lanes.push(Lane { id: LaneId::Task(TaskId(index as u32)), y: at, height: rows.task });
                at += rows.task + if index + 1 < first_task + visible { rows.gap } else { 0 };
            }
            for lock in (0..locks as u32).take(if rows.lock > 0 { locks } else { 0 }) {
                lanes.push(Lane { id: LaneId::Lock(LockId(lock)), y: at, height: rows.lock });
                at += rows.lock;
            }
            let height = at - begin;
            let layout = Layout::of_lanes(row(begin, height), plot(begin, height), lanes);
            parts.push(Part { variant, rule, layout, hidden: tasks - visible });
            y = at;
        }
        let plot = plot(axis, y - axis);
        let whole = Layout::of_lanes(row(axis, y - axis), plot, Vec::new());

        let sentences = (panel.sentences > 0).then(|| row(keys.y - panel.sentences, panel.sentences));
        let bottom = sentences.map_or(keys.y, |sentences| sentences.y - 1);
        // Every difference gets a row, as far as there are any to spare.
        let blank = u16::from(panel.airy && panel.table);
        let table_rows = if panel.table { 1 + shown as u16 } else { 0 };
        let left = bottom.saturating_sub(y + airy + blank + table_rows);
        let differs = row(y + airy, left.min(1 + count.saturating_sub(1).max(2)));
        let table = panel.table.then(|| row(differs.bottom() + blank, table_rows));
        Some(Self { title, plot, whole, parts, differs, table, sentences, keys, most_top })
    }
}

/// Where not even the tightest fits: as many runs, and so many tasks of each, as leave room to see two
/// of the tasks at least. What differs stays.
fn scrolling(room: u16, variants: usize, tasks: usize) -> (Rows, Panel, usize, usize) {
    let least = tasks.clamp(1, 2) as u16;
    let table = room >= 3 + 1 + 2 * (2 + least);
    let panel = Panel { table, airy: false, sentences: 0 };
    // A rule, the lanes, and a row of the table.
    let most = room.saturating_sub(panel.rows(0)) / (1 + least + u16::from(table));
    let shown = most.clamp(1, variants as u16);
    let each = (room.saturating_sub(panel.rows(shown)) / shown).saturating_sub(1).max(1);
    (LANES[LANES.len() - 1], panel, usize::from(shown), usize::from(each))
}
