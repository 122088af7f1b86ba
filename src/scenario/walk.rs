//! Walks over the steps of a task: numbers them, finds the verb of each, and knows what a verb
//! needs to know. What each verb means is in the table in [`super::verbs`].

use jsonc_parser::ast::Value as Node;

use super::json::{self, Field, Object, Spanned, at};
use super::limits::MAX_STEPS;
use super::locks::Locks;
use super::names::{list, nearest, quote};
use super::order::LockOrder;
use super::plan::{ClockKind, Step, Verb};
use super::report::Mistakes;
use super::scope::Scope;
use super::source::{Source, Span};
use super::verbs::{VERBS, Word, is_modifier};
use crate::event::{LockId, StepId};

/// What is known while the steps of one task are read.
pub(super) struct Walk<'c> {
    pub(super) mistakes: &'c mut Mistakes,
    pub(super) scope: Scope,
    pub(super) source: &'c Source,
    pub(super) locks: &'c Locks<'c>,
    pub(super) order: &'c mut LockOrder,
    /// Which task it is, and whether it runs more than once.
    pub(super) task: (usize, bool),
    /// Whether the file has a horizon.
    pub(super) until: bool,
    pub(super) clock: ClockKind,
    /// Steps of this task so far.
    pub(super) steps: usize,
    /// Steps of the tasks before.
    pub(super) steps_before: usize,
}

/// How time goes through some steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    /// Whether time can pass in them.
    pub(super) time: bool,
    /// The loop in them that never ends, if there is one: what stands behind it never runs.
    pub(super) endless: Option<Span>,
}

/// A step that was understood.
pub(super) struct Done {
    pub(super) verb: Verb,
    pub(super) flow: Flow,
}

impl From<Verb> for Done {
    /// A verb that takes no time of its own.
    fn from(verb: Verb) -> Self {
        Self { verb, flow: Flow::default() }
    }
}

/// A step as it is written.
pub(super) struct Written<'a> {
    pub(super) object: Object<'a>,
    /// The verb.
    pub(super) key: Spanned<&'a str>,
    /// What stands behind the verb.
    pub(super) node: &'a Node<'a>,
}

impl<'a> Written<'a> {
    /// A modifier of the verb.
    pub(super) fn get(&self, modifier: &str) -> Option<&'a Node<'a>> {
        self.object.get(modifier)
    }
}

impl Walk<'_> {
    /// Reads a list of steps as a block of its own; `what` says whose it is.
    pub(super) fn block(&mut self, node: &Node, what: &str) -> Option<(Vec<Step>, Flow)> {
        let nodes = json::list(node, what, self.mistakes)?;
        self.scope.enter();
        let block = self.steps(nodes);
        self.scope.leave(&at(node));
        Some(block)
    }

    fn steps(&mut self, nodes: &[Node]) -> (Vec<Step>, Flow) {
        let mut steps = Vec::new();
        let mut flow = Flow::default();
        let mut unreachable = false;
        for node in nodes {
            if let (Some(endless), false) = (&flow.endless, unreachable) {
                self.mistakes
                    .warning(at(node), "this step never runs")
                    .label("unreachable")
                    .also(endless.clone(), "this loop never ends")
                    .help("remove what stands behind the loop, or end it with \"times\"");
                unreachable = true;
            }
            self.steps += 1;
            let total = self.steps + self.steps_before;
            if total > MAX_STEPS {
                if total == MAX_STEPS + 1 {
                    self.mistakes
                        .error(at(node), format!("a scenario has at most {MAX_STEPS} steps"))
                        .label("this is one too many")
                        .help("a `loop` repeats steps without writing them again");
                }
                break;
            }
            let Some((step, done)) = self.step(node) else {
                // Nothing is known of a step that is a mistake, so nothing is said of it.
                flow.time = true;
                continue;
            };
            steps.push(step);
            flow.time |= done.time;
            flow.endless = flow.endless.or(done.endless);
        }
        (steps, flow)
    }

    fn step(&mut self, node: &Node) -> Option<(Step, Flow)> {
        let id = StepId(u32::try_from(self.steps).ok()?.try_into().ok()?);
        let object =
            Object::read(node, "a step", "one verb, such as { \"sleep\": \"1s\" }", "key", self.mistakes)?;
        let name = object.get("as");
        let done = self.find_verb(object).and_then(|(word, written)| {
            let place = self.source.place(written.key.at.start);
            (word.read)(self, &written).map(|done| (Step { id, place, verb: done.verb }, done.flow))
        });
        if done.is_none() {
            // What the step would have bound must not be called unknown further down.
            if let Some(Node::StringLit(name)) = name {
                self.scope.bind_unknown(&Spanned { value: &name.value, at: at(name) });
            }
        }
        done
    }

    /// Finds the one verb of a step, and reports keys that it does not have.
    fn find_verb<'a>(&mut self, object: Object<'a>) -> Option<(&'static Word, Written<'a>)> {
        let word_of = |field: &Field| VERBS.iter().find(|word| word.name == field.name.value);
        let verbs: Vec<_> =
            object.fields().iter().filter_map(|field| Some((word_of(field)?, field))).collect();
        let [(word, field)] = verbs[..] else {
            match verbs[..] {
                [(_, first), (_, second), ..] => two_verbs(&first.name, &second.name, self.mistakes),
                _ => no_verb(&object, self.mistakes),
            }
            return None;
        };
        let field = field.clone();
        for Field { name, .. } in object.fields() {
            if name.value != word.name && !word.modifiers.contains(&name.value) {
                let mistake = self
                    .mistakes
                    .error(name.at.clone(), format!("{} has no key {}", quote(word.name), quote(name.value)))
                    .label("unknown key");
                mistake.help(match nearest(name.value, word.modifiers.iter().copied()) {
                    Some(near) => format!("did you mean {}?", quote(near)),
                    None if word.modifiers.is_empty() => format!("{} has no other keys", quote(word.name)),
                    None => format!(
                        "besides {} there can be: {}",
                        quote(word.name),
                        list(word.modifiers.iter().copied())
                    ),
                });
            }
        }
        Some((word, Written { object, key: field.name, node: field.node }))
    }

    /// A lock of the file.
    pub(super) fn lock(&mut self, name: &Spanned<&str>) -> Option<LockId> {
        self.locks.find(name, self.mistakes)
    }

    /// Notes that the task asks for a lock here.
    pub(super) fn ask(&mut self, lock: LockId, at: &Span) {
        self.order.ask(self.task, self.scope.held(), (lock, at));
    }
}

fn two_verbs(first: &Spanned<&str>, second: &Spanned<&str>, mistakes: &mut Mistakes) {
    mistakes
        .error(
            second.at.clone(),
            format!("two verbs in one step: {} and {}", quote(first.value), quote(second.value)),
        )
        .label("the second verb")
        .also(first.at.clone(), "the first verb")
        .help("make two steps of it: { … }, { … }");
}

fn no_verb(object: &Object, mistakes: &mut Mistakes) {
    let verbs = VERBS.iter().map(|word| word.name);
    let stranger = object.fields().iter().find(|field| !is_modifier(field.name.value));
    if let Some(Field { name, .. }) = stranger {
        let help = match nearest(name.value, verbs.clone()) {
            Some(near) => format!("did you mean {}?", quote(near)),
            None => format!("the verbs are: {}", list(verbs)),
        };
        mistakes
            .error(name.at.clone(), format!("unknown verb {}", quote(name.value)))
            .label("not a verb")
            .help(help);
    } else {
        mistakes
            .error(object.at.clone(), "this step has no verb")
            .label("what should happen here?")
            .help(format!("the verbs are: {}", list(verbs)));
    }
}
