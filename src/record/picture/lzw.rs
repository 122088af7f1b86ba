//! GIF's compression, for frames in which most pixels stay as they were: a run of one colour is looked
//! up in one step, where an encoder that knows nothing of runs takes one for each pixel.

/// How many codes there are.
const CODES: u16 = 4096;

/// The widest code, in bits.
const WIDEST: u32 = 12;

/// No code: the clear code is never found by looking for pixels.
const NONE: u16 = u16::MAX;

/// What has been seen since the last clear code.
struct Table {
    /// For each code the first of those that continue it by a pixel.
    first: Vec<u16>,
    /// For each code the next of those that continue the same one.
    next: Vec<u16>,
    /// For each code its last pixel.
    last: Vec<u8>,
    /// For each colour the codes of one pixel of it, of two, of three…
    runs: Vec<Vec<u16>>,
}

impl Table {
    fn new(colours: u16) -> Self {
        let last = (0..colours).map(|colour| colour as u8).chain([0, 0]).collect();
        let runs = (0..colours).map(|colour| vec![colour]).collect();
        let count = usize::from(colours) + 2;
        Self { first: vec![NONE; count], next: vec![NONE; count], last, runs }
    }

    /// The code that will be given next.
    fn free(&self) -> u16 {
        self.last.len() as u16
    }

    fn find(&self, code: u16, pixel: u8) -> Option<u16> {
        let mut found = self.first[usize::from(code)];
        while found != NONE && self.last[usize::from(found)] != pixel {
            found = self.next[usize::from(found)];
        }
        (found != NONE).then_some(found)
    }

    fn add(&mut self, code: u16, pixel: u8) {
        let free = self.free();
        self.next.push(std::mem::replace(&mut self.first[usize::from(code)], free));
        self.first.push(NONE);
        self.last.push(pixel);
        let run = &mut self.runs[usize::from(pixel)];
        if run.last() == Some(&code) {
            run.push(free);
        }
    }
}

/// Codes as bits, the lowest first.
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, code: u16, width: u32) {
        self.held |= u32::from(code) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }
}

/// The pixels of a frame whose indices lie below `colours`: the width of the first codes, then all codes.
pub(super) fn compress(pixels: &[u8], colours: usize) -> Vec<u8> {
    let colours = colours.clamp(4, 256).next_power_of_two() as u16;
    let bits = colours.trailing_zeros();
    let (clear, end) = (colours, colours + 1);
    let mut width = bits + 1;
    let mut out = Bits { bytes: vec![bits as u8], held: 0, count: 0 };
    let mut table = Table::new(colours);
    out.push(clear, width);

    let (mut at, mut run_end) = (0, 0);
    while let Some(&pixel) = pixels.get(at) {
        if run_end <= at {
            run_end = at + pixels[at..].iter().take_while(|next| **next == pixel).count();
        }
        let run = &table.runs[usize::from(pixel)];
        let known = run.len().min(run_end - at);
        let mut code = run[known - 1];
        at += known;
        while let Some(longer) = pixels.get(at).and_then(|pixel| table.find(code, *pixel)) {
            code = longer;
            at += 1;
        }
        out.push(code, width);
        if table.free() >> width > 0 && width < WIDEST {
            width += 1;
        }
        match pixels.get(at) {
            Some(next) if table.free() < CODES => table.add(code, *next),
            Some(_) => {
                out.push(clear, width);
                table = Table::new(colours);
                width = bits + 1;
            }
            None => {}
        }
    }
    out.push(end, width);
    out.push(0, 7);
    out.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::gif::{DecodeOptions, Encoder, Frame};
    use proptest::prelude::*;

    /// What somebody else reads out of it.
    fn read(compressed: Vec<u8>, width: u16) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, 1, &[0; 768]).unwrap();
        let frame = Frame { width, height: 1, buffer: compressed.into(), ..Frame::default() };
        encoder.write_lzw_pre_encoded_frame(&frame).unwrap();
        drop(encoder);
        let mut options = DecodeOptions::new();
        options.check_lzw_end_code(true);
        let mut decoder = options.read_info(file.as_slice()).unwrap();
        decoder.read_next_frame().unwrap().unwrap().buffer.to_vec()
    }

    /// Runs of pixels, long and short.
    fn pixels(colours: usize) -> impl Strategy<Value = (usize, Vec<u8>)> {
        let run = (0..colours, prop_oneof![4 => 1..4_usize, 1 => 1..3000_usize]);
        prop::collection::vec(run, 1..400).prop_map(move |runs| {
            let run = |(colour, length)| std::iter::repeat_n(colour as u8, length);
            (colours, runs.into_iter().flat_map(run).take(60_000).collect())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn what_was_compressed_can_be_read((colours, pixels) in (1..=256_usize).prop_flat_map(pixels)) {
            let read = read(compress(&pixels, colours), pixels.len() as u16);
            prop_assert!(read == pixels);
        }
    }

    #[test]
    fn the_table_is_begun_anew_when_it_is_full() {
        // Pairs that repeat late: every one of them is a new code.
        let pixels: Vec<u8> = (0..60_000_u32).map(|n| (n * n / 7 % 251) as u8).collect();
        assert!(read(compress(&pixels, 251), 60_000) == pixels);
        let still = vec![0; 60_000];
        let compressed = compress(&still, 2);
        assert!(compressed.len() < 500 && read(compressed, 60_000) == still);
        assert_eq!(read(compress(&[3], 4), 1), [3]);
    }
}
