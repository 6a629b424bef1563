//! Queues of RabbitMQ: declaring them, counting and reading their messages. An existing queue is never changed.

use std::sync::Arc;

use async_trait::async_trait;
use lapin::message::Delivery as LapinDelivery;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind};

use super::client::{REPLY_SUCCESS, amqp_error, close};
use super::collision::{BrokerAnswer, BrokerFailure};
use crate::acknowledger::Channel as _;
use crate::error::Result;
use crate::ports::arguments::{Argument, Arguments};
use crate::ports::broker::{Delivery, QueueReader, Receipt};

const NOT_FOUND: u16 = 404;

/// What the broker says of a queue; none where there is no such queue.
pub(super) async fn passive(connection: &Connection, queue: &str) -> BrokerAnswer<Option<lapin::Queue>> {
    let failed = BrokerFailure::of("Looking at the queue");
    // On a channel of its own: asking for a missing queue closes the channel.
    let channel = connection.create_channel().await.map_err(failed)?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(queue.into(), options, FieldTable::default()).await {
        Ok(found) => {
            channel.close(REPLY_SUCCESS, "seen".into()).await.map_err(failed)?;
            Ok(Some(found))
        }
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(answer) if answer.get_id() == NOT_FOUND => Ok(None),
            _ => Err(failed(error)),
        },
    }
}

/// Declares a queue unless it exists, with whatever arguments.
pub(super) async fn ensure(connection: &Connection, queue: &str, arguments: Arguments) -> BrokerAnswer<()> {
    if passive(connection, queue).await?.is_some() {
        return Ok(());
    }
    let failed = BrokerFailure::of("Declaring the queue");
    let channel = connection.create_channel().await.map_err(failed)?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, table(arguments)).await.map_err(failed)?;
    channel.close(REPLY_SUCCESS, "declared".into()).await.map_err(failed)
}

pub(super) fn table(arguments: Arguments) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Text(text) => AMQPValue::LongString(text.into()),
            Argument::Number(number) => AMQPValue::LongLongInt(number),
        };
        table.insert(name.into(), value);
    }
    table
}

/// Reads a queue, over a connection of its own.
pub(super) struct LapinReader {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
    pub(super) queue: Arc<str>,
}

#[async_trait]
impl QueueReader for LapinReader {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        let got = self.channel.basic_get((&*self.queue).into(), BasicGetOptions::default()).await;
        let got = got.map_err(|error| amqp_error("Reading the queue", &error))?;
        Ok(got.map(|message| {
            let receipt = Box::new(ReadingReceipt {
                channel: self.channel.clone(),
                tag: message.delivery.delivery_tag,
            });
            received(self.queue.clone(), message.delivery, receipt)
        }))
    }

    async fn close(self: Box<Self>) {
        close(&self.connection).await;
    }
}

pub(super) fn received(queue: Arc<str>, mut delivery: LapinDelivery, receipt: Box<dyn Receipt>) -> Delivery {
    let headers = delivery.properties.headers().iter().flat_map(|table| table.inner()).filter_map(text);
    Delivery {
        queue,
        headers: headers.collect(),
        priority: *delivery.properties.priority(),
        body: std::mem::take(&mut delivery.data),
        redelivered: delivery.redelivered,
        receipt,
    }
}

fn text((name, value): (&lapin::types::ShortString, &AMQPValue)) -> Option<(String, String)> {
    match value {
        AMQPValue::LongString(text) => {
            Some((name.to_string(), String::from_utf8_lossy(text.as_bytes()).into()))
        }
        _ => None,
    }
}

/// The receipt of a message that was read. Each is settled before the next one is read.
struct ReadingReceipt {
    channel: Channel,
    tag: u64,
}

#[async_trait]
impl Receipt for ReadingReceipt {
    async fn ack(self: Box<Self>) {
        // A lost connection is no error here: the message stays in the queue.
        if let Err(error) = self.channel.ack(self.tag, false).await {
            tracing::debug!(%error, "the broker did not get an acknowledgement");
        }
    }

    async fn requeue(self: Box<Self>) {
        if let Err(error) = self.channel.nack(self.tag).await {
            tracing::debug!(%error, "the broker did not get a negative acknowledgement");
        }
    }
}
