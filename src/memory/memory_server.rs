//! One server in memory: a clock, a broker, a coordination store and a record, and the faults of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::broker::{BrokerServer, Load, MemoryBroker, MessageView, QueueView};
use super::clock::MemoryClock;
use super::coordination::{CoordinationServer, MemoryStore};
use super::faults::{FaultSlot, Faults};
use super::keys::Keys;
use super::listeners::Listeners;
use super::outages::{Outages, Server};
use super::record::{GivenRun, MemoryDatabase, RecordStore, RunRow};
use crate::error::Result;
use crate::ports::arguments::QueueStyle;
use crate::ports::platform::{Clock, Platform};
use crate::ports::record::Tables;
use crate::time::milliseconds;

/// Everything that the engine needs of servers, in memory.
#[derive(Debug)]
pub struct MemoryServer {
    clock: Arc<MemoryClock>,
    faults: Arc<FaultSlot>,
    broker: Arc<BrokerServer>,
    keys: Arc<Keys>,
    listeners: Arc<Listeners>,
    record: Arc<RecordStore>,
    outages: Arc<Outages>,
}

/// A run that goes on although no message of it is anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRun {
    /// The run.
    pub run: String,
    /// Microseconds since 1970.
    pub updated_at: i64,
}

impl MemoryServer {
    /// A new server without a name, whose clock shows `start`, in milliseconds since 1970.
    pub fn starting_at(start: u64) -> Arc<Self> {
        let (clock, faults) = (Arc::new(MemoryClock::starting_at(start)), Arc::<FaultSlot>::default());
        let broker = Arc::new(BrokerServer::new(clock.clone(), faults.clone()));
        let (keys, record, outages) = Default::default();
        Arc::new(Self { clock, faults, broker, keys, listeners: Arc::default(), record, outages })
    }

    /// The clock that delays and times to live go by.
    pub fn clock(&self) -> Arc<MemoryClock> {
        self.clock.clone()
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Option<Arc<dyn Faults>>) {
        self.faults.set(faults);
    }

    /// Puts a server out of reach, or back. Replaces other faults.
    pub fn set_outage(&self, server: Server, is_out: bool) {
        self.outages.set(server, is_out);
        self.faults.set(Some(self.outages.clone()));
        if is_out && server == Server::Broker {
            self.cut_all();
        }
    }

    /// Moves the clock ahead, in a time in which every worker that lives renews what it holds.
    pub fn elapse(&self, by: Duration) {
        self.keys.renew_all(milliseconds(by));
        self.clock.advance(by);
    }

    /// Has run out what a worker that died held.
    pub fn run_out(&self, worker: &str) {
        self.keys.run_out(worker);
    }

    /// When the next message is due that waits for its time, in milliseconds since 1970.
    pub fn next_due(&self) -> Option<u64> {
        self.broker.next_due()
    }

    /// What is held, and what waits in these queues, at one moment.
    pub fn load(&self, queues: &[String]) -> Load {
        self.broker.load(queues)
    }

    /// The runs that go on although no message of theirs is anywhere: recovery publishes one when it is time.
    pub fn lost(&self, tables: &Tables) -> Vec<LostRun> {
        let running = self.record.running(tables);
        if running.is_empty() {
            return Vec::new();
        }
        let looked_after = self.broker.runs();
        let lost = |(run, updated_at): (String, i64)| {
            (!looked_after.contains(&run)).then_some(LostRun { run, updated_at })
        };
        running.into_iter().filter_map(lost).collect()
    }

    /// A client of the broker. Its tasks are those of `platform`; `style` says how it declares queues.
    pub fn broker(
        self: &Arc<Self>,
        client: &str,
        platform: Platform,
        style: impl Into<QueueStyle>,
    ) -> MemoryBroker {
        MemoryBroker::new(self.broker.clone(), client, platform, style.into())
    }

    /// A client of the coordination store.
    pub fn coordination(self: &Arc<Self>, client: &str) -> MemoryStore {
        let server = CoordinationServer {
            keys: self.keys.clone(),
            listeners: self.listeners.clone(),
            clock: self.clock.clone(),
            faults: self.faults.clone(),
        };
        MemoryStore::new(server, client)
    }

    /// A client of the database that holds the record.
    pub fn database(&self, client: &str) -> MemoryDatabase {
        MemoryDatabase::new(self.record.clone(), self.clock.clone(), self.faults.clone(), client)
    }

    /// Inserts a run as a client of the user's does: a context row, and a status row if `status` is given.
    ///
    /// # Errors
    /// The context is no JSON, or cannot be stored.
    pub fn insert(&self, tables: &Tables, run: &str, context: &str, status: Option<&str>) -> Result<()> {
        self.record.insert(tables, GivenRun { run, context, status }, self.clock.now())
    }

    /// Writes a run's status row anew, as a client of the user's does.
    pub fn set_status(&self, tables: &Tables, run: &str, status: &str) {
        self.record.set_status(tables, run, status, self.clock.now());
    }

    /// Removes a run's rows, as a client of the user's does.
    pub fn remove(&self, tables: &Tables, run: &str) {
        self.record.remove(tables, run);
    }

    /// Locks the rows of a run, as a transaction of somebody else's does, or lets them go.
    pub fn lock_rows(&self, run: &str, is_locked: bool) {
        self.record.lock(run, is_locked);
    }

    /// The rows of a run.
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

    /// Makes the table of schedules, as a migration does.
    pub fn make_schedules(&self, tables: &Tables) {
        self.record.with(tables, |state| {
            state.contexts.schedules.get_or_insert_default();
        });
    }

    /// Makes the table of what is paused, as a migration does.
    pub fn make_paused(&self, tables: &Tables) {
        self.record.with(tables, |state| {
            state.contexts.paused.get_or_insert_default();
        });
    }

    /// The schedules, each with the moment at which somebody has to look at it: milliseconds since 1970.
    pub fn scheduled(&self, tables: &Tables) -> Vec<(String, u64)> {
        self.record.with(tables, |state| {
            let schedules = state.contexts.schedules.iter().flatten();
            schedules.filter_map(|(id, row)| Some((id.clone(), row.due?))).collect()
        })
    }

    /// What is stored of a schedule: JSON.
    pub fn schedule(&self, tables: &Tables, id: &str) -> Option<String> {
        self.record.with(tables, |state| Some(state.contexts.schedules.as_ref()?.get(id)?.text.clone()))
    }

    /// Makes publishers wait, as RabbitMQ does when it is short of memory or disk, or lets them go on.
    pub fn block_publishers(&self, block: bool) {
        self.broker.block_publishers(block);
    }

    /// Cuts all connections to the broker, as its restart does.
    pub fn cut_all(&self) {
        self.broker.cut_all();
    }

    /// Makes sure that a queue exists; a new one is declared with no arguments, as clients of the user's do.
    pub fn declare_queue(&self, queue: &str) {
        self.broker.declare_queue(queue);
    }

    /// Puts a message into a queue; whether there is such a queue.
    pub fn publish(&self, queue: &str, headers: BTreeMap<String, String>, body: Vec<u8>) -> bool {
        self.broker.publish(queue, headers, body)
    }

    /// Takes the next message of a queue for good; none if none is ready.
    pub fn take(&self, queue: &str) -> Option<MessageView> {
        self.broker.take(queue)
    }

    /// Deletes a queue with its messages. Its consumers are lost.
    pub fn delete_queue(&self, queue: &str) {
        self.broker.delete_queue(queue);
    }

    /// The names of all queues, in the order of the alphabet.
    pub fn queues(&self) -> Vec<String> {
        self.broker.queues()
    }

    /// The messages of a queue; none if there is no such queue.
    pub fn queue(&self, name: &str) -> Option<QueueView> {
        self.broker.queue(name)
    }

    /// Removes every key of the coordination store.
    pub fn flush(&self) {
        self.keys.clear();
    }

    /// Resets everything: no data, no faults, the clock at its own time.
    pub fn reset(&self) {
        for server in [Server::Broker, Server::Record, Server::Coordination] {
            self.outages.set(server, false);
        }
        self.set_faults(None);
        self.broker.reset();
        // Its epoch stays: with the runs gone, no lease is missed by anybody.
        self.keys.clear_but(crate::ports::keys::EPOCH);
        self.record.clear();
        self.clock.reset();
    }
}
