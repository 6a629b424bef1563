//! What every statement needs: connections, and the tables with their columns.

use tokio::sync::OnceCell;

use super::connection::{Asks, Connection};
use super::contexts::Contexts;
use super::fitness;
use super::journal::JournalTable;
use super::pool::Pool;
use super::schedules_table::SchedulesTable;
use super::status_sql::Writing;
use super::statuses::StatusTable;
use super::tables::TableName;
use super::triggers::Triggers;
use crate::error::{Code, Error, Result};
use crate::ports::record::Tables;

/// Connections, and the tables of one record.
#[derive(Debug)]
pub(super) struct Session {
    pub pool: Pool,
    /// The way past a pooler, where one is named.
    direct: Option<Pool>,
    pub journal: JournalTable,
    pub triggers: Triggers,
    pub schedules: SchedulesTable,
    contexts: Option<TableName>,
    /// The table, once it has been looked at.
    found: OnceCell<Contexts>,
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
            schedules: SchedulesTable::default(),
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

    /// The context table. Looks at it first.
    pub async fn contexts(&self, client: &impl Asks) -> Result<&Contexts> {
        let name = self.context_name()?;
        let find = || async {
            let contexts = Contexts::find(client, name).await?;
            self.journal.look(client, &contexts.sql).await?;
            self.triggers.look(client.connection(), &contexts.sql).await?;
            Ok(contexts)
        };
        self.found.get_or_try_init(find).await
    }

    /// The context table as the user names it.
    pub fn context_name(&self) -> Result<&TableName> {
        self.contexts.as_ref().ok_or_else(|| unnamed("context"))
    }

    /// Whether both tables can be worked with, and what their user has to know of them.
    pub async fn check(&self) -> Result<Vec<String>> {
        let client = self.client().await?;
        fitness::of_contexts(&client, self.context_name()?, self.contexts(&client).await?).await?;
        let told = self.statuses()?.check(&client).await?;
        Ok(told.into_iter().collect())
    }

    /// What is wrong with the id of a run, if it is known what ids the table has.
    pub fn refuses_id(&self, run: &str) -> Option<Error> {
        let ids = self.found.get()?.ids;
        ids.canonical(run).is_none().then(|| ids.refusal(run))
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
