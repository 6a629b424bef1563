//! What this worker says of itself, and what it has seen of its fleet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, timeout};

use super::card::{
    CHILD_RUNS, Card, EVENTS, Entry, LIVE_CONTEXT, REGISTRY, RegisteredWorker, SUBFLOWS, all_tell,
    are_elders_possible, entry_of, merged,
};
use super::census::{Census, Count};
use super::elsewhere::{Elsewhere, WantedBlueprint};
use super::gate::{ALIVE_FOR, Gate, HEARTBEAT, LOOKS, Look};
use crate::error::Result;
use crate::ports::announcement::Announcement;
use crate::ports::broker::Broker;
use crate::ports::coordination::CoordinationStore;
use crate::ports::platform::Platform;
use crate::ports::record::Record;
use crate::protocol::message::JobMessage;
use crate::time::milliseconds;
use crate::worker::settings::Settings;

/// A fleet that was just started may have consumers that have not said yet who they are: it is looked at again.
const SETTLES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(300)];

/// Workers that start within so long start together.
const TOGETHER: Duration = Duration::from_millis(500);

/// How long a worker that stops waits until it is withdrawn. Who could not be counts as alive a little longer.
const FAREWELL: Duration = Duration::from_secs(1);

/// The registry, as one engine uses it.
///
/// A worker says that it lives in Redis, and where that does not take it, in the table of workers, if that was made: one
/// write a heartbeat. Who lists the workers asks both. The fleet is looked at only from when somebody asks for a gate.
pub struct Registry {
    store: Arc<dyn CoordinationStore>,
    record: Arc<dyn Record>,
    broker: Arc<dyn Broker>,
    settings: Arc<Settings>,
    platform: Platform,
    /// Somebody listens to events here.
    is_heard: bool,
    made: Instant,
    is_asked: AtomicBool,
    looks: Mutex<Vec<Look>>,
    census: Census,
    /// The last look showed a worker that cannot do what was asked for; true before the first look.
    may_have_strangers: AtomicBool,
}

impl Registry {
    /// Nothing is said or seen yet.
    pub fn new(
        (store, record, broker): (Arc<dyn CoordinationStore>, Arc<dyn Record>, Arc<dyn Broker>),
        settings: Arc<Settings>,
        platform: Platform,
        is_heard: bool,
    ) -> Self {
        let (made, is_asked, looks) = (Instant::now(), AtomicBool::new(false), Mutex::default());
        let may_have_strangers = AtomicBool::new(true);
        Self {
            store,
            record,
            broker,
            settings,
            platform,
            is_heard,
            made,
            is_asked,
            looks,
            census: Census::default(),
            may_have_strangers,
        }
    }

    /// What this worker says of itself.
    pub fn card(&self, since: u64, blueprints: BTreeMap<String, String>) -> Card {
        let Settings { worker, host, queues, concurrency, .. } = &*self.settings;
        Card {
            id: worker.clone(),
            host: host.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            queues: queues.consumed().to_vec(),
            blueprints,
            entries: BTreeMap::new(),
            paused: Vec::new(),
            slots: *concurrency,
            capabilities: [
                Some(REGISTRY),
                Some(SUBFLOWS),
                Some(LIVE_CONTEXT),
                Some(CHILD_RUNS),
                self.is_heard.then_some(EVENTS),
            ]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect(),
            since,
        }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.platform.now()
    }

    /// Says that this worker lives.
    pub async fn announce(&self, card: &Card) {
        let Ok(text) = serde_json::to_string(card) else { return };
        let announcement = Announcement { worker: &card.id, card: &text, ttl: ALIVE_FOR };
        match timeout(HEARTBEAT, self.store.announce(&announcement)).await {
            Ok(Ok(true)) => return,
            Ok(Err(error)) => tracing::debug!(%error, "a heartbeat was not taken"),
            _ => {}
        }
        if let Ok(Err(error)) = timeout(HEARTBEAT, self.record.announce(&announcement)).await {
            tracing::debug!(%error, "a heartbeat was not recorded");
        }
    }

    /// Removes this worker everywhere.
    pub async fn withdraw(&self) {
        let worker = &self.settings.worker;
        let withdrawn = join(self.store.withdraw(worker), self.record.withdraw(worker));
        let _ = timeout(FAREWELL, withdrawn).await;
    }

    /// The workers that are alive, as far as anybody says.
    ///
    /// # Errors
    /// Redis or PostgreSQL is out of reach.
    pub async fn workers(&self) -> Result<Vec<RegisteredWorker>> {
        Ok(self.registered().await?.unwrap_or_default())
    }

    /// Where the runs of a blueprint begin, as a worker of this queue says that lives; none where none has it.
    ///
    /// # Errors
    /// As [`workers`](Self::workers).
    pub async fn entry(&self, queue: &str, blueprint: &str) -> Result<Option<Entry>> {
        Ok(entry_of(&self.workers().await?, queue, blueprint).cloned())
    }

    /// The same; none where nothing keeps announcements.
    async fn registered(&self) -> Result<Option<Vec<RegisteredWorker>>> {
        let (stored, recorded) = join(self.store.announced(), self.record.announced()).await;
        let kept = [stored?, recorded?];
        let keeps_some = kept.iter().any(Option::is_some);
        Ok(keeps_some.then(|| merged(kept.into_iter().flatten().flatten())))
    }

    /// Whether every worker of a queue tells what nobody has told of a run, as far as anybody says.
    pub async fn all_tell(&self, queue: &str) -> bool {
        let asked = join(timeout(HEARTBEAT, self.workers()), self.consumers(queue)).await;
        let (Ok(Ok(workers)), consumers) = asked else { return false };
        all_tell(&workers, queue, consumers)
    }

    /// Whether a worker of this queue may have lived before a moment: milliseconds since 1970.
    pub async fn may_have_elders(&self, queue: &str, moment: u64) -> bool {
        let Some((workers, consumers)) = self.census.of(queue, self.count(queue)).await else {
            return true;
        };
        let moment = moment.saturating_sub(milliseconds(TOGETHER));
        are_elders_possible(&workers, (&self.settings.worker, queue), consumers, moment)
    }

    /// Who else may have what this worker lacks for a job: a blueprint or node, or the blueprint that it runs inside.
    /// `blueprint` is the one that is needed.
    pub async fn elsewhere(
        &self,
        (queue, blueprint): (&str, &str),
        job: &JobMessage,
        inner: Option<&str>,
    ) -> Elsewhere {
        let asked = join(timeout(HEARTBEAT, self.workers()), self.consumers(queue)).await;
        let (Ok(Ok(workers)), consumers) = asked else { return Elsewhere::Unknown };
        let by = &self.settings.worker;
        let wanted = WantedBlueprint { by, queue, blueprint, inner, lacking: &job.lacking };
        wanted.elsewhere(&workers, consumers)
    }

    /// Whether every worker of these queues can do it, for a while now. It is closed when it is first asked for.
    pub fn is_open(&self, gate: Gate<'_>) -> bool {
        self.is_asked.store(true, Ordering::Relaxed);
        self.with(|looks| gate.is_open(looks, self.made.elapsed()))
    }

    /// Whether every worker of this adapter's queues can do it, by the last look, or by one that is made now. For what an older
    /// worker would put back, and not bury: a worker that was killed a moment ago may hide one.
    pub async fn agrees_now(&self, capability: &str) -> bool {
        let queues: Vec<String> = self.settings.queues.all().into_iter().collect();
        let gate = Gate { capability, queues: &queues };
        // From now on every heartbeat looks: nobody waits for that again.
        self.is_asked.store(true, Ordering::Relaxed);
        let last = || self.with(|looks| gate.has_agreed(looks, self.made.elapsed()));
        if let Some(agreed) = last() {
            return agreed;
        }
        for wait in SETTLES {
            tokio::time::sleep(wait).await;
            self.look_now().await;
            if last() == Some(true) {
                return true;
            }
        }
        false
    }

    /// Whether the engine knows no worker of this adapter's queues that cannot do it. For what may go on beside a queue that is not
    /// declared, or with a store that keeps no announcements. Where a server does not answer, the last look holds.
    pub async fn knows_no_stranger(&self, capability: &str) -> bool {
        let is_agreed = self.agrees_now(capability).await;
        let queues: Vec<String> = self.settings.queues.all().into_iter().collect();
        let gate = Gate { capability, queues: &queues };
        let seen = self.with(|looks| gate.has_stranger(looks, self.made.elapsed()));
        if let Some(has_stranger) = if is_agreed { Some(false) } else { seen } {
            self.may_have_strangers.store(has_stranger, Ordering::Relaxed);
        }
        !self.may_have_strangers.load(Ordering::Relaxed)
    }

    /// Looks at the fleet, if anybody asks.
    pub async fn look(&self) {
        if self.is_asked.load(Ordering::Relaxed) {
            self.look_now().await;
        }
    }

    async fn look_now(&self) {
        let queues = self.settings.queues.all();
        let counts = join_all(queues.iter().map(|queue| self.ask_for_consumers(queue)));
        let (registered, counts) = join(timeout(HEARTBEAT, self.registered()), counts).await;
        let registered = registered.ok().and_then(Result::ok);
        let look = Look {
            at: self.made.elapsed(),
            keeps_none: registered == Some(None),
            workers: registered.flatten(),
            is_broker_silent: counts.iter().any(Option::is_none),
            consumers: queues.into_iter().zip(counts.into_iter().map(Option::flatten)).collect(),
        };
        self.with(|looks| {
            looks.push(look);
            let old = looks.len().saturating_sub(LOOKS);
            looks.drain(..old);
        });
    }

    async fn count(&self, queue: &str) -> Count {
        let asked = join(timeout(HEARTBEAT, self.workers()), self.consumers(queue)).await;
        let (Ok(Ok(workers)), Some(consumers)) = asked else { return None };
        Some((workers, consumers))
    }

    async fn consumers(&self, queue: &str) -> Option<u32> {
        self.ask_for_consumers(queue).await.flatten()
    }

    /// The consumers of a queue, if there is one; none where the broker does not answer.
    async fn ask_for_consumers(&self, queue: &str) -> Option<Option<u32>> {
        timeout(HEARTBEAT, self.broker.consumers(queue)).await.ok()?.ok()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Look>) -> T) -> T {
        act(&mut self.looks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
