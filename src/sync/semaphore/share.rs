//! What a permit has of which acquisitions.
//!
//! Permits can be merged and split, so that one may have parts of several acquisitions, and several
//! may have parts of one. Neither is an event: nobody got anything, and nobody let go of anything. An
//! acquisition is released when the last of its permits is given back; while some of them are out it
//! is told how many it keeps.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::SemaphorePermit as InnerPermit;

use super::{Inner, Semaphore};
use crate::event::{LockId, Mode, OpId, What};
use crate::sync::probe::Record;

/// The share that a permit has, recorded when it is dropped, before the real permits are given back. It is moved
/// wherever its permit is, so it is small.
pub(super) struct Share<S: Deref<Target = Semaphore>> {
    pub(super) semaphore: S,
    pub(super) parts: Parts,
}

/// Permits, and where they come from.
pub(super) enum Parts {
    /// Acquired before anybody recorded it. To the recording they come back as new.
    Unseen(usize),
    /// All of one acquisition: what nearly every permit has.
    One(OpId, u32),
    /// What was merged or split.
    Mixed(Box<Mixed>),
}

#[derive(Default)]
pub(super) struct Mixed {
    unseen: usize,
    parts: Vec<Part>,
}

impl Parts {
    const NONE: Self = Self::Unseen(0);

    /// The same, in a form that can be any.
    fn mix(&mut self) -> &mut Mixed {
        if !matches!(self, Self::Mixed(_)) {
            let (unseen, one, _) = std::mem::replace(self, Self::NONE).apart();
            *self = Self::Mixed(Box::new(Mixed { unseen, parts: one.into_iter().collect() }));
        }
        match self {
            Self::Mixed(mixed) => mixed,
            Self::Unseen(_) | Self::One(..) => unreachable!("it was made so above"),
        }
    }

    /// How many there are.
    fn permits(&self) -> usize {
        match self {
            Self::Unseen(unseen) => *unseen,
            Self::One(_, permits) => *permits as usize,
            Self::Mixed(mixed) => {
                mixed.unseen + mixed.parts.iter().map(|part| part.permits as usize).sum::<usize>()
            }
        }
    }

    /// How many nobody saw, the one, and all others.
    fn apart(self) -> (usize, Option<Part>, Vec<Part>) {
        match self {
            Self::Unseen(unseen) => (unseen, None, Vec::new()),
            Self::One(op, permits) => (0, Some(Part { op, permits, all: None }), Vec::new()),
            Self::Mixed(mixed) => (mixed.unseen, None, mixed.parts),
        }
    }

    /// Records the end of it, after something else.
    fn end(self, semaphore: &Semaphore, before: Option<impl FnOnce(LockId) -> What>) {
        let (unseen, one, others) = self.apart();
        if unseen == 0 && one.is_none() && others.is_empty() {
            return;
        }
        let Some(tap) = semaphore.tap() else { return };
        let unseen = u32::try_from(unseen).unwrap_or(u32::MAX);
        tap.tell(|lock| {
            let came = (unseen > 0).then_some(What::AddPermits { lock, permits: unseen });
            let before = before.map(|before| before(lock));
            let parts = one.into_iter().chain(others);
            before.into_iter().chain(came).chain(parts.map(move |part| part.end(lock)))
        });
    }
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
    /// Of so many permits of the original's, and of which acquisition, if that is recorded.
    #[inline]
    pub(super) fn new(semaphore: S, inner: InnerPermit<'_>, permits: u32, op: Option<OpId>) -> Self {
        // It only borrows, so nothing leaks.
        std::mem::forget(inner);
        let parts = op.map_or(Parts::Unseen(permits as usize), |op| Parts::One(op, permits));
        Self { semaphore, parts }
    }

    /// What it has, for another in its place.
    #[inline]
    pub(super) fn into_parts(mut self) -> Parts {
        std::mem::replace(&mut self.parts, Parts::NONE)
    }

    /// How many permits it has.
    pub(super) fn permits(&self) -> usize {
        self.parts.permits()
    }

    /// Takes all that `other` has.
    pub(super) fn merge(&mut self, mut other: Self) {
        let (mine, other) = (self.parts.mix(), std::mem::take(other.parts.mix()));
        mine.unseen += other.unseen;
        mine.parts.extend(other.parts.into_iter().rev());
    }

    /// So many of its permits, of which it has enough.
    pub(super) fn split(&mut self, mut permits: usize) -> Self
    where
        S: Clone,
    {
        let (mine, mut apart) = (self.parts.mix(), Mixed::default());
        apart.unseen = mine.unseen.min(permits);
        mine.unseen -= apart.unseen;
        permits -= apart.unseen;
        while permits > 0
            && let Some(mut part) = mine.parts.pop()
        {
            if part.permits as usize > permits {
                apart.parts.push(part.split(permits as u32));
                mine.parts.push(part);
                break;
            }
            permits -= part.permits as usize;
            apart.parts.push(part);
        }
        Self { semaphore: self.semaphore.clone(), parts: Parts::Mixed(Box::new(apart)) }
    }

    /// Records that its permits are taken away for good. Those that nobody saw are gone already.
    pub(super) fn forget(mut self) {
        let mut parts = std::mem::replace(&mut self.parts, Parts::NONE);
        let mixed = parts.mix();
        mixed.unseen = 0;
        let permits = mixed.parts.iter().fold(0_u32, |sum, part| sum.saturating_add(part.permits));
        parts.end(&self.semaphore, (permits > 0).then_some(|lock| What::ForgetPermits { lock, permits }));
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Share<S> {
    #[inline]
    fn drop(&mut self) {
        // When all is recorded, and even if that panics.
        let _back = GivesBack(self.semaphore.inner(), self.parts.permits());
        // Nearly always, where nothing is recorded: who finds the way later finds these permits free.
        if matches!(self.parts, Parts::Unseen(_)) && !self.semaphore.probe.is_connected() {
            return;
        }
        let parts = std::mem::replace(&mut self.parts, Parts::NONE);
        parts.end(&self.semaphore, None::<fn(LockId) -> What>);
    }
}

/// Gives so many permits back to the original.
struct GivesBack<'a>(&'a Inner, usize);

impl Drop for GivesBack<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.add_permits(self.1);
    }
}

/// Of what a probe recorded, the operation.
pub(super) fn op(record: Record<'_>) -> Option<OpId> {
    record.map(|(_, op)| op)
}
