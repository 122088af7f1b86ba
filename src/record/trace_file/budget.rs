//! What the events of a trace file, or of a program, may ask for: they can come from anybody, so all that
//! costs memory has a bound.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::event::{Event, LockId, OpId, What};

/// What all values and words together may take in memory, by a rough count.
const MAX_CONTENT: usize = 64 << 20;

/// Operations under way at once: some, and some for each task. Every moment that is kept has all of them.
const MAX_OPEN: usize = 1_000;
const MAX_OPEN_EACH: usize = 16;

/// What may still come.
pub(crate) struct Budget {
    /// So many in all.
    most: u64,
    events: u64,
    content: usize,
    open: HashSet<(LockId, OpId)>,
}

impl Budget {
    /// For so many events.
    pub(crate) fn new(most: u64) -> Self {
        Self { most, events: most, content: MAX_CONTENT, open: HashSet::new() }
    }

    /// Takes an event of so many tasks, or says why it is too much.
    pub(crate) fn spend(&mut self, event: &Event, tasks: usize) -> Result<(), String> {
        let most = self.most;
        self.events =
            self.events.checked_sub(1).ok_or_else(|| format!("there are more than {most} events"))?;
        self.content = self
            .content
            .checked_sub(content(&event.what))
            .ok_or_else(|| format!("values and words need more than {} MiB", MAX_CONTENT >> 20))?;
        if matches!(event.what, What::Lost { .. }) {
            self.open.clear();
        }
        let Some(key) = event.what.acquisition() else { return Ok(()) };
        match event.what {
            What::Wait { .. } | What::Grant { .. } | What::Acquire { .. } => {
                self.open.insert(key);
                let most = MAX_OPEN + MAX_OPEN_EACH * tasks;
                if self.open.len() > most {
                    return Err(format!("more than {most} operations are under way at once"));
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
