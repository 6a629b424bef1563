//! Publishing over an open channel, and what is known of a connection that does not answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join_all;
use lapin::options::BasicPublishOptions;

use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Channel, PublisherConfirm};

use super::client::amqp_error;
use super::collision::{Asked, BrokerAnswer, BrokerFailure};
use crate::error::{Code, Error, Result};
use crate::ports::broker::Outgoing;

const PERSISTENT: u8 = 2;
/// How many messages are sent before the next ones are.
const AT_A_TIME: usize = 256;
/// What its errors say it was about.
const PUBLISHING: &str = "Publishing";

/// Asks over the connection that publishes. Whoever stops waiting for the answer leaves it behind: nobody uses it again.
pub(super) struct Asking<'a> {
    is_suspect: &'a AtomicBool,
    is_answered: bool,
}

impl<'a> Asking<'a> {
    /// Asks over a connection that is suspect once this is said.
    pub fn over(is_suspect: &'a AtomicBool) -> Self {
        Self { is_suspect, is_answered: false }
    }

    /// An answer came, a good one or not.
    pub fn note_answer(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.is_suspect.store(true, Ordering::Relaxed);
        }
    }
}

/// Publishes a message, and waits until the broker has confirmed it.
pub(super) async fn publish_one(channel: &Channel, message: &Outgoing) -> Result<()> {
    let mut asked = Asked::default();
    loop {
        let taken = offer(channel, message).await;
        if let Some(taken) = asked.settled(taken).await {
            return taken;
        }
    }
}

/// Publishes messages, and waits until the broker has confirmed each.
///
/// They are sent a batch at a time, and the confirms are awaited once all are sent. Thousands that are sent at once, each with a
/// future that waits for its confirm, take longer.
pub(super) async fn publish_many(channel: &Channel, messages: &[Outgoing]) -> Result<()> {
    let mut sent = Vec::with_capacity(messages.len());
    for batch in messages.chunks(AT_A_TIME) {
        sent.extend(try_join_all(batch.iter().map(|message| send(channel, message))).await?);
    }
    let mut refused = Vec::new();
    for (confirm, message) in sent.into_iter().zip(messages) {
        match taken(confirm, message).await {
            Err(BrokerFailure::Collision(_)) => refused.push(message),
            answer => answer?,
        }
    }
    try_join_all(refused.into_iter().map(|message| publish_one(channel, message))).await.map(drop)
}

async fn offer(channel: &Channel, message: &Outgoing) -> BrokerAnswer<()> {
    taken(send(channel, message).await?, message).await
}

/// Sends a message. Resolves when it is written.
async fn send(channel: &Channel, message: &Outgoing) -> Result<PublisherConfirm> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let queue = (*message.first_queue()).into();
    let sent = channel.basic_publish("".into(), queue, options, &message.body, properties(message)).await;
    sent.map_err(publish_error)
}

/// Waits for what the broker says of a message that was sent.
async fn taken(confirm: PublisherConfirm, message: &Outgoing) -> BrokerAnswer<()> {
    let confirm = confirm.await.map_err(publish_error)?;
    if !confirm.is_ack() {
        // Nobody has it: it may be offered again over the same channel.
        let what = "the broker did not take the message";
        return Err(BrokerFailure::Collision(Error::new(Code::BrokerUnreachable, PUBLISHING, what)));
    }
    match confirm.take_message() {
        Some(_) => {
            let what = format!("the queue '{}' does not exist", message.queue);
            Err(Error::new(Code::QueueMissing, PUBLISHING, what).into())
        }
        None => Ok(()),
    }
}

fn properties(message: &Outgoing) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into());
    let properties = match message.priority {
        Some(priority) => properties.with_priority(priority),
        None => properties,
    };
    if message.headers.is_empty() {
        return properties;
    }
    let text = |(name, value): &(String, String)| {
        (name.as_str().into(), AMQPValue::LongString(value.as_str().into()))
    };
    let headers: BTreeMap<ShortString, AMQPValue> = message.headers.iter().map(text).collect();
    properties.with_headers(headers.into())
}

pub(super) fn publish_error(error: lapin::Error) -> Error {
    amqp_error(PUBLISHING, &error)
}
