//! A run for [Perfetto](https://perfetto.dev), whose viewer takes what is too long for a terminal: its trace
//! format, a file of protocol buffers with the ending `.perfetto-trace`.
//!
//! | track | shows |
//! |---|---|
//! | a task | what it does: runs, sleeps, waits, is granted, holds; and what is worth a sentence, as instants |
//! | a lock | who has it, from grant to release; as many rows as it has owners at once |
//! | below it, `queue` | how many wait |
//!
//! Arrows lead from what let somebody in, a release say, to whom it let in. What goes on at the end of the
//! recording ends there with the annotation `unfinished`. It is written event by event: what is kept
//! meanwhile is what is so at one moment, and the two ends of each arrow.

mod packets;
mod proto;

use std::collections::HashMap;
use std::io::{self, Write};

use super::Recording;
use crate::event::{Event, LockId, Mode, OpId, Outcome, TaskId, Time, What};
use crate::trace::{Fate, Lock, Look, Note, Noted, State, Trace, words};
use packets::{Called, Flow, Packets, Shows, Track};

const PROCESS: Track = Track(1);
const TASKS: Track = Track(2);
const LOCKS: Track = Track(3);

/// Writes `recording` as a Perfetto trace.
///
/// # Errors
///
/// What `out` says.
pub fn write(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let mut scribe = Scribe::new(&recording.trace, out);
    scribe.begin(&recording.plan.title)?;
    for event in recording.trace.events() {
        scribe.event(&event)?;
    }
    scribe.finish(recording)
}

/// What is written of a task.
#[derive(Debug, Clone, Copy)]
struct Lane {
    track: Option<Track>,
    look: (Look, Option<LockId>),
}

/// What is written of a lock.
#[derive(Debug, Clone, Default)]
struct Shown {
    /// The operation in each row, if there is one.
    rows: Vec<(Track, Option<OpId>)>,
    queue: Option<Track>,
    waiting: usize,
}

/// Both ends of an arrow, by the events at which they are; sorted.
struct Arrows {
    from: Vec<(u64, u64, TaskId)>,
    to: Vec<(u64, u64)>,
    next: (usize, usize),
}

impl Arrows {
    fn of(trace: &Trace) -> Self {
        let moment = trace.len();
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (id, handoff) in (1..).zip(trace.handoffs(moment).iter()) {
            let ran = handoff.settled(moment).filter(|_| handoff.fate(moment) == Fate::Ran);
            let (Some(freed), Some(ran)) = (handoff.from(moment), ran) else { continue };
            if freed.seq < ran {
                from.push((freed.seq, id, freed.task));
                to.push((ran, id));
            }
        }
        from.sort_unstable_by_key(|(seq, ..)| *seq);
        to.sort_unstable();
        Self { from, to, next: (0, 0) }
    }

    /// The next arrow that begins at this event, and on whose track.
    fn begins(&mut self, seq: u64) -> Option<(u64, TaskId)> {
        let &(_, id, task) = self.from.get(self.next.0).filter(|(from, ..)| *from == seq)?;
        self.next.0 += 1;
        Some((id, task))
    }

    /// The next arrow that ends at this event.
    fn ends(&mut self, seq: u64) -> Option<u64> {
        let &(_, id) = self.to.get(self.next.1).filter(|(to, _)| *to == seq)?;
        self.next.1 += 1;
        Some(id)
    }
}

/// Writes one event after the other.
struct Scribe<'a, W> {
    trace: &'a Trace,
    packets: Packets<W>,
    state: State,
    arrows: Arrows,
    notes: usize,
    tracks: u64,
    lanes: Vec<Lane>,
    locks: Vec<Shown>,
    /// Who owns something: in which row, and whether with the guard in hand.
    owns: HashMap<(LockId, OpId), (usize, bool)>,
}

impl<'a, W: Write> Scribe<'a, W> {
    fn new(trace: &'a Trace, out: W) -> Self {
        let names = trace.names();
        Self {
            trace,
            packets: Packets::new(out),
            state: State::new(names),
            arrows: Arrows::of(trace),
            notes: 0,
            tracks: LOCKS.0,
            lanes: vec![Lane { track: None, look: (Look::Absent, None) }; names.tasks.len()],
            locks: vec![Shown::default(); names.locks.len()],
            owns: HashMap::new(),
        }
    }

    fn begin(&mut self, title: &str) -> io::Result<()> {
        let earlier = match self.trace.earlier() {
            0 => String::new(),
            earlier => format!(" ({} before this not kept)", words::events(earlier)),
        };
        let name = format!("lockscope: {title}{earlier}");
        self.packets.describe(PROCESS, None, (&name, 0), Shows::Process)?;
        self.packets.describe(TASKS, Some(PROCESS), ("tasks", 0), Shows::Slices)?;
        self.packets.describe(LOCKS, Some(PROCESS), ("locks", 1), Shows::Slices)
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let owner = match event.what {
            What::Release { lock, op } | What::Cancel { lock, op } => self.state.owner_of(lock, op),
            _ => None,
        };
        while let Some((id, task)) = self.arrows.begins(event.seq) {
            let about = event.what.lock().map(|lock| (lock.0, self.trace.names().lock(lock)));
            let called = Called::Often { verb: "hands over", category: "handoff", about };
            self.instant(event.at, task, called, Some(Flow::From(id)))?;
        }
        self.state.apply(event);
        self.own(event)?;
        let arrow = self.arrows.ends(event.seq);
        let mut shown = false;
        for task in
            [Some(event.actor.task), owner.filter(|owner| *owner != event.actor.task)].into_iter().flatten()
        {
            let flow = arrow.filter(|_| task == event.actor.task).map(Flow::To);
            shown |= self.look(event.at, task, flow)? && flow.is_some();
        }
        if let Some(id) = arrow.filter(|_| !shown) {
            let called = Called::Often { verb: "goes on", category: "handoff", about: None };
            self.instant(event.at, event.actor.task, called, Some(Flow::To(id)))?;
        }
        if let Some(lock) = event.what.lock() {
            self.queue(event.at, lock)?;
        }
        self.say(event)
    }

    /// A lock's rows: who owns it.
    fn own(&mut self, event: &Event) -> io::Result<()> {
        let at = event.at;
        match event.what {
            What::Lost { .. } => {
                // In an order that is the same every time.
                let mut all: Vec<_> = self.owns.keys().copied().collect();
                all.sort_unstable();
                for (lock, op) in all {
                    self.disown(at, lock, op, false)?;
                }
                for task in
                    (0..self.lanes.len()).filter(|&task| self.lanes[task].track.is_some()).collect::<Vec<_>>()
                {
                    self.look(at, TaskId(task as u32), None)?;
                }
                for lock in 0..self.locks.len() {
                    self.queue(at, LockId(lock as u32))?;
                }
                Ok(())
            }
            What::Grant { lock, op, mode } if is_owned(mode) => {
                let hands_over = self.state.lock(lock).is_some_and(Lock::hands_over);
                if hands_over && !self.owns.contains_key(&(lock, op)) {
                    self.enter(event, lock, op, None, false)?;
                }
                Ok(())
            }
            What::Acquire { lock, op, mode } if is_owned(mode) => match self.owns.get(&(lock, op)).copied() {
                // It keeps a part.
                Some((_, true)) => Ok(()),
                Some((row, false)) => {
                    self.disown(at, lock, op, false)?;
                    self.enter(event, lock, op, Some(row), true)
                }
                None => self.enter(event, lock, op, None, true),
            },
            What::Release { lock, op } | What::Cancel { lock, op } => self.disown(at, lock, op, false),
            _ => Ok(()),
        }
    }

    /// Begins a slice of a lock's owner, in a row that is free.
    fn enter(
        &mut self,
        event: &Event,
        lock: LockId,
        op: OpId,
        row: Option<usize>,
        holds: bool,
    ) -> io::Result<()> {
        let Some(shown) = self.locks.get(lock.0 as usize) else { return Ok(()) };
        let free = || shown.rows.iter().position(|(_, op)| op.is_none());
        let row = row.or_else(free).unwrap_or(shown.rows.len());
        if row == shown.rows.len() {
            let (track, name) = (self.new_track(), self.trace.names().lock(lock));
            // Rows of one name are drawn as one track.
            self.packets.describe(track, Some(LOCKS), (name, lock.0), Shows::Slices)?;
            self.locks[lock.0 as usize].rows.push((track, None));
        }
        let (track, owner) = &mut self.locks[lock.0 as usize].rows[row];
        *owner = Some(op);
        self.owns.insert((lock, op), (row, holds));
        let task = event.actor.task;
        let about = Some((task.0, self.trace.names().task(task)));
        let called = if holds {
            Called::Often { verb: "", category: "hold", about }
        } else {
            Called::Often { verb: "granted to", category: "granted", about }
        };
        self.packets.begin(event.at, *track, called, None)
    }

    /// Ends the slice of a lock's owner.
    fn disown(&mut self, at: Time, lock: LockId, op: OpId, unfinished: bool) -> io::Result<()> {
        let Some((row, _)) = self.owns.remove(&(lock, op)) else { return Ok(()) };
        let (track, owner) = &mut self.locks[lock.0 as usize].rows[row];
        *owner = None;
        self.packets.end(at, *track, unfinished)
    }

    /// Goes on to what a task looks like now, if that is something else; whether a slice begins with it.
    fn look(&mut self, at: Time, task: TaskId, flow: Option<Flow>) -> io::Result<bool> {
        let Some(state) = self.state.task(task) else { return Ok(false) };
        let (look, lock) = state.look();
        let before = std::mem::replace(&mut self.lanes[task.0 as usize].look, (look, lock));
        if before == (look, lock) {
            return Ok(false);
        }
        let track = self.lane(task)?;
        if before.0 != Look::Absent {
            self.packets.end(at, track, false)?;
        }
        let (verb, category) = match look {
            Look::Absent => return Ok(false),
            Look::Idle => ("runs", "run"),
            Look::Asleep => ("sleeps", "sleep"),
            Look::Suspended => ("sleeps with", "sleep"),
            Look::Holding => ("holds", "hold"),
            Look::Waiting => ("waits for", "wait"),
            Look::Granted => ("granted", "granted"),
            Look::Blocked => ("blocks its thread on", "wait"),
        };
        let about = lock.map(|lock| (lock.0, self.trace.names().lock(lock)));
        self.packets.begin(at, track, Called::Often { verb, category, about }, flow)?;
        Ok(true)
    }

    /// Says how many wait, if that is another number.
    fn queue(&mut self, at: Time, lock: LockId) -> io::Result<()> {
        let Some(waiting) = self.state.lock(lock).map(|lock| lock.queue.len()) else { return Ok(()) };
        let known = &mut self.locks[lock.0 as usize];
        if std::mem::replace(&mut known.waiting, waiting) == waiting {
            return Ok(());
        }
        let track = if let Some(track) = known.queue {
            track
        } else {
            let track = self.new_track();
            let name = format!("{}: queue", self.trace.names().lock(lock));
            self.packets.describe(track, Some(LOCKS), (&name, lock.0), Shows::Count)?;
            *self.locks[lock.0 as usize].queue.insert(track)
        };
        self.packets.count(at, track, waiting)
    }

    /// What is worth a sentence, and what the program says itself.
    fn say(&mut self, event: &Event) -> io::Result<()> {
        match &event.what {
            What::Print { text } | What::Say { text } => {
                self.instant(event.at, event.actor.task, Called::Once(text), None)?;
            }
            What::Lost { events } => {
                let text = format!("{events} events are lost");
                self.packets.instant(event.at, PROCESS, Called::Once(&text), None)?;
            }
            _ => {}
        }
        let trace = self.trace;
        while let Some(note) = trace.notes(trace.len()).get(self.notes).filter(|note| note.seq <= event.seq) {
            self.notes += 1;
            if let Some(verb) = verb(note) {
                let about = note.lock.map(|lock| (lock.0, trace.names().lock(lock)));
                let called = Called::Often { verb, category: "note", about };
                self.instant(note.at, note.task, called, None)?;
            }
        }
        Ok(())
    }

    /// Ends what has not ended, and says how all of it did.
    fn finish(&mut self, recording: &Recording) -> io::Result<()> {
        let at = recording.end();
        let mut all: Vec<_> = self.owns.keys().copied().collect();
        all.sort_unstable();
        for (lock, op) in all {
            self.disown(at, lock, op, true)?;
        }
        for lane in &self.lanes {
            if let (Some(track), true) = (lane.track, lane.look.0 != Look::Absent) {
                self.packets.end(at, track, true)?;
            }
        }
        let Some(end) = recording.trace.end() else { return Ok(()) };
        let outcome = match end.outcome {
            Outcome::Completed => "completed",
            Outcome::Stopped => "stopped",
            Outcome::Deadlock => "deadlock",
        };
        let text = end.note.as_ref().map_or_else(|| outcome.to_owned(), |note| format!("{outcome}: {note}"));
        self.packets.instant(at, PROCESS, Called::Once(&text), None)
    }

    fn instant(&mut self, at: Time, task: TaskId, called: Called<'_>, flow: Option<Flow>) -> io::Result<()> {
        if (task.0 as usize) < self.lanes.len() {
            let track = self.lane(task)?;
            self.packets.instant(at, track, called, flow)?;
        }
        Ok(())
    }

    /// The track of a task, told of when it is needed first.
    fn lane(&mut self, task: TaskId) -> io::Result<Track> {
        if let Some(track) = self.lanes[task.0 as usize].track {
            return Ok(track);
        }
        let (track, name) = (self.new_track(), self.trace.names().task(task));
        self.packets.describe(track, Some(TASKS), (name, task.0), Shows::Slices)?;
        Ok(*self.lanes[task.0 as usize].track.insert(track))
    }

    fn new_track(&mut self) -> Track {
        self.tracks += 1;
        Track(self.tracks)
    }
}

/// Whether whoever gets what it asks for owns something then.
const fn is_owned(mode: Mode) -> bool {
    matches!(mode, Mode::Exclusive | Mode::Shared | Mode::Permits(_))
}

/// What befell whom, in a few words.
const fn verb(note: &Note) -> Option<&'static str> {
    Some(match note.what {
        Noted::Barged { .. } => "went ahead of a waiter for",
        Noted::GaveUp { .. } => "gave up",
        Noted::Unheard { stored: false, .. } => "notified nobody: lost,",
        Noted::Unheard { stored: true, .. } => "notified nobody: stored,",
        Noted::HeldUp { .. } => "waits for what is free of",
        Noted::Late { .. } => "wakes late",
        Noted::Took { .. } => return None,
    })
}
