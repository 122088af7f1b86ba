//! The instrumented locks, and both recorders, under shuttle: tasks go on in another order in every run, wherever
//! one of our mutexes, atomics or condition variables is used. Whatever the order, nobody is where others are
//! already, nobody is forgotten in a queue (shuttle fails where all wait), what is told is what a lock like that
//! can do, and the order told is the one that the owners have noted.
//!
//! The locks inside are tokio's own, and what one of them does is one step here: tokio explores it in its own
//! tests. What shuttle-tokio has in their place is another program, that lacks mapped guards and the cooperative
//! budget, and brings over a hundred packages with it. Shuttle's schedules are drawn, half of them at random and
//! half with few changes of who goes first (PCT); seeds make them the same in every run. It takes memory for
//! sequentially consistent; `memory.rs` does not.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/locks.rs"]
#[macro_use]
mod locks;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use common::fidelity::within_polls;
use common::{Checker, Tape};
use locks::{ALL, Guard, Lock};
use lockscope::event::{Event, TaskId, What};
use lockscope::sync::actor;
use shuttle::rand::{self, Rng as _};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, future, thread};

/// What a task does next. It takes so much of the lock; a mutex and a writer take all.
#[derive(Debug, Clone, Copy)]
enum Step {
    Take(u32),
    /// Asks, is polled so many times more, and gives up if it has not got it.
    Abandon(u32, u8),
    Try(u32),
}
use Step::{Abandon, Take, Try};

a_lock!(Ours of lockscope::sync);

/// What tasks share.
struct World {
    lock: Ours,
    /// How much of it is taken.
    taken: AtomicI64,
    /// Who took all of it, in order.
    owners: StdMutex<Vec<TaskId>>,
}

impl World {
    async fn hold(&self, guard: Guard<'_>, much: u32) {
        let much = i64::from(much);
        let taken = self.taken.fetch_add(much, Ordering::SeqCst) + much;
        assert!(taken <= i64::from(ALL), "{taken} of {ALL} are taken");
        if taken == i64::from(ALL) && much == taken {
            self.owners.lock().unwrap().push(actor::current().unwrap().task);
        }
        future::yield_now().await;
        self.taken.fetch_sub(much, Ordering::SeqCst);
        drop(guard);
    }

    async fn act(&self, steps: &[Step]) {
        for &step in steps {
            let (much, guard) = match step {
                Take(much) => (much, Some(self.lock.take(much).await)),
                Abandon(much, polls) => (much, within_polls(self.lock.take(much), polls).await),
                Try(much) => (much, self.lock.attempt(much)),
            };
            if let Some(guard) = guard {
                self.hold(guard, much).await;
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Mutex,
    RwLock,
    Semaphore,
}

/// One run, in whatever order; what was told of it.
fn run(tape: &Tape, of: Of, tasks: &'static [&'static [Step]]) -> String {
    let (world, events) = act(tape, of, tasks);
    tape.recorder.finish();
    let names = tape.recorder.names();
    let checker = Checker::any_threads().of(&names).check(&events).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    // The order told is the order noted, but for the last attempt, which nobody noted.
    let mut told = owners(of, &events);
    told.pop();
    assert_eq!(told, *world.owners.lock().unwrap(), "{events:?}");
    story(&events)
}

/// So many steps later a recording may end.
const LATER: usize = 1_000;

/// One run whose recording ends meanwhile. What is told is what can be, as far as it goes.
fn cut(tape: &Tape, of: Of, tasks: &'static [&'static [Step]]) -> String {
    // At once it would be over before it began.
    let later = rand::thread_rng().gen_range(0..LATER);
    let recorder = tape.recorder.clone();
    let ends = thread::spawn(move || {
        (0..later).for_each(|_| thread::yield_now());
        recorder.finish();
    });
    let (world, events) = act(tape, of, tasks);
    ends.join().unwrap();
    Checker::any_threads()
        .of(&tape.recorder.names())
        .check(&events)
        .unwrap_or_else(|error| panic!("{error}"));
    let (told, noted) = (owners(of, &events), world.owners.lock().unwrap());
    assert!(noted.starts_with(&told[..told.len().min(noted.len())]), "{events:?}");
    story(&events)
}

/// The tasks do what they do, until all is over; what was told of it by then.
fn act(tape: &Tape, of: Of, tasks: &'static [&'static [Step]]) -> (Arc<World>, Vec<Event>) {
    let lock = match of {
        Of::Mutex => Ours::Mutex(tape.mutex("m", ())),
        Of::RwLock => Ours::RwLock(tape.rwlock("rw", ())),
        Of::Semaphore => Ours::Semaphore(tape.semaphore("s", ALL)),
    };
    let world = Arc::new(World { lock, taken: AtomicI64::new(0), owners: StdMutex::default() });
    let handles: Vec<_> = (tasks.iter().enumerate())
        .map(|(index, steps)| {
            let (world, task) = (Arc::clone(&world), tape.recorder.add_task(format!("t{index}")));
            let act: Pin<Box<dyn Future<Output = ()> + Send>> =
                Box::pin(async move { world.act(steps).await });
            future::spawn(actor::scope(task, act))
        })
        .collect();
    for handle in handles {
        future::block_on(handle).unwrap();
    }
    assert!(world.lock.attempt(ALL).is_some(), "nobody has it any more");
    (world, tape.events())
}

/// Who took all of it, as it was told.
fn owners(of: Of, events: &[Event]) -> Vec<TaskId> {
    let all = |mode| match of {
        Of::Semaphore => mode == lockscope::event::Mode::Permits(ALL),
        _ => mode == lockscope::event::Mode::Exclusive,
    };
    let told = events.iter().filter_map(|event| match event.what {
        What::Acquire { mode, .. } if all(mode) => Some(event.actor.task),
        _ => None,
    });
    told.collect()
}

fn story(events: &[Event]) -> String {
    let story = |event: &Event| format!("{} {}", event.what.name(), event.actor.task.0);
    events.iter().map(story).collect::<Vec<_>>().join(", ")
}

/// Runs it in so many orders, half of them drawn in one way and half in another; over both recorders. Fails if
/// fewer stories than `least` are told.
fn explore(of: Of, tasks: &'static [&'static [Step]], runs: usize, least: usize) {
    explore_with(run, of, tasks, (runs, least));
}

type Run = fn(&Tape, Of, &'static [&'static [Step]]) -> String;

fn explore_with(run: Run, of: Of, tasks: &'static [&'static [Step]], (runs, least): (usize, usize)) {
    for program in [false, true] {
        let stories = Arc::new(StdMutex::new(HashSet::new()));
        let with = |scheduler: Box<dyn Scheduler + Send>| {
            let mut config = Config::new();
            config.stack_size = 1 << 17;
            config.silence_warnings = true;
            let stories = Arc::clone(&stories);
            Runner::new(scheduler, config).run(move || {
                let tape = if program { Tape::program() } else { Tape::new() };
                stories.lock().unwrap().insert(run(&tape, of, tasks));
            });
        };
        with(Box::new(RandomScheduler::new_from_seed(1, runs / 2)));
        with(Box::new(PctScheduler::new_from_seed(2, 3, runs / 2)));
        let stories = stories.lock().unwrap().len();
        println!("{of:?}, program {program}: {runs} runs tell {stories} stories");
        assert!(stories >= least, "{of:?}, program {program}: {runs} runs tell {stories} stories");
    }
}

const RUNS: usize = 3_000;

#[test]
fn a_mutex_that_three_tasks_hand_on() {
    explore(Of::Mutex, &[&[Take(ALL), Take(ALL)], &[Take(ALL), Take(ALL)], &[Take(ALL)]], RUNS, 10);
}

#[test]
fn a_mutex_that_is_given_up_and_tried() {
    explore(
        Of::Mutex,
        &[&[Take(ALL), Try(ALL)], &[Abandon(ALL, 0), Abandon(ALL, 1)], &[Take(ALL)]],
        RUNS,
        10,
    );
}

#[test]
fn readers_and_writers() {
    explore(Of::RwLock, &[&[Take(1), Take(ALL)], &[Take(ALL), Take(1)], &[Take(1), Try(1)]], RUNS, 100);
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    explore(Of::RwLock, &[&[Take(1), Try(ALL)], &[Abandon(ALL, 0)], &[Take(1), Abandon(1, 1)]], RUNS, 100);
}

#[test]
fn permits_by_ones_and_twos() {
    explore(Of::Semaphore, &[&[Take(2), Take(1)], &[Take(2), Try(1)], &[Take(ALL), Take(1)]], RUNS, 100);
}

#[test]
fn permits_that_are_given_up() {
    explore(Of::Semaphore, &[&[Take(2), Take(2)], &[Abandon(ALL, 0), Take(1)], &[Abandon(2, 1)]], RUNS, 100);
}

#[test]
fn a_recording_that_ends_meanwhile() {
    let mutex: &[&[Step]] = &[&[Take(ALL), Take(ALL), Take(ALL)], &[Take(ALL), Take(ALL), Take(ALL)]];
    explore_with(cut, Of::Mutex, mutex, (RUNS, 50));
    let permits: &[&[Step]] = &[&[Take(2), Take(1), Take(ALL)], &[Take(2), Take(ALL)], &[Take(ALL), Take(1)]];
    explore_with(cut, Of::Semaphore, permits, (RUNS, 100));
}
