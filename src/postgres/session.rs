//! What every statement needs: connections, and the tables with their columns.

use tokio::sync::OnceCell;

use super::connection::{Asks, Connection};
use super::journal::JournalTable;
use super::pool::Pool;
use super::status_sql::Writing;
use super::statuses::StatusTable;
use super::tables::{Table, TableName, missing};
use super::triggers::Triggers;
use crate::error::{Code, Error, Result};
use crate::ports::record::Tables;

const DDL: &str = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);";

/// Connections, and the tables of one record.
#[derive(Debug)]
pub(super) struct Session {
    pub pool: Pool,
    /// The way past a pooler, where one is named.
    direct: Option<Pool>,
    pub journal: JournalTable,
    pub triggers: Triggers,
    contexts: Option<TableName>,
    /// Its quoted name, once its columns have been checked.
    found: OnceCell<String>,
    statuses: Option<StatusTable>,
    writing: OnceCell<Writing>,
}

impl Session {
    /// Nothing is looked up yet.
    pub fn new(pool: Pool, direct: Option<Pool>, tables: &Tables) -> Self {
        let name = |written: &Option<String>| written.as_deref().map(TableName::parse);
        Self {
            pool,
            direct,
            journal: JournalTable::default(),
            triggers: Triggers::default(),
            contexts: name(&tables.contexts),
            found: OnceCell::new(),
            statuses: name(&tables.statuses).map(StatusTable::new),
            writing: OnceCell::new(),
        }
    }

    /// A connection.
    pub async fn client(&self) -> Result<Connection> {
        self.pool.client().await
    }

    /// For what needs connections of its own: the way past a pooler, where one is named.
    pub fn own_connections(&self) -> &Pool {
        self.direct.as_ref().unwrap_or(&self.pool)
    }

    /// The context table's quoted name. Checks its columns first.
    pub async fn contexts(&self, client: &impl Asks) -> Result<&str> {
        let Some(name) = &self.contexts else { return Err(unnamed("context")) };
        let find = || async {
            let table = Table::find(client, name, DDL).await?;
            table.require("run_id", name, DDL)?;
            match table.require("context_data", name, DDL)? {
                "jsonb" => {
                    self.journal.look(client, &table.sql).await?;
                    self.triggers.look(client.connection(), &table.sql).await?;
                    Ok(table.sql)
                }
                other => {
                    let what =
                        format!("the column 'context_data' of the table '{name}' is {other}, not jsonb");
                    Err(missing(Code::ColumnMissing, &what, name, DDL))
                }
            }
        };
        self.found.get_or_try_init(find).await.map(String::as_str)
    }

    /// Whether the context table was looked up.
    pub fn has_found_contexts(&self) -> bool {
        self.found.initialized()
    }

    /// The status table.
    pub fn statuses(&self) -> Result<&StatusTable> {
        self.statuses.as_ref().ok_or_else(|| unnamed("status"))
    }

    /// The statements that write changes of runs into both tables.
    pub async fn writing(&self, client: &Connection) -> Result<&Writing> {
        let build = || async {
            let contexts = self.contexts(client).await?;
            self.statuses()?.writing(client, contexts).await
        };
        self.writing.get_or_try_init(build).await
    }
}

fn unnamed(what: &str) -> Error {
    Error::new(Code::InvalidArgument, "Looking at the tables", format!("the options name no {what} table"))
}
