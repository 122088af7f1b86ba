//! Between the recorder and the viewers: what holds at present, and a bounded queue for each of them.
//!
//! The recorder's thread only puts a shared copy of each batch into the queues. Where one is full its viewer
//! misses what does not fit; when it has taken what it has, it is told how much that was and then, in a
//! prologue, where things stand. So it never holds up the recorder and costs no more memory than its queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Actor, Bundle, Event, LockId, LockName, Names, Packed, TaskId, Time, What};
use crate::sync::{Batch, Present};

/// Events in one piece of a batch.
const PIECE: usize = 16 << 10;

/// Names that are told at once: nobody else gets at the hub while they are copied.
const NAMES: usize = 4 << 10;

/// How long a viewer is left without a sign: so its time goes on, and it is found out when it has gone.
const SIGN: Duration = Duration::from_millis(100);

/// How long the end of a program waits for its viewers to take what is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Farewell {
    /// As long as one of them took something within such a time.
    pub each: Duration,
    /// So long in all.
    pub all: Duration,
}

impl Farewell {
    /// Whoever came by themselves do not hold a program up.
    pub const BRIEF: Self = Self { each: Duration::from_millis(250), all: Duration::from_secs(1) };
    /// Who started the program wants to know all of it.
    pub const WHOLE: Self = Self { each: Duration::from_secs(5), all: Duration::MAX };
}

pub(super) struct Hub {
    state: Mutex<State>,
    bell: Condvar,
    /// Bytes that a queue may have.
    room: usize,
    farewell: Farewell,
}

#[derive(Default)]
struct State {
    present: Present,
    names: Names,
    now: Time,
    ended: Option<Time>,
    /// How many events have happened.
    happened: u64,
    next_seat: u64,
    seats: BTreeMap<u64, Seat>,
    lost: u64,
    /// How often a viewer took something.
    taken: u64,
}

#[derive(Default)]
struct Seat {
    /// It has got the prologue, and since then everything.
    begun: bool,
    queue: VecDeque<Arc<Piece>>,
    /// Bytes in the queue.
    queued: usize,
    /// Events that did not fit since it was told last.
    missing: u64,
    /// Permits that had been added when it began to miss some.
    told: Vec<(LockId, i64)>,
    named: (usize, usize),
}

struct Piece {
    told: Arc<Bundle>,
    size: usize,
    /// Permits that had been added before it.
    added: Vec<(LockId, i64)>,
}

/// What a viewer is told next.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub tasks: Vec<Arc<str>>,
    pub locks: Vec<LockName>,
    /// So many events happened before these, which tell where things stand in their place.
    pub before: u64,
    pub events: Arc<Bundle>,
    pub now: Time,
    pub ended: Option<Time>,
}

impl Hub {
    pub(super) fn new(room: usize, farewell: Farewell) -> Self {
        Self { state: Mutex::default(), bell: Condvar::new(), room, farewell }
    }

    /// A poisoned hub only means that a thread panicked with it; what a viewer misses by that it is told.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what happened.
    pub(super) fn take(&self, batch: &Batch<'_>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.names.tasks.extend_from_slice(batch.tasks);
        state.names.locks.extend_from_slice(batch.locks);
        state.present.add_tasks(batch.tasks.len());
        for lock in batch.locks {
            state.present.add_lock(lock);
        }
        if batch.earlier > 0 {
            // Whoever sat here before any of it has missed it too.
            state.seats.values_mut().for_each(|seat| seat.begun = false);
        }
        let more = if batch.earlier > 0 { batch.earlier } else { batch.events.len() as u64 };
        state.happened = state.happened.saturating_add(more);
        for events in batch.events.chunks(PIECE) {
            let added = if state.seats.is_empty() { Vec::new() } else { state.present.added() };
            let asides = state.apply(events, batch.asides);
            if state.seats.is_empty() {
                continue;
            }
            let size = size_of_val(events) + asides.iter().map(content).sum::<usize>();
            let mut events = events.to_vec();
            renumber(&mut events);
            let piece = Arc::new(Piece { told: Arc::new(Bundle { events, asides }), size, added });
            for seat in state.seats.values_mut().filter(|seat| seat.begun) {
                state.lost += seat.put(&piece, self.room);
            }
        }
        state.now = state.present.at().max(state.now);
        drop(guard);
        self.bell.notify_all();
    }

    pub(super) fn idle(&self, now: Time) {
        let mut state = self.lock();
        state.now = state.now.max(now);
    }

    /// Nothing more will come. Waits for the viewers to take what is left; who is too slow for that is told how much
    /// it misses, as long as it takes at least this.
    pub(super) fn finish(&self, now: Time) {
        let mut state = self.lock();
        state.ended.get_or_insert(now);
        self.bell.notify_all();
        let (begun, Farewell { each, all }) = (Instant::now(), self.farewell);
        loop {
            let taken = state.taken;
            let patience = each.min(all.saturating_sub(begun.elapsed()));
            let idle = |state: &mut State| !state.seats.is_empty() && state.taken == taken;
            let waited = self.bell.wait_timeout_while(state, patience, idle);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.seats.is_empty() {
                return;
            }
            if state.taken == taken {
                break;
            }
        }
        let State { seats, lost, .. } = &mut *state;
        *lost += seats.values_mut().map(Seat::skip).sum::<u64>();
        self.bell.notify_all();
        let left = |state: &mut State| !state.seats.is_empty();
        drop(self.bell.wait_timeout_while(state, Farewell::BRIEF.each, left));
    }

    /// Takes note that a viewer took something.
    pub(super) fn took(&self) {
        let mut state = self.lock();
        state.taken += 1;
        if state.ended.is_some() {
            self.bell.notify_all();
        }
    }

    /// Nothing more will come, and nobody waits for that to be heard.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = state.ended.or(Some(state.now));
        self.bell.notify_all();
    }

    /// A seat for a viewer, as long as there are fewer than `most`.
    pub(super) fn sit(&self, most: usize) -> Option<u64> {
        let mut state = self.lock();
        if state.seats.len() >= most {
            return None;
        }
        state.next_seat += 1;
        let seat = state.next_seat;
        // Who is there before anything has happened misses nothing, however late it is told.
        let begun = state.named() == (0, 0);
        state.seats.insert(seat, Seat { begun, ..Seat::default() });
        Some(seat)
    }

    pub(super) fn leave(&self, seat: u64) {
        self.lock().seats.remove(&seat);
        self.bell.notify_all();
    }

    pub(super) fn viewers(&self) -> usize {
        self.lock().seats.len()
    }

    /// How many events viewers have missed.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// What a viewer is told next; waits for something to tell.
    pub(super) fn next(&self, seat: u64) -> Told {
        let idle = |state: &mut State| {
            let named = state.named();
            let nothing =
                |seat: &Seat| seat.begun && seat.named == named && seat.queue.is_empty() && seat.missing == 0;
            state.ended.is_none() && state.seats.get(&seat).is_some_and(nothing)
        };
        let waited = self.bell.wait_timeout_while(self.lock(), SIGN, idle);
        let (mut guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let all_named = guard.named();
        let State { present, names, now, ended, happened, seats, .. } = &mut *guard;
        let Some(seat) = seats.get_mut(&seat) else { return Told { ended: Some(*now), ..Told::default() } };
        let mut told = Told {
            tasks: names.tasks.iter().skip(seat.named.0).take(NAMES).cloned().collect(),
            locks: names.locks.iter().skip(seat.named.1).take(NAMES).cloned().collect(),
            now: *now,
            ..Told::default()
        };
        seat.named.0 += told.tasks.len();
        seat.named.1 += told.locks.len();
        if seat.named != all_named {
            // What happened comes when all are named that it may be about.
            return told;
        }
        if let Some(piece) = seat.queue.pop_front() {
            seat.queued -= piece.size;
            told.events = Arc::clone(&piece.told);
        } else if !seat.begun {
            seat.begun = true;
            (told.before, told.events) = (*happened, Arc::new(present.introduction()));
        } else if seat.missing > 0 {
            let at = present.at();
            let actor = Actor { task: TaskId(0), step: None };
            let events = std::mem::take(&mut seat.missing);
            let mut prologue = present.prologue(at, &seat.told);
            let lost = Packed::of(&Event { seq: 0, at, actor, what: What::Lost { events } });
            // So many events that their number does not fit cannot have been.
            prologue.events.splice(0..0, lost);
            told.events = Arc::new(prologue);
        } else {
            told.ended = *ended;
        }
        told
    }
}

impl State {
    /// How many tasks and locks have names.
    fn named(&self) -> (usize, usize) {
        (self.names.tasks.len(), self.names.locks.len())
    }

    /// Applies events, and gives those of them that are aside.
    fn apply(&mut self, events: &[Packed], asides: &[Event]) -> Vec<Event> {
        let mut own = Vec::new();
        for event in events {
            if event.kind() != crate::event::Kind::Aside {
                self.present.apply(*event);
            } else if let Some(aside) = asides.get(event.large() as usize) {
                self.present.apply_aside(aside);
                own.push(aside.clone());
            }
        }
        own
    }
}

/// A piece has only its own events aside, in their order.
fn renumber(events: &mut [Packed]) {
    let asides = events.iter_mut().filter(|event| event.kind() == crate::event::Kind::Aside);
    for (index, event) in (0..).zip(asides) {
        let actor = Actor { task: event.task(), step: event.step() };
        *event = Packed::aside(event.at(), actor, index).unwrap_or(*event);
    }
}

/// What an event aside takes in memory, roughly.
fn content(event: &Event) -> usize {
    let words = if let What::Print { text } | What::Say { text } = &event.what { text.len() } else { 256 };
    size_of::<Event>() + words
}

impl Seat {
    /// Takes a piece if there is room; how many events are missed.
    fn put(&mut self, piece: &Arc<Piece>, room: usize) -> u64 {
        let fits = self.queue.is_empty() || self.queued + piece.size <= room;
        if self.missing == 0 && fits {
            self.queued += piece.size;
            self.queue.push_back(piece.clone());
            return 0;
        }
        self.miss(piece)
    }

    fn miss(&mut self, piece: &Piece) -> u64 {
        if self.missing == 0 {
            self.told.clone_from(&piece.added);
        }
        let events = piece.told.events.iter().map(|event| event.stands_for()).sum();
        self.missing += events;
        events
    }

    /// Leaves out what it has not taken; how many events are missed by that.
    fn skip(&mut self) -> u64 {
        let (queue, later) = (std::mem::take(&mut self.queue), std::mem::take(&mut self.missing));
        let told = std::mem::take(&mut self.told);
        self.queued = 0;
        let events = queue.iter().map(|piece| self.miss(piece)).sum();
        if self.missing == 0 {
            self.told = told;
        }
        self.missing += later;
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names come in parts, and all of them before what happened.
    #[test]
    fn names_are_told_in_parts() {
        let hub = Hub::new(100 * 24, Farewell::BRIEF);
        let seat = hub.sit(1).unwrap();
        let tasks: Vec<Arc<str>> = (0..=2 * NAMES).map(|task| task.to_string().into()).collect();
        let lock = LockName { name: "l".into(), kind: crate::event::LockKind::TokioMutex, permits: None };
        let actor = Actor { task: TaskId(2 * NAMES as u32), step: None };
        let wake = Packed::of(&Event { seq: 0, at: Time::ZERO, actor, what: What::Wake }).unwrap();
        hub.take(&Batch { tasks: &tasks, locks: &[lock], events: &[wake], ..Batch::default() });
        let told: Vec<Told> = (0..3).map(|_| hub.next(seat)).collect();
        let parts: Vec<_> = told.iter().map(|told| (told.tasks.len(), told.locks.len())).collect();
        assert_eq!(parts, [(NAMES, 1), (NAMES, 0), (1, 0)]);
        let names: Vec<_> = told.iter().flat_map(|told| told.tasks.clone()).collect();
        assert_eq!(names, tasks);
        assert!(told[..2].iter().all(|told| told.events.events.is_empty() && told.ended.is_none()));
        assert!(!told[2].events.events.is_empty());
    }

    const WAKE: Event =
        Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(0), step: None }, what: What::Wake };

    /// A hub with a viewer that knows of a task and has room for a hundred events, and thirty of them.
    fn seated(farewell: Farewell) -> (Hub, u64, Vec<Packed>) {
        let hub = Hub::new(100 * 24, farewell);
        let seat = hub.sit(1).unwrap();
        hub.take(&Batch { tasks: &["t".into()], ..Batch::default() });
        assert_eq!(hub.next(seat).tasks.len(), 1);
        (hub, seat, vec![Packed::of(&WAKE).unwrap(); 30])
    }

    /// However much happens, a viewer that takes nothing has no more in its queue than there is room for.
    #[test]
    fn a_queue_is_bounded() {
        let (hub, seat, events) = seated(Farewell::BRIEF);
        assert!(hub.sit(1).is_none());
        for _ in 0..1000 {
            hub.take(&Batch { events: &events, ..Batch::default() });
            assert!(hub.lock().seats[&seat].queued <= hub.room);
        }
        // Three batches fit, and nothing is put behind what is missing.
        assert_eq!(hub.lost(), 997 * 30);
        for _ in 0..3 {
            assert_eq!(hub.next(seat).events.events.len(), 30);
        }
        let told = &hub.next(seat).events.events;
        assert_eq!((told[0].kind(), told[0].large()), (crate::event::Kind::Lost, 997 * 30));
        // What does not fit and tells of many that are lost stands for as many.
        let lost = Event { what: What::Lost { events: 500 }, ..WAKE };
        hub.take(&Batch { events: &events, ..Batch::default() });
        hub.take(&Batch { events: &vec![Packed::of(&lost).unwrap(); 80], ..Batch::default() });
        assert_eq!(hub.next(seat).events.events.len(), 30);
        assert_eq!(hub.next(seat).events.events[0].large(), 80 * 500);
    }

    /// What happened before the end is told, or how much of it is not.
    #[test]
    fn who_has_not_taken_all_at_the_end_is_told_how_much_is_missing() {
        let (hub, seat, events) = seated(Farewell { each: Duration::ZERO, all: Duration::ZERO });
        for _ in 0..10 {
            hub.take(&Batch { events: &events, ..Batch::default() });
        }
        assert_eq!(hub.lost(), 7 * 30);
        hub.finish(Time::from_nanos(5));
        assert_eq!(hub.lost(), 10 * 30);
        let told = hub.next(seat);
        assert_eq!((told.events.events[0].large(), told.ended), (10 * 30, None));
        assert_eq!(hub.next(seat).ended, Some(Time::from_nanos(5)));
    }
}
