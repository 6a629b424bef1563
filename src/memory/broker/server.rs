//! The broker of a memory server, as its clients share it. It has no task of its own: a client that waits for a message
//! moves the expired ones on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc;

use super::connection::Mail;
use super::queue::{Message, Properties};
use super::state::State;
use crate::memory::clock::MemoryClock;
use crate::memory::faults::FaultSlot;
use crate::ports::platform::Clock;
use crate::protocol::message::JobMessage;

/// Queues and connections of one server.
#[derive(Debug)]
pub(crate) struct BrokerServer {
    state: Mutex<Shared>,
    pub(super) clock: Arc<MemoryClock>,
    pub(super) faults: Arc<FaultSlot>,
    /// Notified when the moment of the next expiry changes.
    rescheduled: Notify,
    /// Notified when the alarm is over.
    unblocked: Notify,
}

#[derive(Debug, Default)]
struct Shared {
    broker: State,
    /// The broker is short of memory or disk and takes no publishes.
    alarm: bool,
}

/// A queue, as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    /// What is ready, in its order.
    pub ready: Vec<MessageView>,
    /// What was delivered and is not settled, by the order of arrival in the queue.
    pub held: Vec<MessageView>,
}

/// How much a broker has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Messages that were delivered, from any queue, and are not settled.
    pub held: usize,
    /// Messages that wait in the queues that were asked for.
    pub ready: usize,
}

/// A message, as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// The body.
    pub body: Vec<u8>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Its priority, if it has one.
    pub priority: Option<u8>,
    /// Whether it carries the redelivered mark.
    pub redelivered: bool,
    /// How often it was delivered.
    pub deliveries: u32,
    /// When its time in this queue is up, in milliseconds since 1970.
    pub expires: Option<u64>,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        let Message { body, properties, redelivered, deliveries, expires, .. } = message.clone();
        let Properties { headers, priority } = properties;
        Self { body, headers, priority, redelivered, deliveries, expires }
    }
}

impl BrokerServer {
    pub fn new(clock: Arc<MemoryClock>, faults: Arc<FaultSlot>) -> Self {
        let state = Mutex::default();
        Self { state, clock, faults, rescheduled: Notify::new(), unblocked: Notify::new() }
    }

    /// Acts on the broker after moving expired messages on.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State, u64) -> T) -> T {
        let (answer, before, after) = {
            let mut shared = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            let before = shared.broker.next_expiry();
            shared.broker.expire(now, &self.faults);
            let answer = act(&mut shared.broker, now);
            // The act may have made messages expire at once: a delay of zero, or a queue that now exists.
            shared.broker.expire(now, &self.faults);
            (answer, before, shared.broker.next_expiry())
        };
        if after != before {
            self.rescheduled.notify_waiters();
        }
        answer
    }

    /// The next mail of a consumer.
    pub(super) async fn next(&self, mailbox: &mut mpsc::UnboundedReceiver<Mail>) -> Option<Mail> {
        loop {
            let rescheduled = self.rescheduled.notified();
            // From here on, a change is not missed.
            tokio::pin!(rescheduled);
            rescheduled.as_mut().enable();
            let next = self.with(|broker, _| broker.next_expiry());
            tokio::select! {
                biased;
                mail = mailbox.recv() => return mail,
                () = rescheduled => {}
                () = self.clock.sleep_until(next.unwrap_or(u64::MAX)), if next.is_some() => {}
            }
        }
    }

    /// Whether publishes are to wait.
    pub fn block_publishers(&self, alarm: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).alarm = alarm;
        if !alarm {
            self.unblocked.notify_waiters();
        }
    }

    /// Waits until publishes are taken.
    pub(super) async fn unblocked(&self) {
        loop {
            let unblocked = self.unblocked.notified();
            tokio::pin!(unblocked);
            unblocked.as_mut().enable();
            if !self.is_alarmed() {
                return;
            }
            unblocked.await;
        }
    }

    pub(super) fn is_alarmed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).alarm
    }

    /// Cuts every client's connections.
    pub fn cut_all(&self) {
        self.with(|broker, _| broker.cut(None));
    }

    /// Makes sure that a queue exists.
    pub fn declare_queue(&self, queue: &str) {
        self.with(|broker, _| broker.declare(queue, &Vec::new()));
    }

    /// Puts a message into a queue; whether there is such a queue.
    pub fn publish(&self, queue: &str, headers: BTreeMap<String, String>, body: Vec<u8>) -> bool {
        let properties = Properties { headers, priority: None };
        self.with(|broker, now| broker.publish(queue, properties, body, now))
    }

    /// Takes the next message of a queue for good.
    pub fn take(&self, queue: &str) -> Option<MessageView> {
        self.with(|broker, _| broker.take(queue).map(|message| MessageView::from(&message)))
    }

    /// Deletes a queue with its messages.
    pub fn delete_queue(&self, queue: &str) {
        self.with(|broker, _| broker.delete(queue));
    }

    /// The names of the queues.
    pub fn queues(&self) -> Vec<String> {
        self.with(|broker, _| broker.names().map(|name| name.to_string()).collect())
    }

    /// When the next message is due that waits for its time, in milliseconds since 1970.
    pub fn next_due(&self) -> Option<u64> {
        self.with(|broker, _| broker.next_expiry())
    }

    /// What is held, and what waits in these queues: at one moment, so that a message that is just being delivered is in
    /// one of the two.
    pub fn load(&self, queues: &[String]) -> Load {
        self.with(|broker, _| {
            let ready = queues
                .iter()
                .filter_map(|queue| broker.queue(queue))
                .map(|queue| queue.ready().count())
                .sum();
            Load { held: broker.all_held().count(), ready }
        })
    }

    /// The runs that have a message, ready or held, in any queue.
    pub fn runs(&self) -> BTreeSet<String> {
        let run = |message: &Message| JobMessage::parse(&message.body).ok().map(|job| job.run_id);
        self.with(|broker, _| broker.all_held().chain(broker.all_ready()).filter_map(run).collect())
    }

    /// The messages of a queue; none if there is no such queue.
    pub fn queue(&self, name: &str) -> Option<QueueView> {
        self.with(|broker, _| {
            let ready = broker.queue(name)?.ready().map(MessageView::from).collect();
            let mut held: Vec<&Message> = broker.held(name).collect();
            held.sort_by_key(|message| message.number);
            Some(QueueView { ready, held: held.into_iter().map(MessageView::from).collect() })
        })
    }

    /// Nothing is left: no connection, no queue, no alarm.
    pub fn reset(&self) {
        self.cut_all();
        self.with(|broker, _| {
            let names: Vec<_> = broker.names().cloned().collect();
            names.iter().for_each(|name| broker.delete(name));
        });
        self.block_publishers(false);
    }
}
