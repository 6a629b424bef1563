//! Finishes an execution: its answer is committed, and told.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use super::admitting::ToExecute;
use super::clock::by_the_databases_clock;
use super::committing::{Committed, ToCommit, commit};
use super::completion::{Completion, complete};
use super::context::JobContext;
use super::effect::{AnsweredBy, Execution};
use super::foretold::Foretold;
use super::telling::{tell_again, tell_if_nobody_may_have};
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::host::{Notice, SpanKind};
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::Document;
use crate::worker::blueprints::Analysed;
use crate::worker::cancelling::cancel_child;
use crate::worker::legacy::Counted;
use crate::worker::meters::kinds::{Counter, Measure};
use crate::worker::runs::children::child_to_cancel;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Pause, RunStatus};
use crate::workflow::path::Inside;

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
    /// When its execution started, by the record's clock: milliseconds since 1970; none where it killed its workers, and was not
    /// executed.
    pub started: Option<u64>,
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
    /// When the commit was asked for.
    pub asked: Instant,
}

/// Commits an answer. `foretold` hears what the first decision makes due.
///
/// # Errors
/// Only when the worker aborts.
pub async fn finish(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: Executed<'_>,
    foretold: Foretold,
) -> Result<Finished> {
    let services = context.services;
    let Executed { node, answer, begun, held, started } = executed;
    let analysed = node.analysed.clone();
    let (answer, opens) = opening(context, by_the_databases_clock(context, answer)).await?;
    let answer = Arc::new(answer);
    fault_points::point("before-commit");
    let to_commit = ToCommit { node, held, opens, started, foretold };
    if makes(Mutant::PublishesBeforeCommit) {
        publish_before_commit(context, message, &to_commit, &answer).await?;
    }
    let asked = Instant::now();
    let Committed { mut completion, at, document, is_certain } =
        commit(context, message, to_commit, &answer).await?;
    services.meters.measure(Measure::Commit, context.metered(message), asked.elapsed());
    services.notices.trace(SpanKind::Commit, std::slice::from_ref(message), asked.elapsed());
    services.leases.note_answered(&message.run_id, &message.node_id);
    fault_points::point("after-commit");
    match &completion.refused {
        None => {
            let counted = CountedAnswer { outcome: &answer.outcome, blueprint: &analysed.blueprint, begun };
            tell_counted(context, message, counted, &mut completion).await?;
        }
        Some(refusal) => {
            debug!(?refusal, status = ?completion.status, "the result was not counted");
            end_orphan(context, message, &answer.outcome, completion.status).await;
            // The answer that counted may be of a try whose own answer was lost, or of a worker that died after it.
            match is_certain {
                true => tell_if_nobody_may_have(context, message).await?,
                false => tell_again(context, &message.run_id).await?,
            }
        }
    }
    let is_certain = is_certain && completion.refused.is_none();
    let Completion { due, unpublished, .. } = completion;
    Ok(Finished { due, at, document, is_certain, unpublished, analysed, asked })
}

/// A node has started a child, and its run was cancelled before the node could wait for it: the child ends, too.
async fn end_orphan(context: &JobContext<'_>, message: &JobMessage, outcome: &Outcome, status: RunStatus) {
    let Outcome::Paused { pause: Pause { details: Some(details), .. }, .. } = outcome else { return };
    if status == RunStatus::Cancelled
        && let Some(child) = child_to_cancel(details)
    {
        cancel_child(context.services, (&message.run_id, &child), "its parent is cancelled").await;
    }
}

/// What a mutant does: it publishes what will be due, whether the commit counts or not.
async fn publish_before_commit(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToCommit { node: executed, held, opens, .. }: &ToCommit<'_>,
    answer: &Answer,
) -> Result<()> {
    let services = context.services;
    let execution = Execution {
        run: &message.run_id,
        node: &message.node_id,
        round: executed.round,
        now: services.platform.now(),
        queue: services.settings.queues.of(&message.blueprint_id),
        held,
        deferred: false,
        opens: opens.as_deref(),
        by: AnsweredBy::Attempt(executed.attempt.token()),
        ran: None,
    };
    let (_, early) = complete(&executed.document, &executed.analysed.blueprint, execution, answer)?;
    context.publish_due(message, &early.due, executed.document.at).await
}

/// An answer that was counted.
struct CountedAnswer<'a> {
    outcome: &'a Outcome,
    /// The blueprint it was decided by.
    blueprint: &'a Blueprint,
    /// When its job began.
    begun: Instant,
}

/// Tells those who listen, those who count, and workers of version 1 of an answer that was counted. What is due is left to
/// version 1 where it goes on with that.
async fn tell_counted(
    context: &JobContext<'_>,
    message: &JobMessage,
    CountedAnswer { outcome, blueprint, begun }: CountedAnswer<'_>,
    completion: &mut Completion,
) -> Result<()> {
    let services = context.services;
    // Before what follows is published: its events come after this one.
    tell_processed(context, message, outcome, begun);
    let of = context.metered(message);
    let retries = matches!(outcome, Outcome::Retry { .. });
    services.meters.count(Counter::Retries, of, retries.into());
    let ended = of.ended(completion.status.as_str());
    services.meters.count(Counter::RunsEnded, ended, completion.status.is_end().into());
    if let Some(milestones) = completion.milestones.take() {
        services.notices.tell_of(&message.run_id, milestones).await?;
    }
    let counted = Counted {
        run: &message.run_id,
        node: &message.node_id,
        blueprint,
        outcome,
        failed: completion.failed,
        beside_version_1: &completion.beside_version_1,
    };
    // Workers of version 1 know nothing of what is inside a subflow.
    if Inside::of(&message.node_id).is_none() {
        let due = std::mem::take(&mut completion.due);
        completion.due = services.legacy.tell_result(counted, due, context.retry).await?;
    }
    Ok(())
}

/// An answer, and the blueprint of the subflow that it opens. One that is gone by now fails the node.
async fn opening(context: &JobContext<'_>, answer: Answer) -> Result<(Answer, Option<Arc<Blueprint>>)> {
    let Outcome::Opened(subflow) = &answer.outcome else { return Ok((answer, None)) };
    let why = match context.services.blueprints.current(&subflow.blueprint).await {
        Ok(Some(analysed)) => return Ok((answer, Some(analysed.blueprint))),
        Ok(None) => format!("Sub-blueprint '{}' not found in runtime registry.", subflow.blueprint),
        Err(error) if error.kind() == Kind::Setup => error.message,
        Err(error) => return Err(error),
    };
    Ok((Answer { outcome: Outcome::Failed { why: why.into(), recoverable: false }, ..answer }, None))
}

fn tell_processed(context: &JobContext<'_>, message: &JobMessage, outcome: &Outcome, begun: Instant) {
    let notices = &context.services.notices;
    if notices.are_heard() {
        let duration = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let success = !matches!(outcome, Outcome::Failed { .. } | Outcome::Retry { .. });
        notices.tell(Notice::Processed { job: message.clone(), duration, success });
    }
}
