//! What `order` costs: an hour of the default scenario, run, kept and told, beside the same program without any
//! of that: plain tokio in virtual time, with the bare lock and its lines written into a vector. The rival beside
//! itself says how much is noise. `cargo bench --bench order`.

// It prints; that is its purpose.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use lockscope::engine::{self, Options, Stop};
use lockscope::scenario::{self, Plan, Source};
use lockscope::trace::{Trace, text};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Of virtual time.
const HOUR: Duration = Duration::from_hours(1);

/// Pairs of measurements.
const ROUNDS: usize = 21;

fn main() {
    let plan = Arc::new(scenario::parse(&scenario::find(scenario::DEFAULT).unwrap().source()).unwrap().plan);
    println!("one hour of `{}`; the middle half of {ROUNDS} pairs in brackets", scenario::DEFAULT);
    compare("the plain program again (control)", plain, plain);
    compare("run, and nothing kept", plain, || run(&plan, HOUR, |_| ()));
    compare("run and kept", plain, || kept(&plan, HOUR));
    compare("run, kept and told", plain, || told(&kept(&plan, HOUR)));
    compare("the command, its process and all", plain, || {
        let mut order = Command::new(env!("CARGO_BIN_EXE_lockscope"));
        order.args(["order", scenario::DEFAULT, "--until", "1h"]).stdout(Stdio::null());
        assert!(order.status().unwrap().success());
    });

    println!("\ntelling a lock that is handed on without a pause: many events beside few, for each of them");
    let [few, many] = [1_000, 64_000].map(|rounds| kept(&storm(rounds), HOUR));
    let each = |trace: &Trace| time(|| told(trace)).as_secs_f64() * 1e9 / trace.len() as f64;
    let per_event = |name: &str, trace: &Trace| {
        let mut ratios: Vec<_> = (0..5).map(|_| (each(&few), each(trace))).collect();
        ratios.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (few, ours) = ratios[ratios.len() / 2];
        println!("{name:<38} {:>6.2}   {ours:>7.1} ns, of {} events", ours / few, trace.len());
    };
    per_event("few again (control)", &few);
    per_event("many", &many);
}

/// The program of the default scenario, as one would write it.
fn plain() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let lines: Arc<StdMutex<Vec<u8>>> = Arc::default();
    let say = |lines: &Arc<StdMutex<Vec<u8>>>, line: &str| writeln!(lines.lock().unwrap(), "{line}").unwrap();
    runtime.unwrap().block_on(async {
        let (begun, db) = (tokio::time::Instant::now(), Arc::new(Mutex::new(HashMap::<&str, u128>::new())));
        let (theirs, out) = (db.clone(), lines.clone());
        tokio::spawn(async move {
            loop {
                say(&out, "->read-guard");
                let guard = theirs.lock().await;
                let value = guard.get("my-key").copied();
                say(&out, "->read-sleep");
                sleep(Duration::from_secs(1)).await;
                say(&out, "<-read-sleep");
                writeln!(out.lock().unwrap(), "value = {value:?}").unwrap();
                say(&out, "<-read-guard");
            }
        });
        let out = lines.clone();
        tokio::spawn(async move {
            loop {
                say(&out, "->write-guard");
                db.lock().await.insert("my-key", begun.elapsed().as_millis());
                say(&out, "<-write-guard");
                sleep(Duration::from_millis(350)).await;
            }
        });
        sleep(HOUR).await;
    });
    assert!(black_box(lines.lock().unwrap().len()) > 200_000);
}

/// Four tasks that hand a mutex on at every turn.
fn storm(rounds: u32) -> Arc<Plan> {
    let text = format!(
        r#"{{ "scenario": 1, "title": "storm", "locks": {{ "db": "tokio::sync::Mutex" }}, "tasks": [
        {{ "name": "t", "count": 4, "steps": [ {{ "times": {rounds}, "loop": [
            {{ "lock": "db", "do": [ {{ "yield": 1 }} ] }} ] }} ] }} ] }}"#
    );
    Arc::new(scenario::parse(&Source::new("storm.json", &text)).unwrap().plan)
}

fn run(plan: &Arc<Plan>, until: Duration, mut sink: impl FnMut(lockscope::event::Event) + Send + 'static) {
    let options = Options { until: Some(until), ..Options::default() };
    let sink = move |event| {
        sink(event);
        true
    };
    black_box(engine::run(plan, &options, sink, &Stop::default()).unwrap());
}

fn kept(plan: &Arc<Plan>, until: Duration) -> Trace {
    let trace = Arc::new(StdMutex::new(Trace::new(plan.names())));
    let theirs = trace.clone();
    run(plan, until, move |event| theirs.lock().unwrap().push(event));
    std::mem::take(&mut *trace.lock().unwrap())
}

fn told(trace: &Trace) {
    let mut told = String::new();
    text::write_sequence_diagram(&mut told, trace).unwrap();
    writeln!(told).unwrap();
    black_box(told);
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

/// The median of the ratios of `ours` to `rival`, how far the middle half of them spreads, and how long ours took.
fn compare<A, B>(name: &str, mut rival: impl FnMut() -> A, mut ours: impl FnMut() -> B) {
    let (mut ratios, mut rivals, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (first, second) = if round % 2 == 0 {
            let first = time(&mut rival);
            (first, time(&mut ours))
        } else {
            let second = time(&mut ours);
            (time(&mut rival), second)
        };
        ratios.push(second.as_secs_f64() / first.as_secs_f64());
        rivals.push(first);
        own.push(second);
    }
    ratios.sort_by(f64::total_cmp);
    rivals.sort();
    own.sort();
    let millis = |spans: &[Duration], at: usize| spans[at].as_secs_f64() * 1e3;
    println!(
        "{name:<38} {:>6.2}   ({:.2} to {:.2})   plain {:>5.1} ms, this {:>5.1} ms, at best {:.1} ms",
        ratios[ROUNDS / 2],
        ratios[ROUNDS / 4],
        ratios[ROUNDS * 3 / 4],
        millis(&rivals, ROUNDS / 2),
        millis(&own, ROUNDS / 2),
        millis(&own, 0),
    );
}
