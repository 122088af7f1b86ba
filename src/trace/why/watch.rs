//! What lasts, told as a history goes on: each once, when it has lasted for long enough.

use std::collections::HashSet;
use std::time::Duration;

use super::lasting::{breaks_off, lasting, lasts, tell};
use super::standstill::{Standstill, standstills, tell_standstills};
use crate::event::{LockId, Names, OpId, Time};
use crate::trace::deadlock::Ring;
use crate::trace::{End, State};

/// Something of a program that has been so for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// Tasks that wait for each other.
    Ring(Ring),
    /// Locks that do not move on.
    Standstills(Vec<Standstill>),
}

impl Lasting {
    /// All there is to say of it, at a moment at which it is so.
    pub fn tell(&self, names: &Names, state: &State) -> String {
        let told = match self {
            Self::Ring(ring) => tell(names, std::slice::from_ref(ring)),
            Self::Standstills(all) => tell_standstills(names, state, all),
        };
        told.unwrap_or_default()
    }
}

/// Who looks for what lasts, and what of it was told.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    rings: Vec<Ring>,
    still: HashSet<(LockId, OpId)>,
    looked: Time,
}

impl Watch {
    /// To look with every event would cost more than all else.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Whether it is time to look again.
    pub fn is_due(&self, now: Time) -> bool {
        now.since(self.looked) >= Self::PAUSE
    }

    /// Takes note that where things stand is told again now: what was lost may have changed it.
    #[cfg(feature = "cli")]
    pub fn begin_again(&mut self, now: Time) {
        self.looked = now;
    }

    /// What is so at `now`, at the `end` of all or before, and was not told of just before.
    pub fn look(&mut self, state: &State, now: Time, end: Option<&End>) -> Vec<Lasting> {
        self.looked = now;
        let over = end.is_some_and(|end| breaks_off(end, state.at));
        let mut new = Vec::new();
        // Those who wait on are not told of again, whatever was lost of when they began to.
        let told = std::mem::take(&mut self.rings);
        for ring in lasting(state, now, true) {
            let again = told.iter().any(|told| told.is_again(&ring));
            if again || over || lasts(&ring, now) {
                new.extend(Some(Lasting::Ring(ring.clone())).filter(|_| !again));
                self.rings.push(ring);
            }
        }
        let mut still = standstills(state, now, &self.rings);
        let all = still.iter().map(Standstill::key).collect();
        let told = std::mem::replace(&mut self.still, all);
        still.retain(|still| !told.contains(&still.key()));
        new.extend(Some(still).filter(|still| !still.is_empty()).map(Lasting::Standstills));
        new
    }

    /// The first of the rings that are told of and have not ended.
    #[cfg(feature = "cli")]
    pub fn ring(&self) -> Option<&Ring> {
        self.rings.first()
    }
}
