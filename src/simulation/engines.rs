//! The engines of a simulation: of its workers, and of its clients.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::excuses::LEASE_SECONDS;
use super::flow_set::LIMIT;
use super::host::SimulatedHost;
use super::plan::{Plan, Trouble};
use super::tasks::Tasks;
use super::world::{QUEUE, Starter, World, tables};
use crate::memory::{MemoryBroker, MemoryStore};
use crate::ports::limits::LimitRules;
use crate::ports::platform::{Clock, Platform};
use crate::ports::record::Database;
use crate::worker::{Engine, Ports, Queues, Settings, Subflows, WithoutLeases};

/// How long a job waits for a worker that has its node.
const BLUEPRINT_TIMEOUT: Duration = Duration::from_secs(5);

/// A worker's clock: the servers' clock and its error.
#[derive(Debug)]
struct SkewedClock {
    of: Arc<dyn Clock>,
    ahead: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> u64 {
        self.of.now().saturating_add_signed(self.ahead)
    }
}

/// An engine, and what it stands on.
pub struct SimulatedEngine {
    pub engine: Engine,
    pub broker: Arc<MemoryBroker>,
    pub store: Arc<MemoryStore>,
    pub tasks: Arc<Tasks>,
}

impl World {
    /// An engine of that name: a worker's, or one that is never started.
    pub fn engine(&self, name: &str, seed: u64) -> SimulatedEngine {
        let tasks = Arc::new(Tasks::default());
        let ahead = match self.plan.has(Trouble::Clocks) {
            // A little, or hours.
            true => self.random(|random| random.i64(-3_000..3_000) * [1, 2_400][random.usize(..2)]),
            false => 0,
        };
        let clock: Arc<dyn Clock> = Arc::new(SkewedClock { of: self.server.clock(), ahead });
        let platform = Platform::default().with_own_clock(clock.clone()).seeded(seed, tasks.clone());
        let broker = Arc::new(self.server.broker(name, platform.clone(), None));
        let store = Arc::new(self.server.coordination(name));
        store.set_reachable(!self.plan.has(Trouble::Absence));
        let starter = Arc::new(Starter::default());
        let ports = Ports {
            platform,
            broker: broker.clone(),
            record: self.server.database(name).record(&tables()),
            store: store.clone(),
            host: Arc::new(self.host(name, seed, clock, starter.clone())),
        };
        let engine = Engine::new(settings(&self.plan, name), ports);
        if self.plan.parents {
            starter.set(Some(engine.client()));
            self.starters.lock().unwrap_or_else(PoisonError::into_inner).push(starter);
        }
        SimulatedEngine { engine, broker, store, tasks }
    }

    /// The user code of an engine.
    fn host(&self, name: &str, seed: u64, clock: Arc<dyn Clock>, starter: Arc<Starter>) -> SimulatedHost {
        SimulatedHost {
            worker: name.to_owned(),
            flows: self.deployed(),
            executions: self.executions.clone(),
            tellings: self.plan.listens.then(|| self.tellings.clone()),
            story: self.story.clone(),
            random: Mutex::new(Rng::with_seed(seed ^ 0x1057)),
            reads: self.plan.reads.then(|| Mutex::new(Rng::with_seed(seed ^ 0x4ead))),
            replaces: self.plan.replaces.then(|| Mutex::new(Rng::with_seed(seed ^ 0x4e91ace))),
            server: self.server.clone(),
            deaths: self.deaths.0.clone(),
            now: clock,
            starter,
        }
    }
}

fn settings(plan: &Plan, worker: &str) -> Settings {
    Settings {
        queues: Queues::new(QUEUE.into(), Default::default(), None),
        concurrency: plan.concurrency,
        continuation: plan.continuation,
        subflows: Subflows::Jobs,
        lease_seconds: LEASE_SECONDS,
        version_timeout: Duration::from_secs(3_600),
        blueprint_timeout: BLUEPRINT_TIMEOUT,
        write_timeout: Duration::from_secs(600),
        max_deaths: plan.max_deaths,
        recovery_interval: Duration::from_secs(if plan.recovery { 5 } else { 0 }),
        retention: Vec::new(),
        history: None,
        without_leases: WithoutLeases::Continue,
        key_limits: plan
            .limit
            .map(|most| (LIMIT.to_owned(), LimitRules { concurrency: Some(most), rate: None }))
            .into_iter()
            .collect(),
        event_loop_timeout: Duration::from_secs(1 << 30),
        timeouts: plan.timeouts(),
        worker: worker.to_owned(),
        host: "simulated".into(),
    }
}
