//! The program that shows runs beside each other: a playhead over traces that are whole.
//!
//! The runs are over before it begins, so that it can step through the events of all of them in the
//! order in which they happened. Events of one instant take turns between the runs: what the runs do
//! alike is seen side by side until they part.

mod steps;

use std::io;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Rect;

use super::player::changed;
use super::{COMPARE_HINTS, Message, Next, Program, Screen, compare_message, message};
use crate::event::Time;
use crate::trace::compare::Comparison;
use crate::view::{CompareScene, CompareView, Playing, Theme, ThemeName};
use steps::Steps;

/// How it begins.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// The speed.
    pub speed: f64,
    /// The theme.
    pub theme: ThemeName,
    /// Whether in big mode.
    pub big: bool,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// Runs beside each other, and a playhead.
pub struct Compare {
    title: String,
    what: String,
    comparison: Comparison,
    steps: Steps,
    /// How many of them have happened.
    step: usize,
    view: CompareView,
    theme_name: ThemeName,
    theme: Theme,
    drag: Option<u16>,
}

impl Compare {
    /// Shows a comparison from its beginning, playing; `what` is what the runs are: `locks`, `scenarios`.
    pub fn new(title: String, what: &str, comparison: Comparison, looks: &Looks) -> Self {
        let view = CompareView {
            moments: vec![0; comparison.variants().len()],
            latest: None,
            now: Time::ZERO,
            playing: Playing::Playing,
            speed: looks.speed,
            big: looks.big,
            help: false,
            cell: None,
            pan: 0,
            top: 0,
            notice: None,
            ascii: looks.ascii,
        };
        let mut compare = Self {
            title,
            what: what.to_owned(),
            steps: Steps::of(&comparison),
            comparison,
            step: 0,
            view,
            theme_name: looks.theme,
            theme: looks.theme.theme(),
            drag: None,
        };
        compare.reach(Time::ZERO);
        compare
    }

    /// What it shows.
    pub fn view(&self) -> &CompareView {
        &self.view
    }

    /// What it shows, as a picture.
    pub fn scene(&self) -> CompareScene<'_> {
        CompareScene {
            title: &self.title,
            what: &self.what,
            comparison: &self.comparison,
            keys: &COMPARE_HINTS,
            view: &self.view,
            theme: &self.theme,
        }
    }

    /// The end of the last run.
    fn end(&self) -> Time {
        self.comparison.end()
    }

    fn at_end(&self) -> bool {
        self.step == self.steps.len() && self.view.now >= self.end()
    }

    /// Puts the playhead to a time, when everything of it has happened.
    fn reach(&mut self, at: Time) {
        self.view.now = at.min(self.end());
        self.step = self.steps.until(self.view.now);
        self.look();
    }

    /// Puts the playhead right after so many steps, and pauses.
    fn jump(&mut self, step: usize) {
        self.step = step.min(self.steps.len());
        self.view.now = self.steps.time(self.step);
        self.view.playing = Playing::Paused;
        self.look();
    }

    /// Takes note of how far each run is.
    fn look(&mut self) {
        self.view.moments = self.steps.moments(&self.comparison, self.step);
        self.view.latest = self.steps.latest(self.step);
        if self.at_end() {
            self.view.playing = Playing::Ended;
        } else if self.view.playing == Playing::Ended {
            self.view.playing = Playing::Paused;
        }
    }

    fn toggle(&mut self) {
        self.view.playing = match self.view.playing {
            Playing::Playing => Playing::Paused,
            Playing::Paused => Playing::Playing,
            Playing::Ended => {
                self.reach(Time::ZERO);
                Playing::Playing
            }
        };
    }

    /// One step on; behind the last there is the end of the runs.
    fn forward(&mut self) {
        if self.step < self.steps.len() {
            self.jump(self.step + 1);
        } else {
            self.reach(self.end());
        }
    }

    /// To a stop, if there is one; it stays where it is if not.
    fn stop(&mut self, stop: Option<usize>, which: &str) {
        if let Some(stop) = stop {
            self.jump(stop);
        } else {
            self.pause();
            self.view.notice = Some(format!("no {which} handoff or difference"));
        }
    }

    fn pause(&mut self) {
        if self.view.playing == Playing::Playing {
            self.view.playing = Playing::Paused;
        }
    }

    fn first_difference(&mut self) {
        if let Some((variant, difference)) = self.comparison.first() {
            self.jump(self.steps.to(variant, difference));
        } else {
            self.pause();
            self.view.notice = Some("no difference".into());
        }
    }

    /// Zooms about the playhead: a picture that was panned away from it comes back.
    fn zoom(&mut self, direction: i32, area: Rect) {
        self.view.pan = 0;
        self.view.cell = Some(self.scene().zoom(area, direction));
    }

    fn pan(&mut self, cells: i32, area: Rect) {
        let (back, on) = self.scene().pan_limits(area);
        self.view.pan = self.view.pan.saturating_add(cells).clamp(-back, on);
    }
}

impl Program for Compare {
    fn tick(&mut self, passed: Duration) {
        if self.view.playing == Playing::Playing {
            self.reach(self.view.now.plus(passed.mul_f64(self.view.speed)));
        }
    }

    /// Whatever there is has happened already.
    fn rest(&mut self, _: Duration) {}

    fn is_busy(&self) -> bool {
        self.view.playing == Playing::Playing
    }

    fn read(&mut self, input: &Input) -> Option<Message> {
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => {
                compare_message(*key).or(self.view.help.then_some(Message::Help))
            }
            Input::Mouse(mouse) => message::of_mouse(*mouse, &mut self.drag),
            _ => None,
        }
    }

    fn update(&mut self, message: Message, area: Rect) -> Next {
        tracing::debug!(?message, step = self.step, "asked");
        self.view.notice = None;
        if self.view.help && !matches!(message, Message::Quit | Message::Suspend) {
            self.view.help = false;
            return Next::Go;
        }
        match message {
            Message::Toggle => self.toggle(),
            Message::Step => self.forward(),
            Message::Back => self.jump(self.step.saturating_sub(1)),
            Message::NextHandoff => self.stop(self.steps.next_stop(self.step), "further"),
            Message::PreviousHandoff => self.stop(self.steps.previous_stop(self.step), "earlier"),
            Message::FirstDifference => self.first_difference(),
            Message::Home => self.jump(0),
            Message::End => self.reach(self.end()),
            Message::Slower => self.view.speed = changed(self.view.speed, -1),
            Message::Faster => self.view.speed = changed(self.view.speed, 1),
            Message::ZoomIn => self.zoom(-1, area),
            Message::ZoomOut => self.zoom(1, area),
            Message::Pan(cells) => self.pan(cells, area),
            Message::PanPage(pages) => self.pan(pages * i32::from(self.scene().plot_width(area)) / 4, area),
            Message::Fit => {
                self.view.cell = self.scene().whole(area);
                self.view.pan = 0;
            }
            Message::Big => self.view.big = !self.view.big,
            Message::Theme => {
                self.theme_name = self.theme_name.next();
                self.theme = self.theme_name.theme();
            }
            Message::Lane(lanes) => {
                let most = self.scene().most_top(area);
                self.view.top = self.view.top.min(most).saturating_add_signed(lanes as isize).min(most);
            }
            Message::Help => self.view.help = true,
            Message::Suspend => return Next::Suspend,
            Message::Quit => return Next::Quit,
            // What a run alone can be asked for.
            Message::Guess(_)
            | Message::Save
            | Message::NextMarker
            | Message::Restart
            | Message::Axis
            | Message::LanePage(_)
            | Message::Select(..)
            | Message::Details
            | Message::Deselect
            | Message::Filter
            | Message::Type(_)
            | Message::Erase
            | Message::Keep
            | Message::Clear
            | Message::Sort
            | Message::Fold
            | Message::FoldAll => {}
        }
        Next::Go
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        screen.draw(self.scene())
    }
}
