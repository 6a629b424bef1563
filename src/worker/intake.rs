//! Whether deliveries wait for a slot of this worker, and whether it takes any.

use std::sync::atomic::{AtomicBool, Ordering};

/// What the dispatcher knows, for those who hold a slot.
#[derive(Debug, Default)]
pub struct Intake {
    open: AtomicBool,
    waits: AtomicBool,
}

impl Intake {
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

    /// Notes whether a delivery waits for a slot.
    pub fn note(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// Whether one does.
    pub fn others_wait(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }
}
