//! What becomes of a job whose way was cut short: by an error, or by a panic of the engine.

use super::abandoning::abandon;
use super::admission::comes_again_after_panic;
use super::context::JobContext;
use super::dead_lettering::{Unprocessable, dead_letter};
use super::disposition::{dead_letter_unreadable, later};
use super::fate::MessageFate;
use super::trouble::is_passing_trouble;
use crate::error::{Kind, Result};
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::worker::runs::failing::RunFailure;
use crate::workflow::path::shown;

/// What an error means for a job's message. What is left goes back to the queue.
///
/// # Errors
/// Those that are no reason to do anything with the message.
pub async fn fate_after(context: &JobContext<'_>, outcome: Result<MessageFate>) -> Result<MessageFate> {
    match outcome {
        // A copy of the message is on its way, and carries on.
        outcome if context.place.is_given_up() => outcome,
        // The trouble passes: a copy comes again later, and the place is free for other jobs until then.
        Err(error) if is_passing_trouble(&error) => later(context, error).await,
        // Data that cannot be read stays unreadable: a person has to look at it.
        Err(error) if error.kind() == Kind::Data => dead_letter_unreadable(context, &error).await,
        other => other,
    }
}

/// The engine panicked on a message. What was committed is not lost: the message comes again, as if its worker had
/// died. What was not, or panics again, fails its run.
///
/// # Errors
/// Only when the worker aborts.
pub async fn panicked(context: &JobContext<'_>) -> Result<MessageFate> {
    let reason = "The engine panicked on this message";
    let Ok(message) = JobMessage::parse(context.body) else {
        return dead_letter(context, context.queue, context.body, reason).await;
    };
    let JobMessage { run_id: run, node_id: node, .. } = &message;
    let services = context.services;
    services.leases.give_back(run, node).await;
    for carried in context.place.carried() {
        services.leases.give_back(run, &carried).await;
    }
    let document = context.retry.until_done(|| services.runs.load(run)).await?;
    if comes_again_after_panic(&document, &message, context.redelivered) {
        let node = shown(node);
        let words = format!("{reason} (run '{run}', node '{node}'): it comes again");
        services.notices.warn(About::run(run).node(node), words);
        return Ok(MessageFate::Requeue);
    }
    let letter = Unprocessable { queue: context.queue, body: context.body, reason };
    abandon(context, letter, run, RunFailure::of(&message, reason)).await
}
