//! The code panel: each task's steps as the Rust they stand for, and the line each task is on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lanes::LaneId;
use super::{Listing, Scene, paint};
use crate::event::{StepId, TaskId};
use crate::scenario::CodeLine;
use crate::trace::{Claim, Life, Look, Place, Stage, State, words};
use crate::view::strip::let_in;

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
    let parts: Vec<Part> = shown.map(|listing| Part::of(scene, state, listing, &recent)).collect();
    let mut y = inner.y;
    for (part, chosen) in parts.iter().zip(choose(&parts, usize::from(inner.height))) {
        let lines = &part.listing.lines;
        // What is left out is never left out silently: the line before it says so.
        let cut = |after: Option<usize>, next: Option<&usize>| {
            let following = after.map_or(0, |at| at + 1);
            following != next.map_or(lines.len(), |next| *next)
        };
        let mut row = Rect { y, height: 1, ..inner };
        if row.y >= inner.bottom() {
            return;
        }
        heading(scene, part, row, cut(None, chosen.first()), buf);
        for (index, &at) in chosen.iter().enumerate() {
            row.y += 1;
            if row.y >= inner.bottom() {
                return;
            }
            let cut = cut(Some(at), chosen.get(index + 1));
            code_line(scene, state, part, &lines[at], row, cut, buf);
        }
        y = row.y + 1;
    }
}

/// The tasks that did something lately, the last first; the selected one before them.
fn recent(scene: &Scene) -> Vec<TaskId> {
    let mut recent: Vec<TaskId> = match scene.view.lane {
        Some(LaneId::Task(task)) => vec![task],
        _ => Vec::new(),
    };
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
    finished: bool,
    /// Whether it is where the guard that the step bound is dropped.
    dropped: bool,
    /// What it waits for or was granted, and at which step: a `select!` can have several under way, and
    /// may poll none of them any more.
    claims: Vec<(StepId, &'a Claim)>,
}

impl<'a> Part<'a> {
    /// Of several tasks with the same code, the selected one is shown, or the one that last did
    /// something.
    fn of(scene: &Scene, state: &'a State, listing: &'a Listing, recent: &[TaskId]) -> Self {
        let task = recent.iter().copied().find(|task| listing.contains(*task)).unwrap_or(listing.first);
        let running = state.task(task).filter(|task| task.life != Life::Finished);
        let finished = running.is_none();
        let (step, dropped) = running.map_or((None, false), |task| (task.step, task.dropped));
        let asked_at = |claim: &'a Claim| Some((scene.trace.event(claim.asked_seq)?.actor.step?, claim));
        let claims = running.map_or(&[][..], |task| &task.claims).iter();
        let claims = claims.filter(|claim| claim.stage != Stage::Holding).filter_map(asked_at).collect();
        Self { listing, task, step, finished, dropped, claims }
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

    /// What is under way at a line; of several what matters most.
    fn claim(&self, line: &CodeLine) -> Option<&'a Claim> {
        let here = self.claims.iter().filter(|(step, _)| line.steps.contains(step));
        here.map(|(_, claim)| *claim).max_by_key(|claim| claim.stage)
    }

    /// The lines as places in the listing, the ones to keep first: the present one, what is under way,
    /// the blocks around those, the present one's neighbours; last the blocks' ends.
    fn by_worth(&self, kept: &[usize]) -> Vec<usize> {
        let lines = &self.listing.lines;
        let present = kept.iter().copied().find(|&at| self.is_on(&lines[at]));
        let mut order: Vec<usize> = present.into_iter().collect();
        order.extend(kept.iter().filter(|&&at| self.claim(&lines[at]).is_some()));
        for anchor in order.clone() {
            let mut depth = lines[anchor].depth;
            for at in (0..anchor).rev() {
                if lines[at].depth < depth {
                    depth = lines[at].depth;
                    order.push(at);
                }
            }
        }
        // Before its task begins its code is shown from the beginning, and then to its end.
        let about = present.unwrap_or(if self.finished { lines.len() } else { 0 });
        let mut near = kept.to_vec();
        near.sort_by_key(|&at| (lines[at].text.starts_with('}'), at.abs_diff(about)));
        order.extend(near);
        order
    }
}

/// Which lines to show of each part, as places in its listing. First all; then without the minor ones;
/// then those that are worth most, as many as there is room for.
fn choose(parts: &[Part], rows: usize) -> Vec<Vec<usize>> {
    let all = |minor: bool| -> Vec<Vec<usize>> {
        let kept = |part: &Part| {
            let lines = part.listing.lines.iter().enumerate();
            lines.filter(|(_, line)| minor || !line.minor || part.is_on(line)).map(|(at, _)| at).collect()
        };
        parts.iter().map(kept).collect()
    };
    // Each with its heading.
    let count = |chosen: &[Vec<usize>]| chosen.iter().map(|lines| lines.len() + 1).sum::<usize>();
    let mut chosen = all(true);
    if count(&chosen) > rows {
        chosen = all(false);
    }
    if count(&chosen) > rows {
        // Equal shares; what a short part leaves over goes to the ones after it.
        let mut left = rows;
        for (index, lines) in chosen.iter_mut().enumerate() {
            let body = (left / (parts.len() - index)).saturating_sub(1);
            if lines.len() > body {
                let mut most = Vec::new();
                for at in parts[index].by_worth(lines) {
                    if most.len() < body && !most.contains(&at) {
                        most.push(at);
                    }
                }
                most.sort_unstable();
                *lines = most;
            }
            left = left.saturating_sub(lines.len() + 1);
        }
    }
    chosen
}

fn heading(scene: &Scene, part: &Part, row: Rect, cut: bool, buf: &mut Buffer) {
    let mut end = paint::put(buf, row.x + 1, row.y, row.width - 1, &part.listing.name, scene.theme.strong);
    if part.listing.count > 1 {
        let shown = format!("×{}, here {}", part.listing.count, scene.trace.names().task(part.task));
        end = paint::put(buf, end + 1, row.y, row.right().saturating_sub(end + 1), &shown, scene.theme.dim);
    }
    if cut {
        paint::put(buf, end + 1, row.y, row.right().saturating_sub(end + 1), "…", scene.theme.dim);
    }
}

/// A line of code; `cut` if lines are left out after it.
fn code_line(
    scene: &Scene,
    state: &State,
    part: &Part,
    line: &CodeLine,
    row: Rect,
    cut: bool,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let on = part.is_on(line);
    let claim = part.claim(line);
    let indent = 3 + 2 * (line.depth.min(12) as u16);
    let mut room = row.width.saturating_sub(indent);
    if on {
        paint::dot(buf, row.x + 1, row.y, "▶", theme.accent);
    } else if let Some(claim) = claim {
        let (glyph, style) = theme.look(look(claim));
        paint::dot(buf, row.x + 1, row.y, glyph, style);
    }
    let note = match claim {
        Some(claim) => Some((under_way(state, part.task, claim, on), theme.look(look(claim)).1)),
        None if on => asleep(scene, state, part.task).map(|note| (note, theme.dim)),
        None => None,
    };
    if let Some((note, style)) = note.filter(|(note, _)| paint::width(note) + 12 < room) {
        let x = paint::put_right(buf, row.x, row.right(), row.y, &note, style);
        room = x.saturating_sub(row.x + indent + 1);
    }
    let style = if on || claim.is_some() { theme.strong } else { theme.dim };
    let room_for_code = room.saturating_sub(if cut { 2 } else { 0 });
    let end = paint::put(buf, row.x + indent, row.y, room_for_code, &line.text, style);
    if cut {
        paint::put(buf, end + 1, row.y, 1, "…", theme.dim);
    }
}

/// What an acquisition that is under way looks like.
fn look(claim: &Claim) -> Look {
    match claim.stage {
        Stage::Holding => Look::Holding,
        Stage::Waiting => Look::Waiting,
        Stage::Woken | Stage::Granted => Look::Granted,
        Stage::Blocked => Look::Blocked,
    }
}

/// How far an acquisition has come; `on` if its task is there.
fn under_way(state: &State, task: TaskId, claim: &Claim, on: bool) -> String {
    let Some(lock) = state.lock(claim.lock) else { return String::new() };
    match claim.stage {
        Stage::Holding => String::new(),
        Stage::Blocked => "thread blocked".to_owned(),
        Stage::Granted | Stage::Woken if on => let_in(lock).to_owned(),
        // The task has gone on to another line.
        Stage::Granted | Stage::Woken => format!("{}, not polled", let_in(lock)),
        Stage::Waiting => {
            let own = |place: &Place| place.task == task && place.op == claim.op;
            let position = lock.queue.iter().position(own);
            let lacks = position.and_then(|at| lock.lacks(lock.queue.nth(at)?)).filter(|&lacks| lacks > 0);
            let lacks = lacks.map_or_else(String::new, |lacks| format!(", lacks {lacks}"));
            match position.filter(|_| lock.hands_over()) {
                Some(position) => format!("waits #{}{lacks}", position + 1),
                None => format!("waits{lacks}"),
            }
        }
    }
}

/// How long a task will sleep, or how late its timer is.
fn asleep(scene: &Scene, state: &State, task: TaskId) -> Option<String> {
    let task = state.task(task)?;
    let Life::Asleep { until, .. } = task.life else { return None };
    Some(match task.overdue(scene.view.now) {
        Some(late) => format!("due {} ago", words::span(late)),
        None => format!("{} left", words::span(until.since(scene.view.now))),
    })
}
