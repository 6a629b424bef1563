//! What becomes of messages that cannot be processed: they come again, or are dead-lettered where a person can look at them.
//! Whatever becomes of one is confirmed before it is acknowledged.

use super::abandoning::{fail_run, write_failed};
use super::coming_again::{LONGEST_WAIT, come_again};
use super::context::JobContext;
use super::fate::MessageFate;
use super::reason::Reason;
use super::trouble::{given_up, is_over, now_if_known};
use crate::error::{Error, Result};
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::worker::dead_letters::shortened;
use crate::worker::meters::kinds::{Counter, Of};
use crate::worker::runs::failing::Failure;
use crate::workflow::path::shown;

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
        return unreadable(context, &given_up(context, error)).await;
    }
    let message = JobMessage { busy_since: since, ..message.clone() };
    come_again(context, &message, LONGEST_WAIT, &error.to_string()).await
}

/// Nobody can run a job: it goes to the dead letters, and fails its run where that cannot go on without it.
pub async fn give_up(
    context: &JobContext<'_>,
    message: &JobMessage,
    reason: &Reason,
    fails_run: bool,
) -> Result<MessageFate> {
    let queue = context.services.settings.queues.of(&message.blueprint_id);
    let (body, why) = (message.as_delivered(), reason.to_string());
    let letter = DeadLetter { queue, body: &body, reason: &why };
    match fails_run {
        true => abandon(context, letter, &message.run_id, Failure::of(message, &reason.of_run())).await,
        false => dead_letter(context, queue, &body, &why).await,
    }
}

/// A message as it is put among the dead letters of a queue.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The message.
    pub body: &'a [u8],
    /// Why nobody can process it.
    pub reason: &'a str,
}

/// A message that nobody can process goes to the dead letters, and fails a run that waited for it.
pub async fn abandon(
    context: &JobContext<'_>,
    DeadLetter { queue, body, reason }: DeadLetter<'_>,
    run: &str,
    failure: Failure<'_>,
) -> Result<MessageFate> {
    dead_letter(context, queue, body, reason).await?;
    fail_run(context, run, failure).await
}

/// Puts a message among the dead letters of a queue.
pub async fn dead_letter(
    context: &JobContext<'_>,
    queue: &str,
    body: &[u8],
    reason: &str,
) -> Result<MessageFate> {
    let services = context.services;
    let why = shortened(reason);
    let message = JobMessage::described(body, queue);
    services.notices.warn(about(body, queue), format!("{message} goes to the dead letters. {why}"));
    services.meters.count(Counter::DeadLetters, Of::queue(queue), 1);
    services.dead_letters.put(queue, body, reason, context.retry).await?;
    Ok(MessageFate::Acknowledge)
}

/// What a line about a message is about.
pub fn about(body: &[u8], queue: &str) -> About {
    let about = About::queue(queue);
    match JobMessage::parse(body) {
        Ok(JobMessage { run_id, node_id, .. }) => About { run: Some(run_id), ..about }.node(shown(&node_id)),
        Err(_) => about,
    }
}

/// The run's row cannot be read: neither by this worker nor, before somebody mends it, by any. Its message is kept,
/// and its status says why.
pub async fn unreadable(context: &JobContext<'_>, error: &Error) -> Result<MessageFate> {
    let reason = error.to_string();
    let fate = dead_letter(context, context.queue, context.body, &reason).await?;
    if let Ok(message) = JobMessage::parse(context.body) {
        write_failed(context, &message.run_id, &reason).await?;
    }
    Ok(fate)
}
