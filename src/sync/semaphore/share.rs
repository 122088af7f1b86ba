//! What a permit has of which acquisitions.
//!
//! Permits can be merged and split, so that one may have parts of several acquisitions, and several
//! may have parts of one. Neither is an event: nobody got anything, and nobody let go of anything. An
//! acquisition is released when the last of its permits is given back; while some of them are out it
//! is told how many it keeps.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Semaphore;
use crate::event::{LockId, Mode, OpId, What};
use crate::sync::probe::Record;

/// The share that a permit has, recorded when it is dropped: before the real permits are given back.
pub(super) struct Share<S: Deref<Target = Semaphore>> {
    pub(super) semaphore: S,
    /// Permits that were acquired before anybody recorded it. To the recording they come back as new.
    unseen: usize,
    /// What nearly every permit has.
    first: Option<Part>,
    /// What was merged into it besides.
    more: Vec<Part>,
}

/// Permits of one acquisition.
struct Part {
    op: OpId,
    permits: u32,
    /// How many permits the acquisition has in all, if others have parts of it too.
    all: Option<Arc<AtomicU32>>,
}

impl Part {
    /// What it is to give this back. The order of a tap makes it one step.
    fn end(&self, lock: LockId) -> What {
        let rest =
            self.all.as_ref().map_or(0, |all| all.fetch_sub(self.permits, Ordering::Relaxed) - self.permits);
        let op = self.op;
        if rest == 0 {
            What::Release { lock, op }
        } else {
            What::Acquire { lock, op, mode: Mode::Permits(rest) }
        }
    }

    /// So many of its permits, which are fewer than it has.
    fn split(&mut self, permits: u32) -> Self {
        let all = self.all.get_or_insert_with(|| Arc::new(AtomicU32::new(self.permits)));
        self.permits -= permits;
        Self { op: self.op, permits, all: Some(Arc::clone(all)) }
    }
}

impl<S: Deref<Target = Semaphore>> Share<S> {
    /// Of an acquisition of so many permits, if it is recorded.
    pub(super) fn new(semaphore: S, op: Option<OpId>, permits: u32) -> Self {
        let unseen = if op.is_some() { 0 } else { permits as usize };
        let first = op.map(|op| Part { op, permits, all: None });
        Self { semaphore, unseen, first, more: Vec::new() }
    }

    fn push(&mut self, part: Part) {
        match &self.first {
            Some(_) => self.more.push(part),
            None => self.first = Some(part),
        }
    }

    fn pop(&mut self) -> Option<Part> {
        self.more.pop().or_else(|| self.first.take())
    }

    /// Takes all that `other` has.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.unseen += std::mem::take(&mut other.unseen);
        while let Some(part) = other.pop() {
            self.push(part);
        }
    }

    /// So many of its permits, of which it has enough.
    pub(super) fn split(&mut self, mut permits: usize) -> Self
    where
        S: Clone,
    {
        let unseen = self.unseen.min(permits);
        self.unseen -= unseen;
        permits -= unseen;
        let mut apart = Self { semaphore: self.semaphore.clone(), unseen, first: None, more: Vec::new() };
        while permits > 0
            && let Some(mut part) = self.pop()
        {
            if part.permits as usize > permits {
                apart.push(part.split(permits as u32));
                self.push(part);
                break;
            }
            permits -= part.permits as usize;
            apart.push(part);
        }
        apart
    }

    /// Records that its permits are taken away for good. Those that nobody saw are gone already.
    pub(super) fn forget(mut self) {
        self.unseen = 0;
        let parts = self.first.iter().chain(&self.more);
        let permits = parts.fold(0_u32, |sum, part| sum.saturating_add(part.permits));
        self.over((permits > 0).then_some(|lock| What::ForgetPermits { lock, permits }));
    }

    /// Records the end of it, after something else.
    fn over(&mut self, before: Option<impl FnOnce(LockId) -> What>) {
        let unseen = u32::try_from(std::mem::take(&mut self.unseen)).unwrap_or(u32::MAX);
        let parts = self.first.take().into_iter().chain(std::mem::take(&mut self.more));
        let Some(tap) = self.semaphore.tap() else { return };
        tap.tell(|lock| {
            let came = (unseen > 0).then_some(What::AddPermits { lock, permits: unseen });
            let before = before.map(|before| before(lock));
            before.into_iter().chain(came).chain(parts.map(move |part| part.end(lock)))
        });
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Share<S> {
    fn drop(&mut self) {
        if self.unseen > 0 || self.first.is_some() {
            self.over(None::<fn(LockId) -> What>);
        }
    }
}

/// Of what a probe recorded, the operation.
pub(super) fn op(record: Record<'_>) -> Option<OpId> {
    record.map(|(_, op)| op)
}
