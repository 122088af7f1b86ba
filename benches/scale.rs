//! What millions of events cost: the model of them, its memory, a picture, a seek. Each beside a rival in the
//! same run, and the rival beside itself. `cargo bench --bench scale`; `EVENTS=1000000` for fewer.

// It prints; that is its purpose.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/shows.rs"]
mod shows;

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockscope::event::{
    Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, Outcome, Packed, TaskId, Time, What,
};
use lockscope::record::{Recording, trace_file};
use lockscope::scenario::{self, ClockKind};
use lockscope::trace::{End, Trace};
use lockscope::view::{Axis, Scene, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use shows::Show;

/// What makes so many events.
type Program = fn(usize) -> (Names, Vec<Packed>);

const PROGRAMS: [(&str, Program); 4] = [
    ("one lock, 8 tasks that wait", contended),
    ("16 locks, 100 tasks, nobody waits", uncontended),
    ("16 permits, 100 tasks, nobody waits", permits),
    ("1,000 locks, 10,000 tasks, nobody waits", crowd),
];

/// Set in a process of its own, which has let go of nothing yet: to which of the programs it is to make a model of, or
/// to which file it is to open.
const MODEL: &str = "LOCKSCOPE_BENCH_MODEL";
const OPEN: &str = "LOCKSCOPE_BENCH_OPEN";

fn main() {
    let count = std::env::var("EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000_000);
    if let Ok(index) = std::env::var(MODEL) {
        let (names, events) = PROGRAMS[index.parse::<usize>().unwrap()].1(count);
        return tell(|| built(&names, &events));
    }
    if let Ok(path) = std::env::var(OPEN) {
        let file = BufReader::new(File::open(path).unwrap());
        return tell(|| trace_file::read(file).unwrap());
    }
    let small = Show::handoff();
    let rival = best(200, || small.draw(&small.end(), ThemeName::Dark, 200, 50));
    let control = best(200, || small.draw(&small.end(), ThemeName::Dark, 200, 50));
    println!(
        "a frame of the default run, 200×50: {:.0} µs; again (control): {:.2}×",
        micros(rival),
        ratio(control, rival)
    );
    for (index, (what, program)) in PROGRAMS.into_iter().enumerate() {
        println!("\n{what}: {count} events");
        let (names, events) = program(count);
        model(index, &names, &events);
        let trace = built(&names, &events);
        pictures(&trace, rival);
    }
}

/// What it takes to come from events, and from a compact file of them, to a model.
fn model(index: usize, names: &Names, events: &[Packed]) {
    let each = |span: Duration| span.as_secs_f64() * 1e9 / events.len() as f64;
    let copy = best(5, || events.to_vec());
    let again = best(5, || events.to_vec());
    println!(
        "  copying the events (rival)  {:>8.2} ns an event; again (control): {:.2}×",
        each(copy),
        ratio(again, copy)
    );
    let (model, bytes) = alone(MODEL, &index.to_string());
    println!(
        "  the model of them           {:>8.2} ns an event, {:.1}×: {:.0} million a second",
        each(model),
        ratio(model, copy),
        1e3 / each(model)
    );
    println!("  its memory                  {:>8.1} bytes an event", bytes / events.len() as f64);
    let mut file = Vec::new();
    trace_file::write_compact(&recording(names, events), &mut file).unwrap();
    println!("  as a compact file           {:>8.2} bytes an event", file.len() as f64 / events.len() as f64);
    let path = std::env::temp_dir().join(format!("lockscope-bench-{}.lockscope", std::process::id()));
    std::fs::write(&path, &file).unwrap();
    let (open, _) = alone(OPEN, path.to_str().unwrap());
    std::fs::remove_file(&path).unwrap();
    println!(
        "  opening it, model and all   {:>8.2} ns an event, {:.1}×: {:.0} ms",
        each(open),
        ratio(open, copy),
        open.as_secs_f64() * 1e3
    );
}

fn recording(names: &Names, events: &[Packed]) -> Recording {
    let source = scenario::find(scenario::DEFAULT).unwrap().source();
    let plan = Arc::new(scenario::parse(&source).unwrap_or_else(|report| panic!("{report}")).plan);
    let trace = built(names, events);
    Recording { plan, source: None, trace, clock: ClockKind::Real, horizon: None }
}

fn built(names: &Names, events: &[Packed]) -> Trace {
    let mut trace = Trace::new(names.clone());
    for event in events {
        trace.push_packed(*event);
    }
    let at = events.last().map_or(Time::ZERO, |event| event.at());
    trace.finish(End { outcome: Outcome::Stopped, at, note: None });
    trace
}

/// Pictures of it, and moments in it.
fn pictures(trace: &Trace, rival: Duration) {
    let end = trace.end().map_or(Time::ZERO, |end| end.at);
    let view = |now: Time| ViewState { now, moment: trace.moment_at(now), ..ViewState::default() };
    let middle = Time::from_nanos(end.nanos() / 2);
    let close = |view: ViewState| ViewState { cell: Some(Duration::from_micros(1)), ..view };
    let order = |view: ViewState| ViewState { axis: Axis::Order, ..view };
    for (what, view) in [
        ("a frame at the end, all of it", view(end)),
        ("a frame in the middle, all of it", view(middle)),
        ("in the middle, 1 µs a cell", close(view(middle))),
        ("in the middle, along the order", order(view(middle))),
    ] {
        let cost = best(50, || draw(trace, &view));
        println!("  {what:34}{:>9.1} µs, {:.2}×", micros(cost), ratio(cost, rival));
    }
    let mut at = 0;
    let mut moment = || {
        at = (at + 7_919_777) % end.nanos().max(1);
        Time::from_nanos(at)
    };
    let mut worst = Duration::ZERO;
    for _ in 0..200 {
        let view = view(moment());
        let begun = Instant::now();
        black_box(draw(trace, &view));
        worst = worst.max(begun.elapsed());
    }
    println!("  a seek anywhere and its frame, the worst of 200: {:.2} ms", worst.as_secs_f64() * 1e3);
}

fn draw(trace: &Trace, view: &ViewState) -> Buffer {
    let area = Rect::new(0, 0, 200, 50);
    let mut buffer = Buffer::empty(area);
    let theme = &ThemeName::Dark.theme();
    let keys = &lockscope::app::HINTS;
    Scene { title: "scale", trace, code: &[], keys, view, theme }.render(area, &mut buffer);
    buffer
}

fn name(name: &str) -> LockName {
    LockName { name: name.into(), kind: LockKind::TokioMutex, permits: None }
}

fn names(tasks: u32, locks: u32) -> Names {
    Names {
        tasks: (0..tasks).map(|task| Arc::from(format!("worker#{task}"))).collect(),
        locks: (0..locks).map(|lock| name(&format!("lock_{lock}"))).collect(),
    }
}

/// Events that come 250 ns apart.
fn events(count: usize, mut next: impl FnMut(&mut Vec<(u32, What)>)) -> Vec<Packed> {
    let (mut all, mut some) = (Vec::with_capacity(count), Vec::new());
    while all.len() < count {
        next(&mut some);
        for (task, what) in some.drain(..) {
            let at = Time::from_nanos(all.len() as u64 * 250);
            let actor = Actor { task: TaskId(task), step: None };
            all.push(Packed::of(&Event { seq: 0, at, actor, what }).unwrap());
        }
    }
    all.truncate(count);
    all
}

/// Eight tasks that always want one lock.
fn contended(count: usize) -> (Names, Vec<Packed>) {
    const TASKS: u32 = 8;
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    let mut turn = 0_u32;
    let op = |turn: u32| OpId(u64::from(turn));
    let events = events(count, |some| {
        if turn == 0 {
            some.push((0, What::Acquire { lock, op: op(0), mode }));
            some.extend((1..TASKS).map(|task| (task, What::Wait { lock, op: op(task), mode })));
        }
        let (owner, heir) = (turn % TASKS, (turn + 1) % TASKS);
        some.push((owner, What::Release { lock, op: op(turn) }));
        some.push((heir, What::Grant { lock, op: op(turn + 1), mode }));
        some.push((owner, What::Wait { lock, op: op(turn + TASKS), mode }));
        some.push((heir, What::Acquire { lock, op: op(turn + 1), mode }));
        turn += 1;
    });
    (names(TASKS, 1), events)
}

/// A hundred tasks that take locks which are free.
fn uncontended(count: usize) -> (Names, Vec<Packed>) {
    free(count, 100, 16)
}

/// The same, of as many as there ever should be.
fn crowd(count: usize) -> (Names, Vec<Packed>) {
    free(count, 10_000, 1_000)
}

fn free(count: usize, tasks: u32, locks: u32) -> (Names, Vec<Packed>) {
    let mode = Mode::Exclusive;
    let mut op = 0_u64;
    let events = events(count, |some| {
        op += 1;
        let task = (op * 3_701 % u64::from(tasks)) as u32;
        let (lock, op) = (LockId((op * 7 % u64::from(locks)) as u32), OpId(op));
        some.push((task, What::Acquire { lock, op, mode }));
        some.push((task, What::Release { lock, op }));
    });
    (names(tasks, locks), events)
}

/// A hundred tasks that share a semaphore as they happen to come.
fn permits(count: usize) -> (Names, Vec<Packed>) {
    const PERMITS: usize = 16;
    let (lock, mode) = (LockId(0), Mode::Permits(1));
    let (mut op, mut dice, mut held) = (0, 7_u64, Vec::new());
    let events = events(count, |some| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let takes = held.is_empty() || (held.len() < PERMITS && (dice >> 33).is_multiple_of(2));
        if takes {
            op += 1;
            let task = (op * 37 % 100) as u32;
            held.push((task, OpId(op)));
            some.push((task, What::Acquire { lock, op: OpId(op), mode }));
        } else {
            let (task, op) = held.remove((dice >> 40) as usize % held.len());
            some.push((task, What::Release { lock, op }));
        }
    });
    let mut names = names(100, 1);
    names.locks[0] =
        LockName { kind: LockKind::TokioSemaphore, permits: Some(PERMITS as u32), ..names.locks[0].clone() };
    (names, events)
}

/// The least of some goes: what it costs when nothing else runs.
fn best<T>(goes: usize, mut work: impl FnMut() -> T) -> Duration {
    let go = |_| {
        let begun = Instant::now();
        let made = black_box(work());
        let cost = begun.elapsed();
        drop(made);
        cost
    };
    (0..goes).map(go).min().unwrap_or_default()
}

fn ratio(cost: Duration, rival: Duration) -> f64 {
    cost.as_secs_f64() / rival.as_secs_f64()
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

/// How long something takes at best, and how many bytes, in processes of its own. In one that has let go of memory before
/// that would be used again: nothing of it would be counted, and it would be there more quickly, or less.
fn alone(what: &str, of: &str) -> (Duration, f64) {
    let go = |_| {
        let told = Command::new(std::env::current_exe().unwrap()).env(what, of).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let (nanos, bytes) = told.trim().split_once(' ').unwrap();
        (Duration::from_nanos(nanos.parse().unwrap()), bytes.parse().unwrap())
    };
    let goes: Vec<(Duration, f64)> = (0..5).map(go).collect();
    let best = goes.iter().map(|(cost, _)| *cost).min();
    (best.unwrap_or_default(), goes[0].1)
}

/// Does it, and tells of it.
fn tell<T>(work: impl FnOnce() -> T) {
    let (before, begun) = (resident(), Instant::now());
    let made = black_box(work());
    let (cost, after) = (begun.elapsed(), resident());
    println!(
        "{} {}",
        cost.as_nanos(),
        before.zip(after).map_or(f64::NAN, |(before, after)| (after - before) as f64)
    );
    // To end is quicker than to let go of all of it first.
    std::mem::forget(made);
}

/// How much memory the process has, where the system tells.
fn resident() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = told.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
