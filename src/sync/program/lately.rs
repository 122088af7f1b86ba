//! Who acted on a thread lately: tokio's ids of tasks, and what the recorder calls them.
//!
//! A thread that turns to another task with every lock would else ask the registry, which all share.

use std::hash::{Hash, Hasher};

use tokio::task::Id;

use crate::event::TaskId;

/// So many tasks; one takes the place of another that was here longer ago.
const PLACES: usize = 1 << 8;

/// What a thread knows of who acts on it.
pub(super) struct Lately {
    tasks: Box<[Option<(Id, TaskId)>; PLACES]>,
    /// The thread itself.
    thread: Option<TaskId>,
}

impl Default for Lately {
    fn default() -> Self {
        Self { tasks: Box::new([None; PLACES]), thread: None }
    }
}

/// Ids are numbers, which they tell only to those who hash them.
#[derive(Default)]
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0 << 8 ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Lately {
    /// What task `id` is called, or this thread where there is none; `ask` says it if that is not known here.
    #[inline]
    pub(super) fn task(&mut self, id: Option<Id>, ask: impl FnOnce() -> TaskId) -> TaskId {
        let Some(id) = id else { return *self.thread.get_or_insert_with(ask) };
        let mut number = Number::default();
        id.hash(&mut number);
        let place = &mut self.tasks[number.0 as usize % PLACES];
        match place {
            Some((known, task)) if *known == id => *task,
            _ => {
                let task = ask();
                *place = Some((id, task));
                task
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More tasks than there is room for, each asked for twice in a row and once more after all others.
    #[tokio::test]
    async fn nobody_is_taken_for_another() {
        let mut ids = Vec::new();
        for _ in 0..2 * PLACES {
            ids.push(tokio::spawn(async { tokio::task::id() }).await.unwrap());
        }
        let mut lately = Lately::default();
        let mut asked = 0;
        for _ in 0..2 {
            for (&id, task) in ids.iter().zip((0..).map(TaskId)) {
                for _ in 0..2 {
                    let known = lately.task(Some(id), || {
                        asked += 1;
                        task
                    });
                    assert_eq!(known, task);
                }
            }
        }
        assert!((ids.len()..=2 * ids.len()).contains(&asked), "{asked}");
        let thread = TaskId(u32::MAX);
        assert_eq!([lately.task(None, || thread), lately.task(None, || TaskId(0))], [thread; 2]);
    }
}
