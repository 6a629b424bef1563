//! How a run begins, or is taken over from workers of another kind.

use std::sync::Arc;

use super::engine::Engine;
use super::settle::conclude;
use crate::error::Result;
use crate::ports::keys;
use crate::record::{Decide, Document, Patch, ReservedKey, to_raw};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Due, Ledger, Standing};

impl Engine {
    /// Gives a run its ledger, and takes over what others did of it. A run that has one and nothing to take
    /// over is left as it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row can not be read.
    pub async fn begin(&self, run: &str, blueprint: &Blueprint) -> Result<()> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            let (reserved, patch) = match begun(&document, blueprint, self.settings.queues.of(&blueprint.id))?
            {
                Some(begun) => begun,
                None => return Ok((None, ())),
            };
            Ok((Some(conclude(reserved, patch, deferred)?), ()))
        };
        let committed = self.runs.change(run, true, decide).await?;
        if committed.changed {
            self.tell_blueprint(run, blueprint).await;
        }
        Ok(())
    }

    /// As [`begin`](Self::begin), for a run as it was loaded: mostly a new one, which needs nothing but its ledger.
    /// Answers with the run as it is then.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub(super) async fn take_on(
        &self,
        run: &str,
        blueprint: &Arc<Blueprint>,
        document: &Document,
    ) -> Result<Document> {
        if !document.found || document.outputs(blueprint).next().is_some() {
            self.begin(run, blueprint).await?;
            return self.runs.load(run).await;
        }
        let (deferred, queue, new) = (
            self.host.publishes_results(),
            self.settings.queues.of(&blueprint.id).to_owned(),
            blueprint.clone(),
        );
        let decide: Decide = Box::new(move |document| match begun(document, &new, &queue)? {
            Some((reserved, patch)) => Ok(Some(conclude(reserved, patch, deferred)?)),
            None => Ok(None),
        });
        let written = self.runs.commit(run, document.clone(), decide).await?;
        let Some(begun) = written.document else {
            return self.runs.load(run).await;
        };
        self.tell_blueprint(run, blueprint).await;
        Ok(begun)
    }

    /// All arrivals at a join are counted where version 1 counts them: it is due, whoever did its predecessors. Where
    /// it was led to already, whoever did that publishes its job.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub(super) async fn take_over(&self, run: &str, blueprint: &Blueprint, join: &str) -> Result<Vec<Due>> {
        let reached = |ledger: &Ledger| ledger.standing(join, None) != Standing::NotReached;
        if self.runs.load(run).await?.reserved.is_some_and(|reserved| reached(&reserved.ledger)) {
            return Ok(Vec::new());
        }
        self.begin(run, blueprint).await?;
        self.call_node(run, join, blueprint).await?;
        let reserved = self.runs.load(run).await?.reserved;
        let due = reserved.map(|reserved| reserved.ledger.due()).unwrap_or_default();
        Ok(due.into_iter().filter(|due| due.node == join).collect())
    }

    /// A message named a node that nothing led to: another worker may have seen its predecessors done.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn call_node(&self, run: &str, node: &str, blueprint: &Blueprint) -> Result<()> {
        self.amend(run, |ledger| ledger.call(blueprint, node).is_some()).await
    }

    /// For workers of the original, who look there before the row.
    async fn tell_blueprint(&self, run: &str, blueprint: &Blueprint) {
        let key = keys::blueprint(run);
        if self.leases.is_reachable()
            && let Err(error) = self.store.set_if_not_exist(&key, &blueprint.id, keys::TTL).await
        {
            tracing::debug!(%error, "the blueprint key was not written");
        }
    }
}

/// The bookkeeping and the keys of a run that is seen for the first time, or that others went on with.
fn begun(document: &Document, blueprint: &Blueprint, queue: &str) -> Result<Option<(ReservedKey, Patch)>> {
    let mut reserved = document.reserved.clone().unwrap_or_default();
    let fresh = reserved.ledger.is_unbegun();
    reserved.queue.get_or_insert_with(|| queue.into());
    if fresh {
        reserved.ledger.begin_with(blueprint);
    }
    let before = (reserved.ledger.nodes.len(), reserved.ledger.due());
    reserved.ledger.adopt(blueprint, document.outputs(blueprint));
    if !fresh && before == (reserved.ledger.nodes.len(), reserved.ledger.due()) {
        return Ok(None);
    }
    let mut patch = Patch::default();
    if !document.values.contains_key("blueprintId") {
        patch.set("blueprintId", to_raw(&blueprint.id)?);
    }
    if !document.values.contains_key("blueprintVersion") {
        patch.set("blueprintVersion", to_raw(&blueprint.version)?);
    }
    Ok(Some((reserved, patch)))
}
