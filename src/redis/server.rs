//! The address of Redis: one server, the nodes of a Cluster, or the master that Sentinels name.

use std::num::NonZeroUsize;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, RedisResult, TlsCertificates, TlsMode,
};
use tokio::sync::Mutex;

use super::link::Link;
use super::settings::{RedisSettings, RedisTls, Sentinels};
use crate::trust;

/// Without an answer to a new connection for this long, a server counts as out of reach; in a Cluster without any answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Whoever asks one server has a deadline, which is shorter.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
/// How long the Sentinels may take to name the master: some of them may be down.
const SENTINEL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a command follows a slot that moved to another host of a Cluster.
const CLUSTER_RETRIES: u32 = 3;
/// How long it waits at most before it does, in milliseconds.
const CLUSTER_RETRY_WAIT: u64 = 200;

/// Where to connect to.
pub(super) enum Server {
    /// One server.
    One(Client),
    /// The nodes of a Cluster, of which some are known.
    Cluster(ClusterClient),
    /// The current master; Sentinels are asked for each connection.
    Master(Mutex<SentinelClient>),
}

impl Server {
    /// Opens no connection.
    pub fn new(settings: &RedisSettings) -> RedisResult<Self> {
        if !settings.cluster.is_empty() {
            return cluster(settings).map(Self::Cluster);
        }
        match &settings.sentinels {
            Some(sentinels) => Ok(Self::Master(Mutex::new(master(settings, sentinels)?))),
            None => one(settings).map(Self::One),
        }
    }

    /// Opens a connection.
    pub async fn connect(&self) -> RedisResult<Link> {
        match self {
            Self::One(client) => managed(client.clone()).await,
            Self::Cluster(client) => Ok(Link::Cluster(client.get_async_connection().await?)),
            Self::Master(sentinels) => managed(master_by(sentinels).await?).await,
        }
    }

    /// Opens a connection that hears a channel; none in a Cluster.
    pub async fn subscribe(&self, channel: &str) -> RedisResult<Option<PubSub>> {
        let client = match self {
            Self::One(client) => client.clone(),
            Self::Cluster(_) => return Ok(None),
            Self::Master(sentinels) => master_by(sentinels).await?,
        };
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok(Some(subscription))
    }

    /// Whether a connection that failed may lead to a server that is no longer the right one, and must be replaced.
    pub fn moves(&self) -> bool {
        !matches!(self, Self::One(_))
    }
}

/// The master that Sentinels name.
async fn master_by(sentinels: &Mutex<SentinelClient>) -> RedisResult<Client> {
    let mut sentinels = sentinels.lock().await;
    let asked = tokio::time::timeout(SENTINEL_TIMEOUT, sentinels.async_get_client()).await;
    asked.map_err(|_| (ErrorKind::Io, "no Sentinel answers"))?
}

async fn managed(client: Client) -> RedisResult<Link> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(RESPONSE_TIMEOUT))
        .set_response_timeout(Some(LONGEST_ANSWER))
        .set_number_of_retries(1);
    ConnectionManager::new_with_config(client, config).await.map(Link::One)
}

fn one(settings: &RedisSettings) -> RedisResult<Client> {
    let info = match &settings.url {
        Some(url) => url.as_str().into_connection_info()?,
        None => {
            let host = settings.host.clone().unwrap_or_else(|| "127.0.0.1".into());
            let port = settings.port.unwrap_or(6379);
            let address = match &settings.path {
                Some(path) => ConnectionAddr::Unix(path.into()),
                None => address(host, port, settings.tls.as_ref()),
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
    let info = info.set_tcp_settings(tcp());
    match settings.tls.as_ref() {
        Some(tls) => Client::build_with_tls(info, certificates(tls)),
        None => Client::open(info),
    }
}

fn cluster(settings: &RedisSettings) -> RedisResult<ClusterClient> {
    let mut nodes = Vec::new();
    for url in &settings.cluster {
        let node = url.as_str().into_connection_info()?;
        let login = node.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        nodes.push(node.set_redis_settings(login));
    }
    let mut builder = ClusterClient::builder(nodes)
        .connection_timeout(RESPONSE_TIMEOUT)
        .response_timeout(RESPONSE_TIMEOUT)
        .retries(CLUSTER_RETRIES)
        .max_retry_wait(CLUSTER_RETRY_WAIT)
        // Otherwise commands for all slots wait for a host that does not return.
        .max_connection_attempts(NonZeroUsize::MIN)
        .tcp_settings(tcp());
    if let Some(username) = &settings.username {
        builder = builder.username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder.password(password);
    }
    if let Some(tls) = &settings.tls {
        builder = builder.tls(mode(tls)).certs(certificates(tls));
    }
    builder.build()
}

fn master(settings: &RedisSettings, sentinels: &Sentinels) -> RedisResult<SentinelClient> {
    let addresses: Vec<_> = sentinels
        .addresses
        .iter()
        .map(|each| address(each.host.clone(), each.port, sentinels.tls.as_ref()))
        .collect();
    let mut builder = SentinelClientBuilder::new(addresses, &sentinels.name, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP2)
        .set_client_to_sentinel_protocol(ProtocolVersion::RESP2)
        .set_client_to_redis_db(settings.db.unwrap_or(0))
        .set_client_to_redis_tcp_settings(tcp());
    if let Some(username) = &settings.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(tls) = &settings.tls {
        builder = builder.set_client_to_redis_tls_mode(mode(tls));
        builder = builder.set_client_to_redis_certificates(certificates(tls));
    }
    if let Some(username) = &sentinels.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &sentinels.password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(tls) = &sentinels.tls {
        builder = builder.set_client_to_sentinel_certificates(certificates(tls));
    }
    builder.build()
}

fn address(host: String, port: u16, tls: Option<&RedisTls>) -> ConnectionAddr {
    match tls {
        Some(tls) => ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None },
        None => ConnectionAddr::Tcp(host, port),
    }
}

fn mode(tls: &RedisTls) -> TlsMode {
    if tls.insecure { TlsMode::Insecure } else { TlsMode::Secure }
}

/// Always with the authorities to trust: the client itself has others, which are never those that are meant.
fn certificates(tls: &RedisTls) -> TlsCertificates {
    let pair = tls.cert.clone().zip(tls.key.clone());
    let authorities = || trust::as_pem(&trust::of_machine());
    TlsCertificates {
        client_tls: pair.map(|(cert, key)| ClientTlsConfig {
            client_cert: cert.into_bytes(),
            client_key: key.into_bytes(),
        }),
        root_cert: Some(tls.ca.clone().unwrap_or_else(authorities).into_bytes()),
    }
}

/// Each script is answered before the next one is sent: waiting to fill a packet only delays it.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}
