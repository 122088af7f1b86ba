//! The sentence that says why, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lanes::LaneId;
use super::{Folds, KeyHint, Layout, Playing, Reading, Scene, groups, paint, quiz, timeline};
use crate::trace::{State, why, words};

pub(super) fn draw(scene: &Scene, state: &State, layout: &Layout, buf: &mut Buffer) {
    let theme = scene.theme;
    let area = layout.sentence;
    let rule = Rect { y: area.y - 1, height: 1, ..area };
    let lane = scene.view.lane.filter(|_| scene.view.reading == Reading::Details);
    let heading = if lane.is_some() { "details" } else { "why" };
    // However much there is to say of how it ended, that it did is seen.
    let ending = paint::cut(&ending(scene), rule.width.saturating_sub(paint::width(heading) + 10));
    paint::rule(buf, rule, heading, &ending, theme.idle, theme.dim);
    if let Some(code) = layout.code
        && buf.cell((code.x, rule.y)).is_some_and(|cell| cell.symbol() == "─")
    {
        paint::dot(buf, code.x, rule.y, "┴", theme.idle);
    }
    let (when, text) = match lane {
        _ if quiz::hides(scene) => (words::moment(scene.view.now), guess(scene)),
        Some(lane) => (words::moment(scene.view.now), details(scene, state, lane)),
        None => match why::sentence_of(scene.trace, state, scene.view.moment, scene.view.now) {
            Some(sentence) => (words::moment(sentence.at), sentence.text),
            None => (words::moment(scene.view.now), nothing(scene)),
        },
    };
    let x = paint::put(buf, area.x + 1, area.y, area.width - 1, &when, theme.accent) + 1;
    let words = Rect { x, width: area.right().saturating_sub(x + 1), ..area };
    paint::paragraph(buf, words, &text, theme.strong);
    if scene.view.typing {
        prompt(scene, layout, buf);
    } else {
        keys(scene, is_crowded(scene, layout), layout.keys, buf);
    }
}

/// What is said where nothing has happened. Only a program can have no locks at all.
fn nothing(scene: &Scene) -> String {
    let locks = &scene.trace.names().locks;
    let hint = if locks.is_empty() {
        " A program's lock is seen from its first use on, if it is one of `lockscope::sync` and feature `off` is not on."
    } else {
        ""
    };
    format!("Nothing has happened yet.{hint}")
}

/// What is typed to see fewer lanes, how many it leaves, and how to go on.
fn prompt(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let (theme, area) = (scene.theme, layout.keys);
    let hint = "Enter keeps it  Esc clears it";
    let right = area.right().saturating_sub(1);
    let hint_x = paint::put_right(buf, area.x, right, area.y, hint, theme.dim);
    let left = format!("{}  ", timeline::found(scene, layout));
    let left_x = paint::put_right(buf, area.x, hint_x.saturating_sub(2), area.y, &left, theme.text);
    let room = left_x.saturating_sub(area.x + 5);
    let x = paint::put(buf, area.x + 1, area.y, 2, "/", theme.accent);
    // Of a long one its end is seen: that is where it grows.
    let skip = scene.view.filter.chars().count().saturating_sub(usize::from(room / 2));
    let text: String = if paint::width(&scene.view.filter) > room {
        scene.view.filter.chars().skip(skip).collect()
    } else {
        scene.view.filter.clone()
    };
    let x = paint::put(buf, x, area.y, room, &text, theme.strong);
    paint::dot(buf, x, area.y, "█", theme.accent);
}

/// How to answer the question above.
fn guess(scene: &Scene) -> String {
    match scene.view.quiz.as_ref().map_or(0, |quiz| quiz.answers.len().min(9)) {
        0 => "Enter shows what happens.".to_owned(),
        1 => "1 is your guess, Enter shows what happens.".to_owned(),
        answers => format!("1 to {answers} is your guess, Enter shows what happens without one."),
    }
}

/// How things stand with the task or the lock of a lane.
fn details(scene: &Scene, state: &State, lane: LaneId) -> String {
    match lane {
        LaneId::Task(task) => why::of_task(scene.trace, state, task),
        LaneId::Lock(lock) => why::of_lock(scene.trace, state, lock),
        LaneId::Group(group) => groups::details(scene.trace, state, group),
    }
}

/// How the run ended, once the playhead is there; or how far a program has gone on meanwhile.
fn ending(scene: &Scene) -> String {
    if let Some(behind) = scene.view.behind {
        return format!("{} behind: End goes back to now", words::growing(behind));
    }
    let shown = scene.view.playing == Playing::Ended && !quiz::hides(scene);
    match scene.trace.end().filter(|_| shown) {
        None => String::new(),
        Some(end) => {
            let note = end.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            format!("{} at {}{note}", end.outcome, words::moment(end.at))
        }
    }
}

/// Whether there are more lanes than fit, or a choice of them.
fn is_crowded(scene: &Scene, layout: &Layout) -> bool {
    let view = scene.view;
    layout.tasks.len() < layout.all.lanes
        || layout.locks.len() < layout.all.locks
        || !view.filter.is_empty()
        || view.sort.words().is_some()
        || view.folds != Folds::default()
}

/// The keys; `crowded` if there are many lanes.
pub(super) fn keys(scene: &Scene, crowded: bool, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    if let Some(notice) = &scene.view.notice {
        paint::put(buf, area.x + 1, area.y, area.width - 2, notice, theme.accent);
        return;
    }
    let right = area.right().saturating_sub(1);
    let mut x = area.x + 1;
    let standing = match scene.view.playing {
        Playing::Playing => 0,
        Playing::Paused => 1,
        Playing::Ended => 2,
    };
    let told = |key: &&KeyHint| !key.word.is_empty() && (crowded || !key.crowded);
    for key in scene.keys.iter().filter(told) {
        let word = key.word.split('|').nth(standing).unwrap_or(key.word);
        let needs = paint::width(key.keys) + 1 + paint::width(word);
        if x + needs > right {
            break;
        }
        x = paint::put(buf, x, area.y, right - x, key.keys, theme.accent) + 1;
        x = paint::put(buf, x, area.y, right.saturating_sub(x), word, theme.dim) + 2;
    }
}
