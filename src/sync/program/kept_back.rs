//! Who comes to wait for a mutex, or finds it busy, before the one who has it has said so.
//!
//! An owner writes its `Acquire` down when it has the mutex, and others may see that it is taken before that.
//! What they write then comes first in the order of stamps, although it happened after. So it is kept back,
//! until it is known whom it is for: the next who has the mutex, or who is granted it. Of the mutex all that
//! follows of these operations is kept back too, in order; but no longer than until one of their tasks does something
//! else, which it did later.
//!
//! Only what is kept back is looked at, and each event costs the same, however many there are: a thread that
//! is stopped at the wrong moment makes others try in vain as often as they can.

use std::collections::{HashMap, HashSet};

use crate::event::{Kind, LockId, OpId, Packed, TaskId, Time};

/// Kept back for so many events at most: there is room for what happens while a thread is stopped.
const MOST: usize = 1 << 16;

/// Events of mutexes that, as far as is known, nobody has.
#[derive(Default)]
pub(super) struct KeptBack {
    locks: HashMap<LockId, Kept>,
    /// Of which mutexes something of a task is kept back.
    tasks: HashMap<TaskId, Vec<LockId>>,
    count: usize,
}

/// Those of one mutex, in order.
#[derive(Default)]
struct Kept {
    events: Vec<Packed>,
    ops: HashSet<OpId>,
}

impl KeptBack {
    /// Takes the next event, and gives `emit` what is next in the order as far as that is known now. `free`
    /// says of a `Wait` or `Busy` whether nobody has its mutex, as far as is known, and nobody waits for it.
    #[inline]
    pub(super) fn take(&mut self, event: Packed, free: bool, mut emit: impl FnMut(Packed)) {
        // Nearly always.
        if self.count == 0 && !free {
            emit(event);
        } else {
            self.weigh(event, free, emit);
        }
    }

    fn weigh(&mut self, event: Packed, free: bool, mut emit: impl FnMut(Packed)) {
        let (kind, lock) = (event.kind(), event.lock());
        if !kind.has_lock() {
            self.acts(event.task(), &mut emit);
            return emit(event);
        }
        // A grant befalls its task.
        if kind != Kind::Grant {
            self.acts_but(Some(lock), event.task(), &mut emit);
        }
        let known = self.locks.get(&lock);
        let own = known.is_some_and(|kept| kept.ops.contains(&event.op()));
        match kind {
            // Whoever is granted it stood in the queue before.
            Kind::Grant if own => {
                self.let_go(lock, &mut emit);
                emit(event);
            }
            // Whoever has it had it before the others asked; not before it asked itself.
            Kind::Acquire if known.is_some() && !own => {
                self.let_go_of(lock, event.task(), &mut emit);
                emit(event);
                self.let_go(lock, &mut emit);
            }
            Kind::Cancel if own => self.keep(event),
            Kind::Wait | Kind::Busy if known.is_some() || free => self.keep(event),
            _ => emit(event),
        }
        if self.count > MOST {
            self.let_old_go(|_| true, emit);
        }
    }

    /// Lets go of what a task did before it does something that is about no mutex.
    pub(super) fn acts(&mut self, task: TaskId, emit: impl FnMut(Packed)) {
        self.acts_but(None, task, emit);
    }

    /// The same before it does something with this one: what it did with that is a matter of its own.
    fn acts_but(&mut self, here: Option<LockId>, task: TaskId, mut emit: impl FnMut(Packed)) {
        let elsewhere = |locks: &Vec<LockId>| locks.iter().copied().find(|lock| Some(*lock) != here);
        while let Some(lock) = self.tasks.get(&task).and_then(elsewhere) {
            self.let_go_of(lock, task, &mut emit);
        }
    }

    fn keep(&mut self, event: Packed) {
        let kept = self.locks.entry(event.lock()).or_default();
        kept.events.push(event);
        kept.ops.insert(event.op());
        self.count += 1;
        let locks = self.tasks.entry(event.task()).or_default();
        if !locks.contains(&event.lock()) {
            locks.push(event.lock());
        }
    }

    /// Lets go of all of one mutex.
    fn let_go(&mut self, lock: LockId, mut emit: impl FnMut(Packed)) {
        let Some(kept) = self.locks.remove(&lock) else { return };
        self.count -= kept.events.len();
        for event in kept.events {
            self.none_of(lock, event.task());
            emit(event);
        }
    }

    /// Lets go of what one task has there.
    fn let_go_of(&mut self, lock: LockId, task: TaskId, mut emit: impl FnMut(Packed)) {
        self.none_of(lock, task);
        let Some(kept) = self.locks.get_mut(&lock) else { return };
        for event in kept.events.extract_if(.., |event| event.task() == task) {
            kept.ops.remove(&event.op());
            self.count -= 1;
            emit(event);
        }
        if kept.events.is_empty() {
            self.locks.remove(&lock);
        }
    }

    /// Takes note that nothing of this task is kept back there.
    fn none_of(&mut self, lock: LockId, task: TaskId) {
        if let Some(locks) = self.tasks.get_mut(&task) {
            locks.retain(|other| *other != lock);
            if locks.is_empty() {
                self.tasks.remove(&task);
            }
        }
    }

    /// Lets go of mutexes whose first event is `old`: whoever has them is not recorded.
    pub(super) fn let_old_go(&mut self, old: impl Fn(Time) -> bool, mut emit: impl FnMut(Packed)) {
        if self.count == 0 {
            return;
        }
        let first = |kept: &Kept| kept.events.first().map(|event| event.at());
        let mut gone: Vec<_> =
            self.locks.iter().filter_map(|(&lock, kept)| Some((first(kept)?, lock))).collect();
        gone.retain(|(at, _)| old(*at));
        gone.sort_unstable();
        for (_, lock) in gone {
            self.let_go(lock, &mut emit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Brief;

    const EXCLUSIVE: Brief = Brief::NONE;

    type Told = Vec<(Kind, u64)>;

    /// Takes events of `(kind, op, task, lock)` of free mutexes, and tells what came of them, then lets all go.
    fn told(events: &[(Kind, u64, u32, u32)]) -> (Told, Told) {
        let mut kept = KeptBack::default();
        let (mut known, mut rest) = (Vec::new(), Vec::new());
        for (at, &(kind, op, task, lock)) in (0..).zip(events) {
            let event = Packed::quick(at, kind, (EXCLUSIVE, OpId(op)), TaskId(task), LockId(lock));
            let asks = matches!(kind, Kind::Wait | Kind::Busy);
            kept.take(event, asks, |event| known.push((event.kind(), event.op().0)));
        }
        kept.let_old_go(|_| true, |event| rest.push((event.kind(), event.op().0)));
        assert_eq!((kept.count, kept.locks.len(), kept.tasks.len()), (0, 0, 0));
        (known, rest)
    }

    #[test]
    fn whoever_has_it_had_it_before_the_others_asked() {
        let (known, rest) = told(&[
            (Kind::Wait, 1, 1, 0),
            (Kind::Busy, 2, 2, 0),
            (Kind::Wait, 3, 3, 0),
            (Kind::Cancel, 3, 3, 0),
            (Kind::Acquire, 4, 4, 0),
            (Kind::Release, 4, 4, 0),
        ]);
        let order = [
            (Kind::Acquire, 4),
            (Kind::Wait, 1),
            (Kind::Busy, 2),
            (Kind::Wait, 3),
            (Kind::Cancel, 3),
            (Kind::Release, 4),
        ];
        assert_eq!(known, order);
        assert_eq!(rest, []);
    }

    #[test]
    fn whoever_is_granted_it_stood_in_the_queue_before() {
        let (known, _) = told(&[(Kind::Wait, 1, 1, 0), (Kind::Wait, 2, 2, 0), (Kind::Grant, 1, 1, 0)]);
        assert_eq!(known, [(Kind::Wait, 1), (Kind::Wait, 2), (Kind::Grant, 1)]);
    }

    #[test]
    fn a_task_does_one_thing_after_the_other() {
        // In vain, then with another lock.
        let (known, rest) = told(&[(Kind::Busy, 1, 1, 0), (Kind::Wait, 2, 2, 0), (Kind::Acquire, 3, 1, 1)]);
        assert_eq!((known, rest), (vec![(Kind::Busy, 1), (Kind::Acquire, 3)], vec![(Kind::Wait, 2)]));
        // In vain, then something that is about no lock, although it was the first of all locks.
        let (known, _) = told(&[(Kind::Busy, 1, 1, 0), (Kind::Finish, 0, 1, 0), (Kind::Acquire, 3, 2, 0)]);
        assert_eq!(known, [(Kind::Busy, 1), (Kind::Finish, 0), (Kind::Acquire, 3)]);
        // It gave up, then another lock; and while it waits for one, as in a `join!`.
        let (known, rest) = told(&[(Kind::Wait, 1, 1, 0), (Kind::Cancel, 1, 1, 0), (Kind::Acquire, 2, 1, 1)]);
        assert_eq!((known, rest), (vec![(Kind::Wait, 1), (Kind::Cancel, 1), (Kind::Acquire, 2)], vec![]));
        let (known, rest) = told(&[(Kind::Wait, 1, 1, 0), (Kind::Wait, 2, 1, 1), (Kind::Acquire, 3, 1, 2)]);
        assert_eq!((known, rest), (vec![(Kind::Wait, 1), (Kind::Wait, 2), (Kind::Acquire, 3)], vec![]));
        // What befalls it is not what it does.
        let (known, rest) = told(&[(Kind::Wait, 1, 1, 0), (Kind::Grant, 2, 1, 1)]);
        assert_eq!((known, rest), (vec![(Kind::Grant, 2)], vec![(Kind::Wait, 1)]));
        // In vain, then not.
        let (known, _) = told(&[(Kind::Busy, 1, 1, 0), (Kind::Busy, 2, 2, 0), (Kind::Acquire, 3, 1, 0)]);
        assert_eq!(known, [(Kind::Busy, 1), (Kind::Acquire, 3), (Kind::Busy, 2)]);
    }

    #[test]
    fn another_mutex_is_another_matter() {
        let (known, rest) =
            told(&[(Kind::Wait, 1, 1, 0), (Kind::Acquire, 2, 2, 1), (Kind::Release, 2, 2, 1)]);
        assert_eq!((known.len(), rest), (2, vec![(Kind::Wait, 1)]));
    }

    #[test]
    fn not_more_is_kept_back_than_there_is_room_for() {
        let tries: Vec<_> = (0..=MOST as u64).map(|op| (Kind::Busy, op, 1, 0)).collect();
        let (known, rest) = told(&tries);
        assert_eq!((known.len(), rest.len()), (MOST + 1, 0));
        assert!(known.is_sorted_by_key(|(_, op)| *op));
    }
}
