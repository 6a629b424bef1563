//! Ending a run from outside, and with it the child runs that it waits for.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use crate::error::{Error, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::record::Document;
use crate::run_store::until_certain;
use crate::time::milliseconds;
use crate::worker::runs::children::children_to_cancel;
use crate::worker::services::Services;
use crate::workflow::ledger::RunStatus;

/// When a worker sees to the children of a cancelled run: its caller may have died. A commit may take so long.
const SEEN_TO_AFTER: Duration = Duration::from_secs(15);
/// How long the broker may take for the message that asks for it. A run is cancelled also while RabbitMQ is away.
const ASKED_WITHIN: Duration = Duration::from_secs(2);

/// Ends a run: nothing new of it starts, nodes that are executing get their signal, and the child runs that it waits for end with it.
/// Whether it was still going on.
///
/// # Errors
/// A server is out of reach, or the row cannot be read.
pub async fn cancel(services: &Services, run: &str, reason: &str) -> Result<bool> {
    have_children_cancelled(services, run).await?;
    let (cancelled, document) = cancel_one(services, run, reason).await?;
    if let Some(document) = document {
        cancel_children(services, (run, &document), reason).await;
    }
    Ok(cancelled)
}

/// Ends a run alone. Whether it was still going on, and the run as it is then, if it can be looked at.
async fn cancel_one(services: &Services, run: &str, reason: &str) -> Result<(bool, Option<Document>)> {
    let Services { platform, runs, results, notices, .. } = services;
    let attempt = |is_in_doubt| async move {
        let cancelled = runs.cancel(run, reason).await?;
        Ok(cancelled || (is_in_doubt && was_cancelled_by_this(services, run, reason).await?))
    };
    let cancelled = until_certain(platform, attempt).await?;
    fault_points::point("run-cancelled");
    if let Err(error) = results.publish_or_come_back(run).await {
        recovery_sees_to(services, run, "its result could not be published", &error);
    }
    let document = runs.load_ledger(run).await.ok();
    if let Some(document) = document.as_ref().filter(|_| cancelled && !notices.are_heard()) {
        have_told(services, run, document).await;
    }
    Ok((cancelled, document))
}

/// Whether an earlier attempt of this call, whose answer was lost, has cancelled the run. If it has, the listeners here hear how the
/// run ended.
async fn was_cancelled_by_this(services: &Services, run: &str, reason: &str) -> Result<bool> {
    if makes(Mutant::ForgetsDoubt) {
        return Ok(false);
    }
    let reserved = services.runs.load_ledger(run).await?.reserved;
    let is_own = reserved.is_some_and(|reserved| reserved.ledger.cancelled.as_deref() == Some(reason));
    if is_own {
        services.runs.tell_end_again(run).await?;
    }
    Ok(is_own)
}

/// Before a run with children is cancelled: the caller may die before it has cancelled them, and a worker sees to them then.
async fn have_children_cancelled(services: &Services, run: &str) -> Result<()> {
    let Services { platform, runs, publisher, .. } = services;
    let document = runs.load_ledger(run).await?;
    let (Some(reserved), Some(blueprint)) = (&document.reserved, document.follows()) else { return Ok(()) };
    let ledger = &reserved.ledger;
    let Some(node) = ledger.nodes.keys().next() else { return Ok(()) };
    if ledger.status.is_end() || children_to_cancel(ledger).is_empty() {
        return Ok(());
    }
    let at = platform.now() + milliseconds(SEEN_TO_AFTER);
    let message = JobMessage::to_see_to_end(run, &blueprint, node, (at, 1));
    let published = timeout(ASKED_WITHIN, publisher.forward(std::slice::from_ref(&message))).await;
    if !matches!(published, Ok(Ok(()))) {
        debug!(run, "no worker was asked to see to the children of the run");
    }
    Ok(())
}

/// Ends the children of a run that was cancelled, if it was: its caller may have died before that. Whether nothing is left to do.
pub async fn finish_cancelling(services: &Services, run: &str, document: &Document) -> bool {
    cancel_children(services, (run, document), "its parent is cancelled").await
}

/// Also where the run was cancelled before: that call may have been cut short. Whether nothing is left to do.
async fn cancel_children(services: &Services, (run, document): (&str, &Document), reason: &str) -> bool {
    if makes(Mutant::LeavesChildren) {
        return true;
    }
    let mut is_complete = true;
    let mut known = BTreeSet::from([run.to_owned()]);
    let mut waiting = children_of(run, document);
    while let Some((parent, child)) = waiting.pop() {
        if !known.insert(child.clone()) {
            continue;
        }
        match cancel_one(services, &child, reason).await {
            Ok((_, Some(document))) => waiting.extend(children_of(&child, &document)),
            Ok((_, None)) => is_complete = false,
            Err(error) => {
                is_complete &= !error.is_transient();
                warn_of(services, (&parent, &child), &error);
            }
        }
    }
    is_complete
}

/// The children that end with a run that was cancelled, each behind its parent.
fn children_of(run: &str, document: &Document) -> Vec<(String, String)> {
    let cancelled = document.reserved.as_ref().filter(|each| each.ledger.status == RunStatus::Cancelled);
    let children = cancelled.map(|reserved| children_to_cancel(&reserved.ledger)).unwrap_or_default();
    children.into_iter().map(|child| (run.to_owned(), child)).collect()
}

/// Ends a child run whose parent is cancelled.
pub async fn cancel_child(services: &Services, (run, child): (&str, &str), reason: &str) {
    if let Err(error) = cancel(services, child, reason).await {
        warn_of(services, (run, child), &error);
    }
}

fn warn_of(services: &Services, (run, child): (&str, &str), error: &Error) {
    let words = format!(
        "Run '{run}' is cancelled, and its child run '{child}' could not be: cancel it as well. {error}"
    );
    services.notices.warn(About::run(child).error(error), words);
}

/// Nobody listens here: a worker is asked to tell how the run ended. What goes wrong with that is no error of the call.
async fn have_told(services: &Services, run: &str, document: &Document) {
    let Services { registry, publisher, .. } = services;
    let (Some(reserved), Some(blueprint)) = (&document.reserved, document.follows()) else { return };
    let (Some(queue), Some((node, entry))) = (&reserved.queue, reserved.ledger.nodes.iter().next()) else {
        return;
    };
    if registry.all_tell(queue).await {
        let message = JobMessage::to_tell(run, &blueprint, node, entry.round);
        let published = publisher.forward(std::slice::from_ref(&message)).await;
        let _ = published
            .inspect_err(|error| debug!(%error, run, "no worker was asked to announce the end of the run"));
    }
}

/// Says that a change is recorded, although what follows from it could not be done here.
pub fn recovery_sees_to(services: &Services, run: &str, what: &str, error: &Error) {
    let words = format!(
        "Run '{run}': the change is recorded, and {what}: a worker finds it and goes on from there. {error}"
    );
    services.notices.warn(About::run(run).error(error), words);
}
