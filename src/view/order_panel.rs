//! The order panel: the printed log, turned into a sequence diagram. One row an event, one column a
//! task, the owner at the right, handoffs as arrows across.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, paint, quiz};
use crate::event::{TaskId, Time};
use crate::trace::story::{self, Row, Tone};
use crate::trace::{State, words};

/// Further back than about so many events nobody looks for rows to fill the panel.
const MOST_TOLD: u64 = 4096;

/// No task's column is narrower.
const NARROWEST: u16 = 10;

/// How many rows there are under the header.
fn room(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(2))
}

/// What a panel of this size tells, and what holds after it.
pub(super) fn story<'a>(scene: &Scene<'a>, area: Rect) -> (Vec<Row>, Cow<'a, State>) {
    recent(scene, room(area))
}

pub(super) fn draw(scene: &Scene, story: &[Row], area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let header = Rect { height: 1, ..area };
    let columns = Columns::of(scene, area, story);
    paint::rule(buf, header, "order", "", theme.idle, theme.dim);
    let y = area.y + 1;
    paint::put_right(buf, area.x, columns.time, y, "ms", theme.dim);
    for column in 0..columns.count {
        let x = columns.first + column * columns.width;
        paint::put(buf, x, y, columns.width - 1, columns.heading(scene, column), theme.dim);
    }
    paint::put(buf, columns.owner, y, area.right() - columns.owner, "owner", theme.dim);
    for (row, y) in story.iter().zip(y + 1..area.bottom()) {
        draw_row(scene, &columns, row, area, y, buf);
    }
}

/// The last rows. Where there are few, a task's life gives way first, and then, where not all of the
/// present instant's fit, all that is minor; the newest stays.
fn recent<'a>(scene: &Scene<'a>, rows: usize) -> (Vec<Row>, Cow<'a, State>) {
    let moment = scene.view.moment;
    // Minor rows are left out after the telling, so that more events than rows are told; how many
    // more, only the telling shows.
    let mut told = rows as u64 * 4;
    let (mut story, mut state);
    loop {
        (story, state) = story::rows_and_state(scene.trace, moment.saturating_sub(told), moment);
        let instant = story.last().map(|row| row.at);
        let newest = story.last().map(|row| row.seq);
        let crowded = |story: &[Row]| story.iter().filter(|row| Some(row.at) == instant).count() > rows;
        if rows < 14 || crowded(&story) {
            story.retain(|row| !(row.minor && row.tone == Tone::Life) || Some(row.seq) == newest);
        }
        if crowded(&story) {
            story.retain(|row| !row.minor || Some(row.seq) == newest);
        }
        if story.len() >= rows || told >= moment || told > MOST_TOLD {
            break;
        }
        told *= 4;
    }
    (story.split_off(story.len().saturating_sub(rows)), state)
}

/// For how many tasks a panel of this width has columns.
pub(super) fn fitting(width: u16) -> usize {
    // The times, the owner, and blanks between them.
    usize::from(width.saturating_sub(20) / NARROWEST)
}

/// Where the columns are.
struct Columns {
    /// The right edge of the times.
    time: u16,
    /// Whether they are finer than milliseconds.
    finely: bool,
    first: u16,
    width: u16,
    /// How many there are: one for each task, or one for all.
    count: u16,
    owner: u16,
    tasks: usize,
}

impl Columns {
    fn of(scene: &Scene, area: Rect, story: &[Row]) -> Self {
        let names = scene.trace.names();
        let longest = names.tasks.iter().take(200).map(|name| paint::width(name)).max().unwrap_or(0);
        let locks = names.locks.iter().take(200).map(|lock| paint::width(&lock.name) + 2).max();
        let of_which = locks.filter(|_| names.locks.len() > 1).unwrap_or(0);
        let owner_width = longest.clamp(5, 12) + of_which.min(10) + 2;
        let finely = scene.trace.is_fine();
        let last = story.last().map_or(Time::ZERO, |row| row.at);
        let stamp = paint::width(&words::stamp(last, finely));
        let time = area.x + 2 + stamp.max(if finely { 10 } else { 6 });
        let first = time + 2;
        let owner = area.right().saturating_sub(owner_width).max(first);
        let room = owner - first;
        let tasks = names.tasks.len();
        // Either every task has a column of its own, or all share one, in which names say who is who.
        let count = if tasks <= fitting(area.width) { tasks.max(1) as u16 } else { 1 };
        Self {
            time,
            finely,
            first,
            width: (room / count).min(if count == 1 { room } else { 24 }),
            count,
            owner,
            tasks,
        }
    }

    fn column(&self, task: TaskId) -> u16 {
        u16::try_from(task.0).unwrap_or(u16::MAX).min(self.count - 1)
    }

    fn x(&self, task: TaskId) -> u16 {
        self.first + self.column(task) * self.width
    }

    /// Whether all tasks share a column, so that a name has to say whose a row is.
    fn is_shared(&self) -> bool {
        usize::from(self.count) < self.tasks
    }

    /// What stands over a column.
    fn heading<'a>(&self, scene: &Scene<'a>, column: u16) -> &'a str {
        if self.is_shared() { "tasks" } else { scene.trace.names().task(TaskId(u32::from(column))) }
    }
}

fn draw_row(scene: &Scene, columns: &Columns, row: &Row, area: Rect, y: u16, buf: &mut Buffer) {
    let theme = scene.theme;
    let newest = row.last == scene.view.moment;
    let style = if newest { theme.strong } else { theme.tone(row.tone) };
    let stamp = words::stamp(row.at, columns.finely);
    paint::put_right(buf, area.x, columns.time, y, &stamp, if newest { theme.strong } else { theme.dim });
    if newest {
        paint::dot(buf, area.x, y, "▶", theme.accent);
    }
    if newest && quiz::hides(scene) && row.tone == Tone::Release {
        paint::put(buf, columns.owner, y, 1, "?", theme.strong);
    } else {
        let room = area.right().saturating_sub(columns.owner + 1);
        let owner = row.owner(scene.trace.names(), usize::from(room)).unwrap_or_default();
        let owned = match row.granted {
            _ if row.owners.is_empty() => theme.dim,
            true => theme.granted,
            false => theme.holding,
        };
        paint::put(buf, columns.owner, y, room, &owner, owned);
    }
    if row.tone == Tone::Caption {
        let left = columns.time + 2;
        paint::put(buf, left, y, columns.owner.saturating_sub(left + 1), &format!("— {} —", row.text), style);
        return;
    }
    let x = columns.x(row.task);
    let named = |task: TaskId, text: &str| {
        if columns.is_shared() {
            format!("{}: {text}", scene.trace.names().task(task))
        } else {
            text.to_owned()
        }
    };
    // In the longest words for which there is room.
    let text = |room: u16| {
        let fits = |text: &str| paint::width(&named(row.task, text)) <= room;
        named(row.task, row.fitting(fits))
    };
    let granted = if newest { theme.strong } else { theme.granted };
    let to = row.handoff.map(|(to, word)| (columns.x(to), named(to, word)));
    // A word may run on into its neighbours' columns when they have nothing to say.
    let run_on = columns.owner.saturating_sub(x + 1);
    match to {
        Some((to_x, word)) if to_x > x => {
            let room = to_x.saturating_sub(x + 3);
            let end = paint::put(buf, x, y, room, &text(room), style);
            let line = to_x.saturating_sub(end + 3);
            paint::run(buf, end + 1, y, line, "━", theme.now);
            paint::dot(buf, end + 1 + line, y, "▶", theme.now);
            paint::put(buf, to_x, y, columns.owner.saturating_sub(to_x + 1), &word, granted);
        }
        Some((to_x, word)) if to_x < x => {
            let end = paint::put(buf, to_x, y, x.saturating_sub(to_x + 3), &word, granted);
            paint::dot(buf, end + 1, y, "◀", theme.now);
            paint::run(buf, end + 2, y, x.saturating_sub(end + 3), "━", theme.now);
            paint::put(buf, x, y, run_on, &text(run_on), style);
        }
        // Within the one column of all.
        Some((_, word)) => {
            let room = run_on.saturating_sub(4 + paint::width(&word));
            // The word for who is let in says enough of what lets it in.
            let text = text(room);
            let text = if paint::width(&text) <= room { &text } else { scene.trace.names().task(row.task) };
            let end = paint::put(buf, x, y, room, text, style);
            let end = paint::put(buf, end, y, columns.owner.saturating_sub(end + 1), " ━▶ ", theme.now);
            paint::put(buf, end, y, columns.owner.saturating_sub(end + 1), &word, granted);
        }
        None => {
            paint::put(buf, x, y, run_on, &text(run_on), style);
        }
    }
}
