//! A job that this worker cannot run comes again until a worker has what this one lacks: its blueprint, its node in it, or
//! the blueprint that the node runs as a subflow.

use std::time::Duration;

use tracing::debug;

use super::abandoning::abandon;
use super::coming_again::pass_on;
use super::context::JobContext;
use super::dead_lettering::Unprocessable;
use super::disposition::wait_for_run;
use super::fate::MessageFate;
use super::reason::Reason;
use super::storing::locked;
use super::trouble::is_passing_trouble;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::ports::host::BlueprintRevision;
use crate::protocol::message::JobMessage;
use crate::worker::leases::held::LeasedExecution;
use crate::worker::registry::elsewhere::Elsewhere;
use crate::worker::runs::failing::RunFailure;

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
    pub revision: Option<&'a BlueprintRevision>,
}

/// The node runs a blueprint as a subflow that this worker does not have: it executed nothing, and claims the node no more.
pub async fn lacks_inner_blueprint(
    context: &JobContext<'_>,
    message: &JobMessage,
    (round, inner): (u32, String),
) -> Result<MessageFate> {
    let (blueprint, node) = (message.run_blueprint().to_owned(), message.node_id.clone());
    let execution = LeasedExecution { run: message.run_id.clone(), node: node.clone(), round };
    let unclaim = || context.services.runs.unclaim_node(&execution);
    context.retry.unless(is_passing_trouble, unclaim).await?;
    let reason = Reason::InnerBlueprintMissing { inner, blueprint, node };
    reschedule(context, message, Lack { reason: &reason, revision: None }).await
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
        let blueprint = reason.blueprint().unwrap_or_else(|| message.run_blueprint());
        let registry = &context.services.registry;
        let elsewhere = registry.elsewhere((queue, blueprint), &message, reason.inner()).await;
        wait = next_wait(waited, limit_beside(elsewhere, limit, settings.version_timeout));
    }
    if let Some(wait) = wait {
        return pass_on(context, &message, wait, &reason.to_string()).await;
    }
    // Of several copies of a message one has failed the run.
    let has_ended =
        || async { context.services.runs.load_ledger(&message.run_id).await.map(|run| run.has_ended()) };
    if !message.replayed && context.retry.until_done(has_ended).await? {
        debug!(%reason, "the run is over");
        return Ok(MessageFate::Acknowledge);
    }
    // It is failed when it can be. Until then no copy of the message becomes a dead letter.
    if let Some(error) = locked(context, &message.run_id).await?.filter(|_| !makes(Mutant::BuriesWhileLocked))
    {
        return wait_for_run(context, &message, error).await;
    }
    let why = format!("{reason}, nor did a worker that has it come within {} ms", limit.as_millis());
    let queue = settings.queues.of(&message.blueprint_id);
    let letter = Unprocessable { queue, body: &message.as_delivered(), reason: &why };
    abandon(context, letter, &message.run_id, RunFailure::of(&message, &reason.of_run())).await
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
