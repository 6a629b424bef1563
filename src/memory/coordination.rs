//! Coordination in memory: keys that live as long as the memory clock says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::MemoryServer;
use super::faults::{self, Event, Operation};
use crate::error::{Code, Error, Result};
use crate::ports::coordination::{Acquired, CoordinationStore, GIVEN_UP_STAYS, Lease};
use crate::ports::keys;
use crate::ports::platform::Clock;

const OPERATION: &str = "Talking to the coordination store";

/// The keys of one server.
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    value: String,
    /// When it is gone, by the server's clock.
    expires: u64,
}

/// The keys as they are at a moment. What has expired is not there.
struct Now<'a> {
    keys: &'a mut BTreeMap<String, Entry>,
    moment: u64,
}

impl Keys {
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn at<T>(&self, moment: u64, act: impl FnOnce(Now<'_>) -> T) -> T {
        act(Now { keys: &mut self.0.lock().unwrap_or_else(PoisonError::into_inner), moment })
    }
}

impl Now<'_> {
    fn get(&mut self, key: &str) -> Option<&mut Entry> {
        if self.keys.get(key).is_some_and(|entry| entry.expires <= self.moment) {
            self.keys.remove(key);
        }
        self.keys.get_mut(key)
    }

    fn value(&mut self, key: &str) -> Option<&str> {
        self.get(key).map(|entry| entry.value.as_str())
    }

    /// As Redis does, refuses to set what would not live.
    fn set(&mut self, key: &str, value: &str, ttl: u64) -> Result<()> {
        if ttl == 0 {
            return Err(Error::new(Code::RedisUnreachable, OPERATION, "a key cannot live for 0 seconds"));
        }
        let expires = self.after(ttl);
        self.keys.insert(key.to_owned(), Entry { value: value.to_owned(), expires });
        Ok(())
    }

    /// Whether the key is there. It goes at once where it has no time to live.
    fn extend(&mut self, key: &str, ttl: u64) -> bool {
        let expires = self.after(ttl);
        self.get(key).map(|entry| entry.expires = expires).is_some()
    }

    fn increment(&mut self, key: &str, ttl: u64) -> Result<i64> {
        let count = match self.value(key) {
            None => 0,
            Some(value) => value.parse::<i64>().map_err(|_| {
                Error::new(Code::RedisUnreachable, OPERATION, format!("the key '{key}' is not a number"))
            })?,
        };
        let count = count.saturating_add(1);
        let expires = self.after(ttl);
        self.keys.insert(key.to_owned(), Entry { value: count.to_string(), expires });
        Ok(count)
    }

    fn acquire(&mut self, lease: &Lease) -> Result<Acquired> {
        let acquired = match self.value(&lease.key) {
            Some(held) if held != lease.owner && held != keys::RECONCILER_MARK => return Ok(Acquired::No),
            Some(_) => Acquired::Yes,
            None => Acquired::Fresh,
        };
        self.set(&lease.key, &lease.owner, lease.ttl).map(|()| acquired)
    }

    fn release(&mut self, lease: &Lease) -> Result<()> {
        match self.value(&lease.key) == Some(&lease.owner) {
            true => self.set(&lease.key, keys::RECONCILER_MARK, GIVEN_UP_STAYS),
            false => Ok(()),
        }
    }

    fn after(&self, ttl: u64) -> u64 {
        self.moment.saturating_add(ttl.saturating_mul(1000))
    }
}

/// One client's way to the keys of a memory server.
pub struct MemoryStore {
    server: Arc<MemoryServer>,
    client: Arc<str>,
    reachable: AtomicBool,
}

impl MemoryStore {
    pub(super) fn new(server: Arc<MemoryServer>, client: &str) -> Self {
        Self { server, client: client.into(), reachable: AtomicBool::new(true) }
    }

    /// Whether this client reaches the store. Where it does not, whatever it asks fails and has no effect.
    pub fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        keys: &[&str],
        act: impl FnOnce(Now<'_>) -> Result<T>,
    ) -> Result<T> {
        let event = Event::Coordinate { client: &self.client, operation, keys };
        let fault = self.server.faults.strike(&event);
        let clock = &self.server.clock;
        let effect = || match self.reachable.load(Ordering::Relaxed) {
            true => self.server.keys.at(clock.now(), act),
            false => Err(Error::new(Code::RedisUnreachable, OPERATION, "the store is out of reach")),
        };
        faults::under(fault, clock, effect, || {
            Error::new(Code::RedisUnreachable, OPERATION, "the answer was lost")
        })
        .await
    }
}

#[async_trait]
impl CoordinationStore for MemoryStore {
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
        self.ask(Operation::Delete, &[key], |now| {
            now.keys.remove(key);
            Ok(())
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.ask(Operation::Get, &[key], |mut now| Ok(now.value(key).map(str::to_owned))).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        let lease = Lease::new(key, owner, ttl);
        self.ask(Operation::Acquire, &[key], |mut now| now.acquire(&lease)).await
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
