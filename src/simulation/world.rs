//! The simulated world: servers in memory, workers over them, clients that start runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use fastrand::Rng;

use super::faults::SeededFaults;
use super::flows::Flow;
use super::history::{Expected, History};
use super::host::{Executions, SimulatedHost};
use super::plan::{Plan, Trouble};
use super::schedules::SCHEDULED;
use super::story::Story;
use super::tasks::Tasks;
use super::telling::Tellings;
use crate::memory::{MemoryBroker, MemoryServer, MemoryStore};
use crate::ports::broker::{Broker, Outgoing};
use crate::ports::platform::{Clock, Platform};
use crate::ports::record::{Database, Tables};
use crate::worker::{Engine, Ports, Queues, Settings, Subflows, WithoutLeases, Worker};

/// Where time begins: 2026.
const START: u64 = 1_790_000_000_000;
/// The queue of all jobs.
pub const QUEUE: &str = "jobs";
/// The flow with a node that kills its worker.
pub const POISON: &str = "poison";
/// What users have in their contexts.
const USERS: [&str; 4] =
    ["{}", "{}", r#"{"blueprintId":"house-7"}"#, r#"{"blueprintId":7,"blueprintVersion":"mine"}"#];
/// How long a job waits for a worker that has its node.
pub const BLUEPRINT_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds that a lease outlives its worker.
pub const LEASE_SECONDS: u64 = 15;

/// The servers, workers and clients of a simulation.
pub struct World {
    pub plan: Plan,
    pub server: Arc<MemoryServer>,
    pub faults: Arc<SeededFaults>,
    /// The flows that runs begin with.
    pub flows: Arc<BTreeMap<String, Flow>>,
    pub executions: Arc<Executions>,
    pub tellings: Arc<Tellings>,
    pub story: Arc<Story>,
    /// The workers that a node kills: where it says so, and where that is heard.
    deaths: (UnboundedSender<String>, Mutex<Option<UnboundedReceiver<String>>>),
    random: Mutex<Rng>,
    workers: Mutex<Workers>,
}

#[derive(Default)]
pub(super) struct Workers {
    started: u32,
    /// What was deployed, and what clients started.
    pub(super) history: History,
    alive: Vec<Arc<SimulatedWorker>>,
    /// Those that stop.
    stopping: Vec<Arc<SimulatedWorker>>,
    /// How often something else than a node killed a worker, or had its leases run out.
    hits: u32,
    /// When workers died, stood still or stopped, or lost their leases: an execution may be followed by another then.
    excuses: Vec<Excuse>,
    /// When each worker that stopped had stopped.
    stopped: BTreeMap<String, Duration>,
    /// The names of the workers that were told to stop, also of those that died then.
    told_to_stop: BTreeSet<String>,
}

/// Why a worker's node may be executed again.
#[derive(Debug, Clone)]
pub struct Excuse {
    /// None for all workers.
    pub worker: Option<String>,
    pub from: Duration,
    pub to: Duration,
}

/// One worker.
pub struct SimulatedWorker {
    pub name: String,
    pub broker: Arc<MemoryBroker>,
    pub store: Arc<MemoryStore>,
    pub engine: Engine,
    pub tasks: Arc<Tasks>,
    pub worker: Worker,
    /// When it started.
    pub since: Duration,
}

/// The tables of the record.
pub fn tables() -> Tables {
    Tables { contexts: Some("contexts".into()), statuses: Some("statuses".into()) }
}

/// A moment of the database's clock, in microseconds since 1970, as time since the beginning.
pub fn since_the_beginning(moment: i64) -> Duration {
    let beginning = i64::try_from(START * 1_000).unwrap_or(0);
    Duration::from_micros(u64::try_from(moment - beginning).unwrap_or(0))
}

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

/// What begins the names of flows that run within others alone.
pub const INNER_FLOWS: &str = "inner-";

/// Has nodes of some flows run others as subflows, two deep.
fn nest(flows: &mut BTreeMap<String, Flow>, random: &mut Rng) {
    let names = [0, 1].map(|number| format!("{INNER_FLOWS}{number}"));
    let innermost = Flow::draw(&names[1], random);
    let inner = Flow::draw(&names[0], random);
    let inner = if random.bool() { inner.around(&names[1], &innermost, random) } else { inner };
    for flow in flows.values_mut() {
        let (name, within) = if random.bool() { (&names[0], &inner) } else { (&names[1], &innermost) };
        if random.u8(..3) > 0 {
            *flow = flow.clone().around(name, within, random);
        }
    }
    let [name, deepest] = names;
    flows.extend([(name, inner), (deepest, innermost)]);
}

impl World {
    /// The world of a plan, before anything happens in it.
    pub fn new(plan: &Plan) -> Self {
        let mut random = Rng::with_seed(plan.seed);
        let flows = (0..3).map(|number| format!("flow-{number}"));
        let mut flows: BTreeMap<String, Flow> =
            flows.map(|id| (id.clone(), Flow::draw(&id, &mut random))).collect();
        if plan.nests {
            nest(&mut flows, &mut Rng::with_seed(plan.seed ^ 0x0e57));
        }
        if plan.has(Trouble::Poison) {
            let mut random = Rng::with_seed(plan.seed ^ 0x0150);
            flows.insert(POISON.to_owned(), Flow::draw(POISON, &mut random).poisoned(&mut random));
        }
        let (sender, receiver) = unbounded_channel();
        let server = MemoryServer::starting_at(START);
        if plan.schedules > 0 {
            let brief = Flow::brief(SCHEDULED, &mut Rng::with_seed(plan.seed ^ 0x5c4ed));
            flows.insert(SCHEDULED.to_owned(), brief);
            server.make_schedules(&tables());
        }
        let story = Arc::new(Story::new());
        let faults = Arc::new(SeededFaults::new(plan, story.clone()));
        server.set_faults(Some(faults.clone()));
        Self {
            plan: plan.clone(),
            server,
            faults,
            flows: Arc::new(flows),
            executions: Arc::default(),
            tellings: Arc::default(),
            story,
            deaths: (sender, Mutex::new(Some(receiver))),
            random: Mutex::new(random),
            workers: Mutex::default(),
        }
    }

    /// Something drawn at random.
    pub fn random<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts one more worker.
    pub fn start_worker(&self) {
        let number = self.with(|workers| {
            workers.started += 1;
            workers.started
        });
        let name = format!("w{number}");
        let (engine, broker, store, tasks) = self.engine(&name, self.plan.seed ^ u64::from(number) << 32);
        let worker = Worker::start(&engine, CancellationToken::new());
        self.story.tell(format!("{name} starts"));
        let now = self.story.elapsed();
        self.with(|workers| {
            if workers.history.deployment.is_none() {
                workers.history.old.insert(name.clone(), (now, None));
            }
            let worker = SimulatedWorker { name, broker, store, engine, tasks, worker, since: now };
            workers.alive.push(Arc::new(worker));
        });
    }

    /// An engine of that name: a worker's, or one that is never started.
    pub fn engine(&self, name: &str, seed: u64) -> (Engine, Arc<MemoryBroker>, Arc<MemoryStore>, Arc<Tasks>) {
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
        let record = self.server.database(name).record(&tables());
        let host = SimulatedHost {
            worker: name.to_owned(),
            flows: self.deployed(),
            executions: self.executions.clone(),
            tellings: self.plan.listens.then(|| self.tellings.clone()),
            story: self.story.clone(),
            random: Mutex::new(Rng::with_seed(seed ^ 0x1057)),
            reads: self.plan.reads.then(|| Mutex::new(Rng::with_seed(seed ^ 0x4ead))),
            server: self.server.clone(),
            deaths: self.deaths.0.clone(),
            now: clock,
        };
        let settings = Settings {
            queues: Queues::new(QUEUE.into(), Default::default(), None),
            concurrency: self.plan.concurrency,
            continuation: self.plan.continuation,
            subflows: Subflows::Jobs,
            lease_seconds: LEASE_SECONDS,
            version_timeout: Duration::from_secs(3_600),
            blueprint_timeout: BLUEPRINT_TIMEOUT,
            write_timeout: Duration::from_secs(600),
            max_deaths: self.plan.max_deaths,
            recovery_interval: Duration::from_secs(if self.plan.recovery { 5 } else { 0 }),
            retention: Vec::new(),
            without_leases: WithoutLeases::Continue,
            event_loop_timeout: Duration::from_secs(1 << 30),
            limits: self.plan.limits(),
            worker: name.to_owned(),
            host: "simulated".into(),
        };
        let ports =
            Ports { platform, broker: broker.clone(), record, store: store.clone(), host: Arc::new(host) };
        (Engine::new(settings, ports), broker, store, tasks)
    }

    /// Sets whether a worker reaches the coordination store, where there is one.
    pub fn reach(&self, worker: &SimulatedWorker, is_reachable: bool) {
        worker.store.set_reachable(is_reachable && !self.plan.has(Trouble::Absence));
    }

    /// The workers that are alive.
    pub fn alive(&self) -> Vec<Arc<SimulatedWorker>> {
        self.with(|workers| workers.alive.clone())
    }

    /// One of them.
    pub fn pick(&self) -> Option<Arc<SimulatedWorker>> {
        let alive = self.alive();
        (!alive.is_empty()).then(|| alive[self.random(|random| random.usize(..alive.len()))].clone())
    }

    /// The workers that nodes kill; once.
    pub fn deaths(&self) -> Option<UnboundedReceiver<String>> {
        self.deaths.1.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A worker begins to stop.
    pub fn note_stopping(&self, worker: &Arc<SimulatedWorker>) {
        self.with(|workers| {
            workers.stopping.push(worker.clone());
            workers.told_to_stop.insert(worker.name.clone());
        });
    }

    /// A worker that begins to die, if it has not: whether it stops already.
    pub fn take_dying(&self, name: &str) -> Option<(Arc<SimulatedWorker>, bool)> {
        let is_it = |worker: &&Arc<SimulatedWorker>| worker.name == name;
        self.with(|workers| {
            let alive = workers.alive.iter().find(is_it).map(|worker| (worker.clone(), false));
            alive.or_else(|| workers.stopping.iter().find(is_it).map(|worker| (worker.clone(), true)))
        })
    }

    /// Something else than a node killed a worker, or may have its leases run out.
    pub fn note_hit(&self) {
        self.with(|workers| workers.hits += 1);
    }

    /// How many deaths at most may count for a node that kills nobody: those that had other reasons, and one beside a
    /// node that does kill.
    pub fn unfair_deaths(&self) -> usize {
        let hits = self.with(|workers| workers.hits) as usize;
        hits + self.faults.leaseless().len() + usize::from(self.plan.has(Trouble::Poison))
    }

    /// Removes a worker.
    pub fn bury(&self, worker: &SimulatedWorker) {
        self.with(|workers| workers.alive.retain(|other| other.name != worker.name));
        self.note_end(&worker.name);
    }

    /// Whether a worker was told to stop.
    pub fn was_stopping(&self, worker: &str) -> bool {
        self.with(|workers| workers.told_to_stop.contains(worker))
    }

    /// A worker has stopped: it does nothing any more.
    pub fn note_stopped(&self, worker: &str) {
        let now = self.story.elapsed();
        self.with(|workers| workers.stopped.insert(worker.to_owned(), now));
    }

    /// When each worker that stopped had stopped.
    pub fn stopped(&self) -> BTreeMap<String, Duration> {
        self.with(|workers| workers.stopped.clone())
    }

    /// From now on for so long, an execution may be followed by another of the same job.
    pub fn excuse(&self, worker: Option<&str>, lasting: Duration) {
        let from = self.story.elapsed();
        let excuse = Excuse { worker: worker.map(str::to_owned), from, to: from + lasting };
        self.with(|workers| workers.excuses.push(excuse));
    }

    /// All excuses.
    pub fn excuses(&self) -> Vec<Excuse> {
        let excuses = self.with(|workers| workers.excuses.clone());
        let (mut excuses, mut unseen): (Vec<Excuse>, Vec<Excuse>) =
            excuses.into_iter().partition(|excuse| excuse.worker.is_some());
        let lasting = Duration::from_secs(LEASE_SECONDS + 5);
        let leaseless = self.faults.leaseless().into_iter();
        unseen.extend(leaseless.map(|from| Excuse { worker: None, from, to: from + lasting }));
        if self.plan.has(Trouble::Absence) {
            unseen.push(Excuse { worker: None, from: Duration::ZERO, to: Duration::MAX });
        }
        if self.plan.has(Trouble::Locks) {
            // What is locked cannot be claimed.
            excuses.extend(unseen);
            return excuses;
        }
        // Where somebody does not see leases, executions are claimed in the record. Only a worker that cannot do that either
        // can tell nobody what it executes.
        let statement = self.plan.limits().statement.min(Duration::from_secs(20));
        for (worker, from) in self.faults.unrecorded() {
            let mute = Excuse { worker: Some(worker), from, to: from + statement + lasting };
            if unseen.iter().any(|unseen| unseen.from <= mute.to && mute.from <= unseen.to) {
                excuses.push(mute);
            }
        }
        excuses
    }

    /// Inserts the rows of a run, as any client does.
    pub fn insert(&self, run: &str, context: &str, expected: Expected) {
        if let Err(error) = self.server.insert(&tables(), run, context, Some("running")) {
            panic!("{error}");
        }
        self.story.tell(format!("client inserts {run} {context}: {expected:?}"));
        self.with(|workers| {
            workers.history.inserted.insert(run.to_owned(), context.to_owned());
            workers.history.expected.insert(run.to_owned(), expected);
        });
    }

    /// Publishes a message, until it is confirmed.
    pub async fn publish(&self, body: String) {
        let platform = Platform::default().with_clock(self.server.clock());
        let platform = platform.seeded(self.plan.seed, Arc::new(Tasks::default()));
        let client = self.server.broker("client", platform, None);
        let message = Outgoing {
            queue: QUEUE.into(),
            delay: None,
            body: body.into_bytes(),
            headers: vec![],
            priority: None,
        };
        while client.publish(vec![message.clone()]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Starts a run as any client does: its rows, and a message for each start node.
    pub async fn start_run(&self, run: &str, flow: &str) {
        // Some users have keys of their own by the engine's names.
        let context = self.random(|random| random.choice(USERS).unwrap_or("{}"));
        self.insert(run, context, Expected::Follows(flow.to_owned()));
        for node in &self.flows[flow].description.starts {
            self.publish(format!(r#"{{"runId":"{run}","blueprintId":"{flow}","nodeId":"{node}"}}"#)).await;
        }
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Workers) -> T) -> T {
        act(&mut self.workers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
