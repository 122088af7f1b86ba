//! The terminal's size changes at any time, to any size.

use std::ops::RangeInclusive;

use super::harness::{Terminal, bare, file, lockscope};
use super::screen::{Shot, column};

const RIGHT: &str = "\x1b[C";
const HOME: &str = "\x1b[H";
const END: &str = "\x1b[F";
const PAGE_DOWN: &str = "\x1b[6~";

const SIZES: [(u16, u16); 14] = [
    (80, 24),
    (1, 1),
    (60, 16),
    (59, 15),
    (200, 50),
    (2, 1),
    (300, 100),
    (60, 15),
    (1, 100),
    (59, 16),
    (300, 16),
    (60, 100),
    (20, 3),
    (100, 30),
];

fn is_too_small((width, height): (u16, u16)) -> bool {
    width < 60 || height < 16
}

/// The last picture of the lecture at a size, by a program that never had another.
#[track_caller]
fn fresh((width, height): (u16, u16)) -> Shot {
    let mut terminal = bare().size(width, height).start();
    let shot = if is_too_small((width, height)) {
        terminal.wait("the message", |shot| shot.alternate && !shot.text().trim().is_empty())
    } else {
        terminal.first_frame();
        terminal.press(END, "the end", Shot::ended)
    };
    // Room for what the shell says at the end.
    terminal.resize(100, 30);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    shot
}

#[test]
fn at_every_size_the_picture_is_as_if_it_had_always_been_that_size() {
    let mut terminal = bare().start();
    terminal.first_frame();
    let first = terminal.press(END, "the end", Shot::ended);
    for size in SIZES {
        let expected = fresh(size);
        let (width, height) = size;
        if is_too_small(size) {
            if width >= 30 && height >= 3 {
                assert!(expected.contains("lockscope needs more room"), "{expected}");
                assert!(
                    expected.contains(&format!("at least 60x16, this is {width}x{height}")),
                    "{expected}"
                );
            }
        } else {
            assert!(expected.row(0).ends_with("2.500 s"), "{expected}");
            assert_eq!(expected.row(0).chars().count(), usize::from(width) - 1, "{expected}");
            assert!(expected.last_row().starts_with(" space replay"), "{expected}");
        }
        terminal.resize(width, height);
        terminal.wait(&format!("{width}x{height}:\n{expected}"), |shot| *shot == expected);
    }
    assert_eq!(terminal.shot(), first);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

/// Changes the size over and over while the program plays, on one axis and in one mode.
fn shake(terminal: &mut Terminal) {
    for (width, height) in SIZES {
        terminal.resize(width, height);
        let size = (width, height);
        // A whole frame at this size, while the run goes on.
        terminal.wait(&format!("{width}x{height}"), |shot| {
            if is_too_small(size) {
                shot.text().trim().chars().count() > 0 && !shot.contains("timeline")
            } else {
                shot.row(0).chars().count() + 1 == usize::from(width)
                    && shot.last_row().starts_with(" space pause")
            }
        });
    }
}

#[test]
fn resizing_while_it_plays_harms_nothing() {
    let mut terminal = lockscope(["--speed", "50", "--until", "1h"]).start();
    terminal.first_frame();
    for keys in ["", "t", "b", "t", "b", "?", "c"] {
        terminal.send(keys);
        if keys == "?" {
            terminal.wait("the help", Shot::help);
            for (width, height) in SIZES {
                terminal.resize(width, height);
            }
            terminal
                .press("x", "no help", |shot| !shot.help() && shot.last_row().starts_with(" space pause"));
        } else {
            shake(&mut terminal);
        }
    }
    // Faster than the program can follow, and in the middle of a frame: the last size counts.
    for round in 0..200_u16 {
        terminal.resize(1 + round * 7 % 250, 1 + round * 11 % 90);
    }
    shake(&mut terminal);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

/// Just the lanes of these tasks are shown, below each other, and the lock's below them. Gives its row.
#[track_caller]
fn assert_lanes(shot: &Shot, tasks: RangeInclusive<u32>) -> usize {
    let (first, last) = (*tasks.start(), *tasks.end());
    assert!(shot.contains(&format!("─ timeline · tasks {first}–{last} of 10000 ─")), "{shot}");
    let top = shot.lane(&format!("t#{first}"));
    for task in tasks {
        assert_eq!(shot.lane(&format!("t#{task}")), top + (task - first) as usize, "{shot}");
    }
    let lock = shot.lane("db");
    assert_eq!(lock, top + (last - first + 1) as usize, "{shot}");
    lock
}

#[test]
fn ten_thousand_tasks_open_step_scroll_and_quit() {
    let scenario = file(
        "resizing-many.json",
        r#"{ "scenario": 1, "title": "Ten thousand", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "count": 10000,
               "steps": [ { "lock": "db", "do": [ { "sleep": "10ms" } ] } ] } ] }"#,
    );
    // Slowly: it must not be over before the pause.
    let slowly = ["run".as_ref(), scenario.as_os_str(), "--speed".as_ref(), "0.05".as_ref()];
    let mut terminal = lockscope(slowly).start();
    terminal.wait("the first events", |shot| shot.newest().is_some());
    terminal.press(" ", "the pause", Shot::paused);
    terminal.press("t", "the order axis", |shot| !shot.columns().is_empty());
    let moment = terminal.shot().moment();
    for step in 1..=3 {
        terminal.press(RIGHT, "a step", |shot| shot.moment() == moment + step);
    }
    terminal.press("t", "the time axis", |shot| shot.columns().is_empty());
    let shot =
        terminal.press(HOME, "the beginning", |shot| shot.millis() == Some(0) && shot.newest().is_none());
    let bottom = assert_lanes(&shot, 1..=8);
    // All share one column, in which they are called by their names.
    let (x, y) = shot.find("tasks   ").unwrap();
    assert!(shot.row(y).trim_start().starts_with("ms  tasks "), "{shot}");
    let handoff = terminal.press("n", "a handoff", |shot| shot.row(2).ends_with("handoffs 1"));
    let newest = handoff.newest().unwrap();
    assert_eq!(column(&newest, "t#1: release ━▶ t#2: granted"), Some(x), "{newest}");
    assert!(newest.ends_with(" t#2"), "{newest}");
    // What is numbered has no article.
    let sentence = handoff.sentence();
    assert!(sentence.starts_with("10 ms Granted to t#2: first in the queue since 0 ms."), "{sentence}");

    // The page follows the handoff, with both of its ends.
    assert_lanes(&handoff, 1..=8);
    for (handoffs, first) in [(7, 1), (8, 8), (9, 9), (15, 9), (16, 16)] {
        let from = terminal.shot().row(2);
        let last: u32 = from.rsplit(' ').next().unwrap().parse().unwrap();
        let ending = format!("handoffs {handoffs}");
        let shot = terminal
            .press(&"n".repeat((handoffs - last) as usize), &ending, |shot| shot.row(2).ends_with(&ending));
        assert_eq!(assert_lanes(&shot, first..=first + 7), bottom, "the lock stays where it is");
        shot.lane(&format!("t#{}", handoffs + 1));
    }

    // Or they are about the lane that is selected, a page at a time.
    let shot = terminal.after(PAGE_DOWN);
    assert_eq!(assert_lanes(&shot, 16..=23), bottom);
    assert!(shot.row(shot.lane("t#16")).starts_with("▶t#16 "), "{shot}");
    let shot = terminal.after(&PAGE_DOWN.repeat(2));
    assert_eq!(assert_lanes(&shot, 25..=32), bottom);
    assert!(shot.row(shot.lane("t#32")).starts_with("▶t#32 "), "{shot}");
    let shot = terminal.after(&PAGE_DOWN.repeat(1300));
    assert_eq!(assert_lanes(&shot, 9993..=10000), bottom);
    assert!(shot.row(bottom).starts_with("▶db "), "{shot}");
    let shot = terminal.after("\x1b[5~");
    assert!(shot.row(shot.lane("t#10000")).starts_with("▶t#10000 "), "{shot}");
    let shot = terminal.press("\x1b", "nothing is selected", |shot| !shot.contains("▶t#"));
    assert_lanes(&shot, 16..=23);

    // A name finds one of them; all of them are one lane.
    terminal.send("/");
    let shot = terminal.press("T#99*9", "the filter", |shot| shot.contains("/T#99*9: 11 of 10000 tasks"));
    shot.lane("t#9909");
    let all = terminal.press("\x1b", "all lanes", |shot| !shot.contains("Enter keeps it"));
    assert_lanes(&all, 16..=23);
    let shot = terminal.press("g", "one lane", |shot| shot.contains("t#* ×10000"));
    assert!(shot.contains("1 holds asleep") || shot.contains("1 granted"), "{shot}");
    assert_eq!(terminal.press("g", "all lanes", |shot| !shot.contains("t#* ×10000")), all);
    terminal.press(END, "the end", Shot::ended);
    let shot = terminal.shot();
    assert_eq!(shot.millis(), Some(1000));
    assert_eq!(assert_lanes(&shot, 97..=104), bottom);
    // From this moment on nobody stood ahead; it asked long before.
    let sentence = shot.sentence();
    assert_eq!(sentence, "990 ms t#100 got it: first in the queue since 980 ms, waiting since 0 ms.");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

/// Every task has its own column, or all share one; before they share, the code makes room.
#[test]
fn the_code_gives_way_to_columns_of_tasks() {
    for (tasks, width, columns, code) in [
        (3, 100, true, true),
        (4, 100, true, false),
        (8, 100, true, false),
        (9, 100, false, true),
        (8, 60, false, false),
        (4, 60, true, false),
        (8, 200, true, true),
    ] {
        let names: Vec<String> = (1..=tasks).map(|number| format!("task-{number}")).collect();
        let task = |name: &String| format!(r#"{{ "name": "{name}", "steps": [ {{ "print": "hello" }} ] }}"#);
        let list = names.iter().map(task).collect::<Vec<_>>().join(",");
        let scenario = file(
            &format!("resizing-{tasks}-{width}.json"),
            format!(r#"{{ "scenario": 1, "title": "Columns", "until": "1s", "tasks": [ {list} ] }}"#),
        );
        let mut terminal = lockscope(["run".as_ref(), scenario.as_os_str()]).size(width, 40).start();
        terminal.first_frame();
        let shot = terminal.press(END, "the end", Shot::ended);
        let what = format!("{tasks} tasks at {width} columns:\n{shot}");
        assert_eq!(shot.contains("┬ code ─"), code, "{what}");
        let (_, rule) = shot.find("─ order ─").unwrap();
        let heading = shot.row(rule + 1);
        let heading = heading.split('│').next().unwrap();
        let cells: Vec<&str> = heading.split_whitespace().collect();
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let heads = if columns { named.as_slice() } else { &["tasks"] };
        assert_eq!(cells, [&["ms"], heads, &["owner"]].concat(), "{what}");
        // The last task's row stands in its column, or says whose it is.
        let row = shot.rows().skip(rule).filter(|row| row.contains("hello")).last().expect(&what);
        let last = named[named.len() - 1];
        let words = if columns { "hello".to_owned() } else { format!("{last}: hello") };
        let head = if columns { last } else { "tasks" };
        assert_eq!(column(&row, &words), column(heading, head), "{what}");
        terminal.resize(100, 40);
        terminal.send("q");
        assert_eq!(terminal.end(), 0);
    }
}
