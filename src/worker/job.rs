//! The life of a job, step by step: lease, load, call, commit, publish, release, acknowledge.
//!
//! Whatever is interrupted leaves the message unacknowledged; it comes again and finds in the record how far
//! its predecessor got.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug};

use super::Ending;
use super::engine::Engine;
use super::host::{Answer, Call, Notice, Outcome};
use super::runs::standing;
use super::settle::{Execution, Settled, settle};
use crate::backoff::jittered;
use crate::blueprint::Blueprint;
use crate::broker::{Delivery, Outgoing};
use crate::clock;
use crate::context::{Document, Patch, ReservedKey};
use crate::error::{Kind, Result};
use crate::ledger::Standing;
use crate::message::JobMessage;

/// How often a job whose node somebody else is running looks again.
const LEASE_POLL: Duration = Duration::from_millis(250);

/// How soon a job that this worker can not run comes back, at first and at last.
const SHORTEST_PUT_BACK: Duration = Duration::from_millis(200);
const LONGEST_PUT_BACK: Duration = Duration::from_secs(10);

/// What to do with the message in the end.
enum Settlement {
    /// Everything it asked for is recorded.
    Done,
    /// The worker stops before it was: somebody else takes it.
    HandBack,
}

/// Lives one delivery through, and settles its message last.
pub(super) async fn live(engine: &Engine, delivery: Delivery, ending: &Ending) {
    let Delivery { body, redelivered, receipt } = delivery;
    let give_up = &ending.give_up;
    let work = async {
        match JobMessage::parse(&body) {
            Ok(job) => {
                Span::current().record("run", &job.run_id).record("node", &job.node_id);
                process(engine, job, redelivered, give_up).await
            }
            Err(reason) => bury(engine, &body, &reason, give_up).await,
        }
    };
    // A panic is this job's error, and must not keep its message from being settled.
    let settlement = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(settlement) => settlement,
        Err(_) => {
            if let Ok(job) = JobMessage::parse(&body) {
                engine.leases.give_back(&job.run_id, &job.node_id).await;
            }
            bury(engine, &body, "The engine panicked on this message", give_up).await
        }
    };
    let settlement = match settlement {
        // What can not be stored or read is no better the next time: a person has to look at it.
        Err(error) if error.kind == Kind::Data => bury(engine, &body, &error.to_string(), give_up).await,
        other => other,
    };
    match settlement {
        Ok(Settlement::Done) => return receipt.ack().await,
        Ok(Settlement::HandBack) => {}
        Err(error) if error.kind == Kind::Stopping => {
            debug!(%error, "job handed back");
            // JavaScript is gone: this worker would only take jobs and hand them back.
            ending.now();
        }
        Err(error) => engine.warn(format!("A job was handed back to the queue. {error}")),
    }
    receipt.requeue().await;
}

async fn process(
    engine: &Engine,
    job: JobMessage,
    redelivered: bool,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    if job.not_before.and_then(clock::until).is_some() {
        // On its way to a moment further off than one delay.
        engine.insist(give_up, || engine.forward(std::slice::from_ref(&job))).await?;
        return Ok(Settlement::Done);
    }
    let redelivered = redelivered || job.put_back_since.is_some();
    loop {
        if engine.insist(give_up, || engine.leases.take(&job.run_id, &job.node_id)).await? {
            let settlement = with_lease(engine, &job, redelivered, give_up).await;
            engine.leases.give_back(&job.run_id, &job.node_id).await;
            return settlement;
        }
        // Somebody is running the node. The message is kept until the record says it is done: its own worker
        // may have died and this may be the only copy.
        let document = engine.insist(give_up, || engine.contexts.load(&job.run_id)).await?;
        let sleeping = job.wakes && job.round.is_some_and(|round| sleeps(&document, &job.node_id, round));
        match standing(&document, &job) {
            Standing::Settled | Standing::Ended if !sleeping => return Ok(Settlement::Done),
            _ => {}
        }
        tokio::select! {
            () = give_up.cancelled() => return Ok(Settlement::HandBack),
            () = tokio::time::sleep(LEASE_POLL) => {}
        }
    }
}

async fn with_lease(
    engine: &Engine,
    job: &JobMessage,
    redelivered: bool,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let begun = Instant::now();
    let blueprint = match engine.blueprint(&job.blueprint_id).await {
        Ok(Some(blueprint)) => blueprint,
        Ok(None) => {
            let reason = format!("Blueprint '{}' is not in this worker's runtime", job.blueprint_id);
            let limit = engine.settings.blueprint_timeout;
            return match put_back(engine, job, &reason, limit, give_up).await? {
                PutBack::Waits => Ok(Settlement::Done),
                PutBack::GivenUp => abandon(engine, job, &reason, give_up).await,
            };
        }
        Err(error) if error.kind == Kind::Setup => {
            return abandon(engine, job, &error.message, give_up).await;
        }
        Err(error) => return Err(error),
    };
    let Some((document, round)) = due_document(engine, job, &blueprint, redelivered, give_up).await? else {
        return Ok(Settlement::Done);
    };

    if let Some(reason) = other_version(&document, &blueprint) {
        put_back(engine, job, &reason, engine.settings.version_timeout, give_up).await?;
        return Ok(Settlement::Done);
    }
    let answer = match call(engine, job, document, give_up).await? {
        Some(answer) => answer,
        None => return Ok(Settlement::HandBack),
    };
    let success = !matches!(answer.outcome, Outcome::Failed { .. } | Outcome::Retry { .. });
    let settled = commit(engine, job, &blueprint, round, &answer, give_up).await?;
    engine.publish_due(&job.run_id, &blueprint.id, &settled.due, give_up).await?;
    if settled.unpublished {
        engine.publish_result_or_report(&job.run_id, give_up).await;
    }
    match settled.refused {
        None => {
            let duration = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            engine.host.notify(Notice::Processed { job: job.clone(), duration, success });
        }
        Some(refusal) => {
            debug!(?refusal, status = ?settled.status, round, "late result refused: another execution was counted")
        }
    }
    Ok(Settlement::Done)
}

/// The run's document, if the job's node is due in it; none when there is nothing to run.
async fn due_document(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Arc<Blueprint>,
    redelivered: bool,
    give_up: &CancellationToken,
) -> Result<Option<(Document, u32)>> {
    let run = job.run_id.as_str();
    let load = || async {
        let document = engine.contexts.load(run).await?;
        match needs_taking_over(&document, blueprint) {
            false => Ok(document),
            true => {
                engine.begin(run, blueprint).await?;
                engine.contexts.load(run).await
            }
        }
    };
    let mut document = engine.insist(give_up, load).await?;
    if job.round.is_none() && standing(&document, job) == Standing::NotReached {
        let call_and_load = || async {
            engine.call_node(run, &job.node_id, blueprint).await?;
            engine.contexts.load(run).await
        };
        document = engine.insist(give_up, call_and_load).await?;
    }
    if let Some(round) = job.round.filter(|round| job.wakes && sleeps(&document, &job.node_id, *round)) {
        let wake_and_load = || async {
            engine.wake(run, &job.node_id, round).await?;
            engine.contexts.load(run).await
        };
        document = engine.insist(give_up, wake_and_load).await?;
        // It goes on in a round of its own, in this very job.
        let awake = JobMessage { round: Some(round + 1), wakes: false, ..job.clone() };
        if let Standing::Due(round) = standing(&document, &awake) {
            return Ok(Some((document, round)));
        }
    }
    match standing(&document, job) {
        Standing::Due(round) => return Ok(Some((document, round))),
        Standing::Settled if redelivered => {
            // Its worker died after the commit: what the result made due may never have been published.
            let due =
                document.reserved.map(|reserved| reserved.ledger.due_by(&job.node_id)).unwrap_or_default();
            engine.publish_due(run, &blueprint.id, &due, give_up).await?;
        }
        Standing::Ended if document.is_unpublished() => engine.publish_result_or_report(run, give_up).await,
        standing => debug!(?standing, round = job.round, "nothing to do for this message"),
    }
    Ok(None)
}

/// Whether a run is new here, or others have gone on with it.
fn needs_taking_over(document: &Document, blueprint: &Blueprint) -> bool {
    match &document.reserved {
        None => true,
        Some(ReservedKey { ledger, .. }) => {
            ledger.is_unbegun() || document.outputs(blueprint).any(|id| !ledger.knows_as_done(id))
        }
    }
}

/// Crosses into JavaScript; none when the worker stops first.
async fn call(
    engine: &Engine,
    job: &JobMessage,
    document: Document,
    give_up: &CancellationToken,
) -> Result<Option<Answer>> {
    let (mut resumed, mut fed, mut attempt, mut added) = (None, false, 1, Vec::new());
    if let Some(reserved) = &document.reserved {
        if let Some(entry) = reserved.ledger.nodes.get(&job.node_id) {
            (resumed, fed, attempt) = (entry.resumed.clone(), entry.fed, entry.failures + 1);
        }
        added = reserved.ledger.added.values().map(|added| added.definition.clone()).collect();
    }
    let cancelled = give_up.child_token();
    let _in_flight = engine.in_flight.note(&job.run_id, cancelled.clone());
    let call = Call { job: job.clone(), document, resumed, fed, attempt, added, cancelled };
    tokio::select! {
        // First: it passes the signal on before this stops waiting for it.
        biased;
        answer = engine.host.execute(call) => answer.map(Some),
        () = give_up.cancelled() => Ok(None),
    }
}

async fn commit(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Blueprint,
    round: u32,
    answer: &Answer,
    give_up: &CancellationToken,
) -> Result<Settled> {
    let execution = Execution { node: &job.node_id, round };
    let deferred = engine.host.publishes_results();
    let change = |answer| {
        let decide = move |document: Document| {
            settle(document.reserved.unwrap_or_default(), blueprint, execution, answer, deferred)
        };
        engine.contexts.change(&engine.statuses, &job.run_id, false, decide)
    };
    match engine.insist(give_up, || change(answer)).await {
        Ok(committed) => Ok(committed.answer),
        Err(error) if error.kind == Kind::Data => {
            // PostgreSQL can not store what the node returned: that is the node's failure.
            let message = format!("Node '{}': its result can not be stored. {}", job.node_id, error.message);
            let failed =
                Answer { outcome: Outcome::Failed { message, recoverable: true }, patch: Patch::default() };
            Ok(engine.insist(give_up, || change(&failed)).await?.answer)
        }
        Err(error) => Err(error),
    }
}

async fn abandon(
    engine: &Engine,
    job: &JobMessage,
    reason: &str,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    engine.warn(format!("Run '{}' failed at node '{}': {reason}", job.run_id, job.node_id));
    engine.insist(give_up, || engine.abandon(&job.run_id, &job.node_id, &job.blueprint_id, reason)).await?;
    engine.publish_result_or_report(&job.run_id, give_up).await;
    Ok(Settlement::Done)
}

/// What became of a job this worker can not run.
enum PutBack {
    /// It waits for a worker that can.
    Waits,
    /// It waited long enough, and is among the dead letters.
    GivenUp,
}

/// Puts a job back for a worker that can run it, for longer each time.
async fn put_back(
    engine: &Engine,
    job: &JobMessage,
    reason: &str,
    limit: Duration,
    give_up: &CancellationToken,
) -> Result<PutBack> {
    let now = clock::now();
    let since = job.put_back_since.unwrap_or(now);
    let waited = Duration::from_millis(now.saturating_sub(since));
    if waited >= limit {
        let reason = format!("{reason}, nor did a worker that has it come within {} ms", limit.as_millis());
        bury(engine, &job.to_body(), &reason, give_up).await?;
        return Ok(PutBack::GivenUp);
    }
    // Spread: two jobs in step would keep coming to each other's worker.
    let wait = jittered((waited / 2).clamp(SHORTEST_PUT_BACK, LONGEST_PUT_BACK));
    let copy =
        JobMessage { put_back_since: Some(since), not_before: Some(clock::after(wait)), ..job.clone() };
    engine.insist(give_up, || engine.forward(std::slice::from_ref(&copy))).await?;
    debug!(reason, "put back");
    Ok(PutBack::Waits)
}

/// Why this worker's blueprint is not the one the run was started under, if it is not.
fn other_version(document: &Document, blueprint: &Blueprint) -> Option<String> {
    let stored: serde_json::Value =
        serde_json::from_str(document.values.get("blueprintVersion")?.get()).ok()?;
    (stored != blueprint.version).then(|| {
        let (id, ours) = (&blueprint.id, &blueprint.version);
        format!("The run was started under version {stored} of blueprint '{id}'; this worker has {ours}")
    })
}

fn sleeps(document: &Document, node: &str, round: u32) -> bool {
    document.reserved.as_ref().is_some_and(|reserved| reserved.ledger.sleeps(node, round))
}

/// Puts a message that is not a job where a person can look at it.
async fn bury(engine: &Engine, body: &[u8], reason: &str, give_up: &CancellationToken) -> Result<Settlement> {
    engine.warn(format!("A message on '{}' went to the dead letters. {reason}", engine.settings.queue));
    let letter = Outgoing {
        queue: format!("{}.dead", engine.settings.queue),
        delay: None,
        body: body.to_vec(),
        headers: vec![
            ("x-flowcraft-reason".into(), reason.into()),
            ("x-flowcraft-worker".into(), engine.settings.worker.clone()),
        ],
    };
    engine.insist(give_up, || engine.broker.publish(vec![letter.clone()])).await?;
    Ok(Settlement::Done)
}
