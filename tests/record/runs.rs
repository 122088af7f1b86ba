//! Runs to record.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockscope::app::note;
use lockscope::engine::{self, Options, Stop};
use lockscope::event::{Event, Time};
use lockscope::record::Recording;
use lockscope::record::frames::{Cut, Look, Pace};
use lockscope::scenario::{self, Source};
use lockscope::trace::{End, Trace};
use lockscope::view::{Axis, ThemeName};

/// What comes of a scenario's text.
pub fn run(source: Source, until: Option<Duration>) -> Recording {
    let plan = Arc::new(scenario::parse(&source).unwrap_or_else(|report| panic!("{report}")).plan);
    let options = Options { until, ..Options::default() };
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let sink = events.clone();
    let end = engine::run(
        &plan,
        &options,
        move |event| {
            sink.lock().unwrap().push(event);
            true
        },
        &Stop::default(),
    )
    .unwrap();
    let mut trace = Trace::of(plan.names(), events.lock().unwrap().drain(..));
    trace.finish(End { outcome: end.outcome, at: end.at, note: note(&plan, end.cause) });
    Recording {
        clock: options.clock_for(&plan),
        horizon: options.until_for(&plan).map(Time::from),
        plan,
        source: Some(source),
        trace,
    }
}

/// The lecture's program.
pub fn lecture(until: Option<Duration>) -> Recording {
    run(scenario::find(scenario::DEFAULT).unwrap().source(), until)
}

/// Names, captions and values that are hard to tell: wide and combined characters, several markers in one
/// instant, a deadlock at the end.
pub const ODD: &str = r#"{
    "scenario": 1, "title": "</script>: 漢字 e\u0301 \u001b[31m", "until": "400ms",
    "locks": { "データ": "tokio::sync::Mutex", "b": "tokio::sync::Mutex" },
    "tasks": [
        { "name": "読者", "steps": [
            { "say": "\u001b]0;x\u0007 <b>漢字</b>" },
            { "lock": "データ", "as": "g" }, { "print": "e\u0301 ✔ 🦀 `x` </script>" }, { "sleep": "50ms" },
            { "insert": "鍵", "into": "g", "value": { "π": [ 0.1, 1e300, null, "\u0000\u2028" ] } },
            { "lock": "b", "do": [] }
        ] },
        { "name": "b", "steps": [ { "lock": "b", "as": "h" }, { "sleep": "60ms" }, { "lock": "データ", "do": [] } ] }
    ],
    "markers": [
        { "on": { "event": "acquire", "nth": 1 }, "label": "まず", "say": "<i>one</i>" },
        { "on": { "event": "acquire", "nth": 2 }, "ask": "who?", "answers": [ "A & B", "\"C\"" ] },
        { "on": { "event": "wait", "nth": 2 }, "label": "stuck", "pause": true }
    ]
}"#;

pub fn odd() -> Recording {
    run(Source::new("odd.json", ODD), None)
}

pub fn look() -> Look {
    Look { size: (100, 30), theme: ThemeName::Dark, axis: Axis::Time, big: false, ascii: false }
}

pub fn grid(rate: u32) -> Pace {
    Pace::Grid(NonZeroU32::new(rate).unwrap())
}

pub fn cut(pace: Pace) -> Cut {
    Cut { from: Time::ZERO, to: None, speed: 1.0, pace, hold: Duration::from_secs(2) }
}
