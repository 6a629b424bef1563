//! How a run begins, is carried on, given up or resumed: changes of its row that no node's result causes.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::settle::conclude;
use crate::blueprint::{Blueprint, NodeId};
use crate::context::{Document, Patch, ReservedKey, to_raw};
use crate::coordination::keys;
use crate::error::{Error, Result};
use crate::ledger::{Due, Event, Ledger, NodeError, Refusal, Resume, RunStatus, Standing};

impl Engine {
    /// Gives a run its ledger, and takes over what others did of it. A run that has one and nothing to take
    /// over is left as it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row can not be read.
    pub async fn begin(&self, run: &str, blueprint: &Blueprint) -> Result<()> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            let (reserved, patch) = match begun(&document, blueprint)? {
                Some(begun) => begun,
                None => return Ok((None, ())),
            };
            Ok((Some(conclude(reserved, patch, deferred)?), ()))
        };
        let committed = self.contexts.change(&self.statuses, run, true, decide).await?;
        if committed.changed {
            // For workers of the original, who look here before the row.
            let key = keys::blueprint(run);
            if let Err(error) = self.store.set_if_not_exist(&key, &blueprint.id, keys::TTL).await {
                tracing::debug!(%error, "the blueprint key was not written");
            }
        }
        Ok(())
    }

    /// Ends a run that can not go on at all.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn abandon(&self, run: &str, node: &str, blueprint_id: &str, reason: &str) -> Result<()> {
        let deferred = self.host.publishes_results();
        let nowhere = Blueprint::unknown(blueprint_id);
        let decide = |document: Document| {
            let mut reserved = document.reserved.unwrap_or_default();
            let error = NodeError {
                node: node.to_owned(),
                message: reason.to_owned(),
            };
            match reserved.ledger.apply(&nowhere, Event::Abandoned { error }) {
                Ok(_) => Ok((Some(conclude(reserved, Patch::default(), deferred)?), ())),
                Err(_) => Ok((None, ())),
            }
        };
        self.contexts
            .change(&self.statuses, run, false, decide)
            .await
            .map(drop)
    }

    /// A message named a node that nothing led to: another worker may have seen its predecessors done.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn call_node(&self, run: &str, node: &str, blueprint: &Blueprint) -> Result<()> {
        let decide = |document: Document| {
            let mut reserved = document.reserved.unwrap_or_default();
            match reserved.ledger.call(blueprint, node) {
                Some(_) => Ok((Some(conclude(reserved, Patch::default(), false)?), ())),
                None => Ok((None, ())),
            }
        };
        self.contexts
            .change(&self.statuses, run, false, decide)
            .await
            .map(drop)
    }

    /// Looks at a run and publishes again every job of it that is due and that nobody is running.
    ///
    /// # Errors
    /// The run or its blueprint is unknown, or a server is out of reach.
    pub async fn reconcile(&self, run: &str) -> Result<BTreeSet<NodeId>> {
        let document = self.contexts.load(run).await?;
        let id = self.blueprint_of(run, &document).await?;
        let blueprint = self.blueprint(&id).await?.ok_or_else(|| {
            Error::setup(
                "Reconciling",
                format!("the blueprint '{id}' is not in this adapter's runtime"),
            )
            .of_run(run)
        })?;
        self.begin(run, &blueprint).await?;
        self.publish_pending_result(run).await?;
        let document = self.contexts.load(run).await?;
        let due = document
            .reserved
            .map(|reserved| reserved.ledger.due())
            .unwrap_or_default();

        let mut idle: Vec<Due> = Vec::new();
        for due in due {
            let lock = self.store.get(&keys::node_lock(run, &due.node)).await?;
            if lock.is_none_or(|held| held == keys::RECONCILER_MARK) {
                idle.push(due);
            }
        }
        let jobs: Vec<_> = idle
            .iter()
            .map(|due| crate::message::JobMessage::due(run, &id, due))
            .collect();
        if !jobs.is_empty() {
            self.publish(&jobs).await?;
            // The run was just seen to: the next reconciler need not look at it at once.
            let touch = |document: Document| match document.reserved {
                Some(reserved) => Ok((Some(conclude(reserved, Patch::default(), false)?), ())),
                None => Ok((None, ())),
            };
            self.contexts.change(&self.statuses, run, false, touch).await?;
        }
        Ok(idle.into_iter().map(|due| due.node).collect())
    }

    /// Lets paused nodes go on: the one named, or all.
    ///
    /// # Errors
    /// The run does not await, the node does not, or a server is out of reach.
    pub async fn resume(&self, run: &str, node: Option<&str>, with: &Resume) -> Result<BTreeSet<NodeId>> {
        let decide = |document: Document| {
            let mut reserved = document.reserved.unwrap_or_default();
            let awaiting: Vec<NodeId> = reserved.ledger.awaiting().map(|(id, _)| id.clone()).collect();
            let chosen: Vec<NodeId> = awaiting
                .into_iter()
                .filter(|id| node.is_none_or(|node| node == id.as_str()))
                .collect();
            if chosen.is_empty() {
                let what = match node {
                    Some(node) => format!("the node '{node}' does not wait to be resumed"),
                    None => format!(
                        "the run does not wait to be resumed: it is {}",
                        reserved.ledger.status.as_str()
                    ),
                };
                return Err(Error::setup("Resuming", what));
            }
            let (due, mut patch) = resume_nodes(&mut reserved.ledger, chosen, with)
                .map_err(|refusal| Error::setup("Resuming", format!("{refusal:?}")))?;
            if let Some(action) = &with.action {
                patch.set("_resume.action", to_raw(action)?);
            }
            if let Some(output) = &with.output {
                patch.set("_resume.output", output.clone());
            }
            let blueprint: Option<String> = document
                .values
                .get("blueprintId")
                .and_then(|raw| serde_json::from_str(raw.get()).ok());
            Ok((Some(conclude(reserved, patch, false)?), (due, blueprint)))
        };
        let committed = self.contexts.change(&self.statuses, run, true, decide).await?;
        let (due, blueprint) = committed.answer;
        let blueprint = blueprint.unwrap_or_default();
        let jobs: Vec<_> = due
            .iter()
            .map(|due| crate::message::JobMessage::due(run, &blueprint, due))
            .collect();
        self.publish(&jobs).await?;
        Ok(due.into_iter().map(|due| due.node).collect())
    }

    async fn blueprint_of(&self, run: &str, document: &Document) -> Result<String> {
        let stored = document
            .values
            .get("blueprintId")
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        match stored {
            Some(id) => Ok(id),
            None => self.store.get(&keys::blueprint(run)).await?.ok_or_else(|| {
                let what = "neither its context nor the coordination store says which blueprint it follows";
                Error::setup("Reconciling", what).of_run(run)
            }),
        }
    }
}

/// The bookkeeping and the keys of a run that is seen for the first time, or that others went on with.
fn begun(document: &Document, blueprint: &Blueprint) -> Result<Option<(ReservedKey, Patch)>> {
    let mut reserved = document.reserved.clone().unwrap_or_else(|| ReservedKey {
        ledger: Ledger::begin(blueprint),
        ..ReservedKey::default()
    });
    let before = (reserved.ledger.nodes.len(), reserved.ledger.due());
    reserved.ledger.adopt(blueprint, document.outputs(blueprint));
    if document.reserved.is_some() && before == (reserved.ledger.nodes.len(), reserved.ledger.due()) {
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

fn resume_nodes(
    ledger: &mut Ledger,
    nodes: Vec<NodeId>,
    with: &Resume,
) -> std::result::Result<(Vec<Due>, Patch), Refusal> {
    let nowhere = Blueprint::unknown("");
    let mut due = Vec::new();
    for node in nodes {
        let transition = ledger.apply(
            &nowhere,
            Event::Resumed {
                node,
                with: with.clone(),
            },
        )?;
        due.extend(transition.due);
    }
    Ok((due, Patch::default()))
}

/// What a document says of a job, for the log: where the run stands and where the node does.
pub(super) fn standing(document: &Document, node: &str, round: Option<u32>) -> (RunStatus, Standing) {
    match &document.reserved {
        Some(reserved) => (reserved.ledger.status, reserved.ledger.standing(node, round)),
        None => (RunStatus::Running, Standing::NotReached),
    }
}
