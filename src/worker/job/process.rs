//! The way of a job to its lease: its time has come, JavaScript responds, no other worker executes its node.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;

use super::admission::admit_beside_lease;
use super::coming_again::{LEASE_WAIT, LONGEST_WAIT, come_again};
use super::context::JobContext;
use super::fate::MessageFate;
use super::leased::with_lease;
use super::leftovers::{is_looked_after, looking_after, publish_leftovers};
use super::loading::end_late_run;
use super::suspect::{COMPANY_WAIT, suspected};
use super::telling::tell_if_nobody_may_have;
use crate::error::Result;
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::coordination::{Acquired, MEMORY_OF_RELEASES};
use crate::ports::view::Seen;
use crate::protocol::message::JobMessage;
use crate::time::milliseconds;
use crate::worker::cancelling::finish_cancelling;
use crate::worker::leases::epoch::Forgotten;
use crate::worker::results::see_to_end_after;
use crate::worker::services::Services;

/// How often a job whose node another worker executes looks again, and how often before it waits elsewhere.
const LEASE_POLL: Duration = Duration::from_millis(250);
const LEASE_POLLS: u32 = 4;
/// How long one waits whose result waits for the run's row.
const BUSY_WAIT: Duration = LONGEST_WAIT;
/// How soon a job goes back that came to a worker whose event loop hangs.
const HANG_WAIT: Duration = Duration::from_secs(1);

/// Processes a job.
pub async fn process(context: &JobContext<'_>, message: JobMessage) -> Result<MessageFate> {
    let services = context.services;
    let repeated = (message.repeated || context.redelivered) && !makes(Mutant::ForgetsRepetition);
    let untold = message.untold || context.redelivered;
    let mut message = JobMessage { repeated, untold, ..message };
    if message.not_before.is_some() {
        context.retry.until_done(|| services.runs.set_the_clock(&message.run_id)).await?;
    }
    if message.not_before.and_then(|moment| services.platform.until(moment)).is_some() {
        // On its way to a moment further off than one delay; or it came back from a worker whose clock is ahead of this
        // one's, and that died: its copy says so.
        services.publisher.forward_until_confirmed(message, context.retry).await?;
        return Ok(MessageFate::Acknowledge);
    }
    if message.ends {
        return see_to_end(context, message).await;
    }
    if !services.liveness.is_responsive() {
        // This worker cannot run it. It waits before it requeues: the broker may have no other worker for it.
        tokio::time::sleep(HANG_WAIT).await;
        return Ok(MessageFate::Requeue);
    }
    if message.busy_since.is_some() {
        // Another copy's result waits for the run's row. This copy asks once and keeps no slot.
        return match try_lease(context, &mut message, true).await? {
            Some(fate) => Ok(fate),
            None => come_again(context, &message, BUSY_WAIT, "its result waits for the run's row").await,
        };
    }
    for poll in 0..LEASE_POLLS {
        if let Some(fate) = try_lease(context, &mut message, poll == 0).await? {
            return Ok(fate);
        }
        tokio::select! {
            biased;
            () = context.abort().cancelled() => return Ok(MessageFate::Requeue),
            () = tokio::time::sleep(LEASE_POLL) => {}
        }
    }
    come_again(context, &message, LEASE_WAIT, "another worker executes the node").await
}

/// Takes the lease and processes the job under it. None if another worker has the lease: the caller asks again later.
async fn try_lease(
    context: &JobContext<'_>,
    message: &mut JobMessage,
    is_first: bool,
) -> Result<Option<MessageFate>> {
    let services = context.services;
    let (run, node) = (&message.run_id, &message.node_id);
    let company = services.platform.company();
    // Before the lease: nobody who has one waits for a node that is executed alone, and is blamed for what it does.
    let Some(presence) = company.join(COMPANY_WAIT).await else {
        return come_again(context, message, LEASE_WAIT, "a node is executed alone").await.map(Some);
    };
    context.place.set_presence(Some(presence));
    fault_points::point("before-lease");
    let begun = Instant::now();
    let (acquired, prefetched) =
        join(services.leases.take(message, context.abort()), prefetch(context, message, is_first)).await;
    let acquired = acquired?;
    if acquired.is_taken() {
        // What was prefetched counts only if nobody gave this lease up since; else another worker may have committed.
        let is_proven = (acquired == Acquired::Fresh && begun.elapsed() < MEMORY_OF_RELEASES)
            || makes(Mutant::TrustsPrefetch);
        let prefetched = prefetched.filter(|_| is_proven);
        fault_points::point("after-lease");
        let fate = under_lease(context, message, acquired, prefetched).await;
        fault_points::point("before-release");
        services.leases.give_back(run, node).await;
        fault_points::point("after-release");
        context.place.set_presence(None);
        return fate.map(Some);
    }
    context.place.set_presence(None);
    beside_lease(context, message).await
}

/// Processes the job while this worker has its lease.
async fn under_lease(
    context: &JobContext<'_>,
    message: &JobMessage,
    acquired: Acquired,
    prefetched: Option<Seen>,
) -> Result<MessageFate> {
    let leases = &context.services.leases;
    let is_in_doubt = message.may_be_one_of_two() && leases.is_seen(&message.run_id, &message.node_id);
    if is_in_doubt && may_be_leased_unseen(context).await {
        return wait_for_holders(context, message).await;
    }
    match acquired {
        Acquired::Suspect(deaths) => suspected(context, message, deaths).await,
        _ => with_lease(context, message, prefetched).await,
    }
}

/// A message that is about its run's end: its time is over, or what follows from its end was left to do.
async fn see_to_end(context: &JobContext<'_>, message: JobMessage) -> Result<MessageFate> {
    let Services { runs, results, publisher, platform, .. } = context.services;
    let (run, attempt) = (&message.run_id, message.attempt.unwrap_or(1));
    let document = context.retry.until_done(|| runs.load_ledger(run)).await?;
    if end_late_run(context, &message, &document).await? {
        return Ok(MessageFate::Acknowledge);
    }
    if document.is_unpublished() {
        results.publish_or_report_again(run, attempt, context.abort()).await?;
    }
    tell_if_nobody_may_have(context, &message).await?;
    if !finish_cancelling(context.services, run, &document).await
        && let Some(wait) = see_to_end_after(attempt)
    {
        let not_before = Some(platform.now() + milliseconds(wait));
        let again = JobMessage { attempt: Some(attempt + 1), not_before, ..message };
        publisher.forward_until_confirmed(again, context.retry).await?;
    }
    Ok(MessageFate::Acknowledge)
}

/// Whether another worker may have a lease that the store has forgotten.
async fn may_be_leased_unseen(context: &JobContext<'_>) -> bool {
    let Services { leases, registry, .. } = context.services;
    match leases.has_forgotten().await {
        Forgotten::No => false,
        // Where all workers have just started, nobody used the store before them.
        Forgotten::Perhaps { since } => registry.may_have_elders(context.queue, since).await,
        Forgotten::Yes => true,
    }
}

/// What becomes of the message while another worker has the lease; none if it waits for that.
async fn beside_lease(context: &JobContext<'_>, message: &mut JobMessage) -> Result<Option<MessageFate>> {
    let Services { runs, results, .. } = context.services;
    let document = context.retry.until_done(|| runs.load_ledger(&message.run_id)).await?;
    if end_late_run(context, message, &document).await? {
        return Ok(Some(MessageFate::Acknowledge));
    }
    if document.is_unpublished() {
        // The lease may be one that its holder could not give back.
        results.publish_or_report(&message.run_id, context.abort()).await?;
    }
    let Some(leftovers) = admit_beside_lease(&document, message) else { return Ok(None) };
    if leftovers.is_empty() || makes(Mutant::ForgetsLeftovers) {
        tell_if_nobody_may_have(context, message).await?;
        return Ok(Some(MessageFate::Acknowledge));
    }
    // Its holder may be dead, or go on with the run: the message stays until the lease is gone.
    if !is_looked_after(message) {
        publish_leftovers(context, message, &leftovers, document.at).await?;
        *message = looking_after(message);
    }
    Ok(None)
}

/// Redis has just forgotten its leases: each holder takes its lease again, and the job comes again after that.
async fn wait_for_holders(context: &JobContext<'_>, message: &JobMessage) -> Result<MessageFate> {
    context.retry.until_done(|| context.services.runs.set_the_clock(&message.run_id)).await?;
    come_again(context, message, LEASE_WAIT, "Redis has just forgotten its leases").await
}

/// Loads the run while the lease is being taken. Not for a message that may be one of two: it would rarely be of use.
async fn prefetch(context: &JobContext<'_>, message: &JobMessage, is_first: bool) -> Option<Seen> {
    let is_the_only_one = is_first && message.round.is_some() && !message.repeated && !message.replayed;
    // What was loaded before its lease is of use only if the lease turns out to be fresh.
    if !is_the_only_one || !context.services.leases.can_be_fresh() {
        return None;
    }
    let since = Instant::now();
    // What fails here is loaded again, and told then.
    let document = context.services.runs.load(&message.run_id).await.ok()?;
    Some(Seen { document, since })
}
