//! Runs a plan: real tasks on a real tokio runtime against instrumented locks.
//!
//! One interpreter of steps; only the runtime around it differs. A run always ends: by itself, at its
//! horizon, at the event cap, by the watchdog, when nothing can move any more, or when it is told to.
//! It draws nothing and prints nothing.

mod board;
mod frame;
mod interpreter;
mod locks;
mod mailbox;
mod referee;
mod tasks;
mod values;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime as Tokio};
use tokio::time::Instant;

use crate::event::{LockId, LockKind, Outcome, StepId, TaskId, Time};
use crate::scenario::{ClockKind, Plan, Runtime};
use crate::sync::{Clock, Recorder, Sink};
use board::{Board, Rest};
use locks::Lock;
use referee::{Referee, Whistle};

pub use referee::Stop;

/// How a run differs from what its plan says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Another clock.
    pub clock: Option<ClockKind>,
    /// Another horizon.
    pub until: Option<Duration>,
    /// Another seed.
    pub seed: Option<u64>,
    /// Another event cap; the default is [`MAX_EVENTS`].
    pub max_events: Option<u64>,
}

impl Options {
    /// The clock that a run of `plan` uses.
    pub fn clock_for(&self, plan: &Plan) -> ClockKind {
        self.clock.unwrap_or(plan.clock)
    }

    /// The horizon that a run of `plan` has, if it has one.
    pub fn until_for(&self, plan: &Plan) -> Option<Duration> {
        self.until.or(plan.until)
    }
}

/// The event cap, unless [`Options`] name another: it bounds a run's memory to some 200 MB.
pub const MAX_EVENTS: u64 = 1_000_000;

/// How many steps, and how many polls in virtual time, may pass without an event before the watchdog stops the run.
pub const MAX_SILENT_STEPS: u64 = 2_000_000;

/// Where a run without a horizon is stopped all the same: a year.
const FAR: Duration = Duration::from_hours(8760);

/// How long nothing must move on several threads before it is believed that nothing can: far longer
/// than a thread takes from one task to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How a run ended, when, and why then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// When: the horizon if that stopped it, else the moment of the last event.
    pub at: Time,
    /// Why then.
    pub cause: Cause,
}

/// Why a run ended when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Every task came to its end.
    Finished,
    /// Nobody could move any more: whoever was left waited, for what nobody was left to give.
    Stuck,
    /// The horizon.
    Horizon,
    /// As many events as the cap allows.
    EventCap(u64),
    /// Too many steps without an event.
    Watchdog {
        /// The task whose step it was.
        task: TaskId,
        /// The step.
        step: StepId,
    },
    /// In virtual time, which stands still meanwhile: tasks wake each other without end, and nothing
    /// happens. This is one of them.
    Round(TaskId),
    /// Somebody asked it to.
    Asked,
}

impl Cause {
    /// Whether the run had to be cut off, since it might have gone on for ever: what it came to says
    /// little about its program then.
    pub const fn is_runaway(self) -> bool {
        match self {
            Self::EventCap(_) | Self::Watchdog { .. } | Self::Round(_) => true,
            Self::Finished | Self::Stuck | Self::Horizon | Self::Asked => false,
        }
    }
}

/// A run that cannot be.
#[derive(Debug)]
pub enum Refused {
    /// The virtual clock needs a runtime of one thread: tokio cannot pause the time of several.
    VirtualThreads,
    /// A lock of this kind does not run on the virtual clock.
    VirtualLock(LockKind),
    /// A lock of this kind does not run on the workers of a runtime.
    OnWorkers(LockKind),
    /// The operating system gave no thread or no timer.
    Runtime(std::io::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::VirtualThreads => f.write_str(
                "the virtual clock cannot run several threads: tokio can pause time only on one; use \
                 `--clock real`",
            ),
            Self::VirtualLock(kind) => {
                let why = kind.needs_real_time().unwrap_or("it needs real time");
                write!(f, "the virtual clock cannot run a {}: {why}; use `--clock real`", kind.path())
            }
            Self::OnWorkers(kind) => write!(
                f,
                "a {} cannot run on a multi_thread runtime: its guard is not `Send`, so no task that holds \
                 it across an `.await` can be spawned there; use `current_thread` or `threads`",
                kind.path()
            ),
            Self::Runtime(error) => write!(f, "cannot start the runtime: {error}"),
        }
    }
}

impl std::error::Error for Refused {}

/// Whether `plan` can run with `options`.
///
/// # Errors
///
/// [`Refused::VirtualThreads`], [`Refused::VirtualLock`] or [`Refused::OnWorkers`].
pub fn check(plan: &Plan, options: &Options) -> Result<(), Refused> {
    let kinds = || plan.locks.iter().map(|lock| lock.kind);
    if options.clock_for(plan) == ClockKind::Virtual {
        if plan.runtime != Runtime::CurrentThread {
            return Err(Refused::VirtualThreads);
        }
        if let Some(kind) = kinds().find(|kind| kind.needs_real_time().is_some()) {
            return Err(Refused::VirtualLock(kind));
        }
    }
    match kinds().find(|kind| kind.blocks()) {
        Some(kind) if matches!(plan.runtime, Runtime::MultiThread { .. }) => Err(Refused::OnWorkers(kind)),
        _ => Ok(()),
    }
}

/// Runs `plan` to its end on this thread; events go to `sink` as they happen.
///
/// With the virtual clock a `sink` that blocks stops the tasks themselves; with the real clock it
/// must not block. Task and lock ids are those of [`Plan::names`].
///
/// # Errors
///
/// [`Refused`] if the plan cannot run with these options; nothing has run then.
///
/// # Panics
///
/// If called from within a tokio runtime.
///
/// ```
/// use std::sync::Arc;
/// use lockscope::engine::{self, Options, Stop};
/// use lockscope::event::Event;
/// use lockscope::scenario;
///
/// let source = scenario::find(scenario::DEFAULT).unwrap().source();
/// let plan = scenario::parse(&source).unwrap().plan;
/// let mut events = 0;
/// let (send, receive) = std::sync::mpsc::channel::<Event>();
/// let end = engine::run(
///     &Arc::new(plan),
///     &Options::default(),
///     move |event| send.send(event).is_ok(),
///     &Stop::default(),
/// )?;
/// assert_eq!(end.at.millis(), 2500);
/// assert_eq!(receive.iter().next().unwrap().seq, 1);
/// # Ok::<(), lockscope::engine::Refused>(())
/// ```
pub fn run(
    plan: &Arc<Plan>,
    options: &Options,
    sink: impl Sink + 'static,
    stop: &Stop,
) -> Result<End, Refused> {
    check(plan, options)?;
    let clock = options.clock_for(plan);
    tracing::info!(title = plan.title, ?clock, runtime = ?plan.runtime, "the run begins");
    let runtime = runtime(plan.runtime, clock).map_err(Refused::Runtime)?;
    let end = runtime.block_on(supervise(plan.clone(), options, clock, Box::new(sink), stop.clone()));
    tracing::info!(?end, "the run is over");
    // A worker may be in the middle of `work`; its end is not waited for.
    runtime.shutdown_background();
    end.map_err(Refused::Runtime)
}

fn runtime(kind: Runtime, clock: ClockKind) -> std::io::Result<Tokio> {
    match kind {
        Runtime::CurrentThread | Runtime::Threads => {
            Builder::new_current_thread().enable_time().start_paused(clock == ClockKind::Virtual).build()
        }
        Runtime::MultiThread { workers } => {
            let mut builder = Builder::new_multi_thread();
            if let Some(workers) = workers {
                builder.worker_threads(workers.get() as usize);
            }
            builder.enable_time().build()
        }
    }
}

/// What all tasks of a run share.
struct Shared {
    plan: Arc<Plan>,
    recorder: Recorder,
    whistle: Arc<Whistle>,
    board: Arc<Board>,
    locks: Vec<Lock>,
    clock: ClockKind,
    began: Instant,
    seed: u64,
}

/// Lets the tasks run and ends the run. The recorder is closed before any task is aborted: the
/// releases of an abort are real, but not part of what is shown.
async fn supervise(
    plan: Arc<Plan>,
    options: &Options,
    clock: ClockKind,
    sink: Box<dyn Sink>,
    stop: Stop,
) -> std::io::Result<End> {
    let began = Instant::now();
    let horizon = options.until_for(&plan).unwrap_or(FAR).min(FAR);
    let names = plan.names();
    let patience = (clock == ClockKind::Virtual).then_some(MAX_SILENT_STEPS);
    let board = Board::new((names.tasks.len(), names.locks.len()), patience);
    let whistle = Arc::new(Whistle::new(horizon.into(), stop));
    let cap = options.max_events.unwrap_or(MAX_EVENTS);
    let referee = Referee::new(sink, whistle.clone(), board.clone(), cap);
    let recorder = Recorder::new(Clock::from_fn(move || (Instant::now() - began).into()), referee);
    for task in names.tasks {
        recorder.add_task(task);
    }
    let mut locks = Vec::new();
    for (name, lock) in names.locks.into_iter().zip(&plan.locks) {
        let id: LockId = recorder.add(name);
        locks.push(Lock::new(&recorder, id, lock));
    }
    let seed = options.seed.unwrap_or(plan.seed);
    let shared = Arc::new(Shared { plan, recorder, whistle, board, locks, clock, began, seed });

    // Made before the tasks: timers due at the same moment fire in the order of their making, and at
    // the horizon the run ends before anything else happens.
    let horizon = tokio::time::sleep_until(began + horizon);
    let spawned = tasks::spawn(&shared);
    if spawned.is_ok() {
        tokio::select! {
            biased;
            () = shared.whistle.blown() => {}
            () = horizon => shared.whistle.blow(Cause::Horizon),
            cause = rest(&shared) => shared.whistle.blow(cause),
        }
    }
    shared.recorder.close();
    // Threads are told; those that stand still for a lock are left behind.
    shared.whistle.blow(Cause::Asked);
    spawned.map(|_tasks| shared.whistle.end())
}

/// Waits until every task has ended, or none can move any more.
async fn rest(shared: &Shared) -> Cause {
    loop {
        let turns = match shared.board.rest().await {
            Rest::Finished => return Cause::Finished,
            Rest::Round(task) => return Cause::Round(task),
            Rest::Stuck(turns) => turns,
        };
        // A task that yields is woken only after it was polled: on this thread before its next turn, on
        // another one as soon as that looks around.
        match shared.plan.runtime {
            Runtime::CurrentThread => tokio::task::yield_now().await,
            Runtime::MultiThread { .. } | Runtime::Threads => tokio::time::sleep(LOOK_AGAIN).await,
        }
        if shared.board.still_at_rest(turns) {
            return Cause::Stuck;
        }
    }
}
