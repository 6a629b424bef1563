//! What happens to a run and is no node's result: it is resumed, told of an event, cancelled, retried, reopened.

use std::sync::Arc;

use super::beginning::take_over;
use super::state::{Decision, RunState};
use super::store::Runs;
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::ports::record::Projection;
use crate::record::{Carried, SUBFLOW_STATE, to_raw};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Ledger, Refusal, Resume, RunStatus};
use crate::workflow::path::{Inside, instance_of};

const RESUMING: &str = "Resuming";
const RETRYING: &str = "Retrying";

/// What follows from something that happened to a run.
#[derive(Debug)]
pub struct FollowUp {
    /// What happened, as the start of a sentence.
    pub operation: &'static str,
    /// The blueprint the run follows, where it says so.
    pub blueprint: String,
    /// The jobs to publish.
    pub due: Vec<DueJob>,
    /// When it was committed, by the server's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The jobs were due before, and their messages may be on their way.
    pub again: bool,
    /// What goes along with the run's jobs.
    pub carried: Option<Arc<Carried>>,
}

impl Runs {
    /// A job was put back from the dead letters: the run that ended because of it goes on. What follows, without that
    /// job; none where the run did not end because of it.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn reopen(&self, run: &str, node: &str) -> Result<Option<FollowUp>> {
        let reopen = |state: &mut RunState| {
            if !state.ledger().was_abandoned_at(node) {
                return Ok(Decision::Leave(None));
            }
            let due = apply(state.ledger(), Event::TriedAgain)?;
            Ok(Decision::Write(Some((due, state.follows(), state.reserved.carried.clone()))))
        };
        let committed = self.update(run, Projection::Whole, reopen).await?;
        Ok(committed.answer.map(|(due, blueprint, carried)| FollowUp {
            operation: "Reopening",
            blueprint: blueprint.unwrap_or_default().to_string(),
            // The job that is replayed runs at once; what else was due needs its messages.
            due: due.into_iter().filter(|due| due.node != node).collect(),
            at: committed.at,
            again: true,
            carried,
        }))
    }

    /// Lets paused nodes go on: the one named, or all. Nodes that were resumed and did not get to it yet have
    /// their jobs published again.
    ///
    /// # Errors
    /// The run does not await, the node does not, no edge of the blueprint takes the action, or the server is out of reach.
    pub async fn resume(
        &self,
        run: &str,
        node: Option<&str>,
        with: &Resume,
        blueprint: Option<&Blueprint>,
    ) -> Result<FollowUp> {
        self.happen(run, RESUMING, |state| {
            let ledger = &mut state.reserved.ledger;
            let node = node.map(|node| ledger.named(node));
            let awaiting = awaiting(ledger, node.as_ref());
            if awaiting.is_empty() {
                let resumed = ledger.due().into_iter().filter(|due| is_chosen(&due.node, node.as_ref()));
                let resumed: Vec<DueJob> =
                    resumed.filter(|due| ledger.nodes[&due.node].resumed.is_some()).collect();
                return if resumed.is_empty() {
                    Err(not_awaiting(ledger, node.as_deref()))
                } else {
                    Ok(resumed)
                };
            }
            if let (Some(blueprint), Some(action)) = (blueprint, with.action.as_deref()) {
                // A node that paused inside a subflow goes on there, and so does the action.
                let is_outside = |id: &&NodeId| {
                    !state.document.values.contains_key(format!("{SUBFLOW_STATE}{id}").as_str())
                        && Inside::of(id).is_none()
                        && ledger.open_instance(id).is_none()
                };
                for id in awaiting.iter().filter(is_outside) {
                    require_a_way(blueprint, ledger, id, action)?;
                }
            }
            if let Some(action) = &with.action {
                state.patch.set("_resume.action", to_raw(action)?);
            }
            if let Some(output) = &with.output {
                state.patch.set("_resume.output", output.clone());
            }
            let mut due = Vec::new();
            let is_silent = with.action.is_none() && with.output.is_none();
            for node in awaiting {
                let sleeper = is_silent.then(|| ledger.who_sleeps_inside(&node)).flatten();
                let node = sleeper.or_else(|| ledger.who_waits_inside(&node)).unwrap_or(node);
                due.extend(apply(ledger, Event::Resumed { node, with: with.clone() })?);
            }
            Ok(due)
        })
        .await
    }

    /// Tells a run of an event. Nodes that wait for it go on; else it is kept for the first that will. An event
    /// meant for one node, such as a webhook's, is dropped once whoever the blueprint says waits for it is past it.
    ///
    /// # Errors
    /// The run has ended, or the server is out of reach.
    pub async fn send_event(
        &self,
        run: &str,
        name: &str,
        payload: Option<Json>,
        meant_for: Option<(&str, &Blueprint)>,
    ) -> Result<FollowUp> {
        let unknown = Blueprint::unknown("");
        let blueprint = meant_for.map_or(&unknown, |(_, blueprint)| blueprint);
        self.happen(run, "Sending the event", |state| {
            let ledger = state.ledger();
            let node = meant_for.map(|(node, _)| ledger.named(node));
            let meant = meant_for.and_then(|(node, _)| ledger.event_for(node, name));
            let name = meant.unwrap_or_else(|| name.to_owned());
            let event = Event::Happened { name, payload: payload.clone(), node };
            apply_by(blueprint, ledger, event)
        })
        .await
    }

    /// Starts a failed run again from the nodes that failed; one that nothing began, from its start, by this blueprint.
    ///
    /// # Errors
    /// The run has not failed, nothing began it and nothing says which blueprint it follows, or the server is out of reach.
    pub async fn retry(&self, run: &str, beginning: Option<&Blueprint>) -> Result<FollowUp> {
        self.happen(run, RETRYING, |state| {
            let status = state.ledger().status;
            if status != RunStatus::Failed {
                let status = status.as_str();
                return Err(Error::new(
                    Code::RunNotFailed,
                    RETRYING,
                    format!("only a failed run can be retried; this one is {status}"),
                ));
            }
            if !state.ledger().nodes.is_empty() {
                return apply(state.ledger(), Event::TriedAgain);
            }
            let Some(blueprint) = beginning else {
                let what = "nothing of it has happened, and it does not say which of this adapter's blueprints it \
                            follows: publish its message again";
                return Err(Error::new(Code::BlueprintUnknown, RETRYING, what));
            };
            apply(state.ledger(), Event::TriedAgain)?;
            let queue = self.settings.queues.of(&blueprint.id);
            take_over(state, blueprint, [queue, queue])?;
            Ok(state.ledger().due())
        })
        .await
    }

    /// Ends a run: nothing new of it starts. Whether it was still going on.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn cancel(&self, run: &str, reason: &str) -> Result<bool> {
        let cancel = |state: &mut RunState| {
            state.require_row("Cancelling")?;
            state.notes = true;
            let event = Event::Cancelled { reason: reason.to_owned() };
            let cancelled = state.ledger().apply(&Blueprint::unknown(""), event).is_ok();
            Ok(if cancelled { Decision::Write(true) } else { Decision::Leave(false) })
        };
        self.update(run, Projection::Ledger, cancel).await.map(|committed| committed.answer)
    }

    /// Ends a run whose last nodes version 1 did.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn update_status(&self, run: &str) -> Result<()> {
        let update = |state: &mut RunState| {
            if !state.ledger().is_stuck() {
                return Ok(Decision::Leave(()));
            }
            state.ledger().update_status();
            Ok(Decision::Write(()))
        };
        self.update(run, Projection::Ledger, update).await.map(drop)
    }

    /// Notes that the result of a run is published, where its end is still the one that was published. Whether it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn mark_published(&self, run: &str, end: &Ledger) -> Result<bool> {
        let mark = |state: &mut RunState| match state.ledger().has_the_end_of(end) {
            true => Ok(Decision::MarkPublished(())),
            false => Ok(Decision::Leave(())),
        };
        self.update(run, Projection::Ledger, mark).await.map(|committed| committed.changed)
    }

    /// Something that happens to a run from outside: the change, and the jobs that follow.
    async fn happen(
        &self,
        run: &str,
        operation: &'static str,
        change: impl Fn(&mut RunState) -> Result<Vec<DueJob>> + Sync,
    ) -> Result<FollowUp> {
        let happen = |state: &mut RunState| {
            state.require_row(operation)?;
            // Workers may have listeners that this engine has not.
            state.notes = true;
            let before = state.reserved.ledger.clone();
            let due = change(state)?;
            let again = state.reserved.ledger == before;
            let carried = state.reserved.carried.clone();
            Ok(Decision::Write((due, state.follows().unwrap_or_default(), again, carried)))
        };
        let committed = self.update(run, Projection::Whole, happen).await?;
        let (due, blueprint, again, carried) = committed.answer;
        Ok(FollowUp { operation, blueprint: blueprint.to_string(), due, at: committed.at, again, carried })
    }
}

/// Applies an event that concerns no edge of the blueprint.
fn apply(ledger: &mut Ledger, event: Event) -> Result<Vec<DueJob>> {
    apply_by(&Blueprint::unknown(""), ledger, event)
}

fn apply_by(blueprint: &Blueprint, ledger: &mut Ledger, event: Event) -> Result<Vec<DueJob>> {
    ledger.apply(blueprint, event).map(|transition| transition.due).map_err(|refusal| {
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

/// The paused nodes that a resume is for: the one named, or all of the run's own blueprint.
fn awaiting(ledger: &Ledger, node: Option<&NodeId>) -> Vec<NodeId> {
    match node {
        Some(node) if Inside::of(node).is_some() => {
            ledger.awaiting().map(|(id, _)| id).filter(|id| *id == node).cloned().collect()
        }
        _ => {
            let outside = ledger.awaiting_outside().map(|(id, _)| id);
            outside.filter(|id| node.is_none_or(|node| node == *id)).cloned().collect()
        }
    }
}

/// Whether a job is one that a resume of this node made due: its own, or of whoever waits inside.
fn is_chosen(due: &NodeId, node: Option<&NodeId>) -> bool {
    node.is_none_or(|node| node == due || due.starts_with(&*instance_of(node)))
}

/// Refuses an action that leads nowhere, although the node has edges.
fn require_a_way(blueprint: &Blueprint, ledger: &Ledger, node: &NodeId, action: &str) -> Result<()> {
    let replaced =
        blueprint.primaries_of(node).filter(|id| ledger.entry(id).is_some_and(|entry| entry.replaced));
    let sources: Vec<&NodeId> = std::iter::once(node).chain(replaced).collect();
    match blueprint.only_actions(&sources) {
        Some(actions) if !actions.contains(action) => {
            let actions = actions.into_iter().collect::<Vec<_>>().join("', '");
            let what = format!("no edge of node '{node}' takes the action '{action}'; there are '{actions}'");
            Err(Error::new(Code::ActionUnknown, RESUMING, what).of_node(node))
        }
        _ => Ok(()),
    }
}

fn not_awaiting(ledger: &Ledger, node: Option<&str>) -> Error {
    let code = if ledger.status.is_end() { Code::RunEnded } else { Code::NodeNotAwaiting };
    match node {
        Some(node) => {
            let what = format!("the node '{node}' does not wait to be resumed");
            Error::new(code, RESUMING, what).of_node(node)
        }
        None => {
            let what = format!("the run does not wait to be resumed: it is {}", ledger.status.as_str());
            Error::new(code, RESUMING, what)
        }
    }
}
