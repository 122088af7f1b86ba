//! A program that is looked at while it runs, told by hand.

use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockscope::app::{App, Incoming, Keep, Message, News, Player};
use lockscope::engine::{self, Options, Stop};
use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, TaskId, Time, What,
};
use lockscope::record::{Recording, trace_file};
use lockscope::scenario::{self, Source};
use lockscope::trace::{Look, Trace};
use lockscope::view::Playing;
use proptest::prelude::*;

use super::{AREA, messages, programs, screen_of, settings};

const MOST: u64 = 1000;
const FRAME: Duration = Duration::from_millis(40);

fn names(tasks: &[&str], locks: &[&str]) -> Names {
    let lock = |name: &&str| LockName { name: (*name).into(), kind: LockKind::TokioMutex, permits: None };
    Names {
        tasks: tasks.iter().map(|name| (*name).into()).collect(),
        locks: locks.iter().map(lock).collect(),
    }
}

fn event(ms: u64, task: u32, what: What) -> Event {
    Event { seq: 0, at: Time::from_millis(ms), actor: Actor { task: TaskId(task), step: None }, what }
}

fn told(more: Names, events: Vec<Event>, now: u64) -> News {
    News::Told { more, events: events.into_iter().collect(), now: Time::from_millis(now) }
}

const DB: LockId = LockId(0);
const X: Mode = Mode::Exclusive;

/// The reader has the lock, the writer comes and waits for it.
fn beginning() -> News {
    let events = vec![
        event(0, 0, What::Spawn),
        event(100, 0, What::Acquire { lock: DB, op: OpId(1), mode: X }),
        event(200, 1, What::Spawn),
        event(300, 1, What::Wait { lock: DB, op: OpId(2), mode: X }),
    ];
    told(names(&["reader", "writer"], &["db"]), events, 300)
}

/// The reader lets go of it, and the writer gets it.
fn handoff() -> News {
    let events = vec![
        event(1000, 0, What::Release { lock: DB, op: OpId(1) }),
        event(1000, 1, What::Grant { lock: DB, op: OpId(2), mode: X }),
        event(1000, 1, What::Acquire { lock: DB, op: OpId(2), mode: X }),
    ];
    told(Names::default(), events, 1000)
}

fn over(how: &str) -> News {
    News::Over { at: Some(Time::from_millis(1500)), how: how.into() }
}

fn app(most: u64) -> (SyncSender<News>, App) {
    let (send, news) = sync_channel(16);
    (send, App::live("127.0.0.1:7007", Incoming::new(news, most), &settings()))
}

/// Tells something, and lets a frame pass.
fn tell(send: &SyncSender<News>, app: &mut App, news: News) {
    send.send(news).unwrap();
    app.tick(FRAME);
}

/// Where the player is: how many events there are, how many have happened at the playhead, its time.
fn place(app: &App) -> (u64, u64, u64) {
    (app.player().trace().len(), app.player().moment(), app.player().now().millis())
}

#[test]
fn the_playhead_follows_what_a_program_does_and_its_tasks_come_as_they_are_named() {
    let (send, mut app) = app(MOST);
    app.tick(FRAME);
    assert_eq!((place(&app), app.player().playing()), ((0, 0, 0), Playing::Playing));
    let text = screen_of(&mut app, AREA);
    assert!(text.contains("127.0.0.1:7007") && text.contains("feature `off` is not on."), "{text}");
    tell(&send, &mut app, beginning());
    assert_eq!(place(&app), (4, 4, 300));
    let text = screen_of(&mut app, AREA);
    assert!(text.contains(" writer ") && text.contains("db"), "{text}");
    // Its tasks do not say where they are.
    app.update(Message::Help, AREA);
    let text = screen_of(&mut app, AREA);
    assert!(text.contains("holding, at work or asleep") && !text.contains("across an .await"), "{text}");
    app.update(Message::Help, AREA);
    // While nothing happens its time goes on, and no faster than is told.
    tell(&send, &mut app, told(Names::default(), vec![], 900));
    assert_eq!(place(&app), (4, 4, 900));
    app.tick(Duration::from_secs(9));
    assert_eq!(place(&app), (4, 4, 900));
    tell(&send, &mut app, handoff());
    assert_eq!(place(&app), (7, 7, 1000));
    assert!(screen_of(&mut app, AREA).contains("The writer got it: first in the queue since 300 ms."));
}

#[test]
fn a_pause_stops_the_picture_and_not_the_program() {
    let (send, mut app) = app(MOST);
    tell(&send, &mut app, beginning());
    app.update(Message::Toggle, AREA);
    tell(&send, &mut app, handoff());
    tell(&send, &mut app, told(Names::default(), vec![], 9000));
    assert_eq!((place(&app), app.player().playing()), ((7, 4, 300), Playing::Paused));
    assert!(app.player().is_busy(), "what happens is taken in");
    assert!(screen_of(&mut app, AREA).contains("─ 8700 ms behind: End goes back to now ─"));
    app.update(Message::Help, AREA);
    let help = screen_of(&mut app, AREA).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("never the program; End goes back to now."), "{help}");
    app.update(Message::Help, AREA);
    // It is stepped through as anything else is.
    app.update(Message::Step, AREA);
    assert_eq!(place(&app), (7, 5, 1000));
    app.update(Message::Back, AREA);
    app.update(Message::NextHandoff, AREA);
    assert_eq!(place(&app), (7, 6, 1000));
    app.update(Message::Home, AREA);
    assert_eq!(place(&app), (7, 0, 0));
    // From there it plays as fast as it happened, and stays behind.
    app.update(Message::Toggle, AREA);
    app.tick(Duration::from_millis(250));
    assert_eq!(place(&app), (7, 3, 250));
    tell(&send, &mut app, told(Names::default(), vec![], 9500));
    assert_eq!(place(&app), (7, 3, 290));
    // The end is where the program is.
    app.update(Message::End, AREA);
    assert_eq!((place(&app), app.player().playing()), ((7, 7, 9500), Playing::Playing));
    assert!(!screen_of(&mut app, AREA).contains("behind"));
    tell(&send, &mut app, told(Names::default(), vec![], 9600));
    assert_eq!(place(&app), (7, 7, 9600));
    // Who plays faster catches up, and follows from there.
    app.update(Message::Back, AREA);
    app.update(Message::Faster, AREA);
    app.update(Message::Toggle, AREA);
    app.tick(Duration::from_mins(1));
    tell(&send, &mut app, told(Names::default(), vec![], 20_000));
    assert_eq!(place(&app), (7, 7, 20_000));
}

#[test]
fn what_has_not_happened_yet_is_waited_for_or_said() {
    let (send, mut app) = app(MOST);
    tell(&send, &mut app, beginning());
    app.update(Message::Step, AREA);
    assert!(screen_of(&mut app, AREA).contains("nothing has happened since"));
    app.update(Message::NextMarker, AREA);
    assert!(screen_of(&mut app, AREA).contains("no further marker"));
    app.update(Message::NextHandoff, AREA);
    app.tick(FRAME);
    assert_eq!(place(&app), (4, 4, 300));
    tell(&send, &mut app, handoff());
    assert_eq!((place(&app), app.player().playing()), ((7, 6, 1000), Playing::Paused));
}

#[test]
fn at_the_end_of_a_program_the_history_stays() {
    for (news, how) in
        [(Some(over("the program has ended")), "the program has ended"), (None, "the program is gone")]
    {
        let (send, mut app) = app(MOST);
        tell(&send, &mut app, beginning());
        let at = if let Some(news) = news {
            tell(&send, &mut app, news);
            1500
        } else {
            300
        };
        drop(send);
        app.tick(FRAME);
        let end = app.player().trace().end().unwrap();
        assert_eq!((end.at.millis(), end.outcome, end.note.as_deref()), (at, Outcome::Stopped, Some(how)));
        assert_eq!((place(&app), app.player().playing()), ((4, 4, at), Playing::Ended));
        assert!(!app.player().is_busy(), "there is nothing to wait for");
        let text = screen_of(&mut app, AREA);
        assert!(text.contains(&format!("{how}; w saves what was seen")), "{text}");
        assert!(text.contains(&format!("stopped at {at} ms: {how}")), "{text}");
        app.update(Message::Toggle, AREA);
        assert_eq!((place(&app), app.player().playing()), ((4, 0, 0), Playing::Playing));
    }
}

#[test]
fn a_program_that_is_back_begins_a_new_history() {
    let (send, mut app) = app(MOST);
    tell(&send, &mut app, beginning());
    app.update(Message::Lane(1), AREA);
    app.update(Message::Home, AREA);
    tell(&send, &mut app, over("the program is gone"));
    tell(&send, &mut app, News::Again);
    assert_eq!((place(&app), app.player().trace().names()), ((0, 0, 0), &Names::default()));
    assert!(screen_of(&mut app, AREA).contains("the program is back: this is a new history"));
    app.show(|scene| assert_eq!(scene.view.lane, None));
    let more = names(&["other"], &["log"]);
    tell(&send, &mut app, told(more.clone(), vec![event(7, 0, What::Spawn)], 9));
    assert_eq!((place(&app), app.player().trace().names()), ((1, 1, 9), &more));
}

/// One of many turns: seven events at 100 ms each.
fn turn(turn: u64) -> News {
    let events = (0..7).map(|at| event(turn * 100 + at, 0, What::Wake)).collect();
    told(names(&[], &[]), events, turn * 100 + 50)
}

#[test]
fn a_history_is_bounded_and_what_is_not_kept_is_counted() {
    let (send, mut app) = app(40);
    tell(&send, &mut app, told(names(&["t"], &[]), vec![], 0));
    tell(&send, &mut app, turn(0));
    assert_eq!(place(&app), (7, 7, 50));
    // Who looks at what was keeps it, up to the bound.
    app.update(Message::Home, AREA);
    (1..6).for_each(|n| tell(&send, &mut app, turn(n)));
    // Nobody knows what is so at 550 ms.
    assert_eq!(place(&app), (40, 0, 0));
    let text = screen_of(&mut app, AREA);
    assert!(text.contains("there are more than 40 events: what comes now is not kept"), "{text}");
    app.update(Message::End, AREA);
    assert_eq!((place(&app), app.player().playing()), ((40, 40, 504), Playing::Ended));
    let text = screen_of(&mut app, AREA);
    assert!(
        text.contains("stopped at 504 ms: there are more than 40 events; 2 that came later are not kept"),
        "{text}"
    );
    tell(&send, &mut app, turn(6));
    let note = |app: &App| app.player().trace().end().unwrap().note.clone().unwrap();
    assert_eq!(note(&app), "there are more than 40 events; 9 that came later are not kept");
    tell(&send, &mut app, over("the program has ended"));
    assert_eq!((place(&app), note(&app).contains("9 that came later")), ((40, 40, 504), true));
    // Another one is kept again.
    tell(&send, &mut app, News::Again);
    tell(&send, &mut app, told(names(&["t"], &[]), vec![event(1, 0, What::Spawn)], 1));
    assert_eq!(place(&app), (1, 1, 1));
}

#[test]
fn who_follows_for_long_forgets_what_was() {
    let (send, mut app) = app(400);
    tell(&send, &mut app, beginning());
    tell(&send, &mut app, handoff());
    let asks = vec![
        event(1001, 0, What::Wait { lock: DB, op: OpId(3), mode: X }),
        event(1002, 2, What::Sleep { until: Time::from_millis(90_000) }),
        event(1003, 3, What::Spawn),
    ];
    tell(&send, &mut app, told(names(&["sleeper", "busy"], &[]), asks, 1003));
    let mut now = 1003;
    let mut longest = 0;
    for _ in 0..200 {
        let events = (1..=3).map(|ms| event(now + ms, 3, What::Wake)).collect();
        now += 3;
        tell(&send, &mut app, told(Names::default(), events, now));
        let (len, moment, at) = place(&app);
        longest = longest.max(len);
        // The playhead is where the program is, whatever is forgotten.
        assert_eq!((moment, at), (len, now));
    }
    // A quarter of what there may be, and the events of a frame.
    assert!((100..=103).contains(&longest), "{longest}");
    let trace = app.player().trace();
    // Each of the 610 events is kept or counted, beside those that say where things stood.
    let kept = trace.events().iter().filter(|event| event.what == What::Wake).count() as u64;
    assert_eq!(trace.earlier() + kept, 10 + 600);
    // One has the lock, one waits, one sleeps, and one is alive.
    assert_eq!(trace.len() - kept, 4);
    // Who had the lock has it, and who waited waits, for as long as it has.
    let state = trace.state(trace.len());
    let holder = state.lock(DB).unwrap().owner().unwrap();
    assert_eq!((holder.task, holder.since), (TaskId(1), Time::from_millis(1000)));
    let waiter = state.lock(DB).unwrap().queue.front().unwrap();
    assert_eq!((waiter.task, waiter.since), (TaskId(0), Time::from_millis(1001)));
    assert_eq!(trace.lane(TaskId(2), trace.len()).last().unwrap().look, Look::Asleep);
    let text = screen_of(&mut app, AREA);
    assert!(
        text.contains(&format!("{} events before this not kept", app.player().trace().earlier())),
        "{text}"
    );
    let recording = app.player().recording();
    assert_eq!(recording.trace.end().unwrap().note.as_deref(), Some("it went on when this was saved"));
    let earlier = app.player().trace().earlier();
    assert_eq!((recording.trace.earlier(), recording.trace.opening()), (earlier, 4));
    // A step back is in what is left.
    app.update(Message::Back, AREA);
    let (len, moment, _) = place(&app);
    assert_eq!(moment, len - 1);
}

/// A seek that finds nothing goes back to where it began, or to where it is known how things stood.
#[test]
fn a_seek_whose_beginning_was_forgotten_comes_back_to_what_is_known() {
    let (send, mut app) = app(400);
    tell(&send, &mut app, beginning());
    app.update(Message::Toggle, AREA);
    app.update(Message::NextHandoff, AREA);
    for turn in 0..80 {
        let wakes = (1..=3).map(|ms| event(300 + turn * 3 + ms, 0, What::Wake)).collect();
        tell(&send, &mut app, told(Names::default(), wakes, 303 + turn * 3));
    }
    let known = app.player().trace().opening();
    assert!(app.player().trace().earlier() > 0 && known > 0);
    tell(&send, &mut app, over("the program has ended"));
    app.tick(FRAME);
    assert_eq!(app.player().notice(), Some("no further handoff"));
    let at = app.player().trace().at(known);
    assert_eq!((app.player().moment(), app.player().now()), (known, at));
}

/// Where things stand takes its room too: it is not forgotten over and over.
#[test]
fn what_it_begins_with_is_not_forgotten() {
    let (send, mut app) = app(MOST);
    send.send(News::Before { events: 5000, opening: 240 }).unwrap();
    let tasks: Vec<String> = (0..240).map(|task| task.to_string()).collect();
    let tasks: Vec<&str> = tasks.iter().map(|task| &**task).collect();
    let asks = |task| event(u64::from(task), task, What::Wait { lock: DB, op: OpId(task.into()), mode: X });
    tell(&send, &mut app, told(names(&tasks, &["db"]), (0..240).map(asks).collect(), 300));
    for turn in 0..200 {
        let wakes = (0..10).map(|ms| event(300 + turn * 10 + ms, 5, What::Wake)).collect();
        tell(&send, &mut app, told(Names::default(), wakes, 310 + turn * 10));
        let trace = app.player().trace();
        assert_eq!((trace.opening(), trace.state(trace.len()).locks[0].queue.len()), (240, 240));
    }
    // Of 2,000 that happened some are kept.
    let trace = app.player().trace();
    assert_eq!(trace.earlier() + trace.len() - trace.opening(), 5000 + 2000);
    assert!(trace.len() < MOST && trace.earlier() > 5000, "{}", trace.len());
}

/// What it is told of the time before is true, but not all that was so then.
#[test]
fn who_comes_late_sees_what_he_does_not_know_and_cannot_go_there() {
    let (send, mut app) = app(MOST);
    send.send(News::Before { events: 1000, opening: 3 }).unwrap();
    let News::Told { more, .. } = beginning() else { panic!("it tells something") };
    let since = vec![
        event(100, 0, What::Acquire { lock: DB, op: OpId(1), mode: X }),
        event(300, 1, What::Wait { lock: DB, op: OpId(2), mode: X }),
        event(900, 2, What::Spawn),
    ];
    tell(
        &send,
        &mut app,
        told(Names { tasks: [more.tasks, vec!["idle".into()]].concat(), ..more }, since, 900),
    );
    tell(&send, &mut app, handoff());
    assert_eq!(place(&app), (6, 6, 1000));
    let text = screen_of(&mut app, AREA);
    assert!(text.contains("1000 events before this not kept"), "{text}");
    for (message, moment, at) in [(Message::Home, 3, 900), (Message::Back, 3, 900), (Message::Step, 4, 1000)]
    {
        app.update(message, AREA);
        assert_eq!(place(&app), (6, moment, at));
    }
    app.update(Message::Back, AREA);
    app.update(Message::Back, AREA);
    let text = screen_of(&mut app, AREA);
    assert!(text.contains("what was before is not known"), "{text}");
    // The reader has had it all the time, and of who is idle nothing is known before.
    let trace = app.player().trace();
    let first = |task| trace.lane(TaskId(task), 3).get(0).unwrap().at;
    assert_eq!((first(0), first(2)), (Time::from_millis(100), Time::from_millis(900)));
    // What is saved of it begins there too.
    let mut again = Player::of(app.player().recording(), 1.0);
    assert_eq!((again.moment(), again.now().millis(), again.trace().earlier()), (3, 900, 1000));
    again.home();
    assert_eq!(again.moment(), 3);
    // It is too late for more of it.
    tell(&send, &mut app, News::Before { events: 5, opening: 9 });
    assert_eq!((app.player().trace().earlier(), place(&app).0), (1000, 6));
}

#[test]
fn whatever_asks_for_too_much_memory_is_bounded_too() {
    let (send, mut app) = app(MOST * 100);
    let asks = (0..20_000).map(|op| event(op, 0, What::Wait { lock: DB, op: OpId(op), mode: X })).collect();
    tell(&send, &mut app, told(names(&["t"], &["db"]), asks, 30_000));
    // It is not done at once.
    (0..3).for_each(|_| app.tick(FRAME));
    assert_eq!(place(&app).0, 16_384);
    assert!(screen_of(&mut app, AREA).contains("one task has more than 16384 operations under way at once"));
    // Those that were under way when events were lost are forgotten.
    tell(&send, &mut app, News::Again);
    let mut asks: Vec<_> =
        (0..20_000).map(|op| event(op, 0, What::Wait { lock: DB, op: OpId(op), mode: X })).collect();
    asks.insert(10_000, event(10_000, 0, What::Lost { events: 9 }));
    tell(&send, &mut app, told(names(&["t"], &["db"]), asks, 30_000));
    // It is not done at once.
    (0..3).for_each(|_| app.tick(FRAME));
    assert_eq!(place(&app), (20_001, 20_001, 30_000));
}

/// What takes long is not taken in at once: keys are heard meanwhile, and the playhead stays behind it.
#[test]
fn who_makes_every_event_costly_is_followed_in_steps() {
    let (send, mut app) = app(MOST * 100);
    let asks = (0..16_000).map(|op| event(op, 0, What::Wait { lock: DB, op: OpId(op), mode: X })).collect();
    tell(&send, &mut app, told(names(&["t"], &["db"]), asks, 16_000));
    let wakes = (1..=16_000).map(|at| event(16_000 + at, 0, What::Wake)).collect();
    tell(&send, &mut app, told(Names::default(), wakes, 50_000));
    let (len, moment, now) = place(&app);
    assert!((16_001..20_000).contains(&len), "{len}");
    assert_eq!((moment, now), (len, len));
    let mut ticks = 1;
    while place(&app).0 < 32_000 {
        app.tick(FRAME);
        ticks += 1;
        assert!(ticks < 10, "it does not end");
    }
    assert_eq!((place(&app), ticks > 2), ((32_000, 32_000, 50_000), true));
}

#[test]
fn a_lane_stays_selected_when_tasks_are_added_above_it() {
    let (send, mut app) = app(MOST);
    tell(&send, &mut app, beginning());
    let details = |app: &mut App| screen_of(app, AREA).contains("db (tokio::sync::Mutex, FIFO) is held");
    app.update(Message::Lane(9), AREA);
    app.update(Message::Lane(9), AREA);
    app.update(Message::Details, AREA);
    assert!(details(&mut app));
    tell(&send, &mut app, told(names(&["a", "b"], &["log"]), vec![event(400, 3, What::Spawn)], 400));
    assert!(details(&mut app), "{}", screen_of(&mut app, AREA));
}

/// Keeps the bytes of what it is given.
#[derive(Default)]
struct Drawer(Mutex<Vec<Vec<u8>>>);

impl Keep for Drawer {
    fn keep(&self, recording: &Recording) -> String {
        let mut bytes = Vec::new();
        trace_file::write(recording, &mut bytes).unwrap();
        self.0.lock().unwrap().push(bytes);
        "saved in a drawer".into()
    }
}

#[test]
fn what_was_seen_is_saved_so_that_it_can_be_played() {
    let drawer = Arc::new(Drawer::default());
    let (send, mut app) = app(MOST);
    tell(&send, &mut app, beginning());
    app.update(Message::Save, AREA);
    assert!(screen_of(&mut app, AREA).contains("`lockscope record` keeps a run"));
    app.keep_with(drawer.clone());
    tell(&send, &mut app, told(names(&["third"], &["log"]), vec![event(500, 2, What::Spawn)], 600));
    app.update(Message::Save, AREA);
    assert!(screen_of(&mut app, AREA).contains("saved in a drawer"));
    assert!(app.player().trace().end().is_none(), "it goes on");
    tell(&send, &mut app, over("the program has ended"));
    app.update(Message::Save, AREA);
    let ends = [(600, "it went on when this was saved"), (1500, "the program has ended")];
    let kept = drawer.0.lock().unwrap();
    assert_eq!(kept.len(), 2);
    for (bytes, (at, note)) in kept.iter().zip(ends) {
        let read = trace_file::read(bytes.as_slice()).unwrap();
        assert_eq!(read.damage, None);
        let trace = &read.recording.trace;
        assert_eq!(trace.events(), app.player().trace().events());
        assert_eq!(trace.names(), app.player().trace().names());
        let end = trace.end().unwrap();
        assert_eq!((end.at.millis(), end.note.as_deref()), (at, Some(note)));
        assert_eq!(read.recording.plan.title, "127.0.0.1:7007");
    }
    // What no trace file can say is not written.
    tell(&send, &mut app, News::Again);
    tell(&send, &mut app, told(names(&["twin", "twin"], &[]), vec![], 1));
    let error = trace_file::write(&app.player().recording(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "`twin` is named twice");
}

/// The events of a scenario and their names, told in pieces: each task and lock no earlier than it must.
fn pieces(scenario: &str, size: usize) -> (Names, Vec<Event>, Vec<News>) {
    let plan = Arc::new(scenario::parse(&Source::new("random.json", scenario)).unwrap().plan);
    let (send, events) = channel();
    engine::run(&plan, &Options::default(), move |event| send.send(event).is_ok(), &Stop::default()).unwrap();
    let (all, events) = (plan.names(), events.iter().collect::<Vec<_>>());
    let (mut tasks, mut locks) = (0, 0);
    let piece = |events: &[Event]| {
        let last = |known: usize, ids: &mut dyn Iterator<Item = u32>| {
            ids.map(|id| id as usize + 1).max().unwrap_or(0).max(known)
        };
        let more_tasks = last(tasks, &mut events.iter().map(|event| event.actor.task.0));
        let more_locks = last(locks, &mut events.iter().filter_map(|event| Some(event.what.lock()?.0)));
        let more = Names {
            tasks: all.tasks[tasks..more_tasks].to_vec(),
            locks: all.locks[locks..more_locks].to_vec(),
        };
        (tasks, locks) = (more_tasks, more_locks);
        News::Told { more, events: events.iter().cloned().collect(), now: events[events.len() - 1].at }
    };
    let news = events.chunks(size).map(piece).collect();
    (Names { tasks: all.tasks[..tasks].to_vec(), locks: all.locks[..locks].to_vec() }, events, news)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a viewer does while a program runs: the picture comes, what it shows has happened, and in
    /// the end the history is that of the program.
    #[test]
    fn a_program_is_what_it_was_whatever_a_viewer_did(
        scenario in programs::scenario(),
        size in 1usize..20,
        script in prop::collection::vec((messages(), 0u64..400, 0u16..220, 0u16..60), 1..40),
    ) {
        let (all, events, news) = pieces(&scenario, size);
        let (send, inbox) = sync_channel(news.len() + 1);
        let mut app = App::live("a program", Incoming::new(inbox, 1_000_000), &settings());
        let mut news = news.into_iter();
        for (message, millis, width, height) in script {
            if let Some(news) = news.next() {
                send.send(news).unwrap();
            }
            let area = ratatui::layout::Rect::new(0, 0, width, height);
            app.update(message, area);
            app.tick(Duration::from_millis(millis));
            screen_of(&mut app, area);
            let player: &Player = app.player();
            prop_assert!(player.moment() <= player.trace().len());
            let at = |moment| player.trace().event(moment).map(|event| event.at);
            prop_assert!(at(player.moment()).is_none_or(|at| at <= player.now()));
        }
        for news in news {
            send.send(news).unwrap();
        }
        drop(send);
        while app.player().trace().end().is_none() {
            app.tick(FRAME);
        }
        // The first key may only close the help.
        app.update(Message::End, AREA);
        app.update(Message::End, AREA);
        let (trace, whole) = (app.player().trace(), Trace::of(all.clone(), events));
        prop_assert_eq!(app.player().playing(), Playing::Ended);
        prop_assert_eq!((trace.names(), trace.events()), (&all, whole.events()));
        for moment in 0..=whole.len() {
            prop_assert_eq!(trace.state(moment), whole.state(moment));
        }
    }
}

#[test]
fn screens_can_be_drawn_of_nobody() {
    let (_send, mut app) = app(MOST);
    app.tick(FRAME);
    for size in [(60, 16), (80, 24), (100, 30), (200, 50)] {
        for message in [Message::Axis, Message::Big, Message::Lane(1), Message::Details, Message::NextHandoff]
        {
            app.update(message, AREA);
            let area = ratatui::layout::Rect::new(0, 0, size.0, size.1);
            assert!(screen_of(&mut app, area).contains("lockscope"));
        }
    }
}

/// A busy program's recording has far more events in a picture's time than are passed one by one.
#[test]
fn a_recording_of_many_events_is_passed_as_quickly_as_one_of_few() {
    let mut trace = Trace::new(names(&["a"], &["db"]));
    for turn in 0..50_000 {
        let at = Time::from_nanos(turn * 1_000);
        let actor = Actor { task: TaskId(0), step: None };
        let (op, lock) = (OpId(turn), DB);
        trace.push(Event { seq: 0, at, actor, what: What::Acquire { lock, op, mode: X } });
        trace.push(Event { seq: 0, at, actor, what: What::Release { lock, op } });
    }
    let plan = Arc::new(scenario::parse(&scenario::find(scenario::DEFAULT).unwrap().source()).unwrap().plan);
    let clock = scenario::ClockKind::Real;
    let mut player = Player::of(Recording { plan, source: None, trace, clock, horizon: None }, 1.0);
    player.tick(Duration::from_millis(40));
    assert_eq!((player.now(), player.moment()), (Time::from_millis(40), 80_002));
    player.home();
    player.end();
    assert_eq!((player.now().nanos(), player.moment()), (49_999_000, 100_000));
    assert!(!player.is_busy());
}
