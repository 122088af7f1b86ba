//! `check`: whether a run of a file comes to what the file expects.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use super::{diff, order};
use crate::engine::Options;
use crate::event::{Outcome, Time, What};
use crate::scenario::{ClockKind, Markers, Plan};
use crate::trace::{Cause, Trace, json_escape, why, words};

/// What there is to say of one file.
#[derive(Serialize)]
pub struct Finding {
    file: String,
    /// Whether it is well.
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// Why it came to a deadlock, why it had to be cut off, or why the file cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Whether the file says what it expects.
    expects: bool,
    /// Whether acquisitions were compared with their times: with the real clock they are not.
    times: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<String>,
}

/// Whether a file is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The run came to what was expected.
    Holds,
    /// It came to something else.
    Differs,
    /// It came to a deadlock, and nobody expects one.
    Deadlock,
    /// It had to be cut off, whatever is expected.
    Runaway,
    /// It cannot run.
    Unusable,
}

/// What was expected and not seen.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference {
    field: &'static str,
    expected: Seen,
    seen: Seen,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Seen {
    Word(Option<String>),
    List(Vec<String>),
}

/// A file that cannot be used, and why.
pub fn unusable(file: &str, why: String) -> Finding {
    Finding {
        file: file.to_owned(),
        verdict: Verdict::Unusable,
        outcome: None,
        ns: None,
        cause: None,
        why: Some(why),
        expects: false,
        times: false,
        differences: Vec::new(),
        warnings: None,
    }
}

/// Runs `plan` and compares.
pub fn check(file: &str, plan: &Arc<Plan>, warnings: Option<String>) -> Finding {
    let options = Options::default();
    let (trace, cause) = match order::trace(plan, &options) {
        Ok(run) => run,
        Err(refused) => return unusable(file, format!("error: {refused}\n")),
    };
    let times = options.clock_for(plan) == ClockKind::Virtual;
    let outcome = trace.end().map(|end| end.outcome);
    let expected = plan.expect.as_ref().and_then(|expect| expect.outcome);
    let differences = differences(plan, &trace, times);
    let stuck = outcome == Some(Outcome::Deadlock);
    let runaway = cause.is_runaway();
    let verdict = if runaway {
        Verdict::Runaway
    } else if stuck && expected.is_none() {
        Verdict::Deadlock
    } else if differences.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Differs
    };
    let cut_off = || Some(format!("Stopped: {}.", trace.end()?.note.as_ref()?));
    Finding {
        file: file.to_owned(),
        verdict,
        outcome,
        ns: trace.end().map(|end| end.at.nanos()),
        cause: trace.deadlock().map(|deadlock| deadlock.cause),
        why: if runaway { cut_off() } else { stuck.then(|| why::stuck(&trace)) },
        expects: plan.expect.is_some(),
        times,
        differences,
        warnings: Some(warnings.unwrap_or_default() + &unmet(plan, &trace)).filter(|told| !told.is_empty()),
    }
}

/// The markers that the run never came to, a line each.
fn unmet(plan: &Plan, trace: &Trace) -> String {
    let met = Markers::of(plan, trace.events());
    let met: HashSet<usize> = met.until(trace.len()).iter().map(|(_, marker)| *marker).collect();
    let mut text = String::new();
    for (_, marker) in plan.markers.iter().enumerate().filter(|(index, _)| !met.contains(index)) {
        let on = &marker.on;
        let number = if on.nth.get() > 1 { format!(" number {}", on.nth) } else { String::new() };
        let task = on.task.as_ref().map_or_else(String::new, |task| format!(" of `{}`", words::clean(task)));
        let lock = on.lock.and_then(|lock| plan.locks.get(lock.0 as usize));
        let lock = lock.map_or_else(String::new, |lock| format!(" with `{}`", words::clean(&lock.name)));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "warning: the marker on `{}`{number}{task}{lock} was never reached", on.event);
    }
    text
}

/// Where the run is not what the plan expects.
fn differences(plan: &Plan, trace: &Trace, times: bool) -> Vec<Difference> {
    let Some(expect) = &plan.expect else { return Vec::new() };
    let mut all = Vec::new();
    let mut compare = |field, expected: Option<Seen>, seen: &dyn Fn() -> Seen| {
        if let Some(expected) = expected {
            let seen = seen();
            if expected != seen {
                all.push(Difference { field, expected, seen });
            }
        }
    };
    let word = |word: &dyn ToString| Seen::Word(Some(word.to_string()));
    compare("outcome", expect.outcome.as_ref().map(|outcome| word(outcome)), &|| {
        Seen::Word(trace.end().map(|end| end.outcome.to_string()))
    });
    compare("cause", expect.cause.as_ref().map(|cause| word(cause)), &|| {
        Seen::Word(trace.deadlock().map(|deadlock| deadlock.cause.to_string()))
    });
    let acquire = |task: &str, millis: u64| if times { format!("{task}@{millis}") } else { task.to_owned() };
    let expected = expect
        .acquires
        .as_ref()
        .map(|acquires| Seen::List(acquires.iter().map(|(task, millis)| acquire(task, *millis)).collect()));
    compare("acquires", expected, &|| {
        let acquires = trace
            .events()
            .iter()
            .filter(|event| matches!(event.what, What::Acquire { .. }))
            .map(|event| acquire(trace.names().task(event.actor.task), event.at.millis()));
        Seen::List(acquires.collect())
    });
    compare("prints", expect.prints.clone().map(Seen::List), &|| Seen::List(prints(trace)));
    all
}

/// What the program printed, a line each, values as `{:?}`.
fn prints(trace: &Trace) -> Vec<String> {
    let line = |what: &What| match what {
        What::Print { text } => Some(text.to_string()),
        What::Debug { name, value, .. } => Some(format!("{name} = {:?}", value.as_deref())),
        _ => None,
    };
    trace.events().iter().filter_map(|event| line(&event.what)).collect()
}

impl Finding {
    /// A line where it holds, else what differs. Nothing of it can steer a terminal.
    pub fn text(&self) -> String {
        let file = words::clean(&self.file);
        let mut text = match self.verdict {
            Verdict::Holds => format!("holds     {file}: {}", self.ended()),
            Verdict::Differs => format!("differs   {file}: {}", self.ended()),
            Verdict::Deadlock => format!("deadlock  {file}: {}, which nobody expects", self.ended()),
            Verdict::Runaway => format!("runaway   {file}: stopped at {}, and not at its end", self.moment()),
            Verdict::Unusable => format!("unusable  {file}"),
        };
        if self.verdict == Verdict::Holds && !self.expects {
            text += ", nothing is expected";
        }
        if self.expects && !self.times {
            text += " (real clock: acquisitions without their times)";
        }
        text.push('\n');
        if self.verdict == Verdict::Holds {
            return text;
        }
        // Writing to a String cannot fail.
        for difference in &self.differences {
            match (&difference.expected, &difference.seen) {
                (Seen::List(expected), Seen::List(seen)) => {
                    let _ = writeln!(text, "    {}: - expected, + seen", difference.field);
                    for line in diff::lines(expected, seen) {
                        let _ = writeln!(text, "      {}", words::clean(&line));
                    }
                }
                (expected, seen) => {
                    let _ = writeln!(
                        text,
                        "    {}: expected {}, seen {}",
                        difference.field,
                        expected.word(),
                        seen.word()
                    );
                }
            }
        }
        if let Some(why) = self.why.as_ref().filter(|_| self.outcome.is_some()) {
            let _ = writeln!(text, "    {}", words::clean(why));
        }
        text
    }

    /// What goes before the text: warnings, or why the file cannot be used.
    pub fn message(&self) -> &str {
        let unusable = self.why.as_ref().filter(|_| self.verdict == Verdict::Unusable);
        unusable.or(self.warnings.as_ref()).map_or("", String::as_str)
    }

    /// How the run ended.
    fn ended(&self) -> String {
        let outcome = self.outcome.map_or_else(String::new, |outcome| outcome.to_string());
        let cause = self.cause.map_or_else(String::new, |cause| format!(" ({cause})"));
        format!("{outcome}{cause} at {}", self.moment())
    }

    fn moment(&self) -> String {
        words::moment(Time::from_nanos(self.ns.unwrap_or_default()))
    }

    /// One line of JSON, without its end.
    pub fn json(&self) -> String {
        // Every field is a number, a string, or a list of these: there is nothing in it that can fail.
        json_escape(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Seen {
    fn word(&self) -> &str {
        match self {
            Self::Word(Some(word)) => word,
            Self::Word(None) | Self::List(_) => "none",
        }
    }
}

/// How many files came to what, in a line.
pub fn summary(verdicts: &[Verdict]) -> String {
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let parts = [
        (count(Verdict::Holds), "hold", "holds"),
        (count(Verdict::Differs), "differ", "differs"),
        (count(Verdict::Deadlock), "come to a deadlock", "comes to a deadlock"),
        (count(Verdict::Runaway), "run away", "runs away"),
        (count(Verdict::Unusable), "are unusable", "is unusable"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, many, one)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    let files = if verdicts.len() == 1 { "1 file".to_owned() } else { format!("{} files", verdicts.len()) };
    format!("{files}: {}\n", told.join(", "))
}

/// What the process says of all of them: unusable counts more than a difference.
pub fn exit_code(verdicts: &[Verdict]) -> u8 {
    let code = |verdict: &Verdict| match verdict {
        Verdict::Holds => 0,
        Verdict::Differs | Verdict::Deadlock | Verdict::Runaway => 1,
        Verdict::Unusable => 2,
    };
    verdicts.iter().map(code).max().unwrap_or(0)
}
