//! Coordination: which worker executes which node, and the keys that workers of version 1 read.
//!
//! Nothing here decides anything. A lease keeps two workers from doing the same work. If it is lost, the commit still counts
//! only one of them.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::announcement::{Announced, Announcement};
use super::keys;
use super::limits::{LimitRequest, LimitUse, Turn};
use crate::error::{Code, Error, Result};

/// A request for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its key.
    pub key: String,
    /// The value of the key while the lease is held.
    pub owner: String,
    /// Seconds it lives; unused for giving it up.
    pub ttl: u64,
    /// What is noted of the execution it is for; none where workers that die under it are not counted.
    pub start: Option<Start>,
}

/// An execution of a node, as its lease knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Its round; none where the message names none: it is the node's first, or of version 1.
    pub round: Option<u32>,
    /// How far it is.
    pub stage: Stage,
}

/// How far an execution is under its lease. Whoever dies while the store has it as started is counted: the next owner
/// hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It starts, unless a worker died of it before: then it waits, and its owner hears so.
    Starts,
    /// It has started, whatever happened before.
    Started,
    /// It has not started, or its code is over: who dies now does not die of it.
    Waits,
    /// It is answered: what was counted is forgotten when the lease is given up.
    Answered,
    /// Its worker lost its user code: the same as a death.
    Died,
}

impl Lease {
    /// A lease of `owner`, under which nobody counts deaths.
    pub fn new(key: &str, owner: &str, ttl: u64) -> Self {
        Self { key: key.to_owned(), owner: owner.to_owned(), ttl, start: None }
    }

    /// The same lease, for an execution.
    #[must_use]
    pub fn of(self, start: Option<Start>) -> Self {
        Self { start, ..self }
    }
}

/// How long a store remembers that a lease was given up, in seconds. Meanwhile the key holds the mark of version 1's
/// reconciler, which blocks nobody.
pub const GIVEN_UP_STAYS: u64 = 2;

/// How long a store remembers deaths after the last lease of their execution, in seconds: a day.
pub const DEATHS_STAY: u64 = 86_400;

/// How long one may rely on the store to remember that a lease was given up: half of `GIVEN_UP_STAYS`, as a margin between
/// clocks.
pub const MEMORY_OF_RELEASES: Duration = Duration::from_millis(GIVEN_UP_STAYS * 1000 / 2);

/// The answer to a request for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// Another owner has it.
    No,
    /// The owner has it. Another one may have given it up recently.
    Yes,
    /// The owner has it, and no other gave it up within [`GIVEN_UP_STAYS`].
    Fresh,
    /// The owner has it, and so many workers died while they executed what it is for.
    Suspect(u32),
}

impl Acquired {
    /// Whether the owner has it now.
    pub fn is_taken(self) -> bool {
        self != Self::No
    }
}

/// The runs that were told of, one after another. It ends when the connection is lost.
pub type Told = mpsc::Receiver<String>;

/// Core's `ICoordinationStore`, and leases made of it.
///
/// A store of the user's has only the first five operations. The leases built on them are as atomic as those allow. A store
/// that can take many leases in one step implements the operations for many; [`Coalesced`](crate::coalesced::Coalesced) uses
/// them.
#[async_trait]
pub trait CoordinationStore: Send + Sync {
    /// Whether [`acquire`](Self::acquire) can say [`Fresh`](Acquired::Fresh): the store remembers what was given up.
    fn remembers_releases(&self) -> bool {
        false
    }

    /// Adds one to a counter and gives it `ttl` seconds to live, in one step. Answers with its new value.
    async fn increment(&self, key: &str, ttl: u64) -> Result<i64>;

    /// Sets a key for `ttl` seconds unless it exists. Answers whether it was set.
    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool>;

    /// Gives an existing key `ttl` seconds to live. Answers whether it exists.
    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool>;

    /// Removes a key.
    async fn delete(&self, key: &str) -> Result<()>;

    /// The value of a key.
    async fn get(&self, key: &str) -> Result<Option<String>>;

    /// Takes a lease for `ttl` seconds, or renews it. A store that does not remember what was given up never says
    /// [`Fresh`](Acquired::Fresh).
    ///
    /// The mark of version 1's reconciler means that it published the job, not that a worker runs it: it blocks nobody.
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

    /// Takes or renews a lease as [`acquire`](Self::acquire) does, and notes what it is for, in the same step. A store with
    /// the basic operations alone notes nothing, and counts no deaths.
    async fn acquire_lease(&self, lease: &Lease) -> Result<Acquired> {
        self.acquire(&lease.key, &lease.owner, lease.ttl).await
    }

    /// Gives a lease up as [`release`](Self::release) does, with what was noted of it, in the same step.
    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.release(&lease.key, &lease.owner).await
    }

    /// Takes or renews leases as [`acquire_lease`](Self::acquire_lease) does; an answer for each, in their order.
    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        join_all(leases.iter().map(|lease| self.acquire_lease(lease))).await
    }

    /// Gives leases up as [`release_lease`](Self::release_lease) does. If a connection is open, polling once sends the request.
    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        let all = leases.iter().map(|lease| self.release_lease(lease));
        join_all(all).await.into_iter().collect()
    }

    /// A worker says that it lives; whether this store keeps such words. One of the user's own, with the basic operations
    /// alone, does not.
    async fn announce(&self, _announcement: &Announcement<'_>) -> Result<bool> {
        Ok(false)
    }

    /// Removes a worker that stops.
    async fn withdraw(&self, _worker: &str) -> Result<()> {
        Ok(())
    }

    /// The workers that are alive; none where this store does not keep them.
    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        Ok(None)
    }

    /// Tells those who listen that a run has paused or ended. Nobody may rely on it: the record says how the run stands.
    async fn tell(&self, _run: &str) -> Result<()> {
        Ok(())
    }

    /// Listens from now on; none where this store tells nobody.
    async fn listen(&self) -> Result<Option<Told>> {
        Ok(None)
    }

    /// Counts under a key, in one step; anything but a start is answered with [`Turn::Now`]. A store with the basic operations
    /// alone counts nothing, and says so.
    async fn limit(&self, _request: &LimitRequest<'_>) -> Result<Turn> {
        let what = "this coordination store keeps no limits";
        Err(Error::new(Code::CoordinationStoreFailed, "Keeping a limit", what))
    }

    /// How the keys stand that were asked for within a day, but those of one run alone: at most so many, those that were asked for last,
    /// in the order of their names. None where this store keeps no limits.
    async fn limits(&self, _most: usize) -> Result<Vec<LimitUse>> {
        Ok(Vec::new())
    }

    /// Whether [`limit`](Self::limit) counts.
    fn keeps_limits(&self) -> bool {
        false
    }

    /// Closes the connections once everything that was sent has arrived; the next use opens them again.
    async fn close(&self) {}

    /// Gives a lease up if `owner` still has it. Returns when the request is on its way, at the latest when it is answered.
    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        if self.get(key).await?.as_deref() == Some(owner) {
            self.delete(key).await?;
        }
        Ok(())
    }
}
