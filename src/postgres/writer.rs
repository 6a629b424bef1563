//! Writes changes: as rows, as entries of the journal, or folding a journal into its row.

use std::collections::HashMap;

use futures_util::future::join4;

use super::connection::{BEGIN, Connection};
use super::ids::{Ids, Names};
use super::journal;
use super::parameters::Parameter;
use super::session::Session;
use super::sql::{PRESENT, limits_of_run, moment};
use super::transaction::Transaction;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::Written;
use crate::record::{NOT_AN_OBJECT, Patch, Revision, Write, WriteKind, time_to_carry};

impl Session {
    /// Writes changes of one kind, each only if its run is still of the revision it was decided on.
    pub async fn write(&self, kind: WriteKind, writes: &[Write<'_>]) -> Result<Written> {
        let client = self.client().await?;
        client.allow(time_to_carry(writes));
        let contexts = self.contexts(&client).await?;
        if kind != WriteKind::Entry {
            self.triggers.look(&client, &contexts.sql).await?;
        }
        let columns = Columns::of(writes, contexts.ids);
        let answer =
            match writes.iter().any(|write| write.begins) && self.statuses()?.find_tags(&client).await? {
                true => self.write_anew(&client, kind, &columns).await,
                false => self.write_columns(&client, kind, &columns).await,
            };
        let written = match answer {
            Err(error) if kind != WriteKind::Row && self.journal.has_gone(&error) => {
                return Ok(Written::new());
            }
            Err(error) if self.statuses()?.has_lost_tags(&error) => return Ok(Written::new()),
            answer => answer?,
        };
        let rows_of: HashMap<&str, i64> = match kind {
            WriteKind::Entry => writes.iter().map(|write| (write.run, write.base.row)).collect(),
            WriteKind::Row | WriteKind::Fold => HashMap::new(),
        };
        let revision = |run: &str, number: i64| match rows_of.get(run) {
            Some(row) => Revision { row: *row, entry: number },
            None => Revision { row: number, entry: 0 },
        };
        let revisions = written.iter().map(|row| {
            let run = columns.names.first_asked(row.get(0));
            let revision = revision(&run, row.get(2));
            (run, (moment(row, 1), revision))
        });
        Ok(revisions.collect())
    }

    async fn write_columns(
        &self,
        client: &Connection,
        kind: WriteKind,
        columns: &Columns<'_>,
    ) -> Result<Vec<tokio_postgres::Row>> {
        let statements = self.writing(client).await?;
        let Columns { names, versions, entries, deletes, sets, states, ends, reasons } = columns;
        let runs = &names.sent;
        match kind {
            WriteKind::Row => {
                let parameters: [Parameter<'_>; 7] = [runs, versions, deletes, sets, states, ends, reasons];
                client.rows(&statements.rows, &parameters).await
            }
            WriteKind::Entry => client.rows(&statements.append, &[runs, versions, entries, sets]).await,
            WriteKind::Fold => {
                let parameters: [Parameter<'_>; 8] =
                    [runs, versions, deletes, sets, states, ends, reasons, entries];
                let locked: [Parameter<'_>; 1] = [runs];
                client.prepare(&statements.lock, &locked).await?;
                client.prepare(&statements.fold, &parameters).await?;
                // All statements are sent without waiting, in this order: polling each future once sends it.
                let (begun, locked, folded, committed) = join4(
                    client.batch(BEGIN),
                    client.rows_within(&statements.lock, &locked),
                    client.rows_within(&statements.fold, &parameters),
                    client.batch("COMMIT"),
                )
                .await;
                begun.and(locked)?;
                let folded = folded?;
                committed.map(|()| folded)
            }
        }
    }

    /// As `write_columns`, of runs that begin anew: their status rows keep their new tags, in the same step.
    async fn write_anew(
        &self,
        client: &Connection,
        kind: WriteKind,
        columns: &Columns<'_>,
    ) -> Result<Vec<tokio_postgres::Row>> {
        let statements = self.writing(client).await?;
        let Columns { names, versions, entries, deletes, sets, states, ends, reasons } = columns;
        let runs: Parameter<'_> = &names.sent;
        let parameters: [Parameter<'_>; 8] = [runs, versions, deletes, sets, states, ends, reasons, entries];
        let transaction = Transaction::begin(client).await?;
        let written = match kind {
            WriteKind::Row | WriteKind::Entry => transaction.rows(&statements.rows, &parameters[..7]).await?,
            WriteKind::Fold => {
                transaction.rows(&statements.lock, &[runs]).await?;
                transaction.rows(&statements.fold, &parameters).await?
            }
        };
        transaction.execute(&statements.retag, &[runs]).await?;
        transaction.commit().await.map(|()| written)
    }

    /// Creates an empty row for a run that has none.
    pub async fn create(&self, run: &str) -> Result<()> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let insert = format!(
            "WITH {} INSERT INTO {contexts} (run_id, context_data) SELECT {}, '{{}}' FROM limits \
             ON CONFLICT DO NOTHING",
            limits_of_run(),
            contexts.ids.first()
        );
        client.execute(&insert, &[&contexts.ids.named(run)?]).await.map(drop)
    }

    /// Changes keys of a run's row; creates it if there is none.
    pub async fn patch_row(&self, run: &str, patch: &Patch) -> Result<()> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let (run, id) = (contexts.ids.named(run)?, contexts.ids.first());
        let is_object = "coalesce(jsonb_typeof(t.context_data), 'null') IN ('null', 'object')";
        let limits = limits_of_run();
        let insert = format!(
            "WITH {limits} INSERT INTO {contexts} AS t (run_id, context_data) SELECT {id}, $3::text::jsonb FROM limits \
             ON CONFLICT (run_id) DO UPDATE SET context_data = ({PRESENT} - $2::text[]) || EXCLUDED.context_data \
             WHERE {is_object}"
        );
        // A row that owes values is refused even where it would not have been made.
        let update = format!(
            "WITH {limits} UPDATE {contexts} AS t SET context_data = ({PRESENT} - $2::text[]) || $3::text::jsonb \
             FROM limits WHERE t.run_id = {id} AND {is_object}"
        );
        let sets = patch.sets_json()?;
        let parameters: [Parameter<'_>; 3] = [&run, &patch.deletes, &sets.get()];
        let is_owed = !contexts.owed.is_empty();
        let mut written = client.execute(if is_owed { &update } else { &insert }, &parameters).await?;
        if written == 0 && is_owed && !self.has_row(&client, &run).await? {
            written = client.execute(&insert, &parameters).await?;
        }
        match written {
            0 => Err(Error::new(Code::ContextUnreadable, "Writing the context", NOT_AN_OBJECT)),
            _ => Ok(()),
        }
    }

    async fn has_row(&self, client: &Connection, run: &str) -> Result<bool> {
        let contexts = self.contexts(client).await?;
        let look = format!("SELECT FROM {contexts} WHERE run_id = {}", contexts.ids.first());
        Ok(client.row(&look, &[&run]).await?.is_some())
    }

    /// Appends an entry to a run's journal if it is still of that revision.
    pub async fn append(&self, run: &str, base: Revision, entry: &Json) -> Result<bool> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let (run, sql) = (contexts.ids.named(run)?, journal::append_patch(contexts));
        let appended = client.rows(&sql, &[&run, &base.row, &base.entry, &entry.get()]).await?;
        Ok(!appended.is_empty())
    }
}

/// The parameters of a statement, one column each.
#[derive(Debug)]
struct Columns<'a> {
    names: Names<'a>,
    versions: Vec<i64>,
    entries: Vec<i64>,
    deletes: Vec<Option<&'a str>>,
    sets: Vec<&'a str>,
    states: Vec<Option<&'static str>>,
    ends: Vec<bool>,
    reasons: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(writes: &'a [Write<'a>], ids: Ids) -> Self {
        let mut columns = Self {
            names: Names::of(ids, std::iter::empty()),
            versions: Vec::new(),
            entries: Vec::new(),
            deletes: Vec::new(),
            sets: Vec::new(),
            states: Vec::new(),
            ends: Vec::new(),
            reasons: Vec::new(),
        };
        for write in writes {
            // Under two names a run is written once: the other name finds another revision.
            if !columns.names.add(ids, write.run) {
                continue;
            }
            columns.versions.push(write.base.row);
            columns.entries.push(write.base.entry);
            columns.deletes.push(write.deletes.as_ref().map(Json::get));
            columns.sets.push(write.sets.get());
            columns.states.push(write.status.map(|status| status.as_str()));
            columns.ends.push(write.ends);
            columns.reasons.push(&write.reason);
        }
        columns
    }
}
