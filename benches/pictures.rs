//! What pictures cost: the default scenario at 100×30 as stills and as a film of 20 s at 25 frames a
//! second, in bytes and in time of the processor, beside the goals. `cargo bench --bench pictures`.
//!
//! The film's rival, in the same run, is the same GIF without the differences: each frame whole. The
//! cast's is what ratatui's crossterm backend writes for the same pictures.

// It prints; that is its purpose.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/record/rival.rs"]
mod rival;
#[path = "../tests/record/runs.rs"]
// The tests have runs that nothing here is measured with.
#[allow(dead_code)]
mod runs;
#[path = "../tests/common/shows.rs"]
mod shows;

use std::time::Duration;

use lockscope::event::Time;
use lockscope::record::Sink;
use lockscope::record::cast::{self, Cast};
use lockscope::record::frames::Viewer;
use lockscope::record::html::{self, Html};
use lockscope::record::picture::{FilmSvg, Gif, Look, Raster, Repeat, png, svg};
use lockscope::view::ThemeName;
use ratatui::buffer::Buffer;
use shows::Show;

const LENGTH: Duration = Duration::from_secs(20);
const FRAME: Duration = Duration::from_millis(40);

fn main() {
    let show = Show::handoff();
    let still = show.draw(&show.at(Time::from_millis(1240)), ThemeName::Dark, 100, 30);
    let (film, drawing) = timed(|| show.film(LENGTH, FRAME).collect::<Vec<_>>());
    println!("{} frames are drawn into cells in {drawing:.2} s", film.len());

    let (bytes, seconds) = timed(|| png(&still, Look::default()).unwrap().len());
    report("PNG still", bytes, seconds, Some((60_000, 1.0)));
    let (bytes, seconds) = timed(|| svg(&still, Look::default()).unwrap().len());
    report("SVG still", bytes, seconds, Some((15_000, 1.0)));
    let (bytes, seconds) = timed(|| gif(&film).len());
    report("GIF film", bytes, seconds, Some((1_300_000, 1.0)));
    let (whole_bytes, whole_seconds) = timed(|| whole_frames(&film).len());
    report("  whole frames", whole_bytes, whole_seconds, None);
    println!("  of that {:.2} and {:.2}", bytes as f64 / whole_bytes as f64, seconds / whole_seconds);
    let (bytes, seconds) = timed(|| film_svg(&show).len());
    report("SVG film, one frame an event", bytes, seconds, None);
    texts();
}

/// The formats that tell cells and not pixels.
fn texts() {
    let recording = runs::lecture(Some(LENGTH));
    let (look, mut cut) = (runs::look(), runs::cut(runs::grid(25)));
    cut.hold = Duration::ZERO;
    let viewer = Viewer::new(&recording, &look, cut.speed);
    let frames: Vec<_> = viewer.frames(&cut).unwrap().collect();
    let (size, theme) = (look.size, look.theme);
    let head = cast::Head { version: cast::Version::Three, size, theme, duration: LENGTH };
    let all = |mut sink: Box<dyn Sink + '_>| {
        for frame in &frames {
            sink.frame(frame).unwrap();
        }
        sink.finish().unwrap();
    };
    let mut bytes = Vec::new();
    let ((), seconds) = timed(|| all(Box::new(Cast::new(&mut bytes, &recording, head).unwrap())));
    let cast = bytes.len();
    report("cast", cast, seconds, Some((340_000, 1.0)));
    let rival = rival::by_crossterm(&frames);
    println!(
        "  of what crossterm's backend writes, {rival} bytes: {:.2}  goal 0.65",
        cast as f64 / rival as f64
    );
    let telling = viewer.telling_rows();
    let head = html::Head { size, theme, pace: cut.pace, speed: cut.speed, telling };
    let mut bytes = Vec::new();
    let ((), seconds) = timed(|| all(Box::new(Html::new(&mut bytes, &recording, head).unwrap())));
    report("HTML", bytes.len(), seconds, Some((cast + 8_192, 1.0)));
}

fn report(what: &str, bytes: usize, seconds: f64, goal: Option<(usize, f64)>) {
    let goal = goal.map(|(most, long)| {
        let met = if bytes <= most && seconds <= long { "met" } else { "MISSED" };
        format!("  goal {most} bytes, {long:.1} s: {met}")
    });
    println!("{what:30}{bytes:>9} bytes {seconds:6.3} s{}", goal.unwrap_or_default());
}

/// How long the processor worked for it; in wall time where it does not tell.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let used = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
    };
    let (before, clock) = (used(), std::time::Instant::now());
    let made = work();
    let passed =
        used().zip(before).map_or_else(|| clock.elapsed(), |(after, before)| after.saturating_sub(before));
    (made, passed.as_secs_f64())
}

fn gif(film: &[(Buffer, Duration)]) -> Vec<u8> {
    let mut gif = Gif::new(Vec::new(), film[0].0.area.as_size(), Look::default(), Repeat::Forever).unwrap();
    for (buffer, length) in film {
        gif.frame(buffer, *length).unwrap();
    }
    gif.finish().unwrap()
}

fn film_svg(show: &Show) -> Vec<u8> {
    let mut film: Option<FilmSvg<Vec<u8>>> = None;
    for (buffer, length) in show.events() {
        let film = film.get_or_insert_with(|| {
            FilmSvg::new(Vec::new(), buffer.area.as_size(), Look::default(), Repeat::Forever).unwrap()
        });
        film.frame(&buffer, length).unwrap();
    }
    film.unwrap().finish().unwrap()
}

/// The rival: every frame from edge to edge, its colours in one table.
fn whole_frames(film: &[(Buffer, Duration)]) -> Vec<u8> {
    let mut raster = Raster::new(Look::default(), 1);
    raster.draw(&film[0].0);
    let (width, height) = (raster.width() as u16, raster.height() as u16);
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, &[]).unwrap();
    for (buffer, _) in film {
        raster.draw(buffer);
        let (mut palette, mut known) = (Vec::new(), std::collections::HashMap::new());
        let indices: Vec<u8> = raster
            .pixels()
            .iter()
            .map(|pixel| {
                *known.entry(*pixel).or_insert_with(|| {
                    palette.extend_from_slice(pixel);
                    (palette.len() / 3 - 1) as u8
                })
            })
            .collect();
        let frame = gif::Frame::from_palette_pixels(width, height, indices, palette, None);
        encoder.write_frame(&frame).unwrap();
    }
    encoder.into_inner().unwrap()
}
