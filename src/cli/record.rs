//! `record`: one run, as many files as are asked for.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ratatui::buffer::Buffer;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::output::{Out, Output};
use super::progress::Progress;
use super::record_flags::{Fps, RecordFlags};
use super::{Failure, axis, complain, input, log_to, order, theme};
use crate::app::undisturbed;
use crate::record::cast::{self, Cast};
use crate::record::frames::{Cut, Frames, Look, Pace, Viewer};
use crate::record::handout::handout;
use crate::record::html::{self, Html};
use crate::record::picture::{self, FilmSvg, Gif, Repeat, png, svg};
use crate::record::{At, Recording, Sink, perfetto, trace_file};
use crate::trace::words;

/// A way to keep a run.
#[derive(Debug)]
pub struct Format {
    /// The ending of its files, by which `--format` calls it too.
    name: &'static str,
    about: &'static str,
    write: Way,
}

impl Format {
    /// How many pictures it has: what was asked for, or else what suits it.
    fn pace(&self, asked: Option<Fps>) -> Pace {
        let suits = if self.name == "svg" { Fps::Events } else { Fps::Often };
        pace(asked.unwrap_or(suits))
    }
}

/// How many pictures that is.
const fn pace(fps: Fps) -> Pace {
    match fps {
        Fps::Seldom => Pace::Grid(RATES.0),
        Fps::Often => Pace::Grid(RATES.1),
        Fps::Events => Pace::Events,
    }
}

/// How a format is written.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// At once, from the whole run.
    Whole(fn(&Job<'_>, &mut Out) -> io::Result<()>),
    /// Picture by picture.
    Pictures(for<'a> fn(&'a Job<'a>, Out) -> io::Result<Box<dyn Sink + 'a>>),
}

/// The formats there are.
const FORMATS: [Format; 10] = [
    Format {
        name: "jsonl",
        about: "a trace file: every event, to be played, printed and recorded again",
        write: Way::Whole(|job, out| trace_file::write(job.recording, out)),
    },
    Format {
        name: "lockscope",
        about: "the same in few bytes, as a program writes it",
        write: Way::Whole(|job, out| trace_file::write_compact(job.recording, out)),
    },
    Format {
        name: "cast",
        about: "an asciicast, for asciinema and its players; markers are in it",
        write: Way::Pictures(|job, out| Ok(Box::new(Cast::new(out, job.recording, job.cast)?))),
    },
    Format {
        name: "gif",
        about: "a film for slides and documents",
        write: Way::Pictures(|job, out| {
            Ok(Box::new(Gif::new(out, job.look.size.into(), job.picture, job.repeat)?))
        }),
    },
    Format {
        name: "svg",
        about: "a film that stays sharp, one picture an event; with `--at` a still",
        write: Way::Pictures(|job, out| {
            Ok(Box::new(FilmSvg::new(out, job.look.size.into(), job.picture, job.repeat)?))
        }),
    },
    Format {
        name: "png",
        about: "a still, of the end where `--at` names no other moment",
        write: Way::Whole(|job, out| out.write_all(&png(&job.still, job.picture)?)),
    },
    Format {
        name: "html",
        about: "a page that plays it, alone and offline, and asks the questions at the markers",
        write: Way::Pictures(|job, out| Ok(Box::new(Html::new(out, job.recording, job.html)?))),
    },
    Format {
        name: "perfetto-trace",
        about: "for ui.perfetto.dev, which shows what is too long for a terminal",
        write: Way::Whole(|job, out| perfetto::write(job.recording, out)),
    },
    Format {
        name: "txt",
        about: "the order as a sequence diagram, as `order` prints it",
        write: Way::Whole(|job, out| {
            order::text(out, &job.recording.plan, &job.recording.trace, job.look.ascii)
        }),
    },
    Format {
        name: "md",
        about: "a handout: the lesson, the timeline, the order, questions and answers",
        write: Way::Whole(|job, out| out.write_all(handout(job.recording, &job.look).as_bytes())),
    },
];

/// Writes a trace file, compact where its ending says so.
pub fn write_trace(path: &Path, recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    if path.extension().is_some_and(|ending| ending == "lockscope") {
        trace_file::write_compact(recording, out)
    } else {
        trace_file::write(recording, out)
    }
}

/// The format of that name, for the command line.
pub fn format(name: &str) -> Result<&'static Format, String> {
    FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
        let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// The formats, for the help.
pub fn formats_help() -> String {
    let mut text = "Formats, by the ending of the file:\n".to_owned();
    for format in &FORMATS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  .{:<14} {}", format.name, format.about);
    }
    text += "Exit codes: 0 all files are written, 1 one could not be, 2 the command line or the scenario is wrong.";
    text
}

/// What is to be recorded, for every format.
struct Job<'a> {
    recording: &'a Recording,
    look: Look,
    cast: cast::Head,
    html: html::Head,
    picture: picture::Look,
    repeat: Repeat,
    still: Buffer,
}

/// What an `.svg` is where it is to be a still.
const STILL: Format = Format {
    name: "svg",
    about: "",
    write: Way::Whole(|job, out| out.write_all(svg(&job.still, job.picture)?.as_bytes())),
};

/// A file that is being written.
struct Writing<'a> {
    path: &'a Path,
    output: Output,
    sink: Box<dyn Sink + 'a>,
}

/// Runs the scenario, or reads the recording, and writes it down.
pub fn record(flags: &RecordFlags) -> Result<(), Failure> {
    let formats = outputs(flags)?;
    log_to(&flags.engine)?;
    let mut recording = input::finished(&flags.scenario, &flags.engine, &super::swaps(&flags.locks)?)?;
    if let Some(title) = &flags.title {
        Arc::make_mut(&mut recording.plan).title.clone_from(title);
    }
    let (look, cut) = (look(flags), cut(flags));
    let viewer = Viewer::new(&recording, &look, flags.speed);
    let at = flags.at.as_ref().unwrap_or(&At::End);
    let place = recording.place(at).ok_or_else(|| nowhere(&recording, at))?;
    if cut.from > recording.end() {
        return Err(Failure::Unusable(format!(
            "error: nothing is there from {} on: it ends at {}\n  help: begin `--range` before that\n",
            words::moment(cut.from),
            words::moment(recording.end())
        )));
    }
    let frames = |pace| {
        viewer.frames(&Cut { pace, ..cut.clone() }).map_err(|error| {
            Failure::Unusable(format!(
                "error: {error}\n  help: a higher `--speed` or a shorter `--range` makes fewer\n"
            ))
        })
    };
    // Formats of another pace have pictures of their own; a film knows how long it is.
    let film = formats.iter().any(|(_, format)| matches!(format.write, Way::Pictures(_)));
    let duration = if film { frames(cut.pace)?.duration() } else { Duration::ZERO };
    let mut passes: Vec<(Pace, Frames)> = Vec::new();
    for (_, format) in &formats {
        let own = format.pace(flags.fps);
        if passes.iter().all(|(pace, _)| *pace != own) && matches!(format.write, Way::Pictures(_)) {
            passes.push((own, frames(own)?));
        }
    }
    let version = if flags.cast_version == 2 { cast::Version::Two } else { cast::Version::Three };
    let job = Job {
        cast: cast::Head { version, size: look.size, theme: look.theme, duration },
        html: html::Head {
            size: look.size,
            theme: look.theme,
            pace: cut.pace,
            speed: cut.speed,
            telling: viewer.telling_rows(),
        },
        picture: picture::Look { font_size: flags.font_size, ..picture::Look::of(look.theme) },
        repeat: if flags.no_loop { Repeat::Once } else { Repeat::Forever },
        still: viewer.picture(place),
        recording: &recording,
        look: look.clone(),
    };
    let signal = listen()?;
    let mut failed = false;
    let mut fails = |path: &Path, error: &io::Error| {
        // Nobody reads on: no failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return;
        }
        let name = path.to_string_lossy();
        complain(&format!("error: cannot write `{}`: {error}\n", words::clean(&name)), 1);
        failed = true;
    };
    let mut writing = Vec::new();
    for (path, format) in formats {
        match begin(&job, path, format, flags.max_bytes) {
            Ok(begun) => writing.extend(begun.map(|one| (format.pace(flags.fps), one))),
            Err(error) => fails(path, &error),
        }
    }
    let mut progress = Progress::new(passes.iter().map(|(_, frames)| frames.total()).sum());
    for (pace, frames) in passes {
        for frame in frames {
            if writing.iter().all(|(own, _)| *own != pace) {
                break;
            }
            if let Some(signal) = heard(&signal) {
                return Err(Failure::Signal(signal));
            }
            progress.step();
            // One that fails does not stop the others.
            let mut going = Vec::new();
            for (own, mut one) in writing {
                match if own == pace { one.sink.frame(&frame) } else { Ok(()) } {
                    Ok(()) => going.push((own, one)),
                    Err(error) => fails(one.path, &error),
                }
            }
            writing = going;
        }
    }
    drop(progress);
    for (_, one) in writing {
        if let Err(error) = one.sink.finish().and_then(|()| one.output.keep()) {
            fails(one.path, &error);
        }
    }
    match heard(&signal) {
        Some(signal) => Err(Failure::Signal(signal)),
        None if failed => Err(Failure::Said(1)),
        None => Ok(()),
    }
}

/// How it looks.
fn look(flags: &RecordFlags) -> Look {
    Look {
        size: flags.size,
        theme: theme(Some(flags.theme)),
        axis: axis(flags.axis),
        big: flags.big,
        ascii: flags.engine.ascii,
    }
}

/// What of it is recorded.
fn cut(flags: &RecordFlags) -> Cut {
    Cut {
        from: flags.range.0.unwrap_or_default().into(),
        to: flags.range.1.map(Into::into),
        speed: flags.speed,
        pace: pace(flags.fps.unwrap_or(Fps::Often)),
        hold: flags.hold,
    }
}

/// The grids there are: both have whole hundredths of a second a picture, as GIF needs them.
const RATES: (NonZeroU32, NonZeroU32) = match (NonZeroU32::new(20), NonZeroU32::new(25)) {
    (Some(seldom), Some(often)) => (seldom, often),
    _ => (NonZeroU32::MIN, NonZeroU32::MIN),
};

/// The files to write, each with its format.
fn outputs(flags: &RecordFlags) -> Result<Vec<(&Path, &'static Format)>, Failure> {
    let mut outputs: Vec<(&Path, &'static Format)> = Vec::new();
    for path in &flags.output {
        let shown = path.to_string_lossy();
        let shown = words::clean(&shown);
        if outputs.iter().any(|(known, _)| known == path) {
            return Err(Failure::Unusable(format!("error: `{shown}` is to be written twice\n")));
        }
        let by_name = path.extension().and_then(|ending| format(ending.to_str()?).ok());
        let Some(format) = by_name.or(flags.format) else {
            let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
            return Err(Failure::Unusable(format!(
                "error: the ending of `{shown}` names no format\n  help: {}, or `--format` with one of these\n",
                names.join(", ")
            )));
        };
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::Unusable(format!("error: there is no folder for `{shown}`\n")));
        }
        outputs.push((path, if format.name == STILL.name && flags.at.is_some() { &STILL } else { format }));
    }
    if flags.at.is_some() && !outputs.iter().any(|(_, format)| matches!(format.name, "png" | "svg")) {
        return Err(Failure::Unusable(
            "error: `--at` is for stills, and none is to be written\n  help: write a .png or an .svg\n"
                .into(),
        ));
    }
    Ok(outputs)
}

/// Writes what is written at once, and begins with what comes picture by picture.
fn begin<'a>(
    job: &'a Job<'a>,
    path: &'a Path,
    format: &Format,
    most: Option<u64>,
) -> io::Result<Option<Writing<'a>>> {
    let (output, mut out) = Output::open(path, most)?;
    match format.write {
        Way::Whole(write) => {
            write(job, &mut out)?;
            out.flush()?;
            output.keep()?;
            Ok(None)
        }
        Way::Pictures(begin) => Ok(Some(Writing { path, output, sink: begin(job, out)? })),
    }
}

/// What to say of a moment that there is not.
fn nowhere(recording: &Recording, at: &At) -> Failure {
    let labels = || recording.plan.markers.iter().filter_map(|marker| marker.label.as_deref());
    let (what, help) = match at {
        At::Marker(label) => {
            let known: Vec<_> = labels().map(|label| format!("`marker:{}`", words::clean(label))).collect();
            let known = if known.is_empty() { "it has none with a label".into() } else { known.join(", ") };
            (format!("the run comes to no marker `{}`", words::clean(label)), known)
        }
        At::Time(at) => {
            let end = words::moment(recording.end());
            (format!("there is no moment {}", words::moment(*at)), format!("it ends at {end}"))
        }
        _ => ("there is no such event".into(), format!("the last one is `event:{}`", recording.trace.len())),
    };
    Failure::Unusable(format!("error: {what}\n  help: {help}\n"))
}

/// From now on a signal is noted, so that files begun are cleared away.
fn listen() -> io::Result<Arc<AtomicUsize>> {
    let signal = Arc::new(AtomicUsize::new(0));
    undisturbed(|| {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal_hook::flag::register_usize(number, signal.clone(), number as usize)?;
        }
        Ok(signal)
    })
}

fn heard(signal: &AtomicUsize) -> Option<i32> {
    match signal.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(signal as i32),
    }
}
