//! The instrumented semaphore, one event at a time: futures are polled by hand, so every order is chosen.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use common::{Checker, Tape, counting_waker, pending, poll, poll_with, ready};
use lockscope::event::{Mode, What};
use lockscope::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};
use lockscope::trace::Trace;
use proptest::prelude::*;

/// How many permits the recording says are free.
fn free(tape: &Tape) -> u32 {
    let trace = Trace::of(tape.recorder.names(), tape.events());
    trace.state(trace.len()).locks[0].free().unwrap()
}

/// The semaphore and its recording agree.
#[track_caller]
fn agrees(tape: &Tape, slots: &Semaphore) {
    assert_eq!(free(tape) as usize, slots.available_permits());
}

#[test]
fn permits_are_acquired_and_released() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 3);
    let one = ready(&mut Box::pin(slots.acquire())).unwrap();
    let two = ready(&mut Box::pin(slots.acquire_many(2))).unwrap();
    assert_eq!((one.num_permits(), two.num_permits(), slots.available_permits()), (1, 2, 0));
    assert!(std::ptr::eq(one.semaphore(), &raw const slots));
    agrees(&tape, &slots);
    assert_eq!(slots.try_acquire().err(), Some(TryAcquireError::NoPermits));
    drop(two);
    agrees(&tape, &slots);
    let two = slots.try_acquire_many(2).unwrap();
    drop((one, two));
    assert_eq!(tape.line(), "acquire 1, acquire 2, busy 3, release 2, acquire 4, release 1, release 4");
    assert!(matches!(tape.events()[1].what, What::Acquire { mode: Mode::Permits(2), .. }));
}

#[test]
fn whoever_needs_more_keeps_those_behind_waiting() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 2);
    let one = slots.try_acquire().unwrap();
    let mut many = Box::pin(slots.acquire_many(2));
    let mut few = Box::pin(slots.acquire());
    pending(&mut many);
    pending(&mut few);
    assert!(slots.try_acquire().is_err());
    drop(many);
    let few = ready(&mut few).unwrap();
    drop((one, few));
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, busy 4, cancel 2, grant 3, acquire 3, release 1, release 3"
    );
}

#[test]
fn permits_that_are_added_let_several_in() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 0);
    let mut first = Box::pin(slots.acquire());
    let mut second = Box::pin(slots.acquire_many(2));
    pending(&mut first);
    pending(&mut second);
    slots.add_permits(0);
    slots.add_permits(4);
    let got = (ready(&mut first).unwrap(), ready(&mut second).unwrap());
    agrees(&tape, &slots);
    assert_eq!(slots.forget_permits(5), 1);
    assert_eq!(slots.forget_permits(5), 0);
    agrees(&tape, &slots);
    drop(got);
    agrees(&tape, &slots);
    let names: Vec<_> = tape.events().iter().map(|event| event.what.name()).collect();
    let story = "wait wait add_permits grant grant acquire acquire forget_permits release release";
    assert_eq!(names.join(" "), story);
    tape.line();
}

#[test]
fn a_forgotten_permit_never_comes_back() {
    let tape = Tape::new();
    let slots = Arc::new(tape.semaphore("slots", 2));
    slots.try_acquire().unwrap().forget();
    agrees(&tape, &slots);
    Arc::clone(&slots).try_acquire_owned().unwrap().forget();
    agrees(&tape, &slots);
    assert_eq!(slots.available_permits(), 0);
    slots.add_permits(1);
    agrees(&tape, &slots);
    assert_eq!(tape.line(), "acquire 1, release 1, acquire 2, release 2");
    let forgotten = tape.events().iter().filter(|event| event.what.name() == "forget_permits").count();
    assert_eq!(forgotten, 2);
}

#[test]
fn an_acquisition_ends_with_the_last_part_of_it() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 4);
    let mut most = slots.try_acquire_many(4).unwrap();
    assert!(most.split(5).is_none());
    let part = most.split(1).unwrap();
    assert_eq!((most.num_permits(), part.num_permits()), (3, 1));
    assert_eq!(tape.line(), "acquire 1", "nobody let go of anything");
    drop(part);
    agrees(&tape, &slots);
    assert!(matches!(tape.events()[1].what, What::Acquire { mode: Mode::Permits(3), .. }));
    most.split(1).unwrap().forget();
    agrees(&tape, &slots);
    let rest = most.split(2).unwrap();
    assert_eq!(most.num_permits(), 0);
    drop(most);
    agrees(&tape, &slots);
    drop(rest);
    agrees(&tape, &slots);
    assert_eq!(tape.line(), "acquire 1, acquire 1, acquire 1, release 1");
}

#[test]
fn permits_that_are_merged_are_released_together() {
    let tape = Tape::new();
    let slots = Arc::new(tape.semaphore("slots", 4));
    let mut all = slots.try_acquire().unwrap();
    all.merge(slots.try_acquire_many(2).unwrap());
    all.merge(slots.try_acquire().unwrap());
    assert_eq!(all.num_permits(), 4);
    let mut waiter = Box::pin(slots.acquire_many(4));
    pending(&mut waiter);
    let part = all.split(2).unwrap();
    drop(part);
    agrees_while_waiting(&tape, 2);
    drop(all);
    drop(ready(&mut waiter));
    agrees(&tape, &slots);
    tape.line();
    let ends = tape.events().iter().filter(|event| event.what.name() == "release").count();
    assert_eq!(ends, 4, "each acquisition once");
    let mut owned = Arc::clone(&slots).try_acquire_owned().unwrap();
    owned.merge(Arc::clone(&slots).try_acquire_many_owned(2).unwrap());
    assert_eq!(owned.split(1).unwrap().num_permits() + owned.num_permits(), 3);
    assert!(Arc::ptr_eq(owned.semaphore(), &slots));
    drop(owned);
    agrees(&tape, &slots);
}

/// What was parted and is together again is given back at once.
#[test]
fn parts_that_come_together_again_are_one() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 4);
    let whole = || {
        let mut all = slots.try_acquire_many(3).unwrap();
        let (one, two) = (all.split(1).unwrap(), all.split(1).unwrap());
        all.merge(two);
        all.merge(one);
        all
    };
    drop(whole());
    agrees(&tape, &slots);
    whole().forget();
    agrees(&tape, &slots);
    let names: Vec<_> = tape.events().iter().map(|event| event.what.name()).collect();
    assert_eq!(names.join(" "), "acquire release acquire forget_permits release");
    tape.line();
    // Somebody else has one still.
    slots.add_permits(3);
    let mut all = slots.try_acquire_many(4).unwrap();
    let (one, two) = (all.split(1).unwrap(), all.split(1).unwrap());
    all.merge(two);
    drop(all);
    agrees(&tape, &slots);
    drop(one);
    agrees(&tape, &slots);
    let names: Vec<_> = tape.events().iter().skip(6).map(|event| event.what.name()).collect();
    assert_eq!(names.join(" "), "acquire acquire release", "it keeps one first");
}

/// Somebody waits, and what is free is kept for it.
#[track_caller]
fn agrees_while_waiting(tape: &Tape, permits: u32) {
    assert_eq!(free(tape), permits);
}

#[test]
fn permits_of_different_semaphores_do_not_merge() {
    fn said(work: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("did not panic");
        (*panic.downcast_ref::<&str>().unwrap()).to_owned()
    }
    let tape = Tape::new();
    let (one, other) = (tape.semaphore("one", 1), tape.semaphore("other", 1));
    let ours = said(|| one.try_acquire().unwrap().merge(other.try_acquire().unwrap()));
    let (bare, another) = (tokio::sync::Semaphore::new(1), tokio::sync::Semaphore::new(1));
    assert_eq!(ours, said(|| bare.try_acquire().unwrap().merge(another.try_acquire().unwrap())));
    assert_eq!(one.available_permits() + other.available_permits(), 2);
    assert_eq!(tape.story().len(), 4);
}

#[test]
fn closing_refuses_whoever_waits_and_grants_nothing() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 1);
    let one = slots.try_acquire().unwrap();
    let (woken, waker) = counting_waker();
    let mut first = Box::pin(slots.acquire());
    let mut second = Box::pin(slots.acquire_many(2));
    assert!(poll_with(&mut first, &waker).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    slots.close();
    assert!(slots.is_closed());
    assert_eq!(woken.get(), 2);
    assert_eq!(ready(&mut first).err().unwrap().to_string(), "semaphore closed");
    assert!(ready(&mut second).is_err());
    assert!(ready(&mut Box::pin(slots.acquire())).is_err());
    assert_eq!(slots.try_acquire().err(), Some(TryAcquireError::Closed));
    assert!(slots.blocking_acquire().is_err());
    drop(one);
    let story = "acquire 1, wait 2, wait 3, cancel 2, cancel 3, cancel 4, busy 5, cancel 6, release 1";
    assert_eq!(tape.story().join(", "), story);
    agrees(&tape, &slots);
}

#[test]
fn closing_refuses_who_was_granted_too() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 1);
    let one = slots.try_acquire().unwrap();
    let mut waiter = Box::pin(slots.acquire());
    pending(&mut waiter);
    drop(one);
    slots.close();
    assert!(ready(&mut waiter).is_err());
    drop(waiter);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, cancel 2");
    agrees(&tape, &slots);
}

#[test]
fn cancelled_it_gives_back_what_it_was_given() {
    let tape = Tape::new();
    let slots = Arc::new(tape.semaphore("slots", 1));
    let one = slots.try_acquire().unwrap();
    let mut waiter = Box::pin(Arc::clone(&slots).acquire_owned());
    let mut next = Box::pin(slots.acquire());
    drop(slots.acquire());
    pending(&mut waiter);
    pending(&mut next);
    drop(one);
    drop(waiter);
    drop(ready(&mut next));
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, release 1, grant 2, cancel 2, grant 3, acquire 3, release 3"
    );
}

#[test]
fn none_at_all_can_be_acquired_at_any_time() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 0);
    let mut waiter = Box::pin(slots.acquire());
    pending(&mut waiter);
    let mut none = ready(&mut Box::pin(slots.acquire_many(0))).unwrap();
    drop(none.split(0).unwrap());
    drop(none);
    drop(waiter);
    assert_eq!(tape.line(), "wait 1, acquire 2, release 2, cancel 1");
}

#[test]
fn owned_permits_go_to_other_threads_and_a_panic_gives_them_back() {
    let tape = Tape::new();
    let slots = Arc::new(tape.semaphore("slots", 1));
    let permit = ready(&mut Box::pin(Arc::clone(&slots).acquire_many_owned(1))).unwrap();
    let mut waiter = Box::pin(slots.acquire());
    pending(&mut waiter);
    let panic = thread::spawn(move || {
        let _permit = permit;
        panic!("on purpose");
    });
    assert!(panic.join().is_err());
    drop(ready(&mut waiter));
    drop(slots.blocking_acquire_many(1).unwrap());
    drop(Arc::clone(&slots).blocking_acquire_owned().unwrap());
    drop(Arc::clone(&slots).blocking_acquire_many_owned(1).unwrap());
    let rest: Vec<_> = (3..=5).map(|op| format!("acquire {op}, release {op}")).collect();
    let line = "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2, ".to_owned();
    assert_eq!(tape.line(), line + &rest.join(", "));
}

#[test]
fn a_semaphore_without_a_recorder_is_the_original() {
    static SLOTS: Semaphore = Semaphore::const_new(2);
    let slots = Arc::new(Semaphore::named("quiet", 2));
    let original = Arc::new(tokio::sync::Semaphore::new(2));
    assert_eq!(format!("{slots:?}"), format!("{original:?}"));
    let (mut ours, mut theirs) = (slots.try_acquire_many(2).unwrap(), original.try_acquire_many(2).unwrap());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    let mut waiter = Box::pin(Arc::clone(&slots).acquire_many_owned(2));
    pending(&mut waiter);
    drop((ours.split(1).unwrap(), theirs.split(1).unwrap()));
    ours.forget();
    slots.add_permits(1);
    assert_eq!(ready(&mut waiter).unwrap().num_permits(), 2);
    drop(slots.blocking_acquire().unwrap());
    drop(Arc::clone(&slots).blocking_acquire_many_owned(2).unwrap());
    assert_eq!((slots.forget_permits(9), SLOTS.available_permits()), (2, 2));
    slots.close();
    assert!(slots.is_closed() && slots.blocking_acquire_many(1).is_err());
    assert_eq!(Semaphore::MAX_PERMITS, tokio::sync::Semaphore::MAX_PERMITS);
    let message =
        |work: fn()| catch_unwind(work).expect_err("did not panic").downcast_ref::<String>().cloned();
    let theirs = message(|| _ = tokio::sync::Semaphore::new(usize::MAX));
    assert_eq!(message(|| _ = Semaphore::new(usize::MAX)), theirs);
}

#[test]
fn permits_and_futures_can_go_to_other_threads() {
    fn send_sync<T: Send + Sync>() {}
    fn both<T: Send + Sync>(_: T) {}
    fn forever<T: 'static>(_: T) {}
    send_sync::<Semaphore>();
    send_sync::<SemaphorePermit<'_>>();
    send_sync::<OwnedSemaphorePermit>();
    let slots = Arc::new(Semaphore::new(1));
    both(slots.acquire());
    both(Arc::clone(&slots).acquire_owned());
    forever(slots.acquire_many_owned(1));
}

#[test]
fn threads_that_acquire_split_and_cancel_never_have_too_many() {
    let tape = Tape::new();
    let slots = tape.semaphore("slots", 3);
    thread::scope(|scope| {
        for thread in 0..3_u32 {
            let slots = &slots;
            scope.spawn(move || {
                for turn in 0..10_000 {
                    match (turn + thread) % 4 {
                        0 => drop(poll(&mut Box::pin(slots.acquire_many(3)))),
                        1 => drop(slots.blocking_acquire_many(2).unwrap().split(1)),
                        2 => drop(slots.try_acquire()),
                        _ => {
                            let mut permit = slots.blocking_acquire().unwrap();
                            if let Ok(more) = slots.try_acquire_many(2) {
                                permit.merge(more);
                            }
                        }
                    }
                }
            });
        }
    });
    let checker = Checker::any_threads().of(&tape.recorder.names());
    let checker = checker.check(&tape.events()).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    assert_eq!(slots.available_permits(), 3);
    agrees(&tape, &slots);
}

/// What can be used within `catch_unwind` still can when the import is swapped.
#[test]
fn it_is_as_unwind_safe_as_the_bare_one() {
    const fn safe<T: UnwindSafe + RefUnwindSafe>() {}
    const fn safe_to_move<T: UnwindSafe>() {}
    safe::<tokio::sync::Semaphore>();
    safe::<tokio::sync::SemaphorePermit<'static>>();
    safe::<tokio::sync::OwnedSemaphorePermit>();
    safe::<Semaphore>();
    safe::<SemaphorePermit<'static>>();
    safe::<OwnedSemaphorePermit>();
    safe_to_move::<(tokio::sync::Mutex<u32>, tokio::sync::RwLock<u32>)>();
    safe_to_move::<(lockscope::sync::Mutex<u32>, lockscope::sync::RwLock<u32>)>();
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Acquire(u32),
    Merge(usize, usize),
    Split(usize, usize),
    Forget(usize),
    Drop(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    // Around what a word has room for, too.
    let much = prop_oneof![4 => 0..5_u32, 1 => 16_380..16_390_u32];
    prop_oneof![
        4 => much.clone().prop_map(Deed::Acquire),
        2 => (0..8_usize, 0..8_usize).prop_map(|(one, other)| Deed::Merge(one, other)),
        2 => (0..8_usize, much).prop_map(|(which, much)| Deed::Split(which, much as usize)),
        1 => (0..8_usize).prop_map(Deed::Forget),
        2 => (0..8_usize).prop_map(Deed::Drop),
    ]
}

/// Does the same to both, and says what became of it. There are so many permits of a semaphore's in hand.
macro_rules! act {
    ($semaphore:expr, $hand:expr, $deed:expr) => {{
        let (hand, deed) = (&mut $hand, $deed);
        let count = hand.len();
        match deed {
            Deed::Acquire(much) => hand.extend($semaphore.try_acquire_many(much).ok()),
            Deed::Merge(one, other) if count > 1 && one % count != other % count => {
                let other =
                    std::mem::replace(&mut hand[other % count], $semaphore.try_acquire_many(0).unwrap());
                hand[one % count].merge(other);
            }
            Deed::Split(which, much) if count > 0 => {
                let part = hand[which % count].split(much);
                hand.extend(part);
            }
            Deed::Forget(which) if count > 0 => hand.swap_remove(which % count).forget(),
            Deed::Drop(which) if count > 0 => drop(hand.swap_remove(which % count)),
            _ => {}
        }
        format!("{hand:?}")
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is merged and split, recorded or not.
    #[test]
    fn permits_go_as_the_originals_do(deeds in prop::collection::vec(deed(), 1..40)) {
        let tape = Tape::new();
        let (recorded, unrecorded) = (tape.semaphore("slots", 40_000), Semaphore::new(40_000));
        let bare = tokio::sync::Semaphore::new(40_000);
        let (mut of_recorded, mut of_unrecorded, mut of_bare) = (Vec::new(), Vec::new(), Vec::new());
        for deed in deeds {
            let expected = act!(bare, of_bare, deed);
            prop_assert_eq!(act!(recorded, of_recorded, deed), &*expected);
            prop_assert_eq!(act!(unrecorded, of_unrecorded, deed), &*expected);
            prop_assert_eq!(free(&tape) as usize, bare.available_permits());
        }
        drop((of_recorded, of_unrecorded, of_bare));
        prop_assert_eq!(recorded.available_permits(), bare.available_permits());
        prop_assert_eq!(unrecorded.available_permits(), bare.available_permits());
        let checker = Checker::one_thread().of(&tape.recorder.names()).check(&tape.events());
        prop_assert!(checker.map_err(TestCaseError::fail)?.all_over());
    }
}
