//! A coordination store that answers in time, or counts as out of reach.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::answering::Answering;
use super::watch::{Watch, WatchedServer};
use crate::error::{Code, Result};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Told};
use crate::ports::limits::{LimitRequest, LimitUse, Turn};

const SERVER: WatchedServer = WatchedServer {
    name: "Redis",
    operation: "Talking to Redis",
    option: "leaseTimeout",
    code: Code::RedisUnreachable,
    grace: Duration::ZERO,
    consequence: "the next call opens another one",
};

/// A coordination store with deadlines. Who takes leases says when they cannot be had: nothing is said here.
pub struct PunctualStore {
    store: Arc<dyn CoordinationStore>,
    limit: Duration,
    watch: Watch,
}

impl PunctualStore {
    /// Whatever is asked of this store has that limit.
    pub fn new(store: Arc<dyn CoordinationStore>, limit: Duration) -> Self {
        Self { store, limit, watch: Watch::new(SERVER, None) }
    }

    /// What is known of it.
    pub fn answering(&self) -> Arc<Answering> {
        self.watch.answering.clone()
    }

    async fn within<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        self.watch.answer(self.limit, asked).await
    }
}

#[async_trait]
impl CoordinationStore for PunctualStore {
    fn remembers_releases(&self) -> bool {
        self.store.remembers_releases()
    }

    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.within(self.store.increment(key, ttl)).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        self.within(self.store.set_if_not_exist(key, value, ttl)).await
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.within(self.store.extend_ttl(key, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.within(self.store.delete(key)).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.within(self.store.get(key)).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        self.within(self.store.acquire(key, owner, ttl)).await
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.within(self.store.release(key, owner)).await
    }

    async fn acquire_lease(&self, lease: &Lease) -> Result<Acquired> {
        self.within(self.store.acquire_lease(lease)).await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.within(self.store.release_lease(lease)).await
    }

    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        match self.watch.in_time(self.limit, self.store.acquire_many(leases)).await {
            Some(answers) => {
                let failed = answers.iter().all(Result::is_err).then(|| answers.first()?.as_ref().err());
                self.watch.answering.note(failed.flatten());
                answers
            }
            None => {
                let error = self.watch.silence(self.limit);
                leases.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        self.within(self.store.release_many(leases)).await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.within(self.store.announce(announcement)).await
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.within(self.store.withdraw(worker)).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.within(self.store.announced()).await
    }

    async fn tell(&self, run: &str) -> Result<()> {
        self.within(self.store.tell(run)).await
    }

    async fn listen(&self) -> Result<Option<Told>> {
        self.within(self.store.listen()).await
    }

    fn keeps_limits(&self) -> bool {
        self.store.keeps_limits()
    }

    async fn limit(&self, request: &LimitRequest<'_>) -> Result<Turn> {
        self.within(self.store.limit(request)).await
    }

    async fn limits(&self, most: usize) -> Result<Vec<LimitUse>> {
        self.within(self.store.limits(most)).await
    }

    async fn close(&self) {
        let _ = tokio::time::timeout(self.limit, self.store.close()).await;
    }
}
