//! From bytes to events. The bytes may come from anybody.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::bytes::{Reader, Wrong, unzigzag};
use super::encoder::MILLI;
use super::predict::{self, Predictor, has_op};
use super::{
    BLOCK_HEAD, Clock, Damage, End, Head, Item, Known, MAGIC, MAX_BLOCK, MAX_EVENTS, VERSION, Why, aside,
    kind,
};
use crate::event::{Actor, Event, Kind, LockKind, LockName, Outcome, Packed, TaskId, Time};

/// Events of a block: twice as many as an encoder ever puts into one.
const MAX_IN_BLOCK: usize = 1 << 16;

/// Makes events of bytes, which it is fed with as they come.
///
/// It keeps what it was fed with until it has made something of it: whoever feeds it takes all
/// [items](Decoder::next_item) before more. Of a block only one is kept, and the names never.
#[derive(Debug, Default)]
pub struct Decoder {
    input: Vec<u8>,
    /// How much of that is done.
    done: usize,
    /// How many bytes were done before that.
    before: u64,
    /// Where the block begins that was told last.
    told: u64,
    clock: Clock,
    stage: Stage,
    predictor: Predictor,
    known: Known,
    /// The events so far.
    seq: u64,
    events: Vec<Packed>,
    asides: Vec<Event>,
    tasks: Vec<Arc<str>>,
    locks: Vec<LockName>,
    damage: Option<Damage>,
}

/// What may come next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Magic,
    Head,
    Body,
    Over,
}

impl Decoder {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.done);
        self.before += self.done as u64;
        self.done = 0;
        self.input.extend_from_slice(bytes);
    }

    /// What comes next, if it is whole already.
    ///
    /// # Errors
    ///
    /// Where the stream is damaged, from then on: nothing behind that can be read.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Damage> {
        Ok(self.next_at()?.map(|(_, item)| item))
    }

    /// The same, and its [offset](Self::offset).
    pub(crate) fn next_at(&mut self) -> Result<Option<(u64, Item<'_>)>, Damage> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        match self.read() {
            Ok(Some(kind)) => Ok(Some((self.told, self.item(kind)))),
            Ok(None) => Ok(None),
            Err(why) => {
                let damage = Damage { offset: self.before + self.done as u64, why };
                Err(self.damage.insert(damage).clone())
            }
        }
    }

    /// Where the block begins that told the last item: bytes since the beginning.
    pub fn offset(&self) -> u64 {
        self.told
    }

    /// What is wrong if nothing more comes.
    ///
    /// # Errors
    ///
    /// The damage that there is; or that the stream breaks off, or has no end.
    pub fn finish(&self) -> Result<(), Damage> {
        let offset = self.before + self.done as u64;
        let rest = self.input.len() - self.done;
        let why = match (&self.damage, self.stage) {
            (Some(damage), _) => return Err(damage.clone()),
            (None, Stage::Over) => return Ok(()),
            (None, Stage::Magic) => {
                let begin = rest.min(MAGIC.len());
                if rest == 0 || self.input[self.done..][..begin] != MAGIC[..begin] {
                    Why::Foreign
                } else {
                    Why::Cut
                }
            }
            (None, _) if rest > 0 => Why::Cut,
            (None, _) => Why::Nonsense("it breaks off without an end".into()),
        };
        Err(Damage { offset, why })
    }

    /// What the last block told.
    fn item(&mut self, told: Told) -> Item<'_> {
        match told {
            Told::Head(head) => Item::Head(head),
            Told::Names => Item::Names { tasks: &self.tasks, locks: &self.locks },
            Told::Before(earlier, opening) => Item::Before { earlier, opening },
            Told::Events => Item::Events { events: &self.events, asides: &self.asides },
            Told::End(end) => Item::End(end),
        }
    }

    /// Reads a block that tells something.
    fn read(&mut self) -> Result<Option<Told>, Why> {
        if self.stage == Stage::Magic {
            let input = &self.input[self.done..];
            let begin = input.len().min(MAGIC.len());
            if input[..begin] != MAGIC[..begin] {
                return Err(Why::Foreign);
            }
            match input.get(MAGIC.len()) {
                None => return Ok(None),
                Some(&VERSION) => {}
                Some(0) => return Err(Why::Nonsense("there is no version 0".into())),
                Some(newer) => return Err(Why::Newer(*newer)),
            }
            self.done += MAGIC.len() + 1;
            self.stage = Stage::Head;
        }
        loop {
            let input = &self.input[self.done..];
            if self.stage == Stage::Over && !input.is_empty() {
                return Err(Why::Nonsense("something stands behind the end".into()));
            }
            let Some((begin, rest)) = input.split_first_chunk::<BLOCK_HEAD>() else { return Ok(None) };
            let [kind, length @ .., _, _, _, _] = *begin;
            let [_, _, _, _, _, checksum @ ..] = *begin;
            let length = u32::from_le_bytes(length) as usize;
            let most = if kind == kind::EVENTS { MAX_EVENTS } else { MAX_BLOCK };
            if length > most {
                return Err(Why::Nonsense("a block is too long".into()));
            }
            let Some(holds) = rest.get(..length) else { return Ok(None) };
            let mut sum = crc32fast::Hasher::new();
            sum.update(&input[..5]);
            sum.update(holds);
            if sum.finalize() != u32::from_le_bytes(checksum) {
                return Err(Why::Checksum);
            }
            let whole = self.done + BLOCK_HEAD..self.done + BLOCK_HEAD + length;
            let next = whole.end;
            // The events go beside what they are made of.
            let input = std::mem::take(&mut self.input);
            let told = self.block(kind, &input[whole]);
            self.input = input;
            let told = told.map_err(|wrong| Why::Nonsense(wrong.into()))?;
            self.told = self.before + self.done as u64;
            self.done = next;
            if told.is_some() {
                return Ok(told);
            }
        }
    }

    fn block(&mut self, kind: u8, holds: &[u8]) -> Result<Option<Told>, Wrong> {
        let mut from = Reader(holds);
        let told = match (self.stage, kind) {
            (Stage::Body, kind::BEFORE) if self.seq == 0 => Told::Before(from.number()?, from.number()?),
            (_, kind::OPTIONAL..) => return Ok(None),
            (Stage::Head, kind::HEAD) => {
                let head = head(&mut from)?;
                (self.stage, self.clock) = (Stage::Body, head.clock);
                Told::Head(head)
            }
            (Stage::Body, kind::NAMES) => {
                self.names(&mut from)?;
                Told::Names
            }
            (Stage::Body, kind::EVENTS) => {
                self.read_events(&mut from)?;
                Told::Events
            }
            (Stage::Body, kind::END) => {
                let end = end(&mut from)?;
                self.stage = Stage::Over;
                Told::End(end)
            }
            _ => return Err("there is a block that does not belong here"),
        };
        if from.is_empty() { Ok(Some(told)) } else { Err("a block is longer than what it tells") }
    }

    fn names(&mut self, from: &mut Reader) -> Result<(), Wrong> {
        self.tasks.clear();
        self.locks.clear();
        while !from.is_empty() {
            let which = from.byte()?;
            let name: Arc<str> = from.text()?.into();
            let fits = match which {
                0 => {
                    let fits = self.known.add_task(&name);
                    self.tasks.push(name);
                    fits
                }
                1 => {
                    let fits = self.known.add_lock(&name);
                    let path = from.text()?;
                    let kind = LockKind::ALL.into_iter().find(|kind| kind.path() == path);
                    let kind = kind.ok_or("there is a kind of lock that nobody knows")?;
                    let permits = from.maybe()?.map(u32::try_from).transpose();
                    let permits = permits.map_err(|_| "a number of permits is too large")?;
                    self.locks.push(LockName { name, kind, permits });
                    fits
                }
                _ => return Err("a name is of neither a task nor a lock"),
            };
            if !fits {
                return Err("there are too many names");
            }
        }
        Ok(())
    }

    fn read_events(&mut self, from: &mut Reader) -> Result<(), Wrong> {
        self.events.clear();
        self.asides.clear();
        // An event has two bytes at least.
        self.events.reserve((from.0.len() / 2).min(MAX_IN_BLOCK) + 1);
        match self.clock {
            Clock::Real => self.read_each(from, |from: &mut Reader| from.number())?,
            Clock::Virtual => self.read_each(from, since)?,
        }
        self.seq += self.events.len() as u64;
        Ok(())
    }

    #[inline]
    fn read_each(
        &mut self,
        from: &mut Reader,
        since: impl Fn(&mut Reader) -> Result<u64, Wrong>,
    ) -> Result<(), Wrong> {
        while !from.is_empty() {
            let event = self.event(from, &since)?;
            self.events.push(event);
            if self.events.len() > MAX_IN_BLOCK {
                return Err("there are too many events in a block");
            }
        }
        Ok(())
    }

    #[inline]
    fn event(
        &mut self,
        from: &mut Reader,
        since: impl Fn(&mut Reader) -> Result<u64, Wrong>,
    ) -> Result<Packed, Wrong> {
        let first = from.byte()?;
        let kind = Kind::from_number(first & 31).ok_or("there is no such event")?;
        let at = self.predictor.at.wrapping_add(since(from)?);
        let follower = self.predictor.follower(kind);
        let task = if first & 32 == 0 { from.small()? } else { self.predictor.task(follower) };
        if task >= self.known.tasks {
            return Err("an event is of a task that has not been named");
        }
        self.predictor.learn_task(follower, at, kind, task);
        if kind == Kind::Aside {
            return self.aside(from, at, TaskId(task));
        }
        let place = self.predictor.around(kind, task);
        let around = if first & 64 == 0 {
            let (lock, step, mode) = (from.number()?, from.number()?, from.number()?);
            if lock >> 20 != 0 || step >> 20 != 0 || mode >> 11 != 0 {
                return Err("a number of an event is too large");
            }
            step << 31 | lock << 11 | mode
        } else {
            self.predictor.surroundings(place)
        };
        if kind.has_lock() && predict::lock(around) >= self.known.locks {
            return Err("an event is of a lock that has not been named");
        }
        let large = match (first & 128 == 0, has_op(kind)) {
            (false, _) => self.predictor.large(kind, task),
            (true, true) => {
                let (thread, distance) = (from.number()?, from.number()?);
                self.predictor.op(thread, unzigzag(distance)).ok_or("there is no such thread")?
            }
            (true, false) => from.number()?,
        };
        if large >= Packed::MAX_OPS {
            return Err("a number of an event is too large");
        }
        self.predictor.learn(place, kind, task, around, large);
        Ok(predict::event(at, kind, task, around, large))
    }

    /// An event that is told in full: what stands for it is given back.
    #[cold]
    fn aside(&mut self, from: &mut Reader, at: u64, task: TaskId) -> Result<Packed, Wrong> {
        let (step, what) = aside::get(from)?;
        if what.lock().is_some_and(|lock| lock.0 >= self.known.locks) {
            return Err("an event is of a lock that has not been named");
        }
        let (seq, at, index) =
            (self.seq + self.events.len() as u64 + 1, Time::from_nanos(at), self.asides.len());
        let short = step.filter(|step| step.0 < MAX_STEP);
        self.asides.push(Event { seq, at, actor: Actor { task, step }, what });
        // Everything in it has been measured.
        Packed::aside(at, Actor { task, step: short }, index as u64).ok_or("there is too much aside")
    }
}

/// The time since the last event, on the virtual clock.
#[inline]
fn since(from: &mut Reader) -> Result<u64, Wrong> {
    match from.number()? {
        1 => from.number(),
        twice if twice % 2 == 0 => Ok((twice / 2).wrapping_mul(MILLI)),
        _ => Err("a time is no time"),
    }
}

/// Steps from here on are told of the event itself only.
const MAX_STEP: NonZeroU32 = NonZeroU32::MIN.saturating_add((1 << 20) - 1);

/// What a block told, as far as it is not kept for the next one.
enum Told {
    Head(Head),
    Names,
    Before(u64, u64),
    Events,
    End(End),
}

fn head(from: &mut Reader) -> Result<Head, Wrong> {
    let clock = if from.flag()? { Clock::Real } else { Clock::Virtual };
    let horizon = from.maybe()?.map(Time::from_nanos);
    let title = from.text()?.to_owned();
    let scenario = match from.maybe_text()? {
        None => None,
        Some(name) => Some((name.to_owned(), from.text()?.to_owned())),
    };
    Ok(Head { title, clock, horizon, scenario })
}

fn end(from: &mut Reader) -> Result<End, Wrong> {
    let outcome = match from.byte()? {
        0 => Outcome::Completed,
        1 => Outcome::Stopped,
        2 => Outcome::Deadlock,
        _ => return Err("there is no such outcome"),
    };
    let at = Time::from_nanos(from.number()?);
    Ok(End { outcome, at, note: from.maybe_text()?.map(str::to_owned) })
}
