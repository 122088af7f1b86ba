//! What stands around the lanes: the runs' names, what differs, the table, the sentences of the moment.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::CompareScene;
use super::layout::{CompareLayout, Part};
use crate::event::Time;
use crate::trace::compare::{Difference, Figures, fairness};
use crate::trace::{State, story, why, words};
use crate::view::paint;

/// The rule above a run's lanes: what it is, and how its locks serve those who wait.
pub(super) fn rule(scene: &CompareScene, layout: &CompareLayout, part: &Part, buf: &mut Buffer) {
    let variant = &scene.comparison.variants()[part.variant];
    let mut name = variant.name.clone();
    if part.hidden > 0 {
        name += &format!(" · +{} more tasks", part.hidden);
    }
    let (policy, ended) = (variant.policy(), scene.view.now >= variant.end());
    let outcome = variant.outcome().filter(|_| ended);
    let clock = (!variant.exact).then(|| "real time".to_owned());
    let told = |parts: &[Option<&String>]| {
        parts.iter().flatten().map(|part| part.as_str()).collect::<Vec<_>>().join(" · ")
    };
    let all = (Some(&policy), clock.as_ref(), outcome.as_ref());
    // That it came to a deadlock is worth most, then in what order it serves.
    let most = if variant.is_deadlock() { all.2.or(all.0) } else { all.0 };
    let choices = [told(&[all.0, all.1, all.2]), told(&[all.0, all.2]), told(&[most]), String::new()];
    let room = layout.title.width.saturating_sub(paint::width(&name) + 10);
    let right = choices.iter().find(|choice| paint::width(choice) <= room).map_or("", String::as_str);
    paint::rule(buf, part.rule, &name, right, scene.theme.idle, scene.theme.dim);
    let words = scene.theme.strong;
    paint::put(buf, part.rule.x + 2, part.rule.y, part.rule.width.saturating_sub(4), &variant.name, words);
}

pub(super) fn draw(scene: &CompareScene, layout: &CompareLayout, states: &[State], buf: &mut Buffer) {
    differs(scene, layout, buf);
    if let Some(area) = layout.table {
        table(scene, layout, states, area, buf);
    }
    if let Some(area) = layout.sentences {
        sentences(scene, layout, states, area, buf);
    }
}

/// Where each run parts from the first, and why.
fn differs(scene: &CompareScene, layout: &CompareLayout, buf: &mut Buffer) {
    let (theme, area) = (scene.theme, layout.differs);
    let variants = scene.comparison.variants();
    let rows = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(1),
    };
    let now = scene.view.now;
    let found = || {
        let all = (1..variants.len()).filter_map(|at| Some((at, scene.comparison.difference(at)?)));
        // Whoever asks the room who gets the lock next does not want the answer on the screen.
        all.filter(|(_, difference)| difference.at <= now)
    };
    let mut shown: Vec<(usize, &Difference)> = found().collect();
    shown.sort_by_key(|(index, difference)| (difference.at, difference.parting, *index));
    let hidden = variants.len() - layout.parts.len();
    let mut more = Vec::new();
    if variants.len() > 2 && shown.len() > usize::from(rows.height) {
        more.push(format!("+{} more", shown.len() - usize::from(rows.height)));
    }
    if let Some(first) = layout.parts.first().filter(|_| hidden > 0) {
        let (from, to) = (first.variant + 1, first.variant + layout.parts.len());
        more.push(format!("{from}–{to} of {} {}", variants.len(), scene.what));
    }
    let head = Rect { height: 1, ..area };
    paint::rule(buf, head, "what differs", &more.join(" · "), theme.idle, theme.dim);
    match shown.as_slice() {
        [] if now < scene.comparison.end() => {
            let end = paint::put(buf, rows.x, rows.y, rows.width, "Nothing so far.", theme.text) + 2;
            let room = rows.right().saturating_sub(end);
            if scene.comparison.first().is_some() {
                paint::put(buf, end, rows.y, room, "d goes to the first difference", theme.dim);
            }
        }
        [] => {
            let exact = variants.iter().all(|variant| variant.exact);
            let same = match scene.comparison.locks().is_empty() {
                true => "there is no lock to compare, and the ends are the same",
                false if exact => "the same order, at the same times",
                false => "the same order",
            };
            paint::put(buf, rows.x, rows.y, rows.width, &format!("Nothing: {same}."), theme.strong);
        }
        [(_, difference)] if variants.len() == 2 => {
            let at = words::moment(difference.at);
            let lines = |x: u16| lines(rows, x, &difference.why).len();
            // The words are worth more than what they are called.
            let with = rows.x + HEADING.len() as u16 + 2;
            let begin = if lines(with + paint::width(&at) + 2) <= usize::from(rows.height) {
                paint::put(buf, rows.x, rows.y, rows.width, HEADING, theme.accent) + 2
            } else {
                rows.x
            };
            let x = paint::put(buf, begin, rows.y, rows.width, &at, theme.accent) + 2;
            hanging(buf, rows, x, &difference.why, theme.strong);
        }
        all => each(scene, all, rows, buf),
    }
}

/// A row for each run that parts from the first.
fn each(scene: &CompareScene, found: &[(usize, &Difference)], rows: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let short = |index: usize| scene.comparison.short(index);
    let names = found.iter().map(|(index, _)| paint::width(short(*index))).max().unwrap_or(0);
    let time = |difference: &Difference| words::moment(difference.at);
    let times = found.iter().map(|(_, difference)| paint::width(&time(difference))).max().unwrap_or(0);
    for ((index, difference), y) in found.iter().zip(rows.y..rows.bottom()) {
        paint::put_right(buf, rows.x, rows.x + times, y, &time(difference), theme.accent);
        let x = rows.x + times + 2;
        paint::put(buf, x, y, names.min(rows.width / 3), short(*index), theme.dim);
        let x = x + names.min(rows.width / 3) + 2;
        paint::put(buf, x, y, rows.right().saturating_sub(x), &difference.here, theme.strong);
    }
}

/// What stands before the one difference of two runs.
const HEADING: &str = "first difference";

/// Words that begin at column `x` of the first row and go on at the left, in lines.
fn lines(area: Rect, x: u16, text: &str) -> Vec<String> {
    let first = paint::wrap(text, area.right().saturating_sub(x)).into_iter().next().unwrap_or_default();
    let rest = text.get(first.len()..).unwrap_or_default();
    std::iter::once(first.clone()).chain(paint::wrap(rest, area.width)).collect()
}

fn hanging(buf: &mut Buffer, area: Rect, x: u16, text: &str, style: Style) {
    let lines = lines(area, x, text);
    let rows = usize::from(area.height);
    for (row, line) in lines.iter().take(rows).enumerate() {
        let x = if row == 0 { x } else { area.x };
        let room = area.right().saturating_sub(x);
        let cut = row + 1 == rows && lines.len() > rows;
        let line = if cut { paint::cut(&format!("{line} {}", lines[row + 1]), room) } else { line.clone() };
        paint::put(buf, x, area.y + row as u16, room, &line, style);
    }
}

/// A cell of the table: its words, and a number by which it is worse, the larger that is.
struct Cell {
    text: String,
    bad: f64,
}

/// What every run came to by the playhead.
fn table(scene: &CompareScene, layout: &CompareLayout, states: &[State], area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let shown: Vec<usize> = layout.parts.iter().map(|part| part.variant).collect();
    let narrow = area.width < 78;
    let name = |index: usize| {
        if narrow { scene.comparison.short(index) } else { scene.comparison.variants()[index].name.as_str() }
    };
    let longest = shown.iter().map(|&index| paint::width(name(index))).max().unwrap_or(0);
    let first = area.x + 3 + longest.clamp(8, area.width / 3);
    let tasks = |index: &usize| &scene.comparison.variants()[*index].trace.names().tasks;
    let widest = shown.iter().flat_map(tasks).take(200).map(|name| paint::width(name)).max().unwrap_or(0);
    // Room for the longest of these words, so that nothing jumps while they grow.
    let waits = (widest + 11).clamp(14, 26);
    let mean = if narrow { 0 } else { waits };
    let room = area.right().saturating_sub(first + waits + mean + 9);
    let everybody = shown.first().map(tasks).filter(|tasks| tasks.len() <= MANY);
    let whole = everybody.map(|tasks| format!("acquired by {}", tasks.join(" / ")));
    let heading =
        whole.filter(|whole| paint::width(whole) + 3 <= room).unwrap_or_else(|| "acquired".to_owned());
    let counts = (paint::width(&heading) + 3).max(14);
    let columns = [(first, counts), (first + counts, waits), (first + counts + waits, mean)];
    let columns = [columns[0], columns[1], columns[2], (first + counts + waits + mean, 9)];
    for ((x, room), heading) in
        columns.iter().zip([heading.as_str(), "longest wait", "mean wait", "fairness"])
    {
        paint::put(buf, *x, area.y, room.saturating_sub(1), heading, theme.dim);
    }
    let rows: Vec<[Cell; 4]> = shown.iter().map(|&index| cells(scene, &states[index], index)).collect();
    for (row, (&index, cells)) in shown.iter().zip(&rows).enumerate() {
        let y = area.y + 1 + row as u16;
        paint::put(buf, area.x + 1, y, first.saturating_sub(area.x + 2), name(index), theme.text);
        for (at, (cell, (x, room))) in cells.iter().zip(columns).enumerate() {
            paint::put(buf, x, y, room.saturating_sub(1), &cell.text, style(scene, &rows, at, cell));
        }
    }
}

/// What is worst in its column stands out, if not all of it are alike.
fn style(scene: &CompareScene, rows: &[[Cell; 4]], at: usize, cell: &Cell) -> Style {
    let column = || rows.iter().map(|row| row[at].bad);
    let (worst, best) = (column().fold(f64::MIN, f64::max), column().fold(f64::MAX, f64::min));
    if cell.bad >= worst && worst > best { scene.theme.waiting } else { scene.theme.text }
}

fn cells(scene: &CompareScene, state: &State, index: usize) -> [Cell; 4] {
    let variant = &scene.comparison.variants()[index];
    let now = scene.view.now.min(variant.end());
    let figures = scene.comparison.figures(index, state, now);
    let over = variant.is_deadlock() && state.moment == variant.trace.len();
    let stuck = figures.iter().enumerate().filter(|(_, figures)| over && figures.waiting.is_some());
    let stuck = stuck.max_by_key(|(id, figures)| (figures.waiting, std::cmp::Reverse(*id))).map(|(id, _)| id);
    let name = |id: usize| variant.trace.names().tasks.get(id).map_or("?", |name| name);
    let worst = |of: &dyn Fn(&Figures) -> std::time::Duration| {
        let worst =
            figures.iter().enumerate().max_by_key(|(id, figures)| (of(figures), std::cmp::Reverse(*id)));
        let Some((id, wait)) =
            worst.map(|(id, figures)| (id, of(figures))).filter(|(_, wait)| !wait.is_zero())
        else {
            return Cell { text: "–".into(), bad: 0.0 };
        };
        Cell { text: format!("{} {}", name(id), words::span(wait)), bad: wait.as_secs_f64() }
    };
    // Of a deadlock no other wait is worth telling.
    let longest = match stuck {
        Some(id) => Cell { text: format!("{} for ever", name(id)), bad: f64::INFINITY },
        None => worst(&|figures| figures.waits.longest),
    };
    let even = fairness(&figures);
    [
        Cell { text: acquired(&figures), bad: 0.0 },
        longest,
        worst(&|figures| figures.waits.mean()),
        Cell {
            text: even.map_or_else(|| "–".into(), |even| format!("{even:.2}")),
            bad: even.map_or(0.0, |even| 1.0 - even),
        },
    ]
}

/// Of more tasks than these there are not all the figures.
const MANY: usize = 4;

/// How often each task acquired a lock; of many, from the one least often to the one most often.
fn acquired(figures: &[Figures]) -> String {
    let counts: Vec<u32> = figures.iter().map(|figures| figures.acquired).collect();
    if counts.len() <= MANY {
        return counts.iter().map(u32::to_string).collect::<Vec<_>>().join(" / ");
    }
    let asked = figures.iter().filter(|figures| figures.asked()).map(|figures| figures.acquired);
    match (asked.clone().min(), asked.max()) {
        (Some(least), Some(most)) if least == most => format!("{most} each"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "–".to_owned(),
    }
}

/// What there is to say of the moment of each run; where not all have room, of those in which something
/// happened last.
fn sentences(scene: &CompareScene, layout: &CompareLayout, states: &[State], area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let latest = latest(scene, states);
    paint::rule(buf, Rect { y: area.y - 1, height: 1, ..area }, "why", &latest, theme.idle, theme.dim);
    let mut shown: Vec<usize> = layout.parts.iter().map(|part| part.variant).collect();
    if shown.len() > usize::from(area.height) {
        shown.sort_by_key(|&index| std::cmp::Reverse((states[index].at, states[index].moment)));
        shown.truncate(area.height.into());
        shown.sort_unstable();
    }
    let each = area.height / shown.len().max(1) as u16;
    let longest = shown.iter().map(|&index| paint::width(scene.comparison.short(index))).max().unwrap_or(0);
    let indent = longest.min(area.width / 4) + 2;
    for (place, &index) in shown.iter().enumerate() {
        let y = area.y + place as u16 * each;
        let trace = &scene.comparison.variants()[index].trace;
        let (at, text) = match why::sentence(trace, states[index].moment) {
            Some(sentence) => (sentence.at, sentence.text),
            None => (Time::ZERO, "Nothing has happened yet.".to_owned()),
        };
        paint::put(buf, area.x + 1, y, indent - 1, scene.comparison.short(index), theme.dim);
        let x = paint::put(buf, area.x + 1 + indent, y, 12, &words::moment(at), theme.accent) + 1;
        let words = Rect { x, y, width: area.right().saturating_sub(x + 1), height: each };
        paint::paragraph(buf, words, &text, theme.strong);
    }
}

/// What happened last, in which run.
fn latest(scene: &CompareScene, states: &[State]) -> String {
    let told = |index: usize| {
        let trace = &scene.comparison.variants().get(index)?.trace;
        let state = states.get(index)?;
        let event = trace.event(state.moment)?;
        let (did, _) = story::tell(&event, state, trace.names());
        let (short, task) = (scene.comparison.short(index), trace.names().task(event.actor.task));
        Some(format!("{short} · {} {task}: {did}", words::moment(event.at)))
    };
    scene.view.latest.and_then(told).unwrap_or_default()
}
