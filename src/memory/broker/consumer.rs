//! A consumer: it hands messages over, and stops when each of them is settled.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection::{Mail, TaggedMessage};
use super::link::{Link, lost};
use super::queue::{Message, Properties};
use crate::acknowledger::Acknowledger;
use crate::error::{Error, Result};
use crate::memory::faults::{Fault, ServerEvent};
use crate::ports::broker::{Delivery, Receipt};
use crate::ports::platform::Platform;

/// How long acknowledgements may take to leave when a consumer stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A consumer that is open.
pub(super) struct MemoryConsumer {
    queue: Arc<str>,
    acknowledger: Acknowledger,
    link: Arc<Link>,
    deliveries: mpsc::Sender<Delivery>,
}

impl MemoryConsumer {
    pub fn new(
        queue: &str,
        link: Arc<Link>,
        deliveries: mpsc::Sender<Delivery>,
        platform: &Platform,
    ) -> Self {
        let acknowledger = Acknowledger::of(link.clone(), platform);
        Self { queue: queue.into(), acknowledger, link, deliveries }
    }

    /// Hands a message over. Answers whether the consumer goes on.
    pub async fn hand_over(&self, arrival: TaggedMessage, stop: &CancellationToken) -> Result<bool> {
        let TaggedMessage { tag, message } = arrival;
        let event =
            ServerEvent::Deliver { client: &self.link.client.name, queue: &self.queue, body: &message.body };
        let fault = self.link.server.faults.strike(&event);
        match fault {
            Some(Fault::FailBefore) => return Err(self.lose()),
            Some(Fault::Delay(wait)) => tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(false),
                () = self.link.server.clock.sleep(wait) => {}
            },
            _ => {}
        }
        let delivery = delivery(&self.queue, message, self.acknowledger.receipt(tag));
        let taken = self.deliveries.send(delivery).await.is_ok();
        match fault {
            Some(Fault::FailAfter) => Err(self.lose()),
            _ => Ok(taken),
        }
    }

    /// Loses the connection and everything on its way over it.
    fn lose(&self) -> Error {
        self.link.close();
        lost("Consuming")
    }

    /// Keeps the connection open until every delivery is settled and the broker knows it.
    pub async fn stop(
        self,
        mut mailbox: mpsc::UnboundedReceiver<Mail>,
        cancelled: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<()> {
        self.link.cancel()?;
        // What was on its way goes back at once.
        while let Ok(Mail::Message(arrival)) = mailbox.try_recv() {
            self.acknowledger.receipt(arrival.tag).requeue().await;
        }
        cancelled();
        self.acknowledger.finish(self.deliveries.closed(), CLOSE_TIMEOUT).await;
        self.link.close();
        Ok(())
    }
}

pub(super) fn delivery(queue: &Arc<str>, message: Message, receipt: Box<dyn Receipt>) -> Delivery {
    let Message { body, properties: Properties { headers, priority }, redelivered, .. } = message;
    let headers = headers.into_iter().collect();
    Delivery { queue: queue.clone(), body, headers, priority, redelivered, receipt }
}
