//! The table of schedules that a migration makes. A change of a schedule and the runs that it starts are one transaction.

use tokio_postgres::Row;

use super::connection::Connection;
use super::parameters::Parameter;
use super::session::Session;
use super::sql::{limit_of_transaction, moment};
use super::transaction::Transaction;
use crate::error::{Code, Error, Result, SqlState};
use crate::migrations::{SCHEDULES_TABLE, beside};
use crate::ports::record::Inserted;
use crate::ports::scheduling::{
    FoundSchedules, NewSchedule, ScheduleSearch, ScheduleWrite, ScheduleWritten, StoredSchedule,
};
use crate::record::NewRun;

/// SQL: a moment of the table, or the server's, in milliseconds since 1970. It is the same throughout a statement, so that an
/// index can be used.
fn milliseconds(moment: &str) -> String {
    format!("floor(extract(epoch FROM {moment}) * 1000)::bigint")
}

/// SQL: the moment in a parameter.
fn moment_of(parameter: &str) -> String {
    format!("(timestamptz 'epoch' + {parameter}::bigint * interval '1 millisecond')")
}

/// SQL: the columns of a schedule that is found.
const COLUMNS: &str = "id, schedule, revision, due_at";

/// SQL: the schedules that `which` selects, after the time now and the next moment. There is a row even where there is no
/// schedule.
fn found_by(which: &str, next: &str) -> String {
    let now = milliseconds("statement_timestamp()");
    format!(
        "SELECT {now}, {next}, s.id, s.schedule::text, s.revision FROM (SELECT 1) AS one \
         LEFT JOIN ({which}) AS s ON true ORDER BY s.due_at, s.id COLLATE \"C\""
    )
}

impl Session {
    /// The schedules that a search finds; none where there is no table for them.
    pub async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>> {
        let client = self.client().await?;
        let Some(table) = self.schedules_table(&client).await? else { return Ok(None) };
        match self.find(&client, &table, search).await {
            Err(error) if self.has_lost_schedules(&error) => Ok(None),
            found => found.map(Some),
        }
    }

    async fn find(
        &self,
        client: &Connection,
        table: &str,
        search: &ScheduleSearch,
    ) -> Result<FoundSchedules> {
        let rows = match search {
            ScheduleSearch::One(id) => {
                let which = format!("SELECT {COLUMNS} FROM {table} WHERE id = $1::text");
                client.rows(&found_by(&which, "NULL::bigint"), &[id]).await?
            }
            ScheduleSearch::Page { blueprint, after, limit } => {
                let which = format!(
                    "SELECT id, schedule, revision, NULL::timestamptz AS due_at FROM {table} \
                     WHERE id > $1::text COLLATE \"C\" AND ($2::text IS NULL OR blueprint_id = $2::text) \
                     ORDER BY id COLLATE \"C\" LIMIT $3"
                );
                let given: [Parameter<'_>; 3] = [after, &blueprint.as_deref(), limit];
                client.rows(&found_by(&which, "NULL::bigint"), &given).await?
            }
            ScheduleSearch::Due { without_blueprints, without, limit } => {
                let next = milliseconds("min(due_at)");
                let later = format!("(SELECT {next} FROM {table} WHERE due_at > statement_timestamp())");
                let which = format!(
                    "SELECT {COLUMNS} FROM {table} WHERE due_at <= statement_timestamp() \
                     AND blueprint_id <> ALL($1::text[]) AND id <> ALL($2::text[]) ORDER BY due_at, id LIMIT $3"
                );
                client.rows(&found_by(&which, &later), &[without_blueprints, without, limit]).await?
            }
        };
        let at = rows.first().and_then(|row| moment(row, 0)).unwrap_or_default();
        let next = rows.first().and_then(|row| row.get::<_, Option<i64>>(1));
        Ok(FoundSchedules {
            at,
            schedules: rows.iter().filter_map(stored).collect(),
            next: next.and_then(|next| u64::try_from(next).ok()),
        })
    }

    /// Changes a schedule and inserts runs, or does neither.
    pub async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>> {
        match self.try_write_schedule(write, runs).await {
            Err(error) if self.has_lost_schedules(&error) || self.has_other_tables(&error) => {
                // That was the journal, perhaps: the statement empties that of each run.
                self.journal.has_gone(&error);
                self.try_write_schedule(write, runs).await
            }
            written => written,
        }
    }

    async fn try_write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>> {
        let client = self.client().await?;
        let Some(table) = self.schedules_table(&client).await? else { return Ok(None) };
        let transaction = Transaction::begin(&client).await?;
        transaction.batch(&limit_of_transaction()).await?;
        if change(&transaction, &table, write).await? == 0 {
            transaction.rollback().await?;
            return Ok(Some(ScheduleWritten::default()));
        }
        let inserted = match runs {
            [] => Inserted::default(),
            runs => self.insert_within(&transaction, runs).await?,
        };
        transaction.commit().await?;
        Ok(Some(ScheduleWritten { is_written: true, inserted }))
    }

    /// The table's quoted name, if it is there.
    async fn schedules_table(&self, client: &Connection) -> Result<Option<String>> {
        let table = beside(&self.contexts(client).await?.sql, SCHEDULES_TABLE);
        if !self.schedules.is_there() {
            self.schedules.note(client.has_table(&table).await?);
        }
        Ok(self.schedules.is_there().then_some(table))
    }

    /// Whether a statement failed because the table was removed, perhaps: it is looked for again.
    fn has_lost_schedules(&self, error: &Error) -> bool {
        let gone = error.code == Code::TableMissing && error.sql_state == Some(SqlState::UNDEFINED_TABLE);
        if gone {
            self.schedules.note(false);
        }
        gone
    }
}

/// How many schedules a change concerns: one, or none.
async fn change(transaction: &Transaction<'_>, table: &str, write: &ScheduleWrite<'_>) -> Result<u64> {
    let due = |due: Option<u64>| due.map(|due| i64::try_from(due).unwrap_or(i64::MAX).to_string());
    match write {
        ScheduleWrite::Insert(NewSchedule { id, blueprint, text, due: moment }) => {
            let insert = format!(
                "INSERT INTO {table} (id, blueprint_id, schedule, due_at, revision) \
                 VALUES ($1::text, $2::text, $3::text::jsonb, {}, 1) ON CONFLICT (id) DO NOTHING",
                moment_of("$4::text")
            );
            transaction.execute(&insert, &[id, blueprint, text, &due(*moment).as_deref()]).await
        }
        ScheduleWrite::Change(NewSchedule { id, blueprint, text, due: moment }, revision) => {
            let update = format!(
                "UPDATE {table} SET blueprint_id = $2::text, schedule = $3::text::jsonb, due_at = {}, \
                 revision = revision + 1 WHERE id = $1::text AND revision = $5",
                moment_of("$4::text")
            );
            transaction.execute(&update, &[id, blueprint, text, &due(*moment).as_deref(), revision]).await
        }
        ScheduleWrite::Remove(id) => {
            transaction.execute(&format!("DELETE FROM {table} WHERE id = $1::text"), &[id]).await
        }
    }
}

fn stored(row: &Row) -> Option<StoredSchedule> {
    let id: Option<String> = row.get(2);
    Some(StoredSchedule { id: id?, text: row.get(3), revision: row.get(4) })
}
