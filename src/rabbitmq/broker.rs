//! RabbitMQ over the engine's own connections (lapin): one to publish, one to consume.
//!
//! There are two because a broker that is short of memory or disk blocks every connection that publishes, and
//! acknowledgements must still get through.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionStatus, Consumer};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::client::{CLOSE_TIMEOUT, amqp_error, close};
use super::cluster::{Cluster, PUBLISHER};
use super::collision::{Asked, BrokerAnswer, BrokerFailure};
use super::publishing::{Asking, publish_error, publish_many, publish_one};
use super::queues::{LapinReader, ensure, passive, received};
use super::uri::AmqpSettings;
use crate::acknowledger::Acknowledger;
use crate::error::{Code, Error, Result};
use crate::ports::arguments::{self, Arguments, QueueStyle, QueueType};
use crate::ports::broker::{Broker, Outgoing, QueueReader, Subscriber};
use crate::ports::platform::Platform;

/// How long a delivery may be on its way once its consumer is cancelled.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// What a consumer's errors say it was about.
const CONSUMING: &str = "Consuming";

/// RabbitMQ, by URL.
pub struct RabbitMq {
    pub(super) cluster: Cluster,
    style: QueueStyle,
    /// The channel that publishes. It is opened when first needed, and again after it was lost.
    publisher: Mutex<Option<Publisher>>,
    /// Somebody stopped waiting for an answer over that channel: nobody uses it again.
    is_suspect: AtomicBool,
    /// How the connection that publishes stands.
    status: std::sync::Mutex<Option<ConnectionStatus>>,
}

/// Queues, and what each is declared with.
type Queues = BTreeMap<String, Arguments>;

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
        Ok(Self {
            cluster: Cluster::new(settings)?,
            style: settings.style(),
            publisher: Mutex::new(None),
            is_suspect: AtomicBool::new(false),
            status: std::sync::Mutex::default(),
        })
    }

    fn asking(&self) -> Asking<'_> {
        Asking::over(&self.is_suspect)
    }

    /// What the broker says of a queue; none where there is no such queue.
    async fn look(&self, queue: &str) -> Result<Option<lapin::Queue>> {
        let mut asking = self.asking();
        let mut asked = Asked::default();
        let looked = loop {
            let looked = async { passive(&*self.publishing_connection().await?, queue).await }.await;
            if let Some(looked) = asked.settled(looked).await {
                break looked;
            }
        };
        asking.note_answer();
        looked
    }

    /// The connection that publishes.
    async fn publishing_connection(&self) -> Result<Arc<Connection>> {
        Ok(self.open_publisher(&mut *self.publisher.lock().await).await?.connection.clone())
    }

    /// Declares queues unless they exist, with whatever arguments. Quorum queues over a connection of its own, since the broker
    /// closes the one over which it fails.
    async fn ensure(&self, publishing: &Connection, queues: &Queues) -> Result<()> {
        if self.style.queue_type != Some(QueueType::Quorum) {
            return Ok(ensure_all(publishing, queues).await?);
        }
        let mut asked = Asked::default();
        loop {
            let connection = self.cluster.connect("declarer").await?;
            let ensured = ensure_all(&connection, queues).await;
            close(&connection).await;
            if let Some(ensured) = asked.settled(ensured).await {
                return ensured;
            }
        }
    }

    /// Opens a consumer, with a connection of its own.
    async fn open_consumer(&self, queue: &str, prefetch: u16) -> Result<(Connection, Channel, Consumer)> {
        let mut asked = Asked::default();
        loop {
            let connection = self.cluster.connect("consumer").await?;
            let opening = self.consumer_over(&connection, queue, prefetch);
            let silent = || Error::new(Code::BrokerUnreachable, CONSUMING, "the broker does not answer");
            let opened = tokio::time::timeout(self.cluster.connect_timeout, opening).await;
            if let Some(opened) = asked.settled(opened.unwrap_or_else(|_| Err(silent().into()))).await {
                return opened.map(|(channel, consumer)| (connection, channel, consumer));
            }
        }
    }

    async fn consumer_over(
        &self,
        connection: &Connection,
        queue: &str,
        prefetch: u16,
    ) -> BrokerAnswer<(Channel, Consumer)> {
        let failed = BrokerFailure::of(CONSUMING);
        ensure(connection, queue, arguments::of_queue(self.style)).await?;
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(failed)?;
        let options = BasicConsumeOptions::default();
        let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        Ok((channel.clone(), consuming.await.map_err(failed)?))
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
        let is_suspect = self.is_suspect.swap(false, Ordering::Relaxed);
        if is_suspect || slot.as_ref().is_none_or(|publisher| !publisher.channel.status().connected()) {
            *slot = None;
            let connection = self.cluster.connect(PUBLISHER).await?;
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.status().clone());
            let channel = connection.create_channel().await.map_err(publish_error)?;
            channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(publish_error)?;
            *slot = Some(Publisher { connection: Arc::new(connection), channel, declared: HashSet::new() });
        }
        slot.as_mut().ok_or_else(|| Error::new(Code::BrokerUnreachable, "Publishing", "there is no channel"))
    }

    async fn declare(&self, publisher: &mut Publisher, messages: &[Outgoing]) -> Result<()> {
        let is_declared = |message: &&Outgoing| publisher.declared.contains(message.first_queue().as_ref());
        let missing = messages.iter().filter(|message| !is_declared(message));
        let queues: Queues = missing.flat_map(|message| message.queues(self.style)).collect();
        if !queues.is_empty() {
            self.ensure(&publisher.connection, &queues).await?;
            publisher.declared.extend(queues.into_keys());
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
        let mut asking = self.asking();
        let channel = match self.publisher(&messages).await {
            Ok(channel) => channel,
            Err(error) => {
                asking.note_answer();
                return Err(error);
            }
        };
        let published = match messages.as_slice() {
            [message] => publish_one(&channel, message).await,
            messages => publish_many(&channel, messages).await,
        };
        asking.note_answer();
        if published.is_err() {
            // After any failure (connection lost, queue deleted) the next attempt opens a new channel.
            self.forget_publisher().await;
        }
        published
    }

    fn is_blocked(&self) -> bool {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.as_ref().is_some_and(|status| status.connected() && status.blocked())
    }

    async fn declare(&self, queue: &str) -> Result<()> {
        let arguments = arguments::of_queue(self.style);
        let connection = self.publishing_connection().await?;
        self.ensure(&connection, &Queues::from([(queue.to_owned(), arguments)])).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        Subscriber { deliveries, opened, cancelled: is_cancelled }: Subscriber,
        stop: CancellationToken,
    ) -> Result<()> {
        let (connection, channel, mut consumer) = self.open_consumer(queue, prefetch).await?;
        info!(queue, prefetch, "consuming");
        opened();
        let (from, acknowledger) =
            (Arc::<str>::from(queue), Acknowledger::of(channel.clone(), &Platform::default()));
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = consumer.next() => next,
            };
            match next {
                Some(Ok(delivery)) => {
                    let receipt = acknowledger.receipt(delivery.delivery_tag);
                    // Other queues may have all the slots: a queue that is paused meanwhile takes none.
                    let place = tokio::select! {
                        biased;
                        () = stop.cancelled() => None,
                        place = deliveries.reserve() => place.ok(),
                    };
                    let Some(place) = place else {
                        receipt.requeue().await;
                        break;
                    };
                    place.send(received(from.clone(), delivery, receipt));
                }
                Some(Err(error)) => return Err(consume_error(error)),
                None => {
                    return Err(Error::new(
                        Code::BrokerUnreachable,
                        CONSUMING,
                        "the broker cancelled the consumer",
                    ));
                }
            }
        }
        // The channel stays open until every delivery is settled and the broker knows it.
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        if let Ok(cancelled) = tokio::time::timeout(CLOSE_TIMEOUT, cancelled).await {
            cancelled.map_err(consume_error)?;
            // What was on its way goes back at once: the channel may stay open for as long as a node is executed.
            while let Ok(Some(Ok(delivery))) = tokio::time::timeout(ON_ITS_WAY, consumer.next()).await {
                acknowledger.receipt(delivery.delivery_tag).requeue().await;
            }
        }
        is_cancelled();
        acknowledger.finish(deliveries.closed(), CLOSE_TIMEOUT).await;
        close(&connection).await;
        Ok(())
    }

    async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        Ok(self.look(queue).await?.map(|queue| queue.message_count()))
    }

    async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        Ok(self.look(queue).await?.map(|queue| queue.consumer_count()))
    }

    async fn read(&self, queue: &str) -> Result<Option<Box<dyn QueueReader>>> {
        let connection = self.cluster.connect("reader").await?;
        if passive(&connection, queue).await?.is_none() {
            close(&connection).await;
            return Ok(None);
        }
        let channel = connection.create_channel().await.map_err(consume_error)?;
        Ok(Some(Box::new(LapinReader { connection, channel, queue: queue.into() })))
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

async fn ensure_all(connection: &Connection, queues: &Queues) -> BrokerAnswer<()> {
    for (queue, arguments) in queues {
        ensure(connection, queue, arguments.clone()).await?;
    }
    Ok(())
}

fn consume_error(error: lapin::Error) -> Error {
    amqp_error(CONSUMING, &error)
}
