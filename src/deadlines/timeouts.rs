//! How long each server may take.

use std::time::Duration;

/// How long each server may take to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A call of the record: a statement, or a short transaction.
    pub statement: Duration,
    /// Messages that are published together, and a look at a queue.
    pub publish: Duration,
    /// A call of the coordination store.
    pub lease: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            statement: Duration::from_secs(15),
            publish: Duration::from_secs(15),
            lease: Duration::from_secs(2),
        }
    }
}
