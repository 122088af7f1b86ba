//! Numbers and texts as bytes.

use super::MAX_TEXT;

/// Adds a number: seven bits a byte, the lowest first.
#[inline]
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds a text, of which what is too long is cut.
pub fn text(out: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Adds a number that may be missing; `u64::MAX` does not fit and is one less.
pub fn maybe(out: &mut Vec<u8>, value: Option<u64>) {
    number(out, value.map_or(0, |value| value.saturating_add(1)));
}

/// Adds a text that may be missing.
pub fn maybe_text(out: &mut Vec<u8>, value: Option<&str>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        text(out, value);
    }
}

/// Small distances either way as small numbers.
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// What is wrong with bytes that say something.
pub type Wrong = &'static str;

/// Reads what the functions above have written.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, Wrong> {
        let (&first, rest) = self.0.split_first().ok_or("it is too short")?;
        self.0 = rest;
        Ok(first)
    }

    #[inline]
    pub fn number(&mut self) -> Result<u64, Wrong> {
        let mut value = u64::from(self.byte()?);
        if value < 0x80 {
            return Ok(value);
        }
        value &= 0x7f;
        for shift in (7..64).step_by(7) {
            let byte = u64::from(self.byte()?);
            if shift == 63 && byte > 1 {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too large")
    }

    pub fn small(&mut self) -> Result<u32, Wrong> {
        u32::try_from(self.number()?).map_err(|_| "a number is too large")
    }

    pub fn flag(&mut self) -> Result<bool, Wrong> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a yes or no is neither"),
        }
    }

    pub fn text(&mut self) -> Result<&'a str, Wrong> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= MAX_TEXT);
        let length = length.ok_or("a text is too long")?;
        let (text, rest) = self.0.split_at_checked(length).ok_or("a text is longer than its block")?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")
    }

    pub fn maybe(&mut self) -> Result<Option<u64>, Wrong> {
        Ok(self.number()?.checked_sub(1))
    }

    pub fn maybe_text(&mut self) -> Result<Option<&'a str>, Wrong> {
        if self.flag()? { self.text().map(Some) } else { Ok(None) }
    }
}
