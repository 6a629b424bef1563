//! Writing what was decided, as the statements of PostgreSQL do: all of a statement, or nothing of it.

use super::contexts::{Content, Contexts, Row, refuse_null, refuse_unstorable};
use super::moment::Moment;
use super::store::TablesState;
use crate::error::Result;
use crate::json::Json;
use crate::mutants::{Mutant, makes};
use crate::ports::record::{DecideLocked, LockedChange, Projection, Written};
use crate::record::final_result::final_result;
use crate::record::{
    Change, Document, Patch, RESERVED_KEY, Revision, StatusUpdate, Write, WriteKind, to_raw,
};
use crate::workflow::ledger::RunStatus;

/// What a write does.
enum WriteEffect {
    /// Nothing: the run is of another revision by now.
    Outdated,
    /// The row holds this.
    Row(Content),
    /// Its journal gets one more entry.
    Entry,
}

impl TablesState<'_> {
    /// Writes changes of one kind, each if its run is still of the revision it was decided on.
    pub fn write(&mut self, kind: WriteKind, writes: &[Write<'_>], moment: Moment) -> Result<Written> {
        let has_journal = self.contexts.journal.is_some();
        if has_journal == (kind == WriteKind::Row) {
            return Ok(Written::new());
        }
        // PostgreSQL reads every value of a statement before it writes any.
        let effects = writes.iter().map(|write| self.effect_of(kind, write)).collect::<Result<Vec<_>>>()?;
        let mut written = Written::new();
        for (write, effect) in writes.iter().zip(effects) {
            let revision = match effect {
                WriteEffect::Outdated => continue,
                WriteEffect::Row(content) => {
                    self.put_row(write, content, moment)?;
                    Revision { row: moment.xid, entry: 0 }
                }
                WriteEffect::Entry => {
                    self.contexts.append(write.run, write.base.entry + 1, write.sets.get());
                    self.statuses.touch(write.run, RunStatus::Running, moment.micros());
                    Revision { row: write.base.row, entry: write.base.entry + 1 }
                }
            };
            written.insert(write.run.to_owned(), (Some(moment.at), revision));
        }
        Ok(written)
    }

    /// Lets `decide` look at a run, and writes what it answers.
    pub fn change_locked(
        &mut self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
        moment: Moment,
    ) -> Result<LockedChange> {
        if self.contexts.journal.is_some() {
            return Ok(LockedChange::Journal);
        }
        let document = match self.contexts.rows.get(run) {
            None => Document { found: false, ..Document::parse(None)? },
            Some(row) if needed == Projection::Whole => Document::parse(Some(&row.content.text()?))?,
            Some(row) => row.content.reserved()?,
        };
        let document = Document { at: Some(moment.at), ..document };
        let Some(change) = decide(document)? else { return Ok(LockedChange::Declined) };
        self.write_locked(run, change, moment)?;
        Ok(LockedChange::Written(Some(moment.at)))
    }

    /// What a write does.
    fn effect_of(&self, kind: WriteKind, write: &Write<'_>) -> Result<WriteEffect> {
        refuse_unstorable(write.sets.get())?;
        refuse_null(&write.reason)?;
        let Some(row) = self.contexts.row_of(write.run, write.base.row) else {
            return Ok(WriteEffect::Outdated);
        };
        let last = self.contexts.last_entry(write.run);
        match kind {
            WriteKind::Entry if last == write.base.entry => Ok(WriteEffect::Entry),
            WriteKind::Entry => Ok(WriteEffect::Outdated),
            WriteKind::Fold if last > write.base.entry => Ok(WriteEffect::Outdated),
            WriteKind::Row | WriteKind::Fold => {
                let patch = Patch { sets: parsed(&write.sets)?, deletes: deletes(write)? };
                row.content.patched(&patch).map(WriteEffect::Row)
            }
        }
    }

    fn put_row(&mut self, write: &Write<'_>, content: Content, moment: Moment) -> Result<()> {
        let now = moment.micros();
        match write.status {
            Some(status) if write.ends => {
                let result = final_result(status, &write.reason, &content.visible()?)?;
                self.statuses.finish(write.run, status, result, now);
            }
            Some(status) => self.statuses.touch(write.run, status, now),
            None => {}
        }
        if let Some(journal) = self.contexts.journal.as_mut().filter(|_| !makes(Mutant::KeepsJournal)) {
            journal.remove(write.run);
        }
        self.contexts.rows.insert(write.run.to_owned(), Row { xmin: moment.xid, content });
        Ok(())
    }

    /// Writes a change that was decided under the lock of its row.
    pub fn write_locked(&mut self, run: &str, change: Change, moment: Moment) -> Result<()> {
        let Change { mut patch, reserved, status } = change;
        patch.set(RESERVED_KEY, to_raw(&reserved)?);
        let before = self.contexts.rows.get(run).map_or_else(Content::default, |row| row.content.clone());
        let content = before.patched(&patch)?;
        let (ledger, now) = (&reserved.ledger, moment.micros());
        match status {
            StatusUpdate::End => {
                let result = final_result(ledger.status, &ledger.reason(), &content.visible()?)?;
                self.statuses.finish(run, ledger.status, result, now);
            }
            StatusUpdate::Keep => self.statuses.touch(run, ledger.status, now),
            StatusUpdate::Published => self.statuses.finish_unheard(run, ledger.status, now),
            StatusUpdate::Defer => self.statuses.touch(run, RunStatus::Running, now),
        }
        self.contexts.rows.insert(run.to_owned(), Row { xmin: moment.xid, content });
        Ok(())
    }

    /// Changes keys of a run's row; creates it if there is none.
    pub fn patch_row(&mut self, run: &str, patch: &Patch, moment: Moment) -> Result<()> {
        let before = self.contexts.rows.get(run).map_or_else(Content::default, |row| row.content.clone());
        let content = before.patched(patch)?;
        self.contexts.rows.insert(run.to_owned(), Row { xmin: moment.xid, content });
        Ok(())
    }

    /// Folds every run's journal into its row, and takes the journal away.
    pub fn fold_all(&mut self, moment: Moment) -> Result<()> {
        let Some(journal) = self.contexts.journal.take() else { return Ok(()) };
        for (run, entries) in journal {
            let Some(row) = self.contexts.rows.get(&run) else { continue };
            let Some(last) = entries.last_key_value().map(|(number, _)| *number) else { continue };
            let texts: Vec<String> = entries.into_values().collect();
            let document = Document::parse(Some(&row.content.text()?))?.grown(&texts, last)?;
            let mut patch = document.folded();
            if let Some(reserved) = &document.reserved {
                patch.set(RESERVED_KEY, to_raw(reserved)?);
            }
            let content = row.content.patched(&patch)?;
            self.contexts.rows.insert(run, Row { xmin: moment.xid, content });
        }
        Ok(())
    }

    /// Appends an entry that concerns the context alone; whether the run was still of that revision.
    pub fn append(&mut self, run: &str, base: Revision, entry: &Json) -> Result<bool> {
        refuse_unstorable(entry.get())?;
        let is_next = self.contexts.journal.is_some()
            && self.contexts.row_of(run, base.row).is_some()
            && self.contexts.last_entry(run) == base.entry;
        if is_next {
            self.contexts.append(run, base.entry + 1, entry.get());
        }
        Ok(is_next)
    }
}

impl Contexts {
    fn append(&mut self, run: &str, number: i64, entry: &str) {
        if let Some(journal) = &mut self.journal {
            journal.entry(run.to_owned()).or_default().insert(number, entry.to_owned());
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Object(Default::default())
    }
}

fn deletes(write: &Write<'_>) -> Result<Vec<String>> {
    write.deletes.as_ref().map_or_else(|| Ok(Vec::new()), parsed)
}

fn parsed<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T> {
    let unreadable =
        |error| crate::error::Error::new(crate::error::Code::ValueNotStorable, "Writing the run", error);
    serde_json::from_str(json.get()).map_err(unreadable)
}
