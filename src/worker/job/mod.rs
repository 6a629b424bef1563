//! One delivery, from the queue to its acknowledgement.

mod abandoning;
pub mod admission;
pub(super) mod admitting;
pub(super) mod claiming;
pub(super) mod clock;
mod coming_again;
pub mod completion;
pub(super) mod context;
pub(super) mod delivery;
pub(super) mod disposition;
pub(super) mod execution;
pub(super) mod fate;
pub(super) mod place;
mod process;
pub mod reason;
mod rescheduling;
mod storing;
pub(super) mod trouble;
