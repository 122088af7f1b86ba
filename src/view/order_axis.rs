//! The timeline along the order: one column an event, all equally wide.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;

use super::groups::{Tally, look};
use super::lanes::{LaneId, lane_of};
use super::layout::Lane;
use super::{Layout, Scene, ViewState, paint, quiz, stuck};
use crate::event::{Event, LockId, TaskId, What};
use crate::trace::{GroupId, Look, Notice, Owners, State, story, words};

/// Which events are at which columns.
struct Window {
    /// The event in the first column.
    first: u64,
    /// The last event that is shown.
    last: u64,
    x: u16,
    column: u16,
}

/// How many cells the picture can be panned back.
pub(super) fn most_back(scene: &Scene, layout: &Layout) -> i32 {
    let first =
        Window::of(&Scene { view: &ViewState { pan: 0, ..scene.view.clone() }, ..*scene }, layout).first;
    i32::try_from(first.saturating_sub(1)).unwrap_or(i32::MAX).saturating_mul(i32::from(scene.view.column))
}

impl Window {
    fn of(scene: &Scene, layout: &Layout) -> Self {
        let column = scene.view.column.max(1);
        // A cell is left over for the playhead, and room for words behind a deadlock.
        let room = if stuck::is_shown(scene) { stuck::room(scene, layout.plot.width) } else { 0 };
        let fit = u64::from((layout.plot.width.saturating_sub(1 + room)) / column).max(1);
        let moment = scene.view.moment;
        let follow = moment.saturating_sub(fit);
        let panned = i64::from(scene.view.pan / i32::from(column));
        let first = follow.saturating_add_signed(panned).min(moment.saturating_sub(1));
        Self { first: first + 1, last: moment.min(first + fit), x: layout.plot.x, column }
    }

    fn x(&self, seq: u64) -> u16 {
        self.x + (seq - self.first) as u16 * self.column
    }
}

pub(super) fn draw(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let window = Window::of(scene, layout);
    let theme = scene.theme;
    let mut state = scene.trace.state(window.first - 1).into_owned();
    let handoffs = scene.trace.handoffs(window.last);
    let mut last_at = None;
    let mut keepers = vec![Owners::default(); layout.lanes.len()];
    let mut groups = Groups::of(scene, &state, layout);
    for seq in window.first..=window.last {
        let Some(event) = scene.trace.event(seq) else { break };
        groups.apply(scene, &mut state, &event);
        let x = window.x(seq);
        // The time stands out where it changes.
        let number = format!("#{seq}");
        let end = paint::put(buf, x, layout.plot.y, window.column, &number, theme.dim);
        let millis = event.at.millis().to_string();
        let room = (x + window.column).saturating_sub(end + 2);
        if paint::width(&millis) <= room {
            let style = if last_at == Some(event.at) { theme.dim } else { theme.strong };
            paint::put(buf, end + 1, layout.plot.y, room, &millis, style);
        }
        last_at = Some(event.at);
        paint::run(buf, x, layout.plot.y + 1, window.column, "┈", theme.idle);
        column(scene, &window, layout, (&state, &groups, &mut keepers), seq, buf);
    }
    let begin = handoffs.until(window.first - 1);
    for arrow in (begin..handoffs.len()).filter_map(|index| handoffs.arrow(index, scene.view.moment)) {
        if let Some(from) = arrow.from {
            line(scene, layout, window.x(arrow.seq), (from, arrow.to, arrow.owns), buf);
        }
    }
    playhead(scene, &window, layout, buf);
}

/// One event's column: what every lane looks like after it, and the event's words on its task's.
fn column(
    scene: &Scene,
    window: &Window,
    layout: &Layout,
    (state, groups, keepers): (&State, &Groups, &mut [Owners]),
    seq: u64,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let Some(event) = scene.trace.event(seq) else { return };
    let x = window.x(seq);
    for (lane, keeper) in layout.lanes.iter().zip(keepers) {
        if let LaneId::Lock(lock) = lane.id {
            owner(scene, state, (lock, keeper), *lane, (x, window.column), buf);
            if event.what.lock() == Some(lock) {
                left_over(scene, state, &event, *lane, (x, window.column), buf);
            }
            continue;
        }
        let look = match lane.id {
            LaneId::Group(group) => groups.most(group),
            LaneId::Task(task) => look(state, task),
            LaneId::Lock(_) => continue,
        };
        let (glyph, style) = theme.look(look);
        for y in bars(*lane) {
            paint::run(buf, x, y, window.column, glyph, style);
        }
        if acts(scene, &event, *lane) && lane.height > 1 {
            let (text, tone) = story::tell(&event, state, scene.trace.names());
            let text = match lane.id {
                LaneId::Group(_) => format!("{}: {text}", scene.trace.names().task(event.actor.task)),
                _ => text,
            };
            let handoff = matches!(event.what, What::Grant { .. });
            let style = if seq == scene.view.moment { theme.strong } else { theme.tone(tone) };
            // The arrow's head stands where a granted task's word would begin.
            let indent = if handoff { 2 } else { 0 };
            let room = words_room(scene, window, seq).saturating_sub(indent + 1);
            let shorter = story::shorter(&event, state, scene.trace.names());
            let text = story::fitting(&text, &shorter, |text| paint::width(text) <= room);
            paint::put(buf, x + indent, lane.y, room, text, style);
        }
    }
}

/// Whether an event is one of this lane's task, or of one of its tasks.
fn acts(scene: &Scene, event: &Event, lane: Lane) -> bool {
    lane_of(scene.trace, scene.view, event.actor.task) == lane.id
}

/// How many members of the groups on the screen look how, kept from event to event: an event changes how
/// its actor looks, and whoever owned what it ends.
struct Groups {
    all: Vec<(GroupId, Tally)>,
}

impl Groups {
    fn of(scene: &Scene, state: &State, layout: &Layout) -> Self {
        let tally = |lane: &Lane| {
            let LaneId::Group(group) = lane.id else { return None };
            let members = &scene.trace.roster().group(group)?.members;
            Some((group, Tally::of(state, members)))
        };
        Self { all: layout.lanes.iter().filter_map(tally).collect() }
    }

    fn most(&self, group: GroupId) -> Look {
        self.all.iter().find(|(other, _)| *other == group).map_or(Look::Absent, |(_, tally)| tally.most())
    }

    /// Leads `state` and the numbers to the next moment.
    fn apply(&mut self, scene: &Scene, state: &mut State, event: &Event) {
        let actor = event.actor.task;
        let owner = event.what.acquisition().and_then(|(lock, op)| state.owner_of(lock, op));
        let changed = [Some(actor), owner.filter(|owner| *owner != actor)];
        let before = changed.map(|task| task.map(|task| look(state, task)));
        state.apply(event);
        if self.all.is_empty() {
            return;
        }
        let roster = scene.trace.roster();
        if matches!(event.what, What::Lost { .. }) {
            // What is forgotten is forgotten of everybody.
            for (group, tally) in &mut self.all {
                *tally = roster
                    .group(*group)
                    .map_or_else(Tally::default, |group| Tally::of(state, &group.members));
            }
            return;
        }
        for (task, before) in changed.into_iter().zip(before) {
            let (Some(task), Some(before)) = (task, before) else { continue };
            let group = roster.group_of(task);
            if let Some((_, tally)) = self.all.iter_mut().find(|(other, _)| Some(*other) == group) {
                tally.remove(before);
                tally.add(look(state, task));
            }
        }
    }
}

/// The rows of a lane's bar: all but the first, which is for words, if there are two.
fn bars(lane: Lane) -> std::ops::RangeInclusive<u16> {
    lane.bar().min(lane.y + 1)..=lane.bar()
}

/// How far an event's words may run on: to the next event in the same lane.
fn words_room(scene: &Scene, window: &Window, seq: u64) -> u16 {
    let lane = |seq| scene.trace.event(seq).map(|event| lane_of(scene.trace, scene.view, event.actor.task));
    let here = lane(seq);
    let next = (seq + 1..=window.last).find(|&next| lane(next) == here).unwrap_or(window.last + 1);
    (next - seq) as u16 * window.column
}

/// A lock's lane: its owners' names where they change.
fn owner(
    scene: &Scene,
    state: &State,
    (lock, keeper): (LockId, &mut Owners),
    lane: Lane,
    (x, width): (u16, u16),
    buf: &mut Buffer,
) {
    let Some(lock) = state.lock(lock) else { return };
    // Whoever is asked who is next must not read it here.
    let heir = lock.heir().filter(|_| lock.owner().is_none() && !quiz::hides(scene));
    let owners = heir.map_or_else(|| lock.group(), |heir| Owners::only(heir.task));
    if owners.is_empty() {
        *keeper = owners;
        return;
    }
    let look = match (heir, lock.holders.is_empty()) {
        (Some(_), _) => Look::Waiting,
        (None, true) => Look::Granted,
        (None, false) => Look::Suspended,
    };
    let style = scene.theme.look(look).1;
    paint::run(buf, x, lane.y, width, "━", style);
    // Passing, granted and then held by the same task is one ownership.
    if std::mem::replace(keeper, owners) != owners {
        let names = words::group(scene.trace.names(), &owners, usize::from(width.saturating_sub(1)));
        paint::put(buf, x, lane.y, width, &format!("{names} "), scene.theme.text);
    }
}

/// What cannot be owned says what is left of it: messages, and a notification that nobody heard.
fn left_over(
    scene: &Scene,
    state: &State,
    event: &Event,
    lane: Lane,
    (x, width): (u16, u16),
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let Some(lock) = event.what.lock().and_then(|lock| state.lock(lock)) else { return };
    let (text, style) = match (&event.what, lock.notice) {
        (What::Sent { .. } | What::Received { .. }, _) => {
            (words::counted(lock.messages, "message"), theme.text)
        }
        (What::Notify { .. }, Some(Notice::Lost)) => ("× lost".to_owned(), theme.blocked),
        (What::Notify { .. }, Some(Notice::Stored)) => ("■ stored".to_owned(), theme.waiting),
        _ => return,
    };
    paint::put(buf, x, lane.y, width, &text, style);
}

/// A handoff's arrow, in the first cell of the grant's column; a thin one where it only wakes.
fn line(scene: &Scene, layout: &Layout, x: u16, (from, to, owns): (TaskId, TaskId, bool), buf: &mut Buffer) {
    let lane = |task: TaskId| layout.lane_of(scene.trace, scene.view, task);
    let (Some(from), Some(to)) = (lane(from), lane(to)) else { return };
    let (style, [down, up, to_below, to_above, along]) = if owns {
        (scene.theme.now, ["┓", "┛", "┗", "┏", "┃"])
    } else {
        (scene.theme.granted, ["┐", "┘", "└", "┌", "│"])
    };
    let (begin, word) = (*bars(*from).start(), to.y);
    let (turn, rows, corner) = match to.y.cmp(&from.y) {
        Ordering::Greater => (down, begin + 1..word, to_below),
        Ordering::Less => (up, word + 1..begin, to_above),
        Ordering::Equal => return,
    };
    paint::dot(buf, x, begin, turn, style);
    rows.for_each(|y| paint::dot(buf, x, y, along, style));
    paint::dot(buf, x, word, corner, style);
    if to.height > 1 {
        paint::dot(buf, x + 1, word, "▶", style);
    }
}

fn playhead(scene: &Scene, window: &Window, layout: &Layout, buf: &mut Buffer) {
    let moment = scene.view.moment;
    if window.last != moment {
        return;
    }
    let x = if moment == 0 { window.x } else { window.x(moment) + window.column };
    let theme = scene.theme;
    paint::dot(buf, x, layout.plot.y + 1, "▼", theme.accent);
    for y in layout.plot.y + 2..layout.plot.bottom() {
        paint::dot(buf, x, y, "│", theme.accent);
    }
    stuck::draw(scene, layout, x, buf);
}
