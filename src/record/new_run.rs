//! A run that is to be inserted: both of its rows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::change::{Change, StatusUpdate};
use super::document::Document;
use super::final_result::final_result;
use super::keys::RESERVED_KEY;
use super::patch::to_raw;
use crate::error::Result;
use crate::json::Json;
use crate::workflow::ledger::RunStatus;

/// A run that is to be inserted, with everything its rows are to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub run: String,
    /// `context_data`, the reserved key in it, as a JSON object.
    pub context: Json,
    /// The word of its status row.
    pub status: RunStatus,
    /// Its final result: every node of it was done from the start.
    pub result: Option<Json>,
    /// It has tags, which its record says.
    pub is_tagged: bool,
}

impl NewRun {
    /// The run that a `change` makes of the keys in `document`.
    ///
    /// # Errors
    /// Never for the engine's own types; an error would be a bug.
    pub fn new(run: &str, document: &Document, change: &Change) -> Result<Self> {
        let after = document.after(&change.patch, &change.reserved);
        let reserved = to_raw(&change.reserved)?;
        let mut keys: BTreeMap<&str, &Json> =
            after.values.iter().map(|(key, value)| (&**key, value)).collect();
        keys.insert(RESERVED_KEY, &reserved);
        let ledger = &change.reserved.ledger;
        let (status, result) = match change.status {
            StatusUpdate::End => {
                let context = after.visible_json()?;
                (ledger.status, Some(final_result(ledger.status, &ledger.reason(), context.get())?))
            }
            StatusUpdate::Keep => (ledger.status, None),
            StatusUpdate::Defer | StatusUpdate::Published => (RunStatus::Running, None),
        };
        let is_tagged = change.reserved.start.as_ref().is_some_and(|start| !start.tags.is_empty());
        Ok(Self { run: run.to_owned(), context: to_raw(&keys)?, status, result, is_tagged })
    }
}

/// How much longer runs may take to be inserted because of their size: a second for each MiB.
pub fn time_to_insert(runs: &[NewRun]) -> Duration {
    let bytes: usize = runs.iter().map(|run| run.context.get().len()).sum();
    Duration::from_secs(u64::try_from(bytes >> 20).unwrap_or(u64::MAX))
}
