//! A [`tracing_subscriber::Layer`] that sees the *plain* tokio locks of a program that stays as it is.
//!
//! tokio tells `tracing` what its locks do, if the program is built with `--cfg tokio_unstable` and with
//! this crate's feature `tokio-tracing`. From that the layer rebuilds who waits, is granted, acquires,
//! releases and cancels, and reports it to a [`Recorder`], as the instrumented locks of
//! [`sync`](crate::sync) do.
//!
//! ```
//! use lockscope::layer;
//! use lockscope::sync::{Clock, Recorder};
//! use tracing_subscriber::layer::SubscriberExt as _;
//! use tracing_subscriber::util::SubscriberInitExt as _;
//!
//! let recorder = Recorder::new(Clock::wall(), |event| { /* keep it */ true });
//! tracing_subscriber::registry().with(layer::tokio_locks(&recorder)).init();
//! if !layer::sees_tokio() {
//!     eprintln!("built without --cfg tokio_unstable: the locks will not be seen");
//! }
//! ```
//!
//! Install it before the locks are made. It enables for itself what it needs and nothing else. Other layers
//! beside it need a filter of their own, or they see tokio's spans too. A *global* filter must let the
//! level `TRACE` of the targets `tokio` and `runtime` through.
//!
//! A lock is called after the place of its `new()` (`server.rs:12`). A task is called as
//! `tokio::task::Builder` or [`task::named`](crate::task::named) said, or else `task` and its id; what
//! `block_on` runs is called after its thread.
//!
//! # The order
//!
//! The order of each lock is a true one. tokio logs the end of an acquisition *after* the lock is let go, so
//! the next acquisition may be seen first; then the release is recorded right before it, because it must
//! have been, and tokio's own word for it is dropped when it comes. A waiter stands in tokio's queue when its
//! `Wait` is recorded, under the same mutex; if it is handed the lock ahead of others, those have left.
//!
//! # What it cannot see
//!
//! - Locks made by `const_new`, and those made before the layer was installed or where another subscriber
//!   was the default: tokio tells nothing of them. tokio's own locks (of a `File`, a `OnceCell`) are left out.
//! - A `try_lock`, `try_read` or `try_write` that fails ([`Busy`](crate::event::What::Busy)), and of a
//!   semaphore any `try_acquire`: it is as if the permits had never been out.
//! - Whose permits come back to a semaphore. They are taken to be those of the task that gives them back, or
//!   else of whoever has had as many for the longest time. `forget`, `merge` and `forget_permits` are not seen;
//!   permits that were added are seen when they come to more than there were, or when somebody gets them. A
//!   permit split off from several and handed to a waiter looks like the release of all.
//! - Which of several readers leaves, where that is done by a task that has no share of its own. If it holds
//!   several, it is taken to be the last.
//! - A writer that is downgraded with readers waiting is a release and a new acquisition.
//! - When a release happened, exactly: it is stamped when tokio tells it, or when it must have been.
//! - On which thread the lock was let go, where the release was told by the next acquisition: it is credited
//!   to the task that acquired.
//! - Tasks that end; messages; `Notify`. A future that moves to another task keeps the one that first polled it.
//! - Locks of [`sync`](crate::sync) are seen from inside: use either those or this, not both.
//!
//! It costs far more than the instrumented locks: every acquisition is several spans, in one mutex for all.
//! A sink of its recorder must not lock a tokio lock of the program: it may run under that lock's own mutex.

mod fields;
mod lock;
mod spans;
mod stack;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::sync::Recorder;
use crate::sync::probe::locked;
use fields::Fields;
use spans::Spans;
use stack::Stack;

/// Whether the program is built with `--cfg tokio_unstable`, without which tokio tells nothing and a
/// layer records nothing.
///
/// ```
/// assert_eq!(lockscope::layer::sees_tokio(), cfg!(tokio_unstable));
/// ```
pub const fn sees_tokio() -> bool {
    cfg!(tokio_unstable)
}

/// A layer that records to `recorder` what plain tokio locks do, with a filter of its own.
pub fn tokio_locks<S>(recorder: &Recorder) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    static LAYERS: AtomicUsize = AtomicUsize::new(0);
    let stack = Stack(LAYERS.fetch_add(1, Ordering::Relaxed));
    let layer = TokioLocks { stack, spans: Mutex::new(Spans::new(recorder.clone(), stack)) };
    layer.with_filter(FilterFn::new(wants).with_max_level_hint(LevelFilter::TRACE))
}

const POLL: &str = "runtime::resource::poll_op";
const OPERATION: &str = "runtime::resource::async_op::state_update";
const RESOURCE: &str = "runtime::resource::state_update";

/// Whether a span or an event is about a lock or a task.
fn wants(metadata: &Metadata<'_>) -> bool {
    let (target, has) = (metadata.target(), |name| metadata.fields().field(name).is_some());
    if metadata.is_span() {
        return match metadata.name() {
            "runtime.spawn" => target.starts_with("tokio::task"),
            "runtime.resource" => target.starts_with("tokio::sync::"),
            "runtime.resource.async_op" => {
                matches!(target, "tokio::util::trace" | "tokio::sync::batch_semaphore")
            }
            _ => false,
        };
    }
    match target {
        POLL => true,
        OPERATION => has("permits_requested") || has("permits_obtained"),
        RESOURCE => ["locked", "write_locked", "current_readers", "permits"].into_iter().any(has),
        _ => false,
    }
}

struct TokioLocks {
    stack: Stack,
    /// Nobody else's code runs under it but the sink's and the clock's.
    spans: Mutex<Spans>,
}

impl TokioLocks {
    fn tell(&self, tell: impl FnOnce(&mut Spans)) {
        stack::once(|| tell(&mut locked(&self.spans)));
    }
}

impl<S: Subscriber> Layer<S> for TokioLocks {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.tell(|spans| spans.begin(attributes.metadata().name(), id.into_u64(), &fields));
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.stack.enter(id.into_u64());
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.stack.exit(id.into_u64());
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.tell(|spans| match event.metadata().target() {
            POLL => spans.polled(&fields),
            OPERATION => spans.assigned(&fields),
            _ => spans.changed(&fields),
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.tell(|spans| spans.close(id.into_u64()));
    }
}

#[cfg(test)]
mod tests;
