//! The result of a run that ended, where it goes through the adapter's own `publishFinalResult`.
//!
//! The commit that ends the run marks it unpublished. Whoever finds the mark (the job that ended the run, its
//! redelivery, the reconciler) publishes and takes the mark away: at least once, as the README says.

use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use crate::backoff::Backoff;
use crate::error::Result;
use crate::ports::host::{Level, Notice};
use crate::record::{Change, Document, Patch, StatusUpdate};

/// What stands in a node's place in the key of the lease.
const RESULT: &str = "<result>";
/// How often `publishFinalResult` is tried before the worker goes on to other jobs.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Publishes the result of a run that has ended; a result that can not be published does not hold the worker
    /// up. The run's row then says `running` still, so that the reconciler finds it and tries again.
    pub(super) async fn publish_result_or_report(&self, run: &str, give_up: &CancellationToken) {
        let mut backoff = Backoff::new(&self.platform);
        for attempt in 1..=ATTEMPTS {
            let Err(error) = self.publish_pending_result(run).await else { return };
            if attempt == ATTEMPTS || give_up.is_cancelled() {
                let message = format!(
                    "The result of run '{run}' could not be published; the reconciler will try again. {error}"
                );
                self.host.notify(Notice::Log { level: Level::Error, message });
                return;
            }
            backoff.wait().await;
        }
    }

    /// Publishes the result of a run that has ended and was not heard of.
    ///
    /// # Errors
    /// A server is out of reach, or `publishFinalResult` threw.
    pub async fn publish_pending_result(&self, run: &str) -> Result<()> {
        if !self.runs.load_ledger(run).await?.is_unpublished() {
            return Ok(());
        }
        // One at a time, however long it takes: only a worker that died is followed by another.
        if !self.leases.take_or_go_without(run, RESULT).await {
            return Ok(());
        }
        let publishing = self.in_flight.note(run, CancellationToken::new());
        let published = self.publish_under_lease(run).await;
        drop(publishing);
        self.leases.give_back(run, RESULT).await;
        published
    }

    /// Looked at again: somebody may have published it, and given the lease back, a moment ago. And again afterwards: a run
    /// that was retried meanwhile may have come to another end, which found the lease taken.
    async fn publish_under_lease(&self, run: &str) -> Result<()> {
        loop {
            let document = self.runs.load(run).await?;
            let Some(reserved) = document.reserved.as_ref().filter(|_| document.is_unpublished()) else {
                return Ok(());
            };
            let ledger = &reserved.ledger;
            let context = document.visible_json()?;
            self.host.publish_result(run, ledger.status, &ledger.reason(), &context).await?;
            let published = |document: Document| {
                let Some(mut reserved) = document.reserved.filter(|now| now.ledger.has_the_end_of(ledger))
                else {
                    return Ok((None, ()));
                };
                reserved.unpublished = false;
                Ok((Some(Change { patch: Patch::default(), reserved, status: StatusUpdate::Published }), ()))
            };
            if self.runs.change(run, false, published).await?.changed {
                return Ok(());
            }
        }
    }
}
