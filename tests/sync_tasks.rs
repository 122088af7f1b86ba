//! Tasks with names. The recorder is installed for the life of the process, so this is a process of its
//! own with one test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::Tape;
use lockscope::sync::Mutex;
use lockscope::task;

impl Tape {
    /// Who did what since `from`.
    fn told(&self, from: usize) -> String {
        let names = self.recorder.names();
        let told: Vec<_> = self.events()[from..]
            .iter()
            .map(|event| format!("{} {}", names.task(event.actor.task), event.what.name()))
            .collect();
        told.join(", ")
    }

    fn len(&self) -> usize {
        self.events().len()
    }
}

#[test]
fn tasks_are_told_by_name_from_their_start_to_their_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Nobody records yet.
    assert_eq!(runtime.block_on(task::named("early", async { 1 })), 1);
    assert_eq!(runtime.block_on(async { task::spawn("early", async { 2 }).await }).unwrap(), 2);
    assert_eq!(runtime.block_on(async { task::spawn_blocking("early", || 3).await }).unwrap(), 3);
    let tape = Tape::new();
    assert!(lockscope::sync::install(tape.recorder.clone()).is_ok());
    let db = Arc::new(Mutex::named("db", 0));
    let adds = |db: &Arc<Mutex<i32>>| {
        let db = Arc::clone(db);
        async move { *db.lock().await += 1 }
    };

    let from = tape.len();
    runtime.block_on(async { task::spawn("writer", adds(&db)).await }).unwrap();
    assert_eq!(tape.told(from), "writer spawn, writer acquire, writer release, writer finish");

    let from = tape.len();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async { task::spawn_local("local", adds(&db)).await })).unwrap();
    assert_eq!(tape.told(from), "local spawn, local acquire, local release, local finish");

    let from = tape.len();
    let other = Arc::clone(&db);
    runtime
        .block_on(async { task::spawn_blocking("blocker", move || *other.blocking_lock() += 1).await })
        .unwrap();
    assert_eq!(tape.told(from), "blocker spawn, blocker acquire, blocker release, blocker finish");

    // Whatever else runs it; one inside of the other.
    let from = tape.len();
    runtime.block_on(task::named("main", async {
        *db.lock().await += 1;
        task::named("inner", adds(&db)).await;
        drop(db.try_lock());
    }));
    assert_eq!(
        tape.told(from),
        "main spawn, main acquire, main release, inner spawn, inner acquire, inner release, inner finish, \
         main acquire, main release, main finish"
    );

    // Aborted, it lets go of what it has and ends.
    let from = tape.len();
    runtime.block_on(async {
        let db = Arc::clone(&db);
        let holder = task::spawn("holder", async move {
            let _guard = db.lock().await;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        holder.abort();
        assert!(holder.await.unwrap_err().is_cancelled());
    });
    assert_eq!(tape.told(from), "holder spawn, holder acquire, holder release, holder finish");

    // So it does where it panics, and where nobody ever polls it. A second `main` is told from the first.
    let from = tape.len();
    runtime.block_on(task::named("main", async {
        let other = Arc::clone(&db);
        let panics = task::spawn("panics", async move {
            let _guard = other.lock().await;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(panics.await.unwrap_err().is_panic());
        let guard = Arc::clone(&db).lock_owned().await;
        drop(task::named("idle", async move { drop(guard) }));
    }));
    assert_eq!(
        tape.told(from),
        "main#2 spawn, panics spawn, panics acquire, panics release, panics finish, main#2 acquire, idle spawn, \
         idle release, idle finish, main#2 finish"
    );

    // A recording that has ended knows nobody new.
    tape.recorder.close();
    let before = tape.recorder.names().tasks.len();
    runtime.block_on(async { task::spawn("late", adds(&db)).await }).unwrap();
    assert_eq!(tape.recorder.names().tasks.len(), before);
}
