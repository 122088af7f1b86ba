//! The Rust that a task's steps stand for, line by line, for the code panel and for the reader.
//!
//! It is what one would write by hand, not what would compile alone: durations read `350 ms`.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value as Json;

use super::excerpt::visible;
use super::plan::{Hold, Plan, Slot, Step, Value, Verb};
use crate::event::{LockId, StepId};

/// One line of a task's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLine {
    /// The steps that stand on this line, outermost first; none for a closing brace. A task at any
    /// of them is on this line.
    pub steps: Vec<StepId>,
    /// The steps whose guards are dropped here, because their block ends.
    pub drops: Vec<StepId>,
    /// How many blocks it stands in.
    pub depth: usize,
    /// The line, without its indent and without control characters.
    pub text: String,
    /// Whether it only shows something: a small panel leaves it out first.
    pub minor: bool,
}

/// The code of a task: `task` is its place in [`Plan::tasks`], and a place that is not there has no
/// lines.
pub fn listing(plan: &Plan, task: usize) -> Vec<CodeLine> {
    let Some(task) = plan.tasks.get(task) else { return Vec::new() };
    let mut writer = Writer { plan, lines: Vec::new(), depth: 0, temporaries: Vec::new(), names: Vec::new() };
    bound_names(&task.steps, &mut writer.names);
    writer.steps(&task.steps);
    let drops = bound_here(&task.steps);
    if !drops.is_empty() {
        writer.end("// end", drops);
    }
    writer.lines
}

/// The steps of a block that bind a guard to its end, unless `drop` comes first.
fn bound_here(steps: &[Step]) -> Vec<StepId> {
    let bound = |step: &&Step| matches!(step.verb, Verb::Lock { hold: Hold::Bound(_), .. });
    steps.iter().filter(bound).map(|step| step.id).collect()
}

struct Writer<'p> {
    plan: &'p Plan,
    lines: Vec<CodeLine>,
    depth: usize,
    /// The slots of the temporary guards around the line, and the names they have in the code.
    temporaries: Vec<(usize, String)>,
    /// The names that the task gives itself.
    names: Vec<String>,
}

impl Writer<'_> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let text = match &step.verb {
            Verb::Lock { lock, hold: Hold::Bound(slot) } => {
                format!("let {} = {}.lock().await;", slot.name, self.lock(*lock))
            }
            Verb::Lock { lock, hold: Hold::Temporary { guard, steps } } => {
                return self.temporary(step.id, *lock, guard, steps);
            }
            Verb::Loop { times, steps } => {
                let head = match times {
                    Some(times) => format!("for _ in 0..{times} {{"),
                    None => "loop {".to_owned(),
                };
                self.line(vec![step.id], &head, false);
                return self.block(steps, bound_here(steps));
            }
            Verb::Print { text } => {
                {
                    // Doubled before the escapes, whose own braces are no format's.
                    format!("println!({});", literal(&text.replace('{', "{{").replace('}', "}}")))
                }
            }
            Verb::Debug { value } => format!("dbg!({});", value.name),
            Verb::Say { text } => format!("// {text}"),
            Verb::Drop { guard } => format!("drop({});", guard.name),
            Verb::Sleep { span, jitter } if jitter.is_zero() => format!("sleep({}).await;", say(*span)),
            Verb::Sleep { span, jitter } => format!("sleep({} + 0..={}).await;", say(*span), say(*jitter)),
            Verb::Work { span } => format!("work({}); // does not yield", say(*span)),
            Verb::Yield { times } if times.get() == 1 => "yield_now().await;".to_owned(),
            Verb::Yield { times } => format!("for _ in 0..{times} {{ yield_now().await; }}"),
            Verb::Get { from, .. } => access(&step.verb, &self.guard(from)),
            Verb::Insert { into, .. } => access(&step.verb, &self.guard(into)),
        };
        let minor = matches!(step.verb, Verb::Print { .. } | Verb::Debug { .. } | Verb::Say { .. });
        self.line(vec![step.id], &text, minor);
    }

    /// A temporary guard: one line where it is used once, or else a block.
    fn temporary(&mut self, id: StepId, lock: LockId, guard: &Slot, steps: &[Step]) {
        let locked = format!("{}.lock().await", self.lock(lock));
        match steps {
            [] => self.line(vec![id], &format!("drop({locked});"), false),
            [only] if only.verb.goes_through(guard) => {
                self.line(vec![id, only.id], &access(&only.verb, &locked), false);
            }
            _ => {
                let name = self.fresh_name(lock);
                self.line(vec![id], &format!("{{ let {name} = {locked};"), false);
                self.temporaries.push((guard.index, name));
                // The temporary outlives what the block binds.
                let mut drops = bound_here(steps);
                drops.push(id);
                self.block(steps, drops);
                self.temporaries.pop();
            }
        }
    }

    /// The steps of a block that is open, and its end.
    fn block(&mut self, steps: &[Step], drops: Vec<StepId>) {
        self.depth += 1;
        self.steps(steps);
        self.depth -= 1;
        self.end("}", drops);
    }

    /// A block's end, with the guards that it drops.
    fn end(&mut self, text: &str, drops: Vec<StepId>) {
        let text = text.to_owned();
        self.lines.push(CodeLine { steps: Vec::new(), drops, depth: self.depth, text, minor: false });
    }

    fn line(&mut self, steps: Vec<StepId>, text: &str, minor: bool) {
        let text = visible(text, usize::MAX);
        self.lines.push(CodeLine { steps, drops: Vec::new(), depth: self.depth, text, minor });
    }

    fn lock(&self, lock: LockId) -> &str {
        self.plan.locks.get(lock.0 as usize).map_or("?", |lock| &lock.name)
    }

    /// What a guard is called in the code.
    fn guard(&self, slot: &Slot) -> String {
        let temporary = self.temporaries.iter().find(|(index, _)| *index == slot.index);
        temporary.map_or_else(|| slot.name.to_string(), |(_, name)| name.clone())
    }

    /// A name for a temporary guard that would not hide another one.
    fn fresh_name(&self, lock: LockId) -> String {
        let taken = |name: &String| {
            self.names.contains(name) || self.temporaries.iter().any(|(_, temporary)| temporary == name)
        };
        let names = ["guard".to_owned(), format!("{}_guard", self.lock(lock))];
        let numbered = (2..).map(|number| format!("guard{number}"));
        names.into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

impl Verb {
    /// Whether it is a `get` or an `insert` through this guard.
    fn goes_through(&self, guard: &Slot) -> bool {
        match self {
            Self::Get { from: slot, .. } | Self::Insert { into: slot, .. } => slot.index == guard.index,
            _ => false,
        }
    }
}

/// `get` or `insert` through a guard.
fn access(verb: &Verb, guard: &str) -> String {
    match verb {
        Verb::Get { key, bind: Some(bind), .. } => {
            format!("let {} = {guard}.get({});", bind.name, literal(key))
        }
        Verb::Get { key, .. } => format!("{guard}.get({});", literal(key)),
        Verb::Insert { key, value, .. } => format!("{guard}.insert({}, {});", literal(key), show(value)),
        _ => String::new(),
    }
}

/// The names that some steps bind.
fn bound_names(steps: &[Step], names: &mut Vec<String>) {
    for step in steps {
        match &step.verb {
            Verb::Lock { hold: Hold::Bound(slot), .. } | Verb::Get { bind: Some(slot), .. } => {
                names.push(slot.name.to_string());
            }
            Verb::Lock { hold: Hold::Temporary { steps, .. }, .. } | Verb::Loop { steps, .. } => {
                bound_names(steps, names);
            }
            _ => {}
        }
    }
}

/// A string as Rust writes it.
fn literal(text: &str) -> String {
    format!("{text:?}")
}

fn show(value: &Value) -> String {
    match value {
        Value::Elapsed => "start.elapsed()".to_owned(),
        Value::Var(slot) => slot.name.to_string(),
        Value::Json(json) => match &**json {
            Json::String(text) => literal(text),
            Json::Number(_) | Json::Bool(_) => json.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => format!("json!({json})"),
        },
    }
}

/// A duration as people say it: `350 ms`, `1 s`, `1.5 s`.
fn say(span: Duration) -> String {
    let ms = span.as_millis();
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    let mut text = (ms / 1_000).to_string();
    if !ms.is_multiple_of(1_000) {
        let _ = write!(text, ".{:03}", ms % 1_000);
        text.truncate(text.trim_end_matches('0').len());
    }
    text + " s"
}

#[cfg(test)]
mod tests {
    use super::super::{Source, parse};
    use super::*;

    fn code(steps: &str) -> String {
        let text = format!(
            r#"{{ "scenario": 1, "title": "t", "until": "1s", "locks": {{ "db": "tokio::sync::Mutex", "log": "tokio::sync::Mutex" }},
                "tasks": [ {{ "name": "a", "steps": {steps} }} ] }}"#
        );
        let plan = parse(&Source::new("x", &text)).unwrap().plan;
        listing(&plan, 0).iter().map(show_line).collect()
    }

    fn show_line(line: &CodeLine) -> String {
        let steps: Vec<_> = line.steps.iter().map(|step| step.0.to_string()).collect();
        let minor = if line.minor { "~" } else { " " };
        format!("{:>3}{minor} {}{}\n", steps.join("+"), "    ".repeat(line.depth), line.text)
    }

    #[test]
    fn every_verb_reads_as_rust() {
        let code = code(
            r#"[
            { "loop": [
                { "lock": "db", "as": "guard" },
                { "get": "my-key", "from": "guard", "as": "value" },
                { "get": "a \"b\"", "from": "guard" },
                { "insert": "k", "into": "guard", "value": { "$var": "value" } },
                { "insert": "k", "into": "guard", "value": { "a": [1, null] } },
                { "sleep": "1s", "jitter": "100ms" },
                { "sleep": "1.25s" }, { "sleep": "2m" },
                { "drop": "guard" },
                { "print": "{braces} and \u001b[31m \"quotes\"" }, { "dbg": "value" }, { "say": "line\nbreak" }
            ], "times": 3 },
            { "lock": "db", "do": [ { "insert": "k", "value": { "$elapsed": "ms" } } ] },
            { "lock": "db", "do": [ { "get": "k", "as": "v" } ] },
            { "lock": "db", "do": [] },
            { "lock": "db", "do": [ { "lock": "log", "do": [ { "insert": "k", "value": 1.5 }, { "sleep": "1ms" } ] } ] },
            { "lock": "db", "as": "held" },
            { "lock": "log", "do": [ { "insert": "k", "into": "held", "value": "x" } ] },
            { "work": "50ms" }, { "yield": 1 }, { "yield": 7 }
        ]"#,
        );
        insta::assert_snapshot!(code);
    }

    #[test]
    fn a_temporary_guard_hides_no_other() {
        let code = code(
            r#"[ { "lock": "db", "do": [ { "sleep": "1ms" },
                { "lock": "log", "do": [ { "insert": "k", "value": 1 }, { "sleep": "1ms" } ] } ] } ]"#,
        );
        assert!(code.contains("{ let guard = db.lock().await;"), "{code}");
        assert!(code.contains("{ let log_guard = log.lock().await;"), "{code}");
        assert!(code.contains("log_guard.insert(\"k\", 1);"), "{code}");
    }

    #[test]
    fn there_is_no_code_of_a_task_that_is_not_there() {
        let source = super::super::bundled::find("tokio-handoff").unwrap().source();
        let plan = parse(&source).unwrap().plan;
        assert!(listing(&plan, 2).is_empty());
    }

    #[test]
    fn the_lecture_reads_as_the_program_it_was() {
        let plan = parse(&super::super::bundled::find("tokio-handoff").unwrap().source()).unwrap().plan;
        let code: Vec<String> =
            (0..2).map(|task| listing(&plan, task).iter().map(show_line).collect()).collect();
        let code = code.join("\n");
        insta::assert_snapshot!(code);
    }
}
