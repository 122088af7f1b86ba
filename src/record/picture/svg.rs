//! A still as SVG: words stay text, everything else is paths.

use std::collections::BTreeMap;
use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::colour::{self, Ink, Rgb};
use super::grid::Grid;
use super::layers::Layers;
use super::{Look, refuse_empty};

/// Ours, and what comes near it on most systems.
const FONTS: &str = "JetBrains Mono,DejaVu Sans Mono,Menlo,Consolas,monospace";

/// The picture of a buffer as an SVG file.
///
/// Words are text that can be searched and copied; it is set in `JetBrains` Mono where the viewer has it,
/// and in another font of equal widths, stretched to the cells, where not.
///
/// # Errors
///
/// If the buffer has no cells.
///
/// ```
/// use lockscope::record::picture::{Look, svg};
/// use ratatui::buffer::Buffer;
/// use ratatui::layout::Rect;
/// use ratatui::style::Style;
///
/// let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
/// buffer.set_string(0, 0, "█ db", Style::new());
/// assert!(svg(&buffer, Look::default())?.contains(">db</text>"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn svg(buffer: &Buffer, look: Look) -> io::Result<String> {
    refuse_empty(buffer.area.as_size())?;
    let grid = Grid::of(buffer);
    let places: Vec<usize> = (0..grid.tiles().len()).collect();
    let ground = common_ground(&grid, look);
    let mut out = open(buffer.area.as_size(), look);
    out.push_str(&format!(r#"<rect width="100%" height="100%" fill="{}"/>"#, colour::hex(ground)));
    Layers::of(&grid, &places, look, Some(ground)).write(look, &mut out);
    out.push_str("</svg>\n");
    Ok(out)
}

/// The file's first tag.
pub(super) fn open(size: Size, look: Look) -> String {
    let (width, height) = look.size(size);
    let font_size = (look.exact_size() * 1000.0).round() / 1000.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{FONTS}" font-size="{font_size}" font-variant-ligatures="none">"#
    )
}

/// The ground that most tiles have.
fn common_ground(grid: &Grid, look: Look) -> Rgb {
    let mut count: BTreeMap<Rgb, usize> = BTreeMap::new();
    for tile in grid.tiles() {
        *count.entry(Ink::of(&tile.cell, look).ground).or_default() += 1;
    }
    count.into_iter().max_by_key(|(_, count)| *count).map_or(look.background, |(ground, _)| ground)
}
