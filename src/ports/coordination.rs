//! Coordination: who is executing which node, and the keys that workers of the original look at.
//!
//! Nothing here decides anything. A lease saves two workers from doing the same work at once; where it is
//! lost, the commit still counts only one of them.

use async_trait::async_trait;
use futures_util::future::join_all;

use super::keys;
use crate::error::Result;

/// A lease, as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The key that stands for it.
    pub key: String,
    /// What stands in the key while it is held.
    pub owner: String,
    /// Seconds it lives; of no meaning to who gives it up.
    pub ttl: u64,
}

impl Lease {
    /// A lease of `owner`.
    pub fn new(key: &str, owner: &str, ttl: u64) -> Self {
        Self { key: key.to_owned(), owner: owner.to_owned(), ttl }
    }
}

/// How long a store remembers that a lease was given up, in seconds. Meanwhile the key says what the original's reconciler
/// writes, which gives way to everybody.
pub const GIVEN_UP_STAYS: u64 = 2;

/// What came of asking for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// Another owner has it.
    No,
    /// It is the owner's. Somebody may have had it until a moment ago.
    Yes,
    /// It is the owner's, and nobody gave it up within [`GIVEN_UP_STAYS`].
    Fresh,
}

impl Acquired {
    /// Whether it is the owner's now.
    pub fn is_taken(self) -> bool {
        self != Self::No
    }
}

/// Core's `ICoordinationStore`, and leases made of it.
///
/// A store of the user's own has only the first five operations; the leases built on them are as atomic as
/// those allow. A store that takes many leases in one step says so by operations of its own for many, and is worth
/// wrapping in [`Coalesced`](crate::coalesced::Coalesced).
#[async_trait]
pub trait CoordinationStore: Send + Sync {
    /// Adds one to a counter and gives it `ttl` seconds to live, in one step. Answers with its new value.
    async fn increment(&self, key: &str, ttl: u64) -> Result<i64>;

    /// Sets a key that does not exist, for `ttl` seconds; whether it did.
    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool>;

    /// Gives an existing key `ttl` seconds to live; whether it exists.
    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool>;

    /// Removes a key.
    async fn delete(&self, key: &str) -> Result<()>;

    /// The value of a key.
    async fn get(&self, key: &str) -> Result<Option<String>>;

    /// Takes a lease for `ttl` seconds, or renews it. A store that does not remember what was given up never says
    /// [`Fresh`](Acquired::Fresh).
    ///
    /// A lock of the original's reconciler marks that it published a job, not that somebody runs it: it gives way.
    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        if self.set_if_not_exist(key, owner, ttl).await? {
            return Ok(Acquired::Yes);
        }
        let taken = match self.get(key).await? {
            Some(held) if held == keys::RECONCILER_MARK => {
                self.delete(key).await?;
                self.set_if_not_exist(key, owner, ttl).await?
            }
            Some(held) if held == owner => self.extend_ttl(key, ttl).await?,
            Some(_) => false,
            None => self.set_if_not_exist(key, owner, ttl).await?,
        };
        Ok(if taken { Acquired::Yes } else { Acquired::No })
    }

    /// Takes or renews leases as [`acquire`](Self::acquire) does; an answer for each, in their order.
    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        join_all(leases.iter().map(|lease| self.acquire(&lease.key, &lease.owner, lease.ttl))).await
    }

    /// Gives leases up as [`release`](Self::release) does. Once polled, it is on its way where a connection is open.
    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        let all = leases.iter().map(|lease| self.release(&lease.key, &lease.owner));
        join_all(all).await.into_iter().collect()
    }

    /// Closes what was opened here, when everything that is on its way has arrived; the next use opens it again.
    async fn close(&self) {}

    /// Gives a lease up, if it is still `owner`'s. Comes back when that is on its way, at the latest when it is done.
    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        if self.get(key).await?.as_deref() == Some(owner) {
            self.delete(key).await?;
        }
        Ok(())
    }
}
