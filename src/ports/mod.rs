//! What the engine asks of servers and of user code, as traits. Each trait of a server has an implementation over the real
//! server and one in memory; the engine does not know which it has.

pub mod about;
pub mod absent;
pub mod announcement;
pub mod arguments;
pub mod broker;
pub mod company;
pub mod coordination;
pub mod delay;
pub mod halting;
pub mod history;
pub mod host;
pub mod inserting;
pub mod keys;
pub mod limits;
pub mod platform;
pub mod record;
pub mod rows;
pub mod scheduling;
pub mod throughput;
pub mod view;
pub mod watching;
