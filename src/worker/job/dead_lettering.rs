//! Puts messages among the dead letters, where a person can look at them. The broker confirms each before it is acknowledged.

use super::context::JobContext;
use super::fate::MessageFate;
use crate::error::Result;
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::worker::dead_letters::shortened;
use crate::worker::meters::kinds::{Counter, Of};
use crate::workflow::path::shown;

/// A message as it is put among the dead letters of a queue.
#[derive(Debug, Clone, Copy)]
pub struct Unprocessable<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The message.
    pub body: &'a [u8],
    /// Why nobody can process it.
    pub reason: &'a str,
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
