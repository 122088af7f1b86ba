//! The glyphs of the bundled font: `JetBrains` Mono, regular and bold, a subset under the Open Font
//! License. No other font is ever used, so that a picture is the same everywhere.

use std::sync::LazyLock;

use fontdue::{Font, FontSettings};

/// The files, for those who want to draw an SVG with the same font.
pub const FILES: [&[u8]; 2] = [
    include_bytes!("../../../assets/font/JetBrainsMono-Regular.subset.ttf"),
    include_bytes!("../../../assets/font/JetBrainsMono-Bold.subset.ttf"),
];

/// The font's own proportions, in parts of its size.
pub(super) const ADVANCE: f32 = 0.6;
pub(super) const LINE: f32 = 1.32;
pub(super) const ASCENT: f32 = 1.02;

static FONTS: LazyLock<[Option<Font>; 2]> =
    LazyLock::new(|| FILES.map(|file| Font::from_bytes(file, FontSettings::default()).ok()));

/// A glyph's pixels, and where they lie seen from the beginning of its baseline.
pub(super) struct Glyph {
    pub(super) left: i32,
    /// Above the baseline.
    pub(super) top: i32,
    pub(super) width: usize,
    /// How much of each pixel is covered, row by row.
    pub(super) coverage: Vec<u8>,
}

/// Whether the font has this character.
pub(super) fn has(c: char) -> bool {
    FONTS[0].as_ref().is_some_and(|font| font.has_glyph(c))
}

/// A character at this size, if the font has it.
pub(super) fn glyph(c: char, bold: bool, size: f32) -> Option<Glyph> {
    let font = FONTS[usize::from(bold)].as_ref().filter(|font| font.has_glyph(c))?;
    let (metrics, coverage) = font.rasterize(c, size);
    let top = metrics.ymin + metrics.height as i32;
    Some(Glyph { left: metrics.xmin, top, width: metrics.width, coverage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_are_there_with_the_proportions_stated() {
        for font in FONTS.iter() {
            let font = font.as_ref().unwrap();
            let line = font.horizontal_line_metrics(1000.0).unwrap();
            assert!((line.ascent / 1000.0 - ASCENT).abs() < 1e-3);
            assert!((line.new_line_size / 1000.0 - LINE).abs() < 1e-3);
            for c in ' '..='~' {
                assert!((font.metrics(c, 1000.0).advance_width / 1000.0 - ADVANCE).abs() < 1e-3, "{c}");
            }
        }
    }

    #[test]
    fn both_weights_have_the_same_characters() {
        let [regular, bold] = [&FONTS[0], &FONTS[1]].map(|font| font.as_ref().unwrap());
        assert!(regular.chars().keys().all(|c| bold.has_glyph(*c)));
        assert_eq!(regular.glyph_count(), bold.glyph_count());
    }
}
