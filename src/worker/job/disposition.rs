//! What becomes of messages that cannot be processed: they come again, or are dead-lettered where a person can look at them.

use super::abandoning::{abandon, write_failed};
use super::coming_again::{LONGEST_WAIT, come_again};
use super::context::JobContext;
use super::dead_lettering::{Unprocessable, dead_letter};
use super::fate::MessageFate;
use super::reason::Reason;
use super::trouble::{is_over, now_if_known, write_timed_out};
use crate::error::{Error, Result};
use crate::protocol::message::JobMessage;
use crate::worker::runs::failing::RunFailure;

/// A job's run is in trouble for the moment, and the job has not begun: it comes again until the user's time for that is
/// over, and becomes a dead letter then.
pub async fn later(context: &JobContext<'_>, error: Error) -> Result<MessageFate> {
    match JobMessage::parse(context.body) {
        Ok(message) => wait_for_run(context, &message, error).await,
        Err(_) => Ok(MessageFate::Requeue),
    }
}

/// The same, for a message that is known.
pub async fn wait_for_run(
    context: &JobContext<'_>,
    message: &JobMessage,
    error: Error,
) -> Result<MessageFate> {
    let services = context.services;
    let since = message.busy_since.or_else(|| now_if_known(services));
    if since.is_some_and(|since| is_over(context, since)) {
        return dead_letter_unreadable(context, &write_timed_out(context, error)).await;
    }
    let message = JobMessage { busy_since: since, ..message.clone() };
    come_again(context, &message, LONGEST_WAIT, &error.to_string()).await
}

/// Nobody can run a job: it goes to the dead letters, and fails its run where that cannot go on without it.
pub async fn dead_letter_job(
    context: &JobContext<'_>,
    message: &JobMessage,
    reason: &Reason,
    fails_run: bool,
) -> Result<MessageFate> {
    let queue = context.services.settings.queues.of(&message.blueprint_id);
    let (body, why) = (message.as_delivered(), reason.to_string());
    let letter = Unprocessable { queue, body: &body, reason: &why };
    match fails_run {
        true => abandon(context, letter, &message.run_id, RunFailure::of(message, &reason.of_run())).await,
        false => dead_letter(context, queue, &body, &why).await,
    }
}

/// The run's row cannot be read: neither by this worker nor, before somebody mends it, by any. Its message is kept,
/// and its status says why.
pub async fn dead_letter_unreadable(context: &JobContext<'_>, error: &Error) -> Result<MessageFate> {
    let reason = error.to_string();
    let fate = dead_letter(context, context.queue, context.body, &reason).await?;
    if let Ok(message) = JobMessage::parse(context.body) {
        write_failed(context, &message.run_id, &reason).await?;
    }
    Ok(fate)
}
