//! The recorder's own thread: takes what the others wrote down, puts it in order, hands it on.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Program;
use super::front::Front;
use super::kept_back::KeptBack;
use super::merge::Merge;
use crate::event::{Event, Kind, Packed};
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
}

impl<'a> Drain<'a> {
    fn new(core: &'a Core, program: &'a Program) -> Self {
        let (merge, kept_back, front) = (Merge::default(), KeptBack::default(), Front::default());
        Self { core, program, merge, kept_back, front, tasks: 0, locks: 0 }
    }

    fn run(mut self) {
        let mut pause = BUSY;
        loop {
            let over = self.core.is_closed();
            let count = self.round(over);
            if over && count == 0 && !self.merge.has_more() {
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
        let program = self.program;
        let mut merge = std::mem::take(&mut self.merge);
        // Nobody writes any more who would make the end late.
        let now = if last { u64::MAX } else { program.clock.raw() };
        merge.look(now, || {
            let mut threads = locked(&program.threads);
            (std::mem::take(&mut threads.new), std::mem::take(&mut threads.lost))
        });
        // After the look: whoever is in an event was registered before it.
        self.learn_names();
        // After the look too: whoever is attached is told all that is recorded from then on.
        let new = std::mem::take(&mut locked(&program.inbox).outlets);
        for outlet in new {
            let (tasks, locks) = self.core.names_since(0, 0);
            self.front.introduce(outlet, &tasks[..self.tasks], &locks[..self.locks]);
        }
        let (mut count, mut left) = (0, 0);
        merge.read(
            now,
            &program.pool,
            |words| {
                count += 1;
                self.accept(words);
            },
            |words| {
                left += 1;
                program.leave(words);
            },
        );
        merge.forget(&program.pool, |number| {
            program.pool.part();
            locked(&program.threads).free.push(number);
        });
        self.merge = merge;
        // Whoever has a lock for which others have waited so long is not recorded. How long is counted to where
        // this round has read: what was written meanwhile may say it.
        let old = |at| last || program.time(now).since(at) > KEPT_BACK;
        self.kept_back.let_old_go(old, |event| self.front.emit(event));
        // Whoever is attached next is told how things stand with all of it.
        self.front.hand_on();
        locked(&program.inbox).rounds = asked;
        program.done.notify_all();
        count + left
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
                    // Whoever had these mutexes, it is not among what follows.
                    self.kept_back.let_old_go(|_| true, |event| self.front.emit(event));
                }
                let asks = matches!(kind, Kind::Wait | Kind::Busy);
                let free = asks && self.front.is_free_mutex(event.lock());
                self.kept_back.take(event, free, |event| self.front.emit(event));
            }
        }
    }
}
