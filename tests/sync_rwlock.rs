//! The instrumented rwlock, one event at a time: futures are polled by hand, so every order is chosen.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use common::{Checker, Tape, counting_waker, pending, poll_with, ready};
use lockscope::event::{LockKind, Mode, What};
use lockscope::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};

#[test]
fn readers_share_it_and_a_writer_is_alone() {
    let tape = Tape::new();
    let lock = tape.rwlock("db", 1);
    let first = ready(&mut Box::pin(lock.read()));
    let second = lock.try_read().unwrap();
    assert!(lock.try_write().is_err());
    assert_eq!(format!("{first} {second:?}"), "1 1");
    drop((first, second));
    let mut writer = lock.try_write().unwrap();
    *writer += 1;
    assert_eq!(format!("{writer} {writer:?}"), "2 2");
    assert!(lock.try_read().is_err());
    drop(writer);
    assert_eq!(
        tape.line(),
        "acquire 1, acquire 2, busy 3, release 1, release 2, acquire 4, busy 5, release 4"
    );
    let modes: Vec<_> = tape
        .events()
        .iter()
        .filter_map(|event| match event.what {
            What::Acquire { mode, .. } | What::Busy { mode, .. } => Some(mode),
            _ => None,
        })
        .collect();
    let [shared, exclusive] = [Mode::Shared, Mode::Exclusive];
    assert_eq!(modes, [shared, shared, exclusive, exclusive, shared]);
}

#[test]
fn a_writer_who_waits_keeps_later_readers_out_and_one_release_lets_several_in() {
    let tape = Tape::new();
    let lock = tape.rwlock("db", ());
    let reader = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    let mut later = Box::pin(lock.read());
    let mut latest = Box::pin(lock.read());
    pending(&mut writer);
    pending(&mut later);
    pending(&mut latest);
    assert!(lock.try_read().is_err());
    drop(reader);
    let guard = ready(&mut writer);
    drop(guard);
    let both = (ready(&mut latest), ready(&mut later));
    drop(both);
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, wait 4, busy 5, release 1, grant 2, acquire 2, release 2, grant 3, grant 4, \
         acquire 4, acquire 3, release 4, release 3"
    );
}

#[test]
fn a_writer_who_gives_up_lets_the_readers_in() {
    let tape = Tape::new();
    let lock = tape.rwlock("db", ());
    let reader = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    let mut later = Box::pin(lock.read());
    pending(&mut writer);
    pending(&mut later);
    drop(writer);
    drop(ready(&mut later));
    drop(reader);
    // Granted, and cancelled before it ran.
    let writer = lock.try_write().unwrap();
    let mut reader = Box::pin(lock.read());
    pending(&mut reader);
    drop(writer);
    drop(reader);
    assert!(lock.try_write().is_ok());
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, cancel 2, grant 3, acquire 3, release 3, release 1, acquire 4, wait 5, \
         release 4, grant 5, cancel 5, acquire 6, release 6"
    );
}

#[test]
fn a_downgraded_writer_lets_readers_in_and_no_writer() {
    let tape = Tape::new();
    let lock = tape.rwlock("db", 1);
    let mut guard = lock.try_write().unwrap();
    *guard += 1;
    let mut reader = Box::pin(lock.read());
    let mut writer = Box::pin(lock.write());
    pending(&mut reader);
    pending(&mut writer);
    let guard = guard.downgrade();
    assert_eq!(*ready(&mut reader), 2);
    pending(&mut writer);
    drop(guard);
    drop(ready(&mut writer));
    assert_eq!(
        tape.line(),
        "acquire 1, wait 2, wait 3, acquire 1, grant 2, acquire 2, release 2, release 1, grant 3, acquire 3, \
         release 3"
    );
    assert!(matches!(tape.events()[3].what, What::Acquire { mode: Mode::Shared, .. }));
}

#[test]
fn every_way_to_downgrade_is_recorded_before_anybody_is_let_in() {
    fn lets_in(downgrade: impl FnOnce(&Arc<RwLock<(u8, u8)>>) -> u8) {
        let tape = Tape::new();
        let lock = Arc::new(tape.rwlock("db", (1, 2)));
        assert_eq!(downgrade(&lock), 2);
        assert_eq!(tape.line(), "acquire 1, wait 2, acquire 1, grant 2, acquire 2, release 2, release 1");
    }
    /// Makes the waiter, downgrades, lets the waiter run.
    macro_rules! with_a_waiter {
        ($lock:ident, $guard:expr, $downgrade:expr) => {{
            let guard = $guard;
            let mut waiter = Box::pin($lock.read());
            pending(&mut waiter);
            let guard = $downgrade(guard);
            drop(ready(&mut waiter));
            *guard
        }};
    }
    lets_in(|lock| {
        let map = |guard| RwLockReadGuard::map(RwLockWriteGuard::downgrade(guard), |pair: &(u8, u8)| &pair.1);
        with_a_waiter!(lock, lock.try_write().unwrap(), map)
    });
    lets_in(|lock| {
        let map = |guard| RwLockWriteGuard::downgrade_map(guard, |pair: &(u8, u8)| &pair.1);
        with_a_waiter!(lock, lock.try_write().unwrap(), map)
    });
    lets_in(|lock| {
        let map = |guard| {
            let guard = RwLockWriteGuard::try_downgrade_map(guard, |_| None::<&u8>).err().unwrap();
            RwLockWriteGuard::try_downgrade_map(guard, |pair: &(u8, u8)| Some(&pair.1)).ok().unwrap()
        };
        with_a_waiter!(lock, lock.try_write().unwrap(), map)
    });
    lets_in(|lock| {
        let owned = Arc::clone(lock).try_write_owned().unwrap();
        let map = |guard: OwnedRwLockWriteGuard<(u8, u8)>| {
            OwnedRwLockReadGuard::map(guard.downgrade(), |pair| &pair.1)
        };
        with_a_waiter!(lock, owned, map)
    });
    lets_in(|lock| {
        let owned = Arc::clone(lock).try_write_owned().unwrap();
        with_a_waiter!(lock, owned, |guard| OwnedRwLockWriteGuard::downgrade_map(guard, |pair: &(u8, u8)| {
            &pair.1
        }))
    });
    lets_in(|lock| {
        let owned = Arc::clone(lock).try_write_owned().unwrap();
        let map = |guard| {
            let guard = OwnedRwLockWriteGuard::try_downgrade_map(guard, |_| None::<&u8>).err().unwrap();
            OwnedRwLockWriteGuard::try_downgrade_map(guard, |pair: &(u8, u8)| Some(&pair.1)).ok().unwrap()
        };
        with_a_waiter!(lock, owned, map)
    });
}

#[test]
fn a_mapped_guard_releases_once() {
    let tape = Tape::new();
    let lock = Arc::new(tape.rwlock("db", ((1, 2), 3)));
    let read = RwLockReadGuard::map(lock.try_read().unwrap(), |all| &all.0);
    let read = RwLockReadGuard::try_map(read, |_| None::<&u8>).err().unwrap();
    drop(RwLockReadGuard::try_map(read, |pair| Some(&pair.1)).unwrap());
    let read = OwnedRwLockReadGuard::map(Arc::clone(&lock).try_read_owned().unwrap(), |all| &all.0);
    let read = OwnedRwLockReadGuard::try_map(read, |_| None::<&u8>).err().unwrap();
    let read = OwnedRwLockReadGuard::try_map(read, |pair| Some(&pair.1)).unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&read), &lock));
    drop(read);
    let write = RwLockWriteGuard::try_map(lock.try_write().unwrap(), |_| None::<&mut u8>).err().unwrap();
    let write = RwLockWriteGuard::try_map(write, |all| Some(&mut all.0)).unwrap();
    let write = RwLockMappedWriteGuard::try_map(write, |_| None::<&mut u8>).err().unwrap();
    let write = RwLockMappedWriteGuard::try_map(write, |pair| Some(pair)).unwrap();
    *RwLockMappedWriteGuard::map(write, |pair| &mut pair.1) += 1;
    drop(RwLockWriteGuard::into_mapped(lock.try_write().unwrap()));
    let write = Arc::clone(&lock).try_write_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&write), &lock));
    let write = OwnedRwLockWriteGuard::try_map(write, |_| None::<&mut u8>).err().unwrap();
    let write = OwnedRwLockWriteGuard::try_map(write, |all| Some(&mut all.0)).unwrap();
    let write = OwnedRwLockMappedWriteGuard::try_map(write, |_| None::<&mut u8>).err().unwrap();
    let write = OwnedRwLockMappedWriteGuard::try_map(write, |pair| Some(pair)).unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&write), &lock));
    *OwnedRwLockMappedWriteGuard::map(write, |pair| &mut pair.1) += 1;
    drop(OwnedRwLockWriteGuard::into_mapped(Arc::clone(&lock).try_write_owned().unwrap()));
    let line: Vec<_> = (1..=6).map(|op| format!("acquire {op}, release {op}")).collect();
    assert_eq!(tape.line(), line.join(", "));
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), ((1, 4), 3));
}

#[test]
fn a_panic_while_mapping_is_a_release_before_the_lock_is_handed_on() {
    fn on_purpose<T, U>(_: T) -> U {
        panic!("on purpose")
    }
    let ways: [fn(RwLockWriteGuard<'_, u8>); 5] = [
        |_guard| on_purpose(()),
        |guard| drop(RwLockWriteGuard::map(guard, |value| on_purpose::<_, &mut u8>(value))),
        |guard| drop(RwLockWriteGuard::downgrade_map(guard, |value| on_purpose::<_, &u8>(value))),
        |guard| drop(RwLockWriteGuard::try_downgrade_map(guard, |value| on_purpose::<_, Option<&u8>>(value))),
        |guard| drop(RwLockReadGuard::map(guard.downgrade(), |value| on_purpose::<_, &u8>(value))),
    ];
    for way in ways {
        let tape = Tape::new();
        let lock = tape.rwlock("db", 0);
        let guard = lock.try_write().unwrap();
        let mut waiter = Box::pin(lock.write());
        pending(&mut waiter);
        assert!(catch_unwind(AssertUnwindSafe(|| way(guard))).is_err());
        drop(ready(&mut waiter));
        let line = tape.line().replace("acquire 1, wait 2, acquire 1", "acquire 1, wait 2");
        assert_eq!(line, "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2");
    }
}

#[test]
fn owned_guards_go_to_other_threads() {
    let tape = Tape::new();
    let lock = Arc::new(tape.rwlock("db", 1));
    let read = ready(&mut Box::pin(Arc::clone(&lock).read_owned()));
    let mut writer = Box::pin(Arc::clone(&lock).write_owned());
    pending(&mut writer);
    thread::spawn(move || assert_eq!(*read, 1)).join().unwrap();
    let mut write = ready(&mut writer);
    thread::spawn(move || *write += 1).join().unwrap();
    assert_eq!(*lock.blocking_read(), 2);
    *lock.blocking_write() += 1;
    let line = "acquire 1, wait 2, release 1, grant 2, acquire 2, release 2, acquire 3, release 3, acquire 4, release 4";
    assert_eq!(tape.line(), line);
    drop(writer);
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), 3);
}

#[test]
fn only_so_many_read_where_that_is_limited() {
    static FEW: RwLock<u8> = RwLock::const_with_max_readers(1, 1);
    for lock in [&RwLock::with_max_readers(1, 1), &FEW] {
        let reader = lock.try_read().unwrap();
        assert!(lock.try_read().is_err());
        drop(reader);
        assert!(lock.try_write().is_ok());
    }
    assert!(catch_unwind(|| RwLock::with_max_readers((), 0)).is_err());
    assert!(catch_unwind(|| RwLock::const_with_max_readers((), u32::MAX)).is_err());
}

#[test]
fn a_lock_without_a_recorder_is_the_original() {
    let mut lock = RwLock::named("quiet", 0);
    let guard = lock.try_write().unwrap();
    let (woken, waker) = counting_waker();
    let mut first = Box::pin(lock.read());
    let mut second = Box::pin(lock.read());
    assert!(poll_with(&mut first, &waker).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    drop(guard.downgrade());
    assert_eq!(woken.get(), 2);
    drop((first, second));
    *lock.blocking_write() += 1;
    assert_eq!(*lock.blocking_read(), 1);
    *lock.get_mut() += 1;
    let original = tokio::sync::RwLock::new(2);
    assert_eq!(format!("{lock:?}"), format!("{original:?}"));
    let (_guard, _other) = (lock.try_write().unwrap(), original.try_write().unwrap());
    assert_eq!(format!("{lock:#?}"), format!("{original:#?}"));
    assert_eq!(RwLock::from(4).into_inner() + RwLock::<u8>::default().into_inner(), 4);
    assert_eq!(RwLock::const_new(7).into_inner(), 7);
}

#[test]
fn a_closed_recorder_records_nothing_and_the_lock_goes_on() {
    let tape = Tape::new();
    let lock = tape.rwlock("db", 0);
    let guard = lock.try_write().unwrap();
    let mut reader = Box::pin(lock.read());
    pending(&mut reader);
    tape.recorder.close();
    let guard = guard.downgrade();
    assert_eq!(*ready(&mut reader), 0);
    drop(guard);
    *lock.blocking_write() += 1;
    assert_eq!(tape.line(), "acquire 1, wait 2");
}

#[test]
fn threads_that_read_write_and_downgrade_never_overlap() {
    let tape = Tape::new();
    let lock = Arc::new(tape.rwlock("db", 0_usize));
    thread::scope(|scope| {
        for thread in 0..3 {
            let lock = &lock;
            scope.spawn(move || {
                for turn in 0..10_000 {
                    if (turn + thread) % 3 == 0 {
                        let mut guard = lock.blocking_write();
                        *guard += 1;
                        let wrote = *guard;
                        assert_eq!(*guard.downgrade(), wrote);
                    } else {
                        let _ = lock.try_read();
                        drop(lock.blocking_read());
                    }
                }
            });
        }
    });
    let checker = Checker::any_threads().check(&tape.events()).unwrap_or_else(|error| panic!("{error}"));
    assert!(checker.all_over());
    assert_eq!(tape.recorder.names().locks[0].kind, LockKind::TokioRwLock);
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
        assert_eq!(has!(Sync, RwLock<$value>), has!(Sync, tokio::sync::RwLock<$value>));
        same_auto_traits!(@ $value, RwLockReadGuard<'static, $value>);
        same_auto_traits!(@ $value, RwLockWriteGuard<'static, $value>);
        same_auto_traits!(@ $value, RwLockMappedWriteGuard<'static, $value>);
        same_auto_traits!(@ $value, OwnedRwLockReadGuard<$value>);
        same_auto_traits!(@ $value, OwnedRwLockReadGuard<u8, $value>);
        same_auto_traits!(@ $value, OwnedRwLockWriteGuard<$value>);
        same_auto_traits!(@ $value, OwnedRwLockMappedWriteGuard<$value, u8>);
        same_auto_traits!(@ $value, OwnedRwLockMappedWriteGuard<u8, $value>);
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
    same_auto_traits!(u8, SendOnly, SyncOnly, Neither);
    assert!(has!(Send, RwLock<u8>) && !has!(Send, RwLock<SyncOnly>) && !has!(Send, RwLock<Neither>));
    // The difference that the docs name.
    assert!(has!(Send, tokio::sync::RwLock<SendOnly>) && !has!(Send, RwLock<SendOnly>));
}

#[test]
fn futures_can_go_to_other_threads() {
    fn send_sync<T: Send + Sync>(_: T) {}
    fn forever<T: 'static>(_: T) {}
    let lock = Arc::new(RwLock::new(1));
    send_sync(lock.read());
    send_sync(lock.write());
    send_sync(Arc::clone(&lock).read_owned());
    forever(lock.write_owned());
}
