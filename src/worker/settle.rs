//! From an answer to a change of the run: the rules applied to the row as it is now.

use crate::error::Result;
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::outcome::{Answer, Outcome, Taken};
use crate::record::{Change, Patch, ReservedKey, StatusUpdate, to_raw};
use crate::time::milliseconds;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Arrival, Due, Event, Ledger, Refusal, RunStatus, Transition};

/// Where the execution that an answer belongs to stands: which node, in which round.
#[derive(Debug, Clone, Copy)]
pub struct Execution<'a> {
    /// The node.
    pub node: &'a NodeId,
    /// Its round.
    pub round: u32,
    /// When it was answered, in milliseconds since 1970.
    pub now: u64,
}

/// What a committed answer leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Jobs to publish.
    pub due: Vec<Due>,
    /// Where the run stands now.
    pub status: RunStatus,
    /// The run has ended, and its result is to be published by the adapter.
    pub unpublished: bool,
    /// The node failed for good, and nothing takes its place.
    pub failed: bool,
    /// Those of the due nodes that have a predecessor done by a worker of another kind.
    pub beside_strangers: Vec<NodeId>,
    /// Where the answer was not counted: what the one that was led to, and is still due.
    pub left: Vec<Due>,
    /// Why the answer was not counted, if it was not.
    pub refused: Option<Refusal>,
}

/// Builds the change that an answer means.
///
/// # Errors
/// None that user data can cause.
pub fn settle(
    mut reserved: ReservedKey,
    blueprint: &Blueprint,
    execution: Execution<'_>,
    answer: &Answer,
    deferred: bool,
) -> Result<(Option<Change>, Settled)> {
    let event = event_of(execution, &answer.outcome);
    let transition = match reserved.ledger.apply(blueprint, event) {
        Ok(transition) => transition,
        Err(refusal) => {
            let ReservedKey { ledger, unpublished, .. } = reserved;
            let (refused, left) = (Some(refusal), ledger.due_by(execution.node));
            return Ok((
                None,
                Settled { status: ledger.status, unpublished, left, refused, ..Settled::default() },
            ));
        }
    };
    let mut patch = answer.patch.clone();
    write_results(&mut patch, execution.node, &answer.outcome, &transition)?;
    let change = conclude(reserved, patch, deferred)?;
    let ReservedKey { ledger, unpublished, .. } = &change.reserved;
    let strangers = |due: &&Due| ledger.is_beside_strangers(blueprint, &due.node);
    let settled = Settled {
        status: ledger.status,
        unpublished: *unpublished,
        failed: matches!(answer.outcome, Outcome::Failed { .. }) && !transition.replaced,
        beside_strangers: transition.due.iter().filter(strangers).map(|due| due.node.clone()).collect(),
        due: transition.due,
        left: Vec::new(),
        refused: None,
    };
    Ok((Some(change), settled))
}

/// Completes a change once its ledger is final: the keys that show it, and what the status row is to say.
///
/// # Errors
/// None that user data can cause.
pub fn conclude(mut reserved: ReservedKey, mut patch: Patch, deferred: bool) -> Result<Change> {
    show_awaiting(&mut patch, &reserved.ledger)?;
    let ended = reserved.ledger.status.is_end();
    reserved.unpublished = ended && deferred;
    let status = match (ended, deferred) {
        (false, _) => StatusUpdate::Keep,
        (true, false) => StatusUpdate::End,
        (true, true) => StatusUpdate::Defer,
    };
    Ok(Change { patch, reserved, status })
}

fn event_of(Execution { node, round, now }: Execution<'_>, outcome: &Outcome) -> Event {
    let node = node.clone();
    match outcome {
        Outcome::Finished { action, taken, added, again, .. } => {
            let arrivals: Vec<Arrival> = taken.iter().map(|taken| taken.arrival.clone()).collect();
            Event::Finished {
                node,
                round,
                action: action.clone(),
                taken: arrivals,
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
            for Taken { arrival, input } in transition.arrived.iter().filter_map(|&index| taken.get(index)) {
                patch.input(&arrival.target, input.clone());
            }
        }
        // Core's own way of saying that a fallback took the node's place.
        Outcome::Failed { .. } if transition.replaced => patch.output(node, to_raw(&())?),
        Outcome::Paused { output: Some(output), .. } => patch.output(node, output.clone()),
        Outcome::Failed { .. } | Outcome::Retry { .. } | Outcome::Paused { output: None, .. } => {}
    }
    Ok(())
}

/// `_awaitingNodeIds` and `_awaitingDetails` are the ledger's, shown where core's users look for them.
fn show_awaiting(patch: &mut Patch, ledger: &Ledger) -> Result<()> {
    let awaiting: Vec<&NodeId> = ledger.awaiting().map(|(id, _)| id).collect();
    if awaiting.is_empty() {
        patch.deletes.extend(["_awaitingNodeIds".to_owned(), "_awaitingDetails".to_owned()]);
        return Ok(());
    }
    let details: std::collections::BTreeMap<&NodeId, &Json> =
        ledger.awaiting().filter_map(|(id, entry)| Some((id, entry.details.as_ref()?))).collect();
    patch.set("_awaitingNodeIds", to_raw(&awaiting)?);
    patch.set("_awaitingDetails", to_raw(&details)?);
    Ok(())
}

#[cfg(test)]
mod tests;
