//! The recorder of programs: what it does when memory runs out, whom it tells what, and how it ends. That it
//! records the truth is for `sync_program.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex as StdMutex};
use std::thread;

use lockscope::event::{
    Actor, Event, Kind, LockId, LockKind, LockName, Mode, Names, Packed, TaskId, Time, What,
};
use lockscope::sync::{Batch, Mutex, Outlet, Present, Recorder, Ring, Semaphore};
use lockscope::trace::Trace;

/// All that an outlet was told.
#[derive(Clone, Default)]
struct Told(Arc<StdMutex<Kept>>);

#[derive(Default)]
struct Kept {
    names: Names,
    events: Vec<Event>,
    finished: Option<Time>,
}

impl Outlet for Told {
    fn take(&mut self, batch: &Batch<'_>) {
        let mut kept = self.0.lock().unwrap();
        kept.names.tasks.extend_from_slice(batch.tasks);
        kept.names.locks.extend_from_slice(batch.locks);
        for event in batch.events {
            let seq = kept.events.len() as u64 + 1;
            let event = match event.kind() {
                Kind::Aside => batch.asides[event.large() as usize].clone(),
                _ => event.event(seq).unwrap(),
            };
            kept.events.push(Event { seq, ..event });
        }
    }

    fn finish(&mut self, now: Time) {
        self.0.lock().unwrap().finished = Some(now);
    }
}

impl Told {
    fn trace(&self) -> Trace {
        let kept = self.0.lock().unwrap();
        Trace::of(kept.names.clone(), kept.events.iter().cloned())
    }

    /// How many events it was told are lost.
    fn lost(&self) -> u64 {
        let lost = |event: &Event| if let What::Lost { events } = event.what { events } else { 0 };
        self.0.lock().unwrap().events.iter().map(lost).sum()
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().events.iter().map(|event| event.what.name()).collect()
    }

    /// What it was told of the first lock and of losses, those in a row as one: how they are told depends on how far
    /// apart they were.
    fn names_of_first(&self) -> Vec<&'static str> {
        let kept = self.0.lock().unwrap();
        let first = |event: &&Event| event.what.lock().is_none_or(|lock| lock == LockId(0));
        let mut names: Vec<_> = kept.events.iter().filter(first).map(|event| event.what.name()).collect();
        names.dedup_by(|next, last| (*next, *last) == ("lost", "lost"));
        names
    }
}

fn mutex(recorder: &Recorder, name: &str) -> Mutex<u32> {
    Mutex::recorded(recorder, recorder.add_lock(name, LockKind::TokioMutex), 0)
}

/// Fills the room that this thread has, which has none more while the recorder's stands still. It is another lock's.
fn fill(log: &Mutex<u32>) {
    (0..512).for_each(|_| drop(log.try_lock().unwrap()));
}

/// Holds the recorder's thread up in its first call.
struct Gate {
    reached: Sender<()>,
    open: Receiver<()>,
    passed: bool,
}

impl Outlet for Gate {
    fn take(&mut self, _: &Batch<'_>) {
        if !std::mem::replace(&mut self.passed, true) {
            self.reached.send(()).unwrap();
            self.open.recv().unwrap();
        }
    }
}

/// A recorder with one chunk for each thread, what it tells, a lock, and what lets the recorder's thread go on: it
/// stands until then.
fn held_up() -> (Recorder, Told, Mutex<u32>, Sender<()>) {
    let recorder = Recorder::with_memory(0);
    let (reached, is_reached) = channel();
    let (opens, open) = channel();
    recorder.attach(Gate { reached, open, passed: false });
    let told = Told::default();
    recorder.attach(told.clone());
    let db = mutex(&recorder, "db");
    // Its thread is handed the name.
    is_reached.recv().unwrap();
    (recorder, told, db, opens)
}

/// Losses are told although who had them ends, or does nothing any more, before there is room again.
#[test]
fn what_a_thread_loses_last_is_told_too() {
    let (recorder, told, db, opens) = held_up();
    drop(db.try_lock().unwrap());
    // The other one ends; then this one has no room any more either.
    let other = || {
        fill(&db);
        drop(db.try_lock().unwrap());
    };
    thread::scope(|scope| scope.spawn(other).join().unwrap());
    assert_eq!(recorder.lost(), 2);
    for _ in 0..600 {
        drop(db.try_lock().unwrap());
    }
    let lost = recorder.lost();
    assert!(lost > 2, "{lost}");
    opens.send(()).unwrap();
    recorder.flush();
    assert_eq!((told.lost(), recorder.lost()), (lost, lost));
    recorder.finish();
    assert_eq!(told.lost(), lost);
    // After all that came before: nobody is left who would have the lock for ever.
    let trace = told.trace();
    let all = told.0.lock().unwrap();
    assert!(all.events.iter().rev().take(2).any(|event| matches!(event.what, What::Lost { .. })));
    assert!(trace.state(trace.len()).lock(LockId(0)).unwrap().owner().is_none());
}

#[test]
fn what_finds_no_room_is_lost_counted_and_told_in_its_place() {
    let (recorder, told, db, opens) = held_up();
    for _ in 0..2_000 {
        *db.try_lock().unwrap() += 1;
    }
    let lost = recorder.lost();
    assert!(lost > 0 && lost < 4_000, "{lost}");
    opens.send(()).unwrap();
    recorder.flush();
    // There is room again.
    for _ in 0..200 {
        *db.try_lock().unwrap() += 1;
    }
    recorder.finish();
    let said = told.lost();
    let kept = told.0.lock().unwrap();
    let others = kept.events.iter().filter(|event| !matches!(event.what, What::Lost { .. })).count() as u64;
    assert_eq!(said, recorder.lost());
    assert_eq!(said + others, 2 * 2_200);
    drop(kept);
    let trace = told.trace();
    let state = trace.state(trace.len());
    assert_eq!(state.lost, said);
    assert!(state.locks[0].holders.is_empty());
}

#[test]
fn whoever_comes_late_is_told_who_has_what() {
    let recorder = Recorder::program();
    let (db, log) = (mutex(&recorder, "db"), mutex(&recorder, "log"));
    let held = db.try_lock().unwrap();
    drop(log.try_lock().unwrap());
    recorder.flush();
    let told = Told::default();
    recorder.attach(told.clone());
    recorder.flush();
    assert_eq!(told.names(), ["acquire"]);
    let trace = told.trace();
    let state = trace.state(trace.len());
    assert_eq!((state.locks[0].holders.len(), state.locks[1].holders.len()), (1, 0));
    drop(held);
    recorder.flush();
    assert_eq!(told.names(), ["acquire", "release"]);
}

#[test]
fn an_outlet_is_told_when_it_is_over_and_nothing_after_that() {
    let recorder = Recorder::program();
    let told = Told::default();
    recorder.attach(told.clone());
    let db = mutex(&recorder, "db");
    let held = db.try_lock().unwrap();
    recorder.finish();
    drop(held);
    drop(db.try_lock().unwrap());
    recorder.flush();
    assert_eq!(told.names(), ["acquire"]);
    assert!(told.0.lock().unwrap().finished.is_some());
}

/// Says that it was told of the end.
struct Last(Sender<()>);
impl Outlet for Last {
    fn take(&mut self, _: &Batch<'_>) {}
    fn finish(&mut self, _: Time) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn the_last_handle_that_goes_ends_it() {
    let recorder = Recorder::program();
    let (gone, is_gone) = channel();
    recorder.attach(Last(gone));
    drop(recorder);
    is_gone.recv().unwrap();
}

/// Panics as soon as something happens.
struct Panics;
impl Outlet for Panics {
    fn take(&mut self, batch: &Batch<'_>) {
        assert!(batch.events.is_empty(), "on purpose");
    }
}

#[test]
fn an_outlet_that_panics_is_out_and_the_others_go_on() {
    let recorder = Recorder::program();
    recorder.attach(Panics);
    let told = Told::default();
    recorder.attach(told.clone());
    let db = mutex(&recorder, "db");
    for _ in 0..3 {
        drop(db.try_lock().unwrap());
        recorder.flush();
    }
    assert_eq!(told.names().len(), 6);
}

#[test]
fn threads_come_and_go_and_no_operation_has_the_number_of_another() {
    let recorder = Recorder::program();
    let ring = Ring::new(100_000);
    recorder.attach(ring.clone());
    let db = Arc::new(mutex(&recorder, "db"));
    for _ in 0..50 {
        let db = Arc::clone(&db);
        thread::spawn(move || drop(db.blocking_lock())).join().unwrap();
        recorder.flush();
    }
    let (_, events) = ring.history();
    let mut ops: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.what, What::Acquire { .. }))
        .map(|event| event.what.acquisition().unwrap().1)
        .collect();
    ops.sort_unstable();
    ops.dedup();
    assert_eq!(ops.len(), 50);
}

#[test]
fn a_ring_keeps_the_last_events_and_knows_what_held_before() {
    let recorder = Recorder::program();
    let (all, ring) = (Told::default(), Ring::new(7));
    recorder.attach(all.clone());
    recorder.attach(ring.clone());
    let (db, log) = (mutex(&recorder, "db"), mutex(&recorder, "log"));
    let held = db.try_lock().unwrap();
    for _ in 0..10 {
        drop(log.try_lock().unwrap());
        assert!(db.try_lock().is_err());
    }
    recorder.flush();
    let whole = all.trace();
    assert_eq!(ring.dropped(), whole.len() - 7);
    let (names, events) = ring.history();
    let short = Trace::of(names, events);
    let lost = short.event(1).map(|event| event.what.clone());
    assert_eq!(lost, Some(What::Lost { events: ring.dropped() }));
    let held_now = |trace: &Trace| -> Vec<_> {
        let state = trace.state(trace.len());
        state.locks.iter().map(|lock| lock.holders.iter().map(|place| place.op).collect::<Vec<_>>()).collect()
    };
    assert_eq!(held_now(&short), held_now(&whole));
    drop(held);
}

#[test]
fn a_ring_that_drops_a_loss_counts_what_was_lost() {
    let mut ring = Ring::new(3);
    let event = |what| {
        let actor = Actor { task: TaskId(0), step: None };
        Packed::of(&Event { seq: 0, at: Time::ZERO, actor, what }).unwrap()
    };
    let events = [event(What::Lost { events: 500 }), event(What::Wake), event(What::Wake), event(What::Wake)];
    ring.take(&Batch { tasks: &["t".into()], events: &events, ..Batch::default() });
    assert_eq!(ring.dropped(), 500);
}

#[test]
fn names_are_told_apart() {
    let recorder = Recorder::program();
    let names: Vec<_> = (0..3).map(|_| recorder.add_task("worker")).collect();
    recorder.add_task("worker#2");
    assert_eq!(names.len(), 3);
    let told: Vec<_> = recorder.names().tasks.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["worker", "worker#2", "worker#3", "worker#2#2"]);
    // Names that are alike as far as they are kept.
    let long = "ä".repeat(600);
    let [one, other] = [1, 2].map(|end| recorder.add_task(format!("{long}{end}")));
    let names = recorder.names();
    let (one, other) = (names.task(one), names.task(other));
    assert_eq!((one.len(), other), (1000, &*format!("{one}#2")));
    // A sentence needs a subject.
    let [none, blank] = ["", " "].map(|name| recorder.add_task(name));
    let lock = recorder.add_lock("", LockKind::TokioMutex);
    let names = recorder.names();
    assert_eq!([names.task(none), names.task(blank), names.lock(lock)], ["unnamed", "unnamed#2", "unnamed"]);
}

/// More permits than an event of 24 bytes has room for go beside it, in their place.
#[test]
fn what_does_not_fit_goes_beside() {
    let recorder = Recorder::program();
    let told = Told::default();
    recorder.attach(told.clone());
    let kind = LockKind::TokioSemaphore;
    let id = recorder.add(LockName { name: "slots".into(), kind, permits: Some(1_000_000) });
    let slots = Semaphore::recorded(&recorder, id, 1_000_000);
    let few = slots.try_acquire_many(3).unwrap();
    let many = slots.try_acquire_many(900_000).unwrap();
    drop(few);
    drop(many);
    recorder.flush();
    let kept = told.0.lock().unwrap();
    let modes: Vec<_> = kept
        .events
        .iter()
        .filter_map(|event| if let What::Acquire { mode, .. } = event.what { Some(mode) } else { None })
        .collect();
    assert_eq!(modes, [Mode::Permits(3), Mode::Permits(900_000)]);
    let packed: Vec<_> = kept.events.iter().map(|event| Packed::of(event).is_some()).collect();
    assert_eq!(packed, [true, false, true, true]);
    // The present knows of both.
    let mut present = Present::default();
    present.add_tasks(1);
    present.add_lock(&LockName { name: "slots".into(), kind, permits: Some(1_000_000) });
    kept.events[..2].iter().for_each(|event| present.apply_aside(event));
    assert_eq!(present.prologue(Time::ZERO, &[]).asides.len(), 1);
}

/// What a program makes without end, a lock for each connection say, costs no memory without end.
#[test]
fn locks_that_are_too_many_share_a_name_and_are_not_recorded() {
    let recorder = Recorder::program();
    let told = Told::default();
    recorder.attach(told.clone());
    let locks: Vec<_> = (0..Names::MAX_LOCKS + 5)
        .map(|_| recorder.add_lock("l", LockKind::TokioMutex))
        .skip(Names::MAX_LOCKS as usize - 2)
        .collect();
    let last = LockId(Names::MAX_LOCKS - 1);
    assert_eq!(locks[0], LockId(Names::MAX_LOCKS - 2));
    assert!(locks[1..].iter().all(|lock| *lock == last));
    let names = recorder.names();
    assert_eq!(names.locks.len(), Names::MAX_LOCKS as usize);
    assert_eq!(names.lock(last), "other locks, not recorded");
    for lock in locks {
        let lock = Mutex::recorded(&recorder, lock, 0);
        *lock.blocking_lock() += 1;
        assert!(lock.try_lock().is_ok());
    }
    recorder
        .record(recorder.actor(), What::Busy { lock: last, op: recorder.next_op(), mode: Mode::Exclusive });
    recorder.flush();
    // Of the last that is told apart.
    assert_eq!(told.names(), ["acquire", "release", "acquire", "release"]);
    assert_eq!(recorder.lost(), 0);
}

/// Whoever has no room has some again, although another keeps what it has and does nothing.
#[test]
fn no_thread_is_left_without_room() {
    let recorder = Recorder::with_memory(0);
    let told = Told::default();
    recorder.attach(told.clone());
    let db = mutex(&recorder, "db");
    drop(db.try_lock().unwrap());
    let other = || {
        for _ in 0..4 {
            fill(&db);
            recorder.flush();
        }
    };
    thread::scope(|scope| scope.spawn(other).join().unwrap());
    assert_eq!((recorder.lost(), told.names().len()), (0, 2 + 4 * 1024));
}

/// A thread that is about to end cannot write any more, nor join what it loses with what others lose so.
#[test]
fn what_is_lost_at_the_end_of_a_thread_is_told() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<lockscope::sync::OwnedMutexGuard<u32>>> = const { std::cell::RefCell::new(None) };
    }
    let recorder = Recorder::program();
    let told = Told::default();
    recorder.attach(told.clone());
    let db = Arc::new(mutex(&recorder, "db"));
    for _ in 0..20 {
        let db = Arc::clone(&db);
        // It is dropped after what the recorder knows of this thread, which came there later.
        let ends = move || {
            LAST.with(|_| {});
            LAST.set(Some(db.try_lock_owned().unwrap()));
        };
        thread::spawn(ends).join().unwrap();
    }
    recorder.finish();
    let acquired = told.names().iter().filter(|name| **name == "acquire").count() as u64;
    let released = told.names().iter().filter(|name| **name == "release").count() as u64;
    assert_eq!(told.lost(), recorder.lost());
    assert_eq!((acquired, released + told.lost()), (20, 20));
    let trace = told.trace();
    assert!(trace.state(trace.len()).lock(LockId(0)).unwrap().owner().is_none());
}

/// A loss may come after what is read only in the next round: that is told before it.
#[test]
fn what_was_lost_while_others_are_read_is_told_after_what_came_before() {
    let recorder = Recorder::with_memory(0);
    let told = Told::default();
    recorder.attach(told.clone());
    let (db, log) = (Arc::new(mutex(&recorder, "db")), mutex(&recorder, "log"));
    let (give, given) = channel();
    let (drops, dropped) = channel();
    let other = thread::spawn(move || {
        for guard in given {
            fill(&log);
            drop(guard);
            drops.send(()).unwrap();
        }
    });
    drop(db.try_lock().unwrap());
    recorder.flush();
    let (reached, is_reached) = channel();
    let (opens, open) = channel();
    recorder.attach(Gate { reached, open, passed: false });
    // It is told how things stand after it was looked what there is to read.
    is_reached.recv().unwrap();
    give.send(Arc::clone(&db).try_lock_owned().unwrap()).unwrap();
    dropped.recv().unwrap();
    assert_eq!(recorder.lost(), 1);
    opens.send(()).unwrap();
    recorder.flush();
    assert_eq!(told.names_of_first(), ["acquire", "release", "acquire", "lost"]);
    recorder.finish();
    let trace = told.trace();
    assert!(trace.state(trace.len()).lock(LockId(0)).unwrap().owner().is_none());
    drop(give);
    other.join().unwrap();
}

/// What another thread does after one has lost its release is told after the gap.
#[test]
fn nobody_owns_a_mutex_beside_one_whose_release_was_lost() {
    let (recorder, told, db, opens) = held_up();
    let (db, log) = (Arc::new(db), mutex(&recorder, "log"));
    let guard = Arc::clone(&db).try_lock_owned().unwrap();
    let other = || {
        fill(&log);
        drop(guard);
    };
    thread::scope(|scope| scope.spawn(other).join().unwrap());
    drop(db.try_lock().unwrap());
    opens.send(()).unwrap();
    recorder.flush();
    assert_eq!(told.names_of_first(), ["acquire", "lost", "acquire", "release"]);
    assert_eq!((told.lost(), recorder.lost()), (1, 1));
}

/// A `Wait` for a mutex that nobody is known to have is kept back until somebody has it, but not beyond a gap: whom it
/// was for may be missing there.
#[test]
fn who_waits_before_a_gap_is_told_before_it() {
    let (recorder, told, db, opens) = held_up();
    let log = mutex(&recorder, "log");
    drop(db.try_lock().unwrap());
    let waiter = Actor { task: recorder.add_task("waiter"), step: None };
    recorder.record(waiter, What::Wait { lock: LockId(0), op: recorder.next_op(), mode: Mode::Exclusive });
    let other = || {
        fill(&log);
        drop(db.try_lock().unwrap());
    };
    thread::scope(|scope| scope.spawn(other).join().unwrap());
    drop(db.try_lock().unwrap());
    opens.send(()).unwrap();
    recorder.flush();
    assert_eq!(told.names_of_first(), ["acquire", "release", "wait", "lost", "acquire", "release"]);
    assert_eq!((told.lost(), recorder.lost()), (2, 2));
}

/// What goes beside an event is lost with it, and leaves its room to others.
#[test]
fn what_is_lost_takes_no_room() {
    let (recorder, told, _db, opens) = held_up();
    let print = || recorder.record(recorder.actor(), What::Print { text: "x".into() });
    // As many events as there is room for; those that are beside take more of it.
    (0..1_000).for_each(|_| print());
    (0..24).for_each(|_| recorder.record(recorder.actor(), What::Wake));
    (0..1 << 16).for_each(|_| print());
    let lost = recorder.lost();
    assert_eq!(lost, 1 << 16);
    opens.send(()).unwrap();
    recorder.flush();
    (0..1_024).for_each(|_| print());
    assert_eq!(recorder.lost(), lost);
    recorder.finish();
    assert_eq!(told.lost(), lost);
}
