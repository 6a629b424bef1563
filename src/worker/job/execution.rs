//! One execution of a node: JavaScript runs it, and its answer is committed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::debug;

use super::admitting::ToExecute;
use super::clock::by_the_databases_clock;
use super::completion::{Completion, complete};
use super::context::JobContext;
use super::settled::Execution;
use super::storing::stored;
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::host::{Call, Notice, Reply};
use crate::ports::view::{Seen, View};
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::{Decide, Document, Patch};
use crate::worker::blueprints::Analysed;
use crate::worker::legacy::Counted;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::DueJob;
use crate::workflow::path::Inside;

/// Has JavaScript execute the node; none when the worker aborts first, or was so slow that its lease may have run out:
/// another worker may be executing the node by now.
///
/// # Errors
/// The host's own, when JavaScript is gone.
pub async fn execute(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToExecute { document, since, analysed, round, .. }: &ToExecute,
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
    let node = (&message.node_id, *round);
    let _active = context.services.active_nodes.note_node(&message.run_id, node, cancelled.clone());
    let seen = Seen { document: document.clone(), since: *since };
    let mut call = Call {
        job: message.clone(),
        view: View::new(message.node_id.clone(), seen),
        live: context.live.clone(),
        revision: analysed.revision.clone(),
        resumed: None,
        fed: false,
        beside_version_1: false,
        attempt: 1,
        added: Vec::new(),
        inside: Inside::of(&message.node_id).map(|inside| (inside, analysed.blueprint.id.clone())),
        failed: None,
        cancelled,
    };
    if let Some(reserved) = &document.reserved {
        let ledger = &reserved.ledger;
        if let Some(entry) = ledger.entry(&message.node_id) {
            (call.resumed, call.fed, call.attempt) = (entry.resumed.clone(), entry.fed, entry.failures + 1);
        }
        call.failed = ledger.failed_inside(&message.node_id);
        call.beside_version_1 =
            call.inside.is_none() && ledger.is_beside_version_1(&analysed.blueprint, &message.node_id);
        call.added = ledger.added_beside(&message.node_id).cloned().collect();
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

/// A node that JavaScript has answered for.
pub struct Executed<'a> {
    /// What was executed.
    pub node: ToExecute,
    /// What came of it.
    pub answer: Answer,
    /// When its job began.
    pub begun: Instant,
    /// The node of the message that is held: its own, or the one under whose message it is carried.
    pub held: &'a NodeId,
}

/// A job whose answer is committed.
pub struct Finished {
    /// Jobs to publish.
    pub due: Vec<DueJob>,
    /// When it was committed, by the record's clock.
    pub at: Option<u64>,
    /// The run after the commit, if it is known.
    pub document: Option<Document>,
    /// The commit was answered the first time: nothing speaks of another writer or a lost answer.
    pub is_certain: bool,
    /// The run has ended, and its result is to be published.
    pub unpublished: bool,
    /// The blueprint it was decided by.
    pub analysed: Analysed,
    /// When the job began.
    pub begun: Instant,
    /// When the commit was asked for.
    pub asked: Instant,
}

/// Commits an answer.
///
/// # Errors
/// Only when the worker aborts.
pub async fn finish(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: Executed<'_>,
) -> Result<Finished> {
    let services = context.services;
    let Executed { node: executed, answer, begun, held } = executed;
    let analysed = executed.analysed.clone();
    let (answer, opens) = opening(context, by_the_databases_clock(context, answer)).await?;
    let answer = Arc::new(answer);
    fault_points::point("before-commit");
    if makes(Mutant::PublishesBeforeCommit) {
        let (node, round, now) = (&message.node_id, executed.round, services.platform.now());
        let queue = services.settings.queues.of(&message.blueprint_id);
        let (run, opens) = (message.run_id.as_str(), opens.as_deref());
        let execution = Execution { run, node, round, now, queue, held, deferred: false, opens };
        let (_, early) = complete(&executed.document, &analysed.blueprint, execution, &answer)?;
        context.publish_due(message, &early.due, executed.document.at).await?;
    }
    let asked = Instant::now();
    let Committed { mut completion, at, document, is_certain } =
        commit(context, message, (executed, held, opens), &answer).await?;
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
                blueprint: &analysed.blueprint,
                outcome: &answer.outcome,
                failed: completion.failed,
                beside_version_1: &completion.beside_version_1,
            };
            // Workers of version 1 know nothing of what is inside a subflow.
            if Inside::of(&message.node_id).is_none() {
                due = services.legacy.tell_result(counted, due, context.retry).await?;
            }
        }
        Some(refusal) => {
            debug!(?refusal, status = ?completion.status, "a late result was refused: another execution was counted");
        }
    }
    let is_certain = is_certain && completion.refused.is_none();
    let unpublished = completion.unpublished;
    Ok(Finished { due, at, document, is_certain, unpublished, analysed, begun, asked })
}

/// An answer, and the blueprint of the subflow that it opens. One that is gone by now fails the node.
async fn opening(context: &JobContext<'_>, answer: Answer) -> Result<(Answer, Option<Arc<Blueprint>>)> {
    let Outcome::Opened(subflow) = &answer.outcome else { return Ok((answer, None)) };
    let message = match context.services.blueprints.current(&subflow.blueprint).await {
        Ok(Some(analysed)) => return Ok((answer, Some(analysed.blueprint))),
        Ok(None) => format!("Sub-blueprint '{}' not found in runtime registry.", subflow.blueprint),
        Err(error) if error.kind() == Kind::Setup => error.message,
        Err(error) => return Err(error),
    };
    Ok((Answer { outcome: Outcome::Failed { message, recoverable: false }, ..answer }, None))
}

fn tell_processed(context: &JobContext<'_>, message: &JobMessage, outcome: &Outcome, begun: Instant) {
    let notices = &context.services.notices;
    if notices.are_heard() {
        let duration = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let success = !matches!(outcome, Outcome::Failed { .. } | Outcome::Retry { .. });
        notices.tell(Notice::Processed { job: message.clone(), duration, success });
    }
}

/// What a commit came to.
struct Committed {
    completion: Completion,
    at: Option<u64>,
    document: Option<Document>,
    is_certain: bool,
}

/// Commits an answer. What PostgreSQL cannot store is the node's failure.
async fn commit(
    context: &JobContext<'_>,
    message: &JobMessage,
    (ToExecute { document: base, analysed, round, .. }, held, opens): (
        ToExecute,
        &NodeId,
        Option<Arc<Blueprint>>,
    ),
    answer: &Arc<Answer>,
) -> Result<Committed> {
    let services = context.services;
    let (deferred, now) = (services.runs.defers_results(), services.platform.now());
    let settings = services.settings.clone();
    let decided: Arc<Mutex<Completion>> = Arc::default();
    let attempts = AtomicU32::new(0);
    let attempt = |answer: &Arc<Answer>| {
        attempts.fetch_add(1, Ordering::Relaxed);
        let (node, blueprint, answer, decided) =
            (message.node_id.clone(), analysed.blueprint.clone(), answer.clone(), decided.clone());
        let (settings, opens) = (settings.clone(), opens.clone());
        // Inside a subflow the blueprint is another one than the run's.
        let (run, named) = match Inside::of(&node) {
            Some(_) => (message.run_id.clone(), Some(message.blueprint_id.clone())),
            None => (String::new(), None),
        };
        // A copy of its own message is on its way: that comes again, and not the held one.
        let held = if context.place.is_left() { node.clone() } else { held.clone() };
        let decide: Decide = Box::new(move |document| {
            let queue = settings.queues.of(named.as_deref().unwrap_or(&blueprint.id));
            let (node, held, opens) = (&node, &held, opens.as_deref());
            let execution = Execution { run: &run, node, round, now, queue, held, deferred, opens };
            let (change, completion) = complete(document, &blueprint, execution, &answer)?;
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
    let is_certain = attempts.into_inner() == 1;
    if !is_certain {
        // An attempt whose answer was lost may have been the one that counted: what it led to is still to be published.
        completion.due.append(&mut completion.left);
    }
    Ok(Committed { completion, at: written.at, document: written.document, is_certain })
}
