//! Small brushes: text that is cut with `…` and never silently, runs of a glyph, rules, wrapping.
//!
//! All text goes through [`clean`], so that nothing from a file can steer the terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::trace::words::{ascii, clean};

/// How many characters `text` has, if each stands alone and takes one cell, as in nearly all that is drawn: then
/// nothing need be cleaned or looked up. These are the printable ones of Latin-1, some punctuation, and arrows,
/// lines and blocks.
fn plain(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Some(text.len());
    }
    let is_plain = |c| {
        matches!(c, ' '..='~'
            | '\u{a1}'..='\u{ac}'
            | '\u{ae}'..='\u{ff}'
            | '\u{2013}'..='\u{2014}'
            | '\u{2026}'
            | '\u{2190}'..='\u{2193}'
            | '\u{2500}'..='\u{25fc}')
    };
    text.chars().try_fold(0, |count, c| is_plain(c).then_some(count + 1))
}

/// How many cells `text` takes; of a text longer than any screen only that it is, so that widths can
/// be added up.
pub fn width(text: &str) -> u16 {
    let width = plain(text).unwrap_or_else(|| clean(text).width());
    width.min(usize::from(u16::MAX / 8)) as u16
}

/// `text` in at most `max` cells, cut with `…` where it is longer.
pub fn cut(text: &str, max: u16) -> String {
    let max = usize::from(max);
    if let Some(length) = plain(text) {
        return match max.checked_sub(1) {
            _ if length <= max => text.to_owned(),
            Some(room) => text.chars().take(room).chain(['…']).collect(),
            None => String::new(),
        };
    }
    let text = clean(text);
    if text.width() <= max {
        return text.into_owned();
    }
    if max == 0 {
        return String::new();
    }
    let mut taken = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < max
        })
        .collect();
    kept.push('…');
    kept
}

/// Writes `text` at `(x, y)` in at most `max` cells and gives the column after it. What lies outside
/// of the buffer is left out.
pub fn put(buf: &mut Buffer, x: u16, y: u16, max: u16, text: &str, style: Style) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return x;
    }
    let max = max.min(area.right() - x);
    if let Some(length) = plain(text) {
        let fits = length <= usize::from(max);
        let shown = if fits { length } else { usize::from(max.saturating_sub(1)) };
        let more = if fits || max == 0 { "" } else { "…" };
        let (begin, chars) = (buf.index_of(x, y), text.chars().take(shown).chain(more.chars()));
        for (cell, c) in buf.content[begin..begin + usize::from(max)].iter_mut().zip(chars) {
            cell.set_char(c).set_style(style);
        }
        return x + max.min(length as u16);
    }
    let (end, _) = buf.set_stringn(x, y, cut(text, max), usize::from(max), style);
    end
}

/// Writes `text` so that it ends before column `right`, not further left than `left`.
pub fn put_right(buf: &mut Buffer, left: u16, right: u16, y: u16, text: &str, style: Style) -> u16 {
    let room = right.saturating_sub(left);
    let x = right - width(text).min(room);
    put(buf, x, y, room, text, style);
    x
}

/// Gives a part of the buffer, or all of it, this style.
pub fn fill(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    for y in area.top()..area.bottom() {
        let begin = buf.index_of(area.x, y);
        for cell in &mut buf.content[begin..begin + usize::from(area.width)] {
            cell.set_style(style);
        }
    }
}

/// Sets one cell, if it is within the buffer.
pub fn dot(buf: &mut Buffer, x: u16, y: u16, glyph: &str, style: Style) {
    if let Some(cell) = buf.cell_mut((x, y)) {
        cell.set_symbol(glyph).set_style(style);
    }
}

/// A run of one glyph.
pub fn run(buf: &mut Buffer, x: u16, y: u16, length: u16, glyph: &str, style: Style) {
    for x in x..x.saturating_add(length) {
        dot(buf, x, y, glyph, style);
    }
}

/// A rule over the whole width of `area`'s first row, with words in it at the left and at the right.
pub fn rule(buf: &mut Buffer, area: Rect, left: &str, right: &str, line: Style, words: Style) {
    run(buf, area.x, area.y, area.width, "─", line);
    if !left.is_empty() {
        put(buf, area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {left} "), words);
    }
    let room = area.width.saturating_sub(width(left) + 8);
    if !right.is_empty() && width(right) + 2 <= room {
        put_right(buf, area.x, area.right() - 1, area.y, &format!(" {right} "), words);
    }
}

/// `text` in lines of at most `max` cells, broken at spaces; a word that is too long is cut.
pub fn wrap(text: &str, max: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, max)),
        }
    }
    lines
}

/// Writes `text` into `area`, wrapped; what does not fit is cut with `…`.
pub fn paragraph(buf: &mut Buffer, area: Rect, text: &str, style: Style) {
    let lines = wrap(text, area.width);
    let rows = usize::from(area.height);
    for (row, line) in lines.iter().take(rows).enumerate() {
        let last = row + 1 == rows && lines.len() > rows;
        let line = if last { format!("{line}…") } else { line.clone() };
        let line =
            if last && width(&line) > area.width { cut(&format!("{line}…"), area.width) } else { line };
        put(buf, area.x, area.y + row as u16, area.width, &line, style);
    }
}

/// Every glyph that is not ASCII, replaced by one that is: for terminals without Unicode.
pub fn to_ascii(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            let plain = cell.symbol().chars().next().map_or(' ', ascii);
            cell.set_char(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of every kind of character, in every width, is drawn as the library draws it.
    #[test]
    fn plain_text_is_drawn_as_any_other() {
        let area = Rect::new(2, 1, 12, 1);
        let all = (0..=0x2_ffff).filter_map(char::from_u32).filter(|c| plain(&c.to_string()).is_some());
        let all: Vec<char> = all.collect();
        assert!(all.len() > 400);
        let style = Style::new().bold();
        for texts in all.chunks(7).map(String::from_iter).chain([String::new(), "…×".into()]) {
            assert_eq!(plain(&texts), Some(clean(&texts).width()), "{texts}");
            assert_eq!(clean(&texts), texts);
            for (x, max) in (2..14).flat_map(|x| (0..12).map(move |max| (x, max))) {
                let (mut ours, mut theirs) = (Buffer::empty(area), Buffer::empty(area));
                let end = put(&mut ours, x, 1, max, &texts, style);
                let room = max.min(14 - x);
                let shown = if texts.width() <= room.into() {
                    texts.clone()
                } else {
                    texts
                        .chars()
                        .take(usize::from(room).saturating_sub(1))
                        .chain(['…'])
                        .take(room.into())
                        .collect()
                };
                let (right, _) = theirs.set_stringn(x, 1, &shown, room.into(), style);
                assert_eq!((&ours, end), (&theirs, right), "{texts:?} at {x} in {max}");
                assert_eq!(cut(&texts, room), shown);
            }
        }
    }
}
