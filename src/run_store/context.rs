//! The context of a run as a `PostgresContext` reads and writes it, from outside of any job.

use super::patience::patiently;
use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::InRow;
use crate::record::{Entry, Patch, RESERVED_KEY, is_hidden, to_raw};

/// How often a patch from outside is tried while other writers come first.
const PATCHES: u8 = 100;

impl RunStore {
    /// The visible document of a run as one JSON object, for `toJSON`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn visible(&self, run: &str) -> Result<Json> {
        self.load(run).await?.visible_json()
    }

    /// The raw value of one key.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn get(&self, run: &str, key: &str) -> Result<Option<String>> {
        if key == RESERVED_KEY || is_hidden(key) {
            return Ok(None);
        }
        match self.record.value(run, key).await.map_err(|error| error.of_run(run))? {
            InRow::Found(value) => Ok(value),
            InRow::NoRow => Ok(None),
            InRow::Journal => Ok(self.load(run).await?.values.get(key).map(|value| value.get().to_owned())),
        }
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn has(&self, run: &str, key: &str) -> Result<bool> {
        if key == RESERVED_KEY || is_hidden(key) {
            return Ok(false);
        }
        match self.record.has_key(run, key).await.map_err(|error| error.of_run(run))? {
            InRow::Found(has) => Ok(has),
            InRow::NoRow => Ok(false),
            InRow::Journal => Ok(self.load(run).await?.values.contains_key(key)),
        }
    }

    /// Changes keys in one statement; creates the row when there is none.
    ///
    /// # Errors
    /// As [`load`](Self::load), and values the database cannot store.
    pub async fn patch(&self, run: &str, patch: &Patch) -> Result<()> {
        patch.refuse_reserved().map_err(|error| error.of_run(run))?;
        self.write_patch(run, patch).await
    }

    /// Removes a key; whether it was there.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn delete(&self, run: &str, key: &str) -> Result<bool> {
        let is_there = self.has(run, key).await?;
        if is_there {
            let patch = Patch { deletes: vec![key.to_owned()], ..Patch::default() };
            self.write_patch(run, &patch).await?;
        }
        Ok(is_there)
    }

    async fn write_patch(&self, run: &str, patch: &Patch) -> Result<()> {
        let written = patiently(&self.platform, || self.try_patch(run, patch)).await;
        written.map_err(|error| error.of_run(run))
    }

    async fn try_patch(&self, run: &str, patch: &Patch) -> Result<()> {
        if self.record.find_journal().await? && self.write_entry(run, patch).await? {
            return Ok(());
        }
        self.record.patch_row(run, patch).await
    }

    /// Appends a patch to a run's journal. Answers false if the run has no entries: then its row says everything.
    async fn write_entry(&self, run: &str, patch: &Patch) -> Result<bool> {
        for _ in 0..PATCHES {
            let document = self.load(run).await?;
            if document.revision.entry == 0 {
                return Ok(false);
            }
            let entry = to_raw(&Entry::of_patch(&document, patch))?;
            if self.record.append(run, document.revision, &entry).await? {
                return Ok(true);
            }
        }
        Err(Error::new(Code::RunBusy, "Writing the context", "other writers keep changing the run"))
    }
}
