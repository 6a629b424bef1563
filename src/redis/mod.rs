//! Redis as the coordination store: one server, a Cluster, or a master behind Sentinels.

mod changes;
mod connection;
mod examining;
mod leases;
mod limits;
mod limits_told;
mod link;
mod server;
mod settings;
mod workers;

use std::fmt;
use std::slice;
use std::sync::Arc;

use async_trait::async_trait;
use redis::Script;

use self::changes::Channel;
use self::connection::Connections;
use self::leases::LeaseScripts;
use self::limits::LimitScripts;
use self::server::Server;
use self::workers::WorkerScripts;
use crate::error::{Code, Error, Result};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Told};
use crate::ports::keys;
use crate::ports::limits::{LimitRequest, LimitUse, Turn};

pub use settings::{Address, RedisSettings, RedisTls, Sentinels};

/// Redis, connected when first needed and again whenever the connection is lost.
pub struct RedisStore {
    prefix: String,
    connections: Arc<Connections>,
    leases: LeaseScripts,
    limits: LimitScripts,
    workers: WorkerScripts,
    changes: Channel,
    increment: Script,
}

impl RedisStore {
    /// Opens no connection.
    ///
    /// # Errors
    /// Options that are not an address.
    pub fn new(settings: &RedisSettings) -> Result<Self> {
        let server = Server::new(settings).map_err(|error| {
            Error::of_option("redis", error.category().to_owned() + ": not an address of Redis")
        })?;
        let connections = Arc::new(Connections::new(server));
        Ok(Self {
            prefix: settings.key_prefix.clone(),
            leases: LeaseScripts::new(connections.clone(), settings.key_prefix.clone()),
            limits: LimitScripts::new(connections.clone(), settings.key_prefix.clone()),
            workers: WorkerScripts::new(
                connections.clone(),
                format!("{}{}", settings.key_prefix, keys::WORKERS),
            ),
            changes: Channel::new(connections.clone(), format!("{}{}", settings.key_prefix, keys::CHANGES)),
            connections,
            increment: Script::new(
                "local n = redis.call('INCR', KEYS[1]); redis.call('EXPIRE', KEYS[1], ARGV[1]); return n",
            ),
        })
    }

    /// What the server answers to a command; of a Cluster, any of its nodes.
    ///
    /// # Errors
    /// The server is out of reach, or refuses the command.
    pub async fn ask(&self, words: &[String]) -> Result<serde_json::Value> {
        examining::ask(&self.connections, words).await
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl CoordinationStore for RedisStore {
    fn remembers_releases(&self) -> bool {
        true
    }

    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.connections.invoke(self.increment.key(self.key(key)).arg(ttl)).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        let mut set = redis::cmd("SET");
        let set: Option<String> =
            self.connections.query(set.arg(self.key(key)).arg(value).arg("NX").arg("EX").arg(ttl)).await?;
        Ok(set.is_some())
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.connections.query(redis::cmd("EXPIRE").arg(self.key(key)).arg(ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.connections.query::<i64>(redis::cmd("DEL").arg(self.key(key))).await.map(drop)
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.connections.query(redis::cmd("GET").arg(self.key(key))).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<Acquired> {
        self.acquire_lease(&Lease::new(key, owner, ttl)).await
    }

    async fn acquire_lease(&self, lease: &Lease) -> Result<Acquired> {
        let taken = self.leases.acquire(slice::from_ref(lease)).await.pop();
        taken.unwrap_or_else(|| {
            Err(Error::new(Code::RedisUnreachable, "Taking a lease", "Redis did not answer"))
        })
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.release_lease(&Lease::new(key, owner, 0)).await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.leases.release(slice::from_ref(lease)).await
    }

    async fn acquire_many(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        self.leases.acquire(leases).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<()> {
        self.leases.release(leases).await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.workers.announce(announcement).await.map(|()| true)
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.workers.withdraw(worker).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.workers.announced().await.map(Some)
    }

    async fn tell(&self, run: &str) -> Result<()> {
        self.changes.tell(run).await
    }

    async fn listen(&self) -> Result<Option<Told>> {
        self.changes.listen().await
    }

    fn keeps_limits(&self) -> bool {
        true
    }

    async fn limit(&self, request: &LimitRequest<'_>) -> Result<Turn> {
        self.limits.step(request).await
    }

    async fn limits(&self, most: usize) -> Result<Vec<LimitUse>> {
        self.limits.told().uses(most).await
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
