//! The guards of the instrumented mutex: mapped, moved and dropped in a panic, they release once, and
//! before they let go.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use common::{Tape, pending, ready};
use lockscope::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

#[tokio::test]
async fn an_owned_guard_is_dropped_in_another_task() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 5));
    let guard = Arc::clone(&mutex).lock_owned().await;
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert_eq!(format!("{guard} {guard:?}"), "5 5");
    let (mine, ()) = tokio::join!(mutex.lock(), async {
        tokio::spawn(async move { drop(guard) }).await.unwrap();
    });
    drop(mine);
    assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2");
}

/// A lock without a recorder would be slower than the original by what it takes to move more.
#[test]
fn a_guard_fits_into_two_registers() {
    assert_eq!(size_of::<MutexGuard<'_, [u64; 9]>>(), 2 * size_of::<usize>());
}

#[test]
fn a_mapped_guard_releases_once() {
    let tape = Tape::new();
    let mutex = tape.mutex("m", ((1, "x".to_owned()), 3));
    let guard = mutex.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &raw const mutex));
    let guard = MutexGuard::try_map(guard, |_| None::<&mut u8>).err().unwrap();
    let pair = MutexGuard::try_map(guard, |all| Some(&mut all.0)).unwrap();
    let pair = MappedMutexGuard::try_map(pair, |_| None::<&mut u8>).err().unwrap();
    let text = MappedMutexGuard::map(pair, |pair| &mut pair.1);
    let mut text = MappedMutexGuard::try_map(text, |text| Some(text)).unwrap();
    text.push('y');
    assert_eq!(format!("{text} {text:?}"), "xy \"xy\"");
    assert_eq!(tape.line(), "acquire 1");
    drop(text);
    let number = MutexGuard::map(mutex.try_lock().unwrap(), |all| &mut all.1);
    drop(number);
    assert_eq!(tape.line(), "acquire 1, release 1, acquire 2, release 2");
}

#[test]
fn an_owned_mapped_guard_releases_once() {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", ((1, "x".to_owned()), 3)));
    let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut u8>).err().unwrap();
    let pair = OwnedMutexGuard::try_map(guard, |all| Some(&mut all.0)).unwrap();
    let pair = OwnedMappedMutexGuard::try_map(pair, |_| None::<&mut u8>).err().unwrap();
    let text = OwnedMappedMutexGuard::map(pair, |pair| &mut pair.1);
    let mut text = OwnedMappedMutexGuard::try_map(text, |text| Some(text)).unwrap();
    text.push('y');
    assert_eq!(format!("{text} {text:?}"), "xy \"xy\"");
    assert_eq!(tape.line(), "acquire 1");
    drop(text);
    let whole = OwnedMutexGuard::map(Arc::clone(&mutex).try_lock_owned().unwrap(), |all| all);
    drop(whole);
    assert_eq!(tape.line(), "acquire 1, release 1, acquire 2, release 2");
    assert_eq!(Arc::into_inner(mutex).unwrap().into_inner().0.1, "xy");
}

#[test]
fn every_guard_records_its_release_before_it_lets_go() {
    fn hands_on<'a, G: 'a>(
        lock: impl FnOnce(&'a Arc<Mutex<u8>>) -> G,
        tape: &Tape,
        mutex: &'a Arc<Mutex<u8>>,
    ) {
        let guard = lock(mutex);
        let mut waiter = Box::pin(mutex.lock());
        pending(&mut waiter);
        drop(guard);
        drop(ready(&mut waiter));
        assert_eq!(
            tape.line(),
            "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2",
            "{}",
            std::any::type_name::<G>()
        );
    }
    macro_rules! all {
        ($($take:expr),*) => {$(
            let tape = Tape::new();
            let mutex = Arc::new(tape.mutex("m", 0));
            hands_on($take, &tape, &mutex);
        )*};
    }
    all!(
        |mutex| mutex.try_lock().unwrap(),
        |mutex| Arc::clone(mutex).try_lock_owned().unwrap(),
        |mutex| MutexGuard::map(mutex.try_lock().unwrap(), |value| value),
        |mutex| OwnedMutexGuard::map(Arc::clone(mutex).try_lock_owned().unwrap(), |value| value)
    );
}

#[test]
fn mapping_to_the_unsized_works_where_the_original_allows_it() {
    let mutex = Arc::new(Mutex::new([1, 2, 3]));
    let mut slice: MappedMutexGuard<'_, [i32]> =
        MutexGuard::map(mutex.try_lock().unwrap(), |array| &mut array[1..]);
    slice[0] = 5;
    drop(slice);
    let slice: OwnedMappedMutexGuard<[i32; 3], [i32]> =
        OwnedMutexGuard::map(Arc::clone(&mutex).try_lock_owned().unwrap(), |array| &mut array[1..]);
    assert_eq!(slice[..], [5, 3]);
}

/// Runs `work`, which panics, with a guard's waiter queued; the lock is handed on all the same.
fn panics_while_held(work: impl FnOnce(&Arc<Mutex<i32>>)) {
    let tape = Tape::new();
    let mutex = Arc::new(tape.mutex("m", 0));
    let mut waiter = Box::pin(mutex.lock());
    let panicked = catch_unwind(AssertUnwindSafe(|| work(&mutex))).is_err();
    assert!(panicked);
    assert_eq!(tape.line(), "acquire 1, release 1");
    drop(ready(&mut waiter));
}

#[test]
fn a_panic_releases_the_lock_and_poisons_nothing() {
    panics_while_held(|mutex| {
        let _guard = mutex.try_lock().unwrap();
        panic!("on purpose");
    });
}

#[test]
fn a_panic_while_mapping_is_recorded_as_a_release_before_the_lock_is_handed_on() {
    fn borrowed(mutex: &Mutex<(i32, i32)>) -> MutexGuard<'_, (i32, i32)> {
        mutex.try_lock().unwrap()
    }
    fn on_purpose<T, U>(_: T) -> U {
        panic!("on purpose")
    }
    /// One way of mapping that panics.
    type Way = fn(OwnedMutexGuard<(i32, i32)>, &Arc<Mutex<(i32, i32)>>);
    let ways: [Way; 9] = [
        |_guard, _| on_purpose(()),
        |guard, _| drop(OwnedMutexGuard::map(guard, |value| on_purpose::<_, &mut i32>(value))),
        |guard, _| drop(OwnedMutexGuard::try_map(guard, |value| on_purpose::<_, Option<&mut i32>>(value))),
        |guard, _| {
            let guard = OwnedMutexGuard::map(guard, |value| value);
            drop(OwnedMappedMutexGuard::map(guard, |value| on_purpose::<_, &mut i32>(value)));
        },
        |guard, _| {
            let guard = OwnedMutexGuard::map(guard, |value| value);
            drop(OwnedMappedMutexGuard::try_map(guard, |value| on_purpose::<_, Option<&mut i32>>(value)));
        },
        |guard, mutex| {
            drop(guard);
            let guard = borrowed(mutex);
            drop(MutexGuard::map(guard, |value| on_purpose::<_, &mut i32>(value)));
        },
        |guard, mutex| {
            drop(guard);
            let guard = borrowed(mutex);
            drop(MutexGuard::try_map(guard, |value| on_purpose::<_, Option<&mut i32>>(value)));
        },
        |guard, mutex| {
            drop(guard);
            let guard = MutexGuard::map(borrowed(mutex), |value| value);
            drop(MappedMutexGuard::map(guard, |value| on_purpose::<_, &mut i32>(value)));
        },
        |guard, mutex| {
            drop(guard);
            let guard = MutexGuard::map(borrowed(mutex), |value| value);
            drop(MappedMutexGuard::try_map(guard, |value| on_purpose::<_, Option<&mut i32>>(value)));
        },
    ];
    for way in ways {
        let tape = Tape::new();
        let mutex = Arc::new(tape.mutex("m", (0, 0)));
        let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| way(guard, &mutex))).is_err());
        assert!(mutex.try_lock().is_ok());
        let story = tape.line();
        assert!(story.contains("release"), "{story}");
    }
    // The same with a waiter: its grant comes after the release.
    for way in &ways[..5] {
        let tape = Tape::new();
        let mutex = Arc::new(tape.mutex("m", (0, 0)));
        let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
        let mut waiter = Box::pin(mutex.lock());
        pending(&mut waiter);
        assert!(catch_unwind(AssertUnwindSafe(|| way(guard, &mutex))).is_err());
        assert_eq!(tape.line(), "acquire 1, wait 2, release 1, grant 2");
        drop(ready(&mut waiter));
    }
}

#[test]
fn whoever_owns_the_lock_alone_owns_its_inside_alone() {
    let mutex = Arc::new(Mutex::new(1));
    let mapped = OwnedMutexGuard::map(Arc::clone(&mutex).try_lock_owned().unwrap(), |value| value);
    let mut waiter = Box::pin(Arc::clone(&mutex).lock_owned());
    pending(&mut waiter);
    let mut mutex = mutex;
    assert!(Arc::get_mut(&mut mutex).is_none());
    drop(mapped);
    let guard = ready(&mut waiter);
    drop((guard, waiter));
    *Arc::get_mut(&mut mutex).unwrap().get_mut() += 1;
    assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), 2);
}

/// Reads whether a type has an auto trait; the inherent method wins where its bound holds.
macro_rules! has {
    ($bound:path, $type:ty) => {{
        #[allow(dead_code)]
        trait Not {
            fn get(&self) -> bool {
                false
            }
        }
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized> Not for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $bound> Probe<T> {
            fn get(&self) -> bool {
                true
            }
        }
        Probe::<$type>(std::marker::PhantomData).get()
    }};
}

macro_rules! same_auto_traits {
    ($($value:ty),*) => {$(
        same_auto_traits!(@ $value, Mutex<$value>);
        same_auto_traits!(@ $value, MutexGuard<'static, $value>);
        same_auto_traits!(@ $value, OwnedMutexGuard<$value>);
        same_auto_traits!(@ $value, MappedMutexGuard<'static, $value>);
        same_auto_traits!(@ $value, OwnedMappedMutexGuard<$value, u8>);
        same_auto_traits!(@ $value, OwnedMappedMutexGuard<u8, $value>);
    )*};
    (@ $value:ty, $name:ident<$($arg:tt),*>) => {
        let ours = (has!(Send, $name<$($arg),*>), has!(Sync, $name<$($arg),*>));
        let original =
            (has!(Send, tokio::sync::$name<$($arg),*>), has!(Sync, tokio::sync::$name<$($arg),*>));
        assert_eq!(ours, original, "{} of {}", stringify!($name), stringify!($value));
    };
}

#[test]
fn send_and_sync_are_those_of_the_originals() {
    type SendOnly = std::cell::Cell<u8>;
    type SyncOnly = std::sync::MutexGuard<'static, u8>;
    type Neither = std::rc::Rc<u8>;
    assert!(has!(Send, SendOnly) && !has!(Sync, SendOnly), "the test can tell");
    assert!(!has!(Send, SyncOnly) && has!(Sync, SyncOnly), "the test can tell");
    same_auto_traits!(u8, SendOnly, SyncOnly, Neither);
}

#[test]
fn futures_can_go_to_other_threads() {
    fn send_sync<T: Send + Sync>(_: T) {}
    fn send<T: Send>(_: T) {}
    fn forever<T: 'static>(_: T) {}
    fn unpin<T: Unpin>() {}
    let mutex = Arc::new(Mutex::new(1));
    send_sync(mutex.lock());
    send_sync(Arc::clone(&mutex).lock_owned());
    forever(mutex.lock_owned());
    send(Mutex::new(std::cell::Cell::new(1)).lock());
    unpin::<Mutex<u8>>();
}
