//! Ending a run from outside, and with it the child runs that it waits for.

use std::time::Duration;

use tracing::debug;

use crate::error::{Error, Result};
use crate::fault_points;
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::record::Document;
use crate::run_store::patiently;
use crate::time::milliseconds;
use crate::worker::runs::children::children_to_cancel;
use crate::worker::services::Services;
use crate::workflow::ledger::RunStatus;

/// When a worker sees to the children of a cancelled run, whose caller may have died.
const SEEN_TO_AFTER: Duration = Duration::from_secs(5);

/// Ends a run: nothing new of it starts, nodes that are executing get their signal, and the child runs that it waits for end with it.
/// Whether it was still going on.
///
/// # Errors
/// A server is out of reach, or the row cannot be read.
pub async fn cancel(services: &Services, run: &str, reason: &str) -> Result<bool> {
    let Services { platform, runs, results, notices, .. } = services;
    have_children_cancelled(services, run).await?;
    let cancelled = patiently(platform, || runs.cancel(run, reason)).await?;
    fault_points::point("run-cancelled");
    if let Err(error) = results.publish_or_come_back(run).await {
        recovery_sees_to(services, run, "its result could not be published", &error);
    }
    let Ok(document) = runs.load_ledger(run).await else { return Ok(cancelled) };
    if cancelled && !notices.are_heard() {
        have_told(services, run, &document).await;
    }
    cancel_children(services, run, &document, reason).await;
    Ok(cancelled)
}

/// Before a run with children is cancelled: the caller may die before it has cancelled them, and a worker sees to them then.
async fn have_children_cancelled(services: &Services, run: &str) -> Result<()> {
    let Services { platform, runs, publisher, .. } = services;
    let document = runs.load_ledger(run).await?;
    let (Some(reserved), Some(blueprint)) = (&document.reserved, document.follows()) else { return Ok(()) };
    let ledger = &reserved.ledger;
    let Some((node, entry)) = ledger.nodes.iter().next() else { return Ok(()) };
    if ledger.status.is_end() || children_to_cancel(ledger).is_empty() {
        return Ok(());
    }
    let not_before = Some(platform.now() + milliseconds(SEEN_TO_AFTER));
    let message = JobMessage::to_tell(run, &blueprint, node, entry.round);
    publisher.forward(&[JobMessage { not_before, ..message }]).await
}

/// Ends the children of a run that was cancelled, if it was: whoever cancelled it may have died before that.
///
/// # Errors
/// The server is out of reach, or the row cannot be read.
pub async fn finish_cancelling(services: &Services, run: &str) -> Result<()> {
    let document = services.runs.load_ledger(run).await?;
    cancel_children(services, run, &document, "its parent is cancelled").await;
    Ok(())
}

/// Also where the run was cancelled before: that call may have been cut short.
async fn cancel_children(services: &Services, run: &str, document: &Document, reason: &str) {
    let Some(reserved) = &document.reserved else { return };
    if reserved.ledger.status != RunStatus::Cancelled {
        return;
    }
    for child in children_to_cancel(&reserved.ledger) {
        cancel_child(services, (run, &child), reason).await;
    }
}

/// Ends a child run whose parent is cancelled.
pub async fn cancel_child(services: &Services, (run, child): (&str, &str), reason: &str) {
    if let Err(error) = Box::pin(cancel(services, child, reason)).await {
        let words = format!(
            "Run '{run}' is cancelled, and its child run '{child}' could not be: cancel it as well. {error}"
        );
        services.notices.warn(About::run(child).error(&error), words);
    }
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
