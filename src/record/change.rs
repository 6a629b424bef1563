//! A change of a run, as a decision answers with it.

use super::document::{Document, ReservedKey};
use super::patch::Patch;
use crate::error::Result;

/// A change of a run: keys, the engine's bookkeeping, and what the status row says then.
#[derive(Debug, Clone)]
pub struct Change {
    /// The keys that change.
    pub patch: Patch,
    /// The new bookkeeping.
    pub reserved: ReservedKey,
    /// What the status row is to say.
    pub status: StatusUpdate,
}

/// What becomes of the status row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusUpdate {
    /// The run goes on: status and `updated_at` are kept.
    Keep,
    /// The run ends, and its result is written with the change.
    End,
    /// The run ends, and its result goes through the adapter afterwards: until then the row says `running`.
    Defer,
    /// The run had ended, and its result is published: the status row is the adapter's.
    Published,
}

/// What happens to a run, decided on the run as it is; asked again where the run has changed meanwhile. None leaves all
/// as it is.
pub type Decide = Box<dyn FnMut(&Document) -> Result<Option<Change>> + Send + Sync>;

impl Change {
    /// This change, and another upon it.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self { patch: self.patch.then(later.patch), reserved: later.reserved, status: later.status }
    }
}
