//! The record of runs in memory: what PostgreSQL does with the two tables and the journal, without PostgreSQL.
//!
//! Transactions are numbered as `xmin` numbers them, a row is written only if it is of the revision it was decided on, an
//! entry is appended only as the next one, and a value that cannot be stored fails every write of its statement. The moment
//! of a write is taken before its effect: as in PostgreSQL, moments and commits may differ in order.
//!
//! A table exists as soon as a client names it. Object keys keep their order, while `jsonb` sorts them.

mod asking;
mod contexts;
mod facade;
mod history;
mod moment;
mod paused;
mod rows;
mod schedules;
mod starting;
mod statuses;
mod steps;
mod store;
mod throughput;
mod watching;
mod workers;
mod write;

pub use asking::MemoryDatabase;
pub use store::RunRow;
pub(super) use store::{GivenRun, RecordStore};
