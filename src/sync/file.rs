//! What a program does, in a file, as it happens: an outlet that writes the [compact](crate::compact) form.
//!
//! A block is written when it is full, when nothing happens for a moment, and when its first event is a tenth
//! of a second old. So a program that crashes, or is killed, loses the last block at most; and while it runs
//! the file can be opened already.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::outlet::{Batch, Outlet};
use super::probe::locked;
use super::recorder::{Recorder, of_program};
use crate::compact::{Encoder, End, Head};
use crate::event::{Kind, Outcome, Time};

/// Bytes that are written at once.
const ROOM: usize = 64 << 10;

/// So long an event waits for others before it is written.
const PATIENCE: Duration = Duration::from_millis(100);

/// The environment variable that names the file of [`save_from_env`].
pub const FILE: &str = "LOCKSCOPE_FILE";

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
    encoder: Encoder,
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
    /// The file's; its beginning is written at once.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = Self::to(std::fs::File::create(path)?);
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
            encoder,
            since: None,
            error: None,
            ended: false,
        })))
    }

    /// Writes down all that the recorder has handed over; for all that has happened, call
    /// [`Recorder::flush`](Recorder::flush) before.
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
        let mut writing = locked(&self.0);
        if !writing.ended {
            writing.encoder.end(&End { outcome: Outcome::Stopped, at: now, note: None });
            writing.write();
            writing.ended = true;
        }
    }
}

impl Writing {
    fn write(&mut self) {
        self.since = None;
        let bytes = self.encoder.take();
        if self.error.is_none() && !bytes.is_empty() {
            self.error = self.out.write_all(&bytes).and_then(|()| self.out.flush()).err();
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.write();
    }
}

impl Outlet for File {
    fn take(&mut self, batch: &Batch<'_>) {
        let mut guard = locked(&self.0);
        let writing = &mut *guard;
        if writing.ended || writing.error.is_some() {
            return;
        }
        batch.tasks.iter().for_each(|task| writing.encoder.task(task));
        batch.locks.iter().for_each(|lock| writing.encoder.lock(lock));
        for &event in batch.events {
            match batch.asides.get(event.large() as usize) {
                Some(aside) if event.kind() == Kind::Aside => writing.encoder.push_event(aside),
                _ => writing.encoder.push(event),
            }
            if writing.encoder.len() >= ROOM {
                writing.write();
            }
        }
        let (Some(first), Some(last)) = (batch.events.first(), batch.events.last()) else { return };
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

/// A program that is written to a file. Dropping it ends the file, with all that happened until then; what
/// else listens to the recorder goes on. A program that ends without that loses a few milliseconds.
#[derive(Debug)]
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
        self.recorder.flush();
        self.file.end(self.recorder.now());
    }
}

/// Writes what this program does to a file, for `lockscope play`. Installs [`Recorder::program`] unless a
/// recorder is installed. Keep what it gives until the program ends.
///
/// # Errors
///
/// What [`File::create`] says; [`Unsupported`](io::ErrorKind::Unsupported) if a recorder is installed that
/// hands its events to a sink.
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
    let sink = "a recorder with a sink is installed: install `Recorder::program()`";
    let recorder = of_program().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, sink))?;
    let file = File::create(path)?;
    recorder.attach(file.clone());
    Ok(Saving { recorder, file })
}

/// The same, to the file that the environment variable [`FILE`] names; nothing where it names none. So it can
/// stay in a program, and is asked for where that is started: `LOCKSCOPE_FILE=run.lockscope my-server`.
///
/// # Errors
///
/// Those of [`save`].
pub fn save_from_env() -> io::Result<Option<Saving>> {
    std::env::var_os(FILE).filter(|path| !path.is_empty()).map(save).transpose()
}
