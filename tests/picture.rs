//! Pictures: that they show what was drawn, whole, and the same in every run. The GIF is decoded and the
//! SVG drawn by somebody else.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

#[path = "common/shows.rs"]
mod shows;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use lockscope::event::Time;
use lockscope::record::picture::{FilmSvg, Gif, Look, PNG_SCALE, Raster, Repeat, Rgb, font, png, svg};
use lockscope::view::{Axis, Reading, ThemeName, ViewState};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Style};
use resvg::{tiny_skia, usvg};
use shows::Show;

const FRAME: Duration = Duration::from_millis(40);

/// The handoff at a telling moment.
fn handoff(theme: ThemeName) -> Buffer {
    let show = Show::handoff();
    show.draw(&show.at(Time::from_millis(1240)), theme, 100, 30)
}

fn words(text: &str, style: Style) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 2));
    buffer.set_string(1, 1, text, style);
    buffer
}

fn drawn(buffer: &Buffer, look: Look, scale: u16) -> Raster {
    let mut raster = Raster::new(look, scale);
    raster.draw(buffer);
    raster
}

fn gif(frames: impl IntoIterator<Item = (Buffer, Duration)>, repeat: Repeat) -> Vec<u8> {
    let mut frames = frames.into_iter().peekable();
    let size = frames.peek().unwrap().0.area.as_size();
    let mut film = Gif::new(Vec::new(), size, Look::default(), repeat).unwrap();
    frames.for_each(|(buffer, length)| film.frame(&buffer, length).unwrap());
    film.finish().unwrap()
}

/// What a viewer sees, and for how many hundredths of a second, frame by frame.
fn played(bytes: &[u8]) -> (Vec<(Vec<Rgb>, u64)>, gif::Repeat) {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    let width = usize::from(decoder.width());
    let mut seen = vec![[0; 3]; width * usize::from(decoder.height())];
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert_eq!(frame.dispose, gif::DisposalMethod::Keep);
        let rows = frame.buffer.chunks(usize::from(frame.width) * 4);
        for (row, pixels) in rows.enumerate() {
            let begin = (usize::from(frame.top) + row) * width + usize::from(frame.left);
            for (seen, pixel) in seen[begin..].iter_mut().zip(pixels.chunks(4)) {
                if pixel[3] > 0 {
                    *seen = [pixel[0], pixel[1], pixel[2]];
                }
            }
        }
        frames.push((seen.clone(), u64::from(frame.delay)));
    }
    (frames, decoder.repeat())
}

/// The pixels of a PNG file, whichever way it says them.
fn opened(bytes: &[u8]) -> (u32, Vec<Rgb>) {
    let mut decoder = png::Decoder::new(io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, pixels[..info.buffer_size()].as_chunks().0.to_vec())
}

/// An SVG as somebody else draws it, with no fonts but ours.
fn rendered(svg: &str, scale: u16) -> Vec<Rgb> {
    let mut fonts = usvg::fontdb::Database::new();
    for file in font::FILES {
        fonts.load_font_data(file.to_vec());
    }
    let options = usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).unwrap();
    let size = tree.size().to_int_size().scale_by(f32::from(scale)).unwrap();
    let mut pixmap = tiny_skia::Pixmap::new(size.width(), size.height()).unwrap();
    let scale = tiny_skia::Transform::from_scale(f32::from(scale), f32::from(scale));
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    pixmap.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect()
}

/// Two pictures agree if a pixel is off by less than 1 of 255 on average, and if less than one in two
/// hundred is off by more than a quarter: edges of letters are smoothed in fewer steps here, and a
/// little differently there.
fn assert_agree(ours: &[Rgb], theirs: &[Rgb], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let off = |(a, b): (&Rgb, &Rgb)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    let off: Vec<u8> = ours.iter().zip(theirs).map(off).collect();
    let mean = off.iter().map(|off| f64::from(*off)).sum::<f64>() / off.len() as f64;
    let far = off.iter().filter(|off| **off > 64).count() as f64 / off.len() as f64;
    assert!(mean < 1.0 && far < 0.005, "{what}: off by {mean:.3}, {far:.5} of it far");
}

#[test]
fn every_frame_of_a_gif_is_what_was_drawn() {
    let show = Show::handoff();
    let dead = Show::scenario(shows::DEADLOCK);
    let time: Vec<_> = show.film(Duration::from_secs(2), FRAME).collect();
    let order = (1..=dead.trace.len()).map(|moment| {
        let view = ViewState { moment, axis: Axis::Order, ..dead.end() };
        (dead.draw(&view, ThemeName::Light, 80, 24), FRAME)
    });
    let wild =
        ["漢字", "a漢b", "", "é █▓▒░", "漢字"].map(|text| (words(text, Style::new().red().on_blue()), FRAME));
    for film in [time, order.collect(), wild.to_vec()] {
        let (frames, repeat) = played(&gif(film.clone(), Repeat::Forever));
        assert_eq!(repeat, gif::Repeat::Infinite);
        assert_eq!(frames.len(), film.len());
        for (index, ((buffer, _), (seen, ticks))) in film.iter().zip(&frames).enumerate() {
            assert!(drawn(buffer, Look::default(), 1).pixels() == seen, "frame {index}");
            assert_eq!(*ticks, 4, "frame {index}");
        }
    }
}

#[test]
fn a_gif_lasts_as_long_as_was_asked_for() {
    let film = |lengths: &[u64]| {
        let texts = ["a", "b", "c", "d", "e"].iter().cycle();
        let frames = texts
            .zip(lengths)
            .map(|(text, length)| (words(text, Style::new()), Duration::from_micros(*length)));
        let (frames, repeat) = played(&gif(frames, Repeat::Once));
        assert_eq!(repeat, gif::Repeat::Finite(0));
        frames.into_iter().map(|(_, ticks)| ticks).collect::<Vec<_>>()
    };
    assert_eq!(film(&[40_000, 60_000, 2_500_000]), [4, 6, 250]);
    // 30 frames a second are no whole ticks, and still nothing is lost.
    let odd = film(&[33_333; 30]);
    assert_eq!((odd.len(), odd.iter().sum::<u64>()), (30, 100));
    // Too short to be seen: they pass on their time.
    assert_eq!(film(&[5_000, 5_000, 5_000, 5_000, 20_000]), [2, 2]);
    // Longer than one frame can say.
    assert_eq!(film(&[20_000, 700_000_000]), [2, 65_535, 4_465]);
    // What does not change is one frame.
    let still = || (words("a", Style::new()), FRAME);
    assert_eq!(played(&gif([still(), still(), still()], Repeat::Once)).0.len(), 1);
}

#[test]
fn a_gif_of_more_colours_than_it_can_have_shows_near_ones() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 20));
    for (index, cell) in buffer.content.iter_mut().enumerate() {
        cell.set_char('█').set_fg(Color::Rgb((index % 256) as u8, (index / 256 * 8) as u8, 90));
    }
    let (frames, _) = played(&gif([(buffer.clone(), FRAME)], Repeat::Once));
    let raster = drawn(&buffer, Look::default(), 1);
    let off = |(a, b): (&Rgb, &Rgb)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    let off: Vec<u8> = raster.pixels().iter().zip(&frames[0].0).map(off).collect();
    assert!(off.iter().any(|off| *off > 0) && off.iter().all(|off| *off <= 16));
    // A PNG can say them all.
    assert!(opened(&png(&buffer, Look::default()).unwrap()).1 == drawn(&buffer, Look::default(), 2).pixels());
}

#[test]
fn a_png_is_what_was_drawn() {
    for theme in [ThemeName::Dark, ThemeName::Light, ThemeName::Mono, ThemeName::Ansi] {
        let (buffer, look) = (handoff(theme), Look::of(theme));
        let bytes = png(&buffer, look).unwrap();
        let (width, pixels) = opened(&bytes);
        assert_eq!(width, 1800);
        assert!(pixels == drawn(&buffer, look, PNG_SCALE).pixels(), "{theme:?}");
        assert!(bytes.len() < 60_000, "{theme:?}: {} bytes", bytes.len());
    }
}

#[test]
fn an_svg_agrees_with_the_png() {
    let dead = Show::scenario(shows::DEADLOCK);
    let show = Show::handoff();
    let help = ViewState { reading: Reading::Help, ..show.at(Time::from_millis(1240)) };
    let big = ViewState { big: true, ..show.at(Time::from_millis(1240)) };
    let stuck = ViewState { axis: Axis::Order, ..dead.end() };
    let lines = "┌┬┐╭╮┏┳┓╔╦╗▶◀▲▼✖■▖▚▟┈┉╱╳";
    for (what, theme, buffer) in [
        ("dark", ThemeName::Dark, handoff(ThemeName::Dark)),
        ("light", ThemeName::Light, handoff(ThemeName::Light)),
        ("mono", ThemeName::Mono, handoff(ThemeName::Mono)),
        ("help", ThemeName::Dark, show.draw(&help, ThemeName::Dark, 80, 24)),
        ("big", ThemeName::Dark, show.draw(&big, ThemeName::Dark, 100, 30)),
        ("deadlock", ThemeName::Dark, dead.draw(&dead.end(), ThemeName::Dark, 100, 30)),
        ("stuck", ThemeName::Dark, dead.draw(&stuck, ThemeName::Dark, 100, 30)),
        ("lines", ThemeName::Dark, words(lines, Style::new().underlined())),
    ] {
        let look = Look::of(theme);
        let text = svg(&buffer, look).unwrap();
        let ours = drawn(&buffer, look, PNG_SCALE);
        assert_agree(ours.pixels(), &rendered(&text, PNG_SCALE), what);
        assert!(text.len() < 15_000, "{what}: {} bytes", text.len());
    }
}

#[test]
fn blocks_and_lines_of_an_svg_are_exact() {
    let text = "█▓▒░│─┃━▌▐▄▀┼╋╬";
    let buffer = words(text, Style::new().fg(Color::Rgb(0, 200, 100)));
    for font_size in [13, 15, 22] {
        let look = Look { font_size, ..Look::default() };
        let theirs = rendered(&svg(&buffer, look).unwrap(), 1);
        let ours = drawn(&buffer, look, 1);
        // Their tints may be rounded the other way.
        let near = |(a, b): (&Rgb, &Rgb)| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(ours.pixels().iter().zip(&theirs).all(near), "{font_size}");
    }
}

#[test]
fn a_film_as_svg_shows_each_frame_at_its_time() {
    let show = Show::handoff();
    let frames: Vec<_> = show.events().take(8).collect();
    let mut film = FilmSvg::new(Vec::new(), Size::new(100, 30), Look::default(), Repeat::Forever).unwrap();
    for (buffer, length) in &frames {
        film.frame(buffer, *length).unwrap();
    }
    let text = String::from_utf8(film.finish().unwrap()).unwrap();
    // Without animation it is the last frame; what comes before is there when the rest is taken away.
    let parts: Vec<&str> = text.split("<g style=\"animation-name:f").collect();
    assert_eq!(parts.len(), frames.len() + 1);
    for (index, (buffer, _)) in frames.iter().enumerate() {
        let until = format!("{}</svg>", parts[..index + 2].join("<g style=\"animation-name:f"));
        let until = if index + 1 == frames.len() { &text } else { &until };
        let ours = drawn(buffer, Look::default(), 1);
        assert_agree(ours.pixels(), &rendered(until, 1), &format!("frame {index}"));
    }
    // Half a second each, of four.
    assert!(text.contains("g{animation:4s step-end infinite}"));
    assert!(text.contains("@keyframes f3{0%{visibility:hidden}37.5%{visibility:visible}}"));
    assert!(text.contains("prefers-reduced-motion") && !text.contains("<animate"));
}

#[test]
fn the_same_frames_are_the_same_bytes() {
    let bytes = || {
        let show = Show::handoff();
        let still = show.draw(&show.at(Time::from_millis(600)), ThemeName::Dark, 100, 30);
        let mut film = FilmSvg::new(Vec::new(), Size::new(100, 30), Look::default(), Repeat::Once).unwrap();
        show.events().for_each(|(buffer, length)| film.frame(&buffer, length).unwrap());
        let gif = gif(show.film(Duration::from_secs(1), FRAME), Repeat::Forever);
        let png = png(&still, Look::default()).unwrap();
        (gif, png, svg(&still, Look::default()).unwrap(), film.finish().unwrap())
    };
    assert!(bytes() == bytes());
}

#[test]
fn a_gif_keeps_to_its_size() {
    let film = Show::handoff().film(Duration::from_secs(20), FRAME).take(50).collect::<Vec<_>>();
    let bytes = gif(film, Repeat::Forever).len();
    assert!(bytes < 130_000, "a tenth of the frames are {bytes} bytes");
}

#[test]
fn every_glyph_of_the_sources_can_be_drawn() {
    let missing = drawn(&words("\u{e000}", Style::new()), Look::default(), 1);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = ["view", "trace", "app"].map(|name| root.join(name)).to_vec();
    let mut glyphs = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Tests may say what nobody can draw.
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            glyphs.extend(code.chars().filter(|c| !c.is_ascii()));
        }
    }
    assert!(glyphs.len() > 20, "the test no longer sees the sources");
    for glyph in glyphs.into_iter().chain(' '..='~').chain("äöüßéñçøåłžő€„“”«»αβγΩжщя".chars())
    {
        for style in [Style::new(), Style::new().bold()] {
            let raster = drawn(&words(&glyph.to_string(), style), Look::default(), 1);
            assert!(raster.pixels() != missing.pixels(), "{glyph:?} cannot be drawn");
        }
    }
}

#[test]
fn what_no_film_can_be_is_refused() {
    let refused = |result: io::Result<()>| result.unwrap_err().to_string();
    let (none, look) = (Buffer::empty(Rect::ZERO), Look::default());
    assert!(refused(png(&none, look).map(drop)).contains("at least one cell"));
    assert!(refused(svg(&none, look).map(drop)).contains("at least one cell"));
    let film = |size| Gif::new(io::sink(), size, look, Repeat::Once);
    assert!(refused(film(Size::ZERO).map(drop)).contains("at least one cell"));
    assert!(refused(film(Size::new(9000, 1)).map(drop)).contains("too large"));
    let small = Buffer::empty(Rect::new(0, 0, 3, 1));
    assert!(refused(film(Size::new(4, 1)).unwrap().frame(&small, FRAME)).contains("same size"));
    assert!(refused(film(Size::new(4, 1)).unwrap().finish().map(drop)).contains("at least one frame"));
    let film = || FilmSvg::new(io::sink(), Size::new(4, 1), look, Repeat::Once).unwrap();
    assert!(refused(film().frame(&small, FRAME)).contains("same size"));
    assert!(refused(film().finish().map(drop)).contains("at least one frame"));
}

/// Counts what is written, and keeps none of it.
#[derive(Clone, Default)]
struct Counter(std::rc::Rc<std::cell::Cell<usize>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn films_are_written_while_they_are_drawn() {
    let (gif, svg, look) = (Counter::default(), Counter::default(), Look::default());
    let size = Size::new(24, 2);
    let mut gif_film = Gif::new(gif.clone(), size, look, Repeat::Once).unwrap();
    let mut svg_film = FilmSvg::new(svg.clone(), size, look, Repeat::Once).unwrap();
    let mut written = Vec::new();
    for count in 0..20 {
        let buffer = words(&format!("event {count}"), Style::new());
        gif_film.frame(&buffer, FRAME).unwrap();
        svg_film.frame(&buffer, FRAME).unwrap();
        written.push((gif.0.get(), svg.0.get()));
    }
    // The GIF is one frame behind: how long that lasts is not known before the next.
    assert!(written.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{written:?}");
}

/// A place to write to that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_said_and_no_panic() {
    let kind = |error: io::Error| error.kind();
    let (size, look) = (Size::new(4, 1), Look::default());
    assert_eq!(
        Gif::new(Full, size, look, Repeat::Once).map(drop).map_err(kind),
        Err(io::ErrorKind::StorageFull)
    );
    let film = FilmSvg::new(Full, size, look, Repeat::Once);
    assert_eq!(film.map(drop).map_err(kind), Err(io::ErrorKind::StorageFull));
}
