//! What this engine counts and measures, while somebody asks for it.

pub mod buckets;
pub mod kinds;
pub mod service;
