//! The simulated world: servers in memory, workers over them, clients that start runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use fastrand::Rng;

use super::engines::SimulatedEngine;
use super::excuses::Excuse;
use super::faults::SeededFaults;
use super::flow_set::flows_of;
use super::flows::Flow;
use super::history::{Expected, History};
use super::host::Executions;
use super::plan::{Plan, Trouble};
use super::story::Story;
use super::tasks::Tasks;
use super::telling::Tellings;
use crate::memory::{MemoryBroker, MemoryServer, MemoryStore};
use crate::ports::broker::{Broker, Outgoing};
use crate::ports::platform::Platform;
use crate::ports::record::Tables;
use crate::worker::{Client, Engine, Worker};

/// Where time begins: 2026.
const START: u64 = 1_790_000_000_000;
/// The queue of all jobs.
pub const QUEUE: &str = "jobs";
/// What users have in their contexts.
const USERS: [&str; 4] =
    ["{}", "{}", r#"{"blueprintId":"house-7"}"#, r#"{"blueprintId":7,"blueprintVersion":"mine"}"#];

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
    pub(super) deaths: (UnboundedSender<String>, Mutex<Option<UnboundedReceiver<String>>>),
    /// What nodes start runs with: an engine holds its host, and this holds the engine.
    pub(super) starters: Mutex<Vec<Arc<Starter>>>,
    random: Mutex<Rng>,
    workers: Mutex<Workers>,
}

/// The client of a worker that its nodes start runs with.
#[derive(Default)]
pub struct Starter(Mutex<Option<Client>>);

impl std::fmt::Debug for Starter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Starter")
    }
}

impl Starter {
    /// Sets what runs are started with; none once the world ends.
    pub fn set(&self, client: Option<Client>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    pub fn client(&self) -> Option<Client> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for starter in self.starters.get_mut().unwrap_or_else(PoisonError::into_inner) {
            starter.set(None);
        }
    }
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
    pub(super) hits: u32,
    /// When workers died, stood still or stopped, or lost their leases: an execution may be followed by another then.
    pub(super) excuses: Vec<Excuse>,
    /// When each worker that stopped had stopped.
    stopped: BTreeMap<String, Duration>,
    /// The names of the workers that were told to stop, also of those that died then.
    told_to_stop: BTreeSet<String>,
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

impl World {
    /// The world of a plan, before anything happens in it.
    pub fn new(plan: &Plan) -> Self {
        let mut random = Rng::with_seed(plan.seed);
        let flows = flows_of(plan, &mut random);
        let (sender, receiver) = unbounded_channel();
        let server = MemoryServer::starting_at(START);
        if plan.schedules > 0 {
            server.make_schedules(&tables());
        }
        if plan.halts {
            server.make_paused(&tables());
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
            starters: Mutex::default(),
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
        let seed = self.plan.seed ^ u64::from(number) << 32;
        let SimulatedEngine { engine, broker, store, tasks } = self.engine(&name, seed);
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

    /// A client asks for a run, which may take so long.
    pub fn note_called(&self, run: &str, flow: &str, (limit, concurrency): (Option<Duration>, Option<u32>)) {
        let limited = limit.map_or_else(String::new, |limit| format!(" for {} ms", limit.as_millis()));
        self.story.tell(format!("client starts {run}, a run of {flow}{limited}"));
        let now = self.story.elapsed();
        self.with(|workers| {
            workers.history.expected.insert(run.to_owned(), Expected::Follows(flow.to_owned()));
            workers.history.concurrencies.extend(concurrency.map(|most| (run.to_owned(), most)));
            workers.history.limits.extend(limit.map(|limit| (run.to_owned(), (now, limit))));
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
