//! Paused nodes of a run go on: they are resumed, or a sleeping one wakes since its time has come.

use super::operations::{FollowUp, apply};
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::ports::record::Projection;
use crate::record::{SUBFLOW_STATE, to_raw};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Ledger, Resume};
use crate::workflow::path::{Inside, instance_of};

const RESUMING: &str = "Resuming";

impl Runs {
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
            let ledger = state.ledger();
            let node = node.map(|node| ledger.named(node));
            let awaiting = awaiting(ledger, node.as_ref());
            if awaiting.is_empty() {
                return resumed_before(ledger, node.as_ref(), with).map(Some);
            }
            if let (Some(blueprint), Some(action)) = (blueprint, with.action.as_deref()) {
                require_ways(blueprint, state, &awaiting, action)?;
            }
            if let Some(action) = &with.action {
                state.patch.set("_resume.action", to_raw(action)?);
            }
            if let Some(output) = &with.output {
                state.patch.set("_resume.output", output.clone());
            }
            go_on(state.ledger(), awaiting, with).map(Some)
        })
        .await
    }

    /// Wakes a node whose time has come, if it still sleeps in that round.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn wake(&self, run: &str, node: &str, round: u32) -> Result<()> {
        let nowhere = Blueprint::unknown("");
        let wake = |state: &mut RunState| {
            let event = Event::Resumed { node: node.into(), with: Resume::default() };
            let ledger = state.ledger();
            match ledger.sleeps(node, round) && ledger.apply(&nowhere, event).is_ok() {
                true => Ok(Decision::Write(())),
                false => Ok(Decision::Leave(())),
            }
        };
        self.update(run, Projection::Ledger, wake).await.map(drop)
    }
}

/// The jobs of nodes that were resumed and did not get to it yet. With another action that is another decision: the first one
/// counts.
fn resumed_before(ledger: &Ledger, node: Option<&NodeId>, with: &Resume) -> Result<Vec<DueJob>> {
    let chosen = ledger.due().into_iter().filter(|due| is_chosen(&due.node, node));
    let is_same = |resumed: &Resume| with.action.is_none() || with.action == resumed.action;
    let is_resumed = |due: &DueJob| ledger.nodes[&due.node].resumed.as_ref().is_some_and(is_same);
    let resumed: Vec<DueJob> = chosen.filter(is_resumed).collect();
    if resumed.is_empty() { Err(not_awaiting(ledger, node.map(|node| &**node))) } else { Ok(resumed) }
}

/// Resumes nodes that await, or whoever waits inside of them.
fn go_on(ledger: &mut Ledger, awaiting: Vec<NodeId>, with: &Resume) -> Result<Vec<DueJob>> {
    let mut due = Vec::new();
    let is_silent = with.action.is_none() && with.output.is_none();
    for node in awaiting {
        let sleeper = is_silent.then(|| ledger.who_sleeps_inside(&node)).flatten();
        let node = sleeper.or_else(|| ledger.who_waits_inside(&node)).unwrap_or(node);
        due.extend(apply(ledger, Event::Resumed { node, with: with.clone() })?);
    }
    Ok(due)
}

/// Refuses an action that leads nowhere from one of these nodes. A node that paused inside a subflow goes on there, and so
/// does the action.
fn require_ways(blueprint: &Blueprint, state: &RunState, nodes: &[NodeId], action: &str) -> Result<()> {
    let ledger = &state.reserved.ledger;
    let is_outside = |id: &&NodeId| {
        !state.document.values.contains_key(format!("{SUBFLOW_STATE}{id}").as_str())
            && Inside::of(id).is_none()
            && ledger.open_instance(id).is_none()
    };
    nodes.iter().filter(is_outside).try_for_each(|id| require_a_way(blueprint, ledger, id, action))
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
