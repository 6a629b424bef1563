//! Whether the store can be reached, and remembers the leases that it was given.

use std::time::Duration;

use futures_util::future::join;

use super::held::HeldLeases;
use crate::error::Result;
use crate::ports::coordination::{Acquired, Lease};
use crate::ports::keys;

impl HeldLeases {
    /// Takes, or keeps, a lead of `ttl` seconds among the workers; whether this worker has it.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn lead(&self, key: &str, ttl: u64) -> Result<bool> {
        self.acquire(&Lease::new(key, &self.owner, ttl)).await.map(Acquired::is_taken)
    }

    /// Gives the lead up.
    pub async fn resign(&self, key: &str) {
        self.release(&Lease::new(key, &self.owner, 0)).await;
    }

    /// Whether a lease can be known to be fresh: the store answers, and remembers what was given up.
    pub fn can_be_fresh(&self) -> bool {
        self.store.remembers_releases() && self.is_reachable()
    }

    /// Whether the store answered when it was last asked.
    pub fn is_reachable(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none())
    }

    /// Whether the store is out of reach and the worker has not yet reported it.
    pub fn is_newly_lost(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_some() && !std::mem::replace(&mut reach.said, true))
    }

    /// Whether the store answers again after it was said to be out of reach.
    pub fn is_back(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none() && std::mem::take(&mut reach.said))
    }

    /// For how much longer a lease may live that another worker took before the store was lost; none once all have run out.
    pub fn silence_left(&self) -> Option<Duration> {
        // A store that answers again is asked for the lease instead: nothing is left then.
        let silent = self.with_reach(|reach| reach.lost).map_or(Duration::ZERO, |lost| lost.elapsed());
        Duration::from_secs(self.ttl).checked_sub(silent).filter(|left| !left.is_zero())
    }

    /// Whether the store may have forgotten leases a moment ago: it was flushed, or another one took its place. Their
    /// holders take them again with their next renewals.
    pub async fn may_be_forgotten(&self) -> bool {
        // A store that does not answer now may have been flushed since it last did.
        self.look_at_epoch().await.unwrap_or(true)
    }

    async fn look_at_epoch(&self) -> Result<bool> {
        let (stored, young) = join(self.store.get(keys::EPOCH), self.store.get(keys::YOUNG)).await;
        let (stored, is_young) = (stored?, young?.is_some());
        let known = self.with_reach(|reach| reach.epoch.clone());
        let is_another = known.is_some() && known != stored;
        if is_another {
            self.store.set_if_not_exist(keys::YOUNG, &self.owner, self.ttl).await?;
        }
        let epoch = match stored {
            Some(epoch) => Some(epoch),
            None => {
                self.store.set_if_not_exist(keys::EPOCH, &self.token(), keys::EPOCH_TTL).await?;
                self.store.get(keys::EPOCH).await?
            }
        };
        self.with_reach(|reach| reach.epoch = epoch);
        Ok(is_another || is_young)
    }
}
