//! What a real lock does only when threads meet in the right nanosecond, with a made-up future.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use super::*;
use crate::event::{Event, TaskId};
use crate::sync::{Batch, Clock, Outlet};

type Names = Arc<Mutex<Vec<&'static str>>>;

fn tap() -> (Names, Arc<Tap>) {
    let names = Names::default();
    let sink = Arc::clone(&names);
    let recorder = Recorder::new(Clock::wall(), move |event: Event| {
        locked(&sink).push(event.what.name());
        true
    });
    let lock = recorder.add_lock("m", LockKind::TokioMutex);
    (names, Arc::new(Tap::new(&recorder, lock, LockKind::TokioMutex)))
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Does these things, one a poll, and then is ready.
fn steps(steps: Vec<fn(&Waker)>) -> impl Future<Output = ()> {
    let mut steps = steps.into_iter();
    poll_fn(move |cx| match steps.next() {
        Some(step) => {
            step(cx.waker());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

#[test]
fn a_grant_that_overtakes_the_wait_is_told_after_it() {
    let (names, tap) = tap();
    let mut future =
        Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || steps(vec![Waker::wake_by_ref])));
    assert!(poll(&mut future).is_pending());
    assert_eq!(*locked(&names), ["wait", "grant"]);
    assert!(poll(&mut future).is_ready());
    assert_eq!(*locked(&names), ["wait", "grant", "acquire"]);
}

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_is_woken_also_where_the_wake_comes_before_there_is_anybody_to_wake() {
    let (_, tap) = tap();
    let (woken, other) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let count = || [&woken, &other].map(|woken| woken.0.load(Ordering::Relaxed));
    let mut future =
        Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || steps(vec![Waker::wake_by_ref])));
    assert!(future.as_mut().poll(&mut Context::from_waker(&Arc::clone(&woken).into())).is_pending());
    assert_eq!(count(), [1, 0]);
    // Whoever polls last is woken, and once.
    let late: Arc<Mutex<Option<Waker>>> = Arc::default();
    let keep = Arc::clone(&late);
    let mut future = Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || {
        poll_fn(move |cx| {
            *locked(&keep) = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    }));
    for task in [&woken, &other] {
        assert!(future.as_mut().poll(&mut Context::from_waker(&Arc::clone(task).into())).is_pending());
    }
    let waker = locked(&late).take().unwrap();
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(count(), [1, 1]);
}

#[test]
fn whoever_is_granted_it_is_granted_it_once_and_may_still_go() {
    let (names, tap) = tap();
    let late: Arc<Mutex<Option<Waker>>> = Arc::default();
    let keep = Arc::clone(&late);
    let mut future = Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || {
        poll_fn(move |cx| {
            locked(&keep).get_or_insert_with(|| cx.waker().clone());
            Poll::<()>::Pending
        })
    }));
    assert!(poll(&mut future).is_pending());
    let waker = locked(&late).take().unwrap();
    waker.wake_by_ref();
    waker.wake_by_ref();
    // As where it has no budget left: it owns the lock and does not run.
    assert!(poll(&mut future).is_pending());
    assert_eq!(*locked(&names), ["wait", "grant"]);
    drop(future);
    waker.wake();
    assert_eq!(*locked(&names), ["wait", "grant", "cancel"]);
}

/// Keeps what a program's recorder tells.
struct Told(Arc<Mutex<Vec<Packed>>>);

impl Outlet for Told {
    fn take(&mut self, batch: &Batch<'_>) {
        locked(&self.0).extend_from_slice(batch.events);
    }
}

#[test]
fn a_grant_has_the_time_of_the_release_that_brings_it_about() {
    let (told, recorder) = (Arc::default(), Recorder::program());
    recorder.attach(Told(Arc::clone(&told)));
    let [first, second] = ["first", "second"].map(|name| recorder.add_lock(name, LockKind::TokioMutex));
    let taps = [first, second].map(|lock| Arc::new(Tap::new(&recorder, lock, LockKind::TokioMutex)));
    let owned = |tap: &Arc<Tap>| tap.attempt(Mode::Exclusive, || Ok::<(), ()>(())).unwrap().1;
    let wait = |tap: &Arc<Tap>, waker: &Arc<Mutex<Option<Waker>>>| {
        let (tap, keep) = (Arc::clone(tap), Arc::clone(waker));
        let mut future = Box::pin(async move {
            let ask = || {
                poll_fn(move |cx| {
                    *locked(&keep) = Some(cx.waker().clone());
                    Poll::<()>::Pending
                })
            };
            acquire(&tap, Mode::Exclusive, Budget::Last, ask).await.1
        });
        assert!(poll(&mut future).is_pending());
        future
    };
    let wakers: [Arc<Mutex<Option<Waker>>>; 2] = Default::default();
    let owners = [owned(&taps[0]), owned(&taps[1])];
    let waiting = [wait(&taps[0], &wakers[0]), wait(&taps[1], &wakers[1])];
    let wake = |waker: &Arc<Mutex<Option<Waker>>>| locked(waker).take().unwrap().wake();
    // Of the one it follows at once, of the other something else comes between.
    taps[0].release(owners[0]);
    wake(&wakers[0]);
    taps[1].release(owners[1]);
    drop(Held::recorded(&*taps[0], owners[0]));
    let before = recorder.now();
    wake(&wakers[1]);
    recorder.flush();
    let at = |kind, lock| {
        let told = locked(&told);
        told.iter().find(|event| event.kind() == kind && event.lock() == lock).unwrap().at()
    };
    assert!(at(Kind::Grant, first).since(at(Kind::Release, first)).as_nanos() <= 1);
    assert!(at(Kind::Grant, second) >= before);
    drop(waiting);
}

/// The owner of a mutex overwrites the stamp of its last coming or going, whoever goes meanwhile.
#[test]
fn a_grant_comes_after_the_cancellation_of_whoever_stood_before_it() {
    use Kind::{Acquire, Cancel, Grant, Release, Wait};

    let (told, recorder) = (Arc::default(), Recorder::program());
    recorder.attach(Told(Arc::clone(&told)));
    let lock = recorder.add_lock("m", LockKind::TokioMutex);
    let tap = Arc::new(Tap::new(&recorder, lock, LockKind::TokioMutex));
    let late: Arc<Mutex<Option<Waker>>> = Arc::default();
    let wait = || {
        let keep = Arc::clone(&late);
        acquire(&tap, Mode::Exclusive, Budget::Last, || {
            poll_fn(move |cx| {
                *locked(&keep) = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        })
    };
    let owner = tap.attempt(Mode::Exclusive, || Ok::<(), ()>(())).unwrap().1;
    let (mut first, mut second) = (Box::pin(wait()), Box::pin(wait()));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    tap.release(owner);
    let released = tap.last.load(Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(move || drop(first));
    });
    tap.last.store(released, Ordering::Relaxed);
    locked(&late).take().unwrap().wake();
    drop(second);
    recorder.flush();
    let kinds: Vec<_> =
        locked(&told).iter().map(|event| event.kind()).filter(|kind| kind.has_lock()).collect();
    assert_eq!(kinds, [Acquire, Wait, Wait, Release, Cancel, Grant, Cancel]);
}

#[test]
fn a_poll_between_the_hand_over_and_the_wake_tells_the_grant() {
    let (names, tap) = tap();
    let late: Arc<Mutex<Option<Waker>>> = Arc::default();
    let keep = Arc::clone(&late);
    let mut polled = false;
    let mut future = Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || {
        poll_fn(move |cx| {
            *locked(&keep) = Some(cx.waker().clone());
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
    }));
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    let waker = locked(&late).take();
    waker.into_iter().for_each(Waker::wake);
    assert_eq!(*locked(&names), ["wait", "grant", "acquire"]);
}

#[test]
fn a_wake_that_comes_after_the_cancellation_tells_nothing() {
    let (names, tap) = tap();
    let late: Arc<Mutex<Option<Waker>>> = Arc::default();
    let keep = Arc::clone(&late);
    let mut future = Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || {
        poll_fn(move |cx| {
            *locked(&keep) = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    }));
    assert!(poll(&mut future).is_pending());
    drop(future);
    let waker = locked(&late).take();
    waker.into_iter().for_each(Waker::wake);
    assert_eq!(*locked(&names), ["wait", "cancel"]);
}

#[test]
fn a_first_poll_that_panics_tells_nothing() {
    let (names, tap) = tap();
    let mut future =
        Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || steps(vec![|_| panic!("on purpose")])));
    let poll = std::panic::AssertUnwindSafe(|| poll(&mut future).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    drop(future);
    assert!(locked(&names).is_empty());
}

/// A release that comes while an operation is between the queue and the record of its `Wait` is
/// recorded after it. Without that this test could pass, but rarely would.
#[test]
fn a_release_does_not_come_between_the_queue_and_the_record_of_it() {
    let (names, tap) = tap();
    let (op, actor) = (tap.recorder.next_op(), Actor { task: TaskId(0), step: None });
    tap.recorder.record(actor, What::Acquire { lock: tap.lock, op, mode: Mode::Exclusive });
    let held = Held::recorded(Arc::clone(&tap), op);
    let (send, go) = mpsc::channel();
    let releaser = thread::spawn(move || {
        go.recv().unwrap();
        drop(held);
    });
    let mut future = Box::pin(acquire(&tap, Mode::Exclusive, Budget::Last, || {
        poll_fn(|_| {
            send.send(()).unwrap();
            (0..1_000).for_each(|_| thread::yield_now());
            Poll::<()>::Pending
        })
    }));
    assert!(poll(&mut future).is_pending());
    releaser.join().unwrap();
    assert_eq!(*locked(&names), ["acquire", "wait", "release"]);
}

/// The same of a try: who comes while it is under way is recorded after it.
#[test]
fn a_wait_does_not_come_between_a_try_and_the_record_of_it() {
    let (names, tap) = tap();
    let (send, go) = mpsc::channel();
    let other = Arc::clone(&tap);
    let waiter = thread::spawn(move || {
        go.recv().unwrap();
        let mut future = Box::pin(acquire(&other, Mode::Exclusive, Budget::Last, std::future::pending::<()>));
        assert!(poll(&mut future).is_pending());
    });
    let tried = tap.attempt(Mode::Exclusive, || {
        send.send(()).unwrap();
        (0..1_000).for_each(|_| thread::yield_now());
        Ok::<(), ()>(())
    });
    waiter.join().unwrap();
    assert!(tried.is_ok());
    assert_eq!(*locked(&names), ["acquire", "wait", "cancel"]);
}
