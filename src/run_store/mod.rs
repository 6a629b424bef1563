//! Runs as the engine reads and writes them, over any database that holds the record.
//!
//! What makes a record fast is here, once for every database. Loads that wait share a statement ([`load`]), and so do
//! commits ([`commit`]). A commit is decided on the run as this worker last saw it, and written only if the run is still of
//! that revision. The runs last seen are cached ([`cache`]). Changes from outside are decided one at a time ([`change`]). Runs
//! whose rows others have locked are set aside ([`aside`], [`locked`]).

mod aside;
mod cache;
mod change;
mod commit;
mod context;
mod group;
mod load;
mod locked;
mod patience;
mod requests;
mod starting;
mod store;
mod view;

pub use change::ChangeOutcome;
pub use patience::{patiently, until_certain};
pub use requests::CommitOutcome;
pub use store::RunStore;

#[cfg(test)]
mod tests;
