//! A program in the player, and what was seen of it in a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::super::args::AttachFlags;
use super::super::output::Output;
use super::super::record::write_trace;
use super::super::{Failure, axis, complain, is_utf8, theme};
use super::listen::{Place, listen};
use crate::app::{self, App, Incoming, Keep, Settings, Signals, Stops};
use crate::engine::Options;
use crate::live::Live;
use crate::record::Recording;
use crate::trace::words;

/// Events of a history, at most: about 300 MB. It comes to a quarter of that where the playhead follows.
const MOST: u64 = 8_000_000;

/// So many batches may wait for the player, of a megabyte or two at most; then the program is not listened to, and tells later what it
/// could not tell meanwhile.
const WAITING: usize = 64;

/// So many files are looked for a name that is free.
const NAMES: u32 = 10_000;

/// Shows a program until the viewer leaves; whether it was over by then.
pub(super) fn show(
    live: Live,
    signals: Signals,
    place: Option<Place>,
    title: &str,
    flags: &AttachFlags,
) -> Result<bool, Failure> {
    let (send, news) = sync_channel(WAITING);
    std::thread::Builder::new().name("listen".into()).spawn(move || listen(live, place.as_ref(), &send))?;
    let settings = Settings {
        options: Options::default(),
        speed: flags.look.speed,
        theme: theme(flags.look.theme),
        axis: axis(flags.axis),
        big: flags.look.big,
        ascii: flags.ascii || !is_utf8(),
        stops: Stops::Nowhere,
    };
    let mut app = App::live(&words::clean(title), Incoming::new(news, MOST), &settings);
    app.keep_with(Arc::new(Here));
    let left = app::run(&mut app, signals);
    if let Some(path) = &flags.save {
        save(path, &app.player().recording())?;
    }
    match left? {
        None => Ok(app.player().trace().end().is_some()),
        Some(signal) => Err(Failure::Signal(signal)),
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let path = path.to_string_lossy();
    Failure::Unusable(format!("error: cannot write `{}`: {error}\n", words::clean(&path)))
}

/// Whether what is seen can be saved at the end where that was asked for; else says so at once.
pub(super) fn can_save(flags: &AttachFlags) -> Result<(), Failure> {
    let Some(path) = &flags.save else { return Ok(()) };
    Output::open(path, None).map(drop).map_err(|error| cannot(path, &error))
}

/// Saves what was seen, in the place of what was there. What cannot be saved there is kept as `w` keeps it: there is
/// nobody left who could try again.
fn save(path: &Path, recording: &Recording) -> Result<(), Failure> {
    let saved = Output::open(path, None).and_then(|(output, mut out)| {
        write_trace(path, recording, &mut out)?;
        out.flush()?;
        drop(out);
        output.keep()
    });
    let tell = |path: &Path| {
        let path = path.to_string_lossy();
        let (events, path) = (recording.trace.len(), words::clean(&path));
        complain(&format!("lockscope: saved {events} events in {path}\n"), 0);
    };
    let Err(error) = saved else {
        tell(path);
        return Ok(());
    };
    let (shown, why) = (path.to_string_lossy(), error.to_string());
    complain(&format!("lockscope: not saved in `{}`: {}\n", words::clean(&shown), words::clean(&why)), 0);
    tell(&kept(recording).map_err(|error| cannot(Path::new("."), &error))?);
    // Lines have no room for more than so many events. All else may well be mended before the next time.
    if error.kind() == io::ErrorKind::FileTooLarge { Ok(()) } else { Err(Failure::Said(1)) }
}

/// Keeps what was seen in the current directory, under the first name that is free; where that cannot be, in the one for
/// temporary files.
fn kept(recording: &Recording) -> io::Result<PathBuf> {
    kept_in(Path::new(""), recording)
        .or_else(|error| kept_in(&std::env::temp_dir(), recording).map_err(|_| error))
}

fn kept_in(folder: &Path, recording: &Recording) -> io::Result<PathBuf> {
    let (path, file) = free(folder)?;
    let mut out = BufWriter::new(file);
    let written = write_trace(&path, recording, &mut out).and_then(|()| out.flush());
    if written.is_err() {
        // What is there is not whole, and ours.
        _ = fs::remove_file(&path);
    }
    written.map(|()| path)
}

/// Keeps it in the current directory, if it can.
struct Here;

impl Keep for Here {
    fn keep(&self, recording: &Recording) -> String {
        match kept(recording) {
            Ok(path) => format!("saved {} events in {}", recording.trace.len(), path.display()),
            Err(error) => format!("not saved: {error}"),
        }
    }
}

/// A new file under the first name that is free there. Among the temporary files it is for nobody else to read.
fn free(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mode = if folder == Path::new("") { 0o666 } else { 0o600 };
    for number in 1..=NAMES {
        let path = folder.join(format!("lockscope-{number}.lockscope"));
        match File::options().write(true).create_new(true).mode(mode).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("lockscope-1 to {NAMES} are taken")))
}
