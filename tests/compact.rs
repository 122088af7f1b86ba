//! The compact form: what goes in comes out, at any cut what is whole, and nothing grows or panics.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use std::num::NonZeroU32;
use std::sync::Arc;

use events::{KINDS, what};
use lockscope::compact::{Clock, Damage, Decoder, Encoder, End, Head, Item, Why};
use lockscope::event::{
    Actor, Event, Kind, LockId, LockKind, LockName, Mode, OpId, Outcome, Packed, StepId, TaskId, Time, What,
};
use proptest::prelude::*;

/// All that a stream tells.
#[derive(Debug, Default, PartialEq)]
struct Told {
    head: Option<Head>,
    tasks: Vec<Arc<str>>,
    locks: Vec<LockName>,
    before: Option<(u64, u64)>,
    events: Vec<Event>,
    end: Option<End>,
}

impl Told {
    /// Takes all there is so far.
    fn more(&mut self, decoder: &mut Decoder) -> Result<(), Damage> {
        while let Some(item) = decoder.next_item()? {
            match item {
                Item::Head(head) => self.head = Some(head),
                Item::Names { tasks, locks } => {
                    self.tasks.extend_from_slice(tasks);
                    self.locks.extend_from_slice(locks);
                }
                Item::Before { earlier, opening } => self.before = Some((earlier, opening)),
                Item::Events { events, asides } => {
                    for packed in events {
                        let seq = self.events.len() as u64 + 1;
                        let whole = || asides[packed.large() as usize].clone();
                        self.events.push(packed.event(seq).unwrap_or_else(whole));
                    }
                }
                Item::End(end) => self.end = Some(end),
            }
        }
        Ok(())
    }

    fn of(bytes: &[u8]) -> (Self, Result<(), Damage>) {
        let (mut decoder, mut told) = (Decoder::new(), Self::default());
        decoder.feed(bytes);
        let result = told.more(&mut decoder).and_then(|()| decoder.finish());
        (told, result)
    }
}

fn event(at: u64, task: u32, what: What) -> Event {
    Event { seq: 0, at: Time::from_nanos(at), actor: Actor { task: TaskId(task), step: None }, what }
}

fn head(clock: Clock) -> Head {
    let scenario = Some(("s.json".into(), "{}".into()));
    Head { title: "tïtle".into(), clock, horizon: Some(Time::from_millis(7)), scenario }
}

/// A small stream with everything in it, in several parts.
fn small() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(&head(Clock::Virtual));
    let mut parts = vec![encoder.take()];
    let (lock, op, mode) = (LockId(0), OpId(1), Mode::Exclusive);
    encoder.come_after(1000, 2);
    encoder.task("a");
    encoder.lock(&LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None });
    encoder.push_event(&event(0, 0, What::Spawn));
    encoder.push_event(&event(1_000_000, 0, What::Wait { lock, op, mode }));
    parts.push(encoder.take());
    encoder.task("b");
    encoder.push_event(&event(1_000_001, 1, What::Say { text: "now".into() }));
    encoder.push_event(&event(5, 0, What::Acquire { lock, op, mode }));
    encoder.push_event(&event(6, 1, What::Lost { events: 3 }));
    parts.push(encoder.take());
    encoder.end(&End { outcome: Outcome::Deadlock, at: Time::from_millis(9), note: Some("so".into()) });
    parts.push(encoder.take());
    parts
}

#[test]
fn every_part_tells_all_so_far() {
    let (mut decoder, mut told) = (Decoder::new(), Told::default());
    let mut counts = Vec::new();
    for part in small() {
        decoder.feed(&part);
        told.more(&mut decoder).unwrap();
        counts.push((told.tasks.len(), told.events.len(), told.end.is_some()));
    }
    assert_eq!(counts, [(0, 0, false), (1, 2, false), (2, 5, false), (2, 5, true)]);
    assert_eq!(decoder.finish(), Ok(()));
    assert_eq!((told.head, told.before), (Some(head(Clock::Virtual)), Some((1000, 2))));
    assert_eq!(told.end.unwrap().note.as_deref(), Some("so"));
    // Time that runs back is told as it was.
    assert_eq!(told.events[3].at, Time::from_nanos(5));
}

#[test]
fn a_stream_cut_anywhere_tells_what_is_whole() {
    let whole = small().concat();
    let (all, result) = Told::of(&whole);
    assert_eq!(result, Ok(()));
    let mut blocks = 0;
    for length in 0..whole.len() {
        let (told, result) = Told::of(&whole[..length]);
        let damage = result.unwrap_err();
        assert!(damage.offset <= length as u64);
        assert_eq!(told.events, all.events[..told.events.len()]);
        assert_eq!(told.end, None);
        match damage.why {
            Why::Foreign => assert_eq!(length, 0),
            Why::Cut => {}
            other => {
                blocks += 1;
                assert_eq!(other.to_string(), "it breaks off without an end");
            }
        }
        // Fed bit by bit it is the same.
        let (mut decoder, mut slowly) = (Decoder::new(), Told::default());
        for byte in &whole[..length] {
            decoder.feed(&[*byte]);
            slowly.more(&mut decoder).unwrap();
        }
        assert_eq!((slowly, decoder.finish().unwrap_err().offset), (told, damage.offset));
    }
    // Behind the magic, and behind each of head, before, names, events, names, events.
    assert_eq!(blocks, 7);
}

#[test]
fn a_bit_that_is_wrong_anywhere_is_found() {
    let whole = small().concat();
    let (all, _) = Told::of(&whole);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let (told, result) = Told::of(&bytes);
            let damage = result.unwrap_err();
            assert!(damage.offset <= at as u64, "{damage}");
            assert_eq!(told.events, all.events[..told.events.len()]);
        }
    }
}

#[test]
fn damage_stays() {
    let mut bytes = small().concat();
    bytes.push(0);
    let (mut decoder, mut told) = (Decoder::new(), Told::default());
    decoder.feed(&bytes);
    let damage = told.more(&mut decoder).unwrap_err();
    assert_eq!(damage.why.to_string(), "something stands behind the end");
    decoder.feed(&bytes);
    assert_eq!(decoder.next_item().unwrap_err(), damage);
    assert_eq!(decoder.finish(), Err(damage));

    let mut newer = small().concat();
    newer[12] = 9;
    assert_eq!(Told::of(&newer).1.unwrap_err().why, Why::Newer(9));
    assert_eq!(Told::of(b"{\"scenario\":1}").1.unwrap_err().why, Why::Foreign);
}

/// A block as one would make it by hand.
fn block(kind: u8, holds: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend((holds.len() as u32).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes);
    sum.update(holds);
    bytes.extend(sum.finalize().to_le_bytes());
    bytes.extend(holds);
    bytes
}

/// What is said of such a block behind names and events.
fn said(kind: u8, holds: &[u8]) -> Result<usize, String> {
    let mut bytes = small()[..3].concat();
    bytes.extend(block(kind, holds));
    bytes.extend(small().pop().unwrap());
    let (told, result) = Told::of(&bytes);
    result.map(|()| told.events.len()).map_err(|damage| damage.why.to_string())
}

#[test]
fn what_has_a_good_checksum_may_be_nonsense() {
    // What a later version adds is left aside.
    assert_eq!(said(200, b"anything"), Ok(5));
    // What came before the first event is told before it, or not at all.
    assert_eq!(said(128, &[9, 9]), Ok(5));
    for (kind, holds, why) in [
        (1, &[][..], "there is a block that does not belong here"),
        (9, &[], "there is a block that does not belong here"),
        (2, &[2, 0], "a name is of neither a task nor a lock"),
        (2, &[1, 1, b'x', 1, b'y', 0], "there is a kind of lock that nobody knows"),
        (2, &[0, 1, 0xff], "a text is not UTF-8"),
        (2, &[0, 0xff, 0xff, 0x7f], "a text is longer than its block"),
        (2, &[0, 0xff, 0xff, 0xff, 0xff, 0x7f], "a text is too long"),
        (3, &[31, 0, 0], "there is no such event"),
        (3, &[1, 0, 2], "an event is of a task that has not been named"),
        (3, &[1, 3, 0], "a time is no time"),
        (3, &[7, 0, 0, 1, 0, 0, 0, 0], "an event is of a lock that has not been named"),
        (3, &[7, 0, 0, 0, 0, 0, 0xff, 0x7f, 0], "there is no such thread"),
        (3, &[7, 0, 0, 0, 0, 0xff, 0x7f, 0, 0], "a number of an event is too large"),
        (3, &[7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "a number is too large"),
        (3, &[0, 0, 0, 0, 18, 0, 0, 1, b'{'], "a value is no JSON"),
        (4, &[7, 0, 0], "there is no such outcome"),
        (4, &[0, 0, 0, 0], "a block is longer than what it tells"),
    ] {
        assert_eq!(said(kind, holds), Err(why.into()), "{kind} {holds:?}");
    }
    // Two bytes an event, as many as fit.
    let mut many = vec![1, 0, 0, 64, 0, 0];
    many.resize(1 << 20, 0);
    assert!(said(3, &many).is_err());
    let long = [3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let bytes = [small()[..3].concat(), long.to_vec()].concat();
    assert_eq!(Told::of(&bytes).1.unwrap_err().why.to_string(), "a block is too long");
}

/// What `tasks` do who take a lock in turn as they are ready, so many times.
fn traffic(tasks: u32, contended: bool, rounds: u32) -> Vec<Event> {
    // A little of everything, and the same every time.
    let mut random = 1_u64;
    let mut below = |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let (mut now, mut events, mut next) = (0, Vec::new(), vec![0_u64; tasks as usize]);
    let mut queue = std::collections::VecDeque::new();
    for _ in 0..rounds {
        let task = below(u64::from(tasks)) as u32;
        let mut asks = |task: u32| {
            next[task as usize] += 1;
            OpId(u64::from(task) << 36 | next[task as usize])
        };
        let mut happens = |task, span, what| {
            now += span;
            events.push(event(now, task, what));
        };
        let (task, op) = queue.pop_front().unwrap_or_else(|| (task, asks(task)));
        happens(task, 40 + below(3000), What::Acquire { lock, op, mode });
        let other = below(u64::from(tasks)) as u32;
        if contended && other != task && queue.iter().all(|(waits, _)| *waits != other) {
            let op = asks(other);
            happens(other, 40 + below(3000), What::Wait { lock, op, mode });
            queue.push_back((other, op));
        }
        happens(task, 40 + below(3000), What::Release { lock, op });
        if let Some((task, op)) = queue.front() {
            happens(*task, 20 + below(200), What::Grant { lock, op: *op, mode });
        }
    }
    events
}

#[test]
fn few_bytes_are_enough_for_an_event() {
    let mut sizes = Vec::new();
    for (tasks, contended) in [(2, false), (2, true), (8, false), (8, true)] {
        let events = traffic(tasks, contended, 10_000);
        let mut encoder = Encoder::new(&Head::default());
        (0..tasks).for_each(|task| encoder.task(&format!("worker {task}")));
        encoder.lock(&LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None });
        for event in &events {
            encoder.push_event(event);
        }
        let bytes = encoder.take();
        let (told, _) = Told::of(&bytes);
        assert!(told.events.iter().zip(&events).all(|(told, event)| told.what == event.what));
        assert_eq!(told.events.len(), events.len());
        sizes.push(bytes.len() as f64 / events.len() as f64);
    }
    println!("{sizes:.2?}");
    assert!(sizes.iter().all(|size| *size < 6.0), "{sizes:?}");
}

#[test]
fn what_is_beyond_the_short_form_survives() {
    let mut encoder = Encoder::new(&Head::default());
    encoder.task(&"ö".repeat(5 << 20));
    encoder.lock(&LockName { name: "l".into(), kind: LockKind::StdMutex, permits: Some(u32::MAX) });
    let (lock, mode) = (LockId(0), Mode::Permits(u32::MAX));
    let step = Some(StepId(NonZeroU32::MAX));
    let mut events = vec![
        event(1, 0, What::Busy { lock, op: OpId(u64::MAX), mode }),
        event(2, 0, What::Sleep { until: Time::ZERO }),
        event(3, 0, What::Lost { events: u64::MAX }),
        event(u64::MAX, 0, What::Wake),
        event(0, 0, What::Print { text: "x".repeat(8 << 20).into() }),
    ];
    events[1].actor.step = step;
    for event in &events {
        encoder.push_event(event);
    }
    // What the short form cannot hold is lost, and counted, where only that is given.
    let actor = Actor { task: TaskId(0), step: None };
    encoder.push(Packed::aside(Time::from_nanos(4), actor, 0).unwrap());
    encoder.end(&End { outcome: Outcome::Completed, at: Time::from_nanos(u64::MAX), note: None });
    let (told, result) = Told::of(&encoder.take());
    assert_eq!(result, Ok(()));
    assert_eq!(told.tasks[0].chars().count(), 4 << 20);
    events.push(event(4, 0, What::Lost { events: 1 }));
    for (told, event) in told.events.iter().zip(&events) {
        assert_eq!((&told.what, told.at, told.actor), (&event.what, event.at, event.actor));
    }
    assert_eq!(told.events.len(), events.len());
    assert_eq!(told.locks[0].permits, Some(u32::MAX));
}

/// Whatever is pushed, the rest of the stream can be read.
#[test]
fn what_names_nobody_is_lost_and_nothing_else_is() {
    let (op, mode) = (OpId(1), Mode::Exclusive);
    let wait = |lock| What::Wait { lock: LockId(lock), op, mode };
    let sent = |value| What::Sent { lock: LockId(0), op, value: Arc::new(value) };
    let mut encoder = Encoder::new(&Head::default());
    encoder.push_event(&event(1, 0, What::Spawn));
    encoder.push_event(&event(2, 7, wait(0)));
    encoder.task("a");
    encoder.push_event(&event(3, 0, wait(0)));
    encoder.lock(&LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None });
    encoder.push_event(&event(4, 0, wait(0)));
    encoder.push_event(&event(5, 1, wait(0)));
    encoder.push_event(&event(6, 1, What::Say { text: "x".into() }));
    encoder.push_event(&event(7, 0, What::Get { lock: LockId(1), key: "k".into(), value: None }));
    let deep = (0..1000).fold(serde_json::Value::Null, |value, _| vec![value].into());
    encoder.push_event(&event(8, 0, sent(deep)));
    encoder.push_event(&event(9, 0, sent("x".repeat(9 << 20).into())));
    // One that tells of many stands for as many.
    encoder.push_event(&event(9, 1, What::Lost { events: 7 }));
    encoder.push_event(&event(9, 1, What::Lost { events: u64::MAX }));
    encoder.push_event(&event(10, 0, What::Finish));
    encoder.end(&End { outcome: Outcome::Stopped, at: Time::from_nanos(11), note: None });
    let (told, result) = Told::of(&encoder.take());
    assert_eq!(result, Ok(()));
    let lost = |events| What::Lost { events };
    let expected = [
        lost(2),
        lost(1),
        wait(0),
        lost(1),
        lost(1),
        lost(1),
        lost(1),
        lost(1),
        lost(7),
        lost(u64::MAX),
        What::Finish,
    ];
    assert_eq!(told.events.iter().map(|event| event.what.clone()).collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_comes_out_as_it_went_in(
        real in any::<bool>(),
        events in prop::collection::vec((0..4u32, any::<Option<NonZeroU32>>(), any::<u64>(), any::<bool>(), what()), 0..60),
        cuts in prop::collection::vec(any::<bool>(), 60),
    ) {
        let clock = if real { Clock::Real } else { Clock::Virtual };
        let mut encoder = Encoder::new(&head(clock));
        (0..4).for_each(|task| encoder.task(&task.to_string()));
        for (kind, permits) in KINDS {
            encoder.lock(&LockName { name: kind.path().into(), kind, permits });
        }
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for ((task, step, at, exact, what), cut) in events.into_iter().zip(cuts) {
            let at = if exact { at % 10_000 * 1_000_000 } else { at };
            let event = Event {
                seq: expected.len() as u64 + 1,
                at: Time::from_nanos(at),
                actor: Actor { task: TaskId(task), step: step.map(StepId) },
                what,
            };
            encoder.push_event(&event);
            expected.push(event);
            if cut {
                bytes.extend(encoder.take());
            }
        }
        bytes.extend(encoder.take());
        let (told, _) = Told::of(&bytes);
        prop_assert_eq!(told.head, Some(head(clock)));
        prop_assert_eq!(told.events, expected);
    }

    /// Behind a good checksum too.
    #[test]
    fn any_bytes_do_no_harm(kind in 1..5u8, holds in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = said(kind, &holds);
        let _ = Told::of(&holds);
    }

    #[test]
    fn the_short_form_survives_as_it_is(events in prop::collection::vec((any::<u64>(), 0..18u64, 0..2048u64, 0..1u64 << 48, 0..3u64, 0..5u64, 0..1u64 << 20), 0..60)) {
        let mut encoder = Encoder::new(&Head::default());
        (0..3).for_each(|task| encoder.task(&task.to_string()));
        for (kind, permits) in KINDS {
            encoder.lock(&LockName { name: kind.path().into(), kind, permits });
        }
        let mut expected = Vec::new();
        for (at, kind, small, large, task, lock, step) in events {
            let what = kind | small << 5 | large << 16;
            let packed = Packed::from_words([at, what, task | lock << 24 | step << 44]);
            if packed.kind() != Kind::Aside {
                encoder.push(packed);
                expected.push(packed);
            }
        }
        let mut decoder = Decoder::new();
        decoder.feed(&encoder.take());
        let mut came = Vec::new();
        while let Some(item) = decoder.next_item().unwrap() {
            if let Item::Events { events, .. } = item {
                came.extend_from_slice(events);
            }
        }
        prop_assert_eq!(came, expected);
    }
}
