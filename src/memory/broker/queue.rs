//! One queue: its ready messages, their order, and where a message goes when it expires.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use crate::ports::arguments::{Argument, Arguments, QueueType};

/// How long RabbitMQ waits until it tries again to move on a message that must not be lost, in milliseconds.
const RETRY: u64 = 180_000;

/// What a message says besides its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub headers: BTreeMap<String, String>,
    pub priority: Option<u8>,
}

/// A message in the broker.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// Its place: messages are numbered as they arrive, over all queues.
    pub number: u64,
    pub body: Vec<u8>,
    pub properties: Properties,
    /// It was delivered before, and not acknowledged.
    pub redelivered: bool,
    /// How often it was delivered from this queue.
    pub deliveries: u32,
    /// When it expires in this queue, if ever.
    pub expires: Option<u64>,
}

/// Where the messages of a queue go when they expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expiry {
    /// How long they stay, in milliseconds.
    pub after: u64,
    /// The queue they go to.
    pub target: String,
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Unique, even for two queues that have the same name one after the other.
    pub number: u64,
    pub kind: QueueType,
    pub expiry: Option<Expiry>,
    /// The connections that consume it, the one whose turn it is first.
    pub consumers: VecDeque<u64>,
    /// The greatest priority that it tells apart; 0 where it knows none.
    most: u8,
    /// By their places: those of greater priority first, and each kind in the order of its numbers.
    ready: BTreeMap<(Reverse<u8>, u64), Message>,
    /// Requeued messages of a quorum queue, which delivers them before all others.
    returned: VecDeque<Message>,
    /// Expired messages of a quorum queue whose target was missing, and when to try again.
    kept: VecDeque<(u64, Message)>,
}

impl Queue {
    /// Empty, as its arguments say.
    pub fn new(number: u64, arguments: &Arguments) -> Self {
        let kind = match text(arguments, "x-queue-type") {
            Some("quorum") => QueueType::Quorum,
            _ => QueueType::Classic,
        };
        let after = number_of(arguments, "x-message-ttl").and_then(|after| u64::try_from(after).ok());
        let most =
            number_of(arguments, "x-max-priority").and_then(|most| u8::try_from(most).ok()).unwrap_or(0);
        let target = text(arguments, "x-dead-letter-routing-key").map(str::to_owned);
        let expiry = after.zip(target).map(|(after, target)| Expiry { after, target });
        let (consumers, ready, returned, kept) = Default::default();
        Self { number, kind, expiry, consumers, most, ready, returned, kept }
    }

    /// How many messages are ready.
    pub fn waiting(&self) -> u32 {
        u32::try_from(self.ready.len() + self.returned.len()).unwrap_or(u32::MAX)
    }

    /// How many consumers there are.
    pub fn consuming(&self) -> u32 {
        u32::try_from(self.consumers.len()).unwrap_or(u32::MAX)
    }

    /// A message arrives, at the end.
    pub fn arrive(&mut self, message: Message) {
        self.ready.insert(self.place(&message), message);
    }

    /// Requeues a message that was delivered: into its old place, or before all that were never delivered.
    pub fn put_back(&mut self, mut message: Message) {
        message.redelivered = true;
        match self.kind {
            QueueType::Classic => drop(self.ready.insert(self.place(&message), message)),
            QueueType::Quorum => self.returned.push_back(message),
        }
    }

    fn place(&self, message: &Message) -> (Reverse<u8>, u64) {
        (Reverse(message.properties.priority.unwrap_or(0).min(self.most)), message.number)
    }

    /// The next message to be delivered, or to expire.
    pub fn head(&self) -> Option<&Message> {
        self.returned.front().or_else(|| self.ready.first_key_value().map(|(_, message)| message))
    }

    /// Takes the head.
    pub fn take(&mut self) -> Option<Message> {
        self.returned.pop_front().or_else(|| self.ready.pop_first().map(|(_, message)| message))
    }

    /// When the next message expires, and its number.
    pub fn next_expiry(&self) -> Option<(u64, u64)> {
        let kept = self.kept.front().map(|(at, message)| (*at, message.number));
        let head = self.head().and_then(|head| Some((head.expires?, head.number)));
        kept.into_iter().chain(head).min()
    }

    /// Takes the message that expires next.
    pub fn take_expired(&mut self) -> Option<Message> {
        match self.kept.front().map(|(at, message)| (*at, message.number)) {
            Some(kept) if Some(kept) == self.next_expiry() => {
                self.kept.pop_front().map(|(_, message)| message)
            }
            _ => self.take(),
        }
    }

    /// Keeps an expired message whose target is missing until the next attempt.
    pub fn keep(&mut self, message: Message, at: u64) {
        self.kept.push_back((at.saturating_add(RETRY), message));
    }

    /// The ready messages, in their order.
    pub fn ready(&self) -> impl Iterator<Item = &Message> {
        self.returned.iter().chain(self.ready.values())
    }
}

fn number_of(arguments: &Arguments, wanted: &str) -> Option<i64> {
    arguments.iter().find_map(|(name, argument)| match argument {
        Argument::Number(number) if *name == wanted => Some(*number),
        _ => None,
    })
}

fn text<'a>(arguments: &'a Arguments, wanted: &str) -> Option<&'a str> {
    arguments.iter().find_map(|(name, argument)| match argument {
        Argument::Text(text) if *name == wanted => Some(text.as_str()),
        _ => None,
    })
}
