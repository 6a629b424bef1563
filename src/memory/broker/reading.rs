//! Reads a queue, one message after the other.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::debug;

use super::consumer::delivery;
use super::link::Link;
use crate::acknowledger::Channel;
use crate::error::Result;
use crate::ports::broker::{Delivery, QueueReader, Receipt};

pub(super) struct MemoryReader {
    pub link: Arc<Link>,
    pub queue: Arc<str>,
}

#[async_trait]
impl QueueReader for MemoryReader {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        let arrival = self.link.get(&self.queue).await?;
        Ok(arrival.map(|arrival| {
            let receipt = Box::new(ReadingReceipt { link: self.link.clone(), tag: arrival.tag });
            delivery(&self.queue, arrival.message, receipt)
        }))
    }

    async fn close(self: Box<Self>) {
        self.link.close();
    }
}

/// The receipt of a message that was read. It is settled at once, before the next message.
struct ReadingReceipt {
    link: Arc<Link>,
    tag: u64,
}

#[async_trait]
impl Receipt for ReadingReceipt {
    async fn ack(self: Box<Self>) {
        if let Err(error) = self.link.ack(self.tag, false).await {
            debug!(%error, "the broker did not get an acknowledgement");
        }
    }

    async fn requeue(self: Box<Self>) {
        if let Err(error) = self.link.nack(self.tag).await {
            debug!(%error, "the broker did not get a negative acknowledgement");
        }
    }
}
