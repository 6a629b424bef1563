//! What one worker executes under limits: it asks the store before it starts, says that it goes on, and when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::naming::rules_of;
use crate::error::Result;
use crate::ports::about::About;
use crate::ports::coordination::CoordinationStore;
use crate::ports::limits::{Entrant, LimitReason, LimitRequest, LimitRules, LimitStep, Turn};
use crate::ports::platform::Platform;
use crate::worker::notices::Notices;
use crate::worker::settings::Settings;

/// When a job asks again whose limit cannot be counted: the store is out of reach.
const WITHOUT_STORE: Duration = Duration::from_secs(2);

/// The limits, as one worker keeps them. Clones share everything.
#[derive(Clone)]
pub struct KeyLimits {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn CoordinationStore>,
    settings: Arc<Settings>,
    notices: Notices,
    platform: Platform,
    /// What goes on, each with its key.
    held: Mutex<BTreeMap<String, String>>,
    /// Executions that have ended, each with its key, until the store knows it.
    ending: Mutex<BTreeMap<String, (String, CancellationToken)>>,
    asked: AtomicU64,
    /// What was warned of already.
    warned: Mutex<BTreeSet<String>>,
    /// Jobs wait for the store, and that was said.
    is_lost: AtomicBool,
}

/// What came of asking for a start.
pub enum Started {
    /// The node may be executed. It counts until this is dropped.
    Now(Running),
    /// Its turn has not come: it asks again after so long. What it waits for, unless that is the store itself.
    After(Duration, Option<LimitReason>),
}

/// An execution under a limit, until it is dropped.
pub struct Running {
    shared: Arc<Shared>,
    holder: String,
    /// The key it counts under.
    key: String,
    /// None where it was never executed.
    begun: Option<Instant>,
}

impl KeyLimits {
    /// Nothing is executed yet.
    pub fn new(
        store: Arc<dyn CoordinationStore>,
        settings: Arc<Settings>,
        notices: Notices,
        platform: Platform,
    ) -> Self {
        let (held, ending, asked, warned, is_lost) = Default::default();
        let shared = Shared { store, settings, notices, platform, held, ending, asked, warned, is_lost };
        Self { shared: Arc::new(shared) }
    }

    /// Whether the store counts.
    pub fn are_kept(&self) -> bool {
        self.shared.store.keeps_limits()
    }

    /// Whether there are any.
    pub fn are_set(&self) -> bool {
        !self.shared.settings.key_limits.is_empty()
    }

    /// The rules that a node's limit goes by. None where the user gave none of that name, which is said once.
    pub fn rules(&self, limit: &str) -> Option<LimitRules> {
        let name = rules_of(limit);
        let rules = self.shared.settings.key_limits.get(name);
        if rules.is_none() {
            self.warn_once(format!(
                "Nodes with the limit '{limit}' run without one: the option limits has no '{name}'"
            ));
        }
        rules.copied()
    }

    /// Says something once.
    pub fn warn_once(&self, words: String) {
        let mut warned = self.shared.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < 1_000 && warned.insert(words.clone()) {
            drop(warned);
            self.shared.notices.warn(About::default(), words);
        }
    }

    /// Asks for the start of an execution. `ticket` is its name in the line of its key.
    pub async fn start(&self, key: &str, rules: LimitRules, ticket: &str) -> Started {
        let Shared { settings, asked, is_lost, notices, .. } = &*self.shared;
        self.shared.have_ended(key).await;
        let ttl = Duration::from_secs(settings.lease_seconds);
        let holder = format!("{}#{}:{ticket}", settings.worker, asked.fetch_add(1, Ordering::Relaxed));
        let entrant = Entrant { rules, ticket, holder: &holder, ttl };
        let what = LimitStep::Start(entrant);
        match self.shared.store.limit(&LimitRequest { key, what }).await {
            Ok(turn) => {
                is_lost.store(false, Ordering::Relaxed);
                match turn {
                    Turn::Now => Started::Now(self.running(key, holder)),
                    Turn::After { wait, why } => Started::After(wait, Some(why)),
                }
            }
            Err(error) => {
                if !is_lost.swap(true, Ordering::Relaxed) {
                    let words = "Nodes with a limit wait for Redis, which counts them";
                    notices.warn(About::of(&error), format!("{words}. {error}"));
                }
                Started::After(WITHOUT_STORE, None)
            }
        }
    }

    /// A job that stood in the line of a key does not come any more.
    pub async fn leave(&self, key: &str, ticket: &str) {
        self.tell(LimitRequest { key, what: LimitStep::Leave { ticket } }).await;
    }

    /// Nothing starts under a key for so long, on no worker.
    pub async fn pause(&self, key: &str, length: Duration) {
        self.tell(LimitRequest { key, what: LimitStep::Pause { length } }).await;
    }

    /// Says of everything that goes on that it does, while the worker `is_responsive`, until `stop`. What the store has
    /// forgotten counts again from then on.
    pub async fn keep(&self, is_responsive: impl Fn() -> bool, stop: CancellationToken) {
        let ttl = Duration::from_secs(self.shared.settings.lease_seconds);
        let mut beat = interval(ttl / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            if is_responsive() {
                let held = self.shared.with_held(|held| held.clone());
                join_all(held.iter().map(|(holder, key)| self.keep_one(key, holder, ttl))).await;
            }
        }
    }

    async fn keep_one(&self, key: &str, holder: &str, ttl: Duration) {
        self.tell(LimitRequest { key, what: LimitStep::Keep { holder, ttl } }).await;
        if !self.shared.with_held(|held| held.contains_key(holder)) {
            // It ended while this was on its way, which may have come later.
            self.tell(LimitRequest { key, what: LimitStep::End { holder, took: None } }).await;
        }
    }

    async fn tell(&self, request: LimitRequest<'_>) {
        let told: Result<Turn> = self.shared.store.limit(&request).await;
        if let Err(error) = told {
            debug!(%error, key = request.key, "the store did not get the renewal; its count expires");
        }
    }

    fn running(&self, key: &str, holder: String) -> Running {
        self.shared.with_held(|held| held.insert(holder.clone(), key.to_owned()));
        Running { shared: self.shared.clone(), holder, key: key.to_owned(), begun: Some(Instant::now()) }
    }
}

impl Shared {
    fn with_held<T>(&self, act: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ending(&self) -> MutexGuard<'_, BTreeMap<String, (String, CancellationToken)>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the store knows every execution under a key that has ended by now. The next node of a chain needs the place of
    /// the one before it.
    async fn have_ended(&self, key: &str) {
        let of_key: Vec<CancellationToken> =
            self.ending().values().filter(|(of, _)| of == key).map(|(_, told)| told.clone()).collect();
        for told in of_key {
            told.cancelled().await;
        }
    }
}

impl Running {
    /// The key it counts under.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// It is not executed after all: its time says nothing of how long executions take.
    pub fn give_back(mut self) {
        self.begun = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (holder, key) = (std::mem::take(&mut self.holder), std::mem::take(&mut self.key));
        let took = self.begun.map(|begun| begun.elapsed());
        self.shared.with_held(|held| held.remove(&holder));
        let ending = Ending::new(self.shared.clone(), holder, key);
        // Where it does not arrive, the place runs out by itself.
        self.shared.platform.spawn(async move {
            let Ending { shared, holder, key } = &ending;
            let what = LimitStep::End { holder, took };
            let told = shared.store.limit(&LimitRequest { key, what }).await;
            if let Err(error) = told {
                debug!(%error, key, "the store did not get the end of an execution; its count expires");
            }
        });
    }
}

/// The end of an execution on its way to the store. Dropped, it has arrived, or never will.
struct Ending {
    shared: Arc<Shared>,
    holder: String,
    key: String,
}

impl Ending {
    fn new(shared: Arc<Shared>, holder: String, key: String) -> Self {
        shared.ending().insert(holder.clone(), (key.clone(), CancellationToken::new()));
        Self { shared, holder, key }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some((_, told)) = self.shared.ending().remove(&self.holder) {
            told.cancel();
        }
    }
}
