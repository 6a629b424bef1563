//! A job under its lease: admit, execute, commit, publish.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::debug;

use super::abandoning::fail_run;
use super::admission::Disposal;
use super::admitting::{Admitted, Disposed, ToExecute, admitted};
use super::claiming::{Clearance, clear};
use super::clock::by_the_databases_clock;
use super::coming_again::come_again;
use super::completion::{Completion, Execution, complete};
use super::context::JobContext;
use super::disposition::give_up;
use super::fate::MessageFate;
use super::rescheduling::{Lack, lacks_inner_blueprint, reschedule};
use super::storing::{refuse_while_locked, stored};
use crate::error::{Code, Error, Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::host::{Call, Notice, Reply};
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::{Decide, Document, Patch};
use crate::worker::legacy::Counted;
use crate::worker::runs::failing::Failure;

/// How often a job is admitted again because JavaScript has another revision of its blueprint by then.
const ADMISSIONS: u32 = 10;

/// Sees to a job whose lease this worker has.
pub async fn with_lease(
    context: &JobContext<'_>,
    message: &JobMessage,
    prefetched: Option<Document>,
) -> Result<MessageFate> {
    see_to(context, message, prefetched, None).await
}

/// Sees to a job whose lease this worker has, and whose node killed so many workers that it fails.
pub async fn condemned(context: &JobContext<'_>, message: &JobMessage, deaths: u32) -> Result<MessageFate> {
    see_to(context, message, None, Some(deaths)).await
}

async fn see_to(
    context: &JobContext<'_>,
    message: &JobMessage,
    mut prefetched: Option<Document>,
    deaths: Option<u32>,
) -> Result<MessageFate> {
    let begun = Instant::now();
    if let Some(reason) = &message.abandoned_for {
        return fail_run(context, &message.run_id, Failure::of(message, reason)).await;
    }
    if let Some(fate) = refuse_while_locked(context, message).await? {
        return Ok(fate);
    }
    for _ in 0..ADMISSIONS {
        let mut to_execute = match admitted(context, message, prefetched.take()).await? {
            Admitted::Execute(to_execute) => to_execute,
            Admitted::Dispose(disposed) => return dispose(context, message, *disposed).await,
        };
        match clear(context, message, &mut to_execute).await? {
            Clearance::Granted => {}
            Clearance::After(wait) => {
                return come_again(context, message, wait, "another worker may be executing the node").await;
            }
            Clearance::Outdated => continue,
        }
        fault_points::point("after-load");
        // What died before the run began died of another run of that id.
        if let Some(deaths) = deaths.filter(|_| !to_execute.has_begun) {
            let answer = killed_workers(context, message, deaths);
            return finish(context, message, (*to_execute, answer), begun).await;
        }
        match execute(context, message, &to_execute).await? {
            None => return Ok(MessageFate::Requeue),
            Some(Reply::Answered(answer)) => {
                fault_points::point("after-call");
                let answer = by_the_databases_clock(context, answer);
                return finish(context, message, (*to_execute, answer), begun).await;
            }
            Some(Reply::Lacking { blueprint }) => {
                let lack = (to_execute.round, blueprint);
                return lacks_inner_blueprint(context, message, lack).await;
            }
            Some(Reply::Outdated) => {
                debug!(blueprint = message.blueprint_id, "another blueprint took the place of this one");
                // Now, and not when the next verdict asks for it: the next verdict is `Run` again.
                context.services.blueprints.current(&message.blueprint_id).await.map(drop).or_else(
                    |error| {
                        if error.kind() == Kind::Setup { Ok(()) } else { Err(error) }
                    },
                )?;
            }
        }
    }
    let (run, node) = (&message.run_id, &message.node_id);
    let what = format!("its blueprint was replaced {ADMISSIONS} times while the job was being admitted");
    context
        .services
        .notices
        .warn(format!("Run '{run}', node '{node}': the job goes back to its queue: {what}"));
    Ok(MessageFate::Requeue)
}

/// Sees to a message for which no node is executed.
async fn dispose(
    context: &JobContext<'_>,
    message: &JobMessage,
    Disposed { disposal, at, revision }: Disposed,
) -> Result<MessageFate> {
    match disposal {
        Disposal::Reschedule(reason) => {
            let lack = Lack { reason: &reason, revision: revision.as_ref() };
            return reschedule(context, message, lack).await;
        }
        Disposal::DeadLetter { reason, fails_run } => {
            return give_up(context, message, &reason, fails_run).await;
        }
        Disposal::Republish(_) if makes(Mutant::ForgetsLeftovers) => {}
        Disposal::Republish(due) => context.publish_copies(message, &due, at).await?,
        Disposal::PublishResult => {
            context.services.results.publish_or_report(&message.run_id, context.abort()).await?;
        }
        Disposal::Done => debug!(round = message.round, "nothing to do for this message"),
    }
    Ok(MessageFate::Acknowledge)
}

/// The answer of a node that killed too many workers: its fallback takes its place, if it has one.
fn killed_workers(context: &JobContext<'_>, message: &JobMessage, deaths: u32) -> Answer {
    let (run, node) = (&message.run_id, &message.node_id);
    let what =
        format!("{deaths} workers died, or no longer answered, while they executed it (option maxDeaths)");
    let error = Error::new(Code::NodeKilledWorkers, "Executing the node", what).of_node(node);
    context.services.notices.warn(format!("{} (run '{run}'): {error}", error.code.as_str()));
    let message = format!("{}: {error}", error.code.as_str());
    Answer { outcome: Outcome::Failed { message, recoverable: true }, patch: Patch::default() }
}

/// Has JavaScript execute the node; none when the worker aborts first, or was so slow that its lease may have run out:
/// another worker may be executing the node by now.
async fn execute(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToExecute { document, analysed, .. }: &ToExecute,
) -> Result<Option<Reply>> {
    fault_points::point("before-call");
    let is_current = context.services.leases.is_current(&message.run_id, &message.node_id);
    let is_late = !is_current && !makes(Mutant::IgnoresExpiry);
    if is_late {
        let (run, node) = (&message.run_id, &message.node_id);
        let what = "the job goes back to its queue: its lease may have run out before the node could start";
        context.services.notices.warn(format!("Run '{run}', node '{node}': {what}"));
        return Ok(None);
    }
    if context.abort().is_cancelled() && !makes(Mutant::StartsWhileAborting) {
        debug!("the job goes back to its queue: the worker stops");
        return Ok(None);
    }
    let cancelled = context.abort().child_token();
    let _active = context.services.active_nodes.note(&message.run_id, cancelled.clone());
    let mut call = Call {
        job: message.clone(),
        document: document.clone(),
        revision: analysed.revision.clone(),
        resumed: None,
        fed: false,
        beside_version_1: false,
        attempt: 1,
        added: Vec::new(),
        cancelled,
    };
    if let Some(reserved) = &document.reserved {
        let ledger = &reserved.ledger;
        if let Some(entry) = ledger.entry(&message.node_id) {
            (call.resumed, call.fed, call.attempt) = (entry.resumed.clone(), entry.fed, entry.failures + 1);
        }
        call.beside_version_1 = ledger.is_beside_version_1(&analysed.blueprint, &message.node_id);
        call.added = ledger.added.values().map(|added| added.definition.clone()).collect();
    }
    tokio::select! {
        // First: it passes the signal on before this stops waiting for it.
        biased;
        reply = context.services.host.execute(call) => reply.map(Some).inspect_err(|error| {
            if error.kind() == Kind::Stopping && !context.abort().is_cancelled() {
                context.services.leases.desert();
            }
        }),
        () = context.abort().cancelled() => Ok(None),
    }
}

/// Commits an answer and publishes what follows from it.
async fn finish(
    context: &JobContext<'_>,
    message: &JobMessage,
    (executed, answer): (ToExecute, Answer),
    begun: Instant,
) -> Result<MessageFate> {
    let services = context.services;
    let (answer, blueprint) = (Arc::new(answer), executed.analysed.blueprint.clone());
    fault_points::point("before-commit");
    if makes(Mutant::PublishesBeforeCommit) {
        let reserved = executed.document.reserved.clone().unwrap_or_default();
        let (node, round, now) = (&message.node_id, executed.round, services.platform.now());
        let queue = services.settings.queues.of(&message.blueprint_id);
        let execution = Execution { node, round, now, queue, deferred: false };
        let (_, early) = complete(reserved, &blueprint, execution, &answer)?;
        context.publish_due(message, &early.due, executed.document.at).await?;
    }
    let (mut completion, at) = commit(context, message, executed, &answer).await?;
    services.leases.note_answered(&message.run_id, &message.node_id);
    fault_points::point("after-commit");
    let mut due = std::mem::take(&mut completion.due);
    match &completion.refused {
        None => {
            // Before what follows is published: its events come after this one.
            tell_processed(context, message, &answer.outcome, begun);
            let counted = Counted {
                run: &message.run_id,
                node: &message.node_id,
                blueprint: &blueprint,
                outcome: &answer.outcome,
                failed: completion.failed,
                beside_version_1: &completion.beside_version_1,
            };
            due = services.legacy.tell_result(counted, due, context.retry).await?;
        }
        Some(refusal) => {
            debug!(?refusal, status = ?completion.status, "a late result was refused: another execution was counted");
        }
    }
    context.publish_due(message, &due, at).await?;
    if completion.unpublished {
        services.results.publish_or_report(&message.run_id, context.abort()).await?;
    }
    Ok(MessageFate::Acknowledge)
}

fn tell_processed(context: &JobContext<'_>, message: &JobMessage, outcome: &Outcome, begun: Instant) {
    let notices = &context.services.notices;
    if notices.are_heard() {
        let duration = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let success = !matches!(outcome, Outcome::Failed { .. } | Outcome::Retry { .. });
        notices.tell(Notice::Processed { job: message.clone(), duration, success });
    }
}

/// Commits an answer. What PostgreSQL cannot store is the node's failure.
async fn commit(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToExecute { document: base, analysed, round, .. }: ToExecute,
    answer: &Arc<Answer>,
) -> Result<(Completion, Option<u64>)> {
    let services = context.services;
    let (deferred, now) = (services.runs.defers_results(), services.platform.now());
    let settings = services.settings.clone();
    let decided: Arc<Mutex<Completion>> = Arc::default();
    let attempts = AtomicU32::new(0);
    let attempt = |answer: &Arc<Answer>| {
        attempts.fetch_add(1, Ordering::Relaxed);
        let (node, blueprint, answer, decided) =
            (message.node_id.clone(), analysed.blueprint.clone(), answer.clone(), decided.clone());
        let settings = settings.clone();
        let decide: Decide = Box::new(move |document| {
            let queue = settings.queues.of(&blueprint.id);
            let execution = Execution { node: &node, round, now, queue, deferred };
            let reserved = document.reserved.clone().unwrap_or_default();
            let (change, completion) = complete(reserved, &blueprint, execution, &answer)?;
            if let Some(change) = &change {
                document.refuse_oversized(&change.patch)?;
            }
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = completion;
            Ok(change)
        });
        services.runs.commit(&message.run_id, base.clone(), decide)
    };
    let written = match stored(context, message, answer, || attempt(answer)).await {
        Err(error) if error.kind() == Kind::Data => {
            let why = format!("Node '{}': its result cannot be stored. {}", message.node_id, error.message);
            let outcome = Outcome::Failed { message: why, recoverable: true };
            let failed = Arc::new(Answer { outcome, patch: Patch::default() });
            stored(context, message, &failed, || attempt(&failed)).await?
        }
        written => written?,
    };
    let mut completion = std::mem::take(&mut *decided.lock().unwrap_or_else(PoisonError::into_inner));
    if attempts.into_inner() > 1 {
        // An attempt whose answer was lost may have been the one that counted: what it led to is still to be published.
        completion.due.append(&mut completion.left);
    }
    Ok((completion, written.at))
}
