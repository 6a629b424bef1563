//! A message that cannot be processed fails the run that waited for it. It is among the dead letters by then. Where the run
//! cannot be written for the moment (somebody has locked its row, its statement takes too long), the message comes again
//! for that alone, and holds no place meanwhile.

use std::time::Duration;

use tracing::debug;

use super::coming_again::{LONGEST_WAIT, come_again};
use super::context::JobContext;
use super::dead_lettering::{Unprocessable, dead_letter};
use super::fate::MessageFate;
use super::telling::tell_again;
use super::trouble::{is_over, is_passing_trouble, now_if_known, write_timed_out};
use crate::error::{Error, Kind, Result};
use crate::ports::about::About;
use crate::ports::broker::Outgoing;
use crate::ports::delay::next_delay;
use crate::protocol::message::JobMessage;
use crate::protocol::unfit::{Unfit, abandoned_copy};
use crate::record::final_result::failure as failed_result;
use crate::worker::dead_letters::shortened;
use crate::worker::runs::failing::{Failed, RunFailure};
use crate::workflow::ledger::RunStatus;
use crate::workflow::path::shown;

/// When the message comes again.
const COMES_AGAIN: Duration = LONGEST_WAIT;

/// A message that nobody can process goes to the dead letters, and fails a run that waited for it.
pub async fn abandon(
    context: &JobContext<'_>,
    Unprocessable { queue, body, reason }: Unprocessable<'_>,
    run: &str,
    failure: RunFailure<'_>,
) -> Result<MessageFate> {
    dead_letter(context, queue, body, reason).await?;
    fail_run(context, run, failure).await
}

/// Fails a run if it waited for a message that cannot be processed, which is among the dead letters by then.
///
/// # Errors
/// Only when the worker aborts.
pub async fn fail_run(context: &JobContext<'_>, run: &str, failure: RunFailure<'_>) -> Result<MessageFate> {
    let reason = &shortened(failure.reason);
    let failure = RunFailure { reason, ..failure };
    match write(context, run, failure).await {
        Ok(Failed::Yes) => {}
        Ok(Failed::No) => {
            // A worker may have failed it and died before it had told so, or this one, without getting the answer.
            tell_again(context, run).await?;
            return Ok(MessageFate::Acknowledge);
        }
        Ok(Failed::NoRow) => return Ok(MessageFate::Acknowledge),
        Err(error) if is_passing_trouble(&error) => return fail_later(context, run, failure, error).await,
        Err(error) => return Err(error),
    }
    let place =
        if failure.node.is_empty() { String::new() } else { format!(" at node '{}'", shown(failure.node)) };
    let services = context.services;
    let about = About::run(run).node(shown(failure.node));
    services.notices.warn(about, shortened(&format!("Run '{run}' failed{place}: {reason}")));
    // Where user code is gone, recovery finds the result: the message must not come again, and be a dead letter twice.
    let _ = services.results.publish_or_report(run, context.abort()).await;
    Ok(MessageFate::Acknowledge)
}

/// Says in the status table alone that a run failed.
///
/// # Errors
/// Only when the worker aborts.
pub async fn write_failed(context: &JobContext<'_>, run: &str, reason: &str) -> Result<()> {
    let result = failed_result(reason)?;
    let write = || context.services.runs.write_result(run, RunStatus::Failed, &result);
    match context.retry.unless(is_passing_trouble, write).await {
        Ok(()) => {
            context.services.results.tell_parent_of_failure(run, reason).await;
            Ok(())
        }
        Err(error) if error.may_be_of_one_run() => {
            debug!(%error, run, "the status could not be written either");
            Ok(())
        }
        other => other,
    }
}

/// Writes the failure; fails with a passing trouble of the run.
async fn write(context: &JobContext<'_>, run: &str, failure: RunFailure<'_>) -> Result<Failed> {
    let JobContext { services, retry, .. } = context;
    match retry.unless(is_passing_trouble, || services.runs.fail(run, failure)).await {
        // Its client may have written a status row alone.
        Ok(Failed::NoRow) => {
            let finish = || services.runs.finish_unheard(run, RunStatus::Failed);
            retry.unless(is_passing_trouble, finish).await.map(|()| Failed::NoRow)
        }
        Err(error) if error.kind() == Kind::Data => {
            write_failed(context, run, failure.reason).await.map(|()| Failed::Yes)
        }
        written => written,
    }
}

/// The message comes again, marked, until the user's time for that is over.
async fn fail_later(
    context: &JobContext<'_>,
    run: &str,
    failure: RunFailure<'_>,
    error: Error,
) -> Result<MessageFate> {
    let services = context.services;
    let marked = || Unfit::read(context.body)?.abandoned.and_then(|(_, since)| since);
    let since = match failure.job {
        Some(job) => job.busy_since.filter(|_| job.abandoned_for.is_some()),
        None => marked(),
    };
    let since = since.or_else(|| now_if_known(services));
    if since.is_some_and(|since| is_over(context, since)) {
        let error = write_timed_out(context, error);
        let words = shortened(&format!("Run '{run}' could not be failed. {error}"));
        services.notices.warn(About::run(run).error(&error), words);
        write_failed(context, run, failure.reason).await?;
        return Ok(MessageFate::Acknowledge);
    }
    let abandoned_for = Some(failure.reason.to_owned());
    if let Some(job) = failure.job {
        let again = JobMessage { busy_since: since, abandoned_for, ..job.clone() };
        return come_again(context, &again, COMES_AGAIN, &error.to_string()).await;
    }
    let Some(body) = abandoned_copy(context.body, failure.reason, since) else {
        return Ok(MessageFate::Acknowledge);
    };
    let (queue, delay) =
        (context.queue.to_owned(), Some(next_delay(services.platform.jittered(COMES_AGAIN))));
    let again = Outgoing { queue, delay, body, headers: Vec::new(), priority: None };
    context.retry.until_done(|| services.broker.publish(vec![again.clone()])).await?;
    debug!(%error, run, "the run fails later");
    Ok(MessageFate::Acknowledge)
}
