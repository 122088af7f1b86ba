//! The standard library for code that loom explores: its mutexes and its atomics are loom's.

#![allow(missing_docs)]

pub use std::*;

pub mod sync {
    pub use loom::sync::{Mutex, MutexGuard};
    pub use std::sync::*;

    pub mod atomic {
        pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
        pub use std::sync::atomic::*;
    }
}
