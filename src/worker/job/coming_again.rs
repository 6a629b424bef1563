//! A job that cannot run now comes again: a copy of its message is published for later, and the message acknowledged.

use std::time::Duration;

use tracing::debug;

use super::context::JobContext;
use super::fate::MessageFate;
use crate::error::Result;
use crate::protocol::message::JobMessage;
use crate::worker::services::Services;

/// How soon a job that this worker cannot run comes back, at first and at last; shorter than the time after which a run
/// is stale.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Has a job come again a while later, without holding a slot of this worker meanwhile.
pub async fn come_again(
    context: &JobContext<'_>,
    message: &JobMessage,
    wait: Duration,
    reason: &str,
) -> Result<MessageFate> {
    let services = context.services;
    let copy = copy_for_later(services, message, wait);
    services.publisher.forward_until_confirmed(copy, context.retry).await?;
    debug!(reason, "the job comes again later");
    // Recovery takes a run that stays silent for lost: this one is only waiting.
    if let Err(error) = services.runs.keep_alive(std::slice::from_ref(&message.run_id)).await {
        debug!(%error, "the run's status was not kept fresh");
    }
    Ok(MessageFate::Acknowledge)
}

/// The message as it comes again a while later.
pub fn copy_for_later(services: &Services, message: &JobMessage, wait: Duration) -> JobMessage {
    // Spread: two jobs in step would keep coming to each other's worker.
    let wait = services.platform.jittered(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT));
    JobMessage { repeated: true, not_before: Some(services.platform.after(wait)), ..message.clone() }
}
