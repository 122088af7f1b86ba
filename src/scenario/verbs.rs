//! The verbs: one entry in [`VERBS`] each, with the keys a step of it may have and the function that
//! reads it. A new verb is a new entry, its function, and its variant in the plan.

use std::num::NonZeroU32;
use std::sync::Arc;

use jsonc_parser::ast::Value as Node;

use super::data;
use super::json::{self, Object, at};
use super::limits::MAX_YIELDS;
use super::names::{check as check_name, list, nearest, quote};
use super::plan::{ClockKind, Hold, Slot, Value, Verb};
use super::source::Span;
use super::walk::{Done, Flow, Walk, Written};

/// A verb of the language.
pub(super) struct Word {
    pub(super) name: &'static str,
    /// The other keys that a step of it may have.
    pub(super) modifiers: &'static [&'static str],
    /// Reads a step of it; `None` after a mistake.
    pub(super) read: fn(&mut Walk, &Written) -> Option<Done>,
}

/// All verbs.
pub(super) const VERBS: &[Word] = &[
    Word { name: "lock", modifiers: &["as", "do"], read: lock },
    Word { name: "drop", modifiers: &[], read: drop_guard },
    Word { name: "get", modifiers: &["from", "as"], read: get },
    Word { name: "insert", modifiers: &["into", "value"], read: insert },
    Word { name: "sleep", modifiers: &["jitter"], read: sleep },
    Word { name: "work", modifiers: &[], read: work },
    Word { name: "yield", modifiers: &[], read: yield_now },
    Word { name: "loop", modifiers: &["times"], read: repeat },
    Word { name: "print", modifiers: &[], read: print },
    Word { name: "dbg", modifiers: &[], read: debug },
    Word { name: "say", modifiers: &[], read: say },
];

/// The values that are computed, as `{ "$name": … }`.
const COMPUTED: [&str; 2] = ["$elapsed", "$var"];

/// Whether a key belongs to some verb, so that it cannot be a misspelt verb itself.
pub(super) fn is_modifier(key: &str) -> bool {
    VERBS.iter().any(|word| word.modifiers.contains(&key))
}

fn lock(walk: &mut Walk, step: &Written) -> Option<Done> {
    let name = json::string(step.node, "`lock`", walk.mistakes);
    let lock = name.as_ref().and_then(|name| walk.lock(name));
    if let (Some(lock), Some(name)) = (lock, &name) {
        walk.ask(lock, &name.at);
    }
    match (step.get("as"), step.get("do")) {
        (None, None) => {
            walk.mistakes
                .error(step.key.at.clone(), "this `lock` does not say how long its guard lives")
                .label("neither `as` nor `do`")
                .help(
                    "add \"as\": \"guard\" to hold it to the end of the block, or \"do\": [ … ] to hold it for these steps",
                );
            None
        }
        (Some(guard), None) => {
            let guard = json::string(guard, "`as`", walk.mistakes)?;
            let named = check_name(&guard, "a guard", walk.mistakes);
            let slot = walk.scope.bind_guard(&guard, lock, walk.mistakes);
            named.then_some(Verb::Lock { lock: lock?, hold: Hold::Bound(slot) }.into())
        }
        (bound, Some(steps)) => {
            if bound.is_some() {
                let keys = (step.object.key("as")?, step.object.key("do")?);
                walk.mistakes
                    .error(keys.1, "this `lock` has both `as` and `do`")
                    .label("the guard is a temporary for these steps …")
                    .also(keys.0, "… or it has a name to the end of the block")
                    .help("remove one of the two");
            }
            // The block is read in any case, for the mistakes in it.
            let known = name.unwrap_or(json::Spanned { value: "", at: at(step.node) });
            walk.scope.enter();
            let guard = walk.scope.bind_temporary(&known, lock);
            let block = walk.block(steps, "`do`");
            walk.scope.leave(&at(steps));
            let ((steps, flow), lock, None) = (block?, lock?, bound) else { return None };
            Some(Done { verb: Verb::Lock { lock, hold: Hold::Temporary { guard, steps } }, flow })
        }
    }
}

fn drop_guard(walk: &mut Walk, step: &Written) -> Option<Done> {
    let name = json::string(step.node, "`drop`", walk.mistakes)?;
    let guard = walk.scope.drop_guard(&name, walk.locks.names(), walk.mistakes)?;
    Some(Verb::Drop { guard }.into())
}

fn get(walk: &mut Walk, step: &Written) -> Option<Done> {
    let key = json::string(step.node, "`get`", walk.mistakes);
    let from = through(walk, step, "from");
    // The name is bound after the guard is looked up, as in `let x = x.get(…)`.
    let bind = json::optional(step.get("as"), |node| {
        let name = json::string(node, "`as`", walk.mistakes)?;
        let named = check_name(&name, "a value", walk.mistakes);
        let slot = walk.scope.bind_value(&name, walk.mistakes);
        named.then_some(slot)
    });
    Some(Verb::Get { key: key?.value.into(), from: from?, bind: bind? }.into())
}

fn insert(walk: &mut Walk, step: &Written) -> Option<Done> {
    let key = json::string(step.node, "`insert`", walk.mistakes);
    let into = through(walk, step, "into");
    let value = step
        .object
        .need("value", "this `insert`", "\"value\": 1, or \"value\": { \"$elapsed\": \"ms\" }", walk.mistakes)
        .and_then(|node| value(walk, node));
    Some(Verb::Insert { key: key?.value.into(), into: into?, value: value? }.into())
}

fn sleep(walk: &mut Walk, step: &Written) -> Option<Done> {
    let span = json::duration(step.node, "`sleep`", walk.mistakes);
    let jitter = json::optional(step.get("jitter"), |node| json::duration(node, "`jitter`", walk.mistakes));
    let (span, jitter) = (span?, jitter?.unwrap_or_default());
    let flow = Flow { time: !(span + jitter).is_zero(), endless: None };
    Some(Done { verb: Verb::Sleep { span, jitter }, flow })
}

fn work(walk: &mut Walk, step: &Written) -> Option<Done> {
    let span = json::duration(step.node, "`work`", walk.mistakes)?;
    Some(Done { verb: Verb::Work { span }, flow: Flow { time: !span.is_zero(), endless: None } })
}

fn yield_now(walk: &mut Walk, step: &Written) -> Option<Done> {
    let times = json::whole(step.node, "`yield`", 1..=MAX_YIELDS, walk.mistakes)?;
    Some(Verb::Yield { times: count(times)? }.into())
}

fn repeat(walk: &mut Walk, step: &Written) -> Option<Done> {
    let times = step.get("times");
    let turns = times.and_then(|node| json::whole(node, "`times`", 1..=u64::from(u32::MAX), walk.mistakes));
    walk.scope.enter_loop();
    let block = walk.block(step.node, "`loop`");
    walk.scope.leave_loop(&at(step.node));
    let (steps, flow) = block?;
    if matches!(step.node, Node::Array(array) if array.elements.is_empty()) {
        walk.mistakes
            .error(at(step.node), "this loop is empty")
            .label("no steps")
            .help("write steps into it, or remove it");
        return None;
    }
    if times.is_some() {
        return Some(Done { verb: Verb::Loop { times: Some(count(turns?)?), steps }, flow });
    }
    if !walk.until {
        walk.mistakes
            .error(step.key.at.clone(), "this loop never ends, and the file has no `until`")
            .label("nothing would stop the run")
            .help("add \"until\": \"10s\" at the top of the file, or \"times\": 3 to the loop");
    }
    if !flow.time {
        timeless(walk, &step.key.at);
    }
    let flow = Flow { time: true, endless: Some(step.key.at.clone()) };
    Some(Done { verb: Verb::Loop { times: None, steps }, flow })
}

/// An endless loop without a step that takes time. Waiting for a lock takes time only while somebody
/// else holds it, which nothing here can promise.
fn timeless(walk: &mut Walk, key: &Span) {
    let why = match walk.clock {
        ClockKind::Virtual => {
            "the virtual clock moves only in `sleep` and `work`: without one it stands still, and `until` never comes"
        }
        ClockKind::Real => "it would turn as fast as the machine can, and nothing else could be seen",
    };
    walk.mistakes
        .error(key.clone(), "no time can pass in this loop")
        .label("never ends, and has no `sleep` or `work` longer than 0ms")
        .help(format!("add a `sleep` or `work` to the loop, such as {{ \"sleep\": \"100ms\" }}; {why}"));
}

fn print(walk: &mut Walk, step: &Written) -> Option<Done> {
    let text = json::string(step.node, "`print`", walk.mistakes)?;
    Some(Verb::Print { text: text.value.into() }.into())
}

fn debug(walk: &mut Walk, step: &Written) -> Option<Done> {
    let name = json::string(step.node, "`dbg`", walk.mistakes)?;
    Some(Verb::Debug { value: walk.scope.value(&name, walk.mistakes)? }.into())
}

fn say(walk: &mut Walk, step: &Written) -> Option<Done> {
    let text = json::string(step.node, "`say`", walk.mistakes)?;
    Some(Verb::Say { text: text.value.into() }.into())
}

/// The guard that `from` or `into` names, or else that of the innermost `do`.
fn through(walk: &mut Walk, step: &Written, modifier: &str) -> Option<Slot> {
    if let Some(node) = step.get(modifier) {
        let name = json::string(node, &format!("`{modifier}`"), walk.mistakes)?;
        return walk.scope.guard(&name, walk.locks.names(), walk.mistakes);
    }
    let guard = walk.scope.temporary();
    if guard.is_none() {
        let verb = step.key.value;
        let known = walk.scope.known_guards();
        walk.mistakes
            .error(step.key.at.clone(), format!("this `{verb}` does not say through which guard"))
            .label(format!("no `{modifier}`, and no `do` around it"))
            .help(format!("add \"{modifier}\": \"guard\"; {known}"));
    }
    guard
}

/// What `insert` inserts.
fn value(walk: &mut Walk, node: &Node) -> Option<Value> {
    let computed = matches!(node, Node::Object(object)
        if object.properties.first().is_some_and(|property| property.name.as_str().starts_with('$')));
    if !computed {
        return data::plain(node, walk.mistakes).map(|json| Value::Json(Arc::new(json)));
    }
    let object = Object::read(node, "a value", "{ \"$elapsed\": \"ms\" }", "key", walk.mistakes)?;
    let [field] = object.fields() else {
        walk.mistakes
            .error(object.at.clone(), "a computed value has one key")
            .help("write { \"$elapsed\": \"ms\" } or { \"$var\": \"name\" }");
        return None;
    };
    match field.name.value {
        "$elapsed" => json::choice(field.node, "`$elapsed`", &[("ms", Value::Elapsed)], walk.mistakes),
        "$var" => {
            let name = json::string(field.node, "`$var`", walk.mistakes)?;
            walk.scope.value(&name, walk.mistakes).map(Value::Var)
        }
        other => {
            let help = match nearest(other, COMPUTED) {
                Some(near) => format!("did you mean {}?", quote(near)),
                None => format!("known: {}", list(COMPUTED)),
            };
            walk.mistakes
                .error(field.name.at.clone(), format!("unknown computed value {}", quote(other)))
                .label("not known")
                .help(help);
            None
        }
    }
}

fn count(number: u64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(number).ok()?)
}
