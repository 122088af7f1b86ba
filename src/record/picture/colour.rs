//! What colours a cell is drawn in: ratatui's colours and modifiers as plain RGB.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::Look;
use crate::record::colours::number;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// What stands for the terminal's own 16 colours: xterm's defaults.
const NAMED: [Rgb; 16] = [
    [0x00, 0x00, 0x00],
    [0xcd, 0x00, 0x00],
    [0x00, 0xcd, 0x00],
    [0xcd, 0xcd, 0x00],
    [0x00, 0x00, 0xee],
    [0xcd, 0x00, 0xcd],
    [0x00, 0xcd, 0xcd],
    [0xe5, 0xe5, 0xe5],
    [0x7f, 0x7f, 0x7f],
    [0xff, 0x00, 0x00],
    [0x00, 0xff, 0x00],
    [0xff, 0xff, 0x00],
    [0x5c, 0x5c, 0xff],
    [0xff, 0x00, 0xff],
    [0x00, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// How a cell's glyph is put on its ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    pub(super) glyph: Rgb,
    pub(super) ground: Rgb,
    pub(super) bold: bool,
    pub(super) underlined: bool,
    pub(super) crossed_out: bool,
}

impl Ink {
    pub(super) fn of(cell: &Cell, look: Look) -> Self {
        let has = |modifier| cell.modifier.contains(modifier);
        let mut glyph = rgb(cell.fg, look.foreground);
        let mut ground = rgb(cell.bg, look.background);
        if has(Modifier::REVERSED) {
            (glyph, ground) = (ground, glyph);
        }
        if has(Modifier::DIM) {
            glyph = mix(ground, glyph, 1, 2);
        }
        if has(Modifier::HIDDEN) {
            glyph = ground;
        }
        Self {
            glyph,
            ground,
            bold: has(Modifier::BOLD),
            underlined: has(Modifier::UNDERLINED),
            crossed_out: has(Modifier::CROSSED_OUT),
        }
    }

    /// The rows of a cell at which lines under or through its word begin.
    pub(super) fn lines(self, look: Look) -> impl Iterator<Item = i32> {
        let (cell, baseline) = (look.cell(), look.baseline());
        let under = (baseline + 2 * cell.line).min(cell.height - cell.line);
        let through = baseline - baseline / 4 - cell.line;
        let under = self.underlined.then_some(under);
        under.into_iter().chain(self.crossed_out.then_some(through))
    }
}

/// The colour `part` of `whole` on the way from one to the other.
pub(super) fn mix(from: Rgb, to: Rgb, part: u8, whole: u8) -> Rgb {
    let (part, whole) = (u32::from(part), u32::from(whole));
    std::array::from_fn(|channel| {
        let (from, to) = (u32::from(from[channel]), u32::from(to[channel]));
        ((from * (whole - part) + to * part + whole / 2) / whole) as u8
    })
}

/// How far two colours lie apart, for choosing the nearest.
pub(super) fn distance(a: Rgb, b: Rgb) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// As in style sheets.
pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn rgb(color: Color, reset: Rgb) -> Rgb {
    match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) => indexed(index),
        named => number(named).map_or(reset, indexed),
    }
}

/// xterm's 256 colours: the named ones, a cube of 6×6×6, and 24 greys.
fn indexed(index: u8) -> Rgb {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..16 => NAMED[usize::from(index)],
        16..232 => {
            let index = index - 16;
            [level(index / 36), level(index / 6 % 6), level(index % 6)]
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { font_size: 15, foreground: [200, 200, 200], background: [0, 0, 0] };

    fn ink(style: ratatui::style::Style) -> Ink {
        let mut cell = Cell::default();
        cell.set_style(style);
        Ink::of(&cell, LOOK)
    }

    #[test]
    fn every_way_to_name_a_colour() {
        assert_eq!(rgb(Color::Reset, [1, 2, 3]), [1, 2, 3]);
        assert_eq!(rgb(Color::Rgb(4, 5, 6), [0; 3]), [4, 5, 6]);
        assert_eq!(rgb(Color::LightBlue, [0; 3]), [0x5c, 0x5c, 0xff]);
        assert_eq!(rgb(Color::Indexed(1), [0; 3]), rgb(Color::Red, [0; 3]));
        assert_eq!(rgb(Color::Indexed(16), [9; 3]), [0, 0, 0]);
        assert_eq!(rgb(Color::Indexed(208), [0; 3]), [255, 135, 0]);
        assert_eq!(rgb(Color::Indexed(231), [0; 3]), [255; 3]);
        assert_eq!(rgb(Color::Indexed(232), [0; 3]), [8; 3]);
        assert_eq!(rgb(Color::Indexed(255), [0; 3]), [238; 3]);
    }

    #[test]
    fn modifiers_change_the_ink() {
        let plain = ratatui::style::Style::new();
        assert_eq!((ink(plain).glyph, ink(plain).ground), ([200; 3], [0; 3]));
        let reversed = ink(plain.reversed());
        assert_eq!((reversed.glyph, reversed.ground), ([0; 3], [200; 3]));
        assert_eq!(ink(plain.dim()).glyph, [100; 3]);
        assert_eq!(ink(plain.hidden().red()).glyph, [0; 3]);
        assert!(ink(plain.bold()).bold && ink(plain.underlined()).underlined);
        assert!(ink(plain.crossed_out()).crossed_out);
    }
}
