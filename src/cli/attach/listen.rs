//! Listens to a program for the player, on a thread of its own, and comes back to it when it is back.

use std::io;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use crate::app::News;
use crate::event::{Bundle, Names, Time, What};
use crate::live::{Frame, Live, Token};
use crate::trace::words;

/// With so many events, or bytes of words in them, what was told is passed on, and with what else came together with
/// the last of them: a frame has fewer than 44,000 events.
const BATCH: usize = 4096;
const WORDS: usize = 1 << 20;

/// How long it waits before it tries to come back, at first and at most.
const SOON: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(4);

/// A program that has ended may still be there, and tell whoever comes where things stood and that it is
/// over. One that has not done so for this long runs.
const RUNS: Duration = Duration::from_millis(300);

/// Where to come back to.
pub(super) struct Place {
    pub addr: String,
    pub token: Option<Token>,
}

/// What was told, and not passed on yet.
#[derive(Default)]
struct Told {
    more: Names,
    /// How many events happened before, and how many of the first tell where things stand.
    before: Option<(u64, u64)>,
    events: Bundle,
    /// Bytes of words in them.
    words: usize,
    now: Time,
    /// Whether it told that nothing happened meanwhile.
    idle: bool,
}

/// How a program is over.
struct Over {
    at: Option<Time>,
    how: String,
    /// Whether it may come back.
    back: bool,
}

/// Nobody listens to us any more.
struct Left;

/// Passes on what the program tells, until nobody wants to know or nothing more can come.
pub(super) fn listen(mut live: Live, place: Option<&Place>, send: &SyncSender<News>) {
    let mut told = Told::default();
    while let Ok(over) = pass_on(&mut live, told, send) {
        let Over { at, how, back } = over;
        let place = place.filter(|_| back);
        let how = if place.is_some() { format!("{how}, and is waited for") } else { how };
        if send.send(News::Over { at, how }).is_err() {
            return;
        }
        let Some(place) = place else { return };
        (live, told) = come_back(place);
        if send.send(News::Again).is_err() {
            return;
        }
    }
}

/// Passes on `told` and what comes after that, to the end.
fn pass_on(live: &mut Live, mut told: Told, send: &SyncSender<News>) -> Result<Over, Left> {
    loop {
        let over = if told.is_much() { None } else { told.hear(live) };
        if over.is_none() && live.is_ready() && !told.is_much() {
            continue;
        }
        let now = told.now;
        let Told { more, before, events, .. } = std::mem::take(&mut told);
        if let Some((events, opening)) = before {
            send.send(News::Before { events, opening }).map_err(|_| Left)?;
        }
        send.send(News::Told { more, events, now }).map_err(|_| Left)?;
        if let Some(over) = over {
            return Ok(over);
        }
    }
}

/// Comes back to a program that runs; gives it and what it has told until that was clear.
fn come_back(place: &Place) -> (Live, Told) {
    let mut pause = SOON;
    loop {
        std::thread::sleep(pause);
        pause = (pause * 2).min(LATER);
        let Ok(mut live) = Live::connect(&place.addr, place.token.as_ref()) else { continue };
        let (mut told, since) = (Told::default(), Instant::now());
        loop {
            if told.hear(&mut live).is_some() {
                break;
            }
            if told.idle || told.is_much() || since.elapsed() > RUNS {
                return (live, told);
            }
        }
    }
}

impl Told {
    /// Whether it is to be passed on before more is heard.
    fn is_much(&self) -> bool {
        self.events.len() >= BATCH || self.words >= WORDS
    }

    /// Hears the next thing; whether it was the last.
    fn hear(&mut self, live: &mut Live) -> Option<Over> {
        let over = |at, how: String, back| Some(Over { at, how, back });
        match live.read() {
            Ok(Frame::Task(name)) => self.more.tasks.push(name),
            Ok(Frame::Lock(lock)) => self.more.locks.push(lock),
            Ok(Frame::Before { events, opening }) => self.before = Some((events, opening)),
            Ok(Frame::Events(events)) => {
                self.now = events.iter().map(|event| event.at()).fold(self.now, Time::max);
                if self.events.is_empty() {
                    self.events.events = events;
                } else {
                    self.events.events.extend(events);
                }
            }
            Ok(Frame::Aside(event)) => {
                self.now = self.now.max(event.at);
                if let What::Print { text } | What::Say { text } = &event.what {
                    self.words += text.len();
                }
                self.events.push(event);
            }
            Ok(Frame::Now(now)) => (self.now, self.idle) = (self.now.max(now), true),
            Ok(Frame::End(at)) => return over(Some(at), "the program has ended".into(), true),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let why = error.to_string();
                let how = format!("the program says what no program says: {}", words::clean(&why));
                return over(None, how, false);
            }
            Err(_) => return over(None, "the program is gone".into(), true),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], &(body.len() as u32).to_le_bytes()[..], body].concat()
    }

    /// A word of half a megabyte after the other: thousands of them are not kept here until they are events enough.
    #[test]
    fn long_words_are_passed_on_before_they_are_too_much() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut program, _) = listener.accept().unwrap();
        let says = thread::spawn(move || {
            program.read_exact(&mut [0; 1]).unwrap();
            program.write_all(b"lockscope!\n\x01\x00\x00").unwrap();
            program.write_all(&frame(1, b"t")).unwrap();
            let word = [&[0; 12][..], &[4], &vec![b'x'; 1 << 19]].concat();
            for _ in 0..40 {
                program.write_all(&frame(4, &word)).unwrap();
            }
            program.write_all(&frame(6, &[0; 8])).unwrap();
            // Closed only when all of it has been read.
            program
        });
        let mut live = Live::greet(stream, None).unwrap();
        let (send, news) = sync_channel(100);
        let over = pass_on(&mut live, Told::default(), &send);
        assert!(over.is_ok());
        drop(send);
        drop(says.join().unwrap());
        let bundles = news.into_iter().filter_map(|news| match news {
            News::Told { events, .. } => Some(events.len()),
            _ => None,
        });
        let sizes: Vec<usize> = bundles.collect();
        assert_eq!(sizes.iter().sum::<usize>(), 40);
        assert!(sizes.iter().all(|size| *size <= 2), "{sizes:?}");
    }
}
