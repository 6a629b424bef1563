//! The engine of `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
//!
//! A run is a row of PostgreSQL. What a finished node means for it is decided by [`ledger`], a pure state
//! machine over a [`blueprint`], and committed in one transaction by [`context`]. RabbitMQ ([`broker`]) only
//! wakes workers up, and Redis ([`coordination`]) only keeps two of them from doing the same work: both may
//! lose or repeat what they hold. [`worker`] lives each job through, step by step; user code is reached
//! through its [`worker::host::Host`].
//!
//! Arrows point down: `node` → `worker` → `context`, `broker`, `coordination` → `ledger` → `blueprint`.
//! Only `node` knows JavaScript; everything else compiles and tests without it
//! (`cargo test --no-default-features`).

pub mod backoff;
mod batch;
pub mod blueprint;
pub mod broker;
pub mod clock;
pub mod context;
pub mod coordination;
pub mod error;
mod fault;
pub mod json;
pub mod ledger;
pub mod message;
#[cfg(feature = "node")]
mod node;
mod node_id;
mod secret;
pub mod worker;
