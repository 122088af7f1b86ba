//! What goes over the wire behind the first bytes: frames of a kind, a length and so many bytes.
//!
//! All numbers are little-endian. Whoever reads trusts nothing: lengths, numbers of names and every id are
//! looked at before they are used.

use std::io::{self, Read};
use std::sync::Arc;

use crate::event::{
    Actor, Event, Kind, LockId, LockKind, LockName, Mode, Names, OpId, Packed, TaskId, Time, What,
};

/// Bytes of a frame; a longer one is nobody's.
const MAX_FRAME: usize = 1 << 20;
/// Bytes of a name; what is longer is cut.
const MAX_NAME: usize = 1024;
/// Bytes of all names together.
const MAX_NAMES: usize = 256 << 20;

/// One thing that a program tells its viewer.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The next task.
    Task(Arc<str>),
    /// The next lock.
    Lock(LockName),
    /// Before the first event, to who comes late: so many happened before, and so many of the next stand in their
    /// place, and tell where things stand.
    Before {
        /// The events that nobody tells any more.
        events: u64,
        /// The events that tell where things stand.
        opening: u64,
    },
    /// What happened next: one event or more, none of them [aside](Kind::Aside).
    Events(Vec<Packed>),
    /// What happened next, where it has no packed form.
    Aside(Event),
    /// Nothing happened up to this time.
    Now(Time),
    /// The recording has ended.
    End(Time),
}

const TASK: u8 = 1;
const LOCK: u8 = 2;
const EVENTS: u8 = 3;
const ASIDE: u8 = 4;
const NOW: u8 = 5;
const END: u8 = 6;
const BEFORE: u8 = 7;

fn frame(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend([0; 4]);
    body(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn short(text: &str, most: usize) -> &[u8] {
    &text.as_bytes()[..text.floor_char_boundary(most)]
}

/// Writes a task's name.
pub(crate) fn task(out: &mut Vec<u8>, name: &str) {
    frame(out, TASK, |out| out.extend(short(name, MAX_NAME)));
}

/// Writes a lock's name.
pub(crate) fn lock(out: &mut Vec<u8>, lock: &LockName) {
    frame(out, LOCK, |out| {
        let kind = LockKind::ALL.into_iter().position(|kind| kind == lock.kind).unwrap_or_default();
        out.extend([kind as u8, u8::from(lock.permits.is_some())]);
        out.extend(lock.permits.unwrap_or_default().to_le_bytes());
        out.extend(short(&lock.name, MAX_NAME));
    });
}

/// Writes how many events happened before, and how many of the next tell where things stand.
pub(crate) fn before(out: &mut Vec<u8>, events: u64, opening: u64) {
    frame(out, BEFORE, |out| out.extend([events, opening].map(u64::to_le_bytes).as_flattened()));
}

/// Writes events; those aside in their places.
pub(crate) fn events(out: &mut Vec<u8>, events: &[Packed], asides: &[Event]) {
    for run in events.chunk_by(|a, b| (a.kind() == Kind::Aside) == (b.kind() == Kind::Aside)) {
        if run[0].kind() == Kind::Aside {
            for event in run.iter().filter_map(|packed| asides.get(packed.large() as usize)) {
                aside(out, event);
            }
            continue;
        }
        for part in run.chunks(MAX_FRAME / 24) {
            frame(out, EVENTS, |out| {
                out.reserve(size_of_val(part));
                for packed in part {
                    out.extend_from_slice(packed.words().map(u64::to_le_bytes).as_flattened());
                }
            });
        }
    }
}

/// Permits beyond what fits, and words; what else a program's locks never report is told by its name.
fn aside(out: &mut Vec<u8>, event: &Event) {
    frame(out, ASIDE, |out| {
        out.extend(event.at.nanos().to_le_bytes());
        out.extend(event.actor.task.0.to_le_bytes());
        let mut asks = |number: u8, lock: LockId, op: OpId, mode: Mode| {
            out.push(number);
            out.extend(lock.0.to_le_bytes());
            out.extend(op.0.to_le_bytes());
            let permits = if let Mode::Permits(permits) = mode { permits } else { 1 };
            out.extend(permits.to_le_bytes());
        };
        match &event.what {
            What::Wait { lock, op, mode } => asks(0, *lock, *op, *mode),
            What::Grant { lock, op, mode } => asks(1, *lock, *op, *mode),
            What::Acquire { lock, op, mode } => asks(2, *lock, *op, *mode),
            What::Busy { lock, op, mode } => asks(3, *lock, *op, *mode),
            What::Print { text } => {
                out.push(4);
                out.extend(short(text, MAX_FRAME - 64));
            }
            What::Say { text } => {
                out.push(5);
                out.extend(short(text, MAX_FRAME - 64));
            }
            other => {
                out.push(5);
                out.extend(other.name().as_bytes());
            }
        }
    });
}

/// Writes a time at which nothing has happened.
pub(crate) fn now(out: &mut Vec<u8>, at: Time) {
    frame(out, NOW, |out| out.extend(at.nanos().to_le_bytes()));
}

/// Writes the end.
pub(crate) fn end(out: &mut Vec<u8>, at: Time) {
    frame(out, END, |out| out.extend(at.nanos().to_le_bytes()));
}

/// Reads what a program tells.
#[derive(Debug, Default)]
pub struct Reader {
    tasks: u32,
    locks: u32,
    named: usize,
    body: Vec<u8>,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number<const N: usize>(bytes: &mut &[u8]) -> io::Result<[u8; N]> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(|| damaged("a frame breaks off"))?;
    *bytes = rest;
    Ok(*number)
}

impl Reader {
    /// The next thing that is told.
    ///
    /// # Errors
    ///
    /// What `from` says; [`InvalidData`](io::ErrorKind::InvalidData) for what no program says.
    pub fn next(&mut self, from: &mut impl Read) -> io::Result<Frame> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(damaged("a frame is too long"));
        }
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        // What is not there yet is given no memory.
        from.take(length as u64).read_to_end(&mut body)?;
        if body.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let frame = if head[0] == EVENTS { self.several(&body) } else { self.single(head[0], &body) };
        self.body = body;
        frame
    }

    fn several(&self, body: &[u8]) -> io::Result<Frame> {
        let (events, rest) = body.as_chunks::<24>();
        // One of nothing would say nothing to whoever asked.
        if events.is_empty() || !rest.is_empty() {
            return Err(damaged("an event breaks off"));
        }
        let mut all = Vec::with_capacity(events.len());
        for event in events {
            let (words, _) = event.as_chunks::<8>();
            let [at, what, whom] = [words[0], words[1], words[2]].map(u64::from_le_bytes);
            let event = Packed::from_words([at, what, whom]);
            if event.kind() == Kind::Aside {
                return Err(damaged("an event is of no kind"));
            }
            self.known(event.task(), event.kind().has_lock().then(|| event.lock()))?;
            all.push(event);
        }
        Ok(Frame::Events(all))
    }

    fn single(&mut self, kind: u8, mut body: &[u8]) -> io::Result<Frame> {
        match kind {
            TASK => {
                self.tasks += 1;
                self.name(body).map(Frame::Task)
            }
            LOCK => {
                let [kind, limited] = number(&mut body)?;
                let permits = u32::from_le_bytes(number(&mut body)?);
                let kind = LockKind::ALL
                    .get(usize::from(kind))
                    .ok_or_else(|| damaged("there is no such kind of lock"))?;
                self.locks += 1;
                let permits = (limited != 0).then_some(permits);
                Ok(Frame::Lock(LockName { name: self.name(body)?, kind: *kind, permits }))
            }
            ASIDE => {
                let at = Time::from_nanos(u64::from_le_bytes(number(&mut body)?));
                let task = TaskId(u32::from_le_bytes(number(&mut body)?));
                let [which] = number(&mut body)?;
                let what = match which {
                    0..=3 => {
                        let lock = LockId(u32::from_le_bytes(number(&mut body)?));
                        let op = OpId(u64::from_le_bytes(number(&mut body)?));
                        let mode = Mode::Permits(u32::from_le_bytes(number(&mut body)?));
                        match which {
                            0 => What::Wait { lock, op, mode },
                            1 => What::Grant { lock, op, mode },
                            2 => What::Acquire { lock, op, mode },
                            _ => What::Busy { lock, op, mode },
                        }
                    }
                    4 => What::Print { text: text(body)? },
                    5 => What::Say { text: text(body)? },
                    _ => return Err(damaged("an event is of no kind")),
                };
                self.known(task, what.lock())?;
                Ok(Frame::Aside(Event { seq: 0, at, actor: Actor { task, step: None }, what }))
            }
            BEFORE => {
                let [events, opening] = [number(&mut body)?, number(&mut body)?].map(u64::from_le_bytes);
                Ok(Frame::Before { events, opening })
            }
            NOW => Ok(Frame::Now(Time::from_nanos(u64::from_le_bytes(number(&mut body)?)))),
            END => Ok(Frame::End(Time::from_nanos(u64::from_le_bytes(number(&mut body)?)))),
            _ => Err(damaged("a frame is of no kind")),
        }
    }

    fn name(&mut self, body: &[u8]) -> io::Result<Arc<str>> {
        self.named += body.len() + 32;
        if body.len() > MAX_NAME
            || self.named > MAX_NAMES
            || self.tasks > Names::MAX_TASKS
            || self.locks > Names::MAX_LOCKS
        {
            return Err(damaged("there are too many names"));
        }
        text(body)
    }

    /// Whether both have been named.
    #[inline]
    fn known(&self, task: TaskId, lock: Option<LockId>) -> io::Result<()> {
        if task.0 < self.tasks && lock.is_none_or(|lock| lock.0 < self.locks) {
            Ok(())
        } else {
            Err(damaged("an event is of a task or a lock without a name"))
        }
    }
}

fn text(bytes: &[u8]) -> io::Result<Arc<str>> {
    std::str::from_utf8(bytes).map(Arc::from).map_err(|_| damaged("a text is not UTF-8"))
}
