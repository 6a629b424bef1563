//! Completion: what a node's answer means for its run, by the rules, on the run as it is now. Pure: no clock, no server. Whether
//! the run itself is complete with it is decided in `workflow/ledger/apply.rs` (`update_status`).

use super::effect::{AnsweredBy, Effect, Execution, effect_outside};
use super::subflow::{effect_inside, opened};
use crate::error::Result;
use crate::ids::NodeId;
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::{Change, Document, FollowedBlueprint, Milestones, Patch, ReservedKey};
use crate::worker::runs::finalize::finalize;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Ledger, Refusal, Restored, RunStatus, Stamp};
use crate::workflow::path::Inside;

/// What a committed answer leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Jobs to publish.
    pub due: Vec<DueJob>,
    /// Where the run stands now.
    pub status: RunStatus,
    /// The run has ended, and its result is to be published by the adapter.
    pub unpublished: bool,
    /// The node failed finally, and no fallback takes its place.
    pub failed: bool,
    /// Those of the due nodes that have a predecessor done by a worker of version 1.
    pub beside_version_1: Vec<NodeId>,
    /// The jobs still due that the round led to, where another answer was counted for it.
    pub leftovers: Vec<DueJob>,
    /// Why the answer was not counted, if it was not.
    pub refused: Option<Refusal>,
    /// What is to be told of the run as a whole, where somebody listens.
    pub milestones: Option<Milestones>,
}

/// Builds the change that an answer means for its run. `blueprint` is that of the node: the run's, or its subflow's.
///
/// # Errors
/// None that user data can cause.
pub fn complete(
    document: &Document,
    blueprint: &Blueprint,
    execution: Execution<'_>,
    answer: &Answer,
) -> Result<(Option<Change>, Completion)> {
    let mut reserved = document.reserved.clone().unwrap_or_default();
    if is_superseded(&reserved, execution) {
        return Ok((None, refused(reserved, execution, Refusal::NotDue)));
    }
    let inside = Inside::of(execution.node);
    let effect = match (&inside, &answer.outcome) {
        (_, Outcome::Opened(subflow)) => {
            opened(&mut reserved.ledger, document, execution, (subflow, answer))?
        }
        (Some(inside), _) => {
            effect_inside(&mut reserved.ledger, document, (inside, blueprint, execution), answer)?
        }
        (None, _) => effect_outside(&mut reserved.ledger, blueprint, execution, answer)?,
    };
    let Effect { due, patch, replaced } = match effect {
        Ok(effect) => effect,
        Err(refusal) => return Ok((None, refused(reserved, execution, refusal))),
    };
    stamp(&mut reserved.ledger, document, execution, &due);
    let patch = settled(&mut reserved, document, execution, patch);
    note(&mut reserved, execution, &due, inside.is_none().then_some(blueprint));
    let change = finalize(reserved, patch, execution.deferred)?;
    let ReservedKey { ledger, unpublished, .. } = &change.reserved;
    let is_outside = inside.is_none();
    let beside_version_1 = |due: &&DueJob| is_outside && ledger.is_beside_version_1(blueprint, &due.node);
    let completion = Completion {
        status: ledger.status,
        unpublished: *unpublished,
        failed: matches!(answer.outcome, Outcome::Failed { .. }) && !replaced,
        beside_version_1: due.iter().filter(beside_version_1).map(|due| due.node.clone()).collect(),
        due,
        leftovers: Vec::new(),
        refused: None,
        milestones: None,
    };
    Ok((Some(change), completion))
}

/// Notes in the ledger when its nodes ended, and became due, by an answer.
fn stamp(ledger: &mut Ledger, document: &Document, execution: Execution<'_>, due: &[DueJob]) {
    let Execution { node, now, ran, .. } = execution;
    let stamp = Stamp { now, node: Some(node), ran };
    let nothing = Ledger::default();
    let before = document.reserved.as_ref().map_or(&nothing, |reserved| &reserved.ledger);
    match Inside::of(node) {
        // An instance may be over, and everything inside with it.
        Some(_) => ledger.stamp(before, stamp),
        None => {
            ledger.stamp_each(before, std::iter::once(node).chain(due.iter().map(|due| &due.node)), stamp)
        }
    }
}

/// Notes beside the ledger what follows from an answer. `outermost` is the run's blueprint, if the answer is of a node of it.
fn note(reserved: &mut ReservedKey, execution: Execution<'_>, due: &[DueJob], outermost: Option<&Blueprint>) {
    reserved.ledger.attribute(due, execution.held);
    if let Some(blueprint) = outermost {
        // A worker of version 2.0.0 may have dropped it.
        reserved.blueprint.get_or_insert_with(|| FollowedBlueprint::new(blueprint));
    }
    reserved.go_through(execution.queue);
    if reserved.untold.as_ref().is_some_and(|untold| untold.is_told_by(execution.node)) {
        // It was told before the node started, if anybody listens there.
        reserved.untold = None;
    }
}

/// Whether another attempt writes for the node by now: nothing of this one counts.
fn is_superseded(reserved: &ReservedKey, Execution { node, by, .. }: Execution<'_>) -> bool {
    match (by, reserved.ledger.writer(node)) {
        (AnsweredBy::Attempt(token), Some(writer)) => token != Some(writer),
        _ => false,
    }
}

/// The change that an answer makes, over what its node has written before: that counts by now, or is taken back where nobody
/// answered.
fn settled(
    reserved: &mut ReservedKey,
    document: &Document,
    Execution { node, by, .. }: Execution<'_>,
    patch: Patch,
) -> Patch {
    if !reserved.ledger.has_writers() {
        return patch;
    }
    let restored = match by {
        AnsweredBy::Attempt(_) => Restored::new(),
        AnsweredBy::Nobody => reserved.ledger.take_back(node, |key| document.values.get(key).cloned()),
    };
    // A value that comes back is still its writer's, and is taken back with what that one wrote.
    reserved.ledger.settle_writes(node, patch.sets.keys().chain(&patch.deletes).map(String::as_str));
    Patch::restoring(restored).then(patch)
}

fn refused(reserved: ReservedKey, execution: Execution<'_>, refusal: Refusal) -> Completion {
    let ReservedKey { ledger, unpublished, .. } = reserved;
    let (refused, leftovers) = (Some(refusal), ledger.due_by(execution.held));
    Completion { status: ledger.status, unpublished, leftovers, refused, ..Completion::default() }
}

#[cfg(test)]
mod tests;
