//! A task's lane: what each of its cells shows, and the words that stand on them.

use ratatui::buffer::Buffer;

use super::Window;
use crate::event::{TaskId, Time, What};
use crate::trace::{Look, Span, State, words};
use crate::view::layout::Lane;
use crate::view::{Scene, paint};

/// How much a state matters where a cell covers several.
fn rank(look: Look) -> u8 {
    match look {
        Look::Absent => 0,
        Look::Idle | Look::Asleep => 1,
        Look::Suspended => 2,
        Look::Holding => 3,
        Look::Waiting => 4,
        Look::Granted => 5,
    }
}

/// A part of a lane that looks the same all along.
struct Segment {
    span: Span,
    end: Time,
    /// How many cells show it.
    room: u16,
}

fn holds(look: Look) -> bool {
    matches!(look, Look::Holding | Look::Suspended)
}

/// What the cells of a task's lane show.
pub(super) struct Cells<'a> {
    spans: &'a [Span],
    now: Time,
    looks: Vec<Look>,
    /// Where a hold began and ended within the cell.
    short: Vec<bool>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(scene: &Scene<'a>, window: &Window, lane: Lane) -> Self {
        let now = scene.view.now;
        let spans = scene.trace.lane(TaskId(lane.index as u32), scene.view.moment);
        // From the span that is under way at the left edge to the last one that begins before the
        // right edge.
        let first = spans.partition_point(|span| span.at.nanos() < window.left).saturating_sub(1);
        let behind = spans.partition_point(|span| span.at.nanos() < window.right());
        let after = spans.get(behind).map_or(now, |span| span.at);
        let width = usize::from(window.width);
        let mut cells = Self {
            spans: &spans[first.min(behind)..behind],
            now: after,
            looks: vec![Look::Absent; width],
            short: vec![false; width],
        };
        cells.fill(window);
        // The present is shown as it is, whatever came before it within the cell.
        if let (Some(x), Some(last)) = (window.x(now), spans.last()) {
            let column = usize::from(x - window.x);
            let touched = cells.looks[column] != Look::Absent;
            if touched && (holds(last.look) || !cells.short[column]) {
                cells.looks[column] = last.look;
            }
        }
        cells
    }

    /// When the span of this index ends: with the next, or not yet.
    fn end(&self, index: usize) -> Time {
        self.spans.get(index + 1).map_or(self.now, |next| next.at)
    }

    fn fill(&mut self, window: &Window) {
        let mut hold: Option<Time> = None;
        for (index, span) in self.spans.iter().enumerate() {
            let end = self.end(index);
            for column in window.columns(span.at, end) {
                let look = &mut self.looks[usize::from(column)];
                if rank(span.look) > rank(*look) {
                    *look = span.look;
                }
            }
            // A hold is over when the next span is none; only then is it known to be short.
            if holds(span.look) {
                let begin = *hold.get_or_insert(span.at);
                let over = self.spans.get(index + 1).is_some_and(|next| !holds(next.look));
                let columns = window.columns(begin, end);
                if over && columns.len() == 1 && begin.nanos() >= window.left {
                    self.short[usize::from(columns.start)] = true;
                }
            } else {
                hold = None;
            }
        }
    }

    pub(super) fn draw(&self, scene: &Scene, window: &Window, lane: Lane, buf: &mut Buffer) {
        let theme = scene.theme;
        for (column, (look, short)) in self.looks.iter().zip(&self.short).enumerate() {
            let x = window.x + column as u16;
            let (glyph, style) = if *short { ("┃", theme.holding) } else { theme.look(*look) };
            let low = matches!(look, Look::Absent | Look::Idle | Look::Asleep) && !short;
            let top = if low { lane.bar() } else { lane.y };
            for y in top..=lane.bar() {
                paint::dot(buf, x, y, glyph, style);
            }
        }
    }

    /// Words stand only on cells that show their state.
    pub(super) fn say(&self, scene: &Scene, state: &State, window: &Window, lane: Lane, buf: &mut Buffer) {
        for (index, span) in self.spans.iter().enumerate() {
            let columns = window.columns(span.at, self.end(index));
            let shows = |column: &u16| {
                let column = usize::from(*column);
                self.looks[column] == span.look && !self.short[column]
            };
            let begin = columns.clone().find(shows).unwrap_or(columns.end);
            let end = (begin..columns.end).find(|column| !shows(column)).unwrap_or(columns.end);
            let segment = Segment { span: *span, end: self.end(index), room: end - begin };
            words_on(scene, state, &segment, window.x + begin, lane, buf);
        }
    }
}

/// Says in words what a segment is, if it is wide enough for words.
fn words_on(scene: &Scene, state: &State, segment: &Segment, x: u16, lane: Lane, buf: &mut Buffer) {
    let Segment { span, end, room } = *segment;
    let over = end < scene.view.now;
    let choices: Vec<String> = match span.look {
        Look::Absent => return,
        Look::Suspended => vec!["asleep, guard in hand".into(), "guard in hand".into(), "holds".into()],
        Look::Holding => vec!["works, guard in hand".into(), "holds".into()],
        Look::Granted => vec!["granted, not yet polled".into(), "granted".into()],
        Look::Idle => vec!["runs".into()],
        // How long it will be its timer says; the event that began the span set it.
        Look::Asleep => match scene.trace.event(span.seq).map(|event| &event.what) {
            Some(What::Sleep { until }) => {
                vec![format!("sleeps {}", words::brief(words::timer(span.at, *until))), "sleeps".into()]
            }
            _ => vec!["sleeps".into()],
        },
        Look::Waiting if over => {
            vec![format!("waited {}", words::brief(end.since(span.at))), "waited".into()]
        }
        Look::Waiting => {
            let task = TaskId(lane.index as u32);
            let position = span.lock.and_then(|lock| state.lock(lock)?.position(task)).unwrap_or(1);
            let place =
                if position == 1 { "first in the queue".into() } else { format!("#{position} in the queue") };
            vec![format!("waits, {place}"), format!("waits #{position}"), "waits".into()]
        }
    };
    let plain = matches!(span.look, Look::Asleep | Look::Idle);
    // Plain words stand above the dots; in a lane of one row they must leave enough dots to be seen.
    if plain && lane.height == 1 && room < 14 {
        return;
    }
    let Some(text) = choices.into_iter().find(|text| paint::width(text) + 4 <= room) else { return };
    let y = if plain && lane.height == 1 { lane.y } else { lane.y + (lane.height - 1) / 2 };
    let (text, indent) = if plain { (text, 1) } else { (format!(" {text} "), 2) };
    paint::put(buf, x + indent, y, room, &text, scene.theme.words_on(span.look));
}
