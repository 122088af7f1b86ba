//! One plain lock, as far as tokio tells of it: who waits in which order, who has how many permits.
//!
//! Every tokio lock is a semaphore inside: a mutex has one permit, an `RwLock` as many as readers, all
//! of which a writer takes. So one rule makes up for what is told late: nobody has got permits that
//! somebody else still has. Who has too many has let go of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::event::{Actor, LockId, LockKind, LockName, Mode, OpId, TaskId, What};
use crate::sync::Recorder;

/// Releases that were recorded and are still to be told; more are forgotten.
const MOST_OWED: usize = 64;

/// Where to record, and who acts.
#[derive(Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) recorder: &'a Recorder,
    pub(super) me: Actor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asking,
    Waiting,
    Granted,
    Held,
}

struct Operation {
    actor: Actor,
    mode: Mode,
    wants: u64,
    has: u64,
    state: State,
}

pub(super) struct Lock {
    kind: LockKind,
    name: Arc<str>,
    /// Registered when it is first recorded.
    id: Option<LockId>,
    total: u64,
    operations: HashMap<OpId, Operation>,
    /// Who waits, in tokio's order.
    queue: VecDeque<OpId>,
    /// Who is granted or holds, in the order of that.
    owners: Vec<OpId>,
    /// By whom and of how many permits a release is recorded that tokio has yet to tell.
    owed: VecDeque<(TaskId, u64)>,
    /// Who is letting go of permits right now, and how many of those recorded as released are to be told.
    rest: Option<(TaskId, u64)>,
    /// Permits that came back to a semaphore although nobody is known to have had them.
    unexplained: u64,
}

impl Lock {
    pub(super) fn new(kind: LockKind, name: Arc<str>) -> Self {
        Self {
            kind,
            name,
            id: None,
            total: u64::from(kind == LockKind::TokioMutex),
            operations: HashMap::new(),
            queue: VecDeque::new(),
            owners: Vec::new(),
            owed: VecDeque::new(),
            rest: None,
            unexplained: 0,
        }
    }

    /// So many permits it begins with.
    pub(super) fn has_permits(&mut self, permits: u64) {
        if self.id.is_none() {
            self.total = permits;
        }
    }

    fn is_semaphore(&self) -> bool {
        self.kind == LockKind::TokioSemaphore
    }

    fn record(&mut self, pen: Pen<'_>, actor: Actor, what: impl FnOnce(LockId) -> What) {
        let permits = self.is_semaphore().then(|| counted(self.total));
        let id = *self.id.get_or_insert_with(|| {
            pen.recorder.add(LockName { name: Arc::clone(&self.name), kind: self.kind, permits })
        });
        pen.recorder.record(actor, what(id));
    }

    /// An operation begins.
    pub(super) fn asks(&mut self, op: OpId, actor: Actor, writes: bool) {
        self.goes_on(actor);
        let mode = match self.kind {
            LockKind::TokioRwLock if !writes => Mode::Shared,
            LockKind::TokioSemaphore => Mode::Permits(1),
            _ => Mode::Exclusive,
        };
        self.operations.insert(op, Operation { actor, mode, wants: 1, has: 0, state: State::Asking });
    }

    /// It says how many permits it asks for.
    pub(super) fn wants(&mut self, op: OpId, permits: u64) {
        if let Some(operation) = self.operations.get_mut(&op) {
            operation.wants = permits;
            if let Mode::Permits(wanted) = &mut operation.mode {
                *wanted = counted(permits);
            }
        }
    }

    /// It is given permits: in a poll of its `own`, or by this thread's release. Says whether that is a
    /// writer's that is being downgraded.
    pub(super) fn assigned(&mut self, pen: Pen<'_>, op: OpId, permits: u64, own: bool) -> bool {
        let Some(operation) = self.operations.get_mut(&op) else { return false };
        let full = operation.has.saturating_add(permits) >= operation.wants;
        match operation.state {
            State::Asking => {
                operation.has = operation.has.saturating_add(permits);
                if !full {
                    self.waits(pen, op);
                }
                return false;
            }
            State::Waiting => {}
            State::Granted | State::Held => return false,
        }
        let mut downgraded = false;
        if !own {
            let given_up = self.cancel_before(pen, op);
            let back = permits.saturating_sub(given_up);
            if self.is_semaphore() {
                self.given_back(pen, back, true);
            } else if !full {
                downgraded = self.downgraded(pen, back);
            }
        }
        if let Some(operation) = self.operations.get_mut(&op) {
            operation.has = operation.has.saturating_add(permits);
            if full {
                // What a semaphore gives away has been given back by now.
                self.make_room(pen, op, (!own && !self.is_semaphore()).then_some(pen.me));
                self.owns(pen, op, State::Granted);
            }
        }
        downgraded
    }

    /// Its poll is over. Says whether it has got a guard with that, of which tokio will tell.
    pub(super) fn polled(&mut self, pen: Pen<'_>, op: OpId, ready: bool) -> bool {
        let Some(operation) = self.operations.get(&op) else { return false };
        let (full, state) = (operation.has >= operation.wants, operation.state);
        self.goes_on(pen.me);
        match (state, ready) {
            (State::Held, _) | (State::Waiting | State::Granted, false) => return false,
            // It has the lock, and has to yield first.
            (State::Asking, false) if full => {
                self.make_room(pen, op, None);
                self.owns(pen, op, State::Granted);
            }
            (State::Asking, false) => self.waits(pen, op),
            (State::Granted, true) => self.owns(pen, op, State::Held),
            (State::Asking | State::Waiting, true) => {
                self.make_room(pen, op, None);
                self.owns(pen, op, State::Held);
            }
        }
        ready && !self.is_semaphore()
    }

    /// Its future is no more.
    pub(super) fn dropped(&mut self, pen: Pen<'_>, op: OpId) {
        // What holds the lock does so without it.
        if self.operations.get(&op).is_some_and(|operation| operation.state != State::Held) {
            self.cancel(pen, op);
        }
    }

    /// Somebody got a guard without waiting, and without any word of it until now.
    pub(super) fn tried(&mut self, pen: Pen<'_>, mode: Mode) {
        let wants = if mode == Mode::Exclusive { self.total } else { 1 };
        let op = pen.recorder.next_op();
        let operation = Operation { actor: pen.me, mode, wants, has: wants, state: State::Asking };
        self.operations.insert(op, operation);
        self.make_room(pen, op, None);
        self.owns(pen, op, State::Held);
    }

    /// A guard of a mutex or an `RwLock` was dropped, some time ago.
    pub(super) fn released(&mut self, pen: Pen<'_>, mode: Mode) {
        let me = pen.me.task;
        if let Some(at) = self.owed.iter().position(|(task, _)| *task == me) {
            self.owed.remove(at);
            return;
        }
        let held = |op: &&OpId| {
            self.operations.get(op).filter(|held| held.state == State::Held && held.mode == mode)
        };
        let mine = self.owners.iter().rev().find(|op| held(op).is_some_and(|held| held.actor.task == me));
        let oldest = self.owners.iter().find(|op| held(op).is_some());
        match mine.or(oldest.filter(|_| self.owed.is_empty())) {
            Some(&op) => self.release(pen, op, pen.me),
            None => _ = self.owed.pop_front(),
        }
    }

    /// Permits came back that nobody waits for. Says whether they are those of a writer that is being
    /// downgraded.
    pub(super) fn freed(&mut self, pen: Pen<'_>, permits: u64) -> bool {
        match self.kind {
            LockKind::TokioSemaphore => self.given_back(pen, permits, false),
            LockKind::TokioRwLock => return self.downgraded(pen, permits),
            _ => {}
        }
        false
    }

    /// A writer that gives back all permits but one keeps a share.
    fn downgraded(&mut self, pen: Pen<'_>, permits: u64) -> bool {
        let [op] = self.owners[..] else { return false };
        let Some(writer) = self.operations.get_mut(&op) else { return false };
        if permits == 0
            || (writer.state, writer.mode) != (State::Held, Mode::Exclusive)
            || writer.has != permits.saturating_add(1)
        {
            return false;
        }
        (writer.has, writer.mode) = (1, Mode::Shared);
        self.record(pen, pen.me, |lock| What::Acquire { lock, op, mode: Mode::Shared });
        true
    }

    fn waits(&mut self, pen: Pen<'_>, op: OpId) {
        let Some(operation) = self.operations.get_mut(&op) else { return };
        operation.state = State::Waiting;
        let (actor, mode) = (operation.actor, operation.mode);
        self.queue.push_back(op);
        self.record(pen, actor, |lock| What::Wait { lock, op, mode });
    }

    /// It owns what it wants, and runs or will.
    fn owns(&mut self, pen: Pen<'_>, op: OpId, state: State) {
        let Some(operation) = self.operations.get_mut(&op) else { return };
        let before = std::mem::replace(&mut operation.state, state);
        operation.has = operation.wants;
        let (actor, mode) = (operation.actor, operation.mode);
        if before == State::Waiting {
            self.leave_queue(op);
        }
        if before != State::Granted {
            self.owners.push(op);
        }
        self.record(pen, actor, |lock| match state {
            State::Held => What::Acquire { lock, op, mode },
            _ => What::Grant { lock, op, mode },
        });
    }

    fn forget(&mut self, op: OpId) -> Option<Operation> {
        let operation = self.operations.remove(&op)?;
        if operation.state == State::Waiting {
            self.leave_queue(op);
        } else {
            self.owners.retain(|owner| *owner != op);
        }
        Some(operation)
    }

    fn leave_queue(&mut self, op: OpId) {
        // Nearly always.
        if self.queue.pop_front_if(|first| *first == op).is_none() {
            self.queue.retain(|waiter| *waiter != op);
        }
    }

    fn cancel(&mut self, pen: Pen<'_>, op: OpId) {
        if let Some(operation) = self.forget(op) {
            self.record(pen, operation.actor, |lock| What::Cancel { lock, op });
        }
    }

    fn release(&mut self, pen: Pen<'_>, op: OpId, by: Actor) {
        if self.forget(op).is_some() {
            self.record(pen, by, |lock| What::Release { lock, op });
        }
    }

    /// Permits go to the first in the queue, so whoever was before it has left. Says how many permits
    /// those had.
    fn cancel_before(&mut self, pen: Pen<'_>, op: OpId) -> u64 {
        let mut had: u64 = 0;
        if self.operations.get(&op).is_some_and(|operation| operation.state == State::Waiting) {
            while let Some(&first) = self.queue.front().filter(|first| **first != op) {
                had = self.operations.get(&first).map_or(had, |first| had.saturating_add(first.has));
                self.cancel(pen, first);
            }
        }
        had
    }

    /// How many permits all owners have but `op`.
    fn used(&self, op: Option<OpId>) -> u64 {
        let others = self.owners.iter().filter(|owner| Some(**owner) != op);
        others
            .filter_map(|owner| self.operations.get(owner))
            .map(|owner| owner.has)
            .fold(0, u64::saturating_add)
    }

    /// How many permits `op` lacks, if all others own what they are recorded to.
    fn lack(&self, op: OpId) -> u64 {
        let used = self.used(Some(op));
        let wants = self.operations.get(&op).map_or(0, |operation| operation.wants);
        used.saturating_add(wants).saturating_sub(self.total)
    }

    /// `op` gets what it wants now, so others have let go of it: this thread's task, if a release `by` it
    /// is under way, and those whose releases are late.
    fn make_room(&mut self, pen: Pen<'_>, op: OpId, mut by: Option<Actor>) {
        loop {
            let lack = self.lack(op);
            if lack == 0 {
                return;
            }
            let added = lack.min(self.unexplained);
            if added > 0 {
                self.unexplained -= added;
                self.add_permits(pen, added);
                continue;
            }
            let others = || {
                let others = self.owners.iter().filter(|owner| **owner != op);
                others.filter_map(|owner| Some((*owner, self.operations.get(owner)?)))
            };
            let is_by = |owner: &Operation| by.is_some_and(|by| by.task == owner.actor.task);
            let own = others().find(|(_, owner)| is_by(owner));
            match own
                .or_else(|| others().next())
                .map(|(out, owner)| (out, owner.state, owner.actor, owner.has))
            {
                Some((out, State::Granted, ..)) => self.cancel(pen, out),
                Some((out, _, actor, had)) => {
                    let by = by.take().unwrap_or(actor);
                    self.owe(by.task, had);
                    self.release(pen, out, by);
                }
                None if self.is_semaphore() => self.add_permits(pen, lack),
                None => return,
            }
        }
    }

    fn owe(&mut self, task: TaskId, permits: u64) {
        if self.owed.len() == MOST_OWED {
            self.owed.pop_front();
        }
        self.owed.push_back((task, permits));
    }

    fn add_permits(&mut self, pen: Pen<'_>, permits: u64) {
        // Registered with what it had before.
        self.record(pen, pen.me, |lock| What::AddPermits { lock, permits: counted(permits) });
        self.total = self.total.saturating_add(permits);
    }

    /// A task that polls is no longer letting go.
    fn goes_on(&mut self, actor: Actor) {
        self.rest = self.rest.filter(|(task, _)| *task != actor.task);
    }

    /// This thread gave permits back to a semaphore: all there were, or only those that the first in the
    /// queue was `handed`.
    fn given_back(&mut self, pen: Pen<'_>, mut permits: u64, handed: bool) {
        let me = pen.me.task;
        while permits > 0 {
            if let Some((_, rest)) = self.rest.as_mut().filter(|(task, rest)| *task == me && *rest > 0) {
                let told = permits.min(*rest);
                (*rest, permits) = (*rest - told, permits - told);
                continue;
            }
            if let Some(owed) = self.owed.iter_mut().find(|(task, _)| *task == me) {
                let settled = owed.1.min(permits);
                (owed.1, permits) = (owed.1 - settled, permits - settled);
                self.owed.retain(|(_, left)| *left > 0);
                continue;
            }
            let Some((op, state, has)) = self.giver(me, permits) else { break };
            let part = has.min(permits);
            permits -= part;
            match state {
                State::Granted if part == has => self.cancel(pen, op),
                State::Held if part == has => self.release(pen, op, pen.me),
                State::Held if handed => {
                    self.rest = Some((me, has - part));
                    self.release(pen, op, pen.me);
                }
                // A waiter that leaves gives back what it was given so far; its cancellation follows.
                _ => {
                    let Some(operation) = self.operations.get_mut(&op) else { break };
                    operation.has -= part;
                    if state == State::Held {
                        let mode = Mode::Permits(counted(operation.has));
                        operation.mode = mode;
                        self.record(pen, pen.me, |lock| What::Acquire { lock, op, mode });
                    }
                }
            }
        }
        if permits > 0 {
            if self.used(None).saturating_add(permits) > self.total {
                self.add_permits(pen, permits);
            } else {
                self.unexplained = self.unexplained.saturating_add(permits);
            }
        }
    }

    /// Who gives so many permits back, when the task `me` does it: what fits best.
    fn giver(&self, me: TaskId, permits: u64) -> Option<(OpId, State, u64)> {
        let fit = |operation: &Operation| {
            let (mine, exact) = (operation.actor.task == me, operation.has == permits);
            Some(match (operation.state, mine) {
                (State::Granted, true) if exact => 0,
                (State::Held, true) if exact => 1,
                (State::Held, true) if operation.has > permits => 2,
                (State::Held, true) => 3,
                (State::Waiting, true) if operation.has > 0 => 4,
                (State::Held, false) if exact => 5,
                (State::Held, false) if operation.has > permits => 6,
                _ => return None,
            })
        };
        let fitting = |op: &OpId| {
            let operation = self.operations.get(op)?;
            Some((fit(operation)?, *op, operation))
        };
        let owner = self.owners.iter().filter_map(fitting).min_by_key(|(fit, ..)| *fit);
        // An owner of this task fits better than who waits: then the queue, which may be long, is left alone.
        let waiter = || self.queue.iter().find_map(fitting);
        let own = owner.filter(|(fit, ..)| *fit <= 3);
        let best = own.or_else(|| owner.into_iter().chain(waiter()).min_by_key(|(fit, ..)| *fit));
        best.map(|(_, op, operation)| (op, operation.state, operation.has))
    }
}

/// A number of permits, as events tell it.
fn counted(permits: u64) -> u32 {
    u32::try_from(permits).unwrap_or(u32::MAX)
}
