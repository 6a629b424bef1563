//! Servers in memory: what the engine asks of RabbitMQ, PostgreSQL and Redis, without them, on a clock that a test can move.
//!
//! A [`MemoryServer`] holds the queues, the keys and the tables. [`MemoryServer::broker`],
//! [`MemoryServer::coordination`] and [`MemoryServer::database`] make its clients. All clients in a process that name the same server share it ([`server`]); a simulation
//! makes its own ([`MemoryServer::starting_at`]). A server starts no task and no thread, and nothing in it is random. Its
//! [`Faults`] decide what goes wrong. Nothing is durable: everything ends with the process.
//!
//! The contract suites (`tests/contracts`) run against these servers and the real ones. The following is not modelled, because
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
mod deaths;
mod faults;
mod keys;
mod limits;
mod listeners;
mod memory_server;
mod named;
mod outages;
mod process;
mod record;
#[cfg(test)]
mod tests;

pub use self::broker::{Load, MemoryBroker, MessageView, QueueView};
pub use self::clock::MemoryClock;
pub use self::coordination::MemoryStore;
pub use self::faults::{Fault, Faults, Operation, RecordOperation, ServerEvent};
pub use self::memory_server::{LostRun, MemoryServer};
pub use self::named::{forget, reset, server};
pub use self::outages::Server;
pub use self::process::Process;
pub use self::record::{MemoryDatabase, RunRow};
