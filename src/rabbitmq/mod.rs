//! RabbitMQ over the engine's own connections: the broker of an adapter that is given a URL.

mod broker;
mod client;
mod cluster;
mod collision;
mod examining;
mod publishing;
mod queues;
mod uri;

pub use broker::RabbitMq;
pub use examining::{Examination, ExaminedQueue};
pub use uri::{AmqpAddress, AmqpSettings};
