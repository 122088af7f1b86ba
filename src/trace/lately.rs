//! Where somebody looked lately: who asks for a moment asks for those around it next, and where there are
//! thousands of tasks the way from a checkpoint is long.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::state::{Saved, State};

/// A state on the way to a moment that somebody asked for. Copies of a history begin without one.
#[derive(Default)]
pub(super) struct Lately(Mutex<Option<Saved>>);

impl Lately {
    /// That state, if it lies after `from` and not after `moment`.
    pub fn state(&self, from: u64, moment: u64) -> Option<State> {
        let lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.as_ref().filter(|saved| (from + 1..=moment).contains(&saved.moment)).map(Saved::state)
    }

    pub fn keep(&self, saved: Saved) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
    }
}

impl Clone for Lately {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Lately {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lately")
    }
}
