//! Leases: "this node is being executed, by me, until I say otherwise or am not heard of".

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{CoordinationStore, keys};
use crate::error::Result;

/// The leases one worker holds, renewed by time for as long as it holds them.
pub struct Leases {
    store: Arc<dyn CoordinationStore>,
    owner: String,
    /// Seconds a lease outlives its last renewal; renewed at a third of it.
    ttl: u64,
    held: Mutex<HashSet<String>>,
}

impl Leases {
    /// No lease is held yet. `owner` is this worker's name, unique in the fleet.
    pub fn new(store: Arc<dyn CoordinationStore>, owner: String, ttl: u64) -> Self {
        Self { store, owner, ttl, held: Mutex::default() }
    }

    /// Takes the lease of a node; whether it was free.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn take(&self, run: &str, node: &str) -> Result<bool> {
        let key = keys::node_lock(run, node);
        // One worker may get the same job twice: its own lease does not let it run both.
        if !self.with_held(|held| held.insert(key.clone())) {
            return Ok(false);
        }
        let taken = self.store.acquire(&key, &self.owner, self.ttl).await;
        if !matches!(taken, Ok(true)) {
            self.with_held(|held| held.remove(&key));
        }
        taken
    }

    /// Gives a lease back. Where the store is out of reach the lease runs out by itself.
    pub async fn give_back(&self, run: &str, node: &str) {
        let key = keys::node_lock(run, node);
        if let Err(error) = self.store.release(&key, &self.owner).await {
            debug!(%error, key, "lease left to run out");
        }
        self.with_held(|held| held.remove(&key));
    }

    /// Renews every lease held, until `stop`; takes it anew where Redis has forgotten it.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(Duration::from_millis(self.ttl * 1000 / 3));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            let held: Vec<String> = self.with_held(|held| held.iter().cloned().collect());
            for key in held {
                match self.store.acquire(&key, &self.owner, self.ttl).await {
                    Ok(true) => {}
                    Ok(false) => debug!(key, "lease lost to another worker; the commit will decide"),
                    Err(error) => warn!(%error, key, "lease not renewed"),
                }
            }
        }
    }

    fn with_held<T>(&self, act: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
