//! Compact trace files, as a program writes them: see [`compact`](crate::compact).

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use super::head::{Distinct, described};
use super::{Budget, Damage, Place, Reading, Unreadable, whole};
use crate::compact::{self, Clock, Decoder, Encoder, Head, Item, Why};
use crate::event::{Kind, Names};
use crate::record::Recording;
use crate::scenario::{ClockKind, Source};
use crate::trace::{End, Trace};

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
    names.tasks.iter().for_each(|task| encoder.task(task));
    names.locks.iter().for_each(|lock| encoder.lock(lock));
    for event in recording.trace.events() {
        encoder.push_event(&event);
        if encoder.len() >= ROOM {
            out.write_all(&encoder.take())?;
        }
    }
    if let Some(End { outcome, at, note }) = recording.trace.end().cloned() {
        encoder.end(&compact::End { outcome, at, note });
    }
    out.write_all(&encoder.take())
}

/// Reads one. See [`read`](super::read).
pub(super) fn read(file: impl BufRead) -> Result<Reading, Unreadable> {
    let mut told = Told::new();
    let damage = told.read(file)?;
    match (told.head, damage) {
        (Some(head), damage) => {
            let source = head.scenario.map(|(name, text)| Source::new(&name, &text));
            let (plan, source) = described(&head.title, head.horizon, source, &told.names);
            let clock = match head.clock {
                Clock::Virtual => ClockKind::Virtual,
                Clock::Real => ClockKind::Real,
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

    /// Reads all there is, and says where that ends too early.
    fn read(&mut self, mut file: impl BufRead) -> io::Result<Option<Broken>> {
        let (mut decoder, mut bytes) = (Decoder::new(), 0);
        loop {
            match decoder.next_item() {
                Ok(Some(item)) => {
                    if let Err(what) = self.take(item) {
                        return Ok(Some(Broken::Here(decoder.offset(), what)));
                    }
                }
                Err(damage) => return Ok(Some(Broken::Stream(damage))),
                Ok(None) => {
                    let more = match file.fill_buf() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        other => other?,
                    };
                    if more.is_empty() {
                        return Ok(decoder.finish().err().map(Broken::Stream));
                    }
                    let length = more.len();
                    decoder.feed(more);
                    file.consume(length);
                    bytes += length as u64;
                    if bytes > MAX_FILE {
                        let what = format!("the file has more than {} MiB", MAX_FILE >> 20);
                        return Ok(Some(Broken::Here(decoder.offset(), what)));
                    }
                }
            }
        }
    }

    /// Takes what comes next, or says why it does not.
    fn take(&mut self, item: Item<'_>) -> Result<(), String> {
        match item {
            Item::Head(head) => self.head = Some(head),
            Item::Names { tasks, locks } => {
                self.distinct.add(tasks, locks)?;
                self.names.tasks.extend_from_slice(tasks);
                self.names.locks.extend_from_slice(locks);
                self.trace.grow(&self.names);
            }
            Item::Events { events, asides } => {
                for packed in events {
                    if packed.kind() != Kind::Aside {
                        self.budget.spend_packed(*packed, &self.trace)?;
                        self.trace.push_packed(*packed);
                    } else if let Some(event) = asides.get(packed.large() as usize) {
                        self.budget.spend(event, &self.trace)?;
                        self.trace.push(event.clone());
                    }
                }
            }
            Item::End(compact::End { outcome, at, note }) => {
                let last = self.trace.at(self.trace.len());
                self.trace.finish(End { outcome, at: at.max(last), note });
            }
        }
        Ok(())
    }
}
