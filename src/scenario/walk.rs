//! Walks over the steps of a task: numbers them, finds the verb of each, and knows what a verb
//! needs to know. What each verb means is in the table in [`super::verbs`].

use std::time::Duration;

use jsonc_parser::ast::Value as Node;

use super::fates::{Drops, Fork};
use super::file::Setting;
use super::json::{self, Field, Object, Spanned, at};
use super::keys;
use super::limits::MAX_STEPS;
use super::locks::{a, family_words};
use super::names::{list, nearest, quote};
use super::plan::{Runtime, Step, Verb};
use super::report::Mistakes;
use super::scope::Scope;
use super::source::Span;
use super::swap::kinds_of;
use super::uses::Uses;
use super::verbs::{VERBS, Word, is_modifier, verbs_of};
use crate::event::{Family, LockId, LockKind, Mode, StepId};

/// What is known while the steps of one task are read.
pub(super) struct Walk<'c> {
    pub(super) mistakes: &'c mut Mistakes,
    pub(super) scope: Scope,
    pub(super) setting: &'c Setting<'c>,
    pub(super) uses: &'c mut Uses,
    /// Which task it is, and how many there are of it.
    pub(super) task: (usize, u32),
    /// Whether something ends what never ends by itself: the file's horizon, or a `timeout`.
    pub(super) until: bool,
    /// The time at this step, as long as nothing before it can have waited.
    pub(super) now: Option<Duration>,
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
    /// Whether a step in them can leave out what stands behind it in the block.
    pub(super) leaves: bool,
    /// The `try_lock` by which they can be over before any time has passed, if there is one.
    pub(super) hasty: Option<Span>,
}

/// A block that may run or not.
#[derive(Default)]
pub(super) struct Branch {
    pub(super) steps: Vec<Step>,
    pub(super) flow: Flow,
    pub(super) drops: Drops,
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
        let (steps, mut flow) = self.steps(nodes);
        self.scope.leave(&at(node));
        if std::mem::take(&mut flow.leaves) {
            flow.endless = None;
        }
        Some((steps, flow))
    }

    /// Reads a block that may run or not, and goes back to where the branches begin.
    pub(super) fn branch(&mut self, fork: &Fork, node: &Node, what: &str) -> Option<Branch> {
        self.now = None;
        let block = self.block(node, what);
        self.now = None;
        let drops = self.scope.fates.turn_back(fork);
        let (steps, flow) = block?;
        Some(Branch { steps, flow, drops })
    }

    /// Ends branches of which one has run: how time goes through them.
    pub(super) fn join(&mut self, branches: &[&Branch]) -> Flow {
        let through = branches.iter().filter(|branch| branch.flow.endless.is_none());
        let drops: Vec<_> = through.map(|branch| branch.drops.clone()).collect();
        self.scope.fates.join(&drops);
        Flow {
            time: branches.iter().any(|branch| branch.flow.time),
            endless: branches
                .first()
                .filter(|_| drops.is_empty())
                .and_then(|branch| branch.flow.endless.clone()),
            leaves: false,
            hasty: branches.iter().find_map(|branch| branch.flow.hasty.clone()),
        }
    }

    fn steps(&mut self, nodes: &[Node]) -> (Vec<Step>, Flow) {
        let mut steps = Vec::new();
        let mut flow = Flow::default();
        let mut unreachable = false;
        // Whether no time need have passed yet, and by which `try_lock`.
        let (mut at_once, mut hasty) = (true, None);
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
                at_once = false;
                self.now = None;
                continue;
            };
            steps.push(step);
            flow.time |= done.time;
            flow.endless = flow.endless.or(done.endless);
            flow.leaves |= done.leaves;
            if at_once && done.leaves {
                flow.hasty = flow.hasty.or(done.hasty);
            } else {
                at_once &= !done.time || done.hasty.is_some();
                hasty = hasty.or(done.hasty);
            }
        }
        flow.hasty = flow.hasty.or(hasty.filter(|_| at_once));
        (steps, flow)
    }

    fn step(&mut self, node: &Node) -> Option<(Step, Flow)> {
        let id = StepId(u32::try_from(self.steps).ok()?.try_into().ok()?);
        let object =
            Object::read(node, "a step", "one verb, such as { \"sleep\": \"1s\" }", "key", self.mistakes)?;
        let name = object.get("as");
        let done = self.find_verb(object).and_then(|(word, written)| {
            let place = self.setting.source.place(written.key.at.start);
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
    fn find_verb<'a>(&mut self, mut object: Object<'a>) -> Option<(&'static Word, Written<'a>)> {
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
        let mut meant = Vec::new();
        for Field { name, .. } in object.fields() {
            if name.value != word.name && keys::names(word.modifiers).all(|known| known != name.value) {
                let mistake = self
                    .mistakes
                    .error(name.at.clone(), format!("{} has no key {}", quote(word.name), quote(name.value)))
                    .label("unknown key");
                let near = nearest(name.value, keys::names(word.modifiers));
                meant.extend(near.map(str::to_owned));
                mistake.help(match near {
                    Some(near) => format!("did you mean {}?", quote(near)),
                    None if word.modifiers.is_empty() => format!("{} has no other keys", quote(word.name)),
                    None => format!(
                        "besides {} there can be: {}",
                        quote(word.name),
                        list(keys::names(word.modifiers))
                    ),
                });
            }
        }
        object.mean(meant);
        Some((word, Written { object, key: field.name, node: field.node }))
    }

    /// The lock that the verb names, of the family that it needs.
    pub(super) fn lock(&mut self, step: &Written, family: Family) -> Option<LockId> {
        let verb = step.key.value;
        let name = json::string(step.node, &quote(verb), self.mistakes)?;
        let lock = self.setting.locks.find(&name, self.mistakes)?;
        self.uses.timers.touch(self.task.0, lock);
        let Some(kind) = self.setting.locks.kind(lock) else { return Some(lock) };
        let own = kind.lock.family();
        if own == family {
            return Some(lock);
        }
        let help = if kind.swapped {
            format!("`{verb}` can have: {}", list(kinds_of(family)))
        } else {
            format!("{} has: {}", a(kind.lock), list(verbs_of(own)))
        };
        self.mistakes
            .error(name.at, format!("`{verb}` needs {}, {}", family_words(family), kind.words(name.value)))
            .label(format!("not {}", family_words(family)))
            .also(kind.at.clone(), kind.label())
            .help(help);
        None
    }

    /// Which kind a lock is, where that is known.
    pub(super) fn kind(&self, lock: LockId) -> Option<LockKind> {
        self.setting.locks.kind(lock).map(|kind| kind.lock)
    }

    /// Notes that the task asks for a lock here, and waits if it cannot have it.
    pub(super) fn ask(&mut self, lock: LockId, mode: Mode, at: &Span) {
        let (index, count) = self.task;
        self.uses.order.ask((index, count > 1), self.scope.held(), (lock, mode, at), self.setting.locks);
        if self.kind(lock).is_some_and(LockKind::blocks) {
            self.now = None;
        } else {
            self.waits(at);
        }
    }

    /// Notes an `.await` that lasts until somebody else has done something.
    pub(super) fn waits(&mut self, at: &Span) {
        self.now = None;
        self.awaits(at);
    }

    /// Notes an `.await`: other tasks run meanwhile.
    pub(super) fn awaits(&mut self, at: &Span) {
        // On a thread of its own a task stops nobody but those who wait for what it holds.
        if self.setting.runtime != Some(Runtime::Threads) {
            let locks = self.setting.locks;
            let blocks = |lock| locks.kind(lock).is_some_and(|kind| kind.lock.blocks());
            self.uses.order.cross(self.scope.held().filter(|held| blocks(held.lock)), at);
        }
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
