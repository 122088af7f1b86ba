//! Who is acting: the task that the locks' events are credited to.
//!
//! A thread-local, because a lock has no other way to learn who polls it. [`scope`] names a task for
//! as long as its future runs; without it the recorder falls back on tokio's task id, then on the
//! thread's name.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::event::{Actor, StepId, TaskId};

thread_local! {
    static CURRENT: Cell<Option<Actor>> = const { Cell::new(None) };
}

/// Puts the previous actor back, also when the poll between panics.
struct Restore(Option<Actor>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The actor named for what runs now, if anybody named one.
pub fn current() -> Option<Actor> {
    CURRENT.get()
}

/// Runs `future` as `task`: every event in it is credited to that task.
///
/// # Cancel safety
///
/// Dropping it drops `future`, with the actor named while it is dropped.
pub fn scope<F: Future>(task: TaskId, future: F) -> impl Future<Output = F::Output> {
    Scoped { actor: Actor { task, step: None }, future: Some(Box::pin(future)) }
}

/// Runs `work` on this thread as `task`.
pub fn enter<R>(task: TaskId, work: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(Some(Actor { task, step: None })));
    work()
}

/// Says which step the current actor is on; nothing happens where no actor is named.
pub fn set_step(step: StepId) {
    if let Some(actor) = CURRENT.get() {
        CURRENT.set(Some(Actor { step: Some(step), ..actor }));
    }
}

struct Scoped<F> {
    actor: Actor,
    /// `None` only while it is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let restore = Restore(CURRENT.replace(Some(self.actor)));
        let poll = match self.future.as_mut() {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        };
        // The step the task came to is kept for its next poll.
        if let Some(actor) = CURRENT.get() {
            self.actor = actor;
        }
        drop(restore);
        poll
    }
}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        let _restore = Restore(CURRENT.replace(Some(self.actor)));
        self.future = None;
    }
}
