//! One client of the broker: its connection to publish, and how it opens others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::connection::Mail;
use super::consumer::MemoryConsumer;
use super::link::{Client, Link, lost};
use super::queue::{Properties, Queue};
use super::reading::MemoryReader;
use super::server::BrokerServer;
use crate::error::{Code, Error, Result};
use crate::memory::faults::{self, ServerEvent};
use crate::ports::arguments::{self, QueueStyle};
use crate::ports::broker::{Broker, Outgoing, QueueReader, Subscriber};
use crate::ports::platform::Platform;

/// A client of the memory broker: one connection to publish, one for each consumer and each reading.
#[derive(Debug)]
pub struct MemoryBroker {
    server: Arc<BrokerServer>,
    client: Client,
    platform: Platform,
    style: QueueStyle,
    reachable: AtomicBool,
    /// Opened when first needed and again after it was lost.
    publisher: Mutex<Option<Publisher>>,
}

#[derive(Debug, Clone)]
struct Publisher {
    link: Arc<Link>,
    declared: Arc<Mutex<BTreeSet<String>>>,
    /// It published while the broker was short of memory: the broker reads nothing from it until that is over.
    blocked: Arc<AtomicBool>,
}

impl MemoryBroker {
    pub(in crate::memory) fn new(
        server: Arc<BrokerServer>,
        name: &str,
        platform: Platform,
        style: QueueStyle,
    ) -> Self {
        let number = server.with(|broker, _| broker.next_number());
        let client = Client { number, name: name.into() };
        let (reachable, publisher) = (AtomicBool::new(true), Mutex::default());
        Self { server, client, platform, style, reachable, publisher }
    }

    /// Breaks this client's connections: their messages go back to the queues, their consumers are lost, and requests under way
    /// get no answer. The next use connects again.
    pub fn cut(&self) {
        self.server.with(|broker, _| broker.cut(Some(self.client.number)));
    }

    /// Whether this client reaches the broker. Where it does not, it has no connection and cannot open one.
    pub fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
        if !reachable {
            self.cut();
        }
    }

    async fn connect(&self, purpose: &'static str) -> Result<Arc<Link>> {
        const OPERATION: &str = "Connecting to the broker";
        let fault = self.server.faults.strike(&ServerEvent::Connect { client: &self.client.name, purpose });
        let open = || match self.reachable.load(Ordering::Relaxed) {
            true => Ok(Link::open(&self.server, &self.client)),
            false => Err(Error::new(Code::BrokerUnreachable, OPERATION, "the broker is out of reach")),
        };
        faults::under(fault, &self.server.clock, open, || lost(OPERATION)).await
    }

    async fn publisher(&self) -> Result<Publisher> {
        let open = self.publisher_slot(|slot| slot.clone().filter(|publisher| publisher.link.is_open()));
        if let Some(publisher) = open {
            return Ok(publisher);
        }
        let (link, declared, blocked) = (self.connect("publisher").await?, Arc::default(), Arc::default());
        let publisher = Publisher { link, declared, blocked };
        self.publisher_slot(|slot| *slot = Some(publisher.clone()));
        Ok(publisher)
    }

    fn publisher_slot<T>(&self, act: impl FnOnce(&mut Option<Publisher>) -> T) -> T {
        act(&mut self.publisher.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Publishes one message, and waits for its confirm.
    async fn publish_one(&self, publisher: &Publisher, message: Outgoing) -> Result<()> {
        const OPERATION: &str = "Publishing";
        publisher.declare(&message, self.style);
        publisher.unblocked(OPERATION, true).await?;
        let (first, target, delay) =
            (message.first_queue().into_owned(), message.queue.clone(), message.delay);
        let Outgoing { body, headers, priority, .. } = message;
        let properties = Properties { headers: headers.into_iter().collect(), priority };
        let event =
            ServerEvent::Publish { client: &self.client.name, queue: &target, delay, body: &body.clone() };
        let taken = publisher
            .link
            .ask(OPERATION, event, |broker, now| Ok(broker.publish(&first, properties, body, now)))
            .await?;
        match taken {
            true => Ok(()),
            false => {
                Err(Error::new(Code::QueueMissing, OPERATION, format!("the queue '{target}' does not exist")))
            }
        }
    }
}

impl Publisher {
    /// Makes sure, once for the connection, that the queues of a message exist.
    fn declare(&self, message: &Outgoing, style: QueueStyle) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if declared.contains(&*message.first_queue()) {
            return;
        }
        for (queue, arguments) in message.queues(style) {
            self.link.server.with(|broker, _| broker.declare(&queue, &arguments));
            declared.insert(queue);
        }
    }

    /// Waits until the broker reads what this connection says.
    async fn unblocked(&self, operation: &'static str, publishes: bool) -> Result<()> {
        if !self.link.server.is_alarmed() {
            self.blocked.store(false, Ordering::Relaxed);
            return Ok(());
        }
        if self.blocked.fetch_or(publishes, Ordering::Relaxed) || publishes {
            tokio::select! {
                biased;
                () = self.link.closed() => return Err(lost(operation)),
                () = self.link.server.unblocked() => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()> {
        let publisher = self.publisher().await?;
        let mut published = Ok(());
        // A message that fails does not affect the others.
        for message in messages {
            published = published.and(self.publish_one(&publisher, message).await);
        }
        if published.is_err() {
            // The next try starts from a new connection, and declares its queues again.
            self.publisher_slot(|slot| *slot = None);
        }
        published
    }

    fn is_blocked(&self) -> bool {
        self.server.is_alarmed()
    }

    async fn declare(&self, queue: &str) -> Result<()> {
        self.publisher().await?;
        self.server.with(|broker, _| broker.declare(queue, &arguments::of_queue(self.style)));
        Ok(())
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        Subscriber { deliveries, opened, cancelled }: Subscriber,
        stop: CancellationToken,
    ) -> Result<()> {
        let link = self.connect("consumer").await?;
        self.server.with(|broker, _| broker.declare(queue, &arguments::of_queue(self.style)));
        let mut mailbox = link.consume(queue, prefetch)?;
        opened();
        let consumer = MemoryConsumer::new(queue, link, deliveries, &self.platform);
        loop {
            let mail = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                mail = self.server.next(&mut mailbox) => mail,
            };
            match mail {
                Some(Mail::Message(arrival)) => {
                    if !consumer.hand_over(arrival, &stop).await? {
                        break;
                    }
                }
                Some(Mail::Lost(reason)) => {
                    return Err(Error::new(Code::BrokerUnreachable, "Consuming", reason));
                }
                None => return Err(lost("Consuming")),
            }
        }
        consumer.stop(mailbox, cancelled).await
    }

    async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        const OPERATION: &str = "Looking at the queue";
        let publisher = self.publisher().await?;
        publisher.unblocked(OPERATION, false).await?;
        let event = ServerEvent::Look { client: &self.client.name, queue };
        let waiting =
            publisher.link.ask(OPERATION, event, |broker, _| Ok(broker.queue(queue).map(Queue::waiting)));
        waiting.await
    }

    async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        const OPERATION: &str = "Looking at the queue";
        let publisher = self.publisher().await?;
        publisher.unblocked(OPERATION, false).await?;
        let event = ServerEvent::Look { client: &self.client.name, queue };
        let consumers =
            publisher.link.ask(OPERATION, event, |broker, _| Ok(broker.queue(queue).map(Queue::consuming)));
        consumers.await
    }

    async fn read(&self, queue: &str) -> Result<Option<Box<dyn QueueReader>>> {
        let link = self.connect("reader").await?;
        let exists = self.server.with(|broker, _| broker.queue(queue).is_some());
        Ok(exists.then(|| Box::new(MemoryReader { link, queue: queue.into() }) as Box<dyn QueueReader>))
    }

    async fn close(&self) {
        if let Some(publisher) = self.publisher_slot(Option::take) {
            publisher.link.close();
        }
    }
}
