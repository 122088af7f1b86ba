//! A buffer as tiles that can be drawn one by one: a wide character is two of them.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// Which part of its character a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: most are one cell wide.
    Whole,
    Left,
    Right,
}

/// One cell of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tile {
    /// The cell that the character was written to.
    pub(super) cell: Cell,
    pub(super) part: Part,
}

impl Tile {
    /// The character to draw: of several that make one, the first, which carries the others.
    pub(super) fn glyph(&self) -> char {
        self.cell.symbol().chars().next().filter(|c| !c.is_control()).unwrap_or(' ')
    }

    pub(super) fn is_wide(&self) -> bool {
        self.part != Part::Whole
    }
}

/// A picture's tiles, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) columns: u16,
    pub(super) rows: u16,
    tiles: Vec<Tile>,
}

impl Grid {
    pub(super) fn of(buffer: &Buffer) -> Self {
        let Rect { width, height, .. } = buffer.area;
        let mut tiles = Vec::with_capacity(buffer.content.len());
        for row in buffer.content.chunks(usize::from(width).max(1)) {
            let mut cells = row.iter().peekable();
            while let Some(cell) = cells.next() {
                if cell.symbol().len() > 1 && cell.symbol().width() > 1 {
                    tiles.push(Tile { cell: cell.clone(), part: Part::Left });
                    if cells.next().is_some() {
                        tiles.push(Tile { cell: cell.clone(), part: Part::Right });
                    }
                } else {
                    tiles.push(Tile { cell: cell.clone(), part: Part::Whole });
                }
            }
        }
        Self { columns: width, rows: height, tiles }
    }

    pub(super) fn is_as_large_as(&self, other: &Self) -> bool {
        (self.columns, self.rows) == (other.columns, other.rows)
    }

    /// The tile at a place that is in the picture.
    pub(super) fn tile(&self, place: usize) -> &Tile {
        &self.tiles[place]
    }

    pub(super) fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Column and row of a place.
    pub(super) fn at(&self, place: usize) -> (usize, usize) {
        let columns = usize::from(self.columns);
        (place % columns, place / columns)
    }

    /// The places that look different from `before`: all of them, if there is no such picture.
    pub(super) fn changes(&self, before: Option<&Self>) -> Vec<usize> {
        match before {
            Some(before) if self.is_as_large_as(before) => {
                (0..self.tiles.len()).filter(|&place| self.tiles[place] != before.tiles[place]).collect()
            }
            _ => (0..self.tiles.len()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn parts(text: &str, width: u16) -> Vec<(char, Part)> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        buffer.set_string(0, 0, text, Style::new());
        Grid::of(&buffer).tiles.iter().map(|tile| (tile.glyph(), tile.part)).collect()
    }

    #[test]
    fn a_wide_character_is_two_tiles() {
        let (left, right) = (('漢', Part::Left), ('漢', Part::Right));
        assert_eq!(parts("a漢b", 4), [('a', Part::Whole), left, right, ('b', Part::Whole)]);
        // One that was cut at the edge by somebody else is still drawn.
        let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
        buffer[(0, 0)].set_symbol("漢");
        assert_eq!(Grid::of(&buffer).tiles.len(), 1);
    }

    #[test]
    fn what_changed_is_told_by_place() {
        let draw = |text: &str| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 2));
            buffer.set_string(0, 1, text, Style::new());
            Grid::of(&buffer)
        };
        assert_eq!(draw("abc").changes(None).len(), 6);
        assert_eq!(draw("abc").changes(Some(&draw("axc"))), [4]);
        // Both halves of what was wide.
        assert_eq!(draw("a c").changes(Some(&draw("漢c"))), [3, 4]);
        assert!(draw("abc").changes(Some(&draw("abc"))).is_empty());
        assert_eq!(draw("abc").at(4), (1, 1));
    }
}
