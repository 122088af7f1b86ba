//! One thread's ring of events: it alone writes, and the recorder's thread alone reads.
//!
//! All words are atomics, so nothing here is `unsafe`; on the processors that matter a relaxed store is a
//! store. What makes an event visible is one release store, of the number of events written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::event::{Kind, OpId, Packed};

/// Events that a ring has room for: 384 KiB.
pub(super) const CAPACITY: usize = 1 << 14;

/// The recorder's thread is woken whenever so many were written.
const WAKE: u64 = CAPACITY as u64 / 4;

type Words = [[AtomicU64; 3]; CAPACITY];

/// Keeps what one thread writes off the cache lines of what the other does.
#[repr(align(128))]
struct Apart<T>(T);

/// One thread's ring.
pub(super) struct Slot {
    /// Whether a thread writes to it.
    pub(super) taken: AtomicBool,
    writer: Apart<Writer>,
    /// How many events were read.
    tail: Apart<AtomicU64>,
    words: Box<Words>,
}

/// What only the writing thread changes.
struct Writer {
    /// How many events were written.
    head: AtomicU64,
    /// The tail, as last looked at.
    seen: AtomicU64,
    /// The last stamp.
    last: AtomicU64,
    next_op: AtomicU64,
    /// Events lost, all in all and those that were not told yet.
    lost: AtomicU64,
    untold: AtomicU64,
}

impl Slot {
    /// A ring, taken, whose operations are numbered from `first_op`.
    pub(super) fn new(first_op: u64) -> Self {
        let words: Vec<[AtomicU64; 3]> = (0..CAPACITY).map(|_| Default::default()).collect();
        let Ok(words) = Box::<Words>::try_from(words.into_boxed_slice()) else {
            unreachable!("it was made of that length")
        };
        let zero = || AtomicU64::new(0);
        Self {
            taken: AtomicBool::new(true),
            writer: Apart(Writer {
                head: zero(),
                seen: zero(),
                last: zero(),
                next_op: AtomicU64::new(first_op),
                lost: zero(),
                untold: zero(),
            }),
            tail: Apart(zero()),
            words,
        }
    }

    /// A number for an operation.
    #[inline]
    pub(super) fn next_op(&self) -> OpId {
        let next = &self.writer.0.next_op;
        let op = next.load(Ordering::Relaxed);
        next.store(op + 1, Ordering::Relaxed);
        OpId(op)
    }

    /// `now`, or as much later as is needed to be after `floor` and after all stamps before.
    #[inline]
    pub(super) fn stamp(&self, now: u64, floor: u64) -> u64 {
        let last = &self.writer.0.last;
        let stamp = now.max(floor.max(last.load(Ordering::Relaxed)) + 1);
        last.store(stamp, Ordering::Relaxed);
        stamp
    }

    /// Writes an event down if there is room; whether the reader should look.
    #[inline]
    pub(super) fn push(&self, words: [u64; 3]) -> bool {
        let writer = &self.writer.0;
        let head = writer.head.load(Ordering::Relaxed);
        if head.wrapping_sub(writer.seen.load(Ordering::Relaxed)) >= CAPACITY as u64 - 1 {
            return self.push_when_full(words);
        }
        self.put(head, words);
        head.is_multiple_of(WAKE)
    }

    #[inline]
    fn put(&self, head: u64, words: [u64; 3]) {
        let cell = &self.words[head as usize % CAPACITY];
        for (cell, word) in cell.iter().zip(words) {
            cell.store(word, Ordering::Relaxed);
        }
        self.writer.0.head.store(head + 1, Ordering::Release);
    }

    /// Looks whether there is room by now, tells what was lost meanwhile, or loses one more.
    #[cold]
    fn push_when_full(&self, words: [u64; 3]) -> bool {
        let writer = &self.writer.0;
        let (head, tail) = (writer.head.load(Ordering::Relaxed), self.tail.0.load(Ordering::Acquire));
        let untold = writer.untold.load(Ordering::Relaxed);
        // Room for the news too; while there is some, much of the ring is empty, so that news is rare.
        let room = if untold > 0 { CAPACITY / 2 } else { CAPACITY - 2 };
        if head - tail > room as u64 {
            self.miss();
            return true;
        }
        let mut head = head;
        if untold > 0 {
            writer.untold.store(0, Ordering::Relaxed);
            let event = Packed::from_words(words);
            // All that is lost until the end of time fits into 48 bits.
            let lost = Packed::quick(
                words[0],
                Kind::Lost,
                (crate::event::Brief::NONE, OpId(untold)),
                event.task(),
                event.lock(),
            );
            self.put(head, lost.words());
            head += 1;
        }
        writer.seen.store(tail, Ordering::Relaxed);
        self.put(head, words);
        true
    }

    /// Counts an event that is lost.
    #[cold]
    pub(super) fn miss(&self) {
        let writer = &self.writer.0;
        for count in [&writer.lost, &writer.untold] {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        // The next event tells it.
        writer
            .seen
            .store(writer.head.load(Ordering::Relaxed).wrapping_sub(CAPACITY as u64), Ordering::Relaxed);
    }

    /// How many events were lost.
    pub(super) fn lost(&self) -> u64 {
        self.writer.0.lost.load(Ordering::Relaxed)
    }

    /// How many events can be read.
    pub(super) fn head(&self) -> u64 {
        self.writer.0.head.load(Ordering::Acquire)
    }

    /// How many events were read.
    pub(super) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Relaxed)
    }

    /// The event at this place, between the tail and the head.
    #[inline]
    pub(super) fn read(&self, place: u64) -> [u64; 3] {
        let cell = &self.words[place as usize % CAPACITY];
        [0, 1, 2].map(|word| cell[word].load(Ordering::Relaxed))
    }

    /// The stamp of the event at this place.
    #[inline]
    pub(super) fn stamp_at(&self, place: u64) -> u64 {
        self.words[place as usize % CAPACITY][0].load(Ordering::Relaxed)
    }

    /// Gives the room of what was read back.
    pub(super) fn set_tail(&self, tail: u64) {
        self.tail.0.store(tail, Ordering::Release);
    }
}
