//! What the known facts of a worker mean: whether it lives, whether it takes jobs, and why not. Pure: no clock, no server.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Code, Error};

/// How far a worker is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Nobody started it, or its stop is done.
    #[default]
    Stopped,
    /// It was started.
    Started,
    /// It stops.
    Stopping,
}

/// What is known of the tables.
#[derive(Debug, Clone, Default)]
pub enum TablesFitness {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// They cannot be worked with.
    Unfit(Error),
    /// They can.
    Fit,
}

/// What is known of a consumer.
#[derive(Debug, Clone)]
pub enum ConsumerState {
    /// It has not been opened yet, or was lost and is opened again; why, if it was.
    Closed(Option<Error>),
    /// It takes jobs.
    Open,
    /// A person has paused the queue: the worker takes nothing from it on purpose.
    Paused,
    /// It is lost, and nothing that this process does brings it back.
    Lost(Error),
}

/// A server, as its users know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// The record.
    Postgresql,
    /// The broker.
    Rabbitmq,
    /// The coordination store.
    Redis,
}

impl ServerKind {
    fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Rabbitmq => "RabbitMQ",
            Self::Redis => "Redis",
        }
    }
}

/// How long something has been so, and why, if it is trouble.
pub type OngoingError = (Duration, Error);

/// What is known of a worker at one moment.
#[derive(Debug, Clone, Default)]
pub struct WorkerFacts {
    /// How far it is, and for how long.
    pub phase: (Phase, Duration),
    /// Its tables, and since when that is known.
    pub tables: (TablesFitness, Duration),
    /// The queues it consumes, each with its consumer and since when that is so.
    pub consumers: Vec<(String, ConsumerState, Duration)>,
    /// The servers that are out of reach.
    pub lost: Vec<(ServerKind, OngoingError)>,
    /// JavaScript's event loop has not turned for too long.
    pub is_stuck: bool,
    /// Without leases it goes on, at a price.
    pub goes_on_without_leases: bool,
}

/// Why a worker is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthReason {
    /// What it is, for programs.
    pub code: &'static str,
    /// What it is, for people.
    pub message: String,
    /// The queue it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// How long it has been so, in milliseconds.
    pub for_ms: u64,
}

/// How a worker is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether it is of use to let this process go on. Else only a new one helps.
    pub live: bool,
    /// Whether it takes jobs.
    pub ready: bool,
    /// Why it is not live, or not ready.
    pub reasons: Vec<HealthReason>,
    /// What is wrong although it is both.
    pub warnings: Vec<HealthReason>,
}

impl Health {
    /// How it is by these facts.
    pub fn of(facts: &WorkerFacts) -> Self {
        let mut health = Self { live: true, ready: true, ..Self::default() };
        if facts.is_stuck {
            let what = "JavaScript's event loop does not turn: no node goes on (option eventLoopTimeout)";
            health.ends("EVENT_LOOP_STUCK", what.to_owned(), Duration::ZERO);
        }
        let (phase, since) = facts.phase;
        match phase {
            Phase::Stopped => {
                health.waits("NOT_STARTED", "The worker is not started".to_owned(), since);
                return health;
            }
            Phase::Stopping => {
                health.waits("STOPPING", "The worker stops: it takes no more jobs".to_owned(), since);
                return health;
            }
            Phase::Started => {}
        }
        health.servers(facts);
        health.tables(&facts.tables);
        health.consumers(facts);
        health
    }

    fn servers(&mut self, facts: &WorkerFacts) {
        for (server, (since, error)) in &facts.lost {
            let message = format!("{} is out of reach. {error}", server.name());
            match server {
                ServerKind::Redis if facts.goes_on_without_leases => {
                    self.warnings.push(reason(error.code.as_str(), message, *since));
                }
                _ => self.waits(error.code.as_str(), message, *since),
            }
        }
    }

    fn tables(&mut self, (tables, since): &(TablesFitness, Duration)) {
        match tables {
            TablesFitness::Fit => {}
            TablesFitness::Unfit(error) => {
                let message = format!("The tables cannot be used until this is fixed. {error}");
                self.waits(error.code.as_str(), message, *since);
            }
            // What is out of reach is said already.
            TablesFitness::Unknown if !self.ready => {}
            TablesFitness::Unknown => {
                self.waits("STARTING", "The worker looks at its tables".to_owned(), *since);
            }
        }
    }

    fn consumers(&mut self, facts: &WorkerFacts) {
        for (queue, consumer, since) in &facts.consumers {
            let why = match consumer {
                ConsumerState::Open => continue,
                ConsumerState::Paused => {
                    let message = format!("The queue '{queue}' is paused: no job is taken from it");
                    let queue = Some(queue.clone());
                    self.warnings.push(HealthReason { queue, ..reason("PAUSED", message, *since) });
                    continue;
                }
                ConsumerState::Closed(None) if !matches!(facts.tables.0, TablesFitness::Fit) => continue,
                ConsumerState::Closed(None) => format!("No consumer of '{queue}' is open yet"),
                ConsumerState::Closed(Some(error)) | ConsumerState::Lost(error) => {
                    format!("No jobs are received from '{queue}'. {error}")
                }
            };
            let code = match consumer {
                ConsumerState::Lost(error) => error.code.as_str(),
                // It was not open yet: nothing is lost.
                ConsumerState::Closed(None) => "STARTING",
                _ => "NO_CONSUMER",
            };
            self.live &= !matches!(consumer, ConsumerState::Lost(_));
            self.waits(code, why, *since);
            if let Some(last) = self.reasons.last_mut() {
                last.queue = Some(queue.clone());
            }
        }
    }

    fn waits(&mut self, code: &'static str, message: String, since: Duration) {
        self.ready = false;
        self.reasons.push(reason(code, message, since));
    }

    fn ends(&mut self, code: &'static str, message: String, since: Duration) {
        self.live = false;
        self.waits(code, message, since);
    }

    /// Whether it had what it needs, or may get it at any moment: it neither starts, nor stops, nor waits for a person.
    pub fn reconnects(&self) -> bool {
        self.live && self.reasons.iter().any(|reason| RECONNECTING.contains(&reason.code))
    }
}

/// The reasons that pass when a server is back.
const RECONNECTING: [&str; 7] = [
    "NO_CONSUMER",
    Code::DatabaseUnreachable.as_str(),
    Code::DatabaseRefused.as_str(),
    Code::BrokerUnreachable.as_str(),
    Code::RedisUnreachable.as_str(),
    Code::RedisRefused.as_str(),
    Code::CoordinationStoreFailed.as_str(),
];

fn reason(code: &'static str, message: String, since: Duration) -> HealthReason {
    let for_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    HealthReason { code, message, queue: None, for_ms }
}

#[cfg(test)]
mod tests;
