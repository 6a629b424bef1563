//! Whether the table of schedules is there, as far as this worker knows: a migration makes it, and takes it away.

use std::sync::atomic::{AtomicBool, Ordering};

/// The table, which is looked for until it was found.
#[derive(Debug, Default)]
pub(super) struct SchedulesTable {
    is_there: AtomicBool,
}

impl SchedulesTable {
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Notes whether it was found.
    pub fn note(&self, is_there: bool) {
        self.is_there.store(is_there, Ordering::Relaxed);
    }
}
