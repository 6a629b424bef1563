//! Whether JavaScript's event loop responds: a worker whose loop hangs must not go on saying that its nodes are alive.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the event loop last turned.
#[derive(Debug)]
pub struct Liveness {
    last: Mutex<Instant>,
    /// A loop that has not turned for this long hangs.
    limit: Duration,
}

impl Liveness {
    /// A loop that turns.
    pub fn new(limit: Duration) -> Self {
        Self { last: Mutex::new(Instant::now()), limit }
    }

    /// It turned.
    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether it turns.
    pub fn is_responsive(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.limit
    }
}
