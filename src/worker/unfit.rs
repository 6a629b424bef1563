//! Messages that can not be worked on: put back for a worker that can, or put where a person can look at them.
//! Whatever becomes of one is confirmed before it is acknowledged.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::dead_letters;
use super::engine::Engine;
use super::job::steps::Settlement;
use super::settle::failure;
use crate::error::{Error, Kind, Result};
use crate::protocol::message::JobMessage;
use crate::workflow::ledger::RunStatus;

/// How soon a job that this worker can not run comes back, at first and at last. Shorter than the silence after
/// which a job counts as lost.
const SHORTEST_PUT_BACK: Duration = Duration::from_millis(200);
const LONGEST_PUT_BACK: Duration = Duration::from_secs(3);

/// What became of a job this worker can not run.
pub(super) enum PutBack {
    /// It waits for a worker that can.
    Waits,
    /// It waited long enough, and is among the dead letters.
    GivenUp,
}

/// Puts a job back for a worker that can run it, for longer each time.
pub(super) async fn put_back(
    engine: &Engine,
    job: &JobMessage,
    reason: &str,
    limit: Duration,
    give_up: &CancellationToken,
) -> Result<PutBack> {
    let now = engine.platform.now();
    let since = job.put_back_since.unwrap_or(now);
    let waited = Duration::from_millis(now.saturating_sub(since));
    if waited >= limit {
        let reason = format!("{reason}, nor did a worker that has it come within {} ms", limit.as_millis());
        bury(engine, engine.settings.queues.of(&job.blueprint_id), &job.as_delivered(), &reason, give_up)
            .await?;
        return Ok(PutBack::GivenUp);
    }
    let wait = waited / 2;
    let job = JobMessage { put_back_since: Some(since), ..job.clone() };
    put_off(engine, &job, wait, reason, give_up).await?;
    Ok(PutBack::Waits)
}

/// Has a job come again a while later, without holding a place in this worker meanwhile.
pub(super) async fn put_off(
    engine: &Engine,
    job: &JobMessage,
    wait: Duration,
    reason: &str,
    give_up: &CancellationToken,
) -> Result<()> {
    // Spread: two jobs in step would keep coming to each other's worker.
    let wait = engine.platform.jittered(wait.clamp(SHORTEST_PUT_BACK, LONGEST_PUT_BACK));
    let copy = JobMessage { repeated: true, not_before: Some(engine.platform.after(wait)), ..job.clone() };
    engine.insist(give_up, || engine.forward(std::slice::from_ref(&copy))).await?;
    debug!(reason, "put back");
    // It is not lost: the run is seen to be looked after.
    let run = std::slice::from_ref(&job.run_id);
    if let Err(error) = engine.statuses.keep_alive(engine.contexts.database(), run).await {
        debug!(%error, "the run's status was not kept fresh");
    }
    Ok(())
}

/// Puts a message among the dead letters of a queue.
pub(super) async fn bury(
    engine: &Engine,
    queue: &str,
    body: &[u8],
    reason: &str,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let letter = dead_letters::letter(&engine.platform, (queue, &engine.settings.worker), body, reason);
    let reason = dead_letters::shortened(reason);
    engine.warn(format!("A message on '{queue}' went to the dead letters. {reason}"));
    engine.insist(give_up, || engine.broker.publish(vec![letter.clone()])).await?;
    Ok(Settlement::Done)
}

/// Ends a run that can not go on because of this job. Its message is buried before.
pub(super) async fn abandon(
    engine: &Engine,
    job: &JobMessage,
    reason: &str,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let reason = &dead_letters::shortened(reason);
    let abandoned =
        engine.insist(give_up, || engine.abandon(&job.run_id, &job.node_id, &job.blueprint_id, reason)).await;
    match abandoned {
        Ok(false) => return Ok(Settlement::Done),
        Ok(true) => {}
        Err(error) if error.kind == Kind::Data => say_failed(engine, job, reason, give_up).await?,
        Err(error) => return Err(error),
    }
    engine.warn(dead_letters::shortened(&format!(
        "Run '{}' failed at node '{}': {reason}",
        job.run_id, job.node_id
    )));
    engine.publish_result_or_report(&job.run_id, give_up).await;
    Ok(Settlement::Done)
}

/// The run's row can not be read: neither by us nor, before somebody mends it, by anybody. Its message is kept,
/// and its status says why.
pub(super) async fn unreadable(
    engine: &Engine,
    queue: &str,
    body: &[u8],
    error: &Error,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let reason = error.to_string();
    bury(engine, queue, body, &reason, give_up).await?;
    if let Ok(job) = JobMessage::parse(body) {
        say_failed(engine, &job, &reason, give_up).await?;
    }
    Ok(Settlement::Done)
}

async fn say_failed(
    engine: &Engine,
    job: &JobMessage,
    reason: &str,
    give_up: &CancellationToken,
) -> Result<()> {
    let result = failure(reason)?;
    let write = || engine.contexts.write_result(&engine.statuses, &job.run_id, RunStatus::Failed, &result);
    match engine.insist(give_up, write).await {
        Err(error) if error.kind == Kind::Data => {
            debug!(%error, "the status could not be written either");
            Ok(())
        }
        other => other,
    }
}
