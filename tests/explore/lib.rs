//! The locks and their recorders once more, over shuttle's threads, mutexes and atomics: `schedules.rs` explores
//! them. What they are in the crate they are here: the same files, and tokio's own locks inside.

#![allow(dead_code, missing_docs, unused_imports, rustdoc::all)]

// `std` and `quanta`, from here on.
extern crate shuttle_std as quanta;
extern crate shuttle_std as std;

macro_rules! thread_local {
    ($($locals:tt)*) => { ::std::locals! { $($locals)* } };
}

#[path = "../../src"]
mod src {
    pub mod compact;
    pub mod event;
    pub mod places;
    pub mod sync;
}

use src::{compact, places};
pub use src::{event, sync};
