//! The message broker, as the engine sees it.
//!
//! Two of them exist: [`rabbitmq`](crate::rabbitmq), a connection of our own, and one that drives a live amqplib connection
//! through JavaScript (`node::live_broker`). Nothing else in the engine knows which it is.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Result;

use super::arguments::{self, Arguments, QueueType};
use super::delay;

/// A message to publish: persistent, JSON, to a queue by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The queue; declared durable before the first message to it, where there is none.
    pub queue: String,
    /// How long the message waits before it is in the queue: one of the [`delay`] queues' times.
    pub delay: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
    /// Headers, all text.
    pub headers: Vec<(String, String)>,
}

impl Outgoing {
    /// The queue it is put into first.
    pub fn first_queue(&self) -> Cow<'_, str> {
        self.delay.map_or(Cow::Borrowed(&self.queue), |delay| delay::queue_name(&self.queue, delay).into())
    }

    /// The queues it needs, and what they are declared with.
    pub fn queues(&self, queue_type: Option<QueueType>) -> Vec<(String, Arguments)> {
        let target = (self.queue.clone(), arguments::of_queue(queue_type));
        let on_the_way = self.delay.map(|delay| {
            (self.first_queue().into_owned(), arguments::of_delay(queue_type, &self.queue, delay))
        });
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
    /// The broker delivered it before and saw no acknowledgement.
    pub redelivered: bool,
    /// How to settle it.
    pub receipt: Box<dyn Receipt>,
}

/// Settles one delivery. A receipt whose connection is gone does nothing: the broker delivers again.
#[async_trait]
pub trait Receipt: Send + Sync {
    /// The message is done with. Need not have left when this comes back; leaves before an orderly stop has ended.
    async fn ack(self: Box<Self>);
    /// The message goes back to the queue.
    async fn requeue(self: Box<Self>);
}

/// What the engine asks of a broker.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Publishes messages and waits until the broker has confirmed every one.
    ///
    /// # Errors
    /// Transient, when one was not confirmed; any of them may have been taken all the same.
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()>;

    /// Consumes a queue into `deliveries` until `stop`, at most `prefetch` unsettled at a time. Comes back when
    /// the broker has let go of the consumer.
    ///
    /// # Errors
    /// Transient, when the consumer was lost and another may be opened; else it will not come back by itself.
    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        deliveries: mpsc::Sender<Delivery>,
        stop: CancellationToken,
    ) -> Result<()>;

    /// How many messages wait in a queue, not counting those a consumer holds; none where there is no such queue.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach.
    async fn waiting(&self, queue: &str) -> Result<Option<u32>>;

    /// Opens a queue to look at its messages one by one, from the oldest; none where there is no such queue.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach.
    async fn read(&self, queue: &str) -> Result<Option<Box<dyn Reading>>>;

    /// Closes what was opened here, and nothing the user opened.
    async fn close(&self);
}

/// A queue being looked at. What is not settled goes back to its place when it is closed.
#[async_trait]
pub trait Reading: Send {
    /// The next message; none at the end.
    ///
    /// # Errors
    /// Transient, when the connection was lost.
    async fn next(&mut self) -> Result<Option<Delivery>>;

    /// Puts back what was not settled.
    async fn close(self: Box<Self>);
}
