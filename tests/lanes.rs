//! Lanes that are many: filtered, sorted, folded, scrolled, by keys and by the mouse; and what is missing.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/screen.rs"]
mod screen;
#[path = "common/shows.rs"]
mod shows;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use lockscope::app::{self, App, Message, Program, Settings, Stops};
use lockscope::engine::Options;
use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, TaskId, Time, What,
};
use lockscope::scenario::{self, Source};
use lockscope::trace::{End, GroupId, Trace, text};
use lockscope::view::{Axis, Folds, LaneId, Lanes, Playing, Reading, Scene, Sort, ThemeName, ViewState};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use shows::Show;

/// 300 readers that share one lock and wait for another, two writers, a janitor, and 30 locks.
fn many() -> String {
    let locks: Vec<String> = (1..30).map(|n| format!(r#", "db_{n}": "tokio::sync::Mutex""#)).collect();
    let locks = locks.concat();
    format!(
        r#"{{ "scenario": 1, "title": "Many readers", "until": "2s", "locks": {{ "cache": "tokio::sync::RwLock"{locks} }}, "tasks": [
        {{ "name": "reader", "count": 300, "steps": [ {{ "loop": [
            {{ "read": "cache", "do": [ {{ "sleep": "7ms" }} ] }}, {{ "lock": "db_1", "do": [ {{ "sleep": "3ms" }} ] }} ] }} ] }},
        {{ "name": "writer", "count": 2, "steps": [ {{ "loop": [
            {{ "write": "cache", "do": [ {{ "sleep": "5ms" }} ] }}, {{ "sleep": "50ms" }} ] }} ] }},
        {{ "name": "Janitor", "steps": [ {{ "loop": [ {{ "lock": "db_29", "do": [ {{ "sleep": "1ms" }} ] }}, {{ "sleep": "10ms" }} ] }} ] }} ] }}"#
    )
}

fn draw(show: &Show, view: &ViewState, (width, height): (u16, u16)) -> Buffer {
    show.draw(view, ThemeName::Dark, width, height)
}

#[test]
fn screens_of_many_lanes() {
    let show = Show::scenario(&many());
    let base = show.at(Time::from_millis(1000));
    for (name, size) in [("80x24", (80, 24)), ("100x30", (100, 30)), ("200x50", (200, 50))] {
        let shot = |what: &str, change: &dyn Fn(&mut ViewState)| {
            let mut view = base.clone();
            change(&mut view);
            let buffer = draw(&show, &view, size);
            screen::check_contrast(&buffer);
            insta::assert_snapshot!(format!("{what}_{name}"), screen::with_styles(&buffer));
        };
        shot("as_they_are", &|_| {});
        shot("folded", &|view| view.folds.all = true);
        shot("filtered_by_wait", &|view| {
            (view.filter, view.sort, view.typing) = ("READER#1*".into(), Sort::Wait, true);
            view.lane = Some(LaneId::Task(TaskId(9)));
        });
    }
    let folded = |axis| ViewState { axis, folds: Folds { all: true, except: vec![] }, ..base.clone() };
    let details =
        ViewState { lane: Some(LaneId::Group(GroupId(0))), reading: Reading::Details, ..folded(Axis::Order) };
    insta::assert_snapshot!("folded_order_100x30", screen::plain(&draw(&show, &details, (100, 30))));
    let nothing = ViewState { filter: "nobody \u{1b}[31m".into(), ..base };
    let text = screen::plain(&draw(&show, &nothing, (100, 30)));
    assert!(text.contains("nothing is called so") && text.contains("No task and no lock"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn who_holds_now_is_seen_in_a_folded_group_whatever_its_size_and_place() {
    let names = Names {
        tasks: (1..=5000).map(|n| format!("t#{n}").into()).collect(),
        locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
    };
    for holder in [0, 1, 777, 2500, 4998, 4999] {
        let mut events = vec![event(holder, acquire(0))];
        for task in (0..5000).filter(|task| *task != holder) {
            events.push(event(task, wait(u64::from(task) + 1)));
        }
        let trace = Trace::of(names.clone(), events);
        for (axis, groups) in [(Axis::Time, 1), (Axis::Order, 1)] {
            let view = ViewState {
                moment: trace.len(),
                now: Time::from_millis(1),
                axis,
                folds: Folds { all: true, except: vec![] },
                ..ViewState::default()
            };
            let text = screen::plain(&picture(&trace, &view, (100, 30)));
            let lane = text.lines().filter(|line| line.contains("t#* ×5000") || line.contains('█')).count();
            assert!(lane >= groups && text.contains('█'), "{holder} {axis:?}: {text}");
            let told = text.contains("1 holds · 4999 wait");
            assert!(told || axis == Axis::Order, "{text}");
        }
    }
}

fn event(task: u32, what: What) -> Event {
    Event { seq: 0, at: Time::ZERO, actor: Actor { task: TaskId(task), step: None }, what }
}

fn wait(op: u64) -> What {
    What::Wait { lock: LockId(0), op: OpId(op), mode: Mode::Exclusive }
}

fn acquire(op: u64) -> What {
    What::Acquire { lock: LockId(0), op: OpId(op), mode: Mode::Exclusive }
}

fn picture(trace: &Trace, view: &ViewState, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let theme = &ThemeName::Dark.theme();
    Scene { title: "test", trace, code: &[], keys: &app::HINTS, view, theme }.render(area, &mut buffer);
    buffer
}

#[test]
fn lost_events_are_told_from_the_gap_on() {
    let names = Names {
        tasks: vec!["a".into(), "b".into()],
        locks: vec![LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }],
    };
    let events = [
        event(0, acquire(0)),
        event(1, wait(1)),
        event(1, What::Lost { events: 1234 }),
        event(0, acquire(5)),
    ];
    let mut trace = Trace::of(names, events);
    let at = |moment| ViewState { moment, playing: Playing::Paused, ..ViewState::default() };
    assert!(!screen::plain(&picture(&trace, &at(2), (100, 30))).contains("lost"));
    let buffer = picture(&trace, &at(3), (80, 24));
    screen::check_contrast(&buffer);
    insta::assert_snapshot!("lost_80x24", screen::with_styles(&buffer));
    let narrow = screen::plain(&picture(&trace, &at(4), (60, 16)));
    assert!(narrow.lines().next().unwrap().contains("1234 events lost"), "{narrow}");
    trace.finish(End { outcome: Outcome::Stopped, at: Time::ZERO, note: None });
    let told = text::sequence_diagram(&trace);
    assert!(told.contains("1234 events lost: not recorded"), "{told}");
    assert!(told.contains("1234 events not recorded"), "the row of the gap: {told}");
}

/// By id: the nanoseconds that it waited and held.
type Spans = HashMap<u32, (u128, u128)>;

/// What every task and lock waited and held, the slow way: every acquisition looked up from its beginning.
fn expected(trace: &Trace) -> (Spans, Spans) {
    let end: u128 = trace.end().unwrap().at.nanos().into();
    let mut ops: HashMap<OpId, (u32, u32, Option<u128>, Option<u128>)> = HashMap::new();
    let (mut tasks, mut locks) = (HashMap::new(), HashMap::new());
    let mut add = |task: u32, lock: u32, wait: u128, hold: u128| {
        for sum in [tasks.entry(task).or_insert((0, 0)), locks.entry(lock).or_insert((0, 0))] {
            *sum = (sum.0 + wait, sum.1 + hold);
        }
    };
    for event in trace.events() {
        let Some((lock, op)) = event.what.acquisition() else { continue };
        let at: u128 = event.at.nanos().into();
        match event.what {
            What::Wait { .. } | What::Grant { .. } => {
                ops.entry(op).or_insert((event.actor.task.0, lock.0, Some(at), None));
            }
            What::Acquire { .. } => {
                let entry = ops.entry(op).or_insert((event.actor.task.0, lock.0, None, None));
                if entry.3.is_none() {
                    let waited = entry.2.map_or(0, |asked| at - asked);
                    entry.3 = Some(at);
                    add(entry.0, entry.1, waited, 0);
                }
            }
            _ => {
                let Some((task, lock, asked, held)) = ops.remove(&op) else { continue };
                match (asked, held) {
                    (_, Some(held)) => add(task, lock, 0, at - held),
                    (Some(asked), None) => add(task, lock, at - asked, 0),
                    (None, None) => {}
                }
            }
        }
    }
    for (task, lock, asked, held) in ops.into_values() {
        match (asked, held) {
            (_, Some(held)) => add(task, lock, 0, end - held),
            (Some(asked), None) => add(task, lock, end - asked, 0),
            (None, None) => {}
        }
    }
    (tasks, locks)
}

#[test]
fn the_totals_are_those_of_all_acquisitions() {
    let mut seen = 0;
    for bundled in scenario::all() {
        let plan = scenario::parse(&bundled.source()).unwrap().plan;
        let real = Options::default().clock_for(&plan) == scenario::ClockKind::Real;
        if real {
            continue;
        }
        let show = Show::scenario(bundled.source().text());
        let (tasks, locks) = expected(&show.trace);
        let names = show.trace.names();
        for id in 0..names.tasks.len() as u32 {
            let spent = show.trace.spent_by(TaskId(id), Time::ZERO);
            let found = (spent.waiting.as_nanos(), spent.holding.as_nanos());
            assert_eq!(
                found,
                tasks.get(&id).copied().unwrap_or_default(),
                "{} {}",
                plan.title,
                names.task(TaskId(id))
            );
        }
        for id in 0..names.locks.len() as u32 {
            let spent = show.trace.spent_on(LockId(id), Time::ZERO);
            let found = (spent.waiting.as_nanos(), spent.holding.as_nanos());
            assert_eq!(
                found,
                locks.get(&id).copied().unwrap_or_default(),
                "{} {}",
                plan.title,
                names.lock(LockId(id))
            );
        }
        seen += 1;
    }
    assert!(seen > 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_lane_has_one_place_and_every_task_one_lane(
        names in prop::collection::vec("[rwRÄ]{1,2}(#[0-9]{1,2})?", 0..40),
        filter in "[rw#*1Ä]{0,3}",
        sort in prop::sample::select(vec![Sort::Spawned, Sort::Wait, Sort::Hold, Sort::Name]),
        all in any::<bool>(),
        except in prop::collection::vec(0u32..6, 0..3),
    ) {
        let tasks = names.iter().map(|name| name.as_str().into()).collect();
        let trace = Trace::new(Names { tasks, ..Names::default() });
        let except = except.into_iter().map(GroupId).collect();
        let view = ViewState { filter: filter.clone(), sort, folds: Folds { all, except }, ..ViewState::default() };
        let lanes = Lanes::of(&trace, &view);
        let mut members = 0;
        for place in 0..lanes.len() {
            let lane = lanes.get(place).unwrap();
            prop_assert_eq!(lanes.place(lane), Some(place));
            members += match lane {
                LaneId::Task(task) => {
                    prop_assert_eq!(lockscope::view::lane_of(&trace, &view, task), lane);
                    1
                }
                LaneId::Group(group) => trace.roster().group(group).unwrap().members.len(),
                LaneId::Lock(_) => 0,
            };
        }
        prop_assert_eq!(members, lanes.tasks_shown);
        prop_assert!(filter.is_empty().then_some(names.len()).is_none_or(|all| all == members));
        prop_assert_eq!(lanes.get(lanes.len()), None);
    }
}

const AREA: Rect = Rect::new(0, 0, 100, 30);

struct Viewer(App);

impl Viewer {
    fn new() -> Self {
        let plan = Arc::new(scenario::parse(&Source::new("many.json", &many())).unwrap().plan);
        let settings = Settings {
            options: Options::default(),
            speed: 1.0,
            theme: ThemeName::Dark,
            axis: Axis::Time,
            big: false,
            ascii: false,
            stops: Stops::Nowhere,
        };
        let mut app = App::new(plan, &settings).unwrap();
        app.tick(Duration::from_millis(500));
        app.update(Message::Toggle, AREA);
        Self(app)
    }

    fn key(&mut self, code: KeyCode) {
        let input = Input::Key(KeyEvent::new(code, KeyModifiers::NONE));
        if let Some(message) = self.0.read(&input) {
            self.0.update(message, AREA);
        }
    }

    fn keys(&mut self, keys: &str) -> String {
        keys.chars().for_each(|c| self.key(KeyCode::Char(c)));
        self.text()
    }

    fn press(&mut self, code: KeyCode) -> String {
        self.key(code);
        self.text()
    }

    fn text(&mut self) -> String {
        self.0.show(|scene| {
            let mut buffer = Buffer::empty(AREA);
            scene.render(AREA, &mut buffer);
            screen::plain(&buffer)
        })
    }
}

fn header(text: &str) -> String {
    text.lines().find(|line| line.starts_with("─ timeline")).unwrap().to_owned()
}

#[test]
fn a_filter_is_typed_kept_and_cleared() {
    let mut viewer = Viewer::new();
    let before = viewer.text();
    assert!(before.lines().last().unwrap().contains("/ filter  s sort  g G fold"), "{before}");
    let text = viewer.keys("/");
    assert!(text.contains("Enter keeps it  Esc clears it"), "{text}");
    // Letters that are keys of their own are letters here.
    let text = viewer.keys("qRITER?");
    assert!(text.contains("/qRITER?█") && text.contains("nothing is called so"), "{text}");
    for _ in 0..7 {
        viewer.key(KeyCode::Backspace);
    }
    let text = viewer.keys("WRIT");
    assert!(header(&text).contains("/WRIT: 2 of 303 tasks · locks"), "{text}");
    let text = viewer.press(KeyCode::Enter);
    assert!(text.contains("\n writer#1") && !text.contains("Enter keeps it"), "{text}");
    // A lock's name narrows the locks and leaves the tasks.
    viewer.keys("/");
    (0..4).for_each(|_| viewer.key(KeyCode::Backspace));
    let text = viewer.keys("db_2*");
    assert!(header(&text).contains("/db_2*: 11 of 30 locks · tasks"), "{text}");
    viewer.key(KeyCode::Esc);
    assert_eq!(viewer.text(), before);
    // And one that was kept goes with the second Esc, the selection with the first.
    viewer.keys("/jan");
    viewer.key(KeyCode::Enter);
    let text = viewer.press(KeyCode::Down);
    assert!(text.contains("▶Janitor"), "{text}");
    let text = viewer.press(KeyCode::Esc);
    assert!(text.contains("/jan: 1 of 303 tasks") && !text.contains("▶Janitor"), "{text}");
    assert_eq!(viewer.press(KeyCode::Esc), before);
}

#[test]
fn sorting_and_folding_by_keys() {
    let mut viewer = Viewer::new();
    let before = viewer.text();
    for words in ["by wait", "by hold", "by name"] {
        let text = viewer.keys("s");
        assert!(header(&text).contains(words), "{text}");
    }
    assert_eq!(viewer.keys("s"), before);
    let folded = viewer.keys("g");
    assert!(folded.contains("reader#* ×300") && folded.contains("writer#* ×2"), "{folded}");
    // Only the group that is selected.
    viewer.key(KeyCode::Down);
    let text = viewer.keys("g");
    assert!(text.contains("▶reader#1") && header(&text).contains("of 302"), "{text}");
    assert_eq!(viewer.keys("g").replace('▶', " "), folded.replace('▶', " "));
    viewer.key(KeyCode::Esc);
    assert_eq!(viewer.keys("G"), before);
    viewer.keys("/janitor");
    viewer.key(KeyCode::Enter);
    viewer.key(KeyCode::Down);
    let text = viewer.keys("g");
    assert!(text.contains("no other task is called like this one"), "{text}");
}

#[test]
fn lanes_and_locks_scroll_and_a_click_moves_nothing() {
    let mut viewer = Viewer::new();
    viewer.key(KeyCode::Home);
    let text = viewer.text();
    assert!(header(&text).contains("tasks 1–6 of 303 · locks 1–2 of 30"), "{text}");
    (0..7).for_each(|_| viewer.key(KeyCode::Down));
    let text = viewer.text();
    assert!(header(&text).contains("tasks 2–7 of 303") && text.contains("▶reader#7"), "{text}");
    viewer.key(KeyCode::PageDown);
    let text = viewer.text();
    assert!(header(&text).contains("tasks 8–13 of 303") && text.contains("▶reader#13"), "{text}");
    // A click on what is there selects it and leaves all where it is.
    let row = text.lines().position(|line| line.starts_with(" reader#9")).unwrap() as u16;
    viewer.0.update(Message::Select(50, row), AREA);
    let text = viewer.text();
    assert!(header(&text).contains("tasks 8–13 of 303") && text.contains("▶reader#9"), "{text}");
    (0..80).for_each(|_| viewer.key(KeyCode::PageDown));
    let text = viewer.text();
    assert!(header(&text).contains("locks 29–30 of 30") && text.contains("▶db_29"), "{text}");
    assert!(text.lines().skip(2).take(4).any(|line| line.starts_with(" db_29")), "the strip has it: {text}");
    let text = viewer.press(KeyCode::PageUp);
    assert!(header(&text).contains("locks 28–29 of 30") && text.contains("▶db_27"), "{text}");
}
