//! Choosing lanes: which is selected, which are there and in which order, and where they are scrolled to.

use ratatui::layout::Rect;

use super::{App, Message};
use crate::event::{LockId, TaskId};
use crate::scenario::Plan;
use crate::trace::Trace;
use crate::view::{Folds, LaneId, Lanes, Reading, lane_of};

/// So much can be typed: more than any name is long.
const MOST: usize = 100;

impl App {
    /// Does what was asked of the lanes.
    pub(super) fn choose(&mut self, message: Message, area: Rect) {
        match message {
            Message::Lane(lanes) => self.select_by(lanes as isize, area),
            Message::LanePage(pages) => {
                let page = self.scene().layout(area).map_or(1, |layout| {
                    let locks = matches!(self.view.lane, Some(LaneId::Lock(_)));
                    if locks { layout.locks.len() } else { layout.tasks.len() }
                });
                let page = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
                self.select_by(page.saturating_mul(pages as isize), area);
            }
            Message::Select(x, y) => {
                if let Some(lane) = self.scene().lane_at(area, x, y) {
                    self.stay(area);
                    self.view.lane = Some(lane);
                }
            }
            Message::Details => {
                self.view.reading = match self.view.reading {
                    Reading::Details => Reading::Why,
                    Reading::Why | Reading::Help => Reading::Details,
                };
                self.view.lane = self.view.lane.or_else(|| self.lanes().get(0));
            }
            Message::Deselect if self.view.lane.is_none() && self.view.reading == Reading::Why => {
                self.view.filter.clear();
                self.view.top = None;
            }
            Message::Deselect => {
                (self.view.lane, self.view.reading, self.view.top) = (None, Reading::Why, None);
            }
            Message::Filter => (self.view.typing, self.view.top) = (true, None),
            Message::Type(c) if self.view.filter.chars().count() < MOST && !c.is_control() => {
                self.view.filter.push(c);
            }
            Message::Erase => drop(self.view.filter.pop()),
            Message::Keep => self.view.typing = false,
            Message::Clear => {
                self.view.typing = false;
                self.view.filter.clear();
            }
            Message::Sort => (self.view.sort, self.view.top) = (self.view.sort.next(), None),
            Message::Fold => self.fold(false),
            Message::FoldAll => self.fold(true),
            _ => {}
        }
    }

    fn lanes(&self) -> Lanes {
        Lanes::of(self.player.trace(), &self.view)
    }

    /// From now on the lanes stay where they are, but for what a selection needs.
    fn stay(&mut self, area: Rect) {
        let top = self.scene().layout(area).map(|layout| (layout.tasks.start, layout.locks.start));
        self.view.top = top;
    }

    /// Selects the lane so much further down; where none is, the first of those on the screen.
    fn select_by(&mut self, by: isize, area: Rect) {
        let lanes = self.lanes();
        let Some(last) = lanes.len().checked_sub(1) else { return };
        self.stay(area);
        let place = self.view.lane.and_then(|lane| lanes.place(lane));
        let first = self.view.top.map_or(0, |top| top.0);
        let place = place.map_or(first, |place| place.saturating_add_signed(by)).min(last);
        self.view.lane = lanes.get(place);
    }

    /// Folds or unfolds the selected lane's group, or all of them.
    fn fold(&mut self, all: bool) {
        let roster = self.player.trace().roster();
        if roster.groups().is_empty() {
            self.say("no tasks here are called alike, as client#1 and client#2 are");
            return;
        }
        let group = match self.view.lane.filter(|_| !all) {
            Some(LaneId::Task(task)) => roster.group_of(task),
            Some(LaneId::Group(group)) => Some(group),
            Some(LaneId::Lock(_)) | None => None,
        };
        match (group, self.view.lane.filter(|_| !all)) {
            (Some(group), _) => self.view.folds.toggle(group),
            (None, Some(LaneId::Task(_))) => self.say("no other task is called like this one"),
            (None, _) => self.view.folds.toggle_all(),
        }
        self.view.top = None;
        self.view.lane = self.view.lane.map(|lane| same(self.player.trace(), &self.view, lane));
    }

    /// Finds the selected lane in another plan, by its name; the groups of that are others.
    pub(super) fn lane_in(&self, lane: LaneId, plan: &Plan) -> Option<LaneId> {
        let (old, new) = (self.player.trace().names(), plan.names());
        match lane {
            LaneId::Task(task) => {
                let place = new.tasks.iter().position(|name| **name == *old.task(task))?;
                Some(LaneId::Task(TaskId(u32::try_from(place).ok()?)))
            }
            LaneId::Lock(lock) => {
                let place = new.locks.iter().position(|other| *other.name == *old.lock(lock))?;
                Some(LaneId::Lock(LockId(u32::try_from(place).ok()?)))
            }
            LaneId::Group(_) => None,
        }
    }

    /// What was chosen of the lanes of another plan is kept as far as it can be.
    pub(super) fn keep_choices(&mut self, lane: Option<LaneId>) {
        self.view.folds = Folds { all: self.view.folds.all, except: Vec::new() };
        (self.view.lane, self.view.top) = (lane, None);
        self.view.lane = lane.map(|lane| same(self.player.trace(), &self.view, lane));
        if lane.is_none() && self.view.reading == Reading::Details {
            self.view.reading = Reading::Why;
        }
    }
}

/// The lane that shows now what this one showed.
fn same(trace: &Trace, view: &crate::view::ViewState, lane: LaneId) -> LaneId {
    let task = match lane {
        LaneId::Task(task) => Some(task),
        LaneId::Group(group) => trace.roster().group(group).and_then(|group| group.members.first().copied()),
        LaneId::Lock(_) => None,
    };
    task.map_or(lane, |task| lane_of(trace, view, task))
}
