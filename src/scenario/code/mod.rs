//! The Rust that a task's steps stand for, line by line, for the code panel and for the reader.
//!
//! It is what one would write by hand, not what would compile alone: durations read `350 ms`.

#[cfg(test)]
mod tests;
mod text;
mod verbs;

use super::excerpt::visible;
use super::plan::{Arm, Hold, Plan, Runtime, Slot, Step, Turns, Verb};
use crate::event::{LockId, LockKind, Mode, StepId};
use text::{access, acquisition, free, holds, print, say, show};
use verbs::bound_names;

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

/// The steps of a block that bind a guard to its end, unless `drop` comes first. What a `try_lock` binds,
/// and all behind it, is in a block of its own.
fn bound_here(steps: &[Step]) -> Vec<StepId> {
    let bound = |step: &&Step| matches!(step.verb, Verb::Lock { hold: Hold::Bound(_), .. });
    let rest = |step: &&Step| !matches!(step.verb, Verb::TryLock { hold: Hold::Bound(_), .. });
    steps.iter().take_while(rest).filter(bound).map(|step| step.id).collect()
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
        for (index, step) in steps.iter().enumerate() {
            if let Verb::TryLock { lock, hold: Hold::Bound(slot), other } = &step.verb {
                // Its body is the rest of the block.
                return self.try_lock(step.id, *lock, &slot.name, &steps[index + 1..], other);
            }
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.verb {
            Verb::Lock { lock, mode, hold: Hold::Temporary { guard, steps } } => {
                self.temporary(step.id, *lock, *mode, guard, steps);
            }
            Verb::TryLock { lock, hold: Hold::Temporary { guard, steps }, other } => {
                let name = self.fresh_name(*lock);
                self.temporaries.push((guard.index, name.clone()));
                self.try_lock(step.id, *lock, &name, steps, other);
                self.temporaries.pop();
            }
            Verb::Loop { turns, steps } => self.repeat(step.id, *turns, steps),
            Verb::If { condition, then, other } => {
                self.line(vec![step.id], &format!("if {} {{", holds(condition)), false);
                self.block(then, bound_here(then), other);
            }
            Verb::Timeout { span, steps, other } => self.timeout(step.id, &say(*span), steps, other),
            Verb::Select { arms } => self.select(step.id, arms),
            verb => {
                let minor = matches!(verb, Verb::Print { .. } | Verb::Debug { .. } | Verb::Say { .. });
                let text = self.simple(verb);
                self.line(vec![step.id], &text, minor);
            }
        }
    }

    /// A verb without steps in it.
    fn simple(&self, verb: &Verb) -> String {
        let awaits = if self.plan.runtime == Runtime::Threads { "" } else { ".await" };
        match verb {
            Verb::Lock { lock, mode, hold: Hold::Bound(slot) } => {
                format!("let {} = {};", slot.name, self.acquired(*lock, *mode))
            }
            Verb::AddPermits { lock, permits } => format!("{}.add_permits({permits});", self.lock(*lock)),
            Verb::Notified { lock } => format!("{}.notified().await;", self.lock(*lock)),
            Verb::Notify { lock, all: false } => format!("{}.notify_one();", self.lock(*lock)),
            Verb::Notify { lock, all: true } => format!("{}.notify_waiters();", self.lock(*lock)),
            Verb::Send { lock, value } => {
                // An unbounded channel always has room, so its `send` is no future.
                let bounded = self.plan.locks.get(lock.0 as usize).is_some_and(|lock| lock.permits.is_some());
                let awaits = if bounded { ".await" } else { "" };
                format!("{}.send({}){awaits};", self.lock(*lock), show(value))
            }
            Verb::Recv { lock, bind: Some(bind) } => {
                format!("let {} = {}.recv().await;", bind.name, self.lock(*lock))
            }
            Verb::Recv { lock, bind: None } => format!("{}.recv().await;", self.lock(*lock)),
            Verb::Print { text } => print(text),
            Verb::Debug { value } => format!("dbg!({});", value.name),
            Verb::Say { text } => format!("// {text}"),
            Verb::Drop { guard } => format!("drop({});", guard.name),
            Verb::Sleep { span, jitter } if jitter.is_zero() => format!("sleep({}){awaits};", say(*span)),
            Verb::Sleep { span, jitter } => format!("sleep({} + 0..={}){awaits};", say(*span), say(*jitter)),
            Verb::Work { span } => format!("work({}); // does not yield", say(*span)),
            Verb::Yield { times } if times.get() == 1 => format!("yield_now(){awaits};"),
            Verb::Yield { times } => format!("for _ in 0..{times} {{ yield_now(){awaits}; }}"),
            Verb::Get { from, .. } => access(verb, &self.guard(from)),
            Verb::Insert { into, .. } => access(verb, &self.guard(into)),
            Verb::Lock { .. }
            | Verb::TryLock { .. }
            | Verb::Loop { .. }
            | Verb::If { .. }
            | Verb::Timeout { .. }
            | Verb::Select { .. } => String::new(),
        }
    }

    /// A temporary guard: one line where it is used once, or else a block.
    fn temporary(&mut self, id: StepId, lock: LockId, mode: Mode, guard: &Slot, steps: &[Step]) {
        let locked = self.acquired(lock, mode);
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
                self.block(steps, drops, &[]);
                self.temporaries.pop();
            }
        }
    }

    fn try_lock(&mut self, id: StepId, lock: LockId, name: &str, steps: &[Step], other: &[Step]) {
        let head = format!("if let {}({name}) = {}.try_lock() {{", free(self.kind(lock)), self.lock(lock));
        self.line(vec![id], &head, false);
        let mut drops = bound_here(steps);
        drops.push(id);
        self.block(steps, drops, other);
    }

    fn repeat(&mut self, id: StepId, turns: Turns, steps: &[Step]) {
        let head = match (turns, steps) {
            (Turns::WhileReceiving, [Step { id: first, verb: Verb::Recv { lock, bind }, .. }, rest @ ..]) => {
                let channel = self.lock(*lock);
                let head = match bind {
                    Some(bind) => format!("while let Some({}) = {channel}.recv().await {{", bind.name),
                    None => format!("while {channel}.recv().await.is_some() {{"),
                };
                self.line(vec![id, *first], &head, false);
                return self.block(rest, bound_here(rest), &[]);
            }
            (Turns::Times(times), _) => format!("for _ in 0..{times} {{"),
            (Turns::Ever | Turns::WhileReceiving, _) => "loop {".to_owned(),
        };
        self.line(vec![id], &head, false);
        self.block(steps, bound_here(steps), &[]);
    }

    fn timeout(&mut self, id: StepId, span: &str, steps: &[Step], other: &[Step]) {
        let before = if other.is_empty() { "let _ =" } else { "if" };
        self.line(vec![id], &format!("{before} timeout({span}, async {{"), false);
        self.body(steps);
        let drops = bound_here(steps);
        if other.is_empty() {
            return self.end("}).await;", drops);
        }
        self.end("}).await.is_err() {", drops);
        self.block(other, bound_here(other), &[]);
    }

    /// A `select!`. What is kept was made before it, or it would be dropped with the others.
    fn select(&mut self, id: StepId, arms: &[Arm]) {
        let mut kept = Vec::new();
        for arm in arms {
            kept.push(arm.keep.then(|| self.fresh("op", kept.len() + 1)));
            if let Some(Some(name)) = kept.last() {
                let head = format!("let mut {name} = pin!(async {{");
                self.line(Vec::new(), &head, false);
                self.body(&arm.steps);
                self.end("});", bound_here(&arm.steps));
            }
        }
        self.line(vec![id], "select! { biased;", false);
        self.depth += 1;
        for (arm, kept) in arms.iter().zip(kept) {
            match (&arm.steps[..], kept) {
                (_, Some(name)) => self.line(Vec::new(), &format!("() = &mut {name} => {{}}"), false),
                ([only], None) if only.verb.is_a_future() => {
                    let text = self.simple(&only.verb);
                    let future = text.trim_end_matches(';').trim_end_matches(".await");
                    self.line(vec![only.id], &format!("_ = {future} => {{}}"), false);
                }
                (steps, None) => {
                    self.line(Vec::new(), "() = async {", false);
                    self.body(steps);
                    self.end("} => {}", bound_here(steps));
                }
            }
        }
        self.depth -= 1;
        self.end("}", Vec::new());
    }

    /// The steps of a block that is open, its end, and what is done otherwise.
    fn block(&mut self, steps: &[Step], drops: Vec<StepId>, other: &[Step]) {
        self.body(steps);
        if other.is_empty() {
            return self.end("}", drops);
        }
        self.end("} else {", drops);
        self.body(other);
        self.end("}", bound_here(other));
    }

    fn body(&mut self, steps: &[Step]) {
        self.depth += 1;
        self.steps(steps);
        self.depth -= 1;
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

    fn kind(&self, lock: LockId) -> LockKind {
        self.plan.locks.get(lock.0 as usize).map_or(LockKind::TokioMutex, |lock| lock.kind)
    }

    /// How a lock is asked for.
    fn acquired(&self, lock: LockId, mode: Mode) -> String {
        format!("{}.{}", self.lock(lock), acquisition(self.kind(lock), mode))
    }

    /// What a guard is called in the code.
    fn guard(&self, slot: &Slot) -> String {
        let temporary = self.temporaries.iter().find(|(index, _)| *index == slot.index);
        temporary.map_or_else(|| slot.name.to_string(), |(_, name)| name.clone())
    }

    /// A name for a temporary guard that would not hide another one.
    fn fresh_name(&self, lock: LockId) -> String {
        let names = ["guard".to_owned(), format!("{}_guard", self.lock(lock))];
        names.into_iter().find(|name| !self.is_taken(name)).unwrap_or_else(|| self.fresh("guard", 2))
    }

    /// A name with the first number, from this one on, that is not taken.
    fn fresh(&self, name: &str, from: usize) -> String {
        let mut names = (from..).map(|number| format!("{name}{number}"));
        names.find(|name| !self.is_taken(name)).unwrap_or_default()
    }

    fn is_taken(&self, name: &str) -> bool {
        self.names.iter().any(|taken| taken == name)
            || self.temporaries.iter().any(|(_, temporary)| temporary == name)
    }
}
