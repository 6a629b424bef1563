//! How a run is given up, resumed, told of something, or ended: changes of its row that no node's result causes.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::settle::conclude;
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::message::JobMessage;
use crate::record::{Document, Patch, to_raw};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Due, Event, Ledger, NodeError, Refusal, Resume, Standing};

impl Engine {
    /// Ends a run that can not go on because of a job; whether it was that job's run, and waited for it.
    ///
    /// # Errors
    /// A server is out of reach, or the row can not be read.
    pub async fn abandon(&self, run: &str, node: &str, blueprint_id: &str, reason: &str) -> Result<bool> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            let own = document.blueprint_id().is_none_or(|own| own == blueprint_id);
            let mut reserved = document.reserved.unwrap_or_default();
            let ledger = &mut reserved.ledger;
            // A message that names another blueprint, or a node that is not due, ends no run but its own.
            let waits = ledger.is_unbegun() || matches!(ledger.standing(node, None), Standing::Due(_));
            if !own || !waits {
                return Ok((None, false));
            }
            let error = NodeError { node: node.into(), message: reason.to_owned() };
            match ledger.apply(&Blueprint::unknown(blueprint_id), Event::Abandoned { error }) {
                Ok(_) => Ok((Some(conclude(reserved, Patch::default(), deferred)?), true)),
                Err(_) => Ok((None, false)),
            }
        };
        self.runs.change(run, true, decide).await.map(|committed| committed.answer)
    }

    /// A job was put back from the dead letters: the run that ended because of it goes on. Whether it does.
    ///
    /// # Errors
    /// A server is out of reach, or the row can not be read.
    pub(super) async fn reopen(&self, run: &str, node: &str) -> Result<bool> {
        let decide = |document: Document| {
            let blueprint = document.blueprint_id();
            let mut reserved = document.reserved.unwrap_or_default();
            if !reserved.ledger.was_abandoned_at(node) {
                return Ok((None, None));
            }
            let due = apply(&mut reserved.ledger, Event::TriedAgain)?;
            let change = conclude(reserved, Patch::default(), self.host.publishes_results())?;
            Ok((Some(change), Some((due, blueprint))))
        };
        let committed = self.runs.change(run, true, decide).await?;
        let Some((due, blueprint)) = committed.answer else { return Ok(false) };
        // The job that is being replayed runs at once; what else was in flight needs its messages.
        let others: Vec<Due> = due.into_iter().filter(|due| due.node != node).collect();
        self.publish(&JobMessage::all_due(run, &blueprint.unwrap_or_default(), &others, committed.at))
            .await?;
        Ok(true)
    }

    /// Lets paused nodes go on: the one named, or all. Nodes that were resumed and did not get to it yet have
    /// their jobs published again.
    ///
    /// # Errors
    /// The run does not await, the node does not, or a server is out of reach.
    pub async fn resume(&self, run: &str, node: Option<&str>, with: &Resume) -> Result<BTreeSet<NodeId>> {
        let chosen = |id: &NodeId| node.is_none_or(|node| node == id.as_str());
        self.happen(run, "Resuming", |ledger, patch| {
            let awaiting: Vec<NodeId> =
                ledger.awaiting().map(|(id, _)| id).filter(|id| chosen(id)).cloned().collect();
            if awaiting.is_empty() {
                let resumed = ledger.due().into_iter().filter(|due| chosen(&due.node));
                let resumed: Vec<Due> =
                    resumed.filter(|due| ledger.nodes[&due.node].resumed.is_some()).collect();
                return if resumed.is_empty() { Err(not_awaiting(ledger, node)) } else { Ok(resumed) };
            }
            if let Some(action) = &with.action {
                patch.set("_resume.action", to_raw(action)?);
            }
            if let Some(output) = &with.output {
                patch.set("_resume.output", output.clone());
            }
            let mut due = Vec::new();
            for node in awaiting {
                due.extend(apply(ledger, Event::Resumed { node, with: with.clone() })?);
            }
            Ok(due)
        })
        .await
    }

    /// Wakes a node whose time has come, if it still sleeps in that round.
    ///
    /// # Errors
    /// A server is out of reach, or the row can not be read.
    pub(super) async fn wake(&self, run: &str, node: &str, round: u32) -> Result<()> {
        let event = Event::Resumed { node: node.into(), with: Resume::default() };
        let nowhere = Blueprint::unknown("");
        self.amend(run, |ledger| ledger.sleeps(node, round) && ledger.apply(&nowhere, event.clone()).is_ok())
            .await
    }

    /// Tells a run of an event. Nodes that wait for it go on; else it is kept for the first that will. An event
    /// meant for one node, such as a webhook's, is dropped once that node is past it.
    ///
    /// # Errors
    /// The run has ended, or a server is out of reach.
    pub async fn send_event(
        &self,
        run: &str,
        name: &str,
        payload: Option<Json>,
        node: Option<&str>,
    ) -> Result<BTreeSet<NodeId>> {
        self.happen(run, "Sending the event", |ledger, _| {
            let node = node.map(NodeId::from);
            apply(ledger, Event::Happened { name: name.to_owned(), payload: payload.clone(), node })
        })
        .await
    }

    /// Ends a run: nothing new of it starts, and nodes in flight get their signal. Whether it was still going on.
    ///
    /// # Errors
    /// A server is out of reach, or the row can not be read.
    pub async fn cancel(&self, run: &str, reason: &str) -> Result<bool> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            require_row(&document, "Cancelling")?;
            let mut reserved = document.reserved.unwrap_or_default();
            match reserved
                .ledger
                .apply(&Blueprint::unknown(""), Event::Cancelled { reason: reason.to_owned() })
            {
                Ok(_) => Ok((Some(conclude(reserved, Patch::default(), deferred)?), true)),
                Err(_) => Ok((None, false)),
            }
        };
        let committed = self.runs.change(run, false, decide).await?;
        self.publish_pending_result(run).await?;
        Ok(committed.answer)
    }

    /// Starts a failed run again from the nodes that failed.
    ///
    /// # Errors
    /// The run has not failed, or a server is out of reach.
    pub async fn retry(&self, run: &str) -> Result<BTreeSet<NodeId>> {
        self.happen(run, "Retrying", |ledger, _| {
            apply(ledger, Event::TriedAgain).map_err(|_| {
                let status = ledger.status.as_str();
                let what = format!("only a failed run can be retried; this one is {status}");
                Error::new(Code::RunNotFailed, "Retrying", what)
            })
        })
        .await
    }

    /// Changes nothing of a run but its ledger, where `change` says that it did.
    pub(super) async fn amend(&self, run: &str, change: impl Fn(&mut Ledger) -> bool + Sync) -> Result<()> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            let mut reserved = document.reserved.unwrap_or_default();
            match change(&mut reserved.ledger) {
                true => Ok((Some(conclude(reserved, Patch::default(), deferred)?), ())),
                false => Ok((None, ())),
            }
        };
        self.runs.change(run, false, decide).await.map(drop)
    }

    /// Something that happens to a run from outside: the change, and the jobs that follow.
    async fn happen(
        &self,
        run: &str,
        operation: &'static str,
        change: impl Fn(&mut Ledger, &mut Patch) -> Result<Vec<Due>> + Sync,
    ) -> Result<BTreeSet<NodeId>> {
        let deferred = self.host.publishes_results();
        let decide = |document: Document| {
            require_row(&document, operation)?;
            let blueprint = document.blueprint_id().unwrap_or_default();
            let mut reserved = document.reserved.unwrap_or_default();
            let mut patch = Patch::default();
            let due = change(&mut reserved.ledger, &mut patch)?;
            Ok((Some(conclude(reserved, patch, deferred)?), (due, blueprint)))
        };
        let committed = self.runs.change(run, true, decide).await?;
        let (due, blueprint) = committed.answer;
        let jobs = JobMessage::all_due(run, &blueprint, &due, committed.at);
        if !jobs.is_empty() {
            // What is recorded but could not be published, the reconciler publishes.
            let publish = self.publish(&jobs).await;
            publish.map_err(|error| Error { operation, ..error.of_run(run) })?;
        }
        Ok(due.into_iter().map(|due| due.node).collect())
    }
}

fn require_row(document: &Document, operation: &'static str) -> Result<()> {
    match document.found {
        true => Ok(()),
        false => Err(no_such_run(operation)),
    }
}

/// A run that nothing is stored of.
pub(super) fn no_such_run(operation: &'static str) -> Error {
    Error::new(Code::RunNotFound, operation, "there is no such run: it has no context row")
}

/// Applies an event that concerns no edge of the blueprint.
fn apply(ledger: &mut Ledger, event: Event) -> Result<Vec<Due>> {
    ledger.apply(&Blueprint::unknown(""), event).map(|transition| transition.due).map_err(|refusal| {
        let (code, why) = match refusal {
            Refusal::Ended => (Code::RunEnded, format!("the run is over: it is {}", ledger.status.as_str())),
            Refusal::NotDue | Refusal::NotAwaiting => {
                (Code::NodeNotAwaiting, "the node does not wait to be resumed".to_owned())
            }
            Refusal::NotFailed => (Code::RunNotFailed, "the run has not failed".to_owned()),
        };
        Error::new(code, "Changing the run", why)
    })
}

fn not_awaiting(ledger: &Ledger, node: Option<&str>) -> Error {
    let code = if ledger.status.is_end() { Code::RunEnded } else { Code::NodeNotAwaiting };
    match node {
        Some(node) => {
            let what = format!("the node '{node}' does not wait to be resumed");
            Error::new(code, "Resuming", what).of_node(node)
        }
        None => {
            let what = format!("the run does not wait to be resumed: it is {}", ledger.status.as_str());
            Error::new(code, "Resuming", what)
        }
    }
}
