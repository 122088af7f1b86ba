//! The instrumented rwlock and semaphore change nothing: as `sync_fidelity.rs` for the mutex, with
//! shares, downgrades, permits that are split, added, forgotten and closed, and guards that end in other
//! tasks and in panics.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::Poll;
use std::time::Duration;

use common::fidelity::{Counted, had_to_yield, parting, within_polls};
use common::{Checker, Tape};
use proptest::prelude::*;
use tokio::task::coop::consume_budget;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

/// What a program needs of a lock; it asks for a part of it. Closed, it gives nothing.
trait Lock: Send + Sync + 'static {
    type Guard<'a>: Send;
    type Owned: Send + 'static;

    fn ask(&self, part: u32) -> impl Future<Output = Option<Self::Guard<'_>>> + Send;
    fn ask_owned(self: Arc<Self>, part: u32) -> impl Future<Output = Option<Self::Owned>> + Send;
    fn try_ask(&self, part: u32) -> Option<Self::Guard<'_>>;
    /// Keeps only a part.
    fn less(guard: Self::Guard<'_>) -> Self::Guard<'_>;
    /// Another thing that can be done to it.
    fn twist(&self, how: u8) -> String;
}

/// A guard of an rwlock.
enum Either<R, W> {
    Read { _guard: R },
    Write(W),
}

macro_rules! is_an_rwlock {
    ($($path:ident)::+) => {
        impl Lock for $($path)::+::RwLock<u32> {
            type Guard<'a> = Either<$($path)::+::RwLockReadGuard<'a, u32>, $($path)::+::RwLockWriteGuard<'a, u32>>;
            type Owned = Either<$($path)::+::OwnedRwLockReadGuard<u32>, $($path)::+::OwnedRwLockWriteGuard<u32>>;

            async fn ask(&self, part: u32) -> Option<Self::Guard<'_>> {
                Some(if part < 2 {
                    Either::Read { _guard: self.read().await }
                } else {
                    Either::Write(self.write().await)
                })
            }

            async fn ask_owned(self: Arc<Self>, part: u32) -> Option<Self::Owned> {
                Some(if part < 2 {
                    Either::Read { _guard: self.read_owned().await }
                } else {
                    Either::Write(self.write_owned().await)
                })
            }

            fn try_ask(&self, part: u32) -> Option<Self::Guard<'_>> {
                if part < 2 {
                    self.try_read().ok().map(|_guard| Either::Read { _guard })
                } else {
                    self.try_write().ok().map(Either::Write)
                }
            }

            fn less(guard: Self::Guard<'_>) -> Self::Guard<'_> {
                match guard {
                    Either::Write(guard) => Either::Read { _guard: guard.downgrade() },
                    read => read,
                }
            }

            fn twist(&self, _: u8) -> String {
                format!("{self:?}")
            }
        }
    };
}

macro_rules! is_a_semaphore {
    ($($path:ident)::+) => {
        impl Lock for $($path)::+::Semaphore {
            type Guard<'a> = $($path)::+::SemaphorePermit<'a>;
            type Owned = $($path)::+::OwnedSemaphorePermit;

            async fn ask(&self, part: u32) -> Option<Self::Guard<'_>> {
                if part == 1 { self.acquire().await.ok() } else { self.acquire_many(part).await.ok() }
            }

            async fn ask_owned(self: Arc<Self>, part: u32) -> Option<Self::Owned> {
                if part == 1 { self.acquire_owned().await.ok() } else { self.acquire_many_owned(part).await.ok() }
            }

            fn try_ask(&self, part: u32) -> Option<Self::Guard<'_>> {
                let mut permit = self.try_acquire_many(part).ok()?;
                if let Ok(more) = self.try_acquire() {
                    permit.merge(more);
                }
                Some(permit)
            }

            fn less(mut guard: Self::Guard<'_>) -> Self::Guard<'_> {
                drop(guard.split(1));
                guard
            }

            fn twist(&self, how: u8) -> String {
                match how {
                    0 => self.close(),
                    1..=3 => self.add_permits(how.into()),
                    4 | 5 => _ = self.forget_permits(how.into()),
                    6 => drop(self.try_acquire().map(|permit| permit.forget())),
                    _ => {}
                }
                format!("{} {}", self.available_permits(), self.is_closed())
            }
        }
    };
}

is_an_rwlock!(tokio::sync);
is_an_rwlock!(lockscope::sync);
is_a_semaphore!(tokio::sync);
is_a_semaphore!(lockscope::sync);

/// What a task does with what it has of a lock.
#[derive(Debug, Clone, Copy)]
enum Hold {
    Drop,
    Yield(u8),
    Sleep(u8),
    /// Uses up budget while holding it.
    Burn(u8),
    /// Gives some of it up, and goes on.
    Less(u8),
}

/// Which lock, how much of it, and what for.
type Ask = (usize, u32, Hold);

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask(Ask),
    Try(Ask),
    /// Gets it, and another task holds and drops it.
    Elsewhere(usize, u32, u8),
    /// Gets it in another task, which panics.
    Panic(usize, u32),
    Burst(usize, u32, u16),
    Timeout(Ask, u8),
    Abandon(usize, u32, u8),
    Join(Ask, Ask),
    Twist(usize, u8),
    Yield,
    Sleep(u8),
    Burn(u8),
}

type Program = Vec<Vec<Step>>;

struct World<L> {
    locks: Vec<Arc<L>>,
    begin: Instant,
    log: StdMutex<Vec<String>>,
}

async fn burn(times: u8) {
    for _ in 0..times {
        consume_budget().await;
    }
}

impl<L: Lock> World<L> {
    fn say(&self, task: usize, what: &str, lock: usize) {
        let line = format!("{} t{task} {what} l{lock}", self.begin.elapsed().as_millis());
        self.log.lock().unwrap().push(line);
    }

    async fn hold(&self, task: usize, lock: usize, guard: Option<L::Guard<'_>>, hold: Hold) {
        let Some(mut guard) = guard else { return self.say(task, "is refused", lock) };
        self.say(task, "has", lock);
        match hold {
            Hold::Drop => {}
            Hold::Yield(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
            }
            Hold::Sleep(millis) => sleep(Duration::from_millis(millis.into())).await,
            Hold::Burn(times) => burn(times).await,
            Hold::Less(millis) => {
                guard = L::less(guard);
                sleep(Duration::from_millis(millis.into())).await;
            }
        }
        self.say(task, "drops", lock);
        drop(guard);
    }

    async fn ask(&self, task: usize, (lock, part, hold): Ask) {
        self.hold(task, lock, self.locks[lock].ask(part).await, hold).await;
    }

    async fn step(self: &Arc<Self>, task: usize, step: Step) {
        match step {
            Step::Ask(ask) => self.ask(task, ask).await,
            Step::Try((lock, part, hold)) => match self.locks[lock].try_ask(part) {
                Some(guard) => self.hold(task, lock, Some(guard), hold).await,
                None => self.say(task, "busy", lock),
            },
            Step::Elsewhere(lock, part, millis) => {
                let guard = Arc::clone(&self.locks[lock]).ask_owned(part).await;
                self.say(task, if guard.is_some() { "passes on" } else { "is refused" }, lock);
                let world = Arc::clone(self);
                let other = tokio::spawn(async move {
                    sleep(Duration::from_millis(millis.into())).await;
                    world.say(task, "drops elsewhere", lock);
                    drop(guard);
                });
                other.await.unwrap();
            }
            Step::Panic(lock, part) => {
                let locks = Arc::clone(&self.locks[lock]);
                let other = tokio::spawn(async move {
                    let _guard = locks.ask(part).await;
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                let panicked = other.await.is_err();
                self.say(task, if panicked { "panicked" } else { "did not" }, lock);
            }
            Step::Burst(lock, part, times) => {
                for _ in 0..times {
                    self.ask(task, (lock, part, Hold::Drop)).await;
                }
            }
            Step::Timeout((lock, part, hold), millis) => {
                let limit = Duration::from_millis(millis.into());
                match timeout(limit, self.locks[lock].ask(part)).await {
                    Ok(guard) => self.hold(task, lock, guard, hold).await,
                    Err(_) => self.say(task, "gives up", lock),
                }
            }
            Step::Abandon(lock, part, polls) => match within_polls(self.locks[lock].ask(part), polls).await {
                Some(guard) => self.hold(task, lock, guard, Hold::Drop).await,
                None => self.say(task, "abandons", lock),
            },
            Step::Join(one, two) => {
                tokio::join!(self.ask(task, one), self.ask(task, two));
            }
            Step::Twist(lock, how) => {
                let said = self.locks[lock].twist(how);
                self.say(task, &said, lock);
            }
            Step::Yield => yield_now().await,
            Step::Sleep(millis) => sleep(Duration::from_millis(millis.into())).await,
            Step::Burn(times) => burn(times).await,
        }
    }
}

const LOCKS: usize = 2;
const PERMITS: u32 = 3;

/// What can be seen of a run from outside: who did what when, and in how many polls.
fn run<L: Lock>(program: &Program, make: impl Fn(usize) -> L) -> String {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let polls: Vec<_> = program.iter().map(|_| Arc::<AtomicUsize>::default()).collect();
    let world = runtime.block_on(async {
        let world = Arc::new(World {
            locks: (0..LOCKS).map(|lock| Arc::new(make(lock))).collect(),
            begin: Instant::now(),
            log: StdMutex::default(),
        });
        let mut tasks = tokio::task::JoinSet::new();
        for (task, (steps, polls)) in program.iter().zip(&polls).enumerate() {
            let (world, steps) = (Arc::clone(&world), steps.clone());
            let future = Box::pin(async move {
                for step in steps {
                    world.step(task, step).await;
                }
            });
            tasks.spawn(Counted::new(future, polls));
        }
        // Programs may deadlock; the paused clock then jumps here.
        let _ = timeout(Duration::from_mins(1), async { while tasks.join_next().await.is_some() {} }).await;
        world
    });
    // Whatever is left is dropped with its guards.
    drop(runtime);
    let mut seen = world.log.lock().unwrap().join("\n");
    for (task, polls) in polls.iter().enumerate() {
        let _ = write!(seen, "\nt{task}: {} polls", polls.load(Ordering::SeqCst));
    }
    seen
}

/// The runs over the bare lock, over ours that nobody records, and over ours that is recorded.
fn same_runs(bare: &str, off: &str, on: &str) -> Result<(), String> {
    if let Some(error) = parting(bare, off) {
        return Err(format!("recording off, {error}"));
    }
    parting(bare, on).map_or(Ok(()), |error| Err(format!("recording on, {error}")))
}

fn compare_rwlocks(program: &Program) -> Result<Tape, String> {
    let tape = Tape::new();
    let bare = run(program, |_| tokio::sync::RwLock::new(0));
    let off = run(program, |_| lockscope::sync::RwLock::new(0));
    same_runs(&bare, &off, &run(program, |lock| tape.rwlock(&lock.to_string(), 0)))?;
    let checker = Checker::one_thread().check(&tape.events())?;
    if checker.all_over() { Ok(tape) } else { Err("an operation has no end".into()) }
}

fn compare_semaphores(program: &Program) -> Result<Tape, String> {
    let tape = Tape::new();
    let bare = run(program, |_| tokio::sync::Semaphore::new(PERMITS as usize));
    let off = run(program, |_| lockscope::sync::Semaphore::new(PERMITS as usize));
    same_runs(&bare, &off, &run(program, |lock| tape.semaphore(&lock.to_string(), PERMITS)))?;
    // What is refused because of a closing cannot be told from the events, nor who is let in then.
    let closes = program.iter().flatten().any(|step| matches!(step, Step::Twist(_, 0)));
    if !closes {
        let checker = Checker::one_thread().of(&tape.recorder.names()).check(&tape.events())?;
        if !checker.all_over() {
            return Err("an operation has no end".into());
        }
    }
    Ok(tape)
}

#[test]
fn loops_that_outrun_the_budget() {
    for part in [1, 2] {
        let alone = vec![vec![Step::Burst(0, part, 300)], vec![Step::Burst(1, part, 300)]];
        let crowded = vec![vec![Step::Burst(0, part, 500)]; 8];
        for program in [alone, crowded] {
            assert!(had_to_yield(&compare_rwlocks(&program).unwrap()));
            assert!(had_to_yield(&compare_semaphores(&program).unwrap()));
        }
    }
}

#[test]
fn storms_of_cancellations() {
    let storm = |part| {
        let asks = (0..20).flat_map(|turn| {
            [
                Step::Abandon(0, part, turn % 4),
                Step::Timeout((0, part, Hold::Sleep(1)), turn % 3),
                Step::Ask((0, part, Hold::Less(1))),
            ]
        });
        asks.collect::<Vec<_>>()
    };
    let program = vec![storm(1), storm(2), storm(1), storm(2), storm(1)];
    compare_rwlocks(&program).unwrap();
    compare_semaphores(&program).unwrap();
}

#[test]
fn refused_without_budget_it_does_not_yield() {
    let program = vec![
        vec![Step::Twist(0, 0), Step::Burn(128), Step::Burst(0, 1, 200), Step::Burst(1, 1, 200)],
        vec![Step::Ask((0, 3, Hold::Sleep(5))), Step::Ask((0, 1, Hold::Drop))],
    ];
    compare_semaphores(&program).unwrap();
    // Nor does it spend any of the next budget, where it was closed while it let others run.
    let yielding = vec![
        vec![Step::Burn(128), Step::Ask((0, 0, Hold::Drop)), Step::Burst(1, 0, 256)],
        vec![Step::Twist(0, 0)],
    ];
    compare_semaphores(&yielding).unwrap();
    let waiting = vec![
        vec![Step::Ask((0, 3, Hold::Sleep(5)))],
        vec![Step::Burn(128), Step::Ask((0, 2, Hold::Drop)), Step::Burst(1, 1, 130)],
        vec![Step::Ask((0, 1, Hold::Drop))],
        vec![Step::Sleep(2), Step::Twist(0, 0)],
    ];
    let tape = compare_semaphores(&waiting).unwrap();
    assert!(!tape.story().contains(&"grant 2".to_owned()), "{:?}", tape.story());
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![
        2 => Just(Hold::Drop),
        2 => (1_u8..4).prop_map(Hold::Yield),
        2 => (1_u8..6).prop_map(Hold::Sleep),
        2 => (1_u8..6).prop_map(Hold::Less),
        1 => any::<u8>().prop_map(Hold::Burn),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (lock, part) = (|| 0..LOCKS, || 0..=PERMITS);
    let ask = move || (lock(), part(), hold());
    prop_oneof![
        4 => ask().prop_map(Step::Ask),
        2 => ask().prop_map(Step::Try),
        1 => (lock(), part(), 0_u8..6).prop_map(|(lock, part, millis)| Step::Elsewhere(lock, part, millis)),
        1 => (lock(), part()).prop_map(|(lock, part)| Step::Panic(lock, part)),
        2 => (lock(), part(), 1_u16..300).prop_map(|(lock, part, times)| Step::Burst(lock, part, times)),
        2 => (ask(), 0_u8..6).prop_map(|(ask, millis)| Step::Timeout(ask, millis)),
        2 => (lock(), part(), 0_u8..4).prop_map(|(lock, part, polls)| Step::Abandon(lock, part, polls)),
        1 => (ask(), ask()).prop_map(|(one, two)| Step::Join(one, two)),
        1 => (lock(), 0_u8..8).prop_map(|(lock, how)| Step::Twist(lock, how)),
        1 => Just(Step::Yield),
        1 => (1_u8..6).prop_map(Step::Sleep),
        // Near the budget's end, which is at 128.
        2 => (120_u8..136).prop_map(Step::Burn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_program_runs_as_it_does_over_the_bare_rwlock(
        program in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..5),
    ) {
        compare_rwlocks(&program).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_program_runs_as_it_does_over_the_bare_semaphore(
        program in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..5),
    ) {
        compare_semaphores(&program).map_err(TestCaseError::fail)?;
    }
}

/// One move of a hand that polls futures of one lock, in any order.
#[derive(Debug, Clone, Copy)]
enum Move {
    Ask(u32),
    Poll(usize),
    DropFuture(usize),
    DropGuard(usize),
    Less(usize),
    Try(u32),
    Twist(u8),
}

fn one_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..=PERMITS).prop_map(Move::Ask),
        5 => any::<usize>().prop_map(Move::Poll),
        2 => any::<usize>().prop_map(Move::DropFuture),
        3 => any::<usize>().prop_map(Move::DropGuard),
        2 => any::<usize>().prop_map(Move::Less),
        1 => (0..=PERMITS).prop_map(Move::Try),
        1 => (1_u8..8).prop_map(Move::Twist),
    ]
}

/// Makes the moves, and says what each one gave.
fn play<L: Lock>(lock: &L, moves: &[Move]) -> String {
    let mut seen = String::new();
    let mut futures = Vec::new();
    let mut guards = Vec::new();
    let mut asked = 0;
    for &one in moves {
        match one {
            Move::Ask(part) => {
                asked += 1;
                let (count, waker) = common::counting_waker();
                futures.push((asked, Box::pin(lock.ask(part)), count, waker));
            }
            Move::Poll(which) if !futures.is_empty() => {
                let at = which % futures.len();
                let (number, future, _, waker) = &mut futures[at];
                let poll = common::poll_with(future, waker);
                let _ = write!(seen, "{number} {}, ", poll.is_ready());
                if let Poll::Ready(guard) = poll {
                    guards.extend(guard);
                    drop(futures.remove(at));
                }
            }
            Move::DropFuture(which) if !futures.is_empty() => drop(futures.remove(which % futures.len())),
            Move::DropGuard(which) if !guards.is_empty() => drop(guards.remove(which % guards.len())),
            Move::Less(which) if !guards.is_empty() => {
                let guard = guards.remove(which % guards.len());
                guards.push(L::less(guard));
            }
            Move::Try(part) => match lock.try_ask(part) {
                Some(guard) => {
                    seen.push_str("try, ");
                    guards.push(guard);
                }
                None => seen.push_str("busy, "),
            },
            Move::Twist(how) => seen.push_str(&lock.twist(how)),
            _ => {}
        }
        for (number, _, woken, _) in &futures {
            let _ = write!(seen, "{number}w{}, ", woken.get());
        }
    }
    seen
}

proptest! {
    #[test]
    fn any_hand_sees_the_bare_rwlock_and_records_a_possible_history(
        moves in prop::collection::vec(one_move(), 1..60),
    ) {
        let bare = play(&tokio::sync::RwLock::new(0), &moves);
        prop_assert_eq!(&play(&lockscope::sync::RwLock::new(0), &moves), &bare);
        let tape = Tape::new();
        prop_assert_eq!(&play(&tape.rwlock("db", 0), &moves), &bare);
        let checker = Checker::one_thread().check(&tape.events()).map_err(TestCaseError::fail)?;
        prop_assert!(checker.all_over());
    }

    #[test]
    fn any_hand_sees_the_bare_semaphore_and_records_a_possible_history(
        moves in prop::collection::vec(one_move(), 1..60),
    ) {
        let bare = play(&tokio::sync::Semaphore::new(PERMITS as usize), &moves);
        prop_assert_eq!(&play(&lockscope::sync::Semaphore::new(PERMITS as usize), &moves), &bare);
        let tape = Tape::new();
        let slots = tape.semaphore("slots", PERMITS);
        prop_assert_eq!(&play(&slots, &moves), &bare);
        let checker = Checker::one_thread().of(&tape.recorder.names());
        let checker = checker.check(&tape.events()).map_err(TestCaseError::fail)?;
        prop_assert!(checker.all_over());
        let trace = lockscope::trace::Trace::of(tape.recorder.names(), tape.events());
        let free = trace.state(trace.len()).locks[0].free();
        prop_assert_eq!(free.map(|free| free as usize), Some(slots.available_permits()));
    }
}
