//! The packets of a trace: one sequence of them, with names that are told once and then meant by a number.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::io::{self, Write};

use super::proto::Message;
use crate::event::Time;
use crate::trace::words;

/// A track, by the number that it has in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Track(pub u64);

/// What a track shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The process, to which all other tracks belong.
    Process,
    /// What happens, or further tracks.
    Slices,
    /// A number.
    Count,
}

/// What a slice or an instant is called.
#[derive(Debug, Clone, Copy)]
pub enum Called<'a> {
    /// A verb and what it is about: one of a lot of few.
    Often {
        /// What it says, and the category under which it can be found.
        verb: &'static str,
        category: &'static str,
        /// Whom or what it is about; a verb is always about tasks, or always about locks.
        about: Option<(u32, &'a str)>,
    },
    /// In words of its own.
    Once(&'a str),
}

/// Characters of a name; what a program prints may be long.
const MAX_NAME: usize = 200;

/// Numbers of the fields, from Perfetto's `trace_packet.proto` and those that it imports.
mod field {
    pub const PACKET: u32 = 1;
    pub const TIMESTAMP: u32 = 8;
    pub const SEQUENCE: u32 = 10;
    pub const EVENT: u32 = 11;
    pub const INTERNED: u32 = 12;
    pub const SEQUENCE_FLAGS: u32 = 13;
    pub const DESCRIPTOR: u32 = 60;
    /// Of a descriptor.
    pub mod track {
        pub const UUID: u32 = 1;
        pub const NAME: u32 = 2;
        pub const PROCESS: u32 = 3;
        pub const PARENT: u32 = 5;
        pub const COUNTER: u32 = 8;
        pub const CHILD_ORDERING: u32 = 11;
        pub const RANK: u32 = 12;
        pub const PID: u32 = 1;
        pub const PROCESS_NAME: u32 = 6;
    }
    /// Of an event.
    pub mod event {
        pub const CATEGORY_IIDS: u32 = 3;
        pub const ANNOTATIONS: u32 = 4;
        pub const TYPE: u32 = 9;
        pub const NAME_IID: u32 = 10;
        pub const TRACK: u32 = 11;
        pub const NAME: u32 = 23;
        pub const COUNTER: u32 = 30;
        pub const FLOWS: u32 = 47;
        pub const TERMINATING_FLOWS: u32 = 48;
    }
    /// Of interned data, and of an annotation.
    pub mod name {
        pub const CATEGORIES: u32 = 1;
        pub const NAMES: u32 = 2;
        pub const IID: u32 = 1;
        pub const NAME: u32 = 2;
        pub const ANNOTATION: u32 = 10;
        pub const FLAG: u32 = 2;
    }
}

/// Children of a track stand in the order of their ranks.
const EXPLICIT: u64 = 3;
/// What was interned before does not count any more; and: what comes needs what was interned.
const CLEARED: u64 = 1;
const NEEDS: u64 = 2;

/// Kinds of event.
const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;

/// An arrow between two events, by its number.
#[derive(Debug, Clone, Copy)]
pub enum Flow {
    /// It begins here.
    From(u64),
    /// It ends here.
    To(u64),
}

/// Writes packets down.
pub struct Packets<W> {
    out: W,
    bytes: Message,
    begun: bool,
    names: HashMap<(&'static str, Option<u32>), u64>,
    categories: HashMap<&'static str, u64>,
}

impl<W: Write> Packets<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            bytes: Message::default(),
            begun: false,
            names: HashMap::new(),
            categories: HashMap::new(),
        }
    }

    fn packet(&mut self, fill: impl FnOnce(&mut Message)) -> io::Result<()> {
        self.bytes.0.clear();
        let flags = if self.begun { NEEDS } else { NEEDS | CLEARED };
        self.begun = true;
        self.bytes.message(field::PACKET, |packet| {
            packet.number(field::SEQUENCE, 1);
            packet.number(field::SEQUENCE_FLAGS, flags);
            fill(packet);
        });
        self.out.write_all(&self.bytes.0)
    }

    /// Tells of a track, below `parent`, at the place of its `rank` there.
    pub fn describe(
        &mut self,
        track: Track,
        parent: Option<Track>,
        (name, rank): (&str, u32),
        shows: Shows,
    ) -> io::Result<()> {
        let name = short(name);
        self.packet(|packet| {
            packet.message(field::DESCRIPTOR, |descriptor| {
                descriptor.number(field::track::UUID, track.0);
                if let Some(parent) = parent {
                    descriptor.number(field::track::PARENT, parent.0);
                }
                if shows != Shows::Process {
                    descriptor.text(field::track::NAME, &name);
                }
                descriptor.number(field::track::CHILD_ORDERING, EXPLICIT);
                descriptor.number(field::track::RANK, rank.into());
                match shows {
                    Shows::Process => descriptor.message(field::track::PROCESS, |process| {
                        process.number(field::track::PID, 1);
                        process.text(field::track::PROCESS_NAME, &name);
                    }),
                    Shows::Count => descriptor.message(field::track::COUNTER, |_| {}),
                    Shows::Slices => {}
                }
            });
        })
    }

    /// Begins a slice, within those that are open on that track.
    pub fn begin(
        &mut self,
        at: Time,
        track: Track,
        called: Called<'_>,
        flow: Option<Flow>,
    ) -> io::Result<()> {
        self.event(at, track, BEGIN, called, flow)
    }

    /// Something that has no length.
    pub fn instant(
        &mut self,
        at: Time,
        track: Track,
        called: Called<'_>,
        flow: Option<Flow>,
    ) -> io::Result<()> {
        self.event(at, track, INSTANT, called, flow)
    }

    /// Ends the slice that was begun last on that track, and says so if the recording only ends here.
    pub fn end(&mut self, at: Time, track: Track, unfinished: bool) -> io::Result<()> {
        self.bare(at, track, END, |event| {
            if unfinished {
                event.message(field::event::ANNOTATIONS, |annotation| {
                    annotation.text(field::name::ANNOTATION, "unfinished");
                    annotation.number(field::name::FLAG, 1);
                });
            }
        })
    }

    /// Says what a number is from here on.
    pub fn count(&mut self, at: Time, track: Track, value: usize) -> io::Result<()> {
        self.bare(at, track, COUNTER, |event| event.number(field::event::COUNTER, value as u64))
    }

    fn bare(&mut self, at: Time, track: Track, kind: u64, fill: impl FnOnce(&mut Message)) -> io::Result<()> {
        self.packet(|packet| {
            packet.number(field::TIMESTAMP, at.nanos());
            packet.message(field::EVENT, |event| {
                event.number(field::event::TYPE, kind);
                event.number(field::event::TRACK, track.0);
                fill(event);
            });
        })
    }

    fn event(
        &mut self,
        at: Time,
        track: Track,
        kind: u64,
        called: Called<'_>,
        flow: Option<Flow>,
    ) -> io::Result<()> {
        let ((name, new_name), (category, new_category)) = match called {
            Called::Often { verb, category, about } => {
                let name = (verb, about.map(|(id, _)| id));
                (number_of(&mut self.names, name), number_of(&mut self.categories, category))
            }
            Called::Once(_) => Default::default(),
        };
        self.packet(|packet| {
            packet.number(field::TIMESTAMP, at.nanos());
            if let Called::Often { verb, category: of, about } = called
                && (new_name || new_category)
            {
                packet.message(field::INTERNED, |data| {
                    if new_category {
                        intern(data, field::name::CATEGORIES, category, of);
                    }
                    if new_name {
                        let text = format!("{verb} {}", about.map_or("", |(_, about)| about));
                        intern(data, field::name::NAMES, name, &short(text.trim()));
                    }
                });
            }
            packet.message(field::EVENT, |event| {
                event.number(field::event::TYPE, kind);
                event.number(field::event::TRACK, track.0);
                match called {
                    Called::Often { .. } => {
                        event.number(field::event::NAME_IID, name);
                        event.number(field::event::CATEGORY_IIDS, category);
                    }
                    Called::Once(text) => event.text(field::event::NAME, &short(text)),
                }
                match flow {
                    Some(Flow::From(id)) => event.fixed(field::event::FLOWS, id),
                    Some(Flow::To(id)) => event.fixed(field::event::TERMINATING_FLOWS, id),
                    None => {}
                }
            });
        })
    }
}

/// The number of a name, and whether it has just got it.
fn number_of<K: Hash + Eq>(known: &mut HashMap<K, u64>, name: K) -> (u64, bool) {
    let next = known.len() as u64 + 1;
    match known.entry(name) {
        Entry::Occupied(known) => (*known.get(), false),
        Entry::Vacant(new) => (*new.insert(next), true),
    }
}

fn intern(data: &mut Message, field: u32, number: u64, name: &str) {
    data.message(field, |entry| {
        entry.number(field::name::IID, number);
        entry.text(field::name::NAME, name);
    });
}

/// What may stand as a name: nothing that could steer a terminal, and not too much.
fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => words::clean(&text[..end]).into_owned().into(),
        None => words::clean(text),
    }
}
