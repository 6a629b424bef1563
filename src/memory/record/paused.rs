//! The table of what a person has paused.

use super::contexts::{Contexts, PausedRow};
use crate::ports::halting::{HaltWrite, StoredHalt};

impl Contexts {
    /// What is paused, in the order of its names; none where there is no table for it.
    pub fn halts(&self) -> Option<Vec<StoredHalt>> {
        let halt = |(what, row): (&_, &PausedRow)| StoredHalt {
            what: Clone::clone(what),
            since: row.since,
            reason: row.reason.clone(),
        };
        let mut halts: Vec<StoredHalt> = self.paused.as_ref()?.iter().map(halt).collect();
        halts.sort_by(|a, b| (a.what.kind(), a.what.name()).cmp(&(b.what.kind(), b.what.name())));
        Some(halts)
    }

    /// Changes what is paused, at a moment; whether that changed something.
    pub fn write_halt(&mut self, write: &HaltWrite, now: u64) -> Option<bool> {
        let table = self.paused.as_mut()?;
        Some(match write {
            HaltWrite::Pause(what, _) if table.contains_key(what) => false,
            HaltWrite::Pause(what, reason) => {
                table.insert(what.clone(), PausedRow { since: now, reason: reason.clone() });
                true
            }
            HaltWrite::Lift(what) => table.remove(what).is_some(),
        })
    }
}
