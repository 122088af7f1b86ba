//! Compact trace files that are broken, foreign or hostile: what is whole plays, and the place is told.

use std::io::{self, BufRead, Read};

use lockscope::compact::{Encoder, Head};
use lockscope::event::{Actor, Event, LockId, LockKind, LockName, Mode, OpId, TaskId, Time, What};
use lockscope::record::trace_file::{self, Place, Reading, Unreadable};
use lockscope::trace::text::sequence_diagram;

use super::runs;
use super::trace_file::{happened, written_compact};

/// A small file in several blocks, as of a program that was idle in between, and how many events each tells.
fn small() -> (Vec<Vec<u8>>, Vec<usize>) {
    let recording = runs::odd();
    let head = Head { title: "\u{1b}[31m".into(), ..Head::default() };
    let mut encoder = Encoder::new(&head);
    let mut parts = vec![encoder.take()];
    let mut counts = vec![0];
    for task in &recording.trace.names().tasks {
        encoder.task(task);
    }
    for lock in &recording.trace.names().locks {
        encoder.lock(lock);
    }
    for (index, event) in happened(&recording.trace).enumerate() {
        encoder.push_event(&event);
        if index % 7 == 3 {
            parts.push(encoder.take());
            counts.push(index + 1);
        }
    }
    let end = recording.trace.end().cloned().unwrap();
    encoder.end(&lockscope::compact::End { outcome: end.outcome, at: end.at, note: end.note });
    parts.push(encoder.take());
    counts.push(recording.trace.len() as usize);
    (parts, counts)
}

#[test]
fn a_file_cut_anywhere_plays_up_to_there() {
    let (parts, counts) = small();
    let whole = parts.concat();
    let all = trace_file::read(&whole[..]).unwrap().recording;
    let text = sequence_diagram(&all.trace);
    for length in 0..whole.len() {
        let bytes = &whole[..length];
        let Ok(Reading { recording, damage }) = trace_file::read(bytes) else {
            assert!(length < parts[0].len(), "{length}");
            continue;
        };
        let events = recording.trace.len() as usize;
        assert!(happened(&recording.trace).eq(happened(&all.trace).take(events)));
        let damage = damage.unwrap();
        let Place::Byte(place) = damage.place else { panic!("{damage}") };
        assert!(place as usize <= length, "{damage}");
        let mut ends = 0;
        let whole_parts = parts.iter().take_while(|part| {
            ends += part.len();
            ends <= length
        });
        // A part is one or two blocks with events at their end; the last has the end of the run besides.
        assert!(events >= counts[whole_parts.count() - 1], "{length}: {events}");
        let note = recording.trace.end().unwrap().note.clone().unwrap();
        assert_eq!(note, format!("damaged at {damage}"));
        assert!(sequence_diagram(&recording.trace).contains("damaged at byte "));
    }
    assert!(!text.contains("damaged"));
}

#[test]
fn a_byte_that_is_wrong_anywhere_is_found_and_does_no_harm() {
    let whole = small().0.concat();
    for at in 0..whole.len() {
        for byte in [0, 1, 3, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            if std::mem::replace(&mut bytes[at], byte) == byte {
                continue;
            }
            match trace_file::read(&bytes[..]) {
                Ok(Reading { recording, damage }) => {
                    let Place::Byte(place) = damage.unwrap().place else { panic!() };
                    assert!(place as usize <= at);
                    let text = sequence_diagram(&recording.trace);
                    assert!(!text.contains(['\u{1b}', '\0']), "{text:?}");
                }
                Err(error) => assert!(at < 60, "{at}: {error}"),
            }
        }
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let whole = small().0.concat();
    let refused = |bytes: &[u8]| trace_file::read(bytes).unwrap_err();
    assert!(matches!(refused(b"\x89PNG\r\n\x1a\n"), Unreadable::NotARecording));
    assert!(!trace_file::is_one(b"\x89PNG\r\n\x1a\n0123") && !trace_file::is_one(b""));
    assert!(trace_file::is_one(&whole[..trace_file::BEGINS]) && trace_file::is_one(&whole[..3]));
    let mut newer = whole.clone();
    newer[12] = 7;
    assert_eq!(
        refused(&newer).to_string(),
        "it was recorded by a newer lockscope: its format is version 7, and this one reads up to version 1"
    );
    assert_eq!(refused(&whole[..3]).to_string(), "byte 0: it breaks off");
    assert_eq!(refused(&whole[..20]).to_string(), "byte 13: it breaks off");
    let mut head = whole;
    head[22] ^= 1;
    assert_eq!(refused(&head).to_string(), "byte 13: the checksum is wrong");
}

fn lock(name: &str) -> LockName {
    LockName { name: name.into(), kind: LockKind::TokioMutex, permits: None }
}

/// Where a file is damaged that somebody thought up, behind the blocks that were taken out of it before, and
/// how many events it has.
#[track_caller]
fn thought_up(make: impl FnOnce(&mut Encoder, &mut Vec<u8>)) -> (String, u64, usize) {
    let mut encoder = Encoder::new(&Head::default());
    let mut before = Vec::new();
    make(&mut encoder, &mut before);
    let at = before.len();
    before.extend(encoder.take());
    let read = trace_file::read(&before[..]).unwrap();
    (read.damage.unwrap().to_string(), read.recording.trace.len(), at)
}

#[test]
fn names_are_given_but_once() {
    let spawn =
        Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(0), step: None }, what: What::Spawn };
    let (told, events, at) = thought_up(|encoder, before| {
        encoder.task("a");
        encoder.push_event(&spawn);
        before.extend(encoder.take());
        encoder.task("a");
        encoder.push_event(&spawn);
    });
    assert_eq!((told, events), (format!("byte {at}: `a` is named twice"), 1));
    let (told, ..) =
        thought_up(|encoder, _| ["l", "m", "l"].iter().for_each(|name| encoder.lock(&lock(name))));
    assert!(told.ends_with("`l` is named twice"), "{told}");
    // A lock may be called as a task is.
    let (told, ..) = thought_up(|encoder, _| {
        encoder.task("a");
        encoder.lock(&lock("a"));
    });
    assert!(told.ends_with("it breaks off without an end"), "{told}");
}

#[test]
fn what_would_need_too_much_memory_is_not_read() {
    let (told, ..) = thought_up(|encoder, _| {
        (0..=1 << 18).for_each(|number| encoder.lock(&lock(&number.to_string())));
    });
    assert!(told.ends_with("there are more than 1048576 tasks or 262144 locks"), "{told}");
    let event = |what| Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(0), step: None }, what };
    let (told, events, at) = thought_up(|encoder, before| {
        encoder.task("a");
        encoder.task("b");
        encoder.lock(&lock("l"));
        before.extend(encoder.take());
        for op in 1..20_000 {
            let (task, mode) = (TaskId(op as u32 % 2), Mode::Exclusive);
            let actor = Actor { task, step: None };
            let what = What::Wait { lock: LockId(0), op: OpId(op), mode };
            encoder.push_event(&Event { actor, ..event(what) });
        }
    });
    assert_eq!(told, format!("byte {at}: more than 16416 operations are under way at once"));
    assert_eq!(events, 16_416);
    let (told, ..) = thought_up(|encoder, _| {
        encoder.task("a");
        let text = "x".repeat(7 << 20);
        (0..10).for_each(|_| encoder.push_event(&event(What::Say { text: text.as_str().into() })));
    });
    assert!(told.ends_with("values and words need more than 64 MiB"), "{told}");
}

/// A file without end, of blocks that a later version may have added: they hold nothing that is kept.
struct Endless {
    piece: Vec<u8>,
    at: usize,
    read: u64,
}

impl Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(bytes.len());
        bytes[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Endless {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.read += length as u64;
        self.at += length;
        self.at %= self.piece.len();
    }
}

#[test]
fn a_file_without_end_is_not_read_without_end() {
    let head = Encoder::new(&Head::default()).take();
    let mut block = vec![200];
    block.extend((8_u32 << 20).to_le_bytes());
    let content = vec![0; 8 << 20];
    let mut sum = crc32fast::Hasher::new();
    sum.update(&block);
    sum.update(&content);
    block.extend(sum.finalize().to_le_bytes());
    block.extend(content);
    let mut endless = Endless { piece: block, at: 0, read: 0 };
    let read = trace_file::read((&head[..]).chain(&mut endless)).unwrap();
    let damage = read.damage.unwrap();
    assert_eq!(damage.what, "the file has more than 512 MiB");
    assert!(endless.read >= (512 << 20) - head.len() as u64 && endless.read < 530 << 20, "{}", endless.read);
}

/// What is said of it does not depend on how often it was looked at, and who comes to an end makes room.
#[test]
fn operations_that_end_make_room() {
    let event = |what| Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(0), step: None }, what };
    let (told, events, _) = thought_up(|encoder, _| {
        encoder.task("a");
        encoder.lock(&lock("l"));
        let (lock, mode) = (LockId(0), Mode::Exclusive);
        // All but one of the room is taken; then one begins and ends, again and again.
        for op in 1..1 << 14 {
            encoder.push_event(&event(What::Wait { lock, op: OpId(op), mode }));
        }
        for op in 20_000..22_000 {
            encoder.push_event(&event(What::Wait { lock, op: OpId(op), mode }));
            encoder.push_event(&event(What::Cancel { lock, op: OpId(op) }));
        }
    });
    assert!(told.ends_with("it breaks off without an end"), "{told}");
    assert_eq!(events, (1 << 14) - 1 + 4000);
}

#[test]
fn a_recording_that_no_file_can_hold_is_refused() {
    let mut recording = runs::odd();
    let names = lockscope::event::Names { tasks: vec!["a".into(), "a".into()], locks: Vec::new() };
    recording.trace = lockscope::trace::Trace::new(names);
    for write in [trace_file::write_compact, trace_file::write] {
        let error = write(&recording, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "`a` is named twice");
    }
    assert!(written_compact(&runs::odd()).starts_with(lockscope::compact::MAGIC));
}

#[test]
fn what_lines_have_no_room_for_is_refused_and_fits_into_blocks() {
    let recording = |tasks: usize, width: usize, events: u64| {
        let name = |task| format!("{task:0width$}").into();
        let mut recording = runs::odd();
        let names = lockscope::event::Names { tasks: (0..tasks).map(name).collect(), locks: Vec::new() };
        let mut trace = lockscope::trace::Trace::new(names);
        for seq in 1..=events {
            let actor = Actor { task: TaskId(0), step: None };
            trace.push(Event { seq, at: Time::default(), actor, what: What::Spawn });
        }
        trace.finish(recording.trace.end().cloned().unwrap());
        (recording.trace, recording.source) = (trace, None);
        recording
    };
    let cases = [
        (recording(100_001, 1, 0), "there are more than 100000 tasks or 1000 locks"),
        (recording(90_000, 120, 0), "all names and the scenario need more than 8 MiB"),
        (recording(1, 1, 1_000_001), "there are more than 1000000 events"),
    ];
    for (recording, why) in cases {
        let mut written = Vec::new();
        let error = trace_file::write(&recording, &mut written).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), format!("{why}; a file that ends in `.lockscope` has more room"));
        assert!(written.is_empty());
        let read = trace_file::read(&written_compact(&recording)[..]).unwrap();
        assert_eq!(read.damage, None);
        assert_eq!(read.recording.trace.len(), recording.trace.len());
    }
}

/// However the events lie in blocks, and whatever lies between them: what is read is what was written, up to what is
/// wrong.
#[test]
fn what_is_read_in_pieces_is_what_was_written() {
    const EVENTS: u64 = 30_000;
    let event = |seq: u64| {
        let actor = Actor { task: TaskId((seq % 7) as u32), step: None };
        let what = match seq % 1009 {
            0 => What::Print { text: format!("at {seq}").into() },
            n if n % 2 == 0 => What::Acquire { lock: LockId(0), op: OpId(seq), mode: Mode::Exclusive },
            _ => What::Release { lock: LockId(0), op: OpId(seq - 1) },
        };
        Event { seq, at: Time::from_nanos(seq * 100), actor, what }
    };
    // Few large blocks; many small ones; blocks with nothing but a name between them.
    for (block, named) in [(u64::MAX, 0), (8192, 0), (10, 0), (1000, 5000)] {
        let mut encoder = Encoder::new(&Head::default());
        let mut bytes = encoder.take();
        (0..7).for_each(|task| encoder.task(&task.to_string()));
        encoder.lock(&lock("l"));
        for seq in 1..=EVENTS {
            encoder.push_event(&event(seq));
            if seq % block == 0 {
                bytes.extend(encoder.take());
            }
            if seq == 9000 {
                for name in 0..named {
                    encoder.task(&format!("late {name}"));
                    bytes.extend(encoder.take());
                }
            }
        }
        let at = Time::from_nanos(EVENTS * 100);
        encoder.end(&lockscope::compact::End { outcome: lockscope::event::Outcome::Stopped, at, note: None });
        bytes.extend(encoder.take());
        let read = trace_file::read(&bytes[..]).unwrap();
        assert_eq!(read.damage, None);
        let trace = read.recording.trace;
        assert_eq!(trace.names().tasks.len(), 7 + named);
        assert!((1..=EVENTS).map(event).eq(trace.events().iter()), "{block}");
        let again = lockscope::trace::Trace::of(trace.names().clone(), (1..=EVENTS).map(event));
        for moment in [1, 8191, 8192, 8193, 16_384, 20_000, EVENTS] {
            assert_eq!(trace.state(moment), again.state(moment));
            assert_eq!(trace.moment_at(Time::from_nanos(moment * 100)), moment);
        }
        for task in (0..7).map(TaskId) {
            assert_eq!(trace.lane(task, EVENTS), again.lane(task, EVENTS));
        }
        // Cut in its middle, it plays up to there.
        let cut = trace_file::read(&bytes[..bytes.len() / 2]).unwrap();
        assert!(cut.damage.is_some());
        let events = cut.recording.trace.len() as usize;
        assert!(cut.recording.trace.events().iter().eq((1..=EVENTS).map(event).take(events)));
    }
}
