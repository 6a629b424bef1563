//! The options of a connection to Redis.

use serde::Deserialize;

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
    /// The prefix of every key.
    pub key_prefix: String,
    /// Nodes of a Cluster, `redis:` or `rediss:` URLs; in place of an address.
    pub cluster: Vec<String>,
    /// The Sentinels that name the master; in place of an address.
    pub sentinels: Option<Sentinels>,
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

/// Sentinels, and their name for the master.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sentinels {
    /// Where they are.
    pub addresses: Vec<Address>,
    /// The master's name.
    pub name: String,
    /// ACL user, at the Sentinels themselves.
    pub username: Option<String>,
    /// Password, at the Sentinels themselves.
    pub password: Option<String>,
    /// TLS to the Sentinels themselves, when present.
    pub tls: Option<RedisTls>,
}

/// A host and a port.
#[derive(Clone, Deserialize)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}
