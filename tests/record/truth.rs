//! What a player of a recording shows is what was drawn, picture by picture, cell by cell.

use std::sync::LazyLock;
use std::time::Duration;

use lockscope::record::cast::{Cast, Head, Version};
use lockscope::record::frames::{Cut, Frame, Look, Pace, Viewer};
use lockscope::record::{Recording, Sink};
use lockscope::view::{Axis, ThemeName};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use super::{emulator, rival, runs};

pub fn cast(recording: &Recording, look: &Look, cut: &Cut, version: Version) -> (Vec<u8>, Vec<Frame>) {
    let viewer = Viewer::new(recording, look, cut.speed);
    let frames = viewer.frames(cut).unwrap();
    let head = Head { version, size: look.size, theme: look.theme, duration: frames.duration() };
    let mut bytes = Vec::new();
    let mut sink = Box::new(Cast::new(&mut bytes, recording, head).unwrap());
    let frames: Vec<Frame> = frames.collect();
    for frame in &frames {
        sink.frame(frame).unwrap();
    }
    sink.finish().unwrap();
    (bytes, frames)
}

/// The lecture's program for 20 seconds, in 100×30, 25 pictures a second.
pub struct Long {
    pub recording: Recording,
    pub cast: Vec<u8>,
    pub frames: Vec<Frame>,
}

pub static LONG: LazyLock<Long> = LazyLock::new(|| {
    let recording = runs::lecture(Some(Duration::from_secs(20)));
    let (cast, frames) = cast(&recording, &runs::look(), &runs::cut(runs::grid(25)), Version::Three);
    Long { recording, cast, frames }
});

fn micros(span: Duration) -> u64 {
    span.as_micros() as u64
}

/// Plays the cast in an emulator and looks at it at the moment of every picture.
fn check(recording: &Recording, look: &Look, cut: &Cut, version: Version) {
    let (bytes, frames) = cast(recording, look, cut, version);
    compare(&bytes, &frames);
}

fn compare(bytes: &[u8], frames: &[Frame]) {
    let (header, events) = emulator::read(bytes);
    assert!(header["idle_time_limit"].as_f64().unwrap() > 0.0);
    assert!(header.get("timestamp").is_none());
    let mut terminal = emulator::terminal(&frames[0].buffer);
    let mut events = events.into_iter().peekable();
    let end = frames.last().map(|frame| micros(frame.at + frame.length)).unwrap();
    for frame in frames {
        while let Some((_, code, data)) =
            events.next_if(|(at, _, data)| *at <= micros(frame.at) && !data.ends_with("\u{1b}[?25h"))
        {
            if code == "o" {
                terminal.feed(&*data);
            }
        }
        emulator::same(&terminal, &frame.buffer);
    }
    let (at, code, _) = events.next().unwrap();
    assert_eq!((at, &*code, events.next()), (end, "o", None));
}

#[test]
fn a_cast_shows_what_was_drawn() {
    let lecture = runs::lecture(None);
    for version in [Version::Three, Version::Two] {
        check(&lecture, &runs::look(), &runs::cut(runs::grid(25)), version);
    }
    check(&lecture, &runs::look(), &runs::cut(runs::grid(20)), Version::Three);
    check(&lecture, &runs::look(), &runs::cut(Pace::Events), Version::Three);
}

#[test]
fn it_does_so_in_every_look() {
    let lecture = runs::lecture(None);
    for theme in [ThemeName::Light, ThemeName::Mono, ThemeName::Ansi] {
        check(&lecture, &Look { theme, ..runs::look() }, &runs::cut(Pace::Events), Version::Three);
    }
    for (size, axis, big) in
        [((60, 16), Axis::Time, false), ((80, 24), Axis::Order, false), ((160, 50), Axis::Time, true)]
    {
        let look = Look { size, axis, big, ..runs::look() };
        check(&lecture, &look, &runs::cut(Pace::Events), Version::Three);
    }
    check(&lecture, &Look { ascii: true, ..runs::look() }, &runs::cut(Pace::Events), Version::Three);
}

#[test]
fn it_does_so_when_the_picture_moves() {
    compare(&LONG.cast, &LONG.frames);
    let order = Look { axis: Axis::Order, ..runs::look() };
    check(&runs::lecture(None), &order, &runs::cut(runs::grid(20)), Version::Three);
}

#[test]
fn it_does_so_with_wide_and_combined_characters() {
    check(&runs::odd(), &runs::look(), &runs::cut(Pace::Events), Version::Three);
    check(&runs::odd(), &runs::look(), &runs::cut(runs::grid(25)), Version::Three);
}

#[test]
fn a_cast_is_small() {
    assert_eq!(LONG.frames.len(), 501);
    let other = rival::by_crossterm(&LONG.frames);
    let size = LONG.cast.len();
    let ratio = size as f64 / other as f64;
    assert!(size <= 340_000, "{size} bytes");
    assert!(ratio <= 0.65, "{ratio} of {other} bytes");
}

#[test]
fn what_does_not_change_is_not_told() {
    let mut ansi = lockscope::record::ansi::Ansi::new(lockscope::record::ansi::Dialect::Terminal);
    let mut picture = Buffer::empty(Rect::new(0, 0, 70, 20));
    assert!(!ansi.frame(&picture).is_empty());
    assert_eq!(ansi.frame(&picture), "");
    picture[(5, 5)] = Cell::new("x");
    assert_eq!(ansi.frame(&picture), "\x1b[6;6Hx");
}
