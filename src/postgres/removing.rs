//! Removes runs that are over: both rows of each, and its journal.

use super::contexts::Contexts;
use super::ids::same_run;
use super::journal::JournalTable;
use super::parameters::Parameter;
use super::session::Session;
use super::sql::limits_of_run;
use super::status_sql::Statements;
use super::watching::RESERVED;
use crate::error::{Code, Error, Result};
use crate::migrations::TAGS_COLUMN;
use crate::ports::watching::{Removal, Removed};

impl Session {
    /// Removes runs that are over, whole.
    pub async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        match self.try_remove(removal).await {
            Err(error) if self.has_other_tables(&error) => self.try_remove(removal).await,
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
        if !removal.tags.is_empty() {
            given.push(&removal.tags);
            let has_tags = self.statuses()?.find_tags(&client).await?;
            more.push_str(&tagged(given.len(), has_tags, statements, contexts));
        }
        if let Some(run) = &run {
            given.push(run);
            more.push_str(&format!(" AND t.run_id = ${}::text{}", given.len(), statements.ids.cast()));
        }
        if let Some(age) = &age {
            given.push(age);
            let ago = format!("(now() - make_interval(secs => ${}))", given.len());
            let moments = statements.moments.as_ref().ok_or_else(no_moments)?;
            more.push_str(&format!(" AND updated_at <= (SELECT {})", moments.stored(&ago)));
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

/// SQL: the run of a status row `t` has all of the tags of a parameter.
fn tagged(parameter: usize, has_tags: bool, statements: &Statements, contexts: &Contexts) -> String {
    if has_tags {
        return format!(" AND t.{TAGS_COLUMN} @> ${parameter}::text[]");
    }
    let same = same_run(statements.ids, contexts.ids);
    format!(
        " AND EXISTS (SELECT FROM {contexts} AS c WHERE {same} \
         AND ({RESERVED})->'start'->'tags' ?& ${parameter}::text[])"
    )
}

fn no_moments() -> Error {
    let what = "the status table has no column 'updated_at', which says how old a run is";
    Error::new(Code::ColumnMissing, "Looking at the tables", what)
}
