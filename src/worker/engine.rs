//! What an adapter asks of its engine, started or not.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::message::JobMessage;
use crate::record::Carried;
use crate::run_store::patiently;
use crate::worker::cancelling::{cancel, recovery_sees_to};
use crate::worker::client::service::Client;
use crate::worker::dead_letters::DeadLetter;
use crate::worker::followed::{beginning_of, followed_at, followed_by};
use crate::worker::recovery::judgement::Eligible;
use crate::worker::recovery::republish::{Republishing, republish};
use crate::worker::registry::card::{CHILD_RUNS, RegisteredWorker, SUBFLOWS};
use crate::worker::registry::gate::Gate;
use crate::worker::retention::remove_old;
use crate::worker::runs::operations::{FollowUp, SentEvent};
use crate::worker::schedules::beat::Beat;
use crate::worker::services::{Ports, Services};
use crate::worker::settings::{Settings, Subflows};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Resume, RunStatus};
use crate::workflow::path::{outermost, shown};

/// How long closing may take before the connections are left to themselves.
const CLOSING: Duration = Duration::from_secs(2);

/// The engine of one adapter. Clones share it.
#[derive(Clone)]
pub struct Engine {
    services: Arc<Services>,
    /// The span that what is asked for belongs to: a `traceparent`.
    span: Option<Arc<str>>,
}

impl Engine {
    /// Puts the parts together; opens no connection.
    pub fn new(settings: Settings, ports: Ports) -> Self {
        Self { services: Arc::new(Services::new(settings, ports)), span: None }
    }

    /// The same engine, for what belongs to a span.
    #[must_use]
    pub fn within(&self, span: Option<String>) -> Self {
        Self { services: self.services.clone(), span: span.map(Into::into) }
    }

    pub(super) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// What an application asks for.
    pub fn client(&self) -> Client {
        Client::new(self.services.clone())
    }

    /// JavaScript's event loop turned.
    pub fn beat(&self) {
        self.services.liveness.beat();
    }

    /// Publishes a job, confirmed.
    ///
    /// # Errors
    /// Transient, when it was not confirmed.
    pub async fn publish(&self, job: JobMessage) -> Result<()> {
        self.services.publisher.publish(&[job]).await
    }

    /// Looks at a run and publishes again every job of it that is due and that nobody executes.
    ///
    /// # Errors
    /// The run or its blueprint is unknown, or a server is out of reach.
    pub async fn reconcile(&self, run: &str) -> Result<BTreeSet<NodeId>> {
        self.services.runs.set_the_clock(run).await?;
        let eligible = Eligible::DueBy(self.services.platform.now());
        let how = Republishing { queue: None, stale: None, eligible };
        let nodes = republish(&self.services, run, how).await?.unwrap_or_default();
        Ok(nodes.iter().map(|node| shown(node).into()).collect())
    }

    /// Lets paused nodes go on: the one named, or all. The nodes that go on.
    ///
    /// # Errors
    /// The run does not await, the node does not, no edge takes the action, or a server is out of reach.
    pub async fn resume(&self, run: &str, node: Option<&str>, with: &Resume) -> Result<BTreeSet<NodeId>> {
        let blueprint = match with.action {
            Some(_) => followed_by(&self.services, run).await?,
            None => None,
        };
        let Services { platform, runs, .. } = &*self.services;
        let resumed = patiently(platform, || runs.resume(run, node, with, blueprint.as_deref())).await?;
        Ok(self.follow_up(run, resumed).await)
    }

    /// Whether the nodes of a subflow that begins now are to be jobs.
    pub async fn opens_subflows(&self) -> bool {
        let Services { settings, registry, .. } = &*self.services;
        match settings.subflows {
            Subflows::Jobs => true,
            Subflows::Whole => false,
            Subflows::Auto => registry.agrees_now(SUBFLOWS).await,
        }
    }

    /// Whether nodes may start child runs now: every worker tells a parent of the end of its child.
    pub async fn starts_children(&self) -> bool {
        self.services.registry.knows_no_stranger(CHILD_RUNS).await
    }

    /// Tells a run of an event. The nodes that go on.
    ///
    /// # Errors
    /// The run has ended, or a server is out of reach.
    pub async fn send_event(
        &self,
        run: &str,
        event: &SentEvent,
        node: Option<&str>,
    ) -> Result<BTreeSet<NodeId>> {
        let Services { platform, runs, .. } = &*self.services;
        let blueprint = match node {
            Some(node) => followed_at(&self.services, run, node).await?,
            None => None,
        };
        let blueprint = blueprint.unwrap_or_else(|| Arc::new(Blueprint::unknown("")));
        let meant_for = node.map(|node| (node, &*blueprint));
        let told = patiently(platform, || runs.send_event(run, event, meant_for)).await?;
        Ok(self.follow_up(run, told).await)
    }

    /// Starts a failed run again from the nodes that failed. The nodes that run again.
    ///
    /// # Errors
    /// The run has not failed, or a server is out of reach.
    pub async fn retry(&self, run: &str) -> Result<BTreeSet<NodeId>> {
        let Services { platform, runs, .. } = &*self.services;
        let beginning = beginning_of(&self.services, run).await?;
        let retried = patiently(platform, || runs.retry(run, beginning.as_deref())).await?;
        Ok(self.follow_up(run, retried).await)
    }

    /// Ends a run: nothing new of it starts, nodes that are executing get their signal, and the child runs that it waits for end with
    /// it. Whether it was still going on.
    ///
    /// # Errors
    /// A server is out of reach, or the row cannot be read.
    pub async fn cancel(&self, run: &str, reason: &str) -> Result<bool> {
        cancel(&self.services, run, reason).await
    }

    /// The oldest dead letters of the queues this adapter consumes, at most `limit`; they stay where they are.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        self.services.dead_letters.list(limit).await
    }

    /// Puts dead letters back into their queues: those chosen by id, or all; at most `limit`. Answers with how many.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach; what was put back until then stays so.
    pub async fn replay(&self, chosen: Option<&HashSet<String>>, limit: usize) -> Result<usize> {
        self.services.dead_letters.replay(chosen, limit).await
    }

    /// Removes dead letters permanently: those chosen by id, or all; at most `limit`. Answers with how many.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach; what was removed until then stays so.
    pub async fn discard(&self, chosen: Option<&HashSet<String>>, limit: usize) -> Result<usize> {
        self.services.dead_letters.discard(chosen, limit).await
    }

    /// The workers of this fleet that are alive.
    ///
    /// # Errors
    /// Transient, when Redis or PostgreSQL is out of reach.
    pub async fn workers(&self) -> Result<Vec<RegisteredWorker>> {
        let mut workers = self.services.registry.workers().await?;
        // Where their runs begin is for the engines of clients.
        workers.iter_mut().for_each(|worker| worker.card.entries.clear());
        Ok(workers)
    }

    /// Takes the turns of all schedules that are due, as a started worker does by itself.
    pub async fn look_at_schedules(&self) {
        Beat::default().look(&self.services, &CancellationToken::new()).await;
    }

    /// Removes what is old by the options `retention` and `history`, as a started worker does by itself; how many runs.
    ///
    /// # Errors
    /// The tables cannot be worked with, or the server is out of reach.
    pub async fn remove_old(&self) -> Result<u64> {
        remove_old(&self.services).await
    }

    /// Whether every worker of some queues can do something. Only a started worker knows; it is closed when it is first
    /// asked for, and opens within a few heartbeats.
    pub fn is_open(&self, gate: Gate<'_>) -> bool {
        self.services.registry.is_open(gate)
    }

    /// Stores a run's end and its result in the status table.
    ///
    /// # Errors
    /// The server is out of reach, or the result cannot be stored.
    pub async fn write_result(&self, run: &str, end: RunStatus, result: &Json) -> Result<()> {
        let Services { platform, runs, .. } = &*self.services;
        patiently(platform, || runs.write_result(run, end, result)).await
    }

    /// Closes what was opened here; whatever is used again opens again.
    pub async fn close(&self) {
        // A server that does not answer does not delay the stop.
        let stored = async {
            if let Some(throughput) = self.services.meters.throughput() {
                throughput.close().await;
            }
        };
        let closing = join3(stored, self.services.broker.close(), self.services.store.close());
        let _ = tokio::time::timeout(CLOSING, closing).await;
        self.services.runs.let_go();
    }

    /// Publishes the jobs that follow from what happened to a run. That it happened is recorded: the call has taken effect,
    /// and a second one would be refused.
    async fn follow_up(&self, run: &str, what: FollowUp) -> BTreeSet<NodeId> {
        let carried = match &self.span {
            Some(span) => Some(Carried::linked(what.carried.as_ref(), span)),
            None => what.carried.clone(),
        };
        let what = FollowUp { carried, ..what };
        if let Err(error) = self.services.publisher.publish(&what.messages(run)).await {
            let error = Error { operation: what.operation, ..error };
            recovery_sees_to(&self.services, run, "what is due now could not be published", &error);
        }
        what.due.into_iter().map(|due| outermost(&due.node)).collect()
    }
}
