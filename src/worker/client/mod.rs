//! What an application asks of the engine without working: it starts runs, watches them and removes them.
//!
//! A start is one statement that writes both rows as the first job would leave them, and then the messages. Whatever is lost
//! after the statement, recovery finds a run that is due. Whatever is lost before it never happened.

mod description;
mod history;
pub(super) mod keys;
mod pausing;
pub(super) mod publishing;
pub mod remove;
mod schedules;
pub mod service;
mod start;
mod transaction;
mod watch;
