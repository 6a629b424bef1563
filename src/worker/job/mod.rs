//! One delivery, from the queue to its acknowledgement.

pub(super) mod admission;
pub(super) mod reason;
pub(super) mod steps;
