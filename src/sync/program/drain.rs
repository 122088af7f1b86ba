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

/// For so long it is kept back that somebody waits for a mutex which, as far as is known, nobody has. A thread that has it may
/// be kept from saying so for a tenth of a second where a machine has more to do than it can.
const KEPT_BACK: Duration = Duration::from_secs(1);

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
        // Not before: whoever has those mutexes may have been about to say so, and is heard as long as anybody is.
        self.kept_back.let_old_go(|_| true, |event| self.front.emit(event));
        self.front.hand_on();
        // Not now: what has happened since the end is not told.
        let now = self.program.time(self.program.end()).max(self.front.latest());
        self.front.tell(|outlet| outlet.finish(now));
        locked(&self.program.inbox).over = true;
        self.program.done.notify_all();
    }

    /// Takes all that has happened by now; how many events that were. In the last rounds that is all up to the end.
    fn round(&mut self, last: bool) -> usize {
        let (asked, lets_go) = {
            let mut inbox = locked(&self.program.inbox);
            (inbox.asked, std::mem::take(&mut inbox.lets_go))
        };
        let program = self.program;
        let mut merge = std::mem::take(&mut self.merge);
        let now = if last { program.end() } else { program.clock.raw().min(program.end()) };
        merge.look(now, || {
            let mut threads = locked(&program.threads);
            (std::mem::take(&mut threads.new), std::mem::take(&mut threads.lost))
        });
        if last {
            merge.end(now);
        }
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
        let old = |at| lets_go || program.time(now).since(at) > KEPT_BACK;
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::event::{Brief, LockId, LockKind, LockName, OpId, TaskId, Time};
    use crate::sync::outlet::{Batch, Outlet};

    /// What was handed on: which operations, or how many events are missing.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<(Kind, u64)>>>, Arc<Mutex<Option<Time>>>);

    impl Outlet for Told {
        fn take(&mut self, batch: &Batch<'_>) {
            let told = batch.events.iter().map(|event| (event.kind(), event.large()));
            locked(&self.0).extend(told);
        }

        fn finish(&mut self, now: Time) {
            *locked(&self.1) = Some(now);
        }
    }

    /// A recorder whose thread is this one, and what it tells.
    fn recorder(memory: usize) -> (Arc<Core>, Told) {
        let (core, told) = (Core::of_program(Program::new(memory)), Told::default());
        core.program().unwrap().attach(Box::new(told.clone()));
        (core, told)
    }

    /// A task of its own does something with the lock, and looked before whether the recording goes on.
    fn writes(core: &Core, kind: Kind, op: u64) {
        let line = Packed::quick(0, kind, (Brief::NONE, OpId(op)), TaskId(op as u32), LockId(0));
        let _ = core.program().unwrap().write(core, line);
    }

    /// What others have done since the recording ended, which that may follow from, nobody has written down.
    #[test]
    fn whoever_was_about_to_write_when_it_ended_is_not_told() {
        let (core, told) = recorder(1 << 20);
        writes(&core, Kind::Acquire, 1);
        core.set_closed();
        writes(&core, Kind::Acquire, 2);
        let (program, ended) = (core.program().unwrap(), core.program().unwrap().now());
        Drain::new(&core, program).run();
        assert_eq!(*locked(&told.0), [(Kind::Acquire, 1)]);
        // However long it took to tell all: nothing is told that was so after it.
        assert!(locked(&told.1).unwrap() <= ended);
    }

    /// Whoever ends what was attached is told all there is.
    #[test]
    fn what_is_kept_back_is_let_go_where_nobody_waits_for_more() {
        let (core, told) = recorder(1 << 20);
        core.add_lock(LockName { name: "m".into(), kind: LockKind::TokioMutex, permits: None });
        let program = core.program().unwrap();
        writes(&core, Kind::Wait, 1);
        let mut drain = Drain::new(&core, program);
        drain.round(false);
        assert_eq!(*locked(&told.0), []);
        // There is no thread here to wait for.
        program.flush_all();
        drain.round(false);
        assert_eq!(*locked(&told.0), [(Kind::Wait, 1)]);
    }

    /// It has the mutex that another one waits for, and was stopped when it was about to write so.
    #[test]
    fn whoever_has_a_mutex_at_the_end_had_it_before_others_waited() {
        let (core, told) = recorder(1 << 20);
        let mutex = LockName { name: "m".into(), kind: LockKind::TokioMutex, permits: None };
        assert_eq!(core.add_lock(mutex), LockId(0));
        let program = core.program().unwrap();
        writes(&core, Kind::Wait, 1);
        core.set_closed();
        let mut drain = Drain::new(&core, program);
        assert_eq!(drain.round(true), 1);
        // Its stamp is from before the end.
        program.end.store(u64::MAX, std::sync::atomic::Ordering::Relaxed);
        writes(&core, Kind::Acquire, 2);
        drain.run();
        assert_eq!(*locked(&told.0), [(Kind::Acquire, 2), (Kind::Wait, 1)]);
    }

    #[test]
    fn what_is_lost_after_the_end_is_not_told_either() {
        let full = super::super::CHUNK as u64;
        for before in [full, full + 1] {
            let (core, told) = recorder(0);
            (1..=before).for_each(|op| writes(&core, Kind::Acquire, op));
            core.set_closed();
            writes(&core, Kind::Acquire, before + 1);
            Drain::new(&core, core.program().unwrap()).run();
            let told = locked(&told.0);
            let lost = told.iter().any(|(kind, _)| *kind == Kind::Lost);
            assert_eq!((told.len() as u64, lost), (before, before > full));
        }
    }
}
