//! Where a job stands in its run: the run's document, and whether its node is due in it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::engine::Engine;
use crate::error::Result;
use crate::protocol::message::JobMessage;
use crate::record::{Document, ReservedKey};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::Standing;

/// What a job finds.
pub(super) enum Place {
    /// Its node is due, in this round.
    Due(Box<Document>, u32),
    /// There is nothing to run, and nothing is missing.
    Nothing,
    /// The run follows another version of the blueprint, and why that is known.
    OtherVersion(String),
    /// There is nothing that it could belong to.
    Nowhere {
        /// Why, for the dead letter.
        reason: String,
        /// The run can not begin either.
        ends_run: bool,
    },
}

/// Finds a job's place in its run, as it was loaded `ahead` or as it is. The run begins here, or is taken over from
/// others, where it has to be.
pub(super) async fn place_of(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Arc<Blueprint>,
    ahead: Option<Document>,
    give_up: &CancellationToken,
) -> Result<Place> {
    let run = job.run_id.as_str();
    let load = || engine.runs.load(run);
    let mut document = match ahead {
        Some(document) => document,
        None => engine.insist(give_up, load).await?,
    };
    // Before anything is decided by edges the run does not have.
    if let Some(reason) = other_version(&document, blueprint) {
        return Ok(Place::OtherVersion(reason));
    }
    if let Some(reason) = misplaced(&document, job, blueprint) {
        let ends_run = document.found && is_unbegun(&document) && document.blueprint_id().is_none();
        return Ok(Place::Nowhere { reason, ends_run });
    }
    if job.replayed && engine.insist(give_up, || engine.reopen(run, &job.node_id)).await? {
        document = engine.insist(give_up, load).await?;
    }
    if needs_taking_over(&document, blueprint) {
        document = engine.insist(give_up, || engine.take_on(run, blueprint, &document)).await?;
    } else if document.unchecked {
        engine.runs.checked(run, &document);
    }
    if job.round.is_none() && standing(&document, job) == Standing::NotReached {
        // Another worker may have seen its predecessors done.
        engine.insist(give_up, || engine.call_node(run, &job.node_id, blueprint)).await?;
        document = engine.insist(give_up, load).await?;
        if standing(&document, job) != Standing::NotReached {
            engine.repair.met_a_stranger();
        }
    }
    if let Some(round) = job.round.filter(|round| job.wakes && sleeps(&document, &job.node_id, *round)) {
        engine.insist(give_up, || engine.wake(run, &job.node_id, round)).await?;
        document = engine.insist(give_up, load).await?;
        // It goes on in a round of its own, in this very job.
        let awake = JobMessage { round: Some(round + 1), wakes: false, ..job.clone() };
        if let Standing::Due(round) = standing(&document, &awake) {
            return Ok(Place::Due(Box::new(document), round));
        }
    }
    match standing(&document, job) {
        Standing::Due(round) => return Ok(Place::Due(Box::new(document), round)),
        Standing::Settled => publish_left(engine, job, document, give_up).await?,
        Standing::Ended if document.is_unpublished() => engine.publish_result_or_report(run, give_up).await,
        Standing::NotReached => {
            let reason = format!("Nothing led to node '{}' in run '{run}'", job.node_id);
            return Ok(Place::Nowhere { reason, ends_run: false });
        }
        standing => debug!(?standing, round = job.round, "nothing to do for this message"),
    }
    Ok(Place::Nothing)
}

/// The job is done. Where its worker died after the commit, what the result made due may never have been published.
pub(super) async fn publish_left(
    engine: &Engine,
    job: &JobMessage,
    document: Document,
    give_up: &CancellationToken,
) -> Result<()> {
    let (run, at) = (&job.run_id, document.at);
    let ledger = document.reserved.map(|reserved| reserved.ledger).unwrap_or_default();
    let left = if job.repeated { ledger.due_by(&job.node_id) } else { Vec::new() };
    engine.publish_due(run, &job.blueprint_id, &left, at, give_up).await
}

/// Why a message can not belong to its run, if it can not.
fn misplaced(document: &Document, job: &JobMessage, blueprint: &Blueprint) -> Option<String> {
    let JobMessage { run_id: run, node_id: node, .. } = job;
    let ledger = document.reserved.as_ref().map(|reserved| &reserved.ledger);
    if let Some(own) = document.blueprint_id().filter(|own| *own != blueprint.id) {
        return Some(format!("Run '{run}' follows blueprint '{own}', not '{}'", blueprint.id));
    }
    if blueprint.node(node).is_none() && !ledger.is_some_and(|ledger| ledger.added.contains_key(node)) {
        return Some(format!("Node '{node}' is not in blueprint '{}'", blueprint.id));
    }
    if !document.found && !blueprint.starts.contains(node) {
        return Some(format!(
            "There is no run '{run}': it has no context row, and node '{node}' begins none"
        ));
    }
    None
}

fn is_unbegun(document: &Document) -> bool {
    document.reserved.as_ref().is_none_or(|reserved| reserved.ledger.is_unbegun())
}

/// Whether a run is new here, or others have gone on with it.
pub(super) fn needs_taking_over(document: &Document, blueprint: &Blueprint) -> bool {
    match &document.reserved {
        None => true,
        Some(ReservedKey { ledger, .. }) => {
            let unheard_of = |id| !ledger.knows_as_done(id);
            ledger.is_unbegun() || (document.unchecked && document.outputs(blueprint).any(unheard_of))
        }
    }
}

/// Why this worker's blueprint is not the one the run was started under, if it is not.
pub(super) fn other_version(document: &Document, blueprint: &Blueprint) -> Option<String> {
    let stored: serde_json::Value =
        serde_json::from_str(document.values.get("blueprintVersion")?.get()).ok()?;
    (stored != blueprint.version).then(|| {
        let (id, ours) = (&blueprint.id, &blueprint.version);
        format!("The run was started under version {stored} of blueprint '{id}'; this worker has {ours}")
    })
}

pub(super) fn sleeps(document: &Document, node: &str, round: u32) -> bool {
    document.reserved.as_ref().is_some_and(|reserved| reserved.ledger.sleeps(node, round))
}

/// What a message finds in a document.
pub(super) fn standing(document: &Document, job: &JobMessage) -> Standing {
    match &document.reserved {
        Some(ReservedKey { ledger, .. }) => ledger.standing_of_attempt(&job.node_id, job.round, job.attempt),
        None => Standing::NotReached,
    }
}
