//! The history of executions: what workers tell of the attempts at their nodes, and what applications read of it.

use std::time::Duration;

use tracing::debug;

use super::service::Client;
use crate::error::{Code, Error, Result};
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};
use crate::run_store::patiently;

/// Attempts that one statement removes.
const BATCH: i64 = 10_000;

impl Client {
    /// Writes attempts at nodes; whether there is a table for them. Nothing is tried again here.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        self.services.runs.write_history(attempts).await
    }

    /// Attempts at the nodes of a run, the latest first.
    ///
    /// # Errors
    /// There is no table for them, or the server is out of reach.
    pub async fn history(&self, search: &HistorySearch) -> Result<Vec<StoredAttempt>> {
        let found = patiently(&self.services.platform, || self.services.runs.history(search)).await?;
        found.ok_or_else(|| {
            let what = "the table of the history is not there: migrate makes it (step 9; npx flowcraft-rabbitmq migrate up)";
            Error::new(Code::TableMissing, "Reading the history", what).of_run(&search.run)
        })
    }

    /// Removes the attempts that ended so long ago, so many batches at most. How many.
    ///
    /// # Errors
    /// The server is out of reach; what was removed until then is gone.
    pub async fn remove_history(&self, older_than: Duration, batches: usize) -> Result<u64> {
        let removal = HistoryRemoval::Older(older_than, BATCH);
        let mut all = 0;
        for _ in 0..batches {
            let removed = self.services.runs.remove_history(&removal).await?.unwrap_or_default();
            all += removed;
            if removed < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(all)
    }

    /// A run begins anew: what went into the one before is not its own. It tells people only, so that it holds up nothing.
    pub(super) async fn forget_history(&self, run: &str) {
        let removal = HistoryRemoval::OfRun(run.to_owned());
        if let Err(error) = self.services.runs.remove_history(&removal).await {
            debug!(%error, run, "the history of the former run stays");
        }
    }
}
