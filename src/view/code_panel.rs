//! The code panel: each task's steps as the Rust they stand for, and the line each task is on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Listing, Scene, paint};
use crate::event::{StepId, TaskId};
use crate::scenario::CodeLine;
use crate::trace::{Life, Look, State, words};

pub(super) fn draw(scene: &Scene, state: &State, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    paint::rule(buf, Rect { height: 1, ..area }, "code", "", theme.idle, theme.dim);
    for y in area.y + 1..area.bottom() {
        paint::dot(buf, area.x, y, "│", theme.idle);
    }
    paint::dot(buf, area.x, area.y, "┬", theme.idle);
    let inner = Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 1 };
    let recent = recent(scene);
    // Where there are more listings than rows, those are shown whose tasks did something lately.
    let crowded = scene.code.len() > usize::from(inner.height / 2);
    let lately = |listing: &&Listing| !crowded || recent.iter().any(|task| listing.contains(*task));
    let shown = scene.code.iter().filter(lately).take(usize::from(inner.height));
    let parts: Vec<Part> = shown.map(|listing| Part::of(state, listing, &recent)).collect();
    let mut y = inner.y;
    for (part, lines) in parts.iter().zip(choose(&parts, usize::from(inner.height))) {
        for line in lines {
            if y >= inner.bottom() {
                return;
            }
            let row = Rect { y, height: 1, ..inner };
            match line {
                None => heading(scene, part, row, buf),
                Some(line) => code_line(scene, state, part, line, row, buf),
            }
            y += 1;
        }
    }
}

/// The tasks that did something lately, the last first; the selected one before them.
fn recent(scene: &Scene) -> Vec<TaskId> {
    let mut recent: Vec<TaskId> = scene.view.lane.map(|lane| TaskId(lane as u32)).into_iter().collect();
    for back in 0..512 {
        let event = scene.view.moment.checked_sub(back).and_then(|moment| scene.trace.event(moment));
        let Some(event) = event else { break };
        if !recent.contains(&event.actor.task) {
            recent.push(event.actor.task);
        }
    }
    recent
}

/// A listing, and the task that stands for those that share it.
struct Part<'a> {
    listing: &'a Listing,
    task: TaskId,
    step: Option<StepId>,
    /// Whether it is where the guard that the step bound is dropped.
    dropped: bool,
}

impl<'a> Part<'a> {
    /// Of several tasks with the same code, the selected one is shown, or the one that last did
    /// something.
    fn of(state: &State, listing: &'a Listing, recent: &[TaskId]) -> Self {
        let task = recent.iter().copied().find(|task| listing.contains(*task)).unwrap_or(listing.first);
        let running = state.task(task).filter(|task| task.life != Life::Finished);
        let (step, dropped) = running.map_or((None, false), |task| (task.step, task.dropped));
        Self { listing, task, step, dropped }
    }

    fn is_on(&self, line: &CodeLine) -> bool {
        let Some(step) = self.step else { return false };
        // Where a guard is dropped at the end of its block, the task is there and no longer at the
        // step that bound it.
        if self.dropped && self.listing.lines.iter().any(|line| line.drops.contains(&step)) {
            return line.drops.contains(&step);
        }
        line.steps.contains(&step)
    }
}

/// Which lines to show of each part; `None` is its heading. First all; then without the minor ones;
/// then so many about the present line as there is room for.
fn choose<'a>(parts: &[Part<'a>], rows: usize) -> Vec<Vec<Option<&'a CodeLine>>> {
    let all = |minor: bool| -> Vec<Vec<Option<&'a CodeLine>>> {
        let lines = |part: &Part<'a>| {
            let lines = part.listing.lines.iter();
            let kept = lines.filter(|line| minor || !line.minor || part.is_on(line));
            std::iter::once(None).chain(kept.map(Some)).collect()
        };
        parts.iter().map(lines).collect()
    };
    let count = |chosen: &[Vec<_>]| chosen.iter().map(Vec::len).sum::<usize>();
    let mut chosen = all(true);
    if count(&chosen) > rows {
        chosen = all(false);
    }
    if count(&chosen) > rows {
        // Equal shares; what a short part leaves over goes to the ones after it.
        let mut left = rows;
        for (index, lines) in chosen.iter_mut().enumerate() {
            let share = left / (parts.len() - index);
            if lines.len() > share {
                let present = lines.iter().position(|line| line.is_some_and(|line| parts[index].is_on(line)));
                let body = share.saturating_sub(1).max(1);
                let first =
                    present.unwrap_or(1).saturating_sub(body / 2).clamp(1, (lines.len() - body).max(1));
                let mut kept = vec![None];
                kept.extend(lines[first..(first + body).min(lines.len())].iter().copied());
                *lines = kept;
            }
            lines.truncate(share.max(1));
            left = left.saturating_sub(lines.len());
        }
    }
    chosen
}

fn heading(scene: &Scene, part: &Part, row: Rect, buf: &mut Buffer) {
    let end = paint::put(buf, row.x + 1, row.y, row.width - 1, &part.listing.name, scene.theme.strong);
    if part.listing.count > 1 {
        let shown = format!("×{}, here {}", part.listing.count, scene.trace.names().task(part.task));
        paint::put(buf, end + 1, row.y, row.right().saturating_sub(end + 1), &shown, scene.theme.dim);
    }
}

fn code_line(scene: &Scene, state: &State, part: &Part, line: &CodeLine, row: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let on = part.is_on(line);
    let indent = 3 + 2 * (line.depth.min(12) as u16);
    let mut room = row.width.saturating_sub(indent);
    if on {
        paint::dot(buf, row.x + 1, row.y, "▶", theme.accent);
        let (note, look) = standing(scene, state, part.task);
        if !note.is_empty() && paint::width(&note) + 12 < room {
            let style = if look == Look::Asleep { theme.dim } else { theme.look(look).1 };
            let x = paint::put_right(buf, row.x, row.right(), row.y, &note, style);
            room = x.saturating_sub(row.x + indent + 1);
        }
    }
    let style = if on { theme.strong } else { theme.dim };
    paint::put(buf, row.x + indent, row.y, room, &line.text, style);
}

/// What a task is waiting for on the line it is on.
fn standing(scene: &Scene, state: &State, task: TaskId) -> (String, Look) {
    let Some(standing) = state.task(task) else { return (String::new(), Look::Absent) };
    let (look, lock) = standing.look();
    let words = match (look, standing.life) {
        (Look::Waiting, _) => {
            let position = lock.and_then(|lock| state.lock(lock)?.position(task));
            format!("waits #{}", position.unwrap_or(1))
        }
        (Look::Granted, _) => "granted".to_owned(),
        (_, Life::Asleep { until, .. }) => {
            return (format!("{} left", words::span(until.since(scene.view.now))), Look::Asleep);
        }
        _ => String::new(),
    };
    (words, look)
}
