//! What becomes of messages that cannot run here: rescheduled for a worker that can, or dead-lettered where a person can
//! look at them. Whatever becomes of one is confirmed before it is acknowledged.

use std::time::Duration;

use tracing::debug;

use super::context::JobContext;
use super::fate::MessageFate;
use super::reason::Reason;
use super::trouble::{given_up, is_over, is_passing_trouble};
use crate::error::{Error, Kind, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::host::Revision;
use crate::protocol::message::JobMessage;
use crate::record::final_result::failure;
use crate::worker::dead_letters::shortened;
use crate::worker::registry::elsewhere::Elsewhere;
use crate::worker::runs::failing::{Failed, Failure};
use crate::worker::services::Services;
use crate::workflow::ledger::RunStatus;

/// How soon a job that this worker cannot run comes back, at first and at last. Shorter than the time after which a run
/// is stale.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How long a job waits before it comes again, by how long it has waited for a worker that can run it; none when that
/// was long enough.
fn next_wait(waited: Duration, limit: Duration) -> Option<Duration> {
    (waited < limit).then_some(waited / 2)
}

/// How long a job waits at most for a worker that has what this one lacks, by who else may have it.
fn limit_beside(elsewhere: Elsewhere, blueprint_timeout: Duration, version_timeout: Duration) -> Duration {
    match elsewhere {
        Elsewhere::Nobody => blueprint_timeout,
        // As long as for a worker of another version.
        Elsewhere::Unknown => blueprint_timeout.max(version_timeout),
        Elsewhere::Likely => Duration::MAX,
    }
}

/// What this worker lacks for a job: why, and the revision of the blueprint that lacks it.
#[derive(Debug, Clone, Copy)]
pub struct Lack<'a> {
    /// Why the job cannot run here.
    pub reason: &'a Reason,
    /// The revision that decided so; none where the blueprint itself is missing.
    pub revision: Option<&'a Revision>,
}

/// Another worker may be able to run a job: it comes again, after a longer while each time. When none came within the
/// time the user chose, its run fails. While a worker lives that may have what this one lacks, that time does not end.
pub async fn reschedule(
    context: &JobContext<'_>,
    message: &JobMessage,
    lack: Lack<'_>,
) -> Result<MessageFate> {
    let settings = &context.services.settings;
    let Lack { reason, revision } = lack;
    let is_of_version = matches!(reason, Reason::OtherVersion { .. });
    let limit = if is_of_version { settings.version_timeout } else { settings.blueprint_timeout };
    context.retry.until_done(|| context.services.runs.set_the_clock(&message.run_id)).await?;
    let now = context.services.platform.now();
    let since = message.put_back_since.unwrap_or(now);
    let mut message = JobMessage { put_back_since: Some(since), ..message.clone() };
    if let Some(revision) = revision.filter(|_| reason.depends_on_revision())
        && !message.lacking.iter().any(|known| known == revision.as_str())
    {
        message.lacking.push(revision.as_str().to_owned());
    }
    let waited = Duration::from_millis(now.saturating_sub(since));
    let mut wait = next_wait(waited, limit);
    if wait.is_none() && !is_of_version && !makes(Mutant::AsksNobodyElse) {
        let queue = settings.queues.of(&message.blueprint_id);
        let elsewhere = context.services.registry.elsewhere(queue, &message).await;
        wait = next_wait(waited, limit_beside(elsewhere, limit, settings.version_timeout));
    }
    if let Some(wait) = wait {
        return come_again(context, &message, wait, &reason.to_string()).await;
    }
    // Of several copies of a message one has failed the run.
    let has_ended =
        || async { context.services.runs.load_ledger(&message.run_id).await.map(|run| run.has_ended()) };
    if !message.replayed && context.retry.until_done(has_ended).await? {
        debug!(%reason, "the run is over");
        return Ok(MessageFate::Acknowledge);
    }
    let why = format!("{reason}, nor did a worker that has it come within {} ms", limit.as_millis());
    let queue = settings.queues.of(&message.blueprint_id);
    dead_letter(context, queue, &message.as_delivered(), &why).await?;
    fail_run(context, &message.run_id, Failure::of(&message, &reason.of_run())).await
}

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
    // It is not lost: its run is seen to be looked after.
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

/// A job's run is in trouble for the moment, and the job has not begun: it comes again until the user's time for that is
/// over, and becomes a dead letter then.
pub async fn later(context: &JobContext<'_>, error: Error) -> Result<MessageFate> {
    let services = context.services;
    let Ok(message) = JobMessage::parse(context.body) else { return Ok(MessageFate::Requeue) };
    let since = message.busy_since.unwrap_or_else(|| services.platform.now());
    if is_over(context, since) {
        return unreadable(context, &given_up(context, error)).await;
    }
    let message = JobMessage { busy_since: Some(since), ..message };
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
    let fate = dead_letter(context, queue, &message.as_delivered(), &reason.to_string()).await?;
    match fails_run {
        true => fail_run(context, &message.run_id, Failure::of(message, &reason.of_run())).await,
        false => Ok(fate),
    }
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
    services.notices.warn(format!("A message on '{queue}' went to the dead letters. {why}"));
    services.dead_letters.put(queue, body, reason, context.retry).await?;
    Ok(MessageFate::Acknowledge)
}

/// Fails a run if it waited for a message that cannot be processed, which is among the dead letters by then.
pub async fn fail_run(context: &JobContext<'_>, run: &str, failure: Failure<'_>) -> Result<MessageFate> {
    let reason = &shortened(failure.reason);
    let failure = Failure { reason, ..failure };
    let services = context.services;
    let outcome = match context.retry.until_done(|| services.runs.fail(run, failure)).await {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == Kind::Data => {
            write_failed(context, run, reason).await?;
            Failed::Yes
        }
        Err(error) => return Err(error),
    };
    match outcome {
        Failed::No => return Ok(MessageFate::Acknowledge),
        // Its client may have written a status row alone.
        Failed::NoRow => {
            context.retry.until_done(|| services.runs.finish_unheard(run, RunStatus::Failed)).await?;
            return Ok(MessageFate::Acknowledge);
        }
        Failed::Yes => {}
    }
    let place = if failure.node.is_empty() { String::new() } else { format!(" at node '{}'", failure.node) };
    services.notices.warn(shortened(&format!("Run '{run}' failed{place}: {reason}")));
    // Where user code is gone, recovery finds the result: the message must not come again, and be a dead letter twice.
    let _ = services.results.publish_or_report(run, context.abort()).await;
    Ok(MessageFate::Acknowledge)
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

/// Says in the status table alone that a run failed.
async fn write_failed(context: &JobContext<'_>, run: &str, reason: &str) -> Result<()> {
    let result = failure(reason)?;
    let write = || context.services.runs.write_result(run, RunStatus::Failed, &result);
    match context.retry.unless(is_passing_trouble, write).await {
        Err(error) if error.may_be_of_one_run() => {
            debug!(%error, run, "the status could not be written either");
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_waits_longer_each_time_until_its_time_is_up() {
        let seconds = Duration::from_secs;
        for (waited, limit, expected) in [
            (seconds(0), seconds(10), Some(seconds(0))),
            (seconds(4), seconds(10), Some(seconds(2))),
            (seconds(10), seconds(10), None),
            (seconds(0), seconds(0), None),
        ] {
            assert_eq!(next_wait(waited, limit), expected, "{waited:?} of {limit:?}");
        }
    }

    #[test]
    fn a_job_waits_longer_while_another_worker_may_have_what_this_one_lacks() {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(3_600));
        for (elsewhere, limits, expected) in [
            (Elsewhere::Nobody, (short, long), short),
            (Elsewhere::Unknown, (short, long), long),
            (Elsewhere::Unknown, (long, short), long),
            (Elsewhere::Likely, (short, short), Duration::MAX),
        ] {
            assert_eq!(limit_beside(elsewhere, limits.0, limits.1), expected, "{elsewhere:?}");
        }
    }
}
