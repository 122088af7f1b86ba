//! Perfetto traces, read by a decoder of their own: that they are sound, and say what happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, StepId, TaskId, Time, What,
};
use lockscope::record::{Recording, perfetto};
use lockscope::trace::{End, Trace};
use proptest::prelude::*;

use super::events::{KINDS, what};
use super::trace_file::{alone, happened, late};
use super::{runs, scenes};

/// A field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(&self) -> u64 {
        if let Self::Number(number) = self { *number } else { panic!("no number") }
    }

    fn bytes(&self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { panic!("no bytes") }
    }

    fn text(&self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    fn fields(&self) -> Vec<(u64, Field<'a>)> {
        fields(self.bytes())
    }
}

/// The fields of a message, as the protocol buffers' encoding has them.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk().unwrap();
                bytes = rest;
                Field::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (inside, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(inside)
            }
            other => panic!("a layout that is not used: {other}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0..10 {
        let byte = bytes[place];
        value |= u64::from(byte & 127) << (7 * place);
        if byte < 128 {
            *bytes = &bytes[place + 1..];
            return value;
        }
    }
    panic!("a number without an end");
}

#[derive(Debug, Default, Clone)]
struct Track {
    name: String,
    parent: Option<u64>,
    process: bool,
    counter: bool,
}

#[derive(Debug, Default, Clone)]
struct Told {
    at: u64,
    kind: u64,
    track: u64,
    name: String,
    category: String,
    value: Option<u64>,
    from: Vec<u64>,
    to: Vec<u64>,
    unfinished: bool,
}

/// What a trace says.
#[derive(Debug, Default)]
struct Read {
    tracks: BTreeMap<u64, Track>,
    events: Vec<Told>,
}

impl Read {
    fn of(recording: &Recording) -> Self {
        let mut bytes = Vec::new();
        perfetto::write(recording, &mut bytes).unwrap();
        let (mut read, mut names, mut categories) = (Self::default(), HashMap::new(), HashMap::new());
        for (index, (field, packet)) in fields(&bytes).iter().enumerate() {
            assert_eq!(*field, 1);
            let (mut at, mut event) = (0, None);
            for (field, value) in packet.fields() {
                match field {
                    8 => at = value.number(),
                    10 => assert_eq!(value.number(), 1),
                    11 => event = Some(value),
                    12 => {
                        for (which, entry) in value.fields() {
                            let entry: HashMap<_, _> = entry.fields().into_iter().collect();
                            let known = if which == 1 { &mut categories } else { &mut names };
                            let before = known.insert(entry[&1].number(), entry[&2].text().to_owned());
                            assert_eq!(before, None, "a number is given but once");
                        }
                    }
                    13 => assert_eq!(value.number(), if index == 0 { 3 } else { 2 }),
                    60 => read.describe(&value),
                    other => panic!("field {other}"),
                }
            }
            if let Some(event) = event {
                read.event(at, &event, &names, &categories);
            }
        }
        read
    }

    fn describe(&mut self, value: &Field) {
        let (mut uuid, mut track) = (0, Track::default());
        for (field, value) in value.fields() {
            match field {
                1 => uuid = value.number(),
                2 => value.text().clone_into(&mut track.name),
                3 => {
                    track.process = true;
                    let process: HashMap<_, _> = value.fields().into_iter().collect();
                    process[&6].text().clone_into(&mut track.name);
                }
                5 => track.parent = Some(value.number()),
                8 => track.counter = true,
                11 | 12 => {}
                other => panic!("field {other}"),
            }
        }
        assert!(track.process || self.tracks.contains_key(&track.parent.unwrap()));
        assert!(self.tracks.insert(uuid, track).is_none());
    }

    fn event(
        &mut self,
        at: u64,
        event: &Field,
        names: &HashMap<u64, String>,
        categories: &HashMap<u64, String>,
    ) {
        let mut told = Told { at, ..Told::default() };
        for (field, value) in event.fields() {
            match field {
                3 => told.category.clone_from(&categories[&value.number()]),
                4 => {
                    let fields: HashMap<_, _> = value.fields().into_iter().collect();
                    assert_eq!((fields[&10].text(), fields[&2].number()), ("unfinished", 1));
                    told.unfinished = true;
                }
                9 => told.kind = value.number(),
                10 => told.name.clone_from(&names[&value.number()]),
                11 => told.track = value.number(),
                23 => value.text().clone_into(&mut told.name),
                30 => told.value = Some(value.number()),
                47 => told.from.push(value.number()),
                48 => told.to.push(value.number()),
                other => panic!("field {other}"),
            }
        }
        assert_eq!(told.value.is_some(), self.tracks[&told.track].counter);
        self.events.push(told);
    }

    fn is_below(&self, track: u64, parent: &str) -> bool {
        self.tracks[&track].parent.is_some_and(|parent_id| self.tracks[&parent_id].name == parent)
    }

    /// As text, a line an event.
    fn text(&self) -> String {
        let mut text = String::new();
        for told in &self.events {
            let kind = ["", "begin", "end", "instant", "count"][told.kind as usize];
            let track = &self.tracks[&told.track].name;
            write!(text, "{:>13} {track:<18} {kind:<7} {}", told.at, told.name).unwrap();
            if !told.category.is_empty() {
                write!(text, " [{}]", told.category).unwrap();
            }
            if let Some(value) = told.value {
                write!(text, "{value}").unwrap();
            }
            told.from.iter().for_each(|id| write!(text, " {id} ->").unwrap());
            told.to.iter().for_each(|id| write!(text, " -> {id}").unwrap());
            text += if told.unfinished { "unfinished\n" } else { "\n" };
        }
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

/// Fails where a viewer would draw what did not happen, or nothing.
#[track_caller]
fn sound(recording: &Recording) -> Read {
    let read = Read::of(recording);
    let (mut open, mut last): (HashMap<u64, u32>, HashMap<u64, u64>) = Default::default();
    let (mut from, mut to) = (HashMap::new(), HashMap::new());
    let mut counts: HashMap<u64, u64> = HashMap::new();
    let mut holds = 0;
    for (index, told) in read.events.iter().enumerate() {
        assert!(*last.get(&told.track).unwrap_or(&0) <= told.at, "time runs back");
        last.insert(told.track, told.at);
        match told.kind {
            1 => {
                let depth = open.entry(told.track).or_default();
                *depth += 1;
                assert_eq!(*depth, 1, "one slice at a time in a row");
                holds += u32::from(told.category == "hold" && read.is_below(told.track, "locks"));
            }
            2 => *open.get_mut(&told.track).unwrap() -= 1,
            3 => {}
            4 => _ = counts.insert(told.track, told.value.unwrap()),
            other => panic!("kind {other}"),
        }
        assert!(told.kind == 1 || told.kind == 3 || told.from.is_empty() && told.to.is_empty());
        assert!(!told.name.chars().any(char::is_control), "{:?}", told.name);
        told.from.iter().for_each(|id| assert!(from.insert(*id, (index, told.track)).is_none()));
        told.to.iter().for_each(|id| assert!(to.insert(*id, (index, told.track)).is_none()));
    }
    assert!(open.values().all(|depth| *depth == 0), "every begin has an end");
    assert_eq!(from.keys().collect::<HashSet<_>>(), to.keys().collect());
    for (id, (index, track)) in &from {
        assert!(*index < to[id].0 && *track != to[id].1, "an arrow leads on, and elsewhere");
    }
    assert_eq!(holds, acquisitions(&recording.trace));
    let state = recording.trace.state(recording.trace.len());
    let waiting: usize = state.locks.iter().map(|lock| lock.queue.len()).sum();
    assert_eq!(counts.values().sum::<u64>(), waiting as u64);
    read
}

/// How often somebody got a lock; what is known of anybody ends with a loss.
fn acquisitions(trace: &Trace) -> u32 {
    let (mut held, mut count) = (HashSet::new(), 0);
    for event in happened(trace) {
        match event.what {
            What::Acquire { lock, op, mode: Mode::Exclusive | Mode::Shared | Mode::Permits(_) } => {
                count += u32::from(held.insert((lock, op)));
            }
            What::Release { lock, op } | What::Cancel { lock, op } => _ = held.remove(&(lock, op)),
            What::Lost { .. } => held.clear(),
            _ => {}
        }
    }
    count
}

#[test]
fn the_lecture_is_told_in_tracks_slices_and_arrows() {
    insta::assert_snapshot!(sound(&runs::lecture(None)).text());
}

#[test]
fn what_began_late_says_so() {
    let read = sound(&late());
    let process = read.tracks.values().find(|track| track.process).unwrap();
    assert_eq!(process.name, "lockscope: alone (1000 events before this not kept)");
}

#[test]
fn every_scenario_is_sound() {
    let (mut arrows, mut unfinished) = (0, 0);
    for bundled in lockscope::scenario::all() {
        let read = sound(&runs::run(bundled.source(), None));
        arrows += read.events.iter().map(|told| told.to.len()).sum::<usize>();
        unfinished += read.events.iter().filter(|told| told.unfinished).count();
    }
    assert!(arrows > 30 && unfinished > 5, "{arrows} arrows, {unfinished} unfinished");
}

#[test]
fn every_family_is_sound() {
    for tale in [
        scenes::readers_together(),
        scenes::permits(),
        scenes::lost_notification(),
        scenes::barging(),
        scenes::blocked_thread(),
        scenes::futurelock(),
    ] {
        sound(&alone(tale.ends(Outcome::Deadlock)));
    }
}

#[test]
fn a_loss_ends_what_is_not_known_any_more() {
    let names = Names {
        tasks: vec!["a".into(), "\u{1b}[31mb".into()],
        locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
    };
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let mut trace = Trace::new(names);
    for (at, task, what) in [
        (1, 0, What::Acquire { lock, op: OpId(1), mode }),
        (2, 1, What::Wait { lock, op: OpId(2), mode }),
        (3, 0, What::Lost { events: 3 }),
        (4, 1, What::Acquire { lock, op: OpId(4), mode }),
        (5, 0, What::Release { lock, op: OpId(1) }),
        (6, 0, What::Print { text: format!("\u{1b}]0;{}", "x".repeat(500)).into() }),
    ] {
        let actor = Actor { task: TaskId(task), step: None };
        trace.push(Event { seq: 0, at: Time::from_nanos(at), actor, what });
    }
    trace.finish(End {
        outcome: Outcome::Stopped,
        at: Time::from_nanos(9),
        note: Some("it was killed".into()),
    });
    insta::assert_snapshot!(sound(&alone(trace)).text());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Events that follow no rule, too.
    #[test]
    fn whatever_happens_is_sound(
        events in prop::collection::vec((0..3u32, any::<Option<std::num::NonZeroU32>>(), 0..9_000u64, what()), 0..60),
    ) {
        let names = Names {
            tasks: ["a", "b", "c"].map(Into::into).to_vec(),
            locks: KINDS.map(|(kind, permits)| LockName { name: kind.path().into(), kind, permits }).to_vec(),
        };
        let mut trace = Trace::new(names);
        for (task, step, at, what) in events {
            let actor = Actor { task: TaskId(task), step: step.map(StepId) };
            trace.push(Event { seq: 0, at: Time::from_nanos(at), actor, what });
        }
        sound(&alone(trace));
    }
}
