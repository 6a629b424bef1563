//! A change of a run, as a decision answers with it.

use super::document::Document;
use super::patch::Patch;
use super::reserved_key::ReservedKey;
use super::untold::Milestones;
use crate::error::Result;
use crate::workflow::ledger::RunStatus;

/// A change of a run: of its keys, its reserved key and its status row.
#[derive(Debug, Clone)]
pub struct Change {
    /// The keys that change.
    pub patch: Patch,
    /// The new value of the reserved key.
    pub reserved: ReservedKey,
    /// What happens to the status row.
    pub status: StatusUpdate,
}

/// What happens to the status row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusUpdate {
    /// The run goes on: the row gets its status and a new `updated_at`.
    Keep,
    /// The run ends, and its result is written with the change.
    End,
    /// The run ends, and the adapter publishes its result afterwards: until then the row says `running`.
    Defer,
    /// The run had ended, and the adapter has published its result: the status row is the adapter's.
    Published,
}

/// Decides how a run changes; none for no change. It is called again if the run has changed meanwhile.
pub type Decide = Box<dyn FnMut(&Document) -> Result<Option<Change>> + Send + Sync>;

impl Change {
    /// What is to be told, where the run comes to rest by this change: whoever commits it tells it.
    pub fn comes_to_rest(&mut self, before: RunStatus) -> Option<Milestones> {
        let status = self.reserved.ledger.status;
        (status != before && status != RunStatus::Running).then(|| self.reserved.milestones())
    }

    /// This change and a later one, as one change.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self { patch: self.patch.then(later.patch), reserved: later.reserved, status: later.status }
    }
}
