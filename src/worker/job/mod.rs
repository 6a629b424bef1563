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
pub mod inside;
mod leased;
mod left;
pub(super) mod looking;
pub(super) mod place;
mod process;
pub mod reason;
mod rescheduling;
pub mod settled;
mod settling;
mod storing;
pub mod subflow;
pub(super) mod trouble;
