//! Claims of executions: written into the record where no lease can be seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tracing::debug;

use super::finalize::finalize;
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ports::record::Projection;
use crate::record::{Decide, Document, Patch};
use crate::time::milliseconds;
use crate::worker::leases::held::LeasedExecution;
use crate::workflow::ledger::{Claiming, Unclaimed};

/// How an execution is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimMode {
    /// At once.
    Now,
    /// Only once nobody has answered that it executes the node.
    AfterAsking,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// It is written; with the run as it is then, if this worker knows it.
    Yes(Option<Box<Document>>),
    /// Another worker claims the node, or has so long to answer that it executes it.
    After(Duration),
    /// The execution is over.
    Over,
}

impl Runs {
    /// Claims an execution for as long as a lease lives. Decided on the run as it was loaded, or as it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn claim_node(
        &self,
        execution: &LeasedExecution,
        base: &Document,
        how: ClaimMode,
    ) -> Result<Claimed> {
        let LeasedExecution { run, node, round } = execution.clone();
        let (own, deferred) = (self.settings.worker.clone(), self.deferred);
        let lives = self.settings.lease_seconds * 1000;
        let asks = (how == ClaimMode::AfterAsking).then(|| milliseconds(self.settings.time_for_answers()));
        let refused: Arc<Mutex<Option<Claimed>>> = Arc::default();
        let answer = refused.clone();
        let decide: Decide = Box::new(move |document| {
            let now = document.at.unwrap_or_default();
            let mut reserved = document.reserved.clone().unwrap_or_default();
            let claimed = reserved.ledger.claim(&node, round, Claiming { by: &own, now, lives, asks });
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = match claimed {
                Ok(true) => None,
                Ok(false) => Some(Claimed::After(Duration::from_millis(asks.unwrap_or_default()))),
                Err(Unclaimed::Over) => Some(Claimed::Over),
                Err(Unclaimed::Others(until) | Unclaimed::Asked(until)) => {
                    Some(Claimed::After(Duration::from_millis(until - now)))
                }
            };
            claimed.ok().map(|_| finalize(reserved, Patch::default(), deferred)).transpose()
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
        self.update(run, Projection::Ledger, unclaim).await.map(drop)
    }

    /// Those executions of this worker after which another one asks, since it sees no leases. Runs that have not changed are
    /// not read again.
    pub async fn asked(&self, executions: Vec<LeasedExecution>) -> Vec<LeasedExecution> {
        let asked = executions.into_iter().map(|execution| async move {
            let loaded = self.load(&execution.run).await;
            let loaded = loaded
                .inspect_err(|error| debug!(%error, ?execution, "could not read which worker asks"))
                .ok()?;
            let ledger = &loaded.reserved?.ledger;
            ledger.is_asked(&execution.node, &self.settings.worker).then_some(execution)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Claims what is being executed.
    pub async fn claim_all(&self, executions: Vec<LeasedExecution>) {
        let claims = executions.iter().map(|execution| async move {
            let claimed = match self.load(&execution.run).await {
                Ok(document) => self.claim_node(execution, &document, ClaimMode::Now).await,
                Err(error) => Err(error),
            };
            match claimed {
                Ok(Claimed::Yes(_) | Claimed::Over) => {}
                Ok(Claimed::After(_)) => {
                    debug!(?execution, "another worker claims the node; the commit decides")
                }
                Err(error) => debug!(%error, ?execution, "the node was not claimed"),
            }
        });
        join_all(claims).await;
    }
}
