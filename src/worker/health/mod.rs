//! Whether this worker lives and takes jobs, and why not.

pub mod judgement;
pub mod service;
pub mod watching;
