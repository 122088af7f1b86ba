//! The layer beside the instrumented locks: the same programs, the same order of events. Needs tokio's words:
//! `RUSTFLAGS="--cfg tokio_unstable" cargo test --manifest-path tests/tokio_unstable/Cargo.toml`.

#![cfg(all(tokio_unstable, feature = "tokio-tracing"))]
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex};

use lockscope::event::{Event, Mode, Names, OpId, What};
use lockscope::layer;
use lockscope::sync::{Clock, Recorder};
use tracing_subscriber::layer::SubscriberExt as _;

type Events = Arc<StdMutex<Vec<Event>>>;

fn recorder() -> (Recorder, Events) {
    let events = Events::default();
    let sink = Arc::clone(&events);
    let recorder = Recorder::new(Clock::wall(), move |event| {
        sink.lock().unwrap().push(event);
        true
    });
    (recorder, events)
}

/// What happened to the locks: one line an event, locks and operations numbered as they appear.
fn story(names: &Names, events: &[Event]) -> Vec<String> {
    let (mut locks, mut ops) = (Vec::new(), Vec::new());
    let number = |known: &mut Vec<u64>, id: u64| {
        known.iter().position(|one| *one == id).unwrap_or_else(|| {
            known.push(id);
            known.len() - 1
        })
    };
    let told = events.iter().filter_map(|event| {
        let (lock, op) = event.what.acquisition()?;
        let mode = match event.what {
            What::Wait { mode, .. } | What::Grant { mode, .. } | What::Acquire { mode, .. } => Some(mode),
            _ => None,
        };
        let (lock, op) = (number(&mut locks, lock.0.into()), number(&mut ops, op.0));
        // A second task of a name is told from the first, where both are: `a#2`.
        let task = names.task(event.actor.task).split('#').next()?;
        Some(format!("{task} {} lock {lock} op {op} {mode:?}", event.what.name()))
    });
    told.collect()
}

macro_rules! programs {
    ($module:ident, $($sync:ident)::+, $spawn:expr) => {
        mod $module {
            use std::sync::Arc;
            use std::time::Duration;

            use $($sync)::+::{Mutex, RwLock, RwLockWriteGuard, Semaphore};
            use tokio::task::yield_now;
            use tokio::time::{sleep, timeout};

            fn spawn<F>(name: &'static str, future: F) -> tokio::task::JoinHandle<()>
            where
                F: Future<Output = ()> + Send + 'static,
            {
                $spawn(name, future)
            }

            const MILLI: Duration = Duration::from_millis(1);

            pub async fn lecture() {
                let db = Arc::new(Mutex::new(0));
                let reader = spawn("reader", {
                    let db = Arc::clone(&db);
                    async move {
                        for _ in 0..3 {
                            let data = db.lock().await;
                            sleep(1000 * MILLI).await;
                            drop(data);
                        }
                    }
                });
                let writer = spawn("writer", async move {
                    for _ in 0..4 {
                        sleep(350 * MILLI).await;
                        *db.lock().await += 1;
                    }
                });
                reader.await.unwrap();
                writer.await.unwrap();
            }

            pub async fn cancelled() {
                let db = Arc::new(Mutex::new(0));
                let mut tasks = Vec::new();
                for (name, patience) in [("a", 100), ("b", 2), ("c", 5), ("d", 100), ("e", 100)] {
                    let db = Arc::clone(&db);
                    tasks.push(spawn(name, async move {
                        if let Ok(mut data) = timeout(patience * MILLI, db.lock()).await {
                            *data += 1;
                            sleep(10 * MILLI).await;
                        }
                    }));
                }
                let granted = Arc::clone(&db);
                tasks.push(spawn("granted", async move {
                    sleep(15 * MILLI).await;
                    // Waits, is granted at some moment, and is given up without being polled again.
                    let mut asked = Box::pin(granted.lock_owned());
                    tokio::select! { biased; _ = &mut asked => {}, () = yield_now() => {} }
                    sleep(30 * MILLI).await;
                }));
                for task in tasks {
                    task.await.unwrap();
                }
            }

            pub async fn readers_and_writers() {
                let db = Arc::new(RwLock::new(0));
                let mut tasks = Vec::new();
                for name in ["r1", "r2", "r3"] {
                    let db = Arc::clone(&db);
                    tasks.push(spawn(name, async move {
                        for turn in 0..4 {
                            let data = db.read().await;
                            sleep((7 + turn) * MILLI).await;
                            drop(data);
                        }
                    }));
                }
                for name in ["w1", "w2"] {
                    let db = Arc::clone(&db);
                    tasks.push(spawn(name, async move {
                        for _ in 0..3 {
                            sleep(5 * MILLI).await;
                            *Arc::clone(&db).write_owned().await += 1;
                            if let Ok(mut data) = timeout(MILLI, db.write()).await {
                                *data += 1;
                            }
                        }
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                // Nobody waits: the same acquisition, with less.
                let shared = RwLockWriteGuard::downgrade(db.write().await);
                let more = db.try_read().unwrap();
                drop(more);
                drop(shared);
            }

            pub async fn permits() {
                let slots = Arc::new(Semaphore::new(2));
                let mut tasks = Vec::new();
                for (name, wants) in [("a", 1), ("b", 1), ("c", 2), ("d", 1), ("e", 1)] {
                    let slots = Arc::clone(&slots);
                    tasks.push(spawn(name, async move {
                        for _ in 0..3 {
                            let permit = slots.acquire_many(wants).await.unwrap();
                            sleep(3 * MILLI).await;
                            drop(permit);
                        }
                        if let Ok(permit) = timeout(MILLI, Arc::clone(&slots).acquire_owned()).await {
                            drop(permit.unwrap());
                        }
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                let last = slots.acquire_many(2).await.unwrap();
                let refused = spawn("refused", {
                    let slots = Arc::clone(&slots);
                    async move { assert!(slots.acquire().await.is_err()) }
                });
                yield_now().await;
                slots.close();
                refused.await.unwrap();
                drop(last);
            }

            /// Long enough without waiting that the cooperative budget is used up, also with the lock in hand.
            pub async fn budget() {
                let db = Arc::new(Mutex::new(0));
                let tasks = ["a", "b", "c"].map(|name| {
                    let db = Arc::clone(&db);
                    spawn(name, async move {
                        for _ in 0..300 {
                            *db.lock().await += 1;
                        }
                    })
                });
                for task in tasks {
                    task.await.unwrap();
                }
            }

            pub async fn tried() {
                let (one, two) = (Mutex::new(0), Mutex::new(0));
                let first = one.try_lock().unwrap();
                let second = two.lock().await;
                drop(first);
                let first = one.lock().await;
                drop(second);
                drop(first);
            }

            pub fn run(program: &str) {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
                runtime.block_on(async {
                    match program {
                        "lecture" => lecture().await,
                        "cancelled" => cancelled().await,
                        "readers_and_writers" => readers_and_writers().await,
                        "permits" => permits().await,
                        "budget" => budget().await,
                        "tried" => tried().await,
                        other => panic!("{other}"),
                    }
                });
            }
        }
    };
}

programs!(plain, tokio::sync, |name, future| tokio::task::Builder::new().name(name).spawn(future).unwrap());
programs!(instrumented, lockscope::sync, |name, future| lockscope::task::spawn(name, future));

const PROGRAMS: [&str; 6] = ["lecture", "cancelled", "readers_and_writers", "permits", "budget", "tried"];

/// One after the other: what `tracing` remembers of a place in tokio's source is the process's.
#[test]
fn the_layer_tells_what_happened() {
    plain_locks_tell_what_instrumented_locks_do();
    the_order_recorded_is_the_order_that_happened_on_many_threads();
}

fn plain_locks_tell_what_instrumented_locks_do() {
    let (installed, events) = recorder();
    lockscope::sync::install(installed.clone()).unwrap();
    for program in PROGRAMS {
        instrumented::run(program);
        let expected = story(&installed.names(), &std::mem::take(&mut *events.lock().unwrap()));

        let (recorder, events) = recorder();
        let subscriber = tracing_subscriber::registry().with(layer::tokio_locks(&recorder));
        tracing::subscriber::with_default(subscriber, || plain::run(program));
        let seen = story(&recorder.names(), &events.lock().unwrap());
        assert!(expected.len() > 5, "{program}");
        for (at, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
            assert_eq!(seen, expected, "{program}, event {at}");
        }
        assert_eq!(seen.len(), expected.len(), "{program}");
    }
}

fn the_order_recorded_is_the_order_that_happened_on_many_threads() {
    const TASKS: usize = 8;
    const TURNS: usize = 500;
    let (recorder, events) = recorder();
    let subscriber = tracing_subscriber::registry().with(layer::tokio_locks(&recorder));
    let dispatch = tracing::Dispatch::new(subscriber);
    let each = dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&each)))
        .build()
        .unwrap();
    let order = tracing::dispatcher::with_default(&dispatch, || {
        let order = Arc::new(tokio::sync::Mutex::new(Vec::new()));
        let tasks = std::array::from_fn::<_, TASKS, _>(|me| {
            let order = Arc::clone(&order);
            let task = async move {
                for turn in 0..TURNS {
                    if turn % 5 == 4 {
                        if let Ok(mut order) = order.try_lock() {
                            order.push(me);
                        }
                    } else {
                        order.lock().await.push(me);
                    }
                }
            };
            tokio::task::Builder::new().name(&me.to_string()).spawn_on(task, runtime.handle()).unwrap()
        });
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            order.lock().await.clone()
        })
    });
    drop(runtime);
    let (names, events) = (recorder.names(), events.lock().unwrap());
    let mut owner: Option<OpId> = None;
    let mut granted: Option<OpId> = None;
    let mut acquired = Vec::new();
    let mut last = HashMap::new();
    for event in events.iter() {
        let Some((_, op)) = event.what.acquisition() else { continue };
        last.insert(op, event.what.name());
        match event.what {
            What::Grant { .. } => {
                assert_eq!((owner, granted), (None, None), "handed over while somebody has it");
                granted = Some(op);
            }
            What::Acquire { mode, .. } => {
                assert_eq!(mode, Mode::Exclusive);
                assert_eq!(owner, None, "acquired while somebody has it");
                assert!(granted.take().is_none_or(|granted| granted == op), "it is somebody else's");
                owner = Some(op);
                acquired.push(names.task(event.actor.task).to_owned());
            }
            What::Release { .. } => assert_eq!(owner.take(), Some(op)),
            _ => {}
        }
    }
    assert!(last.values().all(|last| *last == "release"), "every acquisition ends");
    acquired.pop(); // the one that looked at the order
    assert!(acquired.len() >= TASKS * TURNS * 4 / 5);
    assert_eq!(acquired.len(), order.len());
    for (at, (acquired, happened)) in acquired.iter().zip(&order).enumerate() {
        assert_eq!(*acquired, happened.to_string(), "acquisition {at}");
    }
}
