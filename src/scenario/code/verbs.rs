//! What the code of a verb looks like, as far as that decides how it is laid out.

use super::super::plan::{Hold, Slot, Step, Verb};

impl Verb {
    /// Whether it is a `get` or an `insert` through this guard.
    pub(super) fn goes_through(&self, guard: &Slot) -> bool {
        match self {
            Self::Get { from: slot, .. } | Self::Insert { into: slot, .. } => slot.index == guard.index,
            _ => false,
        }
    }

    /// Whether its code is a future and an `.await`, and nothing else.
    pub(super) fn is_a_future(&self) -> bool {
        match self {
            Self::Sleep { .. } | Self::Notified { .. } | Self::Recv { bind: None, .. } => true,
            Self::Yield { times } => times.get() == 1,
            _ => false,
        }
    }
}

/// The names that some steps bind.
pub(super) fn bound_names(steps: &[Step], names: &mut Vec<String>) {
    Verb::each(steps, &mut |verb| match verb {
        Verb::Lock { hold: Hold::Bound(slot), .. }
        | Verb::TryLock { hold: Hold::Bound(slot), .. }
        | Verb::Recv { bind: Some(slot), .. }
        | Verb::Get { bind: Some(slot), .. } => names.push(slot.name.to_string()),
        _ => {}
    });
}
