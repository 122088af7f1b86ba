//! Listens to a program for the player, on a thread of its own, and comes back to it when it is back.

use std::io;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use crate::app::News;
use crate::event::{Bundle, Names, Time};
use crate::live::{Frame, Live, Token};
use crate::trace::words;

/// Events that are told at once, at most.
const BATCH: usize = 4096;

/// How long it waits before it tries to come back, at first and at most.
const SOON: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(4);

/// A program that has ended may still be there, and tell whoever comes where things stood and that it is
/// over. One that has not done so for this long runs.
const RUNS: Duration = Duration::from_millis(300);

/// Where to come back to.
pub(super) struct Place {
    pub addr: String,
    pub token: Option<Token>,
}

/// What was told, and not passed on yet.
#[derive(Default)]
struct Told {
    more: Names,
    /// How many events happened before, and how many of the first tell where things stand.
    before: Option<(u64, u64)>,
    events: Bundle,
    now: Time,
    /// Whether it told that nothing happened meanwhile.
    idle: bool,
}

/// How a program is over.
struct Over {
    at: Option<Time>,
    how: String,
    /// Whether it may come back.
    back: bool,
}

/// Nobody listens to us any more.
struct Left;

/// Passes on what the program tells, until nobody wants to know or nothing more can come.
pub(super) fn listen(mut live: Live, place: Option<&Place>, send: &SyncSender<News>) {
    let mut told = Told::default();
    while let Ok(over) = pass_on(&mut live, told, send) {
        let Over { at, how, back } = over;
        let place = place.filter(|_| back);
        let how = if place.is_some() { format!("{how}, and is waited for") } else { how };
        if send.send(News::Over { at, how }).is_err() {
            return;
        }
        let Some(place) = place else { return };
        (live, told) = come_back(place);
        if send.send(News::Again).is_err() {
            return;
        }
    }
}

/// Passes on `told` and what comes after that, to the end.
fn pass_on(live: &mut Live, mut told: Told, send: &SyncSender<News>) -> Result<Over, Left> {
    loop {
        let over = if told.events.len() < BATCH { told.hear(live) } else { None };
        if over.is_none() && live.is_ready() && told.events.len() < BATCH {
            continue;
        }
        let now = told.now;
        let Told { more, before, events, .. } = std::mem::take(&mut told);
        if let Some((events, opening)) = before {
            send.send(News::Before { events, opening }).map_err(|_| Left)?;
        }
        send.send(News::Told { more, events, now }).map_err(|_| Left)?;
        if let Some(over) = over {
            return Ok(over);
        }
    }
}

/// Comes back to a program that runs; gives it and what it has told until that was clear.
fn come_back(place: &Place) -> (Live, Told) {
    let mut pause = SOON;
    loop {
        std::thread::sleep(pause);
        pause = (pause * 2).min(LATER);
        let Ok(mut live) = Live::connect(&place.addr, place.token.as_ref()) else { continue };
        let (mut told, since) = (Told::default(), Instant::now());
        loop {
            if told.hear(&mut live).is_some() {
                break;
            }
            if told.idle || told.events.len() >= BATCH || since.elapsed() > RUNS {
                return (live, told);
            }
        }
    }
}

impl Told {
    /// Hears the next thing; whether it was the last.
    fn hear(&mut self, live: &mut Live) -> Option<Over> {
        let over = |at, how: String, back| Some(Over { at, how, back });
        match live.read() {
            Ok(Frame::Task(name)) => self.more.tasks.push(name),
            Ok(Frame::Lock(lock)) => self.more.locks.push(lock),
            Ok(Frame::Before { events, opening }) => self.before = Some((events, opening)),
            Ok(Frame::Events(events)) => {
                self.now = events.iter().map(|event| event.at()).fold(self.now, Time::max);
                if self.events.is_empty() {
                    self.events.events = events;
                } else {
                    self.events.events.extend(events);
                }
            }
            Ok(Frame::Aside(event)) => {
                self.now = self.now.max(event.at);
                self.events.push(event);
            }
            Ok(Frame::Now(now)) => (self.now, self.idle) = (self.now.max(now), true),
            Ok(Frame::End(at)) => return over(Some(at), "the program has ended".into(), true),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let why = error.to_string();
                let how = format!("the program says what no program says: {}", words::clean(&why));
                return over(None, how, false);
            }
            Err(_) => return over(None, "the program is gone".into(), true),
        }
        None
    }
}
