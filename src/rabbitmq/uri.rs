//! The addresses of RabbitMQ: one, or several of one cluster.

use std::fmt;
use std::str::FromStr;

use lapin::uri::{AMQPScheme, AMQPUri};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::ports::arguments::{QueueStyle, QueueType};

/// The connection options, as JavaScript normalised them.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmqpSettings {
    /// `amqp:` or `amqps:` URLs; more than one are nodes of one cluster, tried in turn.
    pub urls: Vec<String>,
    /// Certificate authorities to trust besides the machine's, PEM.
    #[serde(default)]
    pub ca: Option<String>,
    /// The client's certificate chain, PEM.
    #[serde(default)]
    pub cert: Option<String>,
    /// The client's private key, PEM (PKCS#8).
    #[serde(default)]
    pub key: Option<String>,
    /// Milliseconds the broker may take to answer a new connection and to log the engine in; default 5,000.
    #[serde(default)]
    pub connect_timeout: Option<u64>,
    /// The type of the queues that are declared; default the broker's.
    #[serde(default)]
    pub queue_type: Option<QueueType>,
    /// The greatest priority that queues of jobs tell apart; default none.
    #[serde(default)]
    pub max_priority: Option<u8>,
}

/// One parsed address.
#[derive(Clone)]
pub struct AmqpAddress(AMQPUri);

impl AmqpSettings {
    /// How queues are declared.
    pub fn style(&self) -> QueueStyle {
        QueueStyle { queue_type: self.queue_type, max_priority: self.max_priority }
    }

    /// Parses every URL.
    ///
    /// # Errors
    /// A URL is wrong. The error names its position: a URL may contain a password and is never quoted.
    pub fn addresses(&self) -> Result<Vec<AmqpAddress>> {
        let parse = |(index, url): (usize, &String)| {
            AMQPUri::from_str(url).map(AmqpAddress::new).map_err(|_| {
                let which =
                    if self.urls.len() == 1 { String::new() } else { format!(" number {}", index + 1) };
                Error::of_option("amqpConnection", format!("URL{which} is not an amqp: or amqps: URL"))
            })
        };
        self.urls.iter().enumerate().map(parse).collect()
    }
}

impl AmqpAddress {
    fn new(mut uri: AMQPUri) -> Self {
        // For amqplib `amqp://host/` means the default virtual host; in the AMQP URI draft it means the empty one.
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        uri.query.connection_timeout.get_or_insert(10_000);
        // A hanging worker gets jobs until the broker misses its heartbeats.
        uri.query.heartbeat.get_or_insert(5);
        Self(uri)
    }

    /// Whether connections to it are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme == AMQPScheme::AMQPS
    }

    /// The address as lapin takes it.
    pub fn uri(&self) -> AMQPUri {
        self.0.clone()
    }
}

impl fmt::Debug for AmqpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Host and port, never the login.
impl fmt::Display for AmqpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> AmqpSettings {
        AmqpSettings {
            urls: vec![url.into()],
            ca: None,
            cert: None,
            key: None,
            connect_timeout: None,
            queue_type: None,
            max_priority: None,
        }
    }

    #[test]
    fn a_trailing_slash_is_the_default_virtual_host_as_in_amqplib() {
        for url in ["amqp://h", "amqp://h/", "amqp://h/%2f"] {
            assert_eq!(settings(url).addresses().unwrap()[0].uri().vhost, "/", "{url}");
        }
    }

    #[test]
    fn neither_an_error_nor_an_address_shows_the_password() {
        let error = settings("amqp://u:hunter2@h:port").addresses().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let address = settings("amqp://u:hunter2@h:1").addresses().unwrap()[0].to_string();
        assert_eq!(address, "h:1");
    }
}
