//! The rules of a run: a pure state machine.
//!
//! A [`Ledger`] says exactly what of a run is in flight. The run's row stores it under one reserved key. It
//! changes only by [`Ledger::apply`], which takes the blueprint and an [`Event`] and answers with the jobs that
//! are now due. No I/O, no clock, no JavaScript.
//!
//! A node that becomes due gets a *round*. The pair (node, round) names one execution: the first event for
//! it counts, and the ledger refuses every later one: repeated messages and late workers change nothing.
//!
//! The states of a run (its nodes have states of their own: [`NodeState`]):
//!
//! ```text
//!                 nothing is due, a node awaits
//!       running ─────────────────────────────────▶ awaiting
//!        │ ▲ ▲   ◀─────────────────────────────────   │
//!        │ │ │       a resume, an event, a timer      │
//!        │ │ │                                        │
//!        │ │ └──── a retry of a failed run ──┐        │ cancelled
//!        │ │                                 │        │
//!        ▼ nothing is due, nothing awaits    │        ▼
//!       completed      failed ───────────────┘     cancelled ◀── cancelled while running
//! ```
//!
//! A run completes if no node failed, or if a fallback ran. Otherwise it fails.

mod adopt;
mod apply;
mod claim;
mod delta;
mod due;
mod entry;
mod event;
mod follow;
mod halt;
mod halting;
mod inside;
mod instance;
mod join;
mod live;
mod milestone;
mod pause;
mod put_off;
mod stamp;
mod standing;
mod state;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod times;
mod tried;
mod waiting;
mod written;

pub use adopt::Led;
pub use claim::{Claiming, Unclaimed};
pub use delta::Delta;
pub use due::DueJob;
pub use entry::{Arrival, Claim, NodeEntry, NodeState, Resume};
pub use event::{DynamicNode, Event, Pause, Refusal, TakenEdge, Transition};
pub use halt::Halt;
pub use inside::{InstanceEnd, Opening};
pub use instance::{Instance, SubflowFailure};
pub use live::{Attempt, NotLive, Restored};
pub use milestone::{Milestone, Numbered, Onward};
pub use stamp::{Ran, Stamp};
pub use standing::Standing;
pub use state::{Added, KeptEvent, Ledger, MAX_DEPTH, NodeError};
pub use status::RunStatus;
pub use times::{Moments, NodeTimes, RunTimes};
pub use tried::{EarlierTry, FailedTries, FailedTry, Tries, Why};
