//! One delivery, from the queue to its acknowledgement.

mod abandoning;
pub mod admission;
pub(super) mod admitting;
mod carrying;
mod chain;
pub(super) mod claiming;
pub(super) mod clock;
mod coming_again;
pub mod completion;
pub(super) mod context;
pub(super) mod delivery;
pub(super) mod disposition;
pub(super) mod execution;
pub(super) mod fate;
mod leased;
mod left;
pub(super) mod looking;
pub(super) mod place;
mod process;
pub mod reason;
mod rescheduling;
mod settling;
mod storing;
pub(super) mod trouble;
