//! The recorder's own thread: takes what the others wrote down, puts it in order, hands it on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::Program;
use super::merge::Merge;
use super::slot::CHUNK;
use crate::event::{Actor, Event, Kind, Packed, TaskId, Time, What};
use crate::sync::outlet::{Batch, Outlet};
use crate::sync::present::Present;
use crate::sync::probe::locked;
use crate::sync::recorder::Core;

/// Events that are handed on at once, at most.
const BATCH: usize = 1 << 16;

/// Between two looks at the rings, while something happens and when nothing does.
const BUSY: Duration = Duration::from_millis(2);
const QUIET: Duration = Duration::from_millis(20);

/// For so long a `Wait` is kept back, until it is known whom it is for.
const KEPT_BACK: Duration = Duration::from_millis(100);

/// Starts the thread of a program's recorder. Without a thread nothing is handed on, and all is lost.
pub(in crate::sync) fn start(core: &Arc<Core>) {
    let own = Arc::clone(core);
    let started = thread::Builder::new().name("lockscope".into()).spawn(move || {
        if let Some(program) = own.program() {
            Drain::new(&own, program).run();
        }
    });
    match (started, core.program()) {
        (Ok(handle), Some(program)) => _ = program.thread.set(handle.thread().clone()),
        _ => core.set_closed(),
    }
}

struct Drain<'a> {
    core: &'a Core,
    program: &'a Program,
    merge: Merge,
    outlets: Vec<Box<dyn Outlet>>,
    /// What was told, of names and of what happened.
    present: Present,
    tasks: usize,
    locks: usize,
    latest: Time,
    batch: Vec<Packed>,
    asides: Vec<Event>,
    /// Who comes to wait for a mutex, or finds it busy, that as far as is known nobody has, and gives up again:
    /// somebody has the lock and has not said so yet.
    kept_back: Vec<Packed>,
    homeless: u64,
}

impl<'a> Drain<'a> {
    fn new(core: &'a Core, program: &'a Program) -> Self {
        Self {
            core,
            program,
            merge: Merge::default(),
            outlets: Vec::new(),
            present: Present::default(),
            tasks: 0,
            locks: 0,
            latest: Time::ZERO,
            batch: Vec::new(),
            asides: Vec::new(),
            kept_back: Vec::new(),
            homeless: 0,
        }
    }

    fn run(mut self) {
        let mut pause = BUSY;
        loop {
            let over = self.core.is_closed();
            let count = self.round(over);
            if over && count == 0 {
                break;
            }
            if count > 0 {
                pause = BUSY;
            } else {
                let now = self.program.now();
                self.tell(|outlet| outlet.idle(now));
                pause = (pause * 2).min(QUIET);
            }
            if count < CHUNK && !over {
                thread::park_timeout(pause);
            }
        }
        let now = self.program.now().max(self.latest);
        self.tell(|outlet| outlet.finish(now));
        let mut inbox = locked(&self.program.inbox);
        inbox.over = true;
        drop(inbox);
        self.program.done.notify_all();
    }

    /// Takes all that has happened by now; how many events that were. In the last round nothing is kept back.
    fn round(&mut self, last: bool) -> usize {
        let (asked, new) = {
            let mut inbox = locked(&self.program.inbox);
            (inbox.asked, std::mem::take(&mut inbox.outlets))
        };
        let now = self.program.clock.raw();
        let mut merge = std::mem::take(&mut self.merge);
        merge.look(now, || std::mem::take(&mut locked(&self.program.threads).new));
        // After the look: whoever is in an event was registered before it.
        self.learn_names();
        for outlet in new {
            self.introduce(outlet);
        }
        let mut count = 0;
        merge.read(now, &self.program.pool, |words| {
            count += 1;
            self.accept(words);
        });
        merge.forget(&self.program.pool, |number| locked(&self.program.threads).free.push(number));
        self.merge = merge;
        self.tell_homeless();
        if !self.kept_back.is_empty() {
            self.let_old_go(last);
        }
        self.hand_on();
        locked(&self.program.inbox).rounds = asked;
        self.program.done.notify_all();
        count
    }

    /// Tells the outlets who was registered meanwhile.
    fn learn_names(&mut self) {
        let (tasks, locks) = self.core.names_since(self.tasks, self.locks);
        if tasks.is_empty() && locks.is_empty() {
            return;
        }
        self.tasks += tasks.len();
        self.locks += locks.len();
        self.present.add_tasks(tasks.len());
        for lock in &locks {
            self.present.add_lock(lock);
        }
        let batch = Batch { tasks: &tasks, locks: &locks, ..Batch::default() };
        self.tell(|outlet| outlet.take(&batch));
    }

    /// Tells an outlet that is new all names so far, and what holds at present.
    fn introduce(&mut self, mut outlet: Box<dyn Outlet>) {
        let (tasks, locks) = self.core.names_since(0, 0);
        let (tasks, locks) = (&tasks[..self.tasks], &locks[..self.locks]);
        let prologue = self.present.prologue(Time::ZERO, &[]);
        let batch = Batch { tasks, locks, events: &prologue.events, asides: &prologue.asides };
        if catch_unwind(AssertUnwindSafe(|| outlet.take(&batch))).is_ok() {
            self.outlets.push(outlet);
        }
    }

    /// Takes the next event.
    fn accept(&mut self, [stamp, what, whom]: [u64; 3]) {
        let at = self.program.time(stamp);
        let event = Packed::from_words([at.nanos(), what, whom]);
        let kind = event.kind();
        if kind == Kind::Aside {
            let Some(mut aside) = locked(&self.program.asides).remove(&event.large()) else { return };
            aside.at = at;
            return self.emit_aside(aside);
        }
        if !self.kept_back.is_empty() {
            // Whoever found a lock busy has gone on to something else: that came before.
            self.let_go(|kept| {
                kept.kind() == Kind::Busy && kept.task() == event.task() && kept.lock() != event.lock()
            });
            if self.settles(event) {
                return;
            }
        }
        if matches!(kind, Kind::Wait | Kind::Busy) && self.present.is_free_mutex(event.lock()) {
            self.kept_back.push(event);
            return;
        }
        self.emit(event);
    }

    /// Whether `event` is emitted with what is kept back of its lock, or is kept back too.
    fn settles(&mut self, event: Packed) -> bool {
        let same = |other: &Packed| other.lock() == event.lock();
        let own = self.kept_back.iter().any(|other| same(other) && other.op() == event.op());
        match event.kind() {
            // Whoever is granted it stood in the queue before.
            Kind::Grant if own => {
                self.let_go(same);
                self.emit(event);
            }
            // Whoever has it had it before they asked.
            Kind::Acquire if !own => {
                self.let_go(|kept| same(kept) && kept.task() == event.task());
                self.emit(event);
                self.let_go(same);
            }
            Kind::Cancel if own => self.kept_back.push(event),
            Kind::Wait | Kind::Busy if self.kept_back.iter().any(same) => self.kept_back.push(event),
            _ => return false,
        }
        true
    }

    /// Lets go of what was kept back and is like that.
    fn let_go(&mut self, like: impl Fn(&Packed) -> bool) {
        let events: Vec<_> = self.kept_back.extract_if(.., |event| like(event)).collect();
        for event in events {
            self.emit(event);
        }
    }

    /// Lets go of what was kept back for long: whoever has the lock is not recorded.
    fn let_old_go(&mut self, all: bool) {
        let now = self.program.now();
        let old = |event: &Packed| all || now.since(event.at()) > KEPT_BACK;
        // All of a lock, or none: their order counts.
        while let Some(lock) = self.kept_back.iter().find(|event| old(event)).map(|event| event.lock()) {
            self.let_go(|event| event.lock() == lock);
        }
    }

    /// What is lost by threads without a ring has no place among the rest.
    fn tell_homeless(&mut self) {
        let homeless = self.program.homeless.load(Ordering::Relaxed);
        if homeless > self.homeless {
            let events = homeless - self.homeless;
            self.homeless = homeless;
            let actor = Actor { task: TaskId(0), step: None };
            self.emit_aside(Event { seq: 0, at: self.latest, actor, what: What::Lost { events } });
        }
    }

    fn emit(&mut self, event: Packed) {
        self.latest = self.latest.max(event.at());
        let event = event.moved_to(self.latest);
        self.present.apply(event);
        self.batch.push(event);
        if self.batch.len() >= BATCH {
            self.hand_on();
        }
    }

    fn emit_aside(&mut self, mut event: Event) {
        self.latest = self.latest.max(event.at);
        event.at = self.latest;
        if let Some(packed) = Packed::of(&event) {
            return self.emit(packed);
        }
        self.present.apply_aside(&event);
        let index = self.asides.len() as u64;
        if let Some(packed) = Packed::aside(event.at, event.actor, index) {
            self.batch.push(packed);
            self.asides.push(event);
        }
    }

    fn hand_on(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (events, asides) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.asides));
        let batch = Batch { events: &events, asides: &asides, ..Batch::default() };
        self.tell(|outlet| outlet.take(&batch));
        // Their room is used again.
        (self.batch, self.asides) = (events, asides);
        self.batch.clear();
        self.asides.clear();
    }

    /// An outlet that panics is out; the others and the program go on.
    fn tell(&mut self, mut tell: impl FnMut(&mut dyn Outlet)) {
        self.outlets.retain_mut(|outlet| catch_unwind(AssertUnwindSafe(|| tell(&mut **outlet))).is_ok());
    }
}
