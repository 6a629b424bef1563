//! One delivery, from the queue to its acknowledgement.

pub mod admission;
pub(super) mod admitting;
pub(super) mod claiming;
pub(super) mod clock;
pub mod completion;
pub(super) mod context;
pub(super) mod delivery;
pub(super) mod disposition;
pub(super) mod execution;
pub(super) mod fate;
pub(super) mod place;
mod process;
pub mod reason;
mod storing;
pub(super) mod trouble;
