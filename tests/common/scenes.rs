//! Hand-made histories: what an engine would report of each family of locks, and of each cause of a
//! deadlock. The contract is `src/event.rs`; no engine is needed to test what is made of its events.

// Each test file uses a part of this.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, TaskId, Time, What,
};
use lockscope::trace::{End, Trace};
use serde_json::json;

pub const EXCLUSIVE: Mode = Mode::Exclusive;
pub const SHARED: Mode = Mode::Shared;

/// Events to be told of some tasks and locks.
pub struct Tale {
    names: Names,
    ids: HashMap<String, TaskId>,
    events: Vec<Event>,
    at: Time,
}

/// A tale of these tasks and of these locks: name, kind, permits.
pub fn tale(tasks: &[&str], locks: &[(&str, LockKind, Option<u32>)]) -> Tale {
    let lock = |(name, kind, permits): &(&str, LockKind, Option<u32>)| LockName {
        name: (*name).into(),
        kind: *kind,
        permits: *permits,
    };
    let names = Names {
        tasks: tasks.iter().map(|name| (*name).into()).collect(),
        locks: locks.iter().map(lock).collect(),
    };
    let ids = (0..).zip(tasks).map(|(id, name)| ((*name).to_owned(), TaskId(id))).collect();
    let mut tale = Tale { names, ids, events: Vec::new(), at: Time::ZERO };
    for task in tasks {
        tale = tale.does(task, What::Spawn);
    }
    tale
}

impl Tale {
    pub fn at(mut self, millis: u64) -> Self {
        self.at = Time::from_millis(millis);
        self
    }

    pub fn does(mut self, task: &str, what: What) -> Self {
        let actor = Actor { task: self.ids[task], step: None };
        self.events.push(Event { seq: 0, at: self.at, actor, what });
        self
    }

    fn lock(&self, lock: &str) -> LockId {
        LockId(self.names.locks.iter().position(|known| &*known.name == lock).unwrap() as u32)
    }

    pub fn waits(self, task: &str, lock: &str, op: u64, mode: Mode) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Wait { lock, op: OpId(op), mode })
    }

    pub fn granted(self, task: &str, lock: &str, op: u64, mode: Mode) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Grant { lock, op: OpId(op), mode })
    }

    pub fn acquires(self, task: &str, lock: &str, op: u64, mode: Mode) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Acquire { lock, op: OpId(op), mode })
    }

    pub fn releases(self, task: &str, lock: &str, op: u64) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Release { lock, op: OpId(op) })
    }

    pub fn cancels(self, task: &str, lock: &str, op: u64) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Cancel { lock, op: OpId(op) })
    }

    pub fn notifies(self, task: &str, lock: &str, all: bool) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Notify { lock, all })
    }

    pub fn hears(self, task: &str, lock: &str, op: u64) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Heard { lock, op: OpId(op) })
    }

    pub fn sends(self, task: &str, lock: &str, op: u64, value: u32) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::Sent { lock, op: OpId(op), value: Arc::new(json!(value)) })
    }

    pub fn receives(self, task: &str, lock: &str, op: u64, value: Option<u32>) -> Self {
        let lock = self.lock(lock);
        let value = value.map(|value| Arc::new(json!(value)));
        self.does(task, What::Received { lock, op: OpId(op), value })
    }

    pub fn adds(self, task: &str, lock: &str, permits: u32) -> Self {
        let lock = self.lock(lock);
        self.does(task, What::AddPermits { lock, permits })
    }

    pub fn sleeps(self, task: &str, until: u64) -> Self {
        self.does(task, What::Sleep { until: Time::from_millis(until) })
    }

    pub fn wakes(self, task: &str) -> Self {
        self.does(task, What::Wake)
    }

    pub fn trace(self) -> Trace {
        Trace::of(self.names, self.events)
    }

    /// As a run that ended so.
    pub fn ends(self, outcome: Outcome) -> Trace {
        let at = self.at;
        let mut trace = self.trace();
        trace.finish(End { outcome, at, note: None });
        trace
    }
}

/// Two readers hold, a writer waits, and a third and a fourth reader wait behind the writer.
pub fn readers() -> Tale {
    tale(&["R1", "R2", "W", "R3", "R4"], &[("db", LockKind::TokioRwLock, None)])
        .acquires("R1", "db", 1, SHARED)
        .sleeps("R1", 100)
        .at(20)
        .acquires("R2", "db", 2, SHARED)
        .sleeps("R2", 120)
        .at(50)
        .waits("W", "db", 3, EXCLUSIVE)
        .at(60)
        .waits("R3", "db", 4, SHARED)
        .at(70)
        .waits("R4", "db", 5, SHARED)
}

/// The same, until the writer is through and the readers got it together.
pub fn readers_together() -> Tale {
    readers()
        .at(100)
        .wakes("R1")
        .releases("R1", "db", 1)
        .does("R1", What::Finish)
        .at(120)
        .wakes("R2")
        .releases("R2", "db", 2)
        .granted("W", "db", 3, EXCLUSIVE)
        .does("R2", What::Finish)
        .acquires("W", "db", 3, EXCLUSIVE)
        .sleeps("W", 150)
        .at(150)
        .wakes("W")
        .releases("W", "db", 3)
        .granted("R3", "db", 4, SHARED)
        .granted("R4", "db", 5, SHARED)
        .does("W", What::Finish)
        .acquires("R3", "db", 4, SHARED)
        .sleeps("R3", 200)
        .acquires("R4", "db", 5, SHARED)
        .sleeps("R4", 210)
}

/// Of three permits A and B have one each; C needs two and lacks one; D, which needs one, waits behind.
pub fn permits() -> Tale {
    let (one, two) = (Mode::Permits(1), Mode::Permits(2));
    tale(&["A", "B", "C", "D"], &[("slots", LockKind::TokioSemaphore, Some(3))])
        .acquires("A", "slots", 1, one)
        .sleeps("A", 100)
        .acquires("B", "slots", 2, one)
        .sleeps("B", 200)
        .at(30)
        .waits("C", "slots", 3, two)
        .at(40)
        .waits("D", "slots", 4, one)
}

/// A notifies before B waits: it is lost, and B waits for ever.
pub fn lost_notification() -> Tale {
    tale(&["A", "B"], &[("bell", LockKind::TokioNotify, None)])
        .sleeps("B", 50)
        .at(10)
        .notifies("A", "bell", true)
        .does("A", What::Finish)
        .at(50)
        .wakes("B")
        .waits("B", "bell", 1, Mode::Signal)
}

/// The reader takes an unfair lock again and again; the writer is woken each time, and too late.
pub fn barging() -> Tale {
    let mut tale = tale(&["reader", "writer"], &[("db", LockKind::FuturesMutex, None)])
        .acquires("reader", "db", 1, EXCLUSIVE)
        .sleeps("reader", 100)
        .at(20)
        .waits("writer", "db", 2, EXCLUSIVE);
    for (turn, op) in [(1, 3), (2, 4)] {
        tale = tale
            .at(turn * 100)
            .wakes("reader")
            .releases("reader", "db", if turn == 1 { 1 } else { op - 1 })
            .granted("writer", "db", 2, EXCLUSIVE)
            .acquires("reader", "db", op, EXCLUSIVE)
            .sleeps("reader", turn * 100 + 100)
            .waits("writer", "db", 2, EXCLUSIVE);
    }
    tale
}

/// The reader sleeps with the guard of a blocking lock; the writer asks for it on the same thread.
pub fn blocked_thread() -> Tale {
    tale(&["reader", "writer"], &[("db", LockKind::StdMutex, None)])
        .acquires("reader", "db", 1, EXCLUSIVE)
        .sleeps("reader", 1000)
        .sleeps("writer", 350)
        .at(350)
        .wakes("writer")
        .waits("writer", "db", 2, EXCLUSIVE)
}

/// Main keeps a lock's future that it does not poll any more, and asks for the same lock once more.
pub fn futurelock() -> Tale {
    tale(&["bg", "main"], &[("db", LockKind::TokioMutex, None)])
        .acquires("bg", "db", 1, EXCLUSIVE)
        .sleeps("bg", 5000)
        .waits("main", "db", 2, EXCLUSIVE)
        .sleeps("main", 500)
        .at(500)
        .wakes("main")
        .does("main", What::Select { arm: 2 })
        .waits("main", "db", 3, EXCLUSIVE)
        .at(5000)
        .wakes("bg")
        .releases("bg", "db", 1)
        .granted("main", "db", 2, EXCLUSIVE)
        .does("bg", What::Finish)
}
