//! Claims of executions: written into the record where no lease can be seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tracing::debug;

use super::finalize::finalize;
use super::state::{Decision, RunState};
use super::store::{Runs, View};
use crate::error::Result;
use crate::record::{Decide, Document, Patch};
use crate::worker::leases::held::LeasedExecution;
use crate::workflow::ledger::{Claim, Unclaimed};

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// It is written; with the run as it is then, if this worker knows it.
    Yes(Option<Box<Document>>),
    /// Another worker claims the node, for so long.
    ByOthers(Duration),
    /// The execution is over.
    Over,
}

impl Runs {
    /// Claims an execution for as long as a lease lives. Decided on the run as it was loaded, or as it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn claim_node(&self, execution: &LeasedExecution, base: &Document) -> Result<Claimed> {
        let LeasedExecution { run, node, round } = execution.clone();
        let (own, deferred) = (self.settings.worker.clone(), self.deferred);
        let lives = self.settings.lease_seconds * 1000;
        let refused: Arc<Mutex<Option<Claimed>>> = Arc::default();
        let answer = refused.clone();
        let decide: Decide = Box::new(move |document| {
            let now = document.at.unwrap_or_default();
            let mut reserved = document.reserved.clone().unwrap_or_default();
            let claim = Claim { by: own.clone(), until: now + lives };
            let claimed = reserved.ledger.claim(&node, round, claim, now);
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = claimed.err().map(|why| match why {
                Unclaimed::Over => Claimed::Over,
                Unclaimed::Others(until) => Claimed::ByOthers(Duration::from_millis(until - now)),
            });
            claimed.ok().map(|()| finalize(reserved, Patch::default(), deferred)).transpose()
        });
        let outcome = self.commit(&run, base.clone(), decide).await?;
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(refused.unwrap_or(Claimed::Yes(outcome.document.map(Box::new))))
    }

    /// Takes back what this worker claims of an execution, if it claims it.
    ///
    /// # Errors
    /// As [`claim_node`](Self::claim_node).
    pub async fn unclaim_node(&self, LeasedExecution { run, node, round }: &LeasedExecution) -> Result<()> {
        let unclaim = |state: &mut RunState| {
            let is_claimed = state.ledger().unclaim(node, *round, &self.settings.worker);
            Ok(if is_claimed { Decision::Write(()) } else { Decision::Leave(()) })
        };
        self.update(run, View::Ledger, unclaim).await.map(drop)
    }

    /// Claims what is being executed under leases that cannot be renewed.
    pub async fn claim_all(&self, executions: Vec<LeasedExecution>) {
        let claims = executions.iter().map(|execution| async move {
            let claimed = match self.load(&execution.run).await {
                Ok(document) => self.claim_node(execution, &document).await,
                Err(error) => Err(error),
            };
            match claimed {
                Ok(Claimed::Yes(_) | Claimed::Over) => {}
                Ok(Claimed::ByOthers(_)) => {
                    debug!(?execution, "another worker claims the node; the commit decides")
                }
                Err(error) => debug!(%error, ?execution, "the node was not claimed"),
            }
        });
        join_all(claims).await;
    }
}
