//! The place that a delivery holds: one of this worker's slots, and one of the messages that the broker lets it have.

use std::sync::{Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use crate::ids::NodeId;
use crate::ports::broker::Receipt;
use crate::ports::company::Presence;

/// The place of one delivery, until it is left or the delivery is settled.
pub struct Place {
    held: Mutex<Option<Held>>,
    /// While its node may be executed: beside others, or alone.
    presence: Mutex<Option<Presence>>,
    /// The last two nodes carried under this message: a chain holds at most two of their leases.
    carried: Mutex<[Option<NodeId>; 2]>,
}

/// What a delivery holds.
pub struct Held {
    /// Settles the message.
    pub receipt: Box<dyn Receipt>,
    /// The slot: free once this is dropped.
    pub slot: OwnedSemaphorePermit,
}

impl Place {
    /// Holds both.
    pub fn new(receipt: Box<dyn Receipt>, slot: OwnedSemaphorePermit) -> Self {
        Self {
            held: Mutex::new(Some(Held { receipt, slot })),
            presence: Mutex::default(),
            carried: Mutex::default(),
        }
    }

    /// Takes what is held; none if the place was left.
    pub fn take(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the message is held, as far as anybody knows: its broker has not lost it.
    pub fn is_held(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_some_and(|held| !held.receipt.is_void())
    }

    /// Notes that a node is carried under this message.
    pub fn carry(&self, node: &NodeId) {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        carried.swap(0, 1);
        carried[0] = Some(node.clone());
    }

    /// The nodes whose leases may be held under this message, besides its own.
    pub fn carried(&self) -> Vec<NodeId> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }

    /// Whether the place was left: a copy of the message is on its way.
    pub fn is_given_up(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// It was alone, and is beside others from now on.
    pub fn let_others_in(&self) {
        let mut presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        *presence = presence.take().map(Presence::with_others);
    }

    /// From now on it is present in this way, or not at all: others need not wait for it.
    pub fn set_presence(&self, presence: Option<Presence>) {
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner) = presence;
    }
}
