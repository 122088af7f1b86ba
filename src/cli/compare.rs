//! `compare`: the variants, all checked before any runs, and their runs, all at once and to the end.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::args::{EngineFlags, ListFormat, LookFlags};
use super::locks::Swaps;
use super::{
    Failure, color, complain, in_terminal, input, is_utf8, log_to, options, show_in_terminal, theme,
};
use crate::app;
use crate::channel::{Lead, Offer, Run};
use crate::engine::{self, Options};
use crate::record::Recording;
use crate::scenario::{self, Checked, ClockKind, Plan, Report};
use crate::trace::compare::{Comparison, Variant, json, text};
use crate::trace::{Trace, words};

/// More than so many cannot be told apart on a screen.
const MOST: usize = 12;

/// A variant that can run.
struct Candidate {
    name: String,
    plan: Arc<Plan>,
    /// What it came to, if it was recorded, and whether in virtual time.
    recorded: Option<(Trace, bool)>,
}

/// What to compare, and what to call all of it together.
struct Plans {
    /// The title of the scenario, or the names of several.
    title: String,
    candidates: Vec<Candidate>,
}

/// Runs the variants and shows them beside each other, or prints what they came to.
pub fn compare(
    names: &[String],
    locks: &[Swaps],
    format: Option<ListFormat>,
    flags: &EngineFlags,
    look: &LookFlags,
) -> Result<(), Failure> {
    log_to(flags)?;
    let options = options(flags);
    let plans = plans(names, locks, &options)?;
    let title = plans.title.clone();
    let what = if locks.is_empty() { "scenarios" } else { "locks" };
    let comparison = run(plans, &options)?;
    let ascii = flags.ascii || !is_utf8();
    match format {
        None if in_terminal() => {
            let looks = app::Looks { speed: look.speed, theme: theme(look.theme), big: look.big, ascii };
            let signals = app::Signals::listen()?;
            return show_in_terminal(app::Compare::new(title, what, comparison, &looks), signals);
        }
        Some(ListFormat::Json) => {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", json(&title, &comparison))?;
            out.flush()?;
        }
        None | Some(ListFormat::Text) => {
            let text = text(&title, &comparison);
            let text = if ascii { text.chars().map(words::ascii).collect() } else { text };
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(())
}

/// The variants that the command line asks for. Warnings go to stderr, once.
fn plans(names: &[String], locks: &[Swaps], options: &Options) -> Result<Plans, Failure> {
    let plans = match (names, locks) {
        ([name], [_, ..]) => of_locks(name, locks)?,
        ([_], []) => {
            return Err(unusable(
                "nothing to compare with",
                "add `--lock KIND`, for example `--lock futures::lock::Mutex`, or another scenario",
            ));
        }
        (_, []) => of_scenarios(names)?,
        _ => {
            return Err(unusable(
                "several scenarios and `--lock` cannot be compared together",
                "give one scenario and its locks, or several scenarios as they are",
            ));
        }
    };
    if plans.candidates.len() > MOST {
        return Err(unusable(&format!("more than {MOST} variants"), "compare fewer at a time"));
    }
    for Candidate { name, plan, .. } in plans.candidates.iter().filter(|one| one.recorded.is_none()) {
        engine::check(plan, options).map_err(|refused| {
            Failure::Unusable(format!("error: {} cannot run: {refused}\n", words::clean(name)))
        })?;
    }
    Ok(plans)
}

fn unusable(what: &str, help: &str) -> Failure {
    Failure::Unusable(format!("error: {what}\n  help: {help}\n"))
}

/// One scenario with several locks; as it is, too, where there is one kind alone.
fn of_locks(name: &str, locks: &[Swaps]) -> Result<Plans, Failure> {
    let input::Text::Scenario(source, _) = input::read(name, color())? else {
        return Err(unusable(
            "`--lock` is for a run, and this is a recording of one",
            "leave it out, or give the scenario in its place",
        ));
    };
    let mut checked = Vec::new();
    if let [_] = locks {
        checked.push((None, scenario::parse(&source)));
    }
    for lock in locks {
        checked.push((Some(lock), scenario::parse_with(&source, &lock.swaps)));
    }
    let checked = all_or_none(checked, "check --lock KIND")?;
    let title = checked.first().map_or_else(String::new, |(_, checked)| checked.plan.title.clone());
    let mut candidates: Vec<Candidate> = Vec::new();
    for (lock, Checked { plan, .. }) in checked {
        let name = lock.map_or_else(|| as_it_is(&plan), |lock| lock.text.clone());
        // The same again is worth a look where a lock promises no order.
        let again = |candidate: &&Candidate| {
            candidate.name.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        };
        let same = candidates.iter().filter(again).count();
        let name = if same > 0 { format!("{name} ({})", same + 1) } else { name };
        candidates.push(Candidate { name, plan: Arc::new(plan), recorded: None });
    }
    Ok(Plans { title, candidates })
}

/// What a scenario is called whose locks stay: their kind, if they are all of one.
fn as_it_is(plan: &Plan) -> String {
    let kinds: HashSet<_> = plan.locks.iter().map(|lock| lock.kind).collect();
    match (kinds.len(), plan.locks.first()) {
        (1, Some(lock)) => lock.kind.path().to_owned(),
        _ => "as it is".to_owned(),
    }
}

/// Several scenarios as they are.
fn of_scenarios(names: &[String]) -> Result<Plans, Failure> {
    let (mut checked, mut recordings) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match input::read(name, color())? {
            input::Text::Scenario(source, _) => checked.push((index, scenario::parse(&source))),
            input::Text::Recording(recording) => recordings.push((index, recording)),
        }
    }
    let files: Vec<&str> = names
        .iter()
        .map(|name| Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name))
        .collect();
    let distinct = files.iter().collect::<HashSet<_>>().len() == files.len();
    let called = |index: usize| if distinct { files[index].to_owned() } else { names[index].clone() };
    let mut candidates = Vec::new();
    for (index, checked) in all_or_none(checked, "check")? {
        let plan = Arc::new(checked.plan);
        candidates.push((index, Candidate { name: called(index), plan, recorded: None }));
    }
    for (index, recording) in recordings {
        let Recording { plan, trace, clock, .. } = *recording;
        let recorded = Some((trace, clock == ClockKind::Virtual));
        candidates.push((index, Candidate { name: called(index), plan, recorded }));
    }
    candidates.sort_by_key(|(index, _)| *index);
    let candidates: Vec<_> = candidates.into_iter().map(|(_, candidate)| candidate).collect();
    let called: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    Ok(Plans { title: called.join(" · "), candidates })
}

/// All of them, or everything that is wrong with any; what several say alike is said once. Warnings are
/// only counted, since variants have nearly the same: `command` shows them.
fn all_or_none<K>(
    all: Vec<(K, Result<Checked, Report>)>,
    command: &str,
) -> Result<Vec<(K, Checked)>, Failure> {
    let (mut good, mut wrong, mut warnings) = (Vec::new(), Vec::<String>::new(), HashSet::new());
    for (key, checked) in all {
        match checked {
            Ok(checked) => {
                let file = &checked.plan.file;
                let all = checked.warnings.mistakes().iter();
                warnings
                    .extend(all.map(|warning| (file.clone(), warning.range.start, warning.message.clone())));
                good.push((key, checked));
            }
            Err(report) => {
                let text = report.render(color());
                if !wrong.contains(&text) {
                    wrong.push(text);
                }
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Unusable(wrong.concat()));
    }
    match warnings.len() {
        0 => {}
        1 => _ = complain(&format!("1 warning; `lockscope {command}` shows it\n"), 0),
        count => _ = complain(&format!("{count} warnings; `lockscope {command}` shows them\n"), 0),
    }
    Ok(good)
}

/// After so long a viewer wants to know what is being waited for.
const A_MOMENT: Duration = Duration::from_millis(500);

/// A variant's run.
enum Going {
    /// It is under way.
    On(Run),
    /// It is over: it was recorded. And whether in virtual time.
    Over(Box<Trace>, bool),
}

/// Runs all of them at once, each to its end. Whoever interrupts it meanwhile ends the process: nothing
/// is taken yet that had to be given back.
fn run(plans: Plans, options: &Options) -> Result<Comparison, Failure> {
    let began = Instant::now();
    let mut runs = Vec::new();
    // All of them together get the room that one has alone.
    let most = engine::MAX_EVENTS / plans.candidates.len().max(1) as u64;
    let options = &Options { max_events: Some(most), ..options.clone() };
    for Candidate { name, plan, recorded } in plans.candidates {
        if let Some((trace, exact)) = recorded {
            runs.push((name, plan, Going::Over(Box::new(trace), exact)));
            continue;
        }
        let run = Run::start(plan.clone(), options.clone())
            .map_err(|refused| Failure::Failed(format!("{}: {refused}", words::clean(&name))))?;
        // Nobody looks on: it need not wait for anybody.
        run.set_lead(Lead::All);
        runs.push((name, plan, Going::On(run)));
    }
    let mut told = false;
    let mut variants = Vec::new();
    for at in 0..runs.len() {
        let (name, plan, going) = &runs[at];
        let run = match going {
            Going::On(run) => run,
            Going::Over(trace, exact) => {
                variants.push(Variant { name: name.clone(), trace: (**trace).clone(), exact: *exact });
                continue;
            }
        };
        let mut trace = Trace::new(plan.names());
        loop {
            let patience = if told { A_MOMENT } else { A_MOMENT.saturating_sub(began.elapsed()) };
            match run.offer(patience) {
                Offer::Event(_) => {
                    if let Some(event) = run.take() {
                        trace.push(event);
                    }
                }
                Offer::Nothing if told => {}
                Offer::Nothing => {
                    told = true;
                    complain(&progress(&runs[at..], options), 0);
                }
                Offer::Ended(ending) => {
                    let last = trace.at(trace.len());
                    trace.finish(app::end(plan, &ending, last));
                    break;
                }
            }
        }
        let exact = run.clock() == ClockKind::Virtual;
        variants.push(Variant { name: name.clone(), trace, exact });
    }
    Ok(Comparison::of(variants))
}

/// What is being waited for: `running std::sync::Mutex in real time, 2.5 s`.
fn progress(runs: &[(String, Arc<Plan>, Going)], options: &Options) -> String {
    let mut text = String::new();
    for (name, plan, going) in runs {
        let Going::On(run) = going else { continue };
        let length =
            options.until_for(plan).map_or_else(String::new, |until| format!(", {}", words::brief(until)));
        let clock = match run.clock() {
            ClockKind::Real => format!(" in real time{length}"),
            ClockKind::Virtual => String::new(),
        };
        text += &format!("running {}{clock}\n", words::clean(name));
    }
    text
}
