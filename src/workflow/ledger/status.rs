//! The status of a run.

use serde::{Deserialize, Serialize};

/// The status of a run, as the `status` column says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Something of it is in flight.
    #[default]
    Running,
    /// Nothing is in flight, and something waits to be resumed.
    Awaiting,
    /// Ended well, or after a fallback ran (core calls that completed too).
    Completed,
    /// Ended with errors.
    Failed,
    /// Ended by request.
    Cancelled,
}

impl RunStatus {
    /// Every status there is.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Awaiting, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether the run is over: nothing more will happen to it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word stored in the status table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Awaiting => "awaiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
