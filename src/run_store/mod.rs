//! Runs as the engine reads and writes them: over whatever database holds the record.
//!
//! Here stands what a record needs to be fast, once for every database: loads that wait share a statement ([`load`]), and
//! so do commits ([`commit`]), which are decided on the run as it was last seen and written only if it still is so; runs
//! last seen here are kept ([`cache`]). What happens to a run from outside is decided one change at a time ([`change`]).

mod cache;
mod change;
mod commit;
mod context;
mod load;
mod store;

pub use change::Committed;
pub use commit::Outcome;
pub use store::RunStore;
