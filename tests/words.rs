//! What the sentences, the rows and the marks say: only what is true at their moment, and the word that
//! matters where there is little room.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::sync::Arc;
use std::sync::mpsc::channel;

use lockscope::app;
use lockscope::engine::{self, Options, Stop};
use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Packed, TaskId, Time, What,
};
use lockscope::scenario;
use lockscope::sync::Present;
use lockscope::trace::{End, Noted, Trace, story, text, why};
use lockscope::view::{Playing, Scene, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use scenes::{EXCLUSIVE, SHARED, tale};

fn said(trace: &Trace) -> String {
    why::sentence(trace, trace.len()).unwrap().text
}

/// What an embedded scenario looks like when everything up to this time has happened, or at its end.
fn picture(id: &str, millis: Option<u64>, (width, height): (u16, u16)) -> String {
    look(id, (width, height), |trace, view| {
        let end = trace.end().unwrap().at;
        view.now = millis.map_or(end, Time::from_millis);
        view.moment = trace.moment_at(view.now);
        if millis.is_none() {
            view.playing = Playing::Ended;
        }
    })
}

fn look(id: &str, (width, height): (u16, u16), change: impl FnOnce(&Trace, &mut ViewState)) -> String {
    let plan = Arc::new(scenario::parse(&scenario::find(id).unwrap().source()).unwrap().plan);
    let (send, receive) = channel();
    let sink = move |event| send.send(event).is_ok();
    let end = engine::run(&plan, &Options::default(), sink, &Stop::default()).unwrap();
    let mut trace = Trace::of(plan.names(), receive.iter());
    trace.finish(End { outcome: end.outcome, at: end.at, note: None });
    let horizon = plan.until.map(Into::into);
    let mut view = ViewState { playing: Playing::Paused, horizon, ..ViewState::default() };
    change(&trace, &mut view);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let (code, theme) = (app::listings(&plan), ThemeName::Dark.theme());
    let (title, keys) = (&*plan.title, &app::HINTS[..]);
    Scene { title, trace: &trace, code: &code, keys, view: &view, theme: &theme }.render(area, &mut buffer);
    screen::plain(&buffer)
}

#[track_caller]
fn shows(picture: &str, words: &[&str]) {
    for words in words {
        assert!(picture.contains(words), "{words:?} is not in\n{picture}");
    }
}

#[test]
fn permits_that_are_added_go_to_the_first_and_are_not_lacking() {
    let one = Mode::Permits(1);
    let tale = tale(&["B", "C", "A"], &[("gate", LockKind::TokioSemaphore, Some(0))])
        .waits("B", "gate", 1, one)
        .waits("C", "gate", 2, one)
        .at(500)
        .adds("A", "gate", 1);
    let trace = tale.trace();
    let sentence = why::sentence(&trace, trace.len()).unwrap();
    assert_eq!(sentence.at, Time::from_millis(500));
    assert_eq!(
        sentence.text,
        "A adds 1 permit to gate, which goes straight to B, first in the queue since 0 ms."
    );
    let picture = look("semaphore-turnstile", (100, 30), |trace, view| {
        let added = trace.events().iter().find(|event| event.what.name() == "add_permits").unwrap();
        (view.moment, view.now) = (added.seq, added.at);
    });
    shows(&picture, &["passes straight to  runner#1", " 500 ms The starter adds 1 permit to gate"]);
    assert!(!picture.contains("lacks 0"), "{picture}");
}

#[test]
fn only_who_would_get_it_but_for_the_queue_waits_behind_another() {
    // On threads whoever waits says so first, and may find the lock free.
    let free = tale(&["A", "B"], &[("p", LockKind::ParkingLotRwLock, None)])
        .waits("A", "p", 1, EXCLUSIVE)
        .waits("B", "p", 2, EXCLUSIVE)
        .trace();
    assert!(free.notes(free.len()).is_empty());
    assert_eq!(said(&free), "2 wait, A the longest, since 0 ms, and its thread stands still.");
    let read = tale(&["A", "B"], &[("p", LockKind::ParkingLotRwLock, None)])
        .waits("A", "p", 1, EXCLUSIVE)
        .waits("B", "p", 2, SHARED)
        .trace();
    assert!(read.notes(read.len()).is_empty());
}

#[test]
fn a_message_that_nobody_will_take_is_no_lock() {
    let (lock, op) = (LockId(0), OpId(1));
    let trace = tale(&["P", "C"], &[("ch", LockKind::TokioMpsc, None)])
        .does("C", What::Finish)
        .does("P", What::Busy { lock, op, mode: Mode::Room })
        .trace();
    let row = story::rows(&trace, 0, trace.len()).pop().unwrap();
    assert_eq!(row.text, "send fails: the receiver is gone");
    assert_eq!(row.fitting(|words| words.len() <= 10), "send fails");
}

#[test]
fn what_is_printed_at_a_row_is_known_there() {
    let told = text::sequence_diagram(&scenes::barging().trace());
    let (woken, rest) = told.split_once("╰ The writer, waiting since 20 ms, was woken. Nothing").unwrap();
    assert!(woken.trim_end().lines().last().unwrap().contains("release ─"), "{told}");
    assert!(rest.contains("waits again") && !told.contains("had been quicker"), "{told}");
}

#[test]
fn a_grant_that_nobody_polls_owns_the_lock_until_it_is_dropped() {
    let trace = tale(&["H", "A"], &[("m", LockKind::TokioMutex, None)])
        .acquires("H", "m", 1, EXCLUSIVE)
        .waits("A", "m", 2, EXCLUSIVE)
        .sleeps("A", 2150)
        .at(1000)
        .releases("H", "m", 1)
        .granted("A", "m", 2, EXCLUSIVE)
        .at(2150)
        .wakes("A")
        .cancels("A", "m", 2)
        .trace();
    let grant = trace.handoffs(trace.len()).get(0).unwrap();
    assert_eq!(
        why::explain(&trace, &grant, trace.len()),
        "Granted to A, first in the queue since 0 ms, whose future nobody polled: it owned the lock until it was \
         dropped at 2150 ms."
    );
    let then = why::explain(&trace, &grant, grant.seq);
    assert_eq!(then, "Granted to A: first in the queue since 0 ms. It owns the lock, but has not run yet.");
}

/// The holder's timer is due at 200 ms, and something else happens between 100 ms and 1000 ms.
fn late(meanwhile: impl FnOnce(scenes::Tale) -> scenes::Tale) -> Trace {
    let begun = tale(&["holder", "cruncher"], &[("db", LockKind::TokioMutex, None)])
        .acquires("holder", "db", 1, EXCLUSIVE)
        .sleeps("holder", 200)
        .at(100);
    meanwhile(begun).at(1000).does("cruncher", What::Finish).wakes("holder").trace()
}

#[test]
fn who_lets_nobody_else_run_is_told_with_the_timer_that_shows_it() {
    let print = || What::Print { text: "computing".into() };
    let trace = late(|tale| tale.does("cruncher", print()).at(600).does("cruncher", print()));
    assert_eq!(
        said(&trace),
        "The holder wakes 800 ms late: its timer was due at 200 ms, but the cruncher ran until 1000 ms, and nobody \
         else could."
    );
    let row = story::rows(&trace, 0, trace.len()).pop().unwrap();
    assert_eq!((row.text.as_str(), row.minor), ("wakes 800 ms late", false));
    // Who slept or waited did not run, and where others did something they could.
    let slept = late(|tale| tale.sleeps("cruncher", 1000));
    let waited = late(|tale| tale.waits("cruncher", "db", 2, EXCLUSIVE));
    let others = late(|tale| tale.does("cruncher", print()).at(600).does("holder", print()));
    for trace in [slept, waited, others] {
        assert!(!trace.notes(trace.len()).iter().any(|note| matches!(note.what, Noted::Late { .. })));
    }
}

#[test]
fn a_lane_says_that_nobody_else_can_run_and_that_a_wait_is_over() {
    let during = picture("blocked-executor", Some(500), (100, 30));
    shows(&during, &["runs: nobody else can", "due 300 ms ago", "waits, first in the queue"]);
    // Before the other's timer is due nobody is kept from running.
    let before = picture("blocked-executor", Some(150), (100, 30));
    assert!(!before.contains("nobody else can"), "{before}");
    let end = picture("blocked-executor", None, (100, 30));
    shows(&end, &["runs: nobody else can", "waited 950 ms", "wakes 800 ms late"]);
    for id in ["cancel-loses-place", "cancelled-in-the-middle", "futurelock-fixed"] {
        let end = picture(id, None, (100, 30));
        assert!(!end.contains("waits, "), "{end}");
    }
}

#[test]
fn while_no_lock_is_held_the_data_is_what_there_is_to_tell() {
    let end = picture("lost-update", None, (100, 30));
    shows(&end, &["The auditor read n: Some(1). No lock is held", "n: Some(1)", "n=Some(1)", "insert 1"]);
    let read = picture("lost-update", Some(100), (100, 30));
    shows(&read, &[" get n: Some(0)", "B read n: Some(0)."]);
}

#[test]
fn where_there_are_several_locks_an_owner_says_of_which() {
    let trace =
        tale(&["T1", "T2"], &[("a", LockKind::TokioMutex, None), ("bell", LockKind::TokioNotify, None)])
            .acquires("T1", "a", 1, EXCLUSIVE)
            .sleeps("T1", 100)
            .notifies("T2", "bell", false)
            .releases("T1", "a", 1)
            .trace();
    let rows = story::rows(&trace, 2, trace.len());
    let owners: Vec<_> = rows.iter().map(|row| row.owner(trace.names(), 20)).collect();
    assert_eq!(owners, [Some("a: T1".to_owned()), None, None, Some("a: ·".to_owned())]);
}

#[test]
fn narrow_columns_keep_the_word_that_matters() {
    let end = picture("philosophers", None, (100, 30));
    shows(&end, &["has fork3 ", "waits #1  fork1: P1"]);
    let end = picture("notify-one", None, (100, 30));
    shows(&end, &["goes on ", "heard 1"]);
}

#[test]
fn code_shows_all_that_is_under_way_and_that_lines_are_left_out() {
    let end = picture("futurelock", None, (100, 30));
    let marked = |mark: char| end.lines().find(|line| line.contains(&format!("│ {mark} "))).unwrap();
    assert!(marked('▒').contains("granted, not polled"), "{end}");
    assert!(marked('▶').contains("waits #1"), "{end}");
    // The head of the present line's block stays, and the line before what is missing says so.
    let after = picture("tokio-handoff", Some(1240), (100, 30));
    shows(&after, &["│   loop { …", "guard.get(\"my-key\"); …", "│ ▶   sleep(1 s).await; …"]);
    let whole = picture("tokio-handoff", Some(1240), (200, 50));
    assert!(!whole.contains(" …"), "{whole}");
}

#[test]
fn the_strip_names_who_is_first_and_every_lock_of_a_ring() {
    let end = picture("philosophers", None, (80, 24));
    shows(&end, &["fork1  held by", "fork2  held by", "fork3  held by"]);
    shows(&picture("lock-convoy", Some(1000), (80, 24)), &["queue  #1 worker#2  +1"]);
    let marker = look("cancelled-in-the-middle", (100, 30), |trace, view| {
        let timeout = trace.events().iter().find(|event| event.what == What::Timeout).unwrap();
        (view.moment, view.now) = (timeout.seq, timeout.at);
    });
    shows(&marker, &[" transfer  300 ms, time is up"]);
}

#[test]
fn a_lock_that_promises_no_order_has_no_places() {
    let told = text::sequence_diagram(&scenes::barging().trace());
    let blocked = text::sequence_diagram(&scenes::blocked_thread().trace());
    assert!(!told.contains('#') && !blocked.contains('#'), "{told}{blocked}");
    let picture = picture("unfair-mutex", Some(500), (100, 30));
    assert!(!picture.contains("#1") && !picture.contains("first in the queue"), "{picture}");
    shows(&picture, &["queue  writer ", "The writer waits since 0 ms."]);
}

/// A program that hands a lock on without a pause has no last instant: the last handoff is told.
#[test]
fn of_a_busy_lock_the_last_handoff_is_told() {
    let lock = LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None };
    let names = Names { tasks: vec!["a".into(), "b".into()], locks: vec![lock] };
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let mut told =
        vec![(0, What::Acquire { lock, op: OpId(0), mode }), (1, What::Wait { lock, op: OpId(1), mode })];
    for turn in 0..2_000 {
        let (owner, heir) = ((turn % 2) as u32, ((turn + 1) % 2) as u32);
        told.extend([
            (owner, What::Release { lock, op: OpId(turn) }),
            (heir, What::Grant { lock, op: OpId(turn + 1), mode }),
            (owner, What::Wait { lock, op: OpId(turn + 2), mode }),
            (heir, What::Acquire { lock, op: OpId(turn + 1), mode }),
        ]);
    }
    let event = |(number, (task, what)): (u64, (u32, What))| {
        let actor = Actor { task: TaskId(task), step: None };
        Event { seq: 0, at: Time::from_nanos(number * 50_000), actor, what }
    };
    let trace = Trace::of(names, (0..).zip(told).map(event));
    let sentence = why::sentence(&trace, trace.len()).unwrap();
    assert_eq!(sentence.text, "a got it: first in the queue since 399 ms. b asked again only now.");
}

/// What somebody who came late is told of a history, and what happens then.
fn told_late(permits: u32, before: &[(u64, u32, What)], after: &[(u64, u32, What)]) -> (Trace, Trace) {
    let kind = if permits > 1 { LockKind::TokioSemaphore } else { LockKind::TokioMutex };
    let lock = LockName { name: "db".into(), kind, permits: (permits > 1).then_some(permits) };
    let tasks = ["a", "b", "c", "d"].map(Into::into).to_vec();
    let names = Names { tasks, locks: vec![lock] };
    let event = |&(ms, task, ref what): &(u64, u32, What)| {
        let actor = Actor { task: TaskId(task), step: None };
        Event { seq: 0, at: Time::from_millis(ms), actor, what: what.clone() }
    };
    let mut present = Present::default();
    present.add_tasks(4);
    present.add_lock(&names.locks[0]);
    for told in before {
        present.apply(Packed::of(&event(told)).unwrap());
    }
    let opening = present.introduction().events;
    let mut late = Trace::new(names.clone());
    late.come_after(before.len() as u64, opening.len() as u64);
    for packed in opening {
        late.push_packed(packed);
    }
    for told in after {
        late.push(event(told));
    }
    (Trace::of(names, before.iter().chain(after).map(event)), late)
}

/// Who comes late does not know what those had been through who wait, and says nothing of it.
#[test]
fn who_comes_late_says_only_what_is_known_of_those_who_wait() {
    let (lock, mode) = (LockId(0), EXCLUSIVE);
    let op = OpId;
    let before = [
        (1, 0, What::Acquire { lock, op: op(1), mode }),
        (2, 1, What::Wait { lock, op: op(2), mode }),
        (3, 2, What::Wait { lock, op: op(3), mode }),
        (4, 3, What::Wait { lock, op: op(4), mode }),
        (5, 0, What::Release { lock, op: op(1) }),
        (5, 1, What::Grant { lock, op: op(2), mode }),
        (5, 1, What::Acquire { lock, op: op(2), mode }),
    ];
    let mut after = vec![(10, 1, What::Release { lock, op: op(2) })];
    let (whole, known) = told_late(1, &before, &after);
    assert_eq!(
        said(&whole),
        "b lets go of db, which passes straight to c, first in the queue since 5 ms, waiting since 3 ms."
    );
    assert_eq!(
        said(&known),
        "b lets go of db, which passes straight to c, first in the queue, waiting since 3 ms."
    );
    let run = " It owns the lock, but has not run yet.";
    after.push((10, 2, What::Grant { lock, op: op(3), mode }));
    let (whole, known) = told_late(1, &before, &after);
    assert_eq!(
        said(&whole),
        format!("Granted to c: first in the queue since 5 ms, waiting since 3 ms.{run}")
    );
    assert_eq!(said(&known), format!("Granted to c: first in the queue, waiting since 3 ms.{run}"));
    // Of the next it is known since when it is the first.
    after.extend([
        (10, 2, What::Acquire { lock, op: op(3), mode }),
        (20, 2, What::Release { lock, op: op(3) }),
        (20, 3, What::Grant { lock, op: op(4), mode }),
    ]);
    let (whole, known) = told_late(1, &before, &after);
    assert_eq!(
        said(&whole),
        format!("Granted to d: first in the queue since 10 ms, waiting since 4 ms.{run}")
    );
    assert_eq!(said(&known), said(&whole));
}

/// What stands beside each other at the end of an opening did not always.
#[test]
fn an_opening_gives_no_reasons() {
    let (lock, permits) = (LockId(0), Mode::Permits);
    let op = OpId;
    let before = [
        (0, 0, What::Acquire { lock, op: op(9), mode: permits(1) }),
        (1, 0, What::Acquire { lock, op: op(1), mode: permits(3) }),
        (2, 1, What::Wait { lock, op: op(2), mode: permits(3) }),
        (3, 2, What::Wait { lock, op: op(3), mode: permits(4) }),
        (4, 3, What::Wait { lock, op: op(4), mode: permits(1) }),
        (5, 0, What::Release { lock, op: op(1) }),
        (5, 1, What::Grant { lock, op: op(2), mode: permits(3) }),
        (5, 1, What::Acquire { lock, op: op(2), mode: permits(3) }),
    ];
    let (whole, known) = told_late(4, &before, &[]);
    assert_eq!(said(&whole), "b got 3 permits: first in the queue since 2 ms.");
    assert_eq!(
        said(&known),
        "a and b hold 4 of 4 permits of db, the first since 0 ms. c waits for 4 permits since 3 ms, lacking 4; 1 behind."
    );
}

/// Of those who were let in by what nobody knows it is not said that they were together.
#[test]
fn who_was_let_in_by_what_is_not_known_was_let_in_alone() {
    let (lock, mode) = (LockId(0), Mode::Permits(1));
    let op = OpId;
    let mut events: Vec<_> = (1..=3).map(|held| (0, 0, What::Acquire { lock, op: op(held), mode })).collect();
    events.push((1, 0, What::Lost { events: 1 }));
    for task in 1..=3_u32 {
        events.push((u64::from(task) + 1, task, What::Wait { lock, op: op(10 + u64::from(task)), mode }));
    }
    for task in 1..=3_u32 {
        let waited = op(10 + u64::from(task));
        events.push((9, 0, What::Release { lock, op: op(task.into()) }));
        events.push((9, task, What::Grant { lock, op: waited, mode }));
        events.push((9, task, What::Acquire { lock, op: waited, mode }));
    }
    let (whole, _) = told_late(3, &events, &[]);
    assert!(said(&whole).ends_with("Then it went on 2 times, at last to d."), "{}", said(&whole));
}

/// The sentence at `millis`, when nothing more has happened by then.
fn said_at(trace: &Trace, millis: u64) -> String {
    let view = ViewState { moment: trace.len(), now: Time::from_millis(millis), ..ViewState::default() };
    let area = Rect::new(0, 0, 400, 40);
    let mut buffer = Buffer::empty(area);
    let theme = ThemeName::Dark.theme();
    Scene { title: "", trace, code: &[], keys: &[], view: &view, theme: &theme }.render(area, &mut buffer);
    screen::plain(&buffer)
}

fn program(locks: &[&str]) -> scenes::Tale {
    let locks: Vec<_> = locks.iter().map(|lock| (*lock, LockKind::TokioMutex, None)).collect();
    tale(&["keeper", "first", "second", "logger"], &locks)
}

/// Nobody can say that it will never go on, but whose doing it is.
#[test]
fn a_lock_that_does_not_move_on_is_told_of_when_it_has_lasted() {
    let hang = program(&["db"])
        .acquires("keeper", "db", 1, EXCLUSIVE)
        .at(10)
        .waits("first", "db", 2, EXCLUSIVE)
        .at(20)
        .waits("second", "db", 3, EXCLUSIVE)
        .at(30)
        .releases("keeper", "db", 1)
        .granted("first", "db", 2, EXCLUSIVE)
        .acquires("first", "db", 2, EXCLUSIVE)
        .trace();
    let told = "First holds db since 30 ms. Second waits since 20 ms: first in the queue.";
    let told = told.replace("First holds", "first holds").replace("Second waits", "second waits");
    assert!(!said_at(&hang, 2029).contains(&told), "{}", said_at(&hang, 2029));
    shows(&said_at(&hang, 2030), &[&told]);
}

/// What others do is told with it, as long as that is news.
#[test]
fn a_lock_that_does_not_move_on_is_told_of_with_what_others_do() {
    let busy = |until: u64| {
        let mut tale = program(&["db", "log"])
            .acquires("keeper", "db", 1, EXCLUSIVE)
            .at(10)
            .waits("first", "db", 2, EXCLUSIVE)
            .waits("second", "db", 3, EXCLUSIVE);
        for (op, at) in (10..).zip((500..=until).step_by(500)) {
            tale = tale.at(at).acquires("logger", "log", op, EXCLUSIVE);
            if at == until {
                tale = tale.waits("keeper", "log", 5, EXCLUSIVE).cancels("keeper", "log", 5);
            }
            tale = tale.releases("logger", "log", op);
        }
        tale.trace()
    };
    let brief = "2 tasks wait for db: the keeper has it since 0 ms. log: The keeper gave up";
    shows(&said_at(&busy(2500), 2600), &[brief]);
    assert!(!said_at(&busy(1500), 1600).contains("2 tasks wait"));
    shows(&said_at(&busy(2500), 4600), &["The keeper holds db since 0 ms. First in the queue: first, since"]);
}

/// Of a chain it is the end that one has to know.
#[test]
fn the_lock_whose_owner_waits_for_no_other_comes_first() {
    let chain = program(&["a", "b"])
        .acquires("keeper", "a", 1, EXCLUSIVE)
        .acquires("first", "b", 2, EXCLUSIVE)
        .waits("first", "a", 3, EXCLUSIVE)
        .waits("second", "b", 4, EXCLUSIVE)
        .waits("logger", "b", 5, EXCLUSIVE)
        .trace();
    let told = "The keeper holds a since 0 ms. first waits since 0 ms: first in the queue. \
                Another lock has not moved on either.";
    shows(&said_at(&chain, 2000), &[told]);
}

/// A grant that nobody polls, because its task waits elsewhere: a futurelock.
#[test]
fn who_does_not_poll_what_it_was_granted_is_told_of() {
    let select = program(&["db"])
        .acquires("keeper", "db", 1, EXCLUSIVE)
        .waits("first", "db", 2, EXCLUSIVE)
        .at(10)
        .waits("first", "db", 3, EXCLUSIVE)
        .at(50)
        .releases("keeper", "db", 1)
        .granted("first", "db", 2, EXCLUSIVE)
        .trace();
    let told = "first was granted db at 50 ms, and has not polled that future since: it waits for db in another. \
                first waits since 10 ms: first in the queue.";
    shows(&said_at(&select, 2050), &[told]);
}

#[test]
fn a_guard_that_outlives_its_task_is_told_to() {
    let leak = program(&["db"])
        .acquires("keeper", "db", 1, EXCLUSIVE)
        .at(5)
        .waits("first", "db", 2, EXCLUSIVE)
        .at(20)
        .does("keeper", What::Finish)
        .trace();
    let picture = said_at(&leak, 2050);
    let told = "The keeper got db at 0 ms and has ended, but its guard has not been dropped. \
                first waits since 5 ms: first in the queue.";
    shows(&picture, &[told, "acquired by  keeper  2050 ms, has ended", "ended, its guard is not dropped"]);
}

/// Whoever got a permit may have given it away: that is seen when somebody else drops it.
#[test]
fn of_guards_that_go_from_hand_to_hand_it_is_not_said_who_holds_them() {
    let conn = |tale: scenes::Tale| {
        tale.acquires("keeper", "slots", 1, Mode::Permits(1)).at(10).releases("first", "slots", 1)
    };
    let locks = [("slots", LockKind::TokioSemaphore, Some(1)), ("db", LockKind::TokioMutex, None)];
    let ring = |tale: scenes::Tale| {
        tale.at(20)
            .acquires("keeper", "slots", 2, Mode::Permits(1))
            .acquires("second", "db", 3, EXCLUSIVE)
            .waits("keeper", "db", 4, EXCLUSIVE)
            .waits("second", "slots", 5, Mode::Permits(1))
            .trace()
    };
    let tasks = ["keeper", "first", "second", "logger"];
    let (unknown, known) = (ring(tale(&tasks, &locks)), ring(conn(tale(&tasks, &locks))));
    shows(&said_at(&unknown, 3000), &["held by  keeper", "A cycle: "]);
    shows(&said_at(&known, 3000), &["slots  acquired by  keeper", "db  held by  second"]);
    assert!(!said_at(&known, 3000).contains("cycle"), "{}", said_at(&known, 3000));
}

/// What comes back is too little for the first, and enough for the second: that is no less the first one's doing.
#[test]
fn permits_that_come_back_and_go_to_nobody_are_told_of_once() {
    let permits = Mode::Permits;
    let trace = tale(&["one", "two", "big", "small"], &[("slots", LockKind::TokioSemaphore, Some(4))])
        .acquires("one", "slots", 1, permits(2))
        .acquires("two", "slots", 2, permits(1))
        .acquires("two", "slots", 3, permits(1))
        .at(100)
        .waits("big", "slots", 4, permits(3))
        .at(200)
        .waits("small", "slots", 5, permits(1))
        .at(300)
        .releases("two", "slots", 2)
        .at(400)
        .releases("two", "slots", 3)
        .trace();
    let told = "big needs 3 permits and lacks 2: small, which needs 1 permit, waits behind it.";
    let told = told.replace("1 permit,", "1,");
    assert_eq!(why::sentence(&trace, trace.len() - 1).unwrap().text, told);
    let held_up = trace.notes(trace.len()).iter().filter(|note| matches!(note.what, Noted::HeldUp { .. }));
    assert_eq!(held_up.count(), 1);
    assert!(text::sequence_diagram(&trace).contains(&told));
    // Permits that are added are no others.
    let added = tale(&["one", "big", "small"], &[("slots", LockKind::TokioSemaphore, Some(0))])
        .waits("big", "slots", 1, permits(2))
        .waits("small", "slots", 2, permits(1))
        .adds("one", "slots", 1)
        .trace();
    assert!(
        said(&added).starts_with("big needs 2 permits and lacks 1: small, which needs 1"),
        "{}",
        said(&added)
    );
}

/// What has ended by now is told where it was.
#[test]
fn the_order_tells_what_lasted_where_it_did() {
    let trace = program(&["a", "b"])
        .acquires("keeper", "a", 1, EXCLUSIVE)
        .acquires("first", "b", 2, EXCLUSIVE)
        .waits("keeper", "b", 3, EXCLUSIVE)
        .waits("first", "a", 4, EXCLUSIVE)
        .at(1500)
        .does("logger", What::Finish)
        .at(2000)
        .cancels("keeper", "b", 3)
        .releases("keeper", "a", 1)
        .granted("first", "a", 4, EXCLUSIVE)
        .acquires("first", "a", 4, EXCLUSIVE)
        .ends(lockscope::event::Outcome::Stopped);
    let text = text::sequence_diagram(&trace);
    let lines: Vec<&str> = text.lines().collect();
    let told = lines.iter().position(|line| line.contains("╰ A cycle: ")).unwrap();
    assert!(lines[told - 1].contains("waits #1 a") && lines[told + 1].contains("ends"), "{text}");
    assert_eq!(text.matches("A cycle").count(), 1, "{text}");
}

/// Of several locks too it is said for how many permits somebody waits, and at which place.
#[test]
fn of_several_locks_the_wait_for_permits_has_its_number() {
    let locks = [("slots", LockKind::TokioSemaphore, Some(2)), ("db", LockKind::TokioMutex, None)];
    let trace = tale(&["one", "two"], &locks)
        .acquires("one", "slots", 1, Mode::Permits(2))
        .waits("two", "slots", 2, Mode::Permits(2))
        .trace();
    let row = story::rows(&trace, 0, trace.len()).pop().unwrap();
    let fewer =
        ["waits for 2 permits #1 slots", "waits slots ×2 #1", "waits slots #1", "waits slots", "waits #1"];
    for words in fewer {
        assert_eq!(row.fitting(|text| text.chars().count() <= words.chars().count()), words);
    }
}

/// Whoever took all of them out gives none back.
#[test]
fn permits_that_are_no_more_are_told_of() {
    let trace = tale(&["one", "two", "three"], &[("slots", LockKind::TokioSemaphore, Some(1))])
        .acquires("one", "slots", 1, Mode::Permits(1))
        .waits("two", "slots", 2, Mode::Permits(1))
        .waits("three", "slots", 3, Mode::Permits(1))
        .at(10)
        .does("one", What::ForgetPermits { lock: LockId(0), permits: 1 })
        .releases("one", "slots", 1)
        .trace();
    let told = "slots: two waits for 1 permit of slots since 0 ms, which has 0 in all by now; 1 behind.";
    shows(&said_at(&trace, 2000), &[told]);
}

/// Since when it waits and since when it is the first is the same where it is told alike.
#[test]
fn no_time_is_told_twice() {
    let trace = program(&["db"])
        .acquires("keeper", "db", 1, EXCLUSIVE)
        .at(100)
        .waits("first", "db", 2, EXCLUSIVE)
        .waits("second", "db", 3, EXCLUSIVE)
        .cancels("first", "db", 2)
        .at(200)
        .releases("keeper", "db", 1)
        .granted("second", "db", 3, EXCLUSIVE)
        .acquires("second", "db", 3, EXCLUSIVE)
        .trace();
    assert!(said(&trace).starts_with("second got it: first in the queue since 100 ms."), "{}", said(&trace));
}

/// Who holds it beside the one that does not poll is not whom anybody waits for.
#[test]
fn a_grant_that_is_not_polled_is_told_of_beside_those_who_hold() {
    let shared = tale(&["writer", "one", "two", "late"], &[("db", LockKind::TokioRwLock, None)])
        .acquires("writer", "db", 1, EXCLUSIVE)
        .waits("one", "db", 2, SHARED)
        .waits("two", "db", 3, SHARED)
        .at(50)
        .releases("writer", "db", 1)
        .granted("one", "db", 2, SHARED)
        .granted("two", "db", 3, SHARED)
        .acquires("one", "db", 2, SHARED);
    let full = "two was granted db at 50 ms, and has not run yet.";
    shows(&said_at(&shared.trace(), 2050), &[full]);
    let permits =
        tale(&["one", "two"], &[("s", LockKind::TokioSemaphore, Some(2)), ("m", LockKind::TokioMutex, None)])
            .acquires("one", "s", 1, Mode::Permits(1))
            .acquires("one", "s", 2, Mode::Permits(1))
            .waits("two", "s", 3, Mode::Permits(1))
            .at(50)
            .releases("one", "s", 2)
            .granted("two", "s", 3, Mode::Permits(1))
            .at(2000)
            .waits("one", "m", 4, EXCLUSIVE)
            .cancels("one", "m", 4);
    let brief = "s: two was granted it at 50 ms, and has not run. m: one gave up";
    shows(&said_at(&permits.trace(), 2050), &[brief]);
}

#[test]
fn of_guards_that_move_the_sentence_says_who_acquired_them() {
    let permit = Mode::Permits(1);
    let trace = tale(&["keeper", "first", "second"], &[("slots", LockKind::TokioSemaphore, Some(1))])
        .acquires("keeper", "slots", 1, permit)
        .releases("first", "slots", 1)
        .at(10)
        .acquires("keeper", "slots", 2, permit)
        .waits("second", "slots", 3, permit)
        .trace();
    assert!(
        said(&trace).starts_with("The keeper acquired 1 of 1 permit of slots at 10 ms."),
        "{}",
        said(&trace)
    );
    let state = trace.state(trace.len());
    assert_eq!(why::of_task(&trace, &state, TaskId(0)), "The keeper acquired 1 permit of slots at 10 ms.");
    assert!(why::of_lock(&trace, &state, LockId(0)).contains("was acquired by the keeper"));
    // Several parts are one task's.
    let ended = tale(&["keeper", "second"], &[("slots", LockKind::TokioSemaphore, Some(2))])
        .acquires("keeper", "slots", 1, permit)
        .acquires("keeper", "slots", 2, permit)
        .waits("second", "slots", 3, permit)
        .does("keeper", What::Finish)
        .trace();
    let told =
        "The keeper got 2 of 2 permits of slots at 0 ms and has ended, but its guard has not been dropped.";
    assert!(said(&ended).starts_with(told), "{}", said(&ended));
}

/// Thousands that stand still are one line, and are told of once.
#[test]
fn locks_that_stand_still_together_are_told_of_together() {
    let mut names: Vec<_> = (0..40).map(|lock| format!("lock{lock}")).collect();
    names.sort();
    let locks: Vec<_> = names.iter().map(|name| (name.as_str(), LockKind::TokioMutex, None)).collect();
    let mut tale = tale(&["keeper", "first", "logger"], &locks);
    for (op, name) in (0..).zip(&names) {
        tale = tale.acquires("keeper", name, 2 * op, EXCLUSIVE).waits("first", name, 2 * op + 1, EXCLUSIVE);
    }
    for at in [2500, 2700, 2900] {
        tale = tale.at(at).does("logger", What::Spawn);
    }
    let text = text::sequence_diagram(&tale.trace());
    assert_eq!(text.matches("39 other locks have not moved on either.").count(), 1, "{text}");
}
