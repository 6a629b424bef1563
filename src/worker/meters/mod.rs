//! What this engine counts and measures, while somebody asks for it, and what it stores of that.

pub mod buckets;
pub mod kinds;
pub mod service;
mod tally;
pub mod throughput;
