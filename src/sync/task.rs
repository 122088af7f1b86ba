//! Tasks with names: what their locks do is credited to them by name.
//!
//! Swap `tokio::spawn(future)` for `lockscope::task::spawn("name", future)`. A task that has no name is
//! told by tokio's task id, and a thread by its own name. Without a recorder these are tokio's own
//! functions.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::actor;
use super::probe::OFF;
use super::recorder::{Recorder, installed};
use crate::event::{Actor, TaskId, What};

/// Spawns a task that is called `name`.
///
/// # Panics
///
/// Panics outside of a tokio runtime, as `tokio::spawn` does.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = lockscope::task::spawn("writer", async { 1 + 1 });
/// assert_eq!(task.await.unwrap(), 2);
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(name: impl Into<Arc<str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match Named::new(name) {
        Some(task) => tokio::spawn(task.run(future)),
        None => tokio::spawn(future),
    }
}

/// Spawns a task that is called `name` on this thread.
///
/// # Panics
///
/// Panics outside of a `LocalSet` or a local runtime, as `tokio::task::spawn_local` does.
#[track_caller]
pub fn spawn_local<F>(name: impl Into<Arc<str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match Named::new(name) {
        Some(task) => tokio::task::spawn_local(task.run(future)),
        None => tokio::task::spawn_local(future),
    }
}

/// Runs `work`, which may block, on a thread of its own, as a task that is called `name`.
///
/// # Panics
///
/// Panics outside of a tokio runtime, as `tokio::task::spawn_blocking` does.
#[track_caller]
pub fn spawn_blocking<F, R>(name: impl Into<Arc<str>>, work: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match Named::new(name) {
        Some(named) => tokio::task::spawn_blocking(move || {
            let Named { task, .. } = &named;
            actor::enter(*task, work)
        }),
        None => tokio::task::spawn_blocking(work),
    }
}

/// Gives `future` a name, for whatever else runs it: a `JoinSet`, a `LocalSet`, `block_on`.
///
/// It is a task from here on, until it ends or is dropped.
///
/// # Cancel safety
///
/// Dropping it drops `future`; what its locks do then is still credited to it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut tasks = tokio::task::JoinSet::new();
/// tasks.spawn(lockscope::task::named("reader", async { "read" }));
/// assert_eq!(tasks.join_next().await.unwrap().unwrap(), "read");
/// # }
/// ```
pub fn named<F: Future>(name: impl Into<Arc<str>>, future: F) -> impl Future<Output = F::Output> {
    // Made here, not in the future: what is never polled is dropped in its own name too.
    let run = match Named::new(name) {
        Some(task) => Run::Named(task.run(future)),
        None => Run::Bare(future),
    };
    async move {
        match run {
            Run::Named(run) => run.await,
            Run::Bare(future) => future.await,
        }
    }
}

enum Run<N, F> {
    Named(N),
    Bare(F),
}

/// A task that is recorded from its start to its end, whatever that is.
struct Named {
    recorder: &'static Recorder,
    task: TaskId,
}

impl Named {
    /// Registers the task, if anybody records, and says that it starts.
    fn new(name: impl Into<Arc<str>>) -> Option<Self> {
        let recorder = installed().filter(|recorder| !OFF && !recorder.is_closed())?;
        let task = recorder.add_task(name);
        let named = Self { recorder, task };
        named.record(What::Spawn);
        Some(named)
    }

    fn record(&self, what: What) {
        self.recorder.record(Actor { task: self.task, step: None }, what);
    }

    /// Runs `future` as this task.
    fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        let task = self.task;
        // Together, so that they are dropped in this order, also where nobody ever polls them.
        let both = (future, self);
        actor::scope(task, async move {
            let (future, _ends) = { both };
            future.await
        })
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.record(What::Finish);
    }
}
