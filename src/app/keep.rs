//! The way to a file for what was seen of a program. The program in the terminal writes no files: whoever
//! starts it says how.

use crate::record::Recording;

/// Keeps what was seen.
pub trait Keep: Send + Sync {
    /// Keeps it, and says where, or why that failed.
    fn keep(&self, recording: &Recording) -> String;
}
