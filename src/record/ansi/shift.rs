//! Whether moving the rest of a row is shorter than telling it.

use ratatui::buffer::Buffer;

use super::is_plain;
use super::look::Look;

/// About how many bytes it takes to begin a span, its look included.
const SPAN: usize = 16;

/// About how many it takes to move the rest of a row.
const SHIFT: usize = 14;

/// How far it is moved at most.
const MOST: u16 = 8;

/// From which column on, and how far, row `y` is moved to the left best; `None` if it rather stays.
pub(super) fn shift(before: &Buffer, next: &Buffer, y: u16) -> Option<(u16, u16)> {
    let columns = next.area.width;
    let x = (0..columns).find(|x| before[(*x, y)] != next[(*x, y)])?;
    let is_odd = |buffer: &Buffer| (0..columns).any(|x| !is_plain(&buffer[(x, y)]));
    if is_odd(before) || is_odd(next) {
        return None;
    }
    let last = &next[(columns - 1, y)];
    // How many bytes the row takes, roughly, when it was moved so far.
    let rest = |by: u16| {
        let mut differed = false;
        let cell = |x: u16| {
            let here = &next[(x, y)];
            let differs = if x + by < columns {
                before[(x + by, y)] != *here
            } else {
                here.symbol() != " " || Look::of(here) != Look::of(last)
            };
            let begins = differs && !std::mem::replace(&mut differed, differs);
            usize::from(begins) * SPAN + if differs { here.symbol().len() } else { 0 }
        };
        (x..columns).map(cell).sum::<usize>()
    };
    let by = (1..=MOST.min(columns - x)).min_by_key(|by| rest(*by))?;
    (rest(by) + SHIFT < rest(0)).then_some((x, by))
}
