//! The result of a run that ended, where it goes through the adapter's own `publishFinalResult`.
//!
//! The commit that ends the run marks it unpublished. A worker that finds the mark (the job that ended the run, its
//! redelivery, the reconciler) publishes and takes the mark away: at least once, as the README says.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::error::{Kind, Result};
use crate::ports::about::About;
use crate::ports::host::Host;
use crate::ports::platform::Platform;
use crate::worker::active_nodes::ActiveNodes;
use crate::worker::leases::service::Leases;
use crate::worker::notices::Notices;
use crate::worker::runs::store::Runs;

/// What stands in a node's place in the key of the lease.
const RESULT: &str = "<result>";
/// How often `publishFinalResult` is tried before the worker goes on to other jobs.
const ATTEMPTS: usize = 3;

/// Publishes results of runs.
pub struct Results {
    /// User code.
    pub(super) host: Arc<dyn Host>,
    /// The record.
    pub(super) runs: Arc<Runs>,
    /// One worker publishes at a time.
    pub(super) leases: Arc<Leases>,
    /// While a result is being published, its run is alive.
    pub(super) active_nodes: Arc<ActiveNodes>,
    /// The user hears when a result cannot be published.
    pub(super) notices: Notices,
    /// Time.
    pub(super) platform: Platform,
}

impl Results {
    /// Publishes the result of a run that has ended; a result that cannot be published does not hold the worker
    /// up. The run's row then says `running` still, so that recovery finds it and tries again.
    ///
    /// # Errors
    /// Only when user code is gone, or the worker aborts: another worker has to publish it.
    pub async fn publish_or_report(&self, run: &str, abort: &CancellationToken) -> Result<()> {
        let mut backoff = Backoff::new(&self.platform);
        for attempt in 1..=ATTEMPTS {
            let error = match self.publish_pending(run).await {
                Err(error) if error.kind() != Kind::Stopping => error,
                published => return published,
            };
            if abort.is_cancelled() {
                return Err(error.while_stopping());
            }
            if attempt == ATTEMPTS {
                let words = format!(
                    "The result of run '{run}' could not be published; recovery tries again. {error}"
                );
                self.notices.error(About::run(run).error(&error), words);
                return Ok(());
            }
            backoff.wait().await;
        }
        Ok(())
    }

    /// Publishes the result of a run, if it has ended and its result is not published yet.
    ///
    /// # Errors
    /// A server is out of reach, or `publishFinalResult` threw.
    pub async fn publish_pending(&self, run: &str) -> Result<()> {
        if !self.runs.load_ledger(run).await?.is_unpublished() {
            return Ok(());
        }
        // One at a time, however long it takes: only a worker that died is followed by another.
        if !self.leases.take_or_go_without(run, RESULT).await {
            return Ok(());
        }
        let publishing = self.active_nodes.note(run, CancellationToken::new());
        let published = self.publish_under_lease(run).await;
        drop(publishing);
        self.leases.give_back(run, RESULT).await;
        published
    }

    /// Looked at again: another worker may have published it, and given the lease back, a moment ago. And again
    /// afterwards: a run that was retried meanwhile may have come to another end, which found the lease taken.
    async fn publish_under_lease(&self, run: &str) -> Result<()> {
        loop {
            let document = self.runs.load(run).await?;
            let Some(reserved) = document.reserved.as_ref().filter(|_| document.is_unpublished()) else {
                return Ok(());
            };
            let ledger = &reserved.ledger;
            let context = document.visible_json()?;
            self.host.publish_result(run, ledger.status, &ledger.reason(), &context).await?;
            if self.runs.mark_published(run, ledger).await? {
                return Ok(());
            }
        }
    }
}
