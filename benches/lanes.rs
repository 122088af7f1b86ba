//! What a frame costs where lanes are many: 10,000 tasks and 1,000 locks at 200×50, as they are, filtered,
//! sorted and folded, beside a run of two tasks and one lock (the rival) and an empty picture, with the
//! rival against itself as control. `cargo bench --bench lanes`.

// It prints; that is its purpose.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/shows.rs"]
mod shows;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use lockscope::event::Time;
use lockscope::view::{Axis, Folds, Sort, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use shows::Show;

/// What is chosen of the lanes.
type Change = fn(&mut ViewState);

fn main() {
    let (many, few) = (many(), Show::handoff());
    println!("{} events of 10,000 tasks and 1,000 locks", many.trace.len());
    let rival = time(|| frame(&few, &few.end()));
    println!("{:34}{:>9.1} µs", "two tasks, one lock", micros(rival));
    let report = |what: &str, cost: Duration| {
        println!("{what:34}{:>9.1} µs {:>7.2}×", micros(cost), cost.as_secs_f64() / rival.as_secs_f64());
    };
    report("  the same again (control)", time(|| frame(&few, &few.end())));
    let empty = time(|| Buffer::empty(Rect::new(0, 0, 200, 50)));
    report("  an empty picture", empty);
    let views: [(&str, Change); 8] = [
        ("as they are", |_| {}),
        ("filtered", |view| view.filter = "reader#99*".into()),
        ("filtered by a part", |view| view.filter = "99".into()),
        ("by wait", |view| view.sort = Sort::Wait),
        ("by name", |view| view.sort = Sort::Name),
        ("folded", |view| view.folds = Folds { all: true, except: Vec::new() }),
        ("folded, filtered, by hold", |view| {
            (view.filter, view.sort) = ("r".into(), Sort::Hold);
            view.folds.all = true;
        }),
        ("folded, along the order", |view| {
            view.axis = Axis::Order;
            view.folds.all = true;
        }),
    ];
    for (what, change) in views {
        let mut view = many.end();
        change(&mut view);
        report(what, time(|| frame(&many, &view)));
    }
    let view = many.at(Time::from_millis(900));
    report("as they are, in the middle", time(|| frame(&many, &view)));
}

fn frame(show: &Show, view: &ViewState) -> Buffer {
    show.draw(view, ThemeName::Dark, 200, 50)
}

/// 9,980 readers, 19 writers and a janitor.
fn many() -> Show {
    let mut locks = String::from(r#""cache": "tokio::sync::RwLock""#);
    for lock in 1..1_000 {
        let _ = write!(locks, r#", "db_{lock}": "tokio::sync::Mutex""#);
    }
    Show::scenario(&format!(
        r#"{{ "scenario": 1, "title": "many", "until": "2s", "locks": {{ {locks} }}, "tasks": [
        {{ "name": "reader", "count": 9980, "steps": [ {{ "loop": [
            {{ "read": "cache", "do": [ {{ "sleep": "7ms" }} ] }}, {{ "lock": "db_1", "do": [ {{ "sleep": "3ms" }} ] }},
            {{ "sleep": "200ms" }} ] }} ] }},
        {{ "name": "writer", "count": 19, "steps": [ {{ "loop": [
            {{ "write": "cache", "do": [ {{ "sleep": "5ms" }} ] }}, {{ "sleep": "50ms" }} ] }} ] }},
        {{ "name": "janitor", "steps": [ {{ "loop": [ {{ "lock": "db_2", "do": [ {{ "sleep": "1ms" }} ] }},
            {{ "sleep": "10ms" }} ] }} ] }} ] }}"#
    ))
}

/// The least of many goes: what it costs when nothing else runs.
fn time<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..60 {
        let begun = Instant::now();
        black_box(work());
        least = least.min(begun.elapsed());
    }
    least
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}
