//! Runs as an application sees them: their status rows, with what the contexts say of their blueprints.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::connection::Connection;
use super::contexts::Contexts;
use super::ids::{Ids, Names, same_run};
use super::journal::JournalTable;
use super::parameters::{Parameter, Typed};
use super::session::Session;
use super::status_sql::Statements;
use crate::error::{Error, Result};
use crate::migrations::{TAGS_COLUMN, TAGS_OF_START};
use crate::ports::watching::{By, EndCount, EndSearch, RunCount, RunSearch, RunSummary, StatusView};

/// The engine's state of a run in its row `c`; null where there is none.
pub(super) const RESERVED: &str =
    "CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->'_flowcraft' END";

/// So many runs are looked up by their ids.
const FEW: usize = 1_000;

/// Conditions of a search, with the parameters that they are about.
#[derive(Default)]
struct Conditions<'a> {
    /// Each with an `AND` before it.
    sql: String,
    given: Vec<Parameter<'a>>,
}

/// What a search comes to, as parameters.
struct Bounds<'a> {
    created: Option<i64>,
    updated: Option<i64>,
    after: Option<Cow<'a, str>>,
    /// Every run that has the tags, if they are few.
    few: Option<Vec<String>>,
}

impl<'a> Conditions<'a> {
    /// Those of a search.
    fn of(search: &'a RunSearch, bounds: &'a Bounds<'a>, has_tags: bool, ids: Ids) -> Self {
        let mut conditions = Self::default();
        if !search.statuses.is_empty() {
            conditions.require("s.status = ANY($?::text[])", &search.statuses);
        }
        conditions.require_if("s.blueprint = $?::text", search.blueprint.as_ref());
        conditions.require_tags(&search.tags, has_tags);
        conditions.require_if(&format!("s.id = ANY({})", ids.all().replace("$1", "$?")), bounds.few.as_ref());
        conditions.require_if("starts_with(s.id::text, $?::text)", search.prefix.as_ref());
        conditions.require_if("s.created < $?::bigint", bounds.created.as_ref());
        conditions.require_if("s.updated < $?::bigint", bounds.updated.as_ref());
        let than = if search.is_descending { "<" } else { ">" };
        let past = format!("s.id {than} $?::text{}", ids.cast());
        conditions.require_if(&past, bounds.after.as_ref());
        conditions
    }

    /// One more condition, about the parameter `$?`.
    fn require(&mut self, condition: &str, parameter: Parameter<'a>) {
        self.given.push(parameter);
        let condition = condition.replace("$?", &format!("${}", self.given.len()));
        self.sql += &format!(" AND {condition}");
    }

    /// All of these tags, if there are any.
    fn require_tags(&mut self, tags: &'a Vec<String>, has_column: bool) {
        let condition = if has_column { "s.kept @> $?::text[]" } else { "s.said ?& $?::text[]" };
        if !tags.is_empty() {
            self.require(condition, tags);
        }
    }

    /// The same where the search says something of it.
    fn require_if<T: Typed + Sync>(&mut self, condition: &str, parameter: Option<&'a T>) {
        if let Some(parameter) = parameter {
            self.require(condition, parameter);
        }
    }
}

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

    /// A page of runs, in the order of their ids.
    pub async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        match self.try_list(search).await {
            Err(error) if self.has_other_tables(&error) => self.try_list(search).await,
            listed => listed,
        }
    }

    async fn try_list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        let client = self.client().await?;
        let statements = self.statuses()?.statements(&client).await?;
        let contexts = self.contexts(&client).await?;
        let has_tags = self.find_tags_for(&client, &search.tags).await?;
        let seen = self.seen(statements, contexts, has_tags);
        let bounds = Bounds {
            created: signed(search.created_before),
            updated: signed(search.updated_before),
            after: search.after.as_ref().map(|after| statements.ids.named(after)).transpose()?,
            few: if has_tags { few_tagged(&client, statements, &search.tags).await? } else { None },
        };
        let Conditions { sql: conditions, mut given } =
            Conditions::of(search, &bounds, has_tags, statements.ids);
        given.push(&search.limit);
        let last = given.len();
        let order = if search.is_descending { "DESC" } else { "ASC" };
        let select = format!(
            "SELECT s.id::text, s.status, s.blueprint, s.created, s.updated, s.tags FROM ({seen}) AS s \
             WHERE true{conditions} ORDER BY s.id {order} LIMIT ${last}"
        );
        let rows = client.rows(&select, &given).await?;
        let summary = |row: &tokio_postgres::Row| RunSummary {
            run: row.get(0),
            status: row.get(1),
            blueprint: row.get(2),
            created_at: unsigned(row.get(3)),
            updated_at: unsigned(row.get(4)),
            tags: texts(row.get(5)),
        };
        Ok(rows.iter().map(summary).collect())
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
        let Conditions { sql: conditions, given } = conditions;
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
    async fn find_tags_for(&self, client: &Connection, tags: &[String]) -> Result<bool> {
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
    /// status row (`kept`) and the record (`said`) have them.
    fn seen(&self, statements: &Statements, contexts: &Contexts, has_tags: bool) -> String {
        let Statements { table, status, ids, .. } = statements;
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
            "SELECT t.run_id AS id, t.status, t.updated, t.kept, {said}->'tags' AS said, \
             CASE WHEN {said} IS NULL THEN t.kept ELSE {tags} END AS tags, \
             coalesce(({RESERVED})->'blueprint'->>'id'{of_journal}, \
             CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->>'blueprintId' END) AS blueprint, \
             (({RESERVED})->'start'->>'at')::bigint AS created \
             FROM (SELECT run_id, {status} AS status, {updated} AS updated, {kept} AS kept FROM {table} AS t) AS t \
             LEFT JOIN {contexts} AS c ON {same}"
        )
    }
}

/// Every run that has all of these tags, if they are few. PostgreSQL does not know how rare a tag is: where it takes one for
/// a common one, it reads the runs in their order until it has a page of those that have it.
async fn few_tagged(
    client: &Connection,
    statements: &Statements,
    tags: &Vec<String>,
) -> Result<Option<Vec<String>>> {
    if tags.is_empty() {
        return Ok(None);
    }
    let table = &statements.table;
    let select = format!(
        "SELECT t.run_id::text FROM {table} AS t WHERE t.{TAGS_COLUMN} @> $1::text[] LIMIT {}",
        FEW + 1
    );
    let rows = client.rows(&select, &[tags]).await?;
    Ok((rows.len() <= FEW).then(|| rows.iter().map(|row| row.get(0)).collect()))
}

/// SQL: the tags that a row `t` of the statuses keeps.
fn kept_tags(has_tags: bool) -> String {
    if has_tags { format!("t.{TAGS_COLUMN}") } else { "NULL::text[]".to_owned() }
}

/// The texts of an array. A client of the user's may have written it.
fn texts(array: Option<Vec<Option<String>>>) -> Vec<String> {
    array.into_iter().flatten().flatten().collect()
}

/// SQL: `updated_at` in milliseconds since 1970.
fn milliseconds(statements: &Statements) -> String {
    let moments = statements.moments.as_ref();
    moments.map_or_else(|| "NULL::bigint".to_owned(), |moments| format!("({} / 1000)", moments.micros()))
}

fn unsigned(moment: Option<i64>) -> Option<u64> {
    moment.and_then(|moment| u64::try_from(moment).ok())
}

fn signed(moment: Option<u64>) -> Option<i64> {
    moment.map(|moment| i64::try_from(moment).unwrap_or(i64::MAX))
}
