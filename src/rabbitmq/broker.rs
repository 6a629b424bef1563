//! RabbitMQ over the engine's own connections (lapin): one to publish, one to consume.
//!
//! There are two because a broker that is short of memory or disk blocks every connection that publishes, and
//! acknowledgements must still get through.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::client::{CLOSE_TIMEOUT, amqp_error, close, connect_error};
use super::queues::{LapinReading, ensure, passive, received};
use super::uri::{AmqpAddress, AmqpSettings};
use crate::acknowledger::Acknowledger;
use crate::error::{Code, Error, Result};
use crate::ports::arguments::{self, QueueType};
use crate::ports::broker::{Broker, Delivery, Outgoing, Reading};
use crate::ports::platform::Platform;
use crate::trust;

const PERSISTENT: u8 = 2;
/// The name of the connection that publishes.
const PUBLISHER: &str = "publisher";
/// The largest frame of a connection that only publishes, in bytes. The client allocates 32 frames for each direction of a
/// connection: 8 MiB by the broker's default. A larger message takes several frames. Its headers must fit into one, so
/// a connection that consumes accepts the broker's own frame size.
const PUBLISHED_FRAME: u32 = 32 << 10;

/// RabbitMQ, by URL.
pub struct RabbitMq {
    addresses: Vec<AmqpAddress>,
    /// The client's certificate, and the authorities given beside the machine's.
    tls: OwnedTLSConfig,
    /// The same with the machine's, once they are needed.
    trusting: OnceLock<OwnedTLSConfig>,
    queue_type: Option<QueueType>,
    /// The address to try first: the node that answered last.
    next_address: AtomicUsize,
    /// The channel that publishes. It is opened when first needed, and again after it was lost.
    publisher: Mutex<Option<Publisher>>,
}

struct Publisher {
    connection: Arc<Connection>,
    channel: Channel,
    declared: HashSet<String>,
}

impl RabbitMq {
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
            queue_type: settings.queue_type,
            next_address: AtomicUsize::new(0),
            publisher: Mutex::new(None),
        })
    }

    /// Connects to the first node that answers, beginning with the one that answered last. None does: the error of the
    /// last one.
    async fn connect(&self, purpose: &str) -> Result<Connection> {
        let (first, nodes) = (self.next_address.load(Ordering::Relaxed), self.addresses.len());
        let mut failure =
            Error::new(Code::BrokerUnreachable, "Connecting to RabbitMQ", "there is no address");
        for index in (first..first + nodes).map(|index| index % nodes) {
            match self.connect_to(&self.addresses[index], purpose).await {
                Ok(connection) => {
                    self.next_address.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) => failure = error,
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
        Connection::connect_uri_with_config(uri, properties, tls, runtime)
            .await
            .map_err(|error| connect_error(address, &error))
    }

    /// The publishing channel, with the queues declared. No lock is held while it is used: publishes overlap.
    async fn publisher(&self, messages: &[Outgoing]) -> Result<Channel> {
        let mut slot = self.publisher.lock().await;
        let publisher = self.open_publisher(&mut slot).await?;
        match self.declare(publisher, messages).await {
            Ok(()) => Ok(publisher.channel.clone()),
            Err(error) => {
                *slot = None;
                Err(error)
            }
        }
    }

    async fn open_publisher<'a>(&self, slot: &'a mut Option<Publisher>) -> Result<&'a mut Publisher> {
        if slot.as_ref().is_none_or(|publisher| !publisher.channel.status().connected()) {
            *slot = None;
            let connection = self.connect(PUBLISHER).await?;
            let channel = connection.create_channel().await.map_err(publish_error)?;
            channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(publish_error)?;
            *slot = Some(Publisher { connection: Arc::new(connection), channel, declared: HashSet::new() });
        }
        slot.as_mut().ok_or_else(|| Error::new(Code::BrokerUnreachable, "Publishing", "there is no channel"))
    }

    async fn declare(&self, publisher: &mut Publisher, messages: &[Outgoing]) -> Result<()> {
        let Publisher { connection, channel, declared } = publisher;
        for message in messages {
            if declared.contains(message.first_queue().as_ref()) {
                continue;
            }
            for (queue, arguments) in message.queues(self.queue_type) {
                ensure(connection, channel, &queue, arguments).await?;
                declared.insert(queue);
            }
        }
        Ok(())
    }

    async fn forget_publisher(&self) {
        *self.publisher.lock().await = None;
    }
}

#[async_trait]
impl Broker for RabbitMq {
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()> {
        let channel = self.publisher(&messages).await?;
        let published = match messages.as_slice() {
            [message] => publish_one(&channel, message).await,
            messages => {
                let all = messages.iter().map(|message| publish_one(&channel, message));
                try_join_all(all).await.map(drop)
            }
        };
        if published.is_err() {
            // After any failure (connection lost, queue deleted) the next attempt opens a new channel.
            self.forget_publisher().await;
        }
        published
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        deliveries: mpsc::Sender<Delivery>,
        stop: CancellationToken,
    ) -> Result<()> {
        let connection = self.connect("consumer").await?;
        let channel = connection.create_channel().await.map_err(consume_error)?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(consume_error)?;
        ensure(&connection, &channel, queue, arguments::of_queue(self.queue_type)).await?;
        let mut consumer = channel
            .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
            .await
            .map_err(consume_error)?;
        info!(queue, prefetch, "consuming");
        let (from, acknowledger) =
            (Arc::<str>::from(queue), Acknowledger::of(channel.clone(), &Platform::default()));
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = consumer.next() => next,
            };
            match next {
                Some(Ok(delivery)) => {
                    let receipt = acknowledger.receipt(delivery.delivery_tag);
                    if deliveries.send(received(from.clone(), delivery, receipt)).await.is_err() {
                        break;
                    }
                }
                Some(Err(error)) => return Err(consume_error(error)),
                None => {
                    return Err(Error::new(
                        Code::BrokerUnreachable,
                        "Consuming",
                        "the broker cancelled the consumer",
                    ));
                }
            }
        }
        // The channel stays open until every delivery is settled and the broker knows it.
        channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await.map_err(consume_error)?;
        deliveries.closed().await;
        acknowledger.finish(CLOSE_TIMEOUT).await;
        close(&connection).await;
        Ok(())
    }

    async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        let connection = self.open_publisher(&mut *self.publisher.lock().await).await?.connection.clone();
        Ok(passive(&connection, queue).await?.map(|queue| queue.message_count()))
    }

    async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        let connection = self.open_publisher(&mut *self.publisher.lock().await).await?.connection.clone();
        Ok(passive(&connection, queue).await?.map(|queue| queue.consumer_count()))
    }

    async fn read(&self, queue: &str) -> Result<Option<Box<dyn Reading>>> {
        let connection = self.connect("reader").await?;
        if passive(&connection, queue).await?.is_none() {
            close(&connection).await;
            return Ok(None);
        }
        let channel = connection.create_channel().await.map_err(consume_error)?;
        Ok(Some(Box::new(LapinReading { connection, channel, queue: queue.into() })))
    }

    async fn close(&self) {
        // A broker that blocks publishers may delay the declaration, and with it everything that waits for the lock.
        if let Ok(mut slot) = tokio::time::timeout(CLOSE_TIMEOUT, self.publisher.lock()).await
            && let Some(publisher) = slot.take()
        {
            close(&publisher.connection).await;
        }
    }
}

async fn publish_one(channel: &Channel, message: &Outgoing) -> Result<()> {
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into());
    if !message.headers.is_empty() {
        let text = |(name, value): &(String, String)| {
            (name.as_str().into(), AMQPValue::LongString(value.as_str().into()))
        };
        let headers: BTreeMap<ShortString, AMQPValue> = message.headers.iter().map(text).collect();
        properties = properties.with_headers(headers.into());
    }
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let confirm = channel
        .basic_publish("".into(), (*message.first_queue()).into(), options, &message.body, properties)
        .await
        .map_err(publish_error)?
        .await
        .map_err(publish_error)?;
    if !confirm.is_ack() {
        return Err(Error::new(Code::BrokerUnreachable, "Publishing", "the broker did not take the message"));
    }
    match confirm.take_message() {
        Some(_) => {
            let what = format!("the queue '{}' does not exist", message.queue);
            Err(Error::new(Code::QueueMissing, "Publishing", what))
        }
        None => Ok(()),
    }
}

fn publish_error(error: lapin::Error) -> Error {
    amqp_error("Publishing", &error)
}

fn consume_error(error: lapin::Error) -> Error {
    amqp_error("Consuming", &error)
}
