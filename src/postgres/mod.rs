//! PostgreSQL as the record of runs.
//!
//! Two tables of the user's, looked at once and with no DDL of ours: contexts, one JSON document a run, in which the engine
//! keeps its ledger under one reserved key; and statuses, in any of the three shapes its users have. A third table of ours,
//! the journal, is made on request ([`migrate`]) and takes what changes of long runs.
//!
//! A [`session`] knows the pool and the tables; [`reader`], [`writer`], [`locking`] and [`migrate`] are what is done with
//! them; [`record`] is the facade, the [`Record`](crate::ports::record::Record) of the engine, and nobody below imports it.

mod connect;
mod journal;
mod locking;
mod migrate;
mod reader;
mod record;
mod session;
mod sql;
mod ssl;
mod standby;
mod status_sql;
mod statuses;
mod tables;
mod writer;

pub use connect::{PasswordSource, PostgresSettings};
pub use record::Postgres;
