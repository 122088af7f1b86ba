//! From events to bytes.

use super::bytes::{Reader, maybe, maybe_text, number, text, zigzag};
use super::predict::{self, Predictor, has_op};
use super::{Clock, End, Head, Known, MAGIC, MAX_EVENTS, VERSION, aside, kind};
use crate::event::{Actor, Event, Kind, LockName, Packed, TaskId, Time, What};

/// A block is closed when it has so many bytes: that much a crash may cost.
const BLOCK: usize = 64 << 10;

/// Milliseconds, in nanoseconds.
pub(super) const MILLI: u64 = 1_000_000;

/// Makes bytes of events.
///
/// ```
/// use lockscope::compact::{Decoder, Encoder, Head, Item};
/// use lockscope::event::{Actor, Event, Packed, TaskId, Time, What};
///
/// let mut encoder = Encoder::new(&Head::default());
/// encoder.task("reader");
/// let actor = Actor { task: TaskId(0), step: None };
/// encoder.push_event(&Event { seq: 1, at: Time::from_millis(5), actor, what: What::Spawn });
///
/// let mut decoder = Decoder::new();
/// decoder.feed(&encoder.take());
/// assert!(matches!(decoder.next_item()?, Some(Item::Head(_))));
/// assert!(matches!(decoder.next_item()?, Some(Item::Names { tasks: [name], .. }) if &**name == "reader"));
/// assert!(matches!(decoder.next_item()?, Some(Item::Events { events: [event], .. }) if event.at().millis() == 5));
/// assert!(decoder.next_item()?.is_none());
/// # Ok::<(), lockscope::compact::Damage>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    clock: Clock,
    predictor: Predictor,
    known: Known,
    /// Events lost before there was a task to tell it of.
    homeless: u64,
    /// Whole blocks.
    out: Vec<u8>,
    names: Vec<u8>,
    events: Vec<u8>,
}

impl Encoder {
    /// Begins a stream.
    pub fn new(head: &Head) -> Self {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        let mut holds = vec![u8::from(head.clock == Clock::Real)];
        maybe(&mut holds, head.horizon.map(crate::event::Time::nanos));
        text(&mut holds, &head.title);
        maybe_text(&mut holds, head.scenario.as_ref().map(|(name, _)| &**name));
        if let Some((_, content)) = &head.scenario {
            text(&mut holds, content);
        }
        block(&mut out, kind::HEAD, &mut holds);
        Self {
            clock: head.clock,
            predictor: Predictor::default(),
            known: Known::default(),
            homeless: 0,
            out,
            names: Vec::new(),
            events: Vec::with_capacity(BLOCK + 64),
        }
    }

    /// Says that so many events came `earlier` than the first, of which so many make the `opening`: they stand in the
    /// place of all those, and tell how things stood. To be said before any event.
    pub fn come_after(&mut self, earlier: u64, opening: u64) {
        let mut holds = Vec::new();
        number(&mut holds, earlier);
        number(&mut holds, opening);
        block(&mut self.out, kind::BEFORE, &mut holds);
    }

    /// Names the next task. A stream has 2²⁴ tasks, 2²⁰ locks and 256 MiB of names at most: what happens to later
    /// ones is lost.
    pub fn task(&mut self, name: &str) {
        if !self.known.add_task(name) {
            return;
        }
        self.names.push(0);
        text(&mut self.names, name);
        self.close_names(BLOCK);
        if self.homeless > 0 {
            let events = std::mem::take(&mut self.homeless);
            self.lose(Time::from_nanos(self.predictor.at), TaskId(0), events);
        }
    }

    /// Names the next lock. See [`Encoder::task`].
    pub fn lock(&mut self, lock: &LockName) {
        if !self.known.add_lock(&lock.name) {
            return;
        }
        self.names.push(1);
        text(&mut self.names, &lock.name);
        text(&mut self.names, lock.kind.path());
        maybe(&mut self.names, lock.permits.map(u64::from));
        self.close_names(BLOCK);
    }

    /// Adds what happened next, in its short form. What happened [aside](Kind::Aside) is not in it, and counts as
    /// one event [lost](What::Lost): see [`Encoder::push_event`]. So does what happens to a task or a lock that
    /// has not been named.
    pub fn push(&mut self, event: Packed) {
        let kind = event.kind();
        let lock = kind.has_lock().then(|| event.lock());
        if kind == Kind::Aside || !self.known.has(event.task(), lock) {
            return self.lose(event.at(), event.task(), event.stands_for());
        }
        let (task, around, large) = (event.task().0, predict::surroundings(event), event.large());
        let places = (self.predictor.follower(kind), self.predictor.around(kind, task));
        let hits = (
            self.predictor.task(places.0) == task,
            self.predictor.surroundings(places.1) == around,
            self.predictor.large(kind, task) == large,
        );
        self.begin(kind, hits, event.at().nanos(), task);
        if !hits.1 {
            number(&mut self.events, u64::from(predict::lock(around)));
            number(&mut self.events, around >> 31);
            number(&mut self.events, around & 0x7ff);
        }
        if !hits.2 && has_op(kind) {
            let (thread, distance) = self.predictor.distance(large);
            number(&mut self.events, thread);
            number(&mut self.events, zigzag(distance));
        } else if !hits.2 {
            number(&mut self.events, large);
        }
        self.predictor.learn_task(places.0, event.at().nanos(), kind, task);
        self.predictor.learn(places.1, kind, task, around, large);
        if self.events.len() >= BLOCK {
            self.close();
        }
    }

    /// Adds what happened next, whatever it is. What is larger than a block can be counts as one event
    /// [lost](What::Lost), and so does what happens to a task or a lock that has not been named.
    pub fn push_event(&mut self, event: &Event) {
        if let Some(packed) = Packed::of(event) {
            return self.push(packed);
        }
        let mut holds = Vec::new();
        aside::put(&mut holds, event);
        // What a reader stumbles over would cost it all the rest: a value that is nested too deep, say.
        let fits = holds.len() <= MAX_EVENTS - BLOCK - 64 && aside::get(&mut Reader(&holds)).is_ok();
        if !fits || !self.known.has(event.actor.task, event.what.lock()) {
            let events = if let What::Lost { events } = event.what { events } else { 1 };
            return self.lose(event.at, event.actor.task, events);
        }
        self.push_aside(event, &mut holds);
    }

    fn push_aside(&mut self, event: &Event, holds: &mut Vec<u8>) {
        let (at, task) = (event.at.nanos(), event.actor.task.0);
        let follower = self.predictor.follower(Kind::Aside);
        let hit = self.predictor.task(follower) == task;
        self.begin(Kind::Aside, (hit, false, false), at, task);
        self.events.append(holds);
        self.predictor.learn_task(follower, at, Kind::Aside, task);
        if self.events.len() >= BLOCK {
            self.close();
        }
    }

    /// Counts events as lost by a task, or by somebody.
    #[cold]
    fn lose(&mut self, at: Time, task: TaskId, events: u64) {
        if self.known.tasks == 0 {
            self.homeless += events;
            return;
        }
        let task = if self.known.has(task, None) { task } else { TaskId(0) };
        let event = Event { seq: 0, at, actor: Actor { task, step: None }, what: What::Lost { events } };
        match Packed::of(&event) {
            Some(packed) => self.push(packed),
            // A number beyond the short form.
            None => self.push_event(&event),
        }
    }

    /// The kind, the time, and the task where nobody would think of it.
    fn begin(&mut self, kind: Kind, hits: (bool, bool, bool), at: u64, task: u32) {
        let flags = u8::from(hits.0) << 5 | u8::from(hits.1) << 6 | u8::from(hits.2) << 7;
        self.events.push(kind as u8 | flags);
        let since = at.wrapping_sub(self.predictor.at);
        match self.clock {
            Clock::Real => number(&mut self.events, since),
            Clock::Virtual if since.is_multiple_of(MILLI) => number(&mut self.events, since / MILLI * 2),
            Clock::Virtual => {
                number(&mut self.events, 1);
                number(&mut self.events, since);
            }
        }
        if !hits.0 {
            number(&mut self.events, u64::from(task));
        }
    }

    /// Says how it ended. Nothing may come after that.
    pub fn end(&mut self, end: &End) {
        self.close();
        let mut holds = vec![end.outcome as u8];
        number(&mut holds, end.at.nanos());
        maybe_text(&mut holds, end.note.as_deref());
        block(&mut self.out, kind::END, &mut holds);
    }

    /// How many bytes [`Encoder::take`] would give, roughly.
    pub fn len(&self) -> usize {
        self.out.len() + self.names.len() + self.events.len()
    }

    /// Whether [`Encoder::take`] would give nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes since the last time. With all before them they tell everything up to here.
    pub fn take(&mut self) -> Vec<u8> {
        self.close();
        std::mem::take(&mut self.out)
    }

    /// Closes the blocks under way: names come before what they are needed for.
    fn close(&mut self) {
        self.close_names(1);
        if !self.events.is_empty() {
            block(&mut self.out, kind::EVENTS, &mut self.events);
        }
    }

    fn close_names(&mut self, least: usize) {
        if self.names.len() >= least {
            block(&mut self.out, kind::NAMES, &mut self.names);
        }
    }
}

/// Adds a block, and empties what it holds.
fn block(out: &mut Vec<u8>, kind: u8, holds: &mut Vec<u8>) {
    let start = out.len();
    out.push(kind);
    // Nothing that is put together here comes near four gigabytes.
    out.extend_from_slice(&(holds.len() as u32).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&out[start..]);
    sum.update(holds);
    out.extend_from_slice(&sum.finalize().to_le_bytes());
    out.append(holds);
}
