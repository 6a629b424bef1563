//! A worker's slots, and whether it takes deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

/// What a worker takes: one delivery for each slot.
#[derive(Debug)]
pub struct Intake {
    open: AtomicBool,
    slots: Arc<Semaphore>,
}

impl Intake {
    /// So many slots, and closed.
    pub fn new(slots: u16) -> Self {
        Self { open: AtomicBool::new(false), slots: Arc::new(Semaphore::new(usize::from(slots))) }
    }

    /// The worker takes deliveries.
    pub fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// It stops.
    pub fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// Whether it takes deliveries.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// The slots. The broker lets the worker have as many messages.
    pub fn slots(&self) -> &Arc<Semaphore> {
        &self.slots
    }

    /// Whether others may wait: no slot is free. Where one is, the broker has nothing left for this worker.
    pub fn others_may_wait(&self) -> bool {
        self.slots.available_permits() == 0
    }
}
