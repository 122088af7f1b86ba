//! Why a handoff went where it went.

use std::time::Duration;

use super::{place_in_queue, together};
use crate::event::{Mode, TaskId, Time, What};
use crate::trace::{Fate, Freed, Handoff, Passed, Trace, words};

/// Why `handoff` went where it went, as far as is known at `moment`. Those whom the same cause let in are
/// told together.
pub fn explain(trace: &Trace, handoff: &Handoff, moment: u64) -> String {
    let told = Told { trace, handoff, moment, group: together(trace, handoff, moment) };
    match handoff.mode {
        Mode::Signal => told.notified(),
        Mode::Message => told.passed("is woken", "got its message", "a message"),
        Mode::Room => told.passed("has room", "had room", "room"),
        _ if !handoff.owns => told.woken(),
        _ => told.handed(),
    }
}

/// What is told of.
struct Told<'a> {
    trace: &'a Trace,
    handoff: &'a Handoff,
    moment: u64,
    /// Those whom the same cause let in, in order.
    group: Vec<Handoff>,
}

impl Told<'_> {
    fn name(&self, task: TaskId) -> &str {
        self.trace.names().task(task)
    }

    fn opening(&self, task: TaskId) -> String {
        words::opening(self.name(task))
    }

    /// The names of the group.
    fn all(&self, opens: bool) -> String {
        let names: Vec<&str> = self.group.iter().map(|handoff| self.name(handoff.to)).collect();
        words::list(&names, opens)
    }

    /// The first of the group: what is said of the queue is said of it.
    fn first(&self) -> &Handoff {
        self.group.first().unwrap_or(self.handoff)
    }

    /// Since when the first of the group was the first in the queue, and since when each of it waited.
    fn place(&self) -> String {
        let (first, last) = (self.first(), self.group.last().unwrap_or(self.handoff));
        if !first.owns {
            return format!("waiting since {}", words::moment(first.asked));
        }
        if first.asked == last.asked {
            return place_in_queue(first.first, first.asked, first.position);
        }
        let one = words::the(self.name(first.to));
        let other = if self.group.len() == 2 {
            words::the(self.name(last.to))
        } else {
            "the last of them".to_owned()
        };
        let [asked, later] = [first, last].map(|handoff| words::moment(handoff.asked));
        match first.first {
            Some(since) if since == first.asked => {
                format!("{one} first in the queue since {asked}, {other} waiting since {later}")
            }
            Some(since) => {
                let since = words::moment(since);
                format!(
                    "first in the queue since {since}, {one} waiting since {asked}, {other} since {later}"
                )
            }
            None => format!("{one} waiting since {asked}, {other} since {later}"),
        }
    }

    /// When a grant that was never used was dropped, if that was later than the grant.
    fn dropped(&self) -> Option<Time> {
        let seq = self.handoff.settled(self.moment)?;
        let at = self.trace.event(seq)?.at;
        (at.since(self.handoff.at) >= Duration::from_millis(1)).then_some(at)
    }

    fn from(&self) -> Option<Freed> {
        self.handoff.from(self.moment)
    }

    /// Ownership that was passed on.
    fn handed(&self) -> String {
        let (handoff, place) = (self.handoff, self.place());
        let fate = handoff.fate(self.moment);
        let ran = |handoff: &Handoff| handoff.fate(self.moment) == Fate::Ran;
        let (what, own) = match handoff.mode {
            Mode::Permits(permits) => (words::permits(permits), "It owns them"),
            Mode::Shared => ("it".to_owned(), "It has its share"),
            _ => ("it".to_owned(), "It owns the lock"),
        };
        let receiver = words::the(self.name(handoff.to));
        let opening = self.opening(handoff.to);
        let mut text = if self.group.len() > 1 {
            let shared =
                if handoff.mode == Mode::Shared { "readers share it" } else { "there is enough for all" };
            if self.group.iter().all(ran) {
                format!("{} got it together: {place}, and {shared}.", self.all(true))
            } else {
                format!("Granted to {} together: {place}, and {shared}.", self.all(false))
            }
        } else {
            match (fate, handoff.mode) {
                (Fate::Ran, _) => format!("{opening} got {what}: {place}."),
                (Fate::Granted | Fate::Beaten, Mode::Permits(_)) => {
                    format!("{what} granted to {receiver}: {place}.")
                }
                (Fate::Granted | Fate::Beaten, _) => format!("Granted to {receiver}: {place}."),
                (Fate::Cancelled, mode) => match self.dropped() {
                    None => {
                        format!("{opening} was granted {what}, {place}, but was cancelled before it ran.")
                    }
                    Some(at) => {
                        let owned = if matches!(mode, Mode::Permits(_)) { "them" } else { "the lock" };
                        let at = words::moment(at);
                        format!(
                            "Granted to {receiver}, {place}, whose future nobody polled: it owned {owned} until \
                             it was dropped at {at}."
                        )
                    }
                },
            }
        };
        if let Some((gone, at)) = self.first().cleared.filter(|_| self.first().position == 1) {
            let (gone, at) = (self.opening(gone), words::moment(at));
            text += &format!(" {gone}, who was ahead, gave up at {at}.");
        }
        let Some(from) = self.from() else { return text };
        match from.how {
            Passed::Cancelled => {
                let gone = self.opening(from.task);
                text += &format!(" {gone} had been granted it and was cancelled before it ran.");
            }
            Passed::Added => {
                let added = self.trace.event(from.seq).map(|event| event.what);
                if let Some(What::AddPermits { permits, .. }) = added {
                    text += &format!(" {} added {}.", self.opening(from.task), words::permits(permits));
                }
            }
            _ if from.task == handoff.to => {}
            Passed::Shared => text += &format!(" {} keeps only a part of it.", self.opening(from.task)),
            _ => {
                let last = self.group.last().unwrap_or(handoff);
                if let Some(asked) = last.asked_again(self.moment) {
                    let when = if asked.since(handoff.at) < Duration::from_millis(1) {
                        "only now".to_owned()
                    } else {
                        format!("only at {}", words::moment(asked))
                    };
                    text += &format!(" {} asked again {when}.", self.opening(from.task));
                } else if fate == Fate::Granted && self.group.len() == 1 {
                    text += &format!(" {own}, but has not run yet.");
                }
            }
        }
        text
    }

    /// Woken for a lock that hands nothing over.
    fn woken(&self) -> String {
        let (handoff, place) = (self.handoff, self.place());
        let (who, at) = (self.opening(handoff.to), words::moment(handoff.at));
        match handoff.fate(self.moment) {
            Fate::Granted if self.group.len() > 1 => {
                format!("{} were woken. Nothing is reserved for them: they may only try.", self.all(true))
            }
            Fate::Granted => {
                format!("{who}, {place}, was woken. Nothing is reserved for it: it may only try.")
            }
            Fate::Ran => {
                let before = match handoff.overtaken {
                    0 => String::new(),
                    1 => " It had been overtaken once.".to_owned(),
                    times => format!(" It had been overtaken {times} times."),
                };
                format!("{who} got it: woken at {at}, {place}.{before}")
            }
            Fate::Beaten => {
                let waits = words::moment(handoff.asked);
                format!(
                    "{who} was woken at {at}, but somebody had been quicker: it waits again, as it has since \
                     {waits}."
                )
            }
            Fate::Cancelled => format!("{who}, {place}, was woken, but was cancelled before it tried."),
        }
    }

    /// Reached by a notification.
    fn notified(&self) -> String {
        let handoff = self.handoff;
        let (who, place) = (self.opening(handoff.to), self.place());
        let runs = match handoff.fate(self.moment) {
            Fate::Granted if self.group.len() == 1 => " It has not run yet.",
            Fate::Cancelled => " It was cancelled before it ran.",
            _ => "",
        };
        match self.from() {
            Some(Freed { how: Passed::Notified { all: true }, task, .. }) => {
                format!("{} notified all who waited: {}.{runs}", self.opening(task), self.all(false))
            }
            Some(Freed { how: Passed::Notified { all: false }, task, .. }) => {
                let to = words::the(self.name(handoff.to));
                format!("{} notified one: {to}, {place}.{runs}", self.opening(task))
            }
            Some(Freed { how: Passed::Cancelled, task, .. }) => {
                let gone = self.opening(task);
                format!("{who} is notified: {place}. {gone} had been, and was cancelled before it ran.{runs}")
            }
            _ => format!("{who} is notified: {place}.{runs}"),
        }
    }

    /// Let in by a message that went in or out of a channel.
    fn passed(&self, is: &str, had: &str, what: &str) -> String {
        let handoff = self.handoff;
        let (who, since) = (self.opening(handoff.to), words::moment(handoff.asked));
        let is = if handoff.fate(self.moment) == Fate::Ran { had } else { is };
        let cause = self.from().map(|from| {
            let by = words::the(self.name(from.task));
            match from.how {
                Passed::Sent => format!("{by} sent {what}"),
                Passed::Received => format!("{by} took a message out, which made {what}"),
                _ => format!("{by} was let in and was cancelled"),
            }
        });
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        format!("{who}, waiting since {since}, {is}{cause}.")
    }
}
