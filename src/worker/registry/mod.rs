//! The registry of live workers: each says who it is and what it can do, and hears of the others.

pub mod card;
mod census;
pub mod elsewhere;
pub mod gate;
pub mod heartbeat;
pub mod service;
