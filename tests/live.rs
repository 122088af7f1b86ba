//! Programs looked at while they run: what viewers see, and what hostile ones get.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/nonsense.rs"]
mod nonsense;

use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Packed, TaskId, Time, What,
};
use lockscope::live::{
    ConnectError, Feed, Frame, Live, Reader, ServeError, Token, feed, feed_with, report_to,
};
use lockscope::sync::{Batch, Outlet};
use lockscope::trace::State;
use proptest::prelude::*;

const TOKEN: &str = "0123456789abcdef";

fn token() -> Token {
    Token::new(TOKEN).unwrap()
}

fn give(feed: &mut Feed, names: Option<&Names>, events: &[Event]) {
    let mut asides = Vec::new();
    let packed: Vec<Packed> = events
        .iter()
        .map(|event| {
            Packed::of(event).unwrap_or_else(|| {
                asides.push(event.clone());
                Packed::aside(event.at, event.actor, asides.len() as u64 - 1).unwrap()
            })
        })
        .collect();
    let (tasks, locks) = names.map_or((&[][..], &[][..]), |names| (&names.tasks, &names.locks));
    feed.take(&Batch { tasks, locks, events: &packed, asides: &asides, ..Batch::default() });
}

/// What happened, as it is told.
fn happened(frame: Frame) -> Vec<Event> {
    match frame {
        Frame::Events(events) => events.iter().filter_map(|packed| packed.event(0)).collect(),
        Frame::Aside(event) => vec![event],
        _ => Vec::new(),
    }
}

/// All that a viewer is told until the end.
fn watch(live: &mut Live) -> (Names, Vec<Event>, Time) {
    let (mut names, mut events) = (Names::default(), Vec::new());
    loop {
        match live.read().unwrap() {
            Frame::Task(name) => names.tasks.push(name),
            Frame::Lock(lock) => names.locks.push(lock),
            Frame::End(at) => return (names, events, at),
            frame => {
                for event in happened(frame) {
                    events.push(Event { seq: events.len() as u64 + 1, ..event });
                }
            }
        }
    }
}

/// Who has what and who waits, since when.
fn picture(names: &Names, events: &[Event]) -> Vec<String> {
    let mut state = State::new(names);
    for event in events {
        state.apply(event);
    }
    let places = |lock: &lockscope::trace::Lock| {
        let queue = lock.queue.iter();
        let places = lock.holders.iter().chain(&lock.granted).chain(queue);
        let places: Vec<_> = places.map(|place| (place.task, place.op, place.mode, place.since)).collect();
        format!("{} {} {places:?}", lock.holders.len(), lock.granted.len())
    };
    state.locks.iter().map(places).collect()
}

fn event(seq: u64, task: u32, what: What) -> Event {
    Event { seq, at: Time::from_millis(seq), actor: Actor { task: TaskId(task), step: None }, what }
}

fn db() -> Names {
    let db = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
    Names { tasks: vec!["reader".into(), "writer".into()], locks: vec![db] }
}

const ACQUIRE: What = What::Acquire { lock: LockId(0), op: OpId(1), mode: Mode::Exclusive };
const RELEASE: What = What::Release { lock: LockId(0), op: OpId(1) };
const WAIT: What = What::Wait { lock: LockId(0), op: OpId(2), mode: Mode::Exclusive };

#[test]
fn who_comes_late_is_told_where_things_stand_and_then_all_that_happens() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    let begun = [event(1, 0, What::Spawn), event(2, 1, What::Spawn), event(3, 0, ACQUIRE), event(4, 1, WAIT)];
    give(&mut feed, Some(&db()), &begun);
    let mut live = Live::connect(serving.addr(), None).unwrap();
    let told: Vec<Frame> = (0..5).map(|_| live.read().unwrap()).collect();
    assert!(matches!(&told[2], Frame::Lock(lock) if &*lock.name == "db"));
    // In the place of four events come the two that still hold.
    assert_eq!(told[3], Frame::Before { events: 4, opening: 2 });
    let hold = begun[2..].iter().map(|event| Event { seq: 0, ..event.clone() });
    assert_eq!(happened(told[4].clone()), hold.collect::<Vec<_>>());
    // What it is told later follows what it was told: it is seated by now.
    let release = What::Release { lock: LockId(0), op: OpId(1) };
    give(&mut feed, None, &[event(5, 0, release.clone())]);
    std::thread::spawn(move || feed.finish(Time::from_millis(9)));
    let (_, events, end) = watch(&mut live);
    assert_eq!((events.len(), events[0].what.clone(), end), (1, release, Time::from_millis(9)));
    assert_eq!(serving.lost(), 0);
}

#[test]
fn a_viewer_that_reads_nothing_costs_a_bounded_queue_and_is_told_what_it_missed() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    give(&mut feed, Some(&db()), &[event(1, 0, ACQUIRE)]);
    let mut live = Live::connect(serving.addr(), None).unwrap();
    assert!(matches!(live.read().unwrap(), Frame::Task(_)));
    // More than its queue and all buffers of the system take.
    let mut seq = 1;
    while serving.lost() < 1_000_000 {
        let busy = |seq| event(seq, 1, What::Busy { lock: LockId(0), op: OpId(seq), mode: Mode::Exclusive });
        let events: Vec<Event> = (seq + 1..=seq + 50_000).map(busy).collect();
        give(&mut feed, None, &events);
        seq += 50_000;
        assert!(seq < 100_000_000, "nothing bounds it");
    }
    give(&mut feed, None, &[event(seq + 1, 1, WAIT)]);
    let lost = serving.lost();
    std::thread::spawn(move || feed.finish(Time::from_millis(seq + 2)));
    let (mut told, mut missed, mut after) = (0, 0, Vec::new());
    loop {
        match live.read().unwrap() {
            Frame::End(_) => break,
            frame => {
                for event in happened(frame) {
                    match event.what {
                        What::Lost { events } => missed += events,
                        what if missed == 0 => told += u64::from(matches!(what, What::Busy { .. })),
                        what => after.push(what),
                    }
                }
            }
        }
    }
    assert_eq!(missed, lost);
    // All that happened but the first, which came with the prologue, was told or is counted.
    assert_eq!(told + missed, seq);
    // Then it is told where things stand.
    assert_eq!(after, [What::Spawn, ACQUIRE, What::Spawn, WAIT]);
}

/// Nothing is told of the time before somebody came but what still holds.
#[test]
fn who_does_nothing_begins_when_somebody_comes_to_see() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    let release = |seq| event(seq, 0, RELEASE);
    let begun = [event(1, 0, What::Spawn), event(2, 1, WAIT), event(3, 0, ACQUIRE), release(4)];
    give(&mut feed, Some(&db()), &begun);
    // A program that served late has told nobody of what was before that.
    let mut live = Live::connect(serving.addr(), None).unwrap();
    let told: Vec<Frame> = (0..5).map(|_| live.read().unwrap()).collect();
    assert_eq!(told[3], Frame::Before { events: 4, opening: 2 });
    let alive = event(4, 0, What::Spawn);
    let hold = [begun[1].clone(), alive].map(|event| Event { seq: 0, ..event });
    assert_eq!(happened(told[4].clone()), hold);
}

/// Who sits there before anything has happened may look at a program whose recorder has seen much.
#[test]
fn a_feed_that_begins_late_says_so_to_who_was_there_before() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    let mut live = Live::connect(serving.addr(), None).unwrap();
    let Names { tasks, locks } = db();
    let events = [Packed::of(&event(9, 0, ACQUIRE)).unwrap()];
    feed.take(&Batch { tasks: &tasks, locks: &locks, earlier: 1000, events: &events, asides: &[] });
    give(&mut feed, None, &[event(10, 1, WAIT)]);
    std::thread::spawn(move || feed.finish(Time::from_millis(11)));
    let mut told = Vec::new();
    while told.last().is_none_or(|frame| !matches!(frame, Frame::End(_))) {
        told.extend(Some(live.read().unwrap()).filter(|frame| !matches!(frame, Frame::Now(_))));
    }
    let before = told.iter().find_map(|frame| match frame {
        Frame::Before { events, opening } => Some((*events, *opening)),
        _ => None,
    });
    // It is told one or both of what happened as what holds.
    assert!(before == Some((1000, 1)) || before == Some((1001, 2)), "{told:?}");
    let events: usize = told.iter().map(|frame| happened(frame.clone()).len()).sum();
    assert_eq!(events, 2, "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whenever viewers join, they end with the program's own state.
    #[test]
    fn viewers_see_the_state_of_the_program(
        names in nonsense::names(),
        mut events in prop::collection::vec(nonsense::event(), 1..150),
        joins in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let mut at = 0;
        for (seq, event) in (1..).zip(&mut events) {
            at += event.at.nanos() % 1000;
            (event.seq, event.at) = (seq, Time::from_nanos(at));
            event.actor.task = TaskId(event.actor.task.0 % 3);
            // An operation is of one task and one lock.
            let of = |op: &OpId| (LockId(op.0 as u32 % 2), TaskId(op.0 as u32 / 2 % 3));
            match &mut event.what {
                What::Wait { lock, op, .. } | What::Grant { lock, op, .. } | What::Acquire { lock, op, .. }
                | What::Busy { lock, op, .. } | What::Release { lock, op } | What::Cancel { lock, op }
                | What::Heard { lock, op } => (*lock, event.actor.task) = of(op),
                _ => event.what = What::Wake,
            }
        }
        let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
        give(&mut feed, Some(&names), &[]);
        let mut viewers = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if joins.iter().any(|join| join.index(events.len()) == index) {
                viewers.push(Live::connect(serving.addr(), None).unwrap());
            }
            give(&mut feed, None, std::slice::from_ref(event));
        }
        let finish = std::thread::spawn(move || feed.finish(Time::from_nanos(at)));
        for live in &mut viewers {
            let (told, seen, _) = watch(live);
            prop_assert_eq!(&told, &names);
            prop_assert_eq!(picture(&names, &seen), picture(&names, &events), "{:#?}", seen);
        }
        finish.join().unwrap();
        prop_assert_eq!(serving.lost(), 0);
    }

    /// Bytes of anybody are read without harm.
    #[test]
    fn a_reader_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (mut reader, mut from) = (Reader::default(), Cursor::new(bytes));
        while reader.next(&mut from).is_ok() {}
    }
}

#[test]
fn a_stream_that_is_cut_at_any_byte_or_lies_of_its_length_is_an_error() {
    let mut bytes = vec![1, 1, 0, 0, 0, b'a', 2, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'd', b'b', 3, 24, 0, 0, 0];
    let packed = Packed::of(&event(1, 0, ACQUIRE)).unwrap();
    bytes.extend(packed.words().into_iter().flat_map(u64::to_le_bytes));
    let read = |bytes: &[u8]| {
        let (mut reader, mut from) = (Reader::default(), Cursor::new(bytes));
        let error = loop {
            if let Err(error) = reader.next(&mut from) {
                break error.kind();
            }
        };
        (error, from.position())
    };
    for cut in 0..=bytes.len() {
        assert_eq!(read(&bytes[..cut]).0, ErrorKind::UnexpectedEof, "cut at {cut}");
    }
    assert_eq!(read(&[3, 255, 255, 255, 255]), (ErrorKind::InvalidData, 5));
    assert_eq!(read(&[9, 0, 0, 0, 0]).0, ErrorKind::InvalidData);
    // Of nothing but such frames nobody would ever hear.
    assert_eq!(read(&[3, 0, 0, 0, 0]), (ErrorKind::InvalidData, 5));
    // An event of a task without a name.
    assert_eq!(read(&bytes[6..]).0, ErrorKind::InvalidData);
}

/// What a stranger who says `bytes`, and then nothing more, is answered.
fn answer(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // One that is turned away while it still talks sees a reset.
    _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn strangers_get_no_byte_and_the_wrong_token_nothing_else() {
    let (_feed, serving) = feed_with("127.0.0.1:0", token()).unwrap();
    let http = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    assert_eq!(answer(serving.addr(), http), b"");
    let mut hello = b"lockscope?\n\x01\x00\x10".to_vec();
    hello.extend(TOKEN.as_bytes());
    for cut in 0..hello.len() {
        assert_eq!(answer(serving.addr(), &hello[..cut]), b"", "cut at {cut}");
    }
    let wrong = Token::new("0123456789abcdeF").unwrap();
    let told = Live::connect(serving.addr(), Some(&wrong));
    assert!(matches!(told, Err(ConnectError::WrongToken)), "{told:?}");
    assert!(matches!(Live::connect(serving.addr(), None), Err(ConnectError::WrongToken)));
    hello[11] = 2;
    assert_eq!(answer(serving.addr(), &hello), b"lockscope!\n\x01\x00\x02");
    assert!(Live::connect(serving.addr(), Some(&token())).is_ok());
}

/// Who comes after events were lost is told so: nobody knows who has the lock, and it is not free.
#[test]
fn who_joins_after_a_loss_is_told_of_it() {
    let (mut feed, serving) = feed("127.0.0.1:0").unwrap();
    give(&mut feed, Some(&db()), &[event(1, 0, ACQUIRE), event(2, 1, What::Lost { events: 7 })]);
    let mut live = Live::connect(serving.addr(), None).unwrap();
    let told = std::iter::from_fn(|| live.read().ok()).flat_map(happened).next();
    assert_eq!(told.map(|event| event.what), Some(What::Lost { events: 7 }));
}

/// Whoever inherits where to report to serves its own address when the viewer has gone, or has another program.
#[test]
fn nobody_to_report_to_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let report = format!("{} {TOKEN}", listener.local_addr().unwrap());
    let second = std::thread::spawn({
        let report = report.clone();
        move || report_to(&report).err().unwrap()
    });
    drop(listener.accept().unwrap());
    drop(listener);
    for error in [second.join().unwrap(), report_to(&report).err().unwrap()] {
        assert!(
            matches!(&error, ServeError::Io(error) if error.kind() == ErrorKind::ConnectionRefused),
            "{error}"
        );
    }
}

#[test]
fn only_so_many_look_at_once() {
    let (_feed, serving) = feed("127.0.0.1:0").unwrap();
    let all: Vec<Live> = (0..8).map(|_| Live::connect(serving.addr(), None).unwrap()).collect();
    assert!(matches!(Live::connect(serving.addr(), None), Err(ConnectError::Full)));
    assert_eq!(serving.viewers(), all.len());
}

#[test]
fn a_program_that_lets_go_of_what_serve_gave_has_ended_and_one_that_panics_has_not() {
    let serving = lockscope::serve("127.0.0.1:0").unwrap();
    let mut live = Live::connect(serving.addr(), None).unwrap();
    // It is told where things stand; what happens from then on is told as it happens.
    live.read().unwrap();
    *lockscope::sync::Mutex::named("db", 0).blocking_lock() += 1;
    drop(serving);
    let (_, events, _) = watch(&mut live);
    assert!(matches!(events.last().unwrap().what, What::Release { .. }));

    let serving = lockscope::serve("127.0.0.1:0").unwrap();
    let mut live = Live::connect(serving.addr(), None).unwrap();
    let panics = std::thread::spawn(move || {
        let _serving = serving;
        std::panic::resume_unwind(Box::new("without a word"));
    });
    assert!(panics.join().is_err());
    *lockscope::sync::Mutex::named("after", 0).blocking_lock() += 1;
    while !matches!(live.read().unwrap(), Frame::Lock(lock) if &*lock.name == "after") {}
}

#[test]
fn an_address_for_others_needs_a_token() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        assert!(matches!(feed(addr), Err(ServeError::NotLoopback(_))), "{addr}");
    }
    let (_feed, serving) = feed_with("0.0.0.0:0", token()).unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], serving.addr().port()));
    assert!(Live::connect(addr, Some(&token())).is_ok());
}

#[test]
fn an_address_is_free_when_nobody_serves_it_any_more() {
    let mut addr = SocketAddr::from(([127, 0, 0, 1], 0));
    for _ in 0..20 {
        let (_feed, serving) = feed(addr).unwrap();
        addr = serving.addr();
    }
}

#[test]
fn a_program_reports_to_its_viewer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let report = format!("{} {TOKEN}", listener.local_addr().unwrap());
    // It waits for its viewer, who therefore misses nothing.
    let program = std::thread::spawn(move || {
        let (mut feed, serving) = report_to(&report).unwrap();
        give(&mut feed, Some(&db()), &[event(1, 0, ACQUIRE), event(2, 0, RELEASE)]);
        give(&mut feed, None, &[event(3, 0, ACQUIRE)]);
        feed.finish(Time::from_millis(4));
        assert_eq!((serving.viewers(), serving.lost()), (0, 0));
    });
    let (stream, _) = listener.accept().unwrap();
    assert!(Live::heard(&stream, &token()).unwrap());
    let mut live = Live::greet(stream, Some(&token())).unwrap();
    let (names, events, _) = watch(&mut live);
    assert_eq!(names, db());
    assert!(events.iter().map(|event| &event.what).eq([&ACQUIRE, &RELEASE, &ACQUIRE]), "{events:?}");
    program.join().unwrap();
    for wrong in ["", "127.0.0.1:1", "127.0.0.1:1 short", "x 0123456789abcdef"] {
        assert!(matches!(report_to(wrong), Err(ServeError::Report)), "{wrong}");
    }
    assert!(matches!(report_to("192.0.2.1:1 0123456789abcdef"), Err(ServeError::NotLoopback(_))));
}

#[test]
fn who_is_there_instead_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let other = std::thread::spawn(move || {
        for reply in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"lockscope!\n\x02\x00\x02", b""] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(reply).unwrap();
        }
    });
    assert!(matches!(Live::connect(addr, None), Err(ConnectError::NotLockscope)));
    let newer = Live::connect(addr, None);
    assert!(matches!(newer, Err(ConnectError::OtherVersion(2))), "{newer:?}");
    assert!(matches!(Live::connect(addr, None), Err(ConnectError::NotLockscope)));
    other.join().unwrap();
    assert!(matches!(Live::connect(addr, None), Err(ConnectError::Nobody(_))));
}
