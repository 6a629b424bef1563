//! The nodes of a RabbitMQ cluster, and how one of them is connected to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::{Connection, ConnectionProperties};

use super::client::{connect_error, no_answer};
use super::uri::{AmqpAddress, AmqpSettings};
use crate::error::{Code, Error, Result};
use crate::trust;

/// The name of the connection that publishes.
pub const PUBLISHER: &str = "publisher";
/// The largest frame of a connection that only publishes, in bytes. The client allocates 32 frames for each direction of a
/// connection: 8 MiB by the broker's default. A larger message takes several frames. Its headers must fit into one, so
/// a connection that consumes accepts the broker's own frame size.
const PUBLISHED_FRAME: u32 = 32 << 10;
/// How long a host may take to answer a new connection, where the settings do not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The nodes, by their addresses.
pub struct Cluster {
    addresses: Vec<AmqpAddress>,
    /// The client's certificate, and the authorities given beside the machine's.
    tls: OwnedTLSConfig,
    /// The same with the machine's, once they are needed.
    trusting: OnceLock<OwnedTLSConfig>,
    /// The address to try first: the node that answered last.
    next_address: AtomicUsize,
    /// How long a host may take to answer a new connection, and to open what is asked for over it.
    pub connect_timeout: Duration,
}

impl Cluster {
    /// Opens no connection.
    ///
    /// # Errors
    /// A URL that cannot be parsed.
    pub fn new(settings: &AmqpSettings) -> Result<Self> {
        let identity = settings.cert.clone().zip(settings.key.clone());
        let tls = OwnedTLSConfig {
            identity: identity
                .map(|(cert, key)| OwnedIdentity::PKCS8 { pem: cert.into_bytes(), key: key.into_bytes() }),
            cert_chain: settings.ca.clone(),
        };
        Ok(Self {
            addresses: settings.addresses()?,
            tls,
            trusting: OnceLock::new(),
            next_address: AtomicUsize::new(0),
            connect_timeout: settings.connect_timeout.map_or(CONNECT_TIMEOUT, Duration::from_millis),
        })
    }

    /// Connects to the first node that answers, beginning with the one that answered last. None does: the error of the
    /// last one.
    pub async fn connect(&self, purpose: &str) -> Result<Connection> {
        let (first, nodes) = (self.next_address.load(Ordering::Relaxed), self.addresses.len());
        let mut failure =
            Error::new(Code::BrokerUnreachable, "Connecting to RabbitMQ", "there is no address");
        for index in (first..first + nodes).map(|index| index % nodes) {
            let address = &self.addresses[index];
            let connecting = self.connect_to(address, purpose);
            match tokio::time::timeout(self.connect_timeout, connecting).await {
                Ok(Ok(connection)) => {
                    self.next_address.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = no_answer(address, self.connect_timeout),
            }
        }
        Err(failure)
    }

    /// The client itself trusts nobody, and so it needs no store of the system's to be there.
    fn trusting(&self) -> &OwnedTLSConfig {
        self.trusting.get_or_init(|| {
            let mut authorities = self.tls.cert_chain.clone().unwrap_or_default();
            authorities.push_str(&trust::as_pem(&trust::of_machine()));
            OwnedTLSConfig { cert_chain: Some(authorities), ..self.tls.clone() }
        })
    }

    async fn connect_to(&self, address: &AmqpAddress, purpose: &str) -> Result<Connection> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("flowcraft {purpose}").as_str().into());
        let runtime = lapin::runtime::default_runtime().map_err(|error| connect_error(address, &error))?;
        let mut uri = address.uri();
        if purpose == PUBLISHER {
            uri.query.frame_max.get_or_insert(PUBLISHED_FRAME);
        }
        let tls = if address.is_encrypted() { self.trusting().clone() } else { OwnedTLSConfig::default() };
        let connected = Connection::connect_uri_with_config(uri, properties, tls, runtime).await;
        connected.map_err(|error| connect_error(address, &error))
    }
}
