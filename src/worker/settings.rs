//! What the user chose.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deadlines::Timeouts;
use crate::ports::limits::LimitRules;
use crate::worker::queues::Queues;

/// What the user chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The queues jobs come from and go to.
    pub queues: Queues,
    /// How many nodes one worker executes at a time; the prefetch.
    pub concurrency: u16,
    /// Whether a worker goes on with a run under the message it holds, instead of publishing each job.
    pub continuation: bool,
    /// How the nodes of subflows are executed.
    pub subflows: Subflows,
    /// Seconds a lease outlives its worker.
    pub lease_seconds: u64,
    /// How long a job whose run was started under another version of its blueprint waits for a worker that has it.
    pub version_timeout: Duration,
    /// How long a job waits for a worker that has its blueprint at all.
    pub blueprint_timeout: Duration,
    /// How long a result waits that PostgreSQL does not take because of its run alone.
    pub write_timeout: Duration,
    /// How many workers may die while they execute a node before it fails; zero for any number.
    pub max_deaths: u32,
    /// How often the worker scans for lost jobs; zero for never.
    pub recovery_interval: Duration,
    /// How long runs are kept that are over; for ever where no rule names their status.
    pub retention: Vec<RetentionRule>,
    /// How long the history of executions is kept; none where this worker writes none.
    pub history: Option<Duration>,
    /// What to do while the coordination store is out of reach.
    pub without_leases: WithoutLeases,
    /// How long JavaScript's event loop may stand still before this worker's nodes count as dead.
    pub event_loop_timeout: Duration,
    /// How long servers may take to answer.
    pub timeouts: Timeouts,
    /// The rules of limits by key, each under the name by which nodes ask for them.
    pub key_limits: BTreeMap<String, LimitRules>,
    /// This worker's name, unique in the fleet: the owner of its leases, and the sender of its dead letters.
    pub worker: String,
    /// The machine it runs on.
    pub host: String,
}

/// Runs of some statuses are removed when they have not changed for so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// The words of their status rows.
    pub statuses: Vec<String>,
    /// How long ago they last changed.
    pub age: Duration,
}

/// How the nodes of subflows are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subflows {
    /// As jobs of the run, while every worker that may meet them can execute them; else as [`Whole`](Self::Whole).
    Auto,
    /// As jobs of the run.
    Jobs,
    /// All within the job of their container.
    Whole,
}

impl Settings {
    /// How long a worker that sees no leases waits for whoever executes a node to say so. They look every third of a lease's
    /// time.
    pub fn time_for_answers(&self) -> Duration {
        Duration::from_secs(self.lease_seconds) / 2
    }
}

/// What a worker does while the coordination store is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutLeases {
    /// It goes on: a message that comes twice may have its node run twice, its result counts once.
    Continue,
    /// It waits.
    Wait,
}
