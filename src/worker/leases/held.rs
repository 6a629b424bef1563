//! The leases one worker holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use super::reach::Reach;
use crate::error::{Error, Result};
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Stage, Start};
use crate::ports::keys;
use crate::ports::platform::Platform;

/// How many requests without an answer are remembered.
const UNANSWERED_KEPT: usize = 10_000;

/// The leases one worker holds, renewed by time for as long as it holds them. They are advice: the commit decides.
pub struct HeldLeases {
    pub(super) store: Arc<dyn CoordinationStore>,
    pub(super) owner: String,
    /// Seconds a lease outlives its last renewal; renewed at a third of it.
    pub(super) ttl: u64,
    pub(super) platform: Platform,
    held: Mutex<BTreeMap<String, HeldLease>>,
    taken: AtomicU64,
    reach: Mutex<Reach>,
    /// Leases that the store may have for this worker although it holds none: an answer was lost, or nothing could be
    /// given up.
    unanswered: Mutex<BTreeMap<String, Lease>>,
    /// User code is gone, although nobody stopped this worker.
    is_deserted: AtomicBool,
    /// Told when renewals were answered.
    pub(super) renewed: Notify,
}

/// A lease that is held, under its key.
#[derive(Debug, Clone)]
pub(super) struct HeldLease {
    /// What stands in the key: no two takings of a lease are the same.
    pub(super) token: String,
    /// When it was last asked for with success; while nobody else can see it, when it was taken.
    pub(super) renewed: Instant,
    /// It ran out before it was renewed: another worker may have had it in between. It stays so: a renewal does not undo
    /// what the other one did.
    pub(super) lapsed: bool,
    /// The store took it: others can see it.
    pub(super) seen: bool,
    /// What the store notes with it.
    pub(super) start: Option<Start>,
    /// The execution it is held for, once there is one.
    pub(super) execution: Option<LeasedExecution>,
    /// The execution is claimed in the record too: others may not see the lease. The claim lives as long as the lease.
    pub(super) is_claimed: bool,
    /// A renewal is on its way.
    pub(super) is_being_renewed: bool,
}

/// An execution of a node: what a claim in the record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedExecution {
    /// The run.
    pub run: String,
    /// The node.
    pub node: NodeId,
    /// Its round.
    pub round: u32,
}

impl HeldLease {
    /// Whether it has not run out, given how many seconds it lives.
    pub(super) fn lasts(&self, ttl: u64) -> bool {
        !self.lapsed && self.renewed.elapsed() < Duration::from_secs(ttl)
    }
}

impl HeldLeases {
    /// No lease is held yet. `owner` is this worker's name, unique in the fleet.
    pub fn new(store: Arc<dyn CoordinationStore>, owner: String, ttl: u64, platform: Platform) -> Self {
        Self {
            store,
            owner,
            ttl,
            platform,
            held: Mutex::default(),
            taken: AtomicU64::new(0),
            reach: Mutex::default(),
            unanswered: Mutex::default(),
            is_deserted: AtomicBool::new(false),
            renewed: Notify::new(),
        }
    }

    /// Takes the lease of a node. With what is noted of an execution, deaths under it are counted.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn take(&self, run: &str, node: &str, start: Option<Start>) -> Result<Acquired> {
        let key = keys::node_lock(run, node);
        // One worker may get the same job twice: its own lease does not let it run both.
        let token = self.token_for(&key);
        if !self.hold(&key, &token, start) {
            return Ok(Acquired::No);
        }
        let lease = Lease::new(&key, &token, self.ttl).of(start);
        let asked = Instant::now();
        let (acquired, is_asked) = match self.known_failure() {
            Some(error) => (Err(error), false),
            None => (self.ask(&lease).await, true),
        };
        match acquired {
            Ok(acquired) if acquired.is_taken() => {
                self.note_renewal(&key, &token, asked);
                if matches!(acquired, Acquired::Suspect(_)) {
                    self.set_stage(&key, Stage::Waits);
                }
            }
            _ => drop(self.with_held(|held| held.remove(&key))),
        }
        if acquired.is_err() && is_asked {
            self.remember(lease);
        }
        acquired
    }

    /// Takes a lease that nobody else can see, while the store is out of reach; whether this worker had it already.
    /// It becomes a real one with the next renewal.
    pub fn take_unseen(&self, run: &str, node: &str, start: Option<Start>) -> bool {
        let key = keys::node_lock(run, node);
        let start = start.map(|start| Start { stage: Stage::Started, ..start });
        self.hold(&key, &self.token_for(&key), start)
    }

    /// The execution that a lease is held for is answered: nobody died of it.
    pub fn note_answered(&self, run: &str, node: &str) {
        self.set_stage(&keys::node_lock(run, node), Stage::Answered);
    }

    /// User code is gone, although nobody stopped this worker: what was being executed may be why.
    pub fn desert(&self) {
        self.is_deserted.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_stage(&self, key: &str, stage: Stage) {
        self.with_held(|held| {
            if let Some(start) = held.get_mut(key).and_then(|held| held.start.as_mut()) {
                start.stage = stage;
            }
        });
    }

    pub(super) fn lease(&self, key: &str) -> Option<Lease> {
        let held = self.with_held(|held| held.get(key).cloned())?;
        Some(Lease::new(key, &held.token, self.ttl).of(held.start))
    }

    /// A token for a lease: that of a request whose answer was lost, since it may have taken the lease.
    fn token_for(&self, key: &str) -> String {
        let unanswered = self.with_unanswered(|unanswered| unanswered.remove(key));
        unanswered.map_or_else(|| self.token(), |lease| lease.owner)
    }

    /// Remembers a lease that the store may have for this worker although it holds none.
    fn remember(&self, lease: Lease) {
        self.with_unanswered(|unanswered| {
            if unanswered.len() < UNANSWERED_KEPT {
                unanswered.insert(lease.key.clone(), lease);
            }
        });
    }

    /// Whether a lease that was taken has not run out since, as far as this worker can tell.
    pub fn is_current(&self, run: &str, node: &str) -> bool {
        self.with_held(|held| held.get(&keys::node_lock(run, node)).is_some_and(|held| held.lasts(self.ttl)))
    }

    pub(super) fn note_renewal(&self, key: &str, token: &str, asked: Instant) {
        self.with_held(|held| {
            if let Some(held) = held.get_mut(key).filter(|held| held.token == token) {
                // The renewal was answered after the lease had run out: another worker may have held it in between.
                held.lapsed = !held.lasts(self.ttl) && !makes(Mutant::RevivesLease);
                held.renewed = asked;
                held.seen = true;
            }
        });
    }

    /// Notes a lease as held; whether it was not.
    fn hold(&self, key: &str, token: &str, start: Option<Start>) -> bool {
        self.with_held(|held| match held.entry(key.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(HeldLease {
                    token: token.to_owned(),
                    renewed: Instant::now(),
                    lapsed: false,
                    seen: false,
                    start,
                    execution: None,
                    is_claimed: false,
                    is_being_renewed: false,
                });
                true
            }
        })
    }

    pub(super) fn token(&self) -> String {
        format!("{}#{}", self.owner, self.taken.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the store, unless it failed to answer a moment ago.
    pub(super) async fn acquire(&self, lease: &Lease) -> Result<Acquired> {
        match self.known_failure() {
            Some(error) => Err(error),
            None => self.ask(lease).await,
        }
    }

    pub(super) fn known_failure(&self) -> Option<Error> {
        self.with_reach(|reach| reach.known_failure(Instant::now()))
    }

    pub(super) async fn ask(&self, lease: &Lease) -> Result<Acquired> {
        let answer = self.store.acquire_lease(lease).await;
        self.with_reach(|reach| match &answer {
            Ok(_) => (reach.failed, reach.lost) = (None, None),
            Err(error) => {
                let now = Instant::now();
                reach.failed = Some((now, error.clone()));
                reach.lost.get_or_insert(now);
            }
        });
        answer
    }

    /// Gives a lease back; done when that is on its way. Where the store is out of reach it runs out by itself.
    pub async fn give_back(&self, run: &str, node: &str) {
        let key = keys::node_lock(run, node);
        // First, so that the renewal does not take it again.
        let Some(held) = self.with_held(|held| held.remove(&key)) else { return };
        let is_deserted = self.is_deserted.load(Ordering::Relaxed);
        let start = held.start.filter(|_| !makes(Mutant::KeepsStarts)).map(|start| match start.stage {
            Stage::Starts | Stage::Started if is_deserted => Start { stage: Stage::Died, ..start },
            _ => start,
        });
        let lease = Lease::new(&key, &held.token, self.ttl).of(start);
        match self.is_reachable() {
            true => self.release(&lease).await,
            false => self.remember(lease),
        }
    }

    pub(super) async fn release(&self, lease: &Lease) {
        if self.is_reachable()
            && let Err(error) = self.store.release_lease(lease).await
        {
            let key = &lease.key;
            debug!(%error, key, "the lease was not released; it expires");
        }
    }

    pub(super) fn with_reach<T>(&self, act: impl FnOnce(&mut Reach) -> T) -> T {
        act(&mut self.reach.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn with_unanswered<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Lease>) -> T) -> T {
        act(&mut self.unanswered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn with_held<T>(&self, act: impl FnOnce(&mut BTreeMap<String, HeldLease>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
