//! The rules of a workflow, pure: no server, no clock, no JavaScript.

pub mod blueprint;
pub mod ledger;
#[cfg(test)]
pub mod notation;
pub mod path;
