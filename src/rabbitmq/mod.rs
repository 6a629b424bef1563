//! RabbitMQ over connections of our own: the broker for those who give a URL.

mod broker;
mod client;
mod queues;
mod uri;

pub use broker::RabbitMq;
pub use uri::{AmqpAddress, AmqpSettings};
