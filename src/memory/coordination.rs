//! Coordination in memory: keys that live as long as the memory clock says.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::clock::MemoryClock;
use super::faults::{self, FaultSlot, Operation, ServerEvent};
use super::keys::{Keys, Now, OPERATION};
use super::listeners::Listeners;
use crate::error::{Code, Error, Result};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Told};
use crate::ports::keys;
use crate::ports::limits::{LimitRequest, LimitStep, LimitUse, Turn};
use crate::ports::platform::Clock;

/// What a coordination store is in memory.
#[derive(Clone)]
pub(super) struct CoordinationServer {
    pub keys: Arc<Keys>,
    pub listeners: Arc<Listeners>,
    pub clock: Arc<MemoryClock>,
    pub faults: Arc<FaultSlot>,
}

/// A client of the keys of a memory server.
pub struct MemoryStore {
    server: CoordinationServer,
    client: Arc<str>,
    reachable: AtomicBool,
}

impl MemoryStore {
    pub(super) fn new(server: CoordinationServer, client: &str) -> Self {
        Self { server, client: client.into(), reachable: AtomicBool::new(true) }
    }

    /// Sets whether this client reaches the store. If it does not, its requests fail without an effect.
    pub fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
    }

    fn reached(&self) -> Result<&CoordinationServer> {
        match self.reachable.load(Ordering::Relaxed) {
            true => Ok(&self.server),
            false => Err(Error::new(Code::RedisUnreachable, OPERATION, "the store is out of reach")),
        }
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        keys: &[&str],
        act: impl FnOnce(Now<'_>) -> Result<T>,
    ) -> Result<T> {
        let event = ServerEvent::Coordinate { client: &self.client, operation, keys };
        let fault = self.server.faults.strike(&event);
        let clock = &self.server.clock;
        let effect = || self.reached().and_then(|server| server.keys.at(clock.now(), act));
        faults::under(fault, clock, effect, || {
            Error::new(Code::RedisUnreachable, OPERATION, "the answer was lost")
        })
        .await
    }
}

#[async_trait]
impl CoordinationStore for MemoryStore {
    fn remembers_releases(&self) -> bool {
        true
    }

    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.ask(Operation::Increment, &[key], |mut now| now.increment(key, ttl)).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        let set = |mut now: Now<'_>| match now.get(key) {
            Some(_) => Ok(false),
            None => now.set(key, value, ttl).map(|()| true),
        };
        self.ask(Operation::SetIfNotExist, &[key], set).await
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.ask(Operation::ExtendTtl, &[key], |mut now| Ok(now.extend(key, ttl))).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.ask(Operation::Delete, &[key], |mut now| {
            now.remove(key);
            Ok(())
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.ask(Operation::Get, &[key], |mut now| Ok(now.value(key).map(str::to_owned))).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        self.acquire_lease(&Lease::new(key, owner, ttl)).await
    }

    async fn acquire_lease(&self, lease: &Lease) -> Result<Acquired> {
        self.ask(Operation::Acquire, &[&lease.key], |mut now| now.acquire(lease)).await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.release_many(std::slice::from_ref(lease)).await
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.release_many(&[Lease::new(key, owner, 0)]).await
    }

    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        let keys: Vec<&str> = leases.iter().map(|lease| lease.key.as_str()).collect();
        let all =
            |mut now: Now<'_>| leases.iter().map(|lease| now.acquire(lease)).collect::<Result<Vec<_>>>();
        match self.ask(Operation::Acquire, &keys, all).await {
            Ok(taken) => taken.into_iter().map(Ok).collect(),
            Err(error) => leases.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        let Announcement { worker, card, ttl } = announcement;
        let announce = |mut now: Now<'_>| now.announce(worker, card, *ttl);
        self.ask(Operation::Announce, &[keys::WORKERS], announce).await.map(|()| true)
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        let withdraw = |mut now: Now<'_>| {
            now.withdraw(worker);
            Ok(())
        };
        self.ask(Operation::Announce, &[keys::WORKERS], withdraw).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.ask(Operation::Announced, &[keys::WORKERS], |now| Ok(Some(now.workers()))).await
    }

    /// Nobody relies on it: no fault is drawn for it.
    async fn tell(&self, run: &str) -> Result<()> {
        self.reached().map(|server| server.listeners.tell(run))
    }

    async fn listen(&self) -> Result<Option<Told>> {
        self.reached().map(|server| Some(server.listeners.join()))
    }

    fn keeps_limits(&self) -> bool {
        true
    }

    async fn limit(&self, request: &LimitRequest<'_>) -> Result<Turn> {
        let operation = match request.what {
            LimitStep::Start(_) | LimitStep::Keep { .. } => Operation::Acquire,
            LimitStep::End { .. } | LimitStep::Leave { .. } | LimitStep::Pause { .. } => Operation::Release,
        };
        self.ask(operation, &[request.key], |mut now| Ok(now.limit(request))).await
    }

    async fn limits(&self, most: usize) -> Result<Vec<LimitUse>> {
        self.ask(Operation::Announced, &[keys::LIMITS], |now| Ok(now.limits(most))).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        let keys: Vec<&str> = leases.iter().map(|lease| lease.key.as_str()).collect();
        self.ask(Operation::Release, &keys, |mut now| leases.iter().try_for_each(|lease| now.release(lease)))
            .await
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("client", &self.client).finish_non_exhaustive()
    }
}
