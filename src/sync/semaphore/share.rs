//! What a permit has of which acquisitions.
//!
//! Permits can be merged and split, so that one may have parts of several acquisitions, and several
//! may have parts of one. Neither is an event: nobody got anything, and nobody let go of anything. An
//! acquisition is released when the last of its permits is given back; while some of them are out it
//! is told how many it keeps.
//!
//! A permit is moved wherever its owner goes. Of two words it is returned in registers; of more it would be written
//! to memory word by word and read from there by two at once, for which processors stall. So a share is one word
//! beside the semaphore: a number, or where the semaphore keeps what does not fit into one.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::SemaphorePermit as InnerPermit;

use super::{Inner, Semaphore};
use crate::event::{LockId, Mode, OpId, Packed, What};
use crate::sync::probe::{Record, locked};

/// The share that a permit has, recorded when it is dropped, before the real permits are given back.
pub(super) struct Share<S: Deref<Target = Semaphore>> {
    pub(super) semaphore: S,
    pub(super) parts: Parts,
}

/// Permits, and where they come from, in a word.
#[derive(Clone, Copy)]
pub(super) struct Parts(u64);

/// The same, read.
enum Read {
    /// Acquired before anybody recorded it. To the recording they come back as new.
    Unseen(usize),
    /// All of one acquisition: what nearly every permit has.
    One(OpId, u32),
    /// What the semaphore keeps under this number.
    Kept(u64),
}

impl Parts {
    const NONE: Self = Self(0);
    /// The upper two bits tell one kind from another; of one acquisition, those that follow are the operation's.
    const KIND: u32 = 62;
    const OP: u32 = 14;
    const FITS: () = assert!(Packed::MAX_OPS <= 1 << (Self::KIND - Self::OP));

    /// All that is out at once is acquired by 32 bits' numbers, and so never comes near to 62 bits.
    const fn unseen(permits: usize) -> Self {
        Self(permits as u64)
    }

    /// `None` of more than fits.
    fn one(op: OpId, permits: u32) -> Option<Self> {
        let () = Self::FITS;
        (permits < 1 << Self::OP).then_some(Self(1 << Self::KIND | op.0 << Self::OP | u64::from(permits)))
    }

    const fn kept(number: u64) -> Self {
        Self(2 << Self::KIND | number)
    }

    #[inline]
    const fn read(self) -> Read {
        let rest = self.0 & ((1 << Self::KIND) - 1);
        match self.0 >> Self::KIND {
            0 => Read::Unseen(rest as usize),
            1 => Read::One(OpId(rest >> Self::OP), (rest & ((1 << Self::OP) - 1)) as u32),
            _ => Read::Kept(rest),
        }
    }
}

/// What a semaphore keeps of permits that were merged or split, or are very many, by number.
pub(super) struct Kept(Mutex<BTreeMap<u64, Mixed>>);

impl Kept {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Keeps what does not fit into a word, under a number that is free.
    fn keep(&self, mixed: Mixed) -> Parts {
        match &*mixed.parts {
            [] => return Parts::unseen(mixed.unseen),
            [Part { op, permits, all: None }] if mixed.unseen == 0 => {
                if let Some(parts) = Parts::one(*op, *permits) {
                    return parts;
                }
            }
            _ => {}
        }
        let mut all = locked(&self.0);
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, mixed);
        Parts::kept(number)
    }
}

/// Permits of any origin.
#[derive(Default)]
struct Mixed {
    unseen: usize,
    parts: Vec<Part>,
}

impl Mixed {
    fn permits(&self) -> usize {
        self.unseen + self.parts.iter().map(|part| part.permits as usize).sum::<usize>()
    }

    /// Takes more permits. Those of an acquisition of which it has some join them: else giving all of them back would be
    /// told as one giving back after the other.
    fn take(&mut self, more: Part) {
        let is_part = more.all.is_some();
        let mine = if is_part { self.parts.iter_mut().find(|mine| mine.op == more.op) } else { None };
        let Some(mine) = mine else {
            self.parts.push(more);
            return;
        };
        mine.permits += more.permits;
        // Nobody else has any who could give them back meanwhile.
        if mine.all.as_ref().is_some_and(|all| all.load(Ordering::Relaxed) == mine.permits) {
            mine.all = None;
        }
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
        let parts = match op {
            None => Parts::unseen(permits as usize),
            Some(op) => Parts::one(op, permits).unwrap_or_else(|| {
                let parts = vec![Part { op, permits, all: None }];
                semaphore.kept.keep(Mixed { unseen: 0, parts })
            }),
        };
        Self { semaphore, parts }
    }

    /// What it has, for another share in its place.
    #[inline]
    pub(super) fn into_parts(mut self) -> Parts {
        std::mem::replace(&mut self.parts, Parts::NONE)
    }

    /// How many permits it has.
    #[inline]
    pub(super) fn permits(&self) -> usize {
        match self.parts.read() {
            Read::Unseen(permits) => permits,
            Read::One(_, permits) => permits as usize,
            Read::Kept(number) => locked(&self.semaphore.kept.0).get(&number).map_or(0, Mixed::permits),
        }
    }

    /// Takes all out of it: how many nobody saw, the one acquisition, and all others.
    fn apart(&mut self) -> (usize, Option<Part>, Vec<Part>) {
        match std::mem::replace(&mut self.parts, Parts::NONE).read() {
            Read::Unseen(unseen) => (unseen, None, Vec::new()),
            Read::One(op, permits) => (0, Some(Part { op, permits, all: None }), Vec::new()),
            Read::Kept(number) => {
                let mixed = locked(&self.semaphore.kept.0).remove(&number).unwrap_or_default();
                (mixed.unseen, None, mixed.parts)
            }
        }
    }

    /// The same, in a form that can be any.
    fn mixed(&mut self) -> Mixed {
        let (unseen, one, others) = self.apart();
        Mixed { unseen, parts: one.into_iter().chain(others).collect() }
    }

    /// Takes all that `other` has.
    #[inline]
    pub(super) fn merge(&mut self, mut other: Self) {
        if let (Read::Unseen(mine), Read::Unseen(others)) = (self.parts.read(), other.parts.read()) {
            (self.parts, other.parts) = (Parts::unseen(mine + others), Parts::NONE);
            return;
        }
        let (mut mine, other) = (self.mixed(), other.mixed());
        mine.unseen += other.unseen;
        for part in other.parts.into_iter().rev() {
            mine.take(part);
        }
        self.parts = self.semaphore.kept.keep(mine);
    }

    /// So many of its permits, of which it has enough.
    #[inline]
    pub(super) fn split(&mut self, mut permits: usize) -> Self
    where
        S: Clone,
    {
        if let Read::Unseen(mine) = self.parts.read() {
            self.parts = Parts::unseen(mine - permits);
            return Self { semaphore: self.semaphore.clone(), parts: Parts::unseen(permits) };
        }
        let (mut mine, mut apart) = (self.mixed(), Mixed::default());
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
        let [mine, parts] = [mine, apart].map(|mixed| self.semaphore.kept.keep(mixed));
        self.parts = mine;
        Self { semaphore: self.semaphore.clone(), parts }
    }

    /// Records that its permits are taken away for good. Those that nobody saw are gone already.
    pub(super) fn forget(mut self) {
        let (_, one, others) = self.apart();
        let permits = one.iter().chain(&others).fold(0_u32, |sum, part| sum.saturating_add(part.permits));
        let forgotten = (permits > 0).then_some(|lock| What::ForgetPermits { lock, permits });
        self.end((0, one, others), forgotten);
    }

    /// Records the end of what was taken apart, after something else.
    fn end(
        &self,
        (unseen, one, others): (usize, Option<Part>, Vec<Part>),
        before: Option<impl FnOnce(LockId) -> What>,
    ) {
        if unseen == 0 && one.is_none() && others.is_empty() {
            return;
        }
        let Some(tap) = self.semaphore.tap() else { return };
        let unseen = u32::try_from(unseen).unwrap_or(u32::MAX);
        tap.tell(|lock| {
            let came = (unseen > 0).then_some(What::AddPermits { lock, permits: unseen });
            let before = before.map(|before| before(lock));
            let parts = one.into_iter().chain(others);
            before.into_iter().chain(came).chain(parts.map(move |part| part.end(lock)))
        });
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Share<S> {
    #[inline]
    fn drop(&mut self) {
        let permits = self.permits();
        // Nearly always, where nothing is recorded: who finds the way later finds these permits free.
        if matches!(self.parts.read(), Read::Unseen(_)) && !self.semaphore.probe.is_connected() {
            return self.semaphore.inner().add_permits(permits);
        }
        let apart = self.apart();
        // When all is recorded, and even if that panics.
        let _back = GivesBack(self.semaphore.inner(), permits);
        self.end(apart, None::<fn(LockId) -> What>);
    }
}

/// Gives so many permits back to the original.
struct GivesBack<'a>(&'a Inner, usize);

impl Drop for GivesBack<'_> {
    fn drop(&mut self) {
        self.0.add_permits(self.1);
    }
}

/// Of what a probe recorded, the operation.
pub(super) fn op(record: Record<'_>) -> Option<OpId> {
    record.map(|(_, op)| op)
}
