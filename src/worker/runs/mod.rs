//! The record of the runs, as the worker uses it: what is read, what is decided on it, what is written.

pub mod beginning;
pub mod children;
pub(super) mod claim;
pub mod failing;
pub mod finalize;
pub mod halting;
pub mod history;
pub(super) mod inside;
pub(super) mod live;
pub mod operations;
pub mod putting_off;
mod resuming;
pub mod scheduling;
pub mod service;
pub mod starting;
pub mod state;
pub mod time_limit;
mod updating;
pub(super) mod watching;
