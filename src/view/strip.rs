//! A row for each lock: who has it, since when and in what state; the queue in order; the handoffs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, paint};
use crate::event::LockName;
use crate::trace::{Life, Lock, Look, Stage, State, words};

pub(super) fn draw(scene: &Scene, state: &State, area: Rect, buf: &mut Buffer) {
    let names = scene.trace.names();
    let rows = usize::from(area.height);
    let hidden = state.locks.len().saturating_sub(rows);
    // Where not all fit, those with the longest queues are the ones to look at.
    let mut shown: Vec<usize> = (0..state.locks.len()).collect();
    if hidden > 0 {
        shown.sort_by_key(|&id| std::cmp::Reverse(state.locks[id].queue.len()));
        shown.truncate(rows);
        shown.sort_unstable();
    }
    for (row, id) in shown.into_iter().enumerate() {
        let area = Rect { y: area.y + row as u16, height: 1, ..area };
        let Some(name) = names.locks.get(id) else { continue };
        let more = (hidden > 0 && row + 1 == rows).then(|| format!("+{hidden} locks"));
        row_of(scene, state, name, &state.locks[id], more, area, buf);
    }
}

fn row_of(
    scene: &Scene,
    state: &State,
    LockName { name, kind }: &LockName,
    lock: &Lock,
    more: Option<String>,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let task = |id| scene.trace.names().task(id);
    let right = area.right().saturating_sub(1);
    let handoffs = more.unwrap_or_else(|| format!("handoffs {}", lock.handoffs));
    let end = paint::put_right(buf, area.x, right, area.y, &handoffs, theme.dim).saturating_sub(2);
    let put = |buf: &mut Buffer, x: u16, text: &str, style| {
        paint::put(buf, x, area.y, end.saturating_sub(x), text, style)
    };

    let mut x = put(buf, area.x + 1, name, theme.strong) + 2;
    let narrow = area.width < 90;
    if let Some(owner) = lock.owner() {
        let held = words::growing(scene.view.now.since(owner.since));
        let standing = state.task(owner.task);
        let wants = standing.and_then(|task| task.claims.iter().find(|claim| claim.stage == Stage::Waiting));
        let asleep = standing.is_some_and(|task| matches!(task.life, Life::Asleep { .. }));
        let (look, words) = match (lock.holders.is_empty(), wants) {
            (true, _) => (Look::Granted, "granted, not yet polled".to_owned()),
            (false, Some(claim)) => {
                (Look::Holding, format!("{held}, waits for {}", scene.trace.names().lock(claim.lock)))
            }
            (false, None) if asleep && narrow => (Look::Suspended, format!("{held} asleep")),
            (false, None) if asleep => (Look::Suspended, format!("{held}, asleep at .await")),
            (false, None) => (Look::Holding, format!("{held}, running")),
        };
        x = put(buf, x, "held by ", theme.dim);
        x = put(buf, x, &format!(" {} ", task(owner.task)), theme.chip(look));
        // Room for the longest of these words, so that the queue does not jump.
        let room = if narrow { 15 } else { 25 };
        x = put(buf, x, &format!(" {words:<room$}"), theme.text) + 1;
    } else if let Some(heir) = lock.heir(kind.policy()) {
        x = put(buf, x, "passes straight to ", theme.strong);
        x = put(buf, x, &format!(" {} ", task(heir.task)), theme.chip(Look::Waiting)) + 3;
    } else {
        x = put(buf, x, "free", theme.text) + 3;
    }
    x = put(buf, x, "queue ", theme.dim);
    if lock.queue.is_empty() {
        put(buf, x, "empty", theme.dim);
    }
    for (position, place) in lock.queue.iter().enumerate() {
        let chip = format!(" #{} {} ", position + 1, task(place.task));
        let rest = lock.queue.len() - position;
        // The last may end where the row does; others leave room to say how many more there are.
        let room_for_more = if rest > 1 { 9 } else { 0 };
        if x + paint::width(&chip) + room_for_more > end {
            put(buf, x, &format!("+{rest} more"), theme.waiting);
            break;
        }
        x = put(buf, x, &chip, theme.chip(Look::Waiting)) + 1;
        if position == 0 {
            let waited = words::growing(scene.view.now.since(place.since));
            let others = if rest > 1 { 9 } else { 0 };
            if x + paint::width(&waited) + others <= end {
                x = put(buf, x, &format!("{waited} "), theme.text);
            }
        }
    }
}
