//! Coalesces the leases of many jobs into one request, for a store that takes many at a time.
//!
//! The request of a lone job leaves alone; requests that come while others are under way leave together. A store that
//! takes leases one by one, such as the user's own object, gains nothing from this and is used directly.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::batcher::{Batches, Request};
use crate::error::{Code, Error, Result};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Told};
use crate::ports::limits::{LimitRequest, LimitUse, Turn};
use crate::ports::platform::Platform;

/// A request for a lease.
struct Acquire {
    lease: Lease,
    answer: oneshot::Sender<Result<Acquired>>,
}

/// A request to give a lease up.
struct Release {
    lease: Lease,
    /// Dropped when the request is on its way.
    sent: oneshot::Sender<()>,
}

impl Request for Acquire {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

impl Request for Release {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

/// A store whose leases are taken and given up many at a time. Clones share everything.
#[derive(Clone)]
pub struct Coalesced {
    store: Arc<dyn CoordinationStore>,
    acquires: Arc<Batches<Acquire>>,
    releases: Arc<Batches<Release>>,
    /// Releases that are on their way.
    releasing: TaskTracker,
}

impl Coalesced {
    /// Coalesces the requests to a store. Batches that no caller drives are tasks of `platform`.
    pub fn new(store: Arc<dyn CoordinationStore>, platform: Platform) -> Self {
        let releasing = TaskTracker::new();
        // Closed from the start: `wait` waits for what is under way, and more may still come.
        releasing.close();
        Self {
            store,
            acquires: Arc::new(Batches::new(platform.clone())),
            releases: Arc::new(Batches::new(platform)),
            releasing,
        }
    }

    async fn acquire_all(&self, batch: Vec<Acquire>) {
        let (leases, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|Acquire { lease, answer }| (lease, answer)).unzip();
        let taken = self.store.acquire_many(&leases).await;
        // If a store gives too few answers, the other callers get an error.
        for (answer, taken) in answers.into_iter().zip(taken) {
            let _ = answer.send(taken);
        }
    }

    async fn release_all(&self, batch: Vec<Release>) {
        let _under_way = self.releasing.token();
        let (leases, sent): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|Release { lease, sent }| (lease, sent)).unzip();
        let released = {
            let mut asking = pin!(self.store.release_many(&leases));
            let at_once = asking.as_mut().now_or_never();
            // Polled once, the request is on its way.
            drop(sent);
            match at_once {
                Some(answer) => answer,
                None => asking.await,
            }
        };
        if let Err(error) = released {
            debug!(%error, "giving leases up failed; they expire");
        }
    }
}

#[async_trait]
impl CoordinationStore for Coalesced {
    fn remembers_releases(&self) -> bool {
        self.store.remembers_releases()
    }

    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.store.increment(key, ttl).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        self.store.set_if_not_exist(key, value, ttl).await
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.store.extend_ttl(key, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.store.delete(key).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.store.get(key).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        self.acquire_lease(&Lease::new(key, owner, ttl)).await
    }

    async fn acquire_lease(&self, lease: &Lease) -> Result<Acquired> {
        let (answer, answered) = oneshot::channel();
        let lease = lease.clone();
        let this = self.clone();
        self.acquires
            .submit(Acquire { lease, answer }, move |batch| {
                let this = this.clone();
                async move { this.acquire_all(batch).await }
            })
            .await;
        answered
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "Taking a lease", "the answer was lost")))
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.release_lease(&Lease::new(key, owner, 0)).await
    }

    /// Returns when the request is on its way. Only the caller that drives the batch waits for its answer.
    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let (sent, on_its_way) = oneshot::channel();
        let lease = lease.clone();
        let this = self.clone();
        self.releases
            .submit(Release { lease, sent }, move |batch| {
                let this = this.clone();
                async move { this.release_all(batch).await }
            })
            .await;
        let _ = on_its_way.await;
        Ok(())
    }

    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        self.store.acquire_many(leases).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        self.store.release_many(leases).await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.store.announce(announcement).await
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.store.withdraw(worker).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.store.announced().await
    }

    async fn tell(&self, run: &str) -> Result<()> {
        self.store.tell(run).await
    }

    async fn listen(&self) -> Result<Option<Told>> {
        self.store.listen().await
    }

    fn keeps_limits(&self) -> bool {
        self.store.keeps_limits()
    }

    async fn limit(&self, request: &LimitRequest<'_>) -> Result<Turn> {
        self.store.limit(request).await
    }

    async fn limits(&self, most: usize) -> Result<Vec<LimitUse>> {
        self.store.limits(most).await
    }

    async fn close(&self) {
        self.releasing.wait().await;
        self.store.close().await;
    }
}
