//! The way back to the file that a scenario came from. The program in the terminal reads no files:
//! whoever starts it says how.

use std::sync::Arc;

use crate::scenario::Plan;

/// Reads a scenario again.
pub trait Reload: Send + Sync {
    /// What the viewer calls it.
    fn name(&self) -> &str;

    /// Reads it as it is now.
    fn read(&self) -> Reloaded;

    /// Reads it if it was saved since it was read last, and is whole again. It is asked now and then.
    fn look(&self) -> Option<Reloaded>;
}

/// What came of it.
#[derive(Debug)]
pub enum Reloaded {
    /// It can run.
    Plan {
        /// The plan.
        plan: Arc<Plan>,
        /// How many warnings there are.
        warnings: usize,
    },
    /// It cannot: what is wrong and where, as plain text.
    Mistakes(String),
}
