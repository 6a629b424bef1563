//! Bringing a run back to life: every job of it that is due and that nobody is running is published again.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::place::needs_taking_over;
use super::settle::conclude;
use crate::blueprint::NodeId;
use crate::clock;
use crate::context::{Document, Patch, Silent};
use crate::coordination::keys;
use crate::error::{Error, Result};
use crate::ledger::{Due, Ledger};
use crate::message::JobMessage;

const OPERATION: &str = "Reconciling";

/// How a run is to be brought back.
pub(super) struct Revival<'a> {
    /// Only if its jobs go through this worker's queue.
    pub own: bool,
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
        let in_time = |due: &Due| due.not_before.and_then(clock::until).is_none();
        self.revive(run, Revival { own: false, claim: None, due: &in_time }).await
    }

    /// As [`reconcile`](Self::reconcile), as told.
    pub(super) async fn revive(&self, run: &str, how: Revival<'_>) -> Result<BTreeSet<NodeId>> {
        let mut document = self.contexts.load(run).await?;
        let queue = document.reserved.as_ref().and_then(|reserved| reserved.queue.as_ref());
        if how.own && queue != Some(&self.settings.queue) {
            return Ok(BTreeSet::new());
        }
        let id = self.blueprint_of(run, &document).await?;
        let blueprint = self.blueprint(&id).await?.ok_or_else(|| {
            Error::setup(OPERATION, format!("the blueprint '{id}' is not in this adapter's runtime"))
                .of_run(run)
        })?;
        if needs_taking_over(&document, &blueprint) {
            self.begin(run, &blueprint).await?;
            document = self.contexts.load(run).await?;
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
            return Ok(BTreeSet::new());
        }
        if let Some(silent) = how.claim
            && !self.statuses.claim(self.contexts.database(), silent).await?
        {
            return Ok(BTreeSet::new());
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
        Ok(idle.into_iter().map(|due| due.node).collect())
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
