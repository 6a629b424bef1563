//! What a worker and an adapter that was never started share: the servers, the user's code, the settings.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::in_flight::InFlight;
use super::pulse::Pulse;
use super::queues::Queues;
use super::repair::Repair;
use crate::backoff::Backoff;
use crate::error::{Error, Kind, Result};
use crate::fault_points;
use crate::ports::broker::{Broker, Outgoing};
use crate::ports::coordination::CoordinationStore;
use crate::ports::delay;
use crate::ports::host::{Host, Level, Notice};
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::run_store::RunStore;
use crate::worker::leases::Leases;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::Due;

/// How long a worker that waits for leases waits between two tries at most.
const LEASE_BACKOFF: Duration = Duration::from_secs(1);

/// What the user chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The queues jobs come from and go to.
    pub queues: Queues,
    /// Nodes in flight in one worker; the prefetch.
    pub concurrency: u16,
    /// Seconds a lease outlives its worker.
    pub lease_seconds: u64,
    /// How long a job whose run was started under another version of its blueprint waits for a worker that has it.
    pub version_timeout: Duration,
    /// How long a job waits for a worker that has its blueprint at all.
    pub blueprint_timeout: Duration,
    /// How often lost jobs are looked for; zero for never.
    pub repair_interval: Duration,
    /// What to do while the coordination store is out of reach.
    pub without_leases: WithoutLeases,
    /// How long JavaScript's event loop may stand still before this worker's nodes count as dead.
    pub event_loop_timeout: Duration,
    /// This worker's name, unique in the fleet: the owner of its leases, and the sender of its dead letters.
    pub worker: String,
}

/// What a worker does while the coordination store is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutLeases {
    /// It goes on: a message that comes twice may have its node run twice, its result counts once.
    Continue,
    /// It waits.
    Wait,
}

/// The engine of one adapter.
pub struct Engine {
    /// What the user chose.
    pub settings: Settings,
    /// Time, chance and tasks.
    pub platform: Platform,
    /// Where jobs come from and go to.
    pub broker: Arc<dyn Broker>,
    /// The runs.
    pub runs: RunStore,
    /// Keys that others look at.
    pub store: Arc<dyn CoordinationStore>,
    /// Who runs what.
    pub leases: Leases,
    /// What this worker is running.
    pub in_flight: InFlight,
    /// User code.
    pub host: Arc<dyn Host>,
    /// Whether the thread that runs it turns.
    pub pulse: Pulse,
    /// What repair has to know of the messages that come.
    pub repair: Repair,
    /// Blueprints seen so far, analysed once each.
    blueprints: Mutex<HashMap<String, Arc<Blueprint>>>,
}

impl Engine {
    /// Puts the parts together; opens no connection.
    pub fn new(
        settings: Settings,
        platform: Platform,
        broker: Arc<dyn Broker>,
        runs: RunStore,
        store: Arc<dyn CoordinationStore>,
        host: Arc<dyn Host>,
    ) -> Self {
        let leases = Leases::new(store.clone(), settings.worker.clone(), settings.lease_seconds);
        Self {
            pulse: Pulse::new(settings.event_loop_timeout),
            repair: Repair::default(),
            settings,
            platform,
            broker,
            runs,
            store,
            leases,
            in_flight: InFlight::default(),
            host,
            blueprints: Mutex::default(),
        }
    }

    /// A blueprint of the user's runtime, if it has one of that id.
    ///
    /// # Errors
    /// The blueprint can not be run at all, and why.
    pub async fn blueprint(&self, id: &str) -> Result<Option<Arc<Blueprint>>> {
        if let Some(known) = self.known_blueprints().get(id) {
            return Ok(Some(known.clone()));
        }
        let Some(description) = self.host.blueprint(id).await? else {
            return Ok(None);
        };
        let blueprint = Arc::new(Blueprint::new(description));
        self.known_blueprints().insert(id.to_owned(), blueprint.clone());
        Ok(Some(blueprint))
    }

    /// Publishes the jobs a run made due, confirmed, for as long as it takes.
    ///
    /// # Errors
    /// Only when told to give up.
    pub async fn publish_due(
        &self,
        run: &str,
        blueprint: &str,
        due: &[Due],
        at: Option<u64>,
        give_up: &CancellationToken,
    ) -> Result<()> {
        if due.is_empty() {
            return Ok(());
        }
        let jobs = JobMessage::all_due(run, blueprint, due, at);
        fault_points::point("before-publish");
        if fault_points::is_planned("between-publishes") && jobs.len() > 1 {
            self.publish(&jobs[..1]).await?;
            fault_points::point("between-publishes");
        }
        self.insist(give_up, || self.publish(&jobs)).await?;
        fault_points::point("after-publish");
        Ok(())
    }

    /// Takes the lease of a job's node; whether it was free. Where leases can not be had, does as the user chose.
    ///
    /// # Errors
    /// Only when told to give up.
    pub(super) async fn take_lease(&self, job: &JobMessage, give_up: &CancellationToken) -> Result<bool> {
        let mut backoff = Backoff::up_to(LEASE_BACKOFF, &self.platform);
        loop {
            let error = match self.watched(self.leases.take(&job.run_id, &job.node_id).await) {
                Err(error) if error.kind() != Kind::Stopping => error,
                settled => return settled,
            };
            if self.settings.without_leases == WithoutLeases::Continue {
                return Ok(self.leases.take_unseen(&job.run_id, &job.node_id));
            }
            if give_up.is_cancelled() {
                return Err(error.while_stopping());
            }
            tokio::select! {
                biased;
                () = give_up.cancelled() => {}
                () = backoff.wait() => {}
            }
        }
    }

    /// Publishes jobs, confirmed, and says so.
    ///
    /// # Errors
    /// Transient, when one was not confirmed.
    pub async fn publish(&self, jobs: &[JobMessage]) -> Result<()> {
        self.forward(jobs).await?;
        for job in jobs.iter().filter(|_| self.host.listens()) {
            let queue = self.settings.queues.of(&job.blueprint_id).to_owned();
            self.host.notify(Notice::Enqueued { job: job.clone(), queue });
        }
        Ok(())
    }

    /// Publishes jobs, each for the moment it is for.
    pub(super) async fn forward(&self, jobs: &[JobMessage]) -> Result<()> {
        let outgoing = jobs.iter().map(|job| Outgoing {
            queue: self.settings.queues.of(&job.blueprint_id).to_owned(),
            delay: job.not_before.and_then(|moment| self.platform.until(moment)).map(delay::next_delay),
            body: job.to_body(),
            headers: Vec::new(),
        });
        self.broker.publish(outgoing.collect()).await
    }

    /// Does something until it succeeds, waiting longer each time. Data that can not be stored is no use trying
    /// again; everything else (a server that is down, a table that is missing) somebody may mend.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`], or [`Kind::Stopping`] when told to give up.
    pub async fn insist<T, F>(&self, give_up: &CancellationToken, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::new(&self.platform);
        loop {
            let error = match attempt().await {
                Err(error) if error.kind() != Kind::Data => error,
                settled => return settled,
            };
            if give_up.is_cancelled() {
                return Err(error.while_stopping());
            }
            self.warn(format!("{error}; trying again"));
            tokio::select! {
                biased;
                () = give_up.cancelled() => {}
                () = backoff.wait() => {}
            }
        }
    }

    /// An answer of the coordination store; the user hears when it is lost, and when it is back.
    pub(super) fn watched<T>(&self, answer: Result<T>) -> Result<T> {
        match &answer {
            Ok(_) if self.leases.is_back() => {
                self.log(Level::Info, "Redis answers again: nodes are leased as before".to_owned());
            }
            Err(error) if error.kind() != Kind::Stopping && self.leases.is_newly_lost() => {
                let how = match self.settings.without_leases {
                    WithoutLeases::Continue => {
                        "the worker goes on without leases; a message that comes twice may have its node run twice, \
                         its result counts once"
                    }
                    WithoutLeases::Wait => "the worker waits for it",
                };
                self.warn(format!("Redis is out of reach: {how} (option withoutRedis). {error}"));
            }
            _ => {}
        }
        answer
    }

    pub(super) fn warn(&self, message: String) {
        self.log(Level::Warn, message);
    }

    fn log(&self, level: Level, message: String) {
        self.host.notify(Notice::Log { level, message });
    }

    /// Closes what was opened here; whatever is used again opens again.
    pub async fn close(&self) {
        self.broker.close().await;
        self.store.close().await;
        self.runs.record().let_go();
    }

    /// The worker is deaf to a queue from here on, and says so.
    pub(super) fn consumer_lost(&self, queue: &str, error: &Error) {
        let message = format!("The worker on '{queue}' receives no more jobs. {error}");
        self.host.notify(Notice::Deaf { message });
    }

    fn known_blueprints(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Blueprint>>> {
        self.blueprints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
