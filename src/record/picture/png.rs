//! A still as PNG: a palette of exactly the colours that are there.

use std::collections::HashMap;
use std::io;

use ::png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};
use ratatui::buffer::Buffer;

use super::colour::Rgb;
use super::{Look, Raster, refuse_empty};

/// A still has two pixels, each way, for one of the look: it is looked at closely, and on fine screens.
pub const PNG_SCALE: u16 = 2;

/// The picture of a buffer as a PNG file, [`PNG_SCALE`] times as large as the look says.
///
/// # Errors
///
/// If the buffer has no cells.
pub fn png(buffer: &Buffer, look: Look) -> io::Result<Vec<u8>> {
    refuse_empty(buffer.area.as_size())?;
    let mut raster = Raster::new(look, PNG_SCALE);
    raster.draw(buffer);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, raster.width() as u32, raster.height() as u32);
    encoder.set_compression(Compression::High);
    // What is drawn from few colours compresses best as it is.
    encoder.set_filter(Filter::NoFilter);
    if let Some((palette, indices)) = indexed(raster.pixels()) {
        let depth = match palette.len() {
            0..=2 => BitDepth::One,
            3..=4 => BitDepth::Two,
            5..=16 => BitDepth::Four,
            _ => BitDepth::Eight,
        };
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_palette(palette.concat());
        let packed = packed(&indices, raster.width(), depth as usize);
        encoder.write_header().map_err(failed)?.write_image_data(&packed).map_err(failed)?;
    } else {
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        let data = raster.pixels().as_flattened();
        encoder.write_header().map_err(failed)?.write_image_data(data).map_err(failed)?;
    }
    Ok(bytes)
}

fn failed(error: EncodingError) -> io::Error {
    match error {
        EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// The colours in the order of their first pixel, and which of them each pixel has; nothing if there
/// are more than a palette holds.
fn indexed(pixels: &[Rgb]) -> Option<(Vec<Rgb>, Vec<u8>)> {
    let mut palette = Vec::new();
    let mut known: HashMap<Rgb, u8> = HashMap::new();
    let mut indices = Vec::with_capacity(pixels.len());
    for run in pixels.chunk_by(|a, b| a == b) {
        let index = if let Some(index) = known.get(&run[0]) {
            *index
        } else {
            let index = u8::try_from(palette.len()).ok()?;
            palette.push(run[0]);
            known.insert(run[0], index);
            index
        };
        indices.resize(indices.len() + run.len(), index);
    }
    Some((palette, indices))
}

/// Indices of so many bits, each row from a byte of its own.
fn packed(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let in_byte = 8 / bits;
    let pack = |pixels: &[u8]| {
        let mut byte = 0;
        for (at, pixel) in pixels.iter().enumerate() {
            byte |= pixel << (8 - bits * (at + 1));
        }
        byte
    };
    indices.chunks(width).flat_map(|row| row.chunks(in_byte).map(pack)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_packed_row_by_row() {
        assert_eq!(packed(&[1, 2, 3, 4, 5, 6], 3, 4), [0x12, 0x30, 0x45, 0x60]);
        assert_eq!(packed(&[1, 0, 1, 1, 1, 1, 1, 1, 1], 9, 1), [0b1011_1111, 0b1000_0000]);
        assert_eq!(packed(&[7, 8], 2, 8), [7, 8]);
    }

    #[test]
    fn a_palette_holds_256_colours() {
        let pixels: Vec<Rgb> = (0..=255).map(|n| [n, 0, 0]).collect();
        let (palette, indices) = indexed(&pixels).unwrap();
        assert_eq!((palette, indices), (pixels.clone(), (0..=255).collect()));
        assert!(indexed(&[pixels, vec![[0, 1, 0]]].concat()).is_none());
    }
}
