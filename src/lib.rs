//! The engine of `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
//!
//! A run is a row of PostgreSQL. What a finished node means for it is decided by the ledger, a pure state
//! machine over a blueprint ([`workflow`]), and committed in one transaction by [`postgres`]. RabbitMQ ([`rabbitmq`]) only
//! wakes workers up, and Redis ([`redis`]) only keeps two of them from doing the same work: both may
//! lose or repeat what they hold. [`worker`] lives each job through, step by step; user code is reached
//! through its [`ports::host::Host`]. [`memory`] stands in for servers.
//!
//! Arrows point down:
//! `bridge` → `postgres`, `rabbitmq`, `redis`, `memory`, `worker` → `run_store` → `acknowledger`, `coalesced` →
//! `backoff`, `batcher` → `ports` → `protocol` → `record` → `workflow` → `ids`, `json`, `time`, `error`.
//! What is not drawn needs nothing that is; `tests/house` checks both. Only `bridge` knows JavaScript; everything
//! else compiles and tests without it (`cargo test --no-default-features`).

mod acknowledger;
pub mod backoff;
mod batcher;
#[cfg(feature = "node")]
mod bridge;
pub mod coalesced;
pub mod error;
mod fault_points;
pub mod ids;
pub mod json;
pub mod memory;
mod mutants;
pub mod ports;
pub mod postgres;
pub mod protocol;
pub mod rabbitmq;
pub mod record;
mod redact;
pub mod redis;
pub mod run_store;
#[cfg(test)]
mod simulation;
pub mod time;
pub mod worker;
pub mod workflow;
