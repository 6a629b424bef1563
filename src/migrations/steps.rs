//! The steps, in their order. A step that was released keeps its number and what it makes.
//!
//! A new step is a file, an entry here, and what of it is there already ([`Facts`], read in `postgres/migrate/facts.rs`); in
//! memory it says in `memory/record/steps.rs` what it makes.

use super::act::Act;
use super::facts::Facts;
use super::{
    compression, finding, forgetting, history, journal, open_runs, paused, schedules, tags, throughput,
    workers,
};

/// A step.
#[derive(Debug)]
pub struct MigrationStep {
    /// Its place in the order, from 1.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// What makes what is missing of it.
    pub up: fn(&Facts) -> Vec<Act>,
    /// What takes away what is there of it.
    pub down: fn(&Facts) -> Vec<Act>,
    /// What the server cannot do of it, and why.
    pub lacks: fn(&Facts) -> Vec<String>,
}

/// The step that makes the journal.
pub const JOURNAL: u32 = 1;
/// The step that makes the index of runs that go on.
pub const OPEN_RUNS: u32 = 2;
/// The step that has large values compressed in a cheap way, or not.
pub const COMPRESSION: u32 = 3;
/// The step that makes the table of workers.
pub const WORKERS: u32 = 4;
/// The step by which entries of the journal go with their row.
pub const FORGETTING: u32 = 5;
/// The step that makes the table of schedules.
pub const SCHEDULES: u32 = 6;
/// The step that makes the column of tags.
pub const TAGS: u32 = tags::STEP;
/// The step that makes the table of what is paused.
pub const PAUSED: u32 = 8;
/// The step that makes the table of what went into executions and what came out.
pub const HISTORY: u32 = 9;
/// The step that makes the table of what happened when.
pub const THROUGHPUT: u32 = 10;
/// The step that makes indexes by which runs are found.
pub const FINDING: u32 = finding::STEP;
/// The last step.
pub const LAST: u32 = FINDING;

/// Every step, in the order in which they are made.
pub const STEPS: &[MigrationStep] = &[
    MigrationStep {
        number: JOURNAL,
        name: "journal",
        up: journal::up,
        down: journal::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: OPEN_RUNS,
        name: "open-runs",
        up: open_runs::up,
        down: open_runs::down,
        lacks: open_runs::lacks,
    },
    MigrationStep {
        number: COMPRESSION,
        name: "compression",
        up: compression::up,
        down: compression::down,
        lacks: compression::lacks,
    },
    MigrationStep {
        number: WORKERS,
        name: "workers",
        up: workers::up,
        down: workers::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: FORGETTING,
        name: "forgetting",
        up: forgetting::up,
        down: forgetting::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: SCHEDULES,
        name: "schedules",
        up: schedules::up,
        down: schedules::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep { number: TAGS, name: "tags", up: tags::up, down: tags::down, lacks: tags::lacks },
    MigrationStep {
        number: PAUSED,
        name: "paused",
        up: paused::up,
        down: paused::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: HISTORY,
        name: "history",
        up: history::up,
        down: history::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: THROUGHPUT,
        name: "throughput",
        up: throughput::up,
        down: throughput::down,
        lacks: |_| Vec::new(),
    },
    MigrationStep {
        number: FINDING,
        name: "finding",
        up: finding::up,
        down: finding::down,
        lacks: finding::lacks,
    },
];
