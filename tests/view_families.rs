//! Screens of every family of locks and of the causes of a deadlock, with their styles, from hand-made
//! histories.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/nonsense.rs"]
mod nonsense;
#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/screen.rs"]
mod screen;

use std::time::Duration;

use lockscope::app;
use lockscope::event::{LockId, LockKind, Mode, Outcome, TaskId, Time, What};
use lockscope::trace::{End, Trace};
use lockscope::view::{Axis, LaneId, Playing, Reading, Scene, Theme, ThemeName, ViewState};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::Widget;
use scenes::{EXCLUSIVE, SHARED, tale};

/// A picture of the trace at this time.
fn draw(
    trace: &Trace,
    change: impl FnOnce(&mut ViewState),
    theme: &Theme,
    (width, height): (u16, u16),
) -> Buffer {
    let now = trace.event(trace.len()).map_or(Time::ZERO, |event| event.at);
    let mut view = ViewState { moment: trace.len(), now, playing: Playing::Paused, ..ViewState::default() };
    change(&mut view);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let scene = Scene { title: "Who is next?", trace, code: &[], keys: &app::HINTS, view: &view, theme };
    scene.render(area, &mut buffer);
    buffer
}

fn dark(trace: &Trace, change: impl FnOnce(&mut ViewState)) -> Buffer {
    draw(trace, change, &ThemeName::Dark.theme(), (100, 30))
}

/// With cells so long, at this time.
fn cells(micros: u64, millis: u64) -> impl FnOnce(&mut ViewState) {
    move |view| (view.cell, view.now) = (Some(Duration::from_micros(micros)), Time::from_millis(millis))
}

fn order(view: &mut ViewState) {
    view.axis = Axis::Order;
}

/// All of the scenes, with their names.
fn all() -> Vec<(&'static str, Trace)> {
    let ended = |tale: scenes::Tale| tale.ends(Outcome::Deadlock);
    vec![
        ("readers", scenes::readers().trace()),
        ("readers_together", scenes::readers_together().trace()),
        ("permits", scenes::permits().trace()),
        ("barging", scenes::barging().trace()),
        ("lost", scenes::lost_notification().trace()),
        ("lost_end", ended(scenes::lost_notification())),
        ("blocked", scenes::blocked_thread().trace()),
        ("blocked_end", ended(scenes::blocked_thread())),
        ("futurelock", ended(scenes::futurelock())),
        ("gave_up", gave_up()),
        ("channel", channel()),
    ]
}

/// The writer gives up, is let in by nobody; then it is notified and goes.
fn gave_up() -> Trace {
    tale(&["reader", "writer"], &[("db", LockKind::TokioMutex, None), ("bell", LockKind::TokioNotify, None)])
        .acquires("reader", "db", 1, EXCLUSIVE)
        .sleeps("reader", 300)
        .waits("writer", "db", 2, EXCLUSIVE)
        .at(200)
        .does("writer", What::Timeout)
        .cancels("writer", "db", 2)
        .notifies("writer", "bell", false)
        .sleeps("writer", 400)
        .at(300)
        .wakes("reader")
        .notifies("reader", "bell", false)
        .releases("reader", "db", 1)
        .trace()
}

/// A channel with room for two, full, and a receiver that takes one out.
fn channel() -> Trace {
    tale(&["producer", "consumer"], &[("jobs", LockKind::TokioMpsc, Some(2))])
        .sleeps("consumer", 100)
        .sends("producer", "jobs", 1, 1)
        .sends("producer", "jobs", 2, 2)
        .waits("producer", "jobs", 3, Mode::Room)
        .at(100)
        .wakes("consumer")
        .granted("producer", "jobs", 3, Mode::Room)
        .receives("consumer", "jobs", 4, Some(1))
        .sleeps("consumer", 200)
        .trace()
}

#[test]
fn a_group_of_readers() {
    let picture = dark(&scenes::readers().trace(), cells(1500, 110));
    insta::assert_snapshot!("readers", screen::with_styles(&picture));
    let picture = dark(&scenes::readers_together().trace(), cells(2500, 170));
    insta::assert_snapshot!("readers_together", screen::with_styles(&picture));
    insta::assert_snapshot!(
        "readers_order",
        screen::plain(&dark(&scenes::readers_together().trace(), order))
    );
}

#[test]
fn a_waiter_that_lacks_permits() {
    let trace = scenes::permits().trace();
    insta::assert_snapshot!("permits", screen::with_styles(&dark(&trace, cells(1500, 95))));
    let small = draw(&trace, cells(1000, 60), &ThemeName::Dark.theme(), (80, 24));
    insta::assert_snapshot!("permits_80x24", screen::plain(&small));
}

#[test]
fn a_notification_that_nobody_heard() {
    let trace = scenes::lost_notification().trace();
    insta::assert_snapshot!("lost", screen::with_styles(&dark(&trace, cells(1500, 80))));
    let ended = scenes::lost_notification().ends(Outcome::Deadlock);
    insta::assert_snapshot!("lost_end", screen::plain(&dark(&ended, |_| {})));
}

#[test]
fn a_reader_that_barges() {
    let trace = scenes::barging().trace();
    insta::assert_snapshot!("barging", screen::with_styles(&dark(&trace, cells(3000, 299))));
    insta::assert_snapshot!("barging_order", screen::plain(&dark(&trace, order)));
    // Right after it was woken.
    let woken = trace.handoffs(trace.len()).seq(0);
    let moment = |view: &mut ViewState| (view.moment, view.now) = (woken, Time::from_millis(100));
    let text = screen::plain(&dark(&trace, moment));
    assert!(text.contains("queue  writer woken "), "{text}");
}

#[test]
fn a_thread_that_stands_still() {
    let running = dark(&scenes::blocked_thread().trace(), cells(10_000, 800));
    insta::assert_snapshot!("blocked", screen::with_styles(&running));
    let ended = scenes::blocked_thread().ends(Outcome::Deadlock);
    insta::assert_snapshot!("blocked_end", screen::with_styles(&dark(&ended, |_| {})));
}

#[test]
fn a_grant_that_nobody_polls() {
    let ended = scenes::futurelock().ends(Outcome::Deadlock);
    let picture = dark(&ended, |view| view.horizon = Some(Time::from_millis(5000)));
    insta::assert_snapshot!("futurelock", screen::with_styles(&picture));
    insta::assert_snapshot!("futurelock_order", screen::plain(&dark(&ended, order)));
}

#[test]
fn who_gave_up_and_what_is_left() {
    insta::assert_snapshot!("gave_up", screen::plain(&dark(&gave_up(), cells(4000, 300))));
    insta::assert_snapshot!("channel", screen::plain(&dark(&channel(), cells(2000, 150))));
    insta::assert_snapshot!("channel_order", screen::plain(&dark(&channel(), order)));
}

#[test]
fn every_scene_at_every_moment_and_size() {
    for (name, trace) in all() {
        for moment in 0..=trace.len() {
            let at = trace.event(moment).map_or(Time::ZERO, |event| event.at);
            for size in [(60, 16), (80, 24), (100, 30), (200, 50)] {
                for (axis, reading, lane) in [
                    (Axis::Time, Reading::Why, None),
                    (Axis::Order, Reading::Details, Some(LaneId::Task(TaskId(0)))),
                    (Axis::Time, Reading::Details, Some(LaneId::Lock(LockId(0)))),
                ] {
                    let change = |view: &mut ViewState| {
                        (view.moment, view.now, view.axis, view.reading, view.lane) =
                            (moment, at, axis, reading, lane);
                    };
                    let text = screen::plain(&draw(&trace, change, &ThemeName::Dark.theme(), size));
                    assert!(text.contains("Who is next?"), "{name} at {moment}: {text}");
                }
            }
        }
    }
}

#[test]
fn every_scene_is_plain_in_ascii_and_without_colour() {
    for (name, trace) in all() {
        for axis in [Axis::Time, Axis::Order] {
            let ascii = dark(&trace, |view| (view.ascii, view.axis) = (true, axis));
            let unicode = dark(&trace, |view| view.axis = axis);
            let text = screen::plain(&ascii);
            assert!(text.is_ascii(), "{name}: {text}");
            let questions = |text: &str| text.matches('?').count();
            assert_eq!(questions(&text), questions(&screen::plain(&unicode)), "{name}: {text}");
            let mono = draw(&trace, |view| view.axis = axis, &ThemeName::Mono.theme(), (100, 30));
            assert!(mono.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        }
    }
}

#[test]
fn every_word_can_be_read_from_the_last_row() {
    for (_, trace) in all() {
        for theme in [ThemeName::Dark, ThemeName::Light] {
            for axis in [Axis::Time, Axis::Order] {
                screen::check_contrast(&draw(&trace, |view| view.axis = axis, &theme.theme(), (100, 30)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_recording_says_it_is_drawn(
        events in prop::collection::vec(nonsense::event(), 0..100),
        names in nonsense::names(),
        size in (60u16..200, 16u16..60),
    ) {
        let mut trace = Trace::of(names, events);
        for ended in [false, true] {
            if ended {
                trace.finish(End { outcome: Outcome::Deadlock, at: Time::ZERO, note: None });
            }
            for axis in [Axis::Time, Axis::Order] {
                for moment in [trace.len(), trace.len() / 2] {
                    let change = |view: &mut ViewState| (view.axis, view.moment) = (axis, moment);
                    let text = screen::plain(&draw(&trace, change, &ThemeName::Dark.theme(), size));
                    prop_assert!(text.contains("lockscope"));
                }
            }
        }
    }
}

#[test]
fn waits_are_said_in_words_where_there_is_room() {
    let texts = [
        (dark(&scenes::readers().trace(), cells(500, 110)), "waits to read, #2 in the queue"),
        (dark(&scenes::readers().trace(), cells(500, 100)), "waits to write"),
        (dark(&scenes::permits().trace(), cells(1000, 110)), "waits, lacks 1"),
        (dark(&scenes::lost_notification().trace(), cells(2000, 150)), "waits to be notified"),
        (dark(&scenes::blocked_thread().trace(), cells(10_000, 800)), "thread blocked"),
        (dark(&scenes::barging().trace(), cells(3000, 299)), "takes it again: barging"),
    ];
    for (picture, words) in texts {
        let text = screen::plain(&picture);
        let timeline = text.split("─ order ─").next().unwrap();
        assert!(timeline.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_reader_alone_is_one_reader() {
    let trace = tale(&["R", "W"], &[("db", LockKind::TokioRwLock, None)])
        .acquires("R", "db", 1, SHARED)
        .at(5)
        .waits("W", "db", 2, EXCLUSIVE)
        .trace();
    let text = screen::plain(&dark(&trace, |_| {}));
    assert!(text.contains("held by  R  1 reader, 5 ms"), "{text}");
    assert!(text.contains("#1 W writes"), "{text}");
}
