//! Leases: "this node is being executed, by me, until I say otherwise or am not heard of".

pub(super) mod held;
pub(super) mod service;
