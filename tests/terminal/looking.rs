//! Ways to look: axes, zoom, pan, lanes, themes, big mode, the help, the mouse.

use super::escapes;
use super::harness::{Terminal, bare, file, lockscope};
use super::screen::{Shot, rgb};

const RIGHT: &str = "\x1b[C";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const ENTER: &str = "\r";
/// Alone: what comes right behind it would be taken for a part of the key.
const ESC: &str = "\x1b";
const HOME: &str = "\x1b[H";
const END: &str = "\x1b[F";

/// The lecture, played to its end.
#[track_caller]
fn ended() -> Terminal {
    let mut terminal = bare().start();
    terminal.first_frame();
    terminal.press(END, "the end", Shot::ended);
    terminal
}

/// A mouse's doing in SGR's words; cells are counted from 0 here.
fn mouse(button: u8, (x, y): (usize, usize), end: char) -> String {
    format!("\x1b[<{button};{};{}{end}", x + 1, y + 1)
}

#[test]
fn all_columns_of_the_order_axis_are_equally_wide() {
    let mut terminal = bare().start();
    terminal.first_frame();
    terminal.press(" ", "the pause", Shot::paused);
    terminal.press(HOME, "the beginning", |shot| shot.newest().is_none());
    terminal.press("n", "the handoff", |shot| shot.contains("Granted to the writer"));
    let time = terminal.shot();
    assert!(time.columns().is_empty());
    terminal.press("t", "the order axis", |shot| shot.moment() == 15);
    let shot =
        terminal.press(&RIGHT.repeat(3), "release, grant, print, wait, acquire", |shot| shot.moment() == 18);
    let columns = shot.columns();
    let numbers: Vec<u64> = columns.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (11..=18).collect::<Vec<_>>());
    let widths: Vec<usize> = columns.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert_eq!(widths, [10; 7], "{shot}");
    // The words stand where their columns begin; the arrow stands for the grant's first cells.
    let x = |seq: u64| columns.iter().find(|(number, _)| *number == seq).unwrap().1;
    let word = |seq: u64, lane: &str| {
        let row: String = shot.row(shot.lane(lane) - 1).chars().skip(x(seq)).collect();
        row.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(word(14, "reader"), "release");
    assert_eq!(word(15, "writer"), "┗▶granted");
    assert_eq!(word(16, "reader"), "->read-g…");
    assert_eq!(word(17, "reader"), "waits");
    assert_eq!(word(18, "writer"), "acquires");
    assert_eq!(shot.char(x(15), shot.lane("reader")), '┓', "{shot}");
    for seq in 15..18 {
        assert_eq!(shot.char(x(seq) + 9, shot.lane("writer")), '▒', "{shot}");
    }
    assert_eq!(shot.char(x(18), shot.lane("writer")), '█', "{shot}");
    assert_eq!(shot.char(x(14), shot.lane("writer")), '░', "{shot}");
    // Back and there again: nothing is lost.
    terminal.press("t", "the time axis", |shot| shot.columns().is_empty());
    assert_eq!(terminal.press("t", "the order axis", |shot| !shot.columns().is_empty()), shot);
}

#[test]
fn zooming_changes_the_time_of_a_cell() {
    let mut terminal = ended();
    let fitted = terminal.shot();
    assert_eq!(fitted.zoom().as_deref(), Some("30 ms"));
    // Where a cell covers several handoffs, their number stands beside their line.
    let gap = fitted.row(fitted.lane("reader") + 2);
    assert_eq!(gap.split_whitespace().collect::<Vec<_>>(), ["┃×2", "┃×2", "│"], "{fitted}");
    for (key, zoom) in [("+", "20 ms"), ("=", "10 ms"), ("-", "20 ms"), ("-", "30 ms"), ("-", "30 ms")] {
        assert_eq!(terminal.after(key).zoom().as_deref(), Some(zoom));
    }
    // There is nothing to be seen beyond the whole run, and nothing within a microsecond.
    assert_eq!(terminal.after(&"-".repeat(100)), fitted);
    assert_eq!(terminal.after(&"+".repeat(100)).zoom().as_deref(), Some("1 µs"));
    assert_eq!(terminal.after(&"-".repeat(200)), fitted);
    terminal.after("+++");
    assert_eq!(terminal.after("f"), fitted);
    // On the order axis it is the columns that grow.
    terminal.press("t", "the order axis", |shot| shot.moment() == 51);
    let gap = |shot: &Shot| {
        let columns = shot.columns();
        columns[1].1 - columns[0].1
    };
    assert_eq!(gap(&terminal.shot()), 10);
    assert_eq!(gap(&terminal.after("+")), 12);
    assert_eq!(gap(&terminal.after("---")), 6);
    assert_eq!(gap(&terminal.after("f")), 10);
}

#[test]
fn f_fits_the_whole_of_a_long_run() {
    let mut terminal = lockscope(["--until", "1h", "--speed", "0.05"]).start();
    let shot = terminal.first_frame();
    assert_eq!(shot.zoom().as_deref(), Some("50 ms"), "so that it moves");
    // An hour over 90 columns, less two at the end.
    assert_eq!(terminal.after("f").zoom().as_deref(), Some("50 s"));
    assert_eq!(terminal.after("-").zoom().as_deref(), Some("50 s"));
    terminal.press(END, "the end", Shot::ended);
    let shot = terminal.after("f");
    assert_eq!(shot.millis(), Some(3_600_000));
    // From the beginning to the end: 72 cells of 50 s, and the playhead behind them.
    let ticks = shot.row(shot.lane("reader") - 1);
    assert_eq!(ticks.chars().position(|c| c == '▼'), Some(9 + 72), "{shot}");
    assert!(shot.row(shot.lane("reader") - 2).starts_with("         0 s "), "{shot}");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_picture_pans_by_key_and_by_drag() {
    let mut terminal = ended();
    let start = terminal.shot();
    let writer = start.lane("writer");
    // Where the first segment of the writer ends and the axis begins.
    let handoff = |shot: &Shot| shot.row(writer).chars().position(|c| c == '┃');
    let x = handoff(&start).unwrap();
    let panned = terminal.after("l");
    assert_eq!(handoff(&panned), Some(x - 22), "a quarter of the width: {panned}");
    assert_eq!(terminal.after("h"), start);
    assert_eq!(terminal.after("\x1b[1;2C"), panned, "Shift-Right");
    assert_eq!(terminal.after("\x1b[1;2D"), start, "Shift-Left");
    assert_eq!(terminal.after("l"), panned);
    assert_eq!(terminal.after("f"), start);
    // A run that fits has nothing before its beginning.
    assert_eq!(terminal.after(&"h".repeat(100)), start);
    assert_eq!(terminal.after("l"), panned, "what was too much is not owed");
    // On it goes until nothing is left; from there it is not far back, however often that was pressed.
    let gone = terminal.after(&"l".repeat(100));
    assert_eq!((handoff(&gone), gone.char(9, writer)), (None, ' '), "{gone}");
    assert_eq!(terminal.after("h".repeat(5).as_str()), start);
    // Zooming brings the picture back to the playhead.
    let larger = terminal.after("+");
    assert_eq!(terminal.after("-"), start);
    terminal.after("ll");
    assert_eq!(terminal.after("+"), larger);
    assert_eq!(terminal.after("f"), start);

    // The picture sticks to the pointer. The press selects the lane, which is not what is looked at here.
    let grab = (x, start.lane("reader"));
    terminal.send(&mouse(0, grab, 'M'));
    for step in 1..=7 {
        let shot = terminal.after(&mouse(32, (x - step, grab.1), 'M'));
        assert_eq!(handoff(&shot), Some(x - step), "{shot}");
    }
    let dragged = terminal.after(&mouse(0, (x - 7, grab.1), 'm'));
    assert_eq!(handoff(&dragged), Some(x - 7));
    assert_eq!(selected(&dragged), ["reader"]);
    // Let go is let go, even of a drag that began elsewhere.
    assert_eq!(terminal.after(&mouse(32, (x, grab.1), 'M')), dragged);
    assert_eq!(terminal.after(&mouse(35, (x, grab.1), 'M')), dragged);
    terminal.press(ESC, "nothing is selected", |shot| selected(shot).is_empty());
    assert_eq!(terminal.after("f"), start);
    // Not beyond the beginning either.
    terminal
        .after(&(mouse(0, grab, 'M') + &mouse(32, (x + 20, grab.1), 'M') + &mouse(0, (x + 20, grab.1), 'm')));
    assert_eq!(terminal.press(ESC, "nothing is selected", |shot| selected(shot).is_empty()), start);
}

#[test]
fn the_order_axis_pans_from_the_first_event_to_the_playhead() {
    let mut terminal = ended();
    let end = terminal.press("t", "the order axis", |shot| shot.moment() == 51);
    assert_eq!(terminal.after("l"), end, "there is nothing beyond the playhead");
    let back = terminal.after("h");
    // A quarter of the width, which are two columns.
    assert_eq!(back.moment(), 49, "{back}");
    let first = terminal.after(&"h".repeat(100));
    assert_eq!(first.columns()[0], (1, 9), "{first}");
    assert_eq!(terminal.after("h"), first);
    assert_eq!(terminal.after(&"l".repeat(100)), end);
}

#[test]
fn the_wheel_zooms() {
    let mut terminal = ended();
    let place = (50, 8);
    assert_eq!(terminal.after(&mouse(64, place, 'M')).zoom().as_deref(), Some("20 ms"));
    assert_eq!(terminal.after(&mouse(64, place, 'M')).zoom().as_deref(), Some("10 ms"));
    assert_eq!(terminal.after(&mouse(65, place, 'M')).zoom().as_deref(), Some("20 ms"));
}

/// The lanes that are marked as selected, and named in the accent colour; one is not without the other.
#[track_caller]
fn selected(shot: &Shot) -> Vec<&'static str> {
    let accent = Some(rgb(0x56_b4e9));
    let is_selected = |lane: &&str| {
        let y = shot.lane(lane);
        let marked = shot.char(0, y) == '▶';
        assert_eq!(shot.cell(1, y).fg == accent, marked, "{shot}");
        marked
    };
    ["reader", "writer", "db"].into_iter().filter(is_selected).collect()
}

#[test]
fn lanes_are_selected_by_arrows_and_by_clicks() {
    let mut terminal = ended();
    let none: [&str; 0] = [];
    let before = terminal.shot();
    assert_eq!(selected(&before), none);
    // Whichever comes first, it selects the first lane.
    for key in [UP, DOWN] {
        assert_eq!(selected(&terminal.after(key)), ["reader"]);
        let shot = terminal.press(ESC, "nothing is selected", |shot| selected(shot).is_empty());
        assert_eq!(shot, before);
    }
    for lane in ["reader", "writer", "db", "db"] {
        assert_eq!(selected(&terminal.after(DOWN)), [lane]);
    }
    for lane in ["writer", "reader", "reader"] {
        assert_eq!(selected(&terminal.after(UP)), [lane]);
    }
    let shot = terminal.shot();
    for lane in ["db", "writer", "reader", "writer"] {
        let place = (40, shot.lane(lane));
        let clicked = terminal.after(&(mouse(0, place, 'M') + &mouse(0, place, 'm')));
        assert_eq!(selected(&clicked), [lane]);
    }
    // Outside of the lanes a click selects nothing else; neither does another button.
    for (button, place) in [(0, (5, 0)), (0, (50, 29)), (0, (99, 29)), (2, (40, shot.lane("db")))] {
        let clicked = terminal.after(&(mouse(button, place, 'M') + &mouse(button, place, 'm')));
        assert_eq!(selected(&clicked), ["writer"], "{place:?}");
    }
}

#[test]
fn a_lanes_details_take_the_sentences_place() {
    let mut terminal = ended();
    let before = terminal.shot();
    let shot = terminal.press(ENTER, "details", |shot| shot.contains("─ details ─"));
    assert_eq!(selected(&shot), ["reader"], "without a selection it is the first lane");
    assert!(!shot.contains("─ why ─"), "{shot}");
    assert_eq!(shot.details(), "2500 ms The reader holds db since 2000 ms; sleeps until 3000 ms.");
    let writer = "2500 ms The writer waits for db since 2350 ms, #1 in the queue; the reader has it.";
    let select = |lane: &'static [&str]| move |shot: &Shot| selected(shot) == lane;
    assert_eq!(terminal.press(DOWN, "the writer", select(&["writer"])).details(), writer);
    assert_eq!(
        terminal.press(DOWN, "the lock", select(&["db"])).details(),
        "2500 ms db (tokio::sync::Mutex, FIFO) is held by the reader since 2000 ms; \
         queue: writer since 2350 ms; 4 handoffs."
    );
    // Back to the sentence, and the lane stays selected.
    let shot = terminal.press(ENTER, "no details", |shot| shot.contains("─ why ─"));
    assert_eq!((shot.sentence(), selected(&shot)), (before.sentence(), vec!["db"]));
    // What is told is of the playhead's moment.
    terminal.press(UP, "the writer", select(&["writer"]));
    assert_eq!(terminal.press(ENTER, "details", |shot| shot.contains("─ details ─")).details(), writer);
    let shot = terminal.press(HOME, "the beginning", |shot| shot.newest().is_none());
    assert_eq!(shot.details(), "0 ms The writer has not started.");
    terminal.press(END, "the end", Shot::ended);
    let shot = terminal.press(ESC, "no details", |shot| shot.contains("─ why ─"));
    assert_eq!(shot, before, "and no lane is selected");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_help_opens_over_everything_and_any_key_closes_it() {
    let mut terminal = ended();
    let before = terminal.shot();
    let help = terminal.press("?", "the help", Shot::help);
    assert!(help.row(0).starts_with("─ help ─"), "{help}");
    assert!(help.row(0).ends_with("─ any key closes it, q quits ─"), "{help}");
    for words in [
        "play / pause ",
        "quit (Ctrl-C too)",
        "granted or woken, has not run",
        "fit the whole run",
        "other colours",
    ] {
        assert!(help.contains(words), "{words}: {help}");
    }
    for key in ["?", "x", "n", RIGHT, "\r", "\t", "\x1b[15~"] {
        assert_eq!(terminal.press(key, "the help closes", |shot| !shot.help()), before, "{key:?}");
        terminal.press("?", "the help", Shot::help);
    }
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn big_mode_draws_larger_and_drops_the_panels() {
    let mut terminal = ended();
    let before = terminal.shot();
    let height = |shot: &Shot| {
        let is_held = |y: &usize| matches!(shot.char(9, *y), '█' | '░');
        (0..30).filter(is_held).count()
    };
    assert_eq!(height(&before), 4);
    let big = terminal.press("b", "big mode", |shot| !shot.contains("─ order ─"));
    assert!(!big.contains("─ code ─"), "{big}");
    assert_eq!(height(&big), 12, "two lanes of six rows: {big}");
    assert!(big.contains("The writer got it"), "{big}");
    assert_eq!(terminal.press("b", "as before", |shot| shot.contains("─ order ─")), before);
    let mut other = lockscope(["--big"]).start();
    other.first_frame();
    assert_eq!(other.press(END, "the end", Shot::ended), big);
    // There is room for seven rows, and no more than that.
    for rows in [31, 40, 100] {
        other.resize(100, rows);
        let what = format!("{rows} rows");
        let held = |shot: &Shot| (0..rows.into()).filter(|y| matches!(shot.char(9, *y), '█' | '░')).count();
        other.wait(&what, |shot| shot.last_row().starts_with(" space replay") && held(shot) == 14);
    }
}

#[test]
fn themes_change_the_colours_and_nothing_else() {
    let mut terminal = ended();
    let dark = terminal.shot();
    // A hold begins at work, and goes on asleep.
    let y = dark.lane("reader");
    assert_eq!((dark.char(9, y), dark.char(10, y)), ('█', '▓'), "{dark}");
    let look = |shot: &Shot| [9, 10].map(|x| (shot.cell(x, y).fg, shot.cell(x, y).bg));
    let on = |ground, looks: [u32; 2]| looks.map(|hex| (Some(rgb(hex)), Some(rgb(ground))));
    assert_eq!(look(&dark), on(0x0f_1419, [0x2f_b98a, 0x1d_7a5c]));
    let light = terminal.after("c");
    assert_eq!(look(&light), on(0xff_ffff, [0x0a_7f58, 0x0a_6b4b]));
    let mono = terminal.after("c");
    assert_eq!(look(&mono), [(None, None); 2]);
    assert_eq!(light.text(), dark.text());
    assert_eq!(mono.text(), dark.text());
    assert_eq!(terminal.after("c"), dark);
    for (theme, expected) in [("light", &light), ("mono", &mono), ("dark", &dark)] {
        let mut terminal = lockscope(["run", "--theme", theme]).start();
        terminal.first_frame();
        assert_eq!(&terminal.press(END, "the end", Shot::ended), expected, "{theme}");
    }
}

/// All that a viewer can bring on the screen, more or less.
fn look_around(terminal: &mut Terminal) -> Vec<Shot> {
    terminal.first_frame();
    let mut shots = vec![terminal.after(END)];
    for keys in ["t", "\x1b[D\x1b[D", "b", "t", "b", "c", "c", "c", "n", HOME, "m"] {
        shots.push(terminal.after(keys));
    }
    terminal.send("?");
    shots.push(terminal.wait("the help", Shot::help));
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    shots
}

#[test]
fn no_color_is_honoured() {
    let mut terminal = bare().env("NO_COLOR", "1").start();
    let shots = look_around(&mut terminal);
    let raw = terminal.raw();
    for sgr in escapes::sgr(&raw) {
        assert!(!escapes::is_colour(&sgr), "{sgr:?}");
    }
    // What colour would say is said without it: this is the mono theme, not a picture that lost its colours.
    let mut mono = lockscope(["--theme", "mono"]).start();
    mono.first_frame();
    assert_eq!(mono.after(END), shots[0]);
    // Set and empty is not set.
    let mut terminal = bare().env("NO_COLOR", "").start();
    terminal.first_frame();
    assert!(escapes::sgr(&terminal.raw()).any(|sgr| escapes::is_colour(&sgr)));
}

#[test]
fn a_terminal_of_sixteen_colours_gets_no_others() {
    let mut terminal = bare().env("COLORTERM", "").start();
    terminal.first_frame();
    terminal.press(END, "the end", Shot::ended);
    let raw = terminal.raw();
    let mut coloured = false;
    for sgr in escapes::sgr(&raw) {
        coloured |= escapes::is_colour(&sgr);
        let extended = sgr.iter().position(|code| matches!(code, 38 | 48));
        if let Some(at) = extended {
            assert!(sgr[at + 1] == 5 && sgr[at + 2] < 16, "{sgr:?}");
        }
    }
    assert!(coloured);
}

#[test]
fn without_unicode_the_same_picture_is_pure_ascii() {
    // Enough tasks that lanes scroll, and everything else that a picture has.
    let scenario = file(
        "looking-ascii.json",
        r#"{ "scenario": 1, "title": "Plain", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "count": 30, "steps": [ { "say": "now" },
               { "lock": "db", "do": [ { "sleep": "15ms" } ] }, { "sleep": "20ms" } ] } ] }"#,
    );
    let scenario = scenario.to_str().unwrap();
    for args in [&[][..], &["run", scenario]] {
        let mut unicode = lockscope(args.iter().copied()).start();
        let mut ascii = lockscope(args.iter().copied()).env("LANG", "C").start();
        // In ASCII the signs that the helpers look for are others: the same keys for both.
        let end = |terminal: &mut Terminal| {
            terminal.first_frame();
            let mut shots = Vec::new();
            for keys in [END, "t", "\x1b[D\x1b[D", "b", "t", "b", "n", HOME, "m"] {
                shots.push(terminal.after(keys));
            }
            shots.push(terminal.press("?", "the help", Shot::help));
            terminal.send("q");
            assert_eq!(terminal.end(), 0);
            shots
        };
        let (unicode, plain) = (end(&mut unicode), end(&mut ascii));
        let raw = ascii.raw();
        assert!(raw.is_ascii(), "{:?}", raw.chars().find(|c| !c.is_ascii()));
        for (unicode, plain) in unicode.iter().zip(&plain) {
            for (y, (row, plain)) in unicode.rows().zip(plain.rows()).enumerate() {
                for (c, plain) in row.chars().zip(plain.chars()) {
                    let same = if c.is_ascii() { c == plain } else { plain != '?' };
                    assert!(same, "{c:?} became {plain:?} in row {y}:\n{unicode}");
                }
            }
        }
    }
}
