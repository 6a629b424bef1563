//! A mixed fleet: what workers of version 1 look at before they go on with a run that we share with them.
//!
//! They count arrivals at a join in the coordination store, and publish the join's job when the count is full. So
//! ours are counted there too; and where it is theirs that is still missing, the job is left to them.

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::engine::Engine;
use super::settle::Settled;
use crate::error::Result;
use crate::ports::keys;
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::workflow::blueprint::{Blueprint, Join};
use crate::workflow::ledger::Due;

/// Notes the result for them. Answers with the jobs to publish.
pub(super) async fn tell(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Blueprint,
    answer: &Answer,
    settled: &Settled,
    give_up: &CancellationToken,
) -> Result<Vec<Due>> {
    let mut due = settled.due.clone();
    if settled.refused.is_some() || !engine.leases.is_reachable() {
        return Ok(due);
    }
    let told = match &answer.outcome {
        Outcome::Finished { .. } => count(engine, job, blueprint, answer, settled, &mut due, give_up).await,
        Outcome::Failed { .. } if settled.failed => poison(engine, job, blueprint).await,
        _ => Ok(()),
    };
    if let Err(error) = told {
        // Nothing of ours depends on it; a run of theirs is found by whoever repairs.
        debug!(%error, "workers of version 1 were not told");
    }
    Ok(due)
}

async fn count(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Blueprint,
    answer: &Answer,
    settled: &Settled,
    due: &mut Vec<Due>,
    give_up: &CancellationToken,
) -> Result<()> {
    let Outcome::Finished { taken, .. } = &answer.outcome else { return Ok(()) };
    for target in taken.iter().map(|taken| &taken.arrival.target) {
        let Some(node) = blueprint.node(target).filter(|node| node.edges_in > 1) else { continue };
        if node.join == Join::Any {
            engine
                .store
                .set_if_not_exist(&keys::join_lock(&job.run_id, target), keys::JOINED, keys::TTL)
                .await?;
            continue;
        }
        let key = keys::fan_in(&job.run_id, target);
        let full = engine.store.increment(&key, keys::TTL).await? >= i64::from(node.edges_in);
        if full {
            engine.store.delete(&key).await?;
        }
        let is_due = due.iter().any(|due| due.node == *target);
        if full && !is_due {
            // Theirs came between our reading the row and our commit: who is last publishes.
            due.extend(engine.insist(give_up, || engine.take_over(&job.run_id, blueprint, target)).await?);
        } else if is_due && !full && settled.beside_strangers.contains(target) {
            due.retain(|due| due.node != *target);
        }
    }
    Ok(())
}

/// A node failed for good: their joins behind it must not wait for it.
async fn poison(engine: &Engine, job: &JobMessage, blueprint: &Blueprint) -> Result<()> {
    for target in blueprint.targets(&job.node_id) {
        let Some(node) = blueprint.node(target) else { continue };
        let (key, mark) = match node.join {
            Join::All => (keys::poison(&job.run_id, target), keys::POISONED),
            Join::Any => (keys::cancel(&job.run_id, target), keys::CANCELLED),
        };
        engine.store.set_if_not_exist(&key, mark, keys::TTL).await?;
    }
    Ok(())
}
