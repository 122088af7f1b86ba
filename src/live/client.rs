//! The viewer's side: comes to a program, and reads what it tells.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::hello::{self, Hasty, PROGRAM, REPORTER, Token, VERSION, VIEWER, Verdict};
use super::wire::{Frame, Reader};

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may say nothing at all; while nothing happens it gives a sign several times a second.
const SILENT: Duration = Duration::from_secs(30);

/// Why a program cannot be looked at.
#[derive(Debug)]
pub enum ConnectError {
    /// The address means nothing.
    Address(io::Error),
    /// Nobody is there.
    Nobody(io::Error),
    /// Somebody is there who does not answer as a program with lockscope in it does: it is none, or hears too many others.
    NotLockscope,
    /// It wants a token, or another one.
    WrongToken,
    /// It speaks this version of the protocol.
    OtherVersion(u16),
    /// As many look as may.
    Full,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) | Self::Nobody(error) => error.fmt(f),
            Self::NotLockscope => {
                f.write_str("what listens there does not answer as a program with lockscope in it does")
            }
            Self::WrongToken => f.write_str("the program wants a token, and not this one"),
            Self::OtherVersion(theirs) => {
                let age = if *theirs > VERSION { "newer" } else { "older" };
                write!(
                    f,
                    "the program has an {age} lockscope: it speaks version {theirs}, and this one {VERSION}"
                )
            }
            Self::Full => f.write_str("as many viewers look at the program as may"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A program that is looked at.
#[derive(Debug)]
pub struct Live {
    stream: BufReader<TcpStream>,
    reader: Reader,
}

impl Live {
    /// Comes to the program at `addr`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says who is there instead.
    pub fn connect(addr: impl ToSocketAddrs, token: Option<&Token>) -> Result<Self, ConnectError> {
        let addrs: Vec<_> = addr.to_socket_addrs().map_err(ConnectError::Address)?.collect();
        let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
        for addr in addrs {
            match TcpStream::connect_timeout(&addr, PATIENCE) {
                Ok(stream) => return Self::greet(stream, token),
                Err(error) => failed = error,
            }
        }
        Err(ConnectError::Nobody(failed))
    }

    /// Greets the program at the other end of `stream`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn greet(mut stream: TcpStream, token: Option<&Token>) -> Result<Self, ConnectError> {
        // One that is one too many closes at once: then its answer is missing.
        hello::say(&mut stream, VIEWER, token).map_err(|_| ConnectError::NotLockscope)?;
        let mut answer = [0; 14];
        Hasty::new(&stream, PATIENCE).read_exact(&mut answer).map_err(|_| ConnectError::NotLockscope)?;
        if !answer.starts_with(PROGRAM) {
            return Err(ConnectError::NotLockscope);
        }
        let theirs = u16::from_le_bytes([answer[11], answer[12]]);
        match answer[13] {
            _ if theirs != VERSION => return Err(ConnectError::OtherVersion(theirs)),
            0 => {}
            1 => return Err(ConnectError::WrongToken),
            3 => return Err(ConnectError::Full),
            _ => return Err(ConnectError::NotLockscope),
        }
        stream.set_read_timeout(Some(SILENT)).map_err(ConnectError::Nobody)?;
        Ok(Self { stream: BufReader::new(stream), reader: Reader::default() })
    }

    /// Hears a program that reports to its viewer, for some seconds; whether it is the one that was told `token`.
    ///
    /// # Errors
    ///
    /// What the socket says.
    pub fn heard(stream: &TcpStream, token: &Token) -> io::Result<bool> {
        let heard = hello::hear(&mut Hasty::new(stream, PATIENCE), REPORTER, Some(token))?;
        Ok(heard == Some(Verdict::Welcome))
    }

    /// Whether what it tells next has come already, or begins to.
    pub fn is_ready(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// What it tells next; waits for that.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the program is gone without an end,
    /// [`InvalidData`](io::ErrorKind::InvalidData) if it says what no program says.
    pub fn read(&mut self) -> io::Result<Frame> {
        self.reader.next(&mut self.stream)
    }
}
