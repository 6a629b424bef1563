//! The broker in memory, after RabbitMQ: one client's way to the queues of a memory server.

mod client;
mod connection;
mod consumer;
mod expiry;
mod link;
mod queue;
mod reading;
mod server;
mod state;

pub use self::client::MemoryBroker;
pub(crate) use self::server::BrokerServer;
pub use self::server::{Load, MessageView, QueueView};
