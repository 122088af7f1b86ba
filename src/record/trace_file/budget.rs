//! What a trace file may ask for: a file can come from anybody, so all that costs memory has a bound.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::engine::MAX_EVENTS;
use crate::event::{Event, LockId, Names, OpId, What};

/// What all values and words together may take in memory, by a rough count.
const MAX_CONTENT: usize = 64 << 20;

/// Operations under way at once: some, and some for each task. Every moment that is kept has all of them.
const MAX_OPEN: usize = 1_000;
const MAX_OPEN_EACH: usize = 16;

/// What may still come.
pub(super) struct Budget {
    events: u64,
    content: usize,
    open: HashSet<(LockId, OpId)>,
    most_open: usize,
}

impl Budget {
    /// For a file with these names.
    pub(super) fn new(names: &Names) -> Self {
        Self {
            events: MAX_EVENTS,
            content: MAX_CONTENT,
            open: HashSet::new(),
            most_open: MAX_OPEN + MAX_OPEN_EACH * names.tasks.len(),
        }
    }

    /// Takes an event, or says why it is too much.
    pub(super) fn spend(&mut self, event: &Event) -> Result<(), String> {
        self.events =
            self.events.checked_sub(1).ok_or_else(|| format!("there are more than {MAX_EVENTS} events"))?;
        self.content = self
            .content
            .checked_sub(content(&event.what))
            .ok_or_else(|| format!("values and words need more than {} MiB", MAX_CONTENT >> 20))?;
        let Some(key) = event.what.acquisition() else { return Ok(()) };
        match event.what {
            What::Wait { .. } | What::Grant { .. } | What::Acquire { .. } => {
                self.open.insert(key);
                if self.open.len() > self.most_open {
                    return Err(format!("more than {} operations are under way at once", self.most_open));
                }
            }
            _ => _ = self.open.remove(&key),
        }
        Ok(())
    }
}

/// What an event holds beside itself, in bytes, roughly.
fn content(what: &What) -> usize {
    match what {
        What::Print { text } | What::Say { text } => text.len(),
        What::Debug { name, value, .. } => name.len() + value.as_deref().map_or(0, size),
        What::Get { key, value, .. } => key.len() + value.as_deref().map_or(0, size),
        What::Insert { key, value, .. } => key.len() + size(value),
        What::Sent { value, .. } => size(value),
        What::Received { value, .. } => value.as_deref().map_or(0, size),
        _ => 0,
    }
}

/// Roughly what a value takes in memory. It is nested no deeper than the parser allows.
fn size(value: &Json) -> usize {
    const NODE: usize = 64;
    NODE + match value {
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(size).sum(),
        Json::Object(fields) => fields.iter().map(|(key, value)| NODE + key.len() + size(value)).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}
