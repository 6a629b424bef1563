//! Completion: what an answer means for its run, by the rules, on the run as it is now. Pure: no clock, no server.

use crate::error::Result;
use crate::ids::NodeId;
use crate::protocol::outcome::{Answer, Outcome, Taken};
use crate::record::{Change, Follows, Patch, ReservedKey, to_raw};
use crate::time::milliseconds;
use crate::worker::runs::finalize::finalize;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Refusal, RunStatus, TakenEdge, Transition};

/// Where the execution that an answer belongs to stands: which node, in which round.
#[derive(Debug, Clone, Copy)]
pub struct Execution<'a> {
    /// The node.
    pub node: &'a NodeId,
    /// Its round.
    pub round: u32,
    /// When it was answered, in milliseconds since 1970.
    pub now: u64,
    /// The queue that the jobs it leads to go through.
    pub queue: &'a str,
    /// The node of the message that its worker holds: what the answer makes due is found by it, should the worker die.
    pub held: &'a NodeId,
    /// The adapter publishes results itself.
    pub deferred: bool,
}

/// What a committed answer leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Jobs to publish.
    pub due: Vec<DueJob>,
    /// Where the run stands now.
    pub status: RunStatus,
    /// The run has ended, and its result is to be published by the adapter.
    pub unpublished: bool,
    /// The node failed for good, and nothing takes its place.
    pub failed: bool,
    /// Those of the due nodes that have a predecessor done by a worker of version 1.
    pub beside_version_1: Vec<NodeId>,
    /// The jobs still due that the round led to, where another answer was counted for it.
    pub left: Vec<DueJob>,
    /// Why the answer was not counted, if it was not.
    pub refused: Option<Refusal>,
}

/// Builds the change that an answer means.
///
/// # Errors
/// None that user data can cause.
pub fn complete(
    mut reserved: ReservedKey,
    blueprint: &Blueprint,
    execution: Execution<'_>,
    answer: &Answer,
) -> Result<(Option<Change>, Completion)> {
    let event = event_of(execution, &answer.outcome);
    let transition = match reserved.ledger.apply(blueprint, event) {
        Ok(transition) => transition,
        Err(refusal) => {
            let ReservedKey { ledger, unpublished, .. } = reserved;
            let (refused, left) = (Some(refusal), ledger.due_by(execution.held));
            return Ok((
                None,
                Completion { status: ledger.status, unpublished, left, refused, ..Completion::default() },
            ));
        }
    };
    reserved.ledger.attribute(&transition.due, execution.held);
    // A worker of version 2.0.0 may have dropped it.
    reserved.blueprint.get_or_insert_with(|| Follows::new(blueprint));
    reserved.go_through(execution.queue);
    let mut patch = answer.patch.clone();
    write_results(&mut patch, execution.node, &answer.outcome, &transition)?;
    let change = finalize(reserved, patch, execution.deferred)?;
    let ReservedKey { ledger, unpublished, .. } = &change.reserved;
    let beside_version_1 = |due: &&DueJob| ledger.is_beside_version_1(blueprint, &due.node);
    let completion = Completion {
        status: ledger.status,
        unpublished: *unpublished,
        failed: matches!(answer.outcome, Outcome::Failed { .. }) && !transition.replaced,
        beside_version_1: transition
            .due
            .iter()
            .filter(beside_version_1)
            .map(|due| due.node.clone())
            .collect(),
        due: transition.due,
        left: Vec::new(),
        refused: None,
    };
    Ok((Some(change), completion))
}

fn event_of(Execution { node, round, now, .. }: Execution<'_>, outcome: &Outcome) -> Event {
    let node = node.clone();
    match outcome {
        Outcome::Finished { action, taken, added, again, .. } => {
            let edges: Vec<TakenEdge> = taken.iter().map(|taken| taken.edge.clone()).collect();
            Event::Finished {
                node,
                round,
                action: action.clone(),
                taken: edges,
                added: added.clone(),
                again: again.clone(),
            }
        }
        Outcome::Failed { message, recoverable } => {
            Event::Failed { node, round, message: message.clone(), recoverable: *recoverable }
        }
        Outcome::Retry { after } => {
            Event::Retried { node, round, not_before: now.saturating_add(milliseconds(*after)) }
        }
        Outcome::Paused { pause, .. } => Event::Paused { node, round, pause: pause.clone() },
    }
}

fn write_results(patch: &mut Patch, node: &NodeId, outcome: &Outcome, transition: &Transition) -> Result<()> {
    match outcome {
        Outcome::Finished { output, taken, .. } => {
            match output {
                Some(output) => patch.output(node, output.clone()),
                None => patch.no_output(node),
            }
            for Taken { edge, input } in transition.arrived.iter().filter_map(|&index| taken.get(index)) {
                patch.input(&edge.target, input.clone());
            }
        }
        // Core's own way of saying that a fallback took the node's place.
        Outcome::Failed { .. } if transition.replaced => patch.output(node, to_raw(&())?),
        Outcome::Paused { output: Some(output), .. } => patch.output(node, output.clone()),
        Outcome::Failed { .. } | Outcome::Retry { .. } | Outcome::Paused { output: None, .. } => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
