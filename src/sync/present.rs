//! What holds at present: who has which lock, who waits, which tasks live, and nothing of how it came about.
//!
//! It is the light sister of `trace::State`: a fold of [`Packed`] that keeps up with the events of a
//! program in the program itself, so that whoever comes late can be told in a few events where things
//! stand. [`Present::prologue`] makes those.

use std::collections::{BTreeMap, HashSet};

use crate::event::{
    Actor, Bundle, Event, Family, Kind, LockId, LockName, Mode, OpId, Packed, TaskId, Time, What,
};
use crate::places::{Placed, Places};

/// What holds at present.
///
/// ```
/// use lockscope::event::*;
/// use lockscope::sync::Present;
///
/// let mut present = Present::default();
/// present.add_tasks(1);
/// present.add_lock(&LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None });
/// let actor = Actor { task: TaskId(0), step: None };
/// let (lock, op, mode) = (LockId(0), OpId(1), Mode::Exclusive);
/// for (seq, what) in [
///     What::Acquire { lock, op, mode },
///     What::Release { lock, op },
///     What::Acquire { lock, op: OpId(2), mode },
/// ].into_iter().enumerate() {
///     let event = Event { seq: seq as u64 + 1, at: Time::from_millis(seq as u64), actor, what };
///     present.apply(Packed::of(&event).unwrap());
/// }
/// // Of what is over nothing is told.
/// let prologue = present.prologue(Time::ZERO, &[]);
/// let kinds: Vec<_> = prologue.events.iter().map(|event| event.kind()).collect();
/// assert_eq!(kinds, [Kind::Spawn, Kind::Acquire]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// The time of the last event.
    at: Time,
    /// How many events are missing.
    lost: u64,
    tasks: Vec<Task>,
    locks: Vec<Lock>,
    /// How many permits were put into a lock, less those that were taken out for good, where that is not nothing.
    added: BTreeMap<LockId, i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Task {
    life: Life,
    /// When it was first seen.
    born: Time,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Unborn,
    Running,
    Asleep {
        since: Time,
        until: Time,
    },
    Finished,
}

#[derive(Debug, Clone)]
struct Lock {
    /// Whether who is granted owns it; else it keeps its place in the queue.
    hands_over: bool,
    holders: Places<Place>,
    granted: Places<Place>,
    queue: Places<Place>,
    is_mutex: bool,
    /// Since events were lost nobody has said that it has it, or lets go.
    is_unknown: bool,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    task: TaskId,
    op: OpId,
    mode: Mode,
    since: Time,
    /// Of a waiter whose lock hands nothing over: when it was woken.
    woken: Option<Time>,
}

impl Lock {
    /// Ends an acquisition, wherever it is.
    #[inline]
    fn forget(&mut self, op: OpId) {
        _ = self.holders.remove(op) || self.granted.remove(op) || self.queue.remove(op);
    }

    fn ask(&mut self, place: Place) {
        if let Some(queued) = self.queue.get_mut(place.op) {
            queued.woken = place.woken;
        } else {
            _ = self.holders.remove(place.op) || self.granted.remove(place.op);
            self.queue.push_back(place);
        }
    }

    fn grant(&mut self, place: Place) {
        if self.hands_over {
            self.forget(place.op);
            self.granted.push_back(place);
        } else {
            self.ask(Place { woken: Some(place.since), ..place });
        }
    }

    fn acquire(&mut self, place: Place) {
        if let Some(held) = self.holders.get_mut(place.op) {
            held.mode = place.mode;
        } else {
            _ = self.granted.remove(place.op) || self.queue.remove(place.op);
            self.holders.push_back(place);
        }
    }
}

impl Placed for Place {
    fn op(&self) -> OpId {
        self.op
    }
}

impl Present {
    /// Registers so many more tasks.
    pub fn add_tasks(&mut self, count: usize) {
        self.tasks.resize(self.tasks.len() + count, Task::default());
    }

    /// Registers the next lock.
    pub fn add_lock(&mut self, name: &LockName) {
        self.locks.push(Lock {
            hands_over: name.kind.policy().hands_over(),
            holders: Places::default(),
            granted: Places::default(),
            queue: Places::default(),
            is_mutex: name.kind.family() == Family::Mutex,
            is_unknown: false,
        });
    }

    /// Whether it is a mutex that, as far as is known, nobody has and nobody waits for.
    pub(super) fn is_free_mutex(&self, lock: LockId) -> bool {
        self.locks.get(lock.0 as usize).is_some_and(|lock| {
            let nobody = lock.queue.is_empty() && lock.holders.is_empty() && lock.granted.is_empty();
            lock.is_mutex && nobody && !lock.is_unknown
        })
    }

    /// The time of the last event.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Leads to the next moment. An event [aside](Kind::Aside) is for [`apply_aside`](Self::apply_aside),
    /// one of a task or a lock that nobody registered does nothing.
    #[inline]
    pub fn apply(&mut self, event: Packed) {
        let kind = event.kind();
        let (at, task) = (event.at(), event.task());
        self.at = at;
        let place = || Place { task, op: event.op(), mode: event.mode(), since: at, woken: None };
        match kind {
            Kind::Wait | Kind::Grant | Kind::Acquire => self.claim(kind, event.lock(), place()),
            Kind::Release => {
                self.forget(event.lock(), event.op());
                self.know(event.lock());
            }
            Kind::Cancel | Kind::Heard => self.forget(event.lock(), event.op()),
            Kind::AddPermits => self.add(event.lock(), event.large() as i64),
            Kind::ForgetPermits => self.add(event.lock(), -(event.large() as i64)),
            Kind::Lost => self.lose(event.large()),
            Kind::Aside => return,
            _ => {}
        }
        self.live(kind, task, at, || at.plus(std::time::Duration::from_nanos(event.large())));
    }

    /// The same, of an event that does not fit into a [`Packed`].
    pub fn apply_aside(&mut self, event: &Event) {
        if let Some(packed) = Packed::of(event) {
            return self.apply(packed);
        }
        let (at, task) = (event.at, event.actor.task);
        self.at = at;
        let claim = |op, mode| Place { task, op, mode, since: at, woken: None };
        let kind = match event.what {
            What::Wait { .. } => Kind::Wait,
            What::Grant { .. } => Kind::Grant,
            What::Acquire { .. } => Kind::Acquire,
            What::Busy { .. } => Kind::Busy,
            What::Sleep { .. } => Kind::Sleep,
            _ => Kind::Aside,
        };
        match event.what {
            What::Wait { lock, op, mode }
            | What::Grant { lock, op, mode }
            | What::Acquire { lock, op, mode } => {
                self.claim(kind, lock, claim(op, mode));
            }
            What::Sent { lock, op, .. }
            | What::Received { lock, op, .. }
            | What::Release { lock, op }
            | What::Cancel { lock, op } => self.forget(lock, op),
            _ => {}
        }
        let until = if let What::Sleep { until } = event.what { until } else { at };
        self.live(kind, task, at, || until);
    }

    #[inline]
    fn claim(&mut self, kind: Kind, lock: LockId, place: Place) {
        let Some(lock) = self.locks.get_mut(lock.0 as usize) else { return };
        lock.is_unknown &= kind == Kind::Wait;
        match kind {
            Kind::Wait => lock.ask(place),
            Kind::Grant => lock.grant(place),
            _ => lock.acquire(place),
        }
    }

    fn forget(&mut self, lock: LockId, op: OpId) {
        if let Some(lock) = self.locks.get_mut(lock.0 as usize) {
            lock.forget(op);
        }
    }

    fn know(&mut self, lock: LockId) {
        if let Some(lock) = self.locks.get_mut(lock.0 as usize) {
            lock.is_unknown = false;
        }
    }

    fn add(&mut self, id: LockId, permits: i64) {
        if self.locks.get(id.0 as usize).is_some() {
            let added = self.added.get(&id).copied().unwrap_or_default().saturating_add(permits);
            if added == 0 {
                self.added.remove(&id);
            } else {
                self.added.insert(id, added);
            }
        }
    }

    fn lose(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
        for lock in &mut self.locks {
            lock.holders.clear();
            lock.granted.clear();
            lock.queue.clear();
            lock.is_unknown = true;
        }
        for task in &mut self.tasks {
            if matches!(task.life, Life::Asleep { .. }) {
                task.life = Life::Running;
            }
        }
    }

    fn live(&mut self, kind: Kind, id: TaskId, at: Time, until: impl FnOnce() -> Time) {
        let Some(task) = self.tasks.get_mut(id.0 as usize) else { return };
        let before = task.life;
        // Nearly always.
        if before == Life::Running && !matches!(kind, Kind::Spawn | Kind::Sleep | Kind::Finish) {
            return;
        }
        task.life = match kind {
            Kind::Spawn | Kind::Wake | Kind::Timeout | Kind::Select => Life::Running,
            Kind::Sleep => Life::Asleep { since: at, until: until() },
            Kind::Finish => Life::Finished,
            Kind::Wait | Kind::Grant | Kind::Acquire | Kind::Busy if before == Life::Unborn => Life::Running,
            Kind::Wait | Kind::Grant => before,
            _ if matches!(before, Life::Asleep { .. }) => Life::Running,
            _ => before,
        };
        if before == Life::Unborn || kind == Kind::Spawn {
            task.born = at;
        }
    }

    /// How many permits each lock was given beyond those it had at first, less those taken out for good; of
    /// those locks alone where that is not nothing.
    pub fn added(&self) -> Vec<(LockId, i64)> {
        self.added.iter().map(|(id, added)| (*id, *added)).collect()
    }

    /// Events that lead here from nothing, to whoever comes now: the first tells how many are missing, if any are,
    /// since then nobody knows who had what before.
    ///
    /// Whoever has a lock, waits for one or sleeps has done so since the time that is told. Of the others nothing is
    /// told of the time before: they begin now.
    pub fn introduction(&self) -> Bundle {
        let mut all = self.prologue(Time::ZERO, &[]);
        let aside = |packed: &Packed| all.asides.get(packed.large() as usize).map(|event| &event.what);
        let acts = |packed: &&Packed| match packed.kind() {
            Kind::Spawn | Kind::AddPermits | Kind::ForgetPermits => false,
            Kind::Aside => {
                !matches!(aside(packed), Some(What::AddPermits { .. } | What::ForgetPermits { .. }) | None)
            }
            _ => true,
        };
        let seen: HashSet<TaskId> = all.events.iter().filter(acts).map(|packed| packed.task()).collect();
        let spawned = all.events.extract_if(.., |packed| packed.kind() == Kind::Spawn);
        let idle: Vec<Packed> = spawned.filter(|packed| !seen.contains(&packed.task())).collect();
        all.events.extend(idle.into_iter().map(|packed| packed.moved_to(self.at)));
        if self.lost > 0 && !self.tasks.is_empty() {
            let actor = Actor { task: TaskId(0), step: None };
            let lost = Event { seq: 0, at: Time::ZERO, actor, what: What::Lost { events: self.lost } };
            // So many that their number does not fit cannot have been.
            all.events.splice(0..0, Packed::of(&lost));
        }
        all
    }

    /// Events that lead here from nothing: for whoever comes now, or was told [`What::Lost`] at `after`.
    ///
    /// Times are those at which it came about, but none before `after`. Who was told already of permits that
    /// were [added](Self::added), in the order of that, is told only of what has changed since.
    pub fn prologue(&self, after: Time, told: &[(LockId, i64)]) -> Bundle {
        let mut events = Vec::new();
        let mut say = |at, rank: u8, task, what| {
            let actor = Actor { task, step: None };
            events.push((at, rank, Event { seq: 0, at, actor, what }));
        };
        let mut owners = vec![false; self.tasks.len()];
        for (id, lock) in (0..).zip(&self.locks) {
            let id = LockId(id);
            let known = told.binary_search_by_key(&id, |(lock, _)| *lock).map_or(0, |at| told[at].1);
            let more = self.added.get(&id).copied().unwrap_or_default().saturating_sub(known);
            let permits = u32::try_from(more.unsigned_abs()).unwrap_or(u32::MAX);
            if more > 0 {
                say(Time::ZERO, 0, TaskId(0), What::AddPermits { lock: id, permits });
            } else if more < 0 {
                say(Time::ZERO, 0, TaskId(0), What::ForgetPermits { lock: id, permits });
            }
            for place in lock.holders.iter().chain(&lock.granted).chain(&lock.queue) {
                if let Some(owner) = owners.get_mut(place.task.0 as usize) {
                    *owner = true;
                }
            }
            for Place { task, op, mode, since, .. } in lock.holders.iter().copied() {
                say(since, 2, task, What::Acquire { lock: id, op, mode });
            }
            for Place { task, op, mode, since, .. } in lock.granted.iter().copied() {
                say(since, 2, task, What::Grant { lock: id, op, mode });
            }
            for Place { task, op, mode, since, woken } in lock.queue.iter().copied() {
                say(since, 2, task, What::Wait { lock: id, op, mode });
                if let Some(woken) = woken {
                    say(woken.max(since), 3, task, What::Grant { lock: id, op, mode });
                }
            }
        }
        for ((id, task), owner) in (0..).zip(&self.tasks).zip(owners) {
            let id = TaskId(id);
            match task.life {
                Life::Running => say(task.born, 1, id, What::Spawn),
                Life::Asleep { since, until } => {
                    say(task.born, 1, id, What::Spawn);
                    say(since, 4, id, What::Sleep { until });
                }
                // Somebody else may have its guard by now, or nobody.
                Life::Finished if owner => say(self.at, 4, id, What::Finish),
                Life::Unborn | Life::Finished => {}
            }
        }
        events.sort_by_key(|(at, rank, _)| (*at, *rank));
        let mut prologue = Bundle::default();
        for (at, _, mut event) in events {
            event.at = at.max(after);
            if let What::Sleep { until } = &mut event.what {
                *until = (*until).max(event.at);
            }
            prologue.push(event);
        }
        prologue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;

    /// A mutex that somebody may have is not called free, until somebody says that it has it, or lets go.
    #[test]
    fn after_a_loss_nobody_knows_whether_a_mutex_is_free() {
        let (lock, mode) = (LockId(0), Mode::Exclusive);
        let says = [
            What::Acquire { lock, op: OpId(2), mode },
            What::Release { lock, op: OpId(1) },
            What::Grant { lock, op: OpId(3), mode },
        ];
        for says in says {
            let mut present = Present::default();
            present.add_tasks(1);
            present.add_lock(&LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None });
            let tell = |present: &mut Present, what| {
                let actor = Actor { task: TaskId(0), step: None };
                present.apply(Packed::of(&Event { seq: 0, at: Time::ZERO, actor, what }).unwrap());
            };
            assert!(present.is_free_mutex(lock));
            tell(&mut present, What::Lost { events: 1 });
            tell(&mut present, What::Wait { lock, op: OpId(3), mode });
            tell(&mut present, What::Cancel { lock, op: OpId(3) });
            assert!(!present.is_free_mutex(lock));
            tell(&mut present, says);
            tell(&mut present, What::Release { lock, op: OpId(2) });
            tell(&mut present, What::Release { lock, op: OpId(3) });
            assert!(present.is_free_mutex(lock));
        }
    }
}
