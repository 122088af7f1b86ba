//! The program's side: a socket that viewers come to, each with a thread of its own.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::hello::{self, Hasty, REPORTER, Token, VIEWER, Verdict};
use super::hub::{Farewell, Hub, Told};
use super::wire;
use crate::event::Time;
use crate::sync::{Batch, Outlet, Recorder, Unfit};

/// Viewers at once.
const VIEWERS: usize = 8;
/// Connections at once, with those that have not said who they are.
const CONNECTIONS: usize = 16;
/// How long somebody may take to say who they are.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a viewer may take nothing at all before it is given up.
const STUCK: Duration = Duration::from_mins(1);
/// Bytes that wait for a viewer, at most.
const ROOM: usize = 16 << 20;
/// Bytes that are told at once: while a viewer takes these it has not stopped.
const CHUNK: usize = 64 << 10;

/// The environment variable by which `lockscope attach -- PROGRAM` says where to report to.
pub const REPORT: &str = "LOCKSCOPE_REPORT";

/// Why nobody can look. What `main` prints of it, its `Debug`, is the sentence too.
pub enum ServeError {
    /// Others than this machine could come, and no token was given.
    NotLoopback(SocketAddr),
    /// The socket says so.
    Io(io::Error),
    /// [`REPORT`] does not say where to report to.
    Report,
    /// The recorder that is installed gives its events to a sink of its own.
    Sink,
    /// The recorder that is installed has ended, or has no thread because none could be started.
    Ended,
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(addr) => write!(
                f,
                "{addr} can be reached from other machines: serve on 127.0.0.1, or give a token, with `serve_with` or `feed_with`"
            ),
            Self::Io(error) => error.fmt(f),
            Self::Report => {
                write!(
                    f,
                    "{REPORT} is not `ADDRESS TOKEN`, as `lockscope attach -- PROGRAM` sets it: unset it"
                )
            }
            Self::Sink => Unfit::Sink.fmt(f),
            Self::Ended => Unfit::Ended.fmt(f),
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServeError {}

impl From<Unfit> for ServeError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Sink => Self::Sink,
            Unfit::Ended => Self::Ended,
        }
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The outlet through which a recorder tells the viewers. When it is dropped, the recording has ended.
pub struct Feed(Arc<Hub>);

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("viewers", &self.0.viewers()).finish()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Outlet for Feed {
    fn take(&mut self, batch: &Batch<'_>) {
        self.0.take(batch);
    }

    fn idle(&mut self, now: Time) {
        self.0.idle(now);
    }

    fn finish(&mut self, now: Time) {
        self.0.finish(now);
    }
}

/// A program that can be looked at. Dropping it turns away whoever comes later.
///
/// Of what [`serve`](super::serve) gave, it also tells whoever looks all that has happened, and that it has ended:
/// so keep it in `main`. For that it waits: for a viewer that came by itself as long as it takes something every quarter
/// of a second, and a second at most; for the one that started the program as long as it takes something every five
/// seconds. Who is slower is told how many events it misses. A program that ends without that, by `std::process::exit`, a crash or a panic in `main`, is
/// told of as gone. Of what [`feed`] gave, who looks goes on looking for as long as there is the [`Feed`].
#[must_use = "dropping it ends the recording"]
pub struct Serving {
    hub: Arc<Hub>,
    addr: SocketAddr,
    /// Whose end it is when this is dropped.
    recorder: Option<&'static Recorder>,
    /// Who waits at the socket, and has to be told.
    door: Option<Door>,
}

/// The thread to which connections come.
struct Door {
    closed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Afterwards the address is free.
    fn close(self, mut addr: SocketAddr) {
        self.closed.store(true, Ordering::Release);
        // Whoever waits for the next connection gets one. One to every address is one to this machine.
        if addr.ip().is_unspecified() {
            addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        if TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_ok() {
            // It panics nowhere; and if it did, it is gone as well.
            _ = self.thread.join();
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Serving {
    /// Where viewers come to; of one that reports to its viewer, where that is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has the recording of `recorder` end for whoever looks when this is dropped.
    pub(super) fn of(mut self, recorder: &'static Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// How many look.
    pub fn viewers(&self) -> usize {
        self.hub.viewers()
    }

    /// How many events viewers have missed because they were too slow, all together.
    pub fn lost(&self) -> u64 {
        self.hub.lost()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(door) = self.door.take() {
            door.close(self.addr);
        }
        // A panic is no end that somebody had in mind.
        if let Some(recorder) = self.recorder.filter(|_| !std::thread::panicking()) {
            recorder.flush_all();
            self.hub.finish(recorder.now());
        }
    }
}

/// Lets viewers of this machine look at what the [`Feed`] is given.
///
/// # Errors
///
/// [`ServeError::NotLoopback`] for an address that others can reach; what the socket says.
pub fn feed(addr: impl ToSocketAddrs) -> Result<(Feed, Serving), ServeError> {
    listen(addr, None)
}

/// Lets whoever knows `token` look, from anywhere that `addr` can be reached from.
///
/// # Errors
///
/// What the socket says.
pub fn feed_with(addr: impl ToSocketAddrs, token: Token) -> Result<(Feed, Serving), ServeError> {
    listen(addr, Some(token))
}

/// Reports to the viewer that started this program, if one did, as [`REPORT`] says; and is still there, with nobody
/// else of those who inherit the variable who was quicker.
///
/// # Errors
///
/// [`ServeError::Report`] for a variable that says something else; what the socket says.
pub fn report_from_env() -> Result<Option<(Feed, Serving)>, ServeError> {
    let Some(report) = std::env::var_os(REPORT) else { return Ok(None) };
    match report_to(report.to_str().ok_or(ServeError::Report)?) {
        Err(ServeError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        reporting => reporting.map(Some),
    }
}

/// Reports to a viewer: `ADDRESS TOKEN`, where the address is one of this machine. It waits, some seconds at most,
/// until the viewer listens, so that it misses nothing.
///
/// # Errors
///
/// [`ServeError::Report`] for a text that says something else; [`ConnectionRefused`](io::ErrorKind::ConnectionRefused)
/// where no viewer listens, or not to this program; what the socket says.
pub fn report_to(report: &str) -> Result<(Feed, Serving), ServeError> {
    let (addr, token) = report.split_once(' ').ok_or(ServeError::Report)?;
    let addr: SocketAddr = addr.parse().map_err(|_| ServeError::Report)?;
    let token = Token::new(token).ok_or(ServeError::Report)?;
    if !addr.ip().is_loopback() {
        return Err(ServeError::NotLoopback(addr));
    }
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    let hub = Arc::new(Hub::new(ROOM, Farewell::WHOLE));
    let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the viewer looks at another program");
    hello::say(&mut stream, REPORTER, Some(&token)).map_err(|_| refused())?;
    let seat = seat(&hub, &mut stream, Some(&token), PATIENCE).ok_or_else(refused)?;
    let theirs = hub.clone();
    thread("lockscope-report", move || tell(&theirs, seat, stream))?;
    Ok((Feed(hub.clone()), Serving { hub, addr, recorder: None, door: None }))
}

fn listen(addr: impl ToSocketAddrs, token: Option<Token>) -> Result<(Feed, Serving), ServeError> {
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
    if let Some(addr) = addrs.iter().find(|addr| token.is_none() && !addr.ip().is_loopback()) {
        return Err(ServeError::NotLoopback(*addr));
    }
    let listener = TcpListener::bind(&addrs[..]).map_err(|error| {
        let wanted: Vec<String> = addrs.iter().map(ToString::to_string).collect();
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another program has that port: with port 0 one that is free is taken"
            }
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot serve {}: {error}{hint}", wanted.join(" or ")))
    })?;
    let addr = listener.local_addr()?;
    let hub = Arc::new(Hub::new(ROOM, Farewell::BRIEF));
    let closed = Arc::new(AtomicBool::new(false));
    let (theirs, stop) = (hub.clone(), closed.clone());
    let thread = thread("lockscope-serve", move || accept(&listener, &theirs, &stop, token.as_ref()))?;
    let door = Some(Door { closed, thread });
    Ok((Feed(hub.clone()), Serving { hub, addr, recorder: None, door }))
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

fn accept(listener: &TcpListener, hub: &Arc<Hub>, closed: &AtomicBool, token: Option<&Token>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if closed.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            // Out of descriptors, perhaps: that need not keep a processor busy.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        // Who is one too many hears nothing: it is dropped.
        let place = Place::take(&open);
        let (Some(place), hub, token) = (place, hub.clone(), token.cloned()) else { continue };
        drop(thread("lockscope-viewer", move || {
            welcome(&hub, stream, token.as_ref(), PATIENCE);
            drop(place);
        }));
    }
}

/// One of the connections that there may be.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(open.clone());
        (open.fetch_add(1, Ordering::AcqRel) < CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Hears who comes, for so long at most, and tells a viewer what there is to tell, until it goes. Whatever fails,
/// it is gone.
fn welcome(hub: &Hub, mut stream: TcpStream, token: Option<&Token>, patience: Duration) {
    if let Some(seat) = seat(hub, &mut stream, token, patience) {
        tell(hub, seat, stream);
    }
}

/// The seat of who comes, if it is a viewer and there is one.
fn seat(hub: &Hub, stream: &mut TcpStream, token: Option<&Token>, patience: Duration) -> Option<u64> {
    let verdict = hello::hear(&mut Hasty::new(stream, patience), VIEWER, token).ok()??;
    stream.set_write_timeout(Some(STUCK)).and_then(|()| stream.set_nodelay(true)).ok()?;
    let seat = if verdict == Verdict::Welcome { hub.sit(VIEWERS) } else { None };
    let full = verdict == Verdict::Welcome && seat.is_none();
    let said = hello::answer(stream, if full { Verdict::Full } else { verdict });
    if said.is_err()
        && let Some(seat) = seat
    {
        hub.leave(seat);
        return None;
    }
    seat
}

/// Tells a viewer what there is to tell, until it goes.
fn tell(hub: &Hub, seat: u64, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let Told { tasks, locks, before, events, now, ended } = hub.next(seat);
        bytes.clear();
        for name in tasks {
            wire::task(&mut bytes, &name);
        }
        for lock in locks {
            wire::lock(&mut bytes, &lock);
        }
        if before > 0 {
            wire::before(&mut bytes, before, events.events.len() as u64);
        }
        wire::events(&mut bytes, &events.events, &events.asides);
        if let Some(at) = ended {
            wire::end(&mut bytes, at);
        } else if bytes.is_empty() {
            wire::now(&mut bytes, now);
        }
        let told = bytes.chunks(CHUNK).try_for_each(|chunk| {
            stream.write_all(chunk)?;
            hub.took();
            io::Result::Ok(())
        });
        if told.is_err() || ended.is_some() {
            break;
        }
    }
    hub.leave(seat);
    _ = stream.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// The two ends of a connection: the guest's and ours.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (guest, listener.accept().unwrap().0)
    }

    #[test]
    fn where_somebody_serves_already_there_is_a_way_out() {
        let (_, serving) = feed("127.0.0.1:0").unwrap();
        let told = feed(serving.addr()).unwrap_err().to_string();
        let addr = serving.addr();
        assert!(told.starts_with(&format!("cannot serve {addr}: ")), "{told}");
        assert!(
            told.ends_with("; another program has that port: with port 0 one that is free is taken"),
            "{told}"
        );
    }

    #[test]
    fn who_says_nothing_is_not_waited_for() {
        let (mut guest, stream) = connection();
        // This comes back although the guest stays.
        welcome(&Hub::new(ROOM, Farewell::BRIEF), stream, None, Duration::from_millis(1));
        assert_eq!(guest.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn the_place_of_a_viewer_that_has_gone_is_free() {
        let hub = Arc::new(Hub::new(ROOM, Farewell::BRIEF));
        let seats: Vec<_> = (1..VIEWERS).map(|_| hub.sit(VIEWERS).unwrap()).collect();
        let (guest, stream) = connection();
        let theirs = hub.clone();
        let viewer = std::thread::spawn(move || welcome(&theirs, stream, None, PATIENCE));
        let live = super::super::Live::greet(guest, None).unwrap();
        assert_eq!((hub.viewers(), hub.sit(VIEWERS)), (VIEWERS, None));
        // It is found out at one of the next signs.
        drop(live);
        viewer.join().unwrap();
        assert_eq!(hub.viewers(), seats.len());
        assert!(hub.sit(VIEWERS).is_some());
    }
}
