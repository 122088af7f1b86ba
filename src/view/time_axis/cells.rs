//! A task's lane: what each of its cells shows, and the words that stand on them.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;

use super::edges::Columns;
use super::{Edges, Window, longest};
use crate::event::{Family, Mode, TaskId, Time, What};
use crate::trace::{Lane as Spans, Lock, Look, Looks, Noted, Span, State, Task, words};
use crate::view::layout::Lane;
use crate::view::strip::let_in;
use crate::view::{Scene, paint, quiz};

/// How much a state matters where a cell covers several.
fn rank(look: Look) -> u8 {
    match look {
        Look::Absent => 0,
        Look::Idle | Look::Asleep => 1,
        Look::Suspended => 2,
        Look::Holding => 3,
        Look::Waiting => 4,
        Look::Granted => 5,
        Look::Blocked => 6,
    }
}

/// A part of a lane that looks the same all along.
struct Segment {
    span: Span,
    /// The event that began it, or the hold that it is part of.
    begun: u64,
    /// Whether it is a wait that ended with being woken too late.
    vain: bool,
    /// Whether it has come to its end.
    over: bool,
    end: Time,
    /// How many cells show it.
    room: u16,
}

const HOLDS: Looks = Looks::of(&[Look::Holding, Look::Suspended]);
const OTHERS: Looks =
    Looks::of(&[Look::Absent, Look::Idle, Look::Asleep, Look::Waiting, Look::Granted, Look::Blocked]);
/// From what matters most. Of those that matter as much, what came first is shown.
const BY_RANK: [&[Look]; 7] = [
    &[Look::Blocked],
    &[Look::Granted],
    &[Look::Waiting],
    &[Look::Holding],
    &[Look::Suspended],
    &[Look::Idle, Look::Asleep],
    &[Look::Absent],
];

fn holds(look: Look) -> bool {
    HOLDS.contains(look)
}

/// What the cells of a task's lane show.
pub(super) struct Cells<'a> {
    lane: Spans<'a>,
    /// From the span that is under way at the left edge to the last one that begins before the right edge.
    spans: Range<usize>,
    /// When the last of them ends.
    now: Time,
    looks: Vec<Look>,
    /// Where a hold began and ended within the cell.
    short: Vec<bool>,
    /// The spans that may be long enough for words.
    long: Vec<usize>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(scene: &Scene<'a>, window: &Window, edges: &Edges, task: TaskId) -> Self {
        let lane = scene.trace.lane(task, scene.view.moment);
        let behind = lane.begun(edges.right());
        let first = lane.begun(edges.left()).saturating_sub(1).min(behind);
        let many = behind - first > usize::from(window.width) / 2;
        Self::of_spans(scene, window, (lane, first..behind), edges.columns().filter(|_| many))
    }

    /// Those of these spans of a lane; by columns where they are many.
    fn of_spans(
        scene: &Scene<'a>,
        window: &Window,
        (lane, spans): (Spans<'a>, Range<usize>),
        columns: Option<&Columns>,
    ) -> Self {
        let (now, behind, width) = (scene.view.now, spans.end, usize::from(window.width));
        let mut cells = Self {
            lane,
            spans,
            now: lane.get(behind).map_or(now, |span| span.at),
            looks: vec![Look::Absent; width],
            short: vec![false; width],
            long: Vec::new(),
        };
        match columns {
            Some(columns) => cells.fill_by_columns(window, columns),
            None => cells.fill(window),
        }
        // The present is shown as it is, whatever came before it within the cell.
        if let (Some(x), Some(last)) = (window.x(now), behind.checked_sub(1).and_then(|last| lane.get(last)))
        {
            let column = usize::from(x - window.x);
            let touched = cells.looks[column] != Look::Absent;
            if touched && (holds(last.look) || !cells.short[column]) {
                cells.looks[column] = last.look;
            }
        }
        cells
    }

    /// The span of this index, if it is in the picture.
    fn span(&self, index: usize) -> Option<Span> {
        self.lane.get(index).filter(|_| index < self.spans.end)
    }

    /// When the span of this index ends: with the next, or not yet.
    fn end(&self, index: usize) -> Time {
        self.span(index + 1).map_or(self.now, |next| next.at)
    }

    /// Looks at every span.
    fn fill(&mut self, window: &Window) {
        self.long = self.spans.clone().collect();
        let mut hold: Option<Time> = None;
        let mut next = self.span(self.spans.start);
        for index in self.spans.clone() {
            let Some(span) = next else { break };
            next = self.span(index + 1);
            let end = next.map_or(self.now, |next| next.at);
            for column in window.columns(span.at, end) {
                let look = &mut self.looks[usize::from(column)];
                if rank(span.look) > rank(*look) {
                    *look = span.look;
                }
            }
            // A hold is over when the next span is none; only then is it known to be short.
            if holds(span.look) {
                let begin = *hold.get_or_insert(span.at);
                let over = next.is_some_and(|next| !holds(next.look));
                let columns = window.columns(begin, end);
                if over && columns.len() == 1 && begin.nanos() >= window.left {
                    self.short[usize::from(columns.start)] = true;
                }
            } else {
                hold = None;
            }
        }
    }

    /// The same, from what is known of many spans at once: where there are many in a column.
    fn fill_by_columns(&mut self, window: &Window, columns: &Columns) {
        let lane = self.lane;
        let mut left = window.left;
        let (mut under_way, mut length) = (None, 0);
        let parts = columns.parts(|known, likely, moment| lane.begun_from(known, likely, moment));
        for (column, begin) in parts.enumerate() {
            // What is under way at the column's beginning, if it goes on in it. Moments say so: to ask each
            // event for its time would be what a picture of millions takes longest for.
            let goes_on = if begin.start < self.spans.end {
                lane.seq(begin.start) > columns.until(column)
            } else {
                self.now.nanos() > left
            };
            let before = begin.start.checked_sub(1).filter(|_| goes_on);
            length = if before.is_some() && before == under_way { length + 1 } else { 1 };
            under_way = before;
            // In the column where it begins it is not under way yet.
            if length == SHORTEST - 1 {
                self.long.extend(before);
            }
            let here = before.unwrap_or(begin.start)..begin.end;
            let looks = lane.looks(here.clone());
            let most = BY_RANK.iter().find_map(|rank| {
                let mut there = rank.iter().copied().filter(|look| looks.contains(*look));
                match (there.next(), there.next()) {
                    (Some(_), Some(_)) => {
                        lane.find(here.clone(), Looks::of(rank)).and_then(|at| lane.look(at))
                    }
                    (only, _) => only,
                }
            });
            self.looks[column] = most.unwrap_or(Look::Absent);
            self.short[column] = looks.any(HOLDS) && self.has_short_hold(begin, columns.until(column + 1));
            left = left.saturating_add(window.cell);
        }
    }

    /// Whether a hold that begins with one of these spans ends by moment `right` too. Only the last of them can
    /// end later, so that the first tells.
    fn has_short_hold(&self, begin: Range<usize>, right: u64) -> bool {
        let lane = self.lane;
        let held_before =
            begin.start.checked_sub(1).is_some_and(|before| lane.looks(before..begin.start).any(HOLDS));
        let free = if held_before { lane.find(begin.clone(), OTHERS) } else { Some(begin.start) };
        let hold = free.and_then(|free| lane.find(free..begin.end, HOLDS));
        let over = hold.and_then(|hold| lane.find(hold + 1..self.spans.end, OTHERS));
        over.is_some_and(|over| lane.seq(over) <= right)
    }

    /// What each cell shows, and whether a hold began and ended within it.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Look, bool)> + '_ {
        self.looks.iter().copied().zip(self.short.iter().copied())
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
    pub(super) fn say(
        &self,
        scene: &Scene,
        state: &State,
        (window, wordless): (&Window, &[bool]),
        (task, lane): (TaskId, Lane),
        buf: &mut Buffer,
    ) {
        for &index in &self.long {
            let Some(span) = self.span(index) else { continue };
            let end = self.end(index);
            let columns = window.columns(span.at, end);
            if columns.len() < SHORTEST {
                continue;
            }
            let vain = self.span(index + 2).is_some_and(|next| goes_on(scene, &span, &next));
            let shown = longest(columns, |column| {
                let column = usize::from(column);
                self.looks[column] == span.look && !self.short[column] && !wordless[column]
            });
            let (begin, room) = (shown.start, shown.len() as u16);
            let begun = if holds(span.look) { self.hold(index) } else { span.seq };
            let over = self.lane.len() > index + 1;
            let segment = Segment { span, begun, vain, over, end, room };
            words_on(scene, state, &segment, window.x + begin, (task, lane), buf);
        }
    }

    /// The event that began the hold that a span is part of, as far as it is in the picture.
    fn hold(&self, index: usize) -> u64 {
        let before = self.lane.find_back(index, OTHERS).map_or(0, |before| before + 1);
        self.lane.seq(before.max(self.spans.start))
    }
}

/// No words fit into fewer cells.
const SHORTEST: usize = 5;

/// Says in words what a segment is, if it is wide enough for words.
fn words_on(
    scene: &Scene,
    state: &State,
    segment: &Segment,
    x: u16,
    (task, lane): (TaskId, Lane),
    buf: &mut Buffer,
) {
    let Segment { span, room, .. } = *segment;
    let plain = matches!(span.look, Look::Asleep | Look::Idle);
    // Plain words stand above the dots; in a lane of one row they must leave enough dots to be seen.
    if plain && lane.height == 1 && room < 14 {
        return;
    }
    let choices = choices(scene, state, segment, task);
    let Some(text) = choices.into_iter().find(|text| paint::width(text) + 4 <= room) else { return };
    let y = if plain && lane.height == 1 { lane.y } else { lane.y + (lane.height - 1) / 2 };
    let (text, indent) = if plain { (text, 1) } else { (format!(" {text} "), 2) };
    paint::put(buf, x + indent, y, room, &text, scene.theme.words_on(span.look));
}

/// Whether a wait goes on with a later one, because its task was woken in between and too late.
fn goes_on(scene: &Scene, wait: &Span, later: &Span) -> bool {
    let op = |span: &Span| match scene.trace.event(span.seq).map(|event| event.what) {
        Some(What::Wait { op, .. }) if span.look == Look::Waiting => Some(op),
        _ => None,
    };
    op(wait).is_some() && op(wait) == op(later)
}

/// When a task began to wait, however often it was woken too late since.
fn asked(scene: &Scene, task: TaskId, wait: &Span) -> Time {
    let lane = scene.trace.lane(task, scene.view.moment);
    let mut index = lane.begun(wait.seq.saturating_sub(1));
    let earlier = |index: usize| Some((lane.get(index.checked_sub(2)?)?, lane.get(index)?));
    while earlier(index).is_some_and(|(before, span)| goes_on(scene, &before, &span)) {
        index -= 2;
    }
    lane.get(index).map_or(wait.at, |span| span.at)
}

/// What is said of a task that keeps all others from running.
const ALONE: &str = "runs: nobody else can";

/// So many notes are looked through for one.
const LOOK_THROUGH: usize = 256;

/// So late is no timer that is only not yet drawn.
const OVERDUE: Duration = Duration::from_millis(100);

/// Whether nobody else could run in a segment, as a timer shows that was due in it and fired after it, or
/// is due and has not fired.
fn alone(scene: &Scene, state: &State, segment: &Segment, task: TaskId) -> bool {
    let Segment { span, end, over, .. } = *segment;
    let notes = scene.trace.notes(scene.view.moment);
    let begin = notes.partition_point(|note| note.at < span.at);
    let until = end.plus(Duration::from_millis(1));
    let was = notes[begin..]
        .iter()
        .take(LOOK_THROUGH)
        .take_while(|note| note.at <= until)
        .any(|note| matches!(note.what, Noted::Late { due, ran } if ran == task && span.at <= due));
    let last = scene.trace.event(scene.view.moment).is_some_and(|event| event.actor.task == task);
    let is = || {
        let late = |task: &Task| task.overdue(scene.view.now).is_some_and(|late| late > OVERDUE);
        last && !over
            && scene.trace.end().is_none_or(|end| scene.view.now < end.at)
            && state.tasks.iter().any(late)
    };
    was || is()
}

/// What there is to say of a segment, from long to short.
fn choices(scene: &Scene, state: &State, segment: &Segment, task: TaskId) -> Vec<String> {
    let Segment { span, begun, vain, over, end, .. } = *segment;
    let lock = span.lock.and_then(|lock| state.lock(lock));
    let event = scene.trace.event(span.seq).map(|event| event.what);
    let say = |words: &[&str]| words.iter().map(|words| (*words).to_owned()).collect();
    // A program does not tell when its tasks are at an `.await`.
    let told = scene.tells_steps(task);
    match span.look {
        Look::Absent => Vec::new(),
        Look::Suspended | Look::Holding => {
            let barging = scene.trace.note_of(begun).map(|note| note.what);
            let mut words: Vec<String> = match barging {
                Some(Noted::Barged { again: true, .. }) => say(&["takes it again: barging", "barging"]),
                Some(Noted::Barged { again: false, .. }) => say(&["takes it first: barging", "barging"]),
                _ if alone(scene, state, segment, task) => say(&[ALONE, "works, guard in hand"]),
                _ if span.look == Look::Holding && told => say(&["works, guard in hand"]),
                _ if span.look == Look::Holding => say(&["guard in hand"]),
                // Leaked, or in another task.
                _ if event == Some(What::Finish) => {
                    say(&["ended, its guard is not dropped", "ended, guard not dropped", "not dropped"])
                }
                _ => say(&["asleep, guard in hand", "guard in hand"]),
            };
            words.push("holds".to_owned());
            words
        }
        Look::Granted => match lock.map_or("granted", let_in) {
            "woken" if lock.is_some_and(|lock| lock.kind.family() != Family::Channel) => {
                say(&["woken, may only try", "woken"])
            }
            word => vec![format!("{word}, not yet polled"), word.to_owned()],
        },
        Look::Blocked => say(&["thread blocked", "blocked"]),
        Look::Idle if alone(scene, state, segment, task) => say(&[ALONE, "runs"]),
        Look::Idle if told => say(&["runs"]),
        Look::Idle => say(&["without a lock", "no lock"]),
        // How long it will be its timer says; the event that began the span set it.
        Look::Asleep => match event {
            Some(What::Sleep { until }) => {
                vec![format!("sleeps {}", words::brief(words::timer(span.at, until))), "sleeps".into()]
            }
            _ => say(&["sleeps"]),
        },
        // A place in the queue would tell the room who is next.
        Look::Waiting if vain || quiz::hides(scene) => say(&["waits"]),
        Look::Waiting if over => {
            vec![format!("waited {}", words::brief(end.since(asked(scene, task, &span)))), "waited".into()]
        }
        Look::Waiting if asked(scene, task, &span) < span.at => {
            let waited = scene.view.now.since(asked(scene, task, &span));
            vec![format!("waits {} by now", words::brief(waited)), "waits".into()]
        }
        Look::Waiting => {
            let position = lock.and_then(|lock| lock.position(task)).unwrap_or(1);
            let place =
                if position == 1 { "first in the queue".into() } else { format!("#{position} in the queue") };
            let first = lock.and_then(|lock| lock.queue.nth(position - 1));
            let lacks = lock.and_then(|lock| lock.lacks(first?)).filter(|&lacks| lacks > 0);
            let wish = match event {
                Some(What::Wait { mode: Mode::Shared, .. }) => Some("waits to read".to_owned()),
                Some(What::Wait { mode: Mode::Exclusive, .. })
                    if lock.is_some_and(|lock| lock.kind.family() == Family::RwLock) =>
                {
                    Some("waits to write".to_owned())
                }
                Some(What::Wait { mode: Mode::Permits(_), .. }) => {
                    lacks.map(|lacks| format!("waits, lacks {lacks}"))
                }
                Some(What::Wait { mode: Mode::Signal, .. }) => {
                    return say(&["waits to be notified", "waits"]);
                }
                Some(What::Wait { mode: Mode::Message, .. }) => {
                    return say(&["waits for a message", "waits"]);
                }
                Some(What::Wait { mode: Mode::Room, .. }) => return say(&["waits for room", "waits"]),
                _ => None,
            };
            let mut words = vec![format!("waits, {place}"), format!("waits #{position}"), "waits".into()];
            if let Some(wish) = wish {
                words.splice(0..1, [format!("{wish}, {place}"), wish]);
            }
            // Where no order is promised there are no places.
            words.retain(|words| lock.is_none_or(Lock::hands_over) || !words.contains(['#', ',']));
            words
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::layout::Rect;

    use super::*;
    use crate::event::{Actor, Event, LockId, LockKind, LockName, Names, OpId};
    use crate::trace::Trace;
    use crate::view::lanes::LaneId;
    use crate::view::{ThemeName, ViewState};

    const TASKS: u32 = 3;

    /// Whatever a task can do; some of it makes no sense.
    fn event() -> impl Strategy<Value = (u32, What, u64)> {
        let (lock, mode) = (LockId(0), Mode::Exclusive);
        let what = (0..8_u8, 0..4_u64).prop_map(move |(kind, op)| {
            let op = OpId(op);
            match kind {
                7 => What::Lost { events: op.0 + 1 },
                0 => What::Wait { lock, op, mode },
                1 => What::Grant { lock, op, mode },
                2 | 3 => What::Acquire { lock, op, mode },
                4 => What::Release { lock, op },
                5 => What::Sleep { until: Time::from_nanos(u64::MAX) },
                _ => What::Wake,
            }
        });
        // Many at once, some apart, and a few far apart.
        let apart = prop_oneof![4 => Just(0), 8 => 1..400_u64, 1 => 1_000..20_000_u64];
        (0..TASKS, what, apart)
    }

    fn trace(events: &[(u32, What, u64)]) -> Trace {
        let lock = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
        let names = Names { tasks: (0..TASKS).map(|_| "task".into()).collect(), locks: vec![lock] };
        let mut at = 0;
        let event = |(task, what, apart): &(u32, What, u64)| {
            at += apart;
            let actor = Actor { task: TaskId(*task), step: None };
            Event { seq: 0, at: Time::from_nanos(at), actor, what: what.clone() }
        };
        Trace::of(names, events.iter().map(event))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn columns_show_what_a_look_at_each_span_shows(
            events in prop::collection::vec(event(), 1..400),
            (cell, pan, moment) in (200..5_000_u64, -40..40_i32, 0..400_u64),
        ) {
            let trace = trace(&events);
            let moment = moment.min(trace.len());
            let now = trace.at(moment);
            let cell = Some(Duration::from_nanos(cell));
            let view = ViewState { moment, now, cell, pan, ..ViewState::default() };
            let theme = &ThemeName::Dark.theme();
            let scene = Scene { title: "", trace: &trace, code: &[], keys: &[], view: &view, theme };
            let area = Rect::new(0, 0, 60, 2);
            let window = Window::of(&scene, area);
            let columns = Columns::of(&scene, &window);
            let edges = Edges::of(&scene, &window);
            let state = trace.state(moment);
            for task in (0..TASKS).map(TaskId) {
                let lane = trace.lane(task, moment);
                let behind = lane.begun(edges.right());
                let first = lane.begun(edges.left()).saturating_sub(1).min(behind);
                let draw = |columns| {
                    let mut buf = Buffer::empty(area);
                    let cells = Cells::of_spans(&scene, &window, (lane, first..behind), columns);
                    let at = Lane { id: LaneId::Task(task), y: 0, height: 2 };
                    cells.draw(&scene, &window, at, &mut buf);
                    cells.say(&scene, &state, (&window, &[false; 100]), (task, at), &mut buf);
                    buf
                };
                prop_assert_eq!(draw(Some(&columns)), draw(None));
            }
        }
    }
}
