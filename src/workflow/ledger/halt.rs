//! What a run keeps of its pause.

use serde::{Deserialize, Serialize};

/// Since when a run is paused, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Milliseconds since 1970, by the clock of the record.
    pub since: u64,
    /// Why, if the caller said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
