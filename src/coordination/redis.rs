//! Redis as the coordination store.

use std::fmt;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, Script, TlsCertificates,
};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{CoordinationStore, keys};
use crate::error::{Error, Result, with_causes};
use crate::secret;

const OPERATION: &str = "Talking to Redis";
/// How long a failure to connect speaks for those who waited meanwhile.
const RECENT: Duration = Duration::from_millis(500);
/// Without an answer for this long, a server counts as out of reach.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

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
    client: Client,
    prefix: String,
    connection: Mutex<Option<ConnectionManager>>,
    /// When it last could not be connected.
    failed: std::sync::Mutex<Option<(Instant, Error)>>,
    scripts: Scripts,
}

/// Every step that reads and writes is one script: nobody gets in between.
struct Scripts {
    increment: Script,
    acquire: Script,
    release: Script,
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
        Ok(Self {
            client,
            prefix: settings.key_prefix.clone(),
            connection: Mutex::new(None),
            failed: std::sync::Mutex::default(),
            scripts: Scripts {
                increment: Script::new(
                    "local n = redis.call('INCR', KEYS[1]); redis.call('EXPIRE', KEYS[1], ARGV[1]); return n",
                ),
                acquire: Script::new(
                    "local held = redis.call('GET', KEYS[1]) \
                     if held and held ~= ARGV[1] and held ~= ARGV[3] then return 0 end \
                     redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1",
                ),
                release: Script::new(
                    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
                ),
            },
        })
    }

    async fn connection(&self) -> Result<ConnectionManager> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        // Those who waited while one tried in vain need not each try again.
        let recent = |(at, error): (Instant, Error)| (at.elapsed() < RECENT).then_some(error);
        if let Some(error) =
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().and_then(recent)
        {
            return Err(error);
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1);
        let connected = ConnectionManager::new_with_config(self.client.clone(), config).await;
        let connection = connected.map_err(redis_error).inspect_err(|error| {
            let failed = Some((Instant::now(), error.clone()));
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        })?;
        Ok(slot.insert(connection).clone())
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn query<T: redis::FromRedisValue>(&self, command: &mut redis::Cmd) -> Result<T> {
        command.query_async(&mut self.connection().await?).await.map_err(redis_error)
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&str],
    ) -> Result<T> {
        let mut invocation = script.key(self.key(key));
        for argument in arguments {
            invocation.arg(argument);
        }
        invocation.invoke_async(&mut self.connection().await?).await.map_err(redis_error)
    }
}

#[async_trait]
impl CoordinationStore for RedisStore {
    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.run(&self.scripts.increment, key, &[&ttl.to_string()]).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        let mut set = redis::cmd("SET");
        let set: Option<String> =
            self.query(set.arg(self.key(key)).arg(value).arg("NX").arg("EX").arg(ttl)).await?;
        Ok(set.is_some())
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.query(redis::cmd("EXPIRE").arg(self.key(key)).arg(ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.query::<i64>(redis::cmd("DEL").arg(self.key(key))).await.map(drop)
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.query(redis::cmd("GET").arg(self.key(key))).await
    }

    async fn acquire(&self, key: &str, owner: &str, ttl: u64) -> Result<bool> {
        self.run(&self.scripts.acquire, key, &[owner, &ttl.to_string(), keys::RECONCILER_MARK]).await
    }

    async fn close(&self) {
        *self.connection.lock().await = None;
    }

    async fn release(&self, key: &str, owner: &str) -> Result<()> {
        self.run::<i64>(&self.scripts.release, key, &[owner]).await.map(drop)
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

fn redis_error(error: redis::RedisError) -> Error {
    Error::transient(OPERATION, with_causes(&error))
}
