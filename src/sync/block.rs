//! Waiting for a recorded lock on a thread: what tokio's `blocking_*` methods do, around a future of ours.
//!
//! It never runs tasks and never uses the thread's own park token, which belongs to its program.

use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::unconstrained;

use super::probe::locked;

#[derive(Default)]
struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut woken = locked(&self.woken);
        while !*woken {
            woken = match self.changed.wait(woken) {
                Ok(woken) => woken,
                Err(poisoned) => poisoned.into_inner(),
            };
        }
        *woken = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *locked(&self.woken) = true;
        self.changed.notify_one();
    }
}

/// Blocks this thread until `future` is ready.
///
/// # Panics
///
/// Panics on a thread that drives tasks, with tokio's own words.
#[track_caller]
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    // Whether a thread may block only tokio knows; asking it this way never waits.
    drop(tokio::sync::Mutex::const_new(()).blocking_lock());
    let mut future = pin!(unconstrained(future));
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        parker.park();
    }
}
