//! Runs as an application sees them: their status rows, with what the contexts say of their blueprints.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use super::connection::Connection;
use super::contexts::Contexts;
use super::ids::{Names, same_run};
use super::journal::JournalTable;
use super::session::Session;
use super::status_sql::Statements;
use crate::error::{Error, Result};
use crate::migrations::{HALTED, NAMED_BLUEPRINT, TAGS_COLUMN, TAGS_OF_START, WAITING};
use crate::ports::watching::{By, EndCount, EndSearch, RunCount, StatusView};

/// The engine's state of a run in its row `c`; null where there is none.
pub(super) const RESERVED: &str =
    "CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->'_flowcraft' END";

/// SQL: why a run failed or was cancelled, by its record, for a table without a place for results.
const REASON_OF_RECORD: &str = "coalesce(c.context_data->'_flowcraft'->'ledger'->>'cancelled', \
    (SELECT string_agg(e->>'message', '; ') FROM jsonb_array_elements(c.context_data->'_flowcraft'->'ledger'->'errors') AS e))";

impl Session {
    /// What the status rows of runs say.
    pub async fn views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>> {
        match self.try_views(runs).await {
            Err(error) if self.has_other_tables(&error) => self.try_views(runs).await,
            views => views,
        }
    }

    async fn try_views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>> {
        let client = self.client().await?;
        let has_tags = self.statuses()?.find_tags_lately(&client).await?;
        let statements = self.statuses()?.statements(&client).await?;
        let Statements { table, status, results, ids, .. } = statements;
        let names = Names::of(*ids, runs.iter().copied());
        let result = results.map_or_else(|| "NULL".to_owned(), |column| format!("{column}::text"));
        let (all, moment, tags) = (ids.all(), milliseconds(statements), kept_tags(has_tags));
        let select = format!(
            "SELECT run_id::text, {status}, CASE WHEN {status} NOT IN ('running', 'awaiting') THEN {result} END, \
             {moment}, {tags} FROM {table} AS t WHERE run_id = ANY({all})"
        );
        let rows = client.rows(&select, &[&names.sent]).await?;
        let view = |row: &tokio_postgres::Row| StatusView {
            status: row.get(1),
            result: row.get(2),
            updated_at: unsigned(row.get(3)),
            tags: texts(row.get(4)),
        };
        let named =
            |row| names.asked(tokio_postgres::Row::get(row, 0)).into_iter().map(move |run| (run, view(row)));
        Ok(rows.iter().flat_map(named).collect())
    }

    /// How many runs there are of each status and blueprint, among those that have all of these tags.
    pub async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        match self.try_counts(tags).await {
            Err(error) if self.has_other_tables(&error) => self.try_counts(tags).await,
            counted => counted,
        }
    }

    async fn try_counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        let client = self.client().await?;
        let statements = self.statuses()?.statements(&client).await?;
        let contexts = self.contexts(&client).await?;
        let has_tags = self.find_tags_for(&client, tags).await?;
        let seen = self.seen(statements, contexts, has_tags);
        let (mut conditions, tags) = (Conditions::default(), tags.to_vec());
        conditions.require_tags(&tags, has_tags);
        let Conditions { sql: conditions, given, .. } = conditions;
        let count = format!(
            "SELECT s.status, s.blueprint, count(*) FROM ({seen}) AS s WHERE true{conditions} \
             GROUP BY 1, 2 ORDER BY 1, 2"
        );
        let rows = client.rows(&count, &given).await?;
        let count = |row: &tokio_postgres::Row| RunCount {
            status: row.get(0),
            blueprint: row.get(1),
            count: row.get(2),
        };
        Ok(rows.iter().map(count).collect())
    }

    /// How many runs ended when.
    pub async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        match self.try_ends(search).await {
            Err(error) if self.has_other_tables(&error) => self.try_ends(search).await,
            counted => counted,
        }
    }

    async fn try_ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        let client = self.client().await?;
        if let Some(stored) = self.stored_ends(&client, search).await? {
            return Ok(stored);
        }
        let EndSearch { within, step, by, outcomes } = search;
        let statements = self.statuses()?.statements(&client).await?;
        let contexts = self.contexts(&client).await?;
        let seen = self.seen(statements, contexts, false);
        let blueprint = if *by == By::Queue { "NULL::text" } else { "s.blueprint" };
        // Only the runs of that time are looked up in the contexts.
        let count = format!(
            "SELECT s.updated / $2::bigint * $2::bigint, s.status, {blueprint}, count(*) FROM ({seen}) AS s \
             WHERE s.status IN ('completed', 'failed', 'cancelled') AND s.status = ANY($3::text[]) \
             AND s.updated >= floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint - $1::bigint \
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS FIRST"
        );
        let whole = |time| i64::try_from(crate::time::milliseconds(time)).unwrap_or(i64::MAX);
        let (within, step) = (whole(*within), whole(*step).max(1));
        let rows = client.rows(&count, &[&within, &step, outcomes]).await?;
        let count = |row: &tokio_postgres::Row| EndCount {
            from: unsigned(row.get(0)).unwrap_or_default(),
            status: row.get(1),
            blueprint: row.get(2),
            queue: None,
            count: row.get(3),
        };
        Ok(rows.iter().map(count).collect())
    }

    /// Whether there is a column of tags, for a search by these, or by none.
    pub(super) async fn find_tags_for(&self, client: &Connection, tags: &[String]) -> Result<bool> {
        match tags {
            [] => self.statuses()?.find_tags_lately(client).await,
            _ => self.statuses()?.find_tags(client).await,
        }
    }

    /// Whether a statement failed because something is gone that a migration makes, and notes that.
    pub(super) fn has_other_tables(&self, error: &Error) -> bool {
        let no_journal = self.journal.is_there() && self.journal.has_gone(error);
        let no_tags = self.statuses().is_ok_and(|statuses| statuses.has_lost_tags(error));
        no_journal || no_tags
    }

    /// SQL: every run with its `id`, `status`, `blueprint`, `tags`, and when it was `created` and `updated`; the tags as the
    /// status row (`kept`) and the record (`said`) have them; of its row, the blueprint that it has `named`, the nodes at which it
    /// `waits`, and whether it is `halted`; and for which `reason` it failed. Those are what indexes are of.
    pub(super) fn seen(&self, statements: &Statements, contexts: &Contexts, has_tags: bool) -> String {
        let Statements { table, status, ids, reason, .. } = statements;
        let [shown, reason] = match reason {
            Some(reason) => [reason, "t.reason"],
            None => ["NULL::text", REASON_OF_RECORD],
        };
        let [named, waits, halted] =
            [NAMED_BLUEPRINT, WAITING, HALTED].map(|sql| sql.replace("context_data", "c.context_data"));
        let updated = milliseconds(statements);
        let same = same_run(*ids, contexts.ids);
        let of_journal = match self.journal.is_there() {
            true => format!(
                ", (SELECT j.change->'blueprint'->>'id' FROM {} AS j WHERE j.run_id = c.run_id::text \
                 AND j.change->'blueprint' IS NOT NULL ORDER BY j.entry LIMIT 1)",
                JournalTable::of(&contexts.sql)
            ),
            false => String::new(),
        };
        let said = format!("({RESERVED})->'start'");
        let tags = TAGS_OF_START.replace("$START", &said);
        let kept = kept_tags(has_tags);
        format!(
            "SELECT t.run_id AS id, c.run_id AS context, t.status, t.updated, t.kept, {named} AS named, {waits} AS waits, \
             ({halted}) AS halted, {reason} AS reason, {said}->'tags' AS said, \
             CASE WHEN {said} IS NULL THEN t.kept ELSE {tags} END AS tags, \
             coalesce(({RESERVED})->'blueprint'->>'id'{of_journal}, \
             CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->>'blueprintId' END) AS blueprint, \
             (({RESERVED})->'start'->>'at')::bigint AS created \
             FROM (SELECT run_id, {status} AS status, {updated} AS updated, {kept} AS kept, {shown} AS reason FROM {table} AS t) AS t \
             LEFT JOIN {contexts} AS c ON {same}"
        )
    }
}

/// SQL: the tags that a row `t` of the statuses keeps.
fn kept_tags(has_tags: bool) -> String {
    if has_tags { format!("t.{TAGS_COLUMN}") } else { "NULL::text[]".to_owned() }
}

/// The texts of an array. A client of the user's may have written it.
pub(super) fn texts(array: Option<Vec<Option<String>>>) -> Vec<String> {
    array.into_iter().flatten().flatten().collect()
}

/// SQL: `updated_at` in milliseconds since 1970.
fn milliseconds(statements: &Statements) -> String {
    let moments = statements.moments.as_ref();
    moments.map_or_else(|| "NULL::bigint".to_owned(), |moments| format!("({} / 1000)", moments.micros()))
}

pub(super) fn unsigned(moment: Option<i64>) -> Option<u64> {
    moment.and_then(|moment| u64::try_from(moment).ok())
}

pub(super) fn signed(moment: Option<u64>) -> Option<i64> {
    moment.map(|moment| i64::try_from(moment).unwrap_or(i64::MAX))
}
