//! Live writes: what a node writes before its answer, committed like a result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::finalize::finalize;
use super::service::Runs;
use crate::error::Result;
use crate::ports::view::LiveAttempt;
use crate::record::{Change, Decide, Document, Patch};

/// What came of a live write, or of taking over from an earlier attempt.
#[derive(Debug)]
pub enum Recorded {
    /// It is on record; with the run as it is then, if this worker knows it.
    Yes(Option<Box<Document>>),
    /// The execution is over, or another attempt writes for it.
    No,
}

impl Runs {
    /// Writes keys of a run for a node that has not answered. Decided on the run as it was loaded, or as it is.
    ///
    /// # Errors
    /// The server is out of reach, the row cannot be read, or the table refuses the values.
    pub async fn write_live(
        &self,
        run: &str,
        base: &Document,
        attempt: &Arc<LiveAttempt>,
        patch: Patch,
    ) -> Result<Recorded> {
        let (attempt, deferred) = (attempt.clone(), self.defers_results());
        self.record_live(run, base, move |document| {
            let mut reserved = document.reserved.clone().unwrap_or_default();
            let sets = patch.sets.iter().map(|(key, value)| (key.as_str(), Some(value)));
            let deletes = patch.deletes.iter().map(|key| (key.as_str(), None));
            let value = |key: &str| document.values.get(key).cloned();
            let (by, writes) = (attempt.in_ledger(), sets.chain(deletes));
            if reserved.ledger.write_live(by, attempt.may_be_first(), writes, value).is_err() {
                return Ok(None);
            }
            document.refuse_oversized(&patch)?;
            finalize(reserved, patch.clone(), deferred).map(Some)
        })
        .await
    }

    /// Has an attempt that may not be the first write for its node from now on: what an earlier one wrote without an answer is
    /// taken back.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn take_over_writes(
        &self,
        run: &str,
        base: &Document,
        attempt: &Arc<LiveAttempt>,
    ) -> Result<Recorded> {
        let (attempt, deferred) = (attempt.clone(), self.defers_results());
        self.record_live(run, base, move |document| {
            let mut reserved = document.reserved.clone().unwrap_or_default();
            let value = |key: &str| document.values.get(key).cloned();
            let Ok(restored) = reserved.ledger.take_over(attempt.in_ledger(), value) else { return Ok(None) };
            finalize(reserved, Patch::restoring(restored), deferred).map(Some)
        })
        .await
    }

    async fn record_live(
        &self,
        run: &str,
        base: &Document,
        mut judge: impl FnMut(&Document) -> Result<Option<Change>> + Send + Sync + 'static,
    ) -> Result<Recorded> {
        let is_refused = Arc::new(AtomicBool::new(false));
        let refused = is_refused.clone();
        let decide: Decide = Box::new(move |document| {
            let change = judge(document)?;
            refused.store(change.is_none(), Ordering::Relaxed);
            Ok(change)
        });
        let outcome = self.commit(run, base.clone(), decide).await?;
        Ok(if is_refused.load(Ordering::Relaxed) {
            Recorded::No
        } else {
            Recorded::Yes(outcome.document.map(Box::new))
        })
    }
}
