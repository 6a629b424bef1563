//! The message broker, as the engine sees it.
//!
//! Three implementations exist: [`rabbitmq`](crate::rabbitmq), [`memory`](crate::memory), and one that drives a live amqplib
//! connection through JavaScript (`bridge/broker.rs`). The rest of the engine does not know which it has.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Result;

use super::arguments::{self, Arguments, QueueStyle};
use super::delay;

/// A message to publish: persistent, JSON, to a queue by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The queue. The broker declares it durable before the first message if it does not exist.
    pub queue: String,
    /// How long the message waits before it is in the queue: the time of one of the [`delay`] queues.
    pub delay: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
    /// Headers, all text.
    pub headers: Vec<(String, String)>,
    /// Its priority; none for the queue's least.
    pub priority: Option<u8>,
}

impl Outgoing {
    /// The queue it is put into first.
    pub fn first_queue(&self) -> Cow<'_, str> {
        self.delay.map_or(Cow::Borrowed(&self.queue), |delay| delay::queue_name(&self.queue, delay).into())
    }

    /// The queues it needs, and what they are declared with.
    pub fn queues(&self, style: QueueStyle) -> Vec<(String, Arguments)> {
        let target = (self.queue.clone(), arguments::of_queue(style));
        let on_the_way = self
            .delay
            .map(|delay| (self.first_queue().into_owned(), arguments::of_delay(style, &self.queue, delay)));
        std::iter::once(target).chain(on_the_way).collect()
    }
}

/// A message that arrived, to be settled exactly once.
pub struct Delivery {
    /// The queue it came from.
    pub queue: Arc<str>,
    /// The body.
    pub body: Vec<u8>,
    /// Headers that are text.
    pub headers: Vec<(String, String)>,
    /// Its priority, if it has one.
    pub priority: Option<u8>,
    /// The broker delivered it before and saw no acknowledgement.
    pub redelivered: bool,
    /// How to settle it.
    pub receipt: Box<dyn Receipt>,
}

/// Settles one delivery. A receipt whose connection is gone does nothing: the broker redelivers the message.
#[async_trait]
pub trait Receipt: Send + Sync {
    /// Acknowledges the message. The acknowledgement may leave later, but at the latest during an orderly stop.
    async fn ack(self: Box<Self>);
    /// Requeues the message.
    async fn requeue(self: Box<Self>);
    /// Whether settling it can do nothing any more: its channel is lost, and the broker delivers the message again.
    fn is_void(&self) -> bool {
        false
    }
}

/// Who consumes a queue.
#[derive(Clone)]
pub struct Subscriber {
    /// Where what is delivered goes.
    pub deliveries: mpsc::Sender<Delivery>,
    /// Called once the broker has the consumer.
    pub opened: Arc<dyn Fn() + Send + Sync>,
    /// Called once the broker delivers nothing more, while deliveries may still be unsettled.
    pub cancelled: Arc<dyn Fn() + Send + Sync>,
}

impl From<mpsc::Sender<Delivery>> for Subscriber {
    fn from(deliveries: mpsc::Sender<Delivery>) -> Self {
        Self { deliveries, opened: Arc::new(|| {}), cancelled: Arc::new(|| {}) }
    }
}

/// What the engine asks of a broker.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Publishes messages and waits until the broker has confirmed every one.
    ///
    /// # Errors
    /// Transient, if one was not confirmed. The broker may have taken any of them nevertheless.
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()>;

    /// Whether the broker said that it lets nobody publish for the moment: it is short of memory or disk.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Makes sure that a queue exists. One that does is taken as it is, whatever its arguments.
    ///
    /// # Errors
    /// Transient, if the broker is out of reach.
    async fn declare(&self, queue: &str) -> Result<()>;

    /// Consumes a queue for a subscriber until `stop`, with at most `prefetch` unsettled at a time. Returns when the broker has
    /// cancelled the consumer, and every delivery is settled or the subscriber is gone.
    ///
    /// # Errors
    /// Transient, if the consumer was lost and another may be opened. Otherwise retrying does not help.
    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        subscriber: Subscriber,
        stop: CancellationToken,
    ) -> Result<()>;

    /// How many messages wait in a queue, not counting those a consumer holds; none if there is no such queue.
    ///
    /// # Errors
    /// Transient, if the broker is out of reach.
    async fn waiting(&self, queue: &str) -> Result<Option<u32>>;

    /// How many consumers a queue has, whoever they are; none where there is no such queue.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach.
    async fn consumers(&self, queue: &str) -> Result<Option<u32>>;

    /// Opens a queue to look at its messages one by one, from the oldest; none if there is no such queue.
    ///
    /// # Errors
    /// Transient, if the broker is out of reach.
    async fn read(&self, queue: &str) -> Result<Option<Box<dyn QueueReader>>>;

    /// Closes the engine's own connections, and nothing that the user opened.
    async fn close(&self);
}

/// Reads a queue. What is not settled goes back to its place when the reading is closed.
#[async_trait]
pub trait QueueReader: Send {
    /// The next message; none at the end.
    ///
    /// # Errors
    /// Transient, if the connection was lost.
    async fn next(&mut self) -> Result<Option<Delivery>>;

    /// Puts back what was not settled.
    async fn close(self: Box<Self>);
}
