//! The last events of a program, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::outlet::{Batch, Outlet};
use super::present::Present;
use super::probe::locked;
use crate::event::{Actor, Event, Kind, Names, Packed, TaskId, What};

/// Keeps the last events of a program, so many at most; clones are the same ring.
///
/// ```
/// use lockscope::sync::{Mutex, Recorder, Ring};
/// use lockscope::trace::{Trace, text};
///
/// let ring = Ring::new(10_000);
/// let recorder = Recorder::program();
/// recorder.attach(ring.clone());
/// let db = Mutex::recorded(&recorder, recorder.add_lock("db", lockscope::event::LockKind::TokioMutex), 0);
/// *db.blocking_lock() += 1;
///
/// recorder.flush();
/// let (names, events) = ring.history();
/// assert!(text::sequence_diagram(&Trace::of(names, events)).contains("acquires"));
/// assert_eq!(ring.dropped(), 0);
/// ```
#[derive(Clone)]
pub struct Ring(Arc<Mutex<Kept>>);

struct Kept {
    names: Names,
    most: usize,
    events: VecDeque<Packed>,
    asides: VecDeque<Event>,
    /// What held when the first event that is kept happened.
    before: Present,
    dropped: u64,
}

impl Ring {
    /// A ring for so many events, at 24 bytes each; the few that have words or large numbers in them take more,
    /// and names stay.
    pub fn new(events: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            names: Names::default(),
            most: events.max(1),
            events: VecDeque::new(),
            asides: VecDeque::new(),
            before: Present::default(),
            dropped: 0,
        })))
    }

    /// How many events were dropped, because there was no room for them any more, or before because there was
    /// none on their way.
    pub fn dropped(&self) -> u64 {
        locked(&self.0).dropped
    }

    /// What happened, as far as it is kept. Where events were dropped, it begins with
    /// [`What::Lost`] and with events that tell who had which lock then, and who waited.
    pub fn history(&self) -> (Names, Vec<Event>) {
        let kept = locked(&self.0);
        let mut events = Vec::with_capacity(kept.events.len());
        if kept.dropped > 0 {
            let at = kept.before.at();
            let actor = Actor { task: TaskId(0), step: None };
            events.push(Event { seq: 0, at, actor, what: What::Lost { events: kept.dropped } });
            let prologue = kept.before.prologue(at, &[]);
            let mut asides = prologue.asides.into_iter();
            events.extend(prologue.events.iter().filter_map(|event| match event.kind() {
                Kind::Aside => asides.next(),
                _ => event.event(0),
            }));
        }
        let mut asides = kept.asides.iter();
        events.extend(kept.events.iter().filter_map(|event| match event.kind() {
            Kind::Aside => asides.next().cloned(),
            _ => event.event(0),
        }));
        for (seq, event) in (1..).zip(&mut events) {
            event.seq = seq;
        }
        (kept.names.clone(), events)
    }
}

impl Kept {
    fn drop_first(&mut self) {
        let Some(event) = self.events.pop_front() else { return };
        self.dropped += event.stands_for();
        if event.kind() != Kind::Aside {
            self.before.apply(event);
        } else if let Some(aside) = self.asides.pop_front() {
            self.before.apply_aside(&aside);
        }
    }
}

impl Outlet for Ring {
    fn take(&mut self, batch: &Batch<'_>) {
        let mut kept = locked(&self.0);
        kept.names.tasks.extend_from_slice(batch.tasks);
        kept.names.locks.extend_from_slice(batch.locks);
        kept.before.add_tasks(batch.tasks.len());
        batch.locks.iter().for_each(|lock| kept.before.add_lock(lock));
        kept.asides.extend(batch.asides.iter().cloned());
        for event in batch.events {
            kept.events.push_back(*event);
            if kept.events.len() > kept.most {
                kept.drop_first();
            }
        }
    }
}
