//! What this worker knows of itself: how far it is, its tables, its consumers, and whether the servers answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::judgement::{ConsumerState, Health, Phase, ServerKind, TablesFitness, WorkerFacts};
use crate::deadlines::Answering;
use crate::error::Error;
use crate::worker::settings::{Settings, WithoutLeases};

/// What is known of the servers.
#[derive(Debug, Clone)]
pub struct Servers {
    /// The record.
    pub record: Arc<Answering>,
    /// The broker.
    pub broker: Arc<Answering>,
    /// The coordination store.
    pub store: Arc<Answering>,
}

impl Servers {
    /// All of them.
    pub fn all(&self) -> [(ServerKind, &Answering); 3] {
        [
            (ServerKind::Postgresql, &*self.record),
            (ServerKind::Rabbitmq, &*self.broker),
            (ServerKind::Redis, &*self.store),
        ]
    }
}

/// What a worker knows of itself.
pub struct OwnHealth {
    /// What is known of the servers.
    pub servers: Servers,
    goes_on_without_leases: bool,
    known: Mutex<Known>,
    changed: Notify,
    /// Somebody asks how it is.
    is_asked: AtomicBool,
}

struct Known {
    phase: (Phase, Instant),
    tables: (TablesFitness, Instant),
    consumers: BTreeMap<String, (ConsumerState, Instant)>,
}

impl OwnHealth {
    /// It is not started.
    pub fn new(settings: &Settings, servers: Servers) -> Self {
        let now = Instant::now();
        Self {
            servers,
            goes_on_without_leases: settings.without_leases == WithoutLeases::Continue,
            known: Mutex::new(Known {
                phase: (Phase::Stopped, now),
                tables: (TablesFitness::Unknown, now),
                consumers: BTreeMap::new(),
            }),
            changed: Notify::new(),
            is_asked: AtomicBool::new(false),
        }
    }

    /// It is started, and consumes these queues; nothing else is known yet.
    pub fn starts(&self, queues: &[String]) {
        let now = Instant::now();
        let closed = |queue: &String| (queue.clone(), (ConsumerState::Closed(None), now));
        self.change(|known| {
            known.phase = (Phase::Started, now);
            known.tables = (TablesFitness::Unknown, now);
            known.consumers = queues.iter().map(closed).collect();
        });
    }

    /// It stops.
    pub fn stops(&self) {
        self.change(|known| known.phase = (Phase::Stopping, Instant::now()));
    }

    /// It has stopped.
    pub fn is_over(&self) {
        self.change(|known| known.phase = (Phase::Stopped, Instant::now()));
    }

    /// The tables can be worked with, or why they cannot.
    pub fn tables_are(&self, unfit: Option<&Error>) {
        let tables = unfit.map_or(TablesFitness::Fit, |error| TablesFitness::Unfit(error.clone()));
        self.change(|known| match (&mut known.tables.0, tables) {
            // Since it first was so.
            (TablesFitness::Unfit(before), TablesFitness::Unfit(error)) => *before = error,
            (_, tables) => known.tables = (tables, Instant::now()),
        });
    }

    /// A queue has its consumer.
    pub fn consumes(&self, queue: &str) {
        self.consumer(queue, ConsumerState::Open);
    }

    /// A queue is paused.
    pub fn pauses(&self, queue: &str) {
        self.consumer(queue, ConsumerState::Paused);
    }

    /// A queue is to have its consumer again.
    pub fn goes_on(&self, queue: &str) {
        self.consumer(queue, ConsumerState::Closed(None));
    }

    /// A queue has lost its consumer, for the moment.
    pub fn reopens(&self, queue: &str, error: &Error) {
        self.consumer(queue, ConsumerState::Closed(Some(error.clone())));
    }

    /// A queue has lost its consumer for good.
    pub fn has_lost(&self, queue: &str, error: &Error) {
        self.consumer(queue, ConsumerState::Lost(error.clone()));
    }

    /// How it is. From now on the servers are asked now and then, if nobody else asks them anything.
    pub fn health(&self, is_responsive: bool) -> Health {
        self.is_asked.store(true, Ordering::Relaxed);
        Health::of(&self.facts(is_responsive))
    }

    /// Whether somebody asks how it is.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// What is known.
    pub fn facts(&self, is_responsive: bool) -> WorkerFacts {
        let lost = |(server, answering): (ServerKind, &Answering)| {
            answering.lost().map(|lost| (server, (lost.since.elapsed(), lost.error)))
        };
        let lost = self.servers.all().into_iter().filter_map(lost).collect();
        self.with(|known| WorkerFacts {
            phase: (known.phase.0, known.phase.1.elapsed()),
            tables: (known.tables.0.clone(), known.tables.1.elapsed()),
            consumers: known
                .consumers
                .iter()
                .map(|(queue, (consumer, since))| (queue.clone(), consumer.clone(), since.elapsed()))
                .collect(),
            lost,
            is_stuck: known.phase.0 == Phase::Started && !is_responsive,
            goes_on_without_leases: self.goes_on_without_leases,
        })
    }

    /// Waits until something has changed.
    pub async fn change_of_anything(&self) {
        let Servers { record, broker, store } = &self.servers;
        tokio::select! {
            () = self.changed.notified() => {}
            () = record.change() => {}
            () = broker.change() => {}
            () = store.change() => {}
        }
    }

    fn consumer(&self, queue: &str, consumer: ConsumerState) {
        self.change(|known| {
            let Some(entry) = known.consumers.get_mut(queue) else { return };
            match (&mut entry.0, consumer) {
                (ConsumerState::Closed(before @ Some(_)), ConsumerState::Closed(why)) => *before = why,
                (_, consumer) => *entry = (consumer, Instant::now()),
            }
        });
    }

    fn change(&self, act: impl FnOnce(&mut Known)) {
        self.with(act);
        self.changed.notify_one();
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
