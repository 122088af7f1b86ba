//! The drawing: `(&Trace, &ViewState) -> Buffer`, and nothing else.
//!
//! Everything here takes `&self`; layout is computed from the size, never stored. It knows no
//! terminal, does no I/O and reads no clock, so the same scene is the same cells on a screen, in a
//! test and in a recording.

mod code_panel;
mod compare;
mod footer;
mod groups;
mod help;
mod lanes;
mod layout;
mod order_axis;
mod order_panel;
pub mod paint;
mod problem;
mod quiz;
mod strip;
mod stuck;
mod theme;
mod time_axis;
mod timeline;
mod title;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use crate::event::{TaskId, Time};
use crate::scenario::{self, CodeLine, Plan};
use crate::trace::Trace;

pub use compare::{CompareScene, CompareView};
pub use lanes::{Folds, LaneId, Lanes, Sort, lane_of};
pub use layout::{Layout, MIN_HEIGHT, MIN_WIDTH};
pub use quiz::{CAPTION, Quiz, caption};
pub use theme::{Theme, ThemeName};

/// Along which axis the timeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Axis {
    /// Where the seconds went.
    #[default]
    Time,
    /// One column an event: what happens within a millisecond is as wide as what takes a second.
    Order,
}

/// What the player is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Playing {
    /// Time goes on.
    #[default]
    Playing,
    /// It stands still; with the virtual clock so do the tasks.
    Paused,
    /// Nothing more will come.
    Ended,
}

/// What the viewer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The sentence that says why.
    #[default]
    Why,
    /// The selected lane's details in its place.
    Details,
    /// The help, over everything.
    Help,
}

/// What the viewer chose to see, and where the player is.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewState {
    /// How many events have happened at the playhead.
    pub moment: u64,
    /// The playhead's time: of the last event, or later.
    pub now: Time,
    /// How far that is behind what a program has told, if it is far enough to be said.
    pub behind: Option<Duration>,
    /// What the player is doing.
    pub playing: Playing,
    /// How fast; 1 is as fast as the tasks' own clock.
    pub speed: f64,
    /// The axis.
    pub axis: Axis,
    /// Fewer things, drawn larger: for the last row of a lecture hall.
    pub big: bool,
    /// What the viewer reads.
    pub reading: Reading,
    /// How much time a cell covers; `None` chooses by the horizon and the width.
    pub cell: Option<Duration>,
    /// How many cells an event takes on the order axis.
    pub column: u16,
    /// How far the picture is panned, in cells; negative looks back. Zero follows the playhead.
    pub pan: i32,
    /// Which lane is selected.
    pub lane: Option<LaneId>,
    /// What tasks or locks must be called to have lanes: a part of the name, or all of it with a `*`.
    pub filter: String,
    /// Whether that is being typed.
    pub typing: bool,
    /// In which order lanes come.
    pub sort: Sort,
    /// Which groups are folded.
    pub folds: Folds,
    /// The first lanes shown of tasks and of locks, where the viewer scrolled; `None` follows what happens.
    pub top: Option<(usize, usize)>,
    /// The run's horizon, if it has one.
    pub horizon: Option<Time>,
    /// Something to say instead of the keys.
    pub notice: Option<String>,
    /// What is said about this moment, in the place of the keys.
    pub caption: Option<String>,
    /// What the room is asked, over the panels.
    pub quiz: Option<Quiz>,
    /// What is wrong with the scenario as it was saved last, over everything.
    pub problem: Option<Problem>,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

impl Default for ViewState {
    fn default() -> Self {
        Self {
            moment: 0,
            now: Time::ZERO,
            behind: None,
            playing: Playing::Playing,
            speed: 1.0,
            axis: Axis::Time,
            big: false,
            reading: Reading::Why,
            cell: None,
            column: 10,
            pan: 0,
            lane: None,
            filter: String::new(),
            typing: false,
            sort: Sort::Spawned,
            folds: Folds::default(),
            top: None,
            horizon: None,
            notice: None,
            caption: None,
            quiz: None,
            problem: None,
            ascii: false,
        }
    }
}

/// Mistakes to be read in the place of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub heading: String,
    /// A report as plain text, of any width.
    pub text: String,
    /// What to do next.
    pub hint: String,
    /// How many of its lines are scrolled away.
    pub top: usize,
}

/// The code of the tasks that share it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// What the tasks are called together.
    pub name: String,
    /// The first of them.
    pub first: TaskId,
    /// How many they are.
    pub count: u32,
    /// The code.
    pub lines: Vec<CodeLine>,
}

impl Listing {
    /// Whether it is this task's code.
    pub fn contains(&self, task: TaskId) -> bool {
        task.0.checked_sub(self.first.0).is_some_and(|offset| offset < self.count)
    }
}

/// The code of every task of a plan; there is none of a program's, whose plan only names its tasks.
pub fn listings(plan: &Plan) -> Vec<Listing> {
    if plan.tasks.iter().all(|task| task.steps.is_empty()) {
        return Vec::new();
    }
    let mut first = 0;
    let listing = |(index, task): (usize, &scenario::TaskPlan)| {
        let count = task.count.map_or(1, std::num::NonZeroU32::get);
        let listing = Listing {
            name: task.name.clone(),
            first: TaskId(first),
            count,
            lines: scenario::listing(plan, index),
        };
        first += count;
        listing
    };
    plan.tasks.iter().enumerate().map(listing).collect()
}

/// A key and what it does, for the footer and the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHint {
    /// The keys as people call them.
    pub keys: &'static str,
    /// One word for the footer, or three parted by `|`: while playing, paused and ended. An empty one
    /// keeps it out of there.
    pub word: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Whether the footer tells it only where there are more lanes than fit, or fewer than all are chosen.
    pub crowded: bool,
}

/// All that a picture needs.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What it is called.
    pub title: &'a str,
    /// What happened.
    pub trace: &'a Trace,
    /// The tasks' code, where there is any.
    pub code: &'a [Listing],
    /// The keys.
    pub keys: &'a [KeyHint],
    /// What to show of it.
    pub view: &'a ViewState,
    /// How it looks.
    pub theme: &'a Theme,
}

impl Scene<'_> {
    /// Where things are in a picture of this size; `None` if it is too small.
    pub fn layout(&self, area: Rect) -> Option<Layout> {
        Layout::of(self, area)
    }

    /// Whether it is known where in its code this task is, then or later: of a program's task it never is.
    fn tells_steps(&self, task: TaskId) -> bool {
        self.trace.state(self.trace.len()).task(task).is_some_and(|task| task.step.is_some())
    }

    /// The lane at a cell of a picture of this size.
    pub fn lane_at(&self, area: Rect, x: u16, y: u16) -> Option<LaneId> {
        let layout = self.layout(area)?;
        layout.lanes.iter().find(|lane| lane.contains(x, y, &layout)).map(|lane| lane.id)
    }

    /// The next zoom in a picture of this size: `direction` below zero sees less, larger. There is
    /// nothing to be seen beyond the whole run.
    pub fn zoom(&self, area: Rect, direction: i32) -> Duration {
        let width = self.layout(area).map_or(1, |layout| layout.plot.width);
        let cell = time_axis::cell(self, width);
        let next = time_axis::zoom(cell, direction);
        match self.whole(area) {
            Some(whole) if direction > 0 => next.min(whole.max(cell)),
            _ => next,
        }
    }

    /// How many cells a picture of this size can be panned back, and on: not beyond what there is.
    pub fn pan_limits(&self, area: Rect) -> (i32, i32) {
        let Some(layout) = self.layout(area) else { return (0, 0) };
        match self.view.axis {
            Axis::Time => time_axis::pan_limits(self, layout.plot),
            Axis::Order => (order_axis::most_back(self, &layout), 0),
        }
    }

    /// How many lines of the problem can be scrolled away in a picture of this size.
    pub fn problem_limit(&self, area: Rect) -> usize {
        self.view.problem.as_ref().map_or(0, |problem| problem::most(problem, area))
    }

    /// The zoom at which the whole run fits into a picture of this size, where its end is known.
    pub fn whole(&self, area: Rect) -> Option<Duration> {
        let width = self.layout(area).map_or(1, |layout| layout.plot.width);
        time_axis::whole(self, width)
    }
}

impl Widget for Scene<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        paint::fill(buf, area, self.theme.text);
        if let Some(layout) = self.layout(area) {
            let (story, state) = match layout.order {
                Some(area) => order_panel::story(&self, area),
                None => (Vec::new(), self.trace.state(self.view.moment)),
            };
            let kind = title::draw(&self, state.lost, layout.title, buf);
            strip::draw(&self, &state, layout.strip, buf);
            timeline::draw(&self, &state, &layout, kind, buf);
            if let Some(area) = layout.order {
                order_panel::draw(&self, &story, area, buf);
            }
            if let Some(area) = layout.code {
                code_panel::draw(&self, &state, area, buf);
            }
            footer::draw(&self, &state, &layout, buf);
            quiz::draw(&self, &layout, buf);
            quiz::draw_caption(&self, &layout, buf);
            if self.view.reading == Reading::Help {
                help::draw(&self, area, buf);
            }
            if let Some(problem) = &self.view.problem {
                problem::draw(&self, problem, area, buf);
            }
        } else {
            layout::too_small(&self, area, buf);
        }
        if self.view.ascii {
            paint::to_ascii(buf);
        }
    }
}
