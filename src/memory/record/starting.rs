//! Inserting runs, as the statement of PostgreSQL does.

use super::contexts::{Content, Row};
use super::moment::Moment;
use super::statuses::StatusRow;
use super::store::TablesState;
use crate::error::Result;
use crate::ports::record::{Inserted, Insertion};
use crate::record::NewRun;

impl TablesState<'_> {
    /// Inserts runs that have no row yet; with [`Insertion::All`] none, if one has.
    pub fn insert(&mut self, runs: &[NewRun], which: Insertion, moment: Moment) -> Result<Inserted> {
        // PostgreSQL reads every value of a statement before it writes any.
        let contents =
            runs.iter().map(|new| Content::parse(new.context.get())).collect::<Result<Vec<_>>>()?;
        let is_there = |run: &&String| self.contexts.rows.contains_key(*run);
        let there = runs.iter().map(|new| &new.run).filter(is_there).cloned().collect();
        let mut inserted = Inserted { there, ..Inserted::default() };
        if which == Insertion::All && !inserted.there.is_empty() {
            return Ok(inserted);
        }
        for (new, content) in runs.iter().zip(contents) {
            if inserted.there.contains(&new.run) {
                continue;
            }
            self.contexts.rows.insert(new.run.clone(), Row { xmin: moment.xid, content });
            if let Some(journal) = &mut self.contexts.journal {
                journal.remove(&new.run);
            }
            let status = new.status.as_str().to_owned();
            let row = StatusRow { status, result: new.result.clone(), updated_at: moment.micros() };
            self.statuses.rows.insert(new.run.clone(), row);
            inserted.runs.insert(new.run.clone(), new.run.clone());
            inserted.at = Some(moment.at);
        }
        Ok(inserted)
    }
}
