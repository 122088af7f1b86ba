//! The instrumented mutex changes nothing: the same program runs over tokio's mutex and over ours, and
//! does the same things in the same order, at the same times, in the same number of polls.
//!
//! The programs are made to run out of tokio's cooperative budget, where a wrapper that takes another
//! way to the lock gives itself away.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::future::Future;
use std::ops::DerefMut;
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

/// What a program needs of a lock.
trait Lock: Send + Sync + 'static {
    fn lock(&self) -> impl Future<Output = impl DerefMut<Target = u32> + Send> + Send;
    fn lock_owned(self: Arc<Self>) -> impl Future<Output = impl DerefMut<Target = u32> + Send> + Send;
    fn try_lock(&self) -> Option<impl DerefMut<Target = u32> + Send>;
}

macro_rules! is_a_lock {
    ($mutex:ty) => {
        impl Lock for $mutex {
            fn lock(&self) -> impl Future<Output = impl DerefMut<Target = u32> + Send> + Send {
                self.lock()
            }

            fn lock_owned(
                self: Arc<Self>,
            ) -> impl Future<Output = impl DerefMut<Target = u32> + Send> + Send {
                self.lock_owned()
            }

            fn try_lock(&self) -> Option<impl DerefMut<Target = u32> + Send> {
                self.try_lock().ok()
            }
        }
    };
}

is_a_lock!(tokio::sync::Mutex<u32>);
is_a_lock!(lockscope::sync::Mutex<u32>);

/// What a task does with a lock it has.
#[derive(Debug, Clone, Copy)]
enum Hold {
    Drop,
    Yield(u8),
    Sleep(u8),
    /// Uses up budget while holding it.
    Burn(u8),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Lock(usize, Hold),
    Owned(usize, Hold),
    Try(usize, Hold),
    /// Locks and unlocks this often.
    Burst(usize, u16),
    /// Locks, but no longer than so many milliseconds.
    Timeout(usize, u8, Hold),
    /// Asks, is polled so many times, and gives up.
    Abandon(usize, u8),
    /// Holds both.
    Nested(usize, usize, Hold),
    /// Two at once in one task.
    Join((usize, Hold), (usize, Hold)),
    /// Whichever comes first; the other is dropped.
    Select((usize, Hold), (usize, Hold)),
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

impl<L: Lock> World<L> {
    fn say(&self, task: usize, what: &str, lock: usize, value: u32) {
        let line = format!("{} t{task} {what} l{lock} {value}", self.begin.elapsed().as_millis());
        self.log.lock().unwrap().push(line);
    }

    async fn hold(&self, task: usize, lock: usize, mut guard: impl DerefMut<Target = u32>, hold: Hold) {
        *guard += 1;
        self.say(task, "has", lock, *guard);
        match hold {
            Hold::Drop => {}
            Hold::Yield(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
            }
            Hold::Sleep(millis) => sleep(Duration::from_millis(millis.into())).await,
            Hold::Burn(times) => {
                for _ in 0..times {
                    consume_budget().await;
                }
            }
        }
        self.say(task, "drops", lock, *guard);
    }

    async fn lock(&self, task: usize, lock: usize, hold: Hold) {
        self.hold(task, lock, self.locks[lock].lock().await, hold).await;
    }

    async fn step(&self, task: usize, step: Step) {
        match step {
            Step::Lock(lock, hold) => self.lock(task, lock, hold).await,
            Step::Owned(lock, hold) => {
                let guard = Arc::clone(&self.locks[lock]).lock_owned().await;
                self.hold(task, lock, guard, hold).await;
            }
            Step::Try(lock, hold) => match self.locks[lock].try_lock() {
                Some(guard) => self.hold(task, lock, guard, hold).await,
                None => self.say(task, "busy", lock, 0),
            },
            Step::Burst(lock, times) => {
                for _ in 0..times {
                    self.lock(task, lock, Hold::Drop).await;
                }
            }
            Step::Timeout(lock, millis, hold) => {
                let limit = Duration::from_millis(millis.into());
                match timeout(limit, self.locks[lock].lock()).await {
                    Ok(guard) => self.hold(task, lock, guard, hold).await,
                    Err(_) => self.say(task, "gives up", lock, 0),
                }
            }
            Step::Abandon(lock, polls) => match within_polls(self.locks[lock].lock(), polls).await {
                Some(guard) => self.hold(task, lock, guard, Hold::Drop).await,
                None => self.say(task, "abandons", lock, 0),
            },
            Step::Nested(outer, inner, hold) => {
                let guard = self.locks[outer].lock().await;
                self.say(task, "has outer", outer, *guard);
                if inner != outer {
                    self.lock(task, inner, hold).await;
                }
                self.say(task, "drops outer", outer, *guard);
            }
            Step::Join(one, two) => {
                tokio::join!(self.lock(task, one.0, one.1), self.lock(task, two.0, two.1));
            }
            Step::Select(one, two) => {
                tokio::select! {
                    biased;
                    () = self.lock(task, one.0, one.1) => self.say(task, "took one", one.0, 0),
                    () = self.lock(task, two.0, two.1) => self.say(task, "took two", two.0, 0),
                }
            }
            Step::Yield => yield_now().await,
            Step::Sleep(millis) => sleep(Duration::from_millis(millis.into())).await,
            Step::Burn(times) => {
                for _ in 0..times {
                    consume_budget().await;
                }
            }
        }
    }
}

const LOCKS: usize = 2;

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
        tasks.shutdown().await;
        world
    });
    let mut seen = world.log.lock().unwrap().join("\n");
    for (task, polls) in polls.iter().enumerate() {
        let _ = write!(seen, "\nt{task}: {} polls", polls.load(Ordering::SeqCst));
    }
    seen
}

/// Runs it over all three, and gives the events.
fn compare(program: &Program) -> Result<Tape, String> {
    let bare = run(program, |_| tokio::sync::Mutex::new(0));
    let off = run(program, |_| lockscope::sync::Mutex::new(0));
    if let Some(error) = parting(&bare, &off) {
        return Err(format!("recording off, {error}"));
    }
    let tape = Tape::new();
    let on = run(program, |lock| tape.mutex(&lock.to_string(), 0));
    if let Some(error) = parting(&bare, &on) {
        return Err(format!("recording on, {error}"));
    }
    let checker = Checker::one_thread().check(&tape.events())?;
    if !checker.all_over() {
        return Err("an operation has no end".into());
    }
    Ok(tape)
}

#[track_caller]
fn same(program: &Program) -> Tape {
    compare(program).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn uncontended_loops_that_outrun_the_budget() {
    let tape = same(&vec![vec![Step::Burst(0, 300)], vec![Step::Burst(1, 300)]]);
    assert!(had_to_yield(&tape));
}

#[test]
fn contended_loops_that_outrun_the_budget() {
    let tape = same(&vec![vec![Step::Burst(0, 500)]; 8]);
    assert!(had_to_yield(&tape));
    let waits = tape.events().iter().filter(|event| event.what.name() == "wait").count();
    assert!(waits > 0, "a task yields with the lock in hand, the others queue behind it");
}

#[test]
fn queueing_without_budget_is_a_wait_and_owning_without_it_is_a_grant() {
    let tape = same(&vec![
        vec![Step::Lock(0, Hold::Sleep(5))],
        // Comes with no budget left, and queues.
        vec![Step::Burn(128), Step::Lock(0, Hold::Drop)],
        // Comes with no budget left, and owns it.
        vec![Step::Burn(128), Step::Lock(1, Hold::Drop)],
    ]);
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, grant 3, acquire 3, release 3, release 1, grant 2, acquire 2, release 2"
    );
}

#[test]
fn a_task_that_owns_the_lock_but_has_to_yield_can_be_cancelled() {
    let tape = same(&vec![
        vec![Step::Burn(128), Step::Abandon(0, 0), Step::Lock(1, Hold::Drop)],
        vec![Step::Lock(0, Hold::Drop)],
    ]);
    assert!(tape.line().starts_with("grant 1, cancel 1, "), "{}", tape.line());
}

#[test]
fn a_granted_waiter_that_comes_without_budget_has_to_yield() {
    /// What each poll of the waiter gave, and how often it was woken by then.
    fn polls<L: Lock>(lock: &L) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut seen = String::new();
            let (woken, waker) = common::counting_waker();
            let guard = lock.lock().await;
            let mut waiter = Box::pin(lock.lock());
            assert!(common::poll_with(&mut waiter, &waker).is_pending());
            drop(guard);
            // Granted now. Twice the rest of the budget goes, and then the waiter is polled.
            for _ in 0..2 {
                std::future::poll_fn(|cx| {
                    let mut burn = Box::pin(async {
                        for _ in 0..200 {
                            consume_budget().await;
                        }
                    });
                    assert!(burn.as_mut().poll(cx).is_pending());
                    let first = common::poll_with(&mut waiter, &waker).is_ready();
                    let again = common::poll_with(&mut waiter, &waker).is_ready();
                    let _ = write!(seen, "{first} {again} {}, ", woken.get());
                    Poll::Ready(())
                })
                .await;
                yield_now().await;
                let _ = write!(seen, "{}, ", woken.get());
            }
            let ready = common::poll_with(&mut waiter, &waker).is_ready();
            let _ = write!(seen, "{ready} {}", woken.get());
            seen
        })
    }
    let bare = polls(&tokio::sync::Mutex::new(0));
    assert_eq!(bare, "false false 1, 2, false false 2, 3, true 3");
    assert_eq!(polls(&lockscope::sync::Mutex::new(0)), bare);
    let tape = Tape::new();
    assert_eq!(polls(&tape.mutex("m", 0)), bare);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2");
}

#[test]
fn nested_joined_selected_and_cancelled() {
    let hold = Hold::Yield(2);
    same(&vec![
        vec![Step::Join((0, hold), (1, Hold::Sleep(3))), Step::Burst(0, 200)],
        vec![Step::Select((0, Hold::Sleep(2)), (1, hold)), Step::Nested(0, 1, hold)],
        vec![Step::Timeout(0, 2, hold), Step::Timeout(1, 1, Hold::Sleep(4)), Step::Burst(1, 150)],
        vec![Step::Abandon(0, 1), Step::Abandon(1, 3), Step::Try(0, hold), Step::Owned(1, Hold::Burn(130))],
    ]);
}

#[test]
fn a_deadlock_stays_one() {
    let tape = same(&vec![
        vec![Step::Nested(0, 1, Hold::Drop)],
        vec![Step::Lock(1, Hold::Yield(1)), Step::Nested(1, 0, Hold::Drop)],
        vec![Step::Join((0, Hold::Sleep(1)), (0, Hold::Sleep(1))), Step::Nested(0, 1, Hold::Drop)],
    ]);
    tape.line();
}

/// On a thread that only waits for a runtime, tokio wakes a task that is out of budget at once, from
/// inside its poll. That wake is no grant.
#[test]
fn out_of_budget_where_no_scheduler_is() {
    async fn burst<L: Lock>(lock: &L) {
        for _ in 0..300 {
            *lock.lock().await += 1;
        }
    }
    fn polls<L: Lock>(lock: &L) -> (usize, u32) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let polls = Arc::<AtomicUsize>::default();
        let future = Box::pin(burst(lock));
        runtime.block_on(Counted::new(future, &polls));
        (polls.load(Ordering::SeqCst), *lock.try_lock().unwrap())
    }
    let bare = polls(&tokio::sync::Mutex::new(0));
    assert_eq!(polls(&lockscope::sync::Mutex::new(0)), bare);
    let tape = Tape::new();
    assert_eq!(polls(&tape.mutex("m", 0)), bare);
    assert_eq!(bare.0, 3, "300 turns are three budgets");
    assert!(had_to_yield(&tape));
    let line = tape.line();
    assert!(!line.contains("wait"), "{line}");
    assert!(line.contains("release 128, grant 129, acquire 129"), "{line}");
}

#[test]
fn the_comparison_can_fail() {
    struct Greedy(tokio::sync::Mutex<u32>);
    impl Lock for Greedy {
        /// What this crate must not do: the shortcut that hides the budget's yield.
        async fn lock(&self) -> impl DerefMut<Target = u32> + Send {
            match self.0.try_lock() {
                Ok(guard) => guard,
                Err(_) => self.0.lock().await,
            }
        }

        async fn lock_owned(self: Arc<Self>) -> impl DerefMut<Target = u32> + Send {
            Box::new(0)
        }

        fn try_lock(&self) -> Option<impl DerefMut<Target = u32> + Send> {
            self.0.try_lock().ok()
        }
    }
    let program = vec![vec![Step::Burst(0, 300)]; 3];
    let bare = run(&program, |_| tokio::sync::Mutex::new(0));
    let greedy = run(&program, |_| Greedy(tokio::sync::Mutex::new(0)));
    assert!(parting(&bare, &greedy).is_some());
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![
        2 => Just(Hold::Drop),
        2 => (1_u8..4).prop_map(Hold::Yield),
        2 => (1_u8..6).prop_map(Hold::Sleep),
        1 => any::<u8>().prop_map(Hold::Burn),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let lock = || 0..LOCKS;
    prop_oneof![
        3 => (lock(), hold()).prop_map(|(lock, hold)| Step::Lock(lock, hold)),
        1 => (lock(), hold()).prop_map(|(lock, hold)| Step::Owned(lock, hold)),
        2 => (lock(), hold()).prop_map(|(lock, hold)| Step::Try(lock, hold)),
        2 => (lock(), 1_u16..300).prop_map(|(lock, times)| Step::Burst(lock, times)),
        2 => (lock(), 0_u8..6, hold()).prop_map(|(lock, millis, hold)| Step::Timeout(lock, millis, hold)),
        2 => (lock(), 0_u8..4).prop_map(|(lock, polls)| Step::Abandon(lock, polls)),
        1 => (lock(), lock(), hold()).prop_map(|(outer, inner, hold)| Step::Nested(outer, inner, hold)),
        1 => ((lock(), hold()), (lock(), hold())).prop_map(|(one, two)| Step::Join(one, two)),
        1 => ((lock(), hold()), (lock(), hold())).prop_map(|(one, two)| Step::Select(one, two)),
        1 => Just(Step::Yield),
        1 => (1_u8..6).prop_map(Step::Sleep),
        // Near the budget's end, which is at 128.
        2 => (120_u8..136).prop_map(Step::Burn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_program_runs_as_it_does_over_the_bare_lock(
        program in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..5),
    ) {
        compare(&program).map_err(TestCaseError::fail)?;
    }
}

/// One move of a hand that polls futures of one lock, in any order.
#[derive(Debug, Clone, Copy)]
enum Move {
    Ask,
    Poll(usize),
    DropFuture(usize),
    DropGuard(usize),
    Try,
}

fn one_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Ask),
        5 => any::<usize>().prop_map(Move::Poll),
        2 => any::<usize>().prop_map(Move::DropFuture),
        3 => any::<usize>().prop_map(Move::DropGuard),
        1 => Just(Move::Try),
    ]
}

/// Makes the moves, and says what each one gave.
fn play<L: Lock>(lock: &L, moves: &[Move]) -> String {
    let mut seen = String::new();
    let mut futures = Vec::new();
    let mut guards: Vec<Box<dyn DerefMut<Target = u32> + '_>> = Vec::new();
    let mut asked = 0;
    for &one in moves {
        match one {
            Move::Ask => {
                asked += 1;
                let (count, waker) = common::counting_waker();
                futures.push((asked, Box::pin(lock.lock()), count, waker));
            }
            Move::Poll(which) if !futures.is_empty() => {
                let at = which % futures.len();
                let (number, future, _, waker) = &mut futures[at];
                let poll = common::poll_with(future, waker);
                let _ = write!(seen, "{number} {}, ", poll.is_ready());
                if let Poll::Ready(guard) = poll {
                    guards.push(Box::new(guard));
                    drop(futures.remove(at));
                }
            }
            Move::DropFuture(which) if !futures.is_empty() => drop(futures.remove(which % futures.len())),
            Move::DropGuard(which) if !guards.is_empty() => drop(guards.remove(which % guards.len())),
            Move::Try => match lock.try_lock() {
                Some(guard) => {
                    seen.push_str("try, ");
                    guards.push(Box::new(guard));
                }
                None => seen.push_str("busy, "),
            },
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
    fn any_hand_sees_the_bare_lock_and_records_a_possible_history(
        moves in prop::collection::vec(one_move(), 1..60),
    ) {
        let bare = play(&tokio::sync::Mutex::new(0), &moves);
        prop_assert_eq!(&play(&lockscope::sync::Mutex::new(0), &moves), &bare);
        let tape = Tape::new();
        prop_assert_eq!(&play(&tape.mutex("m", 0), &moves), &bare);
        let checker = Checker::one_thread().check(&tape.events()).map_err(TestCaseError::fail)?;
        prop_assert!(checker.all_over());
    }
}
