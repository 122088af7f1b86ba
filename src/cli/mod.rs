//! The command line: the only place that prints and exits.

mod args;
mod attach;
mod check;
mod compare;
mod diff;
mod input;
mod locks;
mod new;
mod order;
mod output;
mod play;
mod progress;
mod record;
mod record_flags;
mod watch;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::app::{self, App, Settings, Stops};
use crate::engine::Options;
use crate::scenario::{self, Checked, ClockKind, Plan, Swap};
use crate::trace::words;
use crate::view::{Axis, ThemeName};
use args::{
    AxisFlag, Cli, ClockFlag, Command, EngineFlags, Format, ListFormat, LockFlags, RunFlags, StopFlags,
    ThemeFlag,
};
use input::Input;
use watch::Watched;

/// Why a command did not come to its end.
enum Failure {
    /// What the user gave cannot be used; the message says where and what to do. Exit code 2.
    Unusable(String),
    /// Something went wrong. Exit code 1.
    Failed(String),
    /// All is said already; the exit code.
    Said(u8),
    /// Nobody reads on: no failure. Exit code 0.
    ClosedPipe,
    /// A signal ended it; it ends the process too.
    Signal(i32),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = args::with_hint(error);
            // Help and version are no errors; clap knows. A closed pipe is none either. An argument
            // that could steer the terminal is quoted without colours and harmless.
            let plain = error.render().to_string();
            let cleaned: Vec<_> = plain.split('\n').map(words::clean).collect();
            if cleaned.iter().any(|line| matches!(line, std::borrow::Cow::Owned(_))) {
                return complain(&cleaned.join("\n"), error.exit_code() as u8);
            }
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    // Where files may not grow any further, to write is an error then, as with a full disk, and no sudden end. Without
    // this it ends as before.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    match dispatch(cli) {
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Unusable(message)) => complain(&message, 2),
        Err(Failure::Failed(message)) => complain(&format!("lockscope: {message}\n"), 1),
        Err(Failure::Said(code)) => ExitCode::from(code),
        Err(Failure::Signal(signal)) => {
            // Whoever started us shall see that a signal ended us.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            ExitCode::from(128 + signal as u8)
        }
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    let _ = io::stderr().write_all(message.as_bytes());
    ExitCode::from(code)
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => run(scenario::DEFAULT, &cli.run),
        Some(Command::Run { scenario, flags }) => run(&scenario, &flags),
        Some(Command::Order { scenario, format, flags, locks }) => order(&scenario, format, &flags, &locks),
        Some(Command::Check { scenarios, format, locks }) => check(&scenarios, format, &locks),
        Some(Command::Compare { scenarios, locks, format, flags, look }) => {
            compare::compare(&scenarios, &locks, format, &flags, &look)
        }
        Some(Command::Attach(flags)) => attach::attach(&flags),
        Some(Command::Record(flags)) => record::record(&flags),
        Some(Command::Play { recording, look, axis, stops, ascii }) => {
            play::play(&recording, &look, axis, ascii, self::stops(stops))
        }
        Some(Command::List { format }) => list(format),
        Some(Command::Show { id }) => show(&id),
        Some(Command::Schema) => schema(),
        Some(Command::New { file }) => new::new(file.as_deref()),
    }
}

fn run(name: &str, flags: &RunFlags) -> Result<(), Failure> {
    if flags.watch {
        watchable(name)?;
    }
    if !in_terminal() {
        return order(name, Format::Text, &flags.engine, &flags.locks);
    }
    log_to(&flags.engine)?;
    let swaps = swaps(&flags.locks)?;
    let stops = stops(flags.stops);
    let (checked, content) = match input::open(name, color(), &swaps)? {
        Input::Scenario(checked, _, content) => (*checked, content),
        Input::Recording(recording) => {
            input::unchanged(&flags.engine, &swaps)?;
            return play::show(*recording, &flags.look, flags.axis, flags.engine.ascii, stops);
        }
    };
    let file = content.filter(|content| content.is_file).map(|content| Watched::new(name, content, swaps));
    let settings = Settings {
        options: options(&flags.engine),
        speed: flags.look.speed,
        theme: theme(flags.look.theme),
        axis: axis(flags.axis),
        big: flags.look.big,
        ascii: flags.engine.ascii || !is_utf8(),
        stops,
    };
    let signals = app::Signals::listen()?;
    let mut app = App::new(warn(checked), &settings)
        .map_err(|refused| Failure::Unusable(format!("error: {refused}\n")))?;
    if let Some(file) = file {
        app.reload_from(Arc::new(file), flags.watch);
    }
    show_in_terminal(app, signals)
}

fn show_in_terminal(mut program: impl app::Program, signals: app::Signals) -> Result<(), Failure> {
    match app::run(&mut program, signals) {
        Ok(None) => Ok(()),
        Ok(Some(signal)) => Err(Failure::Signal(signal)),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is a terminal to draw in, and a keyboard.
fn stops(flags: StopFlags) -> Stops {
    match (flags.quiz, flags.markers) {
        (true, _) => Stops::Questions,
        (false, true) => Stops::Markers,
        (false, false) => Stops::Nowhere,
    }
}

fn in_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

fn order(name: &str, format: Format, flags: &EngineFlags, locks: &LockFlags) -> Result<(), Failure> {
    log_to(flags)?;
    let recording = input::finished(name, flags, &swaps(locks)?)?;
    let mut out = order::out();
    match format {
        Format::Text => return order::print_text(&recording, flags.ascii || !is_utf8()),
        Format::Prints => {
            order::prints(&mut out, &recording.plan, &recording.trace)?;
            if recording.source.is_none() {
                complain("lockscope: this is of a program, and what a program prints is not recorded\n", 0);
            }
        }
        Format::Json => order::json(&mut out, &recording.trace)?,
    }
    out.flush()?;
    Ok(())
}

/// Why a recording is not checked.
const UNCHECKED: &str = "error: this is a recording; what is checked is what a scenario comes to now\n";

/// Looks at every file, whatever the ones before it came to.
fn check(names: &[String], format: ListFormat, locks: &LockFlags) -> Result<(), Failure> {
    let swaps = swaps(locks)?;
    let mut verdicts = Vec::new();
    let mut out = io::stdout().lock();
    for name in names {
        let color = format == ListFormat::Text && color();
        let finding = match input::open(name, color, &swaps) {
            Ok(Input::Recording(_)) => check::unusable(name, UNCHECKED.to_owned()),
            Ok(Input::Scenario(checked, ..)) => {
                let warnings = &checked.warnings;
                let warnings = (!warnings.is_empty()).then(|| warnings.render(color));
                check::check(name, &Arc::new(checked.plan), warnings)
            }
            Err(Failure::Unusable(why)) => check::unusable(name, why),
            Err(other) => return Err(other),
        };
        verdicts.push(finding.verdict);
        match format {
            ListFormat::Text => {
                // Each message right before the line of its file, as far as both go to one place.
                complain(finding.message(), 0);
                out.write_all(plain(finding.text()).as_bytes())?;
            }
            ListFormat::Json => writeln!(out, "{}", finding.json())?,
        }
        out.flush()?;
    }
    if format == ListFormat::Text {
        out.write_all(check::summary(&verdicts).as_bytes())?;
        out.flush()?;
    }
    match check::exit_code(&verdicts) {
        0 => Ok(()),
        code => Err(Failure::Said(code)),
    }
}

/// `text` as the locale can show it.
fn plain(text: String) -> String {
    if is_utf8() { text } else { text.chars().map(words::ascii).collect() }
}

fn list(format: ListFormat) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut chapter = "";
    for bundled in scenario::all() {
        let checked = scenario::parse(&bundled.source());
        let plan = checked.map_err(|report| Failure::Failed(report.render(false)))?.plan;
        match format {
            ListFormat::Text => {
                if chapter != bundled.chapter {
                    let gap = if chapter.is_empty() { "" } else { "\n" };
                    writeln!(out, "{gap}{}", bundled.chapter)?;
                    chapter = bundled.chapter;
                }
                writeln!(out, "  {:<26}{}", bundled.id, plan.title)?;
            }
            ListFormat::Json => {
                let line = serde_json::json!({
                    "id": bundled.id, "chapter": bundled.chapter, "title": plan.title, "lesson": plan.lesson
                });
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn show(id: &str) -> Result<(), Failure> {
    let Some(bundled) = scenario::find(id) else {
        return Err(Failure::Unusable(unknown(id)));
    };
    let mut out = io::stdout().lock();
    out.write_all(bundled.text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn schema() -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:#}", scenario::schema())?;
    out.flush()?;
    Ok(())
}

/// Says that there is no such embedded scenario, and which is nearest.
fn unknown(id: &str) -> String {
    let shown = words::clean(id);
    let nearest = scenario::all()
        .iter()
        .map(|bundled| (strsim::damerau_levenshtein(bundled.id, id), bundled.id))
        .filter(|(distance, _)| *distance <= id.len() / 2)
        .min();
    let hint = match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => "`lockscope list` names the embedded ones.".into(),
    };
    format!("error: there is no file and no embedded scenario `{shown}`\n  help: {hint}\n")
}

/// The kinds that take the place of the scenario's own.
fn swaps(locks: &LockFlags) -> Result<Vec<Swap>, Failure> {
    locks::together(&locks.all).map_err(|why| {
        Failure::Unusable(format!("error: {why}\n  help: to see several, `lockscope compare` draws each\n"))
    })
}

/// Tells the warnings.
fn warn(checked: Checked) -> Arc<Plan> {
    if !checked.warnings.is_empty() {
        complain(&checked.warnings.render(color()), 0);
    }
    Arc::new(checked.plan)
}

/// Refuses to watch what nobody saves.
fn watchable(name: &str) -> Result<(), Failure> {
    let shown = words::clean(name);
    if scenario::find(name).is_some() {
        return Err(Failure::Unusable(format!(
            "error: `{shown}` is embedded in lockscope, so there is no file to watch\n  help: save it first: \
             `lockscope show {shown} > my.json`, then `lockscope run my.json --watch`\n"
        )));
    }
    // A file that is not there is for the reader to tell.
    if std::fs::metadata(name).is_ok_and(|metadata| !metadata.is_file()) || name == "-" {
        return Err(Failure::Unusable(format!(
            "error: cannot watch `{shown}`: it is not a file\n  help: save the scenario in a file, then \
             `lockscope run my.json --watch`\n"
        )));
    }
    if !in_terminal() {
        return Err(Failure::Unusable(
            "error: `--watch` needs a terminal to draw in\n  help: without one, `lockscope order FILE` \
             prints what happened\n"
                .into(),
        ));
    }
    Ok(())
}

fn options(flags: &EngineFlags) -> Options {
    let clock = flags.clock.map(|clock| match clock {
        ClockFlag::Virtual => ClockKind::Virtual,
        ClockFlag::Real => ClockKind::Real,
    });
    Options { clock, until: flags.until, seed: flags.seed, max_events: None }
}

/// Whether messages may be coloured.
fn color() -> bool {
    io::stderr().is_terminal() && !no_color()
}

/// <https://no-color.org>: set and not empty.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The theme that was asked for, or what the terminal can show.
fn theme(flag: Option<ThemeFlag>) -> ThemeName {
    match flag {
        Some(ThemeFlag::Dark) => ThemeName::Dark,
        Some(ThemeFlag::Light) => ThemeName::Light,
        Some(ThemeFlag::Mono) => ThemeName::Mono,
        Some(ThemeFlag::Ansi) => ThemeName::Ansi,
        None if no_color() => ThemeName::Mono,
        None => match (std::env::var("COLORTERM").as_deref(), std::env::var("TERM").as_deref()) {
            (Ok("truecolor" | "24bit"), _) => ThemeName::Dark,
            (_, Ok("dumb" | "vt100" | "vt220")) => ThemeName::Mono,
            _ => ThemeName::Ansi,
        },
    }
}

fn axis(flag: AxisFlag) -> Axis {
    match flag {
        AxisFlag::Time => Axis::Time,
        AxisFlag::Order => Axis::Order,
    }
}

/// Whether the locale says that the terminal understands UTF-8. An unset locale says nothing, and
/// nearly every terminal does.
fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(locale) = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")) else { return true };
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Logs to a file if that was asked for; never to the screen.
fn log_to(flags: &EngineFlags) -> Result<(), Failure> {
    let Some(path) = &flags.log else { return Ok(()) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        let path = path.to_string_lossy();
        Failure::Unusable(format!("error: cannot write the log `{}`: {error}\n", words::clean(&path)))
    })?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(std::sync::Mutex::new(file))
        .init();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "lockscope starts");
    Ok(())
}
