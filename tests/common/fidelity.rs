//! What the comparisons with the bare locks share.

use std::collections::HashSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use lockscope::event::What;

use super::Tape;

/// Counts the polls of a task.
pub struct Counted<F> {
    future: Pin<Box<F>>,
    polls: Arc<AtomicUsize>,
}

impl<F> Counted<F> {
    pub fn new(future: Pin<Box<F>>, polls: &Arc<AtomicUsize>) -> Self {
        Self { future, polls: Arc::clone(polls) }
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.future.as_mut().poll(cx)
    }
}

/// Polls `future` once, and then so many times more; `None` if that was not enough. Unlike tokio's
/// `select!` it asks for no budget of its own.
pub async fn within_polls<F: Future>(future: F, mut more: u8) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if more == 0 {
            return Poll::Ready(None);
        }
        more -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Where two runs part.
pub fn parting(bare: &str, ours: &str) -> Option<String> {
    let (bare, ours): (Vec<_>, Vec<_>) = (bare.lines().collect(), ours.lines().collect());
    let at = (0..bare.len().max(ours.len())).find(|&at| bare.get(at) != ours.get(at))?;
    let begin = at.saturating_sub(5);
    Some(format!(
        "at line {at}:\nbare {:#?}\nours {:#?}",
        &bare[begin..bare.len().min(at + 5)],
        &ours[begin..ours.len().min(at + 5)]
    ))
}

/// Whether a `Grant` without a `Wait` was seen: a task that owned the lock and had to yield.
pub fn had_to_yield(tape: &Tape) -> bool {
    let mut waited = HashSet::new();
    tape.events().iter().any(|event| match event.what {
        What::Wait { op, .. } => !waited.insert(op),
        What::Grant { op, .. } => !waited.contains(&op),
        _ => false,
    })
}
