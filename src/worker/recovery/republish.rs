//! Every job of a run that is due and that nobody executes is published again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::judgement::{Eligible, QueueProgress, is_free, leases_of};
use crate::error::{Code, Error, Kind, Result};
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::keys;
use crate::ports::record::StaleRun;
use crate::protocol::message::JobMessage;
use crate::record::{Document, blueprint_named_in};
use crate::time::milliseconds;
use crate::worker::blueprints::Analysed;
use crate::worker::job::admission::{needs_taking_over, other_version};
use crate::worker::meters::kinds::{Counter, Of};
use crate::worker::runs::state::no_such_run;
use crate::worker::runs::time_limit::LateRun;
use crate::worker::services::Services;
use crate::worker::settings::WithoutLeases;
use crate::workflow::ledger::{DueJob, Ledger};

const OPERATION: &str = "Reconciling";
/// When another worker tells again how a late run ended.
const TOLD_AGAIN: Duration = Duration::from_secs(5);

/// Which jobs of a run are to be published again, and when not.
pub struct Republishing<'a> {
    /// Only if the run's jobs go through this queue.
    pub queue: Option<&'a str>,
    /// Only if no other worker has since the run was seen stale.
    pub stale: Option<&'a StaleRun>,
    /// Which of its jobs.
    pub eligible: Eligible,
}

impl Republishing<'_> {
    /// Whether the message of the run's client may wait in the queue.
    fn may_still_be_named(&self, document: &Document) -> bool {
        let is_unbegun = document.reserved.as_ref().is_none_or(|reserved| reserved.ledger.is_unbegun());
        match (self.stale, self.eligible) {
            (Some(stale), Eligible::Queue(queue)) => is_unbegun && !queue.has_passed_client(stale.since),
            _ => false,
        }
    }
}

/// Publishes jobs of a run again; which. None where the run is of another queue.
///
/// # Errors
/// The run or its blueprint is unknown, or a server is out of reach.
pub async fn republish(
    services: &Services,
    run: &str,
    how: Republishing<'_>,
) -> Result<Option<BTreeSet<NodeId>>> {
    let document = services.runs.load(run).await?;
    if document.is_late(services.platform.now()) {
        end_late_run(services, run, &document).await?;
        return Ok(Some(BTreeSet::new()));
    }
    if let Some(queue) = how.queue
        && !is_of_queue(services, run, &document, queue).await?
    {
        return Ok(None);
    }
    if how.may_still_be_named(&document) {
        return Ok(Some(BTreeSet::new()));
    }
    let blueprint = blueprint_of(services, run, &document).await?;
    if how.queue.is_some() && services.halts.holds_blueprint(&blueprint) {
        return Ok(Some(BTreeSet::new()));
    }
    if how.queue.is_some() && !have_left_other_queues(services, &blueprint, &document, &how).await? {
        return Ok(Some(BTreeSet::new()));
    }
    let follows = RecoveredRun { run, blueprint: &blueprint, is_scanned: how.queue.is_some() };
    let document = taken_over(services, document, follows).await?;
    if document.is_unpublished() {
        services.results.publish_pending(run).await?;
    }
    let at = document.at;
    let (ledger, carried) =
        document.reserved.map(|reserved| (reserved.ledger, reserved.carried)).unwrap_or_default();
    let looked_at = LookedAt { services, run, ledger: &ledger, at, is_scanned: how.queue.is_some() };
    let idle = idle_jobs(looked_at, how.eligible).await?;
    if (idle.is_empty() && !ledger.is_stuck()) || !is_claimed(services, how.stale).await? {
        return Ok(Some(BTreeSet::new()));
    }
    if ledger.is_stuck() {
        services.runs.update_status(run).await?;
        services.results.publish_pending(run).await?;
    }
    let copies = JobMessage::copies(run, &blueprint, &idle, at).into_iter();
    let copies: Vec<_> = copies.map(|job| job.carrying(carried.clone())).collect();
    publish_again(services, run, &copies).await?;
    Ok(Some(idle.into_iter().map(|due| due.node).collect()))
}

/// Fails a run whose time is over, and whose own message did not come. This worker may die before it has told how the run
/// ended: another one tells it again, a moment later.
async fn end_late_run(services: &Services, run: &str, document: &Document) -> Result<()> {
    let now = services.platform.now();
    if services.notices.are_heard()
        && let (Some(reserved), Some(blueprint)) = (&document.reserved, document.follows())
        && let (Some(queue), Some(node)) = (&reserved.queue, reserved.ledger.nodes.keys().next())
        && services.registry.all_tell(queue).await
    {
        let at = now + milliseconds(TOLD_AGAIN);
        let message = JobMessage::to_see_to_end(run, &blueprint, node, (at, 1));
        services.publisher.forward(&[JobMessage { untold: true, ..message }]).await?;
    }
    let late = LateRun::new(run);
    match late.end(&services.runs, now).await {
        Err(error) if error.is_transient() => late.end(&services.runs, now).await?,
        ended => ended?,
    };
    services.results.publish_pending(run).await
}

/// Claims a stale run, if it is one: of several workers that found it, one republishes it.
async fn is_claimed(services: &Services, stale: Option<&StaleRun>) -> Result<bool> {
    match stale {
        Some(stale) => services.runs.claim_stale(stale).await,
        None => Ok(true),
    }
}

/// Publishes jobs of a run that was just recovered: the next reconciler need not look at it at once.
async fn publish_again(services: &Services, run: &str, jobs: &[JobMessage]) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    services.publisher.publish(jobs).await?;
    for job in jobs {
        let of = Of::jobs(job.run_blueprint(), services.settings.queues.of(&job.blueprint_id));
        services.meters.count(Counter::Republished, of, 1);
    }
    services.runs.keep_alive(&[run.to_owned()]).await
}

/// Whether the jobs of a run go through this queue. A run that no message has named goes through that of the blueprint that
/// its row names, if this worker has it.
async fn is_of_queue(services: &Services, run: &str, document: &Document, queue: &str) -> Result<bool> {
    match &document.reserved {
        Some(reserved) if !reserved.ledger.is_unbegun() => {
            return Ok(reserved.queue.as_deref() == Some(queue));
        }
        _ if makes(Mutant::StartsNothing) => return Ok(false),
        _ => {}
    }
    let Some(id) = blueprint_named_in(&document.values) else { return Ok(false) };
    if !document.found || services.settings.queues.of(&id) != queue {
        return Ok(false);
    }
    // Version 1 leaves its trace here before it leaves one in the row.
    let is_named = services.store.get(&keys::blueprint(run)).await?.is_some();
    let Some(analysed) = services.blueprints.current(&id).await?.filter(|_| !is_named) else {
        return Ok(false);
    };
    Ok(document.outputs(&analysed.blueprint).next().is_none())
}

/// Whether the jobs of a run that a scan found have left every other queue that they may be in: those that the run remembers,
/// and the one that they travel through now, where the option `queues` has changed. A backlog there is not lost.
async fn have_left_other_queues(
    services: &Services,
    blueprint: &str,
    document: &Document,
    how: &Republishing<'_>,
) -> Result<bool> {
    let remembered = document.reserved.iter().flat_map(|reserved| &reserved.other_queues);
    let queues: BTreeSet<&str> =
        remembered.map(|queue| &**queue).chain([services.settings.queues.of(blueprint)]).collect();
    for queue in queues.into_iter().filter(|queue| how.queue != Some(*queue)) {
        let drained = services.broker.waiting(queue).await?.unwrap_or(0) == 0;
        let youngest = services.traffic.youngest(queue);
        let progress = QueueProgress { drained, youngest, now: services.platform.now() };
        let has_left = how.stale.map_or(drained, |stale| progress.has_passed(stale.since));
        if !has_left {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A run, and the blueprint it follows.
#[derive(Clone, Copy)]
struct RecoveredRun<'a> {
    run: &'a str,
    blueprint: &'a str,
    /// A scan found it; nobody asked for it.
    is_scanned: bool,
}

/// The run, once what workers of version 1 did of it is taken over. A scan goes on without the blueprint where the
/// ledger says what is due: another worker of the queue has it.
async fn taken_over(
    services: &Services,
    document: Document,
    RecoveredRun { run, blueprint, is_scanned }: RecoveredRun<'_>,
) -> Result<Document> {
    match matching_blueprint(services, blueprint, &document).await {
        Ok(Analysed { blueprint, .. }) if needs_taking_over(&document, &blueprint) => {
            if services.runs.begin(run, &blueprint).await? {
                services.legacy.tell_blueprint(run, &blueprint.id).await;
            }
            services.runs.load(run).await
        }
        Ok(_) => Ok(document),
        Err(error) if is_scanned && error.kind() == Kind::Setup && document.reserved.is_some() => {
            Ok(document)
        }
        Err(error) => Err(error.of_run(run)),
    }
}

/// The blueprint a run follows, in its version.
async fn matching_blueprint(services: &Services, id: &str, document: &Document) -> Result<Analysed> {
    let Some(analysed) = services.blueprints.current(id).await? else {
        let what = format!("the blueprint '{id}' is not in this adapter's runtime");
        return Err(Error::new(Code::BlueprintUnknown, OPERATION, what));
    };
    match other_version(document, &analysed.blueprint) {
        Some(reason) => Err(Error::new(Code::BlueprintVersion, OPERATION, reason)),
        None => Ok(analysed),
    }
}

/// A run's ledger, as it was at a moment of the record's clock.
#[derive(Clone, Copy)]
struct LookedAt<'a> {
    services: &'a Services,
    run: &'a str,
    ledger: &'a Ledger,
    at: Option<u64>,
    /// A scan found it; nobody asked for it.
    is_scanned: bool,
}

/// The eligible jobs that nobody executes, and that nobody is about to publish.
async fn idle_jobs(looked_at: LookedAt<'_>, eligible: Eligible) -> Result<Vec<DueJob>> {
    let mut idle = Vec::new();
    for due in eligible.of(looked_at.ledger) {
        if is_idle(looked_at, &due).await? {
            idle.push(due);
        }
    }
    Ok(idle)
}

async fn is_idle(looked_at: LookedAt<'_>, due: &DueJob) -> Result<bool> {
    let LookedAt { services, run, ledger, at, is_scanned } = looked_at;
    if ledger.claimed_by_others(&due.node, "", at.unwrap_or_default()).is_some() {
        return Ok(false);
    }
    for node in leases_of(due, ledger) {
        match services.store.get(&keys::node_lock(run, node)).await {
            Ok(holder) if is_free(holder.as_deref()) => {}
            Ok(_) => return Ok(false),
            // Who sees no leases claims what it executes; and whoever gets the copy asks those that see some.
            Err(_) if is_scanned && services.settings.without_leases == WithoutLeases::Continue => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The blueprint that a run follows, as far as anybody says.
///
/// # Errors
/// Nobody says, or the coordination store is out of reach.
pub async fn blueprint_of(services: &Services, run: &str, document: &Document) -> Result<String> {
    if let Some(id) = document.follows() {
        return Ok(id.to_string());
    }
    // Version 1 says it in the coordination store; what the context says may be a word of the user's.
    let told = services.store.get(&keys::blueprint(run)).await?;
    told.or_else(|| blueprint_named_in(&document.values).map(|id| id.to_string())).ok_or_else(|| {
        let unsaid = "neither its context nor the coordination store says which blueprint it follows";
        let error = match document.found {
            true => Error::new(Code::BlueprintUnknown, OPERATION, unsaid),
            false => no_such_run(OPERATION),
        };
        error.of_run(run)
    })
}
