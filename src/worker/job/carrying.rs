//! What follows from a committed result: its jobs are published. Where there is only one, this worker runs it at once under
//! the message it holds. The rules of that are in [`chain`](super::chain).
//!
//! The held message is settled when nothing is kept any more and everything else is confirmed. Until then it is the only
//! trace of the kept node outside of the record. If this worker dies, it comes again and finds what is due by its node.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::join;
use tokio::time::Instant;
use tracing::debug;

use super::admission_inside::{DecidedBy, admit_by};
use super::admitting::ToExecute;
use super::ahead::{Ahead, finish_ahead};
use super::calling::execute;
use super::claiming::{Clearance, clear};
use super::context::JobContext;
use super::cut_short::{fate_after, panicked};
use super::fate::MessageFate;
use super::finishing::{Executed, Finished};
use super::going_on::{Chain, goes_on};
use super::limiting::{Entrance, enter, heed};
use super::taking_over::take_over;
use super::verdict::{Tried, Verdict};
use crate::error::Result;
use crate::fault_points;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::coordination::{Acquired, MEMORY_OF_RELEASES};
use crate::ports::host::Reply;
use crate::ports::view::{LiveAttempt, Seen};
use crate::protocol::message::JobMessage;
use crate::record::Document;
use crate::worker::blueprints::Analysed;
use crate::workflow::ledger::DueJob;

/// A node that this worker runs next, under its own lease.
struct NextNode {
    due: DueJob,
    message: JobMessage,
    analysed: Analysed,
    /// The run as it was committed; none where it is to be loaded under the lease.
    seen: Option<Seen>,
}

/// What a hop came to.
enum Hop {
    /// The node is done; another one may be kept.
    On(Option<Box<NextNode>>),
    /// The chain ends here.
    Over(MessageFate),
    /// The chain ends here, and another message of the node is to be published.
    Away(Box<GivenAway>),
}

/// A node that was kept, and is not run here after all.
struct GivenAway {
    due: DueJob,
    message: JobMessage,
}

impl Hop {
    fn away(due: DueJob, message: JobMessage) -> Self {
        Self::Away(Box::new(GivenAway { due, message }))
    }
}

/// Commits what came of a job, and publishes what that made due. Where that is a single node, it is run here, and so on.
///
/// # Errors
/// Only when the worker aborts.
pub async fn carry_on(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: Executed<'_>,
) -> Result<MessageFate> {
    let leases = &context.services.leases;
    let run = &message.run_id;
    let mut chain = Chain { held: &message.node_id, begun: executed.begun, hops: 1 };
    let finished = finish_ahead(context, &chain, message, executed).await?;
    let mut kept = follow_up(context, &chain, message, finished).await?;
    let mut done: Option<NodeId> = None;
    while let Some(next) = kept {
        let body = next.message.to_body();
        let own = JobContext { body: &body, redelivered: false, ..*context };
        let node = next.due.node.clone();
        chain.hops += 1;
        // The node before this one is over: its lease goes while this one runs.
        let given_back = async {
            if let Some(done) = done.take() {
                leases.give_back(run, &done).await;
            }
        };
        let hop = AssertUnwindSafe(run_kept(&own, &chain, *next)).catch_unwind();
        let ((), hop) = join(given_back, hop).await;
        match hop {
            Ok(Ok(Hop::On(Some(_)))) => done = Some(node),
            // Whatever it came to. Once, and here alone: this worker may get the node's message itself, and its next lease of the
            // node is another one. While it has this one, it takes no other.
            _ => leases.give_back(run, &node).await,
        }
        kept = match hop {
            Ok(Ok(Hop::On(kept))) => kept,
            Ok(Ok(Hop::Over(fate))) => return Ok(fate),
            Ok(Ok(Hop::Away(given_away))) => {
                let published = give_away(&own, &given_away).await;
                return fate_after(&own, published).await;
            }
            Ok(Err(error)) => return fate_after(&own, Err(error)).await,
            Err(_) => return panicked(&own).await,
        };
    }
    Ok(MessageFate::Acknowledge)
}

/// Publishes what a commit made due but for the node that is kept.
async fn follow_up(
    context: &JobContext<'_>,
    chain: &Chain<'_>,
    message: &JobMessage,
    (finished, ahead): (Finished, Option<Ahead>),
) -> Result<Option<Box<NextNode>>> {
    let goes_on = goes_on(context, chain, message, &finished);
    let Finished { due, at, document, unpublished, analysed, asked, .. } = finished;
    let kept = match ahead {
        Some(ahead) if goes_on && due.as_slice() == std::slice::from_ref(&ahead.due) => {
            ahead.acquired.map(|acquired| (ahead.due, acquired))
        }
        Some(ahead) => {
            ahead.give_back(context, message).await;
            None
        }
        None => None,
    };
    if kept.is_none() {
        context.publish_due(message, &due, at).await?;
    }
    if unpublished {
        context.services.results.publish_or_report(&message.run_id, context.abort()).await?;
    }
    let Some((due, acquired)) = kept else { return Ok(None) };
    // No other worker had the lease since the commit: the run is as it was committed.
    let is_proven = acquired == Acquired::Fresh && asked.elapsed() < MEMORY_OF_RELEASES;
    let committed = document.clone();
    let seen = document.filter(|_| is_proven).map(|document| Seen { document, since: asked });
    let message =
        JobMessage::of(&message.run_id, &message.blueprint_id, &due, at).carrying(message.carried.clone());
    let Some(analysed) = decided_by(context, &message, (analysed, committed)).await else {
        give_back(context, &message, &due).await;
        context.publish_due(&message, std::slice::from_ref(&due), at).await?;
        return Ok(None);
    };
    context.services.publisher.announce(&message);
    Ok(Some(Box::new(NextNode { due, message, analysed, seen })))
}

/// The blueprint by which a kept node is decided: that of the node before it, unless that opened a subflow, or this node is a
/// container whose subflow has just ended. None where it is not known here.
async fn decided_by(
    context: &JobContext<'_>,
    message: &JobMessage,
    (analysed, committed): (Analysed, Option<Document>),
) -> Option<Analysed> {
    let committed = committed?;
    let decided_by = DecidedBy::of(message, &committed);
    let id = decided_by.id()?;
    match analysed.blueprint.id == id {
        true => Some(analysed),
        false => context.services.blueprints.last_seen(id).await.ok().flatten(),
    }
}

async fn give_back(context: &JobContext<'_>, message: &JobMessage, due: &DueJob) {
    context.services.leases.give_back(&message.run_id, &due.node).await;
}

/// Runs a node that was kept. If admission, a claim or the host refuses it, the worker publishes its job.
async fn run_kept(context: &JobContext<'_>, chain: &Chain<'_>, kept: NextNode) -> Result<Hop> {
    let begun = Instant::now();
    let NextNode { due, message, analysed, seen } = kept;
    let load = || context.services.runs.load(&message.run_id);
    let Seen { document, since } = match seen {
        Some(seen) => seen,
        None => Seen { document: context.retry.until_done(load).await?, since: begun },
    };
    let Verdict::Run { round } = admit_by(&document, &analysed.blueprint, &message, Tried::default()) else {
        return Ok(Hop::away(due, message));
    };
    let attempt = LiveAttempt::new(message.node_id.clone(), round);
    let mut to_execute =
        ToExecute { document, since, analysed, round, attempt, has_begun: false, onward: None };
    let places = match enter(context, &message, &to_execute).await? {
        Entrance::Open(places) => places,
        Entrance::Closed(fate) => return Ok(Hop::Over(fate)),
    };
    if clear(context, &message, &mut to_execute).await? != Clearance::Granted
        // No worker has tried what this chain made due.
        || take_over(context, &message, &mut to_execute, false).await? != Clearance::Granted
    {
        return Ok(Hop::away(due, message));
    }
    let started = Some(context.services.platform.now());
    match execute(context, &message, &to_execute).await? {
        None => Ok(Hop::Over(MessageFate::Requeue)),
        Some(Reply::Outdated | Reply::Lacking { .. }) => Ok(Hop::away(due, message)),
        Some(Reply::Answered(answer)) => {
            fault_points::point("after-call");
            heed(context, &places, &answer).await;
            drop(places);
            let after = message.after(answer.trace.as_deref());
            let executed = Executed { node: to_execute, answer, begun, held: chain.held, started };
            let finished = finish_ahead(context, chain, &after, executed).await?;
            follow_up(context, chain, &after, finished).await.map(Hop::On)
        }
    }
}

/// Publishes the job of a node that is not run here after all. Its lease is given back by now: the next worker needs it.
async fn give_away(context: &JobContext<'_>, away: &GivenAway) -> Result<MessageFate> {
    let GivenAway { due, message } = away;
    debug!(node = message.node_id.as_str(), "the worker publishes the node that it had kept");
    context.publish_copies(message, std::slice::from_ref(due), message.at).await?;
    if makes(Mutant::GivesBackTwice) {
        context.services.leases.give_back(&message.run_id, &due.node).await;
    }
    Ok(MessageFate::Acknowledge)
}
