//! The program in the terminal: keys and time in, pictures out.
//!
//! [`App`] is all of it but the terminal: what was asked for changes it, what it shows is a
//! [`Scene`]. [`run`] puts it into a terminal.

mod event_loop;
mod markers;
mod message;
mod player;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyEventKind, MouseButton, MouseEventKind};
use ratatui::layout::Rect;

use crate::engine::{Options, Refused};
use crate::event::TaskId;
use crate::scenario::{self, Plan};
use crate::view::{Axis, Listing, Reading, Scene, Theme, ThemeName, ViewState};

pub use event_loop::run;
pub use message::{HINTS, Message, message};
pub use player::{Player, SPEEDS, note};
pub use terminal::Screen;

/// How the program begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the run differs from its plan.
    pub options: Options,
    /// The speed.
    pub speed: f64,
    /// The theme.
    pub theme: ThemeName,
    /// The axis.
    pub axis: Axis,
    /// Whether in big mode.
    pub big: bool,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// The state of the program: a player, and how it is looked at.
pub struct App {
    plan: Arc<Plan>,
    player: Player,
    listings: Vec<Listing>,
    view: ViewState,
    theme_name: ThemeName,
    theme: Theme,
    /// Where a drag was last.
    drag: Option<u16>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Yes.
    Go,
    /// The viewer wants to leave for the shell, and come back.
    Suspend,
    /// The viewer wants to leave.
    Quit,
}

impl App {
    /// Starts a run of `plan`.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it cannot run with these settings.
    pub fn new(plan: Arc<Plan>, settings: &Settings) -> Result<Self, Refused> {
        let horizon = settings.options.until_for(&plan).map(Into::into);
        let player = Player::start(plan.clone(), settings.options.clone(), settings.speed)?;
        let view = ViewState {
            axis: settings.axis,
            big: settings.big,
            ascii: settings.ascii,
            horizon,
            ..ViewState::default()
        };
        let theme = settings.theme.theme();
        Ok(Self {
            listings: listings(&plan),
            plan,
            player,
            view,
            theme_name: settings.theme,
            theme,
            drag: None,
        })
    }

    /// The player.
    pub fn player(&self) -> &Player {
        &self.player
    }

    /// Time passed.
    pub fn tick(&mut self, passed: Duration) {
        self.player.tick(passed);
    }

    /// Shows the present state to `draw`.
    pub fn show<R>(&mut self, draw: impl FnOnce(Scene) -> R) -> R {
        self.view.moment = self.player.moment();
        self.view.now = self.player.now();
        self.view.playing = self.player.playing();
        self.view.speed = self.player.speed();
        self.view.notice = self.player.notice().map(str::to_owned);
        draw(self.scene())
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            title: &self.plan.title,
            trace: self.player.trace(),
            code: &self.listings,
            keys: &HINTS,
            view: &self.view,
            theme: &self.theme,
        }
    }

    /// Does what was asked; `area` is the size of the picture that it was asked of.
    pub fn update(&mut self, message: Message, area: Rect) -> Next {
        tracing::debug!(?message, moment = self.player.moment(), "asked");
        if self.view.reading == Reading::Help && !matches!(message, Message::Quit | Message::Suspend) {
            self.view.reading = Reading::Why;
            return Next::Go;
        }
        match message {
            Message::Toggle => self.player.toggle(),
            Message::Step => self.player.step(),
            Message::Back => self.player.back(),
            Message::NextHandoff => self.player.next_handoff(),
            Message::PreviousHandoff => self.player.previous_handoff(),
            Message::NextMarker => self.player.next_marker(),
            Message::Home => self.player.home(),
            Message::End => self.player.end(),
            Message::Restart => {
                self.player.restart();
                self.view.pan = 0;
            }
            Message::Slower => self.player.change_speed(-1),
            Message::Faster => self.player.change_speed(1),
            Message::ZoomIn => self.zoom(-1, area),
            Message::ZoomOut => self.zoom(1, area),
            Message::Pan(cells) => self.pan(cells, area),
            Message::PanPage(pages) => {
                let width = self.scene().layout(area).map_or(0, |layout| i32::from(layout.plot.width));
                self.pan(pages * width / 4, area);
            }
            Message::Fit => {
                self.view.cell = self.scene().whole(area);
                (self.view.column, self.view.pan) = (ViewState::default().column, 0);
            }
            Message::Axis => {
                self.view.axis = match self.view.axis {
                    Axis::Time => Axis::Order,
                    Axis::Order => Axis::Time,
                };
                self.view.pan = 0;
            }
            Message::Big => self.view.big = !self.view.big,
            Message::Theme => {
                self.theme_name = match self.theme_name {
                    ThemeName::Dark => ThemeName::Light,
                    ThemeName::Light => ThemeName::Mono,
                    ThemeName::Mono | ThemeName::Ansi => ThemeName::Dark,
                };
                self.theme = self.theme_name.theme();
            }
            Message::Lane(lanes) => {
                let names = self.player.trace().names();
                let last = (names.tasks.len() + names.locks.len()).saturating_sub(1);
                // The first press selects the first lane.
                let lane = self.view.lane.map_or(0, |lane| lane.saturating_add_signed(lanes as isize));
                self.view.lane = Some(lane.min(last));
            }
            Message::Select(x, y) => {
                if let Some(lane) = self.scene().lane_at(area, x, y) {
                    self.view.lane = Some(lane);
                }
            }
            Message::Details => {
                self.view.reading = match self.view.reading {
                    Reading::Details => Reading::Why,
                    Reading::Why | Reading::Help => Reading::Details,
                };
                self.view.lane = self.view.lane.or(Some(0));
            }
            Message::Deselect => (self.view.lane, self.view.reading) = (None, Reading::Why),
            Message::Help => self.view.reading = Reading::Help,
            Message::Suspend => return Next::Suspend,
            Message::Quit => return Next::Quit,
        }
        Next::Go
    }

    fn pan(&mut self, cells: i32, area: Rect) {
        let (back, on) = self.scene().pan_limits(area);
        self.view.pan = self.view.pan.saturating_add(cells).clamp(-back, on);
    }

    /// Zooms about the playhead: a picture that was panned away from it comes back.
    fn zoom(&mut self, direction: i32, area: Rect) {
        self.view.pan = 0;
        match self.view.axis {
            Axis::Time => {
                self.view.cell = Some(self.scene().zoom(area, direction));
            }
            Axis::Order => {
                let column = i32::from(self.view.column) - 2 * direction;
                self.view.column = column.clamp(1, 25) as u16;
            }
        }
    }

    /// What an input asks for.
    fn read(&mut self, input: &Input) -> Option<Message> {
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => {
                // Any key closes the help, known or not.
                message(*key).or((self.view.reading == Reading::Help).then_some(Message::Help))
            }
            Input::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollUp => Some(Message::ZoomIn),
                MouseEventKind::ScrollDown => Some(Message::ZoomOut),
                MouseEventKind::Down(MouseButton::Left) => {
                    self.drag = Some(mouse.column);
                    Some(Message::Select(mouse.column, mouse.row))
                }
                MouseEventKind::Drag(MouseButton::Left) => {
                    let before = self.drag.replace(mouse.column)?;
                    Some(Message::Pan(i32::from(before) - i32::from(mouse.column)))
                }
                MouseEventKind::Up(MouseButton::Left) => {
                    self.drag = None;
                    None
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The code of every task.
pub fn listings(plan: &Plan) -> Vec<Listing> {
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
