//! PostgreSQL: the record of every run.
//!
//! Two tables of the user's: contexts, one JSON document a run, in which the engine keeps its ledger under one
//! reserved key; and statuses. What a job means is one transaction over both: a statement that many jobs share
//! ([`commit`], [`write`]), or for what happens to a run from outside, one of its own ([`change`]). A third table of
//! ours, made on request, takes what changes of long runs ([`journal`]).

mod change;
mod commit;
mod connect;
mod document;
mod journal;
mod known;
mod load;
mod migrate;
mod plan;
mod ssl;
mod standby;
mod status;
mod status_sql;
mod store;
mod tables;
mod write;

pub use change::{Change, Committed, Ending};
pub use commit::{Decide, Written};
pub use connect::{Database, PasswordSource, PostgresSettings};
pub use document::{Document, INPUTS, Patch, RESERVED_KEY, ReservedKey, Version, to_raw};
pub use status::{Awaiting, Search, Silent, StatusTable};
pub use store::ContextStore;
pub use tables::TableName;
