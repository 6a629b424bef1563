//! The rules of a run, told as stories, and as properties of any run at all.

mod adoption;
mod deployments;
mod failures;
mod joins;
mod loops;
mod pauses;
mod properties;
pub mod support;
pub mod times;
