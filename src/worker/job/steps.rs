//! The life of a job, step by step: lease, load, call, commit, publish, release, acknowledge.
//!
//! Whatever is interrupted leaves the message unacknowledged; it comes again and finds in the record how far
//! its predecessor got. What can not be worked on is in [`unfit`](super::unfit).

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug};

use super::admission::{self, Tried, Verdict, admit};
use super::reason::Reason;
use crate::context::{Decide, Document, Patch};
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::ports::broker::Delivery;
use crate::ports::host::{Call, Notice};
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::worker::Ending;
use crate::worker::engine::Engine;
use crate::worker::fleet;
use crate::worker::settle::{Execution, Settled, settle};
use crate::worker::unfit::{PutBack, abandon, bury, put_back, put_off, unreadable};
use crate::workflow::blueprint::Blueprint;

/// How often a job whose node somebody else is running looks again, and how often before it waits elsewhere.
const LEASE_POLL: Duration = Duration::from_millis(250);
const LEASE_POLLS: u32 = 4;
/// How long it waits there.
const LEASE_WAIT: Duration = Duration::from_secs(1);
/// How soon a job goes back that came to a worker whose event loop hangs.
const HANG_WAIT: Duration = Duration::from_secs(1);

/// How soon an acknowledgement has left, on a test's order.
const ACK_LEAVES: Duration = Duration::from_millis(100);

/// What to do with the message in the end.
pub(crate) enum Settlement {
    /// Everything it asked for is recorded.
    Done,
    /// The worker stops before it was: somebody else takes it.
    HandBack,
}

/// Lives one delivery through, and settles its message last.
pub(crate) async fn live(engine: &Engine, delivery: Delivery, ending: &Ending) {
    let Delivery { queue, body, redelivered, receipt, .. } = delivery;
    let give_up = &ending.give_up;
    let work = async {
        let settlement = match JobMessage::parse(&body) {
            Ok(job) => {
                Span::current().record("run", &job.run_id).record("node", job.node_id.as_str());
                engine.repair.delivered(&queue, &job, redelivered);
                process(engine, job, redelivered, give_up).await
            }
            Err(reason) => bury(engine, &queue, &body, &reason, give_up).await,
        };
        fault_points::point("before-ack");
        settlement
    };
    // A panic is this job's error, and must not keep its message from being settled.
    let settlement = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(settlement) => settlement,
        Err(_) => AssertUnwindSafe(panicked(engine, &queue, &body, redelivered, give_up))
            .catch_unwind()
            .await
            .unwrap_or(Ok(Settlement::HandBack)),
    };
    let settlement = match settlement {
        // What can not be read is no better the next time: a person has to look at it.
        Err(error) if error.kind == Kind::Data => unreadable(engine, &queue, &body, &error, give_up).await,
        other => other,
    };
    match settlement {
        Ok(Settlement::Done) => {
            receipt.ack().await;
            if fault_points::is_planned("after-ack") {
                // Nobody else waits until it has left.
                tokio::time::sleep(ACK_LEAVES).await;
            }
            return fault_points::point("after-ack");
        }
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

/// The engine panicked on a message. What was committed is not lost: the message comes again, as if its worker had
/// died. What was not, or panics again, ends its run.
async fn panicked(
    engine: &Engine,
    queue: &str,
    body: &[u8],
    redelivered: bool,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let reason = "The engine panicked on this message";
    let Ok(job) = JobMessage::parse(body) else { return bury(engine, queue, body, reason, give_up).await };
    engine.leases.give_back(&job.run_id, &job.node_id).await;
    let document = engine.insist(give_up, || engine.contexts.load(&job.run_id)).await?;
    if admission::comes_again_after_panic(&document, &job, redelivered) {
        engine.warn(format!("{reason} (run '{}', node '{}'): it comes again", job.run_id, job.node_id));
        return Ok(Settlement::HandBack);
    }
    bury(engine, queue, body, reason, give_up).await?;
    abandon(engine, &job, reason, give_up).await
}

async fn process(
    engine: &Engine,
    job: JobMessage,
    redelivered: bool,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    if job.not_before.and_then(|moment| engine.platform.until(moment)).is_some() {
        // On its way to a moment further off than one delay.
        engine.insist(give_up, || engine.forward(std::slice::from_ref(&job))).await?;
        return Ok(Settlement::Done);
    }
    if !engine.pulse.is_felt() {
        // It would wait here with nobody to run it. Not at once: the broker may have nobody else to give it to.
        tokio::time::sleep(HANG_WAIT).await;
        return Ok(Settlement::HandBack);
    }
    let job = JobMessage { repeated: job.repeated || redelivered, ..job };
    for poll in 0..LEASE_POLLS {
        fault_points::point("before-lease");
        let (leased, ahead) =
            join(engine.take_lease(&job, give_up), look_ahead(engine, &job, poll == 0)).await;
        if leased? {
            fault_points::point("after-lease");
            let settlement = with_lease(engine, &job, ahead, give_up).await;
            fault_points::point("before-release");
            engine.leases.give_back(&job.run_id, &job.node_id).await;
            fault_points::point("after-release");
            return settlement;
        }
        let document = engine.insist(give_up, || engine.contexts.peek(&job.run_id)).await?;
        if let Some(verdict) = admission::admit_beside_lease(&document, &job) {
            if let Verdict::Republish(due) = verdict {
                engine.publish_due(&job.run_id, &job.blueprint_id, &due, document.at, give_up).await?;
            }
            return Ok(Settlement::Done);
        }
        tokio::select! {
            biased;
            () = give_up.cancelled() => return Ok(Settlement::HandBack),
            () = tokio::time::sleep(LEASE_POLL) => {}
        }
    }
    put_off(engine, &job, LEASE_WAIT, "somebody is running the node", give_up).await?;
    Ok(Settlement::Done)
}

/// Loads the run while the lease is being taken. Not for a message that may be one of two: the other's result, committed
/// before its lease was given back, must be seen.
async fn look_ahead(engine: &Engine, job: &JobMessage, first: bool) -> Option<Document> {
    let is_the_only_one = first && job.round.is_some() && !job.repeated && !job.replayed;
    if !is_the_only_one {
        return None;
    }
    // What fails here is loaded again, and told then.
    engine.contexts.load(&job.run_id).await.ok()
}

async fn with_lease(
    engine: &Engine,
    job: &JobMessage,
    ahead: Option<Document>,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let begun = Instant::now();
    let blueprint = match engine.blueprint(&job.blueprint_id).await {
        Ok(Some(blueprint)) => blueprint,
        Ok(None) => {
            let reason = Reason::BlueprintMissing { blueprint: job.blueprint_id.clone() };
            return reschedule(engine, job, &reason, give_up).await;
        }
        Err(error) if error.kind == Kind::Setup => {
            return dead_letter(engine, job, &Reason::BlueprintUnusable(error), true, give_up).await;
        }
        Err(error) => return Err(error),
    };
    fault_points::point("before-load");
    let (document, verdict) = admitted(engine, job, &blueprint, ahead, give_up).await?;
    let round = match verdict {
        Verdict::Run { round } => round,
        Verdict::Reschedule(reason) => return reschedule(engine, job, &reason, give_up).await,
        Verdict::DeadLetter { reason, fails_run } => {
            return dead_letter(engine, job, &reason, fails_run, give_up).await;
        }
        Verdict::Republish(due) => {
            engine.publish_due(&job.run_id, &job.blueprint_id, &due, document.at, give_up).await?;
            return Ok(Settlement::Done);
        }
        Verdict::PublishResult => {
            engine.publish_result_or_report(&job.run_id, give_up).await;
            return Ok(Settlement::Done);
        }
        verdict => {
            debug!(?verdict, round = job.round, "nothing to do for this message");
            return Ok(Settlement::Done);
        }
    };
    fault_points::point("after-load");

    fault_points::point("before-call");
    let base = document.clone();
    let answer = match call(engine, job, &blueprint, document, give_up).await? {
        Some(answer) => Arc::new(answer),
        None => return Ok(Settlement::HandBack),
    };
    fault_points::point("after-call");
    let success = !matches!(answer.outcome, Outcome::Failed { .. } | Outcome::Retry { .. });
    fault_points::point("before-commit");
    let (settled, at) = commit(engine, job, &blueprint, (round, base), &answer, give_up).await?;
    fault_points::point("after-commit");
    match &settled.refused {
        None if engine.host.listens() => {
            // Before what follows is published: its events come after this one.
            let duration = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            engine.host.notify(Notice::Processed { job: job.clone(), duration, success });
        }
        None => {}
        Some(refusal) => {
            debug!(?refusal, status = ?settled.status, round, "late result refused: another execution was counted")
        }
    }
    let due = fleet::tell(engine, job, &blueprint, &answer, &settled, give_up).await?;
    engine.publish_due(&job.run_id, &blueprint.id, &due, at, give_up).await?;
    if settled.unpublished {
        engine.publish_result_or_report(&job.run_id, give_up).await;
    }
    Ok(Settlement::Done)
}

/// Performs what admission asks for on the way, until its verdict is a last one. The run as it is then, and the verdict.
async fn admitted(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Arc<Blueprint>,
    ahead: Option<Document>,
    give_up: &CancellationToken,
) -> Result<(Document, Verdict)> {
    let run = job.run_id.as_str();
    let load = || engine.contexts.load(run);
    let mut document = match ahead {
        Some(document) => document,
        None => engine.insist(give_up, load).await?,
    };
    let mut tried = Tried::default();
    loop {
        let verdict = admit(&document, blueprint, job, tried);
        let was_looked_through = !matches!(
            verdict,
            Verdict::Reschedule(_)
                | Verdict::DeadLetter { .. }
                | Verdict::Reopen
                | Verdict::Begin
                | Verdict::Adopt
        );
        if was_looked_through && document.unchecked {
            engine.contexts.checked(run, &document);
        }
        match verdict {
            Verdict::Begin | Verdict::Adopt => {
                tried.take_over = true;
                document = engine.insist(give_up, || engine.take_on(run, blueprint, &document)).await?;
                continue;
            }
            Verdict::Reopen => {
                tried.reopen = true;
                engine.insist(give_up, || engine.reopen(run, &job.node_id)).await?;
            }
            Verdict::Call => {
                tried.call = true;
                engine.insist(give_up, || engine.call_node(run, &job.node_id, blueprint)).await?;
            }
            Verdict::Wake { round } => {
                tried.wake = true;
                engine.insist(give_up, || engine.wake(run, &job.node_id, round)).await?;
            }
            last => return Ok((document, last)),
        }
        document = engine.insist(give_up, load).await?;
        if verdict == Verdict::Call && admission::is_reached(&document, job) {
            engine.repair.met_a_stranger();
        }
    }
}

async fn reschedule(
    engine: &Engine,
    job: &JobMessage,
    reason: &Reason,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let limit = match reason {
        Reason::OtherVersion { .. } => engine.settings.version_timeout,
        _ => engine.settings.blueprint_timeout,
    };
    match put_back(engine, job, &reason.to_string(), limit, give_up).await? {
        PutBack::Waits => Ok(Settlement::Done),
        PutBack::GivenUp => abandon(engine, job, &reason.of_run(), give_up).await,
    }
}

async fn dead_letter(
    engine: &Engine,
    job: &JobMessage,
    reason: &Reason,
    fails_run: bool,
    give_up: &CancellationToken,
) -> Result<Settlement> {
    let queue = engine.settings.queues.of(&job.blueprint_id);
    bury(engine, queue, &job.as_delivered(), &reason.to_string(), give_up).await?;
    match fails_run {
        true => abandon(engine, job, &reason.of_run(), give_up).await,
        false => Ok(Settlement::Done),
    }
}

/// Crosses into JavaScript; none when the worker stops first.
async fn call(
    engine: &Engine,
    job: &JobMessage,
    blueprint: &Blueprint,
    document: Document,
    give_up: &CancellationToken,
) -> Result<Option<Answer>> {
    let (mut resumed, mut fed, mut attempt, mut added) = (None, false, 1, Vec::new());
    let mut beside_strangers = false;
    if let Some(reserved) = &document.reserved {
        if let Some(entry) = reserved.ledger.entry(&job.node_id) {
            (resumed, fed, attempt) = (entry.resumed.clone(), entry.fed, entry.failures + 1);
        }
        beside_strangers = reserved.ledger.is_beside_strangers(blueprint, &job.node_id);
        added = reserved.ledger.added.values().map(|added| added.definition.clone()).collect();
    }
    let cancelled = give_up.child_token();
    let _in_flight = engine.in_flight.note(&job.run_id, cancelled.clone());
    let call = Call { job: job.clone(), document, resumed, fed, beside_strangers, attempt, added, cancelled };
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
    blueprint: &Arc<Blueprint>,
    (round, base): (u32, Document),
    answer: &Arc<Answer>,
    give_up: &CancellationToken,
) -> Result<(Settled, Option<u64>)> {
    let (deferred, now) = (engine.host.publishes_results(), engine.platform.now());
    let decided: Arc<Mutex<Settled>> = Arc::default();
    let attempts = AtomicU32::new(0);
    let attempt = |answer: &Arc<Answer>| {
        attempts.fetch_add(1, Ordering::Relaxed);
        let (node, blueprint, answer, decided) =
            (job.node_id.clone(), blueprint.clone(), answer.clone(), decided.clone());
        let decide: Decide = Box::new(move |document| {
            let execution = Execution { node: &node, round, now };
            let reserved = document.reserved.clone().unwrap_or_default();
            let (change, settled) = settle(reserved, &blueprint, execution, &answer, deferred)?;
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = settled;
            Ok(change)
        });
        engine.contexts.commit(&engine.statuses, &job.run_id, base.clone(), decide)
    };
    let written = match engine.insist(give_up, || attempt(answer)).await {
        Ok(written) => written,
        Err(error) if error.kind == Kind::Data => {
            // PostgreSQL can not store what the node returned: that is the node's failure.
            let message = format!("Node '{}': its result can not be stored. {}", job.node_id, error.message);
            let outcome = Outcome::Failed { message, recoverable: true };
            let failed = Arc::new(Answer { outcome, patch: Patch::default() });
            engine.insist(give_up, || attempt(&failed)).await?
        }
        Err(error) => return Err(error),
    };
    let mut settled = std::mem::take(&mut *decided.lock().unwrap_or_else(PoisonError::into_inner));
    if attempts.into_inner() > 1 {
        // An attempt whose answer was lost may have been the one that counted: what it led to is still to be published.
        settled.due.append(&mut settled.left);
    }
    Ok((settled, written.at))
}
