//! The place that a delivery holds: one of this worker's slots, and one of the messages that the broker lets it have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use crate::ids::NodeId;
use crate::ports::broker::Receipt;
use crate::ports::company::Presence;
use crate::protocol::outcome::{Answer, Outcome};

/// Results without a place that one worker keeps at a time: so many, and so many bytes.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// The place of one delivery, until it is left or the delivery is settled.
pub struct Place {
    held: Mutex<Option<Held>>,
    /// While its node may be executed: beside others, or alone.
    presence: Mutex<Option<Presence>>,
    /// Nodes whose leases were asked for under this message, the last two: of one chain, no more are held at a time.
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
    pub fn is_left(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// From now on it is present in this way, or not at all: others need not wait for it.
    pub fn set_presence(&self, presence: Option<Presence>) {
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner) = presence;
    }
}

/// The results that wait for their run without a place. What has no room here keeps its place.
#[derive(Debug, Default)]
pub struct Waiting {
    results: AtomicUsize,
    bytes: AtomicUsize,
}

/// Room for one result, until it is dropped.
#[derive(Debug)]
pub struct Room<'a> {
    of: &'a Waiting,
    bytes: usize,
}

impl Waiting {
    /// Room for a result; none if too many wait.
    pub fn room_for(&self, answer: &Answer) -> Option<Room<'_>> {
        let bytes = bytes_of(answer);
        let results = self.results.fetch_add(1, Ordering::Relaxed);
        let room = Room { of: self, bytes };
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        (results < MOST && taken + bytes <= MOST_BYTES).then_some(room)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.of.results.fetch_sub(1, Ordering::Relaxed);
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn bytes_of(answer: &Answer) -> usize {
    let written: usize = answer.patch.sets.values().map(|value| value.get().len()).sum();
    let output = match &answer.outcome {
        Outcome::Finished { output, .. } | Outcome::Paused { output, .. } => output.as_ref(),
        Outcome::Failed { .. } | Outcome::Retry { .. } | Outcome::Opened(_) => None,
    };
    written + output.map_or(0, |output| output.get().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Patch, to_raw};

    fn answer(bytes: usize) -> Answer {
        let mut patch = Patch::default();
        patch.set("k", to_raw(&"x".repeat(bytes)).unwrap());
        Answer { outcome: Outcome::Failed { message: String::new(), recoverable: true }, patch }
    }

    #[test]
    fn only_so_much_waits_without_a_place() {
        let waiting = Waiting::default();
        let small: Vec<_> = (0..MOST + 5).filter_map(|_| waiting.room_for(&answer(1))).collect();
        assert_eq!(small.len(), MOST);
        drop(small);
        let large = answer(MOST_BYTES / 2 - 10);
        let (one, two) = (waiting.room_for(&large), waiting.room_for(&large));
        assert!(one.is_some() && two.is_some() && waiting.room_for(&large).is_none());
        drop(one);
        assert!(waiting.room_for(&large).is_some());
    }
}
