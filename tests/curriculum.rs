//! The course: every embedded scenario runs in its golden order, comes to what it expects, and has what
//! a lecture needs of it.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::channel;

use lockscope::engine::{self, Options, Stop};
use lockscope::event::{Event, Outcome, What};
use lockscope::scenario::{self, Bundled, ClockKind, Plan};
use lockscope::trace::Trace;

fn plan(bundled: &Bundled) -> Arc<Plan> {
    match scenario::parse(&bundled.source()) {
        Ok(checked) => Arc::new(checked.plan),
        Err(report) => panic!("{report}"),
    }
}

fn run(plan: &Arc<Plan>) -> (Vec<Event>, engine::End) {
    let (send, receive) = channel();
    let sink = move |event| send.send(event).is_ok();
    let end = engine::run(plan, &Options::default(), sink, &Stop::default()).unwrap();
    (receive.try_iter().collect(), end)
}

/// What happened to whom when, a line an event.
fn order(plan: &Plan, events: &[Event]) -> String {
    let names = plan.names();
    let mut text = String::new();
    for event in events {
        let (at, task) = (event.at.millis(), names.task(event.actor.task));
        let lock = event.what.lock().map_or_else(String::new, |lock| format!(" {}", names.lock(lock)));
        let more = match &event.what {
            What::Wait { mode, .. } | What::Acquire { mode, .. } => format!(" {mode:?}"),
            What::Print { text } => format!(" {text}"),
            What::Debug { name, value, .. } => format!(" {name} = {value:?}"),
            What::Insert { value, .. } | What::Sent { value, .. } => format!(" {value}"),
            What::Received { value, .. } => format!(" {value:?}"),
            What::Select { arm } => format!(" arm {arm}"),
            _ => String::new(),
        };
        writeln!(text, "{at:>5} {task:<12}{}{lock}{more}", event.what.name()).unwrap();
    }
    text
}

#[test]
fn every_scenario_runs_in_its_golden_order() {
    for bundled in scenario::all() {
        let plan = plan(bundled);
        let (events, end) = run(&plan);
        let name = format!("course_{}", bundled.id);
        if plan.clock == ClockKind::Virtual {
            let text = format!("{}\n{} at {} ms\n", order(&plan, &events), end.outcome, end.at.millis());
            insta::assert_snapshot!(name, text);
        } else {
            // In real time the order is certain where one step leads to the next.
            let order = order(&plan, &events);
            let order: Vec<&str> = order.lines().map(|line| line[6..].trim()).collect();
            insta::assert_snapshot!(name, format!("{}\n\n{}\n", order.join("\n"), end.outcome));
        }
    }
}

#[test]
fn every_scenario_comes_to_what_it_expects() {
    for bundled in scenario::all() {
        let plan = plan(bundled);
        let (events, end) = run(&plan);
        let expect = plan.expect.as_ref().unwrap_or_else(|| panic!("{} expects nothing", bundled.id));
        assert_eq!(Some(end.outcome), expect.outcome, "{}", bundled.id);
        let mut trace = Trace::of(plan.names(), events);
        trace.finish(lockscope::trace::End { outcome: end.outcome, at: end.at, note: None });
        let cause = trace.deadlock().map(|deadlock| deadlock.cause.to_string());
        assert_eq!(cause, expect.cause, "{}", bundled.id);
        assert_eq!(cause.is_some(), end.outcome == Outcome::Deadlock, "{}", bundled.id);
    }
}

#[test]
fn every_scenario_has_a_lesson_and_a_question_with_answers() {
    for bundled in scenario::all() {
        let plan = plan(bundled);
        assert!(plan.title.ends_with('?'), "{}: {}", bundled.id, plan.title);
        assert!(plan.lesson.is_some(), "{}", bundled.id);
        assert!(!plan.markers.is_empty(), "{}", bundled.id);
        let (events, _) = run(&plan);
        for marker in &plan.markers {
            assert!(marker.ask.is_some() && marker.say.is_some() && marker.label.is_some(), "{}", bundled.id);
            assert!(marker.answers.len() >= 2, "{}", bundled.id);
            let on = &marker.on;
            let matches = |event: &&Event| {
                let task = on.task.as_deref().is_none_or(|task| plan.names().task(event.actor.task) == task);
                event.what.name() == on.event
                    && task
                    && on.lock.is_none_or(|lock| event.what.lock() == Some(lock))
            };
            let seen = events.iter().filter(matches).count();
            assert!(seen >= on.nth.get() as usize, "{}: the marker on {on:?} is never reached", bundled.id);
        }
    }
}

#[test]
fn the_course_begins_with_the_lecture_and_its_chapters_are_in_one_piece() {
    let all = scenario::all();
    assert_eq!(all[0].id, scenario::DEFAULT);
    let mut chapters: Vec<_> = all.iter().map(|bundled| bundled.chapter).collect();
    chapters.dedup();
    let mut once = chapters.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(chapters.len(), once.len(), "{chapters:?}");
}
