//! The player: it plays, stands still, steps event by event, and goes to handoffs.

use serde_json::{Value, json};

use super::harness::{bare, file, lockscope, say};
use super::screen::{Shot, column};

const RIGHT: &str = "\x1b[C";
const LEFT: &str = "\x1b[D";
const HOME: &str = "\x1b[H";
const END: &str = "\x1b[F";

/// The events of the lecture, as `order --format json` prints them.
fn events() -> Vec<Value> {
    let said = say(["order", "tokio-handoff", "--format", "json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let mut lines: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // The last line is the end, and no event.
    let end = json!({"event": "end", "ns": 2_500_000_000_u64, "outcome": "stopped", "why": "the horizon"});
    assert_eq!(lines.pop(), Some(end));
    lines
}

fn text<'e>(event: &'e Value, field: &str) -> &'e str {
    event[field].as_str().unwrap_or_default()
}

fn millis(event: &Value) -> u64 {
    event["ns"].as_u64().expect("a time") / 1_000_000
}

/// What the order panel says of an event. Told from the event alone, not by the program's own story.
fn words(event: &Value) -> String {
    let value = || match event["found"].as_bool() {
        Some(false) => "None".to_owned(),
        _ => format!("Some({})", event["value"]),
    };
    match text(event, "event") {
        "spawn" => "starts".into(),
        "print" => text(event, "text").into(),
        "acquire" => "acquires".into(),
        "get" => format!("get my-key: {}", value()),
        "debug" => format!("value = {}", value()),
        "sleep" if text(event, "task") == "reader" => "sleeps 1 s".into(),
        "sleep" => "sleeps 350 ms".into(),
        "wake" => "wakes".into(),
        "wait" => "waits #1".into(),
        "grant" => "granted".into(),
        "release" => "release".into(),
        "insert" => format!("insert {}", event["value"]),
        other => panic!("{other} is new"),
    }
}

/// Who owns the lock after each event. A release passes it straight to whoever is granted it next.
fn owners(events: &[Value]) -> Vec<&str> {
    let mut owner = "";
    let after = |(index, event): (usize, &'_ Value)| {
        match text(event, "event") {
            "acquire" | "grant" => owner = text(&events[index], "task"),
            "release" => {
                let next = &events[index + 1];
                owner = if text(next, "event") == "grant" { text(next, "task") } else { "" };
            }
            _ => {}
        }
        owner
    };
    events.iter().enumerate().map(after).collect()
}

/// The newest row of the order panel tells `event`, in its task's column, and names the owner.
#[track_caller]
fn assert_newest(shot: &Shot, event: &Value, owner: &str) {
    let row = shot.newest().unwrap_or_else(|| panic!("no newest row:\n{shot}"));
    let heading = shot.rows().find(|row| row.starts_with("      ms  reader")).expect("the columns' names");
    let heading = heading.split('│').next().expect("a part");
    let words = words(event);
    let at = column(heading, text(event, "task"));
    assert_eq!(column(&row, &words), at, "{words:?} in {row:?}");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[1], millis(event).to_string(), "{row:?}");
    let last: String = row.chars().skip(column(heading, "owner").expect("a column")).collect();
    assert_eq!(last, owner, "{row:?}");
}

#[test]
fn it_starts_plays_to_the_horizon_and_quits() {
    let mut terminal = bare().start();
    let shot = terminal.first_frame();
    assert!(shot.alternate && !shot.cursor, "{shot}");
    assert!(shot.row(0).contains("Who gets in between release and re-lock?"), "{shot}");
    assert!(shot.row(0).contains("tokio::sync::Mutex · FIFO"), "{shot}");
    for lane in ["reader", "writer", "db"] {
        shot.lane(lane);
    }
    assert_eq!(shot.speed().as_deref(), Some("1×"));
    let shot = terminal.wait("the writer waits", |shot| shot.sentence().contains("The writer waits"));
    assert!(shot.playing(), "{shot}");
    assert_eq!(
        shot.sentence(),
        "0 ms The reader holds db since 0 ms, asleep with the guard in hand. \
         The writer waits since 0 ms: first in the queue."
    );
    assert_eq!(shot.ending(), "", "it has not ended");
    // Nobody touches a key.
    let shot = terminal.wait("the end", Shot::ended);
    assert_eq!(shot.millis(), Some(2500));
    assert_eq!(shot.ending(), "stopped at 2500 ms: the horizon");
    assert!(
        shot.last_row().starts_with(" space replay  ←→ step  n p handoff  ? help  q quit  t axis"),
        "{shot}"
    );
    assert_newest(&shot, events().last().unwrap(), "reader");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_pause_stops_time_and_tasks() {
    // Fifty milliseconds for each that passes here: what does not stand still shows at once.
    let mut terminal = lockscope(["--speed", "50", "--until", "1h", "--axis", "order"]).start();
    terminal.wait("some events", |shot| shot.moment() >= 20);
    let paused = terminal.press(" ", "the pause", Shot::paused);
    for _ in 0..10 {
        assert_eq!(terminal.after(""), paused);
    }
    let moment = paused.moment();
    for step in 1..=30 {
        let shot = terminal.press(RIGHT, "a step", |shot| shot.moment() != moment + step - 1);
        assert_eq!(shot.moment(), moment + step);
        assert!(shot.paused());
    }
    terminal.press(" ", "it plays on", |shot| shot.playing() && shot.moment() > moment + 60);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn stepping_shows_every_event_once_and_in_order() {
    let events = events();
    let owners = owners(&events);
    assert_eq!(events.len(), 51);
    // So slow that playing shows nothing of the first second's end: what comes, the steps let happen.
    let mut terminal = lockscope(["--speed", "0.05", "--axis", "order"]).start();
    terminal.wait("the first instant", |shot| shot.moment() == 9);
    terminal.press(" ", "the pause", Shot::paused);
    let shot = terminal.press(HOME, "the beginning", |shot| shot.moment() == 0);
    assert_eq!((shot.newest(), shot.millis()), (None, Some(0)));
    for (index, event) in events.iter().enumerate() {
        let seq = index as u64 + 1;
        assert_eq!(event["seq"], seq);
        let shot = terminal.press(RIGHT, "a step", |shot| shot.moment() != seq - 1);
        assert_eq!(shot.moment(), seq);
        assert_eq!(shot.millis(), Some(millis(event)));
        assert_newest(&shot, event, owners[index]);
    }
    // Nothing follows the last event but the horizon.
    let shot = terminal.press(RIGHT, "the end", Shot::ended);
    assert_eq!((shot.moment(), shot.millis()), (51, Some(2500)));
    for seq in (0..51).rev() {
        let shot = terminal.press(LEFT, "a step back", |shot| shot.moment() != seq + 1);
        assert_eq!(shot.moment(), seq);
        if let Some(index) = seq.checked_sub(1) {
            assert_newest(&shot, &events[index as usize], owners[index as usize]);
        }
    }
    assert_eq!(terminal.after(LEFT).moment(), 0);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn no_key_of_many_at_once_is_lost() {
    let mut terminal = lockscope(["--axis", "order"]).start();
    terminal.first_frame();
    terminal.press(END, "the end", Shot::ended);
    assert_eq!(terminal.after(HOME).moment(), 0);
    for count in [1, 2, 7, 50] {
        assert_eq!(terminal.after(&RIGHT.repeat(count)).moment(), count as u64);
        assert_eq!(terminal.after(&LEFT.repeat(count)).moment(), 0);
    }
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    // More than the terminal holds, and than one read of the program takes. Each is a key of one byte:
    // where a read ends within a longer one, nobody can tell what it was.
    let mut terminal = lockscope(["--until", "1h"]).start();
    terminal.first_frame();
    let end = terminal.press(END, "the end", Shot::ended);
    assert_eq!(end.zoom().as_deref(), Some("50 ms"));
    let axis = end.lane("reader") - 2;
    // The playhead stands behind 67 cells; so much is to be seen before it.
    assert_eq!(end.find("3597 s").map(|(_, y)| y), Some(axis), "{end}");
    let back = terminal.after(&"h".repeat(3000));
    // 22 cells each, of 50 ms: the picture begins at 3600 s − 67 cells − 3300 s.
    assert_eq!(back.find("297 s"), Some((9 + 7, axis)), "{back}");
    assert_eq!(terminal.after(&"l".repeat(3000)), end);
    assert_eq!(terminal.after(&("h".repeat(3000) + &"l".repeat(3000))), end);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

/// What is drawn in the gap between two lanes, and at which column.
fn between(shot: &Shot, from: &str, to: &str) -> Vec<(usize, char)> {
    let rows = shot.lane(from) + 2..shot.lane(to);
    assert!(!rows.is_empty(), "{shot}");
    let marks = rows.map(|y| {
        let row = shot.row(y);
        let marks: Vec<_> = row.chars().enumerate().filter(|(_, c)| *c != ' ').collect();
        assert!(marks.len() <= 1, "{shot}");
        marks.first().copied()
    });
    marks.flatten().collect()
}

#[test]
fn n_goes_to_the_handoff_and_the_steps_around_it_tell_its_story() {
    let mut terminal = bare().start();
    terminal.first_frame();
    terminal.press(" ", "the pause", Shot::paused);
    terminal.press(HOME, "the beginning", |shot| shot.newest().is_none());
    let granted = terminal.press("n", "the handoff", |shot| shot.contains("Granted to the writer"));
    assert_eq!(granted.millis(), Some(1000));
    assert_eq!(
        granted.sentence(),
        "1000 ms Granted to the writer: first in the queue since 0 ms. It owns the lock, but has not run yet."
    );
    let row = granted.newest().unwrap();
    assert!(row.contains("release ━") && row.contains("▶ granted") && row.ends_with("writer"), "{row:?}");
    // The line leaves the reader where its hold ends, and meets the writer where its wait ends.
    let line = between(&granted, "reader", "writer");
    let (x, arrow) = *line.last().unwrap();
    assert_eq!(arrow, '▼', "{granted}");
    assert!(line.iter().all(|(column, c)| *column == x && matches!(c, '┃' | '▼')), "{granted}");
    let reader = granted.lane("reader");
    assert_eq!(granted.char(9, reader), '█', "acquired, and not yet asleep: {granted}");
    assert_eq!(granted.char(x - 1, reader), '▓', "{granted}");
    // At the playhead stands how things are now: the reader without the lock, the writer granted it.
    assert_eq!(granted.char(x, reader), '│', "{granted}");
    assert_eq!(granted.char(x, granted.lane("writer")), '▒', "{granted}");
    assert_eq!(granted.char(x - 1, granted.lane("writer")), '░', "{granted}");
    assert_eq!(granted.row(reader).chars().count(), x + 1, "nothing is drawn of the future");
    assert!(
        granted.row(2).starts_with(" db  held by  writer  granted, not yet polled   queue empty"),
        "{granted}"
    );
    // The reader's guard was dropped where its block ends.
    assert_eq!(granted.present_code(), ["}", "db.lock().await.insert(\"my-key… … granted"]);

    let alone = terminal.press(LEFT, "the release alone", |shot| !shot.contains("granted"));
    // The lock is nobody else's any more.
    let cells = ["▶", "1000", "release", "writer"];
    assert_eq!(alone.newest().unwrap().split_whitespace().collect::<Vec<_>>(), cells);
    assert_eq!(
        alone.sentence(),
        "1000 ms The reader lets go of db, which passes straight to the writer, first in the queue since 0 ms."
    );
    assert!(between(&alone, "reader", "writer").iter().all(|(_, c)| *c == '│'), "no line yet: {alone}");
    assert!(alone.row(2).starts_with(" db  passes straight to  writer    queue "), "{alone}");
    assert_eq!(alone.present_code(), ["}", "db.lock().await.insert(\"my-ke… … waits #1"]);

    assert_eq!(terminal.press(RIGHT, "the grant", |shot| shot.contains("Granted")), granted);
    terminal.press(RIGHT, "it goes round", |shot| shot.newest().unwrap().contains("->read-guard"));
    let asks = terminal.press(RIGHT, "it asks again", |shot| shot.newest().unwrap().contains("waits #1"));
    assert!(asks.sentence().ends_with("The reader asked again only now."), "{asks}");
    assert!(asks.newest().unwrap().ends_with("writer"), "the writer owns it: {asks}");
    let runs = terminal.press(RIGHT, "the writer runs", |shot| shot.newest().unwrap().contains("acquires"));
    assert_eq!(
        runs.sentence(),
        "1000 ms The writer got it: first in the queue since 0 ms. The reader asked again only now."
    );
    assert_eq!(runs.millis(), Some(1000));

    for (number, at) in [(2, 1000), (3, 2000), (4, 2000)] {
        let shot =
            terminal.press("n", "the next", |shot| shot.row(2).ends_with(&format!("handoffs {number}")));
        assert_eq!(shot.millis(), Some(at));
    }
    let fourth = terminal.shot();
    for _ in 0..2 {
        let shot = terminal.press("n", "there is no fifth", |shot| shot.last_row() == " no further handoff");
        assert_eq!(shot.picture(), fourth.picture(), "it stays where it was");
    }
    for number in (1..=3).rev() {
        terminal.press("p", "the one before", |shot| shot.row(2).ends_with(&format!("handoffs {number}")));
    }
    assert_eq!(terminal.shot(), granted);
    for _ in 0..2 {
        let shot =
            terminal.press("p", "there is none before", |shot| shot.last_row() == " no earlier handoff");
        assert_eq!(shot.picture(), granted.picture(), "it stays where it was");
    }
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn m_goes_to_the_marker_and_asks_its_question() {
    let mut terminal = lockscope(["--axis", "order"]).start();
    terminal.first_frame();
    terminal.press(" ", "the pause", Shot::paused);
    terminal.press(HOME, "the beginning", |shot| shot.moment() == 0);
    let shot = terminal.press("m", "the marker", |shot| shot.moment() > 9);
    assert_eq!(shot.moment(), 14);
    assert!(shot.contains("─ your guess? ─"), "{shot}");
    assert!(shot.contains("  The reader lets go and asks again at once. Who gets the lock?"), "{shot}");
    let told = terminal.press("2", "what happened", |shot| shot.moment() == 15);
    assert!(told.contains("▶ 2 the writer: it asked first"), "{told}");
    let on = terminal.press(RIGHT, "one on", |shot| shot.moment() == 16);
    assert!(!on.contains("what happened"), "{on}");
    for _ in 0..2 {
        let shot = terminal.press("m", "there is no other", |shot| shot.last_row() == " no further marker");
        assert_eq!(shot.picture(), on.picture(), "it stays where it was");
    }
    // Over all that the search let happen the player walks as ever.
    terminal.press(RIGHT, "one on", |shot| shot.moment() == 17);
}

#[test]
fn a_marker_asks_or_says_or_is_called_something() {
    let scenario = file(
        "playing-markers.json",
        r#"{ "scenario": 1, "title": "Three", "until": "1s",
             "tasks": [ { "name": "t", "steps": [ { "print": "a" }, { "print": "b" }, { "print": "c" } ] } ],
             "markers": [
               { "on": { "event": "print", "nth": 1 }, "label": "l1", "say": "s1", "ask": "q1", "answers": ["x", "y"] },
               { "on": { "event": "print", "nth": 2 }, "label": "l2", "say": "s2" },
               { "on": { "event": "print", "nth": 3 }, "label": "l3" } ] }"#,
    );
    let mut terminal = lockscope(["run".as_ref(), scenario.as_os_str()]).start();
    terminal.first_frame();
    terminal.press(END, "the end", Shot::ended);
    terminal.press(HOME, "the beginning", |shot| shot.newest().is_none());
    terminal.press("m", "the question", |shot| shot.contains("─ your guess? ─") && shot.contains("  q1"));
    terminal.press("m", "what it says", |shot| shot.row(1) == "  s2");
    terminal.press("m", "what it is called", |shot| shot.row(1) == "  l3");
    terminal.press("m", "there is no other", |shot| shot.last_row() == " no further marker");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_restart_runs_it_all_again() {
    let mut terminal = lockscope(["--speed", "50", "--axis", "order"]).start();
    let first = terminal.wait("the end", Shot::ended);
    assert_eq!(first.moment(), 51);
    for _ in 0..3 {
        terminal.press("r", "it plays again", |shot| shot.playing() && shot.moment() < 51);
        let again = terminal.wait("the end", Shot::ended);
        assert_eq!(again, first);
    }
    // Out of a pause too, and before the end.
    assert_eq!(terminal.after(",,,,,,,,,"), first, "the slowest");
    let shot = terminal.press("r", "it plays again", |shot| shot.playing() && shot.moment() == 9);
    assert_eq!(shot.speed().as_deref(), Some("0.05×"));
    terminal.press(" ", "the pause", Shot::paused);
    terminal.press(RIGHT, "a step", |shot| shot.moment() == 10);
    let shot = terminal.press("r", "it plays again", |shot| shot.playing() && shot.moment() == 9);
    assert!(shot.millis().unwrap() < 1000, "{shot}");
    assert_eq!(terminal.press(END, "the end", Shot::ended), first);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn space_at_the_end_plays_from_the_beginning() {
    let mut terminal = lockscope(["--speed", "0.05"]).start();
    terminal.first_frame();
    let ended = terminal.press(END, "the end", Shot::ended);
    assert_eq!(ended.millis(), Some(2500));
    let shot = terminal.press(" ", "it plays", Shot::playing);
    assert!(shot.millis().unwrap() < 1000, "{shot}");
    assert_eq!(terminal.press(END, "the end", Shot::ended), ended);
}

#[test]
fn the_speed_has_steps_from_slowest_to_fastest() {
    let mut terminal = lockscope(["--speed", "0.3"]).start();
    let shot = terminal.first_frame();
    assert_eq!(shot.speed().as_deref(), Some("0.3×"));
    terminal.press(" ", "the pause", Shot::paused);
    let speeds = ["0.05×", "0.1×", "0.25×", "0.5×", "1×", "2×", "5×", "10×", "20×", "50×"];
    assert_eq!(terminal.after(&",".repeat(20)).speed().as_deref(), Some(speeds[0]));
    for speed in &speeds[1..] {
        assert_eq!(terminal.after(".").speed().as_deref(), Some(*speed));
    }
    assert_eq!(terminal.after("..").speed().as_deref(), Some("50×"));
    for speed in speeds.iter().rev().skip(1) {
        assert_eq!(terminal.after(",").speed().as_deref(), Some(*speed));
    }
}

#[test]
fn a_run_on_the_real_clock_ends_like_the_virtual_one() {
    // A task alone: what it does depends on no timing, however slow the machine is.
    let alone = file(
        "playing-alone.json",
        r#"{ "scenario": 1, "title": "Alone", "locks": { "db": "tokio::sync::Mutex" }, "tasks": [ { "name": "t",
             "steps": [ { "loop": [ { "lock": "db", "do": [ { "sleep": "20ms" }, { "print": "x" } ] } ], "times": 5 } ] } ] }"#,
    );
    let alone = alone.to_str().unwrap();
    let events = say(["order", alone, "--format", "json"]).out.lines().count() as u64 - 1;
    let mut terminal = lockscope(["run", alone, "--clock", "real", "--axis", "order"]).start();
    let shot = terminal.wait("the end", Shot::ended);
    assert_eq!(shot.moment(), events);
    assert!(shot.millis().unwrap() >= 100, "{shot}");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}
