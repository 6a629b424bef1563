//! The broker as data: queues, connections, and what each connection holds. No time passes here, and nobody waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection::{Closed, Connection, Consumer, Mail, Open, TaggedMessage, Unacknowledged};
use super::queue::{Message, Properties, Queue};
use crate::ports::arguments::Arguments;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<Arc<str>, Queue>,
    connections: BTreeMap<u64, Connection>,
    numbers: u64,
}

impl State {
    pub fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn connect(&mut self, client: u64) -> (u64, CancellationToken) {
        let (number, closed) = (self.next_number(), CancellationToken::new());
        let (held, consumer) = Default::default();
        self.connections
            .insert(number, Connection { client, closed: closed.clone(), tag: 0, held, consumer });
        (number, closed)
    }

    /// Closes the connections of a client, or all.
    pub fn cut(&mut self, client: Option<u64>) {
        let cut = |(number, connection): (&u64, &Connection)| {
            client.is_none_or(|client| client == connection.client).then_some(*number)
        };
        let numbers: Vec<u64> = self.connections.iter().filter_map(cut).collect();
        // All at once, as when a process dies: no message moves from one of them to another.
        let closed: Vec<Connection> = numbers
            .into_iter()
            .filter_map(|number| self.take_out(number, "the connection was lost"))
            .collect();
        self.put_back(closed.into_iter().flat_map(|connection| connection.held.into_values()).collect());
    }

    /// Closes a connection. Its messages go back to their queues, and its consumer is lost.
    pub fn close(&mut self, number: u64) {
        if let Some(connection) = self.take_out(number, "the connection was closed") {
            self.put_back(connection.held.into_values().collect());
        }
    }

    fn take_out(&mut self, number: u64, reason: &'static str) -> Option<Connection> {
        let mut connection = self.connections.remove(&number)?;
        connection.closed.cancel();
        if let Some(consumer) = connection.consumer.take() {
            self.forget_consumer(number, &consumer);
            let _ = consumer.mail.send(Mail::Lost(reason));
        }
        Some(connection)
    }

    fn put_back(&mut self, mut all: Vec<Unacknowledged>) {
        all.sort_by_key(|held| held.message.number);
        let mut touched: Vec<Arc<str>> = all.iter().map(|held| held.queue.clone()).collect();
        touched.sort();
        touched.dedup();
        for held in all {
            if let Some(queue) = self.queues.get_mut(&held.queue).filter(|queue| queue.number == held.number)
            {
                queue.put_back(held.message);
            }
        }
        touched.iter().for_each(|queue| self.dispatch(queue));
    }

    /// Declares a queue unless it exists.
    pub fn declare(&mut self, name: &str, arguments: &Arguments) {
        if !self.queues.contains_key(name) {
            let number = self.next_number();
            self.queues.insert(name.into(), Queue::new(number, arguments));
        }
    }

    /// Deletes a queue with its messages; its consumers are lost.
    pub fn delete(&mut self, name: &str) {
        for consumer in self.queues.remove(name).into_iter().flat_map(|queue| queue.consumers) {
            let connection = self.connections.get_mut(&consumer);
            if let Some(consumer) = connection.and_then(|connection| connection.consumer.take()) {
                let _ = consumer.mail.send(Mail::Lost("the broker cancelled the consumer"));
            }
        }
    }

    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.queues.keys()
    }

    /// What was delivered from any queue and is not settled.
    pub fn all_held(&self) -> impl Iterator<Item = &Message> {
        self.connections.values().flat_map(|connection| connection.held.values()).map(|held| &held.message)
    }

    /// What is ready in any queue.
    pub fn all_ready(&self) -> impl Iterator<Item = &Message> {
        self.queues.values().flat_map(Queue::ready)
    }

    /// What was delivered from a queue and is not settled.
    pub fn held(&self, queue: &str) -> impl Iterator<Item = &Message> {
        let number = self.queue(queue).map(|queue| queue.number);
        self.connections
            .values()
            .flat_map(|connection| connection.held.values())
            .filter(move |held| Some(held.number) == number)
            .map(|held| &held.message)
    }

    /// Whether there is such a queue to take the message.
    pub fn publish(&mut self, queue: &str, properties: Properties, body: Vec<u8>, at: u64) -> bool {
        let number = self.next_number();
        let (redelivered, deliveries, expires) = (false, 0, None);
        self.arrive(queue, Message { number, body, properties, redelivered, deliveries, expires }, at)
    }

    fn arrive(&mut self, name: &str, mut message: Message, at: u64) -> bool {
        let Some(queue) = self.queues.get_mut(name) else { return false };
        message.expires = queue.expiry.as_ref().map(|expiry| at.saturating_add(expiry.after));
        queue.arrive(message);
        self.dispatch(name);
        true
    }

    /// Starts the consumer of a connection; none if there is no such queue.
    pub fn consume(
        &mut self,
        connection: u64,
        name: &str,
        prefetch: u16,
    ) -> Open<Option<mpsc::UnboundedReceiver<Mail>>> {
        let own = self.connections.get_mut(&connection).ok_or(Closed)?;
        let Some(queue) = self.queues.get_mut(name) else { return Ok(None) };
        let (mail, mailbox) = mpsc::unbounded_channel();
        own.consumer = Some(Consumer { queue: name.into(), prefetch, mail });
        queue.consumers.push_back(connection);
        self.dispatch(name);
        Ok(Some(mailbox))
    }

    /// Ends the consumer of a connection. It keeps what it holds.
    pub fn cancel(&mut self, connection: u64) -> Open<()> {
        let consumer = self.connections.get_mut(&connection).ok_or(Closed)?.consumer.take();
        if let Some(consumer) = consumer {
            self.forget_consumer(connection, &consumer);
        }
        Ok(())
    }

    fn forget_consumer(&mut self, connection: u64, consumer: &Consumer) {
        if let Some(queue) = self.queues.get_mut(&consumer.queue) {
            queue.consumers.retain(|other| *other != connection);
        }
    }

    /// Takes the next message for a connection that asks; none at the end.
    pub fn get(&mut self, connection: u64, queue: &Arc<str>) -> Open<Option<TaggedMessage>> {
        let own = self.connections.get_mut(&connection).ok_or(Closed)?;
        let from = self.queues.get_mut(queue).ok_or(Closed)?;
        Ok(from.take().map(|message| own.deliver(queue, from.number, message)))
    }

    /// Takes the next message of a queue for good, as a client that acknowledges nothing does.
    pub fn take(&mut self, queue: &str) -> Option<Message> {
        self.queues.get_mut(queue)?.take()
    }

    /// Settles a delivery, or every one up to it. The broker closes the channel of a client that settles what it does not hold.
    pub fn ack(&mut self, connection: u64, tag: u64, multiple: bool) -> Open<()> {
        let own = self.connections.get_mut(&connection).ok_or(Closed)?;
        let mut settled = match own.held.remove(&tag) {
            Some(held) => vec![held],
            None => {
                self.close(connection);
                return Err(Closed);
            }
        };
        if multiple {
            let later = own.held.split_off(&tag);
            settled.extend(std::mem::replace(&mut own.held, later).into_values());
        }
        settled.iter().for_each(|held| self.dispatch(&held.queue));
        Ok(())
    }

    /// Puts a delivery back.
    pub fn nack(&mut self, connection: u64, tag: u64) -> Open<()> {
        let own = self.connections.get_mut(&connection).ok_or(Closed)?;
        let Some(held) = own.held.remove(&tag) else {
            self.close(connection);
            return Err(Closed);
        };
        self.put_back(vec![held]);
        Ok(())
    }

    /// Delivers ready messages to the consumers that have room, in turn.
    fn dispatch(&mut self, name: &str) {
        let Some(name) = self.queues.get_key_value(name).map(|(name, _)| name.clone()) else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        while queue.head().is_some() {
            let connections = &self.connections;
            let has_room = |number: &u64| connections.get(number).is_some_and(Connection::has_room);
            let Some(turn) = queue.consumers.iter().position(has_room) else { return };
            let Some(number) = queue.consumers.remove(turn) else { return };
            queue.consumers.push_back(number);
            let (Some(own), Some(message)) = (self.connections.get_mut(&number), queue.take()) else {
                return;
            };
            let arrival = own.deliver(&name, queue.number, message);
            if let Some(consumer) = &own.consumer {
                let _ = consumer.mail.send(Mail::Message(arrival));
            }
        }
    }
}
