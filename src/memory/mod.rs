//! Servers in memory: what the engine asks of RabbitMQ and Redis, without either, on a clock that a test moves.
//!
//! A [`MemoryServer`] holds the queues and the keys; clients of it are made by [`MemoryServer::broker`] and
//! [`MemoryServer::coordination`]. Those who name one server share it, within the process ([`server`]); a simulation
//! makes its own ([`MemoryServer::starting_at`]). It starts no task and no thread, and nothing in it depends on chance.
//! What goes wrong on the way to it, or in it, is up to its [`Faults`]. Nothing is durable: it all ends with the process.
//!
//! The contract suites (`tests/contracts`) hold for these and for the real servers. What is not modelled, because
//! nothing in the engine depends on it:
//!
//! - **Limits**: the size of messages, frames, headers and names; how long a queue may be; how long RabbitMQ waits for an
//!   acknowledgement; the delivery limit of quorum queues, which is set too high to be reached.
//! - **What the engine never uses**: exchanges but the default one, transient messages, priorities, transactions, several
//!   channels of one connection, and headers that are not text (`x-death`, `x-delivery-count`).
//! - **Clusters**: a queue without its leader, partitions between servers, Redis losing its last writes in a failover.
//!   A simulation has their effects by cutting clients, by faults, and by [`MemoryServer::flush`].
//! - **A consumer that regains room** keeps its turn; RabbitMQ queues it behind those that had room all the time.
//! - **Time on the way**: what no fault delays takes no time at all.
//! - **Passwords, TLS, virtual hosts, key prefixes**: a name is all there is.

mod broker;
mod clock;
mod coordination;
mod faults;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use self::broker::BrokerServer;
use self::coordination::Keys;
use self::faults::FaultSlot;
use self::record::RecordStore;
use crate::error::Result;
use crate::ports::arguments::QueueType;
use crate::ports::platform::{Clock, Platform, SystemClock};
use crate::ports::record::Tables;

pub use self::broker::{MemoryBroker, MessageView, QueueView};
pub use self::clock::MemoryClock;
pub use self::coordination::MemoryStore;
pub use self::faults::{Event, Fault, Faults, Operation, RecordOperation};
pub use self::record::{MemoryDatabase, RunRow};

/// The servers that have a name.
static NAMED: Mutex<BTreeMap<String, Arc<MemoryServer>>> = Mutex::new(BTreeMap::new());

/// The server of that name, shared by all of this process.
pub fn server(name: &str) -> Arc<MemoryServer> {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    named.entry(name.to_owned()).or_insert_with(|| MemoryServer::starting_at(SystemClock.now())).clone()
}

/// Empties the server of that name, if there is one. Who is connected to it loses the connection, and finds it as new.
pub fn reset(name: &str) {
    let server = NAMED.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    if let Some(server) = server {
        server.reset();
    }
}

/// Everything that the engine needs of servers, in memory.
#[derive(Debug)]
pub struct MemoryServer {
    clock: Arc<MemoryClock>,
    faults: Arc<FaultSlot>,
    broker: Arc<BrokerServer>,
    keys: Keys,
    record: Arc<RecordStore>,
}

impl MemoryServer {
    /// An empty one that nobody else knows, whose clock shows `start`, in milliseconds since 1970.
    pub fn starting_at(start: u64) -> Arc<Self> {
        let (clock, faults) = (Arc::new(MemoryClock::starting_at(start)), Arc::<FaultSlot>::default());
        let broker = Arc::new(BrokerServer::new(clock.clone(), faults.clone()));
        Arc::new(Self { clock, faults, broker, keys: Keys::default(), record: Arc::default() })
    }

    /// The clock that delays and times to live go by.
    pub fn clock(&self) -> Arc<MemoryClock> {
        self.clock.clone()
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Option<Arc<dyn Faults>>) {
        self.faults.set(faults);
    }

    /// A client of the broker. Its tasks are those of `platform`; `queue_type` is the type of the queues it declares.
    pub fn broker(
        self: &Arc<Self>,
        client: &str,
        platform: Platform,
        queue_type: Option<QueueType>,
    ) -> MemoryBroker {
        MemoryBroker::new(self.broker.clone(), client, platform, queue_type)
    }

    /// A client of the coordination store.
    pub fn coordination(self: &Arc<Self>, client: &str) -> MemoryStore {
        MemoryStore::new(self.clone(), client)
    }

    /// A client of the database that holds the record.
    pub fn database(&self, client: &str) -> MemoryDatabase {
        MemoryDatabase::new(self.record.clone(), self.clock.clone(), self.faults.clone(), client)
    }

    /// Inserts a run as a client of the user's does: a context row, and a status row if it says one.
    ///
    /// # Errors
    /// The context is no JSON, or cannot be stored.
    pub fn insert(&self, tables: &Tables, run: &str, context: &str, status: Option<&str>) -> Result<()> {
        self.record.insert(tables, run, context, status, self.clock.now())
    }

    /// Removes a run's rows, as a client of the user's does.
    pub fn remove(&self, tables: &Tables, run: &str) {
        self.record.remove(tables, run);
    }

    /// What the tables say of a run.
    ///
    /// # Errors
    /// An entry of its journal cannot be read.
    pub fn row(&self, tables: &Tables, run: &str) -> Result<RunRow> {
        self.record.row(tables, run)
    }

    /// Every run that has a row, in the order of their ids.
    pub fn runs(&self, tables: &Tables) -> Vec<String> {
        self.record.runs(tables)
    }

    /// Whether publishes have to wait, as when RabbitMQ runs short of memory or disk.
    pub fn block_publishers(&self, block: bool) {
        self.broker.block_publishers(block);
    }

    /// Cuts all connections to the broker, as its restart does.
    pub fn cut_all(&self) {
        self.broker.cut_all();
    }

    /// Deletes a queue with its messages. Its consumers are lost.
    pub fn delete_queue(&self, queue: &str) {
        self.broker.delete_queue(queue);
    }

    /// The names of all queues, in the order of the alphabet.
    pub fn queues(&self) -> Vec<String> {
        self.broker.queues()
    }

    /// What is in a queue; none where there is no such queue.
    pub fn queue(&self, name: &str) -> Option<QueueView> {
        self.broker.queue(name)
    }

    /// Forgets every key of the coordination store.
    pub fn flush(&self) {
        self.keys.clear();
    }

    /// Makes it as it was when it was new: empty, without faults, its clock moved by nobody.
    pub fn reset(&self) {
        self.set_faults(None);
        self.broker.reset();
        self.flush();
        self.record.clear();
        self.clock.reset();
    }
}
