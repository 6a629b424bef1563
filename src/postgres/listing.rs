//! Pages of runs that meet every condition of a search.
//!
//! Statements are planned without their parameters, and PostgreSQL takes a common tag for a rare one. So what may be either is
//! first looked up by its index, [`FEW`] runs at most: few are then found by their ids, and many one after the other in their
//! order. What has an index in that order needs no such look.

use super::conditions::{Bounds, Conditions};
use super::connection::Connection;
use super::contexts::Contexts;
use super::session::Session;
use super::status_sql::Statements;
use super::watching::{signed, texts, unsigned};
use crate::error::Result;
use crate::migrations::{ENDED_BADLY, OwnedIndex, TAGS_COLUMN, WAITING};
use crate::ports::watching::{RunSearch, RunSummary};

/// So many runs are looked up by their ids.
const FEW: usize = 1_000;

impl Session {
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
            few_waiting: few_waiting(&client, contexts, search.waiting_at.as_ref()).await?,
            few_failed: few_failed(&client, statements, search.error.as_deref()).await?,
        };
        let mut conditions = Conditions::of(search, &bounds, has_tags, statements.ids);
        conditions.given.push(&search.limit);
        let select = page(&seen, &conditions, search.is_descending);
        let rows = client.rows(&select, &conditions.given).await?;
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
}

/// SQL: a page of the runs that are `seen`. Each way takes a page by an index of its own, and the first of all are the page.
fn page(seen: &str, conditions: &Conditions<'_>, is_descending: bool) -> String {
    let order = if is_descending { "DESC" } else { "ASC" };
    let last = conditions.given.len();
    let columns = "s.id::text AS run, s.status, s.blueprint, s.created, s.updated, s.tags, s.id";
    let arm = |way: &String| {
        format!("(SELECT {columns} FROM ({seen}) AS s WHERE true{way} ORDER BY s.id {order} LIMIT ${last})")
    };
    let arms: Vec<String> = conditions.ways().iter().map(arm).collect();
    match &arms[..] {
        [only] => only.clone(),
        several => {
            format!(
                "SELECT * FROM ({}) AS s ORDER BY s.id {order} LIMIT ${last}",
                several.join(" UNION ALL ")
            )
        }
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

/// Every run in which this node waits beside another one, if they are few. None where no index says it.
async fn few_waiting(
    client: &Connection,
    contexts: &Contexts,
    node: Option<&String>,
) -> Result<Option<Vec<String>>> {
    let Some(node) = node else { return Ok(None) };
    let index = OwnedIndex::WaitsMore.name(&contexts.sql);
    let select = format!(
        "SELECT CASE WHEN to_regclass($1) IS NOT NULL THEN ARRAY(SELECT run_id::text FROM {contexts} \
         WHERE {WAITING}->>1 IS NOT NULL AND (({WAITING}) - 0) ? $2::text LIMIT {}) END",
        FEW + 1
    );
    let found: Option<Vec<String>> = client.only_row(&select, &[&index, node]).await?.get(0);
    Ok(found.filter(|runs| runs.len() <= FEW))
}

/// Every run that failed or was cancelled for a reason of which this is a part, if they are few. None where no index says it.
async fn few_failed(
    client: &Connection,
    statements: &Statements,
    part: Option<&str>,
) -> Result<Option<Vec<String>>> {
    let Statements { table, status, reason: Some(reason), .. } = statements else { return Ok(None) };
    // No index of trigrams finds a shorter one.
    let Some(part) = part.filter(|part| part.chars().count() >= 3) else { return Ok(None) };
    let index = OwnedIndex::Reasons.name(table);
    let pattern = format!("%{}%", part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let select = format!(
        "SELECT CASE WHEN to_regclass($1) IS NOT NULL THEN ARRAY(SELECT t.run_id::text FROM {table} AS t \
         WHERE {status} {ENDED_BADLY} AND ({reason}) LIKE $2::text LIMIT {}) END",
        FEW + 1
    );
    let found: Option<Vec<String>> = client.only_row(&select, &[&index, &pattern]).await?.get(0);
    Ok(found.filter(|runs| runs.len() <= FEW))
}
