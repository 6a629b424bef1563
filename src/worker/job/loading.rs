//! Loads the run of a message, and ends it where its time is over.

use super::context::JobContext;
use super::trouble::is_passing_trouble;
use crate::error::Result;
use crate::protocol::message::JobMessage;
use crate::record::Document;
use crate::worker::runs::time_limit::LateRun;
use crate::worker::services::Services;

/// The run of a message, as it is now; one whose time is over ends first.
///
/// # Errors
/// Only when the worker aborts.
pub async fn load(context: &JobContext<'_>, message: &JobMessage) -> Result<Document> {
    let Services { runs, .. } = context.services;
    let document = context.retry.until_done(|| runs.load(&message.run_id)).await?;
    match end_late_run(context, message, &document).await? {
        true => context.retry.until_done(|| runs.load(&message.run_id)).await,
        false => Ok(document),
    }
}

/// Fails a run whose time is over; whether there was one to fail.
///
/// # Errors
/// Only when the worker aborts.
pub async fn end_late_run(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &Document,
) -> Result<bool> {
    let Services { runs, platform, results, .. } = context.services;
    let (run, now) = (&message.run_id, platform.now());
    if !document.is_late(now) {
        return Ok(false);
    }
    let late = LateRun::new(run);
    context.retry.unless(is_passing_trouble, || late.end(runs, now)).await?;
    results.publish_or_report(run, context.abort()).await?;
    Ok(true)
}
