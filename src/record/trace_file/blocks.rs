//! Compact trace files, as a program writes them: see [`compact`](crate::compact).

use std::io::{self, BufRead, Write};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::budget::AT_ONCE;
use super::head::{Distinct, described};
use super::{Budget, Damage, Place, Reading, Unreadable, whole};
use crate::compact::{self, Clock, Decoder, Encoder, Head, Item, Why};
use crate::event::{Event, Kind, LockName, Names, Packed};
use crate::record::Recording;
use crate::scenario::{ClockKind, Source};
use crate::trace::{End, PART, Trace};

/// Events: more than ten million, and what they take in memory is a gigabyte or two.
const MAX_EVENTS: u64 = 1 << 24;

/// Bytes of a file: so many events of thirty-two bytes each, where three are common.
const MAX_FILE: u64 = MAX_EVENTS * 32;

/// Bytes that are written at once.
const ROOM: usize = 64 << 10;

fn distinct() -> Distinct {
    Distinct::new(Names::MAX_TASKS as usize, Names::MAX_LOCKS as usize)
}

/// Writes `recording` as a compact trace file, `.lockscope`.
///
/// # Errors
///
/// What `out` says; [`InvalidInput`](io::ErrorKind::InvalidInput) for more tasks or locks than a trace file
/// has, or two of one name.
pub fn write_compact(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let names = recording.trace.names();
    let fits = distinct().add(&names.tasks, &names.locks);
    fits.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    let mut encoder = Encoder::new(&Head {
        title: recording.plan.title.clone(),
        clock: match recording.clock {
            ClockKind::Virtual => Clock::Virtual,
            ClockKind::Real => Clock::Real,
        },
        horizon: recording.horizon,
        scenario: recording
            .source
            .as_ref()
            .map(|source| (source.name().to_owned(), source.text().to_owned())),
    });
    let trace = &recording.trace;
    if trace.earlier() > 0 {
        encoder.come_after(trace.earlier(), trace.opening());
    }
    names.tasks.iter().for_each(|task| encoder.task(task));
    names.locks.iter().for_each(|lock| encoder.lock(lock));
    for event in trace.events() {
        encoder.push_event(&event);
        if encoder.len() >= ROOM {
            out.write_all(&encoder.take())?;
        }
    }
    if let Some(End { outcome, at, note }) = trace.end().cloned() {
        encoder.end(&compact::End { outcome, at, note });
    }
    out.write_all(&encoder.take())
}

/// So many pieces are read ahead of what is made of them.
const AHEAD: usize = 4;

/// A piece is handed over with so many events, or so many other things.
const MARKS: usize = 1 << 10;

/// Reads one, while another thread makes a history of what has been read. See [`read`](super::read).
pub(super) fn read(file: impl BufRead) -> Result<Reading, Unreadable> {
    let (send, receive) = sync_channel(AHEAD);
    let (told, damage) = thread::scope(|scope| {
        let take_all = move || {
            let mut told = Told::new();
            let broken = receive.into_iter().find_map(|piece| told.take(piece).err());
            (told, broken)
        };
        let taking = thread::Builder::new().name("history".into()).spawn_scoped(scope, take_all);
        let (told, broken, read) = if let Ok(taking) = taking {
            let read = hand_over(file, |piece| send.send(piece).is_ok());
            drop(send);
            let (told, broken) = taking.join().unwrap_or_else(|panic| resume_unwind(panic));
            (told, broken, read)
        } else {
            // It takes longer, that is all.
            let (mut told, mut broken) = (Told::new(), None);
            let read = hand_over(file, |piece| {
                broken = told.take(piece).err();
                broken.is_none()
            });
            (told, broken, read)
        };
        // What is behind the first thing that is wrong does not matter.
        let damage = if broken.is_some() { broken } else { read? };
        Ok::<_, io::Error>((told, damage))
    })?;
    match (told.head, damage) {
        (Some(head), damage) => {
            let source = head.scenario.map(|(name, text)| Source::new(&name, &text));
            let (plan, source) = described(&head.title, head.horizon, source, &told.names);
            let clock = match head.clock {
                Clock::Real => ClockKind::Real,
                Clock::Virtual => ClockKind::Virtual,
            };
            let (plan, trace, horizon) = (Arc::new(plan), told.trace, head.horizon);
            Ok(whole(Recording { plan, source, trace, clock, horizon }, damage.map(Broken::at)))
        }
        (None, Some(Broken::Stream(compact::Damage { why: Why::Foreign, .. })) | None) => {
            Err(Unreadable::NotARecording)
        }
        (None, Some(Broken::Stream(compact::Damage { why: Why::Newer(version), .. }))) => {
            Err(Unreadable::Newer { version: version.into(), newest: compact::VERSION.into() })
        }
        (None, Some(broken)) => Err(Unreadable::Head(broken.at())),
    }
}

/// Some of what a file tells.
#[derive(Default)]
struct Piece {
    /// As many as one part of a history has, at most.
    events: Vec<Packed>,
    /// Those that the events aside among them stand for, in their order.
    asides: Vec<Event>,
    /// Whether one of them may cost more than others.
    costly: bool,
    marks: Vec<Mark>,
}

/// What a block tells.
struct Mark {
    /// Before which event of the piece.
    at: usize,
    /// Where the block begins, in bytes.
    offset: u64,
    tells: Tells,
}

enum Tells {
    Head(Head),
    Names(Vec<Arc<str>>, Vec<LockName>),
    Before(u64, u64),
    Events,
    End(compact::End),
}

impl Piece {
    /// Takes what a block tells that begins at `offset`, and as many of its events as there is room for; gives the
    /// others.
    fn take<'a>(
        &mut self,
        offset: u64,
        tells: Tells,
        events: &'a [Packed],
        asides: &[Event],
    ) -> &'a [Packed] {
        self.marks.push(Mark { at: self.events.len(), offset, tells });
        let (here, rest) = events.split_at(events.len().min(PART - self.events.len()));
        self.events.extend_from_slice(here);
        self.costly |= here.iter().any(|packed| Budget::is_costly(packed.kind()));
        if !asides.is_empty() {
            let aside = here.iter().filter(|packed| packed.kind() == Kind::Aside);
            self.asides.extend(aside.filter_map(|packed| asides.get(packed.large() as usize).cloned()));
        }
        rest
    }

    fn is_full(&self) -> bool {
        self.events.len() == PART || self.marks.len() >= MARKS
    }
}

/// Reads all there is, in pieces, as long as they are taken; says where that ends too early.
fn hand_over(mut file: impl BufRead, mut take: impl FnMut(Piece) -> bool) -> io::Result<Option<Broken>> {
    let (mut decoder, mut bytes, mut piece) = (Decoder::new(), 0, Piece::default());
    let broken = loop {
        match decoder.next_at() {
            Ok(Some((offset, item))) => {
                let (mut events, mut asides) = (&[][..], &[][..]);
                let mut tells = match item {
                    Item::Head(head) => Tells::Head(head),
                    Item::Names { tasks, locks } => Tells::Names(tasks.to_vec(), locks.to_vec()),
                    Item::Before { earlier, opening } => Tells::Before(earlier, opening),
                    Item::Events { events: all, asides: beside } => {
                        (events, asides) = (all, beside);
                        Tells::Events
                    }
                    Item::End(end) => Tells::End(end),
                };
                loop {
                    events = piece.take(offset, tells, events, asides);
                    if piece.is_full() {
                        // Where there is more than one, this one will be full as well.
                        let next = Piece { events: Vec::with_capacity(PART), ..Piece::default() };
                        if !take(std::mem::replace(&mut piece, next)) {
                            return Ok(None);
                        }
                    }
                    if events.is_empty() {
                        break;
                    }
                    tells = Tells::Events;
                }
            }
            Err(damage) => break Some(Broken::Stream(damage)),
            Ok(None) => {
                let more = match file.fill_buf() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other?,
                };
                if more.is_empty() {
                    break decoder.finish().err().map(Broken::Stream);
                }
                let length = more.len();
                decoder.feed(more);
                file.consume(length);
                bytes += length as u64;
                if bytes > MAX_FILE {
                    let what = format!("the file has more than {} MiB", MAX_FILE >> 20);
                    break Some(Broken::Here(decoder.offset(), what));
                }
            }
        }
    };
    take(piece);
    Ok(broken)
}

/// Why the events end before the file does.
enum Broken {
    /// It is damaged.
    Stream(compact::Damage),
    /// It says what cannot be, or is too much, at this byte.
    Here(u64, String),
}

impl Broken {
    fn at(self) -> Damage {
        let (offset, what) = match self {
            Self::Stream(damage) => (damage.offset, damage.why.to_string()),
            Self::Here(offset, what) => (offset, what),
        };
        Damage { place: Place::Byte(offset), what }
    }
}

/// What a file has told so far.
struct Told {
    head: Option<Head>,
    names: Names,
    distinct: Distinct,
    trace: Trace,
    budget: Budget,
}

impl Told {
    fn new() -> Self {
        Self {
            head: None,
            names: Names::default(),
            distinct: distinct(),
            trace: Trace::default(),
            budget: Budget::new(MAX_EVENTS),
        }
    }

    /// Takes a piece, or says what cannot be, or is too much, and in which block.
    fn take(&mut self, piece: Piece) -> Result<(), Broken> {
        let Piece { events, asides, costly, marks } = piece;
        let ends: Vec<usize> = marks.iter().skip(1).map(|mark| mark.at).chain([events.len()]).collect();
        // The history keeps them where they are, unless something was left out before.
        let elsewhere = self.trace.lend(events).err();
        let mut asides = asides.into_iter();
        for (Mark { at, offset, tells }, end) in marks.into_iter().zip(ends) {
            let told = self.tell(tells).and_then(|()| {
                (at..end).step_by(AT_ONCE).try_for_each(|at| {
                    let some = at..end.min(at + AT_ONCE);
                    let lent = self.trace.lent_among(some.clone());
                    if elsewhere.is_none() && !costly && self.budget.spend_at_once(lent, &self.trace) {
                        self.trace.push_lent(some);
                        return Ok(());
                    }
                    some.into_iter().try_for_each(|at| {
                        let here = |events: &Vec<Packed>| events.get(at).copied();
                        let packed = elsewhere.as_ref().map_or_else(|| self.trace.lent(at), here);
                        self.push(packed, &mut asides)
                    })
                })
            });
            told.map_err(|what| Broken::Here(offset, what))?;
        }
        Ok(())
    }

    #[inline]
    fn push(
        &mut self,
        packed: Option<Packed>,
        asides: &mut impl Iterator<Item = Event>,
    ) -> Result<(), String> {
        match packed {
            Some(packed) if packed.kind() != Kind::Aside => {
                self.budget.spend_packed(packed, &self.trace)?;
                self.trace.push_packed(packed);
            }
            Some(_) => {
                if let Some(event) = asides.next() {
                    self.budget.spend(&event, &self.trace)?;
                    self.trace.push(event);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Takes what is no event, or says why it does not.
    fn tell(&mut self, tells: Tells) -> Result<(), String> {
        match tells {
            Tells::Head(head) => self.head = Some(head),
            Tells::Names(tasks, locks) => {
                self.distinct.add(&tasks, &locks)?;
                self.names.tasks.extend(tasks);
                self.names.locks.extend(locks);
                self.trace.grow(&self.names);
            }
            Tells::Before(earlier, opening) => self.trace.come_after(earlier, opening),
            Tells::Events => {}
            Tells::End(compact::End { outcome, at, note }) => {
                let last = self.trace.at(self.trace.len());
                self.trace.finish(End { outcome, at: at.max(last), note });
            }
        }
        Ok(())
    }
}
