//! Who can still move: which tasks run or were woken, and which timers are due some day.
//!
//! When nobody runs, nobody was woken and no timer is set, nothing can ever move again, whatever the
//! tasks wait for. That is seen from outside of the locks: from the wakers that the tasks are polled
//! with. A future that is kept and no longer polled is seen rightly too: its timer fires once, its
//! task looks, and that is all.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::{LockId, TaskId, What};

/// Counts what can move.
pub(super) struct Board {
    counts: Mutex<Counts>,
    /// How often tasks may be polled without an event; `None` is without end.
    patience: Option<u64>,
    /// Rung when the last mover came to rest, when the last task ended, and when patience did.
    bell: Notify,
}

#[derive(Default)]
struct Counts {
    /// Tasks that have not come to their end.
    alive: usize,
    /// Tasks that are polled, or were woken and will be.
    moving: usize,
    /// Timers that have not fired.
    timers: usize,
    /// The locks for which whole threads stand still.
    blocked: Vec<LockId>,
    /// How many are in the critical section of each lock, by id.
    holders: Vec<u32>,
    /// How often a task was polled or woken.
    turns: u64,
    /// How often since the last event, and which task was polled last.
    silent: (u64, Option<TaskId>),
}

impl Counts {
    /// A thread that stands still for a lock that nobody holds is about to get it.
    fn at_rest(&self) -> bool {
        let held = |lock: &LockId| self.holders.get(lock.0 as usize).is_some_and(|holders| *holders > 0);
        self.moving == 0 && self.timers == 0 && self.alive > 0 && self.blocked.iter().all(held)
    }
}

impl Board {
    /// For so many tasks and locks. In virtual time, where nothing passes while tasks wake each other, patience
    /// has an end.
    pub(super) fn new((tasks, locks): (usize, usize), patience: Option<u64>) -> Arc<Self> {
        // A task is to be polled from the moment it is spawned.
        let counts = Counts { alive: tasks, moving: tasks, holders: vec![0; locks], ..Counts::default() };
        Arc::new(Self { counts: Mutex::new(counts), patience, bell: Notify::new() })
    }

    /// A poisoned mutex only means that a thread panicked elsewhere; the counts are whole.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts();
        change(&mut counts);
        if counts.at_rest() || counts.alive == 0 || self.lost_patience(&counts).is_some() {
            self.bell.notify_one();
        }
    }

    fn lost_patience(&self, counts: &Counts) -> Option<TaskId> {
        let (silent, task) = counts.silent;
        task.filter(|_| self.patience.is_some_and(|patience| silent > patience))
    }

    /// Waits until every task has ended, or nothing may be able to move any more, or nothing does but
    /// wakers.
    pub(super) async fn rest(&self) -> Rest {
        loop {
            {
                let counts = self.counts();
                if counts.alive == 0 {
                    return Rest::Finished;
                }
                if counts.at_rest() {
                    return Rest::Stuck(counts.turns);
                }
                if let Some(task) = self.lost_patience(&counts) {
                    return Rest::Round(task);
                }
            }
            self.bell.notified().await;
        }
    }

    /// Whether it has been at rest ever since.
    pub(super) fn still_at_rest(&self, turns: u64) -> bool {
        let counts = self.counts();
        counts.at_rest() && counts.turns == turns
    }

    /// Something happened: somebody entered the critical section of a lock, is about to leave it, or did
    /// something else.
    pub(super) fn heard(&self, what: &What) {
        let mut counts = self.counts();
        counts.silent = (0, None);
        let (What::Acquire { lock, .. } | What::Release { lock, .. }) = what else { return };
        let Some(holders) = counts.holders.get_mut(lock.0 as usize) else { return };
        *holders = match what {
            What::Acquire { .. } => *holders + 1,
            _ => holders.saturating_sub(1),
        };
    }

    /// Waits on this thread, which does nothing else meanwhile.
    pub(super) fn block<R>(&self, lock: LockId, wait: impl FnOnce() -> R) -> R {
        self.change(|counts| {
            counts.moving -= 1;
            counts.blocked.push(lock);
        });
        let result = wait();
        self.change(|counts| {
            counts.moving += 1;
            if let Some(index) = counts.blocked.iter().position(|blocked| *blocked == lock) {
                counts.blocked.swap_remove(index);
            }
        });
        result
    }
}

/// What a board at rest has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Every task has ended.
    Finished,
    /// Nothing moves, after so many turns; to be asked again a little later.
    Stuck(u64),
    /// Tasks, among them this one, are woken and polled over and over, and nothing happens.
    Round(TaskId),
}

/// How a task stands with its executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Idle,
    Woken,
    Running,
    /// Woken while it runs: it will be polled again.
    RunningWoken,
}

/// The waker that a task is polled with.
struct Watch {
    board: Arc<Board>,
    task: TaskId,
    state: Mutex<(Standing, Option<Waker>)>,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, (Standing, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        match state.0 {
            Standing::Idle => {
                state.0 = Standing::Woken;
                self.board.change(|counts| {
                    counts.moving += 1;
                    counts.turns += 1;
                });
            }
            Standing::Running => state.0 = Standing::RunningWoken,
            Standing::Woken | Standing::RunningWoken => {}
        }
        let waker = state.1.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A task of a run, watched.
pub(super) struct Watched<F: Future> {
    watch: Arc<Watch>,
    waker: Waker,
    /// `None` once it is over.
    life: Option<Pin<Box<F>>>,
}

impl<F: Future> Watched<F> {
    /// One of the tasks that the board was made for.
    pub(super) fn new(board: &Arc<Board>, task: TaskId, life: F) -> Self {
        let state = Mutex::new((Standing::Woken, None));
        let watch = Arc::new(Watch { board: board.clone(), task, state });
        Self { waker: Waker::from(watch.clone()), watch, life: Some(Box::pin(life)) }
    }

    /// It will never be polled again.
    fn end(&mut self) {
        if self.life.take().is_some() {
            let standing = std::mem::replace(&mut self.watch.state().0, Standing::RunningWoken);
            self.watch.board.change(|counts| {
                counts.alive -= 1;
                counts.moving -= usize::from(standing != Standing::Idle);
            });
        }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let board = &this.watch.board;
        {
            let mut state = this.watch.state();
            let before = std::mem::replace(&mut state.0, Standing::Running);
            if !state.1.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.1 = Some(cx.waker().clone());
            }
            board.change(|counts| {
                counts.moving += usize::from(before == Standing::Idle);
                counts.turns += 1;
                counts.silent = (counts.silent.0 + 1, Some(this.watch.task));
            });
        }
        let Some(life) = this.life.as_mut() else { return Poll::Ready(()) };
        if life.as_mut().poll(&mut Context::from_waker(&this.waker)).is_ready() {
            this.end();
            return Poll::Ready(());
        }
        let mut state = this.watch.state();
        if state.0 == Standing::RunningWoken {
            state.0 = Standing::Woken;
        } else {
            state.0 = Standing::Idle;
            drop(state);
            this.watch.board.change(|counts| counts.moving -= 1);
        }
        Poll::Pending
    }
}

impl<F: Future> Drop for Watched<F> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A timer on the board.
struct Armed {
    board: Arc<Board>,
    /// Whether it is counted, and whom it wakes.
    state: Mutex<(bool, Option<Waker>)>,
}

impl Armed {
    fn state(&self) -> MutexGuard<'_, (bool, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, armed: bool) {
        let before = std::mem::replace(&mut self.state().0, armed);
        if before != armed {
            self.board.change(|counts| if armed { counts.timers += 1 } else { counts.timers -= 1 });
        }
    }
}

impl Wake for Armed {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The task first: between the two nothing would seem to move.
        let waker = self.state().1.take();
        if let Some(waker) = waker {
            waker.wake();
        }
        self.set(false);
    }
}

/// Takes a timer off the board when its future is dropped.
struct Disarm(Arc<Armed>);

impl Drop for Disarm {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Sleeps, by a timer that the board knows of.
///
/// # Cancel safety
///
/// Dropping it takes the timer back.
pub(super) async fn sleep_until(board: &Arc<Board>, due: Instant) {
    let timer = Disarm(Arc::new(Armed { board: board.clone(), state: Mutex::new((false, None)) }));
    let waker = Waker::from(timer.0.clone());
    let mut sleep = pin!(tokio::time::sleep_until(due));
    std::future::poll_fn(|cx| {
        timer.0.state().1 = Some(cx.waker().clone());
        // Before the poll: it may fire in the middle of it. Again in every poll: the wake may have been
        // that of a task which is out of budget.
        timer.0.set(true);
        sleep.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await;
}
