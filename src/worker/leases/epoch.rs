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
