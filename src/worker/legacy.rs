//! Workers of version 1 in the same fleet: what they look at before they go on with a run that we share with them.
//!
//! They count arrivals at a join in the coordination store, and publish the join's job when the count is full. So this
//! worker counts its arrivals there, too. Where one of version 1's is still missing, this worker leaves the job to them.

use std::sync::Arc;

use tracing::debug;

use crate::error::Result;
use crate::ids::NodeId;
use crate::ports::coordination::CoordinationStore;
use crate::ports::keys;
use crate::protocol::outcome::{Outcome, Taken};
use crate::worker::leases::service::Leases;
use crate::worker::retry::Retry;
use crate::worker::runs::service::Runs;
use crate::workflow::blueprint::{Blueprint, Join};
use crate::workflow::ledger::{DueJob, Ledger, Standing};

/// Keeps the keys of version 1 truthful.
pub struct Legacy {
    store: Arc<dyn CoordinationStore>,
    leases: Arc<Leases>,
    runs: Arc<Runs>,
}

/// A result that was committed and counted.
#[derive(Clone, Copy)]
pub struct Counted<'a> {
    /// The run.
    pub run: &'a str,
    /// The node.
    pub node: &'a NodeId,
    /// The blueprint it was decided by.
    pub blueprint: &'a Blueprint,
    /// How the node ended.
    pub outcome: &'a Outcome,
    /// It failed for good, and nothing takes its place.
    pub failed: bool,
    /// Those of the nodes it made due that have a predecessor done by a worker of version 1.
    pub beside_version_1: &'a [NodeId],
}

impl Legacy {
    /// Over this store.
    pub fn new(store: Arc<dyn CoordinationStore>, leases: Arc<Leases>, runs: Arc<Runs>) -> Self {
        Self { store, leases, runs }
    }

    /// Says which blueprint a run follows: workers of version 1 look there before the row.
    pub async fn tell_blueprint(&self, run: &str, blueprint: &str) {
        if self.leases.is_reachable()
            && let Err(error) = self.store.set_if_not_exist(&keys::blueprint(run), blueprint, keys::TTL).await
        {
            debug!(%error, run, "the blueprint key was not written");
        }
    }

    /// Tells version 1 of a result. Answers with the jobs that this worker is to publish: those of `due` that it does not leave
    /// to version 1, and joins whose count is full.
    pub async fn tell_result(
        &self,
        result: Counted<'_>,
        mut due: Vec<DueJob>,
        retry: &Retry,
    ) -> Result<Vec<DueJob>> {
        if !self.leases.is_reachable() {
            return Ok(due);
        }
        let told = match &result.outcome {
            Outcome::Finished { taken, .. } => self.count_arrivals(result, taken, &mut due, retry).await,
            Outcome::Failed { .. } if result.failed => self.poison(result).await,
            _ => Ok(()),
        };
        if let Err(error) = told {
            // No run of this worker depends on the count. If version 1 then waits in vain, recovery finds the run.
            debug!(%error, run = result.run, "workers of version 1 were not told");
        }
        Ok(due)
    }

    async fn count_arrivals(
        &self,
        Counted { run, blueprint, beside_version_1, .. }: Counted<'_>,
        taken: &[Taken],
        due: &mut Vec<DueJob>,
        retry: &Retry,
    ) -> Result<()> {
        for target in taken.iter().map(|taken| &taken.edge.target) {
            let Some(node) = blueprint.node(target).filter(|node| node.edges_in > 1) else { continue };
            if node.join == Join::Any {
                let lock = keys::join_lock(run, target);
                self.store.set_if_not_exist(&lock, keys::JOINED, keys::TTL).await?;
                continue;
            }
            let key = keys::fan_in(run, target);
            let full = self.store.increment(&key, keys::TTL).await? >= i64::from(node.edges_in);
            if full {
                self.store.delete(&key).await?;
            }
            let is_due = due.iter().any(|due| due.node == *target);
            if full && !is_due {
                // Theirs came between our reading the row and our commit: who is last publishes.
                due.extend(retry.until_done(|| self.take_over_join(run, blueprint, target)).await?);
            } else if is_due && !full && beside_version_1.contains(target) {
                due.retain(|due| due.node != *target);
            }
        }
        Ok(())
    }

    /// Makes a join due whose arrivals are all counted. If the ledger already led to it, the worker that did so publishes its
    /// job.
    async fn take_over_join(&self, run: &str, blueprint: &Blueprint, join: &str) -> Result<Vec<DueJob>> {
        let reached = |ledger: &Ledger| ledger.standing(join, None) != Standing::NotReached;
        if self.runs.load(run).await?.reserved.is_some_and(|reserved| reached(&reserved.ledger)) {
            return Ok(Vec::new());
        }
        if self.runs.begin(run, blueprint).await? {
            self.tell_blueprint(run, &blueprint.id).await;
        }
        self.runs.call(run, join, blueprint).await?;
        let reserved = self.runs.load(run).await?.reserved;
        let due = reserved.map(|reserved| reserved.ledger.due()).unwrap_or_default();
        Ok(due.into_iter().filter(|due| due.node == join).collect())
    }

    /// A node failed for good: joins of version 1 behind it must not wait for it.
    async fn poison(&self, Counted { run, node, blueprint, .. }: Counted<'_>) -> Result<()> {
        for target in blueprint.targets(node) {
            let Some(node) = blueprint.node(target) else { continue };
            let (key, mark) = match node.join {
                Join::All => (keys::poison(run, target), keys::POISONED),
                Join::Any => (keys::cancel(run, target), keys::CANCELLED),
            };
            self.store.set_if_not_exist(&key, mark, keys::TTL).await?;
        }
        Ok(())
    }
}
