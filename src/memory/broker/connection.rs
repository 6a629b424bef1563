//! A connection to the broker as data: what it holds, and its consumer.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::queue::Message;

/// The connection is closed.
#[derive(Debug)]
pub(super) struct Closed;

/// What is done over a connection that may be closed.
pub(super) type Open<T> = Result<T, Closed>;

/// A message as a client gets it.
#[derive(Debug)]
pub(super) struct TaggedMessage {
    pub tag: u64,
    pub message: Message,
}

/// A message or a notice for a consumer.
#[derive(Debug)]
pub(super) enum Mail {
    Message(TaggedMessage),
    /// Why the consumer is gone.
    Lost(&'static str),
}

/// A connection, with its one channel.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its client.
    pub client: u64,
    pub closed: CancellationToken,
    /// Deliveries so far.
    pub tag: u64,
    /// Delivered and not settled, by tag.
    pub held: BTreeMap<u64, Unacknowledged>,
    pub consumer: Option<Consumer>,
}

#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub queue: Arc<str>,
    /// Which of the queues that had the name.
    pub number: u64,
    pub message: Message,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub queue: Arc<str>,
    /// Held at most; 0 is any number.
    pub prefetch: u16,
    pub mail: mpsc::UnboundedSender<Mail>,
}

impl Connection {
    pub fn has_room(&self) -> bool {
        let room =
            |consumer: &Consumer| consumer.prefetch == 0 || self.held.len() < usize::from(consumer.prefetch);
        self.consumer.as_ref().is_some_and(room)
    }

    pub fn deliver(&mut self, queue: &Arc<str>, number: u64, mut message: Message) -> TaggedMessage {
        message.deliveries += 1;
        self.tag += 1;
        let held = Unacknowledged { queue: queue.clone(), number, message: message.clone() };
        self.held.insert(self.tag, held);
        TaggedMessage { tag: self.tag, message }
    }
}
