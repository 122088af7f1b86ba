//! What is told where some threads find room for what they do and others do not, by stamps made by hand.

use std::cell::RefCell;
use std::sync::Arc;

use super::gap::{APART, Gaps};
use super::merge::Merge;
use super::slot::{Pool, Slot};
use super::writer::{Writer, Written};
use crate::event::{Brief, Kind, LockId, OpId, Packed, TaskId};

/// One thread that has the only chunk, and two that have none.
struct World {
    pool: Pool,
    writers: [Writer; 3],
    merge: Merge,
    new: RefCell<Vec<Arc<Slot>>>,
}

impl World {
    fn new() -> Self {
        let slots = [0, 1, 2].map(|number| Arc::new(Slot::new(number, 0)));
        let new = slots.to_vec().into();
        Self { pool: Pool::new(0), writers: slots.map(Writer::new), merge: Merge::default(), new }
    }

    /// Writes down what happens to a thread at each of these moments; the first is the one that has a chunk.
    fn write(&mut self, events: &[(usize, u64)]) {
        for &(thread, stamp) in events {
            let event = (Brief::NONE, OpId(1));
            let event = Packed::quick(stamp, Kind::Acquire, event, TaskId(thread as u32), LockId(0));
            let written = self.writers[thread].push(&self.pool, event.words());
            assert_eq!(matches!(written, Written::Lost), thread > 0);
        }
    }

    /// What is told up to `now`, of a loss with how many, and what is left out.
    fn told(&mut self, now: u64) -> (Vec<(u64, u64)>, Vec<u64>) {
        self.merge.look(now, || (self.new.take(), Gaps::default()));
        let (mut told, mut left) = (Vec::new(), Vec::new());
        let take = |words| {
            let event = Packed::from_words(words);
            told.push((words[0], if event.kind() == Kind::Lost { event.large() } else { 0 }));
        };
        self.merge.read(now, &self.pool, take, |words| left.push(words[0]));
        (told, left)
    }
}

#[test]
fn what_stands_among_what_is_lost_is_lost_too() {
    let mut world = World::new();
    world.write(&[(0, 5), (1, 10), (0, 15), (1, 20), (0, 25)]);
    assert_eq!(world.told(100), (vec![(5, 0), (20, 3), (25, 0)], vec![15]));
}

#[test]
fn where_losses_are_far_apart_the_rest_is_told() {
    let mut world = World::new();
    let later = 10 + APART + 1;
    world.write(&[(0, 5), (1, 10), (0, 15), (1, later), (0, later + 5)]);
    let all = vec![(5, 0), (10, 1), (15, 0), (later, 1), (later + 5, 0)];
    assert_eq!(world.told(2 * APART), (all, vec![]));
}

#[test]
fn a_gap_is_told_when_it_is_over() {
    let mut world = World::new();
    world.write(&[(0, 5), (1, 10), (0, 15), (0, 25), (1, 30), (0, 35)]);
    assert_eq!(world.told(20), (vec![(5, 0)], vec![15]));
    assert_eq!(world.told(40), (vec![(30, 4), (35, 0)], vec![25]));
    world.write(&[(2, 50)]);
    assert_eq!(world.told(45), (vec![], vec![]));
    assert_eq!(world.told(u64::MAX), (vec![(50, 1)], vec![]));
}

#[test]
fn gaps_that_touch_are_one_and_so_are_those_with_nothing_between() {
    let mut world = World::new();
    world.write(&[(0, 5), (1, 10), (2, 15), (0, 18), (1, 20), (0, 22), (2, 25), (0, 30)]);
    assert_eq!(world.told(100), (vec![(5, 0), (25, 6), (30, 0)], vec![18, 22]));
    let mut world = World::new();
    world.write(&[(0, 5), (1, 10), (2, 20), (0, 30)]);
    assert_eq!(world.told(100), (vec![(5, 0), (20, 2), (30, 0)], vec![]));
}

#[test]
fn each_thread_has_room_of_its_own_while_it_is_there() {
    let pool = Pool::new(0);
    let first = pool.take().unwrap().0;
    assert!(pool.take().is_none());
    (0..3).for_each(|_| pool.join());
    let others = [(); 2].map(|()| pool.take().unwrap().0);
    assert!(pool.take().is_none());
    (0..3).for_each(|_| pool.part());
    others.into_iter().chain([first]).for_each(|chunk| pool.give_back(chunk));
    assert!(pool.take().is_some());
    assert!(pool.take().is_none());
}
