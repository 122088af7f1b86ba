//! Runs beside each other: one time axis, one playhead, the lanes of each run one above the other, and
//! what differs.
//!
//! A run is drawn by the same cells as alone, in a part of the picture: each is a [`Scene`] of its own,
//! with the window of all.

mod layout;
mod panel;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::time_axis::{self, Lanes, Window};
use super::{KeyHint, Playing, Reading, Scene, Theme, ViewState, footer, help, paint, timeline, title};
use crate::event::Time;
use crate::trace::State;
use crate::trace::compare::{Comparison, Variant};
use layout::{CompareLayout, Part};

/// What the viewer chose to see, and where the player is.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareView {
    /// How many events of each run have happened at the playhead.
    pub moments: Vec<u64>,
    /// The run in which something happened last.
    pub latest: Option<usize>,
    /// The playhead's time.
    pub now: Time,
    /// What the player is doing.
    pub playing: Playing,
    /// How fast; 1 is as fast as the tasks' own clock.
    pub speed: f64,
    /// Fewer things, drawn larger.
    pub big: bool,
    /// Whether the help lies over everything.
    pub help: bool,
    /// How much time a cell covers; `None` chooses by the longest run and the width.
    pub cell: Option<Duration>,
    /// How far the picture is panned, in cells; negative looks back. Zero follows the playhead.
    pub pan: i32,
    /// How many lanes are scrolled away: of tasks where not all fit, beyond these of runs.
    pub top: usize,
    /// Something to say instead of the keys.
    pub notice: Option<String>,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// All that a picture of several runs needs.
#[derive(Debug, Clone, Copy)]
pub struct CompareScene<'a> {
    /// What it is called.
    pub title: &'a str,
    /// What the runs are: `locks`, `scenarios`.
    pub what: &'a str,
    /// The runs.
    pub comparison: &'a Comparison,
    /// The keys.
    pub keys: &'a [KeyHint],
    /// What to show.
    pub view: &'a CompareView,
    /// How it looks.
    pub theme: &'a Theme,
}

impl CompareScene<'_> {
    /// The next zoom in a picture of this size: `direction` below zero sees less, larger.
    pub fn zoom(&self, area: Rect, direction: i32) -> Duration {
        self.with_longest(|scene| {
            let cell = time_axis::cell(scene, self.plot_width(area));
            let next = time_axis::zoom(cell, direction);
            match self.whole(area) {
                Some(whole) if direction > 0 => next.min(whole.max(cell)),
                _ => next,
            }
        })
    }

    /// How many cells a picture of this size can be panned back, and on.
    pub fn pan_limits(&self, area: Rect) -> (i32, i32) {
        let Some(layout) = CompareLayout::of(self, area) else { return (0, 0) };
        self.with_longest(|scene| time_axis::pan_limits(scene, layout.plot))
    }

    /// The zoom at which all of every run fits into a picture of this size.
    pub fn whole(&self, area: Rect) -> Option<Duration> {
        self.with_longest(|scene| time_axis::whole(scene, self.plot_width(area)))
    }

    /// How wide time is in a picture of this size.
    pub fn plot_width(&self, area: Rect) -> u16 {
        CompareLayout::of(self, area).map_or(1, |layout| layout.plot.width)
    }

    /// How far lanes can be scrolled in a picture of this size.
    pub fn most_top(&self, area: Rect) -> usize {
        CompareLayout::of(self, area).map_or(0, |layout| layout.most_top)
    }

    /// What one run looks at: its own moment, and no time beyond its end.
    fn view_of(&self, index: usize) -> ViewState {
        let end = self.comparison.variants().get(index).map_or(Time::ZERO, Variant::end);
        ViewState {
            moment: self.view.moments.get(index).copied().unwrap_or(0),
            now: self.view.now.min(end),
            ..self.view_of_all()
        }
    }

    /// What all of them have in common.
    fn view_of_all(&self) -> ViewState {
        let view = self.view;
        ViewState {
            now: view.now,
            playing: view.playing,
            speed: view.speed,
            big: view.big,
            reading: if view.help { Reading::Help } else { Reading::Why },
            cell: view.cell,
            pan: view.pan,
            notice: view.notice.clone(),
            ascii: view.ascii,
            ..ViewState::default()
        }
    }

    /// The scene of the run that goes on longest, at the playhead of all: whose window all share.
    fn with_longest<R>(&self, look: impl FnOnce(&Scene) -> R) -> R {
        let variants = self.comparison.variants();
        let longest = (0..variants.len()).rev().max_by_key(|&index| variants[index].end()).unwrap_or(0);
        let mut view = self.view_of_all();
        view.moment = self.view.moments.get(longest).copied().unwrap_or(0);
        self.with(longest, &view, look)
    }

    /// One run as a scene of its own.
    fn with<R>(&self, index: usize, view: &ViewState, look: impl FnOnce(&Scene) -> R) -> R {
        let nothing = crate::trace::Trace::default();
        let trace = self.comparison.variants().get(index).map_or(&nothing, |variant| &variant.trace);
        look(&Scene { title: self.title, trace, code: &[], keys: self.keys, view, theme: self.theme })
    }

    fn draw(&self, layout: &CompareLayout, buf: &mut Buffer) {
        let count = self.comparison.variants().len();
        let states: Vec<State> = (0..count)
            .map(|index| {
                let trace = &self.comparison.variants()[index].trace;
                trace.state(self.view.moments.get(index).copied().unwrap_or(0)).into_owned()
            })
            .collect();
        let lost = states.iter().map(|state| state.lost).sum();
        let window = self.with_longest(|scene| {
            title::line(scene, lost, &[format!("compare · {count} {}", self.what)], layout.title, buf);
            Window::of(scene, layout.plot)
        });
        let views: Vec<ViewState> = (0..count).map(|index| self.view_of(index)).collect();
        for part in &layout.parts {
            self.with(part.variant, &views[part.variant], |scene| {
                timeline::names(scene, &part.layout, buf);
                Lanes::of(scene, &states[part.variant], &window, &part.layout).draw(buf);
            });
            self.parting(&window, part, buf);
        }
        self.with_longest(|scene| {
            time_axis::axis(scene, &window, &layout.whole, buf);
            time_axis::playhead(scene, &window, &layout.whole, buf);
        });
        // Words come last: no line runs through them.
        for part in &layout.parts {
            panel::rule(self, layout, part, buf);
            self.with(part.variant, &views[part.variant], |scene| {
                let state = &states[part.variant];
                Lanes::of(scene, state, &window, &part.layout).say(state, buf);
            });
        }
        panel::draw(self, layout, &states, buf);
        self.with_longest(|scene| footer::keys(scene, false, layout.keys, buf));
    }

    /// A broken line through the lanes of a run where it parts from the first; through those of the
    /// first where any parts from it. It is shown when it has happened.
    fn parting(&self, window: &Window, part: &Part, buf: &mut Buffer) {
        let found = match part.variant {
            0 => self.comparison.first().map(|(_, difference)| (difference, 0)),
            other => self.comparison.difference(other).map(|difference| (difference, 1)),
        };
        let at = found.map(|(difference, side)| difference.times[side].unwrap_or(difference.at));
        let Some(x) = at.filter(|at| *at <= self.view.now).and_then(|at| window.x(at)) else { return };
        for y in part.layout.plot.y..part.layout.plot.bottom() {
            // Beside what happens there, not over it.
            let free = |x: u16| buf.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "·"));
            if let Some(x) = [x, x + 1].into_iter().find(|x| *x < part.layout.plot.right() && free(*x)) {
                paint::dot(buf, x, y, "╎", self.theme.blocked);
            }
        }
    }
}

impl Widget for CompareScene<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        buf.set_style(area, self.theme.text);
        match CompareLayout::of(&self, area) {
            Some(layout) => self.draw(&layout, buf),
            None => self.with_longest(|scene| super::layout::too_small(scene, area, buf)),
        }
        if self.view.help && area.width >= super::MIN_WIDTH && area.height >= super::MIN_HEIGHT {
            self.with_longest(|scene| help::draw_with(scene, help::READING_COMPARED, true, area, buf));
        }
        if self.view.ascii {
            paint::to_ascii(buf);
        }
    }
}
