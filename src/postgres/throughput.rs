//! The table of what happened when, which a migration makes.

use tracing::debug;

use super::connection::Connection;
use super::session::Session;
use crate::error::Result;
use crate::migrations::{THROUGHPUT_TABLE, beside};
use crate::ports::throughput::{HOURLY_AFTER, KEPT_FOR, MERGED_AFTER, MinuteCount, WRITTEN_FOR};
use crate::ports::watching::{By, EndCount, EndSearch};
use crate::time::milliseconds;

/// SQL: the minute that it is, since 1970.
const NOW: &str = "floor(extract(epoch FROM statement_timestamp()) / 60)::bigint";
/// How many rows one fold takes at most: those that are left are for the next one.
const FOLDED: u32 = 20_000;
const KEY: &str = "(minute, minutes, blueprint, queue, outcome, writer)";

impl Session {
    /// Stores the counts of a writer; whether there is a table for them. Then, if it `folds`, old rows become fewer.
    pub async fn store_throughput(&self, writer: &str, counts: &[MinuteCount], folds: bool) -> Result<bool> {
        let client = self.client().await?;
        let Some(table) = self.throughput_table(&client).await? else { return Ok(false) };
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let minutes: Vec<i64> = counts.iter().map(|count| whole(count.minute)).collect();
        let numbers: Vec<i64> = counts.iter().map(|count| whole(count.count)).collect();
        let texts = |text: fn(&MinuteCount) -> &str| counts.iter().map(text).collect::<Vec<_>>();
        let (blueprints, queues) = (texts(|count| &count.blueprint), texts(|count| &count.queue));
        let outcomes = texts(|count| count.outcome);
        // A minute whose rows may have become one already takes no more: twice the time a writer has for it is far.
        let insert = format!(
            "INSERT INTO {table} AS t (minute, minutes, blueprint, queue, outcome, writer, count) \
             SELECT g.minute, 1, g.blueprint, g.queue, g.outcome, $1::text, g.count \
             FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[]) \
             AS g (minute, blueprint, queue, outcome, count) WHERE g.minute >= {NOW} - {} \
             ON CONFLICT {KEY} DO UPDATE SET count = greatest(t.count, excluded.count)",
            WRITTEN_FOR + 1
        );
        client.execute(&insert, &[&writer, &minutes, &blueprints, &queues, &outcomes, &numbers]).await?;
        // What is stored is stored, whatever comes of this.
        if folds && let Err(error) = client.execute(&fold(&table), &[]).await {
            debug!(%error, "old counts of throughput have not become fewer");
        }
        Ok(true)
    }

    /// What is stored of that time; none where there is no table for it.
    pub(super) async fn stored_ends(
        &self,
        client: &Connection,
        EndSearch { within, step, by, outcomes }: &EndSearch,
    ) -> Result<Option<Vec<EndCount>>> {
        let Some(table) = self.throughput_table(client).await? else { return Ok(None) };
        let name = match by {
            By::Blueprint => "blueprint",
            By::Queue => "queue",
        };
        // A row counts if a part of its time belongs to it.
        let select = format!(
            "SELECT minute * 60000 / $2::bigint * $2::bigint, outcome, nullif({name}, ''), sum(count)::bigint \
             FROM {table} WHERE minute > {NOW} - $1::bigint / 60000 - 61 AND outcome = ANY($3::text[]) \
             AND minute + minutes > floor((extract(epoch FROM statement_timestamp()) * 1000 - $1::bigint) / 60000) \
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS FIRST"
        );
        let whole = |time| i64::try_from(milliseconds(time)).unwrap_or(i64::MAX);
        let (within, step) = (whole(*within), whole(*step).max(1));
        let rows = client.rows(&select, &[&within, &step, outcomes]).await?;
        let count = |row: &tokio_postgres::Row| {
            let (name, is_queue) = (row.get(2), *by == By::Queue);
            let (blueprint, queue) = if is_queue { (None, name) } else { (name, None) };
            let from = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
            EndCount { from, status: row.get(1), blueprint, queue, count: row.get(3) }
        };
        Ok(Some(rows.iter().map(count).collect()))
    }

    /// The table's quoted name, if it is there.
    async fn throughput_table(&self, client: &Connection) -> Result<Option<String>> {
        let table = beside(&self.contexts(client).await?.sql, THROUGHPUT_TABLE);
        Ok(client.has_table(&table).await?.then_some(table))
    }
}

/// SQL: rows of many writers become one, minutes become hours, and what is too old goes, in one step. Two that fold at a time
/// take each row once.
fn fold(table: &str) -> String {
    format!(
        "WITH old AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} \
         WHERE minute < {NOW} - {MERGED_AFTER} AND (writer <> '' \
         OR minutes = 1 AND minute < {NOW} - {HOURLY_AFTER} OR minute < {NOW} - {KEPT_FOR}) \
         ORDER BY minute LIMIT {FOLDED})) \
         RETURNING *, minutes = 60 OR minute < {NOW} - {HOURLY_AFTER} AS is_hour) \
         INSERT INTO {table} AS t (minute, minutes, blueprint, queue, outcome, writer, count) \
         SELECT CASE WHEN is_hour THEN minute / 60 * 60 ELSE minute END, CASE WHEN is_hour THEN 60 ELSE 1 END, \
         blueprint, queue, outcome, '', sum(count)::bigint FROM old WHERE minute >= {NOW} - {KEPT_FOR} \
         GROUP BY 1, 2, 3, 4, 5 ON CONFLICT {KEY} DO UPDATE SET count = t.count + excluded.count"
    )
}
