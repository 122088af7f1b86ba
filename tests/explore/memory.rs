//! What threads and the recorder's thread share without waiting for each other, run in every order that the
//! memory model allows: the chunks of events, their writers and the merge are compiled here a second time, over
//! loom's mutexes and atomics, with chunks of two events.

// `std`, from here on: what is in `loom_std`, and the rest of the standard library.
extern crate loom_std as std;

#[allow(dead_code, unused_imports)]
#[path = "../../src"]
mod src {
    pub mod event;
}
use src::event;

#[path = "../../src/sync/program"]
mod program {
    mod gap;
    mod merge;
    // Here there are as many chunks as a test says, however many threads, and nobody asks what a writer wrote last.
    #[allow(dead_code)]
    mod slot;
    #[allow(dead_code)]
    mod writer;

    // Not loom's: they count its runs.
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Arc, Mutex, MutexGuard};

    use crate::event::{Brief, Kind, LockId, OpId, Packed, TaskId};
    use gap::Gaps;
    use loom::thread;
    use merge::Merge;
    use slot::{Pool, Slot};
    use writer::{Writer, Written};

    /// Events in a chunk.
    const CHUNK: usize = 2;

    fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    /// The bytes of so many chunks.
    const fn room(chunks: usize) -> usize {
        chunks * CHUNK * size_of::<Packed>()
    }

    /// A lock of the program's, as `Tap` has it: the stamp that was last given under it, and whose turn it is.
    #[derive(Default)]
    struct Lock {
        last: u64,
        turn: u64,
    }

    /// What the threads of a program share with the recorder's, as `Program` has it.
    struct World {
        pool: Pool,
        new: Mutex<Vec<Arc<Slot>>>,
        lock: Mutex<Lock>,
    }

    impl World {
        fn new(chunks: usize) -> Arc<Self> {
            Arc::new(Self { pool: Pool::new(room(chunks)), new: Mutex::default(), lock: Mutex::default() })
        }

        fn writer(&self, number: u64) -> Writer {
            let slot = Arc::new(Slot::new(number, 0));
            locked(&self.new).push(Arc::clone(&slot));
            Writer::new(slot)
        }

        /// What a thread does: takes turns at the lock, and writes each down under it. Its clock stands still,
        /// so that stamps say what the lock says, and clocks of two threads need not agree. How many turns found
        /// no room.
        fn act(&self, number: u64, clock: u64, turns: u64) -> u64 {
            let mut writer = self.writer(number);
            let mut lost = 0;
            for _ in 0..turns {
                let mut lock = locked(&self.lock);
                lock.last = writer.stamp(clock, lock.last);
                let turn = (Brief::NONE, OpId(lock.turn));
                let event = Packed::quick(lock.last, Kind::Release, turn, TaskId(number as u32), LockId(0));
                let written = writer.push(&self.pool, event.words());
                lost += u64::from(matches!(written, Written::Lost));
                lock.turn += 1;
            }
            writer.end(turns);
            lost
        }
    }

    /// The recorder's thread.
    #[derive(Default)]
    struct Drain {
        merge: Merge,
        told: Vec<Packed>,
        over: Vec<(u64, u64)>,
        /// How many events it left out.
        left: u64,
    }

    impl Drain {
        fn round(&mut self, world: &World, now: u64) {
            self.merge.look(now, || (std::mem::take(&mut locked(&world.new)), Gaps::default()));
            let take = |words| self.told.push(Packed::from_words(words));
            self.merge.read(now, &world.pool, take, |_| self.left += 1);
            self.merge.forget(&world.pool, |number| self.over.push(number));
        }

        /// The last rounds, when all threads have ended: what they lost last may be found at their end.
        fn finish(&mut self, world: &World) {
            self.round(world, u64::MAX);
            while self.merge.has_more() {
                self.round(world, u64::MAX);
            }
        }

        /// Checks that what is told are numbers in order, and that of those before `end` exactly those are missing, each
        /// in its place, that are told to be. Gives how many that are.
        fn check(&self, end: u64) -> u64 {
            let (mut next, mut missing, mut all) = (0, 0, 0);
            let numbers = self.told.iter().map(|event| (event.kind() == Kind::Lost, event.op().0));
            for (lost, number) in numbers.chain([(false, end)]) {
                if lost {
                    missing += number;
                    all += number;
                } else {
                    assert_eq!(next + missing, number, "{:?}", self.told);
                    (next, missing) = (number + 1, 0);
                }
            }
            assert!(self.told.is_sorted_by_key(|event| event.at()), "{:?}", self.told);
            all
        }
    }

    /// Runs it in every order, and says how many there were.
    fn explore(most_preemptions: Option<usize>, run: impl Fn() + Sync + Send + 'static) -> usize {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = most_preemptions;
        builder.max_branches = 100_000;
        builder.check(move || {
            count.fetch_add(1, Relaxed);
            run();
        });
        let runs = runs.load(Relaxed);
        println!("{runs} runs");
        runs
    }

    /// Two threads take turns at a lock, and the recorder's thread looks in between. How many turns are lost.
    fn take_turns(clocks: [u64; 2], turns: [u64; 2], rounds: &[u64], chunks: usize) -> u64 {
        let world = World::new(chunks);
        let threads = [0, 1].map(|index| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.act(index as u64, clocks[index], turns[index]))
        });
        let mut drain = Drain::default();
        for &now in rounds {
            drain.round(&world, now);
        }
        let lost: u64 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        drain.finish(&world);
        assert_eq!(drain.check(turns[0] + turns[1]), lost + drain.left);
        drain.over.sort_unstable();
        assert_eq!(drain.over, [(0, turns[0]), (1, turns[1])]);
        lost
    }

    /// All there is, of the smallest program.
    #[test]
    fn one_turn_each() {
        let runs = explore(None, || assert_eq!(take_turns([0, 0], [1, 1], &[u64::MAX], 2), 0));
        assert!(runs > 100_000);
    }

    #[test]
    fn two_turns_each() {
        explore(Some(3), || assert_eq!(take_turns([0, 0], [2, 2], &[u64::MAX, u64::MAX], 2), 0));
    }

    /// A thread fills a chunk, and goes on in the next.
    #[test]
    fn more_turns_than_a_chunk_has_room_for() {
        explore(Some(3), || assert_eq!(take_turns([0, 0], [3, 1], &[u64::MAX], 3), 0));
    }

    /// The recorder's thread looks at a time that is later than one thread's, and earlier than the other's.
    #[test]
    fn clocks_that_do_not_agree() {
        explore(Some(3), || assert_eq!(take_turns([0, 10], [2, 1], &[5, u64::MAX], 2), 0));
        explore(Some(3), || assert_eq!(take_turns([10, 0], [2, 1], &[5, u64::MAX], 2), 0));
    }

    /// There is no room for all of it, so that turns are lost among others' that are not.
    #[test]
    fn what_is_missing_is_told_where_it_is_missing() {
        static LOST: AtomicUsize = AtomicUsize::new(0);
        for (clocks, rounds) in [([0, 0], [u64::MAX, u64::MAX]), ([0, 10], [5, u64::MAX]), ([10, 0], [5, 12])]
        {
            let runs = explore(Some(3), move || {
                let lost = take_turns(clocks, [3, 3], &rounds, 1);
                LOST.fetch_add(lost as usize, Relaxed);
            });
            assert!(LOST.swap(0, Relaxed) > runs);
        }
    }

    /// An event with a number, from a thread with a number.
    fn event(thread: u64, number: u64) -> [u64; 3] {
        let (mode, op) = (Brief::NONE, OpId(number));
        Packed::quick(number + 1, Kind::Release, (mode, op), TaskId(thread as u32), LockId(0)).words()
    }

    /// What is read makes room; what finds none is lost, and told in its place.
    #[test]
    fn a_chunk_is_used_again_by_its_thread() {
        static LOST: AtomicUsize = AtomicUsize::new(0);
        let runs = explore(Some(3), || {
            const EVENTS: u64 = 6;
            let world = World::new(1);
            let other = Arc::clone(&world);
            let thread = thread::spawn(move || {
                let mut writer = other.writer(0);
                let lost =
                    |number: &u64| matches!(writer.push(&other.pool, event(0, *number)), Written::Lost);
                let lost = (0..EVENTS).filter(lost).count();
                writer.end(0);
                lost
            });
            let mut drain = Drain::default();
            drain.round(&world, u64::MAX);
            drain.round(&world, u64::MAX);
            let lost = thread.join().unwrap();
            drain.finish(&world);
            assert_eq!((drain.check(EVENTS), drain.left), (lost as u64, 0));
            assert_eq!(drain.over, [(0, 0)]);
            LOST.fetch_add(lost, Relaxed);
        });
        assert!(LOST.load(Relaxed) > runs);
    }

    /// Two threads and one chunk: who comes later finds it in use, or empty.
    #[test]
    fn a_chunk_is_used_again_by_another_thread() {
        explore(None, || {
            let world = World::new(1);
            let threads = [0, 1].map(|number| {
                let world = Arc::clone(&world);
                thread::spawn(move || {
                    let mut writer = world.writer(number);
                    let written = writer.push(&world.pool, event(number, number));
                    writer.end(0);
                    !matches!(written, Written::Lost)
                })
            });
            let mut drain = Drain::default();
            drain.round(&world, u64::MAX);
            let there = threads.map(|thread| thread.join().unwrap());
            drain.finish(&world);
            // Neither comes before the other, so they may be told in whatever order.
            let count = |kind| drain.told.iter().filter(|event| event.kind() == kind).count();
            let there = there.iter().filter(|there| **there).count();
            assert_eq!((count(Kind::Release), count(Kind::Lost)), (there, 2 - there));
            assert_eq!(drain.over.len(), 2);
        });
    }
}
