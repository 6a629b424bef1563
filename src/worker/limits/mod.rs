//! Limits by key: which executions wait for their turn.

pub mod naming;
pub(super) mod service;
