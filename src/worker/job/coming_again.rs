//! A job that cannot run now comes again: a copy of its message is published for later, and the message acknowledged.

use std::time::Duration;

use tracing::debug;

use super::context::JobContext;
use super::fate::MessageFate;
use super::trouble::now_if_known;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::ports::delay;
use crate::protocol::message::JobMessage;
use crate::time::milliseconds;
use crate::worker::recovery::judgement::STALE_AFTER;
use crate::worker::services::Services;

/// How soon a job that this worker cannot run comes back, at first and at last.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// How long a job waits whose node another worker executes, or that has to wait for one that is executed alone.
pub const LEASE_WAIT: Duration = Duration::from_secs(1);

// What waits so long is not lost: recovery does not publish it again.
const _: () = assert!(LONGEST_WAIT.as_millis() < STALE_AFTER.as_millis());

/// Has a job come again a while later, without holding a slot of this worker meanwhile.
pub async fn come_again(
    context: &JobContext<'_>,
    message: &JobMessage,
    wait: Duration,
    reason: &str,
) -> Result<MessageFate> {
    let wait = spread(context.services, wait);
    return_after(context, message, Return { wait, reason, keeps_alive: true }).await
}

/// Has a job come to another worker a while later: this one lacks what the job needs.
///
/// Its message goes through one delay alone. One that waits for a moment passes through its queue several times, and each time
/// takes a turn of the queue's workers: one that lacks what the job needs could get it again and again.
pub async fn pass_on(
    context: &JobContext<'_>,
    message: &JobMessage,
    wait: Duration,
    reason: &str,
) -> Result<MessageFate> {
    let wait = delay::next_delay(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT).mul_f64(0.75));
    // Two jobs in step would keep coming to each other's worker.
    let is_longer = context.services.platform.random(fastrand::Rng::bool);
    let wait = if is_longer { wait * 2 } else { wait };
    let copy = JobMessage { repeated: true, not_before: None, ..message.clone() };
    context.services.publisher.forward_later(copy, wait, context.retry).await?;
    kept_alive(context, message, reason).await
}

/// How a job comes again.
#[derive(Debug, Clone, Copy)]
pub struct Return<'a> {
    /// After just so long.
    pub wait: Duration,
    /// Why.
    pub reason: &'a str,
    /// Whether this wait also refreshes the status row of its run; not every wait has to.
    pub keeps_alive: bool,
}

/// The same as [`come_again`], after just the time that is given.
pub async fn return_after(
    context: &JobContext<'_>,
    message: &JobMessage,
    Return { wait, reason, keeps_alive }: Return<'_>,
) -> Result<MessageFate> {
    let services = context.services;
    let now =
        now_if_known(services).or_else(|| makes(Mutant::WaitsByItsOwnClock).then(|| services.platform.now()));
    match again(message, wait, now) {
        (copy, None) => services.publisher.forward_until_confirmed(copy, context.retry).await?,
        (copy, Some(wait)) => services.publisher.forward_later(copy, wait, context.retry).await?,
    }
    if keeps_alive {
        return kept_alive(context, message, reason).await;
    }
    debug!(reason, "the job comes again later");
    Ok(MessageFate::Acknowledge)
}

/// A copy of the message is on its way. Recovery takes a run that stays silent for lost: this one is only waiting.
async fn kept_alive(context: &JobContext<'_>, message: &JobMessage, reason: &str) -> Result<MessageFate> {
    debug!(reason, "the job comes again later");
    if let Err(error) = context.services.runs.keep_alive(std::slice::from_ref(&message.run_id)).await {
        debug!(%error, "the run's status was not kept fresh");
    }
    Ok(MessageFate::Acknowledge)
}

/// The message as it comes again a while later, for a worker that knows the time.
pub fn copy_for_later(services: &Services, message: &JobMessage, wait: Duration) -> JobMessage {
    again(message, spread(services, wait), Some(services.platform.now())).0
}

/// The message as it comes again after `wait`: at a moment that it says or, where nobody has heard the time, after a delay.
/// Another worker might take a moment of this machine's clock for one in hours.
fn again(message: &JobMessage, wait: Duration, now: Option<u64>) -> (JobMessage, Option<Duration>) {
    let not_before = now.map(|now| now.saturating_add(milliseconds(wait)));
    let copy = JobMessage { repeated: true, not_before, ..message.clone() };
    (copy, now.is_none().then_some(wait))
}

/// Two jobs in step would keep coming to each other's worker.
fn spread(services: &Services, wait: Duration) -> Duration {
    services.platform.jittered(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_when_it_comes_only_if_the_time_is_known() {
        let message = JobMessage {
            // It was for a moment that has come.
            not_before: Some(5),
            ..JobMessage::parse(br#"{"runId":"r","blueprintId":"b","nodeId":"n"}"#).unwrap()
        };
        let wait = Duration::from_millis(700);
        for (now, not_before, delay) in [(Some(1_000), Some(1_700), None), (None, None, Some(wait))] {
            let (copy, after) = again(&message, wait, now);
            assert!(copy.repeated);
            assert_eq!((copy.not_before, after), (not_before, delay), "{now:?}");
        }
    }
}
