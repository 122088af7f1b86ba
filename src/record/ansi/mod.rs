//! Pictures as what a terminal is told: only what changed, in as few bytes as may be.
//!
//! Changed cells are told look by look, because in a picture with few looks and all colours a move of the
//! cursor is shorter than another colour. Only what every terminal and asciinema's players know is used:
//! moves (CUP, CHA, CUF, CUD and some control characters), looks (SGR), repetition (REP), and DCH, which moves
//! the rest of a row: a timeline that scrolls is told by that. What DCH leaves at a row's end has the ground of the
//! look that is set.

mod look;
mod shift;

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr;

use look::{Look, difference};
use shift::shift;

/// How many bytes more the beginning of a sequence takes in JSON, where all of this ends up.
const ESCAPE: usize = 5;

/// How a character is told whose width terminals may see differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As it is. The cursor is moved after it, wherever it went.
    Terminal,
    /// With its width, as `OSC 66 ; w=2 ; … BEL`: for whoever has no table of widths.
    Widths,
}

/// Cells of one row and one look that stand side by side.
struct Span {
    x: u16,
    y: u16,
    /// The columns they take.
    width: u16,
    look: Look,
}

/// Tells pictures, each by what is different from the one before.
///
/// ```
/// use lockscope::record::ansi::{Ansi, Dialect};
/// use ratatui::{buffer::Buffer, layout::Rect, style::Style};
///
/// let mut ansi = Ansi::new(Dialect::Terminal);
/// let mut picture = Buffer::empty(Rect::new(0, 0, 20, 3));
/// ansi.frame(&picture);
/// picture.set_string(4, 1, "waits", Style::new());
/// assert_eq!(ansi.frame(&picture), "\x1b[2;5Hwaits");
/// assert_eq!(ansi.frame(&picture), "");
/// ```
pub struct Ansi {
    dialect: Dialect,
    /// What the terminal shows.
    shown: Option<Buffer>,
    look: Look,
    /// Where its cursor is, if that is certain.
    cursor: Option<(u16, u16)>,
    columns: u16,
}

impl Ansi {
    /// Begins with a terminal that may show anything.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, shown: None, look: Look::PLAIN, cursor: None, columns: 0 }
    }

    /// What makes the terminal show `next`; nothing if it does already.
    pub fn frame(&mut self, next: &Buffer) -> String {
        let mut text = String::new();
        let mut before = self.shown.take().filter(|before| before.area == next.area);
        self.columns = next.area.width;
        if let Some(before) = &mut before {
            self.shift(before, next, &mut text);
        } else {
            // Whatever was there before, the cursor is not part of the picture.
            text.push_str("\x1b[?25l\x1b[m");
            (self.look, self.cursor) = (Look::PLAIN, None);
        }
        let mut spans = Vec::new();
        for y in 0..next.area.height {
            changed(before.as_ref(), next, y, &mut spans);
        }
        let mut looks: Vec<Look> = Vec::new();
        for span in &spans {
            if !looks.contains(&span.look) {
                looks.push(span.look);
            }
        }
        // Look by look, always the one next that is told in the fewest bytes.
        while let Some((at, _)) =
            looks.iter().enumerate().min_by_key(|(_, look)| self.look_sequence(**look).len())
        {
            let look = looks.remove(at);
            for span in spans.iter().filter(|span| span.look == look) {
                self.move_to(span.x, span.y, &mut text);
                self.change_look(look, &mut text);
                self.put(span, next, &mut text);
            }
        }
        self.shown = Some(next.clone());
        text
    }

    fn move_to(&mut self, x: u16, y: u16, text: &mut String) {
        let Some((at, row)) = self.cursor.replace((x, y)) else {
            text.push_str(&place(x, y));
            return;
        };
        if (at, row) == (x, y) {
            return;
        }
        let mut ways = vec![place(x, y)];
        if let Some(down) = y.checked_sub(row) {
            let down = if down == 0 { String::new() } else { sequence(down, 'B') };
            ways.push(down.clone() + &sequence(x + 1, 'G'));
            // Behind the last column terminals wait in it, and do not agree on what is beside them.
            if at < self.columns {
                match (x.checked_sub(at), at.checked_sub(x)) {
                    (Some(0), _) => ways.push(down),
                    (Some(on), _) => ways.push(down + &sequence(on, 'C')),
                    (None, Some(back)) if back < 4 => ways.push(down + &"\x08".repeat(back.into())),
                    (None, _) => {}
                }
            }
            // Never from the last row, where it would scroll: there is none below it.
            match (x, y - row) {
                (0, 0) => ways.push("\r".into()),
                (0, 1) => ways.push("\r\n".into()),
                _ => {}
            }
        }
        text.push_str(ways.iter().min_by_key(|way| cost(way)).map_or("", String::as_str));
    }

    /// Moves what stands behind a column to the left, where that saves telling it.
    fn shift(&mut self, before: &mut Buffer, next: &Buffer, text: &mut String) {
        for y in 0..next.area.height {
            let Some((x, by)) = shift(before, next, y) else { continue };
            let columns = next.area.width;
            // What comes in at the end looks as the terminal writes now.
            let coming = &next[(columns - 1, y)];
            self.move_to(x, y, text);
            self.change_look(Look::of(coming), text);
            text.push_str(&sequence(by, 'P'));
            for x in x..columns {
                before[(x, y)] = if x + by < columns {
                    before[(x + by, y)].clone()
                } else {
                    let mut blank = Cell::new(" ");
                    blank.set_style(coming.style());
                    blank
                };
            }
        }
    }

    fn change_look(&mut self, look: Look, text: &mut String) {
        text.push_str(&self.look_sequence(look));
        self.look = look;
    }

    /// What leads from the present look to another.
    fn look_sequence(&self, look: Look) -> String {
        if self.look == look {
            return String::new();
        }
        let anew = difference(Look::PLAIN, look);
        let anew = if anew.is_empty() { anew } else { format!("0;{anew}") };
        let on = difference(self.look, look);
        let shorter = if on.is_empty() || anew.len() < on.len() { anew } else { on };
        format!("\x1b[{shorter}m")
    }

    fn put(&mut self, span: &Span, next: &Buffer, text: &mut String) {
        let end = span.x + span.width;
        let mut x = span.x;
        while x < end {
            let cell = &next[(x, span.y)];
            let width = width(cell);
            if !is_plain(cell) {
                self.move_to(x, span.y, text);
                match self.dialect {
                    Dialect::Terminal => text.push_str(cell.symbol()),
                    Dialect::Widths => _ = write!(text, "\x1b]66;w={width};{}\x07", cell.symbol()),
                }
                self.cursor = None;
                x += width;
                continue;
            }
            self.move_to(x, span.y, text);
            let symbol = cell.symbol();
            let same = (x..end).take_while(|x| next[(*x, span.y)].symbol() == symbol).count();
            let repeat = format!("\x1b[{}b", same - 1);
            text.push_str(symbol);
            if repeat.len() + ESCAPE < symbol.len() * (same - 1) {
                text.push_str(&repeat);
            } else {
                (1..same).for_each(|_| text.push_str(symbol));
            }
            x += same as u16;
            self.cursor = Some((x, span.y));
        }
    }
}

/// `n` of what a sequence does; one goes without saying.
fn sequence(n: u16, what: char) -> String {
    if n == 1 { format!("\x1b[{what}") } else { format!("\x1b[{n}{what}") }
}

/// The sequence that puts the cursor into a cell.
fn place(x: u16, y: u16) -> String {
    match (x, y) {
        (0, 0) => "\x1b[H".into(),
        (0, y) => format!("\x1b[{}H", y + 1),
        (x, y) => format!("\x1b[{};{}H", y + 1, x + 1),
    }
}

/// How many bytes a text takes in JSON.
fn cost(text: &str) -> usize {
    text.chars().map(|c| if c == '\x1b' { 6 } else { 1 + usize::from(c.is_control()) }).sum()
}

/// Whether it is a character that takes one cell everywhere.
fn is_plain(cell: &Cell) -> bool {
    let mut chars = cell.symbol().chars();
    chars.next().is_some() && chars.next().is_none() && cell.symbol().width() == 1
}

/// The columns that a cell's symbol takes.
fn width(cell: &Cell) -> u16 {
    cell.symbol().width().max(1) as u16
}

/// The spans of row `y` that have to be told.
fn changed(before: Option<&Buffer>, next: &Buffer, y: u16, spans: &mut Vec<Span>) {
    let columns = next.area.width;
    let differs = |x: u16| before.is_none_or(|before| before[(x, y)] != next[(x, y)]);
    let is_odd = |buffer: &Buffer| (0..columns).any(|x| !is_plain(&buffer[(x, y)]));
    // What a wide character covers is not known to be there: such a row is told as a whole.
    let whole = is_odd(next) || before.is_some_and(is_odd);
    if whole && !(0..columns).any(differs) {
        return;
    }
    let mut x = 0;
    while x < columns {
        let cell = &next[(x, y)];
        let look = Look::of(cell);
        let width = width(cell).min(columns - x);
        if whole || differs(x) {
            match spans.last_mut() {
                Some(last) if last.y == y && last.look == look && joins(last, x, next) => {
                    last.width = x + width - last.x;
                }
                _ => spans.push(Span { x, y, width, look }),
            }
        }
        x += width;
    }
}

/// Whether it is shorter to tell once more what lies between than to move over it.
fn joins(last: &Span, x: u16, next: &Buffer) -> bool {
    let end = last.x + last.width;
    let between = || (end..x).map(|x| &next[(x, last.y)]);
    let bytes: usize = between().map(|cell| cell.symbol().len()).sum();
    bytes <= "\x1b[9C".len() + ESCAPE && between().all(|cell| Look::of(cell) == last.look && is_plain(cell))
}
