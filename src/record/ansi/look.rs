//! Looks of cells, and the sequences that lead from one to another.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use crate::record::colours::number;

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Look {
    /// What a terminal writes in when nothing was said.
    pub(super) const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    /// The look of a cell.
    pub(super) fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }
}

/// The parameters of the sequence that leads from one look to another.
pub(super) fn difference(from: Look, to: Look) -> String {
    let mut codes: Vec<String> = Vec::new();
    let gone = from.modifier - to.modifier;
    let mut new = to.modifier - from.modifier;
    // Bold and dim are switched off together.
    if gone.intersects(Modifier::BOLD | Modifier::DIM) {
        codes.push("22".into());
        new |= to.modifier & (Modifier::BOLD | Modifier::DIM);
    }
    for (modifier, on, off) in MODIFIERS {
        if gone.contains(modifier) && !off.is_empty() {
            codes.push(off.into());
        }
        if new.contains(modifier) {
            codes.push(on.into());
        }
    }
    if from.fg != to.fg {
        codes.push(color(to.fg, 30));
    }
    if from.bg != to.bg {
        codes.push(color(to.bg, 40));
    }
    codes.join(";")
}

/// How modifiers are switched on and off. What is hidden or blinks quickly, no picture has.
const MODIFIERS: [(Modifier, &str, &str); 7] = [
    (Modifier::BOLD, "1", ""),
    (Modifier::DIM, "2", ""),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::SLOW_BLINK, "5", "25"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::CROSSED_OUT, "9", "29"),
];

/// The code of a color; `base` is 30 for words and 40 for the ground.
fn color(color: Color, base: u8) -> String {
    match color {
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        named => match number(named) {
            None => (base + 9).to_string(),
            Some(dark @ ..8) => (base + dark).to_string(),
            Some(bright) => (base + 60 + bright - 8).to_string(),
        },
    }
}
