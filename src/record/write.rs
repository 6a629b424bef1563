//! How a change is written, as data. PostgreSQL and memory both take it.

use std::time::Duration;

use super::change::{Change, StatusUpdate};
use super::document::Document;
use super::entry::Entry;
use super::keys::RESERVED_KEY;
use super::patch::{Patch, to_raw};
use super::reserved_key::ReservedKey;
use super::revision::Revision;
use crate::error::Result;
use crate::json::Json;
use crate::workflow::ledger::RunStatus;

/// How a change is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// Into the row: there is no journal.
    Row,
    /// As one more entry of the run's journal.
    Entry,
    /// Into the row, with the journal folded into it: the run awaits or has ended, or is found by something else now.
    Fold,
}

impl WriteKind {
    /// How to write a run that was `before` and will be `after`, with or without a journal.
    pub fn of(has_journal: bool, before: &Document, after: &Document) -> Self {
        match (has_journal, after.is_going_on() && !after.is_found_otherwise(before)) {
            (false, _) => Self::Row,
            (true, true) => Self::Entry,
            (true, false) => Self::Fold,
        }
    }
}

/// One run's change, to be written if the run is still of the revision it was decided on.
#[derive(Debug)]
pub struct Write<'a> {
    /// The run.
    pub run: &'a str,
    /// The revision it was decided on.
    pub base: Revision,
    /// Keys to remove from the row, as a JSON array; none if there are none, or if the change is an entry.
    pub deletes: Option<Json>,
    /// Keys to set in the row, the reserved key among them, as a JSON object; or the journal's entry.
    pub sets: Json,
    /// The word for the status row; none leaves the row alone.
    pub status: Option<RunStatus>,
    /// The run ends, and its result is written too.
    pub ends: bool,
    /// Why the run did not complete; empty if it did.
    pub reason: String,
    /// The run begins anew: what its status row keeps of the former one goes too.
    pub begins: bool,
}

impl<'a> Write<'a> {
    /// The write of a `change` that turns a run from `base` into `after`.
    ///
    /// # Errors
    /// Never for the engine's own types; an error would be a bug.
    pub fn new(
        kind: WriteKind,
        run: &'a str,
        base: &Document,
        change: &Change,
        after: &Document,
    ) -> Result<Self> {
        let (deletes, sets) = match kind {
            WriteKind::Entry => (None, change.as_entry(base)?),
            WriteKind::Row => keys(&change.patch, &change.reserved)?,
            WriteKind::Fold => keys(&after.folded(), &change.reserved)?,
        };
        let ledger = &change.reserved.ledger;
        let ends = change.status == StatusUpdate::End;
        let status = match change.status {
            StatusUpdate::Keep | StatusUpdate::End => Some(ledger.status),
            StatusUpdate::Defer => Some(RunStatus::Running),
            StatusUpdate::Published => None,
        };
        let reason = if ends { ledger.reason() } else { String::new() };
        Ok(Self { run, base: base.revision, deletes, sets, status, ends, reason, begins: false })
    }
}

impl Change {
    /// The change as it is written into a row: the keys that change, the reserved key among them, as JSON.
    ///
    /// # Errors
    /// Never for the engine's own types; an error would be a bug.
    pub fn as_row(&self) -> Result<Json> {
        keys(&self.patch, &self.reserved).map(|(_, sets)| sets)
    }

    /// The change as an entry of the journal of a run that was as `before`, as JSON.
    ///
    /// # Errors
    /// As [`as_row`](Self::as_row).
    pub fn as_entry(&self, before: &Document) -> Result<Json> {
        to_raw(&Entry::of(before, self))
    }
}

/// How much longer changes may take to be written because of their size: a second for each MiB.
pub fn time_to_carry(writes: &[Write<'_>]) -> Duration {
    let bytes: usize = writes.iter().map(|write| write.sets.get().len()).sum();
    Duration::from_secs(u64::try_from(bytes >> 20).unwrap_or(u64::MAX))
}

/// The keys to remove from a row, and those to set, the reserved key among them.
fn keys(patch: &Patch, reserved: &ReservedKey) -> Result<(Option<Json>, Json)> {
    let deletes = (!patch.deletes.is_empty()).then(|| to_raw(&patch.deletes)).transpose()?;
    let sets = patch.sets_with(RESERVED_KEY, &to_raw(reserved)?)?;
    Ok((deletes, sets))
}
