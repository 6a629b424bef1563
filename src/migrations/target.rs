//! Where a migration is to go, and what is told of it.

use serde::{Deserialize, Serialize};

/// Where a migration is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Whether steps are made or taken away.
    pub direction: Direction,
    /// The last step that is done afterwards; absent for all of them, or none.
    #[serde(default)]
    pub to: Option<u32>,
    /// Nothing is changed: the plan is told.
    #[serde(default)]
    pub dry_run: bool,
}

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Steps are made.
    Up,
    /// Steps are taken away.
    Down,
}

/// A step that was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Its number.
    pub step: u32,
    /// Its name.
    pub name: &'static str,
    /// Which way.
    pub direction: Direction,
    /// What it makes was there already, and is now recorded as done.
    pub taken_over: bool,
    /// The statements in their order; none in memory.
    pub sql: Vec<String>,
    /// What the server cannot do of it, and why.
    pub notes: Vec<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Its number.
    pub step: u32,
    /// Its name.
    pub name: &'static str,
    /// Whether what it makes is there.
    pub done: bool,
    /// When it was done, in milliseconds since 1970; absent where nobody recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<u64>,
    /// What the server cannot do of it, and why.
    pub notes: Vec<String>,
}

impl Target {
    /// Every step.
    pub const UP: Self = Self { direction: Direction::Up, to: None, dry_run: false };
    /// No step.
    pub const DOWN: Self = Self { direction: Direction::Down, to: None, dry_run: false };

    /// The last step that is done afterwards, of so many.
    pub fn last(self, of: u32) -> u32 {
        match self.direction {
            Direction::Up => self.to.unwrap_or(of),
            Direction::Down => self.to.unwrap_or(0),
        }
    }
}
