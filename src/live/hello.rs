//! The first bytes: who comes proves what it is before anything is said to it.
//!
//! A viewer says [`VIEWER`], its version and its token; only then does the program answer, with
//! [`PROGRAM`], its own version and a [`Verdict`]. Whatever begins otherwise, a browser that was led here for
//! instance, gets no byte. A program that comes to its viewer says [`REPORTER`] and the token that it was
//! started with, and goes on as if the viewer had come to it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The version of the protocol.
pub(crate) const VERSION: u16 = 1;

pub(crate) const VIEWER: &[u8; 11] = b"lockscope?\n";
pub(crate) const PROGRAM: &[u8; 11] = b"lockscope!\n";
pub(crate) const REPORTER: &[u8; 11] = b"lockscope<\n";

/// What somebody has to know who wants to see a program.
///
/// It is sent as it is: on a network that others listen to, put a tunnel around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Fewer bytes can be guessed.
    pub const MIN: usize = 16;
    /// More are of no use.
    pub const MAX: usize = 255;

    /// `text` as a token; `None` if it is shorter than [`MIN`](Self::MIN) bytes or longer than
    /// [`MAX`](Self::MAX).
    ///
    /// ```
    /// use lockscope::live::Token;
    /// assert!(Token::new("short").is_none());
    /// assert!(Token::new("c0ffee00c0ffee00").is_some());
    /// ```
    pub fn new(text: impl AsRef<[u8]>) -> Option<Self> {
        let bytes = text.as_ref();
        (Self::MIN..=Self::MAX).contains(&bytes.len()).then(|| Self(bytes.to_owned()))
    }

    /// Whether it is `other`, in a time that tells only its length.
    fn is(&self, other: &[u8]) -> bool {
        let differ = self.0.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
        self.0.len() == other.len() && std::hint::black_box(differ) == 0
    }
}

/// What the program says to a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome = 0,
    WrongToken = 1,
    OtherVersion = 2,
    Full = 3,
}

/// Says who comes, with the token where there is one.
pub(crate) fn say(to: &mut impl Write, who: &[u8; 11], token: Option<&Token>) -> io::Result<()> {
    let token = token.map_or(&[][..], |token| &token.0);
    let mut hello = who.to_vec();
    hello.extend(VERSION.to_le_bytes());
    // A token has at most 255 bytes.
    hello.push(token.len() as u8);
    hello.extend(token);
    to.write_all(&hello)
}

/// Hears who comes; `None` if it is not `who`, and then nothing may be said to it.
pub(crate) fn hear(
    from: &mut impl Read,
    who: &[u8; 11],
    token: Option<&Token>,
) -> io::Result<Option<Verdict>> {
    let mut head = [0; 11];
    // Byte by byte, as far as it is right: who says something else is not waited for.
    for (at, right) in who.iter().enumerate() {
        from.read_exact(&mut head[at..=at])?;
        if head[at] != *right {
            return Ok(None);
        }
    }
    let mut rest = [0; 3];
    from.read_exact(&mut rest)?;
    let mut said = vec![0; rest[2].into()];
    from.read_exact(&mut said)?;
    Ok(Some(if u16::from_le_bytes([rest[0], rest[1]]) != VERSION {
        Verdict::OtherVersion
    } else if token.is_some_and(|token| !token.is(&said)) {
        Verdict::WrongToken
    } else {
        Verdict::Welcome
    }))
}

/// A stream that has to have said all by a certain time of this clock, however slowly it goes on.
pub(super) struct Hasty<'a, C> {
    stream: &'a TcpStream,
    until: Instant,
    clock: C,
}

impl<'a> Hasty<'a, fn() -> Instant> {
    /// Within so long from now.
    pub(super) fn new(stream: &'a TcpStream, patience: Duration) -> Self {
        Self { stream, until: Instant::now() + patience, clock: Instant::now }
    }
}

impl<C: FnMut() -> Instant> Read for Hasty<'_, C> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since((self.clock)());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(bytes)
    }
}

/// Answers a viewer.
pub(crate) fn answer(to: &mut impl Write, verdict: Verdict) -> io::Result<()> {
    let mut answer = PROGRAM.to_vec();
    answer.extend(VERSION.to_le_bytes());
    answer.push(verdict as u8);
    to.write_all(&answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_says_one_byte_a_second_is_not_heard_to_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        guest.write_all(b"lockscope?\n\x01\x00\x00").unwrap();
        let begun = Instant::now();
        let mut seconds = 0..;
        let clock = || begun + Duration::from_secs(seconds.next().unwrap());
        let mut hasty = Hasty { stream: &stream, until: begun + Duration::from_secs(5), clock };
        let mut heard = Vec::new();
        let error = loop {
            let mut byte = [0];
            match hasty.read(&mut byte) {
                Ok(read) => heard.extend_from_slice(&byte[..read]),
                Err(error) => break error,
            }
        };
        assert_eq!((&*heard, error.kind()), (&b"locks"[..], io::ErrorKind::TimedOut));
    }
}
