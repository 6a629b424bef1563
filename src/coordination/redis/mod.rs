//! Redis as the coordination store.

mod connection;
mod leases;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, Script, TlsCertificates,
};
use serde::Deserialize;

use self::connection::Connections;
use self::leases::LeaseScripts;
use super::CoordinationStore;
use crate::error::{Error, Result};
use crate::secret;

/// The connection options, as JavaScript normalised them.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RedisSettings {
    /// `redis:` or `rediss:`; takes the place of everything up to `db`.
    pub url: Option<String>,
    /// Default `127.0.0.1`.
    pub host: Option<String>,
    /// Default 6379.
    pub port: Option<u16>,
    /// A Unix socket.
    pub path: Option<String>,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Database number, default 0.
    pub db: Option<i64>,
    /// Put before every key.
    pub key_prefix: String,
    /// TLS, when present.
    pub tls: Option<RedisTls>,
}

/// TLS options of a Redis connection.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RedisTls {
    /// Certificate authorities to trust in place of the system's, PEM.
    pub ca: Option<String>,
    /// The client's certificate, PEM.
    pub cert: Option<String>,
    /// The client's key, PEM.
    pub key: Option<String>,
    /// Only when the user says `rejectUnauthorized: false`.
    pub insecure: bool,
}

/// A Redis server, connected when first needed and again whenever the connection is lost.
pub struct RedisStore {
    prefix: String,
    connections: Arc<Connections>,
    leases: LeaseScripts,
    increment: Script,
}

impl RedisStore {
    /// Opens no connection.
    ///
    /// # Errors
    /// Options that are not an address.
    pub fn new(settings: &RedisSettings) -> Result<Self> {
        let client = client(settings).map_err(|error| {
            Error::setup("Option redis", error.category().to_owned() + ": not an address of Redis")
        })?;
        let connections = Arc::new(Connections::new(client));
        Ok(Self {
            prefix: settings.key_prefix.clone(),
            leases: LeaseScripts::new(connections.clone()),
            connections,
            increment: Script::new(
                "local n = redis.call('INCR', KEYS[1]); redis.call('EXPIRE', KEYS[1], ARGV[1]); return n",
            ),
        })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl CoordinationStore for RedisStore {
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

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<bool> {
        self.leases.acquire(self.key(key), owner, ttl).await
    }

    async fn close(&self) {
        self.leases.settle().await;
        self.connections.close().await;
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.leases.release(self.key(key), owner).await;
        Ok(())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn client(settings: &RedisSettings) -> redis::RedisResult<Client> {
    let info = match &settings.url {
        Some(url) => url.as_str().into_connection_info()?,
        None => {
            let host = settings.host.clone().unwrap_or_else(|| "127.0.0.1".into());
            let port = settings.port.unwrap_or(6379);
            let address = match (&settings.path, &settings.tls) {
                (Some(path), _) => ConnectionAddr::Unix(path.into()),
                (None, Some(tls)) => {
                    ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None }
                }
                (None, None) => ConnectionAddr::Tcp(host, port),
            };
            let mut login = RedisConnectionInfo::default()
                .set_db(settings.db.unwrap_or(0))
                .set_protocol(ProtocolVersion::RESP2);
            if let Some(username) = &settings.username {
                login = login.set_username(username);
            }
            if let Some(password) = &settings.password {
                login = login.set_password(password);
            }
            address.into_connection_info()?.set_redis_settings(login)
        }
    };
    // A script is answered before the next one is sent: waiting to fill a packet only delays it.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let login = info.redis_settings();
    secret::keep(login.username().unwrap_or_default(), login.password().unwrap_or_default());
    match &settings.tls {
        Some(tls) if tls.ca.is_some() || tls.cert.is_some() => {
            let client_tls = tls.cert.clone().zip(tls.key.clone()).map(|(cert, key)| {
                redis::ClientTlsConfig { client_cert: cert.into_bytes(), client_key: key.into_bytes() }
            });
            Client::build_with_tls(
                info,
                TlsCertificates { client_tls, root_cert: tls.ca.clone().map(String::into_bytes) },
            )
        }
        _ => Client::open(info),
    }
}
