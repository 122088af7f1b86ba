//! The pictures of a recording, one by one: what a viewer would have seen at each moment.
//!
//! They come from the same [`Scene`] as those in the terminal. Nothing is kept of a picture that was
//! given away, so a long recording takes no more memory than a short one.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::Recording;
use crate::event::Time;
use crate::scenario::Markers;
use crate::view::{self, Axis, Listing, Playing, Scene, Theme, ThemeName, ViewState, listings};

/// So many pictures are made at most: eleven hours of 25 a second.
pub const MAX_FRAMES: u64 = 1_000_000;

/// How large a picture is, and how it looks.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Colours.
    pub theme: ThemeName,
    /// The axis.
    pub axis: Axis,
    /// Fewer things, drawn larger.
    pub big: bool,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// How many pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So many a second. Where a marker is, one of them shows its moment and nothing later.
    Grid(NonZeroU32),
    /// One an event, each shown for a second.
    Events,
}

/// What of a run is recorded, and how fast it goes.
#[derive(Debug, Clone)]
pub struct Cut {
    /// From this moment of the run on.
    pub from: Time,
    /// Up to this one; `None` is its end.
    pub to: Option<Time>,
    /// How much of its time passes in a second.
    pub speed: f64,
    /// How many pictures.
    pub pace: Pace,
    /// How long the last picture stays.
    pub hold: Duration,
}

/// A place in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many events have happened.
    pub moment: u64,
    /// The playhead's time.
    pub now: Time,
}

/// A picture of a recording.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The picture.
    pub buffer: Buffer,
    /// When it is shown, from the beginning of the recording.
    pub at: Duration,
    /// For how long.
    pub length: Duration,
    /// Where in the run it is.
    pub place: Place,
    /// The moment that the picture before it showed: what happened since is news.
    pub since: u64,
}

/// Looks at a recording.
pub struct Viewer<'a> {
    recording: &'a Recording,
    listings: Vec<Listing>,
    markers: Markers,
    theme: Theme,
    view: ViewState,
    area: Rect,
}

impl<'a> Viewer<'a> {
    /// Looks at `recording` so; `speed` is what the title says.
    pub fn new(recording: &'a Recording, look: &Look, speed: f64) -> Self {
        let view = ViewState {
            speed,
            axis: look.axis,
            big: look.big,
            ascii: look.ascii,
            horizon: recording.horizon,
            ..ViewState::default()
        };
        Self {
            recording,
            listings: listings(&recording.plan),
            markers: recording.markers(),
            theme: look.theme.theme(),
            view,
            area: Rect::new(0, 0, look.size.0, look.size.1),
        }
    }

    /// The picture of a place.
    pub fn picture(&self, place: Place) -> Buffer {
        let mut buffer = Buffer::empty(self.area);
        self.show(place, |scene| scene.render(self.area, &mut buffer));
        buffer
    }

    /// Shows the scene of a place to `draw`.
    pub fn show<R>(&self, place: Place, draw: impl FnOnce(Scene) -> R) -> R {
        let trace = &self.recording.trace;
        let ended = place.moment == trace.len() && trace.end().is_some_and(|end| place.now >= end.at);
        let playing = if ended { Playing::Ended } else { Playing::Playing };
        let caption = view::caption(&self.recording.plan, &self.markers, trace, place.moment, place.now);
        let caption = caption.filter(|_| !ended);
        let view = ViewState { moment: place.moment, now: place.now, playing, caption, ..self.view.clone() };
        draw(Scene {
            title: &self.recording.plan.title,
            trace,
            code: &self.listings,
            // Nobody can press a key of a recording.
            keys: &[],
            view: &view,
            theme: &self.theme,
        })
    }

    /// The rows, from and to, that would answer the question of a marker: the locks with their queues, and
    /// all that stands below the timeline.
    pub fn telling_rows(&self) -> [(u16, u16); 2] {
        let place = Place { moment: 0, now: Time::ZERO };
        let rows = self.show(place, |scene| {
            let layout = scene.layout(self.area)?;
            let below = layout.order.map_or(layout.sentence.y, |panel| panel.y + 1);
            Some([(layout.strip.y, layout.strip.bottom()), (below, layout.sentence.bottom())])
        });
        rows.unwrap_or_default()
    }

    /// The pictures of `cut`.
    ///
    /// # Errors
    ///
    /// [`TooMany`] if they are more than [`MAX_FRAMES`].
    pub fn frames(&self, cut: &Cut) -> Result<Frames<'_>, TooMany> {
        let trace = &self.recording.trace;
        // It begins where it is known how things stood.
        let known = trace.at(trace.opening());
        let to = cut.to.unwrap_or(Time::from_nanos(u64::MAX)).min(self.recording.end()).max(known);
        let from = cut.from.max(known).min(to);
        let before = from.nanos().checked_sub(1).map_or(0, |nanos| trace.moment_at(Time::from_nanos(nanos)));
        let (first, last) = (before.max(trace.opening()), trace.moment_at(to));
        let (steps, length) = match cut.pace {
            Pace::Grid(rate) => {
                let length = to.since(from).as_nanos() as f64 / cut.speed;
                ((length * f64::from(rate.get()) / 1e9).ceil() as u64, length)
            }
            Pace::Events => {
                // After the last event the end has a picture of its own, where it comes later.
                let end = u64::from(trace.event(last).is_none_or(|event| event.at < to));
                let steps = last - first + end;
                (steps, steps as f64 * 1e9 / cut.speed)
            }
        };
        if steps >= MAX_FRAMES {
            return Err(TooMany(steps));
        }
        let shown = if from == Time::ZERO { first } else { trace.moment_at(from) };
        Ok(Frames {
            viewer: self,
            cut: cut.clone(),
            range: (from, to),
            first,
            steps,
            step: 0,
            length: Duration::from_nanos(length.round() as u64),
            shown: if cut.pace == Pace::Events { first } else { shown },
        })
    }
}

/// More pictures than anybody could want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(u64);

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "that would be {} pictures, and {MAX_FRAMES} are the most", self.0)
    }
}

impl std::error::Error for TooMany {}

/// The pictures of a recording.
pub struct Frames<'a> {
    viewer: &'a Viewer<'a>,
    cut: Cut,
    range: (Time, Time),
    /// The moment before the first event.
    first: u64,
    /// How many pictures there are before the last one.
    steps: u64,
    step: u64,
    length: Duration,
    /// The moment that was shown last.
    shown: u64,
}

impl Frames<'_> {
    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.steps + 1
    }

    /// How long all of them take together.
    pub fn duration(&self) -> Duration {
        self.length + self.cut.hold
    }

    /// When a picture is shown.
    fn at(&self, step: u64) -> Duration {
        let nanos = match self.cut.pace {
            Pace::Grid(rate) => u128::from(step) * 1_000_000_000 / u128::from(rate.get()),
            Pace::Events => (step as f64 * 1e9 / self.cut.speed).round() as u128,
        };
        Duration::from_nanos(nanos as u64).min(self.length)
    }

    /// What it shows.
    fn place(&self, step: u64) -> Place {
        let trace = &self.viewer.recording.trace;
        let (from, to) = self.range;
        if step == self.steps {
            return Place { moment: trace.moment_at(to), now: to };
        }
        match self.cut.pace {
            Pace::Events => {
                let moment = self.first + step;
                // Before the first event of the range it is the time of the range.
                let at = trace.event(moment).map_or(from, |event| event.at).max(from);
                Place { moment, now: at }
            }
            Pace::Grid(_) => {
                let passed = (self.at(step).as_nanos() as f64 * self.cut.speed).round() as u64;
                let now = from.plus(Duration::from_nanos(passed)).min(to);
                let moment = trace.moment_at(now);
                // A marker's moment has a picture of its own, though more may happen in the same instant.
                match self.viewer.markers.between(self.shown, moment).first() {
                    Some(&(marked, _)) if marked < moment => {
                        Place { moment: marked, now: trace.event(marked).map_or(now, |event| event.at) }
                    }
                    _ => Place { moment, now },
                }
            }
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.step > self.steps {
            return None;
        }
        let (at, place) = (self.at(self.step), self.place(self.step));
        let length =
            if self.step == self.steps { self.cut.hold } else { self.at(self.step + 1).saturating_sub(at) };
        let since = std::mem::replace(&mut self.shown, place.moment);
        self.step += 1;
        Some(Frame { buffer: self.viewer.picture(place), at, length, place, since })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.steps + 1).saturating_sub(self.step) as usize;
        (left, Some(left))
    }
}
