//! A glyph's pixels, made once: how far each is from the ground to the glyph.

use std::collections::HashMap;

use super::Look;
use super::font;
use super::shapes::{self, Cell, Drawing, Shape};

/// In how many steps a pixel goes from the ground to the glyph: few enough that palettes stay exact,
/// enough for letters to look smooth, and a multiple of the four of the tints.
pub(super) const STEPS: u8 = 4;

/// Points in a pixel, along each side, at which a polygon is looked at.
const POINTS: usize = 4;

/// What tells one mask from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// Nothing for all that nobody can draw: however many of them there are, they look the same.
    glyph: Option<char>,
    bold: bool,
    wide: bool,
}

/// The masks of a look at a scale.
pub(super) struct Masks {
    cell: Cell,
    scale: usize,
    font_size: f32,
    baseline: i32,
    made: HashMap<Key, Vec<u8>>,
}

impl Masks {
    pub(super) fn new(look: Look, scale: usize) -> Self {
        let font_size = look.exact_size() * scale as f32;
        let baseline = look.baseline() * scale as i32;
        Self { cell: look.cell(), scale, font_size, baseline, made: HashMap::new() }
    }

    /// How many pixels a cell is wide and high.
    pub(super) fn cell(&self) -> (usize, usize) {
        (self.cell.width as usize * self.scale, self.cell.height as usize * self.scale)
    }

    /// How thick a light line is.
    pub(super) fn line(&self) -> usize {
        self.cell.line as usize * self.scale
    }

    /// How many pixels, each way, stand for one of the look.
    pub(super) fn scale(&self) -> usize {
        self.scale
    }

    /// From nothing to [`STEPS`] for each pixel of a cell, row by row; of two cells if it is wide.
    pub(super) fn get(&mut self, c: char, bold: bool, wide: bool) -> &[u8] {
        let drawing = |c| shapes::drawing(c, self.cell, wide);
        let known = shapes::is_known(c);
        let key = Key { glyph: known.then_some(c), bold: bold && known, wide };
        if !self.made.contains_key(&key) {
            let mask = match drawing(c) {
                Drawing::Font(c) => self.letter(c, key),
                Drawing::Shapes(shapes) => self.geometry(&shapes, wide),
            };
            self.made.insert(key, mask);
        }
        self.made.get(&key).map_or(&[], Vec::as_slice)
    }

    fn width(&self, wide: bool) -> usize {
        self.cell().0 * if wide { 2 } else { 1 }
    }

    fn letter(&self, c: char, key: Key) -> Vec<u8> {
        let (width, height) = (self.width(key.wide), self.cell().1);
        let mut mask = vec![0; width * height];
        let Some(glyph) = font::glyph(c, key.bold, self.font_size) else { return mask };
        for (index, coverage) in glyph.coverage.iter().enumerate() {
            let x = glyph.left + (index % glyph.width) as i32;
            let y = self.baseline - glyph.top + (index / glyph.width) as i32;
            // What leans over the cell's edge is cut.
            if (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
                let steps = (u16::from(*coverage) * u16::from(STEPS) + 127) / 255;
                mask[y as usize * width + x as usize] = steps as u8;
            }
        }
        mask
    }

    fn geometry(&self, shapes: &[Shape], wide: bool) -> Vec<u8> {
        let (width, height) = (self.width(wide), self.cell().1);
        let mut mask = vec![0; width * height];
        let scaled = |length: i32| length.max(0) as usize * self.scale;
        for shape in shapes {
            if let Shape::Rect { x, y, width: across, height: down, quarters } = *shape {
                for row in mask.chunks_mut(width).skip(scaled(y)).take(scaled(down)) {
                    row[scaled(x)..scaled(x + across)].fill(quarters * (STEPS / 4));
                }
            }
        }
        let polygons: Vec<&[(f32, f32)]> = shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Polygon(points) => Some(points.as_slice()),
                Shape::Rect { .. } => None,
            })
            .collect();
        if polygons.is_empty() {
            return mask;
        }
        let total = POINTS * POINTS;
        for (index, pixel) in mask.iter_mut().enumerate() {
            let point = |point: usize, base: usize| {
                (base as f32 + (point as f32 + 0.5) / POINTS as f32) / self.scale as f32
            };
            let is_inside = |at: &usize| {
                let (x, y) = (point(at % POINTS, index % width), point(at / POINTS, index / width));
                polygons.iter().any(|polygon| contains(polygon, x, y))
            };
            let count = (0..total).filter(is_inside).count();
            *pixel = (*pixel).max(((count * usize::from(STEPS) + total / 2) / total) as u8);
        }
        mask
    }
}

/// Whether a point lies in a polygon: a ray from it crosses an odd number of edges.
fn contains(polygon: &[(f32, f32)], x: f32, y: f32) -> bool {
    let next = polygon.iter().cycle().skip(1);
    let crossed = polygon
        .iter()
        .zip(next)
        .filter(|((x0, y0), (x1, y1))| (*y0 > y) != (*y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0);
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(font_size: u16, scale: usize) -> Masks {
        Masks::new(Look { font_size, ..Look::default() }, scale)
    }

    #[test]
    fn blocks_fill_their_cell_at_every_size() {
        for size in [5, 8, 13, 15, 16, 20, 33] {
            for scale in [1, 2, 3] {
                let mut masks = masks(size, scale);
                let (width, height) = masks.cell();
                for (c, quarters) in [('█', 4), ('▓', 3), ('▒', 2), ('░', 1), (' ', 0)] {
                    let step = quarters * (STEPS / 4);
                    assert!(masks.get(c, false, false).iter().all(|found| *found == step), "{c} at {size}");
                }
                // A line reaches from edge to edge, whatever stands beside it.
                let mask = masks.get('━', false, false);
                assert!(mask.chunks(width).any(|row| row.iter().all(|step| *step == STEPS)));
                let mask = masks.get('│', false, false);
                assert!((0..width).any(|x| (0..height).all(|y| mask[y * width + x] == STEPS)));
            }
        }
    }

    #[test]
    fn letters_are_not_clipped() {
        for size in [10, 13, 15, 20] {
            let mut masks = masks(size, 2);
            let font_size = masks.font_size;
            for c in ('!'..='~').chain("ÄÖÜäöüßéçÅµ…·".chars()) {
                for bold in [false, true] {
                    let glyph = font::glyph(c, bold, font_size).unwrap();
                    let ink = |pixels: &[u8]| pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>();
                    let (mask, font) =
                        (ink(masks.get(c, bold, false)) / f64::from(STEPS), ink(&glyph.coverage) / 255.0);
                    assert!((mask - font).abs() < 0.1 * font + 1.5, "{c} at {size}: {mask} of {font}");
                }
            }
        }
    }

    #[test]
    fn all_that_nobody_can_draw_shares_a_mask() {
        let mut masks = masks(15, 1);
        for c in "漢字仮名交じり文".chars() {
            assert!(masks.get(c, false, true).contains(&STEPS));
        }
        assert_eq!(masks.made.len(), 1);
        assert_eq!(masks.get('漢', false, true).len(), 2 * 9 * 20);
    }
}
