//! Screens at telling moments, with their styles, at every size that matters.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/screen.rs"]
mod screen;

use std::sync::Arc;
use std::sync::mpsc::channel;

use lockscope::app;
use lockscope::engine::{self, Options, Stop};
use lockscope::event::{Actor, Event, LockId, Mode, OpId, TaskId, Time, What};
use lockscope::scenario::{self, Plan, Source};
use lockscope::trace::{End, Trace};
use lockscope::view::{Axis, LaneId, Listing, Playing, Problem, Reading, Scene, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

struct Show {
    plan: Arc<Plan>,
    trace: Trace,
    code: Vec<Listing>,
    theme: ThemeName,
    view: ViewState,
}

impl Show {
    fn of(source: &Source) -> Self {
        let plan = Arc::new(scenario::parse(source).unwrap_or_else(|report| panic!("{report}")).plan);
        let (send, receive) = channel();
        let sink = move |event| send.send(event).is_ok();
        let end = engine::run(&plan, &Options::default(), sink, &Stop::default()).unwrap();
        let mut trace = Trace::of(plan.names(), receive.iter());
        let note = app::note(&plan, end.cause);
        trace.finish(End { outcome: end.outcome, at: end.at, note });
        let view = ViewState {
            playing: Playing::Paused,
            horizon: plan.until.map(Into::into),
            ..ViewState::default()
        };
        Self { code: app::listings(&plan), plan, trace, theme: ThemeName::Dark, view }
    }

    fn handoff() -> Self {
        Self::of(&scenario::find(scenario::DEFAULT).unwrap().source())
    }

    /// At this time, when everything of it has happened.
    fn at(mut self, millis: u64) -> Self {
        self.view.now = Time::from_millis(millis);
        self.view.moment = self.trace.moment_at(self.view.now);
        self
    }

    /// Right after the first grant, and so many events on.
    fn after_grant(mut self, events: i64) -> Self {
        let grant = self.trace.handoffs(self.trace.len()).seq(0);
        self.view.moment = grant.checked_add_signed(events).unwrap();
        self.view.now = self.trace.event(self.view.moment).unwrap().at;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut ViewState)) -> Self {
        change(&mut self.view);
        self
    }

    fn theme(mut self, theme: ThemeName) -> Self {
        self.theme = theme;
        self
    }

    fn draw(&self, width: u16, height: u16) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let theme = self.theme.theme();
        let scene = Scene {
            title: &self.plan.title,
            trace: &self.trace,
            code: &self.code,
            keys: &app::HINTS,
            view: &self.view,
            theme: &theme,
        };
        scene.render(area, &mut buffer);
        buffer
    }

    fn screen(&self, width: u16, height: u16) -> String {
        screen::with_styles(&self.draw(width, height))
    }
}

fn order(view: &mut ViewState) {
    view.axis = Axis::Order;
}

#[test]
fn the_lecture_size_at_telling_moments() {
    insta::assert_snapshot!("100x30_beginning", Show::handoff().screen(100, 30));
    insta::assert_snapshot!("100x30_waiting", Show::handoff().at(600).screen(100, 30));
    insta::assert_snapshot!("100x30_release", Show::handoff().after_grant(-1).screen(100, 30));
    insta::assert_snapshot!("100x30_grant", Show::handoff().after_grant(0).screen(100, 30));
    insta::assert_snapshot!("100x30_re_ask", Show::handoff().after_grant(2).screen(100, 30));
    insta::assert_snapshot!("100x30_after", Show::handoff().at(1240).screen(100, 30));
    let end = Show::handoff().at(2500).with(|view| view.playing = Playing::Ended);
    insta::assert_snapshot!("100x30_end", end.screen(100, 30));
}

#[test]
fn the_order_axis() {
    insta::assert_snapshot!(
        "order_100x30_acquire",
        Show::handoff().after_grant(3).with(order).screen(100, 30)
    );
    insta::assert_snapshot!("order_80x24_back", Show::handoff().after_grant(6).with(order).screen(80, 24));
}

#[test]
fn other_sizes() {
    insta::assert_snapshot!("80x24_after", Show::handoff().at(1240).screen(80, 24));
    insta::assert_snapshot!("200x50_after", Show::handoff().at(1240).screen(200, 50));
    insta::assert_snapshot!("60x16_after", Show::handoff().at(1240).screen(60, 16));
    insta::assert_snapshot!("too_small", Show::handoff().at(1240).screen(59, 15));
}

#[test]
fn other_looks() {
    let after = || Show::handoff().at(1240);
    insta::assert_snapshot!("light", after().theme(ThemeName::Light).screen(100, 30));
    insta::assert_snapshot!("mono", after().theme(ThemeName::Mono).screen(80, 24));
    insta::assert_snapshot!("ansi", after().theme(ThemeName::Ansi).screen(80, 24));
    insta::assert_snapshot!("big", after().with(|view| view.big = true).screen(100, 30));
    let details =
        after().with(|view| (view.lane, view.reading) = (Some(LaneId::Task(TaskId(1))), Reading::Details));
    insta::assert_snapshot!("details", details.screen(80, 24));
    insta::assert_snapshot!("help", after().with(|view| view.reading = Reading::Help).screen(80, 24));
    // Keys for which there is no room are counted, not dropped.
    let small = after().with(|view| view.reading = Reading::Help).screen(60, 16);
    assert!(small.contains("+9 keys in a higher terminal"), "{small}");
}

#[test]
fn ascii_is_ascii() {
    for show in [
        Show::handoff().at(1240),
        Show::handoff().after_grant(3).with(order),
        Show::handoff().with(|view| view.reading = Reading::Help),
        Show::handoff().at(2500).with(|view| view.playing = Playing::Ended),
        Show::handoff().with(|view| view.playing = Playing::Playing),
        deadlock(),
        deadlock().with(order),
    ] {
        let questions = |text: &str| text.matches('?').count();
        let before = questions(&screen::plain(&show.draw(100, 30)));
        let text = screen::plain(&show.with(|view| view.ascii = true).draw(100, 30));
        assert!(text.is_ascii(), "{text}");
        assert_eq!(questions(&text), before, "a glyph has no ASCII twin:\n{text}");
    }
}

#[test]
fn mono_has_no_colour_at_all() {
    use ratatui::style::Color;
    for show in [Show::handoff().at(1240), Show::handoff().after_grant(3).with(order), deadlock()] {
        let buffer = show.theme(ThemeName::Mono).draw(100, 30);
        assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    }
}

/// Three in a ring, one behind it; the playhead at the end.
fn deadlock() -> Show {
    let show = scenario(
        r#"{ "scenario": 1, "title": "Philosophers", "until": "10s", "expect": { "outcome": "deadlock" },
        "locks": { "f1": "tokio::sync::Mutex", "f2": "tokio::sync::Mutex", "f3": "tokio::sync::Mutex" }, "tasks": [
        { "name": "Kant", "steps": [ { "lock": "f1", "as": "l" }, { "sleep": "10ms" }, { "lock": "f2", "as": "r" } ] },
        { "name": "Hume", "steps": [ { "lock": "f2", "as": "l" }, { "sleep": "20ms" }, { "lock": "f3", "as": "r" } ] },
        { "name": "Marx", "steps": [ { "lock": "f3", "as": "l" }, { "sleep": "30ms" }, { "lock": "f1", "as": "r" } ] },
        { "name": "guest", "start": "5ms", "steps": [ { "lock": "f1", "as": "l" } ] } ] }"#,
    );
    show.at(30).with(|view| view.playing = Playing::Ended)
}

#[test]
fn the_end_of_a_deadlock() {
    insta::assert_snapshot!("deadlock_100x30", deadlock().screen(100, 30));
    insta::assert_snapshot!("deadlock_80x24", deadlock().screen(80, 24));
    insta::assert_snapshot!("deadlock_order_100x30", deadlock().with(order).screen(100, 30));
    // It is one only from the last event on.
    let before = screen::plain(&deadlock().with(|view| view.moment -= 1).draw(100, 30));
    assert!(!before.contains('✖') && !before.contains("stuck"), "{before}");
    // Whoever waits for itself needs no arrow, and whatever the zoom or the size there is a mark.
    let itself = || {
        scenario(
            r#"{ "scenario": 1, "title": "Twice", "until": "10s", "locks": { "db": "tokio::sync::Mutex" }, "tasks": [
            { "name": "t", "steps": [ { "sleep": "5s" }, { "lock": "db", "as": "x" }, { "lock": "db", "as": "y" } ] } ] }"#,
        )
        .at(5000)
    };
    for (width, height) in [(60, 16), (80, 24), (200, 50)] {
        for axis in [Axis::Time, Axis::Order] {
            for millis in [None, Some(1), Some(1000)] {
                let cell = millis.map(std::time::Duration::from_millis);
                let show = itself().with(|view| (view.axis, view.cell) = (axis, cell));
                let text = screen::plain(&show.draw(width, height));
                assert!(text.contains('✖') && text.contains("waits for db"), "{text}");
            }
        }
    }
}

/// Where events are missing the picture says so, and how many; nothing is drawn of them.
#[test]
fn a_gap_is_seen_where_it_is() {
    let show = Show::handoff();
    let lost = |at, events| {
        let actor = Actor { task: TaskId(0), step: None };
        Event { seq: 0, at: Time::from_millis(at), actor, what: What::Lost { events } }
    };
    let (before, after): (Vec<Event>, Vec<Event>) =
        show.trace.events().iter().partition(|event| event.at < Time::from_millis(1900));
    let end = show.trace.end().cloned().unwrap();
    let gap = [lost(1900, 1), lost(1901, 6), lost(1990, 1_000_000)];
    let with = |before: &[Event], after: &[Event]| {
        let mut trace = Trace::of(show.plan.names(), before.iter().chain(&gap).chain(after).cloned());
        trace.finish(end.clone());
        trace
    };
    let (narrow, wide) = (with(&before, &after), with(&before[..before.len() / 2], &after));
    let show = Show { trace: narrow, ..show };
    insta::assert_snapshot!("gap_100x30", show.at(3240).screen(100, 30));
    // Of the time in between nothing is known.
    let show = Show { trace: wide, ..Show::handoff() };
    let show = show.at(3240);
    insta::assert_snapshot!("wide_gap_100x30", show.screen(100, 30));
    insta::assert_snapshot!("wide_gap_80x24", show.at(1995).screen(80, 24));
}

/// Real time is finer than milliseconds, and a program does much in one of them.
#[test]
fn real_times_are_told_to_the_microsecond() {
    let show = Show::handoff();
    let real = show.trace.events().iter().zip(1..).map(|(event, nth)| {
        let at = Time::from_nanos(event.at.nanos() + 7_654 * nth);
        Event { at, ..event }
    });
    let mut trace = Trace::of(show.plan.names(), real);
    trace.finish(End { at: Time::from_millis(9_000), ..show.trace.end().cloned().unwrap() });
    let told = lockscope::trace::text::sequence_diagram(&trace);
    assert!(told.contains("\n          ms  reader "), "{told}");
    assert!(told.contains("\n       0.007  starts "), "{told}");
    assert!(told.contains("\n              ╰ "), "{told}");
    assert!(told.lines().last().unwrap().starts_with("    9000.000  "), "{told}");
    let show = Show { trace, ..show };
    insta::assert_snapshot!("real_times_80x24", show.at(3240).screen(80, 24));
}

#[test]
fn every_word_can_be_read_from_the_last_row() {
    for theme in [ThemeName::Dark, ThemeName::Light] {
        for show in [
            Show::handoff().at(1240),
            Show::handoff().after_grant(0),
            Show::handoff().after_grant(3).with(order),
            deadlock(),
        ] {
            let buffer = show.theme(theme).draw(100, 30);
            screen::check_contrast(&buffer);
        }
    }
}

#[test]
fn the_handoff_is_a_line_from_the_reader_to_the_writer() {
    // Down the column of the handoff, from the reader's last row to the writer's first.
    let buffer = Show::handoff().after_grant(0).draw(100, 30);
    let lanes: Vec<u16> = (0..30).filter(|&y| matches!(buffer[(9, y)].symbol(), "█" | "░")).collect();
    let (reader, writer) = (lanes[1], lanes[2]);
    let x = (9..99).find(|&x| buffer[(x, writer)].symbol() == "▒").unwrap();
    assert!(writer - reader > 1);
    // A line, and a head where there is room for one.
    let line: String = (reader + 1..writer).map(|y| buffer[(x, y)].symbol()).collect();
    assert!(matches!(line.as_str(), "┃" | "┃▼"), "{line}");
}

#[test]
fn on_the_order_axis_all_events_are_equally_wide() {
    let show = Show::handoff().after_grant(3).with(order);
    let text = screen::plain(&show.draw(100, 30));
    let header = text.lines().find(|line| line.contains("#18")).unwrap();
    let columns: Vec<usize> = (14..=18).map(|seq| header.find(&format!("#{seq} ")).unwrap()).collect();
    let widths: Vec<usize> = columns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(widths, [10; 4]);
}

#[test]
fn a_hold_shorter_than_a_cell_is_never_dropped() {
    for millis in [1, 5, 20, 100, 500, 2000, 60_000] {
        let show =
            Show::handoff().at(2500).with(|view| view.cell = Some(std::time::Duration::from_millis(millis)));
        let buffer = show.draw(100, 30);
        let (writer, holds) = (9..14)
            .map(|y| {
                let count = (9..99).filter(|&x| matches!(buffer[(x, y)].symbol(), "┃" | "█")).count();
                (y, count)
            })
            .max_by_key(|(_, count)| *count)
            .unwrap();
        // Where the whole run is on the screen, so are the writer's two holds, or the one cell both are in.
        if millis * 90 >= 2500 {
            let together = 1000 / millis == 2000 / millis;
            assert!(holds >= if together { 1 } else { 2 }, "{millis} ms a cell: {holds} in row {writer}");
        }
    }
}

#[test]
fn many_tasks_and_locks_fit_by_scrolling() {
    let tasks = |count: u32| {
        Show::of(&Source::new(
            "many.json",
            &format!(
                r#"{{ "scenario": 1, "title": "many", "until": "1s", "locks": {{ "db": "tokio::sync::Mutex" }},
                 "tasks": [ {{ "name": "task", "count": {count}, "steps": [ {{ "lock": "db", "do": [ {{ "sleep": "10ms" }} ] }} ] }} ] }}"#
            ),
        ))
    };
    let many = tasks(10_000).at(500);
    let text = screen::plain(&many.draw(100, 30));
    assert!(text.contains("of 10000"), "{text}");
    let last = screen::plain(&many.with(|view| view.lane = Some(LaneId::Task(TaskId(9_999)))).draw(100, 30));
    assert!(last.contains("of 10000") && last.contains("task#10000") && last.contains(" db "), "{last}");
    insta::assert_snapshot!("forty_tasks", screen::plain(&tasks(40).at(355).draw(100, 30)));
    insta::assert_snapshot!("forty_tasks_order", screen::plain(&tasks(40).at(355).with(order).draw(100, 30)));
}

#[test]
fn nothing_from_a_file_can_steer_the_terminal() {
    let show = Show::of(&Source::new(
        "hostile.json",
        r#"{ "scenario": 1, "title": "red\u001b[31m \u202e\u0007 title", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "steps": [ { "print": "\u001b]0;pwned\u0007" }, { "say": "a\u009b31mb" }, { "lock": "db", "do": [ { "sleep": "9ms" } ] } ] } ] }"#,
    ));
    for at in [0, 5, 9] {
        let buffer = show.draw(100, 30);
        let text = screen::plain(&buffer);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'),
            "{at}: {text:?}"
        );
    }
    let text = screen::plain(&show.at(5).draw(200, 50));
    assert!(text.contains("red␛[31m"), "{text}");
}

#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let readme = include_str!("../README.md").replace("\r\n", "\n");
    let screen = screen::plain(&Show::handoff().at(1240).draw(100, 30));
    assert!(readme.contains(screen.trim_end()), "the README's picture is stale; it is now:\n{screen}");
}

fn scenario(text: &str) -> Show {
    Show::of(&Source::new("test.json", text))
}

#[test]
fn what_happens_at_the_left_edge_is_there() {
    let show = scenario(
        r#"{ "scenario": 1, "title": "edge", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "steps": [ { "loop": [ { "lock": "db", "do": [ { "insert": "k", "value": 1 } ] }, { "sleep": "10ms" } ] } ] } ] }"#,
    );
    let buffer =
        show.at(400).with(|view| view.cell = Some(std::time::Duration::from_millis(5))).draw(100, 30);
    let row = (0..30).find(|&y| buffer[(1, y)].symbol() == "t").unwrap();
    let holds: Vec<bool> = (8..20).map(|x| buffer[(x, row)].symbol() == "┃").collect();
    assert_eq!(holds, [true, false].repeat(6));
}

#[test]
fn handoffs_are_seen_where_lanes_leave_no_room_between_them() {
    let show = scenario(
        r#"{ "scenario": 1, "title": "tight", "until": "1s", "locks": { "db": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "count": 30, "steps": [ { "lock": "db", "do": [ { "sleep": "100ms" } ] } ] } ] }"#,
    );
    let buffer = show.at(350).draw(100, 30);
    let marks = buffer
        .content
        .iter()
        .filter(|cell| cell.symbol() == "┃" && cell.fg == ratatui::style::Color::Rgb(0xf5, 0xf7, 0xfa));
    assert!(marks.count() >= 2);
    // The lock stays, however many tasks there are.
    assert!(screen::plain(&buffer).contains("\n db "));
}

/// Whatever the order in which they were made.
#[test]
fn kinds_of_lock_are_counted_once() {
    let show = scenario(
        r#"{ "scenario": 1, "title": "kinds", "locks": { "a": "tokio::sync::Mutex", "b": "tokio::sync::RwLock", "c": "tokio::sync::Mutex" },
             "tasks": [ { "name": "t", "steps": [ { "sleep": "1ms" } ] } ] }"#,
    );
    let text = screen::plain(&show.at(0).draw(100, 30));
    assert!(text.contains("  2 kinds of lock  "), "{text}");
}

#[test]
fn a_lock_that_was_taken_unseen_is_not_free() {
    let show = Show::handoff();
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let actor = Actor { task: TaskId(1), step: None };
    let at = Time::from_millis(100);
    let waits = Event { seq: 0, at, actor, what: What::Wait { lock, op: OpId(1), mode } };
    let trace = Trace::of(show.plan.names(), [waits]);
    let text = screen::plain(&Show { trace, ..show }.at(200).draw(100, 30));
    assert!(text.contains("\n db  taken before this "), "{text}");
}

#[test]
fn why_it_ended_is_told_as_far_as_there_is_room() {
    let mut show = Show::handoff();
    let end = show.trace.end().cloned().unwrap();
    let note = "values and words need more than 64 MiB; 1234567 that came later are not kept".to_owned();
    show.trace.finish(End { note: Some(note), ..end });
    let show = show.at(2_500).with(|view| view.playing = Playing::Ended);
    for (width, told) in [
        (120, "64 MiB; 1234567 that came later are not kept "),
        (100, " that came later ar… ─"),
        (80, "stopped at 2500 ms: values and words need"),
    ] {
        let text = screen::plain(&show.draw(width, 30));
        assert!(text.contains("─ stopped at 2500 ms: ") && text.contains(told), "{text}");
    }
}

#[test]
fn a_title_without_end_is_cut() {
    let title = "x".repeat(65_534);
    let show = scenario(&format!(
        r#"{{ "scenario": 1, "title": "{title}", "locks": {{}}, "tasks": [ {{ "name": "t", "steps": [ {{ "print": "{title}" }} ] }} ] }}"#
    ));
    let text = screen::plain(&show.at(0).draw(100, 30));
    assert!(text.contains("xxx…"));
}

#[test]
fn between_release_and_grant_the_lock_is_nobody_else_s() {
    let text = screen::plain(&Show::handoff().after_grant(-1).draw(100, 30));
    assert!(text.contains("db  passes straight to  writer "), "{text}");
    assert!(!text.contains("free"));
}

#[test]
fn where_a_block_drops_its_guard_the_code_shows_its_end() {
    let text = screen::plain(&Show::handoff().after_grant(0).draw(100, 30));
    let code: Vec<&str> = text.lines().filter_map(|line| line.split('│').nth(1)).collect();
    assert!(code.iter().any(|line| line.trim_end() == " ▶ }"), "{text}");
}

/// A scenario with these steps that cannot run, as the viewer reads it.
fn problem(steps: &str, top: usize) -> Show {
    let text = format!(
        r#"{{
  "scenario": 1, "title": "broken", "locks": {{ "db": "tokio::sync::Mutex" }},
  "tasks": [
    {{ "name": "reader", "steps": [
{steps}
    ] }}
  ]
}}"#
    );
    let report = scenario::parse(&Source::new("lecture/my.json", &text)).unwrap_err();
    let problem = Problem {
        heading: "my.json cannot run".into(),
        text: report.render(false),
        hint: "the old run stays; fix and save".into(),
        top,
    };
    Show::handoff().at(1240).with(|view| view.problem = Some(problem))
}

#[test]
fn mistakes_over_the_old_run() {
    let short = r#"      { "slep": "1s" }"#;
    insta::assert_snapshot!("problem_80x24", problem(short, 0).screen(80, 24));
    // Longer than the screen is wide, and more than fit on it.
    let long = r#"      { "loop": [ { "lock": "db", "as": "guard" }, { "get": "my-key", "from": "guard", "as": "value" }, { "slep": "1s" } ] },
      { "loop": [ { "yield": 1 } ] }"#;
    insta::assert_snapshot!("problem_long_80x24", screen::plain(&problem(long, 0).draw(80, 24)));
    insta::assert_snapshot!("problem_scrolled_80x24", screen::plain(&problem(long, 15).draw(80, 24)));
    insta::assert_snapshot!("problem_60x16", screen::plain(&problem(long, usize::MAX).draw(60, 16)));
    insta::assert_snapshot!(
        "problem_ascii",
        screen::plain(&problem(short, 0).with(|view| view.ascii = true).draw(60, 16))
    );
}

#[test]
fn mistakes_cannot_steer_the_terminal() {
    let show = Show::handoff().with(|view| {
        view.problem = Some(Problem {
            heading: "\u{1b}[31m.json".into(),
            text: "error: \u{1b}]0;x\u{7}\n --> \u{202e}:1:1\n  |\n1 | \u{9b}31m\t\n  | ^^^ \u{1b}c\n".into(),
            hint: "\u{1b}".into(),
            top: 9,
        });
    });
    for (width, height) in [(60, 16), (80, 24), (300, 80)] {
        let text = screen::plain(&show.draw(width, height));
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    }
}
