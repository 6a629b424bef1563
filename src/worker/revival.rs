//! Bringing a run back to life: every job of it that is due and that nobody is running is published again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::engine::Engine;
use super::job::admission::{needs_taking_over, other_version};
use super::settle::conclude;
use crate::context::{Document, Patch, Silent};
use crate::error::{Error, Kind, Result};
use crate::ids::NodeId;
use crate::ports::keys;
use crate::protocol::message::JobMessage;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Due, Ledger};

const OPERATION: &str = "Reconciling";

/// How a run is to be brought back.
pub(super) struct Revival<'a> {
    /// Only if its jobs go through this queue.
    pub queue: Option<&'a str>,
    /// Only if nobody else has since it was seen so.
    pub claim: Option<&'a Silent>,
    /// Which of its jobs can be lost.
    pub due: &'a (dyn Fn(&Due) -> bool + Sync),
}

impl Engine {
    /// Looks at a run and publishes again every job of it that is due and that nobody is running.
    ///
    /// # Errors
    /// The run or its blueprint is unknown, or a server is out of reach.
    pub async fn reconcile(&self, run: &str) -> Result<BTreeSet<NodeId>> {
        let in_time = |due: &Due| due.not_before.and_then(|moment| self.platform.until(moment)).is_none();
        let revived = self.revive(run, Revival { queue: None, claim: None, due: &in_time }).await?;
        Ok(revived.unwrap_or_default())
    }

    /// As [`reconcile`](Self::reconcile), as told; none where the run is of another queue.
    pub(super) async fn revive(&self, run: &str, how: Revival<'_>) -> Result<Option<BTreeSet<NodeId>>> {
        let mut document = self.contexts.load(run).await?;
        let queue = document.reserved.as_ref().and_then(|reserved| reserved.queue.as_deref());
        if how.queue.is_some() && queue != how.queue {
            return Ok(None);
        }
        let id = self.blueprint_of(run, &document).await?;
        match self.matching_blueprint(&id, &document).await {
            Ok(blueprint) if needs_taking_over(&document, &blueprint) => {
                self.begin(run, &blueprint).await?;
                document = self.contexts.load(run).await?;
            }
            Ok(_) => {}
            // What is due is in the ledger: another worker of the queue has the blueprint.
            Err(error) if how.queue.is_some() && error.kind == Kind::Setup && document.reserved.is_some() => {
            }
            Err(error) => return Err(error.of_run(run)),
        }
        if document.is_unpublished() {
            self.publish_pending_result(run).await?;
        }
        let at = document.at;
        let ledger = document.reserved.map(|reserved| reserved.ledger).unwrap_or_default();
        let mut idle: Vec<Due> = Vec::new();
        for due in ledger.pending().into_iter().filter(how.due) {
            if self.is_idle(run, &due, &ledger).await? {
                idle.push(due);
            }
        }
        let stuck = ledger.is_stuck();
        if idle.is_empty() && !stuck {
            return Ok(Some(BTreeSet::new()));
        }
        if let Some(silent) = how.claim
            && !self.statuses.claim(self.contexts.database(), silent).await?
        {
            return Ok(Some(BTreeSet::new()));
        }
        if stuck {
            self.conclude_stuck(run).await?;
            self.publish_pending_result(run).await?;
        }
        if !idle.is_empty() {
            self.publish(&JobMessage::all_due(run, &id, &idle, at)).await?;
            // The run was just seen to: the next reconciler need not look at it at once.
            self.statuses.keep_alive(self.contexts.database(), &[run.to_owned()]).await?;
        }
        Ok(Some(idle.into_iter().map(|due| due.node).collect()))
    }

    /// The blueprint a run follows, in its version.
    async fn matching_blueprint(&self, id: &str, document: &Document) -> Result<Arc<Blueprint>> {
        let Some(blueprint) = self.blueprint(id).await? else {
            let what = format!("the blueprint '{id}' is not in this adapter's runtime");
            return Err(Error::setup(OPERATION, what));
        };
        match other_version(document, &blueprint) {
            Some(reason) => Err(Error::setup(OPERATION, reason)),
            None => Ok(blueprint),
        }
    }

    /// Whether nobody runs a job, and nobody is about to publish it.
    async fn is_idle(&self, run: &str, due: &Due, ledger: &Ledger) -> Result<bool> {
        let by = ledger.nodes.get(&due.node).and_then(|entry| entry.by.as_ref());
        for node in std::iter::once(&due.node).chain(by) {
            let lock = self.store.get(&keys::node_lock(run, node)).await?;
            if lock.is_some_and(|held| held != keys::RECONCILER_MARK) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends a run of which others did the last nodes, and nobody will do another.
    async fn conclude_stuck(&self, run: &str) -> Result<()> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            let mut reserved = document.reserved.unwrap_or_default();
            if !reserved.ledger.is_stuck() {
                return Ok((None, ()));
            }
            reserved.ledger.conclude();
            Ok((Some(conclude(reserved, Patch::default(), deferred)?), ()))
        };
        self.contexts.change(&self.statuses, run, false, decide).await.map(drop)
    }

    async fn blueprint_of(&self, run: &str, document: &Document) -> Result<String> {
        match document.blueprint_id() {
            Some(id) => Ok(id),
            None => self.store.get(&keys::blueprint(run)).await?.ok_or_else(|| {
                let what = "neither its context nor the coordination store says which blueprint it follows";
                Error::setup(OPERATION, what).of_run(run)
            }),
        }
    }
}
