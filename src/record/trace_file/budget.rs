//! What the events of a trace file, or of a program, may ask for: they can come from anybody, so all that
//! costs memory has a bound.

use serde_json::Value as Json;

use crate::event::{Event, Kind, Packed, TaskId, What};
use crate::trace::Trace;

/// What all values and words together may take in memory, by a rough count.
const MAX_CONTENT: usize = 64 << 20;

/// Operations under way at once: as many as one task may have, and some for each task. Every moment that is kept
/// has all of them, but there are the fewer such moments.
const MAX_OPEN: usize = MAX_OPEN_OF_ONE;
const MAX_OPEN_EACH: usize = 16;

/// And of one task, which may wait for thousands at once (`join_all`): each of its events looks through them.
const MAX_OPEN_OF_ONE: usize = 1 << 14;

/// A loss ends what is known of every task and lock: so many of them may be ended by losses, in all.
const MAX_FORGOTTEN: u64 = 1 << 28;

/// So many operations are looked through in the time that an event takes.
const EASY: u64 = 64;

/// So many events are paid for at once.
pub(super) const AT_ONCE: usize = 256;

/// What may still come.
pub(crate) struct Budget {
    /// So many in all.
    most: u64,
    events: u64,
    content: usize,
    /// So many operations may begin before those under way are counted again: it need not be done often.
    begin: usize,
    /// So many may begin before one task can have too many, and then so many that are looked at one by one.
    calm: usize,
    looked_at: usize,
    forgotten: u64,
}

impl Budget {
    /// For so many events.
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most,
            events: most,
            content: MAX_CONTENT,
            begin: 0,
            calm: 0,
            looked_at: 0,
            forgotten: MAX_FORGOTTEN,
        }
    }

    /// Lets `trace` take events, and those of `asides` that some of them stand for, until that was as much as there is of
    /// `work`: one for each, and more where more has to be looked through. How many are done then; or why no more may
    /// come.
    pub(crate) fn pass(
        &mut self,
        (events, asides): (&[Packed], &[Event]),
        work: &mut u64,
        trace: &mut Trace,
    ) -> Result<usize, String> {
        let mut done = 0;
        for some in events.chunks(AT_ONCE) {
            if *work == 0 {
                break;
            }
            *work = work.saturating_sub(some.iter().map(|packed| weight(*packed, trace)).sum());
            let costly = some.iter().any(|packed| Self::is_costly(packed.kind()));
            if !costly && self.spend_at_once(some, trace) {
                trace.push_all(some);
            } else {
                for packed in some {
                    if packed.kind() != Kind::Aside {
                        self.spend_packed(*packed, trace)?;
                        trace.push_packed(*packed);
                    } else if let Some(event) = asides.get(packed.large() as usize) {
                        self.spend(event, trace)?;
                        trace.push(event.clone());
                    }
                }
            }
            done += some.len();
        }
        Ok(done)
    }

    /// Takes an event that is to become the next of `trace`, or says why it is too much.
    pub(crate) fn spend(&mut self, event: &Event, trace: &Trace) -> Result<(), String> {
        self.content = self
            .content
            .checked_sub(content(&event.what))
            .ok_or_else(|| format!("values and words need more than {} MiB", MAX_CONTENT >> 20))?;
        let kind = match event.what {
            What::Lost { .. } => Kind::Lost,
            What::Wait { .. } | What::Grant { .. } | What::Acquire { .. } => Kind::Wait,
            _ => Kind::Aside,
        };
        self.spend_kind(kind, event.actor.task, trace)
    }

    /// The same of an event that holds nothing but itself.
    #[inline]
    pub(crate) fn spend_packed(&mut self, event: Packed, trace: &Trace) -> Result<(), String> {
        self.spend_kind(event.kind(), event.task(), trace)
    }

    /// Takes these events, which are to become the next of `trace`, at once, if they can be far from too much whatever
    /// they begin; if not, each is to be looked at. Those that are [costly](Self::is_costly) always are.
    pub(crate) fn spend_at_once(&mut self, some: &[Packed], trace: &Trace) -> bool {
        let count = some.len();
        if self.events < count as u64 || self.begin < count {
            return false;
        }
        match self.calm.checked_sub(count) {
            Some(calm) => self.calm = calm,
            None if !has_few(some, trace) => return false,
            // What was left of it did not count what these begin.
            None => self.calm = 0,
        }
        self.events -= count as u64;
        self.begin -= count;
        true
    }

    /// Whether an event of this kind may cost more than itself and what it begins.
    #[inline]
    pub(crate) const fn is_costly(kind: Kind) -> bool {
        matches!(kind, Kind::Aside | Kind::Lost)
    }

    #[inline]
    fn spend_kind(&mut self, kind: Kind, task: TaskId, trace: &Trace) -> Result<(), String> {
        let most = self.most;
        self.events =
            self.events.checked_sub(1).ok_or_else(|| format!("there are more than {most} events"))?;
        match kind {
            Kind::Lost => {
                let known = trace.names().tasks.len() + trace.names().locks.len();
                let left = self.forgotten.checked_sub(known as u64);
                self.forgotten = left.ok_or("events are lost too often for so many tasks and locks")?;
                Ok(())
            }
            Kind::Wait | Kind::Grant | Kind::Acquire => {
                match self.calm.checked_sub(1) {
                    Some(calm) => self.calm = calm,
                    None => self.spend_of_one(task, trace)?,
                }
                if self.begin == 0 {
                    return self.spend_open(trace);
                }
                self.begin -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Sees that this task has not too many operations under way, and counts those of all every now and then:
    /// where nobody has nearly as many, so many more may begin before anybody can.
    #[cold]
    fn spend_of_one(&mut self, task: TaskId, trace: &Trace) -> Result<(), String> {
        let now = trace.state(trace.len());
        if now.task(task).is_some_and(|task| task.claims.len() >= MAX_OPEN_OF_ONE) {
            return Err(format!("one task has more than {MAX_OPEN_OF_ONE} operations under way at once"));
        }
        if let Some(left) = self.looked_at.checked_sub(1) {
            self.looked_at = left;
            return Ok(());
        }
        let most = now.tasks.iter().map(|task| task.claims.len()).max().unwrap_or(0);
        // Of all that begin one task may have every one; this is the first.
        self.calm = MAX_OPEN_OF_ONE.saturating_sub(most + 1);
        self.looked_at = now.tasks.len();
        Ok(())
    }

    /// Counts what is under way: so many more may begin before that has to be done again.
    fn spend_open(&mut self, trace: &Trace) -> Result<(), String> {
        let (tasks, locks) = (trace.names().tasks.len(), trace.names().locks.len());
        let (most, open) = (MAX_OPEN + MAX_OPEN_EACH * tasks, trace.state(trace.len()).under_way());
        if open >= most {
            return Err(format!("more than {most} operations are under way at once"));
        }
        self.begin = (most - open).max(locks) - 1;
        Ok(())
    }
}

/// How many operations this task has under way.
#[inline]
fn under_way(task: TaskId, trace: &Trace) -> usize {
    trace.now().task(task).map_or(0, |task| task.claims.len())
}

/// Whether nobody who acts in one of these events has so much under way that all that they begin could be too much for
/// one.
fn has_few(some: &[Packed], trace: &Trace) -> bool {
    some.iter().all(|packed| under_way(packed.task(), trace) + some.len() <= MAX_OPEN_OF_ONE)
}

/// How much work an event is: what its task has under way is looked through, and a loss ends what is known of all.
fn weight(event: Packed, trace: &Trace) -> u64 {
    let looks_at = under_way(event.task(), trace) as u64 / EASY;
    match event.kind() {
        Kind::Lost => 1 + (trace.names().tasks.len() + trace.names().locks.len()) as u64,
        _ => 1 + looks_at,
    }
}

/// What an event holds beside itself, in bytes, roughly.
fn content(what: &What) -> usize {
    match what {
        What::Print { text } | What::Say { text } => text.len(),
        What::Debug { name, value, .. } => name.len() + value.as_deref().map_or(0, size),
        What::Get { key, value, .. } => key.len() + value.as_deref().map_or(0, size),
        What::Insert { key, value, .. } => key.len() + size(value),
        What::Sent { value, .. } => size(value),
        What::Received { value, .. } => value.as_deref().map_or(0, size),
        _ => 0,
    }
}

/// Roughly what a value takes in memory. It is nested no deeper than the parser allows.
fn size(value: &Json) -> usize {
    const NODE: usize = 64;
    NODE + match value {
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(size).sum(),
        Json::Object(fields) => fields.iter().map(|(key, value)| NODE + key.len() + size(value)).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Actor, Bundle, LockId, LockKind, LockName, Mode, Names, OpId, Time};

    fn event(what: What) -> Event {
        Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(0), step: None }, what }
    }

    /// How many of these events fit, and what is said of the next.
    fn fit(most: u64, names: Names, what: &What) -> (u64, String) {
        let (mut budget, trace, event) = (Budget::new(most), Trace::new(names), event(what.clone()));
        let mut taken = 0;
        loop {
            match budget.spend(&event, &trace) {
                Ok(()) => taken += 1,
                Err(why) => return (taken, why),
            }
        }
    }

    fn tasks(count: u32) -> Names {
        Names { tasks: (0..count).map(|task| task.to_string().into()).collect(), locks: Vec::new() }
    }

    #[test]
    fn there_are_so_many_events() {
        assert_eq!(fit(7, tasks(1), &What::Wake), (7, "there are more than 7 events".into()));
        assert_eq!(fit(0, tasks(1), &What::Wake), (0, "there are more than 0 events".into()));
    }

    /// Every loss goes through all tasks and locks, so that their product is what has a bound.
    #[test]
    fn losses_go_through_so_many_tasks_and_locks_in_all() {
        let lost = What::Lost { events: 1 };
        let told = "events are lost too often for so many tasks and locks";
        assert_eq!(fit(u64::MAX, tasks(1 << 18), &lost), (1 << 10, told.into()));
        let lock = LockName { name: "l".into(), kind: LockKind::TokioMutex, permits: None };
        let names = Names { locks: vec![lock], ..tasks((1 << 18) - 1) };
        assert_eq!(fit(u64::MAX, names, &lost), (1 << 10, told.into()));
        // Without any it costs nothing.
        assert_eq!(fit(1_000, tasks(0), &lost).0, 1_000);
    }

    /// What each event would have to look through has a bound too.
    #[test]
    fn one_task_has_so_many_operations() {
        let lock = LockName { name: "l".into(), kind: LockKind::TokioMutex, permits: None };
        let names = Names { locks: vec![lock], ..tasks(2000) };
        let (mut budget, mut trace) = (Budget::new(u64::MAX), Trace::new(names));
        // One after the other: what is counted of the first says nothing of the second.
        for task in 0..2 {
            let wait = |op| Event {
                actor: Actor { task: TaskId(task), step: None },
                ..event(What::Wait {
                    lock: LockId(0),
                    op: OpId(u64::from(task) << 32 | op),
                    mode: Mode::Exclusive,
                })
            };
            for op in 0..1 << 14 {
                budget.spend(&wait(op), &trace).unwrap();
                trace.push(wait(op));
            }
            let why = budget.spend(&wait(1 << 14), &trace).unwrap_err();
            assert_eq!(why, "one task has more than 16384 operations under way at once");
        }
    }

    /// Nor where another uses up what may begin before they are counted, and they begin hundreds at once.
    #[test]
    fn many_at_once_are_no_way_to_have_too_many() {
        let lock = LockName { name: "l".into(), kind: LockKind::TokioMutex, permits: None };
        let names = Names { locks: vec![lock], ..tasks(2000) };
        let (mut budget, mut trace) = (Budget::new(u64::MAX), Trace::new(names));
        let mut op = 0;
        let mut waits = |count: usize| -> Bundle {
            op += count as u64;
            let wait = |op| event(What::Wait { lock: LockId(0), op: OpId(op), mode: Mode::Exclusive });
            (op - count as u64..op).map(wait).collect()
        };
        let others = |count: usize| -> Bundle {
            let actor = Actor { task: TaskId(1), step: None };
            (0..count).map(|_| Event { actor, ..event(What::Wake) }).collect()
        };
        let pass = |budget: &mut Budget, told: &Bundle, trace: &mut Trace| {
            budget.pass((&told.events, &[]), &mut u64::MAX.clone(), trace)
        };
        pass(&mut budget, &waits(9), &mut trace).unwrap();
        while budget.calm > AT_ONCE - 1 {
            let count = (budget.calm + 1 - AT_ONCE).min(AT_ONCE);
            pass(&mut budget, &others(count), &mut trace).unwrap();
        }
        while under_way(TaskId(0), &trace) + AT_ONCE <= MAX_OPEN_OF_ONE {
            pass(&mut budget, &waits(AT_ONCE), &mut trace).unwrap();
        }
        for count in (1..AT_ONCE).rev() {
            pass(&mut budget, &waits(count), &mut trace).ok();
        }
        assert_eq!(under_way(TaskId(0), &trace), MAX_OPEN_OF_ONE);
        // Whoever has so much under way is followed in small steps.
        let again = vec![Packed::of(&event(What::Wake)).unwrap(); 4 * AT_ONCE];
        let mut work = AT_ONCE as u64;
        assert_eq!(budget.pass((&again, &[]), &mut work, &mut trace), Ok(AT_ONCE));
        assert_eq!(work, 0);
    }

    /// Of each kind of event that brings content.
    #[test]
    fn values_and_words_have_so_many_bytes_in_all() {
        let text: Arc<str> = "x".repeat(1 << 20).into();
        let value = Arc::new(Json::String(text.to_string()));
        let (lock, op) = (LockId(0), OpId(1));
        for what in [
            What::Say { text: text.clone() },
            What::Print { text: text.clone() },
            What::Debug { name: "v".into(), value: Some(value.clone()), place: (1, 1) },
            What::Get { lock, key: text.clone(), value: None },
            What::Insert { lock, key: "k".into(), value: value.clone() },
            What::Sent { lock, op, value: value.clone() },
            What::Received { lock, op, value: Some(value.clone()) },
        ] {
            let (taken, why) = fit(u64::MAX, tasks(1), &what);
            assert_eq!(why, "values and words need more than 64 MiB");
            assert!((63..=64).contains(&taken), "{taken}");
        }
    }
}
