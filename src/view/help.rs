//! The help: every key, and the legend of the picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, paint};
use crate::trace::Look;

/// What each state's glyph means.
const LEGEND: [(Look, &str); 6] = [
    (Look::Holding, "holding, running"),
    (Look::Suspended, "holding across an .await"),
    (Look::Waiting, "waiting in the queue"),
    (Look::Granted, "granted or woken, has not run"),
    (Look::Blocked, "thread blocked, or stuck for good"),
    (Look::Idle, "without the lock"),
];

/// How to read the picture, in sentences.
const READING: &str = "A lane is a task; below, each lock names its owner. A vertical line is a handoff: a \
    release that passed the lock on; a thin one only woke. Time shows where the seconds went, order every event. \
    Wait time: asking to acquiring; hold time: acquiring to release. FIFO: first come, first served. In virtual \
    time a pause stops the tasks.";

/// The same of a program.
const READING_PROGRAM: &str = "A lane is a task; below, each lock names its owner. A vertical line is a handoff: a \
    release that passed the lock on; a thin one only woke. Time shows where the seconds went, order every event. \
    Wait time: asking to acquiring; hold time: acquiring to release. FIFO: first come, first served. A pause \
    stops the picture, never the program; End goes back to now.";

/// The same of several runs beside each other.
pub(super) const READING_COMPARED: &str = "Each rule begins a run: what it is called, and in what order its \
    locks serve those who wait. Below are its tasks and locks; all runs share the time and the playhead. \
    They are over already: a pause stops the picture. A broken line is where a run parts from the first. \
    Fairness is Jain's index of the acquisitions: 1.00 is all who asked got it equally often, 0.50 is one \
    of two got all.";

pub(super) fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    // The tasks of a program do not say where they are.
    let state = scene.trace.state(scene.trace.len());
    let told = !scene.code.is_empty() || state.tasks.iter().any(|task| task.step.is_some());
    draw_with(scene, if told { READING } else { READING_PROGRAM }, told, area, buf);
}

/// With these sentences on how to read the picture, and where it is `told` at which step a task is.
pub(super) fn draw_with(scene: &Scene, reading: &str, told: bool, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    for y in area.y..area.bottom() {
        paint::run(buf, area.x, y, area.width, " ", theme.text);
    }
    paint::rule(
        buf,
        Rect { height: 1, ..area },
        "help",
        "any key closes it, q quits",
        theme.idle,
        theme.strong,
    );
    let half = area.width / 2;
    let key_column = scene.keys.iter().map(|key| paint::width(key.keys)).max().unwrap_or(0) + 2;
    let (x, mut y) = (area.x + 1, area.y + 2);
    let rows = usize::from(area.bottom().saturating_sub(y));
    // What there is no room for is not left out silently.
    let fit = if scene.keys.len() > rows { rows.saturating_sub(1) } else { rows };
    for key in scene.keys.iter().take(fit) {
        paint::put(buf, x, y, key_column, key.keys, theme.accent);
        paint::put(buf, x + key_column, y, half.saturating_sub(key_column + 2), key.help, theme.text);
        y += 1;
    }
    let left = scene.keys.len().saturating_sub(fit);
    if left > 0 {
        let told = format!("+{left} keys in a higher terminal");
        paint::put(buf, x, y, half.saturating_sub(2), &told, theme.dim);
        y += 1;
    }
    let keys_end = y;

    let x = area.x + half;
    let room = area.right().saturating_sub(x + 6);
    let states = LEGEND.iter().map(|&(look, words)| match look {
        Look::Suspended if !told => (theme.look(look), "ended, its guard is not dropped"),
        Look::Holding if !told => (theme.look(look), "holding, at work or asleep"),
        _ => (theme.look(look), words),
    });
    let others = [
        (("┃", theme.holding), "a hold shorter than a cell"),
        (("┃", theme.now), "handoff"),
        (("×2 ", theme.now), "so many handoffs; in lanes 2-9 +"),
        (("×", theme.blocked), "gave up; on a lock: unheard"),
        (("?", theme.blocked), "events are missing here"),
        (("│", theme.accent), "the playhead: now"),
    ];
    let mut y = area.y + 2;
    for ((glyph, style), words) in states.into_iter().chain(others) {
        if y >= area.bottom() {
            break;
        }
        if paint::width(glyph) == 1 {
            paint::run(buf, x, y, 3, glyph, style);
        } else {
            paint::put(buf, x, y, 3, glyph, style);
        }
        paint::put(buf, x + 5, y, room, words, theme.text);
        y += 1;
    }
    // Beside the rest of the keys, or below them where that is more room.
    let beside =
        Rect { x, y: y + 1, width: area.right() - x - 1, height: area.bottom().saturating_sub(y + 1) };
    let below = Rect {
        y: keys_end + 1,
        height: area.bottom().saturating_sub(keys_end + 1),
        x: area.x + 1,
        width: area.width - 2,
    };
    let fits = |part: &Rect| paint::wrap(reading, part.width).len() <= usize::from(part.height);
    if let Some(part) = [below, beside].into_iter().find(fits) {
        paint::paragraph(buf, part, reading, theme.text);
    }
}
