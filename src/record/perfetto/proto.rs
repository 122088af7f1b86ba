//! Protocol buffers, written: the few kinds of field that a trace needs.

use crate::compact::number;

/// The fields of a message, as bytes.
#[derive(Debug, Default)]
pub struct Message(pub Vec<u8>);

/// How a field's value is laid out.
const VARINT: u64 = 0;
const FIXED: u64 = 1;
const LENGTH: u64 = 2;

impl Message {
    fn key(&mut self, field: u32, layout: u64) {
        number(&mut self.0, u64::from(field) << 3 | layout);
    }

    /// Adds a number, or a flag.
    pub fn number(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        number(&mut self.0, value);
    }

    /// Adds a number of always eight bytes.
    pub fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, FIXED);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a text.
    pub fn text(&mut self, field: u32, text: &str) {
        self.key(field, LENGTH);
        number(&mut self.0, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds a message within this one.
    pub fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        self.key(field, LENGTH);
        let start = self.0.len();
        // Nearly every length fits into the byte that is kept for it here.
        self.0.push(0);
        fill(self);
        let length = (self.0.len() - start - 1) as u64;
        if length < 0x80 {
            self.0[start] = length as u8;
        } else {
            let mut long = Vec::new();
            number(&mut long, length);
            self.0.splice(start..=start, long);
        }
    }
}
