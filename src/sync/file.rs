//! What a program does, in a file, as it happens: an outlet that writes the [compact](crate::compact) form.
//!
//! A block is written when it is full, when nothing happens for a moment, and when its first event is a tenth
//! of a second old. So a program that crashes, or is killed, loses the last block at most; and while it runs
//! the file can be opened already. When it ends it is made sure that it is on the disk.
//!
//! It takes so many events and no more: those that come after are counted, and told as lost at its end.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::outlet::{Batch, Outlet};
use super::probe::locked;
use super::recorder::{Recorder, Unfit, of_program};
use crate::compact::{Encoder, End, Head};
use crate::event::{Actor, Event, Kind, Outcome, Packed, TaskId, Time, What};

/// Bytes that are written at once.
const ROOM: usize = 64 << 10;

/// So long an event waits for others before it is written.
const PATIENCE: Duration = Duration::from_millis(100);

/// The environment variable that names the file of [`save_from_env`].
pub const FILE: &str = "LOCKSCOPE_FILE";

/// The environment variable that says how many events the file of [`save_from_env`] takes.
pub const FILE_EVENTS: &str = "LOCKSCOPE_FILE_EVENTS";

/// So many events a file takes, if nothing else is said: as many as `lockscope` opens, with the one that tells
/// what is lost. At three bytes each that is 50 MB.
const MOST: u64 = (1 << 24) - 1;

/// A file that a recorder writes: attach a clone of it. Clones are the same file.
///
/// Nothing that goes wrong with it stops or slows the program: after the first error nothing more is
/// written, [`error`](Self::error) tells it, and what was written before stays readable.
///
/// ```
/// use lockscope::event::LockKind;
/// use lockscope::sync::{File, Mutex, Recorder};
///
/// # let folder = std::env::temp_dir().join(format!("lockscope-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("run.lockscope");
/// let recorder = Recorder::program();
/// let file = File::create(&path)?;
/// recorder.attach(file.clone());
///
/// let db = Mutex::recorded(&recorder, recorder.add_lock("db", LockKind::TokioMutex), 0);
/// *db.blocking_lock() += 1;
///
/// recorder.finish();
/// assert!(file.error().is_none());
/// assert!(std::fs::read(&path)?.starts_with(lockscope::compact::MAGIC));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct File(Arc<Mutex<Writing>>);

struct Writing {
    out: Box<dyn Write + Send>,
    /// The same, if it is on a disk, until it has ended.
    disk: Option<std::fs::File>,
    encoder: Encoder,
    /// So many events it takes, and so many of them are left.
    most: u64,
    left: u64,
    /// The first event that was one too many: when; and how many there are.
    lost: Option<(Time, u64)>,
    /// When the first event happened that has not been written.
    since: Option<Time>,
    error: Option<io::Error>,
    ended: bool,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("error", &locked(&self.0).error).finish_non_exhaustive()
    }
}

impl File {
    /// A new file at `path`, in the place of what was there. Its ending should be `.lockscope`.
    ///
    /// # Errors
    ///
    /// The file's; its beginning is written at once. [`WouldBlock`](io::ErrorKind::WouldBlock) if a program is
    /// being recorded into it: a child that has [`FILE`] from its parent, say. (On Unix; elsewhere a lock would
    /// keep readers out too.)
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let on_disk = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        // A pipe, or a terminal, cannot be asked whether all has arrived.
        let disk = if on_disk.metadata()?.is_file() { Some(on_disk.try_clone()?) } else { None };
        if disk.is_some() {
            claim(&on_disk)?;
            on_disk.set_len(0)?;
        }
        let file = Self::to(on_disk);
        locked(&file.0).disk = disk;
        file.flush()?;
        Ok(file)
    }

    /// The same to whatever can be written to, from the recorder's thread: an `out` that is slow lets the
    /// recorder's memory fill up. A block is one write, so it need not be buffered.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let program = std::env::current_exe().ok();
        let title = program.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy);
        let head = Head { title: title.unwrap_or("a program".into()).into_owned(), ..Head::default() };
        let encoder = Encoder::new(&head);
        Self(Arc::new(Mutex::new(Writing {
            out: Box::new(out),
            disk: None,
            encoder,
            most: MOST,
            left: MOST,
            lost: None,
            since: None,
            error: None,
            ended: false,
        })))
    }

    /// The same, but it takes so many events and no more; say so before it is attached. Later ones are
    /// [counted](Self::lost), and told as lost where it ends. Without this it takes 16 million, which is what
    /// `lockscope` opens.
    #[must_use]
    pub fn at_most(self, events: u64) -> Self {
        let mut writing = locked(&self.0);
        (writing.most, writing.left) = (events, events);
        drop(writing);
        self
    }

    /// How many events were too many for it.
    pub fn lost(&self) -> u64 {
        locked(&self.0).lost.map_or(0, |(_, events)| events)
    }

    /// Writes down all that the recorder has handed over; for all that has happened, call
    /// [`Recorder::flush`](Recorder::flush) before. The operating system has it then, so it outlives the
    /// program; a power cut it outlives when the file has ended.
    ///
    /// # Errors
    ///
    /// What [`error`](Self::error) tells.
    pub fn flush(&self) -> io::Result<()> {
        locked(&self.0).write();
        self.error().map_or(Ok(()), Err)
    }

    /// Why nothing is written any more, if that is so.
    pub fn error(&self) -> Option<io::Error> {
        let writing = locked(&self.0);
        writing.error.as_ref().map(|error| io::Error::new(error.kind(), error.to_string()))
    }

    fn end(&self, now: Time) {
        let disk = locked(&self.0).end(now);
        self.leave(disk);
    }

    /// Writes nothing more, and no end: it is one that nobody had in mind.
    fn break_off(&self) {
        let disk = locked(&self.0).break_off();
        self.leave(disk);
    }

    /// Leaves the disk to others.
    fn leave(&self, disk: Option<std::fs::File>) {
        // That may take a while, and nobody shall wait for the file meanwhile.
        let Some(disk) = disk else { return };
        if let Err(error) = disk.sync_all() {
            locked(&self.0).error.get_or_insert(error);
        }
        // The next may record into it. Where there are no locks there is none to give back.
        _ = disk.unlock();
    }
}

/// Sees that nobody else records into a file. Some disks know no locks: then nobody can tell.
fn claim(file: &std::fs::File) -> io::Result<()> {
    let taken = cfg!(unix) && matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock));
    if taken {
        let why = "another program, or this one, is being recorded into it";
        return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
    }
    Ok(())
}

impl Writing {
    fn write(&mut self) {
        self.since = None;
        let bytes = self.encoder.take();
        if self.error.is_none() && !bytes.is_empty() {
            self.error = self.out.write_all(&bytes).and_then(|()| self.out.flush()).err();
        }
    }

    /// Counts what is too much.
    fn lose(&mut self, events: &[Packed]) {
        let Some(first) = events.first() else { return };
        let (_, lost) = self.lost.get_or_insert((first.at(), 0));
        *lost += events.iter().map(|event| event.stands_for()).sum::<u64>();
        self.write();
    }

    /// Ends the file, once, and gives the disk that it is on.
    fn end(&mut self, now: Time) -> Option<std::fs::File> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        let note = self.lost.map(|(at, events)| {
            let actor = Actor { task: TaskId(0), step: None };
            self.encoder.push_event(&Event { seq: 0, at, actor, what: What::Lost { events } });
            format!("the file takes no more than {} events", self.most)
        });
        self.encoder.end(&End { outcome: Outcome::Stopped, at: now, note });
        self.write();
        self.disk.take()
    }

    fn break_off(&mut self) -> Option<std::fs::File> {
        self.ended = true;
        self.write();
        self.disk.take()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.write();
        if let Some(disk) = &self.disk {
            // Nobody is left who could be told.
            _ = disk.sync_all();
        }
    }
}

impl Outlet for File {
    fn take(&mut self, batch: &Batch<'_>) {
        let mut guard = locked(&self.0);
        let writing = &mut *guard;
        if writing.ended || writing.error.is_some() {
            return;
        }
        if writing.lost.is_none() {
            batch.tasks.iter().for_each(|task| writing.encoder.task(task));
            batch.locks.iter().for_each(|lock| writing.encoder.lock(lock));
            if batch.earlier > 0 {
                writing.encoder.come_after(batch.earlier, batch.events.len() as u64);
            }
        }
        let fits = batch.events.len().min(usize::try_from(writing.left).unwrap_or(usize::MAX));
        let (events, rest) = batch.events.split_at(fits);
        writing.left -= fits as u64;
        for &event in events {
            match batch.asides.get(event.large() as usize) {
                Some(aside) if event.kind() == Kind::Aside => writing.encoder.push_event(aside),
                _ => writing.encoder.push(event),
            }
            if writing.encoder.len() >= ROOM {
                writing.write();
            }
        }
        writing.lose(rest);
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        if last.at().since(*writing.since.get_or_insert(first.at())) >= PATIENCE {
            writing.write();
        }
    }

    fn idle(&mut self, _: Time) {
        locked(&self.0).write();
    }

    fn finish(&mut self, now: Time) {
        self.end(now);
    }
}

/// A program that is written to a file. Dropping it ends the file, with all that happened until then, and waits
/// until that is on the disk; what else listens to the recorder goes on. So keep it in `main`. A program that
/// ends without that, by `std::process::exit` or a crash, loses the last tenth of a second, and its file says
/// that its end is missing; where it is dropped by a panic, only its end is.
#[derive(Debug)]
#[must_use = "dropping it ends the recording"]
pub struct Saving {
    recorder: &'static Recorder,
    file: File,
}

impl Saving {
    /// Writes down all that has happened.
    ///
    /// # Errors
    ///
    /// Why nothing is written any more, if that is so.
    pub fn flush(&self) -> io::Result<()> {
        self.recorder.flush();
        self.file.flush()
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.recorder.flush_all();
        if std::thread::panicking() {
            self.file.break_off();
        } else {
            self.file.end(self.recorder.now());
        }
    }
}

/// Writes what this program does to a file, for `lockscope play`. Installs [`Recorder::program`] unless a
/// recorder is installed. Keep what it gives until the program ends.
///
/// # Errors
///
/// What [`File::create`] says; [`Unsupported`](io::ErrorKind::Unsupported) if a recorder is installed that
/// hands its events to a sink, or has ended, or has no thread because none could be started.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("lockscope-save-{}.lockscope", std::process::id()));
/// let saving = lockscope::save(&path)?;
/// let db = lockscope::sync::Mutex::named("db", 0);
/// *db.blocking_lock() += 1;
/// drop(saving);
/// # let written = std::fs::read(&path)?;
/// # assert!(written.windows(2).any(|name| name == b"db"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn save(path: impl AsRef<Path>) -> io::Result<Saving> {
    save_at_most(path.as_ref(), MOST)
}

fn save_at_most(path: &Path, events: u64) -> io::Result<Saving> {
    let unfit = |unfit: Unfit| io::Error::new(io::ErrorKind::Unsupported, unfit.to_string());
    let recorder = of_program().map_err(unfit)?;
    let file = File::create(path).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot record into `{}`: {error}", path.display()))
    })?;
    let file = file.at_most(events);
    recorder.attach(file.clone());
    Ok(Saving { recorder, file })
}

/// The same, to the file that the environment variable [`FILE`] names; nothing where it names none. So it can
/// stay in a program, and is asked for where that is started: `LOCKSCOPE_FILE=run.lockscope my-server`. The
/// variable [`FILE_EVENTS`] may say how many events it takes [at most](File::at_most).
///
/// # Errors
///
/// Those of [`save`]; [`InvalidInput`](io::ErrorKind::InvalidInput) if [`FILE_EVENTS`] is no number.
pub fn save_from_env() -> io::Result<Option<Saving>> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let Some(path) = set(FILE) else { return Ok(None) };
    let most = set(FILE_EVENTS).map(|most| most.to_str().and_then(|most| most.parse().ok()).ok_or(()));
    let wrong = |()| {
        let said = set(FILE_EVENTS).unwrap_or_default();
        let why = format!("{FILE_EVENTS} is `{}`, which is no number of events", said.display());
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    save_at_most(path.as_ref(), most.transpose().map_err(wrong)?.unwrap_or(MOST)).map(Some)
}
