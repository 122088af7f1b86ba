//! Every family of locks and every cause of a deadlock, from hand-made events: the state, the story, the
//! reasons.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/scenes.rs"]
mod scenes;

use lockscope::event::{Event, LockId, LockKind, Mode, OpId, Outcome, TaskId, Time, What};
use lockscope::trace::compare::{Comparison, Variant};
use lockscope::trace::{
    Cause, Fate, Look, Noted, Passed, Stage, Trace, json_end_line, json_line, story, text, why,
};
use scenes::{EXCLUSIVE, SHARED, Tale, tale};

const ONE: Mode = Mode::Permits(1);
const TWO: Mode = Mode::Permits(2);

/// The sentence at the end, and its time.
fn said(trace: &Trace) -> String {
    why::sentence(trace, trace.len()).unwrap().text
}

/// The words of the last row.
fn row(trace: &Trace) -> String {
    story::rows(trace, 0, trace.len()).pop().unwrap().text
}

/// Who owns the only lock at the end.
fn owners(trace: &Trace) -> Vec<u32> {
    trace.state(trace.len()).locks[0].owners().map(|place| place.task.0).collect()
}

/// How the last handoff came about.
fn passed(trace: &Trace) -> Option<Passed> {
    Some(trace.handoffs(trace.len()).last()?.from(trace.len())?.how)
}

fn deadlock(tale: Tale) -> Trace {
    let trace = tale.ends(Outcome::Deadlock);
    assert!(said(&trace).starts_with("Deadlock, a "), "{}", said(&trace));
    trace
}

fn cause(trace: &Trace) -> Cause {
    trace.deadlock().unwrap().cause
}

#[test]
fn readers_share_and_the_writer_keeps_later_ones_out() {
    let trace = scenes::readers().trace();
    assert_eq!(owners(&trace), [0, 1]);
    assert_eq!(row(&trace), "waits to read #3");
    assert_eq!(
        said(&trace),
        "R4 waits behind W, although only readers hold db: a writer who waits lets no later reader in."
    );
    // What it says of how things stand before any of that.
    let moment = 10;
    assert_eq!(
        why::sentence(&trace, moment).unwrap().text,
        "R1 and R2 hold db to read, the first since 0 ms. W waits since 50 ms: first in the queue."
    );
    assert_eq!(
        why::of_task(&trace, &trace.state(trace.len()), TaskId(3)),
        "R3 waits for db to read since 60 ms, #2 in the queue; behind W, though there would be enough for it."
    );
    let of_lock = why::of_lock(&trace, &trace.state(trace.len()), LockId(0));
    assert_eq!(
        of_lock,
        "db (tokio::sync::RwLock, FIFO) is held by R1 and R2, the first since 0 ms; queue: W since 50 ms, R3 since 60 ms, \
         R4 since 70 ms; 0 handoffs."
    );
}

#[test]
fn readers_that_one_release_lets_in_are_told_together() {
    let trace = scenes::readers_together().trace();
    assert_eq!(owners(&trace), [3, 4]);
    assert_eq!(
        said(&trace),
        "R3 and R4 got it together: first in the queue since 120 ms, R3 waiting since 60 ms, R4 since 70 ms, and \
         readers share it."
    );
    // Right after the grants nobody has run.
    let grant = trace.handoffs(trace.len()).last().unwrap().seq;
    let told = why::sentence(&trace, grant).unwrap().text;
    assert!(told.starts_with("Granted to R3 and R4 together: first in the queue"), "{told}");
    // The first of them is not the last handoff, and its fate is known all the same.
    let fates: Vec<Fate> =
        trace.handoffs(trace.len()).iter().map(|handoff| handoff.fate(trace.len())).collect();
    assert_eq!(fates, [Fate::Ran; 3]);
    // A tenure names the group.
    let tenure = trace.tenures(LockId(0), trace.len()).last().unwrap();
    assert_eq!(tenure.owners.named().collect::<Vec<_>>(), [TaskId(3), TaskId(4)]);
    assert!(!tenure.granted);
    insta::assert_snapshot!("readers", text::sequence_diagram(&trace));
}

#[test]
fn a_writer_who_gives_up_lets_the_readers_behind_it_in() {
    let trace = scenes::readers()
        .at(90)
        .does("W", What::Timeout)
        .cancels("W", "db", 3)
        .granted("R3", "db", 4, SHARED)
        .granted("R4", "db", 5, SHARED)
        .trace();
    assert_eq!(passed(&trace), Some(Passed::GaveWay));
    assert_eq!(
        said(&trace),
        "Granted to R3 and R4 together: first in the queue since 90 ms, R3 waiting since 60 ms, R4 since 70 ms, and \
         readers share it. W, who was ahead, gave up at 90 ms."
    );
    let before = why::sentence(&trace, trace.len() - 2).unwrap().text;
    assert_eq!(before, "W gave up its place (#1) after 40 ms: its time was up.");
    let rows = story::rows(&trace, 0, trace.len());
    assert_eq!(rows[rows.len() - 2].handoff, Some((TaskId(3), "granted")));
    // Of a mutex nobody is let in by that.
    let mutex = tale(&["A", "B", "C"], &[("db", LockKind::TokioMutex, None)])
        .acquires("A", "db", 1, EXCLUSIVE)
        .waits("B", "db", 2, EXCLUSIVE)
        .waits("C", "db", 3, EXCLUSIVE)
        .cancels("B", "db", 2)
        .trace();
    assert_eq!(mutex.state(mutex.len()).locks[0].freed, None);
    assert_eq!(said(&mutex), "B gave up its place (#1) after 0 ms: its future was dropped.");
}

#[test]
fn who_needs_more_permits_stands_in_the_way_of_who_needs_fewer() {
    let trace = scenes::permits().trace();
    let lock = &trace.state(trace.len()).locks[0];
    assert_eq!(
        (lock.free(), lock.lacks(lock.queue.nth(0).unwrap()), lock.lacks(lock.queue.nth(1).unwrap())),
        (Some(1), Some(1), Some(0))
    );
    assert_eq!(row(&trace), "waits for 1 permit #2");
    assert_eq!(said(&trace), "C needs 2 permits and lacks 1: D, which needs 1, waits behind it.");
    assert_eq!(
        why::sentence(&trace, trace.len() - 1).unwrap().text,
        "A and B hold 2 of 3 permits of slots since 0 ms. C waits for 2 permits since 30 ms, lacking 1."
    );
    let trace = scenes::permits()
        .at(100)
        .wakes("A")
        .releases("A", "slots", 1)
        .granted("C", "slots", 3, TWO)
        .acquires("C", "slots", 3, TWO)
        .trace();
    assert_eq!(said(&trace), "C got 2 permits: first in the queue since 30 ms.");
    assert_eq!(row(&trace), "acquires 2 permits");
}

#[test]
fn permits_that_are_added_let_in_as_many_as_they_do_for() {
    let trace = scenes::permits()
        .at(60)
        .adds("A", "slots", 2)
        .granted("C", "slots", 3, TWO)
        .granted("D", "slots", 4, ONE)
        .trace();
    assert_eq!(trace.state(trace.len()).locks[0].free(), Some(0));
    assert_eq!(
        said(&trace),
        "Granted to C and D together: C first in the queue since 30 ms, D waiting since 40 ms, and there is enough \
         for all. A added 2 permits."
    );
}

#[test]
fn a_notification_is_heard_stored_or_lost() {
    let bell = || tale(&["A", "B", "C"], &[("bell", LockKind::TokioNotify, None)]);
    let waiting = || bell().waits("B", "bell", 1, Mode::Signal).waits("C", "bell", 2, Mode::Signal).at(9);

    let all = waiting()
        .notifies("A", "bell", true)
        .granted("B", "bell", 1, Mode::Signal)
        .granted("C", "bell", 2, Mode::Signal)
        .hears("B", "bell", 1);
    let trace = all.trace();
    assert_eq!(said(&trace), "A notified all who waited: B and C.");
    assert_eq!(passed(&trace), Some(Passed::Notified { all: true }));
    assert_eq!(owners(&trace), [] as [u32; 0]);
    assert_eq!(trace.lane(TaskId(1), trace.len()).last().unwrap().look, Look::Idle);
    assert_eq!(trace.lane(TaskId(2), trace.len()).last().unwrap().look, Look::Granted);
    assert!(trace.tenures(LockId(0), trace.len()).is_empty());

    let one = waiting().notifies("A", "bell", false).granted("B", "bell", 1, Mode::Signal).trace();
    assert_eq!(said(&one), "A notified one: B, first in the queue since 0 ms. It has not run yet.");

    // Who was notified and is dropped passes it on to the next, or it is stored.
    let passed_on = waiting()
        .notifies("A", "bell", false)
        .granted("B", "bell", 1, Mode::Signal)
        .cancels("B", "bell", 1)
        .granted("C", "bell", 2, Mode::Signal)
        .cancels("C", "bell", 2)
        .trace();
    assert_eq!(passed(&passed_on), Some(Passed::Cancelled));
    assert!(passed_on.state(passed_on.len()).locks[0].stored);

    let stored = || bell().notifies("A", "bell", false);
    assert_eq!(
        said(&stored().trace()),
        "A notified one while nobody was waiting: it is stored for whoever asks next."
    );
    let lock = |trace: &Trace| {
        let lock = &trace.state(trace.len()).locks[0];
        (lock.stored, lock.lost)
    };
    assert_eq!(lock(&stored().trace()), (true, 0));
    assert_eq!(lock(&stored().notifies("A", "bell", false).trace()), (true, 1));
    assert_eq!(lock(&stored().notifies("A", "bell", true).trace()), (true, 1));
    let heard = stored().hears("B", "bell", 1).trace();
    assert_eq!((lock(&heard), row(&heard)), ((false, 0), "goes on, notified".to_owned()));
    let lost = bell().notifies("A", "bell", true).trace();
    assert_eq!((lock(&lost), row(&lost)), ((false, 1), "notifies all: lost".to_owned()));
    assert_eq!(said(&lost), "A notified all, but nobody was waiting: lost.");
}

#[test]
fn a_message_wakes_its_receiver_before_or_after_it_is_on_record() {
    let waiting =
        || tale(&["P", "C"], &[("ch", LockKind::TokioMpsc, None)]).waits("C", "ch", 1, Mode::Message).at(5);
    let after = waiting().sends("P", "ch", 2, 7).granted("C", "ch", 1, Mode::Message);
    let before = waiting().granted("C", "ch", 1, Mode::Message).sends("P", "ch", 2, 7);
    for tale in [after, before] {
        let trace = tale.receives("C", "ch", 1, Some(7)).trace();
        assert_eq!(passed(&trace), Some(Passed::Sent));
        assert_eq!(said(&trace), "C, waiting since 0 ms, got its message: P sent a message.");
        let rows = story::rows(&trace, 0, trace.len());
        let sent = rows.iter().find(|row| row.text == "sends 7").unwrap();
        assert_eq!(sent.handoff, Some((TaskId(1), "woken")), "{rows:?}");
        let told: u64 = rows.iter().map(|row| row.last - row.seq + 1).sum();
        assert_eq!(told, trace.len());
        assert_eq!(trace.state(trace.len()).locks[0].messages, 0);
        assert_eq!(trace.lane(TaskId(1), trace.len()).last().unwrap().look, Look::Idle);
    }
    // The end of all senders is no message.
    let trace = waiting().granted("C", "ch", 1, Mode::Message).receives("C", "ch", 1, None).trace();
    assert_eq!(passed(&trace), None);
    assert_eq!(row(&trace), "receives None");
}

#[test]
fn who_sends_into_a_full_channel_waits_for_room() {
    let trace = tale(&["P", "C"], &[("ch", LockKind::TokioMpsc, Some(1))])
        .sends("P", "ch", 1, 1)
        .waits("P", "ch", 2, Mode::Room)
        .at(30)
        .granted("P", "ch", 2, Mode::Room)
        .receives("C", "ch", 3, Some(1))
        .sends("P", "ch", 2, 2)
        .trace();
    assert_eq!(said(&trace), "P, waiting since 0 ms, had room: C took a message out, which made room.");
    assert_eq!(trace.state(trace.len()).locks[0].messages, 1);
    assert_eq!(why::sentence(&trace, 4).unwrap().text, "P waits for room in ch since 0 ms.");
}

#[test]
fn who_is_woken_by_an_unfair_lock_owns_nothing() {
    let trace = scenes::barging().trace();
    // The first release, what it wakes, and who is quicker.
    let woken = trace.handoffs(trace.len()).get(0).unwrap();
    assert!(!woken.owns);
    let at = |moment: u64| trace.state(moment).into_owned();
    let state = at(woken.seq);
    assert_eq!((state.locks[0].owner(), state.locks[0].queue.len()), (None, 1));
    assert_eq!(state.tasks[1].claims[0].stage, Stage::Woken);
    assert_eq!(state.tasks[1].look().0, Look::Granted);
    assert_eq!(woken.fate(woken.seq), Fate::Granted);
    assert_eq!(
        why::sentence(&trace, woken.seq).unwrap().text,
        "The writer, waiting since 20 ms, was woken. Nothing is reserved for it: it may only try."
    );
    assert_eq!(
        why::sentence(&trace, woken.seq + 1).unwrap().text,
        "The reader took it again: it was running, and nothing reserves the lock for the writer, who waits since \
         20 ms, was woken, but has not run."
    );
    assert_eq!(woken.fate(trace.len()), Fate::Beaten);
    // It waits once more, in its old place.
    let last = at(trace.len());
    assert_eq!(last.tasks[1].claims[0].stage, Stage::Waiting);
    let first = last.locks[0].queue.front().unwrap();
    assert_eq!((first.since, first.overtaken), (Time::from_millis(20), 2));
    assert_eq!((last.locks[0].barged, last.locks[0].handoffs), (2, 0));
    assert!(said(&trace).ends_with(" who waits since 20 ms, overtaken 2 times by now."), "{}", said(&trace));
    insta::assert_snapshot!("barging", text::sequence_diagram(&trace));
    // In the end it gets it.
    let trace = scenes::barging()
        .at(300)
        .wakes("reader")
        .releases("reader", "db", 4)
        .granted("writer", "db", 2, EXCLUSIVE)
        .does("reader", What::Finish)
        .acquires("writer", "db", 2, EXCLUSIVE)
        .trace();
    assert_eq!(
        said(&trace),
        "The writer got it: woken at 300 ms, waiting since 20 ms. It had been overtaken 2 times."
    );
}

#[test]
fn who_goes_ahead_of_others_is_known_without_any_grant() {
    let trace = tale(&["A", "B", "W"], &[("db", LockKind::StdRwLock, None)])
        .acquires("A", "db", 1, EXCLUSIVE)
        .at(5)
        .waits("W", "db", 2, EXCLUSIVE)
        .at(6)
        .waits("B", "db", 3, SHARED)
        .at(9)
        .releases("A", "db", 1)
        .acquires("B", "db", 3, SHARED)
        .at(12)
        .releases("B", "db", 3)
        .acquires("W", "db", 2, EXCLUSIVE)
        .trace();
    let barged = trace.notes(trace.len()).iter().find(|note| matches!(note.what, Noted::Barged { .. }));
    let event = trace.event(barged.unwrap().seq).unwrap();
    let told = story::tell(&event, &trace.state(event.seq), trace.names());
    assert_eq!(told.0, "reads, ahead of W");
    assert_eq!(
        why::sentence(&trace, event.seq).unwrap().text,
        "B took it: it was free just then, and nothing reserves the lock for W, who waits since 5 ms."
    );
    assert_eq!(
        said(&trace),
        "W got it after 7 ms: it was the quickest when the lock was free. It had been overtaken once."
    );
    // While it waited its thread stood still.
    assert_eq!(trace.lane(TaskId(2), 5).last().unwrap().look, Look::Blocked);
    // Readers beside each other go ahead of nobody.
    let beside = tale(&["A", "B", "C"], &[("db", LockKind::AsyncLockRwLock, None)])
        .acquires("A", "db", 1, EXCLUSIVE)
        .waits("B", "db", 2, SHARED)
        .waits("C", "db", 3, SHARED)
        .releases("A", "db", 1)
        .granted("B", "db", 2, SHARED)
        .granted("C", "db", 3, SHARED)
        .acquires("C", "db", 3, SHARED)
        .trace();
    assert_eq!(beside.state(beside.len()).locks[0].barged, 0);
}

#[test]
fn why_somebody_gave_up_is_what_its_task_did_before() {
    let waiting = || {
        tale(&["A", "B"], &[("db", LockKind::TokioMutex, None)])
            .acquires("A", "db", 1, EXCLUSIVE)
            .waits("B", "db", 2, EXCLUSIVE)
            .at(400)
    };
    let selected = waiting().does("B", What::Select { arm: 2 }).cancels("B", "db", 2).trace();
    assert_eq!(
        said(&selected),
        "B gave up its place (#1) after 400 ms: another arm of its select! was quicker."
    );
    let granted = waiting()
        .releases("A", "db", 1)
        .granted("B", "db", 2, EXCLUSIVE)
        .does("B", What::Timeout)
        .cancels("B", "db", 2)
        .trace();
    assert_eq!(
        said(&granted),
        "B was granted db at 400 ms, and was cancelled before it ran: its time was up."
    );
    assert_eq!(owners(&granted), [] as [u32; 0]);
}

#[test]
fn a_task_whose_other_arm_sleeps_runs_when_it_acts() {
    let trace = tale(&["A"], &[("db", LockKind::TokioMutex, None)])
        .sleeps("A", 500)
        .acquires("A", "db", 1, EXCLUSIVE)
        .does("A", What::Select { arm: 1 })
        .trace();
    assert_eq!(trace.lane(TaskId(0), trace.len()).last().unwrap().look, Look::Holding);
}

#[test]
fn a_futurelock_is_a_grant_that_nobody_polls() {
    let trace = deadlock(scenes::futurelock());
    assert_eq!(cause(&trace), Cause::Futurelock);
    assert_eq!(
        said(&trace),
        "Deadlock, a futurelock: main waits for db, which was granted to its own earlier future at 5000 ms: \
         select! does not poll that one any more, so nobody can let go."
    );
    // The same, seen from another task; whoever has it unpolled waits elsewhere.
    let elsewhere = deadlock(
        tale(
            &["bg", "main", "third"],
            &[("db", LockKind::TokioMutex, None), ("n", LockKind::TokioNotify, None)],
        )
        .acquires("bg", "db", 1, EXCLUSIVE)
        .waits("main", "db", 2, EXCLUSIVE)
        .does("main", What::Select { arm: 2 })
        .waits("main", "n", 3, Mode::Signal)
        .at(50)
        .waits("third", "db", 4, EXCLUSIVE)
        .releases("bg", "db", 1)
        .granted("main", "db", 2, EXCLUSIVE)
        .does("bg", What::Finish),
    );
    assert_eq!(cause(&elsewhere), Cause::Futurelock);
    assert_eq!(
        said(&elsewhere),
        "Deadlock, a futurelock: third waits for db, which was granted to a future of main at 50 ms: select! does \
         not poll that one any more, so nobody can let go. Stuck behind: main waits for n."
    );
    // An unfair lock offers itself to a future that does not try.
    let offered = deadlock(
        tale(&["bg", "main"], &[("db", LockKind::FuturesMutex, None)])
            .acquires("bg", "db", 1, EXCLUSIVE)
            .waits("main", "db", 2, EXCLUSIVE)
            .does("main", What::Select { arm: 2 })
            .waits("main", "db", 3, EXCLUSIVE)
            .releases("bg", "db", 1)
            .granted("main", "db", 2, EXCLUSIVE)
            .does("bg", What::Finish),
    );
    assert_eq!(cause(&offered), Cause::Futurelock);
    assert!(said(&offered).contains("which was offered to its own earlier future"), "{}", said(&offered));
}

#[test]
fn a_recursive_read_waits_behind_the_writer_who_waits_for_it() {
    for kind in [LockKind::TokioRwLock, LockKind::StdRwLock, LockKind::ParkingLotRwLock] {
        let trace = deadlock(
            tale(&["R", "W", "X"], &[("db", kind, None)])
                .acquires("R", "db", 1, SHARED)
                .waits("W", "db", 2, EXCLUSIVE)
                .waits("X", "db", 3, SHARED)
                .waits("R", "db", 4, SHARED),
        );
        assert_eq!(cause(&trace), Cause::RecursiveRead, "{kind:?}");
        assert_eq!(
            said(&trace),
            "Deadlock, a recursive read: R reads db and waits to read it once more, behind W; W waits to write \
             until R lets go of its first share. Stuck behind: X waits for db, behind W."
        );
    }
}

#[test]
fn whoever_asks_to_write_what_it_reads_waits_for_itself() {
    let trace = deadlock(
        tale(&["R"], &[("db", LockKind::TokioRwLock, None)])
            .acquires("R", "db", 1, SHARED)
            .waits("R", "db", 2, EXCLUSIVE),
    );
    assert_eq!(cause(&trace), Cause::SelfLock);
}

#[test]
fn a_blocked_thread_is_the_cause_where_the_owner_could_run() {
    let trace = deadlock(scenes::blocked_thread());
    assert_eq!(cause(&trace), Cause::BlockedThread);
    assert_eq!(
        said(&trace),
        "Deadlock, a blocked thread: the writer blocks the only thread until it gets db; the reader, who holds it, \
         can never run again there to let go."
    );
    // Who waits for itself needs no thread for that, and who waits for each other neither.
    let itself = deadlock(
        tale(&["t"], &[("db", LockKind::StdMutex, None)])
            .acquires("t", "db", 1, EXCLUSIVE)
            .waits("t", "db", 2, EXCLUSIVE),
    );
    assert_eq!(cause(&itself), Cause::SelfLock);
    let each_other = deadlock(
        tale(&["A", "B"], &[("x", LockKind::StdMutex, None), ("y", LockKind::StdMutex, None)])
            .acquires("A", "x", 1, EXCLUSIVE)
            .acquires("B", "y", 2, EXCLUSIVE)
            .waits("A", "y", 3, EXCLUSIVE)
            .waits("B", "x", 4, EXCLUSIVE),
    );
    assert_eq!(cause(&each_other), Cause::Cycle);
    // A thread that is blocked through the lock of a task that waits for somebody asleep.
    let chain = deadlock(
        tale(&["A", "B", "C"], &[("x", LockKind::StdMutex, None), ("y", LockKind::TokioMutex, None)])
            .acquires("C", "y", 1, EXCLUSIVE)
            .sleeps("C", 99)
            .acquires("B", "x", 2, EXCLUSIVE)
            .waits("B", "y", 3, EXCLUSIVE)
            .waits("A", "x", 4, EXCLUSIVE),
    );
    assert_eq!(cause(&chain), Cause::BlockedThread);
    assert!(said(&chain).ends_with("Stuck behind: B waits for y, held by C."), "{}", said(&chain));
}

#[test]
fn a_missed_notification_is_what_nobody_is_left_to_give() {
    let trace = deadlock(scenes::lost_notification());
    assert_eq!(cause(&trace), Cause::MissedNotification);
    assert_eq!(
        said(&trace),
        "Deadlock, a missed notification: B waits for a notification of bell, and nobody is left to notify; A had \
         notified at 10 ms, when nobody waited."
    );
    assert_eq!(
        json_end_line(trace.end().unwrap(), Some(cause(&trace)), 0),
        r#"{"event":"end","ns":50000000,"outcome":"deadlock","cause":"missed-notification"}"#
    );
    for (mode, kind, words) in [
        (Mode::Message, LockKind::TokioMpsc, "a message in x, and nobody is left to send one"),
        (Mode::Room, LockKind::TokioMpsc, "room in x, and nobody is left to receive"),
        (TWO, LockKind::TokioSemaphore, "2 permits of x, and nobody is left to add any"),
    ] {
        let trace = deadlock(tale(&["t"], &[("x", kind, Some(1))]).waits("t", "x", 1, mode));
        assert_eq!(cause(&trace), Cause::MissedNotification);
        assert!(said(&trace).contains(words), "{}", said(&trace));
    }
    // Beside a ring it is no cause: whoever would notify may be in it.
    let beside = deadlock(
        tale(&["A", "B"], &[("x", LockKind::TokioMutex, None), ("n", LockKind::TokioNotify, None)])
            .waits("A", "n", 1, Mode::Signal)
            .acquires("B", "x", 2, EXCLUSIVE)
            .waits("B", "x", 3, EXCLUSIVE),
    );
    assert_eq!(
        said(&beside),
        "Deadlock, a self-lock: B waits for x, which it holds itself. Stuck behind: A waits for n."
    );
}

#[test]
fn who_share_permits_out_and_all_want_more_wait_for_each_other() {
    let trace = deadlock(
        tale(&["A", "B", "C"], &[("s", LockKind::TokioSemaphore, Some(2))])
            .acquires("A", "s", 1, ONE)
            .acquires("B", "s", 2, ONE)
            .waits("C", "s", 3, ONE)
            .waits("A", "s", 4, ONE)
            .waits("B", "s", 5, ONE),
    );
    assert_eq!(cause(&trace), Cause::Cycle);
    assert_eq!(
        said(&trace),
        "Deadlock, a cycle: A holds s and waits for s; B holds s and waits for s. Stuck behind: C waits for s, held \
         by A."
    );
    let alone = deadlock(
        tale(&["A"], &[("s", LockKind::TokioSemaphore, Some(1))])
            .acquires("A", "s", 1, ONE)
            .waits("A", "s", 2, ONE),
    );
    assert_eq!(cause(&alone), Cause::SelfLock);
    // Through another lock: one of the owners waits for what the other has.
    let through = deadlock(
        tale(&["A", "B"], &[("s", LockKind::TokioSemaphore, Some(2)), ("m", LockKind::TokioMutex, None)])
            .acquires("A", "s", 1, ONE)
            .acquires("B", "s", 2, ONE)
            .acquires("A", "m", 3, EXCLUSIVE)
            .waits("B", "m", 4, EXCLUSIVE)
            .waits("A", "s", 5, ONE),
    );
    assert_eq!(cause(&through), Cause::Cycle);
}

#[test]
fn ten_thousand_who_wait_for_ten_thousand_are_told_of_at_once() {
    let names: Vec<String> = (0..10_000).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut all = tale(&names, &[("db", LockKind::TokioRwLock, None)]);
    for (op, name) in (1..).zip(&names) {
        all = all.acquires(name, "db", op, SHARED);
    }
    for (op, name) in (10_001..).zip(&names) {
        all = all.waits(name, "db", op, EXCLUSIVE);
    }
    let trace = deadlock(all);
    assert_eq!(cause(&trace), Cause::SelfLock);
    assert_eq!(trace.deadlock().unwrap().waits().count(), 10_000);
    let tenure = trace.tenures(LockId(0), trace.len()).last().unwrap();
    assert_eq!((tenure.owners.named().count(), tenure.owners.more), (4, 9_996));

    let mut all = tale(&names[..1000], &[("s", LockKind::TokioSemaphore, Some(1000))]);
    for (op, name) in (1..).zip(&names[..1000]) {
        all = all.acquires(name, "s", op, ONE);
    }
    for (op, name) in (1001..).zip(&names[..1000]) {
        all = all.waits(name, "s", op, ONE);
    }
    let trace = deadlock(all);
    assert_eq!(cause(&trace), Cause::Cycle);
    assert_eq!(trace.deadlock().unwrap().rings[0].waits.len(), 1000);
}

#[test]
fn events_as_json_say_what_was_asked_for() {
    let trace = tale(
        &["A"],
        &[
            ("m", LockKind::TokioMutex, None),
            ("rw", LockKind::TokioRwLock, None),
            ("s", LockKind::TokioSemaphore, Some(3)),
            ("n", LockKind::TokioNotify, None),
            ("ch", LockKind::TokioMpsc, None),
        ],
    )
    .acquires("A", "m", 1, EXCLUSIVE)
    .acquires("A", "rw", 2, SHARED)
    .waits("A", "s", 3, TWO)
    .adds("A", "s", 4)
    .notifies("A", "n", false)
    .sends("A", "ch", 5, 7)
    .receives("A", "ch", 6, None)
    .does("A", What::Select { arm: 2 })
    .does("A", What::Timeout)
    .trace();
    let line = |event: Event| json_line(trace.names(), &event);
    insta::assert_snapshot!("json", trace.events().iter().map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_an_operation_is_follows_its_lock() {
    // A grant out of nowhere, of a lock that hands nothing over: woken, and last in the queue.
    let (lock, op) = (LockId(0), OpId(9));
    let trace = tale(&["A"], &[("db", LockKind::AsyncLockMutex, None)])
        .does("A", What::Grant { lock, op, mode: EXCLUSIVE })
        .trace();
    let state = trace.state(trace.len());
    assert_eq!((state.tasks[0].claims[0].stage, state.locks[0].queue.len()), (Stage::Woken, 1));
    assert!(trace.handoffs(trace.len()).is_empty());
}

#[test]
fn a_writer_who_keeps_a_share_lets_the_readers_in() {
    let trace = tale(&["W", "R1", "R2"], &[("db", LockKind::TokioRwLock, None)])
        .acquires("W", "db", 1, EXCLUSIVE)
        .at(10)
        .waits("R1", "db", 2, SHARED)
        .waits("R2", "db", 3, SHARED)
        .at(20)
        .acquires("W", "db", 1, SHARED)
        .granted("R1", "db", 2, SHARED)
        .granted("R2", "db", 3, SHARED)
        .acquires("R1", "db", 2, SHARED)
        .acquires("R2", "db", 3, SHARED)
        .trace();
    assert_eq!(owners(&trace), [0, 1, 2]);
    let state = trace.state(trace.len());
    let (place, claims) = (*state.locks[0].holders.front().unwrap(), &state.tasks[0].claims);
    assert_eq!((place.mode, place.since), (SHARED, Time::ZERO));
    assert_eq!((claims.len(), claims[0].mode, claims[0].since), (1, SHARED, Time::ZERO));
    assert_eq!(passed(&trace), Some(Passed::Shared));
    assert_eq!(
        said(&trace),
        "R1 and R2 got it together: first in the queue since 10 ms, and readers share it. W keeps only a part \
         of it."
    );
    let rows = story::rows(&trace, 0, trace.len());
    assert!(rows.iter().any(|row| row.text == "keeps a share"), "{rows:?}");
    // It is no acquisition of its own.
    let runs = Comparison::of(vec![Variant { name: "it".into(), trace, exact: true }]);
    assert_eq!(runs.order(0, LockId(0)).len(), 3);
}

#[test]
fn permits_that_are_given_back_in_parts_or_forgotten() {
    let trace = || {
        tale(&["A", "B"], &[("slots", LockKind::TokioSemaphore, Some(3))])
            .acquires("A", "slots", 1, Mode::Permits(3))
            .waits("B", "slots", 2, ONE)
    };
    let parts = trace().at(5).acquires("B", "slots", 1, ONE).trace();
    let state = parts.state(parts.len());
    assert_eq!((state.locks[0].free(), owners(&parts)), (Some(2), vec![0]), "whoever drops it, it is A's");
    assert_eq!(row(&parts), "keeps 1 permit");
    let forgotten =
        trace().does("A", What::ForgetPermits { lock: LockId(0), permits: 3 }).releases("A", "slots", 1);
    let forgotten = forgotten.trace();
    let lock = &forgotten.state(forgotten.len()).locks[0];
    assert_eq!((lock.permits, lock.free(), lock.heir()), (Some(0), Some(0), None));
    let told = story::rows(&forgotten, 0, forgotten.len() - 1).pop().unwrap();
    assert_eq!(told.text, "forgets 3 permits");
    assert!(
        json_line(forgotten.names(), &forgotten.event(5).unwrap())
            .contains(r#""event":"forget_permits","lock":"slots","permits":3"#)
    );
}
