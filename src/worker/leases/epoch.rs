//! Whether the store may have forgotten leases: it was flushed, or another one took its place. Its epoch tells.

use futures_util::future::join;

use super::held::HeldLeases;
use crate::error::Result;
use crate::ports::keys;

impl HeldLeases {
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
        // A worker that has just started finds a store that nobody has used, or one that was flushed a moment ago.
        let is_empty = stored.is_none();
        if is_another || is_empty {
            let lasting = if is_another { self.ttl } else { self.until_all_renewed() };
            self.store.set_if_not_exist(keys::YOUNG, &self.owner, lasting).await?;
        }
        let epoch = match stored {
            Some(epoch) => Some(epoch),
            None => {
                self.store.set_if_not_exist(keys::EPOCH, &self.token(), keys::EPOCH_TTL).await?;
                self.store.get(keys::EPOCH).await?
            }
        };
        self.with_reach(|reach| reach.epoch = epoch);
        Ok(is_another || is_empty || is_young)
    }

    /// The seconds within which each living worker renews its leases, with a margin: it does so after each third of `ttl`.
    fn until_all_renewed(&self) -> u64 {
        (self.ttl / 2).max(1)
    }
}
