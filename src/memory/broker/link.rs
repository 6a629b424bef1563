//! A connection to the memory broker, held by one client.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection::{Closed, Mail, Open, TaggedMessage};
use super::server::BrokerServer;
use super::state::State;
use crate::acknowledger::Channel;
use crate::error::{Code, Error, Result};
use crate::memory::faults::{self, ServerEvent};

/// A client that opens connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// Unique within the server.
    pub number: u64,
    pub name: Arc<str>,
}

/// A connection. Dropping the last reference closes it, as a process that dies closes its sockets.
#[derive(Debug)]
pub(super) struct Link {
    pub server: Arc<BrokerServer>,
    pub client: Client,
    number: u64,
    closed: CancellationToken,
}

impl Link {
    pub fn open(server: &Arc<BrokerServer>, client: &Client) -> Arc<Self> {
        let (number, closed) = server.with(|broker, _| broker.connect(client.number));
        Arc::new(Self { server: server.clone(), client: client.clone(), number, closed })
    }

    pub fn is_open(&self) -> bool {
        !self.closed.is_cancelled()
    }

    /// Returns when the connection is closed.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    pub fn close(&self) {
        self.server.with(|broker, _| broker.close(self.number));
    }

    /// Sends a request over the connection. If the connection is lost meanwhile, there is no answer.
    pub async fn ask<T>(
        &self,
        operation: &'static str,
        event: ServerEvent<'_>,
        act: impl FnOnce(&mut State, u64) -> Open<T>,
    ) -> Result<T> {
        let fault = self.server.faults.strike(&event);
        let effect = || self.with(operation, act);
        // A publish that fails was refused, or its confirm was lost. The connection stays open.
        let is_alone = matches!(event, ServerEvent::Publish { .. });
        let lost = || {
            if !is_alone {
                self.close();
            }
            lost(operation)
        };
        let asked = faults::under(fault, &self.server.clock, effect, lost);
        tokio::select! {
            biased;
            answer = asked => answer,
            () = self.closed() => Err(self::lost(operation)),
        }
    }

    fn with<T>(&self, operation: &'static str, act: impl FnOnce(&mut State, u64) -> Open<T>) -> Result<T> {
        if !self.is_open() {
            return Err(lost(operation));
        }
        self.server.with(act).map_err(|Closed| lost(operation))
    }

    pub fn consume(&self, queue: &str, prefetch: u16) -> Result<mpsc::UnboundedReceiver<Mail>> {
        let mailbox = self.with("Consuming", |broker, _| broker.consume(self.number, queue, prefetch))?;
        mailbox.ok_or_else(|| {
            Error::new(Code::QueueMissing, "Consuming", format!("the queue '{queue}' does not exist"))
        })
    }

    pub fn cancel(&self) -> Result<()> {
        self.with("Consuming", |broker, _| broker.cancel(self.number))
    }

    pub async fn get(&self, queue: &Arc<str>) -> Result<Option<TaggedMessage>> {
        let event = ServerEvent::Look { client: &self.client.name, queue };
        self.ask("Reading the queue", event, |broker, _| broker.get(self.number, queue)).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

impl Channel for Arc<Link> {
    async fn ack(&self, tag: u64, multiple: bool) -> Result<()> {
        let event = ServerEvent::Settle { client: &self.client.name, tag, requeue: false };
        self.ask("Acknowledging", event, |broker, _| broker.ack(self.number, tag, multiple)).await
    }

    async fn nack(&self, tag: u64) -> Result<()> {
        let event = ServerEvent::Settle { client: &self.client.name, tag, requeue: true };
        self.ask("Acknowledging", event, |broker, _| broker.nack(self.number, tag)).await
    }
}

pub(super) fn lost(operation: &'static str) -> Error {
    Error::new(Code::BrokerUnreachable, operation, "the connection was lost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::clock::MemoryClock;

    #[tokio::test(start_paused = true)]
    async fn who_settles_what_it_does_not_hold_loses_its_channel() {
        let server = Arc::new(BrokerServer::new(Arc::new(MemoryClock::starting_at(0)), Arc::default()));
        let link = Link::open(&server, &Client { number: 1, name: "one".into() });
        let queue: Arc<str> = "jobs".into();
        for body in ["a", "b", "c"] {
            server.with(|broker, now| {
                broker.declare(&queue, &Vec::new());
                broker.publish(&queue, Default::default(), body.into(), now)
            });
        }
        for tag in 1..=3 {
            assert_eq!(link.get(&queue).await.unwrap().unwrap().tag, tag);
        }
        link.ack(2, true).await.unwrap();
        assert!(link.is_open());
        assert!(link.ack(1, false).await.is_err());
        assert!(!link.is_open());
        let left = server.queue(&queue).unwrap();
        assert_eq!((left.ready.len(), left.held.len(), left.ready[0].redelivered), (1, 0, true));
    }
}
