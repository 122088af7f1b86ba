//! Which pictures a recording has: when, how long, of what.

use std::time::Duration;

use lockscope::event::Time;
use lockscope::record::frames::{Cut, Frame, Pace, Viewer};
use lockscope::record::{At, Recording};

use super::runs;
use super::trace_file::late;

fn frames(recording: &Recording, cut: &Cut) -> (Vec<Frame>, Duration) {
    let (look, speed) = (runs::look(), cut.speed);
    let viewer = Viewer::new(recording, &look, speed);
    let frames = viewer.frames(cut).unwrap();
    let (total, duration) = (frames.total(), frames.duration());
    let all: Vec<Frame> = frames.collect();
    assert_eq!(all.len() as u64, total);
    // Each begins where the one before it ends.
    for pair in all.windows(2) {
        assert_eq!(pair[0].at + pair[0].length, pair[1].at);
        assert_eq!(pair[0].place.moment, pair[1].since);
        assert!(pair[0].place.now <= pair[1].place.now);
    }
    let last = all.last().unwrap();
    assert_eq!(last.at + last.length, duration);
    (all, duration)
}

#[test]
fn a_recording_takes_exactly_as_long_as_it_should() {
    let lecture = runs::lecture(None);
    let cut = runs::cut(runs::grid(25));
    let hold = Duration::from_millis(700);
    for (speed, millis) in [(1.0, 2500.0), (0.25, 10_000.0), (3.0, 2500.0 / 3.0), (50.0, 50.0)] {
        let (_, duration) = frames(&lecture, &Cut { speed, hold, ..cut.clone() });
        let exact = Duration::from_nanos((millis * 1e6_f64).round() as u64);
        assert_eq!(duration, exact + hold, "{speed}×");
    }
    let (all, duration) = frames(&lecture, &Cut { speed: 2.0, pace: Pace::Events, ..cut.clone() });
    // A picture before the first event, one an event, and one of the end, which comes later.
    assert_eq!((all.len(), duration), (53, Duration::from_secs(28)));
    let range = Cut { from: Time::from_millis(990), to: Some(Time::from_millis(1400)), hold, ..cut };
    let (all, duration) = frames(&lecture, &range);
    assert_eq!(duration, Duration::from_millis(410) + hold);
    assert_eq!((all[0].place.now.millis(), all.last().unwrap().place.now.millis()), (990, 1400));
}

/// Where it is not known how things stood there is nothing to see.
#[test]
fn a_recording_that_began_late_begins_where_it_is_known_how_things_stood() {
    let late = late();
    let cut = runs::cut(runs::grid(25));
    let place = |frame: &Frame| (frame.place.moment, frame.place.now.millis());
    let (all, duration) = frames(&late, &cut);
    assert_eq!((place(&all[0]), duration), ((4, 900), Duration::from_millis(200) + cut.hold));
    let (all, _) = frames(&late, &Cut { pace: Pace::Events, ..cut.clone() });
    assert_eq!((all.len(), place(&all[0])), (6, (4, 900)));
    let at = Time::from_millis(200);
    let (all, _) = frames(&late, &Cut { from: at, to: Some(at), ..cut });
    assert_eq!((all.len(), place(&all[0])), (1, (4, 900)));
}

#[test]
fn a_marker_has_a_picture_of_its_own_moment() {
    for recording in [runs::lecture(None), runs::odd()] {
        for rate in [20, 25] {
            let (all, _) = frames(&recording, &runs::cut(runs::grid(rate)));
            for (moment, _) in recording.markers().between(0, 10_000) {
                assert!(all.iter().any(|frame| frame.place.moment == *moment), "{moment}");
            }
        }
    }
}

#[test]
fn moments_have_names() {
    let lecture = runs::lecture(None);
    let place = |at: At| lecture.place(&at).map(|place| (place.moment, place.now.millis()));
    assert_eq!(place(At::End), Some((51, 2500)));
    assert_eq!(place(At::Time(Time::from_millis(1200))), Some((27, 1200)));
    assert_eq!(place(At::Event(0)), Some((0, 0)));
    assert_eq!(place(At::Event(51)), Some((51, 2350)));
    assert_eq!(place(At::Event(52)), None);
    assert_eq!(place(At::Marker("the first handoff".into())), Some((14, 1000)));
    assert_eq!(place(At::Marker("another".into())), None);
}
