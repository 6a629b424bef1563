//! Runs as an application sees them: their status rows, with what the contexts say of their blueprints.

use std::collections::BTreeMap;

use super::contexts::Contexts;
use super::ids::{Ids, Names};
use super::journal::JournalTable;
use super::parameters::{Parameter, Typed};
use super::session::Session;
use super::sql::limits_of_run;
use super::status_sql::Statements;
use crate::error::{Code, Error, Result};
use crate::ports::watching::{Removal, Removed, RunCount, RunSearch, RunSummary, StatusView};

/// The engine's state of a run in its row `c`; null where there is none.
const RESERVED: &str =
    "CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->'_flowcraft' END";

/// Conditions of a search, with the parameters that they are about.
#[derive(Default)]
struct Conditions<'a> {
    /// Each with an `AND` before it.
    sql: String,
    given: Vec<Parameter<'a>>,
}

impl<'a> Conditions<'a> {
    /// One more condition, about the parameter `$?`.
    fn require(&mut self, condition: &str, parameter: Parameter<'a>) {
        self.given.push(parameter);
        let condition = condition.replace("$?", &format!("${}", self.given.len()));
        self.sql += &format!(" AND {condition}");
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
        let client = self.client().await?;
        let statements = self.statuses()?.statements(&client).await?;
        let Statements { table, status, results, ids, .. } = statements;
        let names = Names::of(*ids, runs.iter().copied());
        let result = results.map_or_else(|| "NULL".to_owned(), |column| format!("{column}::text"));
        let (all, moment) = (ids.all(), milliseconds(statements));
        let select = format!(
            "SELECT run_id::text, {status}, CASE WHEN {status} NOT IN ('running', 'awaiting') THEN {result} END, \
             {moment} FROM {table} AS t WHERE run_id = ANY({all})"
        );
        let rows = client.rows(&select, &[&names.sent]).await?;
        let view = |row: &tokio_postgres::Row| StatusView {
            status: row.get(1),
            result: row.get(2),
            updated_at: unsigned(row.get(3)),
        };
        let named =
            |row| names.asked(tokio_postgres::Row::get(row, 0)).into_iter().map(move |run| (run, view(row)));
        Ok(rows.iter().flat_map(named).collect())
    }

    /// A page of runs, in the order of their ids.
    pub async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        let client = self.client().await?;
        let statements = self.statuses()?.statements(&client).await?;
        let contexts = self.contexts(&client).await?;
        let seen = self.seen(statements, contexts);
        let (created, updated) = (signed(search.created_before), signed(search.updated_before));
        let after = search.after.as_ref().map(|after| statements.ids.named(after)).transpose()?;
        let (order, than) = if search.is_descending { ("DESC", "<") } else { ("ASC", ">") };
        let mut conditions = Conditions::default();
        if !search.statuses.is_empty() {
            conditions.require("s.status = ANY($?::text[])", &search.statuses);
        }
        conditions.require_if("s.blueprint = $?::text", search.blueprint.as_ref());
        conditions.require_if("starts_with(s.id::text, $?::text)", search.prefix.as_ref());
        conditions.require_if("s.created < $?::bigint", created.as_ref());
        conditions.require_if("s.updated < $?::bigint", updated.as_ref());
        let past = format!("s.id {than} $?::text{}", statements.ids.cast());
        conditions.require_if(&past, after.as_ref());
        let Conditions { sql: conditions, mut given } = conditions;
        given.push(&search.limit);
        let last = given.len();
        let select = format!(
            "SELECT s.id::text, s.status, s.blueprint, s.created, s.updated FROM ({seen}) AS s \
             WHERE true{conditions} ORDER BY s.id {order} LIMIT ${last}"
        );
        let rows = client.rows(&select, &given).await?;
        let summary = |row: &tokio_postgres::Row| RunSummary {
            run: row.get(0),
            status: row.get(1),
            blueprint: row.get(2),
            created_at: unsigned(row.get(3)),
            updated_at: unsigned(row.get(4)),
        };
        Ok(rows.iter().map(summary).collect())
    }

    /// How many runs there are of each status and blueprint.
    pub async fn counts(&self) -> Result<Vec<RunCount>> {
        let client = self.client().await?;
        let seen = self.seen(self.statuses()?.statements(&client).await?, self.contexts(&client).await?);
        let count =
            format!("SELECT s.status, s.blueprint, count(*) FROM ({seen}) AS s GROUP BY 1, 2 ORDER BY 1, 2");
        let rows = client.rows(&count, &[]).await?;
        let count = |row: &tokio_postgres::Row| RunCount {
            status: row.get(0),
            blueprint: row.get(1),
            count: row.get(2),
        };
        Ok(rows.iter().map(count).collect())
    }

    /// SQL: every run with its `id`, `status`, `blueprint`, and when it was `created` and `updated`.
    fn seen(&self, statements: &Statements, contexts: &Contexts) -> String {
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
        format!(
            "SELECT t.run_id AS id, t.status, t.updated, \
             coalesce(({RESERVED})->'blueprint'->>'id'{of_journal}, \
             CASE WHEN jsonb_typeof(c.context_data) = 'object' THEN c.context_data->>'blueprintId' END) AS blueprint, \
             (({RESERVED})->'start'->>'at')::bigint AS created \
             FROM (SELECT run_id, {status} AS status, {updated} AS updated FROM {table} AS t) AS t \
             LEFT JOIN {contexts} AS c ON {same}"
        )
    }

    /// Removes runs that are over, whole.
    pub async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        match self.try_remove(removal).await {
            Err(error) if self.journal.is_there() && self.journal.has_gone(&error) => {
                self.try_remove(removal).await
            }
            removed => removed,
        }
    }

    async fn try_remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        let client = self.client().await?;
        let statements = self.statuses()?.statements(&client).await?;
        let contexts = self.contexts(&client).await?;
        let run = removal.run.as_ref().map(|run| statements.ids.named(run)).transpose()?;
        let age = removal.older_than.map(|age| age.as_secs_f64());
        let mut given: Vec<Parameter<'_>> = vec![&removal.statuses, &removal.limit];
        let mut more = String::new();
        if let Some(run) = &run {
            given.push(run);
            more.push_str(&format!(" AND t.run_id = ${}::text{}", given.len(), statements.ids.cast()));
        }
        if let Some(age) = &age {
            given.push(age);
            let ago = format!("(now() - make_interval(secs => ${}))", given.len());
            let moments = statements.moments.as_ref().ok_or_else(no_moments)?;
            more.push_str(&format!(" AND updated_at < (SELECT {})", moments.stored(&ago)));
        }
        let rows = client.rows(&self.removing(statements, contexts, &more), &given).await?;
        Ok(rows.iter().map(|row| Removed { run: row.get(0), nodes: row.get(1) }).collect())
    }

    /// Rows of the statuses are locked first, then contexts, each as it is then: a run that goes on again stays.
    fn removing(&self, statements: &Statements, contexts: &Contexts, more: &str) -> String {
        let Statements { table, status, ids, .. } = statements;
        let (limits, same) = (limits_of_run(), same_run(*ids, contexts.ids));
        let emptied = match self.journal.is_there() {
            true => format!(
                ", emptied AS (DELETE FROM {} AS j USING gone WHERE j.run_id = gone.run_id)",
                JournalTable::of(&contexts.sql)
            ),
            false => String::new(),
        };
        let nodes = format!("({RESERVED})->'ledger'->'nodes'");
        format!(
            "WITH {limits}, chosen AS MATERIALIZED (SELECT t.run_id FROM limits, {table} AS t \
             WHERE {status} = ANY($1::text[]){more} LIMIT $2 FOR UPDATE OF t SKIP LOCKED), \
             gone AS (DELETE FROM {contexts} AS c USING chosen AS t WHERE {same} \
             AND coalesce(({RESERVED})->'ledger'->>'status', 'completed') NOT IN ('running', 'awaiting') \
             RETURNING c.run_id::text AS run_id, CASE WHEN jsonb_typeof({nodes}) = 'object' \
             THEN ARRAY(SELECT jsonb_object_keys({nodes})) ELSE '{{}}'::text[] END AS nodes){emptied}, \
             removed AS (DELETE FROM {table} AS t USING chosen AS k WHERE t.run_id = k.run_id \
             AND (t.run_id::text IN (SELECT run_id FROM gone) \
             OR NOT EXISTS (SELECT FROM {contexts} AS c WHERE {same})) RETURNING t.run_id::text AS run_id) \
             SELECT r.run_id, coalesce(g.nodes, '{{}}'::text[]) FROM removed AS r LEFT JOIN gone AS g USING (run_id)"
        )
    }
}

/// SQL: a row `t` of the statuses and a row `c` of the contexts are of one run.
fn same_run(statuses: Ids, contexts: Ids) -> String {
    match statuses == contexts {
        true => "c.run_id = t.run_id".to_owned(),
        false => format!("c.run_id = t.run_id::text{}", contexts.cast()),
    }
}

/// SQL: `updated_at` in milliseconds since 1970.
fn milliseconds(statements: &Statements) -> String {
    let moments = statements.moments.as_ref();
    moments.map_or_else(|| "NULL::bigint".to_owned(), |moments| format!("({} / 1000)", moments.micros()))
}

fn no_moments() -> Error {
    let what = "the status table has no column 'updated_at', which says how old a run is";
    Error::new(Code::ColumnMissing, "Looking at the tables", what)
}

fn unsigned(moment: Option<i64>) -> Option<u64> {
    moment.and_then(|moment| u64::try_from(moment).ok())
}

fn signed(moment: Option<u64>) -> Option<i64> {
    moment.map(|moment| i64::try_from(moment).unwrap_or(i64::MAX))
}
