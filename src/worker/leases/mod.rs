//! Leases: a worker holds one for each node it executes, and renews it until it gives it up.

pub(super) mod epoch;
pub(super) mod held;
mod lead;
mod out_of_reach;
mod reach;
mod renewing;
mod seen;
pub(super) mod service;
