//! Leases: a worker holds one for each node it executes, and renews it until it gives it up.

pub(super) mod held;
mod reach;
mod reaching;
mod renewing;
mod seen;
pub(super) mod service;
