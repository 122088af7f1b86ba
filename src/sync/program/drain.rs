//! The recorder's own thread: takes what the others wrote down, puts it in order, hands it on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::Program;
use super::front::Front;
use super::kept_back::KeptBack;
use super::merge::Merge;
use crate::event::{Actor, Event, Kind, Packed, TaskId, What};
use crate::sync::probe::locked;
use crate::sync::recorder::Core;

/// Between two looks at what the threads wrote, while something happens and when nothing does.
const BUSY: Duration = Duration::from_millis(2);
const QUIET: Duration = Duration::from_millis(20);

/// For so long it is kept back that somebody waits for a mutex which, as far as is known, nobody has.
const KEPT_BACK: Duration = Duration::from_millis(100);

/// Starts the thread of a program's recorder. Without a thread nothing is recorded.
pub(in super::super) fn start(core: &Arc<Core>) {
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
    kept_back: KeptBack,
    front: Front,
    /// How many tasks and locks were told.
    tasks: usize,
    locks: usize,
    /// How many lost events were told, and how many more are to be told that have no place.
    told: u64,
    homeless: u64,
}

impl<'a> Drain<'a> {
    fn new(core: &'a Core, program: &'a Program) -> Self {
        let (merge, kept_back, front) = (Merge::default(), KeptBack::default(), Front::default());
        Self { core, program, merge, kept_back, front, tasks: 0, locks: 0, told: 0, homeless: 0 }
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
                self.front.tell(|outlet| outlet.idle(now));
                pause = (pause * 2).min(QUIET);
            }
            // Whoever writes wakes this thread where room becomes scarce.
            if !over {
                thread::park_timeout(pause);
            }
        }
        let now = self.program.now().max(self.front.latest());
        self.front.tell(|outlet| outlet.finish(now));
        locked(&self.program.inbox).over = true;
        self.program.done.notify_all();
    }

    /// Takes all that has happened by now; how many events that were. In the last round nothing is kept back.
    fn round(&mut self, last: bool) -> usize {
        let asked = locked(&self.program.inbox).asked;
        let mut count = self.pass(last);
        // What was lost meanwhile is told when that is read too which came before it.
        if self.program.lost() > self.told {
            count += self.pass(last);
        }
        locked(&self.program.inbox).rounds = asked;
        self.program.done.notify_all();
        count
    }

    /// The same once.
    fn pass(&mut self, last: bool) -> usize {
        let mut merge = std::mem::take(&mut self.merge);
        // Before the look, so that all is read then which came before it.
        if self.program.lost() > self.told + self.homeless {
            self.homeless += merge.take_lost() + self.program.homeless.swap(0, Ordering::Relaxed);
        }
        let lost = std::mem::take(&mut self.homeless);
        let now = self.program.clock.raw();
        merge.look(now, || std::mem::take(&mut locked(&self.program.threads).new));
        // After the look: whoever is in an event was registered before it.
        self.learn_names();
        // After the look too: whoever is attached is told all that is recorded from then on.
        let new = std::mem::take(&mut locked(&self.program.inbox).outlets);
        for outlet in new {
            let (tasks, locks) = self.core.names_since(0, 0);
            self.front.introduce(outlet, &tasks[..self.tasks], &locks[..self.locks]);
        }
        let mut count = 0;
        merge.read(now, &self.program.pool, |words| {
            count += 1;
            self.accept(words);
        });
        let forget = |number| locked(&self.program.threads).free.push(number);
        self.homeless += merge.forget(&self.program.pool, forget);
        self.merge = merge;
        self.tell_homeless(lost);
        // Whoever has a lock for which others have waited so long is not recorded. How long is counted to where
        // this round has read: what was written meanwhile may say it.
        let read = self.program.time(now);
        let old = |at| last || read.since(at) > KEPT_BACK;
        self.kept_back.let_old_go(old, |event| self.front.emit(event));
        // Whoever is attached next is told how things stand with all of it.
        self.front.hand_on();
        count
    }

    fn learn_names(&mut self) {
        let (tasks, locks) = self.core.names_since(self.tasks, self.locks);
        if !tasks.is_empty() || !locks.is_empty() {
            self.tasks += tasks.len();
            self.locks += locks.len();
            self.front.add(&tasks, &locks);
        }
    }

    /// Takes the next event.
    #[inline]
    fn accept(&mut self, [stamp, what, whom]: [u64; 3]) {
        let at = self.program.time(stamp);
        let event = Packed::from_words([at.nanos(), what, whom]);
        match event.kind() {
            Kind::Aside => {
                self.kept_back.acts(event.task(), |event| self.front.emit(event));
                let aside = locked(&self.program.asides).remove(&event.large());
                if let Some(aside) = aside {
                    self.front.emit_aside(Event { at, ..aside });
                }
            }
            kind => {
                if kind == Kind::Lost {
                    self.told += event.large();
                }
                let asks = matches!(kind, Kind::Wait | Kind::Busy);
                let free = asks && self.front.is_free_mutex(event.lock());
                self.kept_back.take(event, free, |event| self.front.emit(event));
            }
        }
    }

    /// What is lost by threads that cannot tell it, or have not, has no place among the rest.
    fn tell_homeless(&mut self, events: u64) {
        if self.tasks == 0 {
            // It is told of some task, as soon as there is one.
            self.homeless += events;
        } else if events > 0 {
            self.told += events;
            let actor = Actor { task: TaskId(0), step: None };
            let at = self.front.latest();
            self.front.emit_aside(Event { seq: 0, at, actor, what: What::Lost { events } });
        }
    }
}
