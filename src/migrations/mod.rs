//! Tables of our own, made and taken away in numbered steps.
//!
//! Each step has a file: what it makes (`up`), how that is taken away (`down`), and what of it a server cannot do
//! (`lacks`). A step is a function of [`Facts`], which say what is there; it answers with nothing where nothing is left to
//! do. So a step may be asked for twice, and finishes what somebody else began. A table, `<contexts>_migrations`, says
//! which steps are done.
//!
//! Nothing here talks to a server: a [`plan`](plan()) is data, which [`postgres`](crate::postgres) performs or only shows.
//!
//! ```text
//!   Facts ──► plan(target) ──► Planned: acts of each step ──► performed ──► StepReport
//!                                                        └──► only shown ──► StepReport
//! ```
//!
//! Every wait is bounded. What PostgreSQL does in a transaction is done in one, with its record; what it does in none is
//! undone by the next act, by the step's `down`, or by the next migration.

mod act;
mod compression;
mod facts;
mod finding;
mod forgetting;
mod history;
mod indexes;
mod journal;
mod names;
mod open_runs;
mod owned_index;
mod paused;
mod plan;
mod schedules;
mod steps;
mod tags;
mod target;
mod throughput;
mod workers;

pub use act::{Act, PATIENCE, Statement};
pub use facts::{Facts, Index, IndexState, LargeColumn, Relation, RelationKind};
pub use forgetting::FORGET;
pub use history::{FORGET_HISTORY, HISTORY_TABLE};
pub use names::{ENDED_BADLY, HALTED, NAMED_BLUEPRINT, PRESENT, TAGS_COLUMN, TAGS_OF_START, WAITING, beside};
pub use owned_index::OwnedIndex;
pub use paused::PAUSED_TABLE;
pub use plan::{Planned, plan, status, taking_back};
pub use schedules::SCHEDULES_TABLE;
pub use steps::{
    COMPRESSION, FINDING, FORGETTING, HISTORY, JOURNAL, LAST, MigrationStep, OPEN_RUNS, PAUSED, SCHEDULES,
    STEPS, TAGS, THROUGHPUT, WORKERS,
};
pub use target::{Direction, StepReport, StepStatus, Target};
pub use throughput::THROUGHPUT_TABLE;
