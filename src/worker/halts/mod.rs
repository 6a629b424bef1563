//! What a person has paused for all workers: queues and blueprints. Every worker looks at the record for it again and again.
//!
//! Of a paused queue a worker takes no messages: they wait where they are. Of a paused blueprint it acknowledges them and executes
//! nothing, as of a paused run: the ledgers know what is due, and the call that lets the blueprint go on publishes it.

pub mod keeping;
pub mod known;
pub mod looking;
