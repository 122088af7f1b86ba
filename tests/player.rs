//! The player and the program around it, without a terminal: keys and time in, screens out.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "player/live.rs"]
mod live;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/screen.rs"]
mod screen;

use std::sync::Arc;
use std::time::Duration;

use lockscope::app::{
    App, HINTS, Message, Next, Player, Question, Reload, Reloaded, Settings, Stops, message,
};
use lockscope::engine::{Cause, Options};
use lockscope::event::{LockId, TaskId, Time};
use lockscope::scenario::{self, ClockKind, Plan, Source};
use lockscope::view::{Axis, LaneId, Playing, ThemeName};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

const AREA: Rect = Rect::new(0, 0, 100, 30);

fn handoff() -> Arc<Plan> {
    Arc::new(scenario::parse(&scenario::find(scenario::DEFAULT).unwrap().source()).unwrap().plan)
}

fn player() -> Player {
    Player::start(handoff(), Options::default(), 1.0).unwrap()
}

/// The player after a seek has come to its end, however many goes it takes.
fn settle(player: &mut Player) {
    while player.is_busy() && player.playing() != Playing::Playing {
        player.tick(Duration::ZERO);
    }
}

fn name(player: &Player) -> &'static str {
    player.trace().event(player.moment()).map_or("-", |event| event.what.name())
}

#[test]
fn it_plays_by_the_time_that_passes_and_stops_at_the_end() {
    let mut player = player();
    for _ in 0..30 {
        player.tick(Duration::from_millis(40));
    }
    assert_eq!(player.now().millis(), 1200);
    assert_eq!(player.moment(), 27);
    // Nothing beyond the playhead has been taken: the tasks stand where the picture does.
    assert_eq!(player.trace().len(), 27);
    for _ in 0..100 {
        player.tick(Duration::from_millis(40));
    }
    assert_eq!((player.now().millis(), player.playing()), (2500, Playing::Ended));
    assert_eq!(player.trace().end().unwrap().note.as_deref(), Some("the horizon"));
    assert!(!player.is_busy());
}

#[test]
fn speed_stretches_time() {
    let mut player = player();
    player.change_speed(-2);
    assert!((player.speed() - 0.25).abs() < f64::EPSILON);
    player.tick(Duration::from_secs(2));
    assert_eq!(player.now().millis(), 500);
    player.change_speed(20);
    assert!((player.speed() - 50.0).abs() < f64::EPSILON);
    player.tick(Duration::from_millis(20));
    assert_eq!(player.now().millis(), 1500);
    player.change_speed(-20);
    assert!((player.speed() - 0.05).abs() < f64::EPSILON);
}

#[test]
fn paused_tasks_stand_still() {
    let mut player = player();
    player.tick(Duration::from_millis(500));
    player.toggle();
    assert_eq!(player.playing(), Playing::Paused);
    player.tick(Duration::from_hours(1));
    player.rest(Duration::from_hours(1));
    assert_eq!((player.now().millis(), player.trace().len()), (500, 9));
    player.toggle();
    player.tick(Duration::from_millis(500));
    assert_eq!(player.now().millis(), 1000);
}

#[test]
fn a_step_lets_exactly_one_event_happen() {
    let mut player = player();
    player.home();
    let all = {
        let mut other = self::player();
        other.end();
        settle(&mut other);
        other.moment()
    };
    for moment in 1..=all {
        player.step();
        assert_eq!((player.moment(), player.trace().len()), (moment, moment));
        assert_eq!(player.now(), player.trace().event(moment).unwrap().at);
    }
    player.step();
    assert_eq!((player.moment(), player.playing()), (all, Playing::Ended));
    for moment in (0..all).rev() {
        player.back();
        assert_eq!((player.moment(), player.trace().len()), (moment, all));
    }
    player.back();
    assert_eq!((player.moment(), player.now()), (0, Time::ZERO));
    player.step();
    assert_eq!(player.moment(), 1);
}

#[test]
fn at_the_handoff_stepping_shows_release_grant_re_ask_and_acquire() {
    let mut player = player();
    player.next_handoff();
    settle(&mut player);
    assert_eq!((name(&player), player.now().millis()), ("grant", 1000));
    player.back();
    assert_eq!(name(&player), "release");
    let mut seen = vec![];
    for _ in 0..4 {
        player.step();
        seen.push(name(&player));
    }
    assert_eq!(seen, ["grant", "print", "wait", "acquire"]);
}

#[test]
fn handoffs_and_markers_are_a_key_apart() {
    let mut player = player();
    let mut moments = vec![];
    loop {
        player.next_handoff();
        settle(&mut player);
        if player.notice().is_some() {
            break;
        }
        moments.push(player.moment());
    }
    assert_eq!(moments.len(), 4);
    // It stays where it was.
    assert_eq!((player.moment(), player.notice()), (moments[3], Some("no further handoff")));
    for moment in moments[..3].iter().rev() {
        player.previous_handoff();
        assert_eq!(player.moment(), *moment);
    }
    player.previous_handoff();
    assert_eq!((player.moment(), player.notice()), (moments[0], Some("no earlier handoff")));
    player.home();
    player.next_marker();
    settle(&mut player);
    assert_eq!((name(&player), player.now().millis()), ("release", 1000));
    // It asks, and the next key but one goes on.
    assert_eq!(player.question(), Some(Question { marker: 0, guess: None }));
    player.answer(Some(1));
    settle(&mut player);
    assert_eq!(
        (name(&player), player.question()),
        ("grant", Some(Question { marker: 0, guess: Some(Some(1)) }))
    );
    player.step();
    assert_eq!(player.question(), None);
}

#[test]
fn a_seek_to_the_end_of_an_hour_leaves_time_for_keys() {
    let options = Options { until: Some(Duration::from_hours(1)), ..Options::default() };
    let mut player = Player::start(handoff(), options, 1.0).unwrap();
    player.end();
    // It did not do it all at once …
    assert!(player.is_busy());
    let so_far = player.moment();
    // … and stops where it is when asked to.
    player.toggle();
    assert_eq!((player.moment(), player.playing()), (so_far, Playing::Playing));
    player.end();
    settle(&mut player);
    assert_eq!((player.playing(), player.now().millis()), (Playing::Ended, 3_600_000));
    assert!(player.moment() > 20_000);
}

#[test]
fn at_the_end_space_plays_it_again_and_restart_runs_it_again() {
    let mut player = player();
    player.end();
    settle(&mut player);
    let (events, all) = (player.trace().events().clone(), player.moment());
    player.toggle();
    assert_eq!((player.moment(), player.playing(), player.trace().len()), (0, Playing::Playing, all));
    player.restart();
    assert_eq!((player.moment(), player.trace().len()), (0, 0));
    player.end();
    settle(&mut player);
    assert_eq!(player.trace().events(), &events);
}

#[test]
fn a_real_run_goes_on_while_the_picture_stands() {
    let options = Options {
        clock: Some(ClockKind::Real),
        until: Some(Duration::from_millis(300)),
        ..Options::default()
    };
    let mut player = Player::start(handoff(), options, 1.0).unwrap();
    player.tick(Duration::ZERO);
    player.toggle();
    assert_eq!(player.playing(), Playing::Paused);
    // It ends without anybody taking an event; then everything of it can be looked at.
    while player.playing() != Playing::Ended {
        player.rest(Duration::from_millis(1));
        player.end();
        settle(&mut player);
    }
    assert_eq!(player.trace().len(), 9);
    assert_eq!(player.now().millis(), 300);
}

#[test]
fn the_causes_of_an_end_are_said_in_words() {
    let plan = handoff();
    let note = |cause| lockscope::app::note(&plan, cause);
    assert_eq!(note(Cause::Finished), None);
    assert_eq!(note(Cause::EventCap(7)).unwrap(), "the cap of 7 events");
}

fn settings() -> Settings {
    Settings {
        options: Options::default(),
        speed: 1.0,
        theme: ThemeName::Dark,
        axis: Axis::Time,
        big: false,
        ascii: false,
        stops: Stops::Nowhere,
    }
}

fn screen_of(app: &mut App, area: Rect) -> String {
    let mut buffer = Buffer::empty(area);
    app.show(|scene| scene.render(area, &mut buffer));
    screen::plain(&buffer)
}

#[test]
fn every_key_of_the_table_does_something() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let key = |code| message(KeyEvent::new(code, KeyModifiers::NONE));
    for hint in HINTS {
        for word in hint.keys.split_whitespace() {
            let code = match word {
                "space" => KeyCode::Char(' '),
                "←→" => KeyCode::Left,
                "↑" => KeyCode::Up,
                "↓" => KeyCode::Down,
                "Home" => KeyCode::Home,
                "End" => KeyCode::End,
                "PgUp" => KeyCode::PageUp,
                "PgDn" => KeyCode::PageDown,
                "Enter" => KeyCode::Enter,
                "Esc" => KeyCode::Esc,
                one => KeyCode::Char(one.chars().next().unwrap()),
            };
            assert!(key(code).is_some(), "{word} is in the help and does nothing");
        }
    }
    assert_eq!(key(KeyCode::Char('z')), None);
    assert_eq!(message(KeyEvent::new(KeyCode::Char('+'), KeyModifiers::SHIFT)), Some(Message::ZoomIn));
    assert_eq!(message(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Message::Quit));
}

#[test]
fn the_program_shows_what_was_asked_for() {
    let mut app = App::new(handoff(), &settings()).unwrap();
    let shows = |app: &mut App, words: &str| {
        let text = screen_of(app, AREA);
        assert!(text.contains(words), "no {words:?} in\n{text}");
    };
    app.tick(Duration::from_millis(600));
    shows(&mut app, "time · 30 ms a cell");
    app.update(Message::ZoomIn, AREA);
    shows(&mut app, "time · 20 ms a cell");
    app.update(Message::Fit, AREA);
    shows(&mut app, "time · 30 ms a cell");
    app.update(Message::Axis, AREA);
    shows(&mut app, "order · one column an event");
    app.update(Message::Help, AREA);
    shows(&mut app, "any key closes it");
    app.update(Message::Step, AREA);
    shows(&mut app, "order · one column an event");
    app.update(Message::NextHandoff, AREA);
    shows(&mut app, "Granted to the writer: first in the queue since 0 ms.");
    app.update(Message::Big, AREA);
    assert!(!screen_of(&mut app, AREA).contains("─ code"));
    assert_eq!(app.update(Message::Quit, AREA), Next::Quit);
}

#[test]
fn a_click_selects_the_lane_under_it() {
    let mut app = App::new(handoff(), &settings()).unwrap();
    app.tick(Duration::from_millis(600));
    let colour = |app: &mut App, y: u16| {
        let mut buffer = Buffer::empty(AREA);
        app.show(|scene| scene.render(AREA, &mut buffer));
        buffer[(1, y)].fg
    };
    let text = screen_of(&mut app, AREA);
    let row = text.lines().position(|line| line.starts_with(" writer ")).unwrap() as u16;
    let before = colour(&mut app, row);
    app.update(Message::Select(40, row), AREA);
    assert_ne!(colour(&mut app, row), before);
    app.update(Message::Select(40, 0), AREA);
    app.update(Message::Details, AREA);
    let text = screen_of(&mut app, AREA);
    assert!(
        text.contains("The writer waits for db since 0 ms, #1 in the queue; the reader has it."),
        "{text}"
    );
    app.update(Message::Lane(1), AREA);
    let text = screen_of(&mut app, AREA);
    assert!(
        text.contains(
            "db (tokio::sync::Mutex, FIFO) is held by the reader since 0 ms; queue: writer since 0 ms"
        ),
        "{text}"
    );
    app.update(Message::Deselect, AREA);
    assert_eq!(colour(&mut app, row), before);
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::Toggle),
        Just(Message::Step),
        Just(Message::Back),
        Just(Message::NextHandoff),
        Just(Message::PreviousHandoff),
        Just(Message::NextMarker),
        Just(Message::Home),
        Just(Message::End),
        Just(Message::Restart),
        Just(Message::Slower),
        Just(Message::Faster),
        Just(Message::ZoomIn),
        Just(Message::ZoomOut),
        any::<i32>().prop_map(Message::Pan),
        (-9i32..9).prop_map(Message::PanPage),
        Just(Message::Fit),
        Just(Message::Axis),
        Just(Message::Big),
        Just(Message::Theme),
        any::<i32>().prop_map(Message::Lane),
        (0u16..300, 0u16..120).prop_map(|(x, y)| Message::Select(x, y)),
        Just(Message::Help),
        Just(Message::Details),
        Just(Message::Deselect),
        prop_oneof![
            any::<i32>().prop_map(Message::LanePage),
            Just(Message::Filter),
            any::<char>().prop_map(Message::Type),
            prop::sample::select(vec!['#', '*', 'r', '1']).prop_map(Message::Type),
            Just(Message::Erase),
            Just(Message::Keep),
            Just(Message::Clear),
            Just(Message::Sort),
            Just(Message::Fold),
            Just(Message::FoldAll),
        ],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for, in whatever order and at whatever size: the picture comes, and what it
    /// shows is a prefix of what happened.
    #[test]
    fn nothing_a_viewer_does_breaks_it(
        scenario in programs::scenario(),
        script in prop::collection::vec((messages(), 0u64..400, 0u16..220, 0u16..60), 1..40),
    ) {
        let plan = scenario::parse(&Source::new("random.json", &scenario)).unwrap().plan;
        let mut app = App::new(Arc::new(plan), &settings()).unwrap();
        for (message, millis, width, height) in script {
            let area = Rect::new(0, 0, width, height);
            app.update(message, area);
            app.tick(Duration::from_millis(millis));
            screen_of(&mut app, area);
            let player = app.player();
            prop_assert!(player.moment() <= player.trace().len());
            let at = |moment| player.trace().event(moment).map(|event| event.at);
            prop_assert!(at(player.moment()).is_none_or(|at| at <= player.now()));
            prop_assert!(player.is_busy() || at(player.moment() + 1).is_none_or(|at| at >= player.now()));
        }
    }
}

const FILE: &str = r#"{ "scenario": 1, "title": "TITLE", "until": "3s", "locks": { "db": "tokio::sync::Mutex" },
    "tasks": [ TASKS ] }"#;

fn file(title: &str, tasks: &[&str]) -> Arc<Plan> {
    let task = |name: &&str| {
        format!(r#"{{ "name": "{name}", "steps": [ {{ "lock": "db", "do": [ {{ "sleep": "1s" }} ] }} ] }}"#)
    };
    let tasks = tasks.iter().map(task).collect::<Vec<_>>().join(", ");
    let text = FILE.replace("TITLE", title).replace("TASKS", &tasks);
    Arc::new(scenario::parse(&Source::new("my.json", &text)).unwrap().plan)
}

/// A file in name only: what it holds is said by the test.
struct Paper(std::sync::Mutex<Vec<Reloaded>>);

impl Reload for Paper {
    fn name(&self) -> &'static str {
        "my.json"
    }

    fn read(&self) -> Reloaded {
        self.0.lock().unwrap().remove(0)
    }

    fn look(&self) -> Option<Reloaded> {
        None
    }
}

fn good(title: &str, tasks: &[&str]) -> Reloaded {
    Reloaded::Plan { plan: file(title, tasks), warnings: 0 }
}

fn bad() -> Reloaded {
    let lines: Vec<_> = (1..=60).map(|line| format!("line {line} of the report")).collect();
    Reloaded::Mistakes(format!("error: unknown verb `slep`\n{}\n", lines.join("\n")))
}

fn app_of_file(reads: Vec<Reloaded>) -> App {
    let settings = Settings { speed: 0.25, axis: Axis::Order, big: true, ..settings() };
    let mut app = App::new(file("first", &["reader", "writer"]), &settings).unwrap();
    app.reload_from(Arc::new(Paper(std::sync::Mutex::new(reads))), true);
    app
}

fn screen(app: &mut App) -> String {
    screen_of(app, AREA)
}

/// How it is looked at, which no reload may change.
fn looks(app: &mut App) -> (String, Option<Duration>, u16, Axis, bool, Option<LaneId>) {
    app.show(|scene| {
        let view = scene.view;
        (format!("{:?}", view.speed), view.cell, view.column, view.axis, view.big, view.lane)
    })
}

#[test]
fn a_reload_runs_the_new_plan_and_looks_at_it_as_before() {
    let mut app = app_of_file(vec![]);
    for message in [Message::ZoomIn, Message::Axis, Message::ZoomIn, Message::Theme, Message::Faster] {
        app.update(message, AREA);
    }
    app.update(Message::Lane(1), AREA);
    app.update(Message::Lane(1), AREA);
    app.tick(Duration::from_secs(2));
    let before = looks(&mut app);
    assert_eq!(
        (before.0.as_str(), before.5, before.1.is_some()),
        ("0.5", Some(LaneId::Task(TaskId(1))), true)
    );
    let theme = app.show(|scene| format!("{:?}", scene.theme));

    app.take(good("second", &["other", "reader", "writer"]));
    // The writer is selected still, where it is now.
    assert_eq!(
        looks(&mut app),
        (before.0, before.1, before.2, before.3, before.4, Some(LaneId::Task(TaskId(2))))
    );
    assert_eq!(app.show(|scene| format!("{:?}", scene.theme)), theme);
    assert_eq!((app.player().moment(), app.player().playing()), (0, Playing::Playing));
    let text = screen(&mut app);
    assert!(text.contains("second") && text.contains(" reloaded my.json\n"), "{text}");
    // It is told for a while.
    app.tick(Duration::from_secs(5));
    assert!(!screen(&mut app).contains("reloaded"));

    app.take(good("third", &["reader"]));
    assert_eq!(looks(&mut app).5, None, "nobody else is selected in the writer's place");
    app.update(Message::Lane(1), AREA);
    app.update(Message::Lane(1), AREA);
    app.take(good("fourth", &["reader", "writer"]));
    assert_eq!(looks(&mut app).5, Some(LaneId::Lock(LockId(0))), "the lock is selected still");
}

#[test]
fn mistakes_cover_the_old_run_until_a_key_or_a_good_save() {
    let mut app = app_of_file(vec![]);
    app.tick(Duration::from_secs(2));
    let (moment, before) = (app.player().moment(), screen(&mut app));
    app.take(bad());
    let text = screen(&mut app);
    assert!(text.contains("error: unknown verb `slep`") && !text.contains("first"), "{text}");
    assert!(text.contains("scroll, 34 more lines"), "{text}");

    // It can be read to its end, and not beyond.
    app.update(Message::Lane(10), AREA);
    assert!(screen(&mut app).contains("scroll, 24 more lines"));
    for _ in 0..9 {
        app.update(Message::Lane(10), AREA);
    }
    let text = screen(&mut app);
    assert!(text.contains("line 60 of the report") && text.contains("scroll, the end"), "{text}");
    app.update(Message::Lane(-1), AREA);
    assert!(screen(&mut app).contains("scroll, 1 more line"), "{}", screen(&mut app));

    assert_eq!(app.update(Message::Axis, AREA), Next::Go);
    assert_eq!((app.player().moment(), screen(&mut app)), (moment, before), "the key only closed it");
    app.take(bad());
    assert_eq!(app.update(Message::Quit, AREA), Next::Quit);
    app.take(good("second", &["reader"]));
    let text = screen(&mut app);
    assert!(text.contains("second") && !text.contains("slep"), "{text}");
}

#[test]
fn restart_reads_the_file_again_and_keeps_the_old_run_where_it_cannot() {
    let mut app = app_of_file(vec![bad(), bad(), good("second", &["reader"])]);
    app.tick(Duration::from_secs(2));
    let moment = app.player().moment();
    app.update(Message::Restart, AREA);
    assert!(screen(&mut app).contains("unknown verb"));
    app.update(Message::Restart, AREA);
    assert!(screen(&mut app).contains("unknown verb"));
    assert_eq!(app.player().moment(), moment);
    app.update(Message::Restart, AREA);
    let text = screen(&mut app);
    assert!(text.contains("second") && text.contains("reloaded my.json"), "{text}");
}

#[test]
fn a_plan_that_the_flags_refuse_is_a_mistake_too() {
    let settings =
        Settings { options: Options { clock: Some(ClockKind::Virtual), ..Options::default() }, ..settings() };
    let mut app = App::new(file("first", &["reader"]), &settings).unwrap();
    let text = FILE.replace(r#""until""#, r#""runtime": "multi_thread", "until""#);
    let text = text.replace("TASKS", r#"{ "name": "t", "steps": [] }"#);
    let plan = scenario::parse(&Source::new("my.json", &text)).unwrap().plan;
    app.take(Reloaded::Plan { plan: Arc::new(plan), warnings: 0 });
    let text = screen(&mut app);
    assert!(text.contains(" error: ") && text.contains("the old run stays"), "{text}");
    app.update(Message::Deselect, AREA);
    assert!(screen(&mut app).contains("first"));
}

#[test]
fn a_question_is_asked_before_the_handoff_and_answered_by_it() {
    let area = Rect::new(0, 0, 100, 30);
    let mut app = App::new(handoff(), &Settings { stops: Stops::Questions, ..settings() }).unwrap();
    app.tick(Duration::from_secs(2));
    let asked = screen_of(&mut app, area);
    assert_eq!((app.player().moment(), app.player().playing()), (14, Playing::Paused), "{asked}");
    assert!(asked.contains("your guess?") && asked.contains("1 the reader: it is still running"), "{asked}");
    // Nothing on the screen says who is next.
    for hint in ["passes straight", "first in the queue", "#1 writer", "granted"] {
        assert!(!asked.contains(hint), "{hint}: {asked}");
    }
    // What is no answer is not taken for one.
    for message in [Message::Guess(3), Message::Guess(0)] {
        app.update(message, area);
        assert_eq!(screen_of(&mut app, area), asked);
    }
    app.update(Message::Guess(2), area);
    let told = screen_of(&mut app, area);
    assert!(told.contains("▶ 2 the writer: it asked first"), "{told}");
    assert!(told.contains("Granted to the writer: first in the queue since 0 ms."), "{told}");
    // It plays on, and does not ask again.
    app.update(Message::Toggle, area);
    app.tick(Duration::from_secs(5));
    assert_eq!(app.player().playing(), Playing::Ended);
    assert!(!screen_of(&mut app, area).contains("your guess?"));
    // From the beginning it asks anew.
    app.update(Message::Home, area);
    app.update(Message::Toggle, area);
    app.tick(Duration::from_secs(2));
    assert_eq!(screen_of(&mut app, area), asked);
    app.update(Message::Details, area);
    assert!(screen_of(&mut app, area).contains("what happened"));
}

#[test]
fn a_question_about_a_grant_is_asked_before_it() {
    let text = r#"{ "scenario": 1, "title": "t", "until": "1s", "locks": { "a": "tokio::sync::Mutex" },
        "tasks": [ { "name": "A", "steps": [ { "lock": "a", "do": [ { "sleep": "100ms" } ] } ] },
                   { "name": "B", "steps": [ { "lock": "a", "do": [ ] } ] } ],
        "markers": [ { "on": { "event": "grant", "task": "B" }, "ask": "Who?", "answers": ["A", "B"], "say": "B" } ] }"#;
    let plan = Arc::new(scenario::parse(&scenario::Source::new("t.json", text)).unwrap().plan);
    let mut app = App::new(plan, &Settings { stops: Stops::Questions, ..settings() }).unwrap();
    app.tick(Duration::from_millis(100));
    let moment = app.player().moment();
    assert_eq!(app.player().trace().event(moment).unwrap().what.name(), "release");
    app.update(Message::Guess(2), Rect::new(0, 0, 80, 24));
    let moment = app.player().moment();
    assert_eq!(app.player().trace().event(moment).unwrap().what.name(), "grant");
}

#[test]
fn markers_stop_the_run_and_captions_stay_for_a_while() {
    let area = Rect::new(0, 0, 100, 30);
    let mut app = App::new(handoff(), &Settings { stops: Stops::Markers, ..settings() }).unwrap();
    app.tick(Duration::from_secs(2));
    assert_eq!((app.player().moment(), app.player().playing()), (14, Playing::Paused));
    let caption = " The writer: it has been first in the queue since 0 ms.";
    assert!(screen_of(&mut app, area).contains(caption));
    app.update(Message::Toggle, area);
    app.tick(Duration::from_millis(400));
    assert_eq!(app.player().playing(), Playing::Playing);
    assert!(screen_of(&mut app, area).contains(caption));
    app.update(Message::Home, area);
    assert!(!screen_of(&mut app, area).contains(caption));
}
