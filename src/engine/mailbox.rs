//! A channel of a run: its two ends, until the tasks that use them take them along.
//!
//! As in Rust every task that sends owns a sender from the moment it is spawned until it ends, and the
//! channel is closed when the last of them is gone.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::locks::Lock;
use crate::event::{Mode, What};
use crate::sync::probe::{Budget, operation};

type Message = Arc<Json>;

/// The ends that nobody has taken.
pub(super) struct Mailbox {
    sender: Mutex<Option<Sender>>,
    receiver: Mutex<Option<Receiver>>,
}

/// The end to send by.
#[derive(Clone)]
pub(super) enum Sender {
    Bounded(mpsc::Sender<Message>),
    Unbounded(mpsc::UnboundedSender<Message>),
}

/// The end to receive by.
pub(super) enum Receiver {
    Bounded(mpsc::Receiver<Message>),
    Unbounded(mpsc::UnboundedReceiver<Message>),
}

impl Mailbox {
    /// A channel with room for so many messages, or for all.
    pub(super) fn new(room: Option<u32>) -> Self {
        let (sender, receiver) = if let Some(room) = room {
            // The checker lets no channel without room into a plan.
            let (sender, receiver) = mpsc::channel(room.max(1) as usize);
            (Sender::Bounded(sender), Receiver::Bounded(receiver))
        } else {
            let (sender, receiver) = mpsc::unbounded_channel();
            (Sender::Unbounded(sender), Receiver::Unbounded(receiver))
        };
        Self { sender: Mutex::new(Some(sender)), receiver: Mutex::new(Some(receiver)) }
    }

    /// A sender for a task.
    pub(super) fn sender(&self) -> Option<Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The receiver, for the one task that takes it.
    pub(super) fn receiver(&self) -> Option<Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Every task has its sender: no other will ever be made.
    pub(super) fn seal(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Sender {
    /// Sends, when there is room. If the receiver is gone, the message is lost, and that is recorded.
    pub(super) async fn send(&self, lock: &Lock, value: Message) {
        let refused = |lock, op| What::Busy { lock, op, mode: Mode::Room };
        match self {
            Self::Bounded(sender) => {
                // What `send` does itself: the message goes in after its record, and then wakes.
                let sent = value.clone();
                let end = |lock, op, room: &Result<_, _>| match room {
                    Ok(_) => What::Sent { lock, op, value: sent.clone() },
                    Err(_) => refused(lock, op),
                };
                let room =
                    operation(&lock.tap, Mode::Room, Budget::Last, || sender.reserve(), || None, end).await.0;
                if let Ok(room) = room {
                    room.send(value);
                }
            }
            Self::Unbounded(sender) => {
                let op = lock.tap.next_op();
                let what = |lock| {
                    if sender.is_closed() {
                        refused(lock, op)
                    } else {
                        What::Sent { lock, op, value: value.clone() }
                    }
                };
                // If the receiver goes in between, so does the message: as with any other.
                lock.tap.act(what, || drop(sender.send(value.clone())));
            }
        }
    }
}

impl Receiver {
    /// Waits for a message; `None` when nobody is left who could send one.
    pub(super) async fn recv(&mut self, lock: &Lock) -> Option<Message> {
        let end = |lock, op, value: &Option<Message>| What::Received { lock, op, value: value.clone() };
        let tap = &lock.tap;
        match self {
            Self::Bounded(receiver) => {
                operation(tap, Mode::Message, Budget::First, || receiver.recv(), || None, end).await.0
            }
            Self::Unbounded(receiver) => {
                operation(tap, Mode::Message, Budget::First, || receiver.recv(), || None, end).await.0
            }
        }
    }
}
