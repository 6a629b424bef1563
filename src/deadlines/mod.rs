//! No server is waited for without end. What a port is asked has a deadline, whoever implements it; after that the request
//! is dropped, and with it the connection that did not answer it (the implementations see to that).
//!
//! Whether what was asked took effect is not known then. Nothing here decides on it: the engine asks again, and what
//! happened is found in the record.

mod answering;
mod broker;
mod coordination;
mod record;
#[cfg(test)]
mod tests;
mod timeouts;
mod watch;

pub use answering::{Answering, Outage};
pub use broker::PunctualBroker;
pub use coordination::PunctualStore;
pub use record::PunctualRecord;
pub use timeouts::Timeouts;
