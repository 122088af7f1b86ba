//! A scenario's text under the name its user knows it by, and the way from a byte of it to a line
//! and a column. It never reads a file.

use std::ops::Range;
use std::sync::Arc;

use super::limits::MAX_BYTES;
use super::report::{Mistakes, Report};

/// Part of a source, in bytes.
pub type Span = Range<usize>;

/// How many bytes lie between two marks, see [`Source::place`].
const STRIDE: usize = 1024;

/// A text and its name. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters begin before each [`STRIDE`] bytes: without these, a column in a file
    /// of a single line would cost a walk through the whole file, and every step asks for one.
    marks: Vec<usize>,
}

impl Source {
    /// A text of a known name. A byte order mark at its beginning is not part of it.
    ///
    /// ```
    /// use lockscope::scenario::Source;
    /// let source = Source::new("lecture.json", "{\n  \"scenario\": 1\n}");
    /// assert_eq!(source.place(4), (2, 3));
    /// ```
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut count = 0;
        let marks = text.as_bytes().chunks(STRIDE).map(|chunk| {
            let before = count;
            count += characters(chunk);
            before
        });
        Self(Arc::new(Inner {
            name: name.to_owned(),
            lines: std::iter::once(0).chain(starts).collect(),
            marks: marks.collect(),
            text: text.to_owned(),
        }))
    }

    /// The bytes of a file, which may be anything.
    ///
    /// # Errors
    ///
    /// Says where the bytes are not UTF-8, or that there are more than [`MAX_BYTES`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Report> {
        if bytes.len() > MAX_BYTES {
            return Err(Self::too_long(name));
        }
        std::str::from_utf8(bytes).map(|text| Self::new(name, text)).map_err(|error| {
            let source = Self::new(name, &String::from_utf8_lossy(bytes));
            let mark = if bytes.starts_with("\u{feff}".as_bytes()) { '\u{feff}'.len_utf8() } else { 0 };
            let at = error.valid_up_to() - mark;
            let mut mistakes = Mistakes::default();
            mistakes
                .error(at..at + char::REPLACEMENT_CHARACTER.len_utf8(), "this is not UTF-8 text")
                .label("this byte is not part of any character")
                .help("save the file with the encoding UTF-8");
            mistakes.into_report(&source)
        })
    }

    /// What to say of a text that is too long to be looked at.
    pub(super) fn too_long(name: &str) -> Report {
        let mut mistakes = Mistakes::default();
        mistakes
            .error(0..0, "this file is too large for a scenario")
            .help(format!("a scenario has at most {} KiB", MAX_BYTES / 1024));
        mistakes.into_report(&Self::new(name, ""))
    }

    /// Its name: a path, or whatever the user calls it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte, counted from 1; columns count characters. An offset past the end
    /// is the end; one inside a character is that character.
    pub fn place(&self, offset: usize) -> (u32, u32) {
        let line = self.line_of(offset);
        let column = self.characters_before(offset) - self.characters_before(self.0.lines[line]);
        (number(line), number(column))
    }

    /// How many lines there are; a text that ends with a line break has an empty last one.
    pub(super) fn line_count(&self) -> usize {
        self.0.lines.len()
    }

    /// The line, counted from 0, that a byte is in.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.0.lines.partition_point(|start| *start <= offset.min(self.0.text.len())).saturating_sub(1)
    }

    /// The bytes of a line, counted from 0, without its end.
    pub(super) fn line(&self, line: usize) -> Span {
        let start = self.0.lines[line];
        let end = self.0.lines.get(line + 1).map_or(self.0.text.len(), |next| next - 1);
        let text = &self.0.text[start..end];
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }

    /// The nearest place at or before `offset` where a character begins.
    pub(super) fn floor(&self, offset: usize) -> usize {
        let text = &self.0.text;
        (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    fn characters_before(&self, offset: usize) -> usize {
        let offset = self.floor(offset);
        let mark = offset / STRIDE;
        let before = self.0.marks.get(mark).map(|before| (*before, mark * STRIDE));
        // At the very end of a text of whole strides there is no mark for the next one.
        let (before, from) = before.unwrap_or_else(|| match self.0.marks.last() {
            Some(before) => (*before, (mark - 1) * STRIDE),
            None => (0, 0),
        });
        before + characters(&self.0.text.as_bytes()[from..offset])
    }
}

/// How many characters begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// From counting from 0 to counting from 1.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_as_people_end_them() {
        let source = Source::new("x", "ab\r\nä€𝄞x\n\n\tz");
        let places: Vec<_> = ["a", "\n", "ä", "€", "𝄞", "x", "\t", "z"]
            .map(|text| source.place(source.text().find(text).unwrap()))
            .into();
        assert_eq!(places, [(1, 1), (1, 4), (2, 1), (2, 2), (2, 3), (2, 4), (4, 1), (4, 2)]);
        let lines: Vec<_> = (0..source.line_count()).map(|line| &source.text()[source.line(line)]).collect();
        assert_eq!(lines, ["ab", "ä€𝄞x", "", "\tz"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_character() {
        assert_eq!(Source::new("x", "\u{feff}{}").text(), "{}");
        let report = Source::from_bytes("x", b"\xef\xbb\xbfab\xff").unwrap_err();
        assert!(report.to_string().contains("x:1:3"), "{report}");
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let report = Source::from_bytes("x", b"{\n  \"a\": \"\xc3\x28\"").unwrap_err();
        assert!(report.to_string().contains("x:2:9"), "{report}");
        assert!(Source::from_bytes("x", &vec![b' '; MAX_BYTES + 1]).is_err());
        assert!(Source::from_bytes("x", &vec![b' '; MAX_BYTES]).is_ok());
    }

    proptest! {
        #[test]
        fn marks_change_no_column(text in "[a-zä€𝄞\n]{0,40}", times in 1..200usize, at in any::<prop::sample::Index>()) {
            let text = text.repeat(times);
            let source = Source::new("x", &text);
            let at = source.floor(at.index(text.len() + 1));
            let line = text[..at].matches('\n').count();
            let column = text[..at].chars().rev().take_while(|c| *c != '\n').count();
            prop_assert_eq!(source.place(at), (line as u32 + 1, column as u32 + 1));
        }
    }
}
