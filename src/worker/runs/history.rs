//! The history of executions, as the record has it.

use super::service::Runs;
use crate::error::Result;
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};

impl Runs {
    /// Writes attempts at nodes; whether there is a table for them.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        self.run_store().record().write_history(attempts).await
    }

    /// Reads the history of a run; none where there is no table for it.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>> {
        self.run_store().record().history(search).await
    }

    /// Removes attempts at nodes; how many. None where there is no table for them.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>> {
        self.run_store().record().remove_history(removal).await
    }
}
