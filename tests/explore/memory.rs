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
    mod merge;
    mod slot;
    #[allow(dead_code)]
    mod writer;

    // Not loom's: they count its runs.
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Arc, Mutex, MutexGuard};

    use crate::event::{Brief, Kind, LockId, OpId, Packed, TaskId};
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
        /// so that stamps say what the lock says, and clocks of two threads need not agree.
        fn act(&self, number: u64, clock: u64, turns: u64) {
            let mut writer = self.writer(number);
            for _ in 0..turns {
                let mut lock = locked(&self.lock);
                lock.last = writer.stamp(clock, lock.last);
                let written = writer.push(&self.pool, [lock.last, number, lock.turn]);
                assert!(!matches!(written, Written::Lost));
                lock.turn += 1;
            }
            writer.end(turns);
        }
    }

    /// The recorder's thread.
    #[derive(Default)]
    struct Drain {
        merge: Merge,
        told: Vec<[u64; 3]>,
        over: Vec<(u64, u64)>,
        /// How many losses it took over from the threads.
        lost: u64,
    }

    impl Drain {
        fn round(&mut self, world: &World, now: u64) {
            self.merge.look(now, || std::mem::take(&mut locked(&world.new)));
            self.merge.read(now, &world.pool, |words| self.told.push(words));
            self.lost += self.merge.forget(&world.pool, |number| self.over.push(number));
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

    /// Two threads take turns at a lock, and the recorder's thread looks in between.
    fn take_turns(clocks: [u64; 2], turns: [u64; 2], rounds: &[u64], chunks: usize) {
        let world = World::new(chunks);
        let threads = [0, 1].map(|index| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.act(index as u64, clocks[index], turns[index]))
        });
        let mut drain = Drain::default();
        for &now in rounds {
            drain.round(&world, now);
        }
        _ = threads.map(|thread| thread.join().unwrap());
        drain.round(&world, u64::MAX);
        let told: Vec<_> = drain.told.iter().map(|words| words[2]).collect();
        assert_eq!(told, (0..turns[0] + turns[1]).collect::<Vec<_>>(), "{:?}", drain.told);
        assert!(drain.told.is_sorted_by_key(|words| words[0]));
        drain.over.sort_unstable();
        assert_eq!(drain.over, [(0, turns[0]), (1, turns[1])]);
    }

    /// All there is, of the smallest program.
    #[test]
    fn one_turn_each() {
        let runs = explore(None, || take_turns([0, 0], [1, 1], &[u64::MAX], 2));
        assert!(runs > 100_000);
    }

    #[test]
    fn two_turns_each() {
        explore(Some(3), || take_turns([0, 0], [2, 2], &[u64::MAX, u64::MAX], 2));
    }

    /// A thread fills a chunk, and goes on in the next.
    #[test]
    fn more_turns_than_a_chunk_has_room_for() {
        explore(Some(3), || take_turns([0, 0], [3, 1], &[u64::MAX], 3));
    }

    /// The recorder's thread looks at a time that is later than one thread's, and earlier than the other's.
    #[test]
    fn clocks_that_do_not_agree() {
        explore(Some(3), || take_turns([0, 10], [2, 1], &[5, u64::MAX], 2));
        explore(Some(3), || take_turns([10, 0], [2, 1], &[5, u64::MAX], 2));
    }

    /// An event with a number, from a thread with a number.
    fn event(thread: u64, number: u64) -> [u64; 3] {
        let (mode, op) = (Brief::NONE, OpId(number));
        Packed::quick(number + 1, Kind::Release, (mode, op), TaskId(thread as u32), LockId(0)).words()
    }

    /// What one thread is told to have done, with what it lost.
    fn told(drain: &Drain, thread: u64) -> Vec<(Kind, u64)> {
        let events = drain.told.iter().map(|&words| Packed::from_words(words));
        events
            .filter(|event| u64::from(event.task().0) == thread)
            .map(|event| (event.kind(), event.op().0))
            .collect()
    }

    /// What is read makes room; what finds none is lost, and told in its place.
    #[test]
    fn a_chunk_is_used_again_by_its_thread() {
        static TOLD_LOSSES: AtomicUsize = AtomicUsize::new(0);
        let runs = explore(None, || lose_some(false, &TOLD_LOSSES));
        assert!(TOLD_LOSSES.load(Relaxed) > runs / 10);
    }

    /// The same where the recorder's thread takes losses over, as it does of threads that rest.
    #[test]
    fn whoever_takes_a_loss_tells_it() {
        static TOLD_LOSSES: AtomicUsize = AtomicUsize::new(0);
        let runs = explore(Some(2), || lose_some(true, &TOLD_LOSSES));
        assert!(TOLD_LOSSES.load(Relaxed) > runs / 10);
    }

    fn lose_some(takes: bool, told_losses: &AtomicUsize) {
        const EVENTS: u64 = 69;
        let world = World::new(1);
        let other = Arc::clone(&world);
        let thread = thread::spawn(move || {
            let mut writer = other.writer(0);
            let lost = |&number: &u64| matches!(writer.push(&other.pool, event(0, number)), Written::Lost);
            let lost: Vec<_> = (0..EVENTS).filter(lost).collect();
            writer.end(0);
            lost
        });
        let mut drain = Drain::default();
        drain.round(&world, u64::MAX);
        drain.round(&world, u64::MAX);
        if takes {
            drain.lost += drain.merge.take_lost();
        }
        let lost = thread.join().unwrap();
        drain.round(&world, u64::MAX);
        // Each event is there, or lost; and each loss is told once: by the thread where it happened, or by
        // the recorder's thread.
        let (mut next, mut told_here) = (0, 0);
        for (kind, number) in told(&drain, 0) {
            let gone = (next..).take_while(|number| lost.contains(number)).count() as u64;
            if kind == Kind::Lost {
                assert!((1..=gone).contains(&number), "{number} of {gone} lost before {next}");
                told_here += number;
                told_losses.fetch_add(1, Relaxed);
            } else {
                assert_eq!(number, next + gone);
                next = number + 1;
            }
        }
        assert!((next..EVENTS).all(|number| lost.contains(&number)));
        assert_eq!(told_here + drain.lost, lost.len() as u64);
        assert_eq!(drain.over, [(0, 0)]);
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
            drain.round(&world, u64::MAX);
            // Who has ended cannot tell what it has lost any more.
            assert_eq!(drain.lost, there.iter().filter(|there| !**there).count() as u64);
            for (number, there) in (0..).zip(there) {
                let expected = if there { vec![(Kind::Release, number)] } else { vec![] };
                assert_eq!(told(&drain, number), expected);
            }
            assert_eq!(drain.over.len(), 2);
        });
    }
}
