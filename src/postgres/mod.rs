//! PostgreSQL as the record of runs.
//!
//! Two tables belong to the user; the engine looks at them once. The contexts have one JSON document a run, in which the engine
//! keeps its ledger under one reserved key. The statuses have one of three shapes. What is more is made on request ([`migrate`]):
//! the journal, which takes the changes of long runs, tables of workers and schedules, and a column of the statuses for tags.
//! `migrations/steps.rs` lists it.
//!
//! A [`session`] holds the pool and the tables. [`reader`], [`writer`], [`locking`] and [`migrate`] use it. [`record`] is the
//! facade, the [`Record`](crate::ports::record::Record) of the engine; nothing below imports it.

mod cancel;
mod columns;
mod conditions;
mod connect;
mod connection;
mod contexts;
mod examining;
mod fitness;
mod history;
mod ids;
mod journal;
mod listing;
mod locking;
mod migrate;
mod parameters;
mod paused;
mod pool;
mod pooler;
mod reader;
mod record;
mod removing;
mod schedules;
mod schedules_table;
mod session;
mod sql;
mod ssl;
mod standby;
mod starting;
mod status_sql;
mod status_upserts;
mod statuses;
mod tables;
mod tags;
mod throughput;
mod transaction;
mod triggers;
mod upkeep;
mod upsert;
mod watching;
mod workers;
mod writer;
mod zone;

pub use connect::{PasswordSource, PostgresSettings};
pub use record::Postgres;
