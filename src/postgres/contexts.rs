//! The context table, once it has been looked at.

use std::fmt;

use super::connection::Asks;
use super::ids::Ids;
use super::tables::{Table, TableKind, TableName, unfit, unfit_column};
use super::triggers;
use crate::error::Result;

pub(super) const DDL: &str = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);";

/// The context table. Shown as its quoted name.
#[derive(Debug, Clone)]
pub(super) struct Contexts {
    /// Its quoted name.
    pub sql: String,
    /// What its runs are named by.
    pub ids: Ids,
    /// Columns of the user's that a new row owes a value: the engine can make none.
    pub owed: Vec<String>,
}

impl Contexts {
    /// Looks the table up.
    ///
    /// # Errors
    /// It is missing, or of a form that cannot be worked with.
    pub async fn find(client: &impl Asks, name: &TableName) -> Result<Self> {
        let table = Table::find(client, name, DDL).await?;
        let ids = table.ids(name, DDL)?;
        let data = table.require("context_data", name, DDL)?;
        if data.base != "jsonb" {
            return Err(unfit_column(name, "context_data", data, "jsonb"));
        }
        if table.kind != TableKind::Table {
            return Err(unfit(format!(
                "'{name}' is no table: a view or a foreign table does not say which transaction wrote a row. Name the \
                 table behind it (option contextTableName)"
            )));
        }
        let owed = owed(client, &table, &["run_id", "context_data"]).await?;
        Ok(Self { sql: table.sql, ids, owed })
    }
}

impl fmt::Display for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

/// The columns of a table, other than the engine's, that a new row owes a value. None where a trigger may give it.
pub(super) async fn owed(client: &impl Asks, table: &Table, own: &[&str]) -> Result<Vec<String>> {
    let owed = table.owed_but(own);
    if owed.is_empty() || triggers::may_fill(client, &table.sql).await? {
        return Ok(Vec::new());
    }
    Ok(owed.into_iter().map(str::to_owned).collect())
}
