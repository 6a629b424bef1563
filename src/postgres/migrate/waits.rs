//! Waiting for transactions before a statement that has to wait for them: where they go on for too long, nothing was begun.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::guard::OPERATION;
use crate::error::{Code, Error, Result};
use crate::postgres::connection::Connection;

/// As long as a statement waits for a lock.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(50);
/// How many of them an error names.
const NAMED: usize = 3;

/// Transactions that hold a table for writing, or an old snapshot of the database: each by a name of its own, and in words.
/// What other users do is seen only in part without `pg_read_all_stats`; the statement's own limit holds for the rest.
const HOLDERS: &str = "
    SELECT 'l' || l.virtualtransaction, coalesce('pid ' || l.pid, 'a prepared transaction')
        || coalesce(' (' || nullif(a.application_name, '') || ')', '')
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.relation = to_regclass($1)::oid AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        AND l.pid IS DISTINCT FROM pg_backend_pid()
    UNION ALL
    SELECT 's' || a.pid || coalesce(' ' || a.xact_start, ''), 'pid ' || a.pid
        || coalesce(' (' || nullif(a.application_name, '') || ')', '')
    FROM pg_stat_activity AS a
    WHERE a.backend_xmin IS NOT NULL AND a.datname = current_database() AND a.backend_type = 'client backend'
        AND a.pid <> pg_backend_pid()";

/// Waits until every transaction is over that writes to a table or reads an old state now.
///
/// # Errors
/// One of them goes on for longer than [`PATIENCE`]; the error names it.
pub async fn for_writers(client: &Connection, table: &str) -> Result<()> {
    let begun = Instant::now();
    let mut left = holders(client, table).await?;
    while !left.is_empty() {
        if begun.elapsed() > PATIENCE {
            return Err(Error::new(Code::DatabaseBusy, OPERATION, in_words(table, left)));
        }
        tokio::time::sleep(AGAIN).await;
        let now = holders(client, table).await?;
        left.retain(|holder, _| now.contains_key(holder));
    }
    Ok(())
}

fn in_words(table: &str, left: BTreeMap<String, String>) -> String {
    let mut names: Vec<String> = left.into_values().collect();
    names.sort();
    names.dedup();
    names.truncate(NAMED);
    format!("transactions of others are open on {table} for longer than 10 s: {}", names.join(", "))
}

async fn holders(client: &Connection, table: &str) -> Result<BTreeMap<String, String>> {
    let rows = client.rows(HOLDERS, &[&table]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
