//! Runs as an application looks at them.

use super::service::Runs;
use crate::error::Result;
use crate::ports::watching::{
    EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};

impl Runs {
    /// What the status row of a run says; none where there is none.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn view(&self, run: &str) -> Result<Option<StatusView>> {
        self.run_store().view(run).await
    }

    /// A page of runs, in the order of their ids.
    ///
    /// # Errors
    /// The tables cannot be worked with, or the server is out of reach.
    pub async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        self.run_store().record().list(search).await
    }

    /// How many runs there are of each status and blueprint.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        self.run_store().record().counts(tags).await
    }

    /// How many runs ended when.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        self.run_store().record().ends(search).await
    }

    /// Removes runs that are over.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        self.run_store().record().remove(removal).await
    }
}
