//! The engine of `@flowcraft/rabbitmq-adapter`: flowcraft workflows over RabbitMQ, PostgreSQL and Redis.
//!
//! A run is a row of PostgreSQL. The ledger, a pure state machine over a blueprint ([`workflow`]), decides what a finished
//! node means for its run, and [`run_store`] commits that in one transaction. RabbitMQ ([`rabbitmq`]) only wakes workers
//! up, and Redis ([`redis`]) only keeps two workers from doing the same work: both may lose or repeat what they hold.
//!
//! The rooms:
//!
//! - Pure, without server, clock or JavaScript: [`workflow`] (blueprint and ledger), [`record`] (what is stored of a run),
//!   [`protocol`] (messages and answers), [`schedules`] (when runs are due), [`migrations`] (tables of our own, in steps).
//! - [`ports`]: what the engine asks of servers, of its process and of user code ([`ports::host::Host`]).
//! - Implementations of the ports: [`postgres`], [`rabbitmq`], [`redis`], and [`memory`], which needs no server.
//! - Above the ports, once for all implementations: [`deadlines`] waits for no server without end; `batcher`, [`coalesced`]
//!   and `acknowledger` send many requests as one; [`run_store`] caches runs and commits changes.
//! - [`worker`]: takes each job through its steps, and recovers lost ones.
//! - `bridge`: JavaScript.
//! - `simulation`, for tests only: fleets over memory, with time and every choice drawn from a seed.
//!
//! Arrows point down:
//! `bridge` → `postgres`, `rabbitmq`, `redis`, `memory`, `worker` → `run_store` → `acknowledger`, `coalesced`, `deadlines` →
//! `backoff`, `batcher` → `ports` → `protocol`, `migrations` → `schedules` → `record` → `workflow` → `ids`, `json`, `time`, `error`.
//! A room that is not drawn needs no room that is. `tests/house` checks both, and that no files need each other in a circle.
//! Only `bridge` knows JavaScript; everything else compiles and tests without it (`cargo test --no-default-features`).

mod acknowledger;
pub mod backoff;
mod batcher;
#[cfg(feature = "node")]
mod bridge;
pub mod coalesced;
pub mod deadlines;
pub mod error;
mod fault_points;
pub mod ids;
pub mod json;
pub mod memory;
pub mod migrations;
mod mutants;
pub mod ports;
pub mod postgres;
pub mod protocol;
pub mod rabbitmq;
pub mod record;
mod redact;
pub mod redis;
pub mod run_store;
pub mod schedules;
#[cfg(test)]
mod simulation;
pub mod time;
mod trust;
pub mod worker;
pub mod workflow;
