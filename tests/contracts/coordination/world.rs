//! A coordination store, memory or real.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use flowcraft_rabbitmq_adapter::coalesced::Coalesced;
use flowcraft_rabbitmq_adapter::error::Result;
use flowcraft_rabbitmq_adapter::memory::MemoryServer;
use flowcraft_rabbitmq_adapter::ports::coordination::CoordinationStore;
use flowcraft_rabbitmq_adapter::ports::platform::{Clock, Platform};
use flowcraft_rabbitmq_adapter::redis::{RedisSettings, RedisStore};

/// How the store is used.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// By itself.
    Plain,
    /// Many leases together.
    Coalesced,
    /// Only the operations that a user's own store has: the leases are those that the port builds of them.
    Basic,
}

pub fn kinds() -> [Kind; 3] {
    [Kind::Plain, Kind::Coalesced, Kind::Basic]
}

pub struct World {
    pub store: Arc<dyn CoordinationStore>,
    memory: Option<Arc<MemoryServer>>,
}

impl World {
    pub fn memory(kind: Kind) -> Self {
        let server = MemoryServer::starting_at(1_700_000_000_000);
        let store = Arc::new(server.coordination("client"));
        Self { store: kind.of(store), memory: Some(server) }
    }

    pub fn real(kind: Kind) -> Option<Self> {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("REDIS_URL").ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let key_prefix = format!("contract:{now}:{number}:");
        let settings = RedisSettings { url: Some(url), key_prefix, ..RedisSettings::default() };
        let store = Arc::new(RedisStore::new(&settings).unwrap());
        Some(Self { store: kind.of(store), memory: None })
    }

    /// Whether its time cannot be moved.
    pub fn is_real(&self) -> bool {
        self.memory.is_none()
    }

    /// What the time is, since some moment.
    pub fn now(&self) -> Duration {
        match &self.memory {
            Some(server) => Duration::from_millis(server.clock().now()),
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
        }
    }

    /// Lets time pass: memory's clock is moved, and the real one goes by itself.
    pub async fn pass(&self, time: Duration) {
        match &self.memory {
            Some(server) => server.clock().advance(time),
            None => tokio::time::sleep(time).await,
        }
    }
}

impl Kind {
    fn of(self, store: Arc<dyn CoordinationStore>) -> Arc<dyn CoordinationStore> {
        match self {
            Self::Plain => store,
            Self::Coalesced => Arc::new(Coalesced::new(store, Platform::default())),
            Self::Basic => Arc::new(Basic(store)),
        }
    }
}

/// A store with five operations, as a user's own.
struct Basic(Arc<dyn CoordinationStore>);

#[async_trait]
impl CoordinationStore for Basic {
    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.0.increment(key, ttl).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        self.0.set_if_not_exist(key, value, ttl).await
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.0.extend_ttl(key, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.0.get(key).await
    }
}
