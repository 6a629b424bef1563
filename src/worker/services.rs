//! What one adapter's engine is made of, put together.

use std::sync::Arc;

use crate::deadlines::{PunctualBroker, PunctualRecord, PunctualStore, Timeouts};
use crate::ports::broker::Broker;
use crate::ports::coordination::CoordinationStore;
use crate::ports::host::Host;
use crate::ports::platform::Platform;
use crate::ports::record::Record;
use crate::run_store::RunStore;
use crate::worker::active_nodes::ActiveNodes;
use crate::worker::blueprints::Blueprints;
use crate::worker::changes::Changes;
use crate::worker::dead_letters::DeadLetters;
use crate::worker::halts::known::KnownHalts;
use crate::worker::health::service::{OwnHealth, Servers};
use crate::worker::intake::Intake;
use crate::worker::leases::service::Leases;
use crate::worker::legacy::Legacy;
use crate::worker::limits::service::KeyLimits;
use crate::worker::liveness::Liveness;
use crate::worker::meters::service::Meters;
use crate::worker::meters::throughput::Throughput;
use crate::worker::notices::Notices;
use crate::worker::publisher::Publisher;
use crate::worker::registry::service::Registry;
use crate::worker::results::Results;
use crate::worker::runs::service::{Heard, Runs};
use crate::worker::settings::Settings;
use crate::worker::traffic::Traffic;
use crate::worker::unwritten::Waiting;

/// What an engine stands on.
pub struct Ports {
    /// Time, chance and tasks.
    pub platform: Platform,
    /// Where jobs come from and go to.
    pub broker: Arc<dyn Broker>,
    /// The record.
    pub record: Arc<dyn Record>,
    /// Leases, and the keys that workers of version 1 look at.
    pub store: Arc<dyn CoordinationStore>,
    /// User code.
    pub host: Arc<dyn Host>,
}

impl Ports {
    /// The same, none of which is waited for without end; and what is known of each server from then on.
    fn in_time(self, timeouts: Timeouts) -> (Self, Servers) {
        let Self { platform, broker, record, store, host } = self;
        let broker = PunctualBroker::new(broker, timeouts.publish, host.clone());
        let store = PunctualStore::new(store, timeouts.lease);
        let record = PunctualRecord::new(record, timeouts.statement, Some(host.clone()));
        let servers =
            Servers { record: record.answering(), broker: broker.answering(), store: store.answering() };
        let (broker, record, store) = (Arc::new(broker), Arc::new(record), Arc::new(store));
        (Self { platform, broker, record, store, host }, servers)
    }
}

/// The services of one engine. Each knows only what it needs.
pub struct Services {
    /// What the user chose.
    pub settings: Arc<Settings>,
    /// Time, chance and tasks.
    pub platform: Platform,
    /// Where jobs come from.
    pub broker: Arc<dyn Broker>,
    /// Keys that others look at.
    pub store: Arc<dyn CoordinationStore>,
    /// User code.
    pub host: Arc<dyn Host>,
    /// What the user hears.
    pub notices: Notices,
    /// Whether JavaScript responds.
    pub liveness: Liveness,
    /// The nodes that are being executed.
    pub active_nodes: Arc<ActiveNodes>,
    /// The blueprints, by revision.
    pub blueprints: Blueprints,
    /// Who executes what.
    pub leases: Arc<Leases>,
    /// What is executed under limits.
    pub key_limits: KeyLimits,
    /// The record of the runs.
    pub runs: Arc<Runs>,
    /// Runs that have paused or ended.
    pub changes: Changes,
    /// Where jobs go to.
    pub publisher: Publisher,
    /// Results that the adapter publishes.
    pub results: Results,
    /// What workers of version 1 have to know.
    pub legacy: Legacy,
    /// Messages that nobody can process.
    pub dead_letters: DeadLetters,
    /// What the messages tell.
    pub traffic: Traffic,
    /// Who lives in this fleet.
    pub registry: Registry,
    /// Results that wait for their run without a place.
    pub waiting: Waiting,
    /// Its slots.
    pub intake: Intake,
    /// How it is.
    pub own_health: OwnHealth,
    /// What is paused for all workers.
    pub halts: KnownHalts,
    /// What is counted and measured.
    pub meters: Arc<Meters>,
}

impl Services {
    /// Puts the parts together; opens no connection.
    pub fn new(settings: Settings, ports: Ports) -> Self {
        let settings = Arc::new(settings);
        let (Ports { platform, broker, record, store, host }, servers) = ports.in_time(settings.timeouts);
        let (own_health, meters) = (
            OwnHealth::new(&settings, servers),
            Arc::new(Meters::storing(Throughput::new(record.clone(), platform.clone()))),
        );
        let notices = Notices::new(host.clone());
        let active_nodes: Arc<ActiveNodes> = Arc::default();
        let leases = Arc::new(Leases::new(store.clone(), &settings, notices.clone(), platform.clone()));
        let key_limits = KeyLimits::new(store.clone(), settings.clone(), notices.clone(), platform.clone());
        let registry = Registry::new(
            (store.clone(), record.clone(), broker.clone()),
            settings.clone(),
            platform.clone(),
            notices.are_heard(),
        );
        let store_of_runs = RunStore::new(record, platform.clone());
        let changes = Changes::new(store.clone(), platform.clone());
        let heard = Heard { changes: changes.clone(), meters: meters.clone(), notices: notices.clone() };
        let runs = Runs::new(store_of_runs, settings.clone(), heard, host.publishes_results());
        let runs = Arc::new(runs);
        let publisher = Publisher::new(
            broker.clone(),
            settings.clone(),
            notices.clone(),
            platform.clone(),
            meters.clone(),
        );
        let results = Results {
            publisher: publisher.clone(),
            host: host.clone(),
            runs: runs.clone(),
            leases: leases.clone(),
            active_nodes: active_nodes.clone(),
            notices: notices.clone(),
            platform: platform.clone(),
        };
        Self {
            liveness: Liveness::new(settings.event_loop_timeout),
            blueprints: Blueprints::new(host.clone()),
            publisher,
            legacy: Legacy::new(store.clone(), leases.clone(), runs.clone()),
            dead_letters: DeadLetters::new(broker.clone(), settings.clone(), platform.clone()),
            traffic: Traffic::default(),
            registry,
            waiting: Waiting::default(),
            intake: Intake::new(settings.concurrency),
            settings,
            platform,
            broker,
            store,
            host,
            notices,
            own_health,
            halts: KnownHalts::default(),
            meters,
            active_nodes,
            leases,
            key_limits,
            runs,
            changes,
            results,
        }
    }
}
