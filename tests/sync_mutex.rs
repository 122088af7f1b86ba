//! The instrumented mutex, one event at a time: futures are polled by hand, so every order is chosen.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;

use common::{Checker, Tape, counting_waker, pending, poll_with, ready};
use lockscope::event::{Event, Mode, What};
use lockscope::sync::{Mutex, OwnedMutexGuard, actor};

#[test]
fn an_uncontended_lock_is_acquired_and_released() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", 1);
    let mut guard = ready(&mut Box::pin(mutex.lock()));
    assert_eq!(tape.line(), "acquire 1");
    *guard += 1;
    assert_eq!((*guard, format!("{guard} {guard:?}")), (2, "2 2".to_owned()));
    drop(guard);
    assert_eq!(tape.line(), "acquire 1, release 1");
}

#[test]
fn a_waiter_is_granted_by_the_release_and_acquires_when_it_runs() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = ready(&mut Box::pin(mutex.lock()));
    let mut waiter = Box::pin(mutex.lock());
    let (woken, waker) = counting_waker();
    assert!(poll_with(&mut waiter, &waker).is_pending());
    assert!(poll_with(&mut waiter, &waker).is_pending());
    assert_eq!(tape.line(), "acquire 1, wait 2");
    drop(guard);
    assert_eq!(woken.get(), 1);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2");
    let guard = ready(&mut waiter);
    drop(guard);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2");
    assert_eq!(woken.get(), 1);
}

#[test]
fn the_grant_is_recorded_before_the_task_is_woken() {
    struct Look(Tape, std::sync::Mutex<String>);
    impl Wake for Look {
        fn wake(self: Arc<Self>) {
            *self.1.lock().unwrap() = self.0.line();
        }
    }
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut waiter = Box::pin(mutex.lock());
    let look = Arc::new(Look(tape.clone(), std::sync::Mutex::default()));
    assert!(poll_with(&mut waiter, &Waker::from(Arc::clone(&look))).is_pending());
    drop(guard);
    assert_eq!(*look.1.lock().unwrap(), "acquire 1, wait 2, release 1, grant 2");
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut waiter = Box::pin(mutex.lock());
    let ((old, old_waker), (new, new_waker)) = (counting_waker(), counting_waker());
    assert!(poll_with(&mut waiter, &old_waker).is_pending());
    assert!(poll_with(&mut waiter, &new_waker).is_pending());
    drop(old_waker);
    assert_eq!(Arc::strong_count(&old), 1, "the old waker is let go");
    drop(guard);
    assert_eq!((old.get(), new.get()), (0, 1));
    drop((waiter, new_waker));
    assert_eq!(Arc::strong_count(&new), 1, "nothing keeps a waker after its operation");
}

#[test]
fn a_waker_may_use_the_lock() {
    struct Reenter(Arc<Mutex<()>>, AtomicUsize);
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1 + usize::from(self.0.try_lock().is_ok()) * 10, Ordering::SeqCst);
        }
    }
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    let guard = mutex.try_lock().unwrap();
    let mut waiter = Box::pin(mutex.lock());
    let reenter = Arc::new(Reenter(Arc::clone(&mutex), AtomicUsize::new(0)));
    assert!(poll_with(&mut waiter, &Waker::from(Arc::clone(&reenter))).is_pending());
    drop(guard);
    assert_eq!(reenter.1.load(Ordering::SeqCst), 1);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, busy 3");
}

#[test]
fn a_waker_may_drop_the_future_it_wakes() {
    type Waiter = Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>;
    struct DropIt(std::sync::Mutex<Option<Waiter>>);
    impl Wake for DropIt {
        fn wake(self: Arc<Self>) {
            let future = self.0.lock().unwrap().take();
            drop(future);
        }
    }
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    let guard = mutex.try_lock().unwrap();
    let drop_it = Arc::new(DropIt(std::sync::Mutex::new(Some(Box::pin(Arc::clone(&mutex).lock_owned())))));
    let waker = Waker::from(Arc::clone(&drop_it));
    assert!(poll_with(drop_it.0.lock().unwrap().as_mut().unwrap(), &waker).is_pending());
    let mut second = Box::pin(mutex.lock());
    pending(&mut second);
    drop(guard);
    assert_eq!(tape.line(), "acquire 1, wait 2, wait 3, release 1, grant 2, cancel 2, grant 3");
    drop(ready(&mut second));
}

#[test]
fn three_waiters_are_served_in_the_order_of_asking() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut first = Box::pin(mutex.lock());
    let mut second = Box::pin(mutex.lock());
    let mut third = Box::pin(mutex.lock());
    pending(&mut second);
    pending(&mut third);
    pending(&mut first);
    // Polling again, in whatever order, changes nothing.
    pending(&mut first);
    pending(&mut third);
    drop(guard);
    pending(&mut first);
    pending(&mut third);
    drop(ready(&mut second));
    pending(&mut first);
    drop(ready(&mut third));
    drop(ready(&mut first));
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, wait 4, release 1, grant 2, acquire 2, release 2, grant 3, acquire 3, \
         release 3, grant 4, acquire 4, release 4"
    );
}

#[test]
fn cancelled_while_waiting_it_leaves_the_queue() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut first = Box::pin(mutex.lock());
    let mut second = Box::pin(mutex.lock());
    pending(&mut first);
    pending(&mut second);
    drop(first);
    drop(guard);
    drop(ready(&mut second));
    assert_eq!(tape.line(), "acquire 1, wait 2, wait 3, cancel 2, release 1, grant 3, acquire 3, release 3");
}

#[test]
fn cancelled_after_the_grant_it_hands_the_lock_on() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut first = Box::pin(mutex.lock());
    let mut second = Box::pin(mutex.lock());
    pending(&mut first);
    pending(&mut second);
    drop(guard);
    drop(first);
    assert_eq!(tape.line(), "acquire 1, wait 2, wait 3, release 1, grant 2, cancel 2, grant 3");
    drop(ready(&mut second));
}

#[test]
fn cancelled_after_the_grant_with_nobody_waiting_it_frees_the_lock() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    let guard = mutex.try_lock().unwrap();
    let mut waiter = Box::pin(Arc::clone(&mutex).lock_owned());
    pending(&mut waiter);
    drop(guard);
    assert!(mutex.try_lock().is_err());
    drop(waiter);
    assert!(mutex.try_lock().is_ok());
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, busy 3, cancel 2, acquire 4, release 4");
}

#[test]
fn a_future_that_was_never_polled_asked_for_nothing() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    drop(mutex.lock());
    drop(Arc::clone(&mutex).lock_owned());
    let early = Box::pin(mutex.lock());
    let guard = mutex.try_lock().unwrap();
    drop(early);
    drop(guard);
    assert_eq!(tape.line(), "acquire 1, release 1");
}

#[test]
fn try_lock_fails_while_it_is_held_and_right_after_a_release_with_a_queue() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    let guard = mutex.try_lock().unwrap();
    let _: tokio::sync::TryLockError = mutex.try_lock().err().unwrap();
    assert_eq!(Arc::clone(&mutex).try_lock_owned().err().unwrap().to_string(), "operation would block");
    let mut waiter = Box::pin(mutex.lock());
    pending(&mut waiter);
    drop(guard);
    assert!(mutex.try_lock().is_err());
    drop(ready(&mut waiter));
    drop(mutex.try_lock().unwrap());
    assert_eq!(
        tape.line(),
        "acquire 1, busy 2, busy 3, wait 4, release 1, grant 4, busy 5, acquire 4, release 4, acquire 6, \
         release 6"
    );
}

#[test]
fn futurelock_the_grant_goes_to_a_future_nobody_polls() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ());
    let guard = mutex.try_lock().unwrap();
    let mut forgotten = Box::pin(mutex.lock());
    pending(&mut forgotten);
    let mut second = Box::pin(mutex.lock());
    pending(&mut second);
    drop(guard);
    pending(&mut second);
    assert_eq!(tape.line(), "acquire 1, wait 2, wait 3, release 1, grant 2");
}

#[test]
fn events_are_credited_to_the_task_and_the_release_to_whoever_drops() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ()));
    let [a, b] = ["a", "b"].map(|name| tape.recorder.add_task(name));
    let guard = actor::enter(a, || Arc::clone(&mutex).try_lock_owned().unwrap());
    let mut waiter = Box::pin(actor::scope(b, Arc::clone(&mutex).lock_owned()));
    pending(&mut waiter);
    actor::enter(a, || drop(guard));
    let guard = ready(&mut waiter);
    thread::Builder::new().name("helper".into()).spawn(move || drop(guard)).unwrap().join().unwrap();
    let names = tape.recorder.names();
    let seen: Vec<_> = tape
        .events()
        .iter()
        .map(|event| format!("{} {}", event.what.name(), names.task(event.actor.task)))
        .collect();
    assert_eq!(seen, ["acquire a", "wait b", "release a", "grant b", "acquire b", "release helper"]);
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2",
        "the operation stays the one that acquired it"
    );
}

#[test]
fn get_mut_and_into_inner_record_nothing() {
    let tape = Tape::new();
    let mut mutex = tape.mutex("m", 1);
    *mutex.get_mut() += 1;
    drop(mutex.try_lock().unwrap());
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 3);
    assert_eq!(tape.line(), "acquire 1, release 1");
    let mut unused = Mutex::const_new(1);
    *unused.get_mut() += 1;
    assert_eq!(unused.into_inner(), 2);
    assert_eq!(Mutex::const_new(7).into_inner(), 7);
}

#[test]
fn a_closed_recorder_records_nothing_and_the_lock_goes_on() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 0));
    let guard = mutex.try_lock().unwrap();
    let mut waiting = Box::pin(mutex.lock());
    let mut cancelled = Box::pin(mutex.lock());
    pending(&mut waiting);
    pending(&mut cancelled);
    let before = tape.line();
    tape.recorder.close();
    let op = tape.recorder.next_op();
    let mut later = Box::pin(mutex.lock());
    pending(&mut later);
    assert!(mutex.try_lock().is_err());
    drop(guard);
    *ready(&mut waiting) += 1;
    drop(cancelled);
    *ready(&mut later) += 1;
    *mutex.blocking_lock() += 1;
    *Arc::clone(&mutex).blocking_lock_owned() += 1;
    assert_eq!(*mutex.try_lock().unwrap(), 4);
    assert_eq!(tape.line(), before);
    assert_eq!(tape.recorder.next_op().0, op.0 + 1, "locks no longer ask the recorder for anything");
}

#[test]
fn a_lock_without_a_recorder_is_the_original() {
    let mutex = Arc::new(Mutex::named("quiet", 0));
    let guard = mutex.try_lock().unwrap();
    let (woken, waker) = counting_waker();
    let mut first = Box::pin(mutex.lock());
    let mut second = Box::pin(Arc::clone(&mutex).lock_owned());
    assert!(poll_with(&mut first, &waker).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    assert!(Arc::clone(&mutex).try_lock_owned().is_err());
    drop(guard);
    assert_eq!(woken.get(), 1);
    drop(first);
    assert_eq!(woken.get(), 2);
    *ready(&mut second) += 1;
    *mutex.blocking_lock() += 1;
    *Arc::clone(&mutex).blocking_lock_owned() += 1;
    drop(Arc::clone(&mutex).try_lock_owned().unwrap());
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 3 }");
}

#[test]
fn it_is_made_and_shown_as_the_original_is() {
    assert_eq!(Mutex::from(4).into_inner(), 4);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    let mutex = Mutex::new("x");
    let original = tokio::sync::Mutex::new("x");
    assert_eq!(format!("{mutex:?}"), format!("{original:?}"));
    let (_guard, _other) = (mutex.try_lock().unwrap(), original.try_lock().unwrap());
    assert_eq!(format!("{mutex:#?}"), format!("{original:#?}"));
}

#[test]
fn showing_a_lock_takes_it_and_says_so() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", 1);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 1 }");
    let _guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(tape.line(), "acquire 1, release 1, acquire 2, busy 3");
}

#[test]
fn the_checker_can_fail() {
    fn events(story: &str) -> Vec<Event> {
        let lock = lockscope::event::LockId(0);
        let actor = lockscope::event::Actor { task: lockscope::event::TaskId(0), step: None };
        let what = |word: &str| {
            let (name, op) = word.split_at(1);
            let op = lockscope::event::OpId(op.parse().unwrap());
            match name {
                "w" => What::Wait { lock, op, mode: Mode::Exclusive },
                "g" => What::Grant { lock, op, mode: Mode::Exclusive },
                "a" => What::Acquire { lock, op, mode: Mode::Exclusive },
                "r" => What::Release { lock, op },
                "c" => What::Cancel { lock, op },
                _ => What::Busy { lock, op, mode: Mode::Exclusive },
            }
        };
        let at = lockscope::event::Time::ZERO;
        story.split(' ').zip(1..).map(|(word, seq)| Event { seq, at, actor, what: what(word) }).collect()
    }
    fn verdict(checker: Checker, story: &str) -> bool {
        checker.check(&events(story)).is_ok()
    }
    for good in ["a1 w2 r1 g2 a2 r2", "g1 a1 r1", "g1 c1 a2", "a1 w2 w3 c2 r1 g3 c3 a4", "a1 b2 r1"] {
        assert!(verdict(Checker::one_thread(), good), "{good}");
        assert!(verdict(Checker::any_threads(), good), "{good}");
    }
    for bad in [
        "w1",
        "b1",
        "a1 a2",
        "a1 g2",
        "a1 w2 g2",
        "a1 w2 w3 r1 g3",
        "a1 w2 r1 a3",
        "a1 w2 r1 g3",
        "a1 r1 r1",
        "r1",
        "a1 w2 r2",
        "a1 c1",
        "c1",
        "a1 w2 r1 a2",
        "a1 w2 r1 g2 r2",
        "a1 b2 a2",
        "a1 w2 w2",
    ] {
        assert!(!verdict(Checker::one_thread(), bad), "{bad}");
        assert!(!verdict(Checker::any_threads(), bad), "{bad}");
    }
    for seen_by_threads_only in ["a1 r1 w2 g2", "a1 r1 b2", "a1 w2 r1 w3 g2"] {
        assert!(!verdict(Checker::one_thread(), seen_by_threads_only), "{seen_by_threads_only}");
        assert!(verdict(Checker::any_threads(), seen_by_threads_only), "{seen_by_threads_only}");
    }
    let mut backwards = events("a1 r1");
    backwards.swap(0, 1);
    assert!(Checker::any_threads().check(&backwards).is_err());
    let mut early = events("a1 r1");
    early[0].at = lockscope::event::Time::from_millis(1);
    assert!(Checker::any_threads().check(&early).is_err());
}
