//! Schedules at work: every started worker looks for those that are due, and takes their turns.
//!
//! ```text
//!   beat ──► which are due, by the record's clock?
//!              └─► advance: reads the schedule ─► schedules::turn (pure) ─► one transaction: the schedule as it is
//!                           afterwards, if nobody has changed it since, and the rows of its runs ─► messages
//! ```
//!
//! The first worker changes the schedule, and the others write nothing. A worker that dies before the transaction has
//! done nothing; one that dies after it leaves runs that are due, whose messages recovery publishes.

pub mod advance;
pub mod beat;
