//! The kinds of locks there are, what can be done with each, and in what order it serves its waiters.

use std::fmt;

use serde::Serialize;

/// In what order a lock serves those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// First come, first served; a release hands the lock to the first waiter.
    Fifo,
    /// Whoever waits gets it in the end, though others may go first.
    Eventual,
    /// No order is promised: whoever is quickest, and some may starve.
    None,
}

impl Policy {
    /// Whether a waiter that is woken owns what it waited for already. If not, it may only try again.
    pub const fn hands_over(self) -> bool {
        matches!(self, Self::Fifo)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "FIFO",
            Self::Eventual => "eventual fairness",
            Self::None => "no fairness",
        })
    }
}

/// What can be done with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `lock`: one at a time.
    Mutex,
    /// `read` and `write`: many readers, or one writer.
    RwLock,
    /// `acquire`: as many as there are permits.
    Semaphore,
    /// `notified`: until somebody notifies.
    Notify,
    /// `send` and `recv`: no lock at all.
    Channel,
}

/// Which lock it is, by its Rust path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LockKind {
    /// `tokio::sync::Mutex`.
    #[serde(rename = "tokio::sync::Mutex")]
    TokioMutex,
    /// `tokio::sync::RwLock`.
    #[serde(rename = "tokio::sync::RwLock")]
    TokioRwLock,
    /// `tokio::sync::Semaphore`.
    #[serde(rename = "tokio::sync::Semaphore")]
    TokioSemaphore,
    /// `tokio::sync::Notify`.
    #[serde(rename = "tokio::sync::Notify")]
    TokioNotify,
    /// `tokio::sync::mpsc`.
    #[serde(rename = "tokio::sync::mpsc")]
    TokioMpsc,
    /// `std::sync::Mutex`.
    #[serde(rename = "std::sync::Mutex")]
    StdMutex,
    /// `std::sync::RwLock`.
    #[serde(rename = "std::sync::RwLock")]
    StdRwLock,
    /// `parking_lot::Mutex`.
    #[serde(rename = "parking_lot::Mutex")]
    ParkingLotMutex,
    /// `parking_lot::FairMutex`.
    #[serde(rename = "parking_lot::FairMutex")]
    ParkingLotFairMutex,
    /// `parking_lot::RwLock`.
    #[serde(rename = "parking_lot::RwLock")]
    ParkingLotRwLock,
    /// `async_lock::Mutex`.
    #[serde(rename = "async_lock::Mutex")]
    AsyncLockMutex,
    /// `async_lock::RwLock`.
    #[serde(rename = "async_lock::RwLock")]
    AsyncLockRwLock,
    /// `async_lock::Semaphore`.
    #[serde(rename = "async_lock::Semaphore")]
    AsyncLockSemaphore,
    /// `futures::lock::Mutex`.
    #[serde(rename = "futures::lock::Mutex")]
    FuturesMutex,
}

impl LockKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::TokioMutex,
        Self::TokioRwLock,
        Self::TokioSemaphore,
        Self::TokioNotify,
        Self::TokioMpsc,
        Self::StdMutex,
        Self::StdRwLock,
        Self::ParkingLotMutex,
        Self::ParkingLotFairMutex,
        Self::ParkingLotRwLock,
        Self::AsyncLockMutex,
        Self::AsyncLockRwLock,
        Self::AsyncLockSemaphore,
        Self::FuturesMutex,
    ];

    /// The path of the Rust type.
    pub const fn path(self) -> &'static str {
        match self {
            Self::TokioMutex => "tokio::sync::Mutex",
            Self::TokioRwLock => "tokio::sync::RwLock",
            Self::TokioSemaphore => "tokio::sync::Semaphore",
            Self::TokioNotify => "tokio::sync::Notify",
            Self::TokioMpsc => "tokio::sync::mpsc",
            Self::StdMutex => "std::sync::Mutex",
            Self::StdRwLock => "std::sync::RwLock",
            Self::ParkingLotMutex => "parking_lot::Mutex",
            Self::ParkingLotFairMutex => "parking_lot::FairMutex",
            Self::ParkingLotRwLock => "parking_lot::RwLock",
            Self::AsyncLockMutex => "async_lock::Mutex",
            Self::AsyncLockRwLock => "async_lock::RwLock",
            Self::AsyncLockSemaphore => "async_lock::Semaphore",
            Self::FuturesMutex => "futures::lock::Mutex",
        }
    }

    /// What can be done with it.
    pub const fn family(self) -> Family {
        match self {
            Self::TokioMutex
            | Self::StdMutex
            | Self::ParkingLotMutex
            | Self::ParkingLotFairMutex
            | Self::AsyncLockMutex
            | Self::FuturesMutex => Family::Mutex,
            Self::TokioRwLock | Self::StdRwLock | Self::ParkingLotRwLock | Self::AsyncLockRwLock => {
                Family::RwLock
            }
            Self::TokioSemaphore | Self::AsyncLockSemaphore => Family::Semaphore,
            Self::TokioNotify => Family::Notify,
            Self::TokioMpsc => Family::Channel,
        }
    }

    /// In what order it serves its waiters. Source: the documentation of each; for those that promise
    /// nothing, what was measured of them.
    pub const fn policy(self) -> Policy {
        match self {
            Self::TokioMutex
            | Self::TokioRwLock
            | Self::TokioSemaphore
            | Self::TokioNotify
            | Self::TokioMpsc => Policy::Fifo,
            // Hands over, though "not strict first-in first-out"; task-fair; fair after 0.5 ms of waiting.
            Self::ParkingLotFairMutex | Self::ParkingLotRwLock | Self::AsyncLockMutex => Policy::Eventual,
            Self::StdMutex
            | Self::StdRwLock
            | Self::ParkingLotMutex
            | Self::AsyncLockRwLock
            | Self::AsyncLockSemaphore
            | Self::FuturesMutex => Policy::None,
        }
    }

    /// Whether waiting for it stops the whole thread.
    pub const fn blocks(self) -> bool {
        matches!(
            self,
            Self::StdMutex
                | Self::StdRwLock
                | Self::ParkingLotMutex
                | Self::ParkingLotFairMutex
                | Self::ParkingLotRwLock
        )
    }

    /// Why it cannot run on the virtual clock, if it cannot.
    pub const fn needs_real_time(self) -> Option<&'static str> {
        match self {
            Self::AsyncLockMutex => Some("it becomes fair after half a millisecond of wall time"),
            kind if kind.blocks() => {
                Some("it blocks the thread, and the virtual clock has no other to go on with")
            }
            _ => None,
        }
    }
}
