//! The names of a task at the step being read: guards and values, by block, as in Rust.
//!
//! Names live from their step to the end of their block. A guard also has a state: it is held until
//! it is dropped, and Rust's rule of moved values says where that may be: a `drop` inside of a loop
//! takes a guard that was bound inside of that same loop, since in its second turn another one
//! would be gone already; and a guard that is dropped in one branch is not there behind the branches.

use std::collections::HashMap;
use std::sync::Arc;

use super::fates::{Drops, Fates};
use super::json::Spanned;
use super::names::{list, nearest, quote};
use super::plan::Slot;
use super::report::Mistakes;
use super::source::Span;
use crate::event::{LockId, Mode};

/// The names of one task.
#[derive(Default)]
pub(super) struct Scope {
    /// What is in scope, innermost last.
    names: Vec<Name>,
    /// The open blocks, innermost last.
    blocks: Vec<Block>,
    /// How many loops are open.
    loops: usize,
    /// Where the block of a name ended that is no longer in scope.
    ended: HashMap<Arc<str>, Span>,
    /// Which guards are held, by slot.
    pub(super) fates: Fates,
    values: usize,
}

struct Block {
    /// Where its names begin.
    first: usize,
    /// What branches that leave the block have dropped: it counts when the block ends.
    later: Vec<Drops>,
}

struct Name {
    text: Arc<str>,
    /// Where it was bound.
    at: Span,
    thing: Thing,
}

impl Name {
    fn is_temporary(&self) -> bool {
        matches!(&self.thing, Thing::Guard(guard) if guard.temporary)
    }
}

enum Thing {
    Guard(Guard),
    Value(usize),
    /// Bound by a step that is itself a mistake: whatever is done with it is right.
    Unknown,
}

struct Guard {
    slot: usize,
    /// The lock, where it is known.
    lock: Option<LockId>,
    mode: Mode,
    /// How many loops were open when it was bound.
    loops: usize,
    /// It belongs to a `do` and has no name that a step can use.
    temporary: bool,
}

/// A guard that is held.
pub(super) struct Held {
    pub(super) lock: LockId,
    pub(super) mode: Mode,
    /// Where it was bound.
    pub(super) at: Span,
}

impl Scope {
    /// Begins a block.
    pub(super) fn enter(&mut self) {
        self.blocks.push(Block { first: self.names.len(), later: Vec::new() });
    }

    /// Ends a block, and with it the names in it; `at` is where it stands.
    pub(super) fn leave(&mut self, at: &Span) {
        let Some(Block { first, later }) = self.blocks.pop() else { return };
        for name in self.names.drain(first..) {
            if !name.is_temporary() {
                self.ended.insert(name.text, at.clone());
            }
        }
        for drops in later {
            self.fates.lose(&drops);
        }
    }

    /// Begins the body of a loop.
    pub(super) fn enter_loop(&mut self) {
        self.loops += 1;
        self.enter();
    }

    /// Ends the body of a loop.
    pub(super) fn leave_loop(&mut self, at: &Span) {
        self.loops -= 1;
        self.leave(at);
    }

    /// Whether this step can run more than once.
    pub(super) fn in_loop(&self) -> bool {
        self.loops > 0
    }

    /// Takes what a branch dropped that leaves this block as perhaps gone behind the block.
    pub(super) fn lose_later(&mut self, drops: Drops) {
        if let Some(block) = self.blocks.last_mut() {
            block.later.push(drops);
        }
    }

    /// How many slots for guards and for values were handed out.
    pub(super) fn slots(&self) -> (usize, usize) {
        (self.fates.count(), self.values)
    }

    /// The locks that are surely held at this step.
    pub(super) fn held(&self) -> impl Iterator<Item = Held> {
        self.names.iter().filter_map(|name| match &name.thing {
            Thing::Guard(Guard { lock: Some(lock), mode, slot, .. }) if self.fates.is_held(*slot) => {
                Some(Held { lock: *lock, mode: *mode, at: name.at.clone() })
            }
            _ => None,
        })
    }

    /// Binds a guard.
    pub(super) fn bind_guard(
        &mut self,
        name: &Spanned<&str>,
        lock: Option<LockId>,
        mode: Mode,
        mistakes: &mut Mistakes,
    ) -> Slot {
        match self.find(name.value) {
            Some(Name { at, thing: Thing::Guard(guard), .. }) if self.fates.is_held(guard.slot) => {
                mistakes
                    .error(
                        name.at.clone(),
                        format!("a guard of the name {} is still held", quote(name.value)),
                    )
                    .label("bound again here")
                    .also(at.clone(), "bound here")
                    .help("give this guard another name, or `drop` the first one before");
            }
            Some(Name { at, thing: Thing::Value(_), .. }) => {
                mistakes
                    .error(name.at.clone(), format!("{} is already the name of a value", quote(name.value)))
                    .label("bound again here")
                    .also(at.clone(), "the value is bound here")
                    .help("give the guard another name");
            }
            _ => {}
        }
        self.push_guard(name, lock, mode, false)
    }

    /// Binds the guard of a `do`, whose name is the lock's.
    pub(super) fn bind_temporary(&mut self, name: &Spanned<&str>, lock: Option<LockId>, mode: Mode) -> Slot {
        self.push_guard(name, lock, mode, true)
    }

    /// Binds a value; a value of the same name is shadowed, as `let` does.
    pub(super) fn bind_value(&mut self, name: &Spanned<&str>, mistakes: &mut Mistakes) -> Slot {
        if let Some(Name { at, thing: Thing::Guard(guard), .. }) = self.find(name.value)
            && self.fates.is_held(guard.slot)
        {
            mistakes
                .error(name.at.clone(), format!("{} is already the name of a guard", quote(name.value)))
                .label("bound again here")
                .also(at.clone(), "the guard is bound here")
                .help("give the value another name");
        }
        let index = self.values;
        self.values += 1;
        self.push(name.value, name.at.clone(), Thing::Value(index), index)
    }

    /// Notes a name that a mistaken step would have bound.
    pub(super) fn bind_unknown(&mut self, name: &Spanned<&str>) {
        if self.find(name.value).is_none() {
            self.push(name.value, name.at.clone(), Thing::Unknown, 0);
        }
    }

    /// The lock and the mode of a guard that is in scope.
    pub(super) fn guarded(&self, slot: &Slot) -> Option<(Option<LockId>, Mode, Span)> {
        self.names.iter().rev().find_map(|name| match &name.thing {
            Thing::Guard(guard) if guard.slot == slot.index => {
                Some((guard.lock, guard.mode, name.at.clone()))
            }
            _ => None,
        })
    }

    /// The guard of the innermost `do`.
    pub(super) fn temporary(&self) -> Option<Slot> {
        self.names.iter().rev().find_map(|name| match &name.thing {
            Thing::Guard(guard) if guard.temporary => {
                Some(Slot { index: guard.slot, name: name.text.clone() })
            }
            _ => None,
        })
    }

    /// A guard that a step goes through.
    pub(super) fn guard(
        &self,
        name: &Spanned<&str>,
        locks: &[&str],
        mistakes: &mut Mistakes,
    ) -> Option<Slot> {
        match self.find(name.value) {
            Some(Name { text, thing: Thing::Guard(guard), .. }) => {
                if !self.fates.is_held(guard.slot) {
                    self.fates.explain(guard.slot, name, mistakes);
                    return None;
                }
                Some(Slot { index: guard.slot, name: text.clone() })
            }
            Some(Name { at, thing: Thing::Value(_), .. }) => {
                mistakes
                    .error(name.at.clone(), format!("{} is a value, not a guard", quote(name.value)))
                    .label("expected a guard")
                    .also(at.clone(), "the value is bound here")
                    .help(self.known_guards());
                None
            }
            Some(Name { thing: Thing::Unknown, .. }) => None,
            None => {
                self.no_such(name, "guard", locks, mistakes);
                None
            }
        }
    }

    /// A guard that a step drops.
    pub(super) fn drop_guard(
        &mut self,
        name: &Spanned<&str>,
        locks: &[&str],
        mistakes: &mut Mistakes,
    ) -> Option<Slot> {
        let slot = self.guard(name, locks, mistakes)?;
        let loops = self.loops;
        let (outside, at) = self.names.iter().rev().find_map(|known| match &known.thing {
            Thing::Guard(guard) if guard.slot == slot.index => Some((guard.loops < loops, known.at.clone())),
            _ => None,
        })?;
        self.fates.drop(slot.index, &name.at);
        if outside {
            mistakes
                .error(
                    name.at.clone(),
                    format!("{} is dropped again in the next turn of the loop", quote(name.value)),
                )
                .label("in the second turn it is not held any more")
                .also(at, "bound here, outside of the loop")
                .help("`lock` inside of the loop, or `drop` behind it");
            return None;
        }
        Some(slot)
    }

    /// A value that a step uses.
    pub(super) fn value(&self, name: &Spanned<&str>, mistakes: &mut Mistakes) -> Option<Slot> {
        match self.find(name.value) {
            Some(Name { text, thing: Thing::Value(index), .. }) => {
                Some(Slot { index: *index, name: text.clone() })
            }
            Some(Name { at, thing: Thing::Guard(_), .. }) => {
                mistakes
                    .error(name.at.clone(), format!("{} is a guard, not a value", quote(name.value)))
                    .label("expected a value")
                    .also(at.clone(), "the guard is bound here")
                    .help(format!(
                        "read a value first: {{ \"get\": \"my-key\", \"from\": \"{}\", \"as\": \"value\" }}",
                        name.value
                    ));
                None
            }
            Some(Name { thing: Thing::Unknown, .. }) => None,
            None => {
                self.no_such(name, "value", &[], mistakes);
                None
            }
        }
    }

    /// What to write where a guard must be named.
    pub(super) fn known_guards(&self) -> String {
        match self.guard_names().next() {
            Some(_) => format!("held here: {}", list(self.guard_names())),
            None => "bind one first: { \"lock\": \"…\", \"as\": \"guard\" }".to_owned(),
        }
    }

    fn guard_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().rev().filter_map(|name| match &name.thing {
            Thing::Guard(guard) if !guard.temporary && self.fates.is_held(guard.slot) => Some(&*name.text),
            _ => None,
        })
    }

    fn value_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().rev().filter(|name| matches!(name.thing, Thing::Value(_))).map(|name| &*name.text)
    }

    /// What a name stands for here; guards of a `do` have none.
    fn find(&self, name: &str) -> Option<&Name> {
        self.names.iter().rev().find(|known| !known.is_temporary() && &*known.text == name)
    }

    fn push_guard(
        &mut self,
        name: &Spanned<&str>,
        lock: Option<LockId>,
        mode: Mode,
        temporary: bool,
    ) -> Slot {
        let slot = self.fates.bind();
        let guard = Guard { slot, lock, mode, loops: self.loops, temporary };
        self.push(name.value, name.at.clone(), Thing::Guard(guard), slot)
    }

    fn push(&mut self, name: &str, at: Span, thing: Thing, index: usize) -> Slot {
        let name: Arc<str> = name.into();
        self.names.push(Name { text: name.clone(), at, thing });
        Slot { index, name }
    }

    fn no_such(&self, name: &Spanned<&str>, what: &str, locks: &[&str], mistakes: &mut Mistakes) {
        if mistakes.full() {
            mistakes.error(name.at.clone(), "unknown name");
            return;
        }
        let names: Vec<&str> =
            if what == "guard" { self.guard_names().collect() } else { self.value_names().collect() };
        let near = nearest(name.value, names.iter().copied());
        let mistake = mistakes.error(name.at.clone(), format!("unknown {what} {}", quote(name.value)));
        if let Some(block) = self.ended.get(name.value) {
            mistake
                .label("not in scope here")
                .also(block.clone(), format!("{} ended with this block", quote(name.value)));
        } else {
            mistake.label(format!("no {what} of this name is in scope"));
        }
        mistake.help(match near {
            _ if self.ended.contains_key(name.value) => {
                format!("move this into the block, or bind the {what} before it")
            }
            Some(near) => format!("did you mean {}?", quote(near)),
            None if self.names.iter().any(|known| known.is_temporary() && &*known.text == name.value) => {
                "the guard of a `do` has no name: leave it out here, and it is dropped where the `do` ends"
                    .to_owned()
            }
            None if locks.contains(&name.value) => format!(
                "`{0}` is a lock; go through its guard: {{ \"lock\": \"{0}\", \"as\": \"guard\" }}",
                name.value
            ),
            None if what == "guard" => self.known_guards(),
            None if names.is_empty() => {
                "bind one first: { \"get\": \"my-key\", \"from\": \"guard\", \"as\": \"value\" }".to_owned()
            }
            None => format!("values here: {}", list(names)),
        });
    }
}
