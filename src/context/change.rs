//! What happens to a run from outside, one change at a time: decided on the run as it is, under the lock of its row or, with
//! a journal, anew until nobody else was faster.

use std::time::Duration;

use super::connect::{database_error, rows};
use super::document::{Document, Patch, RESERVED_KEY, ReservedKey, to_raw};
use super::journal::JournalTable;
use super::status::StatusTable;
use super::store::{BOOKKEEPING, ContextStore, NOW, PRESENT, moment};
use super::write::{Columns, Kind};
use crate::error::{self, Error, Result};
use crate::json::Json;
use crate::workflow::ledger::RunStatus;

/// How often a change is decided on where others are faster each time.
const ROUNDS: u8 = 100;

/// A change of a run, decided on its row as it is now, under its lock.
#[derive(Debug)]
pub struct Change {
    /// The keys that change.
    pub patch: Patch,
    /// The new bookkeeping.
    pub reserved: ReservedKey,
    /// What the status row is to say.
    pub ending: Ending,
}

/// What becomes of the status row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The run goes on: status and `updated_at` are kept.
    None,
    /// The run ends, and its result is written with the change.
    Written,
    /// The run ends, and its result goes through the adapter afterwards: until then the row says `running`.
    Deferred,
    /// The run had ended, and its result is published: the status row is the adapter's.
    Published,
}

/// A transaction that went through.
#[derive(Debug)]
pub struct Committed<T> {
    /// Whatever the decision answered.
    pub answer: T,
    /// Whether anything was changed.
    pub changed: bool,
    /// When, by the server's clock: milliseconds since 1970.
    pub at: Option<u64>,
}

impl ContextStore {
    /// Lets `decide` look at a run as it is, and writes the change it answers with; none leaves all as it is. It is
    /// asked again where somebody else was faster. `whole` says whether it needs every key or only the bookkeeping.
    ///
    /// # Errors
    /// Whatever `decide` or the server says; nothing is changed then.
    pub async fn change<T>(
        &self,
        status: &StatusTable,
        run: &str,
        whole: bool,
        mut decide: impl FnMut(Document) -> Result<(Option<Change>, T)>,
    ) -> Result<Committed<T>> {
        let changed = async {
            for round in 0..ROUNDS {
                let committed = match self.has_journal().await? {
                    false => self.change_row(status, run, whole, &mut decide).await?,
                    true => self.change_entry(status, run, &mut decide).await?,
                };
                if let Some(committed) = committed {
                    return Ok(committed);
                }
                tokio::time::sleep(self.platform.jittered(Duration::from_millis(round.into()))).await;
            }
            Err(Error::transient("Changing the run", "others keep changing it"))
        };
        changed.await.map_err(|error| error.of_run(run))
    }

    /// With a journal: decided on what is known and newer, and written if nobody else was faster.
    async fn change_entry<T>(
        &self,
        status: &StatusTable,
        run: &str,
        decide: &mut impl FnMut(Document) -> Result<(Option<Change>, T)>,
    ) -> Result<Option<Committed<T>>> {
        let document = self.load(run).await?;
        let (change, answer) = decide(document.clone())?;
        let Some(change) = change else {
            return Ok(Some(Committed { answer, changed: false, at: None }));
        };
        let client = self.database.client().await?;
        if !document.found {
            let table = self.table(&client).await?;
            let insert = format!(
                "INSERT INTO {table} (run_id, context_data) VALUES ($1, '{{}}') ON CONFLICT DO NOTHING"
            );
            return rows(&client, &insert, &[&run]).await.map(|_| None);
        }
        let after = document.after(&change.patch, &change.reserved);
        let kind = self.kind_of(&after);
        if kind == Kind::Row {
            return Ok(None);
        }
        if change.ending == Ending::Published {
            // First: a result that is published again does less harm than a run that seems to go on for ever.
            status.finish_unheard(&client, run, change.reserved.ledger.status).await?;
        }
        let mut columns = Columns::default();
        columns.add(kind, run, &document, &change, &after)?;
        let written = self.write_columns(&client, status, kind, &columns).await?;
        Ok(written.get(run).map(|&(at, version)| {
            self.known.put(run, &after.written(at, version));
            Committed { answer, changed: true, at }
        }))
    }

    /// Without one: decided on the row, under its lock; none where there is a journal after all.
    async fn change_row<T>(
        &self,
        status: &StatusTable,
        run: &str,
        whole: bool,
        decide: &mut impl FnMut(Document) -> Result<(Option<Change>, T)>,
    ) -> Result<Option<Committed<T>>> {
        let failed = |error: tokio_postgres::Error| database_error(&error);
        let mut client = self.database.client().await?;
        let table = self.table(&client).await?;
        let transaction = client.transaction().await.map_err(failed)?;

        let needed = if whole { "context_data".to_owned() } else { BOOKKEEPING.to_owned() };
        let absent = JournalTable::is_absent(table);
        let select = format!("SELECT ({needed})::text, {absent} FROM {table} WHERE run_id = $1 FOR UPDATE");
        let select = transaction.prepare_cached(&select).await.map_err(failed)?;
        let mut found = true;
        let row = match transaction.query_opt(&select, &[&run]).await.map_err(failed)? {
            Some(row) => row,
            None => {
                found = false;
                // No row to lock: two first jobs would each begin the run. Whoever inserts first has the lock.
                let insert = format!(
                    "INSERT INTO {table} (run_id, context_data) VALUES ($1, '{{}}') ON CONFLICT DO NOTHING"
                );
                let insert = transaction.prepare_cached(&insert).await.map_err(failed)?;
                transaction.execute(&insert, &[&run]).await.map_err(failed)?;
                transaction.query_one(&select, &[&run]).await.map_err(failed)?
            }
        };
        if !row.get::<_, bool>(1) {
            self.journal.found();
            return Ok(None);
        }
        let document = Document { found, ..Document::parse(row.get(0))? };
        let (change, answer) = decide(document)?;
        let Some(change) = change else {
            transaction.rollback().await.map_err(failed)?;
            return Ok(Some(Committed { answer, changed: false, at: None }));
        };

        let mut patch = change.patch;
        patch.set(RESERVED_KEY, to_raw(&change.reserved)?);
        let update = format!(
            "UPDATE {table} AS t SET context_data = ({PRESENT} - $2::text[]) || $3::text::jsonb WHERE run_id = $1 \
             RETURNING CASE WHEN $4 THEN (context_data - '{RESERVED_KEY}')::text END, {NOW}"
        );
        let update = transaction.prepare_cached(&update).await.map_err(failed)?;
        let written = change.ending == Ending::Written;
        let row = transaction
            .query_one(&update, &[&run, &patch.deletes, &patch.sets_json()?.get(), &written])
            .await
            .map_err(failed)?;
        let at = moment(&row, 1);
        let ledger = &change.reserved.ledger;
        match change.ending {
            Ending::Written => {
                let context: &str = row.get(0);
                let result = final_result(ledger.status, &ledger.reason(), context)?;
                status.finish(&transaction, run, ledger.status, &result).await?;
            }
            Ending::None => status.touch(&transaction, run, ledger.status).await?,
            Ending::Published => status.finish_unheard_within(&transaction, run, ledger.status).await?,
            Ending::Deferred => status.touch(&transaction, run, RunStatus::Running).await?,
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Some(Committed { answer, changed: true, at }))
    }

    /// Stores a run's result in the status row, for an adapter that publishes it itself.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn write_result(
        &self,
        status: &StatusTable,
        run: &str,
        end: RunStatus,
        result: &Json,
    ) -> Result<()> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(|error| database_error(&error).of_run(run))?;
        status.finish(&transaction, run, end, result).await.map_err(|error| error.of_run(run))?;
        transaction.commit().await.map_err(|error| database_error(&error).of_run(run))
    }
}

/// The final payload, in the shape the original writes. The context's own text is the serialized one: it is
/// what core's default serializer would write.
fn final_result(status: RunStatus, reason: &str, context: &str) -> Result<Json> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload<'a> {
        context: &'a Json,
        serialized_context: &'a str,
        status: &'a str,
    }
    #[derive(serde::Serialize)]
    struct FinalResult<'a> {
        status: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Payload<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    }
    let raw = Json::parse(context.to_owned())
        .map_err(|error| Error::new(error::Kind::Data, "Writing the result", error))?;
    let completed = status == RunStatus::Completed;
    let payload = Payload { context: &raw, serialized_context: context, status: status.as_str() };
    to_raw(&FinalResult {
        status: status.as_str(),
        payload: completed.then_some(payload),
        reason: (!completed).then_some(reason),
    })
}
