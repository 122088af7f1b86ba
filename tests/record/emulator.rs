//! Casts read as a player reads them, and what a terminal shows then, beside what was drawn.

use avt::{Color as Shown, Terminal};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

/// An event of a cast: microseconds since the beginning, its code, its data.
pub type Event = (u64, String, String);

/// The header and the events of a cast of either version.
pub fn read(cast: &[u8]) -> (Json, Vec<Event>) {
    let text = std::str::from_utf8(cast).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let header = lines.next().unwrap();
    let (mut now, is_new) = (0, header["version"] == 3);
    let events = lines.map(|event| {
        let time = (event[0].as_f64().unwrap() * 1e6).round() as u64;
        now = if is_new { now + time } else { time };
        (now, event[1].as_str().unwrap().to_owned(), event[2].as_str().unwrap().to_owned())
    });
    let events = events.collect();
    (header, events)
}

/// A terminal of the size of a picture.
pub fn terminal(picture: &Buffer) -> Terminal {
    let mut terminal = Terminal::new(picture.area.width.into(), picture.area.height.into()).unwrap();
    // A player may have shown something else before.
    terminal.feed("\x1b[33;44mleft over\r\n\x1b[1mfrom before");
    terminal
}

/// Fails where the terminal shows something else than the picture.
#[track_caller]
pub fn same(terminal: &Terminal, picture: &Buffer) {
    assert!(terminal.cursor().position().is_none(), "the cursor shows");
    let screen = terminal.screen();
    for y in 0..picture.area.height {
        let cells = screen.line(y.into()).unwrap().cells();
        let mut x = 0;
        while x < picture.area.width {
            let (drawn, shown) = (&picture[(x, y)], &cells[usize::from(x)]);
            let width = drawn.symbol().width().max(1) as u16;
            let text = drawn.symbol().chars().next().unwrap();
            assert_eq!(shown.char(), text, "in column {x} of row {y}");
            assert_eq!(look(shown), style(drawn), "{text:?} in column {x} of row {y}");
            x += width;
        }
    }
}

type Look = (Option<Shown>, Option<Shown>, [bool; 7]);

fn look(cell: &avt::Cell) -> Look {
    let pen = cell.pen();
    let modes = [
        pen.is_bold(),
        pen.is_faint(),
        pen.is_italic(),
        pen.is_underline(),
        pen.is_blink(),
        pen.is_inverse(),
        pen.is_strikethrough(),
    ];
    (pen.foreground(), pen.background(), modes)
}

fn style(cell: &Cell) -> Look {
    let modes = [
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::ITALIC,
        Modifier::UNDERLINED,
        Modifier::SLOW_BLINK,
        Modifier::REVERSED,
        Modifier::CROSSED_OUT,
    ];
    (color(cell.fg), color(cell.bg), modes.map(|mode| cell.modifier.contains(mode)))
}

fn color(color: Color) -> Option<Shown> {
    let index = match color {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some(Shown::rgb(r, g, b)),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    Some(Shown::Indexed(index))
}
