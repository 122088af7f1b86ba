//! Runs beside each other, made by hand: where they part and why, in figures, as text, as JSON and on the
//! screen; and the player over them.

// Helpers of tests are tests.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "common/screen.rs"]
mod screen;

use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use lockscope::app::{COMPARE_HINTS, Compare, Looks, Message, Next, Program};
use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, TaskId, Time, What,
};
use lockscope::trace::compare::{Comparison, How, Parting, Variant, json, text};
use lockscope::trace::{End, Trace};
use lockscope::view::{Playing, ThemeName};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

const MUTEX: Mode = Mode::Exclusive;

/// A history that is written down: lines such as `1000 writer wait 2 db`, where 2 is the operation and
/// `db` the lock.
fn trace(kind: LockKind, tasks: &[&str], locks: &[&str], story: &str, end: (Outcome, u64)) -> Trace {
    let lock = |name: &&str| LockName { name: (*name).into(), kind, permits: None };
    let names = Names {
        tasks: tasks.iter().map(|name| (*name).into()).collect(),
        locks: locks.iter().map(lock).collect(),
    };
    let mut trace = Trace::new(names);
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (at, task, what) = (word().parse().unwrap(), word(), word());
        let (number, lock) = (word().parse().unwrap_or(0), word());
        let task = TaskId(tasks.iter().position(|name| *name == task).unwrap() as u32);
        let lock = LockId(locks.iter().position(|name| *name == lock).unwrap_or(0) as u32);
        let op = OpId(number);
        let what = match what {
            "spawn" => What::Spawn,
            "finish" => What::Finish,
            "sleep" => What::Sleep { until: Time::from_millis(number) },
            "wake" => What::Wake,
            "wait" => What::Wait { lock, op, mode: MUTEX },
            "grant" => What::Grant { lock, op, mode: MUTEX },
            "acquire" => What::Acquire { lock, op, mode: MUTEX },
            "release" => What::Release { lock, op },
            "cancel" => What::Cancel { lock, op },
            other => panic!("{other}"),
        };
        let actor = Actor { task, step: None };
        trace.push(Event { seq: 0, at: Time::from_millis(at), actor, what });
    }
    trace.finish(End { outcome: end.0, at: Time::from_millis(end.1), note: None });
    trace
}

const TASKS: [&str; 2] = ["reader", "writer"];

/// The lecture with a lock that hands over.
fn tokio() -> Variant {
    let story = "
        0 reader spawn
        0 reader acquire 1
        0 reader sleep 1000
        0 writer spawn
        0 writer wait 2
        1000 reader wake
        1000 reader release 1
        1000 writer grant 2
        1000 reader wait 3
        1000 writer acquire 2
        1000 writer release 2
        1000 reader grant 3
        1000 writer sleep 1350
        1000 reader acquire 3
        1000 reader sleep 2000
        1350 writer wake
        1350 writer wait 4
        2000 reader wake
        2000 reader release 3
        2000 writer grant 4
        2000 reader wait 5
        2000 writer acquire 4
        2000 writer release 4
        2000 reader grant 5
        2000 writer sleep 2350
        2000 reader acquire 5
        2000 reader sleep 3000";
    variant(LockKind::TokioMutex, story, (Outcome::Stopped, 2240))
}

/// The same with one that wakes, and whoever is quicker takes it.
fn futures() -> Variant {
    let story = "
        0 reader spawn
        0 reader acquire 1
        0 reader sleep 1000
        0 writer spawn
        0 writer wait 2
        1000 reader wake
        1000 reader release 1
        1000 writer grant 2
        1000 reader acquire 3
        1000 reader sleep 2000
        1000 writer wait 2
        2000 reader wake
        2000 reader release 3
        2000 writer grant 2
        2000 reader acquire 4
        2000 reader sleep 3000
        2000 writer wait 2";
    variant(LockKind::FuturesMutex, story, (Outcome::Stopped, 2240))
}

/// The same with one that blocks the thread.
fn std_mutex() -> Variant {
    let story = "
        0 reader spawn
        0 reader acquire 1
        0 reader sleep 1000
        0 writer spawn
        0 writer wait 2";
    Variant { exact: false, ..variant(LockKind::StdMutex, story, (Outcome::Deadlock, 0)) }
}

fn variant(kind: LockKind, story: &str, end: (Outcome, u64)) -> Variant {
    let trace = trace(kind, &TASKS, &["db"], story, end);
    Variant { name: kind.path().into(), trace, exact: true }
}

fn swapped() -> Comparison {
    Comparison::of(vec![tokio(), futures()])
}

fn three() -> Comparison {
    Comparison::of(vec![tokio(), futures(), std_mutex()])
}

const TITLE: &str = "Just swap out the Mutex and see what happens";

/// Two tasks that take two locks, in one order or in both.
fn two_locks(name: &str, crossed: bool) -> Variant {
    let same = "
        0 T1 acquire 1 a
        0 T1 sleep 100
        50 T2 wait 2 a
        100 T1 wake
        100 T1 acquire 3 b
        200 T1 release 3 b
        200 T1 release 1 a
        200 T2 grant 2 a
        200 T2 acquire 2 a
        300 T2 acquire 4 b";
    let both = "
        0 T1 acquire 1 a
        0 T1 sleep 100
        50 T2 acquire 2 b
        50 T2 sleep 150
        100 T1 wake
        100 T1 wait 3 b
        150 T2 wake
        150 T2 wait 4 a";
    let (story, end) =
        if crossed { (both, (Outcome::Deadlock, 150)) } else { (same, (Outcome::Completed, 300)) };
    let trace = trace(LockKind::TokioMutex, &["T1", "T2"], &["a", "b"], story, end);
    Variant { name: name.into(), trace, exact: true }
}

/// The same locks in a run of as many tasks as that, each of which has it for 10 ms.
fn many(name: &str, tasks: u64) -> Variant {
    let names: Vec<String> = (1..=tasks).map(|n| format!("task#{n}")).collect();
    let waits = (2..=tasks).map(|n| format!("0 task#{n} wait {n}\n")).collect::<Vec<_>>().concat();
    let turn = |n: u64| {
        let (begin, end) = ((n - 1) * 10, n * 10);
        let grant = if n > 1 { format!("{begin} task#{n} grant {n}\n") } else { String::new() };
        format!("{grant}{begin} task#{n} acquire {n}\n{end} task#{n} release {n}\n")
    };
    let turns: Vec<String> = (1..=tasks).map(turn).collect();
    // The first gets it before the others ask.
    let (first, release) = turns[0].split_once('\n').unwrap();
    let story = format!("{first}\n{waits}{release}{}", turns[1..].concat());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let end = (Outcome::Completed, tasks * 10);
    Variant {
        name: name.into(),
        trace: trace(LockKind::TokioMutex, &names, &["db"], &story, end),
        exact: true,
    }
}

fn turns(comparison: &Comparison, variant: usize) -> Vec<(String, u64, How)> {
    let names = comparison.variants()[variant].trace.names();
    let order = comparison.order(variant, LockId(0)).iter();
    order.map(|turn| (names.task(turn.task).to_owned(), turn.at.millis(), turn.how)).collect()
}

#[test]
fn how_each_came_by_the_lock() {
    let comparison = swapped();
    let turn = |task: &str, at, how| (task.to_owned(), at, how);
    assert_eq!(
        turns(&comparison, 0),
        [
            turn("reader", 0, How::AtOnce),
            turn("writer", 1000, How::Handed),
            turn("reader", 1000, How::Handed),
            turn("writer", 2000, How::Handed),
            turn("reader", 2000, How::Handed),
        ]
    );
    let past = How::Barged { past: TaskId(1), since: Time::ZERO, again: true };
    assert_eq!(
        turns(&comparison, 1),
        [turn("reader", 0, How::AtOnce), turn("reader", 1000, past), turn("reader", 2000, past)]
    );
}

#[test]
fn whoever_slept_meanwhile_takes_it_and_does_not_take_it_again() {
    let story = |last: &str| {
        format!("0 reader acquire 1\n0 writer wait 2\n5 reader release 1\n5 writer grant 2\n{last}")
    };
    let how = |last: &str| {
        let run = variant(LockKind::FuturesMutex, &story(last), (Outcome::Stopped, 9));
        turns(&Comparison::of(vec![run]), 0).last().unwrap().2
    };
    let past = |again| How::Barged { past: TaskId(1), since: Time::ZERO, again };
    assert_eq!(how("5 reader acquire 3"), past(true));
    assert_eq!(how("5 reader sleep 6\n6 reader wake\n6 reader acquire 3"), past(false));
    assert_eq!(how("6 writer acquire 2"), How::Woken);
    // Whoever gives up is nobody's rival.
    assert_eq!(how("5 writer cancel 2\n6 reader acquire 3"), How::AtOnce);
}

#[test]
fn where_the_orders_part_and_why() {
    let comparison = three();
    assert_eq!(comparison.difference(0), None);
    let futures = comparison.difference(1).unwrap();
    assert_eq!((futures.parting, futures.lock.as_str(), futures.index), (Parting::Order, "db", 1));
    assert_eq!(futures.at.millis(), 1000);
    assert_eq!(futures.times, [Some(Time::from_millis(1000)); 2]);
    assert_eq!(
        futures.why,
        "With tokio db is handed to the writer: it asked first, at 0 ms; \
         with futures the reader, still running, takes it again, past the writer."
    );
    let std = comparison.difference(2).unwrap();
    assert_eq!((std.index, std.turns[1], std.at), (1, None, Time::ZERO));
    assert_eq!(
        std.why,
        "With tokio db is handed to the writer at 1000 ms: it asked first, at 0 ms; \
         with std the writer blocks the thread that the reader needs at 0 ms, and nothing moves any more."
    );
    // It parts before the other does.
    assert_eq!(comparison.first().unwrap().0, 2);
}

#[test]
fn a_deadlock_is_a_difference_too() {
    let comparison = Comparison::of(vec![two_locks("same.json", false), two_locks("crossed.json", true)]);
    let difference = comparison.difference(1).unwrap();
    assert_eq!((difference.lock.as_str(), difference.index, difference.at.millis()), ("b", 0, 50));
    assert_eq!(
        difference.why,
        "With same.json T1 gets b at 100 ms; with crossed.json T2 gets it at 50 ms. \
         In the end: completed at 300 ms with same.json, deadlock (cycle) at 150 ms with crossed.json."
    );
}

#[test]
fn the_same_order_may_come_at_other_times_or_to_another_end() {
    let run = |name: &str, release: u64, outcome, exact| {
        let story = format!(
            "0 reader acquire 1\n0 writer wait 2\n{release} reader release 1\n\
             {release} writer grant 2\n{release} writer acquire 2"
        );
        let run = variant(LockKind::TokioMutex, &story, (outcome, 900));
        Variant { name: name.into(), exact, ..run }
    };
    let pair = |a, b| Comparison::of(vec![a, b]);
    let stopped = Outcome::Stopped;
    let same = pair(run("a", 500, stopped, true), run("b", 500, stopped, true));
    assert_eq!((same.difference(1), same.first()), (None, None));
    let times = pair(run("a", 500, stopped, true), run("b", 700, stopped, true));
    let difference = times.difference(1).unwrap();
    assert_eq!((difference.parting, difference.index, difference.at.millis()), (Parting::Times, 1, 500));
    assert_eq!(difference.why, "With a the writer waits for db until 500 ms; with b until 700 ms.");
    // Times of the real clock are no difference.
    assert_eq!(pair(run("a", 500, stopped, true), run("b", 700, stopped, false)).difference(1), None);
    let end = pair(run("a", 500, stopped, true), run("b", 500, Outcome::Completed, true));
    let difference = end.difference(1).unwrap();
    assert_eq!(difference.parting, Parting::End);
    assert_eq!(
        difference.why,
        "The end is not the same. With a: stopped at 900 ms. With b: completed at 900 ms."
    );
}

/// The lecture's lesson: a lock that is let go of sooner is had sooner, long before the order differs.
#[test]
fn times_are_compared_together_with_the_order() {
    let short = "
        0 reader acquire 1
        0 reader release 1
        0 writer acquire 2
        0 writer release 2
        350 writer acquire 3";
    let short =
        Variant { name: "short".into(), ..variant(LockKind::TokioMutex, short, (Outcome::Stopped, 2240)) };
    let all = Comparison::of(vec![tokio(), short.clone()]);
    let difference = all.difference(1).unwrap();
    assert_eq!((difference.parting, difference.index, difference.at), (Parting::Times, 1, Time::ZERO));
    let why = "With tokio::sync::Mutex the writer waits for db until 1000 ms; with short the writer gets it at \
               0 ms, at once: it is free.";
    assert_eq!(difference.why, why);
    assert_eq!(difference.here, "the writer gets db at 0 ms, not at 1000 ms");
    // In real time only the order counts, and who is handed a lock as soon as it asks asked for it then.
    let real = Comparison::of(vec![tokio(), Variant { exact: false, ..short }]);
    let difference = real.difference(1).unwrap();
    assert_eq!((difference.parting, difference.index), (Parting::Order, 2));
    assert!(
        difference.why.contains("db is handed to the reader at 1000 ms; with short"),
        "{}",
        difference.why
    );
}

#[test]
fn a_task_is_no_rival_of_its_own() {
    let story = "0 writer acquire 1\n0 reader wait 2\n5 reader wait 3\n9 writer release 1\n\
                 9 reader grant 2\n9 reader acquire 3";
    let run = variant(LockKind::FuturesMutex, story, (Outcome::Stopped, 9));
    assert_eq!(turns(&Comparison::of(vec![run]), 0)[1].2, How::Woken);
}

/// A consumer that waits for a notification: one comes, or came too early.
#[test]
fn notifiers_are_not_acquired() {
    let run = |name: &str, stored: bool| {
        let lock = LockName { name: "ready".into(), kind: LockKind::TokioNotify, permits: None };
        let names = Names { tasks: vec!["consumer".into(), "producer".into()], locks: vec![lock] };
        let (lock, op) = (LockId(0), OpId(1));
        let got = if stored { What::Heard { lock, op } } else { What::Wait { lock, op, mode: Mode::Signal } };
        let mut trace = Trace::new(names);
        for (at, task, what) in [(300, 1, What::Notify { lock, all: !stored }), (500, 0, got)] {
            let actor = Actor { task: TaskId(task), step: None };
            trace.push(Event { seq: 0, at: Time::from_millis(at), actor, what });
        }
        let outcome = if stored { Outcome::Completed } else { Outcome::Deadlock };
        trace.finish(End { outcome, at: Time::from_millis(500), note: None });
        Variant { name: name.into(), trace, exact: true }
    };
    let all = Comparison::of(vec![run("missed", false), run("stored", true)]);
    assert!(all.locks().is_empty() && all.order(1, LockId(0)).is_empty());
    assert_eq!((all.fairness(0), all.fairness(1)), (None, None));
    insta::assert_snapshot!("text_notify", text("missed · stored", &all));
    insta::assert_snapshot!("80x24_notify", plain(&at(all, 500), 80, 24));
    let same = Comparison::of(vec![run("one", true), run("two", true)]);
    assert!(text("same", &same).contains("no difference: the same end\n"));
}

#[test]
fn an_order_that_goes_on_longer_parts_where_the_other_ends() {
    let story = |more: &str| format!("0 reader acquire 1\n3 reader release 1\n{more}");
    let run = |more: &str| variant(LockKind::TokioMutex, &story(more), (Outcome::Stopped, 9));
    let all = Comparison::of(vec![run(""), run("5 writer acquire 2"), run("6 writer acquire 2")]);
    let difference = all.difference(1).unwrap();
    assert_eq!((difference.index, difference.turns[0], difference.at.millis()), (1, None, 5));
    assert!(difference.why.contains("nobody gets db any more, until the end at 9 ms"), "{}", difference.why);
    let held = Comparison::of(vec![run(""), variant(LockKind::TokioMutex, "", (Outcome::Stopped, 9))]);
    assert!(held.difference(1).unwrap().why.ends_with("nobody gets it any more, until the end at 9 ms."));
}

#[test]
fn locks_and_tasks_are_found_by_their_names() {
    let names = |tasks: &[&str], locks: &[&str], story: &str| {
        let trace = trace(LockKind::TokioMutex, tasks, locks, story, (Outcome::Stopped, 9));
        Variant { name: locks.concat(), trace, exact: true }
    };
    let one = names(&["reader", "writer"], &["db", "log"], "0 reader acquire 1 db\n1 writer acquire 2 log");
    let other = names(&["writer", "reader"], &["log", "db"], "0 reader acquire 1 db\n1 writer acquire 2 log");
    assert_eq!(Comparison::of(vec![one.clone(), other]).difference(1), None);
    let without = names(&["reader", "writer"], &["db"], "0 reader acquire 1 db");
    let difference = Comparison::of(vec![one, without]);
    let difference = difference.difference(1).unwrap();
    assert_eq!((difference.lock.as_str(), difference.at.millis()), ("log", 1));
    assert!(difference.why.ends_with("with db there is no log."), "{}", difference.why);
}

#[test]
fn what_a_task_gets_counts_where_it_can_be_the_same() {
    let run = |kind: LockKind, mode: Mode| {
        let mut trace = trace(kind, &TASKS, &["db"], "", (Outcome::Stopped, 9));
        let actor = Actor { task: TaskId(0), step: None };
        let what = What::Acquire { lock: LockId(0), op: OpId(1), mode };
        trace.push(Event { seq: 0, at: Time::ZERO, actor, what });
        Variant { name: format!("{mode:?}"), trace, exact: true }
    };
    let differs = |a, b| Comparison::of(vec![a, b]).difference(1).is_some();
    let rw = LockKind::TokioRwLock;
    assert!(differs(run(rw, Mode::Exclusive), run(rw, Mode::Shared)));
    assert!(!differs(run(LockKind::TokioMutex, Mode::Exclusive), run(rw, Mode::Shared)));
}

#[test]
fn what_every_task_waited_and_held() {
    let comparison = swapped();
    let [reader, writer] = comparison.totals(0).try_into().unwrap();
    assert_eq!((reader.acquired, reader.waits.total), (3, Duration::ZERO));
    assert_eq!((reader.holds.count, reader.holds.total), (3, Duration::from_millis(2240)));
    assert_eq!((writer.acquired, writer.waits.count), (2, 2));
    assert_eq!(writer.waits.longest, Duration::from_secs(1));
    assert_eq!(writer.waits.mean(), Duration::from_millis(825));
    assert_eq!(writer.waiting, None);
    let starved = comparison.totals(1)[1];
    assert_eq!((starved.acquired, starved.waiting), (0, Some(Duration::from_millis(2240))));
    assert_eq!(starved.waits.mean(), Duration::from_millis(2240));
    // Up to any moment, what is under way counts as far as it has come.
    let trace = &comparison.variants()[0].trace;
    let now = Time::from_millis(600);
    let so_far = comparison.figures(0, &trace.state(trace.moment_at(now)), now);
    assert_eq!(so_far[0].holds.longest, Duration::from_millis(600));
    assert_eq!(so_far[1].waiting, Some(Duration::from_millis(600)));
}

#[test]
fn fairness_is_jains_index_of_the_acquisitions() {
    let comparison = three();
    let told = |variant: usize| format!("{:.2}", comparison.fairness(variant).unwrap());
    assert_eq!([told(0), told(1), told(2)], ["0.96", "0.50", "0.50"]);
    assert_eq!(Comparison::of(vec![many("m", 9)]).fairness(0), Some(1.0));
    // Who never asks does not count; where nobody gets anything there is nothing to say.
    let alone = variant(LockKind::TokioMutex, "0 reader acquire 1", (Outcome::Stopped, 9));
    let nobody = variant(LockKind::TokioMutex, "", (Outcome::Stopped, 9));
    let comparison = Comparison::of(vec![alone, nobody]);
    assert_eq!((comparison.fairness(0), comparison.fairness(1)), (Some(1.0), None));
}

#[test]
fn as_text() {
    insta::assert_snapshot!("text_two", text(TITLE, &swapped()));
    insta::assert_snapshot!("text_three", text(TITLE, &three()));
    let locks = Comparison::of(vec![two_locks("same.json", false), two_locks("crossed.json", true)]);
    insta::assert_snapshot!("text_two_locks", text("same.json · crossed.json", &locks));
    // Of a long order, what stands around the difference.
    let mut swapped = many("swapped", 60);
    let rename = |name: &str| name.replace("#40", "#x").replace("#41", "#40").replace("#x", "#41");
    let names = Names {
        tasks: swapped.trace.names().tasks.iter().map(|name| rename(name).into()).collect(),
        ..swapped.trace.names().clone()
    };
    swapped.trace = Trace::of(names, swapped.trace.events());
    let long = text("long", &Comparison::of(vec![many("straight", 60), swapped]));
    let order: Vec<&str> = long.lines().filter(|line| line.contains('@')).collect();
    assert!(order.iter().all(|line| line.contains("▶task#4") && line.chars().count() < 120), "{long}");
}

#[test]
fn as_json() {
    let told = json(TITLE, &three());
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&value).unwrap());
    assert!(!told.contains('\n'));
    let same: serde_json::Value =
        serde_json::from_str(&json(TITLE, &Comparison::of(vec![tokio(), tokio()]))).unwrap();
    assert_eq!(same["differences"][0].as_object().unwrap().len(), 2, "only the names");
}

fn app(comparison: Comparison) -> Compare {
    let looks = Looks { speed: 1.0, theme: ThemeName::Dark, big: false, ascii: false };
    Compare::new(TITLE.into(), "locks", comparison, &looks)
}

const AREA: Rect = Rect::new(0, 0, 100, 30);

fn ask(app: &mut Compare, message: Message) {
    assert_eq!(app.update(message, AREA), Next::Go);
}

fn at(comparison: Comparison, millis: u64) -> Compare {
    let mut app = app(comparison);
    app.tick(Duration::from_millis(millis));
    app
}

fn draw(app: &Compare, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    app.scene().render(area, &mut buffer);
    buffer
}

fn plain(app: &Compare, width: u16, height: u16) -> String {
    screen::plain(&draw(app, width, height))
}

#[test]
fn the_lecture_size() {
    let screen = |app: &Compare| screen::with_styles(&draw(app, 100, 30));
    insta::assert_snapshot!("100x30_before", screen(&at(swapped(), 600)));
    let mut there = app(swapped());
    ask(&mut there, Message::FirstDifference);
    insta::assert_snapshot!("100x30_difference", screen(&there));
    insta::assert_snapshot!("100x30_end", screen(&at(swapped(), 2240)));
    insta::assert_snapshot!("100x30_three", screen(&at(three(), 2240)));
    let locks = Comparison::of(vec![two_locks("same.json", false), two_locks("crossed.json", true)]);
    insta::assert_snapshot!("100x30_deadlock", screen(&at(locks, 300)));
}

#[test]
fn other_sizes() {
    insta::assert_snapshot!("80x24_end", screen::with_styles(&draw(&at(swapped(), 2240), 80, 24)));
    insta::assert_snapshot!("200x50_end", screen::with_styles(&draw(&at(swapped(), 2240), 200, 50)));
    insta::assert_snapshot!("60x16_end", plain(&at(swapped(), 2240), 60, 16));
    insta::assert_snapshot!("too_small", plain(&at(swapped(), 2240), 59, 16));
}

#[test]
fn many_runs_and_many_tasks_scroll() {
    let runs =
        || Comparison::of(vec![tokio(), futures(), std_mutex(), tokio(), futures(), tokio(), futures()]);
    let mut app = at(runs(), 2240);
    insta::assert_snapshot!("80x24_seven", plain(&app, 80, 24));
    let small = Rect::new(0, 0, 80, 24);
    for _ in 0..9 {
        app.update(Message::Lane(1), small);
    }
    let text = plain(&app, 80, 24);
    assert!(text.contains("4–7 of 7 locks"), "{text}");
    // Of four, three differ: as many as have no row are counted.
    let four = at(Comparison::of(vec![tokio(), futures(), std_mutex(), futures()]), 2240);
    for (width, height) in [(100, 30), (80, 24)] {
        let text = plain(&four, width, height);
        let rows = text.lines().skip_while(|line| !line.contains("what differs")).skip(1);
        let rows = rows.take_while(|line| line.starts_with(' ') && line.contains(" ms  ")).count();
        assert_eq!(text.contains(&format!(" +{} more ", 3 - rows.min(3))), rows < 3, "{text}");
    }
    let mut app = at(Comparison::of(vec![many("one", 40), many("two", 40)]), 400);
    insta::assert_snapshot!("100x30_forty_tasks", plain(&app, 100, 30));
    for _ in 0..99 {
        ask(&mut app, Message::Lane(1));
    }
    let text = plain(&app, 100, 30);
    assert_eq!(text.matches("\n task#40 ").count(), 2, "{text}");
    assert!(!text.contains("\n task#1 "), "{text}");
}

#[test]
fn every_size_has_a_picture() {
    let runs = [swapped(), three(), Comparison::of(vec![many("one", 300), tokio(), two_locks("two", true)])];
    for runs in runs {
        for big in [false, true] {
            let mut app = at(runs.clone(), 700);
            if big {
                ask(&mut app, Message::Big);
            }
            for width in [1, 59, 60, 61, 75, 80, 99, 100, 133, 250] {
                for height in [1, 15, 16, 17, 20, 24, 27, 30, 36, 50, 80] {
                    let text = plain(&app, width, height);
                    if width >= 60 && height >= 16 {
                        assert!(text.contains("what differs") && text.contains("space pause"), "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn other_looks() {
    let mut app = at(swapped(), 2240);
    ask(&mut app, Message::Big);
    insta::assert_snapshot!("big", plain(&app, 100, 30));
    ask(&mut app, Message::Big);
    ask(&mut app, Message::Theme);
    insta::assert_snapshot!("light", screen::with_styles(&draw(&app, 80, 24)));
    ask(&mut app, Message::Theme);
    let mono = draw(&app, 100, 30);
    let reset = ratatui::style::Color::Reset;
    assert!(mono.content.iter().all(|cell| cell.fg == reset && cell.bg == reset));
    ask(&mut app, Message::Help);
    insta::assert_snapshot!("help", plain(&app, 80, 24));
    ask(&mut app, Message::Step);
    assert!(!plain(&app, 80, 24).contains("any key closes it"), "any key closes the help");
}

#[test]
fn ascii_is_ascii() {
    let looks = Looks { speed: 1.0, theme: ThemeName::Dark, big: false, ascii: true };
    let locks = || Comparison::of(vec![two_locks("same", false), two_locks("crossed", true)]);
    for runs in [swapped(), three(), locks()] {
        let mut app = Compare::new(TITLE.into(), "locks", runs, &looks);
        app.tick(Duration::from_secs(9));
        let text = plain(&app, 100, 30);
        assert!(text.is_ascii(), "{text}");
        assert_eq!(text.matches('?').count(), 1, "only the key for help: {text}");
    }
}

#[test]
fn nothing_of_what_comes_is_told() {
    // Whoever asks the room who gets the lock next does not want the answer on the screen.
    let text = plain(&at(swapped(), 999), 100, 30);
    assert!(text.contains("Nothing so far.  d goes to the first difference"), "{text}");
    assert!(!text.contains("again") && !text.contains('╎'), "{text}");
    let same = || Comparison::of(vec![tokio(), tokio()]);
    assert!(!plain(&at(same(), 999), 100, 30).contains("d goes to"));
    let text = plain(&at(same(), 2240), 100, 30);
    assert!(text.contains("Nothing: the same order, at the same times."), "{text}");
}

#[test]
fn it_plays_to_the_end_and_again() {
    let mut app = app(swapped());
    assert_eq!(app.view().moments, [5, 5], "what is due at once has happened");
    app.tick(Duration::from_millis(1100));
    assert_eq!((app.view().now.millis(), app.is_busy()), (1100, true));
    app.tick(Duration::from_secs(9));
    assert_eq!((app.view().now.millis(), app.view().playing), (2240, Playing::Ended));
    assert!(!app.is_busy());
    ask(&mut app, Message::Toggle);
    assert_eq!((app.view().now, app.view().playing), (Time::ZERO, Playing::Playing));
    ask(&mut app, Message::Toggle);
    app.tick(Duration::from_secs(1));
    assert_eq!((app.view().now, app.view().playing), (Time::ZERO, Playing::Paused));
    ask(&mut app, Message::Faster);
    ask(&mut app, Message::Toggle);
    app.tick(Duration::from_millis(100));
    assert_eq!(app.view().now.millis(), 200);
    assert_eq!(app.update(Message::Quit, AREA), Next::Quit);
}

#[test]
fn steps_take_turns_between_the_runs() {
    let mut app = app(swapped());
    ask(&mut app, Message::Home);
    let mut seen = Vec::new();
    for _ in 0..12 {
        ask(&mut app, Message::Step);
        seen.push((app.view().moments[0], app.view().moments[1]));
    }
    let expected: Vec<_> = (1..=6).flat_map(|n| [(n, n - 1), (n, n)]).collect();
    assert_eq!(seen, expected);
    assert_eq!(app.view().now.millis(), 1000);
    for (moments, back) in expected.iter().rev().skip(1).zip(1..) {
        ask(&mut app, Message::Back);
        assert_eq!((app.view().moments[0], app.view().moments[1]), *moments, "{back} back");
    }
    // All of them, and then the end.
    for _ in 0..99 {
        ask(&mut app, Message::Step);
    }
    assert_eq!(app.view().moments, [27, 17]);
    assert_eq!((app.view().now.millis(), app.view().playing), (2240, Playing::Ended));
}

#[test]
fn d_goes_to_where_the_difference_can_be_seen_in_both() {
    let mut app = app(swapped());
    ask(&mut app, Message::FirstDifference);
    assert_eq!((app.view().now.millis(), app.view().playing), (1000, Playing::Paused));
    let last = |app: &Compare, variant: usize, comparison: &Comparison| {
        let trace = &comparison.variants()[variant].trace;
        let event = trace.event(app.view().moments[variant]).unwrap();
        (trace.names().task(event.actor.task).to_owned(), event.what.name())
    };
    let comparison = swapped();
    assert_eq!(last(&app, 0, &comparison), ("writer".into(), "acquire"));
    // It was the quicker: what it did next comes before, one step each.
    assert_eq!(last(&app, 1, &comparison).0, "reader");
    assert!(plain(&app, 100, 30).contains("takes it again"));
    let mut same = self::app(Comparison::of(vec![tokio(), tokio()]));
    ask(&mut same, Message::FirstDifference);
    assert!(plain(&same, 100, 30).contains(" no difference"));
    // A deadlock at the very beginning.
    let mut std = self::app(Comparison::of(vec![tokio(), std_mutex()]));
    ask(&mut std, Message::FirstDifference);
    assert_eq!((std.view().now, std.view().moments[1]), (Time::ZERO, 5));
}

#[test]
fn n_and_p_stop_at_handoffs_and_differences() {
    let mut app = app(swapped());
    ask(&mut app, Message::Home);
    let mut stops = Vec::new();
    loop {
        let before = app.view().moments.clone();
        ask(&mut app, Message::NextHandoff);
        if app.view().moments == before {
            break;
        }
        stops.push(app.view().moments.clone());
    }
    assert!(app.view().notice.as_deref().unwrap().contains("no further"));
    assert!(stops.len() >= 5, "four handoffs, and a difference: {stops:?}");
    for stop in stops.iter().rev().skip(1) {
        ask(&mut app, Message::PreviousHandoff);
        assert_eq!(app.view().moments, *stop);
    }
    ask(&mut app, Message::PreviousHandoff);
    assert!(app.view().notice.as_deref().unwrap().contains("no earlier"));
}

#[test]
fn zoom_pan_and_fit_are_of_all_runs() {
    let mut app = at(Comparison::of(vec![tokio(), std_mutex()]), 2240);
    let before = plain(&app, 100, 30);
    ask(&mut app, Message::ZoomIn);
    let closer = plain(&app, 100, 30);
    assert_ne!(before, closer);
    ask(&mut app, Message::PanPage(-1));
    assert_ne!(plain(&app, 100, 30), closer);
    ask(&mut app, Message::Fit);
    assert_eq!(plain(&app, 100, 30), before);
    for _ in 0..9 {
        ask(&mut app, Message::ZoomOut);
    }
    assert_eq!(plain(&app, 100, 30), before, "there is nothing beyond all of it");
}

#[test]
fn the_keys_come_from_one_table() {
    let mut app = app(swapped());
    let press = |app: &mut Compare, c: char| app.read(&Input::Key(KeyEvent::from(KeyCode::Char(c))));
    assert_eq!(press(&mut app, 'd'), Some(Message::FirstDifference));
    assert_eq!(press(&mut app, 't'), None, "there is no order axis here");
    let keys: Vec<&str> = COMPARE_HINTS.iter().map(|hint| hint.keys).collect();
    let mut once = keys.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), keys.len());
    ask(&mut app, Message::Help);
    let help = plain(&app, 100, 30);
    for hint in COMPARE_HINTS {
        assert!(help.contains(hint.help), "{}:\n{help}", hint.help);
    }
    assert_eq!(press(&mut app, 'x'), Some(Message::Help), "any key closes the help");
}

#[test]
fn nothing_from_a_file_can_steer_the_terminal() {
    let hostile = |name: &str| {
        let tasks = ["red\u{1b}[31m", "\u{202e}back"];
        let trace = trace(LockKind::TokioMutex, &tasks, &["\u{9b}31m"], "", (Outcome::Stopped, 9));
        let mut events = tokio().trace.events().iter().collect::<Vec<_>>();
        let trace = Trace::of(trace.names().clone(), events.drain(..));
        Variant { name: name.into(), trace, exact: true }
    };
    let all = Comparison::of(vec![hostile("\u{1b}]0;x\u{7}"), futures(), hostile("b\u{200f}")]);
    let told = [text("\u{1b}c", &all), json("\u{1b}c", &all), plain(&at(all, 2240), 200, 50)];
    for told in told {
        let steers = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200f}".contains(c);
        assert!(!told.contains(steers), "{told:?}");
    }
}

proptest::proptest! {
    /// Any events, however little they fit: there is a comparison, a text, an object and a picture.
    #[test]
    fn nonsense_is_compared_too(
        one in proptest::collection::vec((0u64..50, 0u32..4, 0u32..3, 0u64..6, 0u8..8), 0..60),
        other in proptest::collection::vec((0u64..50, 0u32..4, 0u32..3, 0u64..6, 0u8..8), 0..60),
        fair in proptest::bool::ANY,
    ) {
        let run = |events: &[(u64, u32, u32, u64, u8)], kind| {
            let names = trace(kind, &["a", "b", "c"], &["x", "y"], "", (Outcome::Stopped, 0));
            let mut trace = Trace::new(names.names().clone());
            for &(at, task, lock, op, what) in events {
                let (lock, op) = (LockId(lock), OpId(op));
                let what = match what {
                    0 => What::Wait { lock, op, mode: MUTEX },
                    1 => What::Grant { lock, op, mode: MUTEX },
                    2 | 3 => What::Acquire { lock, op, mode: MUTEX },
                    4 => What::Release { lock, op },
                    5 => What::Cancel { lock, op },
                    6 => What::Heard { lock, op },
                    _ => What::Sleep { until: Time::from_millis(at) },
                };
                let actor = Actor { task: TaskId(task), step: None };
                trace.push(Event { seq: 0, at: Time::from_millis(at), actor, what });
            }
            let outcome = if events.len().is_multiple_of(2) { Outcome::Deadlock } else { Outcome::Stopped };
            let at = trace.event(trace.len()).map_or(Time::ZERO, |event| event.at);
            trace.finish(End { outcome, at, note: None });
            Variant { name: kind.path().into(), trace, exact: true }
        };
        let kind = if fair { LockKind::TokioMutex } else { LockKind::StdMutex };
        let comparison = Comparison::of(vec![run(&one, kind), run(&other, LockKind::FuturesMutex)]);
        let _ = text("t", &comparison);
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&json("t", &comparison));
        proptest::prop_assert!(parsed.is_ok());
        let mut app = app(comparison);
        ask(&mut app, Message::Home);
        for _ in 0..=one.len() + other.len() {
            ask(&mut app, Message::Step);
        }
        proptest::prop_assert_eq!(app.view().playing, Playing::Ended);
        ask(&mut app, Message::FirstDifference);
        draw(&app, 80, 24);
    }
}
