//! A broker that answers in time, or counts as silent.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::answering::Answering;
use super::watch::{Watch, WatchedServer};
use crate::error::{Code, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::broker::{Broker, Delivery, Outgoing, QueueReader, Subscriber};
use crate::ports::host::Host;

const SERVER: WatchedServer = WatchedServer {
    name: "RabbitMQ",
    operation: "Talking to RabbitMQ",
    option: "publishTimeout",
    code: Code::BrokerUnreachable,
    grace: Duration::ZERO,
    consequence: "what was not confirmed is published again over another one",
};
const HELD_UP: &str = "it lets nobody publish, because it is short of memory or disk; the worker waits until it does. \
                       `rabbitmqctl list_alarms`, or the log of RabbitMQ, says which";

/// A broker with deadlines. Consuming has none: the heartbeats of its connection watch over it.
pub struct PunctualBroker {
    broker: Arc<dyn Broker>,
    limit: Duration,
    watch: Arc<Watch>,
}

impl PunctualBroker {
    /// Whatever is asked of this broker has that limit.
    pub fn new(broker: Arc<dyn Broker>, limit: Duration, host: Arc<dyn Host>) -> Self {
        Self { broker, limit, watch: Arc::new(Watch::new(SERVER, Some(host))) }
    }

    /// What is known of it.
    pub fn answering(&self) -> Arc<Answering> {
        self.watch.answering.clone()
    }
}

#[async_trait]
impl Broker for PunctualBroker {
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()> {
        let mut publishing = pin!(self.broker.publish(messages));
        if makes(Mutant::WaitsForEver) {
            return publishing.await;
        }
        loop {
            match tokio::time::timeout(self.limit, publishing.as_mut()).await {
                Ok(answer) => return self.watch.heard(answer),
                // It is not silent: it said that it will go on, and took the message perhaps.
                Err(_) if self.broker.is_blocked() => self.watch.held_up(HELD_UP),
                Err(_) => return Err(self.watch.silence(self.limit)),
            }
        }
    }

    fn is_blocked(&self) -> bool {
        self.broker.is_blocked()
    }

    async fn declare(&self, queue: &str) -> Result<()> {
        self.watch.answer(self.limit, self.broker.declare(queue)).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        subscriber: Subscriber,
        stop: CancellationToken,
    ) -> Result<()> {
        self.broker.consume(queue, prefetch, subscriber, stop).await
    }

    async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        self.watch.answer(self.limit, self.broker.waiting(queue)).await
    }

    async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        self.watch.answer(self.limit, self.broker.consumers(queue)).await
    }

    async fn read(&self, queue: &str) -> Result<Option<Box<dyn QueueReader>>> {
        let opened = self.watch.answer(self.limit, self.broker.read(queue)).await?;
        let punctual = |reading| PunctualReading { reading, limit: self.limit, watch: self.watch.clone() };
        Ok(opened.map(|reading| Box::new(punctual(reading)) as Box<dyn QueueReader>))
    }

    async fn close(&self) {
        let _ = tokio::time::timeout(self.limit, self.broker.close()).await;
    }
}

struct PunctualReading {
    reading: Box<dyn QueueReader>,
    limit: Duration,
    watch: Arc<Watch>,
}

#[async_trait]
impl QueueReader for PunctualReading {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        self.watch.answer(self.limit, self.reading.next()).await
    }

    async fn close(self: Box<Self>) {
        let _ = tokio::time::timeout(self.limit, self.reading.close()).await;
    }
}
