//! The program in the terminal: keys and time in, pictures out.
//!
//! [`App`] is all of it but the terminal: what was asked for changes it, what it shows is a
//! [`Scene`]. [`Compare`] is the same for several runs beside each other. [`run`] puts either into a
//! terminal.

mod choosing;
mod compare;
mod event_loop;
mod forget;
mod keep;
mod message;
mod origin;
mod player;
mod reload;
mod signals;
mod terminal;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Rect;

use crate::engine::{Options, Refused};
use crate::event::{Names, Time};
use crate::record::{self, Recording};
use crate::scenario::Plan;
use crate::view::{self, Axis, Listing, Playing, Problem, Quiz, Reading, Scene, Theme, ThemeName, ViewState};

pub use crate::view::listings;
pub use compare::{Compare, Looks};
pub use event_loop::{Program, run};
pub use keep::Keep;
pub use message::{COMPARE_HINTS, HINTS, Message, compare_message, message};
pub use origin::{Incoming, News};
pub use player::{Player, Question, SPEEDS, Stops, end, note};
pub use reload::{Reload, Reloaded};
pub use signals::{Signals, undisturbed};
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
    /// Where to stop for the room.
    pub stops: Stops,
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
    /// Where the plan came from, if that can be read again.
    file: Option<Arc<dyn Reload>>,
    /// Whether that is looked at all the time.
    watching: bool,
    /// How what was seen is kept, where that can be done.
    keep: Option<Arc<dyn Keep>>,
    /// Something to tell the viewer, and for how long.
    notice: Option<(String, Duration)>,
}

/// How long the viewer is told that something was reloaded.
const TOLD: Duration = Duration::from_secs(4);

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
        let player = Player::start(plan.clone(), settings.options.clone(), settings.speed)?;
        let horizon = player.horizon(&plan);
        Ok(Self::with(plan, player, horizon, settings))
    }

    /// Plays what was recorded.
    pub fn play(recording: Recording, settings: &Settings) -> Self {
        let (plan, horizon) = (recording.plan.clone(), recording.horizon);
        Self::with(plan, Player::of(recording, settings.speed), horizon, settings)
    }

    /// Shows a program as it runs.
    pub fn live(title: &str, incoming: Incoming, settings: &Settings) -> Self {
        let plan = Arc::new(record::bare(title, &Names::default(), None));
        Self::with(plan.clone(), Player::live(plan, incoming, settings.speed), None, settings)
    }

    /// Says how what was seen is kept.
    pub fn keep_with(&mut self, keep: Arc<dyn Keep>) {
        self.keep = Some(keep);
    }

    fn with(plan: Arc<Plan>, mut player: Player, horizon: Option<Time>, settings: &Settings) -> Self {
        player.stop_at(settings.stops);
        let view = ViewState {
            axis: settings.axis,
            big: settings.big,
            ascii: settings.ascii,
            horizon,
            ..ViewState::default()
        };
        let theme = settings.theme.theme();
        Self {
            listings: listings(&plan),
            plan,
            player,
            view,
            theme_name: settings.theme,
            theme,
            drag: None,
            file: None,
            watching: false,
            keep: None,
            notice: None,
        }
    }

    /// Says where the plan came from: there it is read again for every restart, and if it is watched
    /// [`run`] looks whether it was saved.
    pub fn reload_from(&mut self, file: Arc<dyn Reload>, watching: bool) {
        (self.file, self.watching) = (Some(file), watching);
    }

    /// Goes on with what came of reading the file again: a new run, looked at as the old one was, or
    /// the mistakes, over the old run.
    pub fn take(&mut self, reloaded: Reloaded) {
        let name = self.file.as_ref().map_or("the scenario", |file| file.name()).to_owned();
        tracing::info!(name, well = matches!(reloaded, Reloaded::Plan { .. }), "read again");
        let (plan, warnings) = match reloaded {
            Reloaded::Plan { plan, warnings } => (plan, warnings),
            Reloaded::Mistakes(text) => return self.complain(&name, text),
        };
        let lane = self.view.lane.and_then(|lane| self.lane_in(lane, &plan));
        if let Err(refused) = self.player.replace(plan.clone()) {
            return self.complain(&name, format!("error: {refused}\n"));
        }
        self.view.horizon = self.player.horizon(&plan);
        (self.view.pan, self.view.problem) = (0, None);
        self.keep_choices(lane);
        self.listings = listings(&plan);
        self.plan = plan;
        let warned = match warnings {
            0 => String::new(),
            1 => "; `lockscope order` shows its warning".to_owned(),
            more => format!("; `lockscope order` shows its {more} warnings"),
        };
        self.say(&format!("reloaded {name}{warned}"));
    }

    /// Tells the viewer something, for a while.
    fn say(&mut self, text: &str) {
        self.notice = Some((text.to_owned(), TOLD));
    }

    fn complain(&mut self, name: &str, text: String) {
        let hint = if self.watching { "fix and save" } else { "r reads it" };
        self.notice = None;
        self.view.typing = false;
        self.view.problem = Some(Problem {
            heading: format!("{name} cannot run"),
            text,
            hint: format!("the old run stays; {hint}"),
            top: 0,
        });
    }

    /// The player.
    pub fn player(&self) -> &Player {
        &self.player
    }

    /// Time passed.
    pub fn tick(&mut self, passed: Duration) {
        self.notice = self.notice.take().and_then(|(text, left)| Some((text, left.checked_sub(passed)?)));
        let programs = self.player.programs();
        self.player.tick(passed);
        self.notice = self.player.told().map(|told| (told, TOLD)).or(self.notice.take());
        if self.player.programs() != programs {
            self.keep_choices(None);
            self.view.pan = 0;
        }
    }

    /// Shows the present state to `draw`.
    pub fn show<R>(&mut self, draw: impl FnOnce(Scene) -> R) -> R {
        self.view.moment = self.player.moment();
        self.view.now = self.player.now();
        self.view.behind = self.player.behind();
        self.view.playing = self.player.playing();
        self.view.speed = self.player.speed();
        self.view.quiz = self.quiz();
        // At the end time stands still, and a caption would stay for good.
        let (trace, markers) = (self.player.trace(), self.player.markers());
        let over = self.view.playing == Playing::Ended;
        let caption = view::caption(&self.plan, markers, trace, self.view.moment, self.view.now);
        self.view.caption = caption.filter(|_| !over);
        let told = self.notice.as_ref().map(|(text, _)| text.as_str());
        self.view.notice = told.or(self.player.notice()).map(str::to_owned);
        draw(self.scene())
    }

    /// What the room is asked, or was told a moment ago.
    fn quiz(&self) -> Option<Quiz> {
        let question = self.player.question()?;
        let marker = self.plan.markers.get(question.marker)?;
        Some(Quiz {
            question: marker.ask.clone()?,
            answers: marker.answers.clone(),
            told: question.guess,
            say: marker.say.clone(),
        })
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
        self.notice = None;
        if let Some(next) = self.read_on(message, area) {
            return next;
        }
        if self.view.reading == Reading::Help && !matches!(message, Message::Quit | Message::Suspend) {
            self.view.reading = Reading::Why;
            return Next::Go;
        }
        if let Some(next) = self.guess(message) {
            return next;
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
            Message::Restart => self.restart(),
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
                self.theme_name = self.theme_name.next();
                self.theme = self.theme_name.theme();
            }
            Message::Lane(_)
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
            | Message::FoldAll => self.choose(message, area),
            Message::Help => self.view.reading = Reading::Help,
            // It is a run alone, and nothing is asked.
            Message::FirstDifference | Message::Guess(_) => {}
            Message::Save => self.keep(),
            Message::Suspend => return Next::Suspend,
            Message::Quit => return Next::Quit,
        }
        Next::Go
    }

    /// What a message means while the room is asked; `None` if it means what it always does.
    fn guess(&mut self, message: Message) -> Option<Next> {
        let quiz = self.quiz().filter(Quiz::is_open)?;
        match message {
            Message::Guess(number) => {
                let guess = usize::from(number).checked_sub(1).filter(|guess| *guess < quiz.answers.len());
                if guess.is_some() {
                    self.player.answer(guess);
                }
            }
            Message::Details | Message::Toggle | Message::Step | Message::NextHandoff => {
                self.player.answer(None);
            }
            _ => return None,
        }
        Some(Next::Go)
    }

    /// What a message means while there are mistakes to be read; `None` if there are none.
    fn read_on(&mut self, message: Message, area: Rect) -> Option<Next> {
        let last = self.scene().problem_limit(area);
        let problem = self.view.problem.as_mut()?;
        let from = problem.top.min(last);
        match message {
            Message::Quit => return Some(Next::Quit),
            Message::Suspend => return Some(Next::Suspend),
            Message::Restart => self.restart(),
            Message::LanePage(pages) => {
                problem.top = from.saturating_add_signed(10 * pages as isize).min(last);
            }
            Message::Lane(lines) => problem.top = from.saturating_add_signed(lines as isize).min(last),
            Message::ZoomIn if last > 0 => problem.top = from.saturating_sub(1),
            Message::ZoomOut if last > 0 => problem.top = (from + 1).min(last),
            Message::Home => problem.top = 0,
            Message::End => problem.top = last,
            _ => self.view.problem = None,
        }
        Some(Next::Go)
    }

    /// Runs it again, as its file is now.
    fn restart(&mut self) {
        if let Some(file) = self.file.clone() {
            self.take(file.read());
        } else {
            self.player.restart();
            self.view.pan = 0;
        }
    }

    /// Keeps what was seen so far.
    fn keep(&mut self) {
        let said = match &self.keep {
            Some(keep) => keep.keep(&self.player.recording()),
            None => "this saves what a program did; `lockscope record` keeps a run".to_owned(),
        };
        self.notice = Some((said, TOLD));
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
}

impl Program for App {
    fn tick(&mut self, passed: Duration) {
        self.tick(passed);
    }

    fn rest(&mut self, passed: Duration) {
        self.player.rest(passed);
    }

    fn is_busy(&self) -> bool {
        self.player.is_busy()
    }

    fn read(&mut self, input: &Input) -> Option<Message> {
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => {
                if self.view.typing
                    && let Some(message) = message::typed(*key)
                {
                    return Some(message);
                }
                // Any key closes the help and the mistakes, known or not.
                let covered = self.view.reading == Reading::Help || self.view.problem.is_some();
                message(*key).or(covered.then_some(Message::Help))
            }
            Input::Mouse(mouse) => message::of_mouse(*mouse, &mut self.drag),
            _ => None,
        }
    }

    fn update(&mut self, message: Message, area: Rect) -> Next {
        self.update(message, area)
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        self.show(|scene| screen.draw(scene))
    }

    fn watched(&self) -> Option<Arc<dyn Reload>> {
        self.file.clone().filter(|_| self.watching)
    }

    fn take(&mut self, reloaded: Reloaded) {
        self.take(reloaded);
    }
}
