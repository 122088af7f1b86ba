//! The verbs: one entry in [`VERBS`] each, with what may stand behind it, the keys that a step of it may
//! have, and the function that reads it. A new verb is a new entry, its function, and its variant in the
//! plan.

mod data;
mod flow;
mod locks;
mod plain;
mod signals;

use super::keys::{Key, Takes, names};
use super::limits::MAX_YIELDS;
use super::walk::{Done, Walk, Written};
use crate::event::Family;

/// A verb of the language.
pub(super) struct Word {
    pub(super) name: &'static str,
    /// What stands behind it.
    pub(super) takes: Takes,
    /// What a step of it does, in a line.
    pub(super) about: &'static str,
    /// The other keys that a step of it may have.
    pub(super) modifiers: &'static [Key],
    /// Reads a step of it; `None` after a mistake.
    pub(super) read: fn(&mut Walk, &Written) -> Option<Done>,
}

const MANY: u64 = u32::MAX as u64;

const AS_GUARD: Key =
    Key::new("as", Takes::Identifier, "the guard's name; it is held to the end of the block, or to a `drop`");
const DO_HELD: Key = Key::new("do", Takes::Steps, "the steps for which the guard is held");
const VALUE: Key = Key::needed("value", Takes::Value, "any JSON, or a computed value");

/// All verbs.
#[rustfmt::skip]
pub(super) const VERBS: &[Word] = &[
    Word { name: "lock", takes: Takes::Lock(Family::Mutex), read: locks::lock,
        about: "`let guard = db.lock().await;`: waits for a Mutex, then holds it",
        modifiers: &[AS_GUARD, DO_HELD] },
    Word { name: "read", takes: Takes::Lock(Family::RwLock), read: locks::read,
        about: "`let guard = map.read().await;`: shares an RwLock with other readers",
        modifiers: &[AS_GUARD, DO_HELD] },
    Word { name: "write", takes: Takes::Lock(Family::RwLock), read: locks::write,
        about: "`let guard = map.write().await;`: has an RwLock alone",
        modifiers: &[AS_GUARD, DO_HELD] },
    Word { name: "try_lock", takes: Takes::Lock(Family::Mutex), read: locks::try_lock,
        about: "`if let Ok(guard) = db.try_lock()`: holds a Mutex if nobody else does, and never waits; with `as`, where it cannot be had, the rest of the block is left out",
        modifiers: &[
            Key::new("as", Takes::Identifier, "the guard's name; it is held for the rest of the block"),
            Key::new("do", Takes::Steps, "the steps for which the guard is held"),
            Key::new("else", Takes::Steps, "what is done where the lock cannot be had; with `as`, it is done instead of the rest of the block") ] },
    Word { name: "acquire", takes: Takes::Lock(Family::Semaphore), read: locks::acquire,
        about: "`let permit = s.acquire().await;`: waits for permits of a Semaphore, then holds them",
        modifiers: &[Key::new("permits", Takes::Whole(1, MANY), "how many at once; without it one"), AS_GUARD, DO_HELD] },
    Word { name: "add_permits", takes: Takes::Lock(Family::Semaphore), read: locks::add_permits,
        about: "`s.add_permits(n);`: gives a Semaphore more permits",
        modifiers: &[Key::new("permits", Takes::Whole(1, MANY), "how many; without it one")] },
    Word { name: "drop", takes: Takes::Guard, read: locks::drop_guard,
        about: "`drop(guard);`: lets go before the block ends",
        modifiers: &[] },
    Word { name: "notified", takes: Takes::Lock(Family::Notify), read: signals::notified,
        about: "`n.notified().await;`: waits until somebody notifies",
        modifiers: &[] },
    Word { name: "notify_one", takes: Takes::Lock(Family::Notify), read: signals::notify_one,
        about: "`n.notify_one();`: wakes the first who waits, or else the next who will",
        modifiers: &[] },
    Word { name: "notify_waiters", takes: Takes::Lock(Family::Notify), read: signals::notify_waiters,
        about: "`n.notify_waiters();`: wakes all who wait, and nobody who comes later",
        modifiers: &[] },
    Word { name: "send", takes: Takes::Lock(Family::Channel), read: signals::send,
        about: "`ch.send(value).await;`: puts a message into a channel, and waits for room if it is full",
        modifiers: &[VALUE] },
    Word { name: "recv", takes: Takes::Lock(Family::Channel), read: signals::recv,
        about: "`let value = ch.recv().await;`: waits for a message; as the first step of a `loop` without `times`, the loop ends when nobody is left who could send",
        modifiers: &[Key::new("as", Takes::Identifier, "the message's name")] },
    Word { name: "get", takes: Takes::Text, read: data::get,
        about: "`let value = guard.get(\"my-key\");`: looks a key up in a lock's data",
        modifiers: &[
            Key::new("from", Takes::Guard, "the guard; inside of a `do` the guard of that"),
            Key::new("as", Takes::Identifier, "the value's name") ] },
    Word { name: "insert", takes: Takes::Text, read: data::insert,
        about: "`guard.insert(\"my-key\", value);`: puts a value into a lock's data",
        modifiers: &[Key::new("into", Takes::Guard, "the guard; inside of a `do` the guard of that"), VALUE] },
    Word { name: "sleep", takes: Takes::Duration, read: plain::sleep,
        about: "`sleep(…).await`: lets others run meanwhile",
        modifiers: &[Key::new("jitter", Takes::Duration, "up to this much longer, drawn by the `seed`")] },
    Word { name: "work", takes: Takes::Duration, read: plain::work,
        about: "CPU work that does not yield: on the same thread nobody else can run meanwhile",
        modifiers: &[] },
    Word { name: "yield", takes: Takes::Whole(1, MAX_YIELDS), read: plain::yield_now,
        about: "`yield_now().await`, so many times: lets the others go first",
        modifiers: &[] },
    Word { name: "loop", takes: Takes::Steps, read: flow::repeat,
        about: "`loop { … }`, or with `times` `for _ in 0..3 { … }`",
        modifiers: &[Key::new("times", Takes::Whole(1, MANY), "how often; without it for ever")] },
    Word { name: "if", takes: Takes::Condition, read: flow::choose,
        about: "`if … { … } else { … }`: a comparison, or the name of a value, which holds if the value is there and neither null nor false",
        modifiers: &[
            Key::needed("then", Takes::Steps, "what is done where the condition holds"),
            Key::new("else", Takes::Steps, "what is done where it does not") ] },
    Word { name: "timeout", takes: Takes::Duration, read: flow::timeout,
        about: "`timeout(…, async { … }).await`: drops what it runs when the time is up",
        modifiers: &[
            Key::needed("do", Takes::Steps, "what it runs"),
            Key::new("else", Takes::Steps, "what is done when the time was up") ] },
    Word { name: "select", takes: Takes::Arms, read: flow::select,
        about: "`select! { biased; … }`: runs all arms until one is ready, and drops the others",
        modifiers: &[] },
    Word { name: "print", takes: Takes::Text, read: plain::print,
        about: "`println!`: prints a line",
        modifiers: &[] },
    Word { name: "dbg", takes: Takes::Variable, read: data::debug,
        about: "`dbg!`: shows a value",
        modifiers: &[] },
    Word { name: "say", takes: Takes::Text, read: plain::say,
        about: "a caption in the picture; not part of the program",
        modifiers: &[] },
];

/// The fields of an arm of a `select`.
pub(super) const ARM: &[Key] = &[
    Key::needed("do", Takes::Steps, "what the arm runs"),
    Key::new(
        "keep",
        Takes::Flag,
        "whether its future, when another arm was quicker, stays alive without being polled to the end of the block",
    ),
];

/// Whether a key belongs to some verb, so that it cannot be a misspelt verb itself.
pub(super) fn is_modifier(key: &str) -> bool {
    VERBS.iter().any(|word| names(word.modifiers).any(|known| known == key))
}

/// The verbs that are for locks of a family.
pub(super) fn verbs_of(family: Family) -> impl Iterator<Item = &'static str> {
    let fits = move |word: &&Word| matches!(word.takes, Takes::Lock(own) if own == family);
    VERBS.iter().filter(fits).map(|word| word.name)
}
