//! What a client asks for of schedules, and what it is told.

use serde::{Deserialize, Serialize};

use crate::schedules::{Counts, Definition, Recent, SchedulePause};

/// A schedule to create.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSchedule {
    /// Its id.
    pub id: String,
    /// What its user says of it.
    pub definition: Definition,
    /// Whether it pauses from the start.
    #[serde(default)]
    pub is_paused: bool,
    /// Why it pauses.
    pub note: Option<String>,
    /// What becomes of one that is there already.
    pub on_conflict: OnScheduleConflict,
}

/// What becomes of a schedule whose id there is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnScheduleConflict {
    /// It is refused.
    Reject,
    /// It gets the new definition, and goes on.
    Update,
}

/// Which schedules to list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListSchedules {
    /// Of this blueprint; of any if there is none.
    pub blueprint_id: Option<String>,
    /// After this one, in the order of their ids.
    #[serde(default)]
    pub after: String,
    /// At most so many.
    pub limit: u32,
}

/// Due times of the past to start.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackfillRequest {
    /// The first moment: milliseconds since 1970.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// Whether a schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleState {
    /// It will be due.
    Active,
    /// It pauses.
    Paused,
    /// It is never due any more.
    Ended,
}

/// What is known of a schedule. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleDescription {
    /// Its id.
    pub schedule_id: String,
    /// Whether it goes on.
    pub state: ScheduleState,
    /// What its user says of it.
    pub definition: Definition,
    /// When it was created.
    pub created_at: u64,
    /// When its definition last changed.
    pub updated_at: u64,
    /// Since when it pauses, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<SchedulePause>,
    /// Its next due times; those that it would have if it did not pause.
    pub next: Vec<u64>,
    /// Due times that wait for the end of an earlier run.
    pub queued: Vec<u64>,
    /// What became of its due times.
    pub counts: Counts,
    /// Its last runs, the latest first.
    pub recent: Vec<RecentRun>,
}

/// A run of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentRun {
    /// Why and when it started.
    #[serde(flatten)]
    pub run: Recent,
    /// Its status; none where it is gone, or was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
