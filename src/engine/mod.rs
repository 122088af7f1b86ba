//! Runs a plan: real tasks on a real tokio runtime against instrumented locks.
//!
//! One interpreter of steps; only the runtime around it differs. A run always ends: by itself, at its
//! horizon, at the event cap, by the watchdog, when nothing can move any more, or when it is told to.
//! It draws nothing and prints nothing.

mod interpreter;
mod referee;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime as Tokio};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::event::{LockId, Outcome, StepId, TaskId, Time};
use crate::scenario::{ClockKind, Plan, Runtime, TaskPlan};
use crate::sync::{Clock, Mutex, Recorder, Sink, actor};
use interpreter::{Data, Interpreter};
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

/// How many steps may pass without an event before the watchdog stops the run.
pub const MAX_SILENT_STEPS: u64 = 2_000_000;

/// Where a run without a horizon is stopped all the same: a year.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

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
    /// Every task that was left waited for a lock.
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
    /// Somebody asked it to.
    Asked,
}

/// A run that cannot be.
#[derive(Debug)]
pub enum Refused {
    /// The virtual clock needs a runtime of one thread: tokio cannot pause the time of several.
    VirtualMultiThread,
    /// The operating system gave no thread or no timer.
    Runtime(std::io::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::VirtualMultiThread => f.write_str(
                "the virtual clock cannot run a multi_thread runtime: tokio can pause time only on one \
                 thread; use `--clock real`",
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
/// [`Refused::VirtualMultiThread`].
pub fn check(plan: &Plan, options: &Options) -> Result<(), Refused> {
    match (options.clock_for(plan), plan.runtime) {
        (ClockKind::Virtual, Runtime::MultiThread { .. }) => Err(Refused::VirtualMultiThread),
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
    Ok(end)
}

fn runtime(kind: Runtime, clock: ClockKind) -> std::io::Result<Tokio> {
    match kind {
        Runtime::CurrentThread => {
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
    locks: Vec<Arc<Mutex<Data>>>,
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
) -> End {
    let began = Instant::now();
    let horizon = options.until_for(&plan).unwrap_or(FAR).min(FAR);
    let names = plan.names();
    let whistle = Arc::new(Whistle::new(horizon.into(), stop));
    let referee =
        Referee::new(sink, whistle.clone(), names.tasks.len(), options.max_events.unwrap_or(MAX_EVENTS));
    let recorder = Recorder::new(Clock::from_fn(move || (Instant::now() - began).into()), referee);
    for task in names.tasks {
        recorder.add_task(task);
    }
    let locks = plan.locks.iter().map(|lock| {
        let id: LockId = recorder.add_lock(lock.name.as_str(), lock.kind);
        let data = lock.data.iter().map(|(key, value)| (key.as_str().into(), Arc::new(value.clone())));
        Arc::new(Mutex::recorded(&recorder, id, data.collect()))
    });
    let locks = locks.collect();
    let seed = options.seed.unwrap_or(plan.seed);
    let shared = Arc::new(Shared { plan, recorder, whistle, locks, clock, began, seed });

    // Made before the tasks: timers due at the same moment fire in the order of their making, and at
    // the horizon the run ends before anything else happens.
    let horizon = tokio::time::sleep_until(began + horizon);
    let mut tasks = spawn(&shared);
    let finished = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = shared.whistle.blown() => {}
        () = horizon => shared.whistle.blow(Cause::Horizon),
        () = finished => shared.whistle.blow(Cause::Finished),
    }
    shared.recorder.close();
    shared.whistle.end()
}

/// Spawns every task, in the order of the file.
fn spawn(shared: &Arc<Shared>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut id = 0;
    for (index, plan) in shared.plan.tasks.iter().enumerate() {
        for _ in plan.actors() {
            let task = TaskId(id);
            id += 1;
            tasks.spawn(actor::scope(task, live(shared.clone(), index, task)));
        }
    }
    tasks
}

/// One task's life: the time before its start, its steps, its end.
async fn live(shared: Arc<Shared>, index: usize, task: TaskId) {
    let plan: &TaskPlan = &shared.plan.tasks[index];
    if !plan.start.is_zero() {
        tokio::time::sleep_until(shared.began + plan.start).await;
    }
    Interpreter::new(&shared, plan, task).live().await;
}
