//! The result of a run that ended, where it goes through the adapter's own `publishFinalResult`.
//!
//! The commit that ends the run marks it unpublished. Whoever finds the mark (the job that ended the run, its
//! redelivery, the reconciler) publishes and takes the mark away: at least once, as the README says.

use super::engine::Engine;
use crate::context::{Change, Document, Ending, Patch};
use crate::error::Result;

impl Engine {
    /// Publishes the result of a run that has ended and was not heard of.
    ///
    /// # Errors
    /// A server is out of reach, or `publishFinalResult` threw.
    pub async fn publish_pending_result(&self, run: &str) -> Result<()> {
        let document = self.contexts.load(run).await?;
        let Some(reserved) = document.reserved.as_ref().filter(|reserved| reserved.unpublished) else {
            return Ok(());
        };
        let ledger = &reserved.ledger;
        let context = document.visible_json()?;
        self.host.publish_result(run, ledger.status, &ledger.reason(), &context).await?;
        let published = |document: Document| {
            let Some(mut reserved) = document.reserved else {
                return Ok((None, ()));
            };
            reserved.unpublished = false;
            Ok((Some(Change { patch: Patch::default(), reserved, ending: Ending::Published }), ()))
        };
        self.contexts.change(&self.statuses, run, false, published).await.map(drop)
    }
}
