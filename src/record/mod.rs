//! What is stored of a run, as data: its document, changes of it, and how they are written. Pure: no server, no clock.
//!
//! A [`Document`] is a run at one moment. A decision answers with a [`Change`] of it; several decisions on one run merge
//! into one ([`mod@merge`]). A change is written as a [`Write`]: into the run's row, as an entry of its journal, or by folding
//! the journal into the row.

mod carried;
mod change;
mod document;
mod entry;
pub mod final_result;
#[cfg(test)]
mod golden;
mod inside;
mod keys;
mod merge;
mod new_run;
mod patch;
mod reserved_key;
mod revision;
mod size;
mod untold;
mod values;
mod write;

pub use carried::{Carried, TRACE_LINK, TRACEPARENT};
pub use change::{Change, Decide, StatusUpdate};
pub use document::Document;
pub use entry::Entry;
pub use inside::{Scope, given, is_hidden};
pub use keys::{
    AWAITING_DETAILS, AWAITING_NODES, BLUEPRINT_ID, BLUEPRINT_VERSION, INPUTS, NOT_AN_OBJECT, OUTPUTS,
    RESERVED_KEY, SUBFLOW_STATE,
};
pub use merge::{Merged, merge};
pub use new_run::{NewRun, time_to_insert};
pub use patch::{Patch, to_raw};
pub use reserved_key::{ClientStart, FollowedBlueprint, Parent, ReservedKey};
pub use revision::Revision;
pub use size::size_of;
pub use untold::{Milestones, Noted, Teller, Untold};
pub use values::{Values, blueprint_named_in, version_named_in};
pub use write::{Write, WriteKind, time_to_carry};
