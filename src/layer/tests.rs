//! Replays of what tokio tells, through a real registry. `tests/layer_tokio.rs` has tokio itself.

use std::sync::{Arc, Mutex as StdMutex};

use tracing::dispatcher::with_default;
use tracing::span::Span;
use tracing::{Dispatch, trace, trace_span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::event::Event as Recorded;
use crate::sync::Clock;

struct Tape {
    recorder: Recorder,
    events: Arc<StdMutex<Vec<Recorded>>>,
}

impl Tape {
    fn new() -> Self {
        let events = Arc::<StdMutex<Vec<Recorded>>>::default();
        let sink = Arc::clone(&events);
        let recorder = Recorder::new(Clock::wall(), move |event| {
            sink.lock().unwrap().push(event);
            true
        });
        Self { recorder, events }
    }

    /// Runs `program` with a layer that records here.
    fn of(program: impl FnOnce()) -> Self {
        let tape = Self::new();
        let subscriber = tracing_subscriber::registry().with(tokio_locks(&tape.recorder));
        with_default(&Dispatch::new(subscriber), program);
        tape
    }

    /// `task event`, and the lock's name where it is not the first.
    fn story(&self) -> String {
        let names = self.recorder.names();
        let events = self.events.lock().unwrap();
        let told = events.iter().map(|event| {
            let lock = event.what.lock().filter(|lock| lock.0 > 0);
            let lock = lock.map_or_else(String::new, |lock| format!(" {}", names.lock(lock)));
            format!("{} {}{lock}", names.task(event.actor.task), event.what.name())
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn task(name: &str, id: u64, kind: &str) -> Span {
    trace_span!(target: "tokio::task", parent: None, "runtime.spawn", %kind, task.name = %name, task.id = id,
        size.bytes = 8_u64, loc.file = "main.rs", loc.line = 1_u32, loc.col = 1_u32)
}

fn named(name: &str) -> Span {
    task(name, 1, "task")
}

struct Lock {
    outside: Span,
    inside: Span,
}

impl Lock {
    fn at(concrete_type: &str, file: &str, permits: usize) -> Self {
        let outside = trace_span!(target: "tokio::sync::mutex", parent: None, "runtime.resource", concrete_type,
            kind = "Sync", loc.file = file, loc.line = 12_u32, loc.col = 5_u32);
        let inside = outside.in_scope(|| {
            trace!(target: "runtime::resource::state_update", locked = false);
            Self::internal(permits)
        });
        Self { outside, inside }
    }

    fn new(concrete_type: &str, permits: usize) -> Self {
        Self::at(concrete_type, "/home/me/src/server.rs", permits)
    }

    fn internal(permits: usize) -> Span {
        let inside = trace_span!(target: "tokio::sync::batch_semaphore", parent: None, "runtime.resource",
            concrete_type = "Semaphore", kind = "Sync", is_internal = true);
        inside
            .in_scope(|| trace!(target: "runtime::resource::state_update", permits, permits.op = "override"));
        inside
    }

    fn ask(&self, source: &str, permits: usize) -> Ask {
        let outer = self.outside.in_scope(|| {
            trace_span!(target: "tokio::util::trace", "runtime.resource.async_op", source,
                inherits_child_attrs = false)
        });
        let _entered =
            (self.outside.clone().entered(), outer.clone().entered(), self.inside.clone().entered());
        let inner = trace_span!(target: "tokio::sync::batch_semaphore", "runtime.resource.async_op",
            source = "Acquire::new");
        inner.in_scope(|| {
            trace!(target: "runtime::resource::async_op::state_update", permits_requested = permits,
                permits.op = "override");
            trace!(target: "runtime::resource::async_op::state_update", permits_obtained = 0_usize,
                permits.op = "override");
        });
        Ask { spans: [self.outside.clone(), outer, self.inside.clone(), inner] }
    }

    fn locked(&self, locked: bool) {
        self.outside.in_scope(|| trace!(target: "runtime::resource::state_update", locked));
    }

    fn writes(&self, write_locked: bool) {
        self.outside.in_scope(|| {
            trace!(target: "runtime::resource::state_update", write_locked, write_locked.op = "override");
        });
    }

    fn readers(&self, op: &str) {
        self.outside.in_scope(|| {
            trace!(target: "runtime::resource::state_update", current_readers = 1, current_readers.op = op);
        });
    }

    fn freed(&self, permits: usize) {
        self.inside
            .in_scope(|| trace!(target: "runtime::resource::state_update", permits, permits.op = "add"));
    }

    /// `lock().await` where it is free, to its guard.
    fn lock(&self) {
        let ask = self.ask("Mutex::lock", 1);
        ask.takes(1);
        drop(ask);
        self.locked(true);
    }
}

struct Ask {
    spans: [Span; 4],
}

impl Ask {
    /// Is given permits, by whoever runs.
    fn obtains(&self, permits: usize) {
        self.spans[3].in_scope(|| {
            trace!(target: "runtime::resource::async_op::state_update", permits_obtained = permits,
                permits.op = "add");
        });
    }

    fn poll(&self, obtained: Option<usize>, ready: bool) {
        let [outside, outer, inside, inner] = &self.spans;
        let entered = [outside, outer, inside, inner].map(|span| span.clone().entered());
        if let Some(permits) = obtained {
            self.obtains(permits);
        }
        trace!(target: "runtime::resource::poll_op", op_name = "poll_acquire", is_ready = ready);
        for span in entered.into_iter().rev() {
            drop(span);
        }
    }

    fn takes(&self, permits: usize) {
        self.poll(Some(permits), true);
    }

    fn waits(&self) {
        self.poll(Some(0), false);
    }

    fn wakes(&self) {
        self.poll(None, true);
    }
}

#[test]
fn a_release_comes_before_the_grant_that_tells_it() {
    let tape = Tape::of(|| {
        let (reader, writer, db) = (named("reader"), named("writer"), Lock::new("Mutex", 1));
        reader.in_scope(|| db.lock());
        let asks = writer.in_scope(|| {
            let asks = db.ask("Mutex::lock", 1);
            asks.waits();
            asks
        });
        reader.in_scope(|| {
            asks.obtains(1);
            db.locked(false);
        });
        writer.in_scope(|| {
            asks.wakes();
            drop(asks);
            db.locked(true);
            db.freed(1);
            db.locked(false);
        });
    });
    let expected =
        "reader acquire, writer wait, reader release, writer grant, writer acquire, writer release";
    assert_eq!(tape.story(), expected);
    assert_eq!(&*tape.recorder.names().locks[0].name, "server.rs:12");
}

#[test]
fn a_late_word_of_a_release_is_dropped() {
    let tape = Tape::of(|| {
        let (a, b, db) = (named("a"), named("b"), Lock::new("Mutex", 1));
        a.in_scope(|| db.lock());
        // `a` has let go, and another thread is quicker than its word.
        b.in_scope(|| db.lock());
        a.in_scope(|| db.locked(false));
        b.in_scope(|| db.locked(false));
        // A try that succeeded says only that it did.
        a.in_scope(|| db.locked(true));
        b.in_scope(|| {
            db.locked(true);
            db.locked(false);
        });
        a.in_scope(|| db.locked(false));
    });
    let expected = "a acquire, a release, b acquire, b release, a acquire, a release, b acquire, b release";
    assert_eq!(tape.story(), expected);
}

#[test]
fn who_leaves_the_queue_left_before_the_next_was_granted() {
    let tape = Tape::of(|| {
        let db = Lock::new("RwLock", 10);
        let (holder, writer, reader) = (named("holder"), named("writer"), named("reader"));
        holder.in_scope(|| {
            db.ask("RwLock::read", 1).takes(1);
            db.readers("add");
        });
        let writes = writer.in_scope(|| {
            let writes = db.ask("RwLock::write", 10);
            writes.poll(Some(9), false);
            writes
        });
        let reads = reader.in_scope(|| {
            let reads = db.ask("RwLock::read_owned", 1);
            reads.waits();
            reads
        });
        writer.in_scope(|| {
            reads.obtains(1);
            db.freed(8);
            drop(writes);
        });
        // Granted, and never polled again.
        reader.in_scope(|| {
            db.freed(1);
            drop(reads);
        });
        holder.in_scope(|| {
            db.freed(1);
            db.readers("sub");
        });
        // A writer that keeps a share.
        writer.in_scope(|| {
            db.ask("RwLock::write", 10).takes(10);
            db.writes(true);
            db.freed(9);
            db.writes(false);
            db.readers("add");
            db.freed(1);
            db.readers("sub");
        });
    });
    let expected = "holder acquire, writer wait, reader wait, writer cancel, reader grant, reader cancel, \
                    holder release, writer acquire, writer acquire, writer release";
    assert_eq!(tape.story(), expected);
}

#[test]
fn a_task_that_has_the_lock_may_have_to_yield_first() {
    let tape = Tape::of(|| {
        let db = Lock::new("Mutex", 1);
        named("a").in_scope(|| {
            let asks = db.ask("Mutex::lock", 1);
            asks.poll(Some(1), false);
            asks.poll(Some(0), true);
        });
    });
    assert_eq!(tape.story(), "a grant, a acquire");
}

#[test]
fn permits_come_back_from_whom_they_fit() {
    let tape = Tape::of(|| {
        let slots = Lock::new("Semaphore", 3);
        let (a, b, c) = (named("a"), named("b"), named("c"));
        a.in_scope(|| slots.ask("Semaphore::acquire_many", 3).takes(3));
        let waiters = [&b, &c].map(|task| {
            task.in_scope(|| {
                let asks = slots.ask("Semaphore::acquire", 1);
                asks.waits();
                asks
            })
        });
        // One release, told in three parts.
        a.in_scope(|| {
            for asks in &waiters {
                asks.obtains(1);
            }
            slots.freed(1);
        });
        b.in_scope(|| waiters[0].wakes());
        c.in_scope(|| waiters[1].wakes());
        b.in_scope(|| slots.freed(1));
        c.in_scope(|| slots.freed(1));
        // Nobody had these.
        a.in_scope(|| slots.freed(4));
        // Closed: refused without a word.
        b.in_scope(|| drop(slots.ask("Semaphore::acquire", 1)));
    });
    let expected = "a acquire, b wait, c wait, a release, b grant, c grant, b acquire, c acquire, b release, \
                    c release, a add_permits, b cancel";
    assert_eq!(tape.story(), expected);
    assert_eq!(tape.recorder.names().locks[0].permits, Some(3));
}

#[test]
fn a_task_without_a_name_has_its_number_and_block_on_its_thread() {
    let tape = Tape::of(|| {
        let db = Lock::new("Mutex", 1);
        task("", 7, "task").in_scope(|| db.lock());
        task("", 8, "block_on").in_scope(|| db.lock());
    });
    let thread = std::thread::current().name().unwrap().to_owned();
    assert_eq!(tape.story(), format!("task 7 acquire, task 7 release, {thread} acquire"));
}

#[test]
fn what_is_nobodys_lock_is_left_out_and_odd_words_do_no_harm() {
    let tape = Tape::of(|| {
        let name = "n".repeat(10_000);
        let me = named(&name);
        let _me = me.enter();
        // A channel's, without an outside; a lock of tokio's own; something else.
        let channel = Lock { outside: Span::none(), inside: Lock::internal(5) };
        channel.ask("Acquire::new", 1).takes(1);
        Lock::at("Semaphore", "/registry/src/index/tokio-1.54.1/src/sync/once_cell.rs", 1).lock();
        Lock::new("Barrier", 1).lock();
        // Made by `const_new`.
        Lock { outside: Span::none(), inside: Span::none() }.lock();
        // No operation, no lock, no field, another type.
        trace!(target: "runtime::resource::poll_op", op_name = "poll_acquire", is_ready = true);
        trace!(target: "runtime::resource::poll_op", op_name = 5, is_ready = "yes");
        trace!(target: "runtime::resource::async_op::state_update", permits_obtained = -1, permits.op = "add");
        trace!(target: "runtime::resource::state_update", locked = "maybe");
        let _odd = trace_span!(target: "tokio::sync::mutex", "runtime.resource", concrete_type = "Mutex");
        let _odd = trace_span!(target: "tokio::task", "runtime.spawn", task.id = "seven");
        let db = Lock::new("Mutex", 1);
        db.locked(false);
        let asks = db.ask("Mutex::lock", 1);
        asks.obtains(usize::MAX);
        asks.obtains(usize::MAX);
        asks.wakes();
        asks.poll(Some(3), false);
        db.freed(usize::MAX);
        let slots = Lock::new("Semaphore", 0);
        slots.freed(usize::MAX);
        slots.freed(usize::MAX);
        slots.ask("Semaphore::acquire_many", 0).takes(0);
    });
    let names = tape.recorder.names();
    assert_eq!(names.locks.len(), 2, "{names:?}");
    assert!(names.tasks[0].len() <= 256);
}

#[test]
fn closed_spans_are_forgotten_and_other_layers_see_what_they_did() {
    struct Counts(Arc<AtomicUsize>);
    impl<S: Subscriber> Layer<S> for Counts {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (tape, seen) = (Tape::new(), Arc::new(AtomicUsize::new(0)));
    let stack = Stack(usize::MAX);
    let layer = TokioLocks { stack, spans: Mutex::new(Spans::new(tape.recorder.clone(), stack)) };
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    with_default(&dispatch, || {
        for _ in 0..100 {
            let (me, db) = (named("me"), Lock::new("Mutex", 1));
            me.in_scope(|| db.lock());
        }
    });
    assert_eq!(tape.events.lock().unwrap().len(), 100);
    assert_eq!(locked(&dispatch.downcast_ref::<TokioLocks>().unwrap().spans).len(), 0);
    assert_eq!(stack.top(), None);

    let others = Counts(Arc::clone(&seen));
    let subscriber = tracing_subscriber::registry().with(others).with(tokio_locks(&tape.recorder));
    with_default(&Dispatch::new(subscriber), || {
        trace!("something of the program's own");
        Lock::new("Mutex", 1).lock();
    });
    assert!(seen.load(Ordering::Relaxed) > 1);
    assert_eq!(tape.events.lock().unwrap().len(), 101);
}

#[test]
fn what_a_sink_says_to_tracing_is_not_recorded() {
    let recorder = Recorder::new(Clock::wall(), |_: Recorded| {
        trace!(target: "runtime::resource::state_update", locked = true);
        true
    });
    let subscriber = tracing_subscriber::registry().with(tokio_locks(&recorder));
    with_default(&Dispatch::new(subscriber), || Lock::new("Mutex", 1).lock());
    assert_eq!(recorder.names().locks.len(), 1);
}
