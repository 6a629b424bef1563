//! Whether the store may have forgotten leases: it was flushed, or another one took its place. Its epoch tells.

use futures_util::future::join;

use super::held::HeldLeases;
use crate::error::Result;
use crate::ports::keys;

/// How the key begins of a young store that nobody knew before; then comes when it was found empty.
const BEGUN: &str = "begun ";

/// Whether the store has forgotten leases a moment ago. Their holders take them again with their next renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// It has not.
    No,
    /// A worker that had just started found it empty: nobody has used it yet, or it was flushed a moment ago.
    Perhaps {
        /// When: milliseconds since 1970.
        since: u64,
    },
    /// It has, or it does not say.
    Yes,
}

impl HeldLeases {
    /// Whether the store has forgotten leases a moment ago.
    pub async fn has_forgotten(&self) -> Forgotten {
        // A store that does not answer now may have been flushed since it last did.
        self.look_at_epoch().await.unwrap_or(Forgotten::Yes)
    }

    async fn look_at_epoch(&self) -> Result<Forgotten> {
        let (stored, young) = join(self.store.get(keys::EPOCH), self.store.get(keys::YOUNG)).await;
        let (stored, young) = (stored?, young?);
        let known = self.with_reach(|reach| reach.epoch.clone());
        let (is_another, is_empty) = (known.is_some() && known != stored, stored.is_none());
        if is_another {
            self.store.set_if_not_exist(keys::YOUNG, &self.owner, self.ttl).await?;
        } else if is_empty {
            let begun = format!("{BEGUN}{}", self.platform.now());
            self.store.set_if_not_exist(keys::YOUNG, &begun, self.until_all_renewed()).await?;
        }
        let epoch = match stored {
            Some(epoch) => Some(epoch),
            None => {
                self.store.set_if_not_exist(keys::EPOCH, &self.token(), keys::EPOCH_TTL).await?;
                self.store.get(keys::EPOCH).await?
            }
        };
        self.with_reach(|reach| reach.epoch = epoch);
        let begun = young.as_deref().and_then(|young| young.strip_prefix(BEGUN)?.parse::<u64>().ok());
        Ok(match begun {
            _ if is_another => Forgotten::Yes,
            // A coordination store of the user's own may keep keys for ever.
            Some(since) if self.platform.now() > since + 1_000 * self.until_all_renewed() => Forgotten::No,
            Some(since) => Forgotten::Perhaps { since },
            None if young.is_some() => Forgotten::Yes,
            None if is_empty => Forgotten::Perhaps { since: self.platform.now() },
            None => Forgotten::No,
        })
    }

    /// The seconds within which each living worker renews its leases, with a margin: it does so after each third of `ttl`.
    fn until_all_renewed(&self) -> u64 {
        (self.ttl / 2).max(1)
    }
}
