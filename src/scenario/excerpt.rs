//! The lines around a mistake, cut to a readable width, with nothing in them that a terminal would
//! obey: see [`visible`].

use std::ops::Range;

use annotate_snippets::AnnotationKind;

use super::report::Mistake;
use super::source::{Source, Span};

/// Characters of a line that are shown, and of them those before the place in question.
const WINDOW: usize = 100;
const BEFORE: usize = 40;

/// Lines that may lie between a place and another that explains it.
const APART: usize = 2_000;

/// The lines to show for a mistake, made harmless, and the places in them.
pub(super) struct Excerpt {
    /// The first line, counted from 0.
    pub(super) first: usize,
    pub(super) text: String,
    pub(super) places: Vec<(Range<usize>, String, AnnotationKind)>,
    /// The column of the mistake in the line as it is shown, counted from 1.
    pub(super) column: usize,
}

impl Excerpt {
    /// Cuts the lines out of the source.
    pub(super) fn new(source: &Source, mistake: &Mistake) -> Self {
        let home = source.line_of(mistake.range.start);
        let mut places = vec![(mistake.range.clone(), mistake.label.clone(), AnnotationKind::Primary)];
        for (range, label) in &mistake.also {
            let line = source.line_of(range.start);
            if line.abs_diff(home) <= APART {
                places.push((range.clone(), label.clone(), AnnotationKind::Context));
            } else {
                let label = format!("{} (line {}: {label})", places[0].1, line + 1);
                label.trim_start().clone_into(&mut places[0].1);
            }
        }
        let lines = places.iter().map(|(range, ..)| source.line_of(range.start));
        let first = lines.clone().min().unwrap_or(home);
        let last = lines.max().unwrap_or(home);
        let mut excerpt = Self { first, text: String::new(), places: Vec::new(), column: 1 };
        for line in first..=last.min(source.line_count() - 1) {
            let here: Vec<_> =
                places.iter().filter(|(range, ..)| source.line_of(range.start) == line).collect();
            excerpt.add_line(source, line, &here);
        }
        excerpt
    }

    /// Adds one line, cut around the places on it; each place ends with its line at the latest.
    fn add_line(&mut self, source: &Source, line: usize, places: &[&(Span, String, AnnotationKind)]) {
        let bytes = source.line(line);
        let text = &source.text()[bytes.clone()];
        // A place over several lines is shown by its first character, the bracket that opens it.
        let clip = |range: &Span| {
            let start = source.floor(range.start).clamp(bytes.start, bytes.end);
            let end = if range.end > bytes.end { start + 1 } else { source.floor(range.end).max(start) };
            start - bytes.start..end.min(bytes.end) - bytes.start
        };
        let main = places.first().map_or(0..0, |(range, ..)| clip(range));
        let count = text[..main.start].chars().count();
        let skip = if text.chars().nth(WINDOW).is_some() { count.saturating_sub(BEFORE) } else { 0 };
        if skip > 0 {
            self.text.push('…');
        }
        // Where each byte of the line went; `None` is outside of the window.
        let mut map = Vec::new();
        for (at, c) in text.char_indices().skip(skip).take(WINDOW) {
            map.push((at, self.text.len()));
            self.text.push(shown_as(c));
        }
        let end = self.text.len();
        if text.chars().nth(skip + WINDOW).is_some() {
            self.text.push('…');
        }
        let line_start = self.text[..end].rfind('\n').map_or(0, |at| at + 1);
        let begin = map.first().map_or(end, |(_, to)| *to);
        let find = |at: usize| match map.iter().find(|(from, _)| *from >= at) {
            Some((_, to)) => *to,
            None => end,
        };
        for (range, label, kind) in places {
            let range = clip(range);
            let range = find(range.start).max(begin)..find(range.end).max(begin);
            if *kind == AnnotationKind::Primary {
                self.column = self.text[line_start..range.start].chars().count() + 1;
            }
            self.places.push((range, label.clone(), *kind));
        }
        self.text.push('\n');
    }
}

/// A text for people, of at most so many characters, in which everything that a terminal would obey
/// or hide, and everything that would change the order of the characters around it, is a visible
/// character instead.
pub(super) fn visible(text: &str, limit: usize) -> String {
    let mut shown: String =
        text.chars().take(limit).map(|c| if c == '\t' { ' ' } else { shown_as(c) }).collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a terminal would obey or hide this character, or let it reorder others.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What stands for a character: itself, or a picture of it. A tab stays, since an indent is no harm.
fn shown_as(c: char) -> char {
    match c {
        '\t' => c,
        '\u{7f}' => '␡',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('�'),
        c if is_invisible(c) => '�',
        c => c,
    }
}
