//! Real runs to take pictures of: plan, run, trace, scene, cells.

// Each test file uses a part of this.
#![allow(dead_code)]
// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use lockscope::app;
use lockscope::engine::{self, Options, Stop};
use lockscope::event::Time;
use lockscope::scenario::{self, Plan, Source};
use lockscope::trace::{End, Trace};
use lockscope::view::{Listing, Playing, Scene, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Three in a ring: everybody holds one and waits for the next.
pub const DEADLOCK: &str = r#"{ "scenario": 1, "title": "Philosophers", "until": "10s",
  "locks": { "f1": "tokio::sync::Mutex", "f2": "tokio::sync::Mutex", "f3": "tokio::sync::Mutex" }, "tasks": [
  { "name": "Kant", "steps": [ { "lock": "f1", "as": "l" }, { "sleep": "10ms" }, { "lock": "f2", "as": "r" } ] },
  { "name": "Hume", "steps": [ { "lock": "f2", "as": "l" }, { "sleep": "20ms" }, { "lock": "f3", "as": "r" } ] },
  { "name": "Marx", "steps": [ { "lock": "f3", "as": "l" }, { "sleep": "30ms" }, { "lock": "f1", "as": "r" } ] } ] }"#;

/// A run that is over, to be looked at from any moment.
pub struct Show {
    plan: Arc<Plan>,
    pub trace: Trace,
    code: Vec<Listing>,
}

impl Show {
    /// The scenario that runs when none is named.
    pub fn handoff() -> Self {
        Self::of(&scenario::find(scenario::DEFAULT).unwrap().source())
    }

    /// A scenario of one's own.
    pub fn scenario(text: &str) -> Self {
        Self::of(&Source::new("show.json", text))
    }

    fn of(source: &Source) -> Self {
        let plan = Arc::new(scenario::parse(source).unwrap_or_else(|report| panic!("{report}")).plan);
        let (send, receive) = channel();
        let sink = move |event| send.send(event).is_ok();
        let end = engine::run(&plan, &Options::default(), sink, &Stop::default()).unwrap();
        let mut trace = Trace::of(plan.names(), receive.iter());
        trace.finish(End { outcome: end.outcome, at: end.at, note: app::note(&plan, end.cause) });
        Self { code: app::listings(&plan), plan, trace }
    }

    /// The view when everything up to a time has happened.
    pub fn at(&self, now: Time) -> ViewState {
        let horizon = self.plan.until.map(Into::into);
        ViewState { now, moment: self.trace.moment_at(now), horizon, ..ViewState::default() }
    }

    /// The view at the end.
    pub fn end(&self) -> ViewState {
        let view = self.at(self.trace.end().map_or(Time::ZERO, |end| end.at));
        ViewState { playing: Playing::Ended, ..view }
    }

    /// What a view shows.
    pub fn draw(&self, view: &ViewState, theme: ThemeName, width: u16, height: u16) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let (title, trace, code) = (self.plan.title.as_str(), &self.trace, self.code.as_slice());
        let theme = &theme.theme();
        Scene { title, trace, code, keys: &app::HINTS, view, theme }.render(area, &mut buffer);
        buffer
    }

    /// A film of the whole run that lasts `length`, with a frame every `frame`.
    pub fn film(&self, length: Duration, frame: Duration) -> impl Iterator<Item = (Buffer, Duration)> + '_ {
        let end = self.end().now.nanos();
        let count = (length.as_nanos() / frame.as_nanos()) as u64;
        (0..count).map(move |index| {
            let view = self.at(Time::from_nanos(end * (index + 1) / count));
            (self.draw(&view, ThemeName::Dark, 100, 30), frame)
        })
    }

    /// A film with one frame an event, each as long as half a second.
    pub fn events(&self) -> impl Iterator<Item = (Buffer, Duration)> + '_ {
        (1..=self.trace.len()).filter_map(move |moment| {
            let now = self.trace.event(moment)?.at;
            let view = ViewState { moment, ..self.at(now) };
            Some((self.draw(&view, ThemeName::Dark, 100, 30), Duration::from_millis(500)))
        })
    }
}
