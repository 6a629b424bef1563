//! A change that is decided under the lock of a run's row, for runs without a journal.

use super::contexts::Contexts;
use super::ids::Names;
use super::journal::JournalTable;
use super::session::Session;
use super::sql::{NOW, PRESENT, RESERVED, limits_of_run, moment};
use super::transaction::Transaction;
use crate::error::Result;
use crate::ports::record::{DecideLocked, LockedChange, Projection};
use crate::record::final_result::final_result;
use crate::record::{Change, Document, RESERVED_KEY, StatusUpdate, to_raw};
use crate::workflow::ledger::RunStatus;

impl Session {
    /// Those of some runs whose rows another transaction has locked.
    pub async fn locked(&self, runs: &[&str]) -> Result<Vec<String>> {
        let client = self.client().await?;
        let ids = self.contexts(&client).await?.ids;
        let names = Names::of(ids, runs.iter().copied());
        let locked = client.rows(&self.writing(&client).await?.locked, &[&names.sent]).await?;
        Ok(locked.iter().flat_map(|row| names.asked(row.get(0))).collect())
    }

    /// Lets `decide` look at a run under the lock of its row, and writes what it answers.
    pub async fn change_locked(
        &self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
    ) -> Result<LockedChange> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let run = &*contexts.ids.named(run)?;
        let transaction = Transaction::begin(&client).await?;
        let Some(document) = self.lock(&transaction, contexts, run, needed).await? else {
            self.journal.found();
            return Ok(LockedChange::Journal);
        };
        let Some(change) = decide(document)? else {
            transaction.rollback().await?;
            return Ok(LockedChange::Declined);
        };
        let at = self.write_locked(&transaction, contexts, run, change).await?;
        transaction.commit().await?;
        Ok(LockedChange::Written(at))
    }

    /// Locks the row of a run and reads it. Creates the row if there is none. None if there is a journal.
    async fn lock(
        &self,
        transaction: &Transaction<'_>,
        contexts: &Contexts,
        run: &str,
        needed: Projection,
    ) -> Result<Option<Document>> {
        let column = match needed {
            Projection::Whole => "context_data",
            Projection::Ledger => RESERVED,
        };
        let absent = JournalTable::is_absent(&contexts.sql);
        let id = contexts.ids.first();
        let limits = limits_of_run();
        let select = format!(
            "WITH {limits} SELECT ({column})::text, {absent}, {NOW} FROM limits, {contexts} AS t \
             WHERE t.run_id = {id} FOR UPDATE OF t"
        );
        let mut found = true;
        let row = match transaction.row(&select, &[&run]).await? {
            Some(row) => row,
            None => {
                found = false;
                // Without a row to lock, two first jobs would each begin the run. The first to insert it has the lock.
                let insert = format!(
                    "WITH {limits} INSERT INTO {contexts} (run_id, context_data) SELECT {id}, '{{}}' FROM limits \
                     ON CONFLICT DO NOTHING"
                );
                transaction.execute(&insert, &[&run]).await?;
                transaction.only_row(&select, &[&run]).await?
            }
        };
        match row.get(1) {
            true => Ok(Some(Document { found, at: moment(&row, 2), ..Document::parse(row.get(0))? })),
            false => Ok(None),
        }
    }

    /// Writes a change of a run whose row is locked; answers when.
    async fn write_locked(
        &self,
        transaction: &Transaction<'_>,
        contexts: &Contexts,
        run: &str,
        change: Change,
    ) -> Result<Option<u64>> {
        let Change { mut patch, reserved, status } = change;
        patch.set(RESERVED_KEY, to_raw(&reserved)?);
        let id = contexts.ids.first();
        let update = format!(
            "UPDATE {contexts} AS t SET context_data = ({PRESENT} - $2::text[]) || $3::text::jsonb WHERE run_id = {id} \
             RETURNING CASE WHEN $4 THEN (context_data - '{RESERVED_KEY}')::text END, {NOW}"
        );
        let ends = status == StatusUpdate::End;
        let row =
            transaction.only_row(&update, &[&run, &patch.deletes, &patch.sets_json()?.get(), &ends]).await?;
        let (ledger, statuses) = (&reserved.ledger, self.statuses()?);
        match status {
            StatusUpdate::End => {
                let context: &str = row.get(0);
                let result = final_result(ledger.status, &ledger.reason(), context)?;
                statuses.finish(transaction, run, ledger.status, &result).await?;
            }
            StatusUpdate::Keep => statuses.touch(transaction, run, ledger.status).await?,
            StatusUpdate::Published => {
                statuses.finish_unheard_within(transaction, run, ledger.status).await?;
            }
            StatusUpdate::Defer => statuses.touch(transaction, run, RunStatus::Running).await?,
        }
        Ok(moment(&row, 1))
    }
}
