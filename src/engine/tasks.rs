//! The tasks of a run, on whatever they run on: a runtime of tokio's, or a thread each.

use std::io;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::Shared;
use super::board::{Watched, sleep_until};
use super::interpreter::Interpreter;
use super::mailbox::{Receiver, Sender};
use crate::event::{LockId, TaskId};
use crate::scenario::{Runtime, Step, TaskPlan, Verb};
use crate::sync::actor;

/// The stack of a task's own thread: a scenario's blocks are not deep.
const STACK: usize = 1 << 20;

/// The ends of channels that a task owns.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) senders: Vec<(LockId, Sender)>,
    pub(super) receivers: Vec<(LockId, tokio::sync::Mutex<Receiver>)>,
}

impl Ends {
    /// The ends that some steps use.
    fn of(shared: &Shared, steps: &[Step]) -> Self {
        let mut ends = Self::default();
        Verb::each(steps, &mut |verb| match verb {
            Verb::Send { lock, .. } => {
                let known = ends.senders.iter().any(|(id, _)| id == lock);
                let mailbox = shared.locks[lock.0 as usize].mailbox().filter(|_| !known);
                ends.senders.extend(mailbox.and_then(|mailbox| Some((*lock, mailbox.sender()?))));
            }
            Verb::Recv { lock, .. } => {
                let mailbox = shared.locks[lock.0 as usize].mailbox();
                let receiver = mailbox.and_then(super::mailbox::Mailbox::receiver);
                ends.receivers.extend(receiver.map(|receiver| (*lock, receiver.into())));
            }
            _ => {}
        });
        ends
    }
}

/// Spawns every task, in the order of the file. What it gives ends them when it is dropped, as far as
/// they are tasks of this runtime.
///
/// # Errors
///
/// Where there is no thread to be had.
pub(super) fn spawn(shared: &Arc<Shared>) -> io::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let mut id = 0;
    for (index, plan) in shared.plan.tasks.iter().enumerate() {
        for name in plan.actors() {
            let task = TaskId(id);
            id += 1;
            let ends = Ends::of(shared, &plan.steps);
            let life = actor::scope(task, live(shared.clone(), index, task, ends));
            let watched = Watched::new(&shared.board, task, life);
            if shared.plan.runtime == Runtime::Threads {
                thread(shared.clone(), name, watched)?;
            } else {
                tasks.spawn(watched);
            }
        }
    }
    for mailbox in shared.locks.iter().filter_map(super::Lock::mailbox) {
        mailbox.seal();
    }
    Ok(tasks)
}

/// Runs a task on a thread of its own, until the task or the run is over. Nobody waits for the thread:
/// it may stand still for ever.
fn thread<F: Future + Send + 'static>(shared: Arc<Shared>, name: String, task: Watched<F>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
        runtime.block_on(async move {
            tokio::select! {
                biased;
                () = shared.whistle.over() => {}
                () = task => {}
            }
        });
    })?;
    Ok(())
}

/// One task's life: the time before its start, its steps, its end.
async fn live(shared: Arc<Shared>, index: usize, task: TaskId, ends: Ends) {
    let plan: &TaskPlan = &shared.plan.tasks[index];
    if !plan.start.is_zero() {
        sleep_until(&shared.board, shared.began + plan.start).await;
    }
    Interpreter::new(&shared, plan, task, ends).live().await;
}
