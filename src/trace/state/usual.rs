//! What nearly all events of a busy program are, by a short way: somebody wants one lock and no other, and has it
//! alone; or shares it, and has it at once. [`State::step`] comes to the same, and to whatever else there may be.

use super::{Claim, Freed, Life, Lock, Passed, Place, Stage, State, permits};
use crate::event::{Kind, LockKind, Mode, Packed};

/// What is for everybody, and not passed on.
const TO_ALL: Passed = Passed::Notified { all: true };

/// Whether nobody owns it.
fn nobody(lock: &Lock) -> bool {
    lock.holders.is_empty() && lock.granted.is_empty()
}

/// How one of the usual events moves an acquisition on.
#[derive(Debug, Clone, Copy)]
pub(in crate::trace) enum Usual {
    /// Begins to wait.
    Asks,
    /// Has it at once.
    Takes,
    /// Is given it.
    IsGranted,
    /// Has it, and runs.
    Runs,
    /// Ends.
    LetsGo,
}

impl Usual {
    /// Where the acquisition was before, if it had begun, and where it is then, if it has not ended.
    pub const fn stages(self) -> (Option<Stage>, Option<Stage>) {
        match self {
            Self::Asks => (None, Some(Stage::Waiting)),
            Self::Takes => (None, Some(Stage::Holding)),
            Self::IsGranted => (Some(Stage::Waiting), Some(Stage::Granted)),
            Self::Runs => (Some(Stage::Granted), Some(Stage::Holding)),
            Self::LetsGo => (Some(Stage::Holding), None),
        }
    }
}

impl State {
    /// Leads to the next moment, whose event is `event`, if that is one of the usual; if not, nothing happens. `kind` is
    /// the event's own: where that is known beforehand, the rest is left out.
    #[inline(always)]
    pub(in crate::trace) fn usual(&mut self, kind: Kind, event: Packed) -> Option<Usual> {
        let (actor, id, op, at) = (event.task(), event.lock(), event.op(), event.at());
        if !event.is_plain() || !matches!(kind, Kind::Wait | Kind::Grant | Kind::Acquire | Kind::Release) {
            return None;
        }
        let lock = self.locks.change(id.0 as usize)?;
        let task = self.tasks.change(actor.0 as usize)?;
        // What hands over, and has nothing to say of one who waits alone for all of it.
        if !matches!(lock.kind, LockKind::TokioMutex | LockKind::TokioRwLock) || task.life != Life::Running {
            return None;
        }
        let (seq, mode) = (self.moment + 1, Mode::Exclusive);
        let own = |place: &Place| place.op == op && place.task == actor;
        // Nonsense may have one operation with two locks.
        let is_own = |claim: &Claim| claim.op == op && claim.lock == id;
        let place = Place {
            task: actor,
            op,
            mode,
            since: at,
            asked_seq: seq,
            first: None,
            first_seq: 0,
            woken: None,
            overtaken: 0,
            through: None,
            again: false,
        };
        let freed = lock.freed;
        // What it had been through in the queue goes on with it. Changed where it is then: to read at once what was
        // written in parts just before has to wait for them.
        let goes_on = |known: Option<&mut Place>| {
            if let Some(known) = known {
                (known.mode, known.since, known.woken) = (mode, at, None);
                (known.first, known.first_seq) = (None, 0);
                known.through = freed.map(|freed| freed.how);
            }
        };
        let moved = match (kind, task.claims.as_mut_slice()) {
            (Kind::Wait, []) => {
                lock.queue.push_back(place);
                lock.note_first_at(at, seq);
                Usual::Asks
            }
            (Kind::Acquire, []) if nobody(lock) && lock.queue.is_empty() => {
                lock.holders.push_back(place);
                Usual::Takes
            }
            (Kind::Grant, [claim])
                if is_own(claim)
                    && claim.stage == Stage::Waiting
                    && nobody(lock)
                    && lock.queue.front().is_some_and(own) =>
            {
                lock.granted.push_back(*lock.queue.front()?);
                lock.queue.drop_front();
                goes_on(lock.granted.back_mut());
                lock.handoffs += 1;
                lock.note_first_at(at, seq);
                (claim.stage, claim.since) = (Stage::Granted, at);
                Usual::IsGranted
            }
            (Kind::Acquire, [claim])
                if is_own(claim)
                    && claim.stage == Stage::Granted
                    && lock.taken == 0
                    && lock.holders.is_empty()
                    && lock.granted.len() == 1
                    && lock.granted.front().is_some_and(own) =>
            {
                lock.holders.push_back(*lock.granted.front()?);
                lock.granted.drop_front();
                goes_on(lock.holders.back_mut());
                (claim.stage, claim.since) = (Stage::Holding, at);
                Usual::Runs
            }
            (Kind::Release, [claim])
                if is_own(claim)
                    && claim.stage == Stage::Holding
                    && lock.granted.is_empty()
                    && lock.holders.only().is_some_and(|only| own(only) && only.through != Some(TO_ALL))
                    && lock.taken == 0 =>
            {
                lock.holders.clear();
                lock.freed = Some(Freed { seq, at, task: actor, actor, how: Passed::Released });
                task.claims.clear();
                Usual::LetsGo
            }
            _ => return None,
        };
        if let (None, Some(stage)) = moved.stages() {
            task.claims.push(Claim { op, lock: id, mode, stage, since: at, asked_seq: seq });
        }
        if kind != Kind::Grant {
            task.dropped = kind == Kind::Release;
        }
        (self.moment, self.at) = (seq, at);
        Some(moved)
    }

    /// The same of one that shares a lock with others, or some of its permits: it gets them at once, or gives them back.
    pub(in crate::trace) fn usual_share(&mut self, event: Packed) -> Option<Usual> {
        let (kind, actor, id, op, at) = (event.kind(), event.task(), event.lock(), event.op(), event.at());
        if event.has_step() || !matches!(kind, Kind::Acquire | Kind::Release) {
            return None;
        }
        let lock = self.locks.change(id.0 as usize)?;
        let task = self.tasks.change(actor.0 as usize)?;
        let is_shared = matches!(lock.kind, LockKind::TokioRwLock | LockKind::TokioSemaphore);
        if !is_shared || task.life != Life::Running || !lock.granted.is_empty() {
            return None;
        }
        let (seq, mode) = (self.moment + 1, event.mode());
        let moved = match (kind, task.claims.as_slice()) {
            // One that is there already keeps a part of what it has.
            (Kind::Acquire, []) if lock.queue.is_empty() && lock.holders.get(op).is_none() => {
                let (first, since, woken, through) = (None, at, None, None);
                let (asked_seq, first_seq, overtaken) = (seq, 0, 0);
                let place = Place {
                    task: actor,
                    op,
                    mode,
                    since,
                    asked_seq,
                    first,
                    first_seq,
                    woken,
                    overtaken,
                    through,
                    again: false,
                };
                lock.own(place, false);
                let stage = Stage::Holding;
                task.claims.push(Claim { op, lock: id, mode, stage, since, asked_seq });
                Usual::Takes
            }
            (Kind::Release, [claim])
                if claim.op == op && claim.lock == id && claim.stage == Stage::Holding =>
            {
                let own = |place: &&Place| place.task == actor && place.through != Some(TO_ALL);
                let place = lock.holders.get(op).filter(own)?;
                // That is worth a note.
                if lock.holds_up(permits(place.mode)).is_some() {
                    return None;
                }
                lock.disown(op);
                lock.freed = Some(Freed { seq, at, task: actor, actor, how: Passed::Released });
                task.claims.clear();
                Usual::LetsGo
            }
            _ => return None,
        };
        task.dropped = kind == Kind::Release;
        (self.moment, self.at) = (seq, at);
        Some(moved)
    }
}
