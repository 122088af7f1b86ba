//! Where a player's events come from: a run, which waits for the player; a program that is looked at while
//! it runs, which does not; or nowhere any more, since a recording has all of them in its trace.
//!
//! What a program does comes in as [`News`], over a bounded channel, from whoever listens to it. It is taken
//! in whether the picture moves or not, up to a bound.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::forget::forget;
use crate::channel::{Lead, Offer, Run};
use crate::event::{Bundle, Event, Names, Outcome, Time};
use crate::record::trace_file::Budget;
use crate::scenario::ClockKind;
use crate::trace::{End, Trace};

/// What there is to tell of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Before all else, by who has come late: so many events happened before, and so many of the first that are
    /// told stand in their place, and tell where things stand.
    Before {
        /// The events that nobody tells any more.
        events: u64,
        /// The events that tell where things stand.
        opening: u64,
    },
    /// What happened since it was told last.
    Told {
        /// Tasks and locks that are new; they come before what happens to them.
        more: Names,
        /// What happened, in order.
        events: Bundle,
        /// The time up to which that is all.
        now: Time,
    },
    /// Nothing more will come of it.
    Over {
        /// The time of its end, where it told that.
        at: Option<Time>,
        /// How that came.
        how: String,
    },
    /// It runs again, or another one does in its place: from here on it is a new history.
    Again,
}

/// What changes more than the end of a history.
pub(super) enum Turn {
    /// It is over; what the viewer is told.
    Over(String),
    /// It is full; why.
    Full(String),
    /// It is a new one.
    Again,
}

/// A history is made shorter when it has this part of the events that it may have.
const KEPT: u64 = 4;

/// How much is taken in at once, so that it leaves time for keys and drawing: so many events, where none of them takes
/// longer than others.
const AT_ONCE: u64 = 1 << 20;

/// What has been told, of which so many events are taken in.
struct Pending {
    events: Bundle,
    done: usize,
    now: Time,
}

/// A program that is looked at while it runs, as it comes in.
pub struct Incoming {
    news: Receiver<News>,
    names: Names,
    /// The time up to which everything has been told.
    edge: Time,
    /// How many events a history may have.
    most: u64,
    budget: Budget,
    pending: Option<Pending>,
    /// Why nothing more is kept, and how many events that were so far.
    full: Option<(String, u64)>,
    /// Whether nobody tells anything any more.
    closed: bool,
}

impl Incoming {
    /// What comes over this channel. A history has at most so many events; of later ones the number is told. It
    /// comes to that only where the playhead stays in what was: where it follows, the older half is
    /// [forgotten](Trace::earlier) long before.
    pub fn new(news: Receiver<News>, most: u64) -> Self {
        Self {
            news,
            names: Names::default(),
            edge: Time::ZERO,
            most,
            budget: Budget::new(most),
            pending: None,
            full: None,
            closed: false,
        }
    }

    /// Forgets the older half of `trace` if it has grown long and the playhead, at `moment`, is in the later one.
    /// Gives the playhead's moment in what is left.
    ///
    /// Whoever looks at what was is left it, until there are as many events as there may be.
    pub(super) fn forget(&mut self, trace: &mut Trace, moment: u64) -> Option<u64> {
        let cut = trace.len() / 2;
        // What it begins with is not forgotten: the next beginning would be no shorter.
        let long = (self.most / KEPT).max(trace.opening().saturating_mul(KEPT));
        if trace.len() < long || moment <= cut || trace.end().is_some() {
            return None;
        }
        self.budget = Budget::new(self.most);
        *trace = forget(trace, cut, &mut self.budget);
        Some(moment - cut + trace.opening())
    }

    /// Takes into `trace` what has come, up to the next turn.
    pub(super) fn take_in(&mut self, trace: &mut Trace) -> Option<Turn> {
        let mut work = AT_ONCE;
        while work > 0 && !self.closed {
            if let Some(pending) = self.pending.take() {
                let turn = self.go_on(trace, pending, &mut work);
                if turn.is_some() {
                    return turn;
                }
                continue;
            }
            match self.news.try_recv() {
                Ok(News::Before { events, opening }) if trace.is_empty() => {
                    trace.come_after(events, opening);
                }
                // It is too late for that.
                Ok(News::Before { .. }) => {}
                Ok(News::Told { more, events, now }) => {
                    work -= 1;
                    if self.full.is_none() {
                        self.names.tasks.extend(more.tasks);
                        self.names.locks.extend(more.locks);
                        trace.grow(&self.names);
                    }
                    self.pending = Some(Pending { events, done: 0, now });
                }
                Ok(News::Over { at, how }) => return Some(self.over(trace, at, how)),
                Ok(News::Again) => {
                    (self.names, self.edge, self.full) = (Names::default(), Time::ZERO, None);
                    self.budget = Budget::new(self.most);
                    *trace = Trace::default();
                    return Some(Turn::Again);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.closed = true;
                    if trace.end().is_none() {
                        return Some(self.over(trace, None, "the program is gone".into()));
                    }
                }
            }
        }
        None
    }

    /// Goes on with what has been told, as far as there is `work`.
    fn go_on(&mut self, trace: &mut Trace, pending: Pending, work: &mut u64) -> Option<Turn> {
        let Pending { events, done, now } = pending;
        let mut turn = None;
        let (rest, before) = (events.events.get(done..).unwrap_or_default(), trace.len());
        if let Some((_, unkept)) = &mut self.full {
            *unkept += rest.len() as u64;
        } else {
            let passed = self.budget.pass((rest, &events.asides), work, trace);
            self.edge = trace.at(trace.len()).max(self.edge);
            match passed {
                Ok(some) if some < rest.len() => {
                    self.pending = Some(Pending { done: done + some, events, now });
                    return None;
                }
                Ok(_) => {}
                Err(why) => {
                    turn = Some(Turn::Full(why.clone()));
                    self.full = Some((why, rest.len() as u64 - (trace.len() - before)));
                }
            }
        }
        match &self.full {
            // What is so now is not known any more: the playhead comes to an end here.
            Some((why, unkept)) => {
                let note = Some(format!("{why}; {unkept} that came later are not kept"));
                trace.finish(End { outcome: Outcome::Stopped, at: self.edge, note });
            }
            None => self.edge = now.max(self.edge),
        }
        turn
    }

    fn over(&mut self, trace: &mut Trace, at: Option<Time>, how: String) -> Turn {
        if self.full.is_none() {
            self.edge = at.unwrap_or(self.edge).max(self.edge);
            trace.finish(End { outcome: Outcome::Stopped, at: self.edge, note: Some(how.clone()) });
        }
        Turn::Over(how)
    }
}

/// Where events come from.
pub(super) enum Origin {
    Run(Run),
    Live(Box<Incoming>),
    Kept,
}

impl Origin {
    /// Whether its tasks run in wall time meanwhile.
    pub(super) fn is_real(&self) -> bool {
        match self {
            Self::Run(run) => run.clock() == ClockKind::Real,
            Self::Live(_) => true,
            Self::Kept => false,
        }
    }

    /// Whether something may come whether the picture moves or not.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live(incoming) if !incoming.closed)
    }

    /// The time up to which a program has told everything.
    pub(super) fn edge(&self) -> Option<Time> {
        if let Self::Live(incoming) = self { Some(incoming.edge) } else { None }
    }

    /// Lets the tasks of a run run ahead of the player, or no longer.
    pub(super) fn set_lead(&self, lead: Lead) {
        if let Self::Run(run) = self {
            run.set_lead(lead);
        }
    }

    /// What there is beyond the end of the trace, waiting for it at most `patience`.
    pub(super) fn offer(&self, patience: Duration) -> Offer {
        match self {
            Self::Run(run) => run.offer(patience),
            Self::Live(_) | Self::Kept => Offer::Nothing,
        }
    }

    /// Takes that.
    pub(super) fn take(&self) -> Option<Event> {
        if let Self::Run(run) = self { run.take() } else { None }
    }
}
